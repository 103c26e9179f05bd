"""How each backend makes, opens and fills a log. A new backend is one more entry of `BACKENDS`."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import pytest

from events.kafka.client import Access
from events.kafka.whole import begin, write
from events.log import EventLog
from events.log_kafka import KafkaLog
from events.log_sqlite import SqliteLog
from tests.servers.addresses import broker_for_processes


class Backend(Protocol):
    """A kind of log. Objects can be pickled: other processes open the same log."""

    @property
    def name(self) -> str:
        """Its id in the summary of a test run."""

    @property
    def server(self) -> str | None:
        """The fixture that starts the server it needs, or skips the test in words where it can't be had."""

    def create(self, where: Path, genesis: bytes) -> EventLog:
        """Begin a log; `where` is this test's own file name."""

    def open(self, where: Path) -> EventLog:
        """Open it once more, as another process would."""

    def filled(self, where: Path, values: Sequence[bytes]) -> EventLog:
        """A log with these records."""


class Sqlite:
    """The embedded default."""

    name = "sqlite"
    server = None

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


class Kafka:
    """The record in production: a topic of the test's own on a real broker; handles share the local copy at `where`."""

    name = "kafka"
    server = "kafka_broker"

    def access(self, where: Path) -> Access:
        """The topic of this test."""
        return Access((broker_for_processes(),), f"contract-{hashlib.sha256(str(where).encode()).hexdigest()[:24]}")

    def create(self, where: Path, genesis: bytes) -> EventLog:
        """Begin a log."""
        return KafkaLog.create(self.access(where), where, genesis)

    def open(self, where: Path) -> EventLog:
        """Open it once more."""
        return KafkaLog(self.access(where), where)

    def filled(self, where: Path, values: Sequence[bytes]) -> EventLog:
        """A log with these records."""
        access = self.access(where)
        begin(access, values[0])
        write(access, values[1:], 1)
        return KafkaLog(access, where)


def ask_for_server(backend: Backend, request: pytest.FixtureRequest) -> None:
    """Have a backend's server started for this whole session; skip, in words, where it can't be had, or not every day.

    Whole stories are told again on Kafka where a test run may take long (CI=true); every day the contract of the
    log, and the sites of `tests/console`, are.
    """
    if backend.server is None:
        return
    if os.environ.get("CI", "").lower() not in {"true", "1"} and os.environ.get("UNBROKEN_TEST_LOG") != backend.name:
        pytest.skip(
            f"every day on SQLite alone; CI=true or UNBROKEN_TEST_LOG={backend.name} tells it on {backend.name} too"
        )
    request.getfixturevalue(backend.server)


BACKENDS: tuple[Backend, ...] = (Sqlite(), Kafka())
