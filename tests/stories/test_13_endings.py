"""A patient may fail screening, withdraw or die at any step; what stops, what goes on and what becomes of the material follows the consent.

Source: process page row 8; 21 CFR 50.25(a)(8); 21 CFR 312.32; 21 CFR 1271.290; EU GMP Part IV 16.2; ICH E6(R3).
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from console.rehearsal import Patient
from protocol.audit import audit_all
from protocol.commands import (
    DecideQuarantine,
    Dispose,
    DropDisposal,
    FailScreening,
    KeepMaterial,
    ReportDeath,
    ReportEvent,
    ReturnMaterial,
    SignGrades,
    TakeBack,
    WithdrawPatient,
    WitnessDisposal,
)
from protocol.custody import custody_trail, gaps
from protocol.file import read_protocol
from protocol.reader import Reader
from protocol.worklist import worklist
from tests.stage import ANNA, BRUNO, Stage, Staged, names, study

pytestmark = pytest.mark.story
CLARA = Patient(3, "T-3")
INVESTIGATOR, QA = "investigator.1", "qa.releaser.1"
NO_RESEARCH = ("material", "data", "follow_up", "storage")


def withdraws(site: Staged, *what: str) -> list[str]:
    """The patient withdraws now; the facts' names."""
    command = WithdrawPatient.model_validate({"withdrawn": what, "at": site.clock(), "reason": "the patient's wish"})
    return names(site.act(command, INVESTIGATOR).facts)


def dies(site: Staged, reason: str = "progression") -> list[str]:
    """The patient dies now; the facts' names."""
    return names(site.act(ReportDeath(at=site.clock(), reason=reason), INVESTIGATOR).facts)


def adverse(site: Staged, term: str, **more: object) -> None:
    """An adverse event becomes known now."""
    told = {"term": term, "grade": 2, "onset": site.clock(), "related": "no", **more}
    site.act(ReportEvent.model_validate(told), INVESTIGATOR)


def live(site: Staged) -> dict[str, str]:
    """The live materials: code to kind."""
    return {m.code: m.kind for m in site.now.materials.values() if m.live}


def to_settle(site: Staged) -> dict[str, str]:
    """What the worklist says of material: code to the sentence."""
    return {i.material: i.says for i in worklist(site.now, site.protocol) if i.kind == "material"}


def audited(site: Staged) -> None:
    """The audit decides every record again as it was decided."""
    assert [finding.says for finding in audit_all(Reader(site.log))] == []


# ------------------------------------------------------------------ before the infusion


def test_who_withdraws_before_collection_frees_the_slots(stage: Stage) -> None:
    """Withdrawal from treatment stops the therapy, and the booked slots are free for others in the same record."""
    site = stage.at("apheresis")
    (suite,) = (slot for slot in site.now.slots if slot.resource == "suite")
    assert withdraws(site, "treatment") == ["patient.withdrew", "slots.freed"]
    assert site.now.stopped == "withdrawn"
    site.pass_(minutes=1)
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
    audited(site)


def test_who_withdraws_during_manufacture_is_complete_when_the_cells_are_disposed_of(stage: Stage) -> None:
    """The therapy stops; it is complete when nobody holds any of the patient's cells."""
    site = stage.at("expansion")
    withdraws(site, "treatment", "samples")
    site.pass_(minutes=1)
    with site.refused("order.done"):
        site.perform("expansion")
    assert "therapy.completed" not in names(site.system())
    assert set(to_settle(site)) == set(live(site))
    site.settle("withdrawn; nothing may be kept")
    assert gaps(site.now) == []
    site.system()
    assert site.now.completed == "withdrawn"
    audited(site)


