"""Judged records in one SQLite file: all of them with their verdicts by position; an accepted (stream, number) is unique.

The embedded log appends to such a file (`events.log_sqlite`); Kafka's follower keeps its verified local copy in one
(`events.kafka`). Both read the same way. Whatever is written is written in one transaction that begins by taking the
write lock and reads the size under it, so several processes may share the file.
"""

from __future__ import annotations

import errno
import os
import secrets
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from events.authority import STREAM, Authority
from events.errors import Corrupt, Moved, Refused, Unavailable
from events.heads import NOWHERE, Head
from events.judge import JUDGE_VERSION, Accepted, Rejected, Verdict, judge
from events.log import Stored
from events.merkle import Tree

if TYPE_CHECKING:
    from events.evidence import Evidence

BUSY_SECONDS = 20.0
# Every column is read as what it must be, whatever was put into the file by hand: SQLite's columns hold any type.
_READ = """
SELECT position, CAST(value AS BLOB), CAST(link AS TEXT), CAST(refused AS TEXT) FROM records
WHERE position >= ? AND position < ? ORDER BY position LIMIT 200"""
_STREAM = """
SELECT position, CAST(value AS BLOB), CAST(link AS TEXT), CAST(number AS INTEGER)
FROM placements JOIN records USING (position)
WHERE stream = ? AND number > ? AND position >= 0 AND refused IS NULL ORDER BY number LIMIT 200"""
_HEAD = """
SELECT CAST(number AS INTEGER), CAST(link AS TEXT) FROM placements JOIN records USING (position)
WHERE stream = ? AND position >= 0 AND refused IS NULL ORDER BY number DESC LIMIT 1"""
_STREAMS = """
SELECT DISTINCT CAST(stream AS TEXT) FROM placements JOIN records USING (position)
WHERE stream >= ? AND stream < ? AND position >= 0 AND refused IS NULL ORDER BY stream"""
_PLACEMENTS = "SELECT CAST(stream AS TEXT), CAST(number AS INTEGER) FROM placements WHERE position = ?"
_STATE = "SELECT CAST(size AS INTEGER), CAST(edge AS BLOB) FROM log"
_DAMAGE = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_ERROR")  # the last: a table is not there, or not ours
_SCHEMA = """
CREATE TABLE records (
    position INTEGER PRIMARY KEY, value BLOB NOT NULL, link TEXT, refused TEXT,
    CHECK ((link IS NULL) <> (refused IS NULL)));
CREATE TABLE placements (
    stream TEXT NOT NULL, number INTEGER NOT NULL, position INTEGER NOT NULL REFERENCES records,
    PRIMARY KEY (stream, number)) WITHOUT ROWID;
CREATE INDEX placements_by_position ON placements (position);
CREATE TABLE log (
    id TEXT NOT NULL, judge INTEGER NOT NULL, size INTEGER NOT NULL, edge BLOB NOT NULL, place TEXT NOT NULL);
PRAGMA application_id = 1431192139;
PRAGMA user_version = 3;
"""

OURS = (
    "CREATE TRIGGER records_stay BEFORE UPDATE ON records BEGIN SELECT RAISE(ABORT, 'records are never changed'); END",
    "CREATE TRIGGER records_keep BEFORE DELETE ON records BEGIN SELECT RAISE(ABORT, 'records are never removed'); END",
)
"""What acts by itself in a file of ours: guards against a slip. They prove nothing, and nobody relies on them."""


