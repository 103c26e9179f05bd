"""The driver: follows the log, re-enters each therapy's one flow run, and records what is due by itself.

Log first: nobody waits for it to sign. It holds no truth; killed at any instant and started again, it finds in the log what is
due, and in Prefect's database what is drawn. One process for all therapies; between two looks at the log nothing runs for any
of them.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from events.errors import Unavailable, UnbrokenError
from events.reading import read_record
from flows.lease import Lease, LeaseHeld
from protocol.desk import Desk, Sitting

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

    from flows.runs import Drawn, Runs
    from flows.server import Server

logger = logging.getLogger("unbroken.driver")
LOOK_SECONDS = 0.5
"""How often the driver asks the log for its size: one small read for all therapies together."""
AT_ONCE = 4
SETTLE_EVERY = 200


@dataclass(frozen=True, slots=True)
class Turned:
    """What one turn of the driver did."""

    entered: int
    tasks: int
    failed: tuple[tuple[str, str], ...] = ()


class Driver:
    """One driver of one site. Use inside `running`.

    Args:
        desk: the door; what is due by itself is recorded through it under `system`.
        nightly: called once a day with the day's date (verification and checkpoint), inside a flow run of its own.
    """

    def __init__(
        self,
        desk: Desk,
        system: Sitting,
        server: Server,
        runs: Runs,
        drawn: Drawn,
        nightly: Callable[[], str] | None = None,
    ) -> None:
        self.desk, self.system, self.server, self.runs, self.drawn = desk, system, server, runs, drawn
        self.nightly = nightly
        self.position = 0
        self._deadlines: list[tuple[datetime, str]] = []
        self._flow_runs: dict[str, FlowRun] = {}
        self._generation = server.generation
        self._last_night: str = ""

    async def begin(self) -> int:
        """Find out what there is: every therapy's deadlines, and how far Prefect has been drawn. Returns how many therapies."""
        cursor = await self.runs.cursor()
        if cursor.get("log") == self.desk.log.id:
            self.position = min(int(cursor.get("position", 0)), self.desk.log.size())
            self._last_night = str(cursor.get("night", ""))
        names = [stream.removeprefix("therapy/") for stream in self.desk.log.streams("therapy/")]
        for number, name in enumerate(names):
            self._watch(name)
            if number % 100 == 99:
                await asyncio.sleep(0)
        return len(names)

    async def turn(self, limit: int | None = None) -> Turned:
        """Enter every therapy whose stream has changed or whose deadline has passed, until nothing of it is new."""
        if self.server.generation != self._generation:
            self._generation = self.server.generation
            self.drawn.forget()  # what was on its way to the server that died is unknown
        names, stop = self._changed()
        late = self._struck()
        result = await self._enter_all(dict.fromkeys([*names, *late]))
        self.position = stop
        lost = await self.drawn.settle() if self.drawn.unsettled else set()
        if lost:
            again = [name for name, run in self._flow_runs.items() if run.id in lost]
            more = await self._enter_all(again)
            result = Turned(result.entered + more.entered, result.tasks + more.tasks, result.failed + more.failed)
        if names or late:
            await self._move_cursor()
        return result

    async def _move_cursor(self) -> None:
        await self.runs.move_cursor({"log": self.desk.log.id, "position": self.position, "night": self._last_night})

    def _changed(self) -> tuple[list[str], int]:
        stop = self.desk.log.size()
        names: dict[str, None] = {}
        for stored in self.desk.log.read(self.position, stop):
            if stored.refused is None:
                heads = read_record(stored).statement.heads
                names |= dict.fromkeys(s.removeprefix("therapy/") for s in heads if s.startswith("therapy/"))
        return list(names), stop

    def _struck(self) -> list[str]:
        now = self.desk.clock()
        names = []
        while self._deadlines and self._deadlines[0][0] < now:
            names.append(heapq.heappop(self._deadlines)[1])
        return names

    def _watch(self, name: str) -> None:
        try:
            strikes = self.desk.next_deadline(name)
        except UnbrokenError as problem:
            logger.error("therapy %s: %s", name, problem.says)
            return
        if strikes is not None:
            heapq.heappush(self._deadlines, (strikes, name))

    async def _enter_all(self, names: Iterable[str]) -> Turned:
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(name: str) -> tuple[int, str, str]:
            async with gate:
                return await self._enter(name)

        done = await asyncio.gather(*(one(name) for name in names))
        failed = tuple((name, says) for _, name, says in done if says)
        return Turned(len(done), sum(tasks for tasks, _, _ in done), failed)

    async def _enter(self, name: str) -> tuple[int, str, str]:
        """Enter one therapy's run; what goes wrong stays with this therapy. Returns tasks drawn, name, what went wrong."""
        from flows.outlook import outlook
        from flows.runs import Start, idempotency_key
        from flows.therapy_flow import enter

        run = self._flow_runs.get(name)
        if run is None:
            key = idempotency_key(self.desk.log.id, name)
            run = await self.runs.open(key, name, Start("AwaitingStep", "opened"))
            self._flow_runs[name] = run
        entered = await enter(run, lambda: outlook(self.desk, self.system, name), self.drawn)
        self._watch(name)
        says = ""
        if entered.error is not None:
            says = str(entered.error)
            logger.error("therapy %s: %s", name, says)
        return entered.tasks, name, says

    async def tonight(self) -> None:
        """Once a day: the nightly flow (verification and checkpoint), if it has not run for this day."""
        day = f"{self.desk.clock():%Y-%m-%d}"
        if self.nightly is None or day == self._last_night:
            return
        from flows.nightly import run_nightly

        await run_nightly(day, self.nightly)
        self._last_night = day
        await self._move_cursor()

    async def follow(self, stop: asyncio.Event, after: Callable[[Turned], None] = lambda _turned: None) -> None:
        """Turn until `stop`, looking at the log every half second, and at the server that it still lives."""
        while not stop.is_set():
            try:
                self.server.ensure()
                turned = await self.turn()
                if turned.entered:
                    after(turned)
                await self.tonight()
            except (Unavailable, OSError) as problem:
                logger.error("%s", problem)
            try:
                await asyncio.wait_for(stop.wait(), LOOK_SECONDS)
            except TimeoutError:
                continue


