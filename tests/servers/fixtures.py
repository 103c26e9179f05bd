"""Real Kafka for tests, started when the first test asks for it and once for all of them.

Where Java or the jars can't be had, the test is skipped with "needs real Kafka: why", which is a failure in CI. A broker
that has its parts and does not come up is a failure everywhere.
"""

import os
from collections.abc import Callable, Iterator

import pytest

from tests.servers.addresses import FOR_PROCESSES, GIVEN, Address, broker_for_processes
from tests.servers.errors import PartMissing
from tests.servers.kafka import Broker, Cluster
from tests.servers.rehearsal import rehearse
from tests.servers.secured import Secured

__all__ = ["broker_for_processes", "kafka_broker", "kafka_secured", "kafka_three", "need_kafka"]


def telling(config: pytest.Config) -> Callable[[str], None]:
    """Writes a line to the terminal at once, past pytest's capture: the first fetch takes a while."""

    def say(line: str) -> None:
        reporter = config.pluginmanager.getplugin("terminalreporter")
        capture = config.pluginmanager.getplugin("capturemanager")
        if reporter is None or capture is None:
            return
        with capture.global_and_fixture_disabled():
            reporter.ensure_newline()
            reporter.write_line(line)

    return say


def need_kafka(config: pytest.Config) -> None:
    """Have everything that starting a broker takes, or skip the test and say in words what is missing."""
    try:
        rehearse(telling(config))
    except PartMissing as missing:
        pytest.skip(f"needs real Kafka: {missing}")


@pytest.fixture(scope="session")
def kafka_broker(request: pytest.FixtureRequest) -> Iterator[Broker | Address]:
    """One broker for the whole run; tests keep apart by topics of their own, and none may stop it."""
    given = os.environ.get(GIVEN)
    broker: Broker | Address
    if given:
        broker = Address(given)
    else:
        need_kafka(request.config)
        broker = Broker(say=telling(request.config)).start()
    before = os.environ.get(FOR_PROCESSES)
    os.environ[FOR_PROCESSES] = broker.bootstrap
    try:
        yield broker
    finally:
        if before is None:
            del os.environ[FOR_PROCESSES]
        else:
            os.environ[FOR_PROCESSES] = before
        if isinstance(broker, Broker):
            broker.close()


@pytest.fixture(scope="session")
def kafka_three(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """Three nodes. A test that kills or freezes one starts or thaws it again before it ends."""
    need_kafka(request.config)
    cluster = Cluster(3, say=telling(request.config)).start()
    try:
        yield cluster
    finally:
        cluster.close()


@pytest.fixture(scope="session")
def kafka_secured(request: pytest.FixtureRequest) -> Iterator[Secured]:
    """One broker that wants TLS, a password, and a permission for every topic."""
    need_kafka(request.config)
    broker = Secured(say=telling(request.config)).start()
    try:
        yield broker
    finally:
        broker.close()
