"""Steps 11 to 15: from selection (M0) to the frozen bags.

Cells are processed in time, one patient in a suite, each lot and each bag accounted for; what is out of limits stands beside what was done.

Source: EU GMP for ATMP (Part IV) chapters 4 and 9; 21 CFR 211.188 batch records
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from console.rehearsal import Patient
from protocol.custody import gaps
from tests.stage import BRUNO, Stage, names

pytestmark = pytest.mark.story
CLARA = Patient(3, "T-3")


# ------------------------------------------------------------------ the clock to processing


@pytest.mark.parametrize(
    ("hours", "follows"),
    [(24, []), (24.1, ["deviation.opened"]), (48.1, ["deviation.opened", "material.quarantined"])],
    ids=["24 h", "later than 24 h", "later than 48 h"],
)
def test_cells_are_processed_within_a_day_of_collection(stage: Stage, hours: float, follows: list[str]) -> None:
    """From the end of collection to the start of processing: 24 h, then a deviation; 48 h, then quarantine as well."""
    site = stage.at("wash_collection")
    (collected,) = site.now.of_step("apheresis")
    site.clock.now = collected.fact.ended + timedelta(hours=hours)
    receipt = site.perform("wash_collection")
    assert names(receipt.facts) == ["process.performed", *follows]


def test_the_clock_strikes_by_itself_when_nobody_processes(stage: Stage) -> None:
    """If nobody processes the cells, the system records both thresholds, once each, and quarantines the cells."""
    site = stage.at("wash_collection")
    bag = site.one("leukapheresis")
    (collected,) = site.now.of_step("apheresis")
    site.clock.now = collected.fact.ended + timedelta(hours=25)
    assert names(site.system()) == ["deadline.missed", "deviation.opened"]
    assert site.system() == []
    site.clock.now = collected.fact.ended + timedelta(hours=49)
    assert names(site.system()) == ["deadline.missed", "material.quarantined"]
    assert site.system() == []
    assert site.now.materials[bag].status == "quarantined"


def test_what_the_system_has_recorded_as_late_is_not_told_twice(stage: Stage) -> None:
    """A threshold follows once: whoever processes late finds the deviation open already."""
    site = stage.at("wash_collection")
    (collected,) = site.now.of_step("apheresis")
    site.clock.now = collected.fact.ended + timedelta(hours=25)
    site.system()
    receipt = site.perform("wash_collection")
    assert names(receipt.facts) == ["process.performed"]
    assert list(site.now.deviations) == ["D-1"]


# ------------------------------------------------------------------ 11 selection


def test_selection_needs_a_clear_line_and_names_its_suite(stage: Stage) -> None:
    """Line clearance is asked before the cells are opened, and the suite is named."""
    site = stage.at("selection")
    with site.refused("limit.selection.line_clearance"):
        site.perform("selection", values={"line_clearance": "no"})
    with site.refused("record.room"):
        site.perform("selection", room=None)


def test_the_starting_material_ends_where_the_culture_begins(stage: Stage) -> None:
    """Selection consumes the collection and makes a culture whose parent it is."""
    site = stage.at("selection")
    bag = site.one("leukapheresis")
    site.do("selection")
    assert site.now.materials[bag].ended == "consumed"
    culture = site.now.materials[site.one("intermediate")]
    assert (culture.parent, culture.place) == (bag, "plant")
    assert gaps(site.now) == []


def test_cells_of_two_patients_are_never_open_in_one_suite(stage: Stage) -> None:
    """Open processing: one patient in a suite at a time. If it happened, it is recorded as critical, with quarantine."""
    site = stage.at("selection")
    site.play(CLARA, "selection")
    now = site.pass_(hours=3)
    # I select Anna's cells in suite 1 from nine to eleven.
    site.perform("selection", room="SUITE-1", started=now - timedelta(hours=2), ended=now)
    # Next door would have been free. Clara's cells were opened in suite 1 at ten: a true fact, and a critical one.
    receipt = site.perform(
        "selection", patient=CLARA, room="SUITE-1", started=now - timedelta(hours=1), ended=now
    )  # fmt: skip
    assert names(receipt.facts) == ["process.performed", "deviation.opened", "material.quarantined"]
    assert [d.grade for d in site.therapy(CLARA).deviations.values()] == ["critical"]


def test_one_after_the_other_is_fine(stage: Stage) -> None:
    """A suite may serve two patients one after the other, and two suites two patients at once."""
    site = stage.at("selection")
    site.play(CLARA, "selection")
    now = site.pass_(hours=3)
    site.perform("selection", room="SUITE-1", started=now - timedelta(hours=2), ended=now - timedelta(hours=1))
    receipt = site.perform(
        "selection", patient=CLARA, room="SUITE-1", started=now - timedelta(hours=1), ended=now
    )  # fmt: skip
    assert names(receipt.facts) == ["process.performed"]

    beside = stage.at("selection")
    beside.play(CLARA, "selection")
    beside.perform("selection", room="SUITE-1")
    assert names(beside.perform("selection", patient=CLARA, room="SUITE-2").facts) == ["process.performed"]


# ------------------------------------------------------------------ 12 transduction


@pytest.mark.parametrize(
    ("moi", "follows"), [("5", []), ("1", []), ("5.1", ["deviation.opened"]), ("0.5", ["deviation.opened"])]
)
def test_the_moi_lies_between_1_and_5(stage: Stage, moi: str, follows: list[str]) -> None:
    """A multiplicity of infection outside 1 to 5 is recorded as a major deviation."""
    receipt = stage.at("transduction").perform("transduction", values={"moi": f"{moi} TU/cell"})
    assert names(receipt.facts) == ["process.performed", *follows]


def test_transduction_does_not_come_too_early_or_too_late(stage: Stage) -> None:
    """Cells rest at least 12 h after selection, and are transduced within three days of it."""
    site = stage.at("transduction")
    (selected,) = site.now.of_step("selection")
    site.clock.now = selected.fact.started + timedelta(hours=11)
    receipt = site.perform("transduction")
    assert names(receipt.facts) == ["process.performed", "deviation.opened"]
    assert site.now.deviations["D-1"].grade == "minor"

    late = stage.at("transduction")
    late.clock.now = selected.fact.started + timedelta(days=3, minutes=1)
    assert names(late.perform("transduction").facts) == ["process.performed", "deviation.opened"]
    assert late.now.deviations["D-1"].grade == "major"


# ------------------------------------------------------------------ 13 expansion


def test_expansion_is_counted_day_by_day(stage: Stage) -> None:
    """At least four days of expansion come before harvest; each day is an occurrence of its own."""
    site = stage.at("expansion")
    for day in ("1", "2", "3"):
        receipt = site.do("expansion")
        assert receipt.facts[0].to_wire()["key"].get("occurrence", "1") == day
        site.pass_(days=1)
        with site.refused("order.after"):
            site.perform("harvest")
    # Day 5 cannot come before day 4.
    with site.refused("order.instance"):
        site.perform("expansion", occurrence="5")
    site.do("expansion")
    # A fifth day is welcome, not required.
    assert not site.due("expansion").required
    assert site.standing("harvest") == "ready"
    site.do("expansion")
    site.pass_(days=3)
    site.do("harvest")
    # After harvest there is nothing left to expand.
    with site.refused("order.instance"):
        site.perform("expansion", occurrence="6")


# ------------------------------------------------------------------ 14 harvest


def test_harvest_makes_bags_samples_and_retained_samples_from_the_culture(stage: Stage) -> None:
    """Every bag's parent is the culture; the samples' parent is a bag; the culture ends."""
    site = stage.at("harvest", BRUNO)
    culture = site.one("intermediate")
    site.do("harvest")
    bags = [m.code for m in site.now.live("drug_product")]
    assert len(bags) == 2
    assert {m.parent for m in site.now.live("drug_product")} == {culture}
    assert {m.parent for m in site.now.live("qc_sample")} <= set(bags)
    assert {m.parent for m in site.now.live("retained_sample")} <= set(bags)
    assert site.now.materials[culture].ended == "consumed"
    assert gaps(site.now) == []


def test_a_bag_number_is_used_once(stage: Stage) -> None:
    """Two bags of one filling carry two numbers; neither was ever used before."""
    site = stage.at("harvest", BRUNO)
    first, second = (s.code for s in site.form("harvest").scans if s.name == "bags")
    with site.refused("identity.new-code"):
        site.perform("harvest", scan={"bags": [first, first]})
    # The number of a bag is a DIN and a product code; a sample's label is none.
    with site.refused("identifier.bag"):
        site.perform("harvest", scan={"bags": [first, "QS-1"]})
    # The culture's own label is in use.
    with site.refused("identity.new-code"):
        site.perform("harvest", scan={"samples": [site.one("intermediate")]})
    site.do("harvest", scan={"bags": [first, second]})


def test_harvest_has_its_days(stage: Stage) -> None:
    """M7 begins six days after selection at the earliest, M12 ends within thirteen; outside stands a major deviation."""
    early = stage.at("expansion")
    for _ in range(4):
        early.pass_(hours=1)
        early.do("expansion")
    assert names(early.perform("harvest").facts) == ["process.performed", "deviation.opened"]

    in_time = stage.at("harvest")
    (selected,) = in_time.now.of_step("selection")
    in_time.clock.now = selected.fact.started + timedelta(days=13)
    assert names(in_time.perform("harvest").facts) == ["process.performed"]

    late = stage.at("harvest")
    late.clock.now = selected.fact.started + timedelta(days=13, minutes=1)
    assert names(late.perform("harvest").facts) == ["process.performed", "deviation.opened"]


def test_environmental_monitoring_may_come_late(stage: Stage) -> None:
    """The results of environmental monitoring are attached when they come; the step does not wait for them."""
    site = stage.at("harvest")
    site.do("harvest")
    site.pass_(days=2)
    assert names(site.late("harvest", {"environment_file": "b2" * 32}).facts) == ["reading.reported"]


# ------------------------------------------------------------------ 15 cryopreservation


def test_each_bag_is_frozen_with_its_own_dose_and_position(stage: Stage) -> None:
    """Two bags are two instances; one bag's warm storage does not touch the other."""
    site = stage.at("cryopreservation", BRUNO)
    warm, cold = (m.code for m in site.now.live("drug_product"))
    receipt = site.perform("cryopreservation", material=warm, values={"storage": "-120 C"})
    assert names(receipt.facts) == ["process.performed", "deviation.opened", "material.quarantined"]
    site.witness()
    site.do("cryopreservation", material=cold)
    assert [site.now.materials[code].status for code in (warm, cold)] == ["quarantined", "available"]


def test_storage_above_minus_150_alerts_and_above_minus_130_quarantines(stage: Stage) -> None:
    """At -150 C it is cold enough; warmer is an alert; above -130 C the bag is quarantined."""
    for storage, follows in {"-150": [], "-140": ["deviation.opened"], "-130": ["deviation.opened"]}.items():
        receipt = stage.at("cryopreservation").perform("cryopreservation", values={"storage": f"{storage} C"})
        assert names(receipt.facts) == ["process.performed", *follows]
