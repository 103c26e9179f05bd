"""A deviation is graded, investigated, assessed, corrected by actions found effective, and closed by another than its opener.

Source: process page row 12 and "Release criteria"; EU GMP chapter 1 §1.4 (xiv) and chapter 8; ICH Q10 §3.2.2; 21 CFR 211.192;
EU GMP Annex 11 §9 (nothing that was recorded is hidden by what comes later).
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest

from events.facts.course import DeadlineMissed
from events.facts.quality import DeviationOpened
from protocol.audit import audit_all
from protocol.commands import (
    AssessDeviation,
    CheckAction,
    CloseDeviation,
    InvestigateDeviation,
    OpenDeviation,
    PlanAction,
    RegradeDeviation,
    ReportAction,
    TerminateTherapy,
)
from protocol.deviations import lacking
from protocol.file import read_protocol
from protocol.reader import Reader
from protocol.worklist import worklist
from tests.stage import ANNA, BRUNO, STUDY, Stage, Staged, names

pytestmark = pytest.mark.story
QA, OTHER_QA, OPERATOR = "qa.releaser.1", "qa.releaser.2", "operator.1"


def settled(site: Staged) -> None:
    """Nothing that stands in the log would be decided otherwise."""
    assert audit_all(Reader(site.log)) == []


def waits(site: Staged) -> list[str]:
    """What QA and the owners of actions still have to do about deviations, in words."""
    return [i.title for i in worklist(site.now, site.protocol) if i.kind in ("deviation", "action")]


def opened(stage: Stage, grade: str = "critical", by: str = OPERATOR) -> Staged:
    """Somebody reports a deviation while the product waits for QA."""
    site = stage.at("disposition")
    site.act(OpenDeviation.model_validate({"grade": grade, "says": "valve of the washer stood open"}), by)
    return site


def investigate(site: Staged, by: str = QA, cause: str = "equipment", deviation: str = "D-1") -> None:
    """Somebody says what was found."""
    said = {"deviation": deviation, "cause": cause, "root_cause": "the valve's spring is worn"}
    site.act(InvestigateDeviation.model_validate(said), by)


def assess(site: Staged, by: str = QA) -> None:
    """QA says what it means for the product."""
    site.act(AssessDeviation(deviation="D-1", impact="none: nothing passed the valve"), by)


def plan(site: Staged, by: str = QA, days: int = 7, **more: Any) -> None:
    """QA plans an action."""
    due = site.clock() + timedelta(days=days)
    document = {"deviation": "D-1", "says": "replace the valve", "role": "operator", "due": due, **more}
    site.act(PlanAction.model_validate(document), by)


def done(site: Staged, action: str = "C-1", by: str = OPERATOR) -> None:
    """Its owner did it."""
    site.act(ReportAction(action=action, says="valve V-77 fitted"), by)


def check(site: Staged, result: str = "effective", action: str = "C-1", by: str = QA) -> list[str]:
    """QA says whether it was effective; the names of the facts."""
    said = {"action": action, "result": result, "says": "ten runs were watched"}
    return names(site.act(CheckAction.model_validate(said), by).facts)


def close(site: Staged, by: str = QA) -> None:
    """QA closes it."""
    site.act(CloseDeviation(deviation="D-1", conclusion="cause removed"), by)


# ------------------------------------------------------------------ opened


def test_a_deviation_of_the_system_names_the_act_the_limit_and_what_was_found(stage: Stage) -> None:
    """The system opens a deviation in the very record of the value that is out of its limit, and names act, limit and value."""
    site = stage.at("transport")
    receipt = site.perform("transport", values={"upright": "no"})
    (fact,) = (f for f in receipt.facts if isinstance(f, DeviationOpened))
    assert fact.key is not None
    assert (fact.key.step, fact.limit, fact.found) == ("transport", "yes", "no")
    assert site.now.deviations["D-1"].link == receipt.link
    settled(site)


def test_a_person_names_the_act_and_the_material_that_a_deviation_concerns(stage: Stage) -> None:
    """Anybody enrolled opens a deviation and may name the act and the materials; what is not this patient's is refused."""
    site = stage.at("receipt", other=True)
    bag = site.one("leukapheresis")
    report = OpenDeviation(grade="minor", says="box was wet", step="transport", materials=(bag,))
    site.act(report, "courier.1")
    found = site.now.deviations["D-1"]
    assert str(found.at) == f"transport of {bag}"
    assert (found.materials, found.account) == ((bag,), "courier.1")
    with site.refused("order.step-known"):
        site.act(OpenDeviation(grade="minor", says="box was wet", step="transprot"), "courier.1")
    with site.refused("identity.material"):
        foreign = site.therapy(BRUNO).live("drug_product")[0].code
        site.act(OpenDeviation(grade="minor", says="box was wet", materials=(foreign,)), "courier.1")
    with site.refused("deviation.concerns"):
        site.act(OpenDeviation(grade="minor", says="box was wet", occurrence="2"), "courier.1")
    settled(site)


