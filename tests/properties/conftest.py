"""Where the properties begin: a site of one's own, played as far as the test asks, on every kind of log."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contracts.backends import BACKENDS, Backend, ask_for_server
from tests.stage import Stage, stage_of


@pytest.fixture(params=BACKENDS, ids=[backend.name for backend in BACKENDS], scope="session")
def log_backend(request: pytest.FixtureRequest) -> Backend:
    """One way to keep a log."""
    backend: Backend = request.param
    ask_for_server(backend, request)
    return backend


@pytest.fixture(scope="session")
def played(log_backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Plays a study once for all tests."""
    return stage_of(log_backend, tmp_path_factory.getbasetemp())


@pytest.fixture
def stage(played: Stage) -> Iterator[Stage]:
    """Gives each test its own copy of the site."""
    yield played
    played.let_go()
