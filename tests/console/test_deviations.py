"""A deviation from its opening to its closure, typed as people would type it; and an alert that is acknowledged."""

from __future__ import annotations

import pytest

from tests.console.cli import ANNA, BRUNO, NURSE, Cli

pytestmark = pytest.mark.story
QA, OTHER_QA = "qa.releaser.1", "qa.releaser.2"


def test_a_critical_deviation_is_handled_from_the_command_line(cli: Cli) -> None:
    """Opened on an act, regraded, investigated, assessed, corrected, checked, closed; each refusal names rule and values."""
    say = ["deviation", "open", BRUNO.therapy, "--says", "line was wet", "--step", "apheresis"]
    cli.refused("input.form", *say[:3], "--grade", "minor", "--says", " ", by=NURSE)
    said = cli.ok(*say, "--grade", "minor", by=NURSE)
    assert "deviation D-1 opened, minor: line was wet, concerns apheresis [reported]" in said.out
    name = [BRUNO.therapy, "D-1"]
    cli.refused("authority.role", "deviation", "regrade", *name, "--grade", "critical", "--why", "it leaked", by=NURSE)
    cli.refused("input.form", "deviation", "regrade", *name, "--grade", "awful", "--why", "it leaked", by=QA)
    cli.ok("deviation", "regrade", *name, "--grade", "critical", "--why", "it leaked", by=QA)
    cli.refused("input.form", "deviation", "investigate", *name, "--cause", "fate", "--root-cause", "x1", by=QA)
    cli.ok("deviation", "investigate", *name, "--cause", "equipment", "--root-cause", "seal was old", by=QA)
    cli.ok("deviation", "assess", *name, "--impact", "none", by=QA)
    told = cli.refused("deviation.handled", "deviation", "close", *name, "--conclusion", "well", by=QA)
    assert "lacks a corrective or preventive action" in told["says"]
    planned = ["deviation", "plan", *name, "--action", "new seals", "--role", "apheresis_nurse", "--owner", NURSE]
    cli.refused("action.due", *planned, "--due", "2026-01-01T09:00", by=QA)
    said = cli.ok(*planned, "--due", "2027-01-01T09:00", by=QA)
    assert "corrective action C-1 planned for D-1: new seals" in said.out
    assert NURSE in said.out
    items = cli.ok("worklist", "--role", "apheresis_nurse", "--json").json
    assert [i["title"] for i in items if i["kind"] == "action"] == ["Do C-1"]
    cli.refused("action.owner", "deviation", "done", BRUNO.therapy, "C-1", "--says", "fitted", by="apheresis.nurse.2")
    cli.ok("deviation", "done", BRUNO.therapy, "c-1", "--says", "fitted", by=NURSE)
    check = ["deviation", "check", BRUNO.therapy, "C-1", "--says", "dry for a week", "--result"]
    cli.refused("input.form", *check, "perhaps", by=QA)
    cli.ok(*check, "effective", by=QA)
    listed = cli.ok("deviation", "list", "--json").json
    assert [(r["therapy"], r["deviation"], r["lacks"]) for r in listed if r["grade"] == "critical"] == [
        (BRUNO.therapy, "D-1", "")
    ]
    cli.ok("deviation", "close", *name, "--conclusion", "cause removed", by=QA)
    shown = cli.ok("deviation", "show", *name).out
    for words in (
        "minor to critical: it leaked",
        "equipment: seal was old",
        "new seals",
        "dry for a week",
        "cause removed",
    ):
        assert words in shown
    whole = cli.ok("deviation", "show", *name, "--json").json
    assert whole["actions"][0]["result"] == "effective"
    assert whole["closed_by"]["account"] == QA
    assert "D-1" in cli.ok("deviation", "list", "--therapy", BRUNO.therapy, "--all").out
    cli.refused("deviation.known", "deviation", "show", BRUNO.therapy, "D-77")
    cli.ok("verify", BRUNO.therapy)


def test_alerts_are_listed_and_acknowledged(cli: Cli) -> None:
    """A therapy without an alert says so; what is not there cannot be acknowledged."""
    assert "no alert" in cli.ok("alert", "list", ANNA.therapy).out
    assert cli.ok("alert", "list", ANNA.therapy, "--json").json == []
    cli.refused("alert.open", "alert", "acknowledge", ANNA.therapy, "A-1", by="physician.1")
