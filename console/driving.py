"""Running the driver of a site: until it is told to stop, or once through everything that is due."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress

from console import remembered
from console.site import Site
from events.errors import UnbrokenError
from events.reading import read_record
from events.verify import verify
from flows.driver import Driver, Turned, drive
from protocol.audit import audit_all
from protocol.desk import Desk

_MOST_ANSWERS = 200
"""After a turn with more new records than this, each answer waits until somebody asks."""


def run(site: Site, told: Callable[[str], None], *, once: bool = False) -> int:
    """Drive a site; returns 0 when it was told to stop, or once nothing is due.

    Raises:
        Unavailable: another driver runs on this site, or Prefect's server does not come up.
    """
    desk, system = site.desk(os.urandom), site.system()
    views = _Views(site, desk)

    # Told to stop while the server starts, everything still ends in order.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))

    async def body(driver: Driver) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        turned = await driver.turn()
        views.fill()
        told(_line(turned))
        if once:
            while turned.entered:
                turned = await driver.turn()
            await driver.tonight()
            views.fill()
            return
        told("following the log; end it with Ctrl-C")

        def after(done: Turned) -> None:
            views.fill()
            told(_line(done))

        await driver.follow(stop, after)
        told("stopped; the log says where to go on")

    drive(desk, system, site.prefect, body, nightly=lambda: _nightly(site), told=told)
    return 0


class _Views:
    """The views, filled after each turn, and the answers about the therapies that moved; the database is opened once."""

    def __init__(self, site: Site, desk: Desk) -> None:
        from projections.views import Projector

        self._site, self._desk = site, desk
        self._projector = Projector(site.log, site.views_url)

    def fill(self) -> None:
        new = self._projector.catch_up()
        if 0 < new <= _MOST_ANSWERS:
            size = self._site.log.size()
            for name in self._moved(size - new, size):
                with suppress(UnbrokenError):  # a therapy that cannot be read is told where somebody looks at it
                    remembered.go_on(self._site, self._desk, name)

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
