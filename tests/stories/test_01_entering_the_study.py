"""Steps 1 to 4: consent, eligibility, enrolment, and the chain of slots.

A therapy begins with consent; eligibility is reviewed, identity is bound at enrolment, and the chain of slots is booked whole.

Source: 21 CFR 11.10(f) sequencing, 11.10(g) authority; NCT04283006 eligibility; 21 CFR 1271.290(c) distinct identification
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from console.rehearsal import Patient
from protocol.commands import FailScreening
from tests.stage import Stage, Staged, names

pytestmark = pytest.mark.story
CLARA = Patient(3, "T-3")


# ------------------------------------------------------------------ 1 consent


def test_a_therapy_begins_with_the_consent_and_with_nothing_else(stage: Stage) -> None:
    """No study step comes before the patient's consent; the therapy is pinned to the protocol in force."""
    site = stage.at("consent")
    # I am the investigator. I cannot assess somebody who has not consented: there is no such therapy.
    with site.refused("order.therapy"):
        site.act(site.form("eligibility", scan={}), "investigator.1")
    # I record the consent. One signature is enough, and the therapy is open.
    receipt = site.perform("consent", by="investigator.1")
    assert names(receipt.facts) == ["therapy.opened", "consent.given"]
    assert site.now.opened is not None
    assert site.now.opened.digest == site.protocol.digest
    assert site.standing("consent") == "done"
    assert site.standing("eligibility") == "ready"
    # A second consent under the same therapy is refused: it was opened already.
    with site.refused("order.therapy"):
        site.desk.open("T-1", site.form("consent"), site.sits("investigator.1"))


def test_the_consent_must_allow_what_the_study_needs(stage: Stage) -> None:
    """Consent to material, data and follow-up is required; storage and research are the patient's choice."""
    site = stage.at("consent")
    # The patient does not want to be followed up. I cannot include her.
    with site.refused("consent.requires") as told:
        site.perform("consent", permits=("material", "data"))
    assert told.values["missing"] == ["follow_up"]
    # I tick something that the form does not have.
    with site.refused("consent.known"):
        site.perform("consent", permits=("material", "data", "follow_up", "photographs"))
    # She allows what is needed, and no research. That is her right.
    site.perform("consent", permits=("material", "data", "follow_up"))


def test_only_an_investigator_takes_the_consent(stage: Stage) -> None:
    """Who may do what follows from the role."""
    site = stage.at("consent")
    # I coordinate the study. I cannot take the consent.
    with site.refused("authority.role"):
        site.perform("consent", by="coordinator.1")


def test_a_screening_number_is_used_once(stage: Stage) -> None:
    """A screening number belongs to one therapy for ever, also to one that failed screening."""
    site = stage.at("eligibility")
    assert site.now.opened is not None
    # I open the next patient's therapy and type the screening number of the one before.
    with site.refused("identity.new-code"):
        site.perform("consent", patient=CLARA, screening=site.now.opened.screening)
    # Nor can I leave it out.
    with site.refused("record.complete"):
        site.perform("consent", patient=CLARA, screening=None)


# ------------------------------------------------------------------ 2 eligibility


def test_a_patient_whose_cells_carry_no_cd20_cannot_be_called_eligible(stage: Stage) -> None:
    """CD20 and CD22 positive, relapsed or refractory, organ function adequate: else the outcome cannot be eligible."""
    site = stage.at("eligibility")
    for value, word in {"cd20": "negative", "cd22": "negative", "relapsed_refractory": "no"}.items():
        # I cannot write eligible beside this value.
        with site.refused(f"limit.eligibility.{value}"):
            site.perform("eligibility", values={value: word})
    # Nor can I leave the outcome open.
    with site.refused("record.outcome"):
        site.perform("eligibility", outcome=None)


def test_a_screen_failure_stays_on_record_and_ends_the_therapy(stage: Stage) -> None:
    """A patient who is not eligible leaves the study; the assessment and the screening number stay."""
    site = stage.at("eligibility")
    # I find the cells CD20 negative and say so: not eligible. That is a true record, not a refusal.
    site.perform("eligibility", values={"cd20": "negative"}, outcome="not_eligible")
    assert site.now.stopped == ""
    # The second physician agrees. Now it holds, and the system closes the therapy.
    site.witness(by="physician.1")
    assert site.now.stopped == "screen failure"
    assert names(site.system()) == ["therapy.completed"]
    assert site.now.completed == "screen_failure"
    # Nobody enrols this patient any more.
    with site.refused("order.completed"):
        site.perform("enrolment")


