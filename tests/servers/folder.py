"""A data folder that is kept: whose it is, that only one broker uses it, and what of it may be removed."""

import fcntl
import os
import re
import shutil
import time
from pathlib import Path

from tests.servers.errors import FolderRefused

STATE = "unbroken-kafka.json"  # what a restart needs to be the same cluster
_MARKER = "unbroken-kafka.lock"
_OURS = re.compile(
    r"node-\d+|unbroken-kafka\.json|\.unbroken-kafka\.json\.part|passwords\.json|(?:foreign-)?ca\.pem|server\.pem"
)
_WAIT = 10.0  # seconds: a broker whose starter was just killed is gone in less
_TOLD = b"A Kafka broker for tests and demos keeps its data here. Whoever has the folder may remove it.\n"


def claim(folder: Path, *, fresh: bool) -> int:
    """Make the folder ours, alone, until the descriptor that is returned is closed by everybody who holds it.

    Args:
        fresh: remove what an earlier broker left there, and nothing else.

    Raises:
        FolderRefused: it is somebody else's, another broker uses it, or it can't be written.
    """
    marker = folder / _MARKER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not marker.exists() and any(folder.iterdir()):
            raise FolderRefused(
                f"{folder} holds something that no broker of ours put there, so nothing was touched; "
                "name a new folder, or an empty one"
            )
        descriptor = os.open(marker, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise FolderRefused(f"{folder} can't be a broker's data folder: {error.strerror}") from error
    try:
        _lock(descriptor, folder)
        os.pwrite(descriptor, _TOLD, 0)
        if fresh:
            _empty(folder)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _lock(descriptor: int, folder: Path) -> None:
    limit = time.monotonic() + _WAIT
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > limit:
                raise FolderRefused(f"another broker is running on {folder}") from None
            time.sleep(0.05)
        else:
            return


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if not _OURS.fullmatch(path.name):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
