"""What fails can be made again or collected again, and every batch stays on record; a recalled lot is found in every patient at once.

Source: process page rows 1, 6 and 7, and Readiness; 21 CFR 1271.290(b) to (e); 21 CFR 211.165(f); EU ATMP GMP 6.31 and 11.5.
"""

from __future__ import annotations

import pytest

from console.rehearsal import Patient, lot_code
from events.errors import Unavailable
from events.facts.alerts import AlertRaised
from events.facts.base import TherapyFact
from events.facts.quality import DeviationOpened, MaterialQuarantined
from events.facts.site import LotRecalled
from events.facts.steps import DispositionDecided
from events.identifiers import Bag
from events.log import Appended
from events.reading import read_record
from flows.outlook import steps as shown
from projections.rows import rows_of
from protocol.audit import audit_all
from protocol.commands import (
    AssessDeviation,
    BeginRemake,
    Correct,
    DecideFailure,
    Dispose,
    FailManufacture,
    TerminateTherapy,
    WithdrawPatient,
)
from protocol.custody import gaps
from protocol.desk import Receipt
from protocol.genealogy import origins
from protocol.reader import Reader
from protocol.release import evaluate
from protocol.schedule import schedule
from protocol.trace import behind, uses_of
from protocol.worklist import resting_state, worklist
from tests.stage import ANNA, BRUNO, LONG, START, Stage, Staged, names

pytestmark = pytest.mark.story
CAREFUL = Patient(4, "T-4", {"cohort": "B-ALL", "starting_material": "fresh"}, reserve=1)
"""A patient of whose starting material a part is kept in reserve."""
OPERATOR, QA, INVESTIGATOR = "operator.1", "qa.releaser.1", "investigator.1"


def settled(site: Staged) -> None:
    """Every record of the story is decided again as it was decided, and no custody has a gap."""
    assert audit_all(Reader(site.log)) == []
    assert gaps(site.now) == []


def fail(
    site: Staged, step: str, *, ends: tuple[str, ...], retains: tuple[str, ...] = (), by: str = OPERATOR
) -> Receipt:
    """The operator reports that manufacture failed."""
    return site.act(FailManufacture(step=step, says="turbid, Gram positive", ends=ends, retains=retains), by)


def failed(stage: Stage, patient: Patient = CAREFUL) -> tuple[Staged, str]:
    """The culture was lost during expansion, and QA has confirmed it; the reserve is retained."""
    site = stage.at("expansion", patient)
    culture = site.one("intermediate")
    fail(site, "expansion", ends=(culture,), retains=tuple(m.code for m in site.now.live("starting_reserve")))
    site.act(DecideFailure(failure="F-1", decision="confirmed", reason="seen in the laboratory"), QA)
    assess(site)
    return site, culture


def assess(site: Staged) -> None:
    """QA assesses what is open: a major deviation without an assessed impact blocks the release of the next batch too."""
    for deviation in site.now.deviations.values():
        if not deviation.closed and not deviation.impact:
            site.act(AssessDeviation(deviation=deviation.code, impact="the batch was given up"), QA)


def remake(site: Staged, start: str, by: str = QA) -> Receipt:
    """The product is made again."""
    return site.act(BeginRemake(start=start, reason="the patient is fit, the slot is free"), by)


# ------------------------------------------------------------------ row 7: manufacture fails


