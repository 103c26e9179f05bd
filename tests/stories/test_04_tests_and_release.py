"""Steps 16 and 17: quality control, and the release gate.

Every release criterion is passed, failed or pending; QA that performed nothing on the batch decides, and nothing else opens the gate.

Source: 21 CFR 211.165, 211.192; EU GMP for ATMP (Part IV) chapter 11
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from events.facts.steps import DispositionDecided
from protocol.commands import (
    AssessDeviation,
    CloseDeviation,
    DecideQuarantine,
    Dispose,
    OpenDeviation,
    TerminateTherapy,
)
from protocol.custody import custody_trail, gaps
from protocol.file import read_protocol
from protocol.release import evaluate, unmet
from tests.stage import ANNA, STUDY, Stage, Staged, names

pytestmark = pytest.mark.story

# Each criterion of the protocol, the value that is corrected, and one that does not pass.
FAILS = {
    "viability": ("test_viability", "viability", "69.9 %"),
    "cd3": ("test_phenotype", "cd3", "79.9 %"),
    "car": ("test_phenotype", "car", "9.9 %"),
    "cd20_binding": ("test_phenotype", "cd20_binding", "9 %"),
    "cd22_binding": ("test_phenotype", "cd22_binding", "9 %"),
    "vcn": ("test_vcn", "vcn", "5 copies/cell"),
    "endotoxin": ("test_endotoxin", "endotoxin", "1000 EU/mL"),
    "beads": ("test_beads", "beads", "100 per 3e6 cells"),
    "mycoplasma": ("test_safety", "mycoplasma", "positive"),
    "rcl": ("test_safety", "rcl", "positive"),
    "gram": ("test_sterility_interim", "gram", "positive"),
    "sterility_interim": ("test_sterility_interim", "culture", "positive"),
    "ifn_cd20": ("test_potency", "ifn_cd20", "99 pg/mL"),
    "ifn_cd22": ("test_potency", "ifn_cd22", "99 pg/mL"),
    "killing_cd20": ("test_potency", "killing_cd20", "19 %"),
    "killing_cd22": ("test_potency", "killing_cd22", "19 %"),
    "identity": ("test_identity", "car_cd3", "absent"),
    "dose": ("cryopreservation", "dose", "1e4 cells"),
}


def verdicts(site: Staged) -> dict[str, str]:
    """Each criterion as it stands."""
    return {c.name: c.verdict for c in evaluate(site.now, site.protocol)}


# ------------------------------------------------------------------ 16 tests


def test_a_result_stands_when_another_person_has_reviewed_it(stage: Stage) -> None:
    """An analyst's result counts when a reviewer has signed it."""
    site = stage.at("test_viability")
    site.perform("test_viability", by="qc.analyst.1")
    assert verdicts(site)["viability"] == "pending"
    with site.refused("authority.role"):
        site.witness(by="qc.analyst.2")
    site.witness(by="qc.reviewer.1")
    assert verdicts(site)["viability"] == "passed"


def test_a_result_out_of_specification_is_kept_and_blocks_release(stage: Stage) -> None:
    """Nobody is refused who reports a bad result; the release gate shows it as failed."""
    site = stage.at("test_viability")
    site.do("test_viability", values={"viability": "55 %"})
    assert verdicts(site)["viability"] == "failed"
    # It is done. A second result cannot be put beside it until a better one turns up.
    with site.refused("order.done"):
        site.perform("test_viability", values={"viability": "80 %"})


def test_interim_sterility_is_not_read_before_48_hours(stage: Stage) -> None:
    """A culture that is read too early proves little: a major deviation stands beside the result."""
    site = stage.at("test_viability")
    (harvested,) = site.now.of_step("harvest")
    site.clock.now = harvested.fact.ended + timedelta(hours=47, minutes=59)
    assert names(site.perform("test_sterility_interim").facts) == ["sample.tested", "deviation.opened"]
    assert site.now.deviations["D-1"].grade == "major"


def test_the_identity_test_is_made_on_a_sample_with_the_chain_of_identity(stage: Stage) -> None:
    """The sample's chain-of-identity id is the batch's."""
    site = stage.at("test_identity")
    with site.refused("identity.scan-matches"):
        site.perform("test_identity", scan={"sample_identity": site.now.subject})


# ------------------------------------------------------------------ 17 the gate


def test_before_the_tests_every_criterion_is_pending(stage: Stage) -> None:
    """A criterion without a result is pending, never passed."""
    site = stage.at("harvest")
    assert set(verdicts(site).values()) == {"pending"}


def test_when_all_results_are_in_only_final_sterility_may_be_pending(stage: Stage) -> None:
    """At disposition every criterion passed but the one that the protocol allows to be pending."""
    site = stage.at("disposition")
    assert {name for name, verdict in verdicts(site).items() if verdict != "passed"} == {"sterility_final"}
    assert unmet(evaluate(site.now, site.protocol), site.protocol) == []


