"""Decide about an act that was signed: signed second, not to stand, told late, corrected."""

from __future__ import annotations

from typing import assert_never

from events.facts.base import Reading, Scan, TherapyFact
from events.facts.course import ActDeclined, ActTakenOver, ActWithdrawn, ActWitnessed, FactCorrected, ReadingReported
from events.facts.steps import DispositionDecided, PatientEnrolled
from events.identifiers import read_code
from protocol.changes import check_confirmed
from protocol.commands import (
    Correct,
    Decline,
    Entered,
    Perform,
    ReadLogger,
    ReportLate,
    StepCommand,
    TakeBack,
    TakeOver,
    Witness,
)
from protocol.comparison import differing, differing_later
from protocol.consequences import follow
from protocol.decide.happened import confirm
from protocol.decide.logger import read_logger
from protocol.decision import Decision, slots_of
from protocol.downtime import answered_for
from protocol.duration import Begun
from protocol.endings import freed_by
from protocol.exceptions import told_at_once
from protocol.gate import check_independent, known_step
from protocol.grading import propose
from protocol.happened import waiting
from protocol.infection import check_storage, turned
from protocol.labels import check_answers, stood
from protocol.mismatch import check_standing_still
from protocol.model import Step, StudyProtocol
from protocol.out_of_specification import check_other_eyes, opened_by_result
from protocol.perform import perform
from protocol.readiness import check_training
from protocol.readings import breaches, read_value, read_values
from protocol.recheck import late_failures
from protocol.refusals import refuse
from protocol.releasable import check_still_releasable
from protocol.roles import check_role
from protocol.state import Act, Therapy
from protocol.surroundings import Actor, Surroundings
from protocol.versions import step_then
from protocol.wrong_item import WrongItem, stopped

LEAST_LINK = 8


def decide_step(therapy: Therapy, protocol: StudyProtocol, command: StepCommand, around: Surroundings) -> Decision:
    """What follows from a command about a step."""
    match command:
        case Perform():
            return perform(therapy, protocol, command, around)
        case Witness():
            return _witness(therapy, protocol, command, around)
        case Decline() | TakeBack():
            return _not_to_stand(therapy, protocol, command, around)
        case TakeOver():
            return _take_over(therapy, protocol, command, around)
        case ReportLate():
            return _report_late(therapy, protocol, command, around)
        case Correct():
            return _correct(therapy, protocol, command, around)
        case ReadLogger():
            act, step = standing_act(therapy, protocol, command)
            return read_logger(therapy, protocol, command, act, step, around)
        case _:
            assert_never(command)


def _pending(therapy: Therapy, link: str) -> Act:
    found = [act for key, act in therapy.pending.items() if key.startswith(link)] if len(link) >= LEAST_LINK else []
    if len(found) != 1:
        waiting = ", ".join(f"{key[:12]} ({act.at})" for key, act in therapy.pending.items()) or "nothing"
        raise refuse(
            "signature.pending",
            f"No act {link} of {therapy.id} waits for a second signature.",
            f"Waiting are: {waiting}.",
            act=link,
        )
    return found[0]


def _witness(therapy: Therapy, protocol: StudyProtocol, command: Witness, around: Surroundings) -> Decision:
    if (told := waiting(therapy, command.act, LEAST_LINK)) is not None:
        return confirm(therapy, protocol, told, command, around)
    act = _pending(therapy, command.act)
    actor = around.actor
    if why := answered_for(act, actor) or _entered(therapy, act, actor):
        raise refuse(
            "authority.two-people",
            f"{actor.account} may not sign {act.at} second: {why}.",
            "One person is one person under any account. Fetch another.",
            person=actor.person,
            performed_as=act.by.account,
            account=actor.account,
        )
    check_role(act.fact.awaits, actor, f"sign {act.at} second")
    if act.fact.moves:
        check_standing_still(therapy)
    for code in (*act.fact.moves, *act.fact.consumed):
        if not therapy.materials[code].live:
            raise refuse(
                "identity.material-live",
                f"{code} was {therapy.materials[code].ended} while {act.at} waited for its second signature.",
                "Decline the act, and call QA.",
                code=code,
                step=str(act.at),
            )
    try:
        scans = _scanned_again(therapy, act, command, around)
    except WrongItem as wrong:
        return stopped(therapy, act.at, wrong, around)
    fact = ActWitnessed(therapy=therapy.id, act=act.by.link, key=act.at.key(), scans=scans)
    follows: list[TherapyFact] = []
    if isinstance(act.fact, DispositionDecided):
        _check_still_independent(therapy, protocol, act)
        check_still_releasable(therapy, protocol, act.fact)
        follows += told_at_once(therapy, protocol, act.fact)
    free = freed_by(therapy, act.fact, around.now)
    return Decision((fact, *follows, *free), act.fact.second_meaning, around.now, slots_of(free))