def test_a_failure_of_manufacture_takes_two_people_and_stops_what_is_lost_at_once(stage: Stage) -> None:
    """The operator's report quarantines the culture and opens a deviation at once; only QA's confirmation ends it."""
    site = stage.at("expansion", CAREFUL)
    culture, reserve = site.one("intermediate"), site.one("starting_reserve")
    receipt = fail(site, "expansion", ends=(culture,), retains=(reserve,))
    assert names(receipt.facts) == ["manufacture.failed", "deviation.opened", "material.quarantined"]
    assert site.now.materials[culture].live
    assert site.now.materials[reserve].status == "available"
    # Nothing goes on with it while QA looks; and whoever waits for whom is told.
    with site.refused("material.quarantined"):
        site.perform("expansion")
    (item,) = [i for i in worklist(site.now, site.protocol) if i.kind == "failure"]
    assert (item.roles, item.material) == (("qa_releaser",), "F-1")
    assert resting_state(site.now, site.protocol)[0] == "AwaitingSignature"
    # The operator cannot confirm it under any account; nobody reports a second one meanwhile.
    moonlight = site.hire(site.person(OPERATOR), "moonlight", "qa_releaser")
    confirm = DecideFailure(failure="F-1", decision="confirmed", reason="seen in the laboratory")
    with site.refused("authority.two-people"):
        site.act(confirm, moonlight)
    with site.refused("authority.role"):
        site.act(confirm, "ward.nurse.1")
    with site.refused("manufacture.fails-once"):
        fail(site, "expansion", ends=(culture,), retains=(reserve,))
    with site.refused("order.pending"):
        remake(site, "thaw_reserve")
    receipt = site.act(confirm, QA)
    assert names(receipt.facts) == ["manufacture_failure.decided", "material.disposed"]
    assert site.now.materials[culture].ended == "disposed"
    assert site.now.stopped == "manufacture failed"
    with site.refused("order.done"):
        site.perform("expansion")
    settled(site)


def test_every_material_of_a_failed_batch_has_one_fate(stage: Stage) -> None:
    """Each live material that the product needs is named once, lost or retained; what is no starting material is not retained."""
    site = stage.at("expansion", CAREFUL)
    culture, reserve = site.one("intermediate"), site.one("starting_reserve")
    sample = site.now.live("receipt_sample")[0].code
    for ends, retains in (
        ((), ()),
        ((culture,), ()),
        ((culture, reserve), (reserve,)),
        ((reserve,), (culture,)),
        ((culture, reserve), (sample,)),
        ((culture, reserve, CAREFUL.din.number), ()),
    ):
        with site.refused("manufacture.one-fate"):
            fail(site, "expansion", ends=ends, retains=retains)
    with site.refused("identity.material"):
        fail(site, "expansion", ends=(culture, "X-1"), retains=(reserve,))
    with site.refused("manufacture.step"):
        site.act(FailManufacture(step="lymphodepletion", says="no", ends=(culture,), retains=(reserve,)), OPERATOR)
    with site.refused("order.step-known"):
        site.act(FailManufacture(step="fermentation", says="no", ends=(culture,), retains=(reserve,)), OPERATOR)
    with site.refused("authority.role"):
        fail(site, "expansion", ends=(culture,), retains=(reserve,), by="ward.nurse.1")
    settled(site)


def test_a_failure_that_was_none_is_declined_and_manufacture_goes_on(stage: Stage) -> None:
    """QA declines the report: nothing ended, QA lifts the quarantine, and the same batch is made on."""
    site = stage.at("expansion", CAREFUL)
    culture, reserve = site.one("intermediate"), site.one("starting_reserve")
    fail(site, "expansion", ends=(culture,), retains=(reserve,))
    site.act(DecideFailure(failure="F-1", decision="declined", reason="the sample was mixed up"), QA)
    assert site.now.materials[culture].live
    with site.refused("remake.ground"):
        remake(site, "thaw_reserve")
    with site.refused("manufacture.waiting"):
        site.act(DecideFailure(failure="F-1", decision="confirmed", reason="after all"), QA)
    lift(site, culture)
    site.do("expansion")
    assert site.now.batch == 1
    settled(site)


def lift(site: Staged, code: str) -> None:
    """QA lifts a quarantine."""
    from protocol.commands import DecideQuarantine

    site.act(DecideQuarantine(materials=(code,), decision="lifted", reason="looked at again"), QA)


