"""Steps 18 to 23: the product travels, lymphodepletion, thaw, bedside check, infusion.

Nobody is conditioned, thawed for or infused unless the product is released, intact, matched to the patient twice, and in time.

Source: FACT-JACIE standards on chain of identity; 21 CFR 11.10(f); 21 CFR 312.59 accountability
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from protocol.alerts import open_alerts
from protocol.commands import DecideQuarantine, Dispose
from protocol.custody import custody_trail, gaps
from tests.stage import ANNA, BRUNO, Stage, Staged, names

pytestmark = pytest.mark.story


# ------------------------------------------------------------------ 18 the product travels


def test_nothing_changes_hands_without_a_scan(stage: Stage) -> None:
    """Two bags travel; both are scanned at the hand-over, or neither changes hands."""
    site = stage.at("product_hand_over", BRUNO)
    first, second = (m.code for m in site.now.live("drug_product"))
    with site.refused("identity.scan-present") as told:
        site.perform("product_hand_over", scan={"bags": [first]})
    assert told.values["code"] == second
    # The same bag scanned twice is still one bag.
    with site.refused("identity.scan-present"):
        site.perform("product_hand_over", scan={"bags": [first, first]})
    site.do("product_hand_over")
    assert {site.now.materials[code].place for code in (first, second)} == {"courier"}


def test_the_dry_shipper_holds_ten_days(stage: Stage) -> None:
    """A shipper qualified for less than ten days is a major deviation."""
    for days, follows in {"10": [], "9": ["deviation.opened"]}.items():
        receipt = stage.at("product_hand_over").perform("product_hand_over", values={"shipper_holds": f"{days} d"})
        assert names(receipt.facts) == ["custody.given", *follows]


def test_a_product_that_warms_up_on_its_way_is_quarantined(stage: Stage) -> None:
    """Above -150 C is an alert, above -130 C quarantine; the hospital does not thaw it before QA has decided."""
    site = stage.at("product_transport")
    bag = site.one("drug_product")
    receipt = site.perform("product_transport", values={"highest": "-129 C"})
    assert names(receipt.facts) == ["transport.reported", "deviation.opened", "material.quarantined"]
    site.witness()
    site.do("product_receipt")
    # Lymphodepletion waits: there is no released product.
    site.pass_(days=2)
    with site.refused("order.after"):
        site.perform("lymphodepletion")
    site.act(DecideQuarantine(materials=(bag,), decision="lifted", reason="2 min, within stability"), "qa.releaser.1")
    # Lifting gives back what QA had decided before: released.
    assert site.now.materials[bag].status == "released"
    site.perform("lymphodepletion")


def test_the_certificate_names_the_chain_of_identity(stage: Stage) -> None:
    """The hospital matches the certificate's chain-of-identity id at receipt; damaged bags are quarantined."""
    site = stage.at("product_receipt")
    with site.refused("identity.scan-matches"):
        site.perform("product_receipt", scan={"certificate": site.now.subject})
    receipt = site.perform("product_receipt", values={"bags_intact": "no"})
    assert names(receipt.facts) == ["material.received", "material.quarantined"]


# ------------------------------------------------------------------ 19 lymphodepletion


def test_lymphodepletion_starts_when_the_product_is_released_and_received(stage: Stage) -> None:
    """A patient is not conditioned for a product that has not been released, has not arrived, or is not cleared."""
    for step in ("disposition", "product_hand_over", "product_receipt"):
        site = stage.at(step)
        with site.refused("order.after"):
            site.perform("lymphodepletion")
    # It is released and here; the safety decision is missing.
    site = stage.at("safety_decision")
    for step in ("product_hand_over", "product_transport", "product_receipt"):
        site.do(step)
    with site.refused("order.after") as told:
        site.perform("lymphodepletion")
    assert told.values["waits_for"] == ["safety_decision"]
    site.do("safety_decision")
    site.perform("lymphodepletion")


def test_a_refusal_of_order_names_the_occurrence_that_is_missing(stage: Stage) -> None:
    """I ask for day three: day two is missing, and the refusal says so. I ask before anything was given: day one waits."""
    site = stage.at("lymphodepletion")
    site.do("lymphodepletion")
    with site.refused("order.after") as told:
        site.perform("lymphodepletion", occurrence="3")
    assert told.says == "Step lymphodepletion 3 comes after lymphodepletion 2, which is not done."
    bag = site.one("drug_product")
    with site.refused("order.after") as told:
        site.perform("pre_thaw_check", material=bag)
    assert "comes after lymphodepletion 2, lymphodepletion 3, which are not done" in told.says
    early = stage.at("product_receipt")
    with early.refused("order.after") as told:
        early.perform("lymphodepletion")
    assert told.says.startswith("Step lymphodepletion comes after ")
    assert "lymphodepletion, " not in told.says.partition("comes after ")[2], "a step does not wait for itself"
    site.perform("lymphodepletion", occurrence="2")
    with site.refused("order.after") as told:
        site.perform("lymphodepletion", occurrence="3")
    assert "lymphodepletion 2 (signed, and waits for its second signature)" in told.says


