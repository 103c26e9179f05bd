"""The driver beside a real Prefect server: in step with the log, safe to kill, and nothing automatic without it."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from datetime import timedelta

import pytest

from console.demo import Stage
from console.play import Play
from events.facts.course import DeadlineMissed, DeadlineSet, SlotsFreed
from events.reading import verified_stream
from flows.outlook import steps
from protocol.worklist import resting_state
from tests.flows.conftest import DriverProcess, wait_for


def shows_what_the_log_says(stage: Stage, driver: DriverProcess, name: str) -> bool:
    """Whether the run rests where the log rests, and shows each signed step once."""
    therapy = stage.desk.therapy(name)
    run = driver.run_of(name)
    if run is None or run["state"] is None:
        return False
    rest = resting_state(therapy, stage.desk.protocol_of(therapy))
    drawn = sorted(step.label for step in steps(stage.desk, therapy))
    kind = "COMPLETED" if therapy.completed else "PAUSED"
    state = run["state"]
    same = state["type"] == kind and (kind == "COMPLETED" or (state["name"], state["message"]) == rest)
    return same and driver.tasks_of(name) == drawn and not stage.desk.due_by_itself(name).facts


def facts_of(stage: Stage, name: str) -> list[object]:
    return [fact for record in verified_stream(stage.desk.log, f"therapy/{name}") for fact in record.facts]


def test_the_run_and_the_log_stay_in_step(stage: Stage, driver: DriverProcess, play: Play) -> None:
    """While a therapy runs, Prefect's API shows it at each of its waits: which step waits for which role."""
    driver.start()
    driver.answers()
    seen = set()
    for _ in range(14):
        play.run(1)
        wait_for(lambda: shows_what_the_log_says(stage, driver, "T-001"), 20, "the run shows what the log says")
        run = driver.run_of("T-001")
        assert run is not None
        seen.add((run["state"]["name"], run["state"]["message"].split(":")[0]))
    assert ("AwaitingSignature", "eligibility") in seen
    assert ("AwaitingStep", "apheresis") in seen
    assert driver.stop() == 0


@pytest.mark.slow
def test_a_driver_killed_at_random_instants_does_each_thing_once(
    stage: Stage, driver: DriverProcess, play: Play
) -> None:
    """Killed with -9 in the middle of its work and started again, it draws every step once and records everything once."""
    seed = 20260302
    print(f"seed {seed}")
    chance = random.Random(seed)
    while not stage.desk.therapy("T-001").of_step("apheresis"):
        play.run(1)  # from here on a clock runs, so that the driver has deadlines to set
    for _ in range(3):
        driver.start()
        driver.answers()
        wait_for(lambda: shows_what_the_log_says(stage, driver, "T-001"), 60, "the run shows what the log says")
        for _ in range(chance.randint(2, 6)):
            play.run(chance.randint(1, 2))
            time.sleep(chance.uniform(0, 0.7))
        driver.kill()  # somewhere inside a look, a re-entry, an append, or a flush of what was drawn
    driver.start()
    driver.answers()
    wait_for(lambda: shows_what_the_log_says(stage, driver, "T-001"), 60, "the run shows what the log says")
    labels = Counter(driver.tasks_of("T-001"))
    assert set(labels) == {step.label for step in steps(stage.desk, stage.desk.therapy("T-001"))}
    deadlines = Counter(
        (fact.wire, fact.deadline, str(fact.key))
        for fact in facts_of(stage, "T-001")
        if isinstance(fact, DeadlineSet | DeadlineMissed)
    )
    assert deadlines
    assert max(deadlines.values()) == 1


@pytest.mark.slow
def test_nothing_automatic_without_the_driver_and_each_thing_once_with_it(
    stage: Stage, driver: DriverProcess, play: Play
) -> None:
    """The booked slots' hold expires while the driver is away. Nothing is recorded; started again, it is, once."""
    while not stage.desk.therapy("T-001").of_step("slot_chain"):
        play.run(1)
    stage.site.set_clock(stage.desk.clock() + timedelta(days=5))
    before = stage.desk.log.size()
    assert not [f for f in facts_of(stage, "T-001") if isinstance(f, DeadlineMissed | DeadlineSet)]
    for _ in range(2):
        driver.start()
        driver.answers()
        wait_for(lambda: shows_what_the_log_says(stage, driver, "T-001"), 60, "the run shows what the log says")
        assert driver.stop() == 0
    assert stage.desk.log.size() > before
    facts = facts_of(stage, "T-001")
    assert len([f for f in facts if isinstance(f, SlotsFreed)]) == 1
    assert [f.deadline for f in facts if isinstance(f, DeadlineMissed)].count("slot-hold") == 1


@pytest.mark.slow
def test_one_driver_a_site_and_one_bad_therapy_stalls_nobody(stage: Stage, driver: DriverProcess, play: Play) -> None:
    """A second driver that is to run once says that there is one. A therapy that cannot be read fails alone; the others go on."""
    from events.envelope import seal
    from events.keys import key_id
    from events.statement import Statement

    play.run(3)
    admin = stage.sitting("admin")
    now = stage.desk.clock()
    stream = "therapy/T-666"
    poison = Statement(
        "ab" * 16, stage.desk.log.id, stream, stage.desk.log.heads([stream]), now, now, "P-001", "admin",
        key_id(admin.signer.public), "performed", 1, ({"fact": "moon.howled.v1", "therapy": "T-666"},),
    )  # fmt: skip
    stage.desk.log.append(seal(poison.payload(), admin.signer).value())
    driver.start()
    driver.answers()
    wait_for(lambda: shows_what_the_log_says(stage, driver, "T-001"), 60, "the run shows what the log says")
    wait_for(lambda: (driver.run_of("T-666") or {}).get("state_type") == "FAILED", 30, "the bad therapy's run failed")
    once = DriverProcess(stage.site.folder, "driver", "run", "--once", name="once")
    once.start()
    assert once.process is not None
    assert once.process.wait(timeout=60) == 7
    assert "Another driver runs on this site" in once.log.read_text()
    play.run(2)
    wait_for(lambda: shows_what_the_log_says(stage, driver, "T-001"), 20, "the others go on")
    facts = json.loads((stage.site.folder / "prefect" / "server.json").read_text())
    assert facts["url"].startswith("http://127.0.0.1:")


@pytest.mark.slow
def test_a_second_driver_stands_by_and_takes_over(stage: Stage, driver: DriverProcess, play: Play) -> None:
    """It says once who drives; killed with -9, the first one leaves it everything, and nothing is done twice."""
    second = DriverProcess(stage.site.folder, name="second")
    try:
        play.run(3)
        driver.start()
        driver.answers()
        second.start()
        second.says("standing by: another driver runs on this site, process")
        wait_for(lambda: shows_what_the_log_says(stage, driver, "T-001"), 60, "the run shows what the log says")
        driver.kill()
        play.run(2)
        second.says("taking over as driver")
        second.says("following the log", 90)
        wait_for(lambda: shows_what_the_log_says(stage, second, "T-001"), 60, "the second one goes on")
        assert max(Counter(second.tasks_of("T-001")).values()) == 1
        assert second.log.read_text().count("standing by") == 1
        assert second.stop() == 0
    finally:
        second.end()