def _entered(therapy: Therapy, act: Act, actor: Actor) -> str:
    """What a person did to the values of an act that waits, who then is no second pair of eyes for them; nothing if nothing."""
    own = (
        h for h in therapy.hands if h.wrote and h.person == actor.person and h.at == act.at and h.number > act.by.number
    )
    return next((f"{actor.person} {hand.did} it" for hand in own), "")


def _check_still_independent(therapy: Therapy, protocol: StudyProtocol, act: Act) -> None:
    """Whoever decided has touched no result since.

    Raises:
        Refused: the second signature would release what the first signer changed.
    """
    step = known_step(protocol, act.at.step)
    for person in sorted(act.answerable):
        account = act.by.account if person == act.by.person else person
        check_independent(therapy, protocol, step, Actor(account, person, frozenset()))


def _scanned_again(therapy: Therapy, act: Act, command: Witness, around: Surroundings) -> tuple[Scan, ...]:
    """What the second person scans by themselves: each is what the performer scanned, or the act waits on."""
    right = [(scan.name, scan.code) for scan in act.fact.scans]
    right += [("wristband", act.fact.wristband)] if isinstance(act.fact, PatientEnrolled) else []
    scans = []
    for item in command.scans:
        scan = Scan(name=item.name, code=read_code(item.code), typed=item.typed)
        codes = [code for name, code in right if name == scan.name]
        if not codes:
            raise refuse(
                "identity.scan-known",
                f"{act.at} has no scan called {scan.name}.",
                f"It has: {', '.join(dict.fromkeys(name for name, _ in right)) or 'none'}.",
                unknown=scan.name,
            )
        owner = around.owners.get(scan.code)
        if owner is not None and owner != therapy.id:
            raise WrongItem(scan.name, codes[0], scan.code, owner)
        if scan.code not in codes:
            raise refuse(
                "identity.scan-matches",
                f"Scan {scan.name} of {act.at} shows {scan.code}; {act.by.account} scanned {' and '.join(codes)}.",
                "Scan again; if it shows the same, decline the act and call QA.",
                presented=scan.code,
                expected=codes,
            )
        scans.append(scan)
    return tuple(scans)


def _not_to_stand(
    therapy: Therapy, protocol: StudyProtocol, command: Decline | TakeBack, around: Surroundings
) -> Decision:
    """The act does not stand. Whoever could sign second declines it, or QA where nobody else can."""
    if (told := waiting(therapy, command.act, LEAST_LINK)) is not None:
        return confirm(therapy, protocol, told, command, around)
    act = _pending(therapy, command.act)
    own = around.actor.person in act.answerable
    if isinstance(command, TakeBack):
        if not own:
            raise refuse(
                "authority.own-act",
                f"{around.actor.account} did not perform {act.at}; {act.by.account} did.",
                "Only the performer takes an act back, or who took it over; a second person declines it.",
                account=around.actor.account,
                performer=act.by.account,
            )
        withdrawn = ActWithdrawn(therapy=therapy.id, act=act.by.link, key=act.at.key(), reason=command.reason)
        return Decision((withdrawn,), "withdrawn", around.now)
    if own:
        raise refuse(
            "authority.two-people",
            f"{around.actor.account} cannot decline {act.at} as the second person: {answered_for(act, around.actor)}.",
            "Take it back instead.",
            account=around.actor.account,
        )
    check_role((*act.fact.awaits, *protocol.qa_roles), around.actor, f"decline {act.at}")
    declined = ActDeclined(therapy=therapy.id, act=act.by.link, key=act.at.key(), reason=command.reason)
    return Decision((declined,), "declined", around.now)


