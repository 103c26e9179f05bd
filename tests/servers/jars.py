"""The jars of Apache Kafka, exactly as requirements/kafka-jars.txt lists them: fetched once, checked at every use.

The list is what Maven resolves; nothing is resolved here. jgo only downloads one coordinate at a time, because its own
resolver picks other versions than Maven, with which the broker dies.
"""

import hashlib
import os
import pwd
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers.errors import PartMissing

KAFKA = "4.3.1"
LIST = Path(__file__).parents[2] / "requirements" / "kafka-jars.txt"

_AT_ONCE = 8
_TRIES = 3
_ABANDONED = 3600.0  # seconds after which a download folder belongs to nobody: no fetch takes so long


@dataclass(frozen=True)
class Jar:
    """One line of the list."""

    coordinate: str
    sha256: str

    @property
    def file(self) -> str:
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"

    def is_at(self, path: Path) -> bool:
        """Whether that file holds this jar, to the byte."""
        try:
            with path.open("rb") as stream:
                return hashlib.file_digest(stream, "sha256").hexdigest() == self.sha256
        except OSError:
            return False


def listed(path: Path = LIST) -> list[Jar]:
    lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return [Jar(coordinate, sha256) for coordinate, sha256 in filter(None, lines)]


def kafka_jars(
    say: Callable[[str], None] = print, *, wanted: Iterable[Jar] | None = None, folder: Path | None = None
) -> list[Path]:
    """Every jar on this disk, byte for byte as listed; what is missing or was changed is fetched (43 MB in all).

    Args:
        say: is given plain lines while something is fetched, nothing otherwise.
        wanted: other jars than those of the list.
        folder: where they are kept, instead of the user's cache folder.

    Raises:
        PartMissing: some could not be had; those that could are kept, so the next call goes on from there.
    """
    jars = list(listed() if wanted is None else wanted)
    candidates = list(_folders()) if folder is None else [folder]
    for candidate in candidates:
        if all(jar.is_at(candidate / jar.file) for jar in jars):
            return [candidate / jar.file for jar in jars]
    folder = next(filter(_writable, candidates), None) or Path(tempfile.mkdtemp(prefix=f"unbroken-kafka-{KAFKA}-"))
    _fetch(jars, folder, say)
    return [folder / jar.file for jar in jars]


def _folders() -> Iterable[Path]:
    """Where the jars may be, the best first. What lies there is believed by its hash only, so a shared /tmp is safe."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(cache):
        yield Path(cache) / "unbroken" / f"kafka-{KAFKA}"
    elif home := _home():
        yield home / ".cache" / "unbroken" / f"kafka-{KAFKA}"
    yield Path(tempfile.gettempdir()) / f"unbroken-kafka-{KAFKA}-{os.getuid()}"


def _home() -> Path | None:
    """The user's home; HOME may be empty, and in a container the user may have no entry either."""
    home = os.environ.get("HOME", "")
    if not os.path.isabs(home):
        try:
            home = pwd.getpwuid(os.getuid()).pw_dir
        except KeyError:
            return None
    return Path(home)


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_uid != os.getuid():  # root may write anywhere, but should not in what another user made
            return False
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _fetch(jars: list[Jar], folder: Path, say: Callable[[str], None]) -> None:
    missing = []
    for jar in jars:
        path = folder / jar.file
        if jar.is_at(path):
            continue
        if path.exists():
            say(f"kafka: {path} is not the file that is listed; it is fetched again")
        missing.append(jar)
    say(f"kafka: fetching {len(missing)} of {len(jars)} jars of Apache Kafka {KAFKA} into {folder}")
    _sweep(folder)
    began = time.monotonic()
    # Who told pip or Python which authorities to trust (behind a proxy, say) means this download, too.
    trusted = os.environ.get("SSL_CERT_FILE") or os.environ.get("PIP_CERT")
    if trusted:
        os.environ.setdefault("REQUESTS_CA_BUNDLE", trusted)
    staging = Path(tempfile.mkdtemp(prefix=".fetch-", dir=folder))
    pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="fetch-jar")
    try:
        started = {pool.submit(_fetch_one, jar, staging, folder): jar for jar in missing}
        for done, future in enumerate(as_completed(started), 1):
            if (error := future.exception()) is not None:
                raise PartMissing(_no_jar(started[future], len(missing) - done + 1, error)) from error
            if done % 10 == 0:
                say(f"kafka:   {done} of {len(missing)}")
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # a Ctrl-C does not wait for a slow download
        shutil.rmtree(staging, ignore_errors=True)
    say(f"kafka: {len(missing)} jars fetched in {time.monotonic() - began:.0f} s, every one checked by its SHA-256")


def _no_jar(jar: Jar, left: int, error: BaseException) -> str:
    told = " ".join(str(error).split())[:200]
    if isinstance(error, OSError):  # what `requests` raises is one, too, and tells its story with whole addresses
        told = error.strerror or f"the repository can't be reached ({type(error).__name__})"
    return f"{left} jars of Apache Kafka {KAFKA} could not be fetched, {jar.coordinate} among them: {told}"


def _fetch_one(jar: Jar, staging: Path, folder: Path) -> None:
    """Put one jar in its place; a file that anybody can see there is whole, for it is renamed into place."""
    for attempt in range(1, _TRIES + 1):
        # A folder for each attempt, because jgo trusts any file it finds in its own.
        ours = staging / f"{jar.file}.{attempt}"
        try:
            got = _download(jar, ours, _local_repositories() if attempt == 1 else [])
            if not jar.is_at(got):
                raise PartMissing(f"{got.name} came with another SHA-256 than listed")
            whole = ours / jar.file
            ours.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(got, whole)
            os.replace(whole, folder / jar.file)
            return
        except Exception:
            if attempt == _TRIES:
                raise


def _download(jar: Jar, staging: Path, local: list[Path]) -> Path:
    try:
        from jgo.maven import MavenContext
    except ImportError:
        raise PartMissing("the package jgo, which downloads them, is not installed (`make servers`)") from None
    context: Any = MavenContext(repo_cache=staging, local_repos=local)
    path: Path = context.create_dependency(jar.coordinate).artifact.resolve()
    return path


def _local_repositories() -> list[Path]:
    """What Maven itself has on this disk already, if anything. Only read: jgo writes into the staging folder."""
    home = _home()
    named = os.environ.get("M2_REPO")
    repository = Path(named) if named else home / ".m2" / "repository" if home else None
    return [repository] if repository and repository.is_dir() else []


def _sweep(folder: Path) -> None:
    """Remove what a fetch that was killed left behind, but nothing of one that still runs."""
    for left in folder.glob(".fetch-*"):
        try:
            abandoned = time.time() - left.stat().st_mtime > _ABANDONED
        except OSError:
            continue
        if abandoned:
            shutil.rmtree(left, ignore_errors=True)
