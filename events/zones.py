"""The calendar of a place: which day it is there, when that day begins, and how days are counted on.

Zones are read from the `tzdata` package of the lock, never from the machine's own files, so that every machine decides the same.
A local time that the clocks skip is read with the offset before the change (02:30 becomes 03:30); one that comes twice is the first.
That is how RFC 5545 3.3.5 reads them.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import tzdata

_FOLDER = Path(tzdata.__file__).parent
_MILLISECOND = timedelta(milliseconds=1)


@cache
def zone_names() -> frozenset[str]:
    """Every name of the time zone database that this program knows."""
    return frozenset((_FOLDER / "zones").read_text(encoding="ascii").split())


@cache
def zone_of(name: str) -> ZoneInfo:
    """A zone by its name (``Europe/Berlin``).

    Raises:
        ValueError: there is no zone of this name.
    """
    if name not in zone_names():
        raise ValueError(f"{name!r} is no time zone; write for example UTC or Europe/Berlin")
    with (_FOLDER / "zoneinfo" / name).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def local(moment: datetime, zone: str) -> datetime:
    """The same moment on the clocks of a place."""
    return moment.astimezone(zone_of(zone))


def day_of(moment: datetime, zone: str) -> date:
    """The day that it is at a place."""
    return local(moment, zone).date()


def spelled(moment: datetime, zone: str) -> str:
    """A moment as it is shown, always with its mark: ``2026-03-02 12:40 UTC``, ``2026-03-02 13:40 +01:00``."""
    there = local(moment, zone)
    return f"{there:%Y-%m-%d %H:%M} {'UTC' if zone == 'UTC' else there.isoformat()[-6:]}"


def at_local(day: date, clock: time, zone: str) -> datetime:
    """The moment, in UTC, when the clocks of a place show this time of this day; see the head of this file for two or none."""
    return datetime.combine(day, clock.replace(tzinfo=None, fold=0), tzinfo=zone_of(zone)).astimezone(UTC)


def begins(day: date, zone: str) -> datetime:
    """The first moment of a day at a place."""
    return at_local(day, time(), zone)


def ends(day: date, zone: str) -> datetime:
    """The last millisecond of a day at a place: a day is over after it."""
    return begins(day + timedelta(days=1), zone) - _MILLISECOND


def months_on(day: date, months: int) -> date:
    """The day so many months later (or earlier, below zero); what the month lacks is its last day (31 January + 1 = 28 February)."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


# ------------------------------------------------------------------ a day or a moment: a datetime is a moment, any other date a day


def until_when(until: date, zone: str) -> datetime:
    """The last moment of a day at a place; a moment itself."""
    return until if isinstance(until, datetime) else ends(until, zone)


def at_latest(when: date, known: datetime, zone: str) -> datetime:
    """When something had happened at the latest that was known at a time: of a day alone the end of it, and no later than known."""
    return when if isinstance(when, datetime) else min(ends(when, zone), known)


def over_from(until: date, zone: str) -> datetime:
    """From when on what is valid until a day or a moment is over: a moment is exact, a day has to end where it is asked."""
    return until if isinstance(until, datetime) else begins(until + timedelta(days=1), zone)


def later(one: date, other: date, zone: str) -> bool:
    """Whether one day or moment is later than another: of two moments exactly, else by the day that it was at a place."""
    if isinstance(one, datetime) and isinstance(other, datetime):
        return one > other
    return _as_day(one, zone) > _as_day(other, zone)


def told(when: date) -> str:
    """A moment in UTC with its mark, or a day, which needs none: it is the writer's."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if isinstance(when, datetime) else when.isoformat()


def _as_day(when: date, zone: str) -> date:
    return day_of(when, zone) if isinstance(when, datetime) else when