def test_what_the_consent_permits_is_kept_under_a_named_holder(stage: Stage) -> None:
    """Material of a therapy that stopped is disposed of, returned, or kept by a named person at a place, as the consent permits."""
    site = stage.at("product_hand_over")
    (retained,) = [code for code, kind in live(site).items() if kind == "retained_sample"]
    (bag,) = [code for code, kind in live(site).items() if kind == "drug_product"]
    # While the therapy goes on, the bag is needed.
    with site.refused("custody.needed"):
        site.act(KeepMaterial(materials=(bag,), place="biobank", reason="just in case"), QA)
    withdraws(site, "treatment")
    assert "keep it (consent permits research)" in to_settle(site)[retained]
    # I hold the biobank's key. From my signature on I am accountable for the sample.
    with site.refused("authority.role"):
        site.act(KeepMaterial(materials=(retained,), place="biobank", reason="research"), "operator.1")
    with site.refused("custody.place-known"):
        site.act(KeepMaterial(materials=(retained,), place="ward", reason="research"), "receiver.1")
    site.act(KeepMaterial(materials=(retained,), place="biobank", reason="research"), "receiver.1")
    last = custody_trail(site.now, retained)[-1]
    assert (last.holder, last.place, last.until) == ("receiver.1", "biobank", None)
    assert last.how == "kept, as consent to research permits"
    site.act(ReturnMaterial(materials=(bag,), to="the manufacturer", reason="unused, for stability studies"), QA)
    assert site.now.materials[bag].ended == "returned to the manufacturer"
    assert "therapy.completed" not in names(site.system())
    site.settle("withdrawn")
    assert live(site) == {retained: "retained_sample"}
    site.system()
    assert site.now.completed == "withdrawn"
    assert gaps(site.now) == []
    audited(site)


def test_what_the_consent_does_not_permit_is_not_kept(stage: Stage) -> None:
    """Without consent to research the retained sample is disposed of; the refusal names the permission that is missing."""

    def without_research(site: Staged) -> None:
        site.perform("consent", permits=NO_RESEARCH)
        site.play(ANNA, "disposition")

    site = stage.of("Anna without research", without_research)
    (retained,) = [code for code, kind in live(site).items() if kind == "retained_sample"]
    withdraws(site, "treatment")
    assert to_settle(site)[retained].endswith(": dispose of it")
    with site.refused("consent.keeps") as told:
        site.act(KeepMaterial(materials=(retained,), place="biobank", reason="research"), QA)
    assert told.values["permit"] == "research"
    site.settle()
    site.system()
    assert site.now.completed == "withdrawn"
    audited(site)


def test_a_disposal_takes_two_people_where_the_study_says_so(stage: Stage) -> None:
    """The first signature ends nothing; custody ends when another person has seen the disposal, or it is dropped."""
    text = study().text.replace(
        "  kept_by: [qa_releaser, receiver]\n",
        "  kept_by: [qa_releaser, receiver]\n  disposal_witnessed_by: [operator, qa_releaser]\n",
    )
    site = stage.site(read_protocol(text))
    site.play(ANNA, "hand_over")
    bag = site.one("leukapheresis")
    withdraws(site, "treatment")
    signed = site.act(Dispose(materials=(bag,), reason="withdrawn"), QA)
    assert names(signed.facts) == ["disposal.signed"]
    assert site.now.materials[bag].live
    assert "waits for a witness" in to_settle(site)[bag]
    assert site.system() == []
    with site.refused("order.pending"):
        site.act(Dispose(materials=(bag,), reason="withdrawn"), "qa.releaser.2")
    with site.refused("authority.two-people"):
        site.act(WitnessDisposal(act=signed.link), QA)
    with site.refused("authority.role"):
        site.act(WitnessDisposal(act=signed.link), "courier.1")
    # The operator looks: it is another bag. It does not stand.
    site.act(DropDisposal(act=signed.link, reason="another bag was named"), "operator.1")
    assert not site.now.disposals
    again = site.act(Dispose(materials=(bag,), reason="withdrawn"), QA)
    seen = site.act(WitnessDisposal(act=again.link), "operator.1")
    assert names(seen.facts) == ["disposal.witnessed", "material.disposed"]
    assert site.now.materials[bag].ended == "disposed"
    site.system()
    assert site.now.completed == "withdrawn"
    assert gaps(site.now) == []
    audited(site)


def test_screening_does_not_fail_after_a_death_or_a_withdrawal(stage: Stage) -> None:
    """Why a therapy ended is told once: whoever has died, or has left treatment, does not fail screening any more."""
    for ends in (
        ReportDeath(at=stage.at("selection").clock(), reason="of the disease"),
        WithdrawPatient(withdrawn=("treatment",), at=stage.at("selection").clock(), reason="the patient's wish"),
    ):
        site = stage.at("selection")
        site.act(ends, "investigator.1")
        with site.refused("order.screening"):
            site.act(FailScreening(reason="not eligible after all"), "investigator.1")


