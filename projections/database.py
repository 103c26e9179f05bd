"""The database of the views: SQLite by default, PostgreSQL by URL. What differs between the two stands here."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from events.errors import Refused, Unavailable

_POSTGRESQL = {
    # A server that went away without a word is noticed within seconds and not after the two hours of the system's default.
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
_MAKING = 0x756E62726F6B656E
"""The advisory lock under which tables are made (the letters "unbroken")."""


def url_of(database_url: str) -> URL:
    """The URL with the driver that this house installs: ``postgresql://`` and ``postgres://`` mean psycopg 3.

    Raises:
        Refused: not a URL, or of a database that the views do not know.
    """
    try:
        url = make_url(database_url)
    except (ArgumentError, ValueError) as problem:
        raise _no_url("The views' database is not named by a URL.") from problem
    if url.drivername in {"postgresql", "postgres"}:
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername not in {"sqlite", "postgresql+psycopg"}:
        raise _no_url(f"The views know no database {url.drivername!r}.")
    return url


def _no_url(says: str) -> Refused:
    # The text itself is not repeated: it may hold a password.
    return Refused(
        "views.database-url",
        says,
        advice="Set UNBROKEN_DATABASE to postgresql://user@host/database, or unset it for SQLite in the site's folder.",
    )


def is_postgresql(database_url: str) -> bool:
    """Whether the views are kept by a PostgreSQL server."""
    return url_of(database_url).drivername.startswith("postgresql")


def engine(database_url: str) -> Engine:
    """Connections to the database; nothing is connected yet.

    Raises:
        Refused: as `url_of`.
    """
    url = url_of(database_url)
    if url.drivername == "sqlite":
        made = create_engine(url)
        event.listen(made, "connect", _sqlite_waits)
        return made
    defaults = {name: value for name, value in _POSTGRESQL.items() if name not in url.query}
    # pre_ping: a connection that died with the server while nobody looked is replaced, not handed out.
    return create_engine(url, connect_args=defaults, pool_pre_ping=True, pool_size=2)


def _sqlite_waits(connection: Any, _record: object) -> None:
    # Two projectors take turns instead of failing; disposable data needs no sync on each commit.
    connection.execute("PRAGMA busy_timeout = 30000")
    _write_ahead(connection)
    connection.execute("PRAGMA synchronous = NORMAL")


def _write_ahead(connection: Any) -> None:
    # Where several open a new database at once, SQLite refuses all but one of them here, whatever time they are given.
    until = time.monotonic() + 30
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)


@contextmanager
def connected(database_url: str) -> Iterator[Connection]:
    """One connection for one look; nothing stays open behind it."""
    made = engine(database_url)
    try:
        with failures(), made.connect() as db:
            yield db
    finally:
        made.dispose()


def one_at_a_time(db: Connection) -> None:
    """Until this transaction ends nobody else makes tables: two who make the same one collide in PostgreSQL's catalogue."""
    if db.dialect.name == "postgresql":
        db.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MAKING})


def insert_of(db: Connection) -> Any:
    """The dialect's own `insert`, which knows ON CONFLICT."""
    return postgresql.insert if db.dialect.name == "postgresql" else sqlite.insert


@contextmanager
def failures() -> Iterator[None]:
    """What a database's errors mean to people.

    Raises:
        Unavailable: whatever the database said; the log is not touched by it.
    """
    try:
        yield
    except SQLAlchemyError as problem:
        raise Unavailable(
            "views.database",
            f"The views' database cannot be used: {str(problem).splitlines()[0]}.",
            advice="The log is not touched. If the database is damaged, `unbroken rebuild` makes the views anew.",
        ) from problem