@pytest.mark.parametrize("criterion", FAILS)
def test_a_product_with_a_failed_criterion_is_not_released(stage: Stage, criterion: str) -> None:
    """Each criterion by itself keeps the product from being released, and the refusal names it."""
    site = stage.at("disposition")
    step, reading, value = FAILS[criterion]
    where = {"material": site.one("drug_product")} if step == "cryopreservation" else {}
    site.correct(step, reading, value, **where)
    assert verdicts(site)[criterion] == "failed"
    with site.refused("release.criteria") as told:
        site.perform("disposition")
    assert told.values["criteria"] == [criterion]
    # It can be rejected.
    receipt = site.perform("disposition", decision="rejected")
    assert names(receipt.facts) == ["disposition.decided", "slots.freed"]


def test_the_table_of_failures_names_every_criterion() -> None:
    """This file leaves out no criterion of the protocol but the one with a story of its own."""
    protocol = read_protocol(STUDY.read_text(encoding="utf-8"))
    assert protocol.release is not None
    assert {c.id for c in protocol.release.criteria} == {*FAILS, "sterility_final"}


def test_pending_is_allowed_only_where_the_protocol_says_so(stage: Stage) -> None:
    """A conditional release names the test that is pending; a pending test that the protocol does not allow blocks."""
    site = stage.at("disposition")
    receipt = site.perform("disposition")
    (decided,) = (fact for fact in receipt.facts if isinstance(fact, DispositionDecided))
    assert decided.pending == ("sterility_final",)

    # In a study whose identity result may come late, QA has to wait for it.
    text = STUDY.read_text(encoding="utf-8").replace(
        "type: choice, options: [present, absent]}]}", "type: choice, options: [present, absent], late: true}]}"
    )
    waits = stage.site(read_protocol(text))
    waits.play(ANNA, "disposition", late=False)
    waits.monitor()
    with waits.refused("release.criteria") as told:
        waits.perform("disposition")
    assert told.values["criteria"] == ["identity"]
    waits.late("test_identity", {"car_cd3": "present"})
    waits.perform("disposition")


def test_final_sterility_positive_before_release_blocks_it_twice_over(stage: Stage) -> None:
    """A positive culture fails its criterion and opens a critical deviation."""
    site = stage.at("disposition")
    site.pass_(days=14)
    site.do("test_sterility_final", values={"culture": "positive"})
    assert [d.grade for d in site.now.deviations.values()] == ["critical"]
    with site.refused("release.criteria"):
        site.perform("disposition")


def test_final_sterility_positive_after_release_quarantines_and_alerts(stage: Stage) -> None:
    """A late positive opens a critical deviation and quarantines the released bags, in the record of the result."""
    site = stage.at("product_hand_over")
    bag = site.one("drug_product")
    assert site.now.materials[bag].status == "released"
    site.pass_(days=14)
    receipt = site.perform("test_sterility_final", values={"culture": "positive"})
    assert names(receipt.facts)[-2:] == ["material.quarantined", "alert.raised"]
    assert {d.grade for d in site.now.deviations.values()} == {"critical"}
    assert site.now.materials[bag].status == "quarantined"
    # History is not un-released: QA's decision stands as it was made.
    assert site.now.disposition is not None
    assert site.now.disposition.decision == "released"
    with site.refused("material.quarantined"):
        site.perform("product_hand_over")


# ------------------------------------------------------------------ deviations and the gate


def test_an_open_critical_deviation_blocks_release_until_it_is_closed(stage: Stage) -> None:
    """Critical: closed by a person of QA who did not open it, after its impact was assessed."""
    site = stage.at("disposition")
    site.act(OpenDeviation(grade="critical", says="wrong filter in the suite"), "qa.releaser.1")
    with site.refused("release.deviations"):
        site.perform("disposition", by="qa.releaser.2")
    with site.refused("deviation.handled"):
        site.act(CloseDeviation(deviation="D-1", conclusion="no contact"), "qa.releaser.2")
    site.handle("D-1", close=False)
    # Assessed is not closed. I opened it, so I cannot close it.
    with site.refused("release.deviations"):
        site.perform("disposition", by="qa.releaser.2")
    with site.refused("deviation.other-person"):
        site.act(CloseDeviation(deviation="D-1", conclusion="no contact"), "qa.releaser.1")
    # Not under my other account either.
    mine = site.hire(site.person("qa.releaser.1"), "moonlight", "qa_releaser")
    with site.refused("deviation.other-person"):
        site.act(CloseDeviation(deviation="D-1", conclusion="no contact"), mine)
    site.act(CloseDeviation(deviation="D-1", conclusion="no contact"), "qa.releaser.2")
    site.perform("disposition", by="qa.releaser.2")
    # What is closed is closed.
    with site.refused("deviation.open"):
        site.act(AssessDeviation(deviation="D-1", impact="late thought"), "qa.releaser.1")


