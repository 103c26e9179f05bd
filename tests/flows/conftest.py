"""A site with its cast on a simulated clock, and its driver as a process of its own that can be killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from console.demo import Stage
from console.play import Play, Script
from console.rehearsal import Patient
from tests.servers.pg_fixtures import mortal_postgres, pg_url, postgres


class Process:
    """A command of a site, in a process of its own that can be killed; what it says is kept in a file of its own."""

    def __init__(self, folder: Path, *words: str, name: str, **environment: str) -> None:
        self.folder, self.words, self.log = folder, words, folder / f"{name}.log"
        self.environment = environment
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        environment |= {"PYTHONUNBUFFERED": "1", **self.environment}
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "console", *self.words, "--site", str(self.folder)],
                stdout=log,
                stderr=log,
                env=environment,
                text=True,
            )

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(timeout=60)

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()

    def says(self, what: str, seconds: float = 30) -> None:
        """Wait until it has said this."""
        wait_for(lambda: what in self.log.read_text(), seconds, f"{self.words} says {what!r}: {self.log.read_text()}")


class DriverProcess(Process):
    """The driver of a site."""

    def __init__(self, folder: Path, *words: str, name: str = "driver", **environment: str) -> None:
        super().__init__(folder, *(words or ("driver", "run")), name=name, **environment)
        self._earlier: object = None

    def start(self) -> None:
        with suppress(OSError, ValueError):
            self._earlier = self._server()["pid"]
        super().start()

    def _server(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads((self.folder / "prefect" / "server.json").read_text())
        return told

    def answers(self, seconds: float = 90) -> None:
        """Wait until Prefect's server of this driver answers; the one of a driver that was killed lives on for a moment."""
        own = lambda: self._server()["pid"] != self._earlier and self.api("GET", "/health") is True  # noqa: E731
        wait_for(own, seconds, "the server answers")

    def api(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        facts = self._server()
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(facts["url"] + path, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())

    def run_of(self, therapy: str) -> dict[str, Any] | None:
        found = self.api("POST", "/flow_runs/filter", {"flow_runs": {"name": {"any_": [therapy]}}})
        assert len(found) <= 1, f"{therapy} has {len(found)} flow runs"
        return found[0] if found else None

    def tasks_of(self, therapy: str) -> list[str]:
        run = self.run_of(therapy)
        if run is None:
            return []
        rows = self.api(
            "POST", "/task_runs/filter", {"task_runs": {"flow_run_id": {"any_": [run["id"]]}}, "limit": 200}
        )
        return sorted(row["name"] for row in rows if row["state_type"] == "COMPLETED")


def wait_for(true: Callable[[], bool], seconds: float, what: str) -> None:
    """Ask again until it holds; a test never sleeps for a guess."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if true():
                return
        except (OSError, ValueError, FileNotFoundError):
            pass
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.1)


@pytest.fixture
def stage(founded: Stage, tmp_path: Path) -> Stage:
    return founded.copied(tmp_path / "site")


@pytest.fixture
def play(stage: Stage) -> Play:
    """One patient who goes well."""
    protocol = stage.desk.current_protocol()
    script = Script(Patient(1, "T-001"), "goes well")
    return Play(stage.desk, protocol, [script], stage.sitting, stage.site.set_clock)


@pytest.fixture
def driver(stage: Stage) -> Iterator[DriverProcess]:
    process = DriverProcess(stage.site.folder)
    yield process
    process.end()


__all__ = ["DriverProcess", "Process", "driver", "mortal_postgres", "pg_url", "play", "postgres", "stage", "wait_for"]
