"""Manufacture fails, cells are collected again, a lot is traced and recalled: typed as people would type it."""

from __future__ import annotations

import pytest

from tests.console.cli import ANNA, BRUNO, NURSE, Cli, apheresis

pytestmark = pytest.mark.story
COLLECTION, KIT = ANNA.din.number, "LOT-COLLECTION-KIT"
REPORT = ["manufacture", "failed", ANNA.therapy, "hand_over", "--says", "the bag burst"]


def collected(cli: Cli) -> None:
    """Anna's cells are collected."""
    cli.ok(*apheresis(cli), by=NURSE)
    cli.ok("witness", ANNA.therapy, "apheresis", by="apheresis.nurse.2")


def test_a_bag_bursts_and_the_cells_are_collected_again(cli: Cli) -> None:
    """Reported, confirmed by QA, collected again under a new DIN; status, worklist, history and schedule tell both batches."""
    collected(cli)
    cli.refused("manufacture.one-fate", *REPORT, by="receiver.1")
    said = cli.ok(*REPORT, "--ends", COLLECTION, by="receiver.1")
    assert "MANUFACTURE FAILED F-1 in hand_over: the bag burst, waits for qa_releaser" in said.out
    assert f"quarantined {COLLECTION}" in said.out
    rows = cli.ok("worklist", "--role", "qa_releaser", "--json").json
    assert {r["material"] for r in rows if r["kind"] == "failure"} == {"F-1"}
    cli.refused(
        "manufacture.waiting", "manufacture", "confirm", ANNA.therapy, "F-2", "--why", "seen", by="qa.releaser.1"
    )
    cli.refused("input.form", "manufacture", "confirm", ANNA.therapy, "F-1", "--why", " ", by="qa.releaser.1")
    # What is reported lost is not used while the report waits: else a product could come out of it, and then be "lost".
    lift = ["quarantine", "lift", ANNA.therapy, "--material", COLLECTION, "--why", "looks whole"]
    told = cli.refused("manufacture.waiting", *lift, by="qa.releaser.1")
    assert "F-1" in told["says"]
    assert "manufacture decline" in told["advice"]
    cli.ok("manufacture", "confirm", ANNA.therapy, "F-1", "--why", "seen", by="qa.releaser.1")
    status = cli.ok("status", ANNA.therapy)
    assert "manufacture failed" in status.out
    assert "AwaitingDecision" in status.out
    again = ["remake", ANNA.therapy, "--why", "the patient is fit", "--from"]
    told = cli.refused("remake.material", *again, "thaw_reserve", by="qa.releaser.1")
    assert "--from apheresis" in told["advice"]
    cli.refused("remake.way", *again, "receipt", by="qa.releaser.1")
    cli.refused("authority.role", *again, "apheresis", by="qa.releaser.1")
    said = cli.ok(*again, "apheresis", by="investigator.1")
    assert "batch 2 begins at apheresis: the patient is fit" in said.out
    assert "because F-1: manufacture failed in hand_over" in said.out
    assert cli.ok("status", ANNA.therapy, "--json").json["batch"] == 2
    assert "2; 1 given up before it" in cli.ok("status", ANNA.therapy).out
    collected(cli)
    cli.ok(
        "correct", ANNA.therapy, "apheresis", "volume", "--to", "201 mL", "--batch", "1", "--why", "misread", by=NURSE
    )
    lines = cli.ok("schedule", ANNA.therapy).out
    assert "apheresis (batch 2)" in lines
    assert "batch 1, which was given up" in lines
    assert "apheresis (batch 2): cells collected" in cli.ok("history", ANNA.therapy).out
    cli.ok("verify")


def test_a_therapy_is_ended_from_the_command_line(cli: Cli) -> None:
    """No way out is taken: the investigator ends it, with a reason."""
    collected(cli)
    end = ["terminate", ANNA.therapy, "--why", "the disease progressed"]
    cli.refused("remake.ground", *end, by="investigator.1")
    cli.ok(*REPORT, "--ends", COLLECTION, by="receiver.1")
    cli.refused("order.pending", *end, by="investigator.1")
    decline = ["manufacture", "decline", ANNA.therapy, "F-1", "--why", "another bag"]
    cli.refused("authority.role", *decline, by="receiver.1")
    cli.ok(*decline, by="qa.releaser.1")
    cli.ok(*REPORT, "--ends", COLLECTION, by="receiver.1")
    cli.ok("manufacture", "confirm", ANNA.therapy, "F-2", "--why", "seen", by="qa.releaser.1")
    cli.refused("authority.role", *end, by="receiver.1")
    said = cli.ok(*end, by="investigator.1")
    assert "therapy ended, no way out taken: the disease progressed" in said.out
    cli.ok("verify")


