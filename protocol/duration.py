"""Lengths of time as a protocol writes them: elapsed (``30 min``, ``24 h``), or of the calendar (``28 d``, ``3 months``, ``15 years``).

Minutes and hours are elapsed time, the same everywhere. Days, weeks, months and years are the calendar of the place from whose act
they are counted: they keep the time of day on its clocks, whatever the clocks do between.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, NamedTuple

from pydantic import BeforeValidator, PlainSerializer

from events.zones import at_local, begins, day_of, ends, local, months_on, spelled

_FORM = re.compile(r"([0-9]{1,6})\s*(min|h|d|week|weeks|month|months|year|years)", re.ASCII)
_ELAPSED = {"min": timedelta(minutes=1), "h": timedelta(hours=1)}
_DAYS = {"d": 1, "week": 7}
_MONTHS = {"month": 1, "year": 12}
_LONGEST = timedelta(days=36_525)
_DAYS_OF_A_MONTH = 30.4375
"""On the average; only to say what is longer than 100 years."""


class Begun(NamedTuple):
    """A moment from which something is counted, and the zone of the place where it was; in order of time."""

    at: datetime
    zone: str

    def __str__(self) -> str:
        return spelled(self.at, self.zone)

    @property
    def day(self) -> date:
        """The day that it was there."""
        return day_of(self.at, self.zone)


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time: elapsed, or whole days or months of a calendar, which no number of hours equals."""

    text: str
    elapsed: timedelta = timedelta(0)
    days: int = 0
    months: int = 0
    calendar: bool = False

    def after(self, moment: datetime, zone: str) -> datetime:
        """The moment this much later, counted on the calendar of `zone` where it is of the calendar."""
        return self._counted(moment, zone, 1)

    def before(self, moment: datetime, zone: str) -> datetime:
        """The moment this much earlier."""
        return self._counted(moment, zone, -1)

    def _counted(self, moment: datetime, zone: str, sign: int) -> datetime:
        if not self.calendar:
            return moment + sign * self.elapsed
        there = local(moment, zone)
        day = self.day_after(there.date(), sign)
        # No day on: the same moment, and not the other one of an hour that comes twice.
        return moment if day == there.date() else at_local(day, there.time(), zone)

    def day_after(self, day: date, sign: int = 1) -> date:
        """The day this much later (`sign` -1: earlier); only of a calendar's length."""
        assert self.calendar  # hours from a day begin at no moment that anybody knows
        return months_on(day, sign * self.months) + timedelta(days=sign * self.days)

    def opens(self, moment: datetime, zone: str) -> datetime:
        """When a window opens that begins this much before a moment: with its local day, where it is of the calendar."""
        earlier = self.before(moment, zone)
        return begins(day_of(earlier, zone), zone) if self.calendar else earlier

    def closes(self, moment: datetime, zone: str) -> datetime:
        """The last moment of a window that ends this much after a moment: the whole of its local day, where it is of the calendar."""
        later = self.after(moment, zone)
        return ends(day_of(later, zone), zone) if self.calendar else later

    def too_old(self, day: date, at: datetime, zone: str) -> bool:
        """Whether what is dated by a day is older than this at a moment: whole days are compared; hours run from the day's beginning."""
        if self.calendar:
            return self.day_after(day) < day_of(at, zone)
        return self.after(begins(day, zone), zone) < at

    @property
    def exact(self) -> timedelta:
        """Time that is summed up, of readings of a logger: it stands on no calendar, and a day of it is 24 hours."""
        return self.elapsed + timedelta(days=self.days)

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
        raise ValueError(
            f"{value!r} is no length of time; write for example 30 min, 24 h, 28 d, 4 weeks, 6 months, 15 years"
        )
    number, unit = int(match[1]), match[2].removesuffix("s")
    text = f"{number} {match[2]}"
    if unit in _ELAPSED:
        length = Duration(text, elapsed=number * _ELAPSED[unit])
    else:
        length = Duration(text, days=number * _DAYS.get(unit, 0), months=number * _MONTHS.get(unit, 0), calendar=True)
    if length.elapsed + timedelta(days=length.days + _DAYS_OF_A_MONTH * length.months) > _LONGEST:
        raise ValueError(f"{text} is longer than 100 years")
    return length


Length = Annotated[Duration, BeforeValidator(read_duration), PlainSerializer(str, return_type=str)]
