"""Waiting for a reader to notice what was done to its topic, and how it says so."""

from __future__ import annotations

import time

from events.errors import Corrupt, UnbrokenError
from events.log_kafka import KafkaLog
from tests.chaos.founded import Nurse
from tests.chaos.history import History


def stops(one: KafkaLog, nurse: Nurse, history: History, seconds: float = 15.0) -> UnbrokenError:
    """Append until it is refused for good, and say how; the history has what was told of each record until then."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            value = nurse.signed(one, ["suite/C0"])
        except Corrupt as problem:
            return problem
        if isinstance(told := history.append(one, value), Corrupt):
            return told
        time.sleep(0.1)
    raise AssertionError("it was never noticed")


def ends(one: KafkaLog, seconds: float = 20.0) -> UnbrokenError:
    """How a reader that only follows ends."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            one.wait(one.size(), 0.5)
        except UnbrokenError as problem:
            return problem
    raise AssertionError("it was never noticed")