def test_a_remake_does_every_step_anew_and_the_first_batch_stays_on_record(stage: Stage) -> None:
    """From the retained starting material a second batch is made to the infusion; acts and values of the first are kept beside it."""
    site, culture = failed(stage)
    before = {at: act.by.link for at, act in site.now.acts.items()}
    grown = [at for at in before if at.step == "selection"]
    (item,) = [i for i in worklist(site.now, site.protocol) if i.kind == "way_out"]
    assert {"qa_releaser", "investigator"} == set(item.roles)
    assert "--from thaw_reserve" in item.says
    receipt = remake(site, "thaw_reserve")
    assert names(receipt.facts) == ["remake.begun"]
    assert site.now.batch == 2
    # Everything from there on is ready again, and nothing of the first batch counts for it.
    assert site.standing("thaw_reserve") == "ready"
    assert [site.standing(step) for step in ("selection", "expansion", "disposition")] == ["waiting"] * 3
    assert not site.now.of_step("selection")
    assert set(grown) <= set(site.now.earlier_acts)
    site.play(CAREFUL, "disposition")
    (again,) = site.now.of_step("selection")
    assert str(again.at) == "selection (batch 2)"
    new = site.one("intermediate") if site.now.live("intermediate") else again.fact.created[0].code
    assert new != culture
    assert site.now.materials[new].parents == tuple(m for m in again.fact.consumed)
    site.play(CAREFUL)
    assert site.now.completed == "followed_to_the_end"
    # History, calendar and flow run show both batches, each record under its own name.
    calendar = {e.at for e in schedule(site.now, site.protocol) if e.standing == "done"}
    assert {*before} <= calendar
    assert {at for at in site.now.acts if at.batch == 2} <= calendar
    rows = rows_of(site.now, site.protocol)
    assert rows["batch_status"][0]["batch"] == 2
    assert {r["batch"] for r in rows["patient_schedule"] if r["step"] == "selection"} == {1, 2}
    labels = [step.label for step in shown(site.desk, site.now)]
    assert sum(label.startswith("selection: ") for label in labels) == 1
    assert sum(label.startswith("selection (batch 2): ") for label in labels) == 1
    assert len({step.key for step in shown(site.desk, site.now)}) == len(labels)
    settled(site)


def test_the_release_of_a_second_batch_looks_only_at_its_own_results(stage: Stage) -> None:
    """A result that failed the first batch stays on record and decides nothing of the second; a missing one is pending, not old."""
    site = stage.at("disposition", CAREFUL)
    site.correct("test_safety", "rcl", "positive")
    assert verdicts(site)["rcl"] == "failed"
    bag = site.one("drug_product")
    site.perform("disposition", decision="rejected")
    site.act(Dispose(materials=(bag,), reason="rejected by QA"), QA)
    assert site.system() == []
    remake(site, "thaw_reserve")
    assert set(verdicts(site).values()) == {"pending"}
    site.play(CAREFUL, "disposition")
    assert verdicts(site)["rcl"] == "passed"
    # The result of the first batch stands where it stood; so does its rejection.
    old = [
        now.value for (at, name), now in site.now.earlier_readings.items() if (at.step, name) == ("test_safety", "rcl")
    ]
    assert old == ["positive"]
    assert [d.decision for d in site.now.earlier_dispositions] == ["rejected"]
    assert site.now.disposition is None
    # The deviation that the first batch's result opened is assessed before anything is released.
    assess(site)
    site.perform("disposition")
    decided = [f for stored in site.log.stream("therapy/T-4") for f in read_record(stored).facts]
    assert [f.decision for f in decided if isinstance(f, DispositionDecided)] == ["rejected", "released"]
    settled(site)


def verdicts(site: Staged) -> dict[str, str]:
    """The verdict of each criterion as it stands."""
    return {c.name: c.verdict for c in evaluate(site.now, site.protocol)}


def test_what_is_left_of_the_first_batch_is_not_used_for_the_second(stage: Stage) -> None:
    """A sample of the first batch cannot be tested for the second, and a late value is corrected in the batch it belongs to."""
    site = stage.at("disposition", CAREFUL)
    sample, bag = site.one("qc_sample"), site.one("drug_product")
    site.perform("disposition", decision="rejected")
    receipt = remake(site, "thaw_reserve")
    assert bag in receipt.warnings[0]
    assert sample in receipt.warnings[0]
    site.play(CAREFUL, "test_vcn")
    with site.refused("identity.batch"):
        site.perform("test_vcn", scan={"sample": sample})
    site.do("test_vcn")
    # The value of the first batch is corrected there; that of the second stands.
    wrong = Correct(step="test_vcn", batch=1, reading="vcn", value="3 copies/cell", why="misread")
    site.act(wrong, "qc.analyst.1")
    values = {at.batch: now for (at, name), now in (*site.now.earlier_readings.items(), *site.now.readings.items())
              if (at.step, name) == ("test_vcn", "vcn")}  # fmt: skip
    assert (values[1].value, values[1].corrections) == ("3", 1)
    assert values[2].corrections == 0
    # What is left of the first batch may be disposed of while the therapy goes on; what is made now may not.
    site.act(Dispose(materials=(bag, sample), reason="first batch, rejected"), QA)
    with site.refused("custody.dispose"):
        site.act(Dispose(materials=(site.one("qc_sample"),), reason="why not"), QA)
    settled(site)


