"""What holds for every test: nothing leaves this machine, a missing server fails in CI, the summary says what ran."""

import atexit
import os
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Generator, Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import pytest
from hypothesis import settings

from events import keys
from tests import halves
from tests.halves import *  # noqa: F403  # how two processes share a run
from tests.servers.fixtures import *  # noqa: F403  # every fixture of real servers

# Prefect reads these when it is first imported, so they are set before any test module is. Each process has its own home.
if "PREFECT_HOME" not in os.environ or "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["PREFECT_HOME"] = tempfile.mkdtemp(prefix="unbroken-prefect-")
    atexit.register(shutil.rmtree, os.environ["PREFECT_HOME"], ignore_errors=True)
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "90")
os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
os.environ["DO_NOT_TRACK"] = "1"

# A loaded machine is slow, not wrong: no deadline per example.
settings.register_profile("house", deadline=None, print_blob=True)
settings.load_profile("house")

NEEDS_REAL = "needs real"
RAN: Counter[tuple[str, str]] = Counter()
"""How many tests ended how, by (log backend, outcome)."""


def in_ci() -> bool:
    return os.environ.get("CI", "").lower() in {"true", "1"}


def missing_part(report: pytest.TestReport | pytest.CollectReport) -> str | None:
    """The reason of a skip that only says a real server is missing here ("needs real Kafka: ..."), else None."""
    if not report.skipped or hasattr(report, "wasxfail") or not isinstance(report.longrepr, tuple):
        return None
    reason = report.longrepr[2].removeprefix("Skipped: ")
    return reason if reason.lower().startswith(NEEDS_REAL) else None


def failed_in_ci(report: Any) -> Any:
    reason = missing_part(report)
    if reason is not None and in_ci():
        report.outcome = "failed"
        report.longrepr = f"skipped elsewhere, a failure in CI: {reason}"
    return report


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Every day the suite takes minutes; what starts and kills whole servers takes far longer, and is CI's."""
    halves.put_in_order(config, items)
    if in_ci() or os.environ.get("UNBROKEN_ALL"):
        return
    left = pytest.mark.skip(reason="slow: told where CI=true or UNBROKEN_ALL=1 is set")
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(left)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return failed_in_ci((yield))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = failed_in_ci((yield))
    report.log_backend = backend_of(item)  # plain text, so that it goes along from the process that ran the test
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Count where the summary is written: here, whichever process ran the test."""
    backend = getattr(report, "log_backend", None)
    if backend and (report.when == "call" or (report.when == "setup" and not report.passed)):
        RAN[backend, report.outcome] += 1


def backend_of(item: pytest.Item) -> str | None:
    """The id under which the fixture `log_backend` parametrised this test, e.g. "sqlite"."""
    callspec = getattr(item, "callspec", None)
    if callspec is None or "log_backend" not in callspec.params:
        return None
    backend = callspec.params["log_backend"]
    return backend if isinstance(backend, str) else getattr(backend, "name", None) or getattr(backend, "__name__", None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    write = terminalreporter.write_line
    terminalreporter.section("what these tests ran on")
    for backend in sorted({backend for backend, _ in RAN}):
        told = ", ".join(f"{RAN[backend, how]} {how}" for how in ("passed", "failed", "skipped") if RAN[backend, how])
        write(f"log backend {backend}: {told}")
    if not RAN:
        write("log backend: no test asked for one")
    write(f"SQLite {sqlite3.sqlite_version}, Prefect {installed('prefect')}, SQLAlchemy {installed('sqlalchemy')}")


def installed(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed"


@pytest.fixture(scope="session", autouse=True)
def cheap_keys() -> Iterator[None]:
    """A key file costs a thief a quarter of a second a guess, and every line of a test's command line as much.

    What this process locks costs nothing; a file says itself what it cost, so the same code opens it. What other processes
    lock costs what it does in production, and `tests/vectors` holds that figure.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys, "SCRYPT_N", 2)
        patch.setattr(keys, "SCRYPT_P", 1)
        yield


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The demo's site with its cast and no patients, founded once; a test takes a copy (`console.demo.Stage.copied`)."""
    from importlib import resources

    from console.demo import Stage
    from protocol.file import read_protocol

    text = (resources.files("protocol") / "studies" / "cd20-cd22.yaml").read_text(encoding="utf-8")
    return Stage(tmp_path_factory.mktemp("founded") / "site", read_protocol(text), text)
