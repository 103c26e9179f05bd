"""Decide about safety: a computed grade is signed, an adverse event is reported and followed.

Safety is told whenever it becomes known: after a withdrawal, a death, and the end of the therapy too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from typing import Literal, assert_never

from events.facts.safety import AdverseEventFollowed, AdverseEventReported, GradeSigned
from events.identifiers import read_code
from events.zones import later
from events.zones import told as day_told
from protocol.adverse_events import known_event, rules_of
from protocol.commands import (
    AnswerDlt,
    DecideDlt,
    FollowEvent,
    ReportEvent,
    SafetyCommand,
    SendReport,
    SignGrades,
)
from protocol.decide.safety_decisions import answer_dlt, decide_dlt, send_report
from protocol.decision import Decision
from protocol.dictionary import SPECIFY, Dictionary, dictionary_of
from protocol.grading import gradings_of, proposed, told
from protocol.model import EventRules, Grading, StudyProtocol
from protocol.model.safety import HIGHEST
from protocol.refusals import refuse
from protocol.roles import check_role
from protocol.state import Therapy
from protocol.state.safety import Event, Graded
from protocol.surroundings import Surroundings


def decide_safety(therapy: Therapy, protocol: StudyProtocol, command: SafetyCommand, around: Surroundings) -> Decision:
    """What follows from a command about safety."""
    match command:
        case SignGrades():
            return _sign_grades(therapy, protocol, command, around)
        case ReportEvent():
            return _report(therapy, protocol, command, around)
        case FollowEvent():
            return _follow(therapy, protocol, command, around)
        case SendReport():
            return send_report(therapy, protocol, command, around)
        case DecideDlt():
            return decide_dlt(therapy, protocol, command, around)
        case AnswerDlt():
            return answer_dlt(therapy, protocol, command, around)
        case _:
            assert_never(command)


# ------------------------------------------------------------------ grades


def _sign_grades(therapy: Therapy, protocol: StudyProtocol, command: SignGrades, around: Surroundings) -> Decision:
    """The open grades of one visit are signed in one record: as proposed, or otherwise with the reason why.

    Raises:
        Refused: nothing is proposed there, not the role, a grade that the scale has not, or another one without a reason.
    """
    visit, gradings = _visit(therapy, protocol, command)
    _check_names(gradings, command.grades)
    facts = []
    for grading in gradings:
        graded, other = visit[grading.id], command.grades.get(grading.id)
        if graded.signed is not None and other is None:
            continue
        check_role(grading.signed_by, around.actor, f"sign a grade of {grading.id}")
        grade = graded.proposed.grade if other is None else other
        if grade is not None and not 0 <= grade <= grading.highest:
            raise refuse(
                "grade.scale",
                f"{grading.title} has no grade {grade}; its grades are 0 to {grading.highest}.",
                f"Proposed is {proposed(graded)}.",
                grading=grading.id,
                grade=grade,
            )
        asks = grade != graded.proposed.grade or (graded.signed is not None and grade != graded.signed.grade)
        if asks and not command.why:
            stands = f", signed is {told(graded.signed.grade)}" if graded.signed else ""
            raise refuse(
                "grade.reason",
                f"{grading.id} at {command.occurrence}: proposed is {proposed(graded)}{stands}; "
                f"{told(grade)} is signed without a reason.",
                "Say why: --why TEXT. What was computed stays on record beside what is signed.",
                grading=grading.id,
                proposed=graded.proposed.grade,
                grade=grade,
            )
        facts.append(
            (asks, GradeSigned(
                therapy=therapy.id, grading=grading.id, key=graded.at.key(), proposed=graded.proposed.grade, grade=grade,
            ))
        )  # fmt: skip
    if not facts:
        signed = ", ".join(f"{g.id} {told(visit[g.id].signed.grade)}" for g in gradings)  # type: ignore[union-attr]
        raise refuse(
            "order.done",
            f"Every grade of {command.occurrence} is signed: {signed}.",
            "To sign another one name it, with the reason: --grade NAME=GRADE --why TEXT.",
            occurrence=command.occurrence,
        )
    plain = not any(asks for asks, _ in facts)
    reasoned = [
        fact.model_copy(update={"reason": command.why}) if command.why and (asks or plain) else fact
        for asks, fact in facts
    ]
    return Decision(tuple(reasoned), "approved", around.now)


def _visit(therapy: Therapy, protocol: StudyProtocol, command: SignGrades) -> tuple[dict[str, Graded], list[Grading]]:
    """What is proposed at one visit, and by which gradings."""
    found = [
        graded
        for graded in therapy.safety.grades.values()
        if graded.at.occurrence == command.occurrence and command.step in (None, graded.at.step)
    ]
    steps = {graded.at.step for graded in found}
    if len(steps) != 1:
        visits = dict.fromkeys(graded.at.occurrence for graded in therapy.safety.grades.values())
        known = ", ".join(visits) or "none"
        several = f"Several steps have a visit {command.occurrence}: {', '.join(sorted(steps))}."
        raise refuse(
            "grade.open",
            several if steps else f"No grade is proposed at {command.step or ''} {command.occurrence} of {therapy.id}.",
            "Say which: --step."
            if steps
            else f"Graded visits are: {known}. A visit is graded once its signs are recorded.",
            occurrence=command.occurrence,
        )
    visit = {graded.proposed.grading: graded for graded in found}
    return visit, [grading for grading in gradings_of(protocol) if grading.id in visit]


def _check_names(gradings: Iterable[Grading], named: Iterable[str]) -> None:
    known = [grading.id for grading in gradings]
    for name in named:
        if name not in known:
            raise refuse(
                "grade.known", f"{name} is not graded at this visit.", f"Graded are: {', '.join(known)}.", grading=name
            )


# ------------------------------------------------------------------ adverse events


def _report(therapy: Therapy, protocol: StudyProtocol, command: ReportEvent, around: Surroundings) -> Decision:
    """An adverse event becomes known: at any time, of any patient who consented.

    Raises:
        Refused: not the role, or a value that says nothing or contradicts another.
    """
    rules = rules_of(protocol)
    check_role(rules.reported_by, around.actor, "report an adverse event")
    aware = command.aware or around.now
    _check_times(around, ("onset", command.onset), ("aware", aware))
    dictionary = dictionary_of(protocol)
    term = _term(dictionary, command.term, command.says)
    code = _code(rules, dictionary, command.code)
    number = len(therapy.safety.events) + 1
    fact = AdverseEventReported(
        therapy=therapy.id,
        event=f"AE-{number}",
        term=term,
        code=code,
        grade=_grade(dictionary, term, command.grade),
        onset=command.onset,
        aware=aware,
        related=_word(rules.related, "related", command.related),
        serious=command.serious,
        criteria=command.criteria,
        expected=command.expected,
        dlt=command.dlt,
        says=command.says,
    )
    _check_serious(rules, fact.grade, fact.serious, fact.criteria)
    return Decision((fact,), "performed", aware)


def _follow(therapy: Therapy, protocol: StudyProtocol, command: FollowEvent, around: Surroundings) -> Decision:
    """More is known of an adverse event: it got worse or better, ended, or is judged otherwise. The report stays.

    Raises:
        Refused: there is no such event, it has ended, nothing changes, or what changes contradicts the rest.
    """
    rules = rules_of(protocol)
    event = known_event(therapy, command.event)
    check_role(rules.reported_by, around.actor, "follow an adverse event")
    at = command.at or command.aware or around.now
    aware = command.aware or around.now
    _check_times(around, ("onset", event.reported.onset), ("at", at), ("aware", aware))
    what = _what(event, command)
    if event.ended is not None and what != "amended":
        raise refuse(
            "event.ended",
            f"{event.code} ({event.reported.term}) ended on {day_told(event.ended)}; it is not {what} any more.",
            "If it came back, report it as an event of its own; how it is judged can still be amended.",
            event=event.code,
        )
    related = None if command.related is None else _word(rules.related, "related", command.related)
    # Its term is one of the version of the study under which it was reported, and so are the grades that it may take.
    named = dictionary_of(protocol.of(event.by.protocol))
    grade = None if command.grade is None else _grade(named, event.reported.term, command.grade)
    fact = AdverseEventFollowed(
        therapy=therapy.id,
        event=event.code,
        what=what,
        at=at,
        aware=aware,
        grade=grade,
        related=related,
        serious=command.serious,
        criteria=command.criteria,
        expected=command.expected,
        dlt=command.dlt,
        says=command.says,
    )
    _check_serious(
        rules,
        event.grade if grade is None else grade,
        event.serious if fact.serious is None else fact.serious,
        event.criteria if fact.criteria is None else fact.criteria,
    )
    return Decision((fact,), "performed", aware)


def _what(event: Event, command: FollowEvent) -> Literal["worsened", "improved", "resolved", "amended"]:
    told = {name: getattr(command, name) for name in ("related", "serious", "criteria", "expected", "dlt")}
    changes = {name for name, value in told.items() if value is not None and value != getattr(event, name)}
    if command.resolved:
        return "resolved"
    if command.grade is not None and command.grade != event.grade:
        return "worsened" if command.grade > event.grade else "improved"
    if not changes:
        raise refuse(
            "event.changes",
            f"Nothing of {event.code} ({event.reported.term}, grade {event.grade}) changes.",
            "Say what does: --grade, --resolved, --related, --serious, --expected, --dlt.",
            event=event.code,
        )
    return "amended"


def _check_times(around: Surroundings, *given: tuple[str, date]) -> None:
    """Each a day or a moment, none in the future, none before the first; days are those of the place where it is said."""
    for name, when in given:
        if later(when, around.now, around.zone):
            raise refuse(
                "time.future",
                f"{name} {day_told(when)} lies in the future (now {around.now:%Y-%m-%d %H:%M} UTC).",
                "Enter when it happened, and when it became known.",
                given=when,
                now=around.now,
            )
    (_, first), *rest = given
    for name, when in rest:
        if later(first, when, around.zone):
            raise refuse(
                "time.order",
                f"{name} {day_told(when)} is before the onset ({day_told(first)}).",
                "Correct the times.",
                onset=first,
                given=when,
            )


def _term(dictionary: Dictionary, written: str, says: str | None) -> str:
    """The term as the dictionary spells it."""
    term = dictionary.spelled(written)
    if term is None:
        near = "; ".join(dictionary.nearest(written))
        raise refuse(
            "event.term",
            f"{written!r} is no term of {dictionary.title}.",
            f"{f'Nearest: {near}. ' if near else ''}`unbroken adverse terms WORD` searches its {len(dictionary.grades)} terms.",
            term=written,
            nearest=dictionary.nearest(written),
        )
    if term.casefold().endswith(SPECIFY) and not says:
        raise refuse(
            "event.specify",
            f"{term} says nothing by itself.",
            "Say what it was: --says TEXT. If there is a term for it, use that one: `unbroken adverse terms WORD`.",
            term=term,
        )
    return term


def _code(rules: EventRules, dictionary: Dictionary, code: str | None) -> str | None:
    if code is None:
        return None
    shape = f"{rules.code_digits} digits" if rules.code_digits else "none at all; this study records terms alone"
    if rules.code_digits is None or not re.fullmatch(rf"[0-9]{{{rules.code_digits}}}", code, re.ASCII):
        raise refuse(
            "event.code",
            f"{code!r} is no code of {dictionary.title}: it has {shape}.",
            "Look it up again, or leave it out. Only its structure is checked; the codes are licensed.",
            code=code,
        )
    return read_code(code)


def _grade(dictionary: Dictionary, term: str, grade: int) -> int:
    known = dictionary.grades_of(term)
    if grade not in known:
        raise refuse(
            "event.grade",
            f"{dictionary.title} has no grade {grade} of {term}; its grades: {', '.join(map(str, known))}.",
            "Choose one that it has, or the term that says what it became. An event without a grade is none.",
            term=term,
            grade=grade,
            grades=list(known),
        )
    return grade


def _word(known: tuple[str, ...], name: str, word: str) -> str:
    if word not in known:
        raise refuse(
            f"event.{name}",
            f"{name} is {word!r}; this study knows: {', '.join(known)}.",
            "Choose one of them.",
            given=word,
        )
    return word


def _check_serious(rules: EventRules, grade: int, serious: bool, criteria: tuple[str, ...]) -> None:
    """Serious says why, and why says serious; a grade 5 is a death."""
    for word in criteria:
        if word not in rules.criteria:
            raise refuse(
                "event.criteria",
                f"{word!r} is no criterion of seriousness in this study.",
                f"It knows: {', '.join(rules.criteria)}.",
                given=word,
            )
    if serious != bool(criteria):
        says = "is serious, and no criterion says why" if serious else f"is not serious, but {', '.join(criteria)}"
        raise refuse(
            "event.serious",
            f"The event {says}.",
            f"A serious event names one or more of: {', '.join(rules.criteria)}; one that is not serious names none.",
            serious=serious,
            criteria=list(criteria),
        )
    if (grade == HIGHEST) != (rules.fatal in criteria):
        named = ", ".join(criteria) or "none"
        raise refuse(
            "event.fatal",
            f"The grade is {grade} and the criteria are {named}; grade {HIGHEST} and {rules.fatal} go together.",
            f"Grade {HIGHEST} is death: name the criterion {rules.fatal}, or another grade.",
            grade=grade,
            criteria=list(criteria),
        )
