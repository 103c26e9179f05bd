"""Safety as people would type it: an event reported, its clock looked at and stopped, a cohort stopped and opened again."""

from __future__ import annotations

import pytest

from tests.console.cli import ANNA, NURSE, SECOND, Cli, apheresis

pytestmark = pytest.mark.story
NAME = ANNA.therapy
REPORT = ["adverse", "report", NAME, "Presyncope", "--grade", "3", "--related", "possibly"]


def collected(cli: Cli) -> None:
    """Anna's cells are collected; she felt faint."""
    cli.ok(*apheresis(cli), by=NURSE)
    cli.ok("witness", NAME, "apheresis", by=SECOND)


def test_an_event_from_the_report_to_the_end_of_its_clock(cli: Cli) -> None:
    """Reported, listed, its clock with the time that is left; the report that was sent stops it."""
    collected(cli)
    onset = cli.ok("status", NAME, "--json").json["last_ended"]
    said = cli.ok(*REPORT, "--onset", onset, "--serious", "hospitalisation", by="physician.1")
    assert "ADVERSE EVENT AE-1: Presyncope, grade 3" in said.out
    assert "serious, criteria: hospitalisation" in said.out
    (row,) = cli.ok("adverse", "list", NAME, "--json").json
    assert (row["event"], row["marks"]) == ("AE-1", "serious (hospitalisation)")
    (clock,) = cli.ok("adverse", "clocks", NAME, "--json").json
    assert (clock["report"], 23 * 60 < clock["minutes_left"] <= 24 * 60) == ("sae", True)
    assert "AE-1 sae by " in cli.ok("status", NAME).out
    assert "h 5" in cli.ok("adverse", "clocks", NAME).out
    assert "report" in [r["kind"] for r in cli.ok("worklist", "--role", "investigator", "--json").json]
    assert "Serious adverse event to the sponsor" in cli.ok("schedule", NAME).out
    cli.ok("adverse", "sent", NAME, "AE-1", "sae", "--reference", "S-1", by="investigator.1")
    assert [c["report"] for c in cli.ok("adverse", "clocks", NAME, "--json").json] == ["susar_15"]
    said = cli.ok(
        "adverse", "follow", NAME, "AE-1", "--expected", "--resolved", "--says", "well again", by="physician.1"
    )
    assert "adverse event AE-1 resolved: well again" in said.out
    assert "no report is due" in cli.ok("adverse", "clocks", NAME).out
    cli.refused("event.ended", "adverse", "follow", NAME, "AE-1", "--grade", "4", "--says", "again", by="physician.1")
    cli.ok("verify")


def test_bad_input_names_rule_and_values(cli: Cli) -> None:
    """A grade that is none, both judgements at once, a decision before there is anything to decide, an unknown cohort."""
    collected(cli)
    onset = cli.ok("status", NAME, "--json").json["last_ended"]
    cli.refused("event.grade", *REPORT[:-4], "--grade", "7", *REPORT[-2:], "--onset", onset, by="physician.1")
    cli.refused("input.form", *REPORT, "--onset", onset, "--serious", "bad luck", by="physician.1")
    cli.refused("grade.open", "grade", "sign", NAME, "D0", by="physician.1")
    cli.refused("input.form", "grade", "sign", NAME, "D0", "--grade", "crs=high", by="physician.1")
    cli.refused("dlt.begun", "dlt", "decide", NAME, "no_dlt", "--why", "seen", by="investigator.1")
    cli.refused("dlt.pending", "dlt", "agree", NAME, by="safety.officer.1")
    cli.refused("cohort.known", "cohort", "stop", "level_9", "--why", "seen", by="safety.officer.1")


def test_a_cohort_is_stopped_shown_and_opened_again(cli: Cli) -> None:
    """Everybody sees why it is shut; another person opens it."""
    collected(cli)
    assert "level_1: OPEN for the next patient" in cli.ok("cohort", "show").out
    cli.ok("cohort", "stop", "level_1", "--why", "two infections", by="safety.officer.1")
    shown = cli.ok("cohort", "show", "level_1")
    assert "level_1: SHUT, it was stopped by safety.officer.1: two infections" in shown.out
    assert f"{NAME}: conditioning has not begun" in shown.out
    cli.refused("authority.two-people", "cohort", "reopen", "level_1", "--why", "go on", by="safety.officer.1")
    first = cli.ok("cohort", "reopen", "level_1", "--why", "safety board: go on", by="safety.officer.2")
    assert "Not open yet: it waits for investigator" in first.out
    assert "safety.officer.2 signed to open it again" in cli.ok("cohort", "show", "level_1").out
    cli.ok("cohort", "reopen", "level_1", "--why", "agreed", by="investigator.1")
    (one,) = cli.ok("cohort", "show", "level_1", "--json").json
    assert (one["open"], [p["therapy"] for p in one["patients"]]) == (True, [NAME])
    cli.ok("verify")
