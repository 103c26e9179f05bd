"""A product lost after lymphodepletion began escalates by itself, and what already happened is always recorded.

The loss of the last product of a patient who was conditioned opens a critical deviation and alerts each role that the
study names, in the very record that says so, however it was lost; the ways that are left stand on schedule, status and
worklist.

Source: process page rows 11 and 14, What goes wrong; 21 CFR 1271.350(b); EU ATMP GMP 11.5, 12 and 14.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from console.rehearsal import Patient
from events.facts.alerts import AlertRaised
from events.facts.base import Fact, TherapyFact
from events.facts.happened import ActHappened
from events.facts.quality import DeviationOpened
from projections.rows import rows_of
from protocol.audit import audit_all
from protocol.commands import (
    AcknowledgeAlert,
    AssessDeviation,
    BeginRemake,
    DecideFailure,
    DecideQuarantine,
    Decline,
    Dispose,
    Entered,
    FailManufacture,
    LoseMaterial,
    Perform,
    Presented,
    TellHappened,
    TerminateTherapy,
    WithdrawPatient,
    Witness,
)
from protocol.custody import custody_trail, gaps
from protocol.desk import Receipt
from protocol.file import read_protocol
from protocol.genealogy import origins
from protocol.reader import Reader
from protocol.release import evaluate
from protocol.schedule import schedule
from protocol.state import Therapy
from protocol.status import batch_status
from protocol.worklist import worklist
from tests.stage import ANNA, BRUNO, Stage, Staged, names, study

pytestmark = pytest.mark.story
CAREFUL = Patient(4, "T-4", {"cohort": "B-ALL", "starting_material": "fresh"}, reserve=1)
"""A patient of whose starting material a part is kept in reserve."""
QA, QA_2, WARD, PHYSICIAN, OPERATOR = "qa.releaser.1", "qa.releaser.2", "ward.nurse.1", "physician.1", "operator.1"


def settled(site: Staged) -> None:
    """Every record of the story is decided again as it was decided, and no custody has a gap."""
    assert audit_all(Reader(site.log)) == []
    assert gaps(site.now) == []


def lose(site: Staged, *codes: str, says: str = "the bag tore in the thawing device") -> tuple[Fact, ...]:
    """Somebody on the ward tells that material is destroyed."""
    told = LoseMaterial(materials=codes, how="destroyed", at=site.clock(), says=says)
    return site.act(told, WARD).facts


def critical(facts: tuple[Fact, ...]) -> list[DeviationOpened]:
    """The critical deviations that these facts open under the rule of row 11."""
    found = [fact for fact in facts if isinstance(fact, DeviationOpened)]
    return [fact for fact in found if (fact.grade, fact.rule) == ("critical", "product.lost")]


def alerted(facts: tuple[Fact, ...], rule: str = "product.lost") -> list[str]:
    """Who is alerted under a rule."""
    return [role for fact in facts if isinstance(fact, AlertRaised) and fact.rule == rule for role in fact.roles]


def way_out(site: Staged, therapy: Therapy | None = None) -> str:
    """What the worklist says of the ways out."""
    found = [i.says for i in worklist(therapy or site.now, site.protocol) if i.kind == "way_out"]
    return found[0] if found else ""


def escalated(site: Staged) -> str:
    """What the status says."""
    return str(batch_status(site.now, site.protocol)["escalated"])


# ------------------------------------------------------------------ row 11: lost after lymphodepletion began


def test_the_last_bag_lost_after_lymphodepletion_is_a_critical_escalation_in_the_same_record(stage: Stage) -> None:
    """The bag tears in the thawing device: one record tells it, opens the critical deviation, and alerts each role of the study."""
    site = stage.at("thaw", CAREFUL)
    bag = site.one("drug_product")
    began = site.now.of_step("lymphodepletion")[0].fact.started
    facts = lose(site, bag)
    (deviation,) = critical(facts)
    assert f"{began:%Y-%m-%d %H:%M}" in deviation.says
    assert alerted(facts) == ["physician", "qa_releaser", "operator"]
    assert names(facts)[-1] == "step.offered"
    # It stands on top of the calendar, in the status, and in the worklist, with the ways that are left.
    first = schedule(site.now, site.protocol)[0]
    assert (first.standing, first.at.step) == ("alert", "product_lost")
    for told in (first.why, escalated(site), way_out(site)):
        assert "rescue_care" in told
        assert "--from thaw_reserve" in told
        assert "--from apheresis" in told
        assert "unbroken terminate T-4" in told
    (row,) = rows_of(site.now, site.protocol)["batch_status"]
    assert row["escalated"] == escalated(site)
    # Each role hears of it until one of its people has said so.
    waiting = [i for i in worklist(site.now, site.protocol) if i.kind == "alert" and "no product is left" in i.says]
    assert sorted(i.roles[0] for i in waiting) == ["operator", "physician", "qa_releaser"]
    with site.refused("authority.role"):
        site.act(AcknowledgeAlert(alert=waiting[0].material), "courier.1")
    for item in waiting:
        site.act(AcknowledgeAlert(alert=item.material, note="on my way"), site.who(item.roles))
    assert escalated(site)  # it is known now, and still so
    settled(site)


def test_the_same_loss_before_lymphodepletion_is_no_critical_escalation(stage: Stage) -> None:
    """Before the first dose of lymphodepletion the loss is a major deviation, and the study's ways out are open without an alarm."""
    site = stage.at("lymphodepletion", CAREFUL)
    facts = lose(site, site.one("drug_product"))
    assert critical(facts) == []
    assert alerted(facts) == []
    assert escalated(site) == ""
    assert way_out(site).startswith("NO PRODUCT")
    settled(site)


