"""Withdrawal, and what becomes of the material, typed as people would type it."""

from __future__ import annotations

import pytest

from tests.console.cli import ANNA, BRUNO, NURSE, Cli

pytestmark = pytest.mark.story
QA = "qa.releaser.1"


def test_material_is_lost_found_and_settled(cli: Cli) -> None:
    """A collection is lost and heard of at once; it is found, the patient withdraws, and it is kept as she permitted."""
    bag, name = BRUNO.din.number, BRUNO.therapy
    lost = ["material", "lost", name, "--material", bag, "--says", "not in the box"]
    said = cli.ok(*lost, by=NURSE)
    assert f"LOST {bag}" in said.out
    assert "ALERT A-1 for qa_releaser" in said.out
    assert cli.ok("status", name, "--json").json["worst_deviation"] == "major"
    assert "nobody: it ended" in cli.ok("trail", name).out
    cli.refused("identity.material-live", *lost, by=NURSE)
    cli.refused("input.form", *lost, "--how", "eaten", by=NURSE)
    cli.refused("authority.role", *lost, by="admin")
    found = ["material", "found", name, "--material", bag, "--says", "in the other box"]
    cli.refused("custody.place-known", *found, "--place", "moon", by=NURSE)
    cli.ok(*found, "--place", "apheresis_unit", by=NURSE)
    assert "found again" in cli.ok("trail", name).out
    cli.refused("custody.lost", *found, "--place", "apheresis_unit", by=NURSE)
    assert cli.ok("verify", name).code == 0

    keep = ["material", "keep", name, "--material", bag, "--place", "biobank", "--why", "as she permitted"]
    cli.refused("custody.needed", *keep, by=QA)
    cli.ok("withdraw", name, "--from", "treatment", "--why", "chose another", by="investigator.1")
    rows = cli.ok("worklist", "--therapy", name, "--json").json
    (row,) = [r for r in rows if r["kind"] == "material"]
    assert "keep it (consent permits storage)" in row["says"]
    cli.ok(*keep, by=QA)
    assert "kept, as consent to storage permits" in cli.ok("trail", name).out
    back = ["material", "return", name, "--material", bag, "--to", "the blood bank", "--why", "wanted there"]
    cli.ok(*back, by=QA)
    assert f"returned {bag} to the blood bank" in cli.ok("history", name).out
    cli.refused("identity.material-live", *back, by=QA)
    assert cli.ok("verify").code == 0


def test_a_disposal_that_nobody_waits_for(cli: Cli) -> None:
    """The study that ships asks for one signature; there is nothing to sign second, and the refusal says so."""
    cli.refused("signature.pending", "material", "witness", ANNA.therapy, by=QA)
    cli.refused("signature.pending", "material", "drop", ANNA.therapy, "--why", "wrong bag", by=QA)
    cli.refused("signature.pending", "material", "witness", ANNA.therapy, "--act", "0" * 12, by=QA)
    cli.refused("identity.material", "material", "lost", ANNA.therapy, "--material", "X-1", "--says", "gone", by=NURSE)
