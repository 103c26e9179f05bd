"""Steps 5 to 10: apheresis, labels, hand-over to the courier, transport, receipt, freezing of the starting material.

The patient is identified; the collection is labelled, handed over, transported and received without a gap in identity, custody
or temperature.

Source: 21 CFR 1271.90(c) labels; 21 CFR 1271.290 tracking; EU GMP for ATMP (Part IV) chapter 7
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from events.identifiers import Din
from protocol.commands import DecideQuarantine, Dispose
from protocol.custody import custody_trail, gaps
from tests.stage import BRUNO, Stage, Staged, fates, names

pytestmark = pytest.mark.story


# ------------------------------------------------------------------ 5 apheresis


def test_the_patient_is_identified_before_the_needle(stage: Stage) -> None:
    """Name and birth date are asked and the wristband is scanned; without both nothing starts."""
    site = stage.at("apheresis")
    # The patient's answer does not fit the wristband. I cannot start.
    with site.refused("limit.apheresis.identifiers"):
        site.perform("apheresis", values={"identifiers": "no"})
    # I did not scan the wristband.
    with site.refused("identity.scan-present"):
        site.perform("apheresis", scan={"wristband": []})


def test_the_collection_bag_carries_a_din_that_fits_its_check_character(stage: Stage) -> None:
    """A DIN has thirteen characters, and its check character must fit."""
    site = stage.at("apheresis")
    with site.refused("identifier.din"):
        site.perform("apheresis", scan={"bag": "BAG-7"})
    with site.refused("identifier.din-check"):
        site.perform("apheresis", scan={"bag": "G123498654321A"})
    # With its own check character it is the number from the standard.
    site.do("apheresis", scan={"bag": "G123498654321H"})
    assert site.one("leukapheresis") == "G123498654321"


def test_the_cells_exist_when_the_second_nurse_has_signed(stage: Stage) -> None:
    """A step with two signatures is done, and its material exists, when the second stands."""
    site = stage.at("apheresis")
    site.perform("apheresis", by="apheresis.nurse.1")
    assert site.now.materials == {}
    site.witness(by="apheresis.nurse.2")
    (line,) = custody_trail(site.now)
    assert (line.holder, line.place, line.until) == ("apheresis.nurse.1", "apheresis_unit", None)


def test_markers_older_than_30_days_at_collection_are_a_major_deviation(stage: Stage) -> None:
    """Infection markers are dated against the collection; what is too old is recorded and stands as a deviation."""
    site = stage.at("apheresis")
    drawn = (site.clock() - timedelta(days=32)).date().isoformat()
    site.correct("eligibility", "markers_drawn", drawn, why="the laboratory's date")
    before = set(site.now.deviations)
    receipt = site.perform("apheresis")
    assert names(receipt.facts) == ["cells.collected", "deviation.opened"]
    (new,) = set(site.now.deviations) - before
    assert site.now.deviations[new].rule == "infection.age.apheresis"
    assert site.now.deviations[new].grade == "major"


def test_too_few_cells_reported_late_offer_a_second_collection_under_a_new_din(stage: Stage) -> None:
    """CD3+ below 1e9 offers a second collection: a new DIN, the same chain of identity, and both in the genealogy."""
    site = stage.at("apheresis")
    # Before anybody knows the count, a second collection is not on the patient's path.
    with site.refused("order.applies"):
        site.perform("second_collection")
    site.do("apheresis")
    first, coi = site.one("leukapheresis"), site.now.coi
    # The laboratory tells the count in the afternoon: too few. The offer stands in the same record.
    site.pass_(hours=3)
    receipt = site.late("apheresis", {"cd3_count": "6e8 cells"})
    assert names(receipt.facts) == ["reading.reported", "step.offered"]
    # The first bag's number cannot be used for the second bag.
    with site.refused("identity.new-code"):
        site.perform("second_collection", scan={"bag": Din(first).scanned()})
    site.pass_(days=1)
    site.do("second_collection")
    second = next(m for m in site.now.live("leukapheresis") if m.code != first)
    assert site.now.coi == coi
    assert [str(site.now.materials[code].made_in) for code in (first, second.code)] == [
        "apheresis",
        "second_collection",
    ]
    # Each bag gets its own labels, and each is handed over by itself.
    for code in (first, second.code):
        assert site.standing("label_collection", material=code) == "ready"
    site.do("label_collection", material=first)
    assert site.standing("hand_over", material=first) == "ready"
    assert site.standing("hand_over", material=second.code) == "waiting"


def test_enough_cells_offer_nothing(stage: Stage) -> None:
    """Exactly 1e9 CD3+ cells are enough."""
    site = stage.at("apheresis")
    site.do("apheresis")
    receipt = site.late("apheresis", {"cd3_count": "1e9 cells"})
    assert names(receipt.facts) == ["reading.reported"]
    with site.refused("order.applies"):
        site.perform("second_collection")


# ------------------------------------------------------------------ 6 labels


def test_each_serial_label_has_exactly_one_fate(stage: Stage) -> None:
    """Labels are reconciled at the chair: applied, attached to the record or destroyed; none is left over."""
    site = stage.at("label_collection")
    first, second, third = site.now.labels
    # Three labels were printed; I account for two.
    with site.refused("label.one-fate") as told:
        site.perform("label_collection", labels=fates(**{first: "applied", second: "destroyed"}))
    assert told.values["unaccounted"] == [third]
    # One label cannot be applied and destroyed.
    three = {first: "applied", second: "attached_to_record", third: "destroyed"}
    with site.refused("label.one-fate") as told:
        site.perform("label_collection", labels=(*fates(**three), *fates(**{first: "destroyed"})))
    assert told.values["doubled"] == [first]
    # One that was never issued is not ours.
    with site.refused("label.one-fate") as told:
        site.perform("label_collection", labels=fates(**three, L9="destroyed"))
    assert told.values["strange"] == ["L9"]
    site.do("label_collection", labels=fates(**three))


def test_a_label_without_for_autologous_use_only_does_not_leave_the_chair(stage: Stage) -> None:
    """Autologous cells say FOR AUTOLOGOUS USE ONLY (21 CFR 1271.90)."""
    site = stage.at("label_collection")
    with site.refused("limit.label_collection.autologous"):
        site.perform("label_collection", values={"autologous": "no"})


# ------------------------------------------------------------------ 7 hand-over


def test_custody_moves_when_the_courier_signs_and_not_before(stage: Stage) -> None:
    """The nurse gives and signs; until the courier has taken and signed, the nurse is accountable."""
    site = stage.at("hand_over")
    bag = site.one("leukapheresis")
    site.perform("hand_over", by="apheresis.nurse.1")
    assert site.now.materials[bag].holder == "apheresis.nurse.1"
    site.pass_(minutes=10)
    receipt = site.witness(by="courier.1")
    held = site.now.materials[bag]
    assert (held.holder, held.place) == ("courier.1", "courier")
    given, taken = custody_trail(site.now, bag)
    assert given.until == taken.since
    assert (taken.given_by, taken.link) == ("apheresis.nurse.1", receipt.link)
    assert gaps(site.now) == []


def test_a_late_pick_up_is_a_minor_deviation(stage: Stage) -> None:
    """The courier may come an hour early or late; beyond that a deviation opens in the record of the hand-over."""
    site = stage.at("hand_over")
    receipt = site.perform("hand_over", values={"pickup_offset": "61 min"})
    assert names(receipt.facts) == ["custody.given", "deviation.opened"]
    on_time = stage.at("hand_over").perform("hand_over", values={"pickup_offset": "-60 min"})
    assert names(on_time.facts) == ["custody.given"]


def test_nobody_but_a_courier_takes_over(stage: Stage) -> None:
    """Custody passes to somebody who holds the role."""
    site = stage.at("hand_over")
    site.perform("hand_over")
    with site.refused("authority.role"):
        site.witness(by="operator.1")


# ------------------------------------------------------------------ 8 transport


def too_warm(stage: Stage) -> tuple[Staged, str]:
    """A shipment that was warmer than 8 C has arrived."""
    site = stage.at("transport")
    bag = site.one("leukapheresis")
    receipt = site.perform("transport", values={"highest": "12 C"})
    assert names(receipt.facts) == ["transport.reported", "material.quarantined"]
    assert site.now.materials[bag].status == "quarantined"
    site.witness(by="receiver.1")
    site.do("receipt")
    return site, bag


def test_a_warm_shipment_is_quarantined_in_the_record_of_its_transport(stage: Stage) -> None:
    """Outside 2 to 8 C the cells are quarantined at once; nobody processes them until QA has decided."""
    site, bag = too_warm(stage)
    with site.refused("material.quarantined"):
        site.perform("wash_collection")
    # I operate the plant. I cannot lift a quarantine; QA can, with a reason.
    lift = DecideQuarantine(materials=(bag,), decision="lifted", reason="stability data cover 12 C for 20 min")
    with site.refused("authority.role"):
        site.act(lift, "operator.1")
    site.act(lift, "qa.releaser.1")
    assert site.now.materials[bag].status == "available"
    site.do("wash_collection")
    # There is nothing left to decide.
    with site.refused("material.quarantined"):
        site.act(lift, "qa.releaser.1")


def test_cells_that_qa_rejects_are_never_processed_and_their_custody_ends_with_disposal(stage: Stage) -> None:
    """Rejected cells are disposed of; disposal ends custody, and nothing is done with them afterwards."""
    site, bag = too_warm(stage)
    site.act(DecideQuarantine(materials=(bag,), decision="rejected", reason="12 C for 9 hours"), "qa.releaser.1")
    with site.refused("material.rejected"):
        site.perform("wash_collection")
    # I operate the plant; disposing of a patient's cells is QA's decision.
    with site.refused("authority.role"):
        site.act(Dispose(materials=(bag,), reason="rejected"), "operator.1")
    site.act(Dispose(materials=(bag,), reason="rejected"), "qa.releaser.1")
    assert site.now.materials[bag].ended == "disposed"
    assert custody_trail(site.now, bag)[-1].holder == ""
    assert gaps(site.now) == []
    with site.refused("identity.material-live"):
        site.act(Dispose(materials=(bag,), reason="again"), "qa.releaser.1")


@pytest.mark.parametrize(
    ("values", "follows"),
    [
        ({"lowest": "1.9 C"}, ["material.quarantined"]),
        ({"lowest": "2 C", "highest": "8 C"}, []),
        ({"minutes_unknown": "16 min"}, ["deviation.opened"]),
        ({"upright": "no"}, ["deviation.opened"]),
        ({"lowest": "1 C", "highest": "9 C", "upright": "no"}, ["material.quarantined"] * 2 + ["deviation.opened"]),
    ],
    ids=["too cold", "on the limits", "gap in the log", "tilted", "everything at once"],
)
def test_what_the_logger_says_decides(stage: Stage, values: dict[str, str], follows: list[str]) -> None:
    """Every limit that is not kept is told in the same record; gaps in the logger's data are unknown, not fine."""
    site = stage.at("transport")
    assert names(site.perform("transport", values=values).facts) == ["transport.reported", *follows]


