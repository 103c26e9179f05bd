"""Environmental monitoring, typed as people would type it: reported for a room, attached to a patient's open step."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.console.cli import ANNA, Cli
from tests.console.conftest import grow
from tests.stage import Staged

pytestmark = pytest.mark.story


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Anna's cells have been open in SUITE-1 for three hours."""

    def play(staged: Staged) -> None:
        staged.play(ANNA, "selection")
        began = staged.clock()
        staged.do("selection", started=began, ended=staged.pass_(hours=3))

    return grow(tmp_path_factory.mktemp("opened") / "site", play)


@pytest.fixture
def site(opened: Path, tmp_path: Path) -> Cli:
    """The command line on a copy of that site."""
    folder = tmp_path / "site"
    shutil.copytree(opened, folder)
    return Cli(folder)


def span(site: Cli) -> list[str]:
    """From when to when cells were open in the suite, as options."""
    (there,) = site.ok("room", "show", "SUITE-1", "--json").json["open"]
    return ["--from", there["starts"], "--to", there["ends"]]


def test_what_is_missing_is_named_reported_and_shown(site: Cli) -> None:
    """The worklist of quality names the values; a report attaches them; one out of its limits opens a deviation at once."""
    rows = site.ok("worklist", "--role", "quality", "--json").json
    assert [row["kind"] for row in rows] == ["environment"]
    assert "SUITE-1, selection: missing particles_05 2026-" in rows[0]["says"]
    report = ["room", "report", "suite-1", *span(site)]
    said = site.ok(*report, "--read", "particles_05=3000 /m3", "--read", "settle_plates=3 CFU", by="quality.1")
    assert "Deviation D-1 of T-1 (major): settle_plates in SUITE-1 was 3 CFU" in said.out
    assert "particles_5 of selection in SUITE-1" in said.out
    assert site.facts() == ["environment.reported.v1", "environment.attached.v1", "deviation.opened.v1"]
    told = site.ok("room", "show", "SUITE-1")
    assert "Out of limits, T-1: settle_plates 3 CFU (selection)" in told.out
    assert "Missing, T-1: particles_5 of selection" in told.out
    assert "environment of SUITE-1 for selection" in site.ok("history", ANNA.therapy).out
    site.ok(*report, "--read", "particles_5=2 /m3", by="quality.1")
    assert site.ok("worklist", "--role", "quality", "--json").json == []
    assert site.ok("room", "show", "SUITE-1", "--json").json["missing"] == []
    site.ok("verify")


def test_a_report_is_corrected_by_its_number_and_what_is_not_named_stays(site: Cli) -> None:
    """`room show` numbers the reports, and marks the one that counts no more, with the reason of the one that does."""
    report = ["room", "report", "SUITE-1", *span(site), "--read", "particles_5=2 /m3", "--read", "settle_plates=0 CFU"]
    site.ok(*report, by="quality.1")
    line = ["room", "correct", "SUITE-1", "r-1", "--read", "settle_plates=4 CFU", "--why", "a plate was overlooked"]
    assert "settle_plates in SUITE-1 was 4 CFU" in site.ok(*line, by="quality.1").out
    assert site.facts() == ["environment.reported.v1", "environment.attached.v1", "deviation.opened.v1"]
    first, second = site.ok("room", "show", "SUITE-1", "--json").json["reports"]
    assert (first["report"], first["corrected"]) == ("R-1", True)
    assert (second["why"], second["corrected"]) == ("a plate was overlooked", False)
    assert {r["name"]: r["value"] for r in second["readings"]} == {"particles_5": "2", "settle_plates": "4"}
    site.refused("environment.corrected", *line, by="quality.1")
    site.refused("environment.corrected", *[word if word != "r-1" else "R-9" for word in line], by="quality.1")
    site.ok("room", "correct", "SUITE-1", "R-2", "--without", "settle_plates", "--why", "of SUITE-2", by="quality.2")
    assert [gap["says"].partition(" ")[0] for gap in site.ok("room", "show", "SUITE-1", "--json").json["missing"]] == [
        "particles_05", "settle_plates",
    ]  # fmt: skip
    site.ok("verify")


def test_bad_reports_name_the_rule_and_what_to_do(site: Cli) -> None:
    """A value that nobody monitors, a forgotten unit, a second result without a reason, another role: refused."""
    report = ["room", "report", "SUITE-1", *span(site)]
    assert (
        "settle_plates" in site.refused("environment.known", *report, "--read", "noise=3 dB", by="quality.1")["advice"]
    )
    site.refused("record.complete", *report, by="quality.1")
    site.refused("value.unit", *report, "--read", "settle_plates=0", by="quality.1")
    site.refused("authority.role", *report, "--read", "settle_plates=0 CFU", by="operator.1")
    site.ok(*report, "--read", "settle_plates=0 CFU", by="quality.1")
    again = [*report, "--read", "settle_plates=1 CFU"]
    assert "--why" in site.refused("environment.again", *again, by="quality.1")["advice"]
    site.ok(*again, "--why", "the second plate", by="quality.1")
