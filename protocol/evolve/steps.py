"""A step, and the signatures on it, change a therapy: what waits, what stands, the values as they stand now."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from events.facts import course, steps
from protocol.evolve.happened import confirmed, dropped
from protocol.evolve.labels import give_fates
from protocol.evolve.materials import create, move, set_status, show_place, use_up
from protocol.state import Act, Current, Signed, Therapy, instance

StepFacts = (
    steps.StepFact
    | course.ActWitnessed
    | course.ActDeclined
    | course.ActWithdrawn
    | course.ActTakenOver
    | course.ReadingReported
    | course.FactCorrected
)


def evolve_steps(therapy: Therapy, fact: StepFacts, by: Signed) -> Therapy:
    """The therapy after a fact about a step."""
    match fact:
        case steps.StepFact():
            act = Act(instance(fact.key), fact, by)
            if fact.awaits:
                return replace(therapy, pending={**therapy.pending, by.link: act})
            return _stands(therapy, act)
        case course.ActWitnessed():
            act = therapy.pending[fact.act]
            rest = {link: a for link, a in therapy.pending.items() if link != fact.act}
            return confirmed(_stands(replace(therapy, pending=rest), replace(act, second=by)), fact.act, by)
        case course.ActDeclined() | course.ActWithdrawn():
            return dropped(_stands_not(therapy, fact.act), fact.act, fact.reason)
        case course.ActTakenOver():
            act = therapy.pending[fact.act]
            return replace(therapy, pending={**therapy.pending, fact.act: replace(act, taken=(*act.taken, by))})
        case course.ReadingReported():
            at = instance(fact.key)
            new = {(at, r.name): Current(r.value, r.unit, by.link) for r in fact.readings}
            return replace(therapy, readings={**therapy.readings, **new})
        case course.FactCorrected():
            where = (instance(fact.key), fact.new.name)
            earlier = where[0] in therapy.earlier_acts
            readings = therapy.earlier_readings if earlier else therapy.readings
            before = readings.get(where)
            now = Current(fact.new.value, fact.new.unit, by.link, 1 + (before.corrections if before else 0))
            changed = {**readings, where: now}
            if earlier:
                return replace(therapy, earlier_readings=changed)
            return replace(therapy, readings=changed)
        case _:
            assert_never(fact)


def _stands(therapy: Therapy, act: Act) -> Therapy:
    """The last signature stands: the step is done, custody moves, materials begin and end."""
    fact, now = act.fact, act.second or act.by
    new = {(act.at, r.name): Current(r.value, r.unit, act.by.link) for r in fact.readings}
    # A value reported or corrected while the act waited is later than the act, and stays.
    readings = {**new, **therapy.readings}
    therapy = replace(therapy, acts={**therapy.acts, act.at: act}, readings=readings, last_happened=fact.ended)
    therapy = show_place(therapy, act)
    therapy = create(therapy, act)
    therapy = use_up(therapy, act, "infused" if isinstance(fact, steps.ProductInfused) else "consumed", now)
    if fact.moves and fact.to_place:
        therapy = move(therapy, act, now)
    match fact:
        case steps.PatientAssessed(outcome="not_eligible"):
            return replace(therapy, stopped="screen failure", stopped_at=fact.ended)
        case steps.PatientEnrolled():
            return replace(therapy, subject=fact.subject, coi=fact.coi, wristband=fact.wristband, choices=fact.choices)
        case steps.LabelsReconciled():
            return give_fates(therapy, fact.labels)
        case steps.SlotsBooked():
            booked = {slot.code for slot in fact.slots}
            kept = tuple(slot for slot in therapy.slots if slot.code not in booked)
            return replace(therapy, slots=(*kept, *fact.slots))
        case steps.DispositionDecided():
            therapy = set_status(therapy, fact.materials, fact.decision, "")
            decided = {**therapy.dispositions, **dict.fromkeys(fact.materials, fact)}
            therapy = replace(therapy, disposition=fact, dispositions=decided)
            if fact.decision == "rejected" and not _product_left(therapy, fact):
                return replace(therapy, stopped="product rejected", stopped_at=fact.ended)
            return therapy
        case _:
            return therapy


def _product_left(therapy: Therapy, fact: steps.DispositionDecided) -> bool:
    """Whether another bag may still be given, or one has been."""
    kinds = {therapy.materials[code].kind for code in fact.materials}
    return therapy.infused or any(m.status != "rejected" for kind in kinds for m in therapy.live(kind))


def _stands_not(therapy: Therapy, link: str) -> Therapy:
    # What was reported or corrected for this act went with it; a new act brings its own values.
    at = therapy.pending[link].at
    readings = {where: now for where, now in therapy.readings.items() if where[0] != at}
    loggers = {where: read for where, read in therapy.loggers.items() if where != at}
    pending = {k: a for k, a in therapy.pending.items() if k != link}
    grades = {where: graded for where, graded in therapy.safety.grades.items() if where[1] != at}
    safety = replace(therapy.safety, grades=grades)
    return replace(therapy, pending=pending, readings=readings, loggers=loggers, safety=safety)