def test_the_safety_decision_opens_lymphodepletion_and_a_stopping_rule_keeps_it_shut(stage: Stage) -> None:
    """Earlier patients' DLT windows are reviewed; the safety officer approves; a stopping rule stops."""
    site = stage.at("safety_decision")
    with site.refused("limit.safety_decision.stopping_rule_met"):
        site.perform("safety_decision", values={"stopping_rule_met": "yes"})
    with site.refused("limit.safety_decision.earlier_patients"):
        site.perform("safety_decision", values={"earlier_patients": "no"})
    site.perform("safety_decision")
    with site.refused("authority.role"):
        site.witness(by="physician.1")
    site.witness(by="safety.officer.1")
    (act,) = site.now.of_step("safety_decision")
    assert act.second is not None
    assert act.second.meaning == "approved"


def test_lymphodepletion_is_three_days_no_more(stage: Stage) -> None:
    """Each of the three days is an occurrence; a fourth does not exist."""
    site = stage.at("lymphodepletion")
    bag = site.one("drug_product")
    for day in (1, 2, 3):
        with site.refused("order.after"):
            site.perform("pre_thaw_check", material=bag)
        site.do("lymphodepletion")
        assert len(site.now.of_step("lymphodepletion")) == day
        site.pass_(days=1)
    with site.refused("order.done"):
        site.perform("lymphodepletion")
    assert site.standing("pre_thaw_check") == "ready"


@pytest.mark.parametrize(
    "values",
    [{"fludarabine": "34 mg/m2"}, {"cyclophosphamide": "299 mg/m2"}, {"clearance": "29 mL/min"}],
    ids=["too much fludarabine", "too little cyclophosphamide", "kidneys"],
)
def test_a_dose_outside_its_range_is_recorded_as_given(stage: Stage, values: dict[str, str]) -> None:
    """What was given is what is written; a deviation stands beside it."""
    receipt = stage.at("lymphodepletion").perform("lymphodepletion", values=values)
    assert names(receipt.facts) == ["conditioning.given", "deviation.opened"]


# ------------------------------------------------------------------ 20 to 22 checks and thaw


def test_before_the_thaw_order_cassette_bag_and_patient_all_match(stage: Stage) -> None:
    """Two qualified people compare patient, bag, cassette and order; the patient is fit and the rescue drug is here."""
    site = stage.at("pre_thaw_check")
    for name in ("order", "cassette", "wristband"):
        with site.refused("identity.scan-matches"):
            site.perform("pre_thaw_check", scan={name: site.now.subject})
        with site.refused("identity.scan-present"):
            site.perform("pre_thaw_check", scan={name: []})
    for name in ("patient_fit", "rescue_present"):
        with site.refused(f"limit.pre_thaw_check.{name}"):
            site.perform("pre_thaw_check", values={name: "no"})
    site.perform("pre_thaw_check", by="cell.lab.1")
    with site.refused("authority.role"):
        site.witness(by="courier.1")
    site.witness(by="ward.nurse.1")


def test_nothing_is_thawed_before_it_was_checked(stage: Stage) -> None:
    """The thaw comes after the check of this very bag."""
    site = stage.at("pre_thaw_check")
    with site.refused("order.after"):
        site.perform("thaw", material=site.one("drug_product"))


def test_the_ward_holds_the_thawed_bag_when_the_nurse_has_signed(stage: Stage) -> None:
    """The thaw is also the hand-over to the ward: who took it signs."""
    site = stage.at("thaw")
    bag = site.one("drug_product")
    site.perform("thaw", by="cell.lab.1")
    assert site.now.materials[bag].holder != "ward.nurse.1"
    site.witness(by="ward.nurse.1")
    assert (site.now.materials[bag].holder, site.now.materials[bag].place) == ("ward.nurse.1", "ward")
    assert gaps(site.now) == []


