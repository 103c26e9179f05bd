"""Waiting for a reader to notice what was done to its topic, and how it says so."""

from __future__ import annotations

import time

from events.errors import Corrupt, Unavailable, UnbrokenError
from events.log_kafka import KafkaLog
from tests.chaos.founded import Nurse


def stops(one: KafkaLog, nurse: Nurse, seconds: float = 15.0) -> UnbrokenError:
    """Append until it is refused for good, and say how."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            one.append(nurse.signed(one, ["suite/C0"]))
        except Corrupt as problem:
            return problem
        except Unavailable:
            pass
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
