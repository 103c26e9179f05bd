"""The site's raw files: loggers' exports, scans of paper, curves. Each lies in `files/` under the SHA-256 of its bytes.

A file appears whole or not at all, is on the disk before its hash is believed, and is never overwritten. Names of files
are not kept: they may say who a patient is.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from console.given import opened
from events.errors import Corrupt, Refused
from events.verify import Finding

if TYPE_CHECKING:
    from console.site import Site
    from protocol.reader import Reader

LARGEST = 256 * 1024 * 1024
"""Bytes of the largest raw file that is kept."""
LEAST_BEGINNING = 8
"""Characters of a hash that name a file, where they name one only."""
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_MAKING = ".making-"
_CHUNK = 1 << 20

Standing = Literal["present", "missing", "altered"]


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that was kept: its hash, its size in bytes, and whether it was here before."""

    sha256: str
    size: int
    before: bool = False


class Files:
    """The raw files in a site's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "files"

    # ------------------------------------------------------------------ keeping

    def keep(self, data: bytes) -> Kept:
        """Keep bytes; see `keep_file`."""
        return self._take(BytesIO(data), "these bytes")

    def keep_file(self, path: Path) -> Kept:
        """Keep a copy of a file. When this returns, it is on the disk under the hash of the bytes that were copied.

        Raises:
            Refused: there is no such file, it is empty or too large.
            Corrupt: under its hash lies something else.
        """
        with opened(path) as source:
            return self._take(source, str(path))

    def _take(self, source: BinaryIO, name: str) -> Kept:
        self.folder.mkdir(mode=0o700, exist_ok=True)
        making = self.folder / f"{_MAKING}{secrets.token_hex(8)}"
        try:
            sha256, size = _copied(source, making, name)
            return Kept(sha256, size, before=not self._place(making, sha256))
        finally:
            with suppress(FileNotFoundError):
                making.unlink()

    def _place(self, making: Path, sha256: str) -> bool:
        """Give a file that is on the disk its name; False if it was here before."""
        target = self.folder / sha256
        try:
            os.link(making, target)  # fails if the name is taken: nothing is ever overwritten
        except FileExistsError:
            self.read_check(sha256)
            return False
        except OSError:  # a file system without hard links
            if target.exists():
                self.read_check(sha256)
                return False
            making.rename(target)
        _on_disk(self.folder)
        return True

    # ------------------------------------------------------------------ looking

    def path(self, sha256: str) -> Path:
        """Where the file of a hash lies, or would."""
        return self.folder / sha256

    def look(self, sha256: str) -> Standing:
        """Whether the file of a hash is here, and still those bytes."""
        digest = hashlib.sha256()
        try:
            with self.path(sha256).open("rb") as file:
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
        except FileNotFoundError:
            return "missing"
        return "present" if digest.hexdigest() == sha256 else "altered"

    def read(self, sha256: str) -> bytes:
        """The bytes of a file, checked against their hash.

        Raises:
            Refused: it is not kept here. Corrupt: it was altered.
        """
        try:
            data = self.path(sha256).read_bytes()
        except FileNotFoundError:
            raise Refused(
                "file.kept",
                f"No raw file {sha256[:16]} is kept at this site.",
                values={"sha256": sha256},
                advice="Fetch it from the site or the system that has it, and keep it here: `unbroken file add FILE`.",
            ) from None
        if hashlib.sha256(data).hexdigest() != sha256:
            raise _altered(sha256)
        return data

    def read_check(self, sha256: str) -> None:
        """Raise where the file of a hash is here and holds other bytes."""
        if self.look(sha256) == "altered":
            raise _altered(sha256)

    def __iter__(self) -> Iterator[str]:
        """The hashes of all files that are here, in order."""
        yield from sorted(name for name in self._names() if _HASH.fullmatch(name))

    def strangers(self) -> list[str]:
        """Names in the folder that are no hash: what was left half-copied, and what somebody put there."""
        return sorted(name for name in self._names() if not _HASH.fullmatch(name))

    def _names(self) -> list[str]:
        try:
            return os.listdir(self.folder)
        except FileNotFoundError:
            return []

    def called(self, text: str) -> str:
        """The hash that a text names: a whole one, or the beginning of one that is here.

        Raises:
            Refused: no hash, or the beginning of none or of several.
        """
        wanted = text.strip().lower().removeprefix("sha256:")
        if _HASH.fullmatch(wanted):
            return wanted
        found = [name for name in self if name.startswith(wanted)] if len(wanted) >= LEAST_BEGINNING else []
        if len(found) == 1:
            return found[0]
        raise Refused(
            "file.named",
            f"{text!r} names {'several raw files' if found else 'no raw file'} of this site.",
            values={"given": text, "found": [name[:16] for name in found]},
            advice=f"Give the SHA-256, or its first {LEAST_BEGINNING} characters or more.",
        )


def keep_named(site: Site, therapy: str | None, step: str, readings: dict[str, Any], *, keep: bool = True) -> None:
    """Where a value of type file is given as ``@PATH``, keep that file and put its hash in the value's place.

    Args:
        keep: False where somebody only asks: the hash is computed, and no copy is kept.

    Raises:
        Refused: the file cannot be kept, or the value is of another type.
    """
    paths = {name: value for name, value in readings.items() if isinstance(value, str) and value.startswith("@")}
    if not paths:
        return
    desk = site.desk()
    protocol = desk.protocol_of(desk.therapy(therapy)) if therapy else desk.current_protocol()
    asked = protocol.by_id.get(step)
    for name, value in paths.items():
        record = asked.record_by_name.get(name) if asked else None
        if record is not None and record.type == "text":
            continue
        if record is not None and record.type != "file":
            raise Refused(
                "file.value",
                f"{name} of {step} is a {record.type}, not a file.",
                values={"name": name, "given": value},
                advice="Only a value of type file takes @PATH.",
            )
        path = Path(value[1:])
        readings[name] = Files(site.folder).keep_file(path).sha256 if keep else hash_of(path)


def hash_of(path: Path) -> str:
    """The SHA-256 of a file's bytes.

    Raises:
        Refused: there is no such file.
    """
    digest = hashlib.sha256()
    with opened(path) as source:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def against_log(files: Files, reader: Reader) -> list[Finding]:
    """What the log names and this site does not have, or has otherwise; and kept files that are not what their name says."""
    from protocol.raw_files import files_of_log

    findings: list[Finding] = []
    looked: dict[str, Standing] = {}
    for named in files_of_log(reader):
        standing = looked.setdefault(named.sha256, files.look(named.sha256))
        if standing != "present":
            word = (
                "is not kept here" if standing == "missing" else "WAS ALTERED: its bytes are not those that were signed"
            )
            says = f"raw file {named.sha256[:16]} ({named.what}) {word}"
            findings.append(Finding("file", says, named.position, f"therapy/{named.therapy}"))
    for sha256 in files:
        if sha256 not in looked and files.look(sha256) == "altered":
            findings.append(Finding("file", f"raw file {sha256[:16]} WAS ALTERED: its bytes have another hash"))
    for name in files.strangers():
        findings.append(Finding("file", f"files/{name} is no raw file of this site: left half-copied, or put there"))
    return findings


def _copied(source: BinaryIO, making: Path, name: str) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    descriptor = os.open(making, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    with os.fdopen(descriptor, "wb") as copy:
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            if size > LARGEST:
                raise _unfit(name, f"has more than {LARGEST:,} bytes", "Keep it elsewhere, or in parts.")
            digest.update(chunk)
            copy.write(chunk)
        if not size:
            raise _unfit(name, "is empty", "An empty file proves nothing; take the right one.")
        copy.flush()
        os.fsync(copy.fileno())
    return digest.hexdigest(), size


def _on_disk(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unfit(name: str, why: str, advice: str) -> Refused:
    return Refused("file.size", f"{name} {why}.", values={"file": name}, advice=advice)


def _altered(sha256: str) -> Corrupt:
    return Corrupt(
        "file.altered",
        f"The raw file {sha256[:16]} of this site was altered: its bytes are not those that the record names.",
        values={"sha256": sha256},
        advice="Nothing may stand on it. Put the original back from the backup, and call QA.",
    )
