"""What every command is, and the values that several of them hold."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

from events.facts.base import Name, Short
from events.facts.base import Text as AnyText
from events.identifiers import one_line


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("the time has no zone; write for example 2026-03-01T09:30:00Z or +01:00")
    return moment.astimezone(
        UTC
    )  # two times on one place's clocks would be compared, and subtracted, as they are shown there


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


def number_as_text(value: object) -> object:
    # A file may hold 250 or 250.5 without quotes; a number's text is kept, never its binary approximation.
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if isinstance(value, (int, float)) else value


def _reading(value: object) -> object:
    """``250 mL`` or ``{value: 250, unit: mL}``; text without a unit stays whole under ``text``."""
    return value if isinstance(value, (dict, Entered)) else {"value": value}


class Entered(Command):
    """A value as entered; its unit may stand apart or behind the number."""

    value: Annotated[Short, BeforeValidator(number_as_text)]
    unit: Short | None = None


Number = Annotated[Short, BeforeValidator(number_as_text)]
"""A value as written; a number's text is kept."""
Readings = dict[Name, Annotated[Entered, BeforeValidator(_reading)]]
"""What a step records, by name; ``250 mL`` is as good as a value and its unit."""
