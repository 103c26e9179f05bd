"""A second driver or projector is useful: it stands by, and takes over when the first one stops or dies."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from events.errors import Unavailable
from flows.lease import FolderLease, Lease, LeaseHeld, holder_of, who

AGAIN = 1.0
"""Seconds between two tries to take over."""


class FolderThenServer:
    """Both leases: the folder's keeps two of one machine apart even where only one of them knows the database."""

    def __init__(self, folder: Lease, server: Lease) -> None:
        self._folder, self._server = folder, server

    def take(self) -> None:
        """Take both, or neither; see `flows.lease.Lease`."""
        self._folder.take()
        try:
            self._server.take()
        except BaseException:
            self._folder.free()
            raise

    def held(self) -> bool:
        """Whether both are held."""
        return self._folder.held() and self._server.held()

    def free(self) -> None:
        """Let go of both."""
        self._server.free()
        self._folder.free()


def lease_of(folder: Path, role: str, database_url: str, log_id: str) -> Lease:
    """The lease of a role: in the views' PostgreSQL where there is one, for machines that share it; else in the folder.

    Raises:
        Refused: `database_url` names no database.
    """
    from projections.database import is_postgresql

    here = FolderLease(folder / f"{role}.lock")
    if not is_postgresql(database_url):
        return here
    from flows.lease_postgres import PostgresLease

    return FolderThenServer(here, PostgresLease(database_url, log_id, role))


def holder(folder: Path, role: str, database_url: str, log_id: str) -> dict[str, object] | None:
    """Who holds the lease of a role now; None if nobody does.

    Raises:
        Unavailable: the database cannot be asked.
    """
    from projections.database import is_postgresql

    if not is_postgresql(database_url):
        return holder_of(folder / f"{role}.lock")
    from flows.lease_postgres import holder_in

    return holder_in(database_url, log_id, role)


def take(lease: Lease, role: str) -> None:
    """Take the lease now or not at all.

    Raises:
        Unavailable: another one has it, or its database cannot be reached.
    """
    try:
        lease.take()
    except LeaseHeld as held:
        raise Unavailable(
            f"{role}.lease",
            f"Another {role} runs on this site: {held}.",
            values=held.holder,
            advice=f"One {role} serves a site; this one has nothing to do.",
        ) from held


def stand_by(lease: Lease, role: str, told: Callable[[str], None], sleep: Callable[[float], None] = time.sleep) -> None:
    """Wait until the lease is ours, saying once who has it and when it is taken over."""
    before = ""
    while True:
        try:
            lease.take()
            if before:
                told(f"taking over as {role}")
            return
        except LeaseHeld as held:
            says = f"standing by: another {role} runs on this site, {who(held.holder)}"
        except Unavailable as problem:
            says = f"standing by: {problem.says}"
        if says != before:
            told(says)
            before = says
        sleep(AGAIN)
