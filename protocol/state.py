"""A therapy as folded from its stream: what stands, what waits for a second signature, where every material is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from events.facts.amendments import ConsentedAgain
from events.facts.base import ActKey, Choice, Reading, Slot
from events.facts.course import TherapyOpened
from events.facts.dose import DoseGiven
from events.facts.endings import DisposalSigned
from events.facts.happened import ActHappened
from events.facts.labels import LabelFatesGiven, LabelsIssued
from events.facts.logger import LogFigures
from events.facts.mismatch import MismatchDecided
from events.facts.quality import IdentityHoldCleared
from events.facts.recalls import RecallReached
from events.facts.steps import DispositionDecided, LabelsReconciled, PatientEnrolled, StepFact
from protocol.amendment_state import Moved, Proposal
from protocol.quality_state import Action, Invalidated, Investigation, Regraded, ReleaseException
from protocol.safety_state import SafetyState


class Instance(NamedTuple):
    """One instance of a step: its occurrence, the material where it is done per material, the batch that it belongs to."""

    step: str
    occurrence: str = "1"
    material: str = ""
    batch: int = 1

    def key(self) -> ActKey:
        """As it stands in a fact."""
        return ActKey(step=self.step, occurrence=self.occurrence, material=self.material or None, batch=self.batch)

    def __str__(self) -> str:
        words = self.step if self.occurrence == "1" else f"{self.step} {self.occurrence}"
        words += f" of {self.material}" if self.material else ""
        return words if self.batch == 1 else f"{words} (batch {self.batch})"


def instance(key: ActKey) -> Instance:
    """The instance that a fact's key names."""
    return Instance(key.step, key.occurrence, key.material or "", key.batch)


@dataclass(frozen=True, slots=True)
class Signed:
    """Where a fact stands and who signed it: everything evolve may know of the record around it."""

    position: int
    number: int
    link: str
    person: str
    account: str
    meaning: str
    happened: datetime
    recorded: datetime
    protocol: str | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """A step that was performed, with its signatures; `second` is None while one is awaited, or none is needed.

    `taken`: who took it over while it waited, because its performer could not go on.
    """

    at: Instance
    fact: StepFact
    by: Signed
    second: Signed | None = None
    taken: tuple[Signed, ...] = ()

    @property
    def touches(self) -> frozenset[str]:
        """The materials that it is done on, moves or ends."""
        return frozenset({*self.fact.moves, *self.fact.consumed, self.at.material})

    @property
    def performer(self) -> str:
        """The account of who did it: the first signer, or whom the paper or the telling names."""
        return self.fact.done_by[0].account if self.fact.done_by else self.by.account

    @property
    def taker(self) -> str:
        """The account of who stood second, and took over what was handed over."""
        return self.fact.done_by[-1].account if self.fact.done_by else (self.second or self.by).account

    @property
    def late(self) -> str:
        """How it was entered late, in words; nothing where its performer signed it."""
        if self.fact.paper is not None:
            return "entered late, from paper"
        return "told afterwards by another" if self.fact.done_by else ""

    @property
    def answerable(self) -> frozenset[str]:
        """The persons who performed it, began it, took it over, or signed first: none of them signs it second."""
        began = {self.fact.taken_over.person} if self.fact.taken_over else set()
        return frozenset({self.by.person} | began | {signed.person for signed in self.taken})

    def people(self) -> frozenset[str]:
        """Everybody who did it or signed it."""
        did = {one.person for one in self.fact.done_by}
        return self.answerable | did | ({self.second.person} if self.second else set())

    @property
    def performers(self) -> frozenset[str]:
        """The persons who had a hand in doing it: nobody of them is independent of it."""
        began = {self.fact.taken_over.person} if self.fact.taken_over else set()
        did = {self.fact.done_by[0].person} if self.fact.done_by else {self.by.person}
        return frozenset(did | began | {signed.person for signed in self.taken})


class Current(NamedTuple):
    """A reading as it stands now: its value, unit, the record that says so, and how often it was corrected."""

    value: str
    unit: str | None
    link: str
    corrections: int = 0


