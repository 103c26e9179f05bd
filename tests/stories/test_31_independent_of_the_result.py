"""Whoever touched a result is not independent of the release that stands on it, however they touched it.

QA who performed and tested nothing on this batch releases it; who entered, corrected or set aside what a test or the
manufacture says has tested, and who only witnessed has not.

Source: process page step 17; EU GMP Annex 16 1.7; 21 CFR 211.22, 211.194(a)(8)
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from events.facts.base import RawFile
from events.facts.steps import DispositionDecided
from protocol.audit import audit_all
from protocol.commands import (
    Decline,
    PaperEntry,
    TakeBack,
    TakeOver,
    TellHappened,
    Witness,
)
from protocol.file import read_protocol
from protocol.reader import Reader
from tests.stage import ANNA, STUDY, Stage, Staged, entered

pytestmark = pytest.mark.story
QA, OTHER_QA = "qa.releaser.1", "qa.releaser.2"
SHEET = RawFile(sha256="a" * 64, size=1000, what="paper record of test_viability")
Way = Callable[[Staged, str], None]
"""One way to touch what the release looks at: the site before the test of viability, and QA's second account."""


def settled(site: Staged) -> None:
    """Nothing that stands in the log would be decided otherwise."""
    assert audit_all(Reader(site.log)) == []


def moonlight(site: Staged, account: str = QA) -> str:
    """A second account of somebody of QA, with every role that touches a result."""
    roles = [role for role in site.protocol.roles if role != "qa_releaser"]
    return site.hire(site.person(account), "z.elsewhere", "quality", *roles)


def _tested(site: Staged, own: str) -> None:
    site.perform("test_viability", by=own)
    site.witness()


def _tested_in_vain(site: Staged, own: str) -> None:
    site.perform("test_viability", values={"viability": "71 %"}, by=own)
    site.act(Decline(act=site.waiting().by.link, reason="the counter was not rinsed"), "qc.reviewer.1")
    site.do("test_viability")


def _tested_and_taken_back(site: Staged, own: str) -> None:
    site.perform("test_viability", values={"viability": "71 %"}, by=own)
    site.act(TakeBack(act=site.waiting().by.link, reason="wrong sample"), own)
    site.do("test_viability")


def _took_over(site: Staged, own: str) -> None:
    site.perform("test_viability")
    site.act(TakeOver(act=site.waiting().by.link, reason="called away"), own)
    site.witness()


def _corrected(site: Staged, own: str) -> None:
    """A result that passes is corrected into another that passes: no gate moves, and she has written it all the same."""
    site.do("test_viability", values={"viability": "85 %"})
    site.correct("test_viability", "viability", "91 %", by=own)


def _corrected_while_it_waits(site: Staged, own: str) -> None:
    site.perform("test_viability")
    site.correct("test_viability", "viability", "91 %", by=own)
    site.witness()


def _corrected_and_corrected_back(site: Staged, own: str) -> None:
    site.do("test_viability", values={"viability": "85 %"})
    site.correct("test_viability", "viability", "91 %", by=own)
    site.correct("test_viability", "viability", "85 %", by="qc.reviewer.1")


def _corrected_manufacture(site: Staged, own: str) -> None:
    site.do("test_viability")
    site.correct("eligibility", "weight", "71 kg", why="read on the wrong line", by=own)


def _entered_from_paper(site: Staged, own: str) -> None:
    then = site.clock()
    site.pass_(hours=1)
    sheet = PaperEntry(file=SHEET, performed_by="qc.analyst.1", second_by="qc.reviewer.1", why="the network was down")
    form = site.form("test_viability", paper=sheet, started=then, ended=then)
    receipt = site.act(form, QA)
    site.act(Witness(act=receipt.link), OTHER_QA)
    assert own  # she enters it under the very account with which she releases


WAYS: dict[str, tuple[Way, str]] = {
    "tested": (_tested, "performed test_viability"),
    "tested, and it was declined": (_tested_in_vain, "did not stand"),
    "tested, and took it back": (_tested_and_taken_back, "did not stand"),
    "took the test over": (_took_over, "performed test_viability"),
    "corrected a result that passed": (_corrected, "corrected viability of test_viability"),
    "corrected it before it was reviewed": (_corrected_while_it_waits, "corrected viability of"),
    "corrected it, and another corrected it back": (_corrected_and_corrected_back, "corrected viability of"),
    "corrected a weight that a criterion divides by": (_corrected_manufacture, "corrected weight of eligibility"),
    "typed it from paper": (_entered_from_paper, "entered from paper test_viability"),
}


