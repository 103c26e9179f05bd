"""Decide the performance of a step: the gate, the kind's own rules, then what follows from limits and clocks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal

from events.facts.base import Reading, TherapyFact
from events.facts.course import TherapyOpened
from events.facts.quality import DeviationOpened, MaterialQuarantined
from events.facts.steps import (
    DispositionDecided,
    PatientAssessed,
    PatientEnrolled,
    SampleTested,
    SlotsBooked,
    StepFact,
    TakenOver,
)
from events.identifiers import read_code
from events.zones import spelled
from protocol.changes import check_confirmed
from protocol.clocks import clock_breaches, moment
from protocol.code_forms import check_form
from protocol.codes import check_unused, first_use
from protocol.cohorts import extends
from protocol.commands import Perform
from protocol.comparison import differing
from protocol.consequences import follow
from protocol.decision import Decision, code_stream, lot_stream, room_stream, slot_stream, slots_of
from protocol.downtime import as_of_then, check_began, check_custody, late_breaches, of_another, paper_fields
from protocol.duration import Begun
from protocol.endings import freed_by
from protocol.exceptions import told_at_once
from protocol.gate import Admitted, admit, known_step
from protocol.grading import propose
from protocol.handling import quarantined_meanwhile
from protocol.infection import age_breaches, check_storage, turned
from protocol.kinds import room_breaches, special_fields
from protocol.labels import check_answers, must_stand
from protocol.logger.deciding import read_out, said_by_log
from protocol.model import Consequence, Step, StudyProtocol, Visit
from protocol.monitoring import attached
from protocol.out_of_specification import opened_by_result
from protocol.readiness import ended_meanwhile
from protocol.readings import Breach, breaches, read_values
from protocol.recheck import late_failures
from protocol.refusals import refuse
from protocol.roles import check_role
from protocol.sensible import check_moments
from protocol.state import Instance, Therapy
from protocol.surroundings import Surroundings
from protocol.wrong_item import WrongItem, stopped


def perform(therapy: Therapy, protocol: StudyProtocol, command: Perform, around: Surroundings) -> Decision:
    """The facts of a step that was performed, or of a wrong item that was presented.

    Raises:
        Refused: naming the rule, the values, and what to do.
    """
    # What was done on paper is asked of those who did it, as they stood then; who types it signs.
    then = around if command.paper is None else as_of_then(protocol, command, around)
    try:
        act = admit(therapy, protocol, command, then)
        fact_class, special = special_fields(therapy, protocol, command, act, then)
    except WrongItem as wrong:
        if command.paper is not None:
            raise of_another(protocol.by_id[command.step], wrong) from None
        return stopped(therapy, therapy.at(command.step, command.occurrence or "1"), wrong, around)
    check_began(act.step, command, then)
    if command.paper is not None:
        check_custody(therapy, act.step, (*act.moves, *act.consumed), act.started)
    readings = read_values(act.step, command.readings, act.done, computed=said_by_log(act.step, command))
    check_confirmed(therapy, act.step, act.at, readings, act.started)
    log = read_out(
        therapy,
        protocol,
        act.step,
        act.at,
        act.ended,
        command.logger,
        command.logger_lost,
        {r.name: r for r in readings},
    )
    fact = fact_class.model_validate(
        {
            "therapy": therapy.id,
            "key": act.at.key(),
            "started": act.started,
            "ended": act.ended,
            "readings": readings,
            "scans": act.scanned.scans,
            "used": act.used,
            "created": act.scanned.created,
            "consumed": act.consumed,
            "place": act.step.at,
            "awaits": act.step.second[0] if act.step.second else (),
            "second_meaning": act.step.second[1] if act.step.second else "witnessed",
            "moves": act.moves,
            "to_place": act.step.to,
            **special,
            **(paper_fields(protocol, act.step, command, around) if command.paper else {}),
            **_taken_over(command, around),
        }
    )
    found = [*_value_breaches(act, fact, log.names), *differing(therapy, act.step, act.at, fact.readings)]
    found += [*_time_breaches(therapy, protocol, act), *log.breaches]
    found += ended_meanwhile(act.step, act.used, act.started, act.ended, then)
    found += room_breaches(therapy, protocol, command, act, around)
    entered = {(act.at, r.name): r.value for r in fact.readings}
    check_storage(therapy, protocol, act.step, fact.readings, entered)
    found += age_breaches(therapy, protocol, act.step.id, act.began, entered)
    found += turned(therapy, protocol, entered)
    found += _quarantine_breaches(therapy, act)
    found += _thawed_at_once(therapy, protocol, act)
    found += late_breaches(protocol, act.step, act.done, around.now) if command.paper else ()
    results, out = attached(protocol, fact, around)
    follows = follow(therapy, protocol, act.at, [*found, *out], act.touched)
    check_answers(act.step, fact.readings, lambda: must_stand(therapy, protocol, act.step, act.at.material))
    follows += of_result(therapy, protocol, act.at, fact, follows)
    if isinstance(fact, DispositionDecided) and not fact.awaits:
        follows += told_at_once(therapy, protocol, fact)
    follows += propose(therapy, protocol, act.at, act.began, act.done, fact.readings)
    if not fact.awaits:
        follows += freed_by(therapy, fact, around.now)
    return Decision(
        facts=(fact, *log.facts, *results, *follows),
        meaning=_meaning(fact),
        happened=fact.ended,
        extends=tuple(
            dict.fromkeys(
                [*_extends(fact, around), *extends(therapy, protocol, fact, command.choices), *slots_of(follows)]
            )
        ),
        warnings=tuple(f.says for f in follows if isinstance(f, DeviationOpened))
        + tuple(f"quarantined: {f.reason}" for f in follows if isinstance(f, MaterialQuarantined)),
    )


def of_result(
    therapy: Therapy, protocol: StudyProtocol, at: Instance, fact: StepFact, before: list[TherapyFact]
) -> list[TherapyFact]:
    """What follows from a test's result: a release that it makes false, or a result out of specification."""
    if not isinstance(fact, SampleTested):
        return []
    late = late_failures(therapy, protocol, at, fact.readings, before)
    return late + opened_by_result(therapy, protocol, at, fact.readings, [*before, *late])


