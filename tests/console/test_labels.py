"""Labels from the command line: printed as PDF, scanned, reconciled; a torn one is destroyed by two and printed again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from console.acts import Given
from console.labels.pdf import digest
from console.questions import fill_in
from events.identifiers import read_code
from tests.console.cli import ANNA, BRUNO, NURSE, SECOND, Cli, apheresis
from tests.labels.printed import pages
from tests.stage import study

pytestmark = pytest.mark.story
BAG = ANNA.din.number
NAME = ANNA.therapy


@pytest.fixture
def chair(cli: Cli) -> Cli:
    """Anna's cells are collected; nothing is labelled yet."""
    cli.ok(*apheresis(cli), by=NURSE)
    cli.ok("witness", NAME, "apheresis", by=SECOND)
    return cli


def out(cli: Cli, name: str = "labels.pdf") -> Path:
    """Where the PDF goes."""
    return cli.folder.parent / name


def printing(cli: Cli, *more: str, name: str = "labels.pdf") -> list[str]:
    """The line that prints labels of Anna's collection."""
    return ["label", "print", NAME, "--material", BAG, "--out", str(out(cli, name)), *more]


def test_labels_are_printed_scanned_and_reconciled(chair: Cli) -> None:
    cli = chair
    waiting = [r for r in cli.ok("worklist", "--role", "apheresis_nurse", "--json").json if r["kind"] == "label"]
    assert [r["says"] for r in waiting if r["therapy"] == NAME] == [f"print 3 of collection_label for {BAG}"]
    said = cli.ok(*printing(cli, "--count", "3"), by=NURSE)
    assert "labels issued: 3 of collection_label" in said.out
    assert f"Printed: {out(cli)}, 3 labels, one a page, 100 x 50 mm" in said.out
    rows = cli.ok("label", "list", NAME, "--json").json
    assert [row["fate"] for row in rows] == ["", "", ""]
    # What came out of the printer is what stands in the record: by its digest, and by scanning every page.
    pdf = out(cli).read_bytes()
    assert {row["file"] for row in rows} == {digest(pdf)}
    scanned = [page.symbols for page in pages(pdf)]
    assert len(scanned) == 3
    serials = [next(code for code in page if not code.startswith("=")) for page in scanned]
    assert serials == [row["serial"] for row in rows]
    (item,) = {code for page in scanned for code in page if code.startswith("=")}
    assert read_code(item) == BAG
    assert "3 without a fate" in cli.ok("status", NAME).out
    assert cli.ok("status", NAME, "--json").json["labels_open"] == 3
    assert f"{serials[0]}  {BAG}  collection_label  UNACCOUNTED" in cli.ok("label", "list", NAME).out
    form = cli.form("label_collection", scans={"bag": [item]}, labels={serials[2]: None})
    told = cli.refused("label.one-fate", "perform", NAME, "label_collection", "--from", cli.file(form), by=NURSE)
    assert f"unaccounted {serials[2]}" in told["says"]
    cli.ok(
        "perform", NAME, "label_collection", "--from", cli.file(form), "--label", f"{serials[2]}=destroyed", by=NURSE
    )
    assert "waits for a witness" in cli.ok("label", "list", NAME).out
    cli.ok("witness", NAME, "label_collection", by=SECOND)
    assert "Unaccounted: 0" in cli.ok("label", "list", NAME).out
    assert cli.ok("status", NAME, "--json").json["labels_open"] == 0
    assert "without a fate" not in cli.ok("status", NAME).out
    assert cli.ok("verify", NAME).code == 0