def test_a_major_deviation_needs_an_assessed_impact_and_a_minor_one_nothing(stage: Stage) -> None:
    """Major: its impact is assessed and signed before release. Minor: it does not block."""
    site = stage.at("disposition")
    site.act(OpenDeviation(grade="minor", says="label printed twice"), "operator.1")
    site.act(OpenDeviation(grade="major", says="incubator alarm"), "operator.1")
    with site.refused("release.deviations") as told:
        site.perform("disposition")
    assert told.values["deviations"] == ["D-2"]
    # I operate the plant; I report, QA assesses.
    with site.refused("authority.role"):
        site.act(AssessDeviation(deviation="D-2", impact="none"), "operator.1")
    site.act(AssessDeviation(deviation="D-2", impact="none: below the alarm's action limit"), "qa.releaser.1")
    site.perform("disposition")


# ------------------------------------------------------------------ who releases


def test_whoever_performed_a_step_of_this_batch_does_not_release_it(stage: Stage) -> None:
    """The releaser performed nothing on this batch, under no account; one who only witnessed may release."""
    site = stage.at("cryopreservation")
    # I am of QA, and tonight I help out in the plant under my second account.
    maker = site.hire(site.person("qa.releaser.1"), "qa.helps.out", "operator")
    site.do("cryopreservation", by=maker)
    site.play(ANNA, "disposition")
    with site.refused("authority.independent"):
        site.perform("disposition", by="qa.releaser.1")
    # My colleague performed nothing, and releases.
    site.perform("disposition", by="qa.releaser.2")

    seen = stage.at("cryopreservation")
    seen.perform("cryopreservation", by="operator.1")
    watcher = seen.hire(seen.person("qa.releaser.1"), "qa.watches", "operator")
    seen.witness(by=watcher)
    seen.play(ANNA, "disposition")
    seen.perform("disposition", by="qa.releaser.1")


def test_nobody_releases_without_having_reviewed_the_trail(stage: Stage) -> None:
    """QA reviews the audit trail and the deviations before it decides, and says which decision it is."""
    site = stage.at("disposition")
    with site.refused("limit.disposition.trail_reviewed"):
        site.perform("disposition", values={"trail_reviewed": "no"})
    with site.refused("record.decision"):
        site.perform("disposition", decision=None)
    with site.refused("authority.role"):
        site.perform("disposition", by="operator.1")


def test_a_quarantined_bag_is_not_released_with_the_others(stage: Stage) -> None:
    """QA decides on a quarantine before it decides on the batch."""
    site = stage.at("cryopreservation")
    bag = site.one("drug_product")
    site.do("cryopreservation", values={"storage": "-100 C"})
    site.play(ANNA, "disposition")
    with site.refused("material.quarantined"):
        site.perform("disposition")
    site.act(DecideQuarantine(materials=(bag,), decision="lifted", reason="10 s, probe moved"), "qa.releaser.1")
    site.perform("disposition")
    assert site.now.materials[bag].status == "released"


# ------------------------------------------------------------------ after the decision


def test_a_rejected_product_goes_nowhere_and_its_custody_ends_with_disposal(stage: Stage) -> None:
    """Rejection stops the therapy; it is complete when every material has ended and nobody makes the product again."""
    site = stage.at("disposition")
    bag = site.one("drug_product")
    site.perform("disposition", decision="rejected")
    assert site.now.materials[bag].status == "rejected"
    with site.refused("order.done"):
        site.perform("product_hand_over")
    assert "therapy.completed" not in names(site.system())
    site.act(Dispose(materials=(bag,), reason="rejected"), "qa.releaser.1")
    assert custody_trail(site.now, bag)[-1].holder == ""
    assert gaps(site.now) == []
    # The study leaves ways out: until somebody takes one, or ends the therapy, it waits.
    assert site.system() == []
    site.act(TerminateTherapy(reason="no time to make it again"), "investigator.1")
    # Her samples are still in the freezer; somebody is accountable for them until they have ended too.
    assert site.system() == []
    site.settle("rejected")
    assert names(site.system()) == ["therapy.completed"]
    assert site.now.completed == "product_rejected"


def test_material_that_is_still_needed_is_not_disposed_of(stage: Stage) -> None:
    """A bag of a therapy that goes on is not thrown away."""
    site = stage.at("product_hand_over")
    with site.refused("custody.dispose"):
        site.act(Dispose(materials=(site.one("drug_product"),), reason="tidying up"), "qa.releaser.1")


def test_the_system_evaluates_the_gate_when_the_results_change(stage: Stage) -> None:
    """What QA will see is recorded when it changes, and not again while it stays the same."""
    site = stage.at("disposition")
    assert site.system() == []
    site.correct("test_phenotype", "cd3", "50 %")
    assert names(site.system()) == ["release.evaluated"]
    assert site.system() == []
