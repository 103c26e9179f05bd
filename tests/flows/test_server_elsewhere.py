"""The driver with Prefect's server run by somebody else, on a real PostgreSQL: it is used, watched, and may be killed."""

from __future__ import annotations

import base64
import json
import os
import random
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from console.demo import Stage
from console.play import Play
from events.errors import Refused
from events.facts.course import DeadlineMissed, DeadlineSet
from flows.outlook import steps
from flows.serve import NoDatabase, environment
from flows.server_elsewhere import ServerElsewhere
from flows.serving import ServerFailed
from tests.flows.conftest import DriverProcess, wait_for
from tests.flows.test_driver import facts_of, shows_what_the_log_says
from tests.servers.ports import free_ports
from tests.servers.postgres import OwnPostgres, postgres_for_prefect

LOGIN = "unbroken:a-login-of-this-test"
COMES_UP = 240.0
"""Seconds for a server that makes its tables first: 13 where eight others work on two cores, over 90 where it is starved."""


def tail(log: Path, lines: int = 60) -> str:
    """The end of what a process said, if it came to say anything."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else "(it has said nothing)"


def asked(url: str, body: dict[str, Any] | None = None, method: str = "GET") -> urllib.request.Request:
    """A question to the server, by somebody who has the login."""
    login = base64.b64encode(LOGIN.encode()).decode()
    headers = {"Content-Type": "application/json", "Authorization": f"Basic {login}"}
    return urllib.request.Request(url, None if body is None else json.dumps(body).encode(), headers, method=method)


class Serving:
    """`python -m flows.serve` in a process of its own."""

    def __init__(self, folder: Path, database: str) -> None:
        self.log, self.database, self.home = folder / "serve.log", database, folder / "home"
        (self.port,) = free_ports(1)  # none that the driver, asking for it while it is dead, may be given for itself
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    def start(self) -> None:
        given = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        given |= {
            "UNBROKEN_PREFECT_DATABASE": self.database,
            "UNBROKEN_PREFECT_AUTH": LOGIN,
            "PREFECT_HOME": str(self.home),
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "flows.serve", "--port", str(self.port)], stdout=log, stderr=log, env=given
            )

    def answers(self) -> None:
        """Wait until it serves; one that has ended instead is told at once, with what it said."""

        def up() -> bool:
            code = None if self.process is None else self.process.poll()
            assert code is None, f"Prefect's server ended with {code}:\n{tail(self.log)}"
            with urllib.request.urlopen(asked(f"{self.url}/health"), timeout=10) as answer:
                return bool(json.loads(answer.read()))

        wait_for(up, COMES_UP, "Prefect's server answers")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(timeout=30)


class DriverElsewhere(DriverProcess):
    """A driver that uses a server elsewhere; asked through that server."""

    def __init__(self, folder: Path, serving: Serving, *words: str, **environment: str) -> None:
        given = {"UNBROKEN_PREFECT_API": serving.url, "UNBROKEN_PREFECT_AUTH": LOGIN, **environment}
        super().__init__(folder, *words, **given)
        self.serving = serving

    def api(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        with urllib.request.urlopen(asked(self.serving.url + path, body, method), timeout=10) as answer:
            return json.loads(answer.read())


def each_once(stage: Stage, driver: DriverProcess) -> None:
    """Each record that the run shows is drawn once, and each deadline was set once.

    Deadlines that come to run between two looks of the driver share a record, and those that don't have one each, under the
    same words: so what is drawn is held against the log, and not against its own names.
    """
    assert Counter(driver.tasks_of("T-001")) == Counter(s.label for s in steps(stage.desk, stage.desk.therapy("T-001")))
    told = [fact for fact in facts_of(stage, "T-001") if isinstance(fact, DeadlineSet | DeadlineMissed)]
    assert max(Counter((fact.wire, fact.deadline, str(fact.key)) for fact in told).values(), default=1) == 1


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    """Prefect's server on a PostgreSQL of its own."""
    database = postgres_for_prefect()
    url = database.make()
    server = Serving(tmp_path, url)
    yield server
    server.kill()
    print(f"Prefect's server said at last:\n{tail(server.log)}")  # shown where the test has failed
    database.drop(url)
    if isinstance(database, OwnPostgres):
        database.close()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_server_on_postgresql_that_is_killed_costs_nothing(stage: Stage, serving: Serving, play: Play) -> None:
    """The driver waits for it, draws through it, outlives its kill -9, and shows each step once."""
    driver = DriverElsewhere(stage.site.folder, serving)
    try:
        play.run(3)
        serving.start()
        serving.answers()  # its tables are made now; a driver that waited for that as well might give up after 90 s
        serving.kill()
        driver.start()
        driver.says("using Prefect's server at", 60)
        serving.start()
        driver.says("following the log", 90)
        wait_for(lambda: shows_what_the_log_says(stage, driver, "T-001"), 60, "the run shows what the log says")
        assert not (stage.site.folder / "prefect" / "prefect.db").exists()
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"{serving.url}/admin/version", timeout=10)
        play.run(2)
        time.sleep(0.4)  # in the middle of drawing, or of its being recorded
        serving.kill()
        play.run(2)
        time.sleep(2)
        serving.start()
        wait_for(lambda: shows_what_the_log_says(stage, driver, "T-001"), 90, "it goes on with the server that is back")
        each_once(stage, driver)
        assert driver.stop() == 0
        assert "Traceback" not in driver.log.read_text()
        assert serving.stop() == 0
    finally:
        print(f"the driver said at last:\n{tail(driver.log)}")
        driver.end()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_server_killed_at_random_instants_again_and_again(stage: Stage, serving: Serving, play: Play) -> None:
    """A whole therapy is signed while the server dies four times: every step is drawn once, every deadline set once."""
    seed = 20260303
    print(f"seed {seed}")
    chance = random.Random(seed)
    driver = DriverElsewhere(stage.site.folder, serving)
    try:
        serving.start()
        serving.answers()  # it makes its tables first, and the driver's own patience with a server ends after 90 s
        driver.start()
        driver.says("following the log", 90)
        for _ in range(4):
            for _ in range(chance.randint(3, 6)):
                play.run(chance.randint(1, 3))
                time.sleep(chance.uniform(0, 0.6))
            serving.kill()
            play.run(chance.randint(0, 3))
            time.sleep(chance.uniform(0, 3))
            serving.start()
            if chance.random() < 0.5:
                wait_for(lambda: shows_what_the_log_says(stage, driver, "T-001"), 120, "it goes on")
        wait_for(lambda: shows_what_the_log_says(stage, driver, "T-001"), 120, "the run shows what the log says")
        each_once(stage, driver)
        assert driver.stop() == 0
        assert "Traceback" not in driver.log.read_text()
    finally:
        print(f"the driver said at last:\n{tail(driver.log)}")
        driver.end()


