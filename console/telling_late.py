"""What was entered late, happened against the rules, or is in doubt, told to a person: whose hands, whose signature, which rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import get_args

from events.facts import course, happened, mismatch, steps
from events.facts.base import DoneBy
from protocol.state import instance

ToldLate = (
    course.ActTakenOver
    | happened.ActHappened
    | happened.HappenedConfirmed
    | happened.HappenedDropped
    | happened.ItemTakenElsewhere
    | happened.ItemElsewhereSettled
    | mismatch.MismatchReported
    | mismatch.MismatchReached
    | mismatch.MismatchDecided
)
TOLD_LATE = get_args(ToldLate)
When = Callable[[date | None], str]


def hands(done_by: Iterable[DoneBy]) -> str:
    """Who did it, the performer first."""
    return " and ".join(f"{one.account} ({one.person})" for one in done_by) or "nobody knows who"


def entered_late(fact: steps.StepFact) -> list[str]:
    """What the lines of a step say beside the rest: from paper, told afterwards, taken over."""
    lines = []
    if fact.paper is not None:
        sheet = f"sheet {fact.paper.file.sha256}, {fact.paper.file.size:,} bytes"
        lines.append(f"ENTERED LATE FROM PAPER, done by {hands(fact.done_by)}: {fact.paper.why}")
        lines.append(f"{sheet}; signed here by who typed it, then by who compares it")
    elif fact.done_by:
        lines.append(f"TOLD AFTERWARDS, done by {hands(fact.done_by)}")
    if fact.taken_over is not None:
        begun = fact.taken_over
        lines.append(f"TAKEN OVER from {begun.account} ({begun.person}), who had begun it: {begun.why}")
    return lines


def told_late(fact: ToldLate, when: When) -> list[str]:
    """The lines of a fact about what happened against the rules, is in doubt, or was taken over."""
    match fact:
        case mismatch.MismatchReported() | mismatch.MismatchReached():
            return told_mismatch(fact)
        case mismatch.MismatchDecided():
            agreed = f"agreed with {fact.first[:16]}" if fact.first else f"waits for {' or '.join(fact.awaits)}"
            of = ", ".join(fact.materials) or "the stop alone"
            return [f"mismatch {fact.mismatch}: {of} {fact.decision}, {agreed}: {fact.reason}"]
        case course.ActTakenOver():
            return [f"{instance(fact.key)}: taken over from its performer: {fact.reason}"]
        case happened.ActHappened():
            return _told(fact, when)
        case happened.HappenedConfirmed():
            return [f"{fact.event}, told in {fact.act[:16]}: signed second"]
        case happened.HappenedDropped():
            return [f"{fact.event}, told in {fact.act[:16]}, does not stand: {fact.reason}"]
        case happened.ItemTakenElsewhere():
            what = {"infused": "INFUSED INTO THE PATIENT", "used_up": "USED UP", "touched": "IN THE HANDS"}[fact.effect]
            return [
                f"{', '.join(fact.materials)} {what} of {fact.other}, {when(fact.at)} ({fact.event} there): {fact.says}"
            ]
        case happened.ItemElsewhereSettled():
            word = "was signed second" if fact.decision == "confirmed" else "does not stand"
            return [f"what was told of items of this therapy ({fact.event} of {fact.other}) {word}"]


def _told(fact: happened.ActHappened, when: When) -> list[str]:
    span = when(fact.started) if fact.started == fact.ended else f"{when(fact.started)} to {when(fact.ended)}"
    second = f"alone: {fact.alone}" if fact.alone else f"waits for {' or '.join(fact.awaits)}"
    return [
        f"HAPPENED AGAINST THE RULES {fact.event}: {instance(fact.key)}: {fact.says}",
        f"  happened: {span}, done by {hands(fact.done_by)}; {second}",
        *(f"  scan {scan.name}: {scan.code}{' (typed by hand)' if scan.typed else ''}" for scan in fact.scans),
        *(
            f"  of another patient: {item.code} of {item.therapy}, {item.effect.replace('_', ' ')}"
            for item in fact.foreign
        ),
        *(f"  broke {rule.rule}: {rule.says}" for rule in fact.broken),
        f"  the step {'stands with its second signature' if fact.stands else 'is not done by this'}",
    ]


def told_mismatch(fact: mismatch.MismatchReported | mismatch.MismatchReached) -> list[str]:
    """The lines of a mismatch, in the stream where it was reported or in the other patient's."""
    words = "its label does not match" if fact.what == "label" else "its place is unexplained"
    found = f", {fact.found} was found" if fact.found else ", what was found is unknown"
    whose = f" (reported for {fact.other})" if isinstance(fact, mismatch.MismatchReached) else ""
    whose = f" of {fact.other}" if fact.other and not whose else whose
    first = f"MISMATCH {fact.mismatch}: {fact.material}: {words}{found}{whose}: {fact.says}"
    return [first, f"  two people of QA decide on: {', '.join(fact.materials) or 'the stop alone'}"]
