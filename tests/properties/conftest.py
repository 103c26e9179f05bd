"""Where the properties begin: a site of one's own, played as far as the test asks.

Whole random histories, and what no desk would write, are told on every kind of log. The others try the pure rulebook, which
knows no log: what they show once they show for every log, and `tests/contracts` holds that the logs are alike.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contracts.backends import BACKENDS, Backend, ask_for_server
from tests.stage import Stage, stage_of

ON_EVERY_LOG = {"test_audit", "test_rulebook"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """On which logs a property is tried."""
    if "log_backend" in metafunc.fixturenames:
        every = metafunc.module.__name__.rpartition(".")[2] in ON_EVERY_LOG
        tried = [backend for backend in BACKENDS if every or backend.server is None]
        names = [backend.name for backend in tried]
        metafunc.parametrize("log_backend", tried, indirect=True, ids=names, scope="session")


@pytest.fixture(scope="session")
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