def test_lymphodepletion_counts_from_its_first_signature(stage: Stage) -> None:
    """The nurse has signed the first dose and no physician yet: the drug was given, and the loss escalates."""
    site = stage.at("lymphodepletion", CAREFUL)
    site.perform("lymphodepletion")
    site.pass_(minutes=1)
    assert len(critical(lose(site, site.one("drug_product")))) == 1
    settled(site)


def test_one_of_two_bags_is_not_the_last(stage: Stage) -> None:
    """With a second bag in the freezer the loss of one does not escalate; the loss of the second does."""
    site = stage.at("pre_thaw_check", BRUNO)
    one, other = (m.code for m in site.now.live("drug_product"))
    assert critical(lose(site, one)) == []
    assert len(critical(lose(site, other))) == 1
    settled(site)


def test_a_product_that_is_rejected_or_thrown_away_after_lymphodepletion_escalates_too(stage: Stage) -> None:
    """However the last bag goes: QA rejects it in quarantine, or manufacture is reported as failed; the report alone is enough."""
    site = stage.at("pre_thaw_check", CAREFUL)
    bag = site.one("drug_product")
    report = FailManufacture(step="product_receipt", says="the cassette is cracked", ends=(bag,), retains=_kept(site))
    told = site.act(report, OPERATOR).facts
    assert len(critical(told)) == 1
    assert bag in critical(told)[0].says
    assert "told to be gone" in escalated(site)
    # QA declines: the bag is there after all, in quarantine; nothing escalates a second time until it is really gone.
    site.act(DecideFailure(failure="F-1", decision="declined", reason="the crack is in the label"), QA)
    assert escalated(site) == ""
    rejected = site.act(DecideQuarantine(materials=(bag,), decision="rejected", reason="leak test failed"), QA).facts
    assert len(critical(rejected)) == 1
    # What follows does not say it again.
    assert critical(site.act(Dispose(materials=(bag,), reason="rejected"), QA).facts) == []
    settled(site)


def _kept(site: Staged) -> tuple[str, ...]:
    return tuple(m.code for kind in ("starting_reserve", "leukapheresis") for m in site.now.live(kind))