def test_a_deviation_without_a_reason_is_no_deviation(stage: Stage) -> None:
    """What was not as it should be must be said in words; a blank or a dash is refused and nothing is recorded."""
    for says in ("", " ", "-"):
        with pytest.raises(ValueError, match="says"):
            OpenDeviation.model_validate({"grade": "minor", "says": says})
    settled(stage.at("receipt"))


# ------------------------------------------------------------------ regraded


def test_a_grade_is_changed_with_a_reason_and_the_old_one_stays_on_record(stage: Stage) -> None:
    """QA raises minor to critical with the reason: it blocks the release from then on, and both grades stand in the trail."""
    site = opened(stage, "minor")
    site.act(RegradeDeviation(deviation="D-1", grade="critical", reason="it was open during the wash"), QA)
    with site.refused("release.deviations"):
        site.perform("disposition")
    (before,) = site.now.deviations["D-1"].grades
    assert (before.old, before.new, before.by.account) == ("minor", "critical", QA)
    with site.refused("deviation.grade"):
        site.act(RegradeDeviation(deviation="D-1", grade="critical", reason="again"), QA)
    with site.refused("authority.role"):
        site.act(RegradeDeviation(deviation="D-1", grade="minor", reason="it is nothing"), OPERATOR)
    with pytest.raises(ValueError, match="reason"):
        RegradeDeviation(deviation="D-1", grade="minor", reason=" ")
    settled(site)


def test_a_grade_is_lowered_by_another_person_than_the_opener_and_only_on_an_assessed_impact(stage: Stage) -> None:
    """Nobody makes a deviation of their own harmless, under no account, and nobody before its impact was assessed."""
    site = opened(stage, by=QA)
    lower = RegradeDeviation(deviation="D-1", grade="minor", reason="nothing passed it")
    with site.refused("deviation.other-person"):
        site.act(lower, QA)
    with site.refused("deviation.assessed"):
        site.act(lower, OTHER_QA)
    assess(site)
    mine = site.hire(site.person(QA), "moonlight", "qa_releaser")
    with site.refused("deviation.other-person"):
        site.act(lower, mine)
    site.act(lower, OTHER_QA)
    site.perform("disposition", by=OTHER_QA)
    settled(site)


# ------------------------------------------------------------------ handled and closed


def test_a_critical_deviation_is_closed_only_when_everything_its_grade_asks_for_is_done(stage: Stage) -> None:
    """Investigation, impact, an action done and found effective: each missing one is named, and the release waits for all."""
    site = opened(stage)
    assert waits(site) == ["Investigate D-1", "Assess the impact of D-1", "Plan an action for D-1"]
    with site.refused("deviation.handled") as told:
        close(site)
    assert told.values["lacks"] == [
        "its investigation", "the assessment of its impact", "a corrective or preventive action",
    ]  # fmt: skip
    investigate(site)
    assess(site)
    plan(site)
    assert waits(site) == ["Do C-1"]
    with site.refused("deviation.handled") as told:
        close(site)
    assert told.values["lacks"] == ["C-1 to be done"]
    done(site)
    assert waits(site) == ["Check whether C-1 was effective"]
    with site.refused("deviation.handled") as told:
        close(site)
    assert told.values["lacks"] == ["C-1 to be found effective"]
    check(site)
    with site.refused("release.deviations"):
        site.perform("disposition")
    assert waits(site) == ["Close D-1"]
    close(site)
    site.perform("disposition", by=OTHER_QA)
    settled(site)


def test_a_deviation_is_never_closed_by_its_opener(stage: Stage) -> None:
    """Who opened it cannot close it, under no account; for one that the system opened, who signed the act counts as its opener."""
    site = opened(stage, "minor", by=QA)
    assess(site)
    with site.refused("deviation.other-person"):
        close(site)
    mine = site.hire(site.person(QA), "moonlight", "qa_releaser")
    with site.refused("deviation.other-person"):
        close(site, mine)
    close(site, OTHER_QA)
    with site.refused("deviation.open"):
        close(site, OTHER_QA)
    with site.refused("deviation.open"):
        assess(site)
    helped = stage.at("transport")
    helper = helped.hire(helped.person(QA), "qa.drives", "courier")
    helped.perform("transport", by=helper, values={"upright": "no"})
    assess(helped)
    with helped.refused("deviation.other-person"):
        close(helped)
    close(helped, OTHER_QA)
    settled(site)
    settled(helped)