def test_who_fails_screening_after_enrolment_stays_on_record_and_frees_the_slots(stage: Stage) -> None:
    """A screening failure found after enrolment, even after collection, stops the therapy; the cells are accounted for."""
    site = stage.at("hand_over")
    receipt = site.act(FailScreening(reason="CD22 lost on repeat biopsy"), INVESTIGATOR)
    assert names(receipt.facts) == ["screening.failed", "slots.freed"]
    assert site.now.subject
    assert site.now.slots == ()
    site.pass_(minutes=1)
    with site.refused("order.done"):
        site.perform("hand_over")
    assert "therapy.completed" not in names(site.system())
    site.settle("screening failed")
    site.system()
    assert site.now.completed == "screen_failure"
    audited(site)


def test_a_rejected_product_frees_what_was_booked_for_the_treatment(stage: Stage) -> None:
    """The ward's bed and the lymphodepletion are not kept for a product that will never come."""
    site = stage.at("disposition")
    ahead = {slot.code for slot in site.now.slots if slot.ends > site.clock()}
    receipt = site.perform("disposition", decision="rejected")
    (freed,) = [fact for fact in receipt.facts if names([fact]) == ["slots.freed"]]
    assert set(freed.model_dump()["slots"]) == ahead
    assert ahead
    audited(site)


def test_who_withdraws_between_lymphodepletion_and_infusion(stage: Stage) -> None:
    """The infusion does not take place, the bed is free, and the released bag is accounted for."""
    site = stage.at("pre_thaw_check")
    bag = site.one("drug_product")
    assert "patient.withdrew" in withdraws(site, "treatment")
    assert site.now.slots == () or all(slot.ends <= site.clock() for slot in site.now.slots)
    site.pass_(minutes=5)
    with site.refused("order.done"):
        site.perform("pre_thaw_check", material=bag)
    assert "keep it (consent permits storage)" in to_settle(site)[bag]
    site.settle("withdrawn after lymphodepletion")
    site.system()
    assert site.now.completed == "withdrawn"
    assert not site.now.infused
    audited(site)


def test_a_death_between_thaw_and_infusion(stage: Stage) -> None:
    """The thawed bag is not infused any more; it is disposed of, and the therapy ends as a death before infusion."""
    site = stage.at("bedside_check")
    bag = site.one("drug_product")
    dies(site, "cardiac arrest before the infusion")
    site.pass_(minutes=5)
    with site.refused("order.done"):
        site.perform("bedside_check", material=bag)
    assert site.now.materials[bag].holder == site.now.of_step("thaw")[0].second.account  # type: ignore[union-attr]
    site.settle("thawed for a patient who died")
    site.system()
    assert site.now.completed == "died"
    assert gaps(site.now) == []
    audited(site)


def test_what_happened_before_the_end_is_told_after_it(stage: Stage) -> None:
    """The cells were collected, then the patient withdrew, then somebody had time to write: both are on record, in their order."""
    site = stage.at("apheresis")
    began = site.clock()
    site.pass_(hours=4)
    withdraws(site, "treatment")
    site.pass_(minutes=30)
    with site.refused("order.done") as told:
        site.perform("apheresis", started=began, ended=site.clock())
    assert "withdrawn" in told.says
    site.do("apheresis", started=began, ended=began + timedelta(hours=3))
    (act,) = site.now.of_step("apheresis")
    assert act.by.recorded - act.fact.ended > timedelta(hours=1)
    assert to_settle(site)
    site.settle("withdrawn")
    site.system()
    assert site.now.completed == "withdrawn"
    audited(site)


def test_a_death_before_infusion_ends_the_therapy_and_frees_what_was_booked(stage: Stage) -> None:
    """Death is recorded with its time; nothing more is done, and nothing stays booked."""
    site = stage.at("selection")
    died = site.clock() - timedelta(hours=4)
    receipt = site.act(ReportDeath(at=died, reason="progression"), INVESTIGATOR)
    assert names(receipt.facts) == ["patient.died", "slots.freed"]
    assert site.now.died == died
    with site.refused("order.done"):
        site.perform("selection")
    with site.refused("order.done"):
        site.act(ReportDeath(at=died, reason="again"), INVESTIGATOR)
    site.settle("died before infusion")
    site.system()
    assert site.now.completed == "died"
    assert gaps(site.now) == []
    audited(site)


