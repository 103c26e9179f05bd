"""How each backend makes, opens and fills a log. A new backend is one more entry of `BACKENDS`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from events.log import EventLog
from events.log_sqlite import SqliteLog


class Backend(Protocol):
    """A kind of log. Objects can be pickled: other processes open the same log."""

    @property
    def name(self) -> str:
        """Its id in the summary of a test run."""

    def needs(self) -> None:
        """Skip the test, naming the server that is missing (``needs real ...``)."""

    def create(self, where: Path, genesis: bytes) -> EventLog:
        """Begin a log; `where` is this test's own file name."""

    def open(self, where: Path) -> EventLog:
        """Open it once more, as another process would."""

    def filled(self, where: Path, values: Sequence[bytes]) -> EventLog:
        """A log with these records."""


class Sqlite:
    """The embedded default."""

    name = "sqlite"

    def needs(self) -> None:
        """Nothing: it comes with Python."""

    def create(self, where: Path, genesis: bytes) -> EventLog:
        """Begin a log."""
        return SqliteLog.create(where, genesis)

    def open(self, where: Path) -> EventLog:
        """Open it once more."""
        return SqliteLog(where)

    def filled(self, where: Path, values: Sequence[bytes]) -> EventLog:
        """A log with these records."""
        log = self.create(where, values[0])
        for value in values[1:]:
            log.append(value)
        return log


BACKENDS: tuple[Backend, ...] = (Sqlite(),)