@pytest.mark.parametrize(("way", "said"), WAYS.values(), ids=WAYS)
def test_whoever_touched_a_result_does_not_release_on_it(stage: Stage, way: Way, said: str) -> None:
    """Under another account of hers she touched it. Her colleague, who only witnessed, releases; the audit says the same."""
    site = stage.at("test_viability")
    own = moonlight(site)
    way(site, own)
    site.play(ANNA, "disposition")
    with site.refused("authority.independent") as told:
        site.perform("disposition", by=QA)
    assert said in told.says
    assert site.person(QA) in told.says
    # Past the desk she can sign it; whoever audits the trail hears of it.
    form = site.form("disposition")
    decision = site.desk.may(ANNA.therapy, form, OTHER_QA)
    site.forge(decision.facts, QA, meaning=decision.meaning, also=decision.extends, happened=decision.happened)
    assert [said in finding.says for finding in audit_all(Reader(site.log))] == [True]


@pytest.mark.parametrize("way", [way for way, _ in WAYS.values()], ids=WAYS)
def test_her_colleague_releases(stage: Stage, way: Way) -> None:
    """Who touched nothing, or compared or witnessed only, is independent."""
    site = stage.at("test_viability")
    way(site, moonlight(site))
    site.play(ANNA, "disposition")
    facts = site.perform("disposition", by=OTHER_QA).facts
    assert [fact.decision for fact in facts if isinstance(fact, DispositionDecided)] == ["released"]
    settled(site)


def test_whoever_told_of_a_test_is_not_independent(stage: Stage) -> None:
    """What was done against the rules was done; whose hands it was, and who said so, do not release."""
    site = stage.at("disposition")
    told = TellHappened(
        step="test_viability", started=site.clock(), performed_by=(OTHER_QA,), says="she tested once more, alone",
        occurrence="2", readings=entered({"viability": "88 %"}), scans=site.form("test_viability").scans,
    )  # fmt: skip
    site.act(told, moonlight(site))
    for account, did in ((QA, "told of test_viability"), (OTHER_QA, "performed test_viability 2")):
        with site.refused("authority.independent") as refusal:
            site.perform("disposition", by=account)
        assert did in refusal.says
    settled(site)


def test_whoever_corrects_between_the_two_signatures_of_a_release_does_not_release(stage: Stage) -> None:
    """Where two people release: the first one corrects a result after she signed. The second signature is refused."""
    text = STUDY.read_text(encoding="utf-8")
    alone = "    performed_by: qa_releaser\n    not_by: all"
    two = text.replace(alone, "    performed_by: qa_releaser\n    approved_by: qa_releaser\n    not_by: all")
    site = stage.site(read_protocol(two))
    site.play(site.patient, "disposition")
    released = site.perform("disposition", by=QA)
    site.correct("test_viability", "viability", "93 %", by=moonlight(site))
    with site.refused("authority.independent") as told:
        site.act(Witness(act=released.link), OTHER_QA)
    assert "corrected viability" in told.says
    site.act(Decline(act=released.link, reason="decided by who corrected"), OTHER_QA)
    site.perform("disposition", by=OTHER_QA)
    settled(site)


def test_a_study_that_names_steps_bars_whoever_touched_what_it_judges_on(stage: Stage) -> None:
    """The study bars only the testers of one test. A value of another step that a criterion uses is no less hers."""
    text = STUDY.read_text(encoding="utf-8").replace("    not_by: all ", "    not_by: [test_vcn] ")
    site = stage.site(read_protocol(text))
    site.play(site.patient, "disposition")
    site.correct("test_viability", "viability", "93 %", by=moonlight(site))
    with site.refused("authority.independent"):
        site.perform("disposition", by=QA)
    site.perform("disposition", by=OTHER_QA)
    settled(site)


def test_whoever_wrote_a_value_does_not_review_it(stage: Stage) -> None:
    """The reviewer corrects a result while it waits for her. The value is hers now; another reviewer signs second."""
    site = stage.at("test_viability")
    site.perform("test_viability", values={"viability": "85 %"})
    site.correct("test_viability", "viability", "91 %", by="qc.reviewer.1")
    with site.refused("authority.two-people") as told:
        site.witness(by="qc.reviewer.1")
    assert "corrected viability of it" in told.says
    site.witness(by="qc.reviewer.2")
    settled(site)
