"""How far each follower of the log is, for people: who moved it last, and when. Nothing is decided on it.

Where a follower goes on is kept where its work is: the views' position beside their rows, the driver's cursor inside
Prefect's database. The row of the views is written in the transaction of their rows and is never wrong; the driver's
is written after its cursor, so a kill between the two leaves it behind until the next move, and loses nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, Column, Connection, MetaData, Table, Text, inspect, select, text
from sqlalchemy.schema import CreateTable

from events.instant import to_wire
from projections.database import connected, engine, failures, one_at_a_time

VIEWS, DRIVER = "views", "driver"
TABLE = Table(
    "followers",
    MetaData(),
    Column("name", Text, primary_key=True),
    Column("log", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("moved_at", Text, nullable=False),
    Column("holder", Text, nullable=False),
)
# Both databases spell it alike; two who write at once take turns on the row.
_MOVE = text(
    "INSERT INTO followers (name, log, position, moved_at, holder) VALUES (:name, :log, :position, :moved_at, :holder)"
    " ON CONFLICT (name) DO UPDATE SET log = excluded.log, position = excluded.position,"
    " moved_at = excluded.moved_at, holder = excluded.holder"
)


@dataclass(frozen=True, slots=True)
class Follower:
    """One row: records it has worked through, when that last moved (UTC, as on the wire), and by whom."""

    name: str
    log: str
    position: int
    moved_at: str
    holder: str


@dataclass(frozen=True, slots=True)
class Mover:
    """Who moves a follower, as people will read it, and the clock that says when."""

    holder: str
    clock: Callable[[], datetime]

    def moved(self, db: Connection, name: str, log: str, position: int) -> None:
        """Write the row inside the caller's transaction."""
        row = {"name": name, "log": log, "position": position, "holder": self.holder, "moved_at": to_wire(self.clock())}
        db.execute(_MOVE, row)


def make(db: Connection) -> None:
    """Make the table where it is not there. It is no view: a rebuild leaves it, and no digest covers it."""
    db.execute(CreateTable(TABLE, if_not_exists=True))


class Position:
    """Where the driver writes how far it is; the database is connected when it first moves."""

    def __init__(self, database_url: str, name: str, log: str, mover: Mover) -> None:
        self.name, self.log, self.mover = name, log, mover
        self._engine = engine(database_url)
        self._made = False

    def move(self, position: int) -> None:
        """Write it, in a transaction of its own.

        Raises:
            Unavailable: the database cannot be used.
        """
        with failures(), self._engine.begin() as db:
            if not self._made:
                one_at_a_time(db)
                make(db)
            self.mover.moved(db, self.name, self.log, position)
        self._made = True


def followers(database_url: str) -> dict[str, Follower]:
    """Every follower by name; none where nothing was ever followed.

    Raises:
        Unavailable: the database cannot be used.
    """
    with connected(database_url) as db:
        if not inspect(db).has_table(TABLE.name):
            return {}
        rows = db.execute(select(TABLE).order_by(TABLE.c.name)).mappings()
        return {row["name"]: Follower(**row) for row in rows}