def drive(
    desk: Desk,
    system: Sitting,
    folder: Path,
    body: Callable[[Driver], Awaitable[None]],
    *,
    nightly: Callable[[], str] | None = None,
    told: Callable[[str], None] = lambda _line: None,
    meanwhile: Callable[[], object] = lambda: None,
) -> None:
    """Take the lease, start Prefect's server, and run `body` with a driver that has begun.

    Args:
        folder: Prefect's own folder inside the site's; its database is disposable.
        told: gets a line for each thing that takes long.
        meanwhile: is called once while the server starts.

    Raises:
        Unavailable: another driver runs on this site, or the server does not come up.
    """
    from flows import settings
    from flows.server import Server, ServerFailed

    try:
        lease = Lease(folder / "driver.lock").take()
    except LeaseHeld as held:
        raise Unavailable(
            "driver.lease",
            f"Another driver runs on this site: {held}.",
            values=held.holder,
            advice="One driver serves a site; this one has nothing to do.",
        ) from held
    server = Server(folder)
    try:
        settings.apply(server.environment)
        told(f"starting Prefect's server at {server.url.removesuffix('/api')}")
        server.launch()
        meanwhile()
        asyncio.run(_with_driver(desk, system, server, body, nightly, told))
    except ServerFailed as failed:
        raise Unavailable(
            "driver.server",
            f"{failed}",
            advice="Signing goes on without it. Look at the log it names; the folder prefect/ may be deleted.",
        ) from failed
    finally:
        server.close()
        lease.free()


async def _with_driver(
    desk: Desk,
    system: Sitting,
    server: Server,
    body: Callable[[Driver], Awaitable[None]],
    nightly: Callable[[], str] | None,
    told: Callable[[str], None],
) -> None:
    from flows.runs import Drawn, Runs
    from flows.therapy_flow import session

    server.wait()
    told("Prefect's server answers")
    async with session() as client:
        runs = Runs(client)
        driver = Driver(desk, system, server, runs, Drawn(runs), nightly)
        await driver.begin()
        await body(driver)