def test_a_remake_without_starting_material_is_refused_and_says_what_is_missing(stage: Stage) -> None:
    """Where nothing was retained, the refusal names what there was and offers to collect again."""
    site, _ = failed(stage, ANNA)
    with site.refused("remake.material") as told:
        remake(site, "thaw_reserve")
    assert "there is none" in told.says
    assert "--from apheresis" in told.advice
    with site.refused("remake.material") as told:
        remake(site, "selection")
    assert f"{ANNA.din.number} is consumed" in told.says
    with site.refused("remake.way"):
        remake(site, "harvest")
    settled(site)


def test_a_remake_needs_a_ground_and_the_role_that_the_study_names(stage: Stage) -> None:
    """Nothing is made again while nothing failed, nor by somebody whom the study does not name."""
    site = stage.at("expansion", CAREFUL)
    with site.refused("remake.ground"):
        remake(site, "thaw_reserve")
    with site.refused("remake.ground"):
        site.act(TerminateTherapy(reason="tired of it"), INVESTIGATOR)
    site, _ = failed(stage)
    with site.refused("authority.role"):
        remake(site, "thaw_reserve", by=OPERATOR)
    with site.refused("authority.role"):
        remake(site, "apheresis", by=QA)
    with site.refused("authority.role"):
        site.act(TerminateTherapy(reason="no more"), OPERATOR)
    settled(site)


# ------------------------------------------------------------------ row 6: re-apheresis


def test_after_a_failure_cells_are_collected_again_under_a_new_din(stage: Stage) -> None:
    """A new DIN under the same chain of identity; clocks run from the new collection, and both collections stay in the genealogy."""
    site, culture = failed(stage, ANNA)
    coi, first = site.now.coi, ANNA.din.number
    site.pass_(days=9)
    remake(site, "apheresis", by=INVESTIGATOR)
    assert site.standing("apheresis") == "ready"
    site.do("apheresis")
    second = site.one("leukapheresis")
    assert second != first
    assert site.now.coi == coi
    # The clock of 24 hours runs from this collection: nine days after the first one nothing is late.
    opened = len(site.now.deviations)
    site.play(ANNA, "disposition")
    assert len(site.now.deviations) == opened
    bag = site.one("drug_product")
    assert origins(site.now, bag) == (second,)
    assert origins(site.now, culture) == (first,)
    assert bag.startswith(second)
    settled(site)


def test_a_bag_of_the_second_collection_does_not_carry_the_number_of_the_first(stage: Stage) -> None:
    """The label of a bag names a collection that it was really made from; the patient's other DIN is refused."""
    site, _ = failed(stage, ANNA)
    remake(site, "apheresis", by=INVESTIGATOR)
    site.play(ANNA, "harvest")
    with site.refused("identity.bag-number"):
        site.perform("harvest", scan={"bags": Bag(ANNA.din, "S1150VC0").scanned()})


def ended(site: Staged) -> None:
    """Followed to the end; the therapy is complete once what earlier batches left behind has ended too."""
    assert site.settle("of an earlier batch")
    site.system()
    assert site.now.completed == "followed_to_the_end"


def test_after_a_rejected_product_the_therapy_waits_for_a_way_out(stage: Stage) -> None:
    """A rejection stops the therapy but does not end it: somebody makes again, collects again, or ends it."""
    site = stage.at("disposition")
    bag = site.one("drug_product")
    site.perform("disposition", decision="rejected")
    site.act(Dispose(materials=(bag,), reason="rejected by QA"), QA)
    assert site.system() == []
    assert resting_state(site.now, site.protocol)[0] == "AwaitingDecision"
    remake(site, "apheresis", by=INVESTIGATOR)
    assert site.now.stopped == ""
    site.play(ANNA)
    ended(site)
    settled(site)


