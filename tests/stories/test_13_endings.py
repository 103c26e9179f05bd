"""Withdrawal before and after infusion, death, and what still goes on afterwards."""

from __future__ import annotations

from datetime import timedelta

import pytest

from console.rehearsal import Patient
from protocol.commands import Dispose, ReportDeath, WithdrawPatient
from protocol.custody import gaps
from tests.stage import BRUNO, Stage, Staged, names

pytestmark = pytest.mark.story
CLARA = Patient(3, "T-3")


def withdraws(site: Staged, *what: str) -> list[str]:
    """The patient withdraws now; the facts' names."""
    command = WithdrawPatient.model_validate({"withdrawn": what, "at": site.clock(), "reason": "the patient's wish"})
    return names(site.act(command, "investigator.1").facts)


def test_who_withdraws_before_collection_frees_the_slots(stage: Stage) -> None:
    """Withdrawal from treatment stops the therapy, and the booked slots are free for others in the same record."""
    site = stage.at("apheresis")
    (suite,) = (slot for slot in site.now.slots if slot.resource == "suite")
    assert withdraws(site, "treatment") == ["patient.withdrew", "slots.freed"]
    assert site.now.stopped == "withdrawn"
    with site.refused("order.done"):
        site.perform("apheresis")
    assert names(site.system()) == ["therapy.completed"]
    # The suite that was booked for her can be booked at once.
    site.play(CLARA, "slot_chain")
    slots = tuple(
        s.model_copy(update={"code": suite.code, "starts": suite.starts, "ends": suite.ends})
        if s.resource == "suite"
        else s
        for s in site.form("slot_chain", patient=CLARA).slots
    )
    site.perform("slot_chain", patient=CLARA, slots=slots)


def test_who_withdraws_during_manufacture_is_complete_when_the_cells_are_disposed_of(stage: Stage) -> None:
    """The therapy stops; it is complete when nobody holds any of the patient's cells."""
    site = stage.at("expansion")
    culture = site.one("intermediate")
    withdraws(site, "treatment", "samples")
    with site.refused("order.done"):
        site.perform("expansion")
    assert "therapy.completed" not in names(site.system())
    site.act(Dispose(materials=(culture,), reason="withdrawn; consent asks for disposal"), "qa.releaser.1")
    assert gaps(site.now) == []
    site.system()
    assert site.now.completed == "withdrawn"


def test_who_withdraws_after_infusion_is_still_followed_as_consent_allows(stage: Stage) -> None:
    """After infusion safety goes on: withdrawing from treatment leaves the visits open, withdrawing from visits ends them."""
    site = stage.at("acute_monitoring")
    withdraws(site, "treatment")
    site.do("acute_monitoring", occurrence="D0")
    assert "therapy.completed" not in names(site.system())
    withdraws(site, "visits")
    with site.refused("order.done"):
        site.perform("acute_monitoring", occurrence="D1")
    site.system()
    assert site.now.completed == "withdrawn"


def test_four_things_can_be_withdrawn_from_and_one_is_named(stage: Stage) -> None:
    """Treatment, visits, data and samples are four things; withdrawing from data alone stops no treatment."""
    site = stage.at("apheresis")
    with site.refused("record.complete"):
        withdraws(site)
    assert withdraws(site, "data") == ["patient.withdrew"]
    assert site.now.stopped == ""
    site.perform("apheresis")


def test_a_bag_that_is_left_over_after_a_withdrawal_is_still_accounted_for(stage: Stage) -> None:
    """One of two bags was infused; the therapy is not complete before the other one has ended too."""
    site = stage.at("acute_monitoring", BRUNO)
    (left,) = [m.code for m in site.now.materials.values() if m.kind == "drug_product" and m.live] or [""]
    assert site.now.infused
    assert left, "one bag waits while the first is being watched"
    withdraws(site, "treatment", "visits")
    assert "therapy.completed" not in names(site.system())
    site.act(Dispose(materials=(left,), reason="withdrawn"), "qa.releaser.1")
    site.system()
    assert site.now.completed == "withdrawn"
    assert gaps(site.now) == []


def test_a_death_ends_the_therapy_and_frees_what_was_booked(stage: Stage) -> None:
    """Death is recorded with its time; nothing more is done, and nothing stays booked."""
    site = stage.at("selection")
    died = site.clock() - timedelta(hours=4)
    receipt = site.act(ReportDeath(at=died, reason="progression"), "investigator.1")
    assert names(receipt.facts) == ["patient.died", "slots.freed"]
    assert site.now.died == died
    with site.refused("order.done"):
        site.perform("selection")
    with site.refused("order.done"):
        site.act(ReportDeath(at=died, reason="again"), "investigator.1")
    live = tuple(m.code for m in site.now.materials.values() if m.live)
    site.act(Dispose(materials=live, reason="died before infusion"), "qa.releaser.1")
    site.system()
    assert site.now.completed == "died"
    assert gaps(site.now) == []


def test_a_death_after_infusion_closes_the_visits(stage: Stage) -> None:
    """A patient who died is not visited any more, and no window of hers is missed."""
    site = stage.at("acute_monitoring")
    site.do("acute_monitoring", occurrence="D0")
    site.pass_(days=3)
    site.act(ReportDeath(at=site.clock(), reason="sepsis"), "investigator.1")
    told = names(site.system())
    assert "deadline.missed" not in told
    assert site.now.completed == "died"


def test_a_death_is_not_reported_before_it_happened_nor_by_anybody(stage: Stage) -> None:
    """Not in the future, and by those who see patients."""
    site = stage.at("selection")
    with site.refused("time.future"):
        site.act(ReportDeath(at=site.clock() + timedelta(minutes=1), reason="sepsis"), "investigator.1")
    with site.refused("authority.role"):
        site.act(ReportDeath(at=site.clock(), reason="sepsis"), "operator.1")


def test_an_act_that_waits_when_the_patient_dies_is_still_signed(stage: Stage) -> None:
    """What was done was done: its second signature is not lost because the therapy stopped."""
    site = stage.at("infusion")
    site.perform("infusion")
    site.act(ReportDeath(at=site.clock(), reason="heart failure"), "investigator.1")
    assert site.system() == []
    site.witness(by="physician.1")
    assert site.now.infused
    site.system()
    assert site.now.completed == "died"
