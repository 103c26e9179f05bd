"""Infection markers and what they ask for, typed as people would type it: a room changed over, material put apart, a plan."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.console.cli import ANNA, BRUNO, Cli
from tests.console.conftest import grow
from tests.stage import Staged

pytestmark = pytest.mark.story
POSITIVE = replace(ANNA, values={("eligibility", "syphilis"): "positive"})


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Anna's markers are positive, and her cells have been open in SUITE-1; Bruno's have not been opened yet."""

    def play(staged: Staged) -> None:
        staged.play(BRUNO, "selection")
        staged.play(POSITIVE, "selection")
        staged.do("selection", patient=POSITIVE)

    return grow(tmp_path_factory.mktemp("soiled") / "site", play)


@pytest.fixture
def site(opened: Path, tmp_path: Path) -> Cli:
    """The command line on a copy of that site."""
    folder = tmp_path / "site"
    shutil.copytree(opened, folder)
    return Cli(folder)


def test_a_room_is_changed_over_and_cleared_by_two(site: Cli) -> None:
    """The list of rooms says which; the next patient's step is refused, with what to type, until a second person cleared it."""
    assert "NEEDED after T-1" in site.ok("room", "list").out
    act = site.file(site.form("selection", patient=BRUNO, room="SUITE-1"))
    line = ["perform", BRUNO.therapy, "selection", "--from", act]
    told = site.refused("room.changeover.selection", *line, by="operator.1")
    assert "SUITE-1 was not changed over after T-1" in told["says"]
    site.refused("input.form", "room", "changeover", "SUITE-1", "--says", " ", by="operator.1")
    said = site.ok("room", "changeover", "suite-1", "--says", "sporicide, line clear", by="operator.1")
    assert "Next: unbroken room clear SUITE-1" in said.out
    site.refused("room.changeover.selection", *line, by="operator.1")
    site.refused("authority.two-people", "room", "clear", "SUITE-1", by="operator.1")
    site.ok("room", "clear", "SUITE-1", by="operator.2")
    assert [row["changeover"] for row in site.ok("room", "list", "--json").json] == [""]
    shown = site.ok("room", "show", "SUITE-1").out
    assert "sporicide, line clear" in shown
    assert "cleared" in shown
    site.ok(*line, by="operator.1")
    site.ok("verify")


def test_a_marker_that_comes_late_is_one_line_and_shows_in_the_status(site: Cli) -> None:
    """The result and its day; the status shows the markers, and what lies wrong is refused and put apart."""
    assert "positive: Syphilis" in site.ok("status", ANNA.therapy).out
    again = ["perform", BRUNO.therapy, "markers_again", "--read", "hbsag=positive"]
    site.refused("record.complete", *again, by="investigator.1")
    site.ok(*again, "--read", "markers_drawn=2026-03-03", by="investigator.1")
    assert site.ok("status", BRUNO.therapy, "--json").json["infection"] == "positive: HBsAg; not tested: HBV DNA"
    rows = [row["step"] for row in site.ok("worklist", "--therapy", BRUNO.therapy, "--json").json]
    assert "hbv_plan" in rows
    bag = BRUNO.din.number
    store = ["material", "store", BRUNO.therapy, "--material", bag, "--why", "HBsAg is positive", "--position"]
    told = site.refused("infection.storage", *store, "SHELF-3", by="operator.1")
    assert "begins with SEG-" in told["advice"]
    said = site.ok(*store, "SEG-3", by="operator.1")
    assert f"stored {bag} at SEG-3" in said.out
    assert "STORAGE" not in site.ok("status", BRUNO.therapy).out
    site.ok("perform", BRUNO.therapy, "hbv_plan", "--read", "plan=prophylaxis", by="physician.1")
    site.ok("verify")
