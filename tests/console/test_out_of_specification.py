"""A failing result typed as people would type it: retest, laboratory error, and a release by exception signature by signature."""

from __future__ import annotations

import pytest

from tests.console.cli import ANNA, Cli, phrase

pytestmark = pytest.mark.story
QA, OTHER_QA, PHYSICIAN = "qa.releaser.1", "qa.releaser.2", "physician.1"


def test_bad_lines_are_refused_by_rule(cli: Cli) -> None:
    """What is not there, not allowed, or without a reason is refused, and the refusal names rule and values."""
    name = ANNA.therapy
    cli.refused("retest.result", "result", "retest", name, "test_viability", "--why", "clogged", by=QA)
    cli.refused("retest.allowed", "result", "retest", name, "test_safety", "--why", "clogged", by=QA)
    cli.refused("input.form", "result", "retest", name, "test_viability", "--why", " ", by=QA)
    invalid = ["result", "invalidate", name, "test_viability", "--deviation", "D-1", "--why", "dilution"]
    cli.refused("retest.result", *invalid, by=QA)
    cli.refused("authority.role", *invalid, by="operator.1")
    cli.refused("exception.failed", "exception", "request", name, "--why", "no other therapy", by=PHYSICIAN)
    cli.refused("authority.role", "exception", "request", name, "--why", "no other therapy", by=QA)
    cli.refused("input.form", "exception", "request", name, "--why", "", by=PHYSICIAN)
    cli.refused("exception.open", "exception", "evaluate", name, "X-1", "--risks", "fever", by=QA)
    cli.refused("exception.open", "exception", "accept", name, "X-1", "--statement", "known", by=PHYSICIAN)
    cli.refused("exception.open", "exception", "withdraw", name, "X-1", "--why", "not now", by=PHYSICIAN)
    assert "none" in cli.ok("exception", "show", name).out
    assert cli.ok("exception", "show", name, "--json").json == {"failed": [], "exceptions": []}


def test_a_release_by_exception_from_the_command_line(failed: Cli) -> None:
    """Each signature by its own line; out of order it is refused; the release says by exception, and the sponsor is told."""
    name = ANNA.therapy
    request = ["exception", "request", name, "--why", "no other therapy is left"]
    evaluate = ["exception", "evaluate", name, "X-1", "--risks", "debris may cause fever"]
    accept = ["exception", "accept", name, "X-1", "--statement", "risks known"]
    told = failed.refused("exception.investigated", *request, by=PHYSICIAN)
    assert "viability is 55 %, and nobody has investigated D-1 of it" in told["says"]
    investigate = ["deviation", "investigate", name, "D-1", "--cause", "process", "--root-cause", "cold for an hour"]
    failed.ok(*investigate, by=QA)
    failed.ok("deviation", "assess", name, "D-1", "--impact", "the dose is met", by=QA)
    said = failed.ok(*request, by=PHYSICIAN)
    assert "release by exception X-1 requested: no other therapy is left" in said.out
    assert "viability: failed (55 %; passes at least 70 %)" in said.out
    told = failed.refused("exception.order", *accept, by=PHYSICIAN)
    assert "lacks = the evaluation of the risks" in told["values"]
    failed.ok(*evaluate, by=QA)
    failed.ok(*accept, by=PHYSICIAN)
    rows = failed.ok("exception", "show", name, "--json").json["exceptions"]
    assert [(r["exception"], r["standing"]) for r in rows] == [("X-1", "accepted")]
    assert "X-1: accepted" in failed.ok("exception", "show", name).out
    form = failed.file(failed.form("disposition", decision="released"))
    failed.refused("authority.two-people", "perform", name, "disposition", "--from", form, by=QA)
    said = failed.ok("perform", name, "disposition", "--from", form, by=OTHER_QA)
    assert "BY EXCEPTION X-1: viability failed" in said.out
    assert "ALERT A-1 for safety_officer" in said.out
    assert "BY EXCEPTION although viability failed" in failed.ok("status", name).out
    assert "1 not acknowledged" in failed.ok("status", name).out
    assert "alert A-1" in failed.ok("schedule", name).out
    rows = failed.ok("worklist", "--role", "safety_officer", "--json").json
    assert [r["title"] for r in rows if r["kind"] == "alert"] == ["Acknowledge A-1"]
    failed.ok("alert", "acknowledge", name, "A-1", "--note", "authority informed", by="safety.officer.1")
    assert "authority informed" in failed.ok("alert", "list", name).out
    failed.ok("verify", name)


def test_a_laboratory_error_and_a_retest_from_the_command_line(failed: Cli) -> None:
    """The first result is shown as invalidated beside the retest's, wherever the criterion is shown."""
    name = ANNA.therapy
    investigate = ["deviation", "investigate", name, "D-1", "--root-cause", "diluted twice", "--cause"]
    invalidate = ["result", "invalidate", name, "test_viability", "--deviation", "D-1", "--why", "raw file shows it"]
    failed.refused("result.laboratory-error", *invalidate, by=OTHER_QA)
    failed.ok(*investigate, "laboratory_error", by=QA)
    said = failed.ok(*invalidate, by=OTHER_QA)
    assert "test_viability INVALIDATED, laboratory error by D-1; it stays" in said.out
    said = failed.ok("result", "retest", name, "test_viability", "--why", "first one was diluted twice", by=QA)
    assert "retest test_viability 2 authorised after test_viability" in said.out
    form = failed.file(failed.form("test_viability", occurrence="2", readings={"viability": "85 %"}))
    failed.ok("perform", name, "test_viability", "--occurrence", "2", "--from", form, by="qc.analyst.1")
    failed.ok("witness", name, "test_viability", by="qc.reviewer.1")
    failed.refused("retest.out-of-specification", "result", "retest", name, "test_viability", "--why", "again", by=QA)
    failed.ok("deviation", "assess", name, "D-1", "--impact", "none", by=QA)
    form = failed.file(failed.form("disposition", decision="released"))
    # Whoever had a result set aside, or the test done again, is not the one who releases on what came of it.
    told = failed.refused("authority.independent", "perform", name, "disposition", "--from", form, by=OTHER_QA)
    assert "invalidated the result of test_viability" in told["says"]
    failed.refused("authority.independent", "perform", name, "disposition", "--from", form, by=QA)
    failed.environment["UNBROKEN_NEW_PASSPHRASE"] = phrase("qa.releaser.3")
    third = ["--person", "P-99", "--name", "Third Person", "--role", "qa_releaser"]
    failed.ok("person", "add", "qa.releaser.3", *third, by="admin")
    said = failed.ok("perform", name, "disposition", "--from", form, by="qa.releaser.3")
    assert "viability: passed (85 % (55 % invalidated, D-1); passes at least 70 %)" in said.out
    failed.ok("verify", name)
