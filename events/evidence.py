"""A log's file as evidence: the records in it, and beside them what the file says of them, which nobody here believes.

`Store` works with a file, and stops at the first thing in it that is not as it left it. Whoever verifies wants the opposite:
every record that can still be read, whatever became of the tables around it. All of it is read in one transaction, so it
is of one moment, while others may go on writing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from events.envelope import open_envelope
from events.errors import Corrupt, Refused
from events.grammar import Malformed
from events.statement import read_statement
from events.store import BUSY_SECONDS, OURS, damaged, failures, keeps_refused

PAGE = 200
LONGEST_WORD = 300
"""Characters of what SQLite says of a damaged file: it names every page."""
LARGEST = 2**53 - 1
"""Of positions: no log is longer, and a row beyond is none of its records."""


@dataclass(frozen=True, slots=True)
class Row:
    """A record, and what the file says of it: link, refusal, and its number in each stream (None: the index says nothing).

    `value` is None where the file is damaged in such a way that this record cannot be read.
    """

    position: int
    value: bytes | None
    link: str | None = None
    refused: str | None = None
    placed: tuple[tuple[str, int], ...] | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """What the file says of the log as a whole, in whatever type somebody left it there."""

    id: Any = None
    judge: Any = None
    size: Any = None
    edge: Any = None
    place: Any = None


class Evidence:
    """A file of records, opened to be judged.

    Args:
        place: where the records are kept, if that is known from elsewhere; else the file's own word is taken.

    Raises:
        Refused: there is no file. Corrupt: nothing at all can be read from it. Unavailable: it is held, or not ours to read.
    """

    def __init__(self, path: Path, place: str | None = None) -> None:
        self._path, self.troubles = path, list[str]()
        if not path.is_file():
            raise Refused(
                "log.exists", f"There is no log at {path}.", values={"path": path}, advice="Restore it from a backup."
            )
        self._db = _opened(path)
        self._columns = self._columns_of("records")
        self.says_verdicts = {"link", "refused"} <= self._columns.keys()
        """Whether it says anything of single records."""
        if self._columns and not self.says_verdicts:
            self.troubles.append("the file's table of records has no columns for links and refusals")
        self.account = self._account()
        told = self.account.place if isinstance(self.account.place, str) else ""
        self.place = told if place is None else place
        if self.place != told:
            self.troubles.append(f"the file says that it is kept at {told or 'no place'}, and it is {self.place}")
        self.skipped: dict[int, tuple[tuple[str, int], ...]] = {}
        """What the index places at positions below the row read last where no record is."""
        self.beyond = 0
        """How many places the index gives to records after the last one; known once all rows were read."""

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    # ------------------------------------------------------------------ what is around the records

    def _columns_of(self, table: str) -> dict[str, bool]:
        """Columns by name, and whether one alone is the table's key, which an INTEGER PRIMARY KEY in SQLite is."""
        found = self._tried(f"PRAGMA table_info({table})") or []
        keys = [name for _, name, kind, _, _, key in found if key and str(kind).upper() == "INTEGER"]
        return {name: keys == [name] for _, name, *_ in found}

    def _tried(self, query: str) -> list[tuple[Any, ...]] | None:
        """Every row of a query; None, and a word about it, where the file does not give them."""
        try:
            return self._db.execute(query).fetchall()
        except sqlite3.Error as problem:
            self._broken(problem)
            return None

    def _broken(self, problem: sqlite3.Error) -> None:
        says = f"the file is damaged: {problem}"
        if says not in self.troubles:
            self.troubles.append(says)

    def _account(self) -> Account:
        columns = [name for name in self._columns_of("log") if name in Account.__slots__]
        rows = (self._tried(f"SELECT {', '.join(columns)} FROM log") if columns else None) or []  # noqa: S608  # names of ours
        if len(rows) != 1:
            self.troubles.append(f"the file gives {len(rows)} accounts of the log, not one")
        told = dict(zip(columns, rows[0], strict=True)) if rows else {}
        if missing := sorted(name for name in Account.__slots__ if told.get(name) is None):
            self.troubles.append(f"the file's account of the log does not tell: {', '.join(missing)}")
        return Account(**told)

    def examine(self) -> None:
        """Add to `troubles` what somebody put into the file that would act by itself, and what SQLite says of the file."""
        for kind, name, sql in self._tried("SELECT type, name, sql FROM sqlite_master") or []:
            if kind in ("trigger", "view") and " ".join(str(sql).split()) not in OURS:
                self.troubles.append(f"somebody put the {kind} {name} into the file")
        for (says,) in self._tried("PRAGMA integrity_check(20)") or []:
            if says != "ok":
                self.troubles.append(f"SQLite says of the file: {' '.join(str(says).split())[:LONGEST_WORD]}")
        if self._columns:
            outside = f"position < 0 OR position > {LARGEST}"
            if not self._columns.get("position"):
                outside += " OR typeof(position) <> 'integer'"
            for (position,) in self._tried(f"SELECT position FROM records WHERE {outside} LIMIT 20") or []:  # noqa: S608
                self.troubles.append(f"a row stands at {position!r}, which is no position")

    # ------------------------------------------------------------------ the records

    def rows(self) -> Iterator[Row]:
        """Every record in the order of positions; several rows of one position follow each other."""
        if not {"position", "value"} <= self._columns.keys():
            self.troubles.append("the file has no table of records")
            return
        placements = _Placements(self._placements(), self.skipped, self._broken)
        for position, value, link, refused in self._records():
            yield Row(position, value, link, refused, placements.of(position))
        self.beyond = placements.rest()

    def left_out(self, stream: str, longest: int) -> list[int] | None:
        """Positions of records that say that they extend a stream, and that the index does not place there.

        Records that are stored as refused are looked at too, except where such are kept. None: the log has more than
        `longest` records.

        Raises:
            Corrupt: what is read for it is damaged.
        """
        with failures(self._path):
            ((last,),) = self._db.execute("SELECT max(position) FROM records")
            if not isinstance(last, int) or last >= longest:
                return None
            kept = "refused IS NULL AND " if keeps_refused(self.place) else ""
            rows = self._db.execute(
                f"SELECT position, CAST(value AS BLOB) FROM records WHERE {kept}position NOT IN "  # noqa: S608  # words of ours
                "(SELECT position FROM placements WHERE stream = ?) ORDER BY position",
                (stream,),
            )
            return [position for position, value in rows if _names(value or b"", stream)]

    def _query(self, where: str) -> str:
        text = [f"CAST({name} AS TEXT)" if name in self._columns else "NULL" for name in ("link", "refused")]
        return f"SELECT position, CAST(value AS BLOB), {', '.join(text)} FROM records WHERE {where} ORDER BY position"  # noqa: S608

    def _records(self) -> Iterator[tuple[int, bytes | None, str | None, str | None]]:
        if not self._columns["position"]:  # not the key any more: any number of rows may have any position
            inside = f"typeof(position) = 'integer' AND position BETWEEN 0 AND {LARGEST}"
            for position, value, *told in self._tried(self._query(inside)) or []:
                yield position, value or b"", *told
            return
        last = -1
        while True:
            try:
                page = self._db.execute(
                    self._query("position > ? AND position <= ?") + " LIMIT ?", (last, LARGEST, PAGE)
                )
                found = page.fetchall()
            except sqlite3.Error as problem:
                self._broken(problem)
                yield from self._one_by_one(last + 1)
                return
            for position, value, *told in found:
                yield position, value or b"", *told
            if not found:
                return
            last = found[-1][0]

    def _one_by_one(self, start: int) -> Iterator[tuple[int, bytes | None, str | None, str | None]]:
        """Past a damaged part of the file: what is left of it, up to where anything in it says that the log ends."""
        ends = [self.account.size] if isinstance(self.account.size, int) else []
        for query in ("SELECT max(position) + 1 FROM records", "SELECT max(position) + 1 FROM placements"):
            with suppress(sqlite3.Error):
                ends += [end for (end,) in self._db.execute(query) if isinstance(end, int)]
        for position in range(start, min(max(ends, default=0), start + 10_000_000)):
            try:
                found = self._db.execute(self._query("position = ?"), (position,)).fetchall()
            except sqlite3.Error:
                yield position, None, None, None
                continue
            for _, value, *told in found:
                yield position, value or b"", *told

    def _placements(self) -> Iterator[tuple[int, str, int]] | None:
        where = "FROM placements WHERE typeof(position)"
        try:
            # A count first: a table that is not there, or is damaged, is known before the first record is looked at.
            nowhere = "SELECT count(*), count(stream), count(number)"
            ((stray, *_),) = self._db.execute(f"{nowhere} {where} <> 'integer'")
            if stray:
                self.troubles.append(f"the log's index has {stray} places at what is no position")
            columns = "SELECT position, CAST(stream AS TEXT), CAST(number AS INTEGER)"
            return iter(self._db.execute(f"{columns} {where} = 'integer' ORDER BY position"))
        except sqlite3.Error as problem:
            self._broken(problem)
            return None