@dataclass(frozen=True, slots=True)
class Material:
    """A material: what it is, where it came from, who holds it, and how it ended.

    `also`: further parents, where several were pooled. `rules`: those that quarantine it. `earlier`: it belongs to an
    earlier batch, and no step of a later one uses it. `kept`: what the consent permits, where it is kept beyond its therapy.
    """

    code: str
    kind: str
    parent: str | None
    made_in: Instance
    place: str
    holder: str
    status: str = "available"
    ended: str | None = None
    why: str = ""
    quarantined: datetime | None = None
    rules: frozenset[str] = frozenset()
    also: tuple[str, ...] = ()
    earlier: bool = False
    kept: str = ""

    @property
    def live(self) -> bool:
        """Whether somebody is still accountable for it."""
        return self.ended is None

    @property
    def parents(self) -> tuple[str, ...]:
        """Everything that it was made from; nothing for what was collected."""
        return (self.parent, *self.also) if self.parent else ()


FOUND_AGAIN = "found again"
"""How the custody of a material goes on that had been lost."""


class CustodyEntry(NamedTuple):
    """One line of a custody trail: from `since` on this person was accountable for the material at this place."""

    material: str
    since: datetime
    place: str
    account: str
    how: str
    given_by: str
    link: str


@dataclass(frozen=True, slots=True)
class Deviation:
    """A deviation and how far its handling has come; `grades` are the grades that it had before."""

    code: str
    grade: str
    rule: str
    says: str
    opener: str
    opened: datetime
    at: Instance | None
    impact: str = ""
    closed: bool = False
    account: str = ""
    link: str = ""
    materials: tuple[str, ...] = ()
    grades: tuple[Regraded, ...] = ()
    investigation: Investigation | None = None
    assessed: Signed | None = None
    conclusion: str = ""
    closed_by: Signed | None = None
    reopened: tuple[Signed, ...] = ()


class ReadOut(NamedTuple):
    """The temperature log of an instance as it counts now: the record that says so, its figures, or why there is none.

    `computed`: the values that it says.
    """

    link: str
    computed: frozenset[str]
    log: LogFigures | None = None
    lost: str = ""


class Monitored(NamedTuple):
    """Results of environmental monitoring of a room, and the acts that they concern; `link` is the record that reported them."""

    room: str
    started: datetime
    ended: datetime
    readings: tuple[Reading, ...]
    acts: tuple[Instance, ...]
    link: str