def test_the_patient_is_looked_after_and_the_product_made_again(stage: Stage) -> None:
    """The rescue is a step that waits for the physician; a remake takes the ways out off the list, and the deviation stays open."""
    site = stage.at("thaw", CAREFUL)
    lose(site, site.one("drug_product"))
    assert site.standing("rescue_care") == "ready"
    site.act(BeginRemake(start="thaw_reserve", reason="the reserve is good"), QA)
    assert way_out(site) == ""
    assert escalated(site) == ""
    assert site.standing("rescue_care") == "ready"
    site.do("rescue_care", values={"care": "growth_factor", "told": "yes"})
    assert [d.grade for d in site.now.deviations.values() if d.rule == "product.lost" and not d.closed] == ["critical"]
    settled(site)


def test_the_rescue_goes_on_when_the_therapy_is_ended(stage: Stage) -> None:
    """The investigator ends the therapy; it is not complete before the patient without a product has been looked after."""
    site = stage.at("thaw", CAREFUL)
    lose(site, site.one("drug_product"))
    site.act(TerminateTherapy(reason="no second attempt is possible"), "investigator.1")
    assert site.standing("rescue_care") == "ready"
    site.settle("the therapy was ended")
    site.system()
    assert site.now.completed == ""
    site.do("rescue_care")
    site.system()
    assert site.now.completed == "manufacture_failed"
    settled(site)


def test_who_wants_no_product_any_more_has_lost_none(stage: Stage) -> None:
    """The patient withdrew from treatment after lymphodepletion: the bag that is disposed of afterwards is not missed."""
    site = stage.at("thaw", CAREFUL)
    bag = site.one("drug_product")
    site.act(WithdrawPatient(withdrawn=("treatment",), at=site.clock(), reason="the patient's wish"), "investigator.1")
    assert critical(lose(site, bag)) == []
    settled(site)


def test_a_study_that_names_nobody_still_has_it_heard(stage: Stage) -> None:
    """Where the study file says nothing of escalation, QA and those who gave the lymphodepletion are alerted."""
    text = study().text.replace(
        "title: Look after a patient who was conditioned and has no product\n    reserve: true", "title: Look after"
    )
    text = text.replace(
        "title: Watch a patient who was given another patient's cells\n    reserve: true", "title: Watch"
    )
    silent = re.sub(r"(?m)^escalation:.*\n(?:  .*\n)+", "", text)
    assert silent != text
    site = stage.site(read_protocol(silent), CAREFUL)
    site.play(CAREFUL, "pre_thaw_check")
    assert alerted(lose(site, site.one("drug_product"))) == ["qa_releaser", "ward_nurse", "physician"]
    settled(site)


# ------------------------------------------------------------------ row 14: it already happened, even wrongly


def tell(site: Staged, step: str, *, by: str = WARD, told: str = "seen at the bedside", **said: object) -> Receipt:
    """Somebody tells what happened."""
    scans = tuple(Presented(name=name, code=code) for name, code in dict(said.pop("scan", {})).items())  # type: ignore[call-overload]
    document = {"step": step, "says": told, "started": site.clock(), "scans": scans, **said}
    return site.act(TellHappened.model_validate(document), by)


def broken(receipt: Receipt) -> list[str]:
    """The rules that a told act broke, as they stand in the record."""
    (fact,) = [fact for fact in receipt.facts if isinstance(fact, ActHappened)]
    return [rule.rule for rule in fact.broken]


def of(receipt: Receipt, therapy: str) -> list[str]:
    """The facts of a record about one therapy."""
    return names([f for f in receipt.facts if isinstance(f, TherapyFact) and f.therapy == therapy])


def both_settled(site: Staged) -> None:
    """As `settled`, for both patients."""
    settled(site)
    assert gaps(site.therapy(BRUNO)) == []


def wrong_patient(stage: Stage, *, alone: str | None = None) -> tuple[Staged, str, Receipt]:
    """Bruno's bag was infused into Anna; the nurse who did it tells it."""
    site = stage.at("infusion", other=True)
    bag = site.therapy(BRUNO).live("drug_product")[0].code
    receipt = tell(
        site, "infusion", scan={"wristband": site.now.wristband, "bag": bag}, performed_by=(WARD, PHYSICIAN), alone=alone,
        readings={"residue": "2 mL", "new_event": "yes"}, told="the bags were swapped in the thawing room",
    )  # fmt: skip
    return site, bag, receipt


