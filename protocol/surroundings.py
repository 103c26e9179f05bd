"""What a decision may know besides the therapy itself, looked up beforehand so that deciding stays pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

from events.facts.base import Reading
from events.zones import over_from
from protocol.duration import Begun
from protocol.model import StudyProtocol
from protocol.refusals import refuse
from protocol.state import Therapy


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: the account, the person behind it, and the roles in force; at the time `then`, where that is another than now."""

    account: str
    person: str
    roles: frozenset[str]
    then: datetime | None = None


class Validity(NamedTuple):
    """Something is in force from when it was recorded until it ends, or the next such record comes."""

    since: datetime
    until: date

    def over_from(self, zone: str) -> datetime:
        """From when on it is not in force any more, asked at a place: a day that was written ends there."""
        return over_from(self.until, zone)


class Lot(NamedTuple):
    """A lot as the log knows it; `released`: each release of it, in the log's order."""

    item: str
    expires: date
    recalled: str = ""
    released: tuple[Validity, ...] = ()


class Device(NamedTuple):
    """A device as the log knows it; `calibrated`: each calibration of it, in the log's order."""

    item: str
    due: date
    calibrated: tuple[Validity, ...] = ()


class Interval(NamedTuple):
    """Somebody's time in a room, or a booked slot; `soiled`: after it the room is changed over before another patient's."""

    therapy: str
    starts: datetime
    ends: datetime
    soiled: bool = False


class Report(NamedTuple):
    """Results of environmental monitoring, for a period; `link` is the record that says so, `person` who signed it.

    `corrected`: another record took its place, and it counts no more; `why`: what the record says of itself.
    """

    started: datetime
    ended: datetime
    readings: tuple[Reading, ...]
    link: str
    person: str = ""
    why: str = ""
    corrected: bool = False


class ChangedOver(NamedTuple):
    """A changeover of a room: when, who did it, and whether another person cleared the room after it."""

    at: datetime
    person: str
    account: str
    says: str
    link: str
    cleared: bool = False


class Room(NamedTuple):
    """What is known of a room: who was in it, what was reported of it, its changeovers, each in the log's order."""

    code: str
    intervals: tuple[Interval, ...] = ()
    reports: tuple[Report, ...] = ()
    changeovers: tuple[ChangedOver, ...] = ()

    @property
    def numbered(self) -> dict[str, Report]:
        """Its reports by the numbers that people call them by: R-1 ..., in the log's order."""
        return {f"R-{number}": report for number, report in enumerate(self.reports, 1)}

    def report(self, name: str) -> Report:
        """A report by its number, in any case.

        Raises:
            Refused: there is none such.
        """
        found = self.numbered.get(name.strip().upper())
        if found is None:
            raise refuse(
                "environment.corrected",
                f"{self.code} has no report {name}.",
                f"Its reports: {', '.join(self.numbered) or 'none yet'}; `unbroken room show {self.code}` tells them.",
                room=self.code,
                report=name,
            )
        return found

    @property
    def therapies(self) -> tuple[str, ...]:
        """Everybody whose cells were open there, by name."""
        return tuple(sorted({interval.therapy for interval in self.intervals}))


class Member(NamedTuple):
    """A patient of a dose cohort: when conditioning and infusion began, and the DLT decision that stands, in a word and told."""

    therapy: str
    begun: datetime | None
    infused: Begun | None
    decision: str
    told: str
    ended: str
    readable: bool = True


class Opening(NamedTuple):
    """A signature under the decision to open a stopped cohort again, at that many dose-limiting toxicities."""

    person: str
    account: str
    dlts: int
    link: str


class Cohort(NamedTuple):
    """A dose cohort as it stands: its patients in the order of their enrolment, and whether a signature has stopped it.

    `stopped`: the reason; `stopper`, `stopped_by`: who, as a person and as an account. `accepted`: how many patients with a
    dose-limiting toxicity there were when it was last opened again. `opening`: signatures to open it, while others are missing.
    """

    name: str
    members: tuple[Member, ...] = ()
    stopped: str = ""
    stopper: str = ""
    stopped_by: str = ""
    accepted: int = 0
    opening: tuple[Opening, ...] = ()

    @property
    def dlts(self) -> int:
        """How many of its patients had a dose-limiting toxicity, as decided."""
        return sum(1 for one in self.members if one.decision == "dlt")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Answers to everything the command names: codes, lots, devices, training, rooms, slots.

    `zone`: the time zone of the place where the actor stands; today is the day there.
    `owners`: code to the therapy that it is bound to; a code that nobody has bound is not in it.
    `known_as`: code to what it is beside a patient's own, by kind ("lot": "a lot of vector"); one that is nothing is not in it.
    `therapies`: other patients' therapies that the record will reach, as they stand.
    `protocols`: the study files that those are pinned to.
    `people`: accounts that the command names; one that nobody holds is not in it. Of a step that was done on paper, or told
    afterwards, with the roles that they held then; and `trained_then`: the training of its performer as it was recorded then.
    `cohort`: the patient's dose cohort, where the step looks at it.
    `versions`: every protocol in the log, in the order in which they were adopted; only for an amendment.
    """

    now: datetime
    actor: Actor
    zone: str
    owners: dict[str, str] = field(default_factory=dict)
    known_as: dict[str, dict[str, str]] = field(default_factory=dict)
    lots: dict[str, Lot] = field(default_factory=dict)
    devices: dict[str, Device] = field(default_factory=dict)
    training: dict[str, tuple[Validity, ...]] = field(default_factory=dict)
    rooms: dict[str, Room] = field(default_factory=dict)
    booked: dict[str, tuple[Interval, ...]] = field(default_factory=dict)
    therapies: dict[str, Therapy] = field(default_factory=dict)
    protocols: dict[str, StudyProtocol] = field(default_factory=dict)
    people: dict[str, Actor] = field(default_factory=dict)
    versions: tuple[StudyProtocol, ...] = ()
    trained_then: dict[str, tuple[Validity, ...]] = field(default_factory=dict)
    cohort: Cohort | None = None