# ------------------------------------------------------------------ after the infusion: four things


def test_who_withdraws_from_treatment_after_infusion_is_still_followed(stage: Stage) -> None:
    """After infusion a withdrawal from treatment stops no visit, no result and no safety report."""
    site = stage.at("acute_monitoring")
    withdraws(site, "treatment")
    site.do("acute_monitoring", occurrence="D0")
    assert "therapy.completed" not in names(site.system())
    assert site.standing("follow_up", "M3") == "ready"


def test_who_withdraws_from_visits_is_not_visited_but_survival_and_safety_go_on(stage: Stage) -> None:
    """No visit is awaited or missed any more; survival is learnt without one, as consent permits, and a safety report is recorded."""
    site = stage.at("acute_monitoring")
    withdraws(site, "visits")
    site.pass_(minutes=1)
    with site.refused("order.done"):
        site.perform("acute_monitoring", occurrence="D0")
    assert site.standing("response_b_all", "M3") == "closed"
    assert site.standing("follow_up", "M3") == "ready"
    # Her general practitioner calls: fever, seven days later. The site knows it now, so it is recorded.
    site.pass_(days=7)
    adverse(site, "Fever")
    assert site.now.safety.events
    # A visit that took place before she withdrew can still be told.
    infused = site.now.of_step("infusion")[0].fact.ended
    site.do("acute_monitoring", occurrence="D0", started=infused, ended=infused)
    site.pass_(days=800)
    told = [f for f in site.system() if names([f]) == ["deadline.missed"]]
    assert {f.model_dump()["key"]["step"] for f in told} == {"follow_up"}
    audited(site)


def test_who_withdraws_from_data_gives_no_more_but_what_the_law_asks_for(stage: Stage) -> None:
    """No new data is recorded, survival included; an adverse event still is, because the law asks for it."""
    site = stage.at("acute_monitoring")
    withdraws(site, "data")
    site.pass_(minutes=1)
    for step, visit in (("acute_monitoring", "D0"), ("follow_up", "M3"), ("response_b_all", "M3")):
        with site.refused("order.done"):
            site.perform(step, occurrence=visit)
    adverse(site, "Fever", serious=True, criteria=["hospitalisation"])
    site.system()
    assert site.now.completed == "followed_to_the_end"
    # Months later another one comes to the site's knowledge.
    site.pass_(days=90)
    adverse(site, "Platelet count decreased")
    assert len(site.now.safety.events) == 2
    audited(site)


def test_withdrawing_from_data_alone_stops_no_treatment(stage: Stage) -> None:
    """Treatment, visits, data and samples are four things, and one has to be named."""
    site = stage.at("apheresis")
    with site.refused("record.complete"):
        withdraws(site)
    assert withdraws(site, "data") == ["patient.withdrew"]
    assert site.now.stopped == ""
    site.do("apheresis")
    # Neither does it close the door to lymphodepletion: the safety decision is about other patients' data.
    later = stage.at("safety_decision")
    withdraws(later, "data", "visits")
    later.do("safety_decision")
    later.play(ANNA, "lymphodepletion")
    assert later.standing("lymphodepletion", "1") == "ready"


def test_who_withdraws_from_samples_has_them_disposed_of_and_is_treated(stage: Stage) -> None:
    """Retained samples are put on the worklist to be disposed of; the therapy goes on, and is not complete while they are there."""
    site = stage.at("lymphodepletion")
    (retained,) = [code for code, kind in live(site).items() if kind == "retained_sample"]
    (bag,) = [code for code, kind in live(site).items() if kind == "drug_product"]
    withdraws(site, "samples")
    assert site.now.stopped == ""
    assert to_settle(site)[retained].endswith(": dispose of it")
    assert bag not in to_settle(site)
    with site.refused("consent.keeps"):
        site.act(KeepMaterial(materials=(retained,), place="biobank", reason="research"), QA)
    with site.refused("custody.dispose"):
        site.act(Dispose(materials=(bag,), reason="withdrawn"), QA)
    site.settle("withdrew from the use of samples")
    assert not site.now.materials[retained].live
    site.play(ANNA, "acute_monitoring")
    assert site.now.infused
    audited(site)


