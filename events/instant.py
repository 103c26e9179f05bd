"""One spelling of time on the wire: RFC 3339, UTC, milliseconds (``2026-03-01T09:30:00.000Z``).

Years run from 0001 to 9999; there is no hour 24 and no leap second, whatever a library's reader lets pass.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

WIRE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{3}Z")


def to_wire(moment: datetime) -> str:
    """Spell an aware time for the wire, cut (not rounded) to the millisecond.

    Raises:
        ValueError: the time is naive.
    """
    if moment.tzinfo is None:
        raise ValueError(f"time {moment.isoformat()} has no zone")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def from_wire(text: str) -> datetime:
    """Read the one spelling.

    Raises:
        ValueError: any other spelling, or no such day.
    """
    if not WIRE.fullmatch(text):
        raise ValueError(f"time {text!r} is not spelled YYYY-MM-DDTHH:MM:SS.mmmZ")
    return datetime.fromisoformat(text)


def whole_milliseconds(moment: datetime) -> datetime:
    """The same moment as it will read back from the wire."""
    return from_wire(to_wire(moment))