def _take_over(therapy: Therapy, protocol: StudyProtocol, command: TakeOver, around: Surroundings) -> Decision:
    """Another person who could have performed it answers for an act whose performer cannot go on.

    Raises:
        Refused: nothing waits, not the role, not independent or not trained, or somebody who answers for it already.
    """
    act = _pending(therapy, command.act)
    if why := answered_for(act, around.actor):
        raise refuse(
            "authority.two-people",
            f"{around.actor.account} cannot take {act.at} over: {why}.",
            "Another qualified person takes it over.",
            person=around.actor.person,
        )
    step = known_step(protocol, act.at.step)
    check_role(step.performed_by, around.actor, f"take {act.at} over")
    # Whoever answers for it is as independent, and as trained, as whoever performs it.
    check_independent(therapy, protocol, step, around.actor)
    check_training(step, around.now, around)
    fact = ActTakenOver(therapy=therapy.id, act=act.by.link, key=act.at.key(), reason=command.reason)
    return Decision((fact,), "received", around.now)


def standing_act(
    therapy: Therapy, protocol: StudyProtocol, command: ReportLate | Correct | ReadLogger
) -> tuple[Act, Step]:
    """The act that a command is about, standing or waiting for its second signature, and its step.

    Raises:
        Refused: the step has not been done.
    """
    step = known_step(protocol, command.step)
    at = therapy.at(command.step, command.occurrence, read_code(command.material) if command.material else "")
    batch = command.batch if isinstance(command, Correct) else None
    at = at if batch is None else at._replace(batch=batch)
    act = therapy.every_act.get(at) or therapy.waiting(at)
    if act is None:
        fitting = [a for a in therapy.acts.values() if a.at.step == step.id]
        if len(fitting) != 1 or command.material or command.occurrence != "1":
            raise refuse(
                "correction.act",
                f"Step {at} has not been done.",
                f"Done are: {', '.join(str(a.at) for a in fitting) or 'none of this step'}.",
                step=str(at),
            )
        act = fitting[0]
    # What was done is judged by the version that was in force when it was signed, units and limits alike.
    return act, step_then(protocol, act) or step


def _report_late(therapy: Therapy, protocol: StudyProtocol, command: ReportLate, around: Surroundings) -> Decision:
    act, step = standing_act(therapy, protocol, command)
    check_role((*step.performed_by, *(step.second[0] if step.second else ())), around.actor, f"report for {step.id}")
    # A result that comes late may be dated until now, there where the act was done.
    readings = read_values(step, command.readings, Begun(around.now, act.by.zone), late=True)
    for reading in readings:
        if not step.record_by_name[reading.name].late:
            raise refuse(
                "record.late",
                f"{reading.name} of {step.id} is not a value that may come late.",
                "If it was recorded wrongly, correct it with `unbroken correct`.",
                reading=reading.name,
            )
        if (act.at, reading.name) in therapy.readings:
            raise refuse(
                "record.once",
                f"{reading.name} of {act.at} was reported already.",
                "Correct it with `unbroken correct`, saying why.",
                reading=reading.name,
            )
    if not readings:
        raise refuse("record.complete", f"No value of {step.id} is given.", "Name at least one.", step=step.id)
    check_confirmed(therapy, step, act.at, readings, act.fact.started)
    fact = ReadingReported(therapy=therapy.id, act=act.by.link, key=act.at.key(), readings=readings)
    return Decision(_with_what_follows(therapy, protocol, act, step, fact, readings), "performed", around.now)


