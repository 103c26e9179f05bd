"""A therapy as folded from its stream: what stands, what waits for a second signature, where every material is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from events.facts.amendments import ConsentedAgain
from events.facts.base import Choice, Slot
from events.facts.course import TherapyOpened
from events.facts.dose import DoseGiven
from events.facts.endings import DisposalSigned
from events.facts.labels import LabelFatesGiven
from events.facts.recalls import RecallReached
from events.facts.steps import DispositionDecided, LabelsReconciled, PatientEnrolled, SlotsBooked
from protocol.duration import Begun
from protocol.state.acts import Act, Automatic, Current, Hand, Instance, ReadOut, Signed
from protocol.state.amendments import Moved, Proposal
from protocol.state.bad_day import Alert, Deviation, Elsewhere, Failure, Happening, Hold, Mismatch, Monitored, Occurred
from protocol.state.materials import Cause, CustodyEntry, Label, Material
from protocol.state.offers import Offer
from protocol.state.quality import Action, Invalidated, ReleaseException
from protocol.state.safety import SafetyState


@dataclass(frozen=True)
class Therapy:
    """Everything that is known of one therapy; `number` and `link` are the head of its stream.

    `zone`: of the place where it was opened, and the patient is treated.
    `batch`: the number of the batch that is being made; `restarted`: the batch that a step is done for, where it is a
        later one than the first. `earlier_acts`, `earlier_readings`, `earlier_dispositions`: of batches that were given
        up; no step looks at them.
    `hands`: who touched a result beside performing its act, in the order in which they did.
    `disposition`: the latest; `dispositions`: the one that stands for each bag of this batch.
    `label_acts`: fates of labels that wait for their second signature, by the link of the record that gives them.
    `disposals`: those that wait for their second signature, by the link of the record that gives them.
    `stored`: where material was put beside the protocol's steps: the number of the record, the position.
    `withdrawn`: from what the patient withdrew, and when. `stopped_at`, `completed_at`: when it happened.
    `occurred`: what happened against the rules; `elsewhere`: items told to be used for another, by that therapy and event.
    `quarantines`: how many there were, each a cause under its own number; `quarantined_early`: the causes that hold materials
        of an act which still waits for its second signature.
    `moves`: to later versions of the study, the latest last; `passed`: steps and visits that came with one and lay behind;
        `consented`: the latest consent to one.
    """

    id: str
    number: int = 0
    link: str = ""
    opened: TherapyOpened | None = None
    opened_at: datetime | None = None
    zone: str = "UTC"
    subject: str = ""
    coi: str = ""
    wristband: str = ""
    choices: tuple[Choice, ...] = ()
    acts: dict[Instance, Act] = field(default_factory=dict)
    pending: dict[str, Act] = field(default_factory=dict)
    hands: tuple[Hand, ...] = ()
    readings: dict[tuple[Instance, str], Current] = field(default_factory=dict)
    loggers: dict[Instance, ReadOut] = field(default_factory=dict)
    batch: int = 1
    restarted: dict[str, int] = field(default_factory=dict)
    earlier_acts: dict[Instance, Act] = field(default_factory=dict)
    earlier_readings: dict[tuple[Instance, str], Current] = field(default_factory=dict)
    earlier_dispositions: tuple[DispositionDecided, ...] = ()
    failures: dict[str, Failure] = field(default_factory=dict)
    terminated: str = ""
    recalls: dict[str, RecallReached] = field(default_factory=dict)
    environment: tuple[Monitored, ...] = ()
    stored: dict[str, tuple[int, str]] = field(default_factory=dict)
    materials: dict[str, Material] = field(default_factory=dict)
    quarantines: int = 0
    quarantined_early: dict[str, tuple[Cause, ...]] = field(default_factory=dict)
    custody: tuple[CustodyEntry, ...] = ()
    deviations: dict[str, Deviation] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)
    mismatches: dict[str, Mismatch] = field(default_factory=dict)
    alerts: dict[str, Alert] = field(default_factory=dict)
    occurred: dict[str, Occurred] = field(default_factory=dict)
    elsewhere: dict[tuple[str, str], Elsewhere] = field(default_factory=dict)
    labels: dict[str, Label] = field(default_factory=dict)
    label_acts: dict[str, tuple[LabelFatesGiven, Signed]] = field(default_factory=dict)
    actions: dict[str, Action] = field(default_factory=dict)
    retests: dict[Instance, tuple[str, Signed]] = field(default_factory=dict)
    invalidated: dict[Instance, Invalidated] = field(default_factory=dict)
    exceptions: dict[str, ReleaseException] = field(default_factory=dict)
    offers: dict[str, tuple[Offer, ...]] = field(default_factory=dict)
    incidents: dict[str, Happening] = field(default_factory=dict)
    deadlines: dict[tuple[str, Instance], datetime] = field(default_factory=dict)
    missed: dict[tuple[str, Instance], datetime] = field(default_factory=dict)
    slots: tuple[Slot, ...] = ()
    disposition: DispositionDecided | None = None
    dispositions: dict[str, DispositionDecided] = field(default_factory=dict)
    dose: DoseGiven | None = None
    safety: SafetyState = field(default_factory=SafetyState)
    evaluated: tuple[tuple[str, str], ...] | None = None
    disposals: dict[str, tuple[DisposalSigned, Signed]] = field(default_factory=dict)
    withdrawn: dict[str, datetime] = field(default_factory=dict)
    died: datetime | None = None
    stopped: str = ""
    stopped_at: datetime | None = None
    completed: str = ""
    completed_at: datetime | None = None
    last_happened: datetime | None = None
    automatic: tuple[Automatic, ...] = ()
    amendments: dict[str, Proposal] = field(default_factory=dict)
    moves: tuple[Moved, ...] = ()
    passed: frozenset[tuple[str, str]] = frozenset()
    consented: ConsentedAgain | None = None

    @property
    def versions(self) -> tuple[str, ...]:
        """The digests of the study's versions under which it stood, the one in force last; none before it was opened."""
        return (self.opened.digest, *(moved.digest for moved in self.moves)) if self.opened else ()

    def passes(self, step: str, occurrence: str = "1") -> bool:
        """Whether an amendment brought this step (or visit) when it lay behind this patient already."""
        return (step, occurrence) in self.passed

    def option(self, choice: str) -> str | None:
        """What was chosen for this patient, None before enrolment."""
        return next((c.option for c in self.choices if c.name == choice), None)

    def offered(self, step: str, material: str = "") -> bool:
        """Whether a reserve step has been offered: for this material, or for any where none is named."""
        return any(offer.concerns(material) for offer in self.offers.get(step, ()))

    def slot(self, resource: str) -> Slot | None:
        """The slot of a resource as it is booked now: the one that was booked last of those not given back."""
        return next((slot for slot in reversed(self.slots) if slot.resource == resource), None)

    def of_step(self, step: str) -> list[Act]:
        """The acts of a step that stand, in the order in which they were signed."""
        return sorted((act for at, act in self.acts.items() if at.step == step), key=lambda act: act.by.number)

    def at(self, step: str, occurrence: str = "1", material: str = "") -> Instance:
        """An instance of a step as it is done now: of the batch that is being made."""
        return Instance(step, occurrence, material, self.restarted.get(step, 1))

    @property
    def every_act(self) -> dict[Instance, Act]:
        """The acts that stand, those of earlier batches among them."""
        return {**self.earlier_acts, **self.acts}

    def waiting(self, at: Instance) -> Act | None:
        """The act of this instance that waits for its second signature."""
        return next((act for act in self.pending.values() if act.at == at), None)

    def live(self, kind: str) -> list[Material]:
        """The live materials of a kind, by code; not those of an earlier batch."""
        found = (m for m in self.materials.values() if m.kind == kind and m.live and not m.earlier)
        return sorted(found, key=lambda m: m.code)

    def booked(self, slot: Slot) -> Begun:
        """When a slot begins, and where it was booked."""
        acts = self.every_act.values()
        by = [(a.by.number, a.by.zone) for a in acts if isinstance(a.fact, SlotsBooked) and slot in a.fact.slots]
        return Begun(slot.starts, max(by)[1] if by else self.zone)

    def uses(self, code: str) -> bool:
        """Whether a code is in use here. One that an act brought which did not stand is not: its label is still there."""
        bound = {self.id, self.subject, self.coi, self.wristband, self.opened.screening if self.opened else ""}
        waiting = {new.code for act in self.pending.values() for new in act.fact.created}
        for act in self.pending.values():
            if isinstance(act.fact, PatientEnrolled):
                waiting |= {act.fact.subject, act.fact.coi, act.fact.wristband}
        return code in self.materials or code in bound or code in waiting or code in self.labels

    def fate_waits(self, serial: str) -> Signed | None:
        """Who signed a fate of this label that waits for its second signature; None where none waits."""
        for given, by in self.label_acts.values():
            if any(label.serial == serial for label in given.labels):
                return by
        for act in self.pending.values():
            if isinstance(act.fact, LabelsReconciled) and serial in act.fact.issued:
                return act.by
        return None

    @property
    def infused(self) -> bool:
        """Whether any product has been infused."""
        return any(m.ended == "infused" for m in self.materials.values())

    @property
    def blocking(self) -> list[Deviation]:
        """Open deviations that block a release: critical ones, and major ones without an assessed impact."""
        return [deviation for deviation in self.deviations.values() if deviation.release_waits_for]
