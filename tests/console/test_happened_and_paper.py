"""The worst, and the day without a network, typed as people would type them."""

from __future__ import annotations

import hashlib

import pytest

from tests.console.cli import ANNA, BRUNO, NURSE, SECOND, Cli, apheresis

pytestmark = pytest.mark.story
QA, QA_2 = "qa.releaser.1", "qa.releaser.2"


def test_what_happened_with_another_patients_bag_is_told_in_one_line(cli: Cli) -> None:
    """Bruno's bag was handed to the courier as Anna's: one line stops both, names what it broke, and says who signs next."""
    cli.ok(*apheresis(cli), by=NURSE)
    cli.ok("witness", ANNA.therapy, "apheresis", by=SECOND)
    words = [
        "happened",
        ANNA.therapy,
        "hand_over",
        "--scan",
        f"bag={BRUNO.din.number}",
        "--started",
        "2026-03-09T08:00",
    ]
    told = [*words, "--performed-by", NURSE, "--says", "two shippers were swapped"]
    cli.refused("time.future", *[w.replace("2026-03-09", "2036-03-09") for w in told], by=NURSE)
    cli.refused("authority.account", *[w.replace(NURSE, "nobody.9") for w in told], by=NURSE)
    cli.refused("input.form", *words, "--says", " ", by=NURSE)
    said = cli.ok(*told, by=NURSE)
    assert "HAPPENED AGAINST THE RULES H-1: hand_over" in said.out
    assert "broke identity.wrong-item" in said.out
    assert f"of another patient: {BRUNO.din.number} of {BRUNO.therapy}, touched" in said.out
    assert f"Next: unbroken witness {ANNA.therapy} H-1 --as ACCOUNT" in said.out
    for patient in (ANNA, BRUNO):
        assert "H-1" in cli.ok("status", patient.therapy, "--json").json["happened"]
        assert "1 mismatch" in cli.ok("status", patient.therapy).out
    cli.refused("authority.two-people", "witness", ANNA.therapy, "H-1", by=NURSE)
    said = cli.ok("witness", ANNA.therapy, "h-1", by=SECOND)
    assert "H-1, told in" in said.out
    assert "IN THE HANDS of T-1" in cli.ok("history", BRUNO.therapy).out
    cli.ok("verify")


def test_a_collection_from_paper_and_its_sheet(cli: Cli) -> None:
    """The sheet is kept under its hash, typed by one and compared by another; history, schedule and trail say that it came late."""
    sheet = cli.folder.parent / "sheet.pdf"
    sheet.write_bytes(b"%PDF-1.7 scanned")
    form = cli.form("apheresis")
    started = form.pop("started")
    line = [
        "paper",
        ANNA.therapy,
        "apheresis",
        "--from",
        cli.file(form),
        "--started",
        started,
        "--why",
        "the network was down",
    ]
    signed = ["--performed-by", NURSE, "--second-by", SECOND]
    cli.refused("file.readable", *line, *signed, "--sheet", str(sheet.with_name("none.pdf")), by=QA)
    line += ["--sheet", str(sheet)]
    cli.refused("paper.second", *line, "--performed-by", NURSE, by=QA)
    cli.refused("authority.two-people", *line, "--performed-by", NURSE, "--second-by", NURSE, by=QA)
    said = cli.ok(*line, *signed, by=QA)
    assert "ENTERED LATE FROM PAPER, done by apheresis.nurse.1" in said.out
    assert hashlib.sha256(sheet.read_bytes()).hexdigest() in said.out
    assert "waits for review" in said.out
    cli.refused("authority.two-people", "witness", ANNA.therapy, "apheresis", by=QA)
    cli.ok("witness", ANNA.therapy, "apheresis", by=QA_2)
    for words in (["history"], ["trail"], ["schedule"]):
        assert "late" in cli.ok(*words, ANNA.therapy).out.lower()
    assert cli.ok("status", ANNA.therapy, "--json").json["entered_late"] == 1
    assert NURSE in cli.ok("trail", ANNA.therapy, "--json").out
    cli.ok("file", "verify")
    cli.ok("verify")


def test_a_locked_out_nurse_and_the_two_ways_on(cli: Cli) -> None:
    """Five wrong passphrases: another nurse takes over what waits, or a supervisor unlocks; nobody unlocks oneself."""
    cli.ok(*apheresis(cli), by=NURSE)
    for _ in range(5):
        cli("withdraw-act", ANNA.therapy, "apheresis", "--why", "misread", by=NURSE, passphrase="wrong")
    withdraw = ["withdraw-act", ANNA.therapy, "apheresis", "--why", "misread"]
    cli.refused("authority.locked", *withdraw, by=NURSE)
    cli.refused("authority.own-act", *withdraw, by=SECOND)
    said = cli.ok("takeover", ANNA.therapy, "apheresis", "--why", "she is locked out", by=SECOND)
    assert "taken over from its performer: she is locked out" in said.out
    cli.refused("authority.two-people", "witness", ANNA.therapy, "apheresis", by=SECOND)
    cli.ok(*withdraw, by=SECOND)
    begun = ["--takes-over", NURSE, "--why", "she is locked out"]
    cli.refused("input.form", *apheresis(cli), "--takes-over", NURSE, by=SECOND)
    said = cli.ok(*apheresis(cli), *begun, by=SECOND)
    assert f"TAKEN OVER from {NURSE}" in said.out
    cli.ok("unlock", NURSE, "--why", "identified in person", by="supervisor.1")
    cli.refused("authority.two-people", "witness", ANNA.therapy, "apheresis", by=NURSE)
    cli.ok("verify")
