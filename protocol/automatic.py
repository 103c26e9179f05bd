"""What happens by itself when time passes: deadlines set and missed, slots given back, release evaluated, completion.

Each turn is a function of the log alone, so a driver that was away for a week records the same facts, once each.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from events.facts.base import TherapyFact
from events.facts.course import DeadlineMissed, DeadlineSet, SlotsFreed, TherapyCompleted
from events.facts.quality import ReleaseEvaluated
from events.statement import MOST_FACTS
from protocol.clocks import strikes
from protocol.consequences import follow
from protocol.decision import Decision, slot_stream
from protocol.due import HOLD, WINDOW, Due, instances, successor_begun
from protocol.mismatch import open_mismatches
from protocol.model import Consequence, Consequences, StudyProtocol
from protocol.perform import window
from protocol.readings import Breach
from protocol.release import evaluate
from protocol.state import Therapy

_OPEN = ("ready", "waiting", "awaiting_second")


class Deadline(NamedTuple):
    """A deadline that runs for an instance, and what follows when it strikes."""

    name: str
    due: Due
    strikes: datetime
    says: str
    then: Consequences


def deadlines(therapy: Therapy, protocol: StudyProtocol) -> Iterator[Deadline]:
    """Every deadline that runs now, struck or not, and has not been recorded as missed."""
    for due in instances(therapy, protocol):
        if due.standing == "done" and due.step.kind == "booking" and _hold_runs(therapy, protocol, due):
            says = "booked slots are given back unless the next step has been done"
            assert therapy.slot_hold is not None  # _hold_runs
            yield Deadline(HOLD, due, therapy.slot_hold, says, (Consequence(what="deviation", grade="minor"),))
        if due.standing not in _OPEN or not due.required:
            continue
        for strike in strikes(therapy, protocol, due.step, due.at):
            if (strike.name, due.at) not in therapy.missed:
                yield Deadline(strike.name, due, strike.due, strike.says, strike.limit.then)
        if due.visit is not None and (span := window(therapy, protocol, due.step, due.visit)):
            says = f"visit {due.visit.id} of {due.step.id} must be done by the end of its window"
            yield Deadline(WINDOW, due, span[1], says, (Consequence(what="deviation", grade="minor"),))


def _hold_runs(therapy: Therapy, protocol: StudyProtocol, due: Due) -> bool:
    if therapy.slot_hold is None or due.step.hold is None or therapy.stopped or (HOLD, due.at) in therapy.missed:
        return False
    return not successor_begun(therapy, protocol, due.step)


def next_deadline(therapy: Therapy, protocol: StudyProtocol) -> datetime | None:
    """When the next deadline strikes; None if none runs."""
    return min((d.strikes for d in deadlines(therapy, protocol)), default=None)


def let_pass(therapy: Therapy, protocol: StudyProtocol, now: datetime) -> Decision:
    """The system's turn: one record with everything that is due by itself now; no facts when nothing is."""
    if therapy.opened is None or therapy.completed:
        return Decision((), "recorded", now)
    facts: list[TherapyFact] = []
    extends: list[str] = []
    for deadline in deadlines(therapy, protocol):
        key = deadline.due.at.key()
        # Set once; again only when what it counts from has moved, so that the log says when it strikes.
        if therapy.deadlines.get((deadline.name, deadline.due.at)) != deadline.strikes:
            facts.append(
                DeadlineSet(
                    therapy=therapy.id, deadline=deadline.name, key=key, due=deadline.strikes, says=deadline.says
                )
            )
        if deadline.strikes < now:
            facts += _missed(therapy, deadline, facts)
            if deadline.name == HOLD:
                extends += [slot_stream(slot.code) for slot in therapy.slots]
        if len(facts) > MOST_FACTS - 8:
            break  # the rest follows in the next turn
    facts += _release_evaluated(therapy, protocol)
    if not facts and (outcome := _outcome(therapy, protocol)):
        facts.append(TherapyCompleted.model_validate({"therapy": therapy.id, "outcome": outcome}))
    return Decision(tuple(facts), "recorded", now, tuple(dict.fromkeys(extends)))


def _missed(therapy: Therapy, deadline: Deadline, before: list[TherapyFact]) -> list[TherapyFact]:
    at = deadline.due.at
    facts: list[TherapyFact] = [
        DeadlineMissed(
            therapy=therapy.id, deadline=deadline.name, key=at.key(), due=deadline.strikes, says=deadline.says
        )
    ]
    if deadline.name == HOLD:
        codes = tuple(slot.code for slot in therapy.slots)
        facts.append(SlotsFreed(therapy=therapy.id, slots=codes, reason=deadline.says))
    # A threshold that would refuse the step needs nothing now; it speaks when somebody tries.
    then = tuple(c for c in deadline.then if c.what not in ("refuse", "not_eligible"))
    says = f"{deadline.says}; it was not"
    breach = Breach(f"deadline.{deadline.due.step.id}", then, deadline.says, "not done", says)
    materials = (at.material,) if at.material else _live(therapy, deadline.due)
    return facts + follow(therapy, at, [breach], materials, before)


def _live(therapy: Therapy, due: Due) -> tuple[str, ...]:
    """The materials that wait for this step: those it consumes, moves or scans."""
    kinds = {*due.step.consumes, *due.step.moves, *(k for spec in due.step.scans.values() for k in spec.kinds)}
    return tuple(sorted(m.code for m in therapy.materials.values() if m.live and m.kind in kinds))


def _release_evaluated(therapy: Therapy, protocol: StudyProtocol) -> list[TherapyFact]:
    waiting = any(d.step.kind == "disposition" and d.standing == "ready" for d in instances(therapy, protocol))
    if protocol.release is None or not waiting:
        return []
    criteria = evaluate(therapy, protocol)
    if tuple((c.name, c.verdict) for c in criteria) == therapy.evaluated:
        return []
    return [ReleaseEvaluated(therapy=therapy.id, criteria=criteria)]


def _outcome(therapy: Therapy, protocol: StudyProtocol) -> str:
    """How the therapy has ended, if it has; a therapy that stopped ends when its material has."""
    if therapy.pending or therapy.holds or open_mismatches(therapy):
        return ""
    todo = [d for d in instances(therapy, protocol) if d.standing in _OPEN and d.required]
    if todo:
        return ""
    if not therapy.stopped:
        return "followed_to_the_end" if therapy.acts else ""
    if _unaccounted(therapy, protocol):
        return ""
    words = {"screen failure": "screen_failure", "product rejected": "product_rejected"}
    return words.get(therapy.stopped, therapy.stopped)


def _unaccounted(therapy: Therapy, protocol: StudyProtocol) -> bool:
    kept = {kind for step in protocol.steps for kind in step.consumes}
    if protocol.release:
        kept.add(protocol.release.product)
    return any(m.live and m.kind in kept for m in therapy.materials.values())
