"""Facts of how a material ends, or where it stays: disposed of by two people, kept, returned, lost, found again."""

from typing import ClassVar, Literal

from events.facts.base import Code, Digest, Instant, Name, Text, TherapyFact


class DisposalSigned(TherapyFact):
    """Somebody signed that materials are disposed of; their custody ends when one of `awaits` has signed too."""

    wire: ClassVar[str] = "disposal.signed.v1"
    materials: tuple[Code, ...]
    reason: Text
    awaits: tuple[Name, ...]


class DisposalWitnessed(TherapyFact):
    """A second person saw the disposal of record `act`; the fact beside this one ends the materials."""

    wire: ClassVar[str] = "disposal.witnessed.v1"
    act: Digest


class DisposalDropped(TherapyFact):
    """The disposal of record `act` does not stand: its signer took it back, or the second person would not sign."""

    wire: ClassVar[str] = "disposal.dropped.v1"
    act: Digest
    reason: Text


class MaterialKept(TherapyFact):
    """Materials that no step needs any more are kept: the signer holds them from now on, at `place`.

    `permit` is what the patient's consent permits, on which this rests.
    """

    wire: ClassVar[str] = "material.kept.v1"
    materials: tuple[Code, ...]
    place: Name
    permit: Name
    reason: Text


class MaterialReturned(TherapyFact):
    """Materials were returned to somebody outside; their custody here ends. `to` says to whom."""

    wire: ClassVar[str] = "material.returned.v1"
    materials: tuple[Code, ...]
    to: Text
    reason: Text


class MaterialLost(TherapyFact):
    """Materials were lost, or destroyed by accident: a bag broke, a freezer failed. Their custody ends with that."""

    wire: ClassVar[str] = "material.lost.v1"
    materials: tuple[Code, ...]
    how: Literal["lost", "destroyed"]
    at: Instant
    says: Text


class MaterialFound(TherapyFact):
    """Materials that had been lost were found. The signer holds them, in quarantine, at `place`."""

    wire: ClassVar[str] = "material.found.v1"
    materials: tuple[Code, ...]
    place: Name
    at: Instant
    says: Text
