"""Filling the views: rows and position in one transaction, so that filling twice changes nothing. `rebuild` is one verb."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable

from sqlalchemy import Connection, Integer, bindparam, delete, exists, insert, inspect, literal, select, text, update
from sqlalchemy.schema import CreateTable

from events.errors import Refused, Unavailable, UnbrokenError
from events.facts.authority import KeyRevoked
from events.log import EventLog
from events.reading import read_record
from projections import followers, notices, remains
from projections.database import connected, engine, failures, insert_of, one_at_a_time
from projections.rows import Row, rows_of, rows_of_broken
from projections.tables import NAMES, VERSION, Views, views
from protocol.audit import audit
from protocol.reader import Reader

BATCH = 2000
"""Records per transaction: large enough to fill quickly, small enough that a kill loses little."""


class Projector:
    """Follows one log into one database. It may be killed at any instant and run twice.

    Args:
        mover: who fills, for `followers`; nobody is named where it is not given.

    Raises:
        Unavailable: the database cannot be used. Refused: its URL is none.
    """

    def __init__(self, log: EventLog, database_url: str, stem: str = "", mover: followers.Mover | None = None) -> None:
        self.reader, self.log, self.views, self.mover = Reader(log), log, views(stem), mover
        self.engine = engine(database_url)
        with failures(), self.engine.begin() as db:
            one_at_a_time(db)
            for table in self.views.metadata.sorted_tables:
                db.execute(CreateTable(table, if_not_exists=True))
            followers.make(db)

    def close(self) -> None:
        """Let go of the database's connections."""
        self.engine.dispose()

    def position(self) -> int:
        """How many records the views hold."""
        with failures(), self.engine.connect() as db:
            return self._position(db)

    def _position(self, db: Connection) -> int:
        return _position(db, self.views, self.log.id) or 0

    def catch_up(self, progress: Callable[[int, int], None] = lambda _done, _of: None) -> int:
        """Fill the views up to the log's end; returns how many records were new.

        Raises:
            Unavailable: the database or the log cannot be used; what was committed stands, and filling again goes on.
        """
        size, begun = self.log.size(), self.position()
        position = begun
        while position < size:
            with failures(), self.engine.begin() as db:
                # The position is read under the write lock: two projectors take turns, and neither fills twice.
                position = self._locked_position(db)
                if position >= size:
                    break
                stop = min(position + BATCH, size)
                self._write(db, self._touched(position, stop))
                db.execute(update(self.views.position).values(position=stop))
                if self.mover:
                    self.mover.moved(db, followers.VIEWS, self.log.id, stop)
            position = stop
            progress(stop, size)
        return max(position - begun, 0)

    def _locked_position(self, db: Connection) -> int:
        table = self.views.position
        # A write comes first: it takes the lock, and a transaction that begins by reading could not be sure to get it.
        none_yet = select(literal(self.log.id), literal(VERSION), literal(0)).where(~exists().select_from(table))
        first = insert_of(db)(table).from_select(["log", "version", "position"], none_yet)
        db.execute(first.on_conflict_do_nothing())
        db.execute(update(table).values(position=table.c.position))
        return self._position(db)

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

    def _write(self, db: Connection, names: list[str]) -> None:
        """The rows of these therapies in place of those that stood; one message to the server for each table."""
        if not names:
            return
        new: dict[str, list[Row]] = {table: [] for table in NAMES}
        for name in names:
            for table_name, rows in self._rows(name).items():
                new[table_name] += rows
        for table_name, table in self.views.tables.items():
            db.execute(delete(table).where(table.c.therapy == bindparam("name")), [{"name": name} for name in names])
            if new[table_name]:
                # Many rows in one message have the columns of the first: so every row names all of them.
                blank = {column.name: 0 if isinstance(column.type, Integer) else "" for column in table.columns}
                db.execute(insert(table), [{**blank, **row} for row in new[table_name]])

    def _rows(self, name: str) -> dict[str, list[Row]]:
        try:
            therapy = self.reader.therapy(name)
            return rows_of(therapy, self.reader.protocol_of(therapy), self._finding(name))
        except Unavailable:
            raise  # the log is away: that says nothing about this therapy
        except UnbrokenError as problem:
            return rows_of_broken(name, problem)  # it stops this therapy's rows, not everybody's

    def _finding(self, name: str) -> str:
        """What the audit says of a therapy: each finding in full."""
        return "; ".join(f"{finding.kind}: {finding.says}" for finding in audit(self.reader, name))

    def digest(self) -> str:
        """SHA-256 over every row of every view in order."""
        with failures(), self.engine.connect() as db:
            return _digest(db, self.views)


def _position(db: Connection, of: Views, log_id: str) -> int | None:
    row = db.execute(select(of.position)).first()
    if row is not None and (row.log != log_id or row.version != VERSION):
        raise Refused(
            "views.version",
            f"The views are of log {row.log[:12]} and version {row.version}, "
            f"not of log {log_id[:12]} and version {VERSION}.",
            advice="Rebuild them: unbroken rebuild.",
        )
    return None if row is None else int(row.position)


