"""Checks of a protocol file: how toxicity is graded from signs, and what is recorded of adverse events."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from protocol.dictionary import BUILT_IN, Unreadable, built_in_name, read_terms
from protocol.model import CohortRules, DltRules, EventDictionary, EventRules, Grading, Record, SafetyReport, Sign, Step
from protocol.model.safety import AWARE
from protocol.problems import Path, Problem, Study, twice, unknown

LONGEST = 80
"""Characters of the name of a stream behind its slash (docs/record-format.md, section 5)."""


def check_safety(study: Study) -> Iterator[Problem]:
    """Every step, record, answer and role that is named exists, and a sign that is worse never gives a lower grade."""
    safety = study.protocol.safety
    if safety is None:
        return
    for at, name in twice(grading.id for grading in safety.gradings):
        yield Problem(("safety", "gradings", at, "id"), f"there are two gradings {name}; each needs an id of its own")
    for at, grading in enumerate(safety.gradings):
        yield from _grading(study, ("safety", "gradings", at), grading)
    if safety.events is not None:
        yield from _events(study, ("safety", "events"), safety.events)
    if safety.reports and safety.events is None:
        yield Problem(("safety", "reports"), "there is no event that anybody could report; say what `events` record")
    for at, name in twice(report.id for report in safety.reports):
        yield Problem(("safety", "reports", at, "id"), f"there are two reports {name}; each needs an id of its own")
    for at, report in enumerate(safety.reports):
        yield from _report(study, ("safety", "reports", at), report, [r.id for r in safety.reports[:at]])
    if safety.dlt is not None:
        yield from _dlt(study, ("safety", "dlt"), safety.dlt)
    if safety.cohorts is not None:
        yield from _cohorts(study, ("safety", "cohorts"), safety.cohorts)


def named_roles(study: Study, path: Path, names: Iterable[str]) -> Iterator[Problem]:
    """Each of these is a role."""
    for at, name in enumerate(names):
        if name not in study.protocol.roles:
            yield Problem((*path, at), unknown(name, "role", study.protocol.roles, "roles"))


def _grading(study: Study, base: Path, grading: Grading) -> Iterator[Problem]:
    yield from named_roles(study, (*base, "signed_by"), grading.signed_by)
    for at, name in twice(sign.id for sign in grading.signs):
        yield Problem((*base, "signs", at, "id"), f"{grading.id} has two signs {name}")
    step = study.protocol.by_id.get(grading.step)
    if step is None:
        yield Problem((*base, "step"), unknown(grading.step, "step", study.ids, "steps"))
        return
    if step.kind != "observation":
        yield Problem((*base, "step"), f"{step.id} is a {step.kind}; signs are recorded by an observation")
    for at, sign in enumerate(grading.signs):
        yield from _sign((*base, "signs", at), step, grading, sign)
        yield from _added_up_elsewhere((*base, "signs", at, "of"), grading, sign)
    required = grading.requires
    if required is None:
        return
    if required.sign not in grading.sign_by_id:
        yield Problem((*base, "requires", "sign"), unknown(required.sign, "sign", grading.sign_by_id, "signs"))
    if required.unless_since is not None:
        path: Path = (*base, "requires", "unless_since")
        yield from _record(path, step, required.unless_since, ("date",))


def _added_up_elsewhere(path: Path, grading: Grading, sign: Sign) -> Iterator[Problem]:
    """A record that one sign adds up stands in no other: each would then say what the other, where it is missing, cannot be."""
    for at, name in enumerate(sign.of):
        others = [other for other in grading.signs if other is not sign and name in other.of]
        if len(sign.of) > 1 and others:
            reason = (
                f"{name} is added up here and stands in {others[0].id} too; record what that one looks at by itself"
            )
            yield Problem((*path, at), reason)


def _record(path: Path, step: Step, name: str, types: tuple[str, ...]) -> Iterator[Problem]:
    record = step.record_by_name.get(name)
    if record is None:
        yield Problem(path, unknown(name, f"record of {step.id}", step.record_by_name, step.id))
    elif record.type not in types:
        yield Problem(path, f"{step.id}.{name} is a {record.type}; only {' or '.join(types)} fits here")


def _sign(base: Path, step: Step, grading: Grading, sign: Sign) -> Iterator[Problem]:
    records: list[Record] = []
    for at, name in enumerate(sign.of):
        yield from _record((*base, "of", at), step, name, ("number", "choice", "yes_no"))
        if name in step.record_by_name:
            records.append(step.record_by_name[name])
    if sign.other_cause is not None:
        yield from _record((*base, "other_cause"), step, sign.other_cause, ("yes_no",))
    if len(records) != len(sign.of):
        return
    for record in records if len(records) > 1 else ():
        if not _counts(record):
            reason = f"{record.name} cannot be added up; it is neither a number nor a choice of whole numbers"
            yield Problem((*base, "of"), reason)
    if len({record.unit for record in records}) > 1:
        yield Problem((*base, "of"), "records in different units cannot be added up")
    for at, level in enumerate(sign.levels):
        if level.grade > grading.highest:
            yield Problem((*base, "levels", at, "grade"), f"{grading.id} has no grade above {grading.highest}")
    yield from _levels(base, records, sign)


def _counts(record: Record) -> bool:
    return record.type == "number" or all(option.isdigit() for option in record.options or ("no",))


def _levels(base: Path, records: list[Record], sign: Sign) -> Iterator[Problem]:
    """Numbers rise, or fall, to the higher grade; answers stand in the record from mild to severe."""
    number = len(records) > 1 or records[0].type == "number"
    for at, level in enumerate(sign.levels):
        path: Path = (*base, "levels", at)
        bounds = [bound for bound in (level.at_least, level.at_most) if bound is not None]
        if number and (len(bounds) != 1 or level.answer is not None):
            yield Problem(path, "a number is graded by at_least, or by at_most: say one of the two")
            return
        if not number and (bounds or level.answer is None):
            yield Problem(path, f"{records[0].name} is answered in words; name the `answer` that gives this grade")
            return
    if number:
        if len({level.at_least is None for level in sign.levels}) > 1:
            reason = "say at_least in every level (more is worse) or at_most in every level (less is worse)"
            yield Problem((*base, "levels"), reason)
        return
    options = ("no", "yes") if records[0].type == "yes_no" else records[0].options or ()
    for at, level in enumerate(sign.levels):
        for word in level.answer or ():
            if word not in options:
                yield Problem((*base, "levels", at, "answer"), unknown(word, "answer", options, records[0].name))
    grades = [max((lv.grade for lv in sign.levels if option in (lv.answer or ())), default=0) for option in options]
    if grades != sorted(grades):
        told = ", ".join(f"{option} {grade}" for option, grade in zip(options, grades, strict=True))
        reason = f"{records[0].name} lists its answers from mild to severe, but their grades do not rise: {told}"
        yield Problem((*base, "levels"), reason)


def _events(study: Study, base: Path, events: EventRules) -> Iterator[Problem]:
    yield from _dictionary((*base, "dictionary"), events.dictionary, study.protocol.terms)
    yield from named_roles(study, (*base, "reported_by"), events.reported_by)
    for at, word in enumerate(events.suspected):
        if word not in events.related:
            yield Problem((*base, "suspected", at), unknown(word, "word", events.related, "related"))
    if events.fatal not in events.criteria:
        yield Problem((*base, "fatal"), unknown(events.fatal, "criterion", events.criteria, "criteria"))
    for at, word in enumerate(events.urgent):
        if word not in events.criteria:
            yield Problem((*base, "urgent", at), unknown(word, "criterion", events.criteria, "criteria"))
    if events.fatal in events.criteria and events.fatal not in events.urgent:
        yield Problem((*base, "urgent"), f"{events.fatal} is fatal; name it here too")


def _dictionary(base: Path, named: EventDictionary, terms: str) -> Iterator[Problem]:
    """One that ships, or a file whose bytes are those that the study names, and which can be read."""
    if named.file is None:
        if named.sha256 is not None:
            yield Problem((*base, "sha256"), "says the SHA-256 of no file; name the `file` too")
        elif built_in_name(named.title) is None:
            reason = unknown(named.title, "dictionary", BUILT_IN, "this program")
            yield Problem(base, f"{reason}. A sponsor's own is a file: write its title, file and sha256")
        return
    if named.sha256 is None:
        yield Problem((*base, "sha256"), f"is missing: the SHA-256 of {named.file}, so that the study pins its terms")
        return
    if PurePosixPath(named.file).is_absolute() or ".." in PurePosixPath(named.file).parts or "\\" in named.file:
        yield Problem(
            (*base, "file"), f"{named.file} does not lie beside the study's file; name it by a path below that"
        )
        return
    if not terms:
        yield Problem(
            (*base, "file"), f"{named.file} was not given: it lies beside the study's file, and is read with it"
        )
        return
    found = hashlib.sha256(terms.encode()).hexdigest()
    if found != named.sha256:
        reason = f"is not that of {named.file}, which is {found}; write it here once you know that these are the terms"
        yield Problem((*base, "sha256"), reason)
        return
    try:
        read_terms(terms)
    except Unreadable as problem:
        yield Problem((*base, "file"), f"{named.file}, {problem}")


def _report(study: Study, base: Path, report: SafetyReport, before: list[str]) -> Iterator[Problem]:
    yield from named_roles(study, (*base, "sent_by"), report.sent_by)
    if report.id == AWARE:
        yield Problem((*base, "id"), f"{AWARE} is what the others count from; give it another id")
    if report.start not in (AWARE, *before):
        reason = f"counts from {report.start}; write {AWARE}, or a report that stands before it"
        yield Problem((*base, "from"), f"{reason}: {', '.join(before) or 'none does'}")
    if {"urgent", "not_urgent"} <= set(report.when):
        yield Problem((*base, "when"), "no event is both urgent and not_urgent")
    for at, consequence in enumerate(report.then):
        if consequence.what not in ("deviation", "alert"):
            yield Problem(
                (*base, "then", at), "a report is late, and sent all the same; choose a deviation or an alert"
            )
        if consequence.what == "alert" and consequence.role not in study.protocol.roles:
            reason = unknown(str(consequence.role), "role", study.protocol.roles, "roles")
            yield Problem((*base, "then", at), reason)


def _dlt(study: Study, base: Path, rules: DltRules) -> Iterator[Problem]:
    yield from named_roles(study, (*base, "decided_by"), rules.decided_by)
    yield from named_roles(study, (*base, "agreed_by"), rules.agreed_by)
    step = study.protocol.by_id.get(rules.start.step)
    if step is None:
        yield Problem((*base, "from"), unknown(rules.start.step, "step", study.ids, "steps"))
    elif step.kind != "infusion":
        yield Problem((*base, "from"), f"{step.id} is a {step.kind}; the window counts from an infusion")
    if not study.of_kind("conditioning"):
        yield Problem(base, "nobody is conditioned in this study; the decision is asked of those who were")


def _cohorts(study: Study, base: Path, rules: CohortRules) -> Iterator[Problem]:
    protocol = study.protocol
    yield from named_roles(study, (*base, "stopped_by"), rules.stopped_by)
    for number, roles in enumerate(rules.reopened_by):
        yield from named_roles(study, (*base, "reopened_by", number), roles)
    if protocol.safety is not None and protocol.safety.dlt is None:
        yield Problem(base, "waits for the decision on the patients before, but no `dlt` says how one is made")
    if rules.of not in protocol.choices:
        yield Problem((*base, "of"), unknown(rules.of, "choice", protocol.choices, "choices"))
    else:
        for option in protocol.choices[rules.of].options:
            name = f"{protocol.protocol.id}.{option}"
            if "+" in name or len(name) > LONGEST:
                reason = f"{name} cannot name the stream of a cohort: at most {LONGEST} characters, and no +"
                yield Problem((*base, "of"), reason)
    enrolled = {step.id for _, step in study.of_kind("enrolment")}
    for at, gate in enumerate(rules.gates):
        if gate not in protocol.by_id:
            yield Problem((*base, "gates", at), unknown(gate, "step", study.ids, "steps"))
        elif not enrolled & study.before[gate]:
            yield Problem((*base, "gates", at), f"{gate} does not come after the enrolment, which chooses the cohort")
        elif protocol.by_id[gate].kind in ("collection", "thaw", "infusion"):
            yield Problem(
                (*base, "gates", at),
                f"{gate} is a {protocol.by_id[gate].kind}; a cohort keeps what comes before it shut",
            )
    if not any(protocol.by_id[gate].kind == "conditioning" for gate in rules.gates if gate in protocol.by_id):
        yield Problem((*base, "gates"), "name the conditioning too: it is what stays shut")
