"""What is said about a step: that it was performed, signed second, not to stand, told late, corrected."""

from typing import Literal

from events.facts.base import Flag, LabelFate, Name, Short
from events.identifiers import Code
from protocol.commands.base import Command, Moment, Number, Readings, Text


class Presented(Command):
    """A scan as presented: what was asked for, and what the scanner sent (or a hand typed)."""

    name: Name
    code: str
    typed: Flag = False


class BookedSlot(Command):
    """A slot to book."""

    resource: Name
    code: Code
    starts: Moment
    ends: Moment


class Perform(Command):
    """A step was performed, or is to be signed.

    Args:
        step, occurrence, material: which instance; occurrence and material may be left out where only one is open.
        started, ended: aware; `ended` defaults to `started`, `started` to now.
        readings: what the step records, by name. scans: what was scanned. used: lots and devices by name.
        permits (consent), outcome (assessment), subject, coi, choices (enrolment), slots (booking),
        issued, labels (labelling), room (one patient in), decision (disposition), last (conditioning): as the kind asks.
    """

    step: Name
    occurrence: Name | None = None
    material: str | None = None
    started: Moment | None = None
    ended: Moment | None = None
    readings: Readings = {}
    scans: tuple[Presented, ...] = ()
    used: dict[Name, str] = {}
    permits: tuple[Name, ...] = ()
    outcome: Literal["eligible", "not_eligible"] | None = None
    subject: str | None = None
    coi: str | None = None
    screening: str | None = None
    choices: dict[Name, Name] = {}
    slots: tuple[BookedSlot, ...] = ()
    issued: tuple[str, ...] = ()
    labels: tuple[LabelFate, ...] = ()
    room: str | None = None
    decision: Literal["released", "rejected"] | None = None


class Witness(Command):
    """Sign second: `act` is the link (or its beginning, 8 characters or more) of the act."""

    act: str
    scans: tuple[Presented, ...] = ()


class Decline(Command):
    """The second person will not sign."""

    act: str
    reason: Text


class TakeBack(Command):
    """The performer withdraws an act that nobody has signed second."""

    act: str
    reason: Text


class ReportLate(Command):
    """Report values that were allowed to come late."""

    step: Name
    occurrence: Name = "1"
    material: str | None = None
    readings: Readings


class Correct(Command):
    """Correct a recorded value, with the reason why."""

    step: Name
    occurrence: Name = "1"
    material: str | None = None
    reading: Name
    value: Number
    unit: Short | None = None
    why: str


StepCommand = Perform | Witness | Decline | TakeBack | ReportLate | Correct