def _with_what_follows(
    therapy: Therapy,
    protocol: StudyProtocol,
    act: Act,
    step: Step,
    fact: TherapyFact,
    readings: tuple[Reading, ...],
) -> tuple[TherapyFact, ...]:
    live = tuple(c for c in _touched(act) if c in therapy.materials and therapy.materials[c].live)
    found = [*breaches(step, readings, act.began), *differing(therapy, step, act.at, readings)]
    new = {(act.at, r.name): r.value for r in readings}
    check_storage(therapy, protocol, step, readings, new)
    found += turned(therapy, protocol, new)
    follows = follow(therapy, protocol, act.at, found, live)
    for later, breach in differing_later(therapy, protocol, act.at, readings):
        held = tuple(c for c in _touched(later) if c in therapy.materials and therapy.materials[c].live)
        follows += follow(therapy, protocol, later.at, [breach], held, follows)
    if act.at in therapy.earlier_acts:
        return (fact, *follows)  # the batch was given up; the gate of this one does not look at it
    follows += propose(therapy, protocol, act.at, act.began, act.done, readings)
    follows += late_failures(therapy, protocol, act.at, readings, follows)
    if step.kind == "test":
        follows += opened_by_result(therapy, protocol, act.at, readings, follows)
    return (fact, *follows)


def _touched(act: Act) -> tuple[str, ...]:
    if act.at.material:
        return (act.at.material,)
    return tuple(dict.fromkeys([*act.fact.moves, *(scan.code for scan in act.fact.scans)]))


def _dated_until(step: Step, act: Act, reading: str, around: Surroundings) -> Begun:
    """Until when a day may be that is written into a reading, there where the act was done."""
    return Begun(around.now, act.by.zone) if step.record_by_name[reading].late else act.done


def _correct(therapy: Therapy, protocol: StudyProtocol, command: Correct, around: Surroundings) -> Decision:
    act, step = standing_act(therapy, protocol, command)
    check_role((*step.performed_by, *(step.second[0] if step.second else ())), around.actor, f"correct {step.id}")
    if not command.why.strip():
        raise refuse(
            "correction.why",
            f"The correction of {command.reading} of {act.at} gives no reason.",
            "Say why; a correction without a reason is refused (EU GMP Annex 11).",
            reading=command.reading,
        )
    if command.reading not in step.record_by_name:
        raise refuse(
            "record.known",
            f"Step {step.id} does not record {command.reading}.",
            f"It records: {', '.join(step.record_by_name)}.",
            reading=command.reading,
        )
    read = therapy.loggers.get(act.at)
    if read is not None and command.reading in read.computed:
        raise refuse(
            "logger.computed",
            f"{command.reading} of {act.at} was computed from the temperature log; nobody types another value over it.",
            "If the wrong file was read, read the right one and say why: `unbroken late THERAPY STEP --logger FILE --why ...`.",
            reading=command.reading,
        )
    known = therapy.earlier_readings if act.at in therapy.earlier_acts else therapy.readings
    standing = known.get((act.at, command.reading))
    written = next((r for r in act.fact.readings if r.name == command.reading), None)
    if standing is None and written is None:
        raise refuse(
            "correction.recorded",
            f"{command.reading} of {act.at} has not been recorded.",
            "Report it with `unbroken late`; only what stands can be corrected.",
            reading=command.reading,
        )
    old = Reading(name=command.reading, value=standing.value, unit=standing.unit) if standing else written
    assert old is not None  # one of the two stands
    new = read_value(
        step.record_by_name[command.reading],
        Entered(value=command.value, unit=command.unit, confirmed=command.confirmed),
        _dated_until(step, act, command.reading, around),
    )
    check_answers(step, (new,), lambda: stood(therapy, act))
    if (new.value, new.unit) == (old.value, old.unit):
        raise refuse(
            "correction.changes",
            f"{command.reading} of {act.at} is {old.value}{f' {old.unit}' if old.unit else ''} already.",
            "Nothing to correct.",
            reading=command.reading,
        )
    check_confirmed(therapy, step, act.at, (new,), act.fact.started)
    check_other_eyes(therapy, protocol, step, act, new, around.actor)
    fact = FactCorrected(
        therapy=therapy.id,
        act=standing.link if standing else act.by.link,
        key=act.at.key(),
        old=old,
        new=new,
        why=command.why.strip(),
    )
    return Decision(_with_what_follows(therapy, protocol, act, step, fact, (new,)), "corrected", around.now)