def told_breaches(
    therapy: Therapy, protocol: StudyProtocol, act: Admitted, readings: tuple[Reading, ...]
) -> list[Breach]:
    """What limits say of an act that is told afterwards, beside those of its values, its clocks and its room."""
    entered = {(act.at, r.name): r.value for r in readings}
    return [
        *_visit_breaches(therapy, protocol, act),
        *age_breaches(therapy, protocol, act.step.id, act.began, entered),
        *turned(therapy, protocol, entered),
        *_quarantine_breaches(therapy, act),
        *_thawed_at_once(therapy, protocol, act),
    ]


def open_therapy(
    therapy: Therapy, protocol: StudyProtocol, command: Perform, around: Surroundings, *, site: str, simulated: bool
) -> Decision:
    """The consent that opens a therapy and pins it to the protocol.

    Raises:
        Refused: the therapy is open already, the screening number is missing or in use, or the consent is refused.
    """
    if therapy.opened is not None:
        raise refuse(
            "order.therapy",
            f"Therapy {therapy.id} was opened already.",
            "Choose another id, or let the program choose one.",
            therapy=therapy.id,
        )
    check_moments(command, around.now)
    check_role(protocol.first.performed_by, around.actor, "open a therapy")
    if not command.screening:
        raise refuse("record.complete", "The screening number is missing.", "Give it with --screening.")
    screening = read_code(command.screening)
    check_form("Screening number", screening, protocol.forms.screening)
    if screening in around.owners:
        raise refuse(
            "identity.new-code",
            f"Screening number {screening} is in use for {around.owners[screening]}.",
            "A screening number is used once.",
            code=screening,
        )
    check_unused(screening, "screening number", around.known_as)
    if therapy.id in around.owners:
        raise refuse(
            "identity.new-code",
            f"{therapy.id} is a code of {around.owners[therapy.id]}; it cannot be the id of a therapy too.",
            "Choose another id, or let the program choose one.",
            code=therapy.id,
        )
    check_unused(therapy.id, "id of a therapy", around.known_as)
    head = protocol.protocol
    opened = TherapyOpened(
        therapy=therapy.id,
        screening=screening,
        site=site,
        protocol=head.id,
        version=head.version,
        digest=protocol.digest,
        simulated=simulated,
    )
    ready = Therapy(id=therapy.id, opened=opened, zone=around.zone)
    consent = perform(ready, protocol, command, around)
    return Decision(
        facts=(opened, *consent.facts),
        meaning=consent.meaning,
        happened=consent.happened,
        extends=(*consent.extends, code_stream(screening), code_stream(therapy.id)),
        warnings=consent.warnings,
    )


def _taken_over(command: Perform, around: Surroundings) -> dict[str, Any]:
    begun = command.taken_over
    if begun is None:
        return {}
    return {"taken_over": TakenOver(account=begun.account, person=around.people[begun.account].person, why=begun.why)}