def test_at_the_bedside_everything_is_matched_again_and_nobody_overrides(stage: Stage) -> None:
    """Wristband, bag and order are scanned again at the bedside, and the patient answers yes or no, nothing else."""
    site = stage.at("bedside_check")
    with site.refused("limit.bedside_check.identifiers"):
        site.perform("bedside_check", values={"identifiers": "no"})
    with site.refused("value.form"):
        site.perform("bedside_check", values={"identifiers": "Anna, 1 May 1970"})
    with site.refused("identity.scan-present"):
        site.perform("bedside_check", scan={"bag": []})
    # The bag is in my hands. I cannot infuse it: nobody checked it at the bedside.
    with site.refused("order.after"):
        site.perform("infusion", material=site.one("drug_product"))
    # Nor when I checked it alone.
    site.perform("bedside_check", by="ward.nurse.1")
    with site.refused("authority.two-people"):
        site.witness(by="ward.nurse.1")
    with site.refused("order.after"):
        site.perform("infusion", material=site.one("drug_product"))


# ------------------------------------------------------------------ 23 infusion


def thawed_for(stage: Stage, minutes: float) -> Staged:
    """A bag at the bedside, that many minutes after its thaw ended."""
    site = stage.at("infusion")
    (thawed,) = site.now.of_step("thaw")
    site.clock.now = thawed.fact.ended + timedelta(minutes=minutes)
    return site


@pytest.mark.parametrize(
    ("minutes", "grades", "quarantined"),
    [(30, [], False), (31, ["major"], False), (90, ["major"], False), (91, ["major", "critical"], True)],
)
def test_infusion_begins_within_half_an_hour_of_the_thaw(
    stage: Stage, minutes: int, grades: list[str], quarantined: bool
) -> None:
    """30 minutes after the thaw a major deviation stands, after 90 a critical one: in the record of the infusion."""
    site = thawed_for(stage, minutes)
    receipt = site.perform("infusion")
    assert names(receipt.facts)[0] == "product.infused"
    assert [d.grade for d in site.now.deviations.values()] == grades
    assert ("material.quarantined" in names(receipt.facts)) == quarantined


def test_a_bag_that_waits_too_long_is_quarantined_by_itself(stage: Stage) -> None:
    """If nobody infuses it, the system tells after 30 and quarantines after 90 minutes, each once."""
    site = thawed_for(stage, 31)
    assert names(site.system()) == ["deadline.missed", "deviation.opened"]
    assert site.system() == []
    (thawed,) = site.now.of_step("thaw")
    site.clock.now = thawed.fact.ended + timedelta(minutes=91)
    assert names(site.system()) == ["deadline.missed", "deviation.opened", "material.quarantined"]
    with site.refused("material.quarantined"):
        site.perform("infusion", material=site.one("drug_product"))


def infusion_after(stage: Stage, **after: float) -> Staged:
    """The bag is thawed and checked that long after the last dose of lymphodepletion."""
    site = stage.at("pre_thaw_check")
    last = max(act.fact.ended for act in site.now.of_step("lymphodepletion"))
    site.clock.now = last + timedelta(**after) - timedelta(minutes=20)
    for step in ("pre_thaw_check", "thaw", "bedside_check"):
        site.do(step)
    site.clock.now = last + timedelta(**after)
    return site


@pytest.mark.parametrize(
    ("after", "follows"),
    [
        ({"days": 1, "hours": 23}, ["deviation.opened"]),
        ({"days": 2}, []),
        ({"days": 14}, []),
        ({"days": 14, "minutes": 1}, ["deviation.opened"]),
        ({"weeks": 4, "minutes": 1}, ["deviation.opened", "step.offered"]),
    ],
    ids=["too soon", "two days", "fourteen days", "later", "more than four weeks"],
)
def test_infusion_comes_two_to_fourteen_days_after_the_last_dose(
    stage: Stage, after: dict[str, float], follows: list[str]
) -> None:
    """Counted from the last dose of lymphodepletion; after four weeks repeating it is offered."""
    receipt = infusion_after(stage, **after).perform("infusion")
    assert names(receipt.facts) == ["product.infused", *follows]


def test_after_four_weeks_lymphodepletion_can_be_repeated(stage: Stage) -> None:
    """The offer comes by itself; repeated lymphodepletion records the white cells that made it necessary."""
    site = stage.at("pre_thaw_check")
    with site.refused("order.applies"):
        site.perform("repeat_lymphodepletion")
    site.pass_(weeks=5)
    told = names(site.system())
    assert "step.offered" in told
    site.do("repeat_lymphodepletion", values={"wbc": "1500 /uL"})
    assert len(site.now.of_step("repeat_lymphodepletion")) == 1


