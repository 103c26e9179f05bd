"""Facts of quality: deviations, quarantine, identity holds, release evaluation, disposal."""

from typing import ClassVar, Literal

from events.facts.base import ActKey, Code, Criterion, Digest, Grade, Instant, Name, Short, Text, TherapyFact


class DeviationOpened(TherapyFact):
    """Something was not as the protocol says. `limit` and `found` carry units.

    `key` is the act that it concerns, `materials` those that a person named.
    """

    wire: ClassVar[str] = "deviation.opened.v1"
    deviation: Code
    grade: Grade
    rule: Name
    key: ActKey | None = None
    limit: Short = ""
    found: Short = ""
    materials: tuple[Code, ...] = ()
    says: Text


class DeviationAssessed(TherapyFact):
    """The impact of a deviation on the product was assessed."""

    wire: ClassVar[str] = "deviation.assessed.v1"
    deviation: Code
    impact: Text


class DeviationClosed(TherapyFact):
    """A deviation was closed, by another person than its opener."""

    wire: ClassVar[str] = "deviation.closed.v1"
    deviation: Code
    conclusion: Text


class MaterialQuarantined(TherapyFact):
    """Materials were put under quarantine: the n-th such fact of a therapy (one that is found again counts) is the cause Q-n."""

    wire: ClassVar[str] = "material.quarantined.v1"
    materials: tuple[Code, ...]
    rule: Name
    reason: Text


class QuarantineDecided(TherapyFact):
    """QA decided about quarantined materials: one cause is lifted, or the materials are rejected whatever holds them.

    `cause`: which one is lifted (Q-1 ...).
    """

    wire: ClassVar[str] = "quarantine.decided.v1"
    materials: tuple[Code, ...]
    decision: Literal["lifted", "rejected"]
    reason: Text
    cause: Code | None = None


class MaterialDisposed(TherapyFact):
    """Materials were disposed of; their custody ends."""

    wire: ClassVar[str] = "material.disposed.v1"
    materials: tuple[Code, ...]
    at: Instant
    reason: Text


class IdentityMismatched(TherapyFact):
    """A wrong item was presented and the act stopped before anything moved. The therapy's items are held.

    `other` is the therapy to which the presented item belongs, whose items are held in the same record.
    """

    wire: ClassVar[str] = "identity.mismatched.v1"
    key: ActKey
    scan: Name
    expected: Code
    presented: Code
    other: Short = ""


class ItemPresentedElsewhere(TherapyFact):
    """An item of this therapy was presented for another patient. This therapy's items are held."""

    wire: ClassVar[str] = "item.presented_elsewhere.v1"
    presented: Code
    other: Short


class IdentityHoldCleared(TherapyFact):
    """A hold after a wrong item was cleared, with a right rescan (of the wristband, or of an item) and a reason."""

    wire: ClassVar[str] = "identity_hold.cleared.v1"
    mismatch: Digest
    wristband: Code | None = None
    item: Code | None = None
    reason: Text
    awaits: tuple[Name, ...] = ()


class ReleaseEvaluated(TherapyFact):
    """The system's own: each release criterion passed, failed or pending, as the results stood."""

    wire: ClassVar[str] = "release.evaluated.v1"
    criteria: tuple[Criterion, ...]