def _meaning(fact: StepFact) -> Literal["performed", "given", "released", "rejected", "received"]:
    if fact.second_meaning == "received" and fact.awaits:
        return "given"
    decision = getattr(fact, "decision", None)
    if decision in ("released", "rejected"):
        return "released" if decision == "released" else "rejected"
    return "performed"


def _value_breaches(act: Admitted, fact: StepFact, computed: frozenset[str]) -> Iterator[Breach]:
    # What a temperature log says of a value is held against the log's bounds, not against the value's own.
    typed = tuple(r for r in fact.readings if r.name not in computed)
    for breach in breaches(act.step, typed, act.began):
        barred = any(c.what == "not_eligible" for c in breach.consequences)
        if barred and isinstance(fact, PatientAssessed) and fact.outcome == "not_eligible":
            continue  # that is what the assessment says
        yield breach


def _time_breaches(therapy: Therapy, protocol: StudyProtocol, act: Admitted) -> Iterator[Breach]:
    yield from clock_breaches(therapy, protocol, act.step, act.at, act.started, act.ended, act.touched)
    yield from _visit_breaches(therapy, protocol, act)


def _visit_breaches(therapy: Therapy, protocol: StudyProtocol, act: Admitted) -> Iterator[Breach]:
    visit = next((v for v in act.step.visits if v.id == act.at.occurrence), None)
    if visit is not None:
        yield from _window_breaches(therapy, protocol, act.step, visit, act.done)


def _quarantine_breaches(therapy: Therapy, act: Admitted) -> Iterator[Breach]:
    for code in act.touched:
        material = therapy.materials.get(code)
        if material is not None and quarantined_meanwhile(material, act.started):
            says = f"{code} was quarantined while {act.at} was under way: {material.why}"
            grade = (Consequence(what="deviation", grade="critical"),)
            yield Breach("material.quarantined-meanwhile", grade, "not quarantined", "quarantined", says)


def _thawed_at_once(therapy: Therapy, protocol: StudyProtocol, act: Admitted) -> Iterator[Breach]:
    """Another bag that was thawed, and is neither infused nor disposed of, where the study thaws one at a time."""
    if act.step.one_at_a_time is None:
        return
    done = [*therapy.acts.values(), *therapy.pending.values()]
    thawed = {
        scan.code
        for other in done
        if protocol.by_id[other.at.step].kind == "thaw" and not other.at.batch < act.at.batch
        for scan in other.fact.scans
    }
    for code in sorted(thawed - set(act.touched)):
        if code in therapy.materials and therapy.materials[code].live:
            says = f"{act.at} was thawed while {code} was thawed and had not been infused"
            yield Breach(f"thaw.{act.step.id}", act.step.one_at_a_time, "one bag at a time", code, says)


def window(therapy: Therapy, protocol: StudyProtocol, step: Step, visit: Visit) -> tuple[datetime, datetime] | None:
    """When a visit's window opens and closes; None before the moment that it counts from."""
    begun = _counted_from(therapy, protocol, step)
    if begun is None:
        return None
    opens, _, closes = visit.span(begun)
    return opens, closes


def _counted_from(therapy: Therapy, protocol: StudyProtocol, step: Step) -> Begun | None:
    return moment(therapy, protocol, step.visits_from) if step.visits_from else None


def _window_breaches(
    therapy: Therapy, protocol: StudyProtocol, step: Step, visit: Visit, done: Begun
) -> Iterator[Breach]:
    begun, span = _counted_from(therapy, protocol, step), window(therapy, protocol, step, visit)
    if begun is None or span is None or span[0] <= done.at <= span[1]:
        return
    limit = " to ".join(spelled(edge, begun.zone) for edge in span)
    says = f"visit {visit.id} of {step.id} was outside its window"
    yield Breach(f"window.{step.id}", (Consequence(what="deviation", grade="minor"),), limit, str(done), says)


def _extends(fact: StepFact, around: Surroundings) -> tuple[str, ...]:
    codes = [new.code for new in fact.created]
    if isinstance(fact, PatientEnrolled):
        codes += [fact.subject, fact.coi, fact.wristband]
    streams = [code_stream(code) for code in codes]
    if suite := getattr(fact, "suite", None):
        streams += [room_stream(suite), *first_use("room", suite, around.known_as)]
    streams += [lot_stream(used.code) for used in fact.used if used.what == "lot"]
    if isinstance(fact, SlotsBooked):
        streams += [slot_stream(slot.code) for slot in fact.slots]
        streams += [stream for slot in fact.slots for stream in first_use("slot", slot.code, around.known_as)]
    return tuple(dict.fromkeys(streams))


__all__ = ["known_step", "of_result", "open_therapy", "perform", "told_breaches", "window"]