def test_a_major_deviation_without_an_investigation_is_not_closed(stage: Stage) -> None:
    """Major asks for root cause and impact; QA alone writes them, and only of what is open."""
    site = opened(stage, "major")
    assess(site)
    with site.refused("deviation.handled") as told:
        close(site)
    assert told.values["lacks"] == ["its investigation"]
    with site.refused("authority.role"):
        investigate(site, OPERATOR)
    with site.refused("deviation.open"):
        investigate(site, deviation="D-9")
    investigate(site)
    assert site.now.deviations["D-1"].investigation is not None
    close(site)
    settled(site)


# ------------------------------------------------------------------ actions


def test_an_action_has_an_owner_and_a_day_and_only_its_owner_reports_it(stage: Stage) -> None:
    """The owner holds the role, the day is to come, and nobody else of the role reports it done."""
    site = opened(stage)
    with site.refused("action.role"):
        plan(site, role="plumber")
    for owner in ("courier.1", "nobody"):
        with site.refused("action.owner"):
            plan(site, owner=owner)
    with site.refused("action.due"):
        plan(site, days=-1)
    with site.refused("authority.role"):
        plan(site, OPERATOR)
    plan(site, owner=OPERATOR)
    with site.refused("action.owner"):
        done(site, by="operator.2")
    with site.refused("authority.role"):
        done(site, by="courier.1")
    with site.refused("action.known"):
        done(site, "C-7")
    done(site)
    with site.refused("order.done"):
        done(site)
    settled(site)


def test_whoever_did_an_action_does_not_check_it(stage: Stage) -> None:
    """Effectiveness is found by another person, after the action was done, and once."""
    site = opened(stage)
    both = site.hire(site.person(QA), "qa.repairs", "operator")
    plan(site)
    with site.refused("action.done"):
        check(site)
    done(site, by=both)
    with site.refused("authority.two-people"):
        check(site)
    with site.refused("authority.role"):
        check(site, by="operator.2")
    check(site, by=OTHER_QA)
    with site.refused("order.done"):
        check(site, by=OTHER_QA)
    settled(site)


def test_an_action_that_was_not_effective_demands_a_further_one(stage: Stage) -> None:
    """Not effective: the deviation stays open until another action, planned in its place, is found effective. Both stay on record."""
    site = opened(stage)
    investigate(site)
    assess(site)
    plan(site)
    done(site)
    with site.refused("action.replaced"):
        plan(site, instead_of="C-1")
    assert check(site, "not_effective") == ["action.checked"]
    assert waits(site) == ["Plan an action for D-1"]
    with site.refused("deviation.handled") as told:
        close(site)
    assert told.values["lacks"] == ["a further action instead of C-1, which was not effective"]
    plan(site, instead_of="C-1")
    with site.refused("action.replaced"):
        plan(site, instead_of="C-1")
    done(site, "C-2")
    check(site, action="C-2")
    close(site)
    actions = site.now.actions
    assert (actions["C-1"].later, actions["C-2"].effective) == ("C-2", True)
    settled(site)


def test_an_action_found_not_effective_after_the_closure_opens_the_deviation_again(stage: Stage) -> None:
    """Closed on a promise: when the action turns out not effective, the same record opens the deviation again."""
    site = opened(stage, "major")
    investigate(site)
    assess(site)
    plan(site)
    close(site)  # a major one may be closed while its action is still to come
    done(site)
    assert check(site, "not_effective") == ["action.checked", "deviation.reopened"]
    found = site.now.deviations["D-1"]
    assert not found.closed
    assert lacking(site.now, site.protocol, found) == ["a further action instead of C-1, which was not effective"]
    plan(site, instead_of="C-1")
    close(site)
    settled(site)


# ------------------------------------------------------------------ time


def missed(site: Staged) -> list[tuple[str, str]]:
    """The deadlines that the system's turn records as missed: what, and of what."""
    return [(f.deadline, f.key.occurrence) for f in site.system() if isinstance(f, DeadlineMissed)]


def test_what_stays_open_too_long_is_recorded_by_the_system_once_and_alerts_qa(stage: Stage) -> None:
    """After the days that the protocol gives, the missed deadline stands in the log, once, and QA is alerted."""
    site = opened(stage, "major")
    until = site.clock() + timedelta(days=30)
    site.clock.now = until
    assert missed(site) == []
    site.pass_(minutes=1)
    assert missed(site) == [("close-30d", "D-1")]
    assert [a.roles for a in site.now.alerts.values()] == [("qa_releaser",)]
    assert missed(site) == []
    # The next one is that nobody acknowledged the alert.
    site.pass_(hours=25)
    assert missed(site) == [("acknowledge-24h", "A-1")]
    assert site.now.deviations["D-2"].rule == "deadline.alert"
    assert missed(site) == []
    settled(site)


