"""The driver: follows the log, re-enters each therapy's one flow run, and records what is due by itself.

Log first: nobody waits for it to sign. It holds no truth; killed at any instant and started again, it finds in the log what is
due, and in Prefect's database what is drawn. One process for all therapies; between two looks at the log nothing runs for any
of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from events.errors import Unavailable
from events.reading import read_record
from events.zones import day_of
from flows.deadlines import Deadlines
from flows.turned import LeaseLost, Turned
from flows.waiting import more, wait_for_more
from protocol.desk import Desk, Sitting

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

    from flows.notices import Notices
    from flows.runs import Drawn, Runs
    from flows.serving import PrefectServer
    from flows.therapy_flow import Outlook

logger = logging.getLogger("unbroken.driver")
LOOK_SECONDS = 0.5
"""How long the driver waits for a new record before it looks for deadlines that have passed."""
AT_ONCE = 4
SETTLE_EVERY = 200
"""Therapies entered between two looks whether everything drawn is written: Prefect's queue drops what exceeds 10,000."""
MOST_REMEMBERED = 100
"""Therapies to enter again that fit into the cursor (Prefect's limit is 5,000 characters)."""


class Driver:
    """One driver of one site; `drive` makes it.

    Args:
        desk: the door; what is due by itself is recorded through it under `system`.
        nightly: called once a day (verification and checkpoint), inside a flow run of its own; says what it found.
        held: whether this is still the one driver; asked before each re-entry.
        moved: is told how many records have been worked through, whenever that has changed.
        notices: tells alerts outside, beside the turns.
    """

    def __init__(
        self,
        desk: Desk,
        system: Sitting,
        server: PrefectServer,
        runs: Runs,
        drawn: Drawn,
        nightly: Callable[[], str] | None = None,
        held: Callable[[], bool] = lambda: True,
        moved: Callable[[int], None] = lambda _position: None,
        notices: Notices | None = None,
    ) -> None:
        self.notices = notices
        self.desk, self.system, self.server, self.runs, self.drawn = desk, system, server, runs, drawn
        self.nightly, self.held, self.moved = nightly, held, moved
        self.position = 0
        self._told: int | None = None
        self._deadlines = Deadlines(desk)
        self._flow_runs: dict[str, FlowRun] = {}
        self._generation = server.generation
        self._last_night: str = ""
        self._again: set[str] = set()
        self._failed: set[str] = set()

    async def begin(self) -> int:
        """Find out what there is: deadlines, how far Prefect has been drawn, runs left astray. Returns how many therapies."""
        cursor = await self.runs.cursor()
        if cursor.get("log") == self.desk.log.id:
            self.position = min(int(cursor.get("position", 0)), self.desk.log.size())
            self._last_night = str(cursor.get("night", ""))
            self._again = set(cursor.get("again", []))
        for run in await self.runs.astray():
            if run.name in self._known([run.name]):
                self._again.add(run.name)
        names = [stream.removeprefix("therapy/") for stream in self.desk.log.streams("therapy/")]
        for number, name in enumerate(names):
            self._watch(name)
            if number % 100 == 99:
                await asyncio.sleep(0)
        return len(names)

    def _watch(self, name: str) -> None:
        self._deadlines.watch(name)
        if self.notices is not None:
            self.notices.watch(name)

    def _known(self, names: Iterable[str]) -> list[str]:
        heads = self.desk.log.heads([f"therapy/{name}" for name in names])
        return [stream.removeprefix("therapy/") for stream, head in heads.items() if head.number]

    async def turn(self) -> Turned:
        """Enter every therapy whose stream has changed or whose deadline has passed.

        Raises:
            LeaseLost: another driver may have begun.
            Unavailable, httpx.HTTPError: the log or Prefect is away; the next turn does it all again.
        """
        names, stop = self._changed()
        names |= dict.fromkeys([*self._deadlines.struck(), *self._again, *self._lost_with_the_server()])
        self._again = set()
        result = Turned(0, 0)
        try:
            if names:
                result = await self._work_on(list(names))
            self.position = stop
            if names:
                await self._move_cursor()
        except BaseException:
            self._again |= names.keys()  # a deadline that has struck is in no record yet
            raise
        if self.position != self._told:
            self.moved(self.position)
            self._told = self.position
        return result

    async def _work_on(self, names: list[str]) -> Turned:
        await self._open_new(names)
        result = Turned(0, 0)
        for part in _parts(names, SETTLE_EVERY):
            result = result + await self._enter_all(part) + await self._settle()
        # A therapy that failed is entered again when its stream changes, or by the next driver; not over and over.
        self._failed = (self._failed - set(names)) | {name for name, _ in result.failed}
        return result

    async def _settle(self) -> Turned:
        """Wait until what was drawn is written; what was lost on its way is drawn again, once."""
        lost = await self.drawn.settle() if self.drawn.unsettled else set()
        if not lost:
            return Turned(0, 0)
        again = await self._enter_all([name for name, run in self._flow_runs.items() if run.id in lost])
        still = await self.drawn.settle()
        self._again |= {name for name, run in self._flow_runs.items() if run.id in still}
        return again

    def _lost_with_the_server(self) -> list[str]:
        if self.server.generation == self._generation:
            return []
        self._generation = self.server.generation
        lost = self.drawn.abandon()
        return [name for name, run in self._flow_runs.items() if run.id in lost]

    async def _move_cursor(self) -> None:
        again = sorted(self._again | self._failed)[:MOST_REMEMBERED]
        value = {"log": self.desk.log.id, "position": self.position, "night": self._last_night, "again": again}
        await self.runs.move_cursor(value)

    def _changed(self) -> tuple[dict[str, None], int]:
        stop = self.desk.log.size()
        names: dict[str, None] = {}
        for stored in self.desk.log.read(self.position, stop):
            if stored.refused is None:
                heads = read_record(stored).statement.heads
                names |= dict.fromkeys(s.removeprefix("therapy/") for s in heads if s.startswith("therapy/"))
        return names, stop

    async def _open_new(self, names: Iterable[str]) -> None:
        """Runs of therapies not seen before, born resting where the log rests: thousands may be opened in one morning."""
        from flows.outlook import resting
        from flows.runs import Start, idempotency_key

        new = [name for name in names if name not in self._flow_runs]
        log = self.desk.log.id
        wanted = [(idempotency_key(log, name), name, Start(*resting(self.desk, name))) for name in new]
        for name, run in zip(new, await self.runs.open_all(wanted), strict=True):
            self._flow_runs[name] = run

    async def _enter_all(self, names: Iterable[str]) -> Turned:
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(name: str) -> tuple[int, str, str]:
            async with gate:
                return await self._enter(name)

        # All come to their end before one failure is raised: two entries of one therapy must not run side by side.
        ended = await asyncio.gather(*(one(name) for name in names), return_exceptions=True)
        done = [each for each in ended if not isinstance(each, BaseException)]
        for problem in ended:
            if isinstance(problem, BaseException):
                raise problem
        failed = tuple((name, says) for _, name, says in done if says)
        return Turned(len(done), sum(tasks for tasks, _, _ in done), failed)

    async def _enter(self, name: str) -> tuple[int, str, str]:
        """Enter one therapy's run; what goes wrong stays with it. Returns tasks drawn, name, what went wrong."""
        from flows.outlook import outlook
        from flows.therapy_flow import Gone, enter

        if not self.held():
            raise LeaseLost

        def plan() -> Outlook:
            return outlook(self.desk, self.system, name)

        try:
            entered = await enter(self._flow_runs[name], plan, self.drawn)
        except Gone:
            # Somebody deleted the run in Prefect's UI; the log fills a new one.
            self.drawn.forget([self._flow_runs.pop(name).id])
            await self._open_new([name])
            entered = await enter(self._flow_runs[name], plan, self.drawn)
        self._watch(name)
        if entered.error is None:
            return entered.tasks, name, ""
        if isinstance(entered.error, Unavailable):
            self._again.add(name)  # no fault of this therapy's: it is entered again as soon as the log is there
        says = getattr(entered.error, "says", str(entered.error))
        logger.error("therapy %s: %s", name, says)
        return entered.tasks, name, says

    async def tonight(self) -> None:
        """Once a day of this place: the nightly flow (verification and checkpoint), if it has not run for this day."""
        day = day_of(self.desk.clock(), self.desk.zone).isoformat()
        if self.nightly is None or day == self._last_night:
            return
        from flows.nightly import run_nightly

        await run_nightly(day, self.nightly)
        self._last_night = day
        await self._move_cursor()

    async def follow(self, stop: asyncio.Event, after: Callable[[Turned], None] = lambda _turned: None) -> None:
        """Turn until `stop`, whenever the log has grown or half a second has passed. What is away is told once.

        Args:
            after: is called after the first turn, and after each one that entered a therapy or moved the position.
        """
        import httpx

        trouble, before = "", -1
        while not stop.is_set():
            try:
                turned = await self.turn()
                if turned.entered or self.position != before:
                    after(turned)
                before = self.position
                await self.tonight()
                if trouble:
                    logger.warning("goes on")
                trouble = ""
            except (Unavailable, OSError, httpx.HTTPError) as problem:
                says = str(problem) or type(problem).__name__
                if isinstance(problem, httpx.HTTPError):
                    says = f"Prefect's server at {self.server.url} fails: {says}; signing goes on without it"
                if says != trouble:
                    logger.error("%s", says)
                trouble = says
            await self._wait(stop, in_trouble=bool(trouble))

    async def _wait(self, stop: asyncio.Event, *, in_trouble: bool) -> None:
        log = self.desk.log
        if more(log) is not None and not in_trouble:
            await asyncio.to_thread(wait_for_more, log, self.position, LOOK_SECONDS)
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), LOOK_SECONDS)


def _parts(names: list[str], size: int) -> Iterable[list[str]]:
    return (names[at : at + size] for at in range(0, len(names), size))
