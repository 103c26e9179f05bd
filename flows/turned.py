"""What comes of one turn of the driver: what it did, or that it is not the one driver any more."""

from __future__ import annotations

from dataclasses import dataclass


class LeaseLost(RuntimeError):
    """Another driver may begin from now on: stop here. What was half done, it or the next turn does again."""


@dataclass(frozen=True, slots=True)
class Turned:
    """What one turn of the driver did."""

    entered: int
    tasks: int
    failed: tuple[tuple[str, str], ...] = ()

    def __add__(self, other: Turned) -> Turned:
        return Turned(self.entered + other.entered, self.tasks + other.tasks, self.failed + other.failed)
