"""What is said about a step: that it was performed, signed second, not to stand, told late, corrected."""

from typing import Literal

from events.facts.base import Flag, LabelFate, Name, RawFile
from events.facts.logger import LogFigures
from events.identifiers import Code
from protocol.commands.base import Command, Moment, Number, Readings, Short, Text


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


class PaperEntry(Command):
    """The step was done on paper, and is entered now by somebody who has the sheet.

    Args:
        file: the scanned sheet. performed_by, second_by: the accounts of those who signed on the paper.
        why: why it was on paper.
    """

    file: RawFile
    performed_by: str
    second_by: str | None = None
    why: Text


class Begun(Command):
    """Another began the step and cannot go on: their account, and why."""

    account: str
    why: Text


class Perform(Command):
    """A step was performed, or is to be signed.

    Args:
        step, occurrence, material: which instance; occurrence and material may be left out where only one is open.
        started, ended: aware; `ended` defaults to `started`, `started` to now.
        readings: what the step records, by name. scans: what was scanned. used: lots and devices by name.
        permits (consent), outcome (assessment), subject, coi, choices (enrolment), slots (booking),
        issued, labels (labelling), room (one patient in), decision (disposition), last (conditioning): as the kind asks.
        logger: the figures of the temperature log, computed from its raw file; logger_lost: why there is none.
        paper: it was done on paper, by others than sign here. taken_over: who had begun it, and could not go on.
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
    logger: LogFigures | None = None
    logger_lost: Text | None = None
    paper: PaperEntry | None = None
    taken_over: Begun | None = None


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


class TakeOver(Command):
    """Take over an act that waits for its second signature, because its performer cannot go on."""

    act: str
    reason: Text


class ReportLate(Command):
    """Report values that were allowed to come late."""

    step: Name
    occurrence: Name = "1"
    material: str | None = None
    readings: Readings


class Correct(Command):
    """Correct a recorded value, with the reason why; of an earlier batch where `batch` says so.

    `confirmed`: why the new value is right, where it leaps from the one recorded before.
    """

    step: Name
    occurrence: Name = "1"
    material: str | None = None
    batch: int | None = None
    reading: Name
    value: Number
    unit: Short | None = None
    confirmed: Text | None = None
    why: str


class ReadLogger(Command):
    """The temperature log of a step that was performed: it came after the step, is read again, or is lost.

    Args:
        logger: the figures, computed from its raw file; logger_lost: why there is none. One of the two.
        why: another log was read before; the reason why this one counts.
    """

    step: Name
    occurrence: Name = "1"
    material: str | None = None
    logger: LogFigures | None = None
    logger_lost: Text | None = None
    why: Text | None = None


StepCommand = Perform | Witness | Decline | TakeBack | TakeOver | ReportLate | Correct | ReadLogger
