"""A result out of specification stays and blocks the release; the ways out are rejection, remake, or release by exception.

The exception has its signatures in exactly this order: investigation, physician's request, evaluation of the risks,
physician's acceptance after it, then QA; and the sponsor is told at once.

Source: process page row 1 and "Release criteria"; EU GMP for ATMPs (EudraLex volume 4, part IV) 11.5; FDA guidance
"Investigating Out-of-Specification Test Results" (2022); 21 CFR 211.165(f), 211.192; 21 CFR 11.10(f).
"""

from __future__ import annotations

import pytest

from console.rehearsal import Patient
from events.facts.alerts import AlertRaised
from events.facts.quality import DeviationOpened
from events.facts.steps import DispositionDecided
from protocol.alerts import open_alerts
from protocol.audit import audit_all
from protocol.commands import (
    AcceptException,
    AcknowledgeAlert,
    AssessDeviation,
    AuthoriseRetest,
    BeginRemake,
    EvaluateException,
    InvalidateResult,
    InvestigateDeviation,
    OpenDeviation,
    RequestException,
    TerminateTherapy,
    WithdrawException,
)
from protocol.exceptions import standing
from protocol.file import read_protocol
from protocol.reader import Reader
from protocol.release import evaluate
from protocol.status import batch_status
from protocol.worklist import worklist
from tests.stage import ANNA, STUDY, Stage, Staged, names

pytestmark = pytest.mark.story
CAREFUL = Patient(4, "T-4", {"cohort": "B-ALL", "starting_material": "fresh"}, reserve=1)
"""A patient of whose starting material a part is kept in reserve."""
QA, OTHER_QA = "qa.releaser.1", "qa.releaser.2"
PHYSICIAN, OTHER_PHYSICIAN = "physician.1", "physician.2"


def settled(site: Staged) -> None:
    """Nothing that stands in the log would be decided otherwise."""
    assert audit_all(Reader(site.log)) == []


def criterion(site: Staged, name: str = "viability") -> tuple[str, str]:
    """How a criterion stands, and what was found."""
    return next((c.verdict, c.found) for c in evaluate(site.now, site.protocol) if c.name == name)


def failed(stage: Stage, value: str = "55 %") -> Staged:
    """Viability is out of specification; everything else is there, and QA is to decide."""

    def make(site: Staged) -> None:
        site.play(ANNA, "test_viability")
        site.do("test_viability", values={"viability": value})
        site.play(ANNA, "disposition")

    return stage.of(f"viability {value}", make)


def retest(site: Staged, by: str = QA, step: str = "test_viability", why: str = "the counter was clogged") -> None:
    """Somebody authorises a retest."""
    site.act(AuthoriseRetest(step=step, reason=why), by)


def investigate(site: Staged, cause: str = "process", by: str = QA, deviation: str = "D-1") -> None:
    """The failed result is investigated, and QA says what it means for the product."""
    said = {"deviation": deviation, "cause": cause, "root_cause": "the culture was cold for an hour"}
    site.act(InvestigateDeviation.model_validate(said), by)
    site.act(AssessDeviation(deviation=deviation, impact="fewer live cells; the dose is met"), by)


def request(site: Staged, by: str = PHYSICIAN) -> None:
    """A physician asks for the product."""
    site.act(RequestException(reason="rapid progression, and no other therapy is left"), by)


def weigh(site: Staged, by: str = QA, exception: str = "X-1") -> None:
    """The maker evaluates the risks."""
    site.act(EvaluateException(exception=exception, risks="debris may cause fever; the dose is met"), by)


def accept(site: Staged, by: str = PHYSICIAN, exception: str = "X-1") -> None:
    """A physician accepts."""
    site.act(AcceptException(exception=exception, statement="risks known, the patient agrees"), by)


# ------------------------------------------------------------------ the result stays


def test_a_failing_result_stays_and_opens_a_deviation_in_its_own_record(stage: Stage) -> None:
    """The result out of specification is recorded as it is, the deviation stands in the same record, the release is blocked."""
    site = stage.at("test_viability")
    receipt = site.perform("test_viability", values={"viability": "55 %"})
    site.witness()
    (fact,) = (f for f in receipt.facts if isinstance(f, DeviationOpened))
    assert (fact.rule, fact.grade, fact.found, fact.limit) == (
        "release.out-of-specification", "major", "55 %", "at least 70 %",
    )  # fmt: skip
    assert site.now.deviations["D-1"].at == site.now.of_step("test_viability")[0].at
    assert criterion(site) == ("failed", "55 %")
    site.play(ANNA, "disposition")
    with site.refused("release.criteria"):
        site.perform("disposition")
    settled(site)


