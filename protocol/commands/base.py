"""What every command is, and the values that several of them hold."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainValidator, model_validator

from events import writing
from events.facts.base import Name, read_day_or_moment

EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""Between which every moment lies that somebody tells; beyond, a length added to it would leave the calendar."""


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("the time has no zone; write for example 2026-03-01T09:30:00Z or +01:00")
    if not EARLIEST <= moment < LATEST:
        raise ValueError(f"the time lies in the year {moment.year}; from 1900 to 2199 is what is told here")
    # Two times on one place's clocks would be compared, and subtracted, as they are shown there.
    return moment.astimezone(UTC)


Text = Annotated[str, AfterValidator(writing.free_text)]
"""A reason, or what happened: as `events.writing.free_text` keeps it."""
Short = Annotated[str, AfterValidator(writing.value)]
"""One value in words: as `events.writing.value` keeps it."""
Moment = Annotated[datetime, AfterValidator(_aware)]


def _day_or_moment(value: object) -> date:
    if isinstance(value, str) and "T" in value:
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return _aware(value)
    day = read_day_or_moment(value)
    if not EARLIEST.date() <= day < LATEST.date():
        raise ValueError(f"the day lies in the year {day.year}; from 1900 to 2199 is what is told here")
    return day


DayOrMoment = Annotated[date, PlainValidator(_day_or_moment)]
"""A day alone, meant where whoever says it stands; or a moment (a datetime)."""


class Command(BaseModel):
    """A command from outside: unknown fields are refused, and in no text of it, of whatever field, may a character hide."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _written(cls, document: Any) -> Any:
        if isinstance(document, Mapping):
            for field, value in document.items():
                check_written(str(field), value)
        return document


def check_written(field: str, value: object) -> None:
    """Look through what was given for one field, however deep it is nested.

    Raises:
        ValueError: a text in it is longer than any may be, or holds a character that hides; the field is named.
    """
    for text in writing.texts_in(value):
        try:
            writing.refuse_long(text, writing.LONGEST_TEXT)
            writing.refuse_hidden(text, writing.BREAKS + writing.FROM_SCANNERS)
        except writing.Unfit as problem:
            raise ValueError(f"{field} {problem}") from None


def number_as_text(value: object) -> object:
    # A file may hold 250 or 250.5 without quotes; a number's text is kept, never its binary approximation.
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if isinstance(value, (int, float)) else value


def _reading(value: object) -> object:
    """``250 mL`` or ``{value: 250, unit: mL}``; text without a unit stays whole under ``text``."""
    return value if isinstance(value, (dict, Entered)) else {"value": value}


class Entered(Command):
    """A value as entered; its unit may stand apart or behind the number. `confirmed`: why it is right, where it was asked about."""

    value: Annotated[Short, BeforeValidator(number_as_text)]
    unit: Short | None = None
    confirmed: Text | None = None


Number = Annotated[Short, BeforeValidator(number_as_text)]
"""A value as written; a number's text is kept."""
Readings = dict[Name, Annotated[Entered, BeforeValidator(_reading)]]
"""What a step records, by name; ``250 mL`` is as good as a value and its unit."""