def test_a_therapy_is_ended_where_no_way_out_is_taken(stage: Stage) -> None:
    """The investigator ends it with a reason: booked slots are free again, and it completes when all material has ended."""
    site, _ = failed(stage, CAREFUL)
    receipt = site.act(TerminateTherapy(reason="the disease progressed"), INVESTIGATOR)
    assert names(receipt.facts)[0] == "therapy.terminated"
    with site.refused("remake.ground"):
        remake(site, "thaw_reserve")
    assert site.system() == []
    reserve = site.one("starting_reserve")
    assert reserve in site.settle("therapy ended")
    assert names(site.system()) == ["therapy.completed"]
    assert site.now.completed == "manufacture_failed"
    settled(site)


def test_a_patient_who_withdrew_is_not_collected_again(stage: Stage) -> None:
    """After a withdrawal from treatment no way out is left, and the therapy completes without one."""
    site, _ = failed(stage, ANNA)
    withdraw = WithdrawPatient(withdrawn=("treatment",), at=site.clock(), reason="another treatment")
    site.act(withdraw, INVESTIGATOR)
    with site.refused("remake.ground"):
        remake(site, "apheresis", by=INVESTIGATOR)
    site.settle("withdrawn")
    assert names(site.system()) == ["therapy.completed"]
    settled(site)


def test_a_third_batch_can_follow_a_second_that_failed_too(stage: Stage) -> None:
    """Each batch has its number, its acts and its failure; the third is made from a new collection."""
    site, _ = failed(stage)
    remake(site, "thaw_reserve")
    site.play(CAREFUL, "transduction")
    culture = site.one("intermediate")
    fail(site, "transduction", ends=(culture,))
    site.act(DecideFailure(failure="F-2", decision="confirmed", reason="seen"), QA)
    assess(site)
    remake(site, "apheresis", by=INVESTIGATOR)
    site.play(CAREFUL)
    ended(site)
    assert {at.batch for at in site.now.every_act if at.step == "selection"} == {1, 2, 3}
    assert {f.batch: f.code for f in site.now.failures.values()} == {1: "F-1", 2: "F-2"}
    settled(site)


# ------------------------------------------------------------------ a lot is recalled


def test_a_recall_reaches_every_patient_in_one_record_and_quarantines_at_once(stage: Stage) -> None:
    """The vector is recalled: in one record the lot, and every patient's cells and bags that descend from it, are stopped."""
    site = stage.at("harvest", other=True)
    before, vector = site.log.size(), lot_code("vector")
    culture = site.one("intermediate")
    hers = [m.code for m in site.therapy(BRUNO).live("drug_product")]
    (receipt,) = site.desk.recall_lot(vector, "particles reported by the maker", site.sits("quality.1"))
    assert site.log.size() == before + 1
    record = read_record(next(iter(site.log.read(receipt.position, receipt.position + 1))))
    assert set(record.statement.heads) == {f"lot/{vector}", "therapy/T-1", "therapy/T-2"}
    assert [f.wire for f in receipt.facts if not isinstance(f, TherapyFact)] == ["lot.recalled.v1"]
    # Anna's culture, on which it was used; Bruno's bags, which were made from such a culture weeks later.
    assert site.now.materials[culture].status == "quarantined"
    assert {site.therapy(BRUNO).materials[code].status for code in hers} == {"quarantined"}
    # What was never touched by it is left alone: the sample that was drawn before, the reserve of another day.
    assert {m.status for m in site.therapy(BRUNO).live("receipt_sample")} == {"available"}
    with site.refused("material.quarantined"):
        site.perform("harvest")
    for patient in (ANNA, BRUNO):
        told = {i.kind for i in worklist(site.therapy(patient), site.protocol)}
        assert "quarantine" in told
        assert site.therapy(patient).recalls[vector].reason == "particles reported by the maker"
    # QA of each patient decides, bag by bag, as after any quarantine.
    lift(site, culture)
    site.do("harvest")
    settled(site)


def test_further_use_of_a_recalled_lot_is_refused_and_a_new_release_does_not_clear_it(stage: Stage) -> None:
    """No step uses a recalled lot again, whatever is released under its code afterwards; it is recalled once."""
    site = stage.at("transduction")
    vector = lot_code("vector")
    site.recall_lot("vector", "particles")
    with site.refused("readiness.lot") as told:
        site.perform("transduction")
    assert "was recalled (particles)" in told.says
    site.release_lot("vector", START + LONG, vector)
    with site.refused("readiness.lot"):
        site.perform("transduction")
    with site.refused("lot.recalled"):
        site.recall_lot("vector", "once more")
    with site.refused("authority.role"):
        site.desk.recall_lot(lot_code("medium"), "particles", site.sits(OPERATOR))
    settled(site)