def test_a_failing_result_is_not_tested_away(stage: Stage) -> None:
    """Nobody tests again on their own, and a result that passes is not tested again at all."""
    site = failed(stage)
    with site.refused("order.done"):
        site.perform("test_viability")
    with site.refused("retest.out-of-specification"):
        retest(site, step="test_phenotype")
    with site.refused("retest.allowed"):
        retest(site, step="test_safety")
    with site.refused("order.step-known"):
        retest(site, step="test_colour")
    settled(site)


def test_a_correction_does_not_open_the_gate_by_itself(stage: Stage) -> None:
    """A failing value corrected into a passing one still leaves its deviation, whose impact QA must assess before release."""
    site = failed(stage)
    site.correct("test_viability", "viability", "85 %", why="digits swapped", by="qc.reviewer.1")
    assert criterion(site) == ("passed", "85 % (corrected)")
    with site.refused("release.deviations"):
        site.perform("disposition")
    investigate(site)
    site.perform("disposition", by=OTHER_QA)
    settled(site)


# ------------------------------------------------------------------ retest


def test_a_retest_exists_only_after_it_was_authorised_with_a_reason(stage: Stage) -> None:
    """Whom the protocol names authorises it, not whoever made the result; only then is there a second occurrence of the test."""
    site = failed(stage)
    assert site.standing("test_viability", "2") == "none"
    with site.refused("authority.role"):
        retest(site, by="qc.analyst.1")
    with pytest.raises(ValueError, match="reason"):
        AuthoriseRetest(step="test_viability", reason=" ")
    analyst = site.now.of_step("test_viability")[0].by.person
    own = site.hire(analyst, "qa.at.night", "qa_releaser")
    with site.refused("authority.two-people"):
        retest(site, by=own)
    retest(site)
    assert site.standing("test_viability", "2") == "ready"
    with site.refused("order.pending"):
        retest(site)
    settled(site)


def test_the_first_result_counts_after_the_retest_as_well(stage: Stage) -> None:
    """The retest passes, and the first result still fails the criterion: a later result never outvotes an earlier one."""
    site = failed(stage)
    retest(site)
    site.do("test_viability", values={"viability": "85 %"})
    assert criterion(site) == ("failed", "55 %")
    with site.refused("release.criteria"):
        site.perform("disposition", by=OTHER_QA)
    settled(site)


def test_the_protocol_says_how_often_a_test_is_done_again(stage: Stage) -> None:
    """One retest, says the protocol; a second one is refused with both numbers."""
    site = failed(stage)
    retest(site)
    site.do("test_viability", values={"viability": "60 %"})
    assert [d.found for d in failing_deviations(site)] == ["55 %", "60 %"]
    with site.refused("retest.at-most") as told:
        retest(site)
    assert (told.values["retested"], told.values["at_most"]) == (1, 1)
    settled(site)


def failing_deviations(site: Staged) -> list[DeviationOpened]:
    """The deviations that failing results opened, as they stand in the log."""
    return [
        fact
        for record in site.records()
        for fact in record.facts
        if isinstance(fact, DeviationOpened) and fact.rule == "release.out-of-specification"
    ]


