"""Facts of a manufacture that came to nothing, and of the way out that was taken."""

from typing import ClassVar, Literal

from events.facts.base import ActKey, Code, Count, Digest, Name, Text, TherapyFact


class ManufactureFailed(TherapyFact):
    """Manufacture failed: in which step, what ends with it, which starting material is retained.

    Args:
        failure: its number in this therapy (``F-1``).
        key: the step in which it failed, whether it was done or not.
        ends: materials that are lost; they are quarantined at once, and end when the failure is confirmed.
        retains: starting material from which the product can be made again.
        awaits: the roles of which one must confirm it; empty when one signature is enough.
    """

    wire: ClassVar[str] = "manufacture.failed.v1"
    failure: Code
    key: ActKey
    says: Text
    ends: tuple[Code, ...] = ()
    retains: tuple[Code, ...] = ()
    awaits: tuple[Name, ...] = ()


class ManufactureFailureDecided(TherapyFact):
    """A second person confirmed a failure of manufacture, or declined it: then nothing failed. `first` is its record."""

    wire: ClassVar[str] = "manufacture_failure.decided.v1"
    failure: Code
    first: Digest
    decision: Literal["confirmed", "declined"]
    reason: Text


class RemakeBegun(TherapyFact):
    """The product is made again: from this step on everything is done anew, for the next batch.

    Args:
        batch: the number of the batch that begins.
        start: where it begins.
        steps: every step that is done anew; what was done of them stays on record, as an earlier batch's.
        offers: steps kept in reserve that become available with it.
        ground: what it follows: a failure, a rejection, a loss.
        material: the starting material that was there for it.
    """

    wire: ClassVar[str] = "remake.begun.v1"
    batch: Count
    start: Name
    steps: tuple[Name, ...]
    offers: tuple[Name, ...] = ()
    ground: Text
    reason: Text
    material: tuple[Code, ...] = ()


class TherapyTerminated(TherapyFact):
    """No way out is taken: after a failure, a rejection or a loss the therapy ends."""

    wire: ClassVar[str] = "therapy.terminated.v1"
    ground: Text
    reason: Text
