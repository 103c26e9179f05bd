"""Where labels come from: a study that was played on a log of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contracts.backends import BACKENDS
from tests.stage import Stage, stage_of


@pytest.fixture(scope="session")
def stage_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The embedded log: what is printed does not depend on where the record is kept."""
    embedded = next(backend for backend in BACKENDS if backend.name == "sqlite")
    played = stage_of(embedded, tmp_path_factory.getbasetemp())
    yield played
    played.let_go()