def test_a_result_is_invalidated_only_when_an_investigation_concluded_a_laboratory_error(stage: Stage) -> None:
    """Without that conclusion the result counts; with it, another person invalidates it with a reason. It is retained, and shown."""
    site = failed(stage)
    away = InvalidateResult(step="test_viability", deviation="D-1", reason="wrong dilution, shown by the raw file")
    with site.refused("result.laboratory-error"):
        site.act(away, OTHER_QA)
    investigate(site, cause="process")
    with site.refused("result.laboratory-error") as told:
        site.act(away, OTHER_QA)
    assert told.values["cause"] == "process"
    investigate(site, cause="laboratory_error")
    # Who investigated does not decide on it, and neither does who made or reviewed the result.
    with site.refused("authority.two-people"):
        site.act(away, QA)
    with site.refused("authority.role"):
        site.act(away, "qc.reviewer.1")
    site.act(away, OTHER_QA)
    assert criterion(site) == ("pending", "(55 % invalidated, D-1)")
    with site.refused("order.done"):
        site.act(away, OTHER_QA)
    third = site.hire("P-THIRD", "qa.releaser.3", "qa_releaser")
    with site.refused("release.criteria"):
        site.perform("disposition", by=third)
    retest(site)
    # The study asks for one result and has none that counts: the retest is not welcome, it is required.
    (item,) = (i for i in worklist(site.now, site.protocol) if i.step == "test_viability" and i.kind == "perform")
    assert (item.occurrence, item.required, item.blocks) == ("2", True, ("disposition",))
    site.do("test_viability", values={"viability": "85 %"})
    assert criterion(site) == ("passed", "85 % (55 % invalidated, D-1)")
    # Who set the result aside, and who had it tested again, release nothing on what came of it.
    for touched, did in ((OTHER_QA, "invalidated the result of"), (QA, "authorised the retest of")):
        with site.refused("authority.independent") as told:
            site.perform("disposition", by=touched)
        assert did in told.says
    # The first result has not gone anywhere: a third person of QA releases with it in sight.
    (decided,) = (f for f in site.perform("disposition", by=third).facts if isinstance(f, DispositionDecided))
    assert "55 % invalidated, D-1" in next(c.found for c in decided.criteria if c.name == "viability")
    assert site.now.readings[site.now.of_step("test_viability")[0].at, "viability"].value == "55"
    settled(site)


def test_where_the_protocol_counts_every_result_none_is_invalidated(stage: Stage) -> None:
    """The endotoxin test counts every result, so that a laboratory error can be found and the product still not be released."""
    site = stage.at("disposition")
    site.correct("test_endotoxin", "endotoxin", "900 EU/mL")
    investigate(site, cause="laboratory_error")
    with site.refused("result.counts"):
        site.act(InvalidateResult(step="test_endotoxin", deviation="D-1", reason="contaminated vial"), OTHER_QA)
    with site.refused("retest.out-of-specification"):
        site.act(InvalidateResult(step="test_viability", deviation="D-1", reason="contaminated vial"), OTHER_QA)
    settled(site)


# ------------------------------------------------------------------ reject, or make it again


def test_a_product_out_of_specification_is_rejected(stage: Stage) -> None:
    """The plain way out: QA rejects, the bag goes nowhere and is disposed of, the result stays on record."""
    site = failed(stage)
    site.perform("disposition", decision="rejected")
    site.act(TerminateTherapy(reason="no time to make it again"), "investigator.1")
    site.settle("rejected")
    site.system()
    assert site.now.completed == "product_rejected"
    assert criterion(site) == ("failed", "55 %")
    settled(site)


def test_what_was_signed_for_one_batch_serves_no_other(stage: Stage) -> None:
    """The exception, the retest and the investigation of a rejected batch are not those of the batch that is made instead."""
    site = stage.at("test_viability", CAREFUL)
    site.do("test_viability", values={"viability": "55 %"})
    site.play(CAREFUL, "disposition")
    investigate(site)
    request(site)
    weigh(site)
    accept(site)
    retest(site)
    site.perform("disposition", decision="rejected", by=OTHER_QA)
    site.act(BeginRemake(start="thaw_reserve", reason="the patient can wait"), QA)
    site.play(CAREFUL, "test_viability")
    assert criterion(site) == ("pending", "")
    assert site.standing("test_viability", "2") == "none"
    site.do("test_viability", values={"viability": "55 %"})
    site.play(CAREFUL, "disposition")
    assert [str(d.at) for d in site.now.deviations.values()] == ["test_viability", "test_viability (batch 2)"]
    with site.refused("exception.void"):
        site.perform("disposition", by=OTHER_QA)
    with site.refused("exception.investigated") as told:
        request(site)
    assert told.values["deviations"] == ["D-2"]
    retest(site)
    site.do("test_viability", values={"viability": "85 %"})
    assert criterion(site) == ("failed", "55 %")
    settled(site)


# ------------------------------------------------------------------ release by exception


