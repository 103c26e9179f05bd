"""Safety as people would type it: an event reported, its clock looked at and stopped, a cohort stopped and opened again."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from tests.console.cli import ANNA, NURSE, SECOND, Cli, apheresis
from tests.stage import study

pytestmark = pytest.mark.story
NAME = ANNA.therapy
REPORT = ["adverse", "report", NAME, "syncope", "--grade", "3", "--related", "possibly"]


def collected(cli: Cli) -> None:
    """Anna's cells are collected; she felt faint."""
    cli.ok(*apheresis(cli), by=NURSE)
    cli.ok("witness", NAME, "apheresis", by=SECOND)


def test_an_event_from_the_report_to_the_end_of_its_clock(cli: Cli) -> None:
    """Reported, listed, its clock with the time that is left; the report that was sent stops it."""
    collected(cli)
    onset = cli.ok("status", NAME, "--json").json["last_ended"]
    said = cli.ok(*REPORT, "--onset", onset, "--serious", "hospitalisation", by="physician.1")
    assert "ADVERSE EVENT AE-1: Syncope, grade 3" in said.out
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
    told = cli.refused("event.term", *REPORT[:3], "Fainting", *REPORT[4:], "--onset", onset, by="physician.1")
    assert "`unbroken adverse terms WORD` searches its 837 terms" in told["advice"]
    cli.refused("input.form", *REPORT, "--onset", onset, "--serious", "bad luck", by="physician.1")
    cli.refused("grade.open", "grade", "sign", NAME, "D0", by="physician.1")
    cli.refused("input.form", "grade", "sign", NAME, "D0", "--grade", "crs=high", by="physician.1")
    cli.refused("dlt.begun", "dlt", "decide", NAME, "no_dlt", "--why", "seen", by="investigator.1")
    cli.refused("dlt.pending", "dlt", "agree", NAME, by="safety.officer.1")
    cli.refused("cohort.known", "cohort", "stop", "level_9", "--why", "seen", by="safety.officer.1")


def test_the_dictionary_is_searched(cli: Cli) -> None:
    """Terms with the words in them, and the grades that each has; where there is none, the nearest."""
    found = cli.ok("adverse", "terms", "neutro", "count", "--json").json
    assert found == {
        "dictionary": "CTCAE v5.0",
        "terms": [{"term": "Neutrophil count decreased", "grades": [1, 2, 3, 4]}],
        "nearest": [],
    }
    assert "Febrile neutropenia" in cli.ok("adverse", "terms", "neutropenia").out
    assert cli.ok("adverse", "terms", "anaemia", "--json").json["nearest"][0] == "Anemia"
    assert "CTCAE v5.0 has no term with 'anaemia' in it; nearest are" in cli.ok("adverse", "terms", "anaemia").out
    assert len(cli.ok("adverse", "terms", "--json").json["terms"]) == 837


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


def test_a_sponsors_dictionary_lies_beside_the_studys_file_and_is_adopted_with_it(cli: Cli, tmp_path: Path) -> None:
    """Checked and adopted from the study's folder; afterwards it is searched and printed from the log."""
    terms = "term,grades\nLow neutrophils,2 3\n"
    named = f"{{title: Our terms, file: ours/terms.csv, sha256: {sha256(terms.encode()).hexdigest()}}}"
    file = tmp_path / "study.yaml"
    file.write_text(study().text.replace("dictionary: ctcae-v5", f"dictionary: {named}"), encoding="utf-8")
    told = cli.refused("protocol.dictionary", "protocol", "check", str(file))
    assert "ours/terms.csv cannot be read (No such file or directory)" in told["says"]
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "terms.csv").write_text(terms + "Alopecia,4\n", encoding="utf-8")
    cli.refused("protocol.file", "protocol", "adopt", str(file), by="quality.1")
    assert "sha256: is not that of ours/terms.csv" in cli("protocol", "check", str(file)).err
    (tmp_path / "ours" / "terms.csv").write_text(terms, encoding="utf-8")
    said = cli.ok("protocol", "check", str(file)).out
    assert f"Adverse events: Our terms, terms: 1, SHA-256 {sha256(terms.encode()).hexdigest()}." in said
    cli.ok("protocol", "adopt", str(file), by="quality.1")
    (tmp_path / "ours" / "terms.csv").unlink()
    assert cli.ok("protocol", "show", "--terms").out == terms
    assert cli.ok("adverse", "terms", "--json").json == {
        "dictionary": "Our terms", "terms": [{"term": "Low neutrophils", "grades": [2, 3]}], "nearest": [],
    }  # fmt: skip
    collected(cli)
    assert cli.ok("adverse", "terms", "--therapy", NAME, "--json").json["dictionary"] == "CTCAE v5.0"
    cli.ok("verify")
