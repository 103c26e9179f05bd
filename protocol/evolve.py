"""`evolve`: a fact changes a therapy. It never judges; what a person signed happened. Total, as the type checker proves."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from typing import assert_never

from events.errors import Corrupt
from events.facts import course, quality, steps
from events.facts.base import Fact, TherapyFact
from events.grammar import dump_json
from events.heads import Head
from events.reading import Record
from protocol.state import (
    Act,
    Automatic,
    Current,
    CustodyEntry,
    Deviation,
    Hold,
    Instance,
    Material,
    Signed,
    Therapy,
    instance,
)

TherapyFacts = (
    steps.StepFact
    | course.TherapyOpened
    | course.ActWitnessed
    | course.ActDeclined
    | course.ActWithdrawn
    | course.ReadingReported
    | course.FactCorrected
    | course.StepOffered
    | course.DeadlineSet
    | course.DeadlineMissed
    | course.SlotsFreed
    | course.ScreeningFailed
    | course.PatientWithdrew
    | course.PatientDied
    | course.TherapyCompleted
    | quality.DeviationOpened
    | quality.DeviationAssessed
    | quality.DeviationClosed
    | quality.MaterialQuarantined
    | quality.QuarantineDecided
    | quality.MaterialDisposed
    | quality.IdentityMismatched
    | quality.ItemPresentedElsewhere
    | quality.IdentityHoldCleared
    | quality.ReleaseEvaluated
)


def fold(therapy: Therapy, records: Iterable[Record]) -> Therapy:
    """The therapy after more records of its stream.

    Raises:
        Corrupt: a record that this program cannot read, or that does not apply; this therapy's row must stop there.
    """
    for record in records:
        therapy = apply(therapy, record)
    return therapy


def apply(therapy: Therapy, record: Record) -> Therapy:
    """The therapy after one record of its stream; facts about other therapies in the same record pass by."""
    s = record.statement
    number = s.heads[f"therapy/{therapy.id}"].number + 1
    signed = Signed(
        record.position, number, record.link, s.person, s.account, s.meaning, s.happened, s.recorded, s.protocol
    )
    for fact in record.facts:
        if isinstance(fact, TherapyFact) and fact.therapy == therapy.id:
            try:
                therapy = evolve(therapy, _narrow(fact), signed)
            except (KeyError, StopIteration) as problem:
                raise _does_not_apply(therapy, fact, signed, problem) from problem
    if s.meaning == "recorded":
        therapy = replace(therapy, automatic=(*therapy.automatic, automatic(record.facts)))
    return replace(therapy, number=number, link=record.link)


def automatic(facts: Iterable[Fact]) -> Automatic:
    """How a record of the system's own is named and told, from its facts alone."""
    told: dict[str, int] = {}
    for fact in facts:
        words = fact.wire.rpartition(".v")[0].replace(".", " ").replace("_", " ")
        told[words] = told.get(words, 0) + 1
    key = hashlib.sha256(dump_json([fact.to_wire() for fact in facts])).hexdigest()[:16]
    return Automatic(key, ", ".join(words if n == 1 else f"{n} x {words}" for words, n in told.items()))


def head_of(therapy: Therapy, log: str) -> Head:
    """The head of the therapy's stream as folded."""
    return Head(therapy.number, therapy.link or log)


def _narrow(fact: TherapyFact) -> TherapyFacts:
    return fact  # type: ignore[return-value]  # the catalogue's therapy facts are exactly this union; a test holds it