def test_a_lot_is_traced_to_every_patient_and_a_bag_back_to_it(cli: Cli) -> None:
    """As a table and for programs: by lot, by device, by material, by therapy; and what cannot be traced is refused."""
    collected(cli)
    found = cli.ok("trace", "--lot", KIT, "--json").json
    assert found["lot"]["item"] == "collection_kit"
    assert [(use["therapy"], use["step"], use["downstream"]) for use in found["uses"]] == [
        (ANNA.therapy, "apheresis", COLLECTION),
        (BRUNO.therapy, "apheresis", BRUNO.din.number),
    ]
    assert "2 patients: T-1, T-2" in cli.ok("trace", "--lot", KIT).out
    assert len(cli.ok("trace", "--device", "dev-cell-separator", "--json").json["uses"]) == 2
    assert "which nobody has released" in cli.ok("trace", "--lot", "LOT-OF-NOBODY").out
    whole = cli.ok("trace", ANNA.therapy, "--json").json
    assert {use["code"] for use in whole["uses"]} == {KIT, "LOT-ANTICOAGULANT", "DEV-CELL-SEPARATOR"}
    assert [(m["code"], m["from"]) for m in whole["materials"]] == [(COLLECTION, [])]
    assert COLLECTION in cli.ok("trace", ANNA.therapy).out
    back = cli.ok("trace", "--material", ANNA.din.scanned(), "--json").json
    assert (back["therapy"], back["from"], back["became"]) == (ANNA.therapy, [], [])
    assert KIT in cli.ok("trace", "--material", COLLECTION).out
    cli.refused("input.form", "trace")
    cli.refused("input.form", "trace", ANNA.therapy, "--lot", KIT)
    cli.refused("identity.material", "trace", "--material", ANNA.code("W"))
    cli.refused("identity.material", "trace", "--material", "X-1")
    cli.refused("order.therapy", "trace", "T-99")


def test_a_recall_lists_and_quarantines_at_once(cli: Cli) -> None:
    """One line: the lot is recalled, both patients are listed, what is theirs is held; the lot is not recalled twice."""
    collected(cli)
    recall = ["lot", "recall", KIT, "--why", "leaks"]
    cli.refused("authority.role", *recall, by=NURSE)
    before = cli.size()
    said = cli.ok(*recall, by="quality.1")
    assert cli.size() == before + 1
    for patient in (ANNA, BRUNO):
        assert f"{patient.therapy}: RECALL of lot {KIT}: leaks" in said.out
        assert f"{patient.therapy}: quarantined {patient.din.number}" in said.out
        status = cli.ok("status", patient.therapy, "--json").json
        assert (status["recalled"], status["quarantined"]) == (KIT, 1)
        assert f"{KIT}: unbroken trace {patient.therapy}" in cli.ok("status", patient.therapy).out
        assert f"RECALL of lot {KIT}" in cli.ok("history", patient.therapy).out
    cli.refused("lot.recalled", *recall, by="quality.1")
    assert cli.ok("trace", "--lot", KIT, "--json").json["lot"]["recalled"] == "leaks"
    reached = cli.ok("lot", "recall", "LOT-ANTICOAGULANT", "--why", "leaks", "--json", by="quality.1").json
    assert [one["therapy"] for one in reached["reached"]] == [ANNA.therapy, BRUNO.therapy]
    assert len(reached["records"]) == 1
    assert cli.ok("lot", "recall", "LOT-VECTOR", "--why", "leaks", "--json", by="quality.1").json["reached"] == []
    # A slip of the scanner must not read as "nobody was touched".
    slip = cli.ok("lot", "recall", "LOT-NOBODYS", "--why", "leaks", by="quality.1").out
    assert "nobody has released a lot LOT-NOBODYS here" in slip
    assert "nobody has released" not in said.out
    cli.ok("verify")
