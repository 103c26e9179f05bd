"""Standing by, waiting for the log, and what a turn that failed leaves behind: without any server."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from events.errors import Unavailable
from events.log import EventLog
from flows.driver import Driver
from flows.lease import FolderLease, LeaseHeld, holder_of
from flows.standing_by import AGAIN, FolderThenServer, stand_by, take
from flows.turned import LeaseLost, Turned
from flows.waiting import wait_for_more

AWAY = Unavailable("views.database", "The database is away.", advice="Wait.")


class Answers:
    """A lease that answers as it is told, one answer a try: None gives it."""

    def __init__(self, *answers: Exception | None) -> None:
        self.answers, self.has = list(answers), False

    def take(self) -> None:
        answer = self.answers.pop(0)
        if answer is not None:
            raise answer
        self.has = True

    def held(self) -> bool:
        return self.has

    def free(self) -> None:
        self.has = False


def held_by(pid: int) -> LeaseHeld:
    return LeaseHeld({"pid": pid, "host": "plant", "since": "2026-03-02T08:00:00+00:00"})


# ------------------------------------------------------------------ standing by


def test_standing_by_is_told_once_for_each_holder() -> None:
    """Who has it, that nobody can say who has it, and that it is taken over: a line each, however long it lasts."""
    told: list[str] = []
    slept: list[float] = []
    lease = Answers(held_by(1), held_by(1), held_by(1), AWAY, AWAY, held_by(2), None)
    stand_by(lease, "driver", told.append, slept.append)
    assert lease.held()
    assert told == [
        "standing by: another driver runs on this site, process 1 on plant since 2026-03-02T08:00:00+00:00",
        "standing by: The database is away.",
        "standing by: another driver runs on this site, process 2 on plant since 2026-03-02T08:00:00+00:00",
        "taking over as driver",
    ]
    assert slept == [AGAIN] * 6


def test_the_first_one_says_nothing() -> None:
    told: list[str] = []
    stand_by(Answers(None), "driver", told.append, lambda _: None)
    assert told == []


def test_who_does_not_stand_by_is_told_who_runs() -> None:
    """`--once`: 7, with the holder in the values for programs."""
    with pytest.raises(Unavailable, match="Another driver runs on this site: process 1 on plant") as told:
        take(Answers(held_by(1)), "driver")
    assert told.value.exit_code == 7
    assert told.value.values["pid"] == 1


def test_the_folder_and_the_server_are_taken_together_or_not_at_all(tmp_path: Path) -> None:
    """Who has the folder but not the server's lease gives the folder back, so that nobody waits for who waits."""
    path = tmp_path / "driver.lock"
    server = Answers(held_by(1), AWAY, None)
    both = FolderThenServer(FolderLease(path), server)
    for problem in (LeaseHeld, Unavailable):
        with pytest.raises(problem):
            both.take()
        assert holder_of(path) is None
    both.take()
    assert both.held()
    assert holder_of(path)
    with pytest.raises(LeaseHeld):
        FolderLease(path).take()
    server.has = False
    assert not both.held()
    both.free()
    assert holder_of(path) is None


# ------------------------------------------------------------------ waiting for the log


def test_a_log_that_can_wait_is_asked_to() -> None:
    """One call, and it decides when to return."""
    asked: list[tuple[int, float]] = []
    log = SimpleNamespace(wait=lambda position, seconds: asked.append((position, seconds)))
    wait_for_more(cast(EventLog, log), 7, 0.5)
    assert asked == [(7, 0.5)]


def test_a_log_that_cannot_wait_is_looked_at() -> None:
    """It returns as soon as there is more, or when the time is over."""
    sizes = [3, 3, 4]
    log = SimpleNamespace(size=lambda: sizes.pop(0) if len(sizes) > 1 else sizes[0])
    slept: list[float] = []
    wait_for_more(cast(EventLog, log), 3, 60, slept.append)
    assert len(slept) == 2
    began = time.monotonic()
    wait_for_more(cast(EventLog, log), 4, 0.05)
    assert time.monotonic() - began >= 0.05


# ------------------------------------------------------------------ a turn that failed


class Tried(Driver):
    """A driver without Prefect, whose work fails while something is away."""

    def __init__(self, **more: Any) -> None:
        now = datetime(2026, 3, 2, 8, tzinfo=UTC)
        log = SimpleNamespace(id="ab", size=lambda: 5, read=lambda _start, _stop: iter(()))
        desk = SimpleNamespace(log=log, clock=lambda: now)
        super().__init__(cast(Any, desk), cast(Any, None), cast(Any, SimpleNamespace(generation=1)), *[cast(Any, None)] * 2, **more)  # fmt: skip # noqa: E501
        self.away: Exception | None = None
        self.worked: list[list[str]] = []
        self.strikes = [["T-1"]]
        self._deadlines = cast(Any, SimpleNamespace(struck=lambda: self.strikes.pop(0) if self.strikes else []))

    async def _work_on(self, names: list[str]) -> Turned:
        if self.away:
            raise self.away
        self.worked.append(names)
        return Turned(len(names), 0)

    async def _move_cursor(self) -> None:
        """Nowhere."""


def test_a_deadline_that_struck_while_prefect_was_away_is_not_forgotten() -> None:
    """It stands in no record yet, so only the driver knows that this therapy must be entered."""
    driver = Tried()
    driver.away = AWAY
    with pytest.raises(Unavailable):
        asyncio.run(driver.turn())
    assert driver.position == 0
    driver.away = None
    asyncio.run(driver.turn())
    assert driver.worked == [["T-1"]]
    asyncio.run(driver.turn())
    assert driver.worked == [["T-1"]]


def test_the_position_is_told_when_it_moves_and_again_if_that_failed() -> None:
    """Also where no therapy was touched; a database that is away takes it the next time."""
    told: list[int] = []
    answers: list[Exception | None] = [AWAY, None, None]

    def moved(position: int) -> None:
        if (problem := answers.pop(0)) is not None:
            raise problem
        told.append(position)

    driver = Tried(moved=moved)
    with pytest.raises(Unavailable):
        asyncio.run(driver.turn())
    for _ in range(3):
        asyncio.run(driver.turn())
    assert told == [5]


def test_nobody_is_entered_once_the_lease_is_lost() -> None:
    """The check stands before each re-entry, not only before each turn."""
    driver = Tried(held=lambda: False)
    with pytest.raises(LeaseLost):
        asyncio.run(driver._enter("T-1"))