def test_a_release_by_exception_has_its_signatures_in_this_order(stage: Stage) -> None:
    """Investigation, request, evaluation of the risks, acceptance, QA: each step is refused before the one that it follows."""
    site = failed(stage)
    with site.refused("release.criteria"):
        site.perform("disposition")
    with site.refused("exception.investigated") as told:
        request(site)
    assert told.values["deviations"] == ["D-1"]
    with site.refused("exception.open"):
        weigh(site)
    with site.refused("exception.open"):
        accept(site)
    investigate(site)
    with site.refused("exception.open"):
        weigh(site)
    request(site)
    with site.refused("exception.order") as told:
        accept(site)
    assert told.values["lacks"] == "the evaluation of the risks"
    with site.refused("exception.order") as told:
        site.perform("disposition", by=OTHER_QA)
    assert told.values["lacks"] == "the evaluation of the risks"
    weigh(site)
    with site.refused("exception.order") as told:
        site.perform("disposition", by=OTHER_QA)
    assert told.values["lacks"] == "the physician's acceptance"
    accept(site)
    for again in (request, weigh, accept):
        with site.refused("order.done"):
            again(site)
    site.perform("disposition", by=OTHER_QA)
    settled(site)


def test_the_record_says_released_by_exception_and_which_criteria_failed(stage: Stage) -> None:
    """QA's record names the exception, the failed criteria and what was found; status and bag show it."""
    site = failed(stage)
    investigate(site)
    request(site)
    weigh(site)
    accept(site)
    receipt = site.perform("disposition", by=OTHER_QA)
    (decided,) = (f for f in receipt.facts if isinstance(f, DispositionDecided))
    assert (decided.decision, decided.exception, decided.excepted) == ("released", "X-1", ("viability",))
    assert ("viability", "failed", "55 %") in [(c.name, c.verdict, c.found) for c in decided.criteria]
    assert decided.pending == ("sterility_final",)
    row = batch_status(site.now, site.protocol)
    assert (row["excepted"], row["exceptions"]) == ("viability", "X-1 released")
    assert site.now.materials[site.one("drug_product")].status == "released"
    with site.refused("order.done"):
        request(site)
    settled(site)


def test_the_sponsor_is_told_in_the_very_record_by_which_the_exception_stands(stage: Stage) -> None:
    """The alert for the sponsor's safety officer stands in QA's record, and waits until one of them acknowledges it."""
    site = failed(stage)
    investigate(site)
    request(site)
    weigh(site)
    accept(site)
    assert open_alerts(site.now) == []
    receipt = site.perform("disposition", by=OTHER_QA)
    (alert,) = (f for f in receipt.facts if isinstance(f, AlertRaised))
    assert (alert.roles, alert.rule) == (("safety_officer",), "release.by-exception")
    assert "viability 55 % (passes at least 70 %)" in alert.says
    with site.refused("authority.role"):
        site.act(AcknowledgeAlert(alert="A-1"), QA)
    site.act(AcknowledgeAlert(alert="A-1", note="authority informed"), site.who(("safety_officer",)))
    assert open_alerts(site.now) == []
    settled(site)


def test_each_signature_is_given_by_its_role_and_by_another_person(stage: Stage) -> None:
    """Physicians request and accept, QA evaluates; who evaluates did not request, who releases signed none of the three."""
    site = failed(stage)
    investigate(site)
    with site.refused("authority.role"):
        request(site, by=QA)
    both = site.hire(site.person(PHYSICIAN), "quality.doctor", "qa_releaser", "physician")
    request(site)
    with site.refused("authority.role"):
        weigh(site, by=PHYSICIAN)
    with site.refused("authority.two-people"):
        weigh(site, by=both)
    weigh(site, by=QA)
    with site.refused("authority.role"):
        accept(site, by=OTHER_QA)
    doubled = site.hire(site.person(QA), "doctor.of.quality", "physician")
    with site.refused("authority.two-people"):
        accept(site, by=doubled)
    accept(site, by=OTHER_PHYSICIAN)
    with site.refused("authority.two-people"):
        site.perform("disposition", by=QA)
    with site.refused("authority.two-people"):
        site.perform("disposition", by=both)
    site.perform("disposition", by=OTHER_QA)
    settled(site)


