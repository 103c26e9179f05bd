"""A product lost after lymphodepletion began escalates by itself, and what already happened is always recorded.

The loss of the last product of a patient who was conditioned opens a critical deviation and alerts each role that the
study names, in the very record that says so, however it was lost; the ways that are left stand on schedule, status and
worklist.

Source: process page rows 11 and 14, What goes wrong; 21 CFR 1271.350(b); EU ATMP GMP 11.5, 12 and 14.
"""

from __future__ import annotations

import re

import pytest

from console.rehearsal import Patient
from events.facts.alerts import AlertRaised
from events.facts.base import Fact
from events.facts.quality import DeviationOpened
from projections.rows import rows_of
from protocol.audit import audit_all
from protocol.commands import (
    AcknowledgeAlert,
    BeginRemake,
    DecideFailure,
    DecideQuarantine,
    Dispose,
    FailManufacture,
    LoseMaterial,
    TerminateTherapy,
    WithdrawPatient,
)
from protocol.custody import gaps
from protocol.file import read_protocol
from protocol.reader import Reader
from protocol.schedule import schedule
from protocol.state import Therapy
from protocol.status import batch_status
from protocol.worklist import worklist
from tests.stage import BRUNO, Stage, Staged, names, study

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
    silent = re.sub(r"(?m)^escalation:.*\n(?:  .*\n)+", "", text)
    assert silent != text
    site = stage.site(read_protocol(silent), CAREFUL)
    site.play(CAREFUL, "pre_thaw_check")
    assert alerted(lose(site, site.one("drug_product"))) == ["qa_releaser", "ward_nurse", "physician"]
    settled(site)
