"""The broker that the faults happen to, and a log of each test's own on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.broker import Hit
from tests.chaos.extent import WHOLE
from tests.chaos.founded import Founded, Quick, found
from tests.servers.fixtures import need_kafka, telling

EVERY_DAY = {"test_checker.py", "test_random_kills.py", "test_strangers.py"}
"""The checker against planted faults, random kills, and what strangers write; the other faults are CI's."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Most faults need a server to be killed, frozen or starved each: not every day."""
    if WHOLE:
        return
    for item in items:
        if item.path.parent.name == "chaos" and item.path.name not in EVERY_DAY:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def hit_broker(request: pytest.FixtureRequest) -> Iterator[Hit]:
    """One broker for all faults."""
    need_kafka(request.config)
    broker = Hit(say=telling(request.config))
    try:
        yield broker.start()
    finally:
        broker.close()


@pytest.fixture
def broker(hit_broker: Hit) -> Iterator[Hit]:
    """The broker, well before and after."""
    hit_broker.well()
    try:
        yield hit_broker
    finally:
        hit_broker.well()


@pytest.fixture
def log(broker: Hit, tmp_path: Path) -> Iterator[Founded]:
    """A log in a topic of the test's own."""
    founded = found(broker.bootstrap, tmp_path)
    try:
        yield founded
    finally:
        founded.close()


@pytest.fixture
def quick(broker: Hit, tmp_path: Path) -> Iterator[Founded]:
    """The same, whose readers look at the cluster's state every second."""
    founded = found(broker.bootstrap, tmp_path, Quick)
    try:
        yield founded
    finally:
        founded.close()
