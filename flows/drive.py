"""Running the driver: the lease that makes it the only one, Prefect's server, and what goes on beside its turns."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from events.errors import Unavailable
from flows import standing_by
from flows.driver import Driver
from flows.lease import FolderLease, Lease
from flows.turned import LeaseLost
from protocol.desk import Desk, Sitting

if TYPE_CHECKING:
    from flows.notices import Book
    from flows.serving import PrefectServer

HELD_SECONDS = 0.5
"""How often it makes sure, beside its work, that it is still the one who works."""
CANCELLED_WITHIN = 5.0


@dataclass(frozen=True, slots=True)
class Outside:
    """Through which channels alerts are told outside (blocks of Prefect's, ``TYPE/NAME``), and where that is noted."""

    channels: tuple[str, ...] = ()
    book: Book | None = None


def drive(
    desk: Desk,
    system: Sitting,
    folder: Path,
    body: Callable[[Driver], Awaitable[None]],
    *,
    nightly: Callable[[], str] | None = None,
    told: Callable[[str], None] = lambda _line: None,
    meanwhile: Callable[[], object] = lambda: None,
    lease: Lease | None = None,
    wait: bool = False,
    server: PrefectServer | None = None,
    moved: Callable[[int], None] = lambda _position: None,
    told_outside: Outside | None = None,
) -> None:
    """Take the lease, start Prefect's server, and run `body` with a driver that has begun.

    Args:
        folder: Prefect's own folder inside the site's; its database is disposable.
        told: gets a line for each thing that takes long.
        meanwhile: is called once while the server starts.
        lease: the right to be the one driver; the folder's unless another is given.
        wait: stand by while another driver has it, and whenever it is lost; else the first is an error.
        server: Prefect's server, not started yet; one of our own unless another is given.
        moved: see `Driver`.
        told_outside: through which channels alerts are told outside, beside Prefect's events.

    Raises:
        Unavailable: another driver runs on this site, or the server does not come up.
    """
    from flows import settings
    from flows.server import Server
    from flows.serving import ServerFailed

    lease = lease or FolderLease(folder / "driver.lock")
    try:
        while True:
            standing_by.stand_by(lease, "driver", told) if wait else standing_by.take(lease, "driver")
            server = server or Server(folder)
            settings.apply(server.environment)
            told(server.told)
            server.launch()
            meanwhile()
            meanwhile = _nothing
            try:
                asyncio.run(_with_driver(desk, system, server, body, nightly, told, lease, moved, told_outside))
                return
            except LeaseLost as lost:
                told("the views' database does not answer for the lease any more; stopped, for another may begin")
                server.stop()
                lease.free()
                if not wait:
                    raise Unavailable(
                        "driver.lease",
                        "The right to be this site's one driver was lost in the middle of a turn.",
                        advice="Look at the views' database, then run it again; it goes on where it stopped.",
                    ) from lost
    except ServerFailed as failed:
        raise Unavailable("driver.server", f"{failed}", advice=failed.advice) from failed
    finally:
        if server is not None:
            server.close()
        lease.free()


def _nothing() -> None:
    """What is done meanwhile the second time."""


async def _with_driver(
    desk: Desk,
    system: Sitting,
    server: PrefectServer,
    body: Callable[[Driver], Awaitable[None]],
    nightly: Callable[[], str] | None,
    told: Callable[[str], None],
    lease: Lease,
    moved: Callable[[int], None],
    told_outside: Outside | None,
) -> None:
    import httpx

    server.wait()
    told("Prefect's server answers")
    try:
        await _drive_one(desk, system, server, body, nightly, lease, moved, told_outside)
    except httpx.HTTPError as problem:
        raise Unavailable(
            "driver.prefect",
            f"Prefect's server at {server.url} fails: {str(problem) or type(problem).__name__}.",
            advice="Signing goes on without it. Look at its log, then run the driver again.",
        ) from problem


async def _drive_one(
    desk: Desk,
    system: Sitting,
    server: PrefectServer,
    body: Callable[[Driver], Awaitable[None]],
    nightly: Callable[[], str] | None,
    lease: Lease,
    moved: Callable[[int], None],
    told_outside: Outside | None,
) -> None:
    from flows.channels import Channels
    from flows.notices import Notices
    from flows.runs import Drawn, Runs
    from flows.therapy_flow import session

    async with session() as client, Runs(client) as runs:
        keeping = asyncio.create_task(server.keep())
        watching = asyncio.create_task(_while_held(lease))
        outside = told_outside or Outside()
        notices = Notices(desk, Channels(runs).tell, outside.channels, outside.book)
        driver = Driver(desk, system, server, runs, Drawn(runs), nightly, lease.held, moved, notices)
        telling = asyncio.create_task(notices.keep())
        try:
            await driver.begin()
            working = asyncio.ensure_future(body(driver))
            await asyncio.wait({keeping, working, watching}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                working.cancel()
                await asyncio.wait({working}, timeout=CANCELLED_WITHIN)
                # One of the two raises: the server does not come up again, or another driver may begin.
                await (keeping if keeping.done() else watching)
            await working
        finally:
            keeping.cancel()
            watching.cancel()
            telling.cancel()


async def _while_held(lease: Lease) -> None:
    while lease.held():
        await asyncio.sleep(HELD_SECONDS)
    raise LeaseLost