def test_a_lot_that_is_in_the_patient_already_alerts_the_physician(stage: Stage) -> None:
    """The bag has been infused: nothing is left to hold, so a critical deviation opens and the study's physician is alerted."""
    site = stage.at("the end")
    bag = next(m.code for m in site.now.materials.values() if m.ended == "infused")
    (receipt,) = site.desk.recall_lot(lot_code("vector"), "replication-competent virus", site.sits("quality.1"))
    assert site.now.recalls[lot_code("vector")].infused == (bag,)
    deviation = next(f for f in receipt.facts if isinstance(f, DeviationOpened))
    assert (deviation.grade, deviation.rule) == ("critical", "lot.recalled")
    assert bag in deviation.says
    alert = next(f for f in receipt.facts if isinstance(f, AlertRaised))
    assert alert.roles == ("physician",)
    # The therapy is complete; QA's duty and the physician's are not.
    assert site.now.completed == "followed_to_the_end"
    assert {"alert", "deviation"} <= {i.kind for i in worklist(site.now, site.protocol)}
    settled(site)


def test_a_lot_that_was_given_to_the_patient_is_told_as_that(stage: Stage) -> None:
    """Fludarabine goes into the patient, not into the cells: no bag is held for it, and the physician hears at once."""
    site = stage.at("pre_thaw_check")
    (receipt,) = site.desk.recall_lot(lot_code("fludarabine"), "wrong strength", site.sits("quality.1"))
    reached = site.now.recalls[lot_code("fludarabine")]
    assert (reached.given, reached.materials, reached.infused) == (True, (), ())
    assert [key.occurrence for key in reached.uses] == ["1", "2", "3"]
    assert {"deviation.opened", "alert.raised"} <= set(names(receipt.facts))
    assert not any(isinstance(f, MaterialQuarantined) for f in receipt.facts)
    settled(site)


def test_an_act_that_waits_for_its_witness_is_reached_too(stage: Stage) -> None:
    """The act that used the lot waits for its second signature: what it makes is held before it is there."""
    site = stage.at("harvest")
    site.perform("harvest")
    made = [new.code for act in site.now.pending.values() for new in act.fact.created if new.kind == "drug_product"]
    site.recall_lot("cryoprotectant", "cracked vials")
    assert set(made) <= set(site.now.recalls[lot_code("cryoprotectant")].materials)
    site.witness()
    assert {site.now.materials[code].status for code in made} == {"quarantined"}
    settled(site)


def test_who_uses_a_lot_while_it_is_being_recalled_is_seen_or_refused(stage: Stage) -> None:
    """Two desks at the same moment: whichever record comes first, the recall finds the step or the step finds the recall."""
    site = stage.at("transduction")
    other = stage.again(site)
    form, append = site.form("transduction"), site.log.append

    def recalled_first(value: bytes) -> Appended:
        site.log.append = append  # type: ignore[method-assign]
        other.recall_lot("vector", "particles")
        return append(value)

    # She has signed; before her record arrives at the log, the recall has arrived.
    site.log.append = recalled_first  # type: ignore[method-assign]
    with site.refused("readiness.lot", records=1):
        site.desk.act(ANNA.therapy, form, site.sits(OPERATOR))
    assert not site.now.pending
    settled(site)
    site = stage.at("transduction")
    other, second = stage.again(site), site.log.append

    def used_first(value: bytes) -> Appended:
        site.log.append = second  # type: ignore[method-assign]
        other.desk.act(ANNA.therapy, form, other.sits(OPERATOR))
        return second(value)

    # The recall is signed; before it arrives, she has used the lot.
    site.log.append = used_first  # type: ignore[method-assign]
    site.recall_lot("vector", "particles")
    assert [key.step for key in site.now.recalls[lot_code("vector")].uses] == ["transduction"]
    assert site.now.materials[site.one("intermediate")].status == "quarantined"
    settled(site)