def position_in(database_url: str, log_id: str) -> int | None:
    """How many records the views hold; None where nothing was ever filled. Makes nothing.

    Raises:
        Unavailable: the database cannot be used. Refused: the views are of another log or version.
    """
    with connected(database_url) as db:
        return _position(db, views(), log_id) if inspect(db).has_table(views().position.name) else None


def catch_up(log: EventLog, database_url: str, mover: followers.Mover | None = None) -> int:
    """Fill the views up to the log's end; returns how many records were new."""
    projector = Projector(log, database_url, mover=mover)
    try:
        return projector.catch_up()
    finally:
        projector.close()


def rebuild(
    log: EventLog,
    database_url: str,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
    mover: followers.Mover | None = None,
) -> tuple[str, str]:
    """New tables, replay, compare, swap. Returns the digest before (of views just as long; empty where there were none) and after.

    A kill leaves the old views as they were. Somebody who fills the old ones meanwhile waits while they are swapped.
    Whatever was there before, damaged, half made or of another shape, goes.
    """
    old, new = views(), views("new_")
    remains.set_aside_if_damaged(database_url)
    made = engine(database_url)
    fresh = None
    try:
        with failures(), made.begin() as db:
            _exclusively(db)
            for table in new.metadata.sorted_tables:
                remains.drop(db, table.name)
            for kept in (followers.TABLE, notices.TABLE):  # they go on across a rebuild, unless nobody can use them
                if not remains.fits(db, kept):
                    remains.drop(db, kept.name)
        fresh = Projector(log, database_url, "new_")
        while True:
            fresh.catch_up(progress)
            reached = fresh.position()  # asked here: in the transaction below these tables have another name
            with failures(), made.begin() as db:
                if _locked(db, old, log.id) > reached and log.size() > reached:
                    continue  # the old ones were filled further meanwhile: views never go back
                before = _digest(db, old) if all(remains.fits(db, table) for table in old.tables.values()) else ""
                after = _digest(db, new)
                for name in (*NAMES, "position"):
                    _swap(db, name)
                if mover:
                    mover.moved(db, followers.VIEWS, log.id, reached)
                return before, after
    finally:
        if fresh:
            fresh.close()
        made.dispose()


def _exclusively(db: Connection) -> None:
    """Until this transaction ends nobody else writes, and what it drops and renames goes at once or not at all."""
    one_at_a_time(db)
    if db.dialect.name == "sqlite":
        db.execute(text("BEGIN IMMEDIATE"))  # Python's driver begins none before it alters tables


def _locked(db: Connection, old: Views, log_id: str) -> int:
    """Keep everybody from filling the old views until they are gone; returns how far they are of this log."""
    # First of all: whoever fills takes the position first too, so that nobody waits for somebody who waits for him.
    if db.dialect.name == "postgresql" and old.position.name in inspect(db).get_table_names():
        db.execute(text("LOCK TABLE position IN ACCESS EXCLUSIVE MODE"))
    elif db.dialect.name == "sqlite":
        _exclusively(db)
    if not remains.fits(db, old.position):
        return 0
    row = db.execute(select(old.position)).first()
    # The views of another log, or of another version, are no measure for these.
    return int(row.position) if row is not None and (row.log, row.version) == (log_id, VERSION) else 0


def _swap(db: Connection, name: str) -> None:
    remains.drop(db, name)
    db.execute(text(f"ALTER TABLE new_{name} RENAME TO {name}"))
    if db.dialect.name != "postgresql":
        return
    # PostgreSQL keeps the names of a renamed table's keys and indexes: the next rebuild would find them taken.
    found = "SELECT conname FROM pg_constraint WHERE conrelid = CAST(:name AS regclass) AND conname LIKE 'new!_%' ESCAPE '!'"
    for (constraint,) in db.execute(text(found), {"name": name}).all():
        to = constraint.removeprefix("new_")
        db.execute(text(f'ALTER TABLE {name} RENAME CONSTRAINT "{constraint}" TO "{to}"'))


def digest(database_url: str) -> str:
    """SHA-256 over every row of every view."""
    with connected(database_url) as db:
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


def deviations(database_url: str) -> list[Row]:
    """Every deviation of every therapy, the closed ones too, in the order of their numbers."""
    return _rows(database_url, "deviations")


def used(database_url: str, what: str, code: str) -> list[Row]:
    """Every use of one lot or device, of every therapy, in the order of therapies and of their records."""
    table = views().tables["used"]
    with connected(database_url) as db:
        found = select(table).where(table.c.what == what, table.c.code == code)
        rows = db.execute(found.order_by(*table.primary_key.columns)).mappings()
        return [dict(row) for row in rows]


def _rows(database_url: str, name: str) -> list[Row]:
    table = views().tables[name]
    with connected(database_url) as db:
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
