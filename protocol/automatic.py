"""What happens by itself when time passes: deadlines set and missed, slots given back, release evaluated, completion.

Each turn is a function of the log alone, so a driver that was away for a week records the same facts, once each.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from events.facts.base import TherapyFact
from events.facts.course import DeadlineMissed, DeadlineSet, SlotsFreed, TherapyCompleted
from events.facts.quality import ReleaseEvaluated
from events.facts.steps import SlotsBooked
from protocol.clocks import cause_of, moment, strikes, struck
from protocol.consequences import follow
from protocol.deadline import Deadline
from protocol.decision import MOST_FACTS, Decision, slot_stream
from protocol.deviations import quality_deadlines
from protocol.dose import dose_due
from protocol.due import HOLD, WINDOW, Due, applies, instances, of_step, successor_begun
from protocol.duration import Begun
from protocol.endings import unsettled
from protocol.grading import unsigned
from protocol.incidents import concerned, report
from protocol.manufacture import ground, open_failure
from protocol.mismatch import open_mismatches
from protocol.model import Consequence, Consequences, Detected, Incident, StudyProtocol
from protocol.out_of_specification import opened_by_system
from protocol.perform import window
from protocol.readings import Breach
from protocol.release import evaluate
from protocol.running import touched_kinds
from protocol.safety_reports import report_deadlines
from protocol.state import Instance, Material, Therapy

MINOR = (Consequence(what="deviation", grade="minor"),)
_OPEN = ("ready", "waiting", "awaiting_second")


def deadlines(therapy: Therapy, protocol: StudyProtocol) -> Iterator[Deadline]:
    """Every deadline that runs now, struck or not, and has not been recorded as missed; after the end, quality's alone."""
    yield from quality_deadlines(therapy, protocol)
    yield from report_deadlines(therapy, protocol)
    if therapy.completed:
        return
    for due in instances(therapy, protocol):
        if due.standing == "done" and (until := _hold(therapy, protocol, due)) is not None:
            says = "booked slots are given back unless the next step has been done"
            yield _deadline(therapy, HOLD, due, until, says, MINOR)
        if due.standing not in _OPEN or not due.required:
            continue
        for strike in strikes(therapy, protocol, due.step, due.at):
            if not struck(therapy, strike, due.at):
                yield _deadline(
                    therapy, strike.name, due, strike.due, strike.says, strike.limit.then, own=strike.materials
                )
        if due.visit is not None and (span := window(therapy, protocol, due.step, due.visit)):
            says = f"visit {due.visit.id} of {due.step.id} must be done by the end of its window"
            yield _deadline(therapy, WINDOW, due, span[1], says, MINOR)
    yield from _late_on_the_road(therapy, protocol)


def _late_on_the_road(therapy: Therapy, protocol: StudyProtocol) -> Iterator[Deadline]:
    """What the protocol lets the system see: a step that is not signed in time after a booked slot, or after a moment."""
    for incident in protocol.incidents:
        seen = incident.detected
        if seen is None or not applies(protocol.by_id[seen.step], therapy):
            continue
        for due in of_step(therapy, protocol, protocol.by_id[seen.step]):
            begun = _counts_from(therapy, protocol, seen, due)
            if begun is None or due.standing not in ("ready", "waiting"):
                continue
            since, told = begun
            name = f"incident-{incident.id}-{since.at:%Y%m%dT%H%MZ}"
            if (name, due.at) not in therapy.missed:
                says = f"{due.at} must be signed within {seen.late} of {told}"
                yield _deadline(therapy, name, due, seen.late.after(*since), says, (), incident, begun=since.at)


def _counts_from(therapy: Therapy, protocol: StudyProtocol, seen: Detected, due: Due) -> tuple[Begun, str] | None:
    """From when it counts, and in words; a slot that was over before the material was there is none of this instance."""
    if seen.start is not None:
        begun = moment(therapy, protocol, seen.start, due.at.material)
        return (begun, str(seen.start)) if begun else None
    slot = therapy.slot(seen.slot or "")
    made = [therapy.acts[m.made_in].fact.ended for m in _materials(therapy, due)]
    if slot is None or not made or max(made) >= seen.late.after(*therapy.booked(slot)):
        return None
    return therapy.booked(slot), f"{slot.code}, booked for {slot.starts:%Y-%m-%d %H:%M} UTC"


def _materials(therapy: Therapy, due: Due) -> list[Material]:
    return [therapy.materials[code] for code in concerned(therapy, due)]


def _deadline(
    therapy: Therapy,
    name: str,
    due: Due,
    strikes_at: datetime,
    says: str,
    then: Consequences,
    incident: Incident | None = None,
    own: tuple[str, ...] = (),
    begun: datetime | None = None,
) -> Deadline:
    materials = ((due.at.material,) if due.at.material else own) or _live(therapy, due)
    rule = f"deadline.{due.step.id}"
    return Deadline(name, due.at, strikes_at, says, then, rule, materials, due=due, incident=incident, begun=begun)


def _hold(therapy: Therapy, protocol: StudyProtocol, due: Due) -> datetime | None:
    """Until when the slots of a booking are held; None where nothing of it is held any more."""
    fact = therapy.acts[due.at].fact
    if not isinstance(fact, SlotsBooked) or therapy.stopped or (HOLD, due.at) in therapy.missed:
        return None
    if successor_begun(therapy, protocol, due.step) or not _held(therapy, due.at):
        return None
    return fact.hold_until


