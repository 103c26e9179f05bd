"""When there is no network, no key or no server, the work goes on on paper, and is entered afterwards with its scan.

The sheet is kept by its hash, those who signed on it are named and asked as they stood then, another person than who typed
it compares it, and it is marked late wherever it is shown. Who is locked out is replaced, or unlocked by a supervisor.

Source: process page row 13, What goes wrong; 21 CFR 11.10(e), 11.10(i), 11.200 and 11.300(d); EU GMP Annex 11 §§12 and 16; ALCOA+.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from events.facts.authority import AccountUnlocked, SignInFailed
from events.facts.base import Fact, RawFile
from events.facts.quality import DeviationOpened
from events.facts.steps import StepFact
from projections.rows import rows_of
from protocol import administration
from protocol.audit import audit_all
from protocol.commands import Begun, Decline, PaperEntry, TakeBack, TakeOver, Witness
from protocol.custody import custody_trail, gaps
from protocol.desk import Receipt
from protocol.file import read_protocol
from protocol.raw_files import files_of_therapy
from protocol.reader import Reader
from protocol.schedule import schedule
from protocol.status import batch_status
from protocol.worklist import worklist
from tests.stage import STUDY, Stage, Staged, names

pytestmark = pytest.mark.story
NURSE, SECOND, TYPIST, COURIER = "apheresis.nurse.1", "apheresis.nurse.2", "qa.releaser.1", "courier.1"
SCAN = b"%PDF-1.7 the scanned sheet"
SHEET = RawFile(sha256=hashlib.sha256(SCAN).hexdigest(), size=len(SCAN), what="paper record of apheresis")


def settled(site: Staged) -> None:
    """Every record of the story is decided again as it was decided, and no custody has a gap."""
    assert audit_all(Reader(site.log)) == []
    assert gaps(site.now) == []


def paper(first: str = NURSE, second: str | None = SECOND) -> PaperEntry:
    """What the sheet says of who signed on it."""
    return PaperEntry(file=SHEET, performed_by=first, second_by=second, why="the network was down")


def enter(site: Staged, step: str, then: datetime, *, by: str = TYPIST, **said: Any) -> Receipt:
    """Somebody enters a step that was done then from its sheet."""
    said = {"paper": paper(), "started": then, "ended": then, **said}
    return site.act(site.form(step, **said), by)


def down(stage: Stage, step: str = "apheresis", hours: int = 6) -> tuple[Staged, datetime]:
    """The step was done on paper while the network was down; it is entered hours later."""
    site = stage.at(step)
    then = site.clock()
    site.pass_(hours=hours)
    return site, then


# ------------------------------------------------------------------ paper, entered late with its scan


def test_a_collection_done_on_paper_is_entered_with_its_sheet_and_compared_by_another_person(stage: Stage) -> None:
    """The bag came into being at the chair, in the nurse's hands, when the sheet says; who typed it never had it."""
    site, then = down(stage)
    receipt = enter(site, "apheresis", then)
    (fact,) = [fact for fact in receipt.facts if isinstance(fact, StepFact)]
    assert [one.account for one in fact.done_by] == [NURSE, SECOND]
    assert fact.paper is not None
    assert fact.paper.file == SHEET
    assert site.records()[-1].statement.happened == then
    assert site.records()[-1].statement.recorded == site.clock()
    # It is not done before it was compared, by another person than who typed it, whatever accounts they have.
    assert site.standing("label_collection") == "none"
    (item,) = [i for i in worklist(site.now, site.protocol) if i.kind == "second_signature"]
    assert "entered late, from paper" in item.says
    with site.refused("authority.two-people"):
        site.act(Witness(act=receipt.link), TYPIST)
    moonlight = site.hire(site.person(TYPIST), "moonlight", "apheresis_nurse")
    with site.refused("authority.two-people"):
        site.act(Witness(act=receipt.link), moonlight)
    with site.refused("authority.role"):
        site.act(Witness(act=receipt.link), COURIER)
    site.pass_(minutes=5)
    site.act(Witness(act=receipt.link), "qa.releaser.2")
    assert site.records()[-1].statement.meaning == "reviewed"
    (bag,) = site.now.live("leukapheresis")
    assert (bag.holder, bag.place) == (NURSE, "apheresis_unit")
    (line,) = custody_trail(site.now, bag.code)
    assert (line.since, line.holder) == (then, NURSE)
    settled(site)


