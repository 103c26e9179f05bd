"""What goes on after a withdrawal, a death or the end of a therapy, what may still be told, and what becomes of the material."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Literal, NamedTuple

from events.facts.base import TherapyFact
from events.facts.course import SlotsFreed
from events.facts.steps import ConsentGiven, DispositionDecided, PatientAssessed, StepFact
from protocol.manufacture import ground, open_failure
from protocol.model import Step, StudyProtocol
from protocol.model.endings import Ending
from protocol.state import Material, Offer, Therapy

RESULTS, SEEN = "test", "observation"
"""Kinds that go on for an infused patient after treatment stopped: results that are pending, and what is seen of the patient."""


def permitted(therapy: Therapy, permit: str) -> bool:
    """Whether the patient's consent permits something: the latest one, where the patient consented again."""
    if therapy.consented is not None:
        return permit in therapy.consented.permits
    return any(isinstance(a.fact, ConsentGiven) and permit in a.fact.permits for a in therapy.acts.values())


def goes_on(therapy: Therapy, protocol: StudyProtocol, step: Step, after: Ending) -> bool:
    """Whether the study still records a step after this ending, as the consent allows."""
    rules = protocol.endings.goes_on if protocol.endings else ()
    return any(
        rule.step == step.id and after in rule.after and (rule.permit is None or permitted(therapy, rule.permit))
        for rule in rules
    )


class Closing(NamedTuple):
    """What closed a step, in words, and when; with `then` what ended at that very moment came too late."""

    says: str
    when: datetime
    then: bool = False


def closings(therapy: Therapy, protocol: StudyProtocol, step: Step) -> Iterator[Closing]:
    """What in the patient's course closes a step, and when it happened; nothing where the step goes on."""
    if step.kind == RESULTS and therapy.infused:
        return
    if therapy.died is not None and not goes_on(therapy, protocol, step, "death"):
        yield Closing("the patient died", therapy.died)
    if step.kind == SEEN:
        for what in _WITHDRAWN:
            if what in therapy.withdrawn and _stops(therapy, protocol, step, what):
                yield Closing(f"the patient withdrew from {what}", therapy.withdrawn[what])
    # Who was conditioned and gets no product, or was given another's, is looked after, however the therapy ended.
    worst = protocol.escalation
    looked_after = worst is not None and step.id in (*worst.rescue, *worst.exposed)
    seen = step.kind == SEEN and (therapy.infused or looked_after)
    if therapy.stopped and therapy.stopped_at is not None and not seen:
        decided = therapy.stopped not in ("died", "withdrawn")
        yield Closing(f"the therapy stopped ({therapy.stopped})", therapy.stopped_at, decided)


_WITHDRAWN: tuple[Literal["visits", "data"], ...] = ("visits", "data")


def _stops(therapy: Therapy, protocol: StudyProtocol, step: Step, what: Literal["visits", "data"]) -> bool:
    """A planned visit stops with either; what is seen without a visit stops with data alone, if the study says what goes on."""
    if goes_on(therapy, protocol, step, what):
        return False
    return bool(step.visits) or (what == "data" and protocol.endings is not None)


def closed(therapy: Therapy, protocol: StudyProtocol, step: Step) -> bool:
    """Whether the patient's course has passed a step for good. After a death nothing is awaited but results."""
    if step.kind == RESULTS and therapy.infused:
        return bool(therapy.stopped) and not _sample_left(therapy, step)
    return therapy.died is not None or any(True for _ in closings(therapy, protocol, step))


def _sample_left(therapy: Therapy, step: Step) -> bool:
    kinds = {kind for spec in step.scans.values() for kind in spec.kinds}
    return any(m.live and m.kind in kinds for m in therapy.materials.values())


def over(therapy: Therapy) -> bool:
    """Whether something has ended that is awaited in others' case."""
    return bool(therapy.completed or therapy.stopped or therapy.withdrawn)