def evolve(therapy: Therapy, fact: TherapyFacts, by: Signed) -> Therapy:
    """The therapy after one fact."""
    match fact:
        case steps.StepFact():
            act = Act(instance(fact.key), fact, by)
            if fact.awaits:
                return replace(therapy, pending={**therapy.pending, by.link: act})
            return _stands(therapy, act)
        case course.TherapyOpened():
            return replace(therapy, opened=fact, opened_at=by.happened)
        case course.ActWitnessed():
            act = therapy.pending[fact.act]
            rest = {link: a for link, a in therapy.pending.items() if link != fact.act}
            return _stands(replace(therapy, pending=rest), replace(act, second=by))
        case course.ActDeclined() | course.ActWithdrawn():
            return _stands_not(therapy, fact.act)
        case course.ReadingReported():
            at = instance(fact.key)
            new = {(at, r.name): Current(r.value, r.unit, by.link) for r in fact.readings}
            return replace(therapy, readings={**therapy.readings, **new})
        case course.FactCorrected():
            where = (instance(fact.key), fact.new.name)
            before = therapy.readings.get(where)
            now = Current(fact.new.value, fact.new.unit, by.link, 1 + (before.corrections if before else 0))
            return replace(therapy, readings={**therapy.readings, where: now})
        case course.StepOffered():
            return replace(therapy, offers={**therapy.offers, fact.step: fact.why})
        case course.DeadlineSet():
            where_set = (fact.deadline, instance(fact.key))
            return replace(therapy, deadlines={**therapy.deadlines, where_set: fact.due})
        case course.DeadlineMissed():
            return replace(therapy, missed={**therapy.missed, (fact.deadline, instance(fact.key)): fact.due})
        case course.SlotsFreed():
            return replace(therapy, slots=tuple(s for s in therapy.slots if s.code not in fact.slots), slot_hold=None)
        case course.ScreeningFailed():
            return replace(therapy, stopped="screen failure")
        case course.PatientWithdrew():
            withdrawn = therapy.withdrawn | set(fact.withdrawn)
            stopped = "withdrawn" if "treatment" in withdrawn and not therapy.stopped else therapy.stopped
            return replace(therapy, withdrawn=withdrawn, stopped=stopped)
        case course.PatientDied():
            return replace(therapy, died=fact.at, stopped="died")
        case course.TherapyCompleted():
            return replace(therapy, completed=fact.outcome)
        case quality.DeviationOpened():
            where_opened = instance(fact.key) if fact.key else None
            deviation = Deviation(
                fact.deviation, fact.grade, fact.rule, fact.says, by.person, by.recorded, where_opened
            )
            return replace(therapy, deviations={**therapy.deviations, fact.deviation: deviation})
        case quality.DeviationAssessed():
            assessed = replace(therapy.deviations[fact.deviation], impact=fact.impact)
            return replace(therapy, deviations={**therapy.deviations, fact.deviation: assessed})
        case quality.DeviationClosed():
            closed = replace(therapy.deviations[fact.deviation], closed=True)
            return replace(therapy, deviations={**therapy.deviations, fact.deviation: closed})
        case quality.MaterialQuarantined():
            known = tuple(code for code in fact.materials if code in therapy.materials)
            early = therapy.quarantined_early | (set(fact.materials) - set(known))
            return _quarantine(replace(therapy, quarantined_early=early), known, fact.reason, by)
        case quality.QuarantineDecided():
            return _quarantine_decided(therapy, fact)
        case quality.MaterialDisposed():
            return _end(therapy, fact.materials, "disposed", by)
        case quality.IdentityMismatched():
            says = f"{fact.presented} was presented where {fact.expected} belongs"
            hold = Hold(by.link, says, fact.presented, fact.other)
            return replace(therapy, holds={**therapy.holds, by.link: hold})
        case quality.ItemPresentedElsewhere():
            hold = Hold(by.link, f"{fact.presented} was presented for {fact.other}", fact.presented, fact.other)
            return replace(therapy, holds={**therapy.holds, by.link: hold})
        case quality.IdentityHoldCleared():
            return _hold_cleared(therapy, fact, by)
        case quality.ReleaseEvaluated():
            return replace(therapy, evaluated=tuple((c.name, c.verdict) for c in fact.criteria))
        case _:
            assert_never(fact)


def _stands(therapy: Therapy, act: Act) -> Therapy:
    """The last signature stands: the step is done, custody moves, materials begin and end."""
    fact, now = act.fact, act.second or act.by
    new = {(act.at, r.name): Current(r.value, r.unit, act.by.link) for r in fact.readings}
    # A value reported or corrected while the act waited is later than the act, and stays.
    readings = {**new, **therapy.readings}
    therapy = replace(therapy, acts={**therapy.acts, act.at: act}, readings=readings, last_happened=fact.ended)
    therapy = _create(therapy, act)
    therapy = _end(therapy, fact.consumed, "infused" if isinstance(fact, steps.ProductInfused) else "consumed", now)
    if fact.moves and fact.to_place:
        therapy = _move(therapy, act, now)
    match fact:
        case steps.PatientAssessed(outcome="not_eligible"):
            return replace(therapy, stopped="screen failure")
        case steps.PatientEnrolled():
            return replace(therapy, subject=fact.subject, coi=fact.coi, wristband=fact.wristband, choices=fact.choices)
        case steps.SlotsBooked():
            booked = {slot.code for slot in fact.slots}
            kept = tuple(slot for slot in therapy.slots if slot.code not in booked)
            return replace(therapy, slots=(*kept, *fact.slots), slot_hold=fact.hold_until)
        case steps.DispositionDecided():
            therapy = _set_status(therapy, fact.materials, fact.decision, "")
            return replace(
                therapy,
                disposition=fact,
                stopped="product rejected" if fact.decision == "rejected" else therapy.stopped,
            )
        case _:
            return therapy


