"""Records that reach from one stream into therapies that are not their subject: which may, and what they may say there.

A record about several patients stands in all their streams, so that none of them goes on unseen. The audit of its
subject decides the whole record again; the audit of a therapy that it reaches asks what is asked here. What reaches
only protects: it holds, quarantines, opens a deviation, offers what looks after a patient, or says that an item is gone. Nothing
that releases, lifts, clears or moves reaches.
"""

from __future__ import annotations

from typing import NamedTuple

from events.facts.alerts import AlertRaised
from events.facts.base import Fact, TherapyFact
from events.facts.course import StepOffered
from events.facts.environment import EnvironmentAttached, EnvironmentReported
from events.facts.happened import (
    ActHappened,
    HappenedConfirmed,
    HappenedDropped,
    ItemElsewhereSettled,
    ItemTakenElsewhere,
)
from events.facts.mismatch import MismatchReached, MismatchReported
from events.facts.quality import DeviationOpened, IdentityMismatched, ItemPresentedElsewhere, MaterialQuarantined
from events.facts.recalls import RecallReached
from events.facts.site import LotRecallContinued, LotRecalled
from events.reading import Record
from protocol.codes import own_code
from protocol.decision import therapy_stream


class Reach(NamedTuple):
    """A kind of record that may reach.

    Args:
        first: its first fact, by which it is known.
        subject: how the name of its subject begins (``therapy/``, ``lot/``).
        here: further facts that it may hold about its subject.
        there: facts that it may hold about the therapies that it reaches; each of them only protects.
    """

    first: type[Fact]
    subject: str
    here: tuple[type[Fact], ...]
    there: tuple[type[TherapyFact], ...]


_HOLDS = (DeviationOpened, MaterialQuarantined, AlertRaised)
_ENDS = (ItemTakenElsewhere, ItemElsewhereSettled)
REACHES: tuple[Reach, ...] = (
    Reach(IdentityMismatched, "therapy/", (), (ItemPresentedElsewhere,)),
    Reach(MismatchReported, "therapy/", _HOLDS, (MismatchReached, *_HOLDS)),
    Reach(
        ActHappened,
        "therapy/",
        (MismatchReported, StepOffered, *_HOLDS),
        (*_ENDS, MismatchReached, StepOffered, *_HOLDS),
    ),
    Reach(HappenedConfirmed, "therapy/", (StepOffered, *_HOLDS), (ItemElsewhereSettled,)),
    Reach(HappenedDropped, "therapy/", (), (ItemElsewhereSettled,)),
    Reach(LotRecalled, "lot/", (), (RecallReached, *_HOLDS)),
    # A result within its limits opens nothing by itself: it is one of those that a release asks for.
    Reach(EnvironmentReported, "room/", (), (EnvironmentAttached, *_HOLDS)),
    Reach(LotRecallContinued, "lot/", (), (RecallReached, *_HOLDS)),
)


def may_not_reach(record: Record) -> str:
    """Why this record may not stand in the therapies that it reaches, in a sentence; nothing if it may."""
    subject, facts = record.statement.subject, record.facts
    told = f"a record of {subject} stands in this therapy's stream"
    reach = next((r for r in REACHES if isinstance(facts[0], r.first) and subject.startswith(r.subject)), None)
    if reach is None:
        return told
    streams: set[str] = {subject}
    for number, fact in enumerate(facts):
        stream = therapy_stream(fact.therapy) if isinstance(fact, TherapyFact) else subject
        streams.add(stream)
        allowed = (reach.first,) if number == 0 else reach.here if stream == subject else reach.there
        if not isinstance(fact, allowed) or (number == 0 and stream != subject):
            return f"{told}, with {fact.wire}, which does not belong there"
    shared = subject.startswith("therapy/")  # a therapy's record also extends streams of codes, rooms and slots
    heads = set(record.statement.heads) - {own_code(record)}
    extended = {stream for stream in heads if stream.startswith("therapy/") or not shared}
    return "" if extended == streams else f"{told} and says nothing of it, or of somebody whose stream it is not in"
