"""One at a time across machines: a lease in the views' PostgreSQL, which takes it back when its holder's connection dies.

A session-level advisory lock on a connection of its own. Such a lock can be lost while its holder lives: the network
parts, the server restarts, somebody ends the session. So a thread asks the server every second, and `held` is true only
while the last answer is younger than `LEASH`; and whoever takes a lease that was not given back in order waits `GRACE`
first, which is longer. In between, the earlier holder has noticed and has finished the piece of work in its hands.

A process that was frozen in the middle of its work can still wake up later and write once. That is harmless: the log
accepts a record only on the heads it names, rows carry their position in the same transaction, and a task run
has a computed id. The lease spares work; it is not what keeps the record right.

A pooler between here and the server must pool sessions, not transactions: else the lock would be another's.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Column, Connection, MetaData, Table, Text, delete, event, insert, inspect, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import CreateTable

from events.errors import Unavailable
from flows.lease import LeaseHeld, myself
from projections.database import connected, engine, failures, one_at_a_time

CHECK_EVERY, LEASH, GRACE = 1.0, 4.0, 8.0
"""Seconds: between two questions; how old the last answer may be; what the next holder waits after an untidy end."""
_SESSION = (
    # The server notices a holder that vanished without a word, and never lets one question hang.
    "SET tcp_keepalives_idle = 5",
    "SET tcp_keepalives_interval = 2",
    "SET tcp_keepalives_count = 3",
    "SET tcp_user_timeout = 10000",
    "SET statement_timeout = 3000",
    "SET idle_session_timeout = 0",
)
_TABLE = Table(
    "leases",
    MetaData(),
    Column("name", Text, primary_key=True),
    Column("pid", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("since", Text, nullable=False),
)
"""Who holds which lease, for people. A row stands for as long as its holder has not given the lease back in order."""
_LOCKED = text(
    "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1"
    " AND CAST(classid AS bigint) = :high AND CAST(objid AS bigint) = :low"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


class PostgresLease:
    """The lease of one role on one log.

    Args:
        url: of the views' database.
        log_id: two sites may share a database server, and even a database.
        role: ``driver`` or ``projector``.
        sleep: waits; a test's may look instead.
    """

    def __init__(self, url: str, log_id: str, role: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self.name, self.key = f"{role}/{log_id}", key(log_id, role)
        self._engine, self._sleep = engine(url), sleep
        event.listen(self._engine, "connect", lambda connection, _record: _prepare(connection, role))
        self._db: Connection | None = None
        self._answered = 0.0
        self._row: dict[str, object] | None = None
        self._made = False
        self._end = threading.Event()
        self._asking: threading.Thread | None = None

    def take(self) -> None:
        """Take the lease now; see `flows.lease.Lease`. Waits `GRACE` where the one before has not given it back."""
        if self.held():
            return
        self._close(self._let_go()[0])
        try:
            with failures():
                self._make()
                db = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
                try:
                    asked = self._take(db)
                except BaseException:
                    self._close(db)
                    raise
        except Unavailable:
            self._made = False  # the database may be another when it is there again
            raise
        self._db, self._answered, self._end = db, asked, threading.Event()
        self._asking = threading.Thread(target=self._ask, args=(db, self._end), daemon=True, name=f"lease {self.name}")
        self._asking.start()

    def _make(self) -> None:
        if not self._made:
            with self._engine.begin() as db:
                one_at_a_time(db)
                db.execute(CreateTable(_TABLE, if_not_exists=True))
            self._made = True

    def _take(self, db: Connection) -> float:
        locked = db.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": self.key}).scalar()
        row = _row(db, self.name)
        if not locked:
            raise LeaseHeld(row or {})
        if row is not None and row != self._row:
            self._sleep(GRACE)
        asked = time.monotonic()
        self._row = {name: str(value) for name, value in myself().items()}
        db.execute(delete(_TABLE).where(_TABLE.c.name == self.name))
        db.execute(insert(_TABLE).values(name=self.name, **self._row))
        return asked

    def _ask(self, db: Connection, end: threading.Event) -> None:
        while not end.wait(CHECK_EVERY):
            asked = time.monotonic()
            try:
                db.execute(text("SELECT 1"))
            except SQLAlchemyError:
                self._answered = 0.0  # gone for good: the lock hung on this session
                return
            self._answered = asked

    def held(self) -> bool:
        """Whether the server has said so within `LEASH`."""
        return self._db is not None and self._answered > 0 and time.monotonic() - self._answered < LEASH

    def free(self) -> None:
        """Let go; what can't be told to the server any more it finds out by itself."""
        db, quiet = self._let_go()
        if db is not None and quiet:
            with contextlib.suppress(SQLAlchemyError):
                db.execute(delete(_TABLE).where(_TABLE.c.name == self.name))
                self._row = None
        self._close(db)
        self._engine.dispose()

    def _let_go(self) -> tuple[Connection | None, bool]:
        """The connection, and whether nobody is in the middle of a question on it."""
        db, self._db = self._db, None
        self._end.set()
        asking, self._asking = self._asking, None
        if asking is None:
            return db, True
        asking.join(LEASH)
        return db, not asking.is_alive()

    @staticmethod
    def _close(db: Connection | None) -> None:
        # Invalidated, not given back to a pool: the lock ends with the session.
        if db is not None:
            with contextlib.suppress(SQLAlchemyError):
                db.invalidate()
                db.close()


def key(log_id: str, role: str) -> int:
    """The advisory lock's number: 64 bits of a hash, signed as PostgreSQL has them."""
    return int.from_bytes(hashlib.sha256(f"unbroken lease {role} {log_id}".encode()).digest()[:8], "big", signed=True)


def holder_in(url: str, log_id: str, role: str) -> dict[str, object] | None:
    """Who holds a lease now; None if nobody does.

    Raises:
        Unavailable: the database cannot be used.
    """
    with connected(url) as db:
        wanted = key(log_id, role) % 2**64
        if db.execute(_LOCKED, {"high": wanted >> 32, "low": wanted & 0xFFFFFFFF}).first() is None:
            return None
        return _row(db, f"{role}/{log_id}") or {}


def _row(db: Connection, name: str) -> dict[str, object] | None:
    if not inspect(db).has_table(_TABLE.name):
        return None
    row = (
        db.execute(select(_TABLE.c.pid, _TABLE.c.host, _TABLE.c.since).where(_TABLE.c.name == name)).mappings().first()
    )
    return None if row is None else dict(row)


def _prepare(connection: Any, role: str) -> None:
    with connection.cursor() as cursor:
        for setting in (*_SESSION, f"SET application_name = 'unbroken {role}'"):
            cursor.execute(setting)
    connection.commit()