# ------------------------------------------------------------------ 9 receipt


def test_a_broken_seal_quarantines_at_receipt(stage: Stage) -> None:
    """Cells whose seal is not as handed over are quarantined in the record of their receipt."""
    site = stage.at("receipt")
    receipt = site.perform("receipt", values={"seal_intact": "no"})
    assert names(receipt.facts) == ["material.received", "material.quarantined"]


def test_samples_taken_at_receipt_have_a_parent(stage: Stage) -> None:
    """Every sample is a material with a parent and a holder."""
    site = stage.at("receipt")
    bag = site.one("leukapheresis")
    site.do("receipt", scan={"samples": ["RS-1", "RS-2"]})
    assert [m.parent for m in site.now.live("receipt_sample")] == [bag, bag]
    assert gaps(site.now) == []


def test_the_logger_file_is_kept_by_its_hash(stage: Stage) -> None:
    """A raw file is named by its SHA-256, not by a name that anybody may reuse."""
    site = stage.at("transport")
    with site.refused("value.form"):
        site.perform("transport", values={"logger_file": "logger.csv"})
    site.perform("transport", values={"logger_file": "sha256:" + "A1" * 32})


def test_low_viability_at_receipt_is_a_major_deviation(stage: Stage) -> None:
    """Low viability is recorded as it was found."""
    site = stage.at("receipt")
    receipt = site.perform("receipt", values={"viability": "85 %"})
    assert names(receipt.facts) == ["material.received", "deviation.opened"]


# ------------------------------------------------------------------ 10 frozen or fresh


def test_fresh_cells_are_washed_and_frozen_cells_are_frozen_and_thawed(stage: Stage) -> None:
    """What was chosen at enrolment decides the path; a step of the other path is refused."""
    fresh = stage.at("wash_collection")
    with fresh.refused("order.applies"):
        fresh.perform("freeze_collection", material=fresh.one("leukapheresis"))
    frozen = stage.at("freeze_collection", BRUNO)
    with frozen.refused("order.applies"):
        frozen.perform("wash_collection")
    # Frozen cells are thawed before selection.
    frozen.do("freeze_collection")
    with frozen.refused("order.after"):
        frozen.perform("selection")
    frozen.do("thaw_collection")
    assert frozen.standing("selection") == "ready"


def test_freezing_too_fast_is_a_minor_deviation(stage: Stage) -> None:
    """The cooling rate is about one degree a minute."""
    site = stage.at("freeze_collection", BRUNO)
    receipt = site.perform("freeze_collection", values={"rate": "-5 C/min"})
    assert names(receipt.facts) == ["process.performed", "deviation.opened"]
