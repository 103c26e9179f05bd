"""Filling the views: rows and position in one transaction, so that filling twice changes nothing. `rebuild` is one verb."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, delete, event, insert, inspect, select, text, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import CreateTable

from events.errors import Refused, Unavailable, UnbrokenError
from events.facts.authority import KeyRevoked
from events.log import EventLog
from events.reading import read_record
from projections.rows import Row, rows_of, rows_of_broken
from projections.tables import NAMES, VERSION, Views, views
from protocol.audit import audit
from protocol.reader import Reader

BATCH = 2000
"""Records per transaction: large enough to fill quickly, small enough that a kill loses little."""


class Projector:
    """Follows one log into one database. It may be killed at any instant and run twice."""

    def __init__(self, log: EventLog, database_url: str, stem: str = "") -> None:
        self.reader, self.log, self.views = Reader(log), log, views(stem)
        self.engine = _engine(database_url)
        with _failures():
            _make(self.engine, self.views)

    def position(self) -> int:
        """How many records the views hold."""
        with _failures(), self.engine.connect() as db:
            return self._position(db)

    def _position(self, db: Connection) -> int:
        row = db.execute(select(self.views.position)).first()
        if row is not None and (row.log != self.log.id or row.version != VERSION):
            raise Refused(
                "views.version",
                f"The views are of log {row.log[:12]} and version {row.version}, "
                f"not of log {self.log.id[:12]} and version {VERSION}.",
                advice="Rebuild them: unbroken rebuild.",
            )
        return 0 if row is None else int(row.position)

    def catch_up(self, progress: Callable[[int, int], None] = lambda _done, _of: None) -> int:
        """Fill the views up to the log's end; returns how many records were new."""
        size, begun = self.log.size(), None
        while True:
            with _failures(), self.engine.begin() as db:
                # The position is read under the write lock: two projectors take turns, and neither fills twice.
                position = self._locked_position(db)
                begun = position if begun is None else begun
                if position >= size:
                    return position - begun
                stop = min(position + BATCH, size)
                for name in self._touched(position, stop):
                    self._write(db, name)
                db.execute(update(self.views.position).values(position=stop))
            progress(stop, size)

    def _locked_position(self, db: Connection) -> int:
        position = self._position(db)
        if db.execute(update(self.views.position).values(position=self.views.position.c.position)).rowcount:
            return self._position(db)
        db.execute(insert(self.views.position).values(log=self.log.id, version=VERSION, position=0))
        return position

    def _touched(self, start: int, stop: int) -> list[str]:
        names: dict[str, None] = {}
        for stored in self.log.read(start, stop):
            if stored.refused is None:
                statement = read_record(stored).statement
                heads: Iterable[str] = statement.heads
                if any(fact["fact"] == KeyRevoked.wire and "suspect_since" in fact for fact in statement.facts):
                    heads = self.log.streams("therapy/")  # what the key signed is marked, wherever that was
                names |= dict.fromkeys(s.removeprefix("therapy/") for s in heads if s.startswith("therapy/"))
        return sorted(names)

    def _write(self, db: Connection, name: str) -> None:
        try:
            therapy = self.reader.therapy(name)
            rows = rows_of(therapy, self.reader.protocol_of(therapy), self._finding(name))
        except UnbrokenError as problem:
            rows = rows_of_broken(name, problem)  # it stops this therapy's rows, not everybody's
        for table_name, table in self.views.tables.items():
            db.execute(delete(table).where(table.c.therapy == name))
            if rows.get(table_name):
                db.execute(insert(table), rows[table_name])

    def _finding(self, name: str) -> str:
        """What the audit says of a therapy: the first finding in full, and how many more there are."""
        findings = audit(self.reader, name)
        if not findings:
            return ""
        more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        return f"{findings[0].kind}: {findings[0].says}{more}"

    def digest(self) -> str:
        """SHA-256 over every row of every view in order."""
        with _failures(), self.engine.connect() as db:
            return _digest(db, self.views)


def catch_up(log: EventLog, database_url: str) -> int:
    """Fill the views up to the log's end; returns how many records were new."""
    return Projector(log, database_url).catch_up()


def rebuild(
    log: EventLog, database_url: str, progress: Callable[[int, int], None] = lambda _done, _of: None
) -> tuple[str, str]:
    """New tables, replay, compare, swap. Returns the digest before (of views just as long) and after.

    A kill leaves the old views as they were.
    """
    engine = _engine(database_url)
    old, new = views(), views("new_")
    with _failures():
        with engine.begin() as db:
            new.metadata.drop_all(db)
        fresh = Projector(log, database_url, "new_")
        fresh.catch_up(progress)
        with engine.begin() as db:
            before = _digest(db, old) if inspect(db).has_table("batch_status") else ""
            after = _digest(db, new)
            for name in (*NAMES, "position"):
                db.execute(text(f"DROP TABLE IF EXISTS {name}"))
                db.execute(text(f"ALTER TABLE new_{name} RENAME TO {name}"))
    return before, after


def digest(database_url: str) -> str:
    """SHA-256 over every row of every view."""
    with _failures(), _engine(database_url).connect() as db:
        return _digest(db, views())


def batches(database_url: str) -> list[Row]:
    """Every batch's status, by therapy."""
    return _rows(database_url, "batch_status")


def worklist(database_url: str, role: str | None = None) -> list[Row]:
    """What waits for whom, of every therapy; of one role where it is given."""
    found = _rows(database_url, "worklist")
    return [row for row in found if role is None or role in row["roles"].split(", ")]


def patient_schedule(database_url: str, therapy: str) -> list[Row]:
    """One patient's calendar as it stands in the view."""
    return [row for row in _rows(database_url, "patient_schedule") if row["therapy"] == therapy]


def custody(database_url: str, therapy: str) -> list[Row]:
    """One patient's custody trail as it stands in the view."""
    return [row for row in _rows(database_url, "custody_trail") if row["therapy"] == therapy]


def _rows(database_url: str, name: str) -> list[Row]:
    table = views().tables[name]
    with _failures(), _engine(database_url).connect() as db:
        rows = db.execute(select(table).order_by(*table.primary_key.columns)).mappings()
        return [dict(row) for row in rows]


def _digest(db: Connection, of: Views) -> str:
    seal = hashlib.sha256()
    for name in NAMES:
        table = of.tables[name]
        rows = db.execute(select(table)).mappings()
        for row in sorted(json.dumps(dict(row), sort_keys=True, ensure_ascii=False) for row in rows):
            seal.update(f"{name} {row}\n".encode())
    return seal.hexdigest()


def _make(engine: Engine, of: Views) -> None:
    for last in (False, True):
        try:
            with engine.begin() as db:
                for table in of.metadata.sorted_tables:
                    db.execute(CreateTable(table, if_not_exists=True))
            return
        except SQLAlchemyError:
            # PostgreSQL may refuse one of two who make the same table at the same moment; then the other has made it.
            if last:
                raise


def _engine(database_url: str) -> Engine:
    engine = create_engine(database_url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _sqlite_waits)
    return engine


def _sqlite_waits(connection: Any, _record: object) -> None:
    # Two projectors take turns instead of failing; disposable data needs no sync on each commit.
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA busy_timeout = 30000")


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as problem:
        raise Unavailable(
            "views.database",
            f"The views' database cannot be used: {str(problem).splitlines()[0]}.",
            advice="The log is not touched. If the database is damaged, remove it and run `unbroken rebuild`.",
        ) from problem
