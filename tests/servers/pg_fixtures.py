"""Fixtures over a real PostgreSQL: import their names into a conftest."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.postgres import OwnPostgres, Postgres, own_postgres, some_postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for the whole session."""
    server = some_postgres()
    yield server
    if isinstance(server, OwnPostgres):
        server.close()


@pytest.fixture
def pg_url(postgres: Postgres) -> Iterator[str]:
    """A database of this test's own on a real PostgreSQL."""
    with postgres.database() as url:
        yield url


@pytest.fixture
def mortal_postgres() -> Iterator[OwnPostgres]:
    """A server of this test's own, which it may crash and start again."""
    server = own_postgres()
    yield server
    server.close()
