"""Facts of a mismatch: a label that does not match its content, an item whose place nobody can explain."""

from typing import ClassVar, Literal

from events.facts.base import Code, Digest, Name, Short, Text, TherapyFact


class MismatchReported(TherapyFact):
    """A label does not match what it is on, or an item is where nothing explains it. Everything of this therapy stops.

    Args:
        mismatch: its number in this therapy (``M-1``).
        material: this therapy's item. found: the code that its content, or its place, speaks for; None if nothing tells.
        other: the therapy to which `found` belongs, which the same record reaches.
        materials: what two people of QA must decide on, one by one.
    """

    wire: ClassVar[str] = "mismatch.reported.v1"
    mismatch: Code
    what: Literal["label", "place"]
    material: Code
    found: Code | None = None
    other: Short = ""
    materials: tuple[Code, ...] = ()
    says: Text


class MismatchReached(TherapyFact):
    """A mismatch of another therapy speaks for an item of this one. Everything of this therapy stops too."""

    wire: ClassVar[str] = "mismatch.reached.v1"
    mismatch: Code
    what: Literal["label", "place"]
    material: Code
    found: Code
    other: Short
    materials: tuple[Code, ...] = ()
    says: Text


class MismatchDecided(TherapyFact):
    """QA decided on materials after a mismatch; `awaits` names who must agree, `first` the decision agreed with."""

    wire: ClassVar[str] = "mismatch.decided.v1"
    mismatch: Code
    materials: tuple[Code, ...] = ()
    decision: Literal["lifted", "rejected"]
    reason: Text
    awaits: tuple[Name, ...] = ()
    first: Digest | None = None