@pytest.mark.parametrize(
    ("step", "reading", "value", "barred"),
    [
        ("test_identity", "car_cd3", "absent", "identity"),
        ("test_sterility_interim", "gram", "positive", "gram"),
        ("test_sterility_interim", "culture", "positive", "sterility_interim"),
        ("test_safety", "mycoplasma", "positive", "mycoplasma"),
        ("test_safety", "rcl", "positive", "rcl"),
    ],
)
def test_some_criteria_are_never_released_by_exception(
    stage: Stage, step: str, reading: str, value: str, barred: str
) -> None:
    """Identity never, as published; nor, in this study, a product in which an organism or a virus was found."""
    site = failed(stage)
    site.correct(step, reading, value)
    for deviation in list(site.now.deviations):
        investigate(site, deviation=deviation)
    with site.refused("exception.never") as told:
        request(site)
    assert told.values["criteria"] == [barred]
    settled(site)


def test_what_comes_after_the_request_voids_the_exception(stage: Stage) -> None:
    """A new failing result, a correction, another investigation: what the physician asked for is not what is there any more."""

    def accepted() -> Staged:
        site = failed(stage)
        investigate(site)
        request(site)
        weigh(site)
        accept(site)
        return site

    site = accepted()
    site.correct("test_phenotype", "cd3", "50 %")
    with site.refused("exception.void") as told:
        site.perform("disposition", by=OTHER_QA)
    assert told.values["fails"] == ["viability", "cd3"]
    corrected = accepted()
    corrected.correct("test_viability", "viability", "45 %")
    with corrected.refused("exception.void"):
        corrected.perform("disposition", by=OTHER_QA)
    again = accepted()
    investigate(again, cause="equipment")
    with again.refused("exception.void"):
        again.perform("disposition", by=OTHER_QA)
    retested = accepted()
    retest(retested)
    retested.do("test_viability", values={"viability": "58 %"})
    with retested.refused("exception.void"):
        retested.perform("disposition", by=OTHER_QA)
    # It is requested again, and the new one gathers its own signatures.
    investigate(corrected)
    request(corrected)
    with corrected.refused("exception.open"):
        weigh(corrected, exception="X-1")
    with corrected.refused("exception.order"):
        corrected.perform("disposition", by=OTHER_QA)
    weigh(corrected, exception="X-2")
    accept(corrected, exception="X-2")
    corrected.perform("disposition", by=OTHER_QA)
    for each in (site, corrected, again, retested):
        settled(each)


def test_an_exception_half_signed_is_void_as_well(stage: Stage) -> None:
    """A correction between the request and the evaluation: the evaluation is refused, because it would be of something else."""
    site = failed(stage)
    investigate(site)
    request(site)
    site.correct("test_viability", "viability", "60 %")
    with site.refused("exception.void"):
        weigh(site)
    assert standing(site.now, site.protocol, site.now.exceptions["X-1"]).startswith("void: a result, a correction")
    settled(site)


def test_a_request_that_is_not_pursued_is_withdrawn(stage: Stage) -> None:
    """The physician decides for a second collection: the request ends with a reason, and nothing is released on it."""
    site = failed(stage)
    investigate(site)
    request(site)
    away = WithdrawException(exception="X-1", reason="a second collection is possible")
    with site.refused("authority.role"):
        site.act(away, "operator.1")
    site.act(away, PHYSICIAN)
    with site.refused("exception.open"):
        weigh(site)
    with site.refused("exception.open"):
        site.act(away, PHYSICIAN)
    with site.refused("release.criteria"):
        site.perform("disposition", by=OTHER_QA)
    settled(site)


def test_each_next_signature_stands_in_the_worklist_of_its_role(stage: Stage) -> None:
    """QA sees that risks are to be evaluated, the physicians that they are to accept, QA that it may decide by exception."""
    site = failed(stage)
    investigate(site)

    def waits() -> list[tuple[str, tuple[str, ...]]]:
        return [(i.title, i.roles) for i in worklist(site.now, site.protocol) if i.kind == "exception"]

    assert waits() == []
    request(site)
    assert waits() == [("Evaluate the risks of X-1", ("qa_releaser",))]
    weigh(site)
    assert waits() == [("Accept X-1", ("physician",))]
    accept(site)
    assert waits() == []
    (disposition,) = (i for i in worklist(site.now, site.protocol) if i.step == "disposition")
    assert disposition.says == "QA disposition: viability failed; X-1 accepted"
    settled(site)


