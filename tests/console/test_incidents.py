"""A courier who does not come, typed as people would type it: reported, the options looked at, one chosen, the new pick-up booked."""

from __future__ import annotations

import pytest

from tests.console.cli import ANNA, NURSE, SECOND, Cli, apheresis

pytestmark = pytest.mark.story
NAME = ANNA.therapy
REPORT = ["incident", "report", NAME, "missed_pickup", "--says", "nobody came"]
CHOOSE = ["incident", "choose", NAME, "I-1"]


def waiting(cli: Cli) -> None:
    """Anna's cells are collected and labelled."""
    cli.ok(*apheresis(cli), by=NURSE)
    cli.ok("witness", NAME, "apheresis", by=SECOND)
    cli.perform("label_collection", NURSE)
    cli.ok("witness", NAME, "label_collection", by=SECOND)


def test_a_missed_pick_up_from_the_report_to_the_new_booking(cli: Cli) -> None:
    """Everything in five lines; each says what to type next."""
    waiting(cli)
    said = cli.ok(*REPORT, by="scheduler.1")
    assert f"INCIDENT I-1 missed_pickup during hand_over of {ANNA.din.number}" in said.out
    assert "deviation D-1 opened, minor: The courier did not come: nobody came" in said.out
    assert "unbroken incident options" in said.out
    assert f"1 to decide: unbroken incident options {NAME}" in cli.ok("status", NAME).out
    rows = cli.ok("worklist", "--role", "coordinator", "--json").json
    assert next(r["kind"] for r in rows if r["therapy"] == NAME) == "incident"
    shown = cli.ok("incident", "options", NAME).out
    assert "clock apheresis.end to wash_collection start: 23 h " in shown
    assert "until deviation major (24 h), 47 h " in shown
    assert "option rebook: Another courier comes, 17 h " in shown
    assert "  limit in force: 2026-03-19 " in shown
    assert "rebook is closed (18 h of apheresis.end)\n  then: " in shown
    assert "in force: " in cli.ok("status", NAME).out
    assert f"Next: unbroken incident choose {NAME} I-1 OPTION" in shown
    (one,) = cli.ok("incident", "options", NAME, "--json").json["incidents"]
    assert [o["id"] for o in one["options"]] == ["rebook", "freeze_locally", "recollect", "go_on"]
    assert {o["closed"] for o in one["options"]} == {""}
    said = cli.ok(*CHOOSE, "rebook", "--why", "a second courier is in town", by="coordinator.1")
    assert "incident I-1: rebook chosen: a second courier is in town" in said.out
    assert "courier_rebooking" in cli.ok("worklist", "--role", "scheduler").out
    slot = "courier=COURIER-9@2026-04-01T15:00/2026-04-01T16:00"
    cli.ok("perform", NAME, "courier_rebooking", "--slot", slot, by="scheduler.1")
    assert "Nothing is to be decided" in cli.ok("incident", "options", NAME).out
    assert cli.ok("status", NAME, "--json").json["incidents"] == 0
    cli.ok("verify")


def test_a_closed_option_says_why(cli: Cli) -> None:
    """Half a day later than the protocol allows, it is shown as no longer possible, and refused."""
    waiting(cli)
    cli.ok(*REPORT, by="scheduler.1")
    cli.ok("site", "clock", "--forward", "20 h")
    shown = cli.ok("incident", "options", NAME).out
    assert "option rebook: Another courier comes; NO LONGER POSSIBLE: only within 18 h of apheresis.end" in shown
    told = cli.refused("incident.option-over", *CHOOSE, "rebook", "--why", "try again", by="coordinator.1")
    assert "Still possible: freeze_locally, recollect, go_on." in told["advice"]


def test_bad_reports_and_choices(cli: Cli) -> None:
    """Unknown names, no words, the wrong people, the wrong time: refused, nothing recorded."""
    waiting(cli)
    wrong = ["incident", "report", NAME, "strike", "--says", "nobody came"]
    assert "missed_pickup" in cli.refused("incident.known", *wrong, by="scheduler.1")["advice"]
    cli.refused("input.form", *REPORT[:-1], "  ", by="scheduler.1")
    cli.refused("authority.role", *REPORT, by="qc.analyst.1")
    cli.refused("time.future", *REPORT, "--at", "2031-01-01T10:00", by="scheduler.1")
    cli.refused("incident.during", *REPORT, "--step", "transport", by="scheduler.1")
    cli.refused("incident.open", *CHOOSE, "rebook", "--why", "nothing happened", by="coordinator.1")
    cli.ok(*REPORT, by="scheduler.1")
    cli.refused("order.done", *REPORT, by="scheduler.1")
    cli.refused("incident.option", *CHOOSE, "teleport", "--why", "quickest", by="coordinator.1")
    cli.refused("input.form", *CHOOSE, "rebook", "--why", "", by="coordinator.1")
    cli.refused("authority.role", *CHOOSE, "rebook", "--why", "me", by=NURSE)
