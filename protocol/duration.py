"""Lengths of time as a protocol writes them: ``30 min``, ``24 h``, ``4 weeks``, ``6 months`` (calendar months)."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

_FORM = re.compile(r"([0-9]{1,6})\s*(min|h|d|week|weeks|month|months)", re.ASCII)
_STEP = {"min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "week": timedelta(weeks=1)}
_LONGEST = timedelta(days=36_525)


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time: exact, or whole calendar months (which no number of hours equals)."""

    text: str
    exact: timedelta
    months: int = 0

    def after(self, moment: datetime) -> datetime:
        """The moment this much later; a month's last days stay in the month (31 January + 1 month = 28 February)."""
        if not self.months:
            return moment + self.exact
        year, month = divmod(moment.year * 12 + moment.month - 1 + self.months, 12)
        day = min(moment.day, calendar.monthrange(year, month + 1)[1])
        return moment.replace(year=year, month=month + 1, day=day)

    def before(self, moment: datetime) -> datetime:
        """The moment this much earlier; months count as 30 days here."""
        return moment - (self.exact or timedelta(days=30 * self.months))

    def __str__(self) -> str:
        return self.text


def read_duration(value: object) -> Duration:
    """Read a length of time.

    Raises:
        ValueError: another form.
    """
    if isinstance(value, Duration):
        return value
    match = _FORM.fullmatch(str(value).strip())
    if match is None:
        raise ValueError(f"{value!r} is no length of time; write for example 30 min, 24 h, 28 d, 4 weeks, 6 months")
    number, unit = int(match[1]), match[2].removesuffix("s")
    text = f"{number} {match[2]}"
    if number * (timedelta(days=31) if unit == "month" else _STEP[unit]) > _LONGEST:
        raise ValueError(f"{text} is longer than 100 years")
    if unit == "month":
        return Duration(text, timedelta(0), number)
    return Duration(text, number * _STEP[unit])


Length = Annotated[Duration, BeforeValidator(read_duration), PlainSerializer(str, return_type=str)]