def _stands_not(therapy: Therapy, link: str) -> Therapy:
    # What was reported or corrected for this act went with it; a new act brings its own values.
    at = therapy.pending[link].at
    readings = {where: now for where, now in therapy.readings.items() if where[0] != at}
    return replace(therapy, pending={k: a for k, a in therapy.pending.items() if k != link}, readings=readings)


def _create(therapy: Therapy, act: Act) -> Therapy:
    materials, custody = dict(therapy.materials), list(therapy.custody)
    place = act.fact.place or ""
    for new in act.fact.created:
        status = "quarantined" if new.code in therapy.quarantined_early else "available"
        materials[new.code] = Material(new.code, new.kind, new.parent, act.at, place, act.by.account, status)
        how = f"came into being in {act.at}"
        custody.append(CustodyEntry(new.code, act.fact.ended, place, act.by.account, how, "", act.by.link))
    return replace(therapy, materials=materials, custody=tuple(custody))


def _end(therapy: Therapy, codes: tuple[str, ...], how: str, by: Signed) -> Therapy:
    materials, custody = dict(therapy.materials), list(therapy.custody)
    for code in codes:
        material = materials[code]
        materials[code] = replace(material, ended=how)
        custody.append(CustodyEntry(code, by.happened, material.place, "", how, material.holder, by.link))
    return replace(therapy, materials=materials, custody=tuple(custody))


def _move(therapy: Therapy, act: Act, taken: Signed) -> Therapy:
    materials, custody = dict(therapy.materials), list(therapy.custody)
    place = act.fact.to_place or ""
    for code in act.fact.moves:
        materials[code] = replace(materials[code], place=place, holder=taken.account)
        how = f"handed over in {act.at}"
        custody.append(CustodyEntry(code, taken.happened, place, taken.account, how, act.by.account, taken.link))
    return replace(therapy, materials=materials, custody=tuple(custody))


def _set_status(therapy: Therapy, codes: tuple[str, ...], status: str, why: str) -> Therapy:
    changed = {code: replace(therapy.materials[code], status=status, why=why) for code in codes}
    return replace(therapy, materials={**therapy.materials, **changed})


def _quarantine(therapy: Therapy, codes: tuple[str, ...], reason: str, by: Signed) -> Therapy:
    # A second reason does not push the first one out of sight.
    for code in codes:
        material = therapy.materials[code]
        stands = material.status == "quarantined"
        again = stands and material.why and reason not in material.why
        therapy = _set_status(therapy, (code,), "quarantined", f"{material.why}; {reason}" if again else reason)
        since = material.quarantined if stands else by.recorded
        held = replace(therapy.materials[code], quarantined=since)
        therapy = replace(therapy, materials={**therapy.materials, code: held})
    return therapy


def _quarantine_decided(therapy: Therapy, fact: quality.QuarantineDecided) -> Therapy:
    # Lifting a quarantine gives back what QA had decided before it, and nothing more.
    released = set(therapy.disposition.materials) if therapy.disposition else set()
    was = "released" if therapy.disposition and therapy.disposition.decision == "released" else "available"
    for code in fact.materials:
        back = was if code in released else "available"
        status = "rejected" if fact.decision == "rejected" else back
        therapy = _set_status(therapy, (code,), status, fact.reason)
    return therapy


def _hold_cleared(therapy: Therapy, fact: quality.IdentityHoldCleared, by: Signed) -> Therapy:
    if fact.awaits:
        hold = replace(therapy.holds[fact.mismatch], pending=(fact, by))
        return replace(therapy, holds={**therapy.holds, fact.mismatch: hold})
    return replace(therapy, holds={k: h for k, h in therapy.holds.items() if k != fact.mismatch})


def _does_not_apply(therapy: Therapy, fact: Fact, by: Signed, problem: Exception) -> Corrupt:
    return Corrupt(
        "record.applies",
        f"Record {by.number} of therapy {therapy.id} ({fact.wire}) does not apply: {problem!s} is not there.",
        values={"therapy": therapy.id, "number": by.number, "position": by.position},
        advice="This therapy's view stops here; run `unbroken verify`, and call QA.",
    )


__all__ = ["Instance", "TherapyFacts", "apply", "evolve", "fold", "head_of"]
