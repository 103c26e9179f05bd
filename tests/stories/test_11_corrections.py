"""Corrections: the original stays, the reason is given, and a gate that was passed is computed again.

A correction keeps the original and says who, when and why; a gate that was passed is computed again.

Source: EU GMP Annex 11 §9; 21 CFR 11.10(e)
"""

from __future__ import annotations

import pytest

from events.facts.course import FactCorrected
from protocol.commands import AssessDeviation, DecideQuarantine
from protocol.release import evaluate
from tests.stage import BRUNO, Stage, names

pytestmark = pytest.mark.story


def test_a_correction_says_why(stage: Stage) -> None:
    """An empty reason is refused (EU GMP Annex 11)."""
    site = stage.at("label_collection")
    for nothing in ("", "   ", "\n"):
        with site.refused("correction.why"):
            site.correct("apheresis", "volume", "240 mL", why=nothing)
    site.correct("apheresis", "volume", "240 mL", why="read from the wrong scale")


def test_the_original_stays_and_the_correction_points_to_it(stage: Stage) -> None:
    """The correction names the record that it corrects, the old value and the new; the old record is as it was."""
    site = stage.at("label_collection")
    (act,) = site.now.of_step("apheresis")
    before = [r for r in act.fact.readings if r.name == "volume"]
    first = site.correct("apheresis", "volume", "240 mL")
    (fact,) = first.facts
    assert isinstance(fact, FactCorrected)
    assert (fact.act, [fact.old], fact.new.value, fact.why) == (act.by.link, before, "240", "misread")
    # Corrected again: it points to the correction before it, so the chain can be followed back.
    (second,) = site.correct("apheresis", "volume", "245 mL").facts
    assert isinstance(second, FactCorrected)
    assert (second.act, second.old.value) == (first.link, "240")
    (act,) = site.now.of_step("apheresis")
    assert [r for r in act.fact.readings if r.name == "volume"] == before
    current = site.now.readings[act.at, "volume"]
    assert (current.value, current.corrections) == ("245", 2)


def test_what_was_never_recorded_cannot_be_corrected(stage: Stage) -> None:
    """Only what stands can be corrected, by somebody of the step, to something else that is possible."""
    site = stage.at("apheresis")
    site.do("apheresis")
    with site.refused("correction.recorded"):
        site.correct("apheresis", "cd3_count", "2e9 cells")
    with site.refused("record.known"):
        site.correct("apheresis", "mood", "good")
    with site.refused("correction.act"):
        site.correct("receipt", "viability", "95 %", by="receiver.1")
    with site.refused("value.plausible"):
        site.correct("apheresis", "volume", "9999 mL")
    with site.refused("value.unit"):
        site.correct("apheresis", "volume", "250")
    standing = site.now.readings[site.due("apheresis").at, "volume"]
    with site.refused("correction.changes"):
        site.correct("apheresis", "volume", f"{standing.value} mL")
    with site.refused("authority.role"):
        site.correct("apheresis", "volume", "240 mL", by="courier.1")
    # The witness may correct too: she holds the role and saw it.
    site.correct("apheresis", "volume", "240 mL", by="apheresis.nurse.2")


def test_a_corrected_value_is_held_against_its_limits(stage: Stage) -> None:
    """What follows from the right value follows in the record of its correction."""
    site = stage.at("transport")
    site.do("transport")
    bag = site.one("leukapheresis")
    receipt = site.correct("transport", "highest", "11 C", why="the logger's file says so")
    assert names(receipt.facts) == ["fact.corrected", "material.quarantined"]
    assert site.now.materials[bag].status == "quarantined"


def test_a_correction_that_fails_a_passed_gate_quarantines_the_released_product(stage: Stage) -> None:
    """Released, then a value is corrected below its limit: quarantine and a critical deviation in the same record."""
    site = stage.at("product_hand_over")
    bag = site.one("drug_product")
    receipt = site.correct("test_phenotype", "cd3", "50 %", why="gate set wrongly")
    assert names(receipt.facts) == ["fact.corrected", "deviation.opened", "material.quarantined", "alert.raised"]
    (deviation,) = site.now.deviations.values()
    assert (deviation.grade, deviation.rule) == ("critical", "release.late-result")
    assert site.now.materials[bag].status == "quarantined"
    # What QA decided stays decided: the release is history, and the quarantine is too.
    assert site.now.disposition is not None
    assert site.now.disposition.decision == "released"
    with site.refused("material.quarantined"):
        site.perform("product_hand_over")
    site.act(DecideQuarantine(materials=(bag,), decision="lifted", reason="retest: 85 %"), "qa.releaser.1")
    assert site.now.materials[bag].status == "released"


def test_a_weight_that_was_wrong_flips_a_computed_gate_too(stage: Stage) -> None:
    """Dose and endotoxin are computed per kilogram: a corrected weight computes them again, for every bag."""
    site = stage.at("product_hand_over", BRUNO)
    bags = [m.code for m in site.now.live("drug_product")]
    receipt = site.correct("eligibility", "weight", "30 kg", why="pounds")
    assert names(receipt.facts).count("deviation.opened") >= 1
    assert {site.now.materials[code].status for code in bags} == {"quarantined"}


def test_a_correction_that_changes_no_verdict_leaves_the_release_alone(stage: Stage) -> None:
    """A passing value corrected to another passing value changes nothing but itself."""
    site = stage.at("product_hand_over")
    assert names(site.correct("test_phenotype", "cd3", "91 %").facts) == ["fact.corrected"]
    assert site.now.materials[site.one("drug_product")].status == "released"


def test_a_failed_value_corrected_before_release_opens_the_gate(stage: Stage) -> None:
    """A slip of the pen that failed a criterion is corrected by another than the tester, with its reason; both values stay."""
    site = stage.at("test_viability")
    site.do("test_viability", values={"viability": "8.5 %"})
    site.play(site.patient, "disposition")
    with site.refused("release.criteria"):
        site.perform("disposition")
    why = "decimal point slipped; see the raw file"
    with site.refused("release.own-correction"):
        site.correct("test_viability", "viability", "85 %", why=why, by="qc.analyst.1")
    site.correct("test_viability", "viability", "85 %", why=why, by="qc.reviewer.1")
    found = next(c for c in evaluate(site.now, site.protocol) if c.name == "viability")
    assert (found.verdict, found.found) == ("passed", "85 % (corrected)")
    # The deviation that the failing value opened stays, until QA has said what it means.
    with site.refused("release.deviations"):
        site.perform("disposition")
    site.act(AssessDeviation(deviation="D-1", impact="none: a slip of the pen"), "qa.releaser.1")
    site.perform("disposition")


def test_a_step_that_waits_for_its_witness_can_be_corrected_before_she_signs(stage: Stage) -> None:
    """A value corrected while the act waits is the later word, and stays when the act stands."""
    site = stage.at("apheresis")
    site.perform("apheresis")
    at = site.waiting().at
    site.correct("apheresis", "volume", "240 mL")
    site.witness()
    assert site.now.readings[at, "volume"].value == "240"