def test_screening_can_fail_without_an_assessment_but_not_once_treatment_began(stage: Stage) -> None:
    """A patient may fail screening at any time before treatment; afterwards one can only withdraw."""
    site = stage.at("eligibility")
    site.act(FailScreening(reason="moved away"), "investigator.1")
    site.system()
    assert site.now.completed == "screen_failure"

    treated = stage.at("pre_thaw_check")
    with treated.refused("order.screening"):
        treated.act(FailScreening(reason="moved away"), "investigator.1")


def test_the_second_physician_reviews_before_anybody_enrols(stage: Stage) -> None:
    """Eligibility stands when a physician other than the investigator has reviewed it."""
    site = stage.at("eligibility")
    site.perform("eligibility", by="investigator.1")
    # I coordinate; I see the assessment, but it is not reviewed. I must wait.
    with site.refused("order.after"):
        site.perform("enrolment")
    # The investigator's colleague is no physician in this study; the role counts.
    with site.refused("authority.role"):
        site.witness(by="investigator.2")
    site.witness(by="physician.1")
    assert site.standing("enrolment") == "ready"


def test_old_infection_markers_are_recorded_and_open_a_deviation(stage: Stage) -> None:
    """Markers older than 28 days: the truth is recorded, and a minor deviation stands in the same record."""
    site = stage.at("eligibility")
    drawn = (site.clock() - timedelta(days=40)).date().isoformat()
    receipt = site.perform("eligibility", values={"markers_drawn": drawn})
    assert names(receipt.facts) == ["patient.assessed", "deviation.opened"]
    assert receipt.warnings
    (deviation,) = site.now.deviations.values()
    assert (deviation.code, deviation.grade) == ("D-1", "minor")


# ------------------------------------------------------------------ 3 enrolment


def test_enrolment_binds_three_new_codes(stage: Stage) -> None:
    """Subject number, chain-of-identity id and wristband are bound before any collection, each its own code."""
    site = stage.at("enrolment")
    # I forget to scan the wristband.
    with site.refused("record.complete") as told:
        site.perform("enrolment", scan={"wristband": []})
    assert told.values["missing"] == ["wristband"]
    # I scan the subject number's label as the wristband.
    with site.refused("identity.new-code"):
        site.perform("enrolment", subject="S-1", coi="COI-1", scan={"wristband": "S-1"})
    # I take the screening number for the subject number: it is in use, for this same patient.
    assert site.now.opened is not None
    with site.refused("identity.new-code"):
        site.perform("enrolment", subject=site.now.opened.screening)
    site.do("enrolment", subject="S-1", coi="COI-1", scan={"wristband": "W-1"})
    assert (site.now.subject, site.now.coi, site.now.wristband) == ("S-1", "COI-1", "W-1")


def test_cohort_dose_level_and_starting_material_are_chosen_at_enrolment(stage: Stage) -> None:
    """Every choice of the protocol is made, each from its own options."""
    site = stage.at("enrolment")
    with site.refused("record.choices") as told:
        site.perform("enrolment", choices={"cohort": "B-ALL"})
    assert told.values["missing"] == ["dose_level", "starting_material"]
    with site.refused("record.choices"):
        site.perform("enrolment", choices={"cohort": "AML", "dose_level": "level_1", "starting_material": "fresh"})


def test_a_code_of_another_patient_is_never_bound_again(stage: Stage) -> None:
    """A wristband that another patient wears stops the enrolment, and both patients are held."""
    site = stage.at("enrolment", other=True)
    her_wristband = site.desk.therapy("T-2").wristband
    with site.refused("identity.wrong-item", records=1):
        site.perform("enrolment", scan={"wristband": her_wristband})
    assert site.now.holds
    assert site.desk.therapy("T-2").holds
    # The same holds for her subject number and her chain of identity.
    other = stage.at("enrolment", other=True)
    with other.refused("identity.wrong-item", records=1):
        other.perform("enrolment", subject=other.desk.therapy("T-2").subject)


