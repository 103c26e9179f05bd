"""Which alert was told through which channel, for people and for the next driver. Disposable: emptied, open alerts are told again."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import BigInteger, Column, MetaData, Table, Text, inspect, select, text
from sqlalchemy.schema import CreateTable

from projections.database import connected, engine, failures, one_at_a_time

TABLE = Table(
    "notices",
    MetaData(),
    Column("log", Text, primary_key=True),
    Column("therapy", Text, primary_key=True),
    Column("alert", Text, primary_key=True),
    Column("link", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("attempts", BigInteger, nullable=False),
    Column("told_at", Text, nullable=False),
    Column("failure", Text, nullable=False),
)
_NOTE = text(
    "INSERT INTO notices (log, therapy, alert, link, channel, attempts, told_at, failure)"
    " VALUES (:log, :therapy, :alert, :link, :channel, :attempts, :told_at, :failure)"
    " ON CONFLICT (log, therapy, alert, link, channel) DO UPDATE SET attempts = excluded.attempts,"
    " told_at = excluded.told_at, failure = excluded.failure"
)


@dataclass(frozen=True, slots=True)
class Notice:
    """An alert and a channel: how often it was tried, when it was told (UTC, as on the wire; empty: not yet), what went wrong."""

    log: str
    therapy: str
    alert: str
    link: str
    channel: str
    attempts: int = 0
    told_at: str = ""
    failure: str = ""


class NoticeBook:
    """Where the driver notes what was told; the database is connected when it is first used."""

    def __init__(self, database_url: str, log: str) -> None:
        self._engine, self._log = engine(database_url), log
        self._made = False

    def known(self) -> list[Notice]:
        """Every notice of this log, told or failed.

        Raises:
            Unavailable: the database cannot be used.
        """
        self._make()
        with failures(), self._engine.begin() as db:
            rows = db.execute(select(TABLE).where(TABLE.c.log == self._log)).mappings()
            return [Notice(**row) for row in rows]

    def note(self, notice: Notice) -> None:
        """Write one, in a transaction of its own.

        Raises:
            Unavailable: the database cannot be used.
        """
        self._make()
        with failures(), self._engine.begin() as db:
            db.execute(_NOTE, asdict(notice))

    def _make(self) -> None:
        if self._made:
            return
        with failures(), self._engine.begin() as db:
            one_at_a_time(db)
            db.execute(CreateTable(TABLE, if_not_exists=True))  # no view: a rebuild leaves it, and no digest covers it
        self._made = True


def notices(database_url: str, log: str) -> list[Notice]:
    """Every notice of a log, by therapy, alert and channel; none where no driver ever ran.

    Raises:
        Unavailable: the database cannot be used.
    """
    order = (TABLE.c.therapy, TABLE.c.alert, TABLE.c.channel)
    with connected(database_url) as db:
        if not inspect(db).has_table(TABLE.name):
            return []
        rows = db.execute(select(TABLE).where(TABLE.c.log == log).order_by(*order)).mappings()
        return [Notice(**row) for row in rows]
