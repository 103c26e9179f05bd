"""Facts about the course of a therapy: opened, signed a second time, corrected, ended."""

from typing import ClassVar, Literal

from events.facts.base import ActKey, Code, DayOrInstant, Digest, Flag, Instant, Name, Reading, Scan, Text, TherapyFact


class TherapyOpened(TherapyFact):
    """A therapy began, pinned to the protocol whose digest it names. It stands with the consent."""

    wire: ClassVar[str] = "therapy.opened.v1"
    screening: Code
    site: Code
    protocol: Name
    version: Name
    digest: Digest
    simulated: Flag = False


class ActWitnessed(TherapyFact):
    """A second person signed an act: `act` is the link of what was signed; the statement's meaning says how.

    `scans`: what the second person scanned again by themselves, and found right.
    """

    wire: ClassVar[str] = "act.witnessed.v1"
    act: Digest
    key: ActKey
    scans: tuple[Scan, ...] = ()


class ActDeclined(TherapyFact):
    """The second person would not sign; the act does not stand."""

    wire: ClassVar[str] = "act.declined.v1"
    act: Digest
    key: ActKey
    reason: Text


class ActWithdrawn(TherapyFact):
    """The performer took back an act that nobody had signed yet."""

    wire: ClassVar[str] = "act.withdrawn.v1"
    act: Digest
    key: ActKey
    reason: Text


class ActTakenOver(TherapyFact):
    """Another qualified person took over an act that waits, whose performer cannot go on. They answer for it from now on."""

    wire: ClassVar[str] = "act.taken_over.v1"
    act: Digest
    key: ActKey
    reason: Text


class ReadingReported(TherapyFact):
    """Values that the protocol allows to come late were reported for an act that stands."""

    wire: ClassVar[str] = "reading.reported.v1"
    act: Digest
    key: ActKey
    readings: tuple[Reading, ...]


class FactCorrected(TherapyFact):
    """A recorded value was corrected. The original stays; this points to it and says why (EU GMP Annex 11 §9)."""

    wire: ClassVar[str] = "fact.corrected.v1"
    act: Digest
    key: ActKey
    old: Reading
    new: Reading
    why: Text


class StepOffered(TherapyFact):
    """A step that the protocol keeps in reserve became available: for these materials alone, or for all if none is named.

    `cause`: what offered it; the same thing offers it once. Without one, it counts for itself.
    """

    wire: ClassVar[str] = "step.offered.v1"
    step: Name
    why: Text
    materials: tuple[Code, ...] = ()
    cause: Text | None = None


class DeadlineSet(TherapyFact):
    """The system's own: a clock of the protocol runs, and this is when it strikes."""

    wire: ClassVar[str] = "deadline.set.v1"
    deadline: Name
    key: ActKey
    due: Instant
    says: Text


class DeadlineMissed(TherapyFact):
    """The system's own: a deadline passed and the step had not been done."""

    wire: ClassVar[str] = "deadline.missed.v1"
    deadline: Name
    key: ActKey
    due: Instant
    says: Text


class SlotsFreed(TherapyFact):
    """Booked slots were given back."""

    wire: ClassVar[str] = "slots.freed.v1"
    slots: tuple[Code, ...]
    reason: Text


class ScreeningFailed(TherapyFact):
    """The patient did not meet the study's criteria; the record stays."""

    wire: ClassVar[str] = "screening.failed.v1"
    reason: Text


class PatientWithdrew(TherapyFact):
    """The patient withdrew: from treatment, visits, use of data, use of samples; four things. `at` is a moment, or a day alone."""

    wire: ClassVar[str] = "patient.withdrew.v1"
    withdrawn: tuple[Literal["treatment", "visits", "data", "samples"], ...]
    at: DayOrInstant
    reason: Text


class PatientDied(TherapyFact):
    """The patient died; `at` is a moment, or a day alone."""

    wire: ClassVar[str] = "patient.died.v1"
    at: DayOrInstant
    reason: Text


class TherapyCompleted(TherapyFact):
    """The system's own: every step and visit of the protocol is done, or its end was reached."""

    wire: ClassVar[str] = "therapy.completed.v1"
    outcome: Literal[
        "followed_to_the_end", "screen_failure", "withdrawn", "died", "product_rejected", "manufacture_failed"
    ]