def _held(therapy: Therapy, at: Instance) -> tuple[str, ...]:
    """The slots of this booking that are still booked, and of no other; all, where it confirms what others booked."""
    fact = therapy.acts[at].fact
    own = fact.slots if isinstance(fact, SlotsBooked) and fact.slots else therapy.slots
    return tuple(slot.code for slot in therapy.slots if slot in own)


def next_deadline(therapy: Therapy, protocol: StudyProtocol) -> datetime | None:
    """When the next deadline strikes; None if none runs."""
    return min((d.strikes for d in deadlines(therapy, protocol)), default=None)


def let_pass(therapy: Therapy, protocol: StudyProtocol, now: datetime) -> Decision:
    """The system's turn: one record with everything that is due by itself now; no facts when nothing is."""
    if therapy.opened is None:
        return Decision((), "recorded", now)
    facts: list[TherapyFact] = []
    extends: list[str] = []
    for deadline in deadlines(therapy, protocol):
        key = deadline.at.key()
        # Set once; again only when what it counts from has moved, so that the log says when it strikes.
        if deadline.announced and therapy.deadlines.get((deadline.name, deadline.at)) != deadline.strikes:
            facts.append(
                DeadlineSet(
                    therapy=therapy.id, deadline=deadline.name, key=key, due=deadline.strikes, says=deadline.says
                )
            )
        if deadline.strikes < now:
            facts += _missed(therapy, protocol, deadline, facts)
            if deadline.name == HOLD:
                extends += [slot_stream(code) for code in _held(therapy, deadline.at)]
        if len(facts) > MOST_FACTS - 8:
            break  # the rest follows in the next turn
    if therapy.completed:
        return Decision(tuple(facts), "recorded", now)
    facts += _release_evaluated(therapy, protocol, facts)
    facts += dose_due(therapy, protocol, facts)
    if not facts and (outcome := _outcome(therapy, protocol)):
        facts.append(TherapyCompleted.model_validate({"therapy": therapy.id, "outcome": outcome}))
    return Decision(tuple(facts), "recorded", now, tuple(dict.fromkeys(extends)))


def _missed(
    therapy: Therapy, protocol: StudyProtocol, deadline: Deadline, before: list[TherapyFact]
) -> list[TherapyFact]:
    at = deadline.at
    facts: list[TherapyFact] = [
        DeadlineMissed(
            therapy=therapy.id, deadline=deadline.name, key=at.key(), due=deadline.strikes, says=deadline.says
        )
    ]
    if deadline.name == HOLD:
        facts.append(SlotsFreed(therapy=therapy.id, slots=_held(therapy, at), reason=deadline.says))
    if deadline.incident is not None and deadline.due is not None and not _known(therapy, deadline):
        says = f"{deadline.says}; it has not begun"
        facts += report(therapy, protocol, deadline.incident, deadline.due, deadline.strikes, says, before)
    # A threshold that would refuse the step needs nothing now; it speaks when somebody tries.
    then = tuple(c for c in deadline.then if c.what not in ("refuse", "not_eligible"))
    says = f"{deadline.says}; it was not"
    breach = Breach(
        deadline.rule, then, deadline.says, "not done", says, cause=cause_of(deadline.name, at, deadline.strikes)
    )
    return facts + follow(therapy, protocol, at, [breach], deadline.materials, [*before, *facts])


def _known(therapy: Therapy, deadline: Deadline) -> bool:
    """Whether somebody has reported it before the system saw it: since the slot began, or without a way on chosen yet."""
    name, since = deadline.incident.id if deadline.incident else "", deadline.begun or deadline.strikes
    reported = (i for i in therapy.incidents.values() if (i.name, i.at) == (name, deadline.at))
    return any(i.when >= since or not i.chosen for i in reported)


def _live(therapy: Therapy, due: Due) -> tuple[str, ...]:
    """The materials that wait for this step: those it consumes, moves or scans."""
    kinds = touched_kinds(due)
    return tuple(sorted(m.code for kind in kinds for m in therapy.live(kind)))


def _release_evaluated(therapy: Therapy, protocol: StudyProtocol, before: list[TherapyFact]) -> list[TherapyFact]:
    waiting = any(d.step.kind == "disposition" and d.standing == "ready" for d in instances(therapy, protocol))
    if protocol.release is None or not waiting:
        return []
    criteria = evaluate(therapy, protocol)
    if tuple((c.name, c.verdict) for c in criteria) == therapy.evaluated:
        return []
    return [ReleaseEvaluated(therapy=therapy.id, criteria=criteria), *opened_by_system(therapy, protocol, before)]


def _outcome(therapy: Therapy, protocol: StudyProtocol) -> str:
    """How the therapy has ended, if it has; a therapy that stopped ends when its material has."""
    if therapy.pending or therapy.holds or open_mismatches(therapy) or unsigned(therapy):
        return ""
    todo = [d for d in instances(therapy, protocol) if d.standing in _OPEN and d.required]
    if todo:
        return ""
    if therapy.disposals or unsettled(therapy, protocol):
        return ""
    if not therapy.stopped:
        return "followed_to_the_end" if therapy.acts else ""
    # While the study leaves a way out, somebody has to take one, or to end the therapy.
    if open_failure(therapy) or ground(therapy, protocol):
        return ""
    return therapy.stopped.replace(" ", "_")
