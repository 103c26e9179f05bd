"""What other processes do to the same log: race for a head, or append until they are killed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from events.errors import Moved
from events.log import EventLog
from tests.contracts.backends import BACKENDS, Backend
from tests.ground import Small, deviation, small_log


def signed(log: EventLog, known: Small, stream: str, says: str) -> bytes:
    """A record by the nurse that extends a stream where the log says it stands."""
    known.heads[stream] = log.heads([stream])[stream]
    return known.record("nurse", [stream], deviation(says=says))


def race(backend: Backend, where: Path, barrier: Any, rounds: int, name: int, results: Any) -> None:
    """In each round everyone signs the same head, then all append at once."""
    log, known = backend.open(where), small_log()
    won = []
    for round_ in range(rounds):
        value = signed(log, known, "suite/RACE", f"{name} in round {round_}")
        barrier.wait(60)
        with suppress(Moved):
            won.append((round_, log.append(value).position))
        barrier.wait(60)
    log.close()
    results.put((name, won))


def append_for_ever(backend: Backend, where: Path, tell: Callable[[str], object]) -> None:
    """Append; say each link only after it was acknowledged."""
    log, known = backend.open(where), small_log()
    number = 0
    while True:
        number += 1
        done = log.append(signed(log, known, f"lot/L{number % 3}", f"record {number}"))
        tell(f"{done.position} {done.link}\n")


def _tell(line: str) -> None:
    sys.stdout.write(line)
    sys.stdout.flush()


if __name__ == "__main__":
    (chosen,) = (backend for backend in BACKENDS if backend.name == sys.argv[1])
    append_for_ever(chosen, Path(sys.argv[2]), _tell)
