"""A broker whose disk is full: on a small file system of its own where we may mount one, and by a limit on its files' size.

The limit needs no rights: a write beyond it fails (EFBIG) as it does where there is no room (ENOSPC), and the broker does the same.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.broker import Hit
from tests.chaos.extent import whole_only
from tests.chaos.founded import Founded, found
from tests.servers.fixtures import need_kafka, telling

WAYS = ["a limit on files", pytest.param("a small file system", marks=whole_only)]
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
    if not sys.platform.startswith("linux"):
        pytest.skip("a broker is starved on Linux only")
    need_kafka(config)
    data = folder / "disk"
    data.mkdir()
    mounted = way == "a small file system" and _mounted(data)
    if way == "a small file system" and not mounted:
        pytest.skip("only root may mount a small file system; the limit on files' sizes stands for it")
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


def _mounted(folder: Path) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", str(folder)]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
