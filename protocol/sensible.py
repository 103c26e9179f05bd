"""Days and times that a person writes lie in a range in which they can be: not in the year 26, 1926 or 2126.

A slip in the year is no late entry. The range is wide, and said in the refusal; what a study asks of a day is narrower.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta

from pydantic import BaseModel

from events.zones import day_of
from protocol.refusals import refuse

YEAR = timedelta(days=366)
AWAY = 10 * YEAR
"""How far from now anything lies that is told of a therapy, before or ahead: a slot, an onset, a death, a step."""
LIFE = 100
"""How many years before a step the day lies at most that it records: a diagnosis of long ago."""
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_NOT_TOLD = frozenset({"logger"})
"""Figures that were computed from a file, whose times are the file's."""


def check_moments(command: BaseModel, now: datetime) -> None:
    """Refuse a command in which a time lies where it cannot.

    Raises:
        Refused: naming the field, the time, and between which days it lies.
    """
    for name, moment in _moments(command):
        if not now - AWAY <= moment <= now + AWAY:
            raise _out(name, moment, now - AWAY, now + AWAY)


def check_until(what: str, until: date, now: datetime, zone: str, years: int) -> None:
    """Refuse an end (of a lot, a calibration, a training) that has passed, or that lies further ahead than any such end.

    Args:
        until: a moment, or a day with its end, in the zone.

    Raises:
        Refused: naming between which days it lies.
    """
    today = day_of(now, zone)
    last = today.replace(year=today.year + years, day=min(today.day, 28))
    past = until <= now if isinstance(until, datetime) else until < today
    if past or until.year > last.year:
        raise refuse(
            "time.sensible",
            f"{what} {until.isoformat()} {'has passed' if past else f'lies in the year {until.year}'}; it lies between "
            f"{today.isoformat()} and the end of {last.year}.",
            "Write the year with all four digits, as it stands on the label or the certificate.",
            given=until.isoformat(),
            least=today.isoformat(),
            most=last.isoformat(),
        )


def check_day(name: str, day: date, on: date) -> None:
    """Refuse a day that lies further back than anything that is recorded of a patient.

    Args:
        on: the day of the act.

    Raises:
        Refused: naming the range.
    """
    if day.year < on.year - LIFE or (day.year == on.year - LIFE and (day.month, day.day) <= (on.month, on.day)):
        raise refuse(
            "time.sensible",
            f"{name} = {day.isoformat()} lies in the year {day.year}; it lies less than {LIFE} years before {on.isoformat()}.",
            "Write the year with all four digits, as it was.",
            name=name,
            value=day.isoformat(),
            on=on.isoformat(),
        )


def read_day(text: str) -> date | None:
    """A day written YYYY-MM-DD, in this one form; None where it is none."""
    try:
        return date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        return None


def _moments(value: object, name: str = "") -> Iterator[tuple[str, datetime]]:
    if isinstance(value, datetime):
        yield name, value
    elif isinstance(value, BaseModel):
        for field in type(value).model_fields:
            if field not in _NOT_TOLD:
                yield from _moments(getattr(value, field), field)
    elif isinstance(value, (tuple, list)):
        for one in value:
            yield from _moments(one, name)


def _out(name: str, moment: datetime, least: datetime, most: datetime) -> Exception:
    return refuse(
        "time.sensible",
        f"{name.capitalize()} {moment:%Y-%m-%d %H:%M} UTC lies in the year {moment.year}; it lies between {least:%Y-%m-%d} and "
        f"{most:%Y-%m-%d}.",
        "Write the year with all four digits, as it is on the label or in the record; and look at the clock of this computer.",
        given=moment,
        least=least,
        most=most,
    )