def test_samples_that_were_kept_are_disposed_of_when_the_patient_withdraws_later(stage: Stage) -> None:
    """A withdrawal from samples reaches what is in the biobank, after the therapy was completed too."""
    site = stage.at("product_hand_over")
    withdraws(site, "treatment")
    (retained,) = [code for code, kind in live(site).items() if kind == "retained_sample"]
    site.act(KeepMaterial(materials=(retained,), place="biobank", reason="research"), QA)
    site.settle("withdrawn")
    site.system()
    assert site.now.completed == "withdrawn"
    assert to_settle(site) == {}
    site.pass_(days=200)
    withdraws(site, "samples")
    assert to_settle(site)[retained].endswith(": dispose of it")
    site.act(Dispose(materials=(retained,), reason="withdrew from the use of samples"), QA)
    assert live(site) == {}
    audited(site)


def test_a_bag_that_is_left_over_after_a_withdrawal_is_still_accounted_for(stage: Stage) -> None:
    """One of two bags was infused; the therapy is not complete before the other one has ended too."""
    site = stage.at("acute_monitoring", BRUNO)
    (left,) = [m.code for m in site.now.materials.values() if m.kind == "drug_product" and m.live] or [""]
    assert site.now.infused
    assert left, "one bag waits while the first is being watched"
    withdraws(site, "treatment", "visits", "data")
    assert "therapy.completed" not in names(site.system())
    assert left in to_settle(site)
    site.settle("withdrawn")
    site.system()
    assert site.now.completed == "withdrawn"
    assert gaps(site.now) == []


# ------------------------------------------------------------------ a death, and what comes after


def test_a_death_after_infusion_closes_the_visits(stage: Stage) -> None:
    """A patient who died is not visited any more, and no window of hers is missed."""
    site = stage.at("acute_monitoring")
    site.do("acute_monitoring", occurrence="D0")
    site.pass_(days=3)
    dies(site, "sepsis")
    told = names(site.system())
    assert "deadline.missed" not in told
    site.settle("died")
    site.system()
    assert site.now.completed == "died"


def test_a_result_that_was_pending_when_the_patient_died_is_awaited_and_recorded(stage: Stage) -> None:
    """Sterility at day 14 comes after the death of an infused patient; a late positive still opens a critical deviation and alerts."""

    def infused_early(site: Staged) -> None:
        site.play(ANNA, "test_sterility_final")

    site = stage.of("before the final sterility", infused_early)
    while site.standing("infusion") != "done":
        (step, *_) = [
            i
            for i in worklist(site.now, site.protocol)
            if i.kind == "perform" and i.required and i.step != "test_sterility_final"
        ]
        site.pass_(minutes=5)
        site.do(step.step, occurrence=step.occurrence, material=step.material)
    site.pass_(hours=2)
    dies(site, "cytokine release syndrome")
    site.settle("died")
    # Somebody must still report what the culture showed: the sample is not settled, the therapy not complete before.
    assert site.standing("test_sterility_final") == "ready"
    assert site.system() == []
    sample = site.one("qc_sample")
    site.pass_(days=16)
    receipt = site.perform("test_sterility_final", values={"culture": "positive"}, scan={"sample": sample})
    assert "deviation.opened" in names(receipt.facts)
    assert "alert.raised" in names(receipt.facts)
    site.witness()
    assert site.settle("tested") == [sample]
    site.system()
    assert site.now.completed == "died"
    audited(site)


def test_the_last_visit_before_a_death_is_told_late_and_the_fatal_event_too(stage: Stage) -> None:
    """What was seen before the death is recorded after it; so is the adverse event that was fatal. A visit after it is refused."""
    site = stage.at("acute_monitoring")
    site.do("acute_monitoring", occurrence="D0")
    infused = site.now.of_step("infusion")[0].fact.ended
    site.clock.now = infused + timedelta(days=1, hours=4)
    dies(site, "cytokine release syndrome grade 5")
    site.settle("died")
    site.system()
    assert site.now.completed == "died"
    site.pass_(hours=20)
    seen = infused + timedelta(days=1, hours=1)
    site.do("acute_monitoring", occurrence="D1", started=seen, ended=seen, values={"temperature": "39 C"})
    with site.refused("order.completed") as told:
        site.perform("acute_monitoring", occurrence="D2")
    assert "the patient died" in told.says
    adverse(site, "Cytokine release syndrome", grade=5, serious=True, criteria=["death"], dlt=True)
    site.act(SignGrades(occurrence="D1", grades={"crs": 5}, why="fatal in the night"), "physician.1")
    late = site.now.of_step("acute_monitoring")[-1]
    assert late.by.recorded > site.now.died  # type: ignore[operator]
    assert late.fact.ended < site.now.died  # type: ignore[operator]
    audited(site)