def test_neglect_does_not_breed_neglect_for_ever(stage: Stage) -> None:
    """Nobody closes it, nobody hears the alert: that is recorded too, and then the system has said all there is to say."""
    site = opened(stage)
    for _ in range(12):
        site.pass_(days=31)
        site.system()
    mine = [d for d in site.now.deviations.values() if "D-1" in d.says or d.rule == "deadline.alert"]
    assert len(mine) == 1, "one deviation for the alert that nobody heard"
    assert len(site.now.alerts) == 1
    assert site.system() == []
    settled(site)


def test_an_action_that_is_not_done_in_time_is_recorded_as_missed(stage: Stage) -> None:
    """The day of an action passes: the system says so, once, and the action can still be done."""
    site = opened(stage, "minor")
    plan(site, days=2)
    due: datetime = site.now.actions["C-1"].due
    item = next(i for i in worklist(site.now, site.protocol) if i.kind == "action")
    assert item.due == due
    site.clock.now = due + timedelta(minutes=1)
    assert missed(site) == [("due", "C-1")]
    assert missed(site) == []
    done(site)
    settled(site)


def test_a_therapy_that_is_over_does_not_end_the_duties_of_qa(stage: Stage) -> None:
    """The product was rejected and the therapy is complete: its deviation is still due, still missed, and still closed."""
    site = opened(stage, "major")
    site.perform("disposition", decision="rejected", by=OTHER_QA)
    site.act(TerminateTherapy(reason="no time to make it again"), "investigator.1")
    site.settle("rejected")
    site.system()
    assert site.now.completed == "product_rejected"
    assert site.desk.next_deadline(ANNA.therapy) is not None
    site.pass_(days=31)
    assert missed(site) == [("close-30d", "D-1")]
    site.handle("D-1")
    assert waits(site) == []
    settled(site)


# ------------------------------------------------------------------ the protocol says it


def test_a_study_that_says_nothing_of_quality_asks_for_the_impact_alone(stage: Stage) -> None:
    """What a grade asks for is the protocol's to say; without it a deviation is closed on its assessed impact."""
    text = re.sub(r"(?ms)^quality:.*?(?=^\S|\Z)", "", STUDY.read_text(encoding="utf-8"))
    site = stage.site(read_protocol(text))
    site.play(ANNA, "apheresis")
    site.act(OpenDeviation(grade="critical", says="chair broke"), "apheresis.nurse.1")
    with site.refused("deviation.assessed"):
        close(site)
    assess(site)
    close(site)
    site.pass_(days=400)
    assert "D-1" not in [f.key.occurrence for f in site.system() if isinstance(f, DeadlineMissed)]
    settled(site)


# ------------------------------------------------------------------ what the list of work says of it


def told_of(site: Staged, code: str) -> dict[str, tuple[bool, tuple[str, ...]]]:
    """What the list of work says of a deviation: whether something waits for it, and which steps stay shut."""
    items = worklist(site.now, site.protocol)
    return {i.title: (i.required, i.blocks) for i in items if i.material == code and i.kind in ("deviation", "action")}


def test_what_blocks_the_release_is_told_as_required_and_says_what_it_blocks(stage: Stage) -> None:
    """A major deviation blocks the release until its impact is assessed, and no longer; the list of work says just that."""
    site = opened(stage, "major")
    with site.refused("release.deviations"):
        site.perform("disposition", by=QA)
    assert told_of(site, "D-1") == {
        "Investigate D-1": (False, ()),
        "Assess the impact of D-1": (True, ("disposition",)),
    }
    assess(site)
    assert told_of(site, "D-1") == {"Investigate D-1": (False, ())}
    site.perform("disposition", by=QA)


def test_everything_that_the_closure_of_a_critical_deviation_asks_for_blocks_the_release(stage: Stage) -> None:
    """A critical one blocks until it is closed: so do its investigation, its assessment and its actions; a minor one does not."""
    site = opened(stage)
    site.act(OpenDeviation(grade="minor", says="a pen mark"), OPERATOR)
    assert set(told_of(site, "D-1").values()) == {(True, ("disposition",))}
    assert set(told_of(site, "D-2").values()) == {(False, ())}
    investigate(site)
    assess(site)
    plan(site)
    assert told_of(site, "C-1") == {"Do C-1": (True, ("disposition",))}
    done(site)
    assert told_of(site, "C-1") == {"Check whether C-1 was effective": (True, ("disposition",))}
    check(site)
    assert told_of(site, "D-1") == {"Close D-1": (True, ("disposition",))}
    close(site, OTHER_QA)
    assert told_of(site, "D-1") == {}


def test_after_the_release_nothing_waits_for_a_deviation(stage: Stage) -> None:
    """The product was infused; a deviation is still QA's to handle, and no step waits for it."""
    site = stage.at("acute_monitoring")
    site.act(OpenDeviation(grade="critical", says="valve of the washer stood open"), OPERATOR)
    assert {required for required, _ in told_of(site, "D-1").values()} == {False}