def test_a_torn_label_is_destroyed_by_two_and_printed_again_with_a_reason(chair: Cli) -> None:
    cli = chair
    cli.ok(*printing(cli), by=NURSE)
    torn = f"{NAME}-L002"
    again = printing(cli, "--count", "1", name="again.pdf")
    told = cli.refused("label.reprint", *again, "--why", "torn", by=NURSE)
    assert torn in told["values"]
    assert not out(cli, "again.pdf").exists(), "what was refused is not there to be printed"
    said = cli.ok("label", "destroy", NAME, torn, "--why", "torn in the printer", by=NURSE)
    assert "Not done yet" in said.out
    assert f"Next: unbroken label witness {NAME} --as ACCOUNT" in said.out
    cli.refused("authority.two-people", "label", "witness", NAME, by=NURSE)
    assert "torn in the printer" in cli.ok("worklist", "--therapy", NAME).out
    told_json = cli.ok("label", "drop", NAME, "--why", "the wrong serial", "--json", by=SECOND).json
    assert told_json["recorded"]["meaning"] == "declined"
    waits = cli.ok("label", "destroy", NAME, torn, "--why", "torn in the printer", "--json", by=NURSE).json
    assert (waits["waits_for"], waits["next"]) == (["apheresis_nurse"], f"unbroken label witness {NAME} --as ACCOUNT")
    cli.ok("label", "witness", NAME, "--act", waits["recorded"]["link"][:12], by=SECOND)
    cli.refused("label.why", *again, by=NURSE)
    cli.ok(*again, "--why", "torn in the printer", by=NURSE)
    rows = {row["serial"]: row for row in cli.ok("label", "list", NAME, "--json").json}
    assert (rows[torn]["fate"], rows[torn]["replaced"]) == ("destroyed", True)
    assert rows[f"{NAME}-L004"]["replaces"] == torn
    assert rows[f"{NAME}-L004"]["why"] == "torn in the printer"
    cli.perform("label_collection", NURSE)
    cli.ok("witness", NAME, "label_collection", by=SECOND)
    # After the set is reconciled one more is printed: the next step is shut until two have signed what became of it.
    cli.ok(*printing(cli, "--count", "1", name="more.pdf"), "--why", "for the shipper's pouch", by=NURSE)
    give = ["give", NAME, "hand_over", "--from", cli.file(cli.form("hand_over"))]
    assert f"{NAME}-L005 of {BAG}" in cli.refused("label.unaccounted", *give, by=NURSE)["says"]
    cli.refused("identity.scan-present", "label", "fate", NAME, f"{NAME}-L005=applied", "--why", "on the bag", by=NURSE)
    cli.ok("label", "fate", NAME, f"{NAME}-L005=applied", "--scan", BAG, "--why", "on the bag", by=NURSE)
    cli.ok("label", "witness", NAME, by=SECOND)
    cli.ok(*give, by=NURSE)
    history = cli.ok("history", NAME).out
    assert f"in place of {torn}" in history
    assert "labels outside a reconciliation" in history
    assert "FOR AUTOLOGOUS USE ONLY [autologous]" in history
    assert cli.ok("verify", NAME).code == 0


@pytest.mark.parametrize(
    ("rule", "more"),
    [
        ("input.form", ["--count", "0"]),
        ("input.form", ["--count", "-3"]),
        ("label.count", ["--count", "51"]),
        ("input.form", ["--count", "2", "--serial", "ROLL-1"]),
        ("identifier.code", ["--serial", "ROLL/1"]),
        ("identity.new-code", ["--serial", BAG]),
        ("identity.new-code", ["--serial", f"{BRUNO.therapy}-L001"]),
        ("label.template", ["--template", "bag_label"]),
        ("label.template", ["--template", "nothing"]),
        ("input.form", ["--why", "  "]),
    ],
)
def test_bad_printing_is_refused_and_leaves_no_file(chair: Cli, rule: str, more: list[str]) -> None:
    chair.refused(rule, *printing(chair, *more), by=NURSE)
    assert os.listdir(out(chair).parent).count("labels.pdf") == 0