def test_a_death_after_the_therapy_was_completed_is_recorded(stage: Stage) -> None:
    """Survival is learnt for as long as somebody learns it: a completed therapy takes the date of death."""
    site = stage.at("the end")
    site.pass_(days=400)
    assert dies(site, "relapse") == ["patient.died"]
    assert site.now.completed == "followed_to_the_end"
    assert site.now.died == site.clock()
    audited(site)


def test_a_death_is_not_reported_before_it_happened_nor_by_anybody(stage: Stage) -> None:
    """Not in the future, not before something that was done to the living patient, and by those who see patients."""
    site = stage.at("selection")
    with site.refused("time.future"):
        site.act(ReportDeath(at=site.clock() + timedelta(minutes=1), reason="sepsis"), INVESTIGATOR)
    with site.refused("authority.role"):
        site.act(ReportDeath(at=site.clock(), reason="sepsis"), "operator.1")
    collected = site.now.of_step("apheresis")[0].fact.started
    with site.refused("time.sequence"):
        site.act(ReportDeath(at=collected - timedelta(hours=1), reason="sepsis"), INVESTIGATOR)


def test_an_act_that_waits_when_the_patient_dies_is_still_signed(stage: Stage) -> None:
    """What was done was done: its second signature is not lost because the therapy stopped, or was completed."""
    site = stage.at("infusion")
    site.perform("infusion")
    dies(site, "heart failure")
    assert site.system() == []
    site.witness(by="physician.1")
    assert site.now.infused
    site.settle("died")
    site.system()
    assert site.now.completed == "died"
    audited(site)


def test_an_act_told_after_the_end_is_signed_second_and_nothing_hangs(stage: Stage) -> None:
    """A result told after completion waits for its reviewer in the worklist, and can be taken back."""
    site = stage.at("disposition")
    withdraws(site, "treatment")
    site.settle("withdrawn")
    site.system()
    (sample,) = [m.code for m in site.now.materials.values() if m.kind == "qc_sample"]
    site.pass_(days=14)
    told = site.perform("test_sterility_final", scan={"sample": sample})
    (item,) = [i for i in worklist(site.now, site.protocol) if i.kind == "second_signature"]
    assert item.act == told.link
    site.act(TakeBack(act=told.link, reason="another batch's report"), site.waiting().by.account)
    site.perform("test_sterility_final", scan={"sample": sample})
    site.witness()
    assert site.standing("test_sterility_final") == "done"
    audited(site)


# ------------------------------------------------------------------ each material's own clock


def test_each_collection_has_a_clock_of_its_own(stage: Stage) -> None:
    """Of two collections the older one is out of time first; only its cells are quarantined, and only its clock is told."""
    site = stage.at("hand_over")
    first = site.one("leukapheresis")
    site.do("hand_over", material=first)
    site.do("transport", material=first)
    site.do("receipt", material=first)
    site.correct("apheresis", "cd3_count", "5e8 cells", why="counted again")
    site.pass_(hours=30)
    site.do("second_collection", scan={"bag": "G123426150001"})
    second = "G123426150001"
    for step in ("label_collection", "hand_over", "transport", "receipt"):
        site.do(step, material=second)
    site.pass_(hours=16)
    missed = [f.model_dump() for f in site.system() if names([f]) == ["deadline.missed"]]
    assert [m["deadline"] for m in missed] == ["apheresis.end-start-24h"]
    # Two days after the first collection, 18 hours after the second: the old cells are out of time, the new are not.
    site.pass_(hours=3)
    site.system()
    assert site.now.materials[first].status == "quarantined"
    assert site.now.materials[second].status == "available"
    receipt = site.do("wash_collection", scan={"bags": [second]})
    assert names(receipt.facts) == ["process.performed"]
    site.act(DecideQuarantine(materials=(first,), decision="rejected", reason="too old"), QA)
    audited(site)