def as_if_running(therapy: Therapy, protocol: StudyProtocol, step: Step) -> Therapy:
    """The therapy as it would stand had nothing ended: what may be told late is asked of this one."""
    offers = therapy.offers
    if step.reserve and therapy.infused and any(goes_on(therapy, protocol, step, after) for after in _REPORTED):
        offers = {**offers, step.id: (Offer(""),)}
    return replace(
        therapy, completed="", completed_at=None, stopped="", stopped_at=None, died=None, withdrawn={}, offers=offers
    )


_REPORTED: tuple[Ending, ...] = ("death", "data", "visits")


def untellable(therapy: Therapy, protocol: StudyProtocol, step: Step, ended: datetime) -> str:
    """Why what ended then can no longer be told, in words; nothing if it can.

    What happened before the end is told at any time. Results, and what the study lets go on, are told whenever they come.
    """
    if step.kind == RESULTS:
        return ""
    for closing in closings(therapy, protocol, step):
        if ended > closing.when or (closing.then and ended == closing.when):
            return f"{closing.says} on {closing.when:%Y-%m-%d %H:%M} UTC; this ended {ended:%Y-%m-%d %H:%M}"
    if therapy.completed_at is not None and step.kind != SEEN and ended > therapy.completed_at:
        return f"the therapy was completed on {therapy.completed_at:%Y-%m-%d %H:%M} UTC"
    return ""


# ------------------------------------------------------------------ what becomes of the material


def may_keep(therapy: Therapy, protocol: StudyProtocol, material: Material) -> str:
    """What the consent permits so that this material may be kept; nothing where it must not be."""
    permit = protocol.endings.keeps.get(material.kind, "") if protocol.endings else ""
    return permit if permit and "samples" not in therapy.withdrawn and permitted(therapy, permit) else ""


def needed_kinds(protocol: StudyProtocol) -> set[str]:
    """Kinds of material that treatment needs: what some step uses up, and the product."""
    kinds = {kind for step in protocol.steps for kind in step.consumes}
    return kinds | ({protocol.release.product} if protocol.release else set())


def unsettled(therapy: Therapy, protocol: StudyProtocol) -> list[Material]:
    """Live material that has to end, or to be kept, before the therapy is complete.

    Once the therapy has stopped, all of it, unless the product may be made again from it. While the therapy goes on: what
    an earlier batch has left, and the samples of a patient who withdrew from their use, that no result is waiting for.
    """
    live = [m for m in therapy.materials.values() if m.live and not (m.kept and "samples" not in therapy.withdrawn)]
    if open_failure(therapy) or ground(therapy, protocol):
        return []
    if protocol.endings is None:
        return [m for m in live if m.kind in needed_kinds(protocol)] if therapy.stopped else []
    if therapy.infused or not therapy.stopped:
        live = [m for m in live if m.kept or m.earlier or m.kind not in _awaited(therapy, protocol)]
    if therapy.stopped:
        return live
    withdrawn = "samples" in therapy.withdrawn
    return [m for m in live if m.earlier or (withdrawn and (m.kept or m.kind not in needed_kinds(protocol)))]


def _awaited(therapy: Therapy, protocol: StudyProtocol) -> set[str]:
    """Kinds of sample for which a result is still to come."""
    begun = {at.step for at in therapy.acts}
    open_ = (s for s in protocol.steps if s.kind == RESULTS and s.id not in begun and not s.reserve)
    return {kind for step in open_ for spec in step.scans.values() for kind in spec.kinds}


def freed(therapy: Therapy, now: datetime, reason: str) -> tuple[TherapyFact, ...]:
    """The booked slots that are given back when a therapy stops: those that have not ended."""
    codes = tuple(slot.code for slot in therapy.slots if slot.ends > now)
    return (SlotsFreed(therapy=therapy.id, slots=codes, reason=reason),) if codes else ()


def freed_by(therapy: Therapy, fact: StepFact, now: datetime) -> tuple[TherapyFact, ...]:
    """The slots that are given back when this act stands: a rejected product goes nowhere, who is not eligible comes no more."""
    match fact:
        case DispositionDecided(decision="rejected"):
            return freed(therapy, now, "the product was rejected")
        case PatientAssessed(outcome="not_eligible"):
            return freed(therapy, now, "the patient is not eligible")
        case _:
            return ()
