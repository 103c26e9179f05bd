"""Driver and projector of a site whose views are in PostgreSQL, as processes: losing the lease, standing by, outages, lag."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from console.demo import Stage
from console.play import Play
from projections import views
from tests.flows.conftest import DriverProcess, Process, wait_for
from tests.flows.test_driver import shows_what_the_log_says
from tests.servers.postgres import OwnPostgres, Postgres


@pytest.fixture
def projectors(stage: Stage, mortal_postgres: OwnPostgres) -> Iterator[tuple[Process, Process, str]]:
    """Two projectors of one site, and the database of its views."""
    url = mortal_postgres.make()
    pair = [Process(stage.site.folder, "projector", "run", name=name, UNBROKEN_DATABASE=url) for name in ("one", "two")]
    yield pair[0], pair[1], url
    for process in pair:
        process.end()


def lag(folder: Path, url: str) -> tuple[int, dict[str, Any]]:
    """The exit code and the document of `unbroken lag --json`."""
    done = subprocess.run(
        [sys.executable, "-m", "console", "lag", "--json", "--site", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "UNBROKEN_DATABASE": url},
    )
    return done.returncode, json.loads(done.stdout)


def views_in_step(stage: Stage, url: str) -> bool:
    return views.position_in(url, stage.site.log_id) == stage.site.log.size()


@pytest.mark.slow
def test_a_second_projector_takes_over_and_both_survive_an_outage(
    stage: Stage, projectors: tuple[Process, Process, str], play: Play, mortal_postgres: OwnPostgres
) -> None:
    """One fills, one stands by; the first is killed, the database crashes and comes back: the views are the log's."""
    one, two, url = projectors
    play.run(3)
    one.start()
    wait_for(lambda: views_in_step(stage, url), 20, "the first one fills")
    two.start()
    two.says("standing by: another projector runs on this site, process")
    assert lag(stage.site.folder, url)[1]["followers"][0]["moved_by"].startswith("projector, process ")
    one.kill()
    play.run(2)
    two.says("taking over as projector", 30)
    wait_for(lambda: views_in_step(stage, url), 20, "the second one goes on")
    mortal_postgres.crash()
    play.run(2)
    two.says("stopped, for another may begin")
    two.says("standing by: The views' database cannot be used")
    code, told = lag(stage.site.folder, url)
    assert code == 7
    assert told["log"]["records"] == stage.site.log.size()
    assert told["unreachable"]
    mortal_postgres.again()
    wait_for(lambda: views_in_step(stage, url), 30, "it goes on after the outage")
    code, told = lag(stage.site.folder, url)
    found = told["followers"][0]
    assert (code, found["name"], found["behind"]) == (0, "views", 0)
    assert int(found["lease"]["pid"]) == two.process.pid  # type: ignore[union-attr]
    assert two.stop() == 0
    assert "stopped; the views say where to go on" in two.log.read_text()
    assert lag(stage.site.folder, url)[1]["followers"][0]["lease"] is None
    before, after = views.rebuild(stage.site.log, url)
    assert before == after


@pytest.mark.slow
def test_a_driver_that_loses_its_lease_stops_and_goes_on_when_it_has_it_again(
    stage: Stage, play: Play, postgres: Postgres, pg_url: str
) -> None:
    """Its session is ended in PostgreSQL: it lets Prefect's server go, takes the lease anew, and nothing is done twice."""
    driver = DriverProcess(stage.site.folder, "driver", "run", "--no-views", UNBROKEN_DATABASE=pg_url)
    try:
        play.run(3)
        driver.start()
        driver.says("following the log", 90)
        wait_for(lambda: shows_what_the_log_says(stage, driver, "T-001"), 60, "the run shows what the log says")
        assert views.position_in(pg_url, stage.site.log_id) is None
        postgres.say("SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity USING (pid)"
                     " WHERE locktype = 'advisory' AND application_name = 'unbroken driver'")  # fmt: skip
        driver.says("stopped, for another may begin", 10)
        play.run(2)
        wait_for(lambda: driver.log.read_text().count("following the log") == 2, 60, "it follows again")
        wait_for(lambda: shows_what_the_log_says(stage, driver, "T-001"), 60, "the run shows what the log says")
        assert max(Counter(driver.tasks_of("T-001")).values()) == 1
        code, told = lag(stage.site.folder, pg_url)
        found = {one["name"]: one for one in told["followers"]}
        assert code == 0
        assert found["driver"]["behind"] == 0
        assert int(found["driver"]["lease"]["pid"]) == driver.process.pid  # type: ignore[union-attr]
        assert found["views"]["position"] is None
        assert driver.stop() == 0
        assert "Traceback" not in driver.log.read_text()
    finally:
        driver.end()
