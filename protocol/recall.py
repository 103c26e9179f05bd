"""A recalled lot: every patient whom it touched, what of theirs is held at once, and who has been given it already.

Pure: which therapies used the lot stands in the lot's own stream, which each of those acts extends; `protocol.reader`
looks there. So whoever uses the lot while it is being recalled is either seen here or refused there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from events.facts.base import Fact, TherapyFact
from events.facts.recalls import RecallReached
from events.facts.site import LotRecallContinued
from events.statement import MOST_STREAMS
from protocol import administration
from protocol.consequences import follow
from protocol.decision import MOST_FACTS, lot_stream, therapy_stream
from protocol.genealogy import touched_by
from protocol.model import Consequence, StudyProtocol
from protocol.readings import Breach
from protocol.refusals import refuse
from protocol.state import Act, Therapy
from protocol.surroundings import Actor

RULE = "lot.recalled"
"""The rule under which a recall quarantines, and opens its deviation."""
GIVEN = frozenset({"conditioning", "observation"})
"""Kinds of step in which a lot goes into the patient, and not into the cells."""
_WIDEST = 150_000
"""Bytes of codes and words that one record of a recall holds at most: well below the size of the largest record."""


class Touched(NamedTuple):
    """A therapy that used the lot, and the protocol that it is pinned to."""

    therapy: Therapy
    protocol: StudyProtocol


class Recall(NamedTuple):
    """What one record says: its facts, the streams that it extends, and how many therapies are left for the next."""

    facts: tuple[Fact, ...]
    streams: tuple[str, ...]
    left: int


def uses(therapy: Therapy, lot: str) -> list[Act]:
    """The acts that used a lot, of every batch, signed second or not, in the order in which they were signed."""
    acts = [*therapy.every_act.values(), *therapy.pending.values()]
    found = [act for act in acts if any(used.what == "lot" and used.code == lot for used in act.fact.used)]
    return sorted(found, key=lambda act: act.by.number)


def decide_recall(actor: Actor, lot: str, reason: str, touched: Sequence[Touched], recalled: str) -> Recall:
    """The next record of a recall: the lot is recalled, and every patient whom it touched is reached.

    Args:
        touched: every therapy that used the lot, reached already or not.
        recalled: the reason of an earlier record of this recall; nothing if there is none.

    Raises:
        Refused: not the role, or the lot is recalled and everybody whom it touched has been reached.
    """
    fact = administration.recall_lot(actor, lot, reason)
    waiting = [one for one in sorted(touched, key=lambda one: one.therapy.id) if lot not in one.therapy.recalls]
    waiting = [one for one in waiting if uses(one.therapy, lot)]
    if recalled and not waiting:
        raise refuse(
            "lot.recalled",
            f"Lot {lot} is recalled already: {recalled}.",
            "Everybody whom it touched has been reached; look with `unbroken trace --lot`.",
            lot=lot,
        )
    facts: list[Fact] = [LotRecallContinued(lot=lot, reason=reason) if recalled else fact]
    streams, size = [lot_stream(lot)], 0
    for done, one in enumerate(waiting):
        reached = reach(one, lot, reason)
        size += sum(len(str(each.to_wire())) for each in reached)
        if len(facts) + len(reached) > MOST_FACTS or len(streams) == MOST_STREAMS or size > _WIDEST:
            return Recall(tuple(facts), tuple(streams), len(waiting) - done)
        facts += reached
        streams.append(therapy_stream(one.therapy.id))
    return Recall(tuple(facts), tuple(streams), 0)


def reach(touched: Touched, lot: str, reason: str) -> list[TherapyFact]:
    """What a recall says of one patient: complete in itself, in one record."""
    therapy, protocol = touched
    acts = uses(therapy, lot)
    codes = touched_by(therapy, acts)
    known = [therapy.materials[code] for code in codes if code in therapy.materials]
    # What an act makes that waits for its second signature is held before it is there.
    waiting = {new.code for act in therapy.pending.values() for new in act.fact.created}
    coming = [code for code in codes if code in waiting and code not in therapy.materials]
    held = tuple(sorted([*coming, *(m.code for m in known if m.live and m.status != "rejected")]))
    # Into whomever it went: the other patient's bag too, which was given to this one's neighbour.
    infused = tuple(m.code for m in known if m.ended is not None and m.ended.startswith("infused"))
    kinds = {step.id: step.kind for step in protocol.steps}
    given = any(kinds.get(act.at.step) in GIVEN for act in acts)
    fact = RecallReached(
        therapy=therapy.id,
        lot=lot,
        reason=reason,
        uses=tuple(act.at.key() for act in acts),
        materials=held,
        infused=infused,
        given=given,
    )
    says = f"lot {lot} was recalled: {reason}"
    breaches = [Breach(RULE, (Consequence(what="quarantine"),), "", "", says)] if held else []
    if infused or given:
        into = f"it went into {', '.join(infused)}, which is infused" if infused else "it was given to the patient"
        roles = protocol.release.alerts if protocol.release else ()
        alerts = tuple(Consequence(what="alert", role=role) for role in roles)
        critical = (Consequence(what="deviation", grade="critical"), *alerts)
        breaches.append(Breach(RULE, critical, "", "", f"{says}; {into}"))
    return [fact, *follow(therapy, protocol, None, breaches, held, [fact])]