@dataclass(frozen=True, slots=True)
class Automatic:
    """A record of the system's own: `key` is a digest of its facts, known before it is recorded; `says` tells them."""

    key: str
    says: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Items held after a wrong item was presented; `pending` is a clearance that waits for its second person."""

    link: str
    says: str
    presented: str
    other: str
    pending: tuple[IdentityHoldCleared, Signed] | None = None


@dataclass(frozen=True, slots=True)
class Happening:
    """An incident that happened; `chosen` is the option that somebody chose, nothing while it is open."""

    code: str
    name: str
    at: Instance
    materials: tuple[str, ...]
    when: datetime
    says: str
    by: Signed
    chosen: str = ""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A label or a place that does not fit; `pending` is a decision on an item that waits for a second person of QA."""

    code: str
    what: str
    material: str
    found: str
    other: str
    materials: tuple[str, ...]
    says: str
    link: str
    recorded: datetime
    decided: dict[str, str] = field(default_factory=dict)
    pending: dict[str, tuple[MismatchDecided, Signed]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failure:
    """A manufacture that failed: in which batch, what ends and what is retained; `decision` is empty while nobody confirmed."""

    code: str
    at: Instance
    says: str
    ends: tuple[str, ...]
    retains: tuple[str, ...]
    awaits: tuple[str, ...]
    batch: int
    by: Signed
    decision: str = ""


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that somebody in one of `roles` must know; `acknowledged` says who knows it, None while nobody does."""

    code: str
    rule: str
    roles: tuple[str, ...]
    says: str
    at: Instance | None
    link: str
    raised: datetime
    acknowledged: Signed | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Occurred:
    """An act that took place although the rules would have refused it; `dropped` says why it does not stand."""

    code: str
    at: Instance
    fact: ActHappened
    by: Signed
    second: Signed | None = None
    dropped: str = ""

    @property
    def waits(self) -> bool:
        """Whether its second signature is still to come."""
        return bool(self.fact.awaits) and self.second is None and not self.dropped


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Items of this therapy that are told to have been used for another; `decision` is empty while nobody has signed second."""

    event: str
    other: str
    materials: tuple[str, ...]
    effect: str
    at: datetime
    by: Signed
    decision: str = ""

    @property
    def gone(self) -> bool:
        """Whether nobody is to count on the items: they are told to be used up, and that stands or may yet."""
        return self.effect != "touched" and self.decision != "dropped"


@dataclass(frozen=True, slots=True)
class Label:
    """A serial label: the record that issued it with what it says, its one fate (empty while it has none).

    `replaced`: it was destroyed, and another was printed in its place.
    """

    serial: str
    issued: LabelsIssued
    by: Signed
    fate: str = ""
    replaced: bool = False

    @property
    def material(self) -> str:
        """The material that it is for."""
        return self.issued.material

    @property
    def template(self) -> str:
        """What kind of label it is."""
        return self.issued.template


@dataclass(frozen=True)
class Therapy:
    """Everything that is known of one therapy; `number` and `link` are the head of its stream.

    `batch`: the number of the batch that is being made; `restarted`: the batch that a step is done for, where it is a
        later one than the first. `earlier_acts`, `earlier_readings`, `earlier_dispositions`: of batches that were given
        up; no step looks at them.
    `disposition`: the latest; `dispositions`: the one that stands for each bag of this batch.
    `label_acts`: fates of labels that wait for their second signature, by the link of the record that gives them.
    `disposals`: those that wait for their second signature, by the link of the record that gives them.
    `stored`: where material was put beside the protocol's steps: the number of the record, the position.
    `withdrawn`: from what the patient withdrew, and when. `stopped_at`, `completed_at`: when it happened.
    `occurred`: what happened against the rules; `elsewhere`: items told to be used for another, by that therapy and event.
    `quarantined_early`: materials quarantined while the act that makes them still waits for its second signature, and by
        which rules.
    `moves`: to later versions of the study, the latest last; `passed`: steps and visits that came with one and lay behind;
        `consented`: the latest consent to one.
    """

    id: str
    number: int = 0
    link: str = ""
    opened: TherapyOpened | None = None
    opened_at: datetime | None = None
    subject: str = ""
    coi: str = ""
    wristband: str = ""
    choices: tuple[Choice, ...] = ()
    acts: dict[Instance, Act] = field(default_factory=dict)
    pending: dict[str, Act] = field(default_factory=dict)
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
    quarantined_early: dict[str, frozenset[str]] = field(default_factory=dict)
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
    offers: dict[str, str] = field(default_factory=dict)
    offered_for: dict[str, frozenset[str]] = field(default_factory=dict)
    offered_times: dict[str, int] = field(default_factory=dict)
    incidents: dict[str, Happening] = field(default_factory=dict)
    deadlines: dict[tuple[str, Instance], datetime] = field(default_factory=dict)
    missed: dict[tuple[str, Instance], datetime] = field(default_factory=dict)
    slots: tuple[Slot, ...] = ()
    slot_hold: datetime | None = None
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
        return step in self.offers and (not material or material in self.offered_for.get(step, (material,)))

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

    def uses(self, code: str) -> bool:
        """Whether a code is in use here. One that an act brought which did not stand is not: its label is still there."""
        bound = {self.subject, self.coi, self.wristband, self.opened.screening if self.opened else ""}
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
        return [
            d
            for d in self.deviations.values()
            if not d.closed and (d.grade == "critical" or (d.grade == "major" and not d.impact))
        ]
