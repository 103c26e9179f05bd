"""A broker whose disk is full: on a small file system of its own where we may mount one, and by a limit on its files' size.

The limit needs no rights: a write beyond it fails (EFBIG) as it does where there is no room (ENOSPC), and the broker does the same.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.broker import Hit
from tests.chaos.founded import Founded, found
from tests.servers.fixtures import need_kafka, telling

WAYS = ["a limit on files", "a small file system"]
"""The second is as a full disk is; the first stands for it where nobody may mount anything."""
ROOM = 60 * 2**20
FILE = 200_000


class Hungry(Hit):
    """A broker that can be starved and fed."""

    way = ""
    data = Path()

    def starve(self) -> None:
        """No room from now on, or soon."""
        if self.way == "a limit on files":
            resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (FILE, resource.RLIM_INFINITY))
        else:
            with (self.data / "ballast").open("wb") as ballast, _until_full():
                while True:
                    ballast.write(bytes(65_536))
                    ballast.flush()

    def feed(self) -> None:
        """Room again; a broker that has ended is started again."""
        (self.data / "ballast").unlink(missing_ok=True)
        self.kill()
        self.start()


@contextmanager
def _until_full() -> Iterator[None]:
    try:
        yield
    except OSError:
        return


@contextmanager
def broker(way: str, config: pytest.Config, folder: Path) -> Iterator[tuple[Hungry, Founded]]:
    """A broker of its own, with a log in it."""
    if (way == WAYS[1]) != _may_mount():
        pytest.skip("only root may mount a small file system; a limit on files stands for it where nobody may")
    if not sys.platform.startswith("linux"):
        pytest.skip("a broker is starved on Linux only")
    need_kafka(config)
    data = folder / "disk"
    data.mkdir()
    mounted = way == WAYS[1] and _mounted(data)
    settings: dict[str, Any] = {"properties": {"log.dirs": str(data / "{node}"), "log.segment.bytes": str(2**20)}}
    hungry = Hungry(say=telling(config), **settings)
    hungry.way, hungry.data = way, data
    try:
        hungry.start()
        log = found(hungry.bootstrap, folder)
        yield hungry, log
        log.close()
    finally:
        hungry.close()
        if mounted:
            subprocess.run(["umount", str(data)], check=True)


def _may_mount() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        mounted = _mounted(Path(folder))
        if mounted:
            subprocess.run(["umount", folder], check=True)
    return mounted


def _mounted(folder: Path) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", str(folder)]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
