"""Facts of what already happened against the rules: told with the rules that it broke, seen by a second person, or not standing."""

from typing import ClassVar, Literal

from events.facts.base import (
    ActKey,
    Code,
    Digest,
    DoneBy,
    Flag,
    Instant,
    Name,
    Reading,
    Scan,
    Short,
    Text,
    TherapyFact,
    Used,
    Value,
)

Effect = Literal["infused", "used_up", "touched"]
"""What became of an item: it is in a patient, it was used up, or it was in the wrong hands and is still there."""


class BrokenRule(Value):
    """A rule that would have refused the act, with what it says of it."""

    rule: Name
    says: Text


class ForeignItem(Value):
    """An item of another therapy that the act was done with, and what became of it."""

    code: Code
    therapy: Short
    effect: Effect


class ActHappened(TherapyFact):
    """An act took place although the rules would have refused it. The rules that it broke stand here, as computed.

    Args:
        event: its number in this therapy (``H-1``).
        key: the instance of the step that was done; occurrence, material: as far as whoever told it said so.
        started, ended: when.
        done_by: who did it, the performer first; empty where nobody knows.
        scans, readings, used, room: what is known of it. foreign: items of other therapies.
        stands: the step's own fact stands beside this one, and is done when it is signed second.
        awaits: the roles of which one must sign second; empty where nobody else was there, and `alone` says why.
    """

    wire: ClassVar[str] = "act.happened.v1"
    event: Code
    key: ActKey
    occurrence: Name | None = None
    material: Code | None = None
    started: Instant
    ended: Instant
    done_by: tuple[DoneBy, ...] = ()
    scans: tuple[Scan, ...] = ()
    readings: tuple[Reading, ...] = ()
    used: tuple[Used, ...] = ()
    room: Code | None = None
    foreign: tuple[ForeignItem, ...] = ()
    broken: tuple[BrokenRule, ...] = ()
    stands: Flag = False
    awaits: tuple[Name, ...] = ()
    alone: Text | None = None
    says: Text


class HappenedConfirmed(TherapyFact):
    """A second person signs what was told in record `act`; what became of items of others stands beside it."""

    wire: ClassVar[str] = "happened.confirmed.v1"
    event: Code
    act: Digest


class HappenedDropped(TherapyFact):
    """What was told in record `act` does not stand: taken back, or the second person would not sign. What it stopped stays."""

    wire: ClassVar[str] = "happened.dropped.v1"
    event: Code
    act: Digest
    reason: Text


class ItemTakenElsewhere(TherapyFact):
    """Items of this therapy are told to have been used for another: `other`, where it is `event`. Nobody counts on them."""

    wire: ClassVar[str] = "item.taken_elsewhere.v1"
    event: Code
    other: Short
    materials: tuple[Code, ...]
    effect: Effect
    at: Instant
    says: Text


class ItemElsewhereSettled(TherapyFact):
    """What was told of items of this therapy was signed second, and they end by it; or it does not stand."""

    wire: ClassVar[str] = "item_elsewhere.settled.v1"
    event: Code
    other: Short
    decision: Literal["confirmed", "dropped"]