def _names(value: bytes, stream: str) -> bool:
    """Whether a record extends a stream, by what it says itself. Most say no before they are read."""
    try:
        payload = open_envelope(value).payload
        if f'"{stream}"'.encode() not in payload and b"\\" not in payload:
            return False
        return stream in read_statement(payload).heads
    except Malformed:
        return False


class _Placements:
    """The index, read along with the records."""

    def __init__(
        self,
        rows: Iterator[tuple[int, str, int]] | None,
        skipped: dict[int, tuple[tuple[str, int], ...]],
        broken: Callable[[sqlite3.Error], None],
    ) -> None:
        self._rows, self._skipped, self._broken = rows, skipped, broken
        self._next: tuple[int, str, int] | None = None
        self._advance()

    def _advance(self) -> None:
        try:
            self._next = next(self._rows, None) if self._rows is not None else None
        except sqlite3.Error as problem:
            self._broken(problem)  # what it would have said of the rest nobody knows
            self._rows = self._next = None

    def of(self, position: int) -> tuple[tuple[str, int], ...] | None:
        """Where it places the record at this position, which comes after those that were asked for before."""
        found: list[tuple[str, int]] = []
        while self._next is not None and self._next[0] <= position:
            at = self._next[0]
            if at == position:
                found.append(self._next[1:])
            else:
                self._skipped[at] = (*self._skipped.get(at, ()), self._next[1:])
            self._advance()
        return None if self._rows is None else tuple(sorted(found))

    def rest(self) -> int:
        """How many are left when every record has been asked for."""
        left = 0
        while self._next is not None:
            left += 1
            self._advance()
        return left


def _opened(path: Path) -> sqlite3.Connection:
    """As others have it open; then without writing; then without its write-ahead log, where that cannot be opened."""
    trouble: sqlite3.Error | None = None
    for how in ("mode=rw", "mode=ro", "mode=ro&immutable=1"):
        try:
            db = sqlite3.connect(f"file:{quote(str(path))}?{how}", uri=True, timeout=BUSY_SECONDS, isolation_level=None)
            db.text_factory = lambda text: text.decode("utf-8", "replace")
            # A schema that somebody spoilt is read as far as it can be; and nothing is written, whatever a trigger says.
            db.execute("PRAGMA writable_schema = ON")
            db.execute("PRAGMA query_only = ON")
            db.execute("BEGIN")
            db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.Error as problem:
            trouble = trouble or problem
        else:
            return db
    assert trouble is not None
    if damaged(trouble):
        raise Corrupt(
            "log.file",
            f"Nothing can be read from the log's file {path} ({trouble}): no record of it can be judged.",
            values={"path": path},
            advice="Keep the file as it is, restore the last backup beside it, verify that one, and call QA.",
        ) from trouble
    with failures(path):
        raise trouble
