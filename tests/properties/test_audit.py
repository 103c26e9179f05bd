"""The audit: what somebody with a lawful key signs past the desk is applied, and reported; nothing hides in any corner."""

from __future__ import annotations

from datetime import timedelta

import pytest

from events.errors import Refused
from events.facts.base import Fact, RawFile
from events.facts.course import ActWitnessed, TherapyCompleted
from events.facts.labels import LabelsIssued
from events.facts.quality import (
    DeviationOpened,
    IdentityMismatched,
    ItemPresentedElsewhere,
    MaterialDisposed,
    QuarantineDecided,
)
from events.facts.site import LotReleased
from events.facts.steps import DispositionDecided, OnPaper, ProductInfused
from events.verify import Finding, verify
from protocol import administration
from protocol.audit import audit, audit_all
from protocol.decide import RULEBOOK
from protocol.reader import Reader
from protocol.worklist import worklist
from tests.stage import Stage, Staged

pytestmark = pytest.mark.property


def findings(site: Staged, therapy: str = "T-1") -> list[Finding]:
    """What the audit says of a therapy, read afresh."""
    return audit(Reader(site.log), therapy)


def told(site: Staged, therapy: str = "T-1") -> str:
    """The only decision that the audit finds, in words."""
    (finding,) = (finding for finding in findings(site, therapy) if finding.kind == "decision")
    assert finding.position == site.log.size() - 1
    return finding.says


def unreleased(site: Staged) -> DispositionDecided:
    """A release that the desk refuses: CD3+ failed."""
    site.correct("test_phenotype", "cd3", "40 %")
    with pytest.raises(Refused, match=r"release\.criteria"):
        site.perform("disposition")
    at = site.clock()
    return DispositionDecided(
        therapy="T-1", key=site.due("disposition").at.key(), started=at, ended=at, decision="released",
        materials=(site.one("drug_product"),), place="plant",
    )  # fmt: skip


def test_a_witness_by_the_performers_other_account_is_applied_and_reported(stage: Stage) -> None:
    """`evolve` does not judge: the act stands. The audit says that one person signed twice."""
    site = stage.at("apheresis")
    site.perform("apheresis", by="apheresis.nurse.1")
    act = site.waiting()
    mine = site.hire(act.by.person, "moonlight", "apheresis_nurse")
    site.forge([ActWitnessed(therapy="T-1", act=act.by.link, key=act.at.key())], mine, meaning="witnessed")
    assert act.at in site.now.acts
    assert verify(site.log).clean, "the signature itself is lawful"
    assert "authority.two-people" in told(site)


def test_a_release_with_a_failed_criterion_is_applied_and_reported(stage: Stage) -> None:
    """The bag is released in every view, and the therapy carries a finding."""
    site = stage.at("disposition")
    site.forge([unreleased(site)], "qa.releaser.1", meaning="released")
    assert site.now.materials[site.one("drug_product")].status == "released"
    assert "release.criteria" in told(site)


def test_a_finding_says_that_other_rules_decided(stage: Stage) -> None:
    """A record of an earlier program may have been right by its rules; whoever reads the finding is told so."""
    site = stage.at("disposition")
    site.forge([unreleased(site)], "qa.releaser.1", meaning="released", rulebook=1)
    assert told(site).endswith(f"(it was decided under rulebook 1; this is {RULEBOOK})")


def test_an_infusion_that_no_desk_would_take_is_reported(stage: Stage) -> None:
    """A bag infused without a bedside check."""
    site = stage.at("bedside_check")
    bag, at = site.one("drug_product"), site.clock()
    key = site.due("infusion", material=bag).at.key()
    infused = ProductInfused(
        therapy="T-1", key=key, started=at, ended=at, infused=(bag,), consumed=(bag,), awaits=("physician",)
    )  # fmt: skip
    site.forge([infused], "ward.nurse.1")
    assert "order.after" in told(site)


