"""Where the views begin: a site of one's own, played as far as the test asks, its views in every kind of database."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contracts.backends import BACKENDS, Backend
from tests.servers.pg_fixtures import mortal_postgres, pg_url, postgres
from tests.stage import Stage, stage_of


@pytest.fixture(params=["sqlite"], scope="session")
def log_backend(request: pytest.FixtureRequest) -> Backend:
    """The way to keep a log. One is enough: the views read through the port alone, and the contracts hold it for each."""
    return next(backend for backend in BACKENDS if backend.name == request.param)


@pytest.fixture(scope="session")
def stage(log_backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Plays a study once, and gives each test its own copy of the site."""
    return stage_of(log_backend, tmp_path_factory.getbasetemp())


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of this test's own, of each kind that the views know."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/views.db"
    found: str = request.getfixturevalue("pg_url")
    return found


__all__ = ["log_backend", "mortal_postgres", "pg_url", "postgres", "stage", "url"]
