"""Times as a person types them: with a zone, or in the site's."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from events.errors import Refused
from events.writing import refuse_foreign
from protocol.commands.base import EARLIEST, LATEST

if TYPE_CHECKING:
    from console.site import Site


def moment_or_now(site: Site, text: str | None) -> datetime:
    """A time as typed; now, where none was."""
    return read_time(text, site.zone) if text else site.now()


def day_or_now(site: Site, text: str | None) -> date:
    """A day or a time as typed; now, where none was."""
    return read_day_or_time(text, site.zone) if text else site.now()


def read_day_or_time(text: str, zone: ZoneInfo) -> date:
    """A day alone (``2026-03-01``), which is the site's, or a time; a datetime is a time.

    Raises:
        Refused: neither, a day that does not exist, or see `read_time`.
    """
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text.strip(), re.ASCII):
        with suppress(ValueError):
            return date.fromisoformat(text.strip())
    return read_time(text, zone)


def read_time(text: str, zone: ZoneInfo) -> datetime:
    """A time, in UTC: ``2026-03-01T09:30``, with Z, an offset, or neither (then the site's zone).

    Raises:
        Refused: another form, or an hour that the zone skips or repeats when clocks change.
    """
    try:
        refuse_foreign(text.strip())
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        moment = None
    if moment is None or len(text.strip()) < 16:
        raise Refused(
            "time.form",
            f"{_shown(text)!r} is no time.",
            values={"given": _shown(text)},
            advice=f"Write day and time: 2026-03-01T09:30 (in {zone.key}), 2026-03-01T09:30Z, or 2026-03-01T09:30+01:00.",
        )
    if not EARLIEST.year <= moment.year < LATEST.year:
        raise Refused(
            "time.form",
            f"{text.strip()} lies in the year {moment.year}; from {EARLIEST.year} to {LATEST.year - 1} is what is told here.",
            values={"given": text.strip()},
            advice="Write the year with all four digits, as it was.",
        )
    if moment.tzinfo is not None:
        return moment.astimezone(UTC)
    early, late = moment.replace(tzinfo=zone, fold=0), moment.replace(tzinfo=zone, fold=1)
    if early.utcoffset() != late.utcoffset():
        raise Refused(
            "time.zone",
            f"{text} happens twice or never in {zone.key}: the clocks change then.",
            values={"given": text, "zone": zone.key},
            advice=f"Add the offset: {text}{_offset(early)} or {text}{_offset(late)}.",
        )
    return early.astimezone(UTC)


def _shown(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."


def _offset(moment: datetime) -> str:
    text = moment.strftime("%z")
    return f"{text[:3]}:{text[3:5]}"
