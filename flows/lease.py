"""One at a time: a lease on a folder that the kernel takes back by itself when its holder dies.

`flock`, not a pid file: the lock hangs on the open file, so kill -9, a crash or a power cut frees it and nobody has
to judge whether an old pid still lives. The text in the file is for people and for the error message; it decides
nothing. The folder must be on a local disk: over NFS `flock` may be granted twice.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

_LOOKS, _BETWEEN = 5, 0.05
"""A glance at who holds a lease (`holder_of`) locks it for an instant; taking it asks again for as long."""


class LeaseHeld(RuntimeError):
    """Another process holds the lease: nothing was done. `holder` is what that process wrote about itself."""

    def __init__(self, holder: dict[str, object]) -> None:
        self.holder = holder
        super().__init__(who(holder))


class Lease(Protocol):
    """The right to be the one who works. Not thread-safe, but for `held`."""

    def take(self) -> None:
        """Take it now; taking what one has changes nothing.

        Raises:
            LeaseHeld: somebody else has it.
            Unavailable: whether somebody has it can't be found out.
        """

    def held(self) -> bool:
        """Whether nobody else can have begun: asked before each piece of work. Once it is lost, `free` and `take` again."""

    def free(self) -> None:
        """Let go, so that the next may begin at once."""


def who(holder: dict[str, object]) -> str:
    """A holder in words: ``process 4711 on plant-2 since 2026-03-02T08:00:00+00:00``."""
    return f"process {holder.get('pid', '?')} on {holder.get('host', '?')} since {holder.get('since', '?')}"


def myself(clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> dict[str, object]:
    """What this process tells others about itself."""
    return {"pid": os.getpid(), "host": socket.gethostname(), "since": clock().isoformat(timespec="seconds")}


class FolderLease:
    """An exclusive hold on the file `path` for as long as this object is open.

    The descriptor is not inherited by child processes: a server that outlives its driver for a second must not keep the
    next driver out. Forking without exec (multiprocessing's `fork`) would share the hold; use `spawn`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None

    def take(self) -> None:
        """Take the lease now; see `Lease`."""
        if self._file is not None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        for _ in range(_LOOKS):
            if lock(file):
                write_json(file, myself())
                self._file = file
                return
            time.sleep(_BETWEEN)
        holder = read_json(file)
        os.close(file)
        raise LeaseHeld(holder)

    def held(self) -> bool:
        """The kernel never takes it back from a living process."""
        return self._file is not None

    def free(self) -> None:
        """Let go. The file stays: unlinking it would let two processes lock two different files of the same name."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def holder_of(path: Path) -> dict[str, object] | None:
    """Who holds the lease on a file now; None if nobody does."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        return None if lock(file) else read_json(file)
    finally:
        os.close(file)


def lock(file: int) -> bool:
    """Lock an open file for this process alone; False if another holds it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def read_json(file: int) -> dict[str, object]:
    """What a holder wrote about itself; empty if it died while writing."""
    try:
        found = json.loads(os.pread(file, 4096, 0) or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def write_json(file: int, facts: dict[str, object]) -> None:
    """Replace the text of a file that is already locked."""
    text = json.dumps(facts).encode()
    os.ftruncate(file, 0)
    os.pwrite(file, text, 0)
