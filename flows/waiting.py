"""Waiting for the log to grow: told by the log where it can, else by looking."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import cast

from events.log import EventLog

LOOK_EVERY = 0.5
"""Seconds between two looks at a log that can't wait: one small read."""


def more(log: EventLog) -> Callable[[int, float], None] | None:
    """The log's own ``wait(position, seconds)``, callable from any thread; None where it has none."""
    return cast("Callable[[int, float], None] | None", getattr(log, "wait", None))


def wait_for_more(log: EventLog, position: int, seconds: float, sleep: Callable[[float], None] = time.sleep) -> None:
    """Return as soon as the log holds more than `position` records, or after `seconds`.

    Raises:
        Unavailable: the log is away.
    """
    wait = more(log)
    if wait is not None:
        wait(position, seconds)
        return
    end = time.monotonic() + seconds
    while log.size() <= position and (left := end - time.monotonic()) > 0:
        sleep(min(LOOK_EVERY, left))