class Store:
    """The reading half of `EventLog`, and `keep` for records whose verdict is known.

    Each thread that uses an object has a connection of its own; `close` closes them all.

    Args:
        synced: whether a commit waits for the disk. A copy of what stands elsewhere need not.
    """

    def __init__(self, path: Path, *, synced: bool = True) -> None:
        if not path.is_file():
            raise Refused(
                "log.exists",
                f"There is no log at {path}.",
                values={"path": path},
                advice="Set the site up first: unbroken site init.",
            )
        self._path, self._synced = path, synced
        self._mine = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._folding = threading.Lock()
        self._authority = Authority()
        self._authority_number = 0
        self._authority_link = NOWHERE
        try:
            self._id, self._place = self._about()
        except BaseException:
            self.close()
            raise

    @property
    def _db(self) -> sqlite3.Connection:
        mine: sqlite3.Connection | None = getattr(self._mine, "connection", None)
        if mine is None:
            mine = _connect(self._path, self._synced)
            self._mine.connection = mine
            self._connections.append(mine)
        return mine

    def _about(self) -> tuple[str, str]:
        path = self._path
        with failures(path):
            row = self._db.execute("SELECT id, judge, place FROM log").fetchone()
        if row is None or not isinstance(row[0], str):
            raise Corrupt("log.genesis", f"{path} holds no log.", advice="Restore it from a backup.")
        if not isinstance(row[1], int) or not 1 <= row[1] <= JUDGE_VERSION:
            raise Corrupt(
                "log.judge-version",
                f"{path} was judged by version {row[1]} of the judge, this program knows up to {JUDGE_VERSION}.",
                values={"stored": row[1], "program": JUDGE_VERSION},
                advice="Use the version of the program that wrote it, or a newer one.",
            )
        return row[0], str(row[2])

    @staticmethod
    def begin(path: Path, genesis: bytes, place: str, *, synced: bool = True) -> str:
        """Make the file with its first record; returns the log's id.

        Raises:
            Refused: there is a log already, or the record is not a genesis.
        """
        refuse_remains(path)
        verdict = judge(genesis, 0, None, lambda _stream: Head(0, NOWHERE), Authority())
        if isinstance(verdict, Rejected):
            raise rejected(verdict)
        making = path.with_name(f"{path.name}.{secrets.token_hex(4)}.making")
        db = _connect(making, synced)
        with failures(path):
            db.executescript(_SCHEMA + ";".join((*OURS, "")))
            tree = Tree().add(genesis)
            db.execute("BEGIN IMMEDIATE")
            about = (verdict.link, verdict.authority.judge, tree.packed(), place)
            db.execute("INSERT INTO log VALUES (?, ?, 1, ?, ?)", about)
            db.execute("INSERT INTO records VALUES (0, ?, ?, NULL)", (genesis, verdict.link))
            db.execute("INSERT INTO placements VALUES (?, 1, 0)", (STREAM,))
            db.execute("COMMIT")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            db.close()
        _appear(making, path)
        return verdict.link

    # ------------------------------------------------------------------ what it is

    @property
    def id(self) -> str:
        """The log's id: the link of genesis."""
        return self._id

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    @property
    def place(self) -> str:
        """Where these records are kept; nothing is accepted where the log has left."""
        return self._place

    @property
    def keeps_refused(self) -> bool:
        """Whether refused claims are part of a healthy log here: in a copy of a topic they are."""
        return keeps_refused(self._place)

    def evidence(self) -> Evidence:
        """What the file holds, to be judged anew."""
        from events.evidence import Evidence

        return Evidence(self._path)

    # ------------------------------------------------------------------ writing

    def _write(self, position: int, value: bytes, verdict: Verdict) -> None:
        link = verdict.link if isinstance(verdict, Accepted) else None
        refused = verdict.reason if isinstance(verdict, Rejected) else None
        self._db.execute("INSERT INTO records VALUES (?, ?, ?, ?)", (position, value, link, refused))
        if isinstance(verdict, Accepted):
            for stream, seen in verdict.statement.heads.items():
                self._db.execute("INSERT INTO placements VALUES (?, ?, ?)", (stream, seen.number + 1, position))

    def _grown(self, tree: Tree) -> None:
        self._db.execute("UPDATE log SET size = ?, edge = ?", (tree.size, tree.packed()))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise

    # ------------------------------------------------------------------ reading

    def size(self) -> int:
        """How many records there are."""
        return self.tree().size

    def _head(self, stream: str) -> Head:
        row = self._db.execute(_HEAD, (stream,)).fetchone()
        return Head(row[0], row[1]) if row else Head(0, self._id)

    def heads(self, streams: Sequence[str]) -> dict[str, Head]:
        """Where streams stand."""
        with failures(self._path):
            return {stream: self._head(stream) for stream in streams}

    def authority(self) -> Authority:
        """Who may sign. Every record of authority is judged again when it is first read here."""
        with self._folding:
            for stored in self.stream(STREAM, self._authority_number):
                self._fold(stored)
            return self._authority

    def _fold(self, stored: Stored) -> None:
        number = self._authority_number
        log = self._id if number else None
        seen = Head(number, self._authority_link) if number else Head(0, NOWHERE)
        stands = defaultdict(lambda: Head(0, self._id), {STREAM: seen})
        verdict = judge(stored.value, stored.position, log, stands.__getitem__, self._authority, self._place)
        link = verdict.link if isinstance(verdict, Accepted) else None
        if not isinstance(verdict, Accepted) or link != stored.link or (number == 0 and link != self._id):
            raise Corrupt(
                "log.authority",
                f"Record {stored.position} of the stream authority does not stand any more.",
                values={"position": stored.position},
                advice="Stop, run `unbroken verify`, and call QA.",
            )
        self._authority = verdict.authority
        self._authority_number += 1
        self._authority_link = verdict.link

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[Stored]:
        """Records by position, refused ones included."""
        while page := self._rows(_READ, (start, 2**62 if stop is None else stop)):
            for row in page:
                yield Stored(*row)
            start = page[-1][0] + 1

    def stream(self, name: str, after: int = 0) -> Iterator[Stored]:
        """The accepted records of one stream in order."""
        while page := self._rows(_STREAM, (name, after)):
            for position, value, link, _number in page:
                yield Stored(position, value, link, None)
            if page[-1][3] <= after:
                return  # a number that is no integer, put there by hand
            after = page[-1][3]

    def _rows(self, query: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        # Whole pages: a half-read cursor would hold an old snapshot, and an append under it could not begin.
        with failures(self._path):
            return self._db.execute(query, values).fetchall()

    def streams(self, prefix: str) -> list[str]:
        """Names of streams that begin with `prefix`, sorted."""
        return [row[0] for row in self._rows(_STREAMS, (prefix, prefix + "\x7f"))]

    def placements(self, position: int) -> dict[str, int]:
        """Stream to number for the record at this position."""
        return dict(self._rows(_PLACEMENTS, (position,)))

    def tree(self) -> Tree:
        """Size and right edge of the Merkle tree."""
        rows = self._rows(_STATE)
        try:
            ((size, edge),) = rows
            return Tree.unpack(size, edge)
        except ValueError as problem:
            raise Corrupt(
                "log.tree",
                f"The log's file {self._path} has lost its size or the edge of its tree ({problem}).",
                values={"path": self._path},
                advice="Stop, keep the file as it is, restore the last backup beside it, and call QA.",
            ) from problem

    def close(self) -> None:
        """Close the file."""
        for connection in self._connections:
            connection.close()
        self._connections.clear()
        self._mine = threading.local()


def _connect(path: Path, synced: bool) -> sqlite3.Connection:
    with failures(path):
        # Each thread makes its own; whoever closes the log closes them all.
        db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        db.text_factory = lambda text: text.decode("utf-8", "replace")  # damage is named later, by whoever reads it
        db.execute("PRAGMA journal_mode = WAL")
        db.execute(f"PRAGMA synchronous = {'FULL' if synced else 'NORMAL'}")
        db.execute("PRAGMA fullfsync = ON")
    return db


def keeps_refused(place: str) -> bool:
    """Whether what the judge refuses is kept there all the same: a topic takes whatever is sent to it."""
    return place.startswith("kafka:")


def refuse_remains(path: Path) -> None:
    """Raise if there is a log of this name, or what is left of one.

    SQLite would replay the write-ahead log of an earlier file of this name into a new one.

    Raises:
        Refused: naming the file.
    """
    for there in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-journal")):
        if there.exists():
            raise _exists(there)


def _exists(path: Path) -> Refused:
    return Refused(
        "log.exists",
        f"There is a log at {path} already, or what is left of one.",
        values={"path": path},
        advice="Use it, or choose another folder; a log is never overwritten.",
    )


def _appear(making: Path, path: Path) -> None:
    """Give a finished file its name: whole or not at all, and never over another's."""
    try:
        os.link(making, path)
        making.unlink()
    except FileExistsError:
        making.unlink()
        raise _exists(path) from None
    except OSError as problem:
        if problem.errno not in {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}:
            raise
        making.rename(path)  # a file system without links
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def rejected(verdict: Rejected) -> Moved | Refused:
    """The judge's no as an error for a caller."""
    if verdict.why == "head":
        return Moved("log.head", f"{verdict.says}.", advice="Read again and decide again.")
    if verdict.why == "sealed":
        return Refused(
            "log.sealed",
            f"This log is sealed: {verdict.says}.",
            advice="Nothing was recorded. Work where the log goes on: `unbroken log use` tells a site where that is.",
        )
    return Refused(
        f"log.{verdict.why}",
        f"The log refuses the record: {verdict.says}.",
        advice="Nothing was recorded. Check who signs, and that the key has not been revoked.",
    )


def damaged(problem: sqlite3.Error) -> bool:
    """Whether SQLite speaks of the file itself, and not of the disk or of whoever holds it."""
    code = getattr(problem, "sqlite_errorname", "") or ""
    return code.startswith(_DAMAGE) or isinstance(problem, sqlite3.IntegrityError)


@contextmanager
def failures(path: Path) -> Iterator[None]:
    """Say what SQLite's errors mean to the people who stand before them."""
    try:
        yield
    except sqlite3.Error as problem:
        code = getattr(problem, "sqlite_errorname", "") or ""
        if damaged(problem):
            raise Corrupt(
                "log.file",
                f"The log's file {path} is damaged ({problem}).",
                values={"path": path, "code": code},
                advice="Stop, keep the file as it is, restore the last backup beside it, and call QA.",
            ) from problem
        if code.startswith("SQLITE_IOERR"):
            raise Unavailable(
                "log.disk",
                f"The disk failed under {path} ({problem}); it is unknown whether the record was written.",
                values={"path": path, "code": code},
                advice="Look at the therapy's history before you repeat the act; it will show what was recorded.",
            ) from problem
        if code.startswith("SQLITE_FULL"):
            raise Unavailable(
                "log.disk-full",
                f"The disk is full under {path}; nothing was recorded.",
                values={"path": path, "code": code},
                advice="Free some space and repeat the act.",
            ) from problem
        raise Unavailable(
            "log.unavailable",
            f"The log {path} cannot be used now ({problem}); nothing was recorded.",
            values={"path": path, "code": code},
            advice="Another process may hold it, or the file may be read-only; try again.",
        ) from problem