def test_nothing_is_excepted_where_nothing_fails(stage: Stage) -> None:
    """A product that passes is not requested by exception, and one whose result is pending is waited for."""
    site = stage.at("disposition")
    with site.refused("exception.failed"):
        request(site)
    settled(site)


def test_an_excepted_value_that_changes_after_the_release_is_as_serious_as_a_new_failure(stage: Stage) -> None:
    """55 % was accepted; corrected to 40 % after the release it was not: critical deviation, quarantine, alert."""
    site = failed(stage)
    investigate(site)
    request(site)
    weigh(site)
    accept(site)
    site.perform("disposition", by=OTHER_QA)
    receipt = site.correct("test_viability", "viability", "40 %")
    assert names(receipt.facts) == ["fact.corrected", "deviation.opened", "material.quarantined", "alert.raised"]
    settled(site)


def test_a_dose_that_misses_its_target_is_investigated_before_it_is_requested(stage: Stage) -> None:
    """A criterion over several bags fails when all are there: the system opens its deviation as QA's decision becomes due."""
    site = stage.at("disposition")
    site.correct("cryopreservation", "dose", "3e7 cells", material=site.one("drug_product"))
    with site.refused("exception.investigated"):
        request(site)
    assert names(site.system()) == ["release.evaluated", "deviation.opened"]
    (code,) = site.now.deviations
    investigate(site, deviation=code)
    request(site)
    settled(site)


def test_when_a_release_needs_two_signatures_the_sponsor_is_told_by_the_second(stage: Stage) -> None:
    """A study whose release is approved by a second person: what comes between the two stops it, and the alert stands with the last."""
    text = STUDY.read_text(encoding="utf-8").replace(
        "    not_by: all                            #", "    approved_by: investigator\n    not_by: all #"
    )
    site = stage.site(read_protocol(text))
    site.play(ANNA, "test_viability")
    site.do("test_viability", values={"viability": "55 %"})
    site.play(ANNA, "disposition")
    investigate(site)
    request(site)
    weigh(site)
    accept(site)
    receipt = site.perform("disposition", by=OTHER_QA)
    assert names(receipt.facts) == ["disposition.decided"]
    site.correct("test_viability", "viability", "50 %")
    with site.refused("exception.void"):
        site.witness()
    site.correct("test_viability", "viability", "90 %", by="qc.reviewer.1")
    site.act(AssessDeviation(deviation="D-1", impact="none"), QA)
    with site.refused("release.moved"):
        site.witness()
    settled(site)

    other = stage.site(read_protocol(text))
    other.play(ANNA, "test_viability")
    other.do("test_viability", values={"viability": "55 %"})
    other.play(ANNA, "disposition")
    investigate(other)
    request(other)
    weigh(other)
    accept(other)
    other.perform("disposition", by=OTHER_QA)
    other.pass_(minutes=2)
    assert names(other.witness().facts) == ["act.witnessed", "alert.raised"]
    assert [a.roles for a in open_alerts(other.now)] == [("safety_officer",)]
    settled(other)


def test_a_study_that_knows_no_exception_releases_nothing_that_fails(stage: Stage) -> None:
    """Where the protocol names nobody for it, a product that fails is rejected."""
    text = STUDY.read_text(encoding="utf-8")
    begin, end = text.index("  exception:  "), text.index("  # Never by exception")
    text = (text[:begin] + text[end:]).replace("never_by_exception: true, ", "")
    site = stage.site(read_protocol(text))
    site.play(ANNA, "disposition")
    site.correct("test_viability", "viability", "55 %")
    with site.refused("exception.allowed"):
        request(site)
    with site.refused("release.criteria"):
        site.perform("disposition")
    settled(site)


def test_a_deviation_that_somebody_opened_about_the_result_is_investigated_too(stage: Stage) -> None:
    """An analyst reports a clogged counter beside the failing result: both deviations are investigated before the request."""
    site = failed(stage)
    site.act(OpenDeviation(grade="minor", says="the counter was clogged", step="test_viability"), "qc.analyst.1")
    investigate(site)
    with site.refused("exception.investigated") as told:
        request(site)
    assert told.values["deviations"] == ["D-2"]
    settled(site)
