"""Running the driver of a site: until it is told to stop, or once through everything that is due."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from console import followers, remembered
from console.site import Site
from events.errors import UnbrokenError
from events.reading import read_record
from events.verify import verify
from flows.drive import Outside, drive
from flows.driver import Driver
from flows.turned import Turned
from protocol.audit import audit_all
from protocol.desk import Desk

if TYPE_CHECKING:
    from flows.serving import PrefectServer
    from projections.views import Projector

_MOST_ANSWERS = 200
"""After a turn with more new records than this, each answer waits until somebody asks."""


def run(site: Site, told: Callable[[str], None], *, once: bool = False, fill: bool = True) -> int:
    """Drive a site; returns 0 when it was told to stop, or once nothing is due.

    Args:
        once: go through everything that is due, then stop; where another driver runs, don't wait for its end.
        fill: fill the views after each turn; not where a projector does.

    Raises:
        Unavailable: another driver runs on this site (`once`), or Prefect's server does not come up.
    """
    from projections.followers import DRIVER, Position
    from projections.notices import NoticeBook

    desk, system = site.desk(os.urandom), site.system()
    after_turn = _AfterTurn(site, desk, fill=fill)
    position = Position(site.views_url, DRIVER, site.log_id, followers.mover("driver"))

    async def body(driver: Driver) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        try:
            await work(driver, stop)
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)
            _end_when_told()

    async def work(driver: Driver, stop: asyncio.Event) -> None:
        if once:
            turned = await driver.turn()
            after_turn.go_on()
            told(_line(turned))
            while turned.entered:
                turned = await driver.turn()
            await driver.tonight()
            if driver.notices is not None:
                await driver.notices.go_on()
            after_turn.go_on()
            return
        told("following the log; end it with Ctrl-C")

        def after(done: Turned) -> None:
            if done.entered:
                told(_line(done))
            after_turn.go_on()

        await driver.follow(stop, after)
        told("stopped; the log says where to go on")

    _end_when_told()
    drive(
        desk,
        system,
        site.prefect,
        body,
        nightly=lambda: _nightly(site),
        told=told,
        lease=followers.lease(site, followers.DRIVER),
        wait=not once,
        moved=position.move,
        server=_server(site),
        told_outside=Outside(_channels(), NoticeBook(site.views_url, site.log_id)),
    )
    return 0


def _server(site: Site) -> PrefectServer | None:
    """Prefect's server elsewhere, if one is named; None for one of the driver's own."""
    url = os.environ.get("UNBROKEN_PREFECT_API")
    if not url:
        from flows.server import Server

        return Server(site.prefect, event_feed=True) if os.environ.get("UNBROKEN_EVENTS") == "yes" else None
    from flows.server_elsewhere import ServerElsewhere

    return ServerElsewhere(site.prefect, url, os.environ.get("UNBROKEN_PREFECT_AUTH", ""))


def _channels() -> tuple[str, ...]:
    """The blocks of Prefect's that UNBROKEN_NOTIFY names, beside which alerts are told as events."""
    return tuple(os.environ.get("UNBROKEN_NOTIFY", "").replace(",", " ").split())


def _end_when_told() -> None:
    """Told to stop while it stands by or the server starts, everything still ends in order."""
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    signal.signal(signal.SIGINT, signal.default_int_handler)


class _AfterTurn:
    """What follows a turn: the views, if nobody else fills them, and the answers about the therapies that moved."""

    def __init__(self, site: Site, desk: Desk, *, fill: bool) -> None:
        self._site, self._desk, self._fill = site, desk, fill
        self._projector: Projector | None = None
        self._position: int | None = None

    def go_on(self) -> None:
        """Fill, and answer anew.

        Raises:
            Unavailable: the views' database cannot be used; the next time does it all.
        """
        size = self._site.log.size()
        before = self._position
        if self._fill:
            before = self._filled()
        self._position = size
        if before is not None and 0 < size - before <= _MOST_ANSWERS:
            for name in self._moved(before, size):
                with suppress(UnbrokenError):  # a therapy that cannot be read is told where somebody looks at it
                    remembered.go_on(self._site, self._desk, name)

    def _filled(self) -> int:
        """Fill to the log's end; returns where the views stood before. The database is opened once."""
        from projections.views import Projector

        if self._projector is None:
            self._projector = Projector(self._site.log, self._site.views_url, mover=followers.mover("driver"))
        before = self._projector.position()
        self._projector.catch_up()
        return before

    def _moved(self, start: int, stop: int) -> set[str]:
        heads = [read_record(stored).statement.heads for stored in self._site.log.read(start, stop) if stored.link]
        return {name.removeprefix("therapy/") for streams in heads for name in streams if name.startswith("therapy/")}


def _line(turned: Turned) -> str:
    failed = "".join(f"; {name} FAILED: {says}" for name, says in turned.failed)
    return f"{turned.entered} flow runs entered, {turned.tasks} task runs{failed}"


def _nightly(site: Site) -> str:
    """Verify and audit everything, then write a checkpoint; what was found, in a sentence, or nothing."""
    verification = verify(site.log, site.log_id)
    desk = site.desk(os.urandom)
    # A log whose records do not stand is not audited: nothing can be decided on it.
    if verification.clean:
        verification.findings += audit_all(desk, site.now())
    if verification.findings:
        first = verification.findings[0]
        return f"{len(verification.findings)} findings, the first: {first.kind} {first.stream or ''} {first.says}"
    site.write_checkpoint()
    return ""
