"""The backends that the contract of a log is held against."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from events.log import EventLog
from tests.contracts.backends import BACKENDS, Backend
from tests.ground import Small, small_log


@pytest.fixture(params=BACKENDS, ids=[backend.name for backend in BACKENDS])
def log_backend(request: pytest.FixtureRequest) -> Backend:
    """One way to keep a log."""
    backend: Backend = request.param
    if backend.server is not None:
        request.getfixturevalue(backend.server)
    return backend


@pytest.fixture
def small() -> Small:
    """The small log, to be continued by this test alone."""
    return small_log()


@pytest.fixture
def where(tmp_path: Path) -> Path:
    """Where this test's log is kept."""
    return tmp_path / "log.db"


@pytest.fixture
def log(log_backend: Backend, where: Path, small: Small) -> Iterator[EventLog]:
    """A log with the small log's records in it."""
    filled = log_backend.filled(where, small.values)
    yield filled
    filled.close()