def test_what_was_entered_late_is_marked_late_wherever_it_is_shown(stage: Stage) -> None:
    """Trail, calendar, worklist, status and the views say that it was entered late; the sheet is one of the therapy's raw files."""
    site, then = down(stage)
    waiting = enter(site, "apheresis", then)
    assert batch_status(site.now, site.protocol)["entered_late"] == 1
    site.act(Witness(act=waiting.link), "qa.releaser.2")
    (bag,) = site.now.live("leukapheresis")
    assert custody_trail(site.now, bag.code)[0].how == "came into being in apheresis (entered late, from paper)"
    (entry,) = [e for e in schedule(site.now, site.protocol) if e.at.step == "apheresis"]
    assert "entered late, from paper" in entry.why
    assert entry.happened == (then, then)
    assert batch_status(site.now, site.protocol)["entered_late"] == 1
    assert rows_of(site.now, site.protocol)["batch_status"][0]["entered_late"] == 1
    assert [named.sha256 for named in files_of_therapy(Reader(site.log), "T-1")] == [SHEET.sha256]
    settled(site)


def test_a_hand_over_on_paper_gives_custody_to_who_took_it_then(stage: Stage) -> None:
    """The courier signed the sheet at the door: he is accountable from that minute on, not whoever types or compares it."""
    site, then = down(stage, "hand_over", hours=2)
    receipt = enter(site, "hand_over", then, paper=paper(NURSE, COURIER))
    site.act(Witness(act=receipt.link), "qa.releaser.2")
    (bag,) = site.now.live("leukapheresis")
    assert (bag.holder, bag.place) == (COURIER, "courier")
    last = custody_trail(site.now, bag.code)[-1]
    assert (last.since, last.given_by) == (then, NURSE)
    settled(site)


def test_limits_and_clocks_count_from_the_time_on_the_sheet(stage: Stage) -> None:
    """Processing began in time on paper and is typed two days later: no clock strikes for the typing; a late start still does."""
    site, then = down(stage, "wash_collection", hours=60)
    step, sheet = "wash_collection", paper("operator.1", "operator.2")
    in_time = enter(site, step, then, by="operator.1", paper=sheet)
    assert [f.rule for f in in_time.facts if isinstance(f, DeviationOpened)] == []
    site.act(Decline(act=in_time.link, reason="the sheet says a later time"), "operator.2")
    late = enter(site, step, then + timedelta(hours=50), by="operator.1", paper=sheet)
    assert f"clock.{step}" in "".join(f.rule for f in late.facts if isinstance(f, DeviationOpened))
    site.act(Witness(act=late.link), "operator.2")
    settled(site)


def test_paper_that_waits_too_long_is_a_deviation_of_the_studys_own(stage: Stage) -> None:
    """The study lets a sheet wait 72 hours; entered after that it is recorded, with its deviation."""
    site, then = down(stage, hours=71)
    assert "paper.late" not in rules(enter(site, "apheresis", then).facts)
    site, then = down(stage, hours=73)
    assert "paper.late" in rules(enter(site, "apheresis", then).facts)
    settled(site)


def rules(facts: tuple[Fact, ...]) -> list[str]:
    """The rules under which these facts open deviations."""
    return [fact.rule for fact in facts if isinstance(fact, DeviationOpened)]


def test_who_signed_on_the_sheet_is_asked_as_they_stood_then(stage: Stage) -> None:
    """Roles and training count as of that time: who was enrolled, given the role or trained afterwards could not have done it."""
    site, then = down(stage)
    later = site.hire("P-901", "later.nurse", "apheresis_nurse")
    with site.refused("authority.role") as told:
        enter(site, "apheresis", then, paper=paper(later, SECOND))
    assert "held on" in told.says
    with site.refused("authority.role"):
        enter(site, "apheresis", then, paper=paper(NURSE, later))
    # Who held the role then may have lost it since: it was theirs when they did it.
    _roles(site, NURSE, "ward_nurse")
    receipt = enter(site, "apheresis", then)
    site.act(Witness(act=receipt.link), "qa.releaser.2")
    settled(site)


def _roles(site: Staged, account: str, *held: str) -> None:
    known = administration.known_roles([site.protocol])

    def changed(actor: Any, authority: Any) -> list[Fact]:
        return [administration.change_roles(actor, authority, known, account, held, "moved to the ward")]

    site.desk.authorise(changed, site.sits("admin"))


def test_training_that_was_recorded_afterwards_does_not_count(stage: Stage) -> None:
    """A nurse without training did it on paper; recording the training on the next day does not make it right."""
    site = stage.at("apheresis")
    novice = site.hire("P-902", "novice.nurse", "apheresis_nurse", trained=False)
    then = site.pass_(minutes=5)
    site.pass_(hours=6)
    site.train("P-902", "apheresis", site.clock() + timedelta(days=300))
    with site.refused("readiness.training") as told:
        enter(site, "apheresis", then, paper=paper(novice, SECOND))
    assert novice in told.says
    settled(site)