def test_a_server_is_named_by_a_url_and_waited_for(tmp_path: Path) -> None:
    """No URL is refused before anything runs; nobody at the URL is told in words."""
    for wrong in ("", "prefect:4200", "ftp://prefect/api"):
        with pytest.raises(Refused, match="UNBROKEN_PREFECT_API"):
            ServerElsewhere(tmp_path, wrong)
    server = ServerElsewhere(tmp_path, "http://127.0.0.1:1/api")
    with pytest.raises(ServerFailed, match="no answer from"):
        server.wait(0.1)
    server.close()


@pytest.mark.parametrize("database", ["", "sqlite+aiosqlite:///prefect.db", "nonsense"])
def test_a_server_without_postgresql_is_not_started(database: str) -> None:
    """Prefect would quietly make itself an SQLite file in a container that forgets it."""
    with pytest.raises(NoDatabase, match="UNBROKEN_PREFECT_DATABASE"):
        environment({"UNBROKEN_PREFECT_DATABASE": database}, 4200)


def test_a_server_takes_the_houses_settings(tmp_path: Path) -> None:
    """Silent and idle as the driver's own; what else was set for Prefect stays, but for what belongs to a client."""
    given = {
        "UNBROKEN_PREFECT_DATABASE": "postgresql://u:p@h/db",
        "UNBROKEN_PREFECT_AUTH": "a:b",
        "PREFECT_HOME": str(tmp_path),
        "PREFECT_MESSAGING_BROKER": "prefect_redis.messaging",
        "PREFECT_API_URL": "http://elsewhere/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "true",
        "PATH": "/bin",
    }
    found = environment(given, 4200)
    assert found["PREFECT_API_DATABASE_CONNECTION_URL"] == "postgresql+asyncpg://u:p@h/db"
    assert found["PREFECT_SERVER_API_AUTH_STRING"] == "a:b"
    assert found["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert found["PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_ENABLED"] == "false"
    assert found["PREFECT_MESSAGING_BROKER"] == "prefect_redis.messaging"
    assert not found.keys() & {"PREFECT_API_URL", "PATH"}


def test_a_server_says_what_it_lacks_and_ends(tmp_path: Path) -> None:
    """No database: one sentence and 2, no traceback."""
    given = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "UNBROKEN_"))}
    done = subprocess.run(
        [sys.executable, "-m", "flows.serve"], env=given, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert "UNBROKEN_PREFECT_DATABASE is not set" in done.stderr
    assert "Traceback" not in done.stderr
