"""A late positive reaches whoever must know, outside: through a block that is named, and through a Prefect automation."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest

from console import rehearsal
from console.demo import Stage
from console.play import Play
from projections.notices import Notice, notices
from protocol.alerts import open_alerts
from protocol.commands import Entered, Witness
from protocol.due import instances
from tests.console.cli import Cli
from tests.flows.conftest import DriverProcess, wait_for
from tests.flows.receiver import Receiver
from tests.flows.test_driver import shows_what_the_log_says

T = "T-001"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.close()


def released(stage: Stage, play: Play) -> None:
    """The product is released while final sterility is pending."""
    for _ in range(200):
        if stage.desk.therapy(T).dispositions:
            return
        play.run(1)
        stage.desk.let_pass(T, stage.site.system())
    raise AssertionError("nothing was released")


def turns_positive(stage: Stage, play: Play) -> None:
    """On day 14 the culture is positive; a reviewer has signed it."""
    stage.site.set_clock(stage.desk.clock() + timedelta(days=14))
    therapy, protocol = stage.desk.therapy(T), play.protocol
    due = next(d for d in instances(therapy, protocol) if d.step.id == "test_sterility_final")
    form = rehearsal.entry(play.scripts[0].patient, therapy, protocol, due, stage.desk.clock())
    positive = form.model_copy(update={"readings": {**form.readings, "culture": Entered(value="positive")}})
    stage.desk.act(T, positive, stage.sitting("qc.analyst.1"))
    assert [alert.roles for alert in open_alerts(stage.desk.therapy(T))] == [("physician",)]


def saved(driver: DriverProcess, url: str) -> str:
    """A webhook block of Prefect's, saved at the driver's server as an operator would; returns its id."""
    code = "from prefect.blocks.webhook import Webhook; import sys; print(Webhook(url=sys.argv[1]).save(sys.argv[2], overwrite=True))"
    told = json.loads((driver.folder / "prefect" / "server.json").read_text())
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    environment |= {
        "PREFECT_API_URL": told["url"], "PREFECT_HOME": str(driver.folder / "operator"), "DO_NOT_TRACK": "1",
    }  # fmt: skip
    name = url.rpartition("/")[2]
    done = subprocess.run(
        [sys.executable, "-c", code, url, name],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def automation(driver: DriverProcess, block: str) -> None:
    """An automation that takes each alert's event to a webhook."""
    driver.api(
        "POST",
        "/automations/",
        {
            "name": "alerts",
            "trigger": {
                "type": "event", "posture": "Reactive", "expect": ["unbroken.alert.raised"], "threshold": 1, "within": 0,
                "match": {"prefect.resource.id": "unbroken.therapy.*"},
            },
            "actions": [
                {
                    "type": "call-webhook", "block_document_id": block,
                    "payload": '{"resource": "{{ event.resource.id }}", "rule": "{{ event.payload.rule }}"}',
                }
            ],
        },
    )  # fmt: skip


def untold(stage: Stage) -> list[Notice]:
    """What the driver noted as failed."""
    return [n for n in notices(stage.site.views_url, stage.site.log_id) if not n.told_at]


@pytest.mark.slow
def test_a_late_positive_goes_through_a_block_and_through_an_automation(
    stage: Stage, play: Play, receiver: Receiver
) -> None:
    """Both say therapy, alert and rule, and no text that a person wrote; a driver that starts again does not repeat it."""
    released(stage, play)
    driver = DriverProcess(stage.site.folder, UNBROKEN_NOTIFY="webhook/pager", UNBROKEN_EVENTS="yes")
    again: DriverProcess | None = None
    try:
        driver.start()
        driver.answers()
        saved(driver, f"{receiver.url}/pager")
        automation(driver, saved(driver, f"{receiver.url}/automation"))
        turns_positive(stage, play)
        wait_for(lambda: bool(receiver.at("/pager")), 60, "the block is called")
        wait_for(lambda: bool(receiver.at("/automation")), 60, f"the automation acts: {driver.log.read_text()}")
        (told,) = receiver.at("/pager")
        assert (told["therapy"], told["alert"], told["rule"]) == (T, "A-1", "release.late-result")
        assert told["roles"] == ["physician"]
        assert set(told) == {"log", "therapy", "alert", "record", "rule", "roles", "raised", "acknowledge"}
        (taken,) = receiver.at("/automation")
        assert taken == {"resource": f"unbroken.therapy.{T}.alert.A-1", "rule": "release.late-result"}
        wait_for(lambda: len(notices(stage.site.views_url, stage.site.log_id)) == 2, 20, "both are noted as told")
        assert driver.stop() == 0, driver.log.read_text()
        again = DriverProcess(stage.site.folder, name="again", **driver.environment)
        again.start()
        again.says("following the log", 90)
        wait_for(lambda: shows_what_the_log_says(stage, again, T), 60, "the run shows what the log says")
        assert again.stop() == 0, again.log.read_text()
        assert len(receiver.at("/pager")) == 1
        assert untold(stage) == []
    finally:
        driver.end()
        if again is not None:
            again.end()


@pytest.mark.slow
def test_a_failing_channel_stops_no_therapy_is_said_and_is_tried_again(
    stage: Stage, play: Play, receiver: Receiver
) -> None:
    """The pager answers 500 and then 200; a block that nobody saved never tells. The therapy goes on meanwhile."""
    receiver.answers = [500]
    released(stage, play)
    driver = DriverProcess(stage.site.folder, UNBROKEN_NOTIFY="webhook/pager, slack-webhook/nobody nonsense")
    try:
        driver.start()
        driver.answers()
        saved(driver, f"{receiver.url}/pager")
        turns_positive(stage, play)
        wait_for(
            lambda: {n.channel for n in untold(stage)} >= {"slack-webhook/nobody", "nonsense"}, 60, "failures are noted"
        )
        cli = Cli(stage.site.folder)
        said = cli.ok("lag", "--json").json["alerts_not_told"]
        assert {one["channel"]: one["alert"] for one in said}["nonsense"] == "A-1"
        assert "A-1 of T-001 NOT TOLD through nonsense" in cli.ok("lag").out
        (act,) = stage.desk.therapy(T).pending.values()
        stage.desk.act(T, Witness(act=act.by.link), stage.sitting("qc.reviewer.1"))
        wait_for(lambda: shows_what_the_log_says(stage, driver, T), 60, "the therapy goes on")
        wait_for(lambda: bool(receiver.at("/pager")), 60, "the pager is tried again")
        assert receiver.tried == 2
        wait_for(lambda: "webhook/pager" not in {n.channel for n in untold(stage)}, 20, "and is noted as told")
        assert driver.stop() == 0, driver.log.read_text()
    finally:
        driver.end()