def test_a_bag_infused_into_the_wrong_patient_stands_in_one_record_for_both(stage: Stage) -> None:
    """One record in both streams: what happened, every rule it broke; for both a critical deviation and alerts, everything stopped."""
    site, bag, receipt = wrong_patient(stage)
    assert "identity.wrong-item" in broken(receipt)
    assert of(receipt, "T-1")[0] == "act.happened"
    assert of(receipt, "T-2")[0] == "item.taken_elsewhere"
    for therapy in (site.now, site.therapy(BRUNO)):
        told = [d for d in therapy.deviations.values() if d.rule == "happened.against-the-rules"]
        assert [d.grade for d in told] == ["critical"]
        heard = [a.roles[0] for a in therapy.alerts.values() if a.rule == "happened.against-the-rules"]
        assert heard == ["physician", "qa_releaser"]
        assert all(m.status == "quarantined" for m in therapy.materials.values() if m.live and m.status != "rejected")
    records = [record.link for record in site.records(BRUNO)]
    assert records[-1] == site.records()[-1].link
    assert f"with {bag} of T-2" in str(batch_status(site.now, site.protocol)["happened"])
    assert "infused into the patient of T-1" in _row(site)["happened"].replace(f"{bag} ", "")
    # It was told, and not signed second yet: the bag is stopped, not ended; nobody can infuse it, or the one of Anna's.
    assert site.therapy(BRUNO).materials[bag].live
    with site.refused("identity.mismatch"):
        site.perform("infusion")
    with site.refused("identity.mismatch"):
        site.perform("thaw", material=bag, patient=BRUNO)
    both_settled(site)


def _row(site: Staged) -> dict[str, str]:
    return {name: str(value) for name, value in batch_status(site.therapy(BRUNO), site.protocol).items()}


def test_the_second_signature_ends_the_bag_where_it_went(stage: Stage) -> None:
    """Another person signs; then the bag ends as infused into the other patient, and neither of the two counts as infused with her own."""
    site, bag, receipt = wrong_patient(stage)
    item = next(i for i in worklist(site.now, site.protocol) if i.kind == "second_signature")
    assert item.act == receipt.link
    with site.refused("authority.two-people"):
        site.act(Witness(act=receipt.link), WARD)
    moonlight = site.hire(site.person(WARD), "moonlight", "physician")
    with site.refused("authority.two-people"):
        site.act(Witness(act=receipt.link), moonlight)
    with site.refused("authority.role"):
        site.act(Witness(act=receipt.link), "courier.1")
    second = site.act(Witness(act=receipt.link), PHYSICIAN)
    assert names(second.facts) == ["happened.confirmed", "item_elsewhere.settled"]
    bruno = site.therapy(BRUNO)
    assert bruno.materials[bag].ended == "infused into the patient of T-1"
    last = custody_trail(bruno, bag)[-1]
    assert (last.holder, last.how) == ("", "infused into the patient of T-1 (H-1 there)")
    assert not bruno.infused
    assert not site.now.infused
    assert site.standing("infusion") == "ready"
    assert list(origins(bruno, bag)) == [BRUNO.din.number]
    # Anna is watched for what she was given; her own follow-up has not begun.
    assert site.standing("exposure_watch") == "ready"
    assert site.standing("acute_monitoring", "D0") == "waiting"
    both_settled(site)


def test_what_the_second_person_will_not_sign_does_not_stand_and_what_it_stopped_waits_for_qa(stage: Stage) -> None:
    """It was another bag: the telling is declined, the bag is there, and two people of QA decide on everything that was stopped."""
    site, bag, receipt = wrong_patient(stage)
    site.act(Decline(act=receipt.link, reason="Bruno's bag lies in the freezer; the label was a copy"), PHYSICIAN)
    bruno = site.therapy(BRUNO)
    assert bruno.materials[bag].live
    assert bruno.materials[bag].status == "quarantined"
    assert batch_status(bruno, site.protocol)["happened"] == ""
    with site.refused("signature.pending"):
        site.act(Witness(act=receipt.link), PHYSICIAN)
    with site.refused("identity.mismatch"):
        site.perform("infusion")
    both_settled(site)