def test_what_no_sheet_can_stand_for_is_refused_by_name(stage: Stage) -> None:
    """One person for two, no second, no time, the future, nobody of that name, a wrong typist, a step on record, a code of another."""
    site, then = down(stage)
    with site.refused("authority.two-people"):
        enter(site, "apheresis", then, paper=paper(NURSE, NURSE))
    twin = site.hire(site.person(NURSE), "twin.account", "apheresis_nurse")
    with site.refused("authority.two-people"):
        enter(site, "apheresis", site.clock(), paper=paper(NURSE, twin))
    with site.refused("paper.second"):
        enter(site, "apheresis", then, paper=paper(NURSE, None))
    with site.refused("paper.time"):
        enter(site, "apheresis", then, started=None, ended=None)
    with site.refused("time.future"):
        enter(site, "apheresis", site.clock() + timedelta(hours=1))
    with site.refused("authority.account"):
        enter(site, "apheresis", then, paper=paper("nobody.9", SECOND))
    with site.refused("authority.role"):
        enter(site, "apheresis", then, by=COURIER)
    site.do("apheresis")
    with site.refused("order.done"):
        enter(site, "apheresis", then)
    with site.refused("time.sequence"):
        enter(site, "label_collection", then - timedelta(days=1))
    settled(site)


def test_a_decision_is_not_taken_on_paper(stage: Stage) -> None:
    """A release stands on the record as it is when it is signed; no sheet shows that."""
    site, then = down(stage, "disposition")
    with site.refused("paper.kind"):
        enter(site, "disposition", then, paper=paper("qa.releaser.1", None), decision="released")
    settled(site)


def test_a_sheet_that_names_another_patients_bag_is_no_slip_to_type_over(stage: Stage) -> None:
    """Nothing is presented now, so nothing is held; the refusal says how to tell what really happened."""
    site = stage.at("thaw", other=True)
    then = site.clock()
    site.pass_(hours=1)
    other = site.therapy(_bruno()).live("drug_product")[0].code
    bag = site.one("drug_product")
    with site.refused("paper.wrong-item") as told:
        enter(site, "thaw", then, material=bag, scan={"bag": other}, paper=paper("cell.lab.1", "ward.nurse.1"))
    assert "unbroken happened" in told.advice
    assert not site.now.holds
    settled(site)


def _bruno() -> Any:
    from tests.stage import BRUNO

    return BRUNO


def test_who_did_it_on_paper_is_not_independent_of_it(stage: Stage) -> None:
    """A person of QA who stood at the filling, on paper, does not decide on that product afterwards."""
    site, then = down(stage, "harvest")
    filler = site.hire("P-903", "filler.1", "operator", "qa_releaser")
    site.pass_(minutes=1)
    then = site.clock()
    site.pass_(hours=3)
    receipt = enter(site, "harvest", then, by="operator.1", paper=paper(filler, "operator.2"))
    site.act(Witness(act=receipt.link), "operator.2")
    site.play(site.patient, "disposition")
    with site.refused("authority.independent") as told:
        site.perform("disposition", by=filler)
    assert "harvest" in told.says
    settled(site)


# ------------------------------------------------------------------ locked out: taken over, or unlocked under supervision


def locked(site: Staged, account: str) -> None:
    """Somebody gave five wrong passphrases in a row; each was recorded by the system."""
    for _ in range(administration.MOST_FAILURES):
        count = site.desk.failures_in_a_row(account) + 1
        failed: list[Fact] = [SignInFailed(account=account, in_a_row=count)]
        site.desk.record([f"account/{account}"], partial(_said, failed), site.sits("system"), "recorded")


def _said(facts: list[Fact], *_: Any) -> list[Fact]:
    return facts


def unlock(site: Staged, account: str, by: str) -> Receipt:
    """A supervisor unlocks an account, with a reason."""

    def decide(actor: Any, _: Any) -> list[Fact]:
        own = site.desk.actor(account).person
        failures = site.desk.failures_in_a_row(account)
        return [administration.unlock(actor, account, failures, "identified in person; caps lock was on", own)]

    return site.desk.record([f"account/{account}"], decide, site.sits(by), "authorised")


def test_a_locked_out_nurse_is_unlocked_by_a_supervisor_with_a_reason(stage: Stage) -> None:
    """Five wrong passphrases lock an account; another, authorised person unlocks it, and who, when and why is on record."""
    site = stage.at("apheresis")
    locked(site, NURSE)
    assert site.desk.failures_in_a_row(NURSE) == administration.MOST_FAILURES
    own = site.hire(site.person(NURSE), "nurse.supervisor", "supervisor")
    other = site.hire("P-904", "supervisor.9", "supervisor")
    with site.refused("authority.two-people"):
        unlock(site, NURSE, own)
    with site.refused("authority.role"):
        unlock(site, NURSE, SECOND)
    (fact,) = unlock(site, NURSE, other).facts
    assert isinstance(fact, AccountUnlocked)
    assert fact.why == "identified in person; caps lock was on"
    assert site.desk.failures_in_a_row(NURSE) == 0
    with site.refused("authority.locked"):
        unlock(site, NURSE, other)
    settled(site)


