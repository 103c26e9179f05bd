"""How two processes share one run of the tests (`make test` without ARGS): pytest-xdist hands out whole files.

What starts, kills and starves servers comes last and in one process, one after the other and with the machine to itself: a
fault that is meant for one server must not starve another. Each process has servers, stages and folders of its own; what is
fetched once for all (Java's jars and what Java learned from them) is there before they begin.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.servers.errors import PartMissing

SERVERS = ("tests/chaos/", "tests/docker/", "tests/flows/", "tests/servers/")
"""Handed out as one, when everything else has been."""
LONG = ("tests/manual/", "tests/console/")
"""The rest that has single tests of a minute: handed out early, so that both halves end together."""
ON_A_SERVER = re.compile(r"\[(?:.*-)?kafka(?:-.*)?\]$")


def unit(nodeid: str) -> str:
    """What is handed out as one: all that starts servers, else a file's tests on one kind of log."""
    if nodeid.startswith(SERVERS):
        return "servers"
    path = nodeid.partition("::")[0]
    return f"{path} on Kafka" if ON_A_SERVER.search(nodeid) else path


def turn(nodeid: str) -> int:
    """When a test's turn comes; among those of one turn, pytest's own order holds."""
    return 2 if nodeid.startswith(SERVERS) else 0 if nodeid.startswith(LONG) else 1


def put_in_order(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Both halves have the same tests in the same order: it is the order in which they are handed out."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: turn(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """Have what both halves need, before they begin; what can't be had here, the tests that need it say."""
    from tests.servers.fixtures import telling
    from tests.servers.rehearsal import rehearse

    try:
        rehearse(telling(config))
    except PartMissing as missing:
        telling(config)(f"kafka: {missing}")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Whole units, in order."""
    from xdist.scheduler import LoadScopeScheduling

    class Units(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return unit(nodeid)

    config.option.loadscopereorder = False
    return Units(config, log)


__all__ = ["pytest_xdist_make_scheduler", "pytest_xdist_setupnodes"]
