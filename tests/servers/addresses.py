"""How the processes of a test run, or of a demo, learn where the broker is."""

import os
from dataclasses import dataclass
from typing import Any

GIVEN = "UNBROKEN_KAFKA"  # a broker that somebody else started; tests use it instead of one of their own
FOR_PROCESSES = "UNBROKEN_TEST_KAFKA"  # the broker of this test run, for the processes that a test spawns


@dataclass(frozen=True)
class Address:
    """A broker that can be reached but not killed, for it is not ours."""

    bootstrap: str

    def client(self) -> dict[str, Any]:
        """Keyword arguments with which any of kafka-python's clients reaches it."""
        return {"bootstrap_servers": self.bootstrap}


def broker_for_processes() -> str:
    """The bootstrap string of this test run's broker, in a process that a test spawned.

    Raises:
        LookupError: the test does not use the fixture `kafka_broker`.
    """
    try:
        return os.environ[FOR_PROCESSES]
    except KeyError:
        raise LookupError(f"{FOR_PROCESSES} is not set: the test must use the fixture kafka_broker") from None