def test_another_nurse_takes_over_what_a_locked_out_one_had_begun(stage: Stage) -> None:
    """She signs it as hers, names who began it and why; neither of the two, under any account, is then the witness."""
    site = stage.at("apheresis")
    third = site.hire("P-905", "apheresis.nurse.3", "apheresis_nurse")
    begun = Begun(account=NURSE, why="locked out after five wrong passphrases")
    with site.refused("authority.two-people"):
        site.perform("apheresis", by=NURSE, taken_over=begun)
    with site.refused("authority.role"):
        site.perform("apheresis", by=SECOND, taken_over=Begun(account=COURIER, why="called away"))
    with site.refused("authority.account"):
        site.perform("apheresis", by=SECOND, taken_over=Begun(account="nobody.9", why="called away"))
    receipt = site.perform("apheresis", by=SECOND, taken_over=begun)
    (fact,) = [fact for fact in receipt.facts if isinstance(fact, StepFact)]
    assert fact.taken_over is not None
    assert (fact.taken_over.account, fact.taken_over.why) == (NURSE, begun.why)
    for account in (NURSE, SECOND):
        with site.refused("authority.two-people"):
            site.act(Witness(act=receipt.link), account)
    site.act(Witness(act=receipt.link), third)
    assert site.now.materials[site.one("leukapheresis")].holder == SECOND
    settled(site)


def test_an_act_that_waits_is_taken_over_from_a_performer_who_cannot_go_on(stage: Stage) -> None:
    """Signed, not witnessed, and its performer is locked out: another nurse answers for it, may take it back, and is no witness either."""
    site = stage.at("apheresis")
    third = site.hire("P-905", "apheresis.nurse.3", "apheresis_nurse")
    receipt = site.perform("apheresis", by=NURSE)
    takes = TakeOver(act=receipt.link, reason="locked out after five wrong passphrases")
    with site.refused("authority.two-people"):
        site.act(takes, NURSE)
    with site.refused("authority.role"):
        site.act(takes, COURIER)
    with site.refused("authority.own-act"):
        site.act(TakeBack(act=receipt.link, reason="volume misread"), SECOND)
    taken = site.act(takes, SECOND)
    assert names(taken.facts) == ["act.taken_over"]
    with site.refused("authority.two-people"):
        site.act(takes, SECOND)
    for account in (NURSE, SECOND):
        with site.refused("authority.two-people"):
            site.act(Witness(act=receipt.link), account)
    site.act(TakeBack(act=receipt.link, reason="volume misread"), SECOND)
    assert not site.now.pending
    again = site.perform("apheresis", by=SECOND)
    site.act(Witness(act=again.link), third)
    settled(site)


def test_who_takes_an_act_over_is_as_trained_and_as_independent_as_who_performs_it(stage: Stage) -> None:
    """A nurse whose training has lapsed takes nothing over; nor does QA who tested the batch take over its release."""
    site = stage.at("apheresis")
    novice = site.hire("P-906", "novice", "apheresis_nurse", trained=False)
    receipt = site.perform("apheresis", by=NURSE)
    takes = TakeOver(act=receipt.link, reason="locked out after five wrong passphrases")
    with site.refused("readiness.training"):
        site.act(takes, novice)
    topics = site.protocol.by_id["apheresis"].needs.training
    for topic in topics:
        site.train("P-906", topic, site.clock() + timedelta(days=1))
    site.act(takes, novice)
    settled(site)


def test_who_tested_the_batch_does_not_take_its_release_over(stage: Stage) -> None:
    """Where a study has its release approved by a second person, an analyst with a second account of QA cannot step in for the first."""
    text = STUDY.read_text(encoding="utf-8")
    alone = "    performed_by: qa_releaser\n    not_by: all"
    assert text.count(alone) == 1
    two = text.replace(alone, "    performed_by: qa_releaser\n    approved_by: qa_releaser\n    not_by: all")
    site = stage.site(read_protocol(two))
    site.play(site.patient, "disposition")
    released = site.perform("disposition", by="qa.releaser.1")
    tested = site.now.of_step("test_vcn")[0].by.person
    other = site.hire(tested, "analyst.as.qa", "qa_releaser")
    with site.refused("authority.independent"):
        site.act(TakeOver(act=released.link, reason="called away"), other)
    site.act(Witness(act=released.link), "qa.releaser.2")
    settled(site)