def test_a_step_without_its_second_signature_asked_for_is_reported(stage: Stage) -> None:
    """A record that leaves out the roles it waits for would stand at once; the rules would have recorded otherwise."""
    site = stage.at("apheresis")
    decision = site.desk.may("T-1", site.form("apheresis"), "apheresis.nurse.1")
    alone = decision.facts[0].model_copy(update={"awaits": ()})
    site.forge([alone], "apheresis.nurse.1", also=decision.extends)
    assert site.now.of_step("apheresis")
    assert "other values" in told(site)


def test_a_deviation_that_was_left_out_is_reported(stage: Stage) -> None:
    """A late start recorded without the deviation that follows from it."""
    site = stage.at("transport")
    decision = site.desk.may("T-1", site.form("transport", values={"upright": "no"}), "courier.1")
    site.forge(decision.facts[:1], "courier.1", meaning="given")
    assert "deviation.opened" in told(site)


def test_facts_hidden_in_a_record_of_something_else_are_reported(stage: Stage) -> None:
    """A record whose subject is a lot, with a release inside: only a wrong item reaches from one stream into another."""
    site = stage.at("disposition")
    lot = LotReleased(lot="LOT-1", item="medium", expires=site.clock() + timedelta(days=9))
    site.forge([lot, unreleased(site)], "qa.releaser.1", subject="lot/LOT-1")
    assert site.now.disposition is not None
    assert told(site).startswith("a record of lot/LOT-1 ")


def test_facts_hidden_behind_a_wrong_item_are_reported(stage: Stage) -> None:
    """A record that begins as a wrong item that was presented, and goes on with a release."""
    site = stage.at("disposition", other=True)
    stop: list[Fact] = [
        IdentityMismatched(
            therapy="T-1",
            key=site.due("disposition").at.key(),
            scan="bag",
            expected="X-1",
            presented="X-2",
            other="T-2",
        ),
        ItemPresentedElsewhere(therapy="T-2", presented="X-2", other="T-1"),
    ]
    site.forge([*stop, unreleased(site)], "qa.releaser.1", also=["therapy/T-2"])
    assert "other facts" in told(site)
    assert [finding.kind for finding in findings(site, "T-2")] == ["decision"]


def test_what_reaches_another_patient_only_protects(stage: Stage) -> None:
    """A wrong item that lifts a quarantine of the other patient, or says nothing of her: both therapies carry a finding."""
    site = stage.at("bedside_check", other=True)
    bag = site.desk.therapy("T-2").live("drug_product")[0].code
    key = site.due("bedside_check").at.key()
    mismatched = IdentityMismatched(therapy="T-1", key=key, scan="bag", expected="X-1", presented=bag, other="T-2")
    elsewhere = ItemPresentedElsewhere(therapy="T-2", presented=bag, other="T-1")
    lifted = QuarantineDecided(therapy="T-2", materials=(bag,), decision="lifted", reason="it is well")
    for facts in ([mismatched, elsewhere, lifted], [mismatched]):
        site.forge(facts, "ward.nurse.1", also=["therapy/T-2"])
        for therapy in ("T-1", "T-2"):
            last = [found for found in findings(site, therapy) if found.position == site.log.size() - 1]
            assert [found.kind for found in last] == ["decision"]


def test_a_true_stop_is_no_finding_in_either_therapy(stage: Stage) -> None:
    """A wrong item that was presented is what it is, for both patients."""
    site = stage.at("bedside_check", other=True)
    with site.refused("identity.wrong-item", records=1):
        site.perform("bedside_check", scan={"bag": site.desk.therapy("T-2").wristband})
    assert findings(site) == findings(site, "T-2") == []


@pytest.mark.parametrize("by", ["operator.1", "system"])
def test_what_only_the_system_says_is_reported_when_it_is_not_due(stage: Stage, by: str) -> None:
    """A therapy that is declared complete while visits are open: by a person, or under the system's own key."""
    site = stage.at("apheresis")
    site.forge([TherapyCompleted(therapy="T-1", outcome="withdrawn")], by, meaning="recorded")
    assert told(site)
    person = stage.at("apheresis")
    person.forge([TherapyCompleted(therapy="T-1", outcome="withdrawn")], "operator.1")
    assert "no command" in told(person)