def test_the_deadline_counts_from_the_last_dose(stage: Stage) -> None:
    """A deadline that counts from the end of lymphodepletion is set when its last day is over, not after the first."""
    site = stage.at("lymphodepletion")
    for _ in range(3):
        site.system()
        assert not [name for name, _ in site.now.deadlines if name.startswith("lymphodepletion")]
        site.do("lymphodepletion")
        site.pass_(days=1)
    site.system()
    last = max(act.fact.ended for act in site.now.of_step("lymphodepletion"))
    strikes = {at: due for (name, _), due in site.now.deadlines.items() if "14d" in (at := name)}
    assert set(strikes.values()) == {last + timedelta(days=14)}


def test_a_product_that_is_not_released_is_not_infused(stage: Stage) -> None:
    """A bag whose release fell after the thaw stays in the nurse's hand."""
    site = stage.at("infusion")
    bag = site.one("drug_product")
    site.correct("test_phenotype", "cd3", "40 %")
    assert site.now.materials[bag].status == "quarantined"
    with site.refused("material.quarantined"):
        site.perform("infusion", material=bag)
    # QA rejects it: it is never infused, and disposal ends its custody.
    site.act(DecideQuarantine(materials=(bag,), decision="rejected", reason="CD3+ 40 %"), "qa.releaser.1")
    with site.refused("material.rejected"):
        site.perform("infusion", material=bag)
    site.act(Dispose(materials=(bag,), reason="rejected after thaw"), "qa.releaser.1")
    assert custody_trail(site.now, bag)[-1].how == "disposed"
    assert gaps(site.now) == []


def test_the_bag_ends_in_the_patient(stage: Stage) -> None:
    """When nurse and physician have signed, the bag is infused; nobody holds it any more, and nobody infuses it again."""
    site = stage.at("infusion")
    bag = site.one("drug_product")
    site.perform("infusion", by="ward.nurse.1")
    assert not site.now.infused
    with site.refused("authority.role"):
        site.witness(by="ward.nurse.2")
    site.witness(by="physician.1")
    assert site.now.infused
    assert custody_trail(site.now, bag)[-1].how == "infused"
    assert gaps(site.now) == []
    with site.refused("order.done"):
        site.perform("infusion", material=bag)


def test_a_new_event_at_the_infusion_alerts_whoever_reports_adverse_events(stage: Stage) -> None:
    """Whoever sees a new event says yes; the investigator, who reports it, is alerted in the same record."""
    site = stage.at("infusion")
    assert names(site.perform("infusion", values={"new_event": "yes"}).facts) == ["product.infused", "alert.raised"]
    assert [alert.roles for alert in open_alerts(site.now)] == [("investigator",)]


# ------------------------------------------------------------------ several bags


def test_each_bag_has_its_own_checks_thaw_and_clock(stage: Stage) -> None:
    """A split dose: the second bag is not thawed by the first one's check, nor infused by the first one's thaw."""
    site = stage.at("pre_thaw_check", BRUNO)
    first, second = (m.code for m in site.now.live("drug_product"))
    site.do("pre_thaw_check", material=first)
    with site.refused("order.after"):
        site.perform("thaw", material=second)
    site.do("thaw", material=first)
    # At the bedside the second bag is presented under the first one's name.
    with site.refused("identity.scan-matches"):
        site.perform("bedside_check", material=first, scan={"bag": second})
    site.do("bedside_check", material=first)
    with site.refused("order.after"):
        site.perform("infusion", material=second)
    site.do("infusion", material=first)
    # An hour later the second bag: its clock counts from its own thaw.
    site.pass_(hours=1)
    site.do("pre_thaw_check", material=second)
    site.do("thaw", material=second)
    site.do("bedside_check", material=second)
    assert names(site.do("infusion", material=second).facts) == ["product.infused"]
    assert {m.ended for m in site.now.materials.values() if m.kind == "drug_product"} == {"infused"}
    assert gaps(site.now) == []


def test_which_bag_is_meant_must_be_said(stage: Stage) -> None:
    """With two bags waiting, a form that names neither is refused; a scan of one is an answer."""
    site = stage.at("pre_thaw_check", BRUNO)
    unsaid = site.form("pre_thaw_check", scan={"bag": []}).model_copy(update={"material": None})
    with site.refused("order.which"):
        site.act(unsaid, "cell.lab.1")
    first = site.now.live("drug_product")[0].code
    form = site.form("pre_thaw_check", scan={"bag": first}).model_copy(update={"material": None})
    site.act(form, "cell.lab.1")
    assert site.waiting().at.material == first


def test_anna_is_treated_as_planned(stage: Stage) -> None:
    """From the check before the thaw to the end of the infusion without a single deviation."""
    site = stage.at("pre_thaw_check")
    site.play(ANNA, "acute_monitoring")
    assert site.now.infused
    assert site.now.deviations == {}
