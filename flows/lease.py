"""One driver at a time: a lease on a folder that the kernel takes back by itself when its holder dies.

`flock`, not a pid file: the lock hangs on the open file, so kill -9, a crash or a power cut frees it and nobody has
to judge whether an old pid still lives. The text in the file is for people and for the error message; it decides
nothing. The folder must be on a local disk: over NFS `flock` may be granted twice.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self


class LeaseHeld(RuntimeError):
    """Another process holds the lease: nothing was done. `holder` is what that process wrote about itself."""

    def __init__(self, path: Path, holder: dict[str, object]) -> None:
        self.path, self.holder = path, holder
        super().__init__(
            f"{path} is held by process {holder.get('pid', '?')} on {holder.get('host', '?')}"
            f" since {holder.get('since', '?')}"
        )


class Lease:
    """An exclusive hold on `path` for as long as this object is open.

    The descriptor is not inherited by child processes: a server that outlives its driver for a second must not keep the
    next driver out. Forking without exec (multiprocessing's `fork`) would share the hold; use `spawn`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None

    def take(self) -> Self:
        """Take the lease now.

        Raises:
            LeaseHeld: somebody else has it; the file's text says who.
        """
        if self._file is not None:
            return self
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not lock(file):
            holder = read_json(file)
            os.close(file)
            raise LeaseHeld(self.path, holder)
        write_json(
            file,
            {
                "pid": os.getpid(),
                "host": socket.gethostname(),
                "since": datetime.now(UTC).isoformat(timespec="seconds"),
            },
        )
        self._file = file
        return self

    def free(self) -> None:
        """Let go. The file stays: unlinking it would let two processes lock two different files of the same name."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def __enter__(self) -> Self:
        return self.take()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.free()


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
