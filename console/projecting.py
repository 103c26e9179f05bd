"""Running the projector of a site: it follows the log and fills the views, until it is told to stop."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from console import followers
from console.site import Site
from events.errors import Unavailable
from flows.lease import Lease
from flows.standing_by import stand_by
from flows.waiting import wait_for_more

LOOK_SECONDS = 0.5
"""How long it waits for a new record before it looks whether it is told to stop, and whether the lease still stands."""


def run(site: Site, told: Callable[[str], None]) -> int:
    """Project a site; returns 0 when it was told to stop.

    Raises:
        Corrupt: the log is damaged. Refused: the views are of another log or version (rebuild them), or the
            database's URL is none.
    """
    # Told to stop while it stands by, it ends at once: there is nothing in its hands.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    lease = followers.lease(site, followers.PROJECTOR)
    stop = threading.Event()
    try:
        while not stop.is_set():
            stand_by(lease, followers.PROJECTOR, told)
            told("following the log; end it with Ctrl-C")
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda _number, _frame: stop.set())
            _follow(site, lease, stop, told)
            lease.free()
            signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
            signal.signal(signal.SIGINT, signal.default_int_handler)
    finally:
        lease.free()
    told("stopped; the views say where to go on")
    return 0


class _Enough(Exception):
    """Stop between two batches: what was committed stands."""


def _follow(site: Site, lease: Lease, stop: threading.Event, told: Callable[[str], None]) -> None:
    """Fill until `stop`, or until another projector may begin. What is away is told once."""
    from projections.views import Projector

    def between(_done: int, _of: int) -> None:
        if stop.is_set() or not lease.held():
            raise _Enough

    projector: Projector | None = None
    trouble, since, position = "", 0.0, 0
    while not stop.is_set():
        if not lease.held():
            told("the views' database does not answer for the lease any more; stopped, for another may begin")
            break
        try:
            projector = projector or Projector(site.log, site.views_url, mover=followers.mover("projector"))
            began, before = time.monotonic(), projector.position()
            with suppress(_Enough):
                projector.catch_up(between)
            position = projector.position()
            if trouble:
                told(f"goes on after {time.monotonic() - since:.0f} s")
                trouble = ""
            if position > before:
                told(f"{position - before} records in {time.monotonic() - began:.2f} s; the views hold {position}")
            wait_for_more(site.log, position, LOOK_SECONDS)
        except Unavailable as problem:
            if not trouble:
                since = time.monotonic()
                told(f"waiting: {problem.says}")
            trouble = problem.says
            if projector is not None:
                projector.close()
            projector = None  # the database may be another when it is there again: its tables are looked for anew
            stop.wait(LOOK_SECONDS)
    if projector is not None:
        projector.close()
