"""Facts that perform a step of the protocol, one class a kind of step. They take effect when the last signature stands."""

from typing import ClassVar, Literal

from events.facts.base import (
    Account,
    ActKey,
    Choice,
    Code,
    Criterion,
    DoneBy,
    Flag,
    Instant,
    LabelFate,
    Name,
    NewMaterial,
    PersonId,
    RawFile,
    Reading,
    Scan,
    Slot,
    Text,
    TherapyFact,
    Used,
    Value,
)


class OnPaper(Value):
    """A step that was done on paper and entered later: the scanned sheet by its hash, and why it was on paper."""

    file: RawFile
    why: Text


class TakenOver(Value):
    """Who had begun a step that somebody else went on with, and why."""

    account: Account
    person: PersonId
    why: Text


class StepFact(TherapyFact):
    """A step was performed.

    Args:
        key: which instance of which step.
        started, ended: when it happened; equal where the step is a moment.
        readings, scans, used: what was recorded, scanned and used.
        created: materials that came into being; consumed: materials that ended here.
        place: where it was done (a place of the protocol).
        awaits: the roles of which one must sign a second record; empty when this signature is the last.
        second_meaning: what that second signature means.
        moves: materials whose custody passes to the second signer, to the place `to_place`.
        done_by: who did it, where others sign: the performer, then who stood second; empty where the signers did it.
        paper: it was done on paper; then the signers are who typed it and who compared it with the sheet.
        taken_over: who had begun it, where the performer went on.
    """

    key: ActKey
    started: Instant
    ended: Instant
    readings: tuple[Reading, ...] = ()
    scans: tuple[Scan, ...] = ()
    used: tuple[Used, ...] = ()
    created: tuple[NewMaterial, ...] = ()
    consumed: tuple[Code, ...] = ()
    place: Name | None = None
    awaits: tuple[Name, ...] = ()
    second_meaning: Literal["witnessed", "reviewed", "approved", "received"] = "witnessed"
    moves: tuple[Code, ...] = ()
    to_place: Name | None = None
    done_by: tuple[DoneBy, ...] = ()
    paper: OnPaper | None = None
    taken_over: TakenOver | None = None


class ConsentGiven(StepFact):
    """The patient consented; `permits` lists what the consent form allows."""

    wire: ClassVar[str] = "consent.given.v1"
    permits: tuple[Name, ...] = ()


class PatientAssessed(StepFact):
    """The patient was assessed against the study's criteria."""

    wire: ClassVar[str] = "patient.assessed.v1"
    outcome: Literal["eligible", "not_eligible"]


class PatientEnrolled(StepFact):
    """The patient was enrolled: subject number, chain-of-identity id and wristband code were bound to the therapy."""

    wire: ClassVar[str] = "patient.enrolled.v1"
    subject: Code
    coi: Code
    wristband: Code
    choices: tuple[Choice, ...] = ()


class SlotsBooked(StepFact):
    """A chain of slots was booked; it expires at `hold_until` unless the next step has been done."""

    wire: ClassVar[str] = "slots.booked.v1"
    slots: tuple[Slot, ...]
    hold_until: Instant | None = None


class CellsCollected(StepFact):
    """Cells were collected under a DIN (apheresis)."""

    wire: ClassVar[str] = "cells.collected.v1"
    din: Code


class LabelsReconciled(StepFact):
    """Every serial label of a set got its one fate."""

    wire: ClassVar[str] = "labels.reconciled.v1"
    issued: tuple[Code, ...]
    labels: tuple[LabelFate, ...]


class CustodyGiven(StepFact):
    """Materials were handed over; custody moves when the taker signs."""

    wire: ClassVar[str] = "custody.given.v1"


class TransportReported(StepFact):
    """A transport ended; its conditions were reported."""

    wire: ClassVar[str] = "transport.reported.v1"


class MaterialReceived(StepFact):
    """A shipment was received and accessioned."""

    wire: ClassVar[str] = "material.received.v1"


class ProcessPerformed(StepFact):
    """A manufacturing step was performed; `changeover`: after it the room is changed over before another patient's cells are opened."""

    wire: ClassVar[str] = "process.performed.v1"
    suite: Code | None = None
    changeover: Flag = False


class SampleTested(StepFact):
    """A test was done on a sample and its result reported."""

    wire: ClassVar[str] = "sample.tested.v1"
    sample: Code | None = None


class DispositionDecided(StepFact):
    """QA released or rejected the product; `criteria` is what QA saw, `pending` what was still open.

    `exception` names the exception by which it was released although the criteria in `excepted` failed.
    """

    wire: ClassVar[str] = "disposition.decided.v1"
    decision: Literal["released", "rejected"]
    materials: tuple[Code, ...]
    criteria: tuple[Criterion, ...] = ()
    pending: tuple[Name, ...] = ()
    exception: Code | None = None
    excepted: tuple[Name, ...] = ()


class ConditioningGiven(StepFact):
    """Lymphodepletion, or another conditioning, was given."""

    wire: ClassVar[str] = "conditioning.given.v1"
    last: Flag = False


class IdentityChecked(StepFact):
    """Two people matched the patient and the product."""

    wire: ClassVar[str] = "identity.checked.v1"


class ProductThawed(StepFact):
    """A bag was thawed."""

    wire: ClassVar[str] = "product.thawed.v1"


class ProductInfused(StepFact):
    """A bag was infused."""

    wire: ClassVar[str] = "product.infused.v1"
    infused: tuple[Code, ...]


class PatientObserved(StepFact):
    """The patient was seen: monitoring, response assessment, follow-up."""

    wire: ClassVar[str] = "patient.observed.v1"
    planned: Instant | None = None