def test_enrolment_is_seconded_by_another_coordinator(stage: Stage) -> None:
    """The chain of identity begins with two coordinators; until then nobody has a wristband."""
    site = stage.at("enrolment")
    site.perform("enrolment", by="coordinator.1")
    assert site.now.wristband == ""
    with site.refused("authority.two-people"):
        site.witness(by="coordinator.1")
    site.witness(by="coordinator.2")
    assert site.now.wristband


def test_an_assessment_older_than_28_days_is_done_again(stage: Stage) -> None:
    """Nobody is enrolled on an assessment that has grown too old; screening is repeated, at most three times."""
    site = stage.at("enrolment")
    site.pass_(days=29)
    with site.refused("clock.enrolment"):
        site.perform("enrolment")
    # I screen again. The newer assessment counts.
    site.do("eligibility")
    site.do("enrolment")
    assert site.now.subject


# ------------------------------------------------------------------ 4 slots


def test_the_whole_chain_is_booked_in_one_act(stage: Stage) -> None:
    """Apheresis, courier, suite, tests, lymphodepletion and bed are booked together, so that no link is missing."""
    site = stage.at("slot_chain")
    slots = site.form("slot_chain").slots
    with site.refused("record.complete") as told:
        site.perform("slot_chain", slots=slots[:-1])
    assert told.values["missing"] == ["bed"]
    turned = slots[0].model_copy(update={"starts": slots[0].ends, "ends": slots[0].starts})
    with site.refused("time.order"):
        site.perform("slot_chain", slots=(turned, *slots[1:]))
    site.perform("slot_chain")
    assert len(site.now.slots) == 6


def both_want_the_suite(stage: Stage) -> tuple[Staged, dict[str, Any]]:
    """Two patients before their booking, and the second's form with the first one's suite and hours."""
    site = stage.at("slot_chain")
    site.play(CLARA, "slot_chain")
    mine = site.form("slot_chain").slots
    hers = site.form("slot_chain", patient=CLARA).slots
    suite = next(slot for slot in mine if slot.resource == "suite")
    clash = tuple(suite if slot.resource == "suite" else slot for slot in hers)
    return site, {"slots": clash}


def test_a_slot_is_booked_for_one_patient(stage: Stage) -> None:
    """Two patients cannot have the same suite at the same hour."""
    site, clash = both_want_the_suite(stage)
    site.perform("slot_chain")
    with site.refused("booking.free") as told:
        site.perform("slot_chain", patient=CLARA, **clash)
    assert told.values["taken_by"] == "T-1"


def test_a_hold_that_nobody_confirms_expires_and_the_slots_can_be_booked_again(stage: Stage) -> None:
    """Booked slots are held for 48 hours. Unless confirmed they are given back, and somebody else may have them."""
    site, clash = both_want_the_suite(stage)
    site.perform("slot_chain")
    assert names(site.system()) == ["deadline.set"]
    # After two days the hospital has not confirmed. The system frees the slots, once, with a minor deviation.
    site.pass_(hours=48, minutes=1)
    assert names(site.system()) == ["deadline.missed", "slots.freed", "deviation.opened"]
    assert site.system() == []
    assert site.now.slots == ()
    with site.refused("order.after"):
        site.perform("slot_confirmation")
    # The other patient gets the suite.
    site.perform("slot_chain", patient=CLARA, **clash)
    # We book a new chain at other hours; this time it is confirmed, and nothing is given back any more.
    later = tuple(
        s.model_copy(update={"starts": s.starts + timedelta(days=3), "ends": s.ends + timedelta(days=3)})
        for s in site.form("slot_chain").slots
    )
    site.perform("slot_chain", slots=later)
    site.do("slot_confirmation")
    site.pass_(hours=60)
    assert "slots.freed" not in names(site.system())
    assert len(site.now.slots) == 6


def test_a_hold_that_has_not_expired_is_left_alone(stage: Stage) -> None:
    """Before the 48 hours are over nothing is freed, however often the system looks."""
    site = stage.at("slot_chain")
    site.perform("slot_chain")
    site.system()
    site.pass_(hours=47, minutes=59)
    assert site.system() == []
