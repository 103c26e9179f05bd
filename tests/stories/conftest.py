"""Where the stories begin: a site of one's own, played as far as the test asks, on every kind of log."""

from __future__ import annotations

import pytest

from tests.contracts.backends import BACKENDS, Backend
from tests.stage import Stage, stage_of


@pytest.fixture(params=BACKENDS, ids=[backend.name for backend in BACKENDS], scope="session")
def log_backend(request: pytest.FixtureRequest) -> Backend:
    """One way to keep a log."""
    backend: Backend = request.param
    backend.needs()
    return backend


@pytest.fixture(scope="session")
def stage(log_backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Plays a study once, and gives each test its own copy of the site."""
    return stage_of(log_backend, tmp_path_factory.getbasetemp())
