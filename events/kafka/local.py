"""The local copy as it is found: sound, missing, or only what is left of one. It can be fetched again, so nobody is stopped.

What is left is never removed: it may hold what was lost elsewhere.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from events.copy import Copy, rewritten
from events.errors import Corrupt

_DAMAGE = {"log.file", "log.genesis", "log.tree"}


def local_copy(path: Path, genesis: bytes, place: str, told: Callable[[str], None]) -> Copy:
    """The copy at `path`, begun again where there is none that can be read.

    Raises:
        Corrupt: it is of another log.
    """
    if _left(path) and not path.is_file():
        told(f"The local copy is gone; what was left of it is set aside as {_set_aside(path)}. It is made again.")
    try:
        return _opened(path, genesis, place)
    except Corrupt as problem:
        if problem.rule not in _DAMAGE:
            raise
        told(f"The local copy cannot be read and is set aside as {_set_aside(path)}. It is made again.")
    return _opened(path, genesis, place)


def _opened(path: Path, genesis: bytes, place: str) -> Copy:
    copy = Copy.begun(path, genesis, place, synced=False)
    try:
        first = next(iter(copy.read(0, 1)), None)
        if copy.place != place or first is None or first.value != genesis:
            raise rewritten(0)
    except BaseException:
        copy.close()
        raise
    return copy


def _left(path: Path) -> list[Path]:
    return [one for name in ("-wal", "-shm", "-journal") if (one := path.with_name(path.name + name)).exists()]


def _set_aside(path: Path) -> str:
    aside = f"{path.name}.damaged-{secrets.token_hex(4)}"
    for one in (path, *_left(path)):
        with suppress(FileNotFoundError):  # another process was quicker
            one.rename(path.with_name(aside + one.name.removeprefix(path.name)))
    return aside


@contextmanager
def copy_damage(path: Path) -> Iterator[None]:
    """Say of a damaged copy what helps: it is no log to be restored from a backup."""
    try:
        yield
    except Corrupt as problem:
        if problem.rule not in _DAMAGE:
            raise
        raise Corrupt(
            "log.copy-damaged",
            f"The local copy {path} is damaged: {problem.says}",
            values={"path": path},
            advice="Move it away; the next command makes it again from Kafka. If it happens again, call QA.",
        ) from problem
