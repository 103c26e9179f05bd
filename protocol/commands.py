"""What a person may ask for. A command is what was said; facts are what follows when the rules allow it."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

from events.facts.base import Flag, LabelFate, Name, Short
from events.facts.base import Text as AnyText
from events.identifiers import Code, one_line


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("the time has no zone; write for example 2026-03-01T09:30:00Z or +01:00")
    return moment


def _says_something(text: str) -> str:
    shown = one_line(text)
    if not any(character.isalnum() for character in shown):
        raise ValueError("an empty reason is no reason")
    return shown


Text = Annotated[AnyText, AfterValidator(_says_something)]
Moment = Annotated[datetime, AfterValidator(_aware)]


class Command(BaseModel):
    """A command from outside: unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


def _number_as_text(value: object) -> object:
    # A file may hold 250 or 250.5 without quotes; a number's text is kept, never its binary approximation.
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if isinstance(value, (int, float)) else value


def _reading(value: object) -> object:
    """``250 mL`` or ``{value: 250, unit: mL}``; text without a unit stays whole under ``text``."""
    return value if isinstance(value, (dict, Entered)) else {"value": value}


class Entered(Command):
    """A value as entered; its unit may stand apart or behind the number."""

    value: Annotated[Short, BeforeValidator(_number_as_text)]
    unit: Short | None = None


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
    readings: dict[Name, Annotated[Entered, BeforeValidator(_reading)]] = {}
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
    readings: dict[Name, Annotated[Entered, BeforeValidator(_reading)]]


class Correct(Command):
    """Correct a recorded value, with the reason why."""

    step: Name
    occurrence: Name = "1"
    material: str | None = None
    reading: Name
    value: Annotated[Short, BeforeValidator(_number_as_text)]
    unit: Short | None = None
    why: str


class OpenDeviation(Command):
    """A person reports a deviation."""

    grade: Literal["minor", "major", "critical"]
    says: Text


class AssessDeviation(Command):
    """Assess the impact of a deviation."""

    deviation: str
    impact: Text


class CloseDeviation(Command):
    """Close a deviation; not by its opener."""

    deviation: str
    conclusion: Text


class DecideQuarantine(Command):
    """QA lifts a quarantine, or rejects the material."""

    materials: tuple[str, ...]
    decision: Literal["lifted", "rejected"]
    reason: Text


class ClearHold(Command):
    """Clear a hold after a wrong item: the right wristband scanned again, QA and a second person."""

    wristband: str
    reason: Text


class Dispose(Command):
    """Dispose of materials."""

    materials: tuple[str, ...]
    reason: Text


class WithdrawPatient(Command):
    """The patient withdraws."""

    withdrawn: tuple[Literal["treatment", "visits", "data", "samples"], ...]
    at: Moment
    reason: Text


class ReportDeath(Command):
    """The patient died."""

    at: Moment
    reason: Text


class FailScreening(Command):
    """The patient does not meet the criteria."""

    reason: Text


class LetPass(Command):
    """The system's own turn: whatever the clock and the protocol make due by themselves."""


AnyCommand = (
    Perform
    | Witness
    | Decline
    | TakeBack
    | ReportLate
    | Correct
    | OpenDeviation
    | AssessDeviation
    | CloseDeviation
    | DecideQuarantine
    | ClearHold
    | Dispose
    | WithdrawPatient
    | ReportDeath
    | FailScreening
    | LetPass
)