def test_a_patient_whose_last_bag_went_into_another_is_escalated_in_that_very_record(stage: Stage) -> None:
    """Both of Bruno's bags went into Anna after his lymphodepletion: the same record says that no product is left for him, and the ways."""
    site = stage.at("infusion", other=True)
    one, other = (m.code for m in site.therapy(BRUNO).live("drug_product"))
    scans = [
        Presented(name="wristband", code=site.now.wristband),
        *(Presented(name="bag", code=c) for c in (one, other)),
    ]
    told = TellHappened(
        step="infusion", started=site.clock(), performed_by=(WARD,), scans=tuple(scans), says="both bags were given"
    )
    receipt = site.act(told, WARD)
    (lost,) = critical(tuple(f for f in receipt.facts if isinstance(f, TherapyFact) and f.therapy == "T-2"))
    assert f"{one} told to be gone, {other} told to be gone" in lost.says
    assert "product.lost" not in [d.rule for d in site.now.deviations.values()]
    assert "way_out" not in [i.kind for i in worklist(site.now, site.protocol)]
    assert "rescue_care" in way_out(site, site.therapy(BRUNO))
    site.act(Witness(act=receipt.link), PHYSICIAN)
    assert site.therapy(BRUNO).live("drug_product") == []
    both_settled(site)


def test_where_nobody_else_was_there_one_person_tells_it_and_says_why(stage: Stage) -> None:
    """One signature with the reason why there is no second: it takes effect at once, and that rule is listed with the others."""
    site, bag, receipt = wrong_patient(stage, alone="night shift, the physician was called away and has resigned")
    assert "authority.two-people" in broken(receipt)
    assert site.therapy(BRUNO).materials[bag].ended == "infused into the patient of T-1"
    assert not [i for i in worklist(site.now, site.protocol) if i.kind == "second_signature"]
    both_settled(site)


def test_an_own_bag_infused_without_its_bedside_check_is_infused_and_the_check_stays_undone(stage: Stage) -> None:
    """The bag is in the patient and her follow-up begins; the check that nobody did is never done by telling it."""
    site = stage.at("bedside_check")
    bag = site.one("drug_product")
    with site.refused("order.after"):
        site.perform("infusion", material=bag)
    receipt = tell(
        site, "infusion", scan={"wristband": site.now.wristband, "bag": bag}, performed_by=(WARD, PHYSICIAN),
        readings={"residue": "2 mL", "new_event": "no"}, told="resuscitation in the next room",
    )  # fmt: skip
    assert broken(receipt) == ["order.after", "identity.same-item"]
    assert site.now.materials[bag].live  # until the physician has signed
    site.act(Witness(act=receipt.link), PHYSICIAN)
    assert site.now.materials[bag].ended == "infused"
    assert custody_trail(site.now, bag)[-1].how == "infused (told afterwards by another)"
    assert site.now.infused
    assert site.standing("acute_monitoring", "D0") == "ready"
    assert not site.now.of_step("bedside_check")
    assert [o.fact.event for o in site.now.occurred.values()] == ["H-1"]
    settled(site)


def test_a_check_is_not_done_by_telling_that_it_was_done_wrongly(stage: Stage) -> None:
    """A bedside check by one person is told; the infusion stays shut, for the check is still to be done, and QA has to look first."""
    site = stage.at("bedside_check")
    bag = site.one("drug_product")
    receipt = tell(site, "bedside_check", scan={"wristband": site.now.wristband, "bag": bag}, performed_by=(WARD,))
    assert "authority.two-people" in broken(receipt)
    assert "identity.scan-present" in broken(receipt)
    site.act(Witness(act=receipt.link), QA)
    assert site.standing("bedside_check") == "ready"
    with site.refused("order.after"):
        site.perform("infusion", material=bag)
    with site.refused("happened.assessed") as told:
        site.perform("bedside_check")
    site.act(AssessDeviation(deviation=str(told.values["deviation"]), impact="the check is done anew, by two"), QA)
    site.do("bedside_check")
    assert site.standing("infusion") == "ready"
    settled(site)


