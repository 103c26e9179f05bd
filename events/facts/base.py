"""What all facts share, and the small values they are made of. Decimals are strings beside their unit."""

# No `from __future__ import annotations` in a file of models: pydantic would compile every annotation from its text again,
# which costs a command a third of its start.
import re
from datetime import date, datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    PlainValidator,
    StrictBool,
    StrictInt,
    StringConstraints,
)

from events.identifiers import Account, Code, Digest, Name, PersonId, Text, TherapyId
from events.instant import from_wire, to_wire, whole_milliseconds

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
Short = Annotated[str, StringConstraints(max_length=500, strip_whitespace=True)]
Grade = Literal["minor", "major", "critical"]
Flag = StrictBool
Count = StrictInt


def _moment(value: object) -> datetime:
    if isinstance(value, datetime):
        return whole_milliseconds(value)
    if isinstance(value, str):
        return from_wire(value)
    raise ValueError("a time is a string spelled YYYY-MM-DDTHH:MM:SS.mmmZ")


Instant = Annotated[datetime, BeforeValidator(_moment), PlainSerializer(to_wire, return_type=str)]
"""An aware UTC time as a field of a fact."""


def read_day_or_moment(value: object) -> date:
    """A day (``2026-03-01``), or a moment as on the wire; a datetime is a moment, any other date a day.

    Raises:
        ValueError: neither.
    """
    if isinstance(value, str) and _DAY.fullmatch(value):
        return date.fromisoformat(value)
    return value if type(value) is date else _moment(value)


def spell(when: date) -> str:
    """A day, or a moment, as it stands on the wire."""
    return to_wire(when) if isinstance(when, datetime) else when.isoformat()


DayOrInstant = Annotated[date, PlainValidator(read_day_or_moment), PlainSerializer(spell, return_type=str)]
"""What a person writes as a day alone, meant where she stands, or as a moment."""


class Value(BaseModel):
    """A frozen value inside a fact; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True, hide_input_in_errors=True)


class Fact(Value):
    """Something that happened. `wire` is its name in the log for ever; a changed shape gets a new version."""

    wire: ClassVar[str]

    def to_wire(self) -> dict[str, Any]:
        """The object that stands in a statement: the wire name and every field that is set."""
        return {"fact": self.wire, **self.model_dump(mode="json", exclude_none=True, exclude_defaults=True)}


class TherapyFact(Fact):
    """A fact about one therapy; it stands in that therapy's stream."""

    therapy: TherapyId


class Reading(Value):
    """One recorded value under the name that the protocol gives it; numbers are decimal strings with a unit.

    `confirmed`: why a number is right that leapt from the one recorded before it.
    """

    name: Name
    value: Short
    unit: Short | None = None
    confirmed: Text | None = None


class Scan(Value):
    """One scanned barcode: what was asked for (`name`), its canonical code, and whether it was typed by hand."""

    name: Name
    code: Code
    typed: Flag = False


class Used(Value):
    """A lot or a device that a step used."""

    what: Literal["lot", "device"]
    name: Name
    code: Code


class DoneBy(Value):
    """Who did an act that somebody else signs: the account, and the person behind it."""

    account: Account
    person: PersonId


class NewMaterial(Value):
    """A material that comes into being: its code, what it is, what it was made from; `also`, where several were pooled."""

    code: Code
    kind: Name
    parent: Code | None = None
    also: tuple[Code, ...] = ()


class Choice(Value):
    """An option of the protocol that was chosen for this patient (cohort, dose level, starting material)."""

    name: Name
    option: Name


class Slot(Value):
    """A booked resource, from `starts` until before `ends`."""

    resource: Name
    code: Code
    starts: Instant
    ends: Instant


class LabelFate(Value):
    """What became of one serial label."""

    serial: Code
    fate: Literal["applied", "attached_to_record", "destroyed"]


class LabelLine(Value):
    """One line of a label as printed: what it is, and its value. Codes only; no name of a patient."""

    title: Short
    value: Short


class LabelStatement(Value):
    """A statement that a rule requires on a label, as printed; `legend` is a sign printed beside it."""

    id: Name
    text: Text
    legend: Literal["biohazard"] | None = None


class Criterion(Value):
    """One release criterion as evaluated: what was found, what passes."""

    name: Name
    verdict: Literal["passed", "failed", "pending"]
    found: Short = ""
    passes: Short = ""


class RawFile(Value):
    """A raw file by the SHA-256 of its bytes, their number, and what it is. A site keeps it under that hash."""

    sha256: Digest
    size: Count
    what: Short


class ActKey(Value):
    """Which instance of a step: the step, its occurrence, the material where the step is done per material, the batch.

    `batch`: the first is 1; a step that is done again for a remake belongs to the next one.
    """

    step: Name
    occurrence: Name = "1"
    material: Code | None = None
    batch: Count = 1


__all__ = [
    "Account",
    "ActKey",
    "Choice",
    "Code",
    "Count",
    "Criterion",
    "DayOrInstant",
    "Digest",
    "DoneBy",
    "Fact",
    "Flag",
    "Grade",
    "Instant",
    "LabelFate",
    "LabelLine",
    "LabelStatement",
    "Name",
    "NewMaterial",
    "PersonId",
    "RawFile",
    "Reading",
    "Scan",
    "Short",
    "Slot",
    "Text",
    "TherapyFact",
    "TherapyId",
    "Used",
    "Value",
]