def test_printing_for_nothing_for_nobody_or_onto_something_is_refused(chair: Cli) -> None:
    cli, there = chair, out(chair, "there.pdf")
    there.write_text("something")
    line = ["label", "print", NAME, "--out", str(out(cli)), "--material"]
    cli.refused("identity.material", *line, "NOBODY-1", by=NURSE)
    cli.refused("identity.material", *line, BRUNO.din.number, by=NURSE)
    cli.refused("identifier.code", *line, "???", by=NURSE)
    cli.refused("order.therapy", "label", "print", "T-NONE", "--out", str(out(cli)), "--material", BAG, by=NURSE)
    cli.refused("authority.role", *printing(cli), by="courier.1")
    cli.refused("input.form", *printing(cli, name="there.pdf"), by=NURSE)
    assert there.read_text() == "something"
    cli.refused("file.writable", *printing(cli, name="no/such/folder/labels.pdf"), by=NURSE)
    cli.refused("authority.passphrase", *printing(cli), by=NURSE, passphrase="wrong", records=1)
    assert sorted(p.name for p in out(cli).parent.iterdir() if p.suffix == ".pdf") == ["there.pdf"]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("label.issued", ["destroy", NAME, "NEVER-1", "--why", "torn"]),
        ("label.issued", ["destroy", NAME, f"{BRUNO.therapy}-L001", "--why", "torn"]),
        ("identifier.code", ["destroy", NAME, "L/1", "--why", "torn"]),
        ("input.form", ["destroy", NAME, f"{NAME}-L001", "--why", " "]),
        ("label.one-fate", ["destroy", NAME, f"{NAME}-L001", f"{NAME}-L001", "--why", "torn"]),
        ("input.form", ["fate", NAME, f"{NAME}-L001=lost", "--why", "gone"]),
        ("input.form", ["fate", NAME, f"{NAME}-L001", "--why", "gone"]),
        ("identity.scan-matches", ["fate", NAME, f"{NAME}-L001=applied", "--scan", BRUNO.din.number, "--why", "on it"]),
        ("signature.pending", ["witness", NAME]),
        ("signature.pending", ["witness", NAME, "--act", "0123456789"]),
        ("signature.pending", ["drop", NAME, "--why", "no"]),
    ],
)
def test_a_fate_that_cannot_be_is_refused(chair: Cli, rule: str, words: list[str]) -> None:
    chair.labels("label_collection")
    chair.refused(rule, "label", *words, by=NURSE)


def test_labels_of_one_item_and_of_a_therapy_without_any(chair: Cli) -> None:
    assert "no label was printed here" in chair.ok("label", "list", NAME).out
    chair.labels("label_collection")
    assert len(chair.ok("label", "list", NAME, "--material", f"={BAG}{ANNA.din.flags}", "--json").json) == 3
    assert chair.ok("label", "list", NAME, "--material", "OTHER-1", "--json").json == []
    chair.refused("order.therapy", "label", "list", "T-NONE")


def test_the_act_file_and_the_questions_name_each_label_that_is_to_be_accounted_for(chair: Cli) -> None:
    chair.labels("label_collection")
    template = chair.ok("step", "show", NAME, "label_collection", "--template").out
    assert [f"  {NAME}-L00{n}:  # of {BAG}" in template for n in (1, 2, 3)] == [True] * 3
    assert f"{NAME}-L001, {NAME}-L002, {NAME}-L003" in chair.ok("step", "show", NAME, "label_collection").out
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        if question.startswith("Scan bag"):
            return BAG
        return "destroyed" if f"{NAME}-L002" in question else ""

    given = Given()
    serials = {f"{NAME}-L001": BAG, f"{NAME}-L002": BAG, "OTHER-L001": "OTHER-BAG"}
    fill_in(study().by_id["label_collection"], study(), given, ask, serials)
    labels = [question.split()[1] for question in asked if question.startswith("Label ")]
    assert labels == [f"{NAME}-L001", f"{NAME}-L002"], "not those of another bag"
    assert given.labels == {f"{NAME}-L002": "destroyed"}
    assert not [question for question in asked if "SERIAL" in question]