def test_a_recall_that_one_record_does_not_hold_goes_on_in_the_next(stage: Stage) -> None:
    """Many patients: each is reached completely in one record; a recall that was cut off goes on when it is asked again."""

    def many(site: Staged) -> None:
        for number in range(1, 36):
            site.play(Patient(number, f"T-{number}", {"starting_material": "fresh"}), "label_collection")

    site = stage.of("many collected", many)
    kit, append = lot_code("collection_kit"), site.log.append

    def once(value: bytes) -> Appended:
        site.log.append = cut_off  # type: ignore[method-assign, assignment]
        return append(value)

    def cut_off(_value: bytes) -> Appended:
        raise Unavailable("log.away", "The log is away.", advice="Wait.")

    site.log.append = once  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        site.desk.recall_lot(kit, "leaks", site.sits("quality.1"))
    site.log.append = append  # type: ignore[method-assign]
    reached = [n for n in range(1, 36) if kit in site.desk.therapy(f"T-{n}").recalls]
    assert 20 < len(reached) < 35
    (receipt,) = site.desk.recall_lot(kit, "leaks", site.sits("quality.1"))
    assert receipt.facts[0].wire == "lot_recall.continued.v1"
    for number in range(1, 36):
        therapy = site.desk.therapy(f"T-{number}")
        assert kit in therapy.recalls
        assert {m.status for m in therapy.live("leukapheresis")} == {"quarantined"}
    with site.refused("lot.recalled"):
        site.desk.recall_lot(kit, "leaks", site.sits("quality.1"))
    assert audit_all(Reader(site.log)) == []


def test_a_recall_that_leaves_somebody_out_is_found_by_the_audit(stage: Stage) -> None:
    """A recall signed past the desk that spares a patient, or frees something, is a finding."""
    site = stage.at("harvest", other=True)
    vector = lot_code("vector")
    forged = [LotRecalled(lot=vector, reason="particles")]
    site.forge(forged, "quality.1", subject=f"lot/{vector}", without_therapy=True)
    (finding,) = audit_all(Reader(site.log))
    assert "T-1, T-2" in finding.says


# ------------------------------------------------------------------ from any lot to all patients and back


def test_from_a_lot_to_every_patient_and_from_a_bag_back_to_every_lot(stage: Stage) -> None:
    """A lot is traced to each act, cell and bag of each patient; a bag back to its collection, every lot and every device."""
    site = stage.at("infusion", other=True)
    forward = [
        use for patient in (ANNA, BRUNO) for use in uses_of(site.therapy(patient)) if use.code == lot_code("vector")
    ]
    assert [(use.therapy, use.step) for use in forward] == [("T-1", "transduction"), ("T-2", "transduction")]
    (bag,) = (m.code for m in site.now.live("drug_product"))
    assert bag in forward[0].downstream
    assert forward[0].infused == ()
    site.do("infusion")
    again = [use for use in uses_of(site.now) if use.code == lot_code("vector")]
    assert again[0].infused == (bag,)
    back = behind(site.now, bag)
    assert origins(site.now, bag) == (ANNA.din.number,)
    assert {use.name for use in back if use.what == "lot"} >= {
        "collection_kit",
        "wash_buffer",
        "vector",
        "cryoprotectant",
    }
    assert {use.name for use in back if use.what == "device"} >= {"cell_separator", "selection_device", "thaw_device"}
    # What was used on a sample only, or on the patient, is not behind the bag.
    assert not {use.name for use in back} & {"cytometer", "fludarabine"}
    settled(site)


def test_two_collections_that_were_pooled_are_both_in_the_genealogy(stage: Stage) -> None:
    """Cells of two collections go into one culture: every bag traces back to both, and both are recalled with their kits."""
    site = stage.at("apheresis")
    site.do("apheresis")
    first = site.one("leukapheresis")
    site.late("apheresis", {"cd3_count": "6e8 cells"})
    site.pass_(hours=1)
    site.do("second_collection")
    second = next(m.code for m in site.now.live("leukapheresis") if m.code != first)
    site.play(ANNA, "disposition")
    bag = site.one("drug_product")
    assert set(origins(site.now, bag)) == {first, second}
    (culture,) = (m for m in site.now.materials.values() if m.kind == "intermediate")
    assert set(culture.parents) == {first, second}
    settled(site)