def test_what_happened_is_told_with_the_roles_and_the_training_of_that_time(stage: Stage) -> None:
    """Who did it is asked as of then: a nurse whose training had lapsed, and an operator who is no nurse, each stand in the record."""
    site = stage.at("infusion")
    bag = site.one("drug_product")
    novice = site.hire("P-900", "novice", "ward_nurse", trained=False)
    site.pass_(minutes=2)
    scan = {"wristband": site.now.wristband, "bag": bag}
    receipt = tell(site, "infusion", scan=scan, performed_by=(novice, OPERATOR), by=novice)
    assert "readiness.training" in broken(receipt)
    assert "authority.role" in broken(receipt)
    assert "record.complete" in broken(receipt)
    settled(site)


def test_what_can_be_told_is_only_what_can_be(stage: Stage) -> None:
    """The future, an end before its beginning, nobody of that name, an act on record, one that breaks no rule: refused by name."""
    site = stage.at("infusion")
    bag = site.one("drug_product")
    scan = {"wristband": site.now.wristband, "bag": bag}
    later = site.clock() + timedelta(hours=1)
    with site.refused("time.future"):
        tell(site, "infusion", scan=scan, started=later)
    with site.refused("time.order"):
        tell(site, "infusion", scan=scan, ended=site.clock() - timedelta(hours=1))
    with site.refused("authority.account"):
        tell(site, "infusion", scan=scan, performed_by=("nobody.9",))
    with site.refused("order.step-known"):
        tell(site, "infuse", scan=scan)
    with site.refused("readiness.known"):
        tell(site, "infusion", scan=scan, used={"anticoagulant": "LOT-1"})
    with site.refused("value.plausible"):
        tell(site, "infusion", scan=scan, readings={"residue": "9000 mL"})
    with site.refused("happened.on-record") as told:
        tell(site, "bedside_check", scan=scan, performed_by=(WARD,))
    assert bag in str(told.values["act"])
    with site.refused("happened.by-the-rules"):
        tell(
            site, "infusion", scan=scan, performed_by=(WARD, PHYSICIAN), readings={"residue": "2 mL", "new_event": "no"}
        )
    with site.refused("authority.role"):
        tell(site, "infusion", scan=scan, by="admin")
    settled(site)


def test_a_late_positive_that_is_told_brings_a_released_product_to_a_halt(stage: Stage) -> None:
    """A culture read by somebody who has not signed it is a result all the same: the released bag is quarantined, the physician alerted."""
    site = stage.at("product_hand_over")
    bag, form = site.one("drug_product"), site.form("test_sterility_final", values={"culture": "positive"})
    assert site.now.materials[bag].status == "released"
    receipt = tell(
        site, "test_sterility_final", by="qc.analyst.2", performed_by=("qc.analyst.1",), scan=scanned(form),
        readings=form.readings,
    )  # fmt: skip
    assert site.now.materials[bag].status == "quarantined"
    assert "physician" in alerted(receipt.facts, "release.late-result")
    settled(site)


def test_a_result_out_of_specification_that_is_told_opens_its_deviation(stage: Stage) -> None:
    """CD3+ of 40 % is out of specification whoever says it, and once QA has closed what was told, that deviation still stands."""
    site = stage.at("test_phenotype")
    form = site.form("test_phenotype", values={"cd3": "40 %"})
    tell(
        site, "test_phenotype", by="qc.analyst.2", performed_by=("qc.analyst.1",), scan=scanned(form),
        readings=form.readings, used=form.used,
    )  # fmt: skip
    opened = [d.rule for d in site.now.deviations.values()]
    assert opened == ["happened.against-the-rules", "release.out-of-specification"]
    settled(site)