def test_a_signature_with_another_meaning_or_another_date_is_reported(stage: Stage) -> None:
    """The facts are right, but the record says that it was approved, or that it happened an hour before."""
    for changed in ({"meaning": "approved"}, {"happened": -1}):
        site = stage.at("hand_over")
        site.perform("hand_over")
        act = site.waiting()
        fact = ActWitnessed(therapy="T-1", act=act.by.link, key=act.at.key())
        if "meaning" in changed:
            site.forge([fact], "courier.1", meaning="approved")
            assert "it was signed as approved" in told(site)
        else:
            site.forge([fact], "courier.1", meaning="received", happened=site.clock() - timedelta(hours=1))
            assert "it is dated" in told(site)


def test_a_code_that_is_not_bound_in_its_own_stream_is_reported(stage: Stage) -> None:
    """A collection that does not extend its DIN's stream would leave the number free for another patient."""
    site = stage.at("apheresis")
    decision = site.desk.may("T-1", site.form("apheresis"), "apheresis.nurse.1")
    site.forge(decision.facts, "apheresis.nurse.1")
    assert "other streams" in told(site)


def test_somebody_without_the_role_is_reported(stage: Stage) -> None:
    """A courier who opens no deviation but closes one, and one who throws away a bag."""
    site = stage.at("disposition")
    bag = site.one("drug_product")
    site.forge([MaterialDisposed(therapy="T-1", materials=(bag,), at=site.clock(), reason="room")], "courier.1")
    assert "authority.role" in told(site)


def test_a_deviation_under_a_number_of_ones_own_is_reported(stage: Stage) -> None:
    """A deviation that takes the number of one that is open would make it disappear."""
    site = stage.at("transport")
    site.perform("transport", values={"upright": "no"})
    fake = DeviationOpened(therapy="T-1", deviation="D-1", grade="minor", rule="reported", says="nothing")
    site.forge([fake], "courier.1")
    assert "other values" in told(site)


def test_what_a_suspect_key_signed_is_marked(stage: Stage) -> None:
    """A card was lost at noon and revoked in the evening: what it signed since noon is marked, verdicts stay."""
    site = stage.at("apheresis")
    noon = site.clock()
    site.pass_(minutes=1)
    site.do("apheresis", by="apheresis.nurse.1")
    site.desk.authorise(
        lambda a, au: administration.revoke_keys(a, au, "apheresis.nurse.1", "card lost", noon), site.sits("admin")
    )
    (finding,) = findings(site)
    assert finding.kind == "suspect"
    assert verify(site.log).clean


def test_a_sheet_that_names_nobody_and_an_opening_without_consent_are_findings_and_stop_no_audit(stage: Stage) -> None:
    """A record past the desk that no command can give is told as a finding; whoever signs it does not blind the audit by it."""
    site = stage.at("expansion")
    decision = site.desk.may("T-1", site.form("expansion"), "operator.1")
    sheet = OnPaper(file=RawFile(sha256="0" * 64, size=1, what="a sheet"), why="no network")
    site.forge([decision.facts[0].model_copy(update={"paper": sheet})], "operator.1", also=decision.extends)
    assert "authority.account" in told(site)
    opened = site.now.opened
    assert opened is not None
    site.forge([opened], "investigator.1")
    assert "no command of a person" in findings(site)[-1].says


def test_a_label_of_an_item_that_is_not_there_is_a_finding_and_stops_no_worklist(stage: Stage) -> None:
    """Labels issued past the desk for nothing: the therapy carries the finding, and its list of work can still be read."""
    site = stage.at("hand_over")
    issued = next(f for r in site.records() for f in r.facts if isinstance(f, LabelsIssued))
    nowhere = issued.model_copy(update={"material": "G123426999999", "serials": ("L-NOWHERE-1",)})
    site.forge([nowhere], "apheresis.nurse.1")
    assert told(site)
    assert [item.material for item in worklist(site.now, site.protocol) if "L-NOWHERE-1" in item.says] == [
        "G123426999999"
    ]


def test_a_whole_study_has_no_finding(stage: Stage) -> None:
    """What the desk recorded is decided again as it was decided, for both patients, from consent to the end."""
    site = stage.at("the end", other=True)
    assert audit_all(Reader(site.log)) == []
