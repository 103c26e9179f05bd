"""A wrong item, and a wrong label, typed as people would type them: both patients are stopped, and both are freed."""

from __future__ import annotations

import pytest

from tests.console.cli import ANNA, BRUNO, NURSE, Cli, apheresis

pytestmark = pytest.mark.story
COLLECTION = ANNA.din.number


def collected(cli: Cli) -> None:
    """Anna's cells are collected."""
    cli.ok(*apheresis(cli), by=NURSE)
    cli.ok("witness", ANNA.therapy, "apheresis", by="apheresis.nurse.2")


def test_a_wrong_label_is_reported_for_both_patients_and_decided_by_two_of_qa(cli: Cli) -> None:
    """Reported by a nurse in one line; nothing goes on for either patient until two people of QA have decided."""
    collected(cli)
    cli.labels("label_collection")
    report = ["mismatch", "report", ANNA.therapy, "--material", COLLECTION]
    says = ["--says", "a second label under it"]
    said = cli.ok(*report, "--found", BRUNO.code("W"), *says, by=NURSE)
    assert (
        f"MISMATCH M-1: {COLLECTION}: its label does not match, {BRUNO.code('W')} was found of {BRUNO.therapy}"
        in said.out
    )
    for patient in (ANNA, BRUNO):
        status = cli.ok("status", patient.therapy)
        assert f"1 mismatch: unbroken mismatch decide {patient.therapy}" in status.out
        assert cli.ok("status", patient.therapy, "--json").json["mismatches"] == 1
        rows = [r for r in cli.ok("worklist", "--role", "qa_releaser", "--json").json if r["kind"] == "mismatch"]
        assert patient.therapy in {r["therapy"] for r in rows}
    assert "reported for T-1" in cli.ok("history", BRUNO.therapy).out
    label = ["perform", ANNA.therapy, "label_collection", "--from", cli.file(cli.form("label_collection"))]
    cli.refused("identity.mismatch", *label, by=NURSE)
    clear = ["hold", "clear", ANNA.therapy, "--wristband", ANNA.code("W"), "--why", "rescanned"]
    told = cli.refused("identity.mismatch", *clear, by="qa.releaser.1")
    assert "A rescan does not clear M-1" in told["says"]

    decide = ["mismatch", "decide", ANNA.therapy, "M-1", "--material", COLLECTION, "--decision"]
    cli.refused("authority.role", *decide, "lifted", "--why", "it is his", by=NURSE)
    cli.refused("input.form", *decide, "perhaps", "--why", "it is his", by="qa.releaser.1")
    cli.refused("input.form", *decide, "lifted", "--why", " ", by="qa.releaser.1")
    cli.ok(*decide, "lifted", "--why", "HLA typing fits", by="qa.releaser.1")
    cli.refused("authority.two-people", *decide, "lifted", "--why", "HLA typing fits", by="qa.releaser.1")
    said = cli.ok(*decide, "lifted", "--why", "second typing fits", by="qa.releaser.2")
    assert f"mismatch M-1: {COLLECTION} lifted, agreed with" in said.out
    assert "mismatch" not in cli.ok("status", ANNA.therapy).out.split("STOPPED")[0]
    cli.ok(*label, by=NURSE)
    cli.ok("verify")


def test_bad_reports(cli: Cli) -> None:
    """A barcode that cannot be read, or of nobody; an item of nobody; no words: refused, nothing recorded."""
    collected(cli)
    report = ["mismatch", "report", ANNA.therapy, "--material", COLLECTION, "--says", "a second label"]
    assert "Scan again" in cli.refused("identity.scan-known", *report, "--found", "UNKNOWN-1", by=NURSE)["advice"]
    assert "Scan it again" in cli.refused("identifier.code", *report, "--found", "???", by=NURSE)["advice"]
    cli.refused("identifier.din-check", *report, "--found", f"={BRUNO.din.number}99", by=NURSE)
    cli.refused("mismatch.two-codes", *report, "--found", COLLECTION, by=NURSE)
    other = ["mismatch", "report", ANNA.therapy, "--material", "X-1", "--found", "unknown"]
    cli.refused("identity.material", *other, "--says", "strange", by=NURSE)
    cli.refused("input.form", *report[:-1], "", "--found", "unknown", by=NURSE)
    cli.refused("input.form", *report, "--found", "unknown", "--what", "colour", by=NURSE)
    cli.refused("mismatch.open", "mismatch", "decide", ANNA.therapy, "M-1", "--decision", "lifted", "--why", "all well",
                by="qa.releaser.1")  # fmt: skip


def test_a_wrong_item_is_cleared_with_an_item_of_ones_own(cli: Cli) -> None:
    """QA at her desk and a nurse at the chair: the wristband for the one patient, the collection's number for the other."""
    collected(cli)
    form = cli.file(cli.form("label_collection", scans={"wristband": [BRUNO.code("W")]}))
    cli.refused("identity.wrong-item", "perform", ANNA.therapy, "label_collection", "--from", form, by=NURSE, records=1)
    clear = ["hold", "clear", ANNA.therapy, "--why", "the right bag, scanned again"]
    cli.refused("identity.scan-present", *clear, by="qa.releaser.1")
    cli.refused("identity.scan-matches", *clear, "--item", BRUNO.code("COI"), by="qa.releaser.1")
    cli.ok(*clear, "--item", COLLECTION, by="qa.releaser.1")
    said = cli.ok(*clear, "--wristband", ANNA.code("W"), by=NURSE)
    assert f"hold cleared: rescanned {ANNA.code('W')}" in said.out
    assert cli.ok("status", ANNA.therapy, "--json").json["held"] == 0
    assert cli.ok("status", BRUNO.therapy, "--json").json["held"] == 1


def test_the_witness_scans_again(cli: Cli) -> None:
    """The second person scans for themselves: the right wristband is recorded with the signature, a wrong one stops the act."""
    cli.ok(*apheresis(cli), by=NURSE)
    witness = ["witness", ANNA.therapy, "apheresis"]
    cli.refused("identity.scan-matches", *witness, "--scan", "wristband=UNKNOWN-1", by="apheresis.nurse.2")
    cli.refused("input.form", *witness, "--scan", "wristband", by="apheresis.nurse.2")
    wrong = ["--scan", f"wristband={BRUNO.code('W')}"]
    cli.refused("identity.wrong-item", *witness, *wrong, by="apheresis.nurse.2", records=1)
    assert cli.ok("status", ANNA.therapy, "--json").json["held"] == 1
    said = cli.ok(*witness, "--scan", f"wristband={ANNA.code('W')}", "--typed", f"bag={ANNA.din.printed()}",
                  by="apheresis.nurse.2")  # fmt: skip
    assert f"scanned again wristband: {ANNA.code('W')}" in said.out
    assert f"scanned again bag: {COLLECTION} (typed by hand)" in said.out