def test_a_step_that_is_told_to_have_been_done_once_more_outvotes_no_value_that_failed(stage: Stage) -> None:
    """The bag holds too few cells; the other half, frozen a second time as somebody tells, does not make them enough."""
    site = stage.at("disposition")
    bag, form = site.one("drug_product"), site.form("cryopreservation", material=site.one("drug_product"))
    half = f"{Decimal(form.readings['dose'].value.split()[0]) / 2:e} cells"
    site.correct("cryopreservation", "dose", half, material=bag)
    assert verdict_of(site, "dose") == "failed"
    receipt = tell(
        site, "cryopreservation", by=OPERATOR, performed_by=(OPERATOR, "operator.2"), occurrence="2", material=bag,
        scan=scanned(form), readings={**form.readings, "dose": Entered(value=half)}, used=form.used,
    )  # fmt: skip
    site.act(Witness(act=receipt.link), QA)
    assert [at.occurrence for at in site.now.acts if at.step == "cryopreservation"] == ["1", "2"]
    assert verdict_of(site, "dose") == "failed"
    settled(site)


def verdict_of(site: Staged, criterion: str) -> str:
    """Whether a release criterion passes."""
    return next(c.verdict for c in evaluate(site.now, site.protocol) if c.name == criterion)


def test_a_visit_that_is_told_is_graded_like_any_other(stage: Stage) -> None:
    """The signs of a visit that a colleague tells propose a grade, which waits for a physician."""
    site = stage.at("acute_monitoring")
    form = site.form("acute_monitoring")
    receipt = tell(
        site, "acute_monitoring", by="ward.nurse.2", performed_by=(WARD,), occurrence="D0", readings=form.readings
    )
    assert names(receipt.facts).count("grade.proposed") == 2
    settled(site)


def scanned(form: Perform) -> dict[str, str]:
    """What a form scans, by name."""
    return {scan.name: scan.code for scan in form.scans}


def test_a_room_is_no_patient_and_what_is_told_of_one_is_recorded_all_the_same(stage: Stage) -> None:
    """A wristband given as the room is a rule that was broken, another patient's or one's own; telling is not refused by it."""
    for whose in (BRUNO, None):
        site = stage.at("selection", other=True)
        form = site.form("selection")
        receipt = tell(
            site, "selection", by=OPERATOR, performed_by=(OPERATOR, "operator.2"), scan=scanned(form), used=form.used,
            readings=form.readings, room=site.therapy(whose).wristband,
        )  # fmt: skip
        assert broken(receipt) == ["identity.wrong-item" if whose else "identity.scan-matches"]
        assert not any(stream.startswith("room/W-") for stream in site.records()[-1].statement.heads)
        both_settled(site)


def test_a_plan_that_the_markers_ask_for_is_not_made_by_telling_that_somebody_made_it(stage: Stage) -> None:
    """A nurse wrote the plan for hepatitis B: that is told and signed second, and the physician's plan is still to be made."""
    hepatitis = replace(ANNA, values={("eligibility", "hbsag"): "positive"})
    site = stage.at("product_receipt", hepatitis)
    plan = {"plan": "monitoring", "drug": "none"}
    receipt = tell(site, "hbv_plan", performed_by=(WARD,), readings=site.form("hbv_plan", values=plan).readings)
    assert broken(receipt) == ["authority.role"]
    assert "patient.observed" not in names(receipt.facts)
    site.act(Witness(act=receipt.link), PHYSICIAN)
    assert site.standing("hbv_plan") == "ready"
    settled(site)


def test_a_position_that_the_markers_forbid_is_told_as_a_rule_that_was_broken(stage: Stage) -> None:
    """A bag of a positive patient was put with the others: what is told says so, and the bag is on the list of what lies wrong."""
    site = stage.at("product_receipt", replace(ANNA, values={("eligibility", "hcv"): "positive"}))
    form = site.form("product_receipt", values={"position": "SHELF-1"})
    receipt = tell(
        site, "product_receipt", by="cell.lab.1", performed_by=("cell.lab.1", "cell.lab.2"), scan=scanned(form),
        readings=form.readings, used=form.used,
    )  # fmt: skip
    assert "infection.storage" in broken(receipt)
    settled(site)
