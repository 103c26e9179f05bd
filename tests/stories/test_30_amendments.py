"""Amendments of the study protocol.
A running therapy stays on the version under which it was opened until two people move it, by a signed decision that says what
changes for that patient; what was done before stays judged by the version in force at its time.

Source: 21 CFR 312.30 (protocol amendments); ICH E6(R2) 4.5 and 4.8.2 (compliance with the protocol, revised consent); 21 CFR
11.10(a) and (e); process page, rules that the software enforces.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest

from events.facts.amendments import AmendmentDecided, AmendmentProposed
from events.facts.quality import DeviationOpened
from events.instant import to_wire
from projections.rows import rows_of
from protocol.amendments import IN_PIECES, NOT_COMPARED, changes
from protocol.audit import audit, audit_all
from protocol.commands import DecideAmendment, ProposeAmendment
from protocol.decide.amendments import plan
from protocol.endings import permitted
from protocol.evolve import fold
from protocol.file import read_protocol
from protocol.model import StudyProtocol
from protocol.reader import Reader
from protocol.schedule import schedule
from protocol.status import batch_status
from protocol.worklist import worklist
from tests.stage import ANNA, BRUNO, STUDY, Stage, Staged, names

pytestmark = pytest.mark.story
INVESTIGATOR, QA = "investigator.1", "qa.releaser.1"
Change = tuple[str, str]

THAW: Change = (
    "limits: [{at: 30 min, then: deviation major}, {at: 90",
    "limits: [{at: 20 min, then: deviation major}, {at: 90",
)
"""The infusion begins within 20 minutes of the thaw, not 30."""
CD3: Change = (
    "limits: [{at_least: 1e9, otherwise: offer second_collection",
    "limits: [{at_least: 8e9, otherwise: offer second_collection",
)
"""More cells are asked of a collection."""
VIABILITY: Change = (
    'unit: "%", at_least: 70,\n       source: published 70-80 %',
    'unit: "%", at_least: 80,\n       source: published 70-80 %',
)
"""The release asks for more living cells."""
SAME_CONSENT: Change = ("  consent: again ", "  consent: same ")
EARLY: Change = (
    "  - id: apheresis\n    kind: collection\n    title: Leukapheresis\n    after: slot_confirmation\n",
    "  - {id: ecg, kind: observation, title: ECG before the collection, after: slot_confirmation, performed_by: physician,\n"
    "     records: [{name: qtc, title: QTc, unit: ms, plausible: [200, 800]}]}\n\n"
    "  - id: apheresis\n    kind: collection\n    title: Leukapheresis\n    after: ecg\n",
)
"""An electrocardiogram before the collection."""
LATE: Change = (
    "  - id: pre_thaw_check\n    kind: identity_check\n    title: Patient and product check before thaw\n"
    "    after: [lymphodepletion, repeat_lymphodepletion]\n",
    "  - {id: ecg, kind: observation, title: ECG before the infusion, after: lymphodepletion, performed_by: physician,\n"
    "     records: [{name: qtc, title: QTc, unit: ms, plausible: [200, 800]}]}\n\n"
    "  - id: pre_thaw_check\n    kind: identity_check\n    title: Patient and product check before thaw\n"
    "    after: [ecg, repeat_lymphodepletion]\n",
)
"""An electrocardiogram before the infusion."""


def version(number: str, *changes: Change, study: str = "CD20-CD22") -> str:
    """The study's next version: the file with each of these changes."""
    text = STUDY.read_text(encoding="utf-8")
    for old, new in (('  version: "1"', f'  version: "{number}"'), ("  id: CD20-CD22", f"  id: {study}"), *changes):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def adopt(site: Staged, number: str, *changes: Change, study: str = "CD20-CD22") -> StudyProtocol:
    """QA adopts a version of the study."""
    site.pass_(minutes=1)
    return site.desk.adopt(version(number, *changes, study=study), site.sits("quality.1"))


def propose(site: Staged, to: str = "2", by: str = INVESTIGATOR, **said: object) -> AmendmentProposed:
    """The investigator proposes to move the therapy."""
    command = ProposeAmendment.model_validate({"to": to, "reason": "approved by the ethics committee", **said})
    (fact,) = site.act(command, by).facts
    assert isinstance(fact, AmendmentProposed)
    return fact


def approve(site: Staged, by: str = QA, amendment: str = "V-1") -> None:
    """QA approves it; the site's people work by the new version from here on."""
    site.act(DecideAmendment(amendment=amendment, decision="approved", reason="the changes were reviewed"), by)
    site.protocol = site.desk.protocol_of(site.now)


def moved(site: Staged, *changes: Change) -> Staged:
    """The therapy is moved to version 2, which has these changes."""
    adopt(site, "2", SAME_CONSENT, *changes)
    propose(site)
    approve(site)
    return site


def told(fact: AmendmentProposed) -> set[tuple[str, str, str | None, str | None]]:
    """What a proposal says that changes, without the dates and the head of the file."""
    kept = (c for c in fact.changes if c.where not in ("deadline", "protocol"))
    return {(c.where, c.what, c.before, c.after) for c in kept}


def settled(site: Staged) -> None:
    """Every record is decided again under the version in force for it, as it was decided."""
    assert audit_all(Reader(site.log)) == []


# ------------------------------------------------------------------ staying, and moving


def test_a_running_therapy_stays_on_its_version_when_a_new_one_is_adopted(stage: Stage) -> None:
    """The old limit still holds for the patient who was enrolled under it; the next patient's therapy opens under the new version."""
    site = stage.at("apheresis")
    new = adopt(site, "2", CD3)
    site.do("apheresis")
    assert site.records()[-1].statement.protocol == site.protocol.digest
    assert names(site.late("apheresis", {"cd3_count": "5e9 cells"}).facts) == ["reading.reported"]
    site.perform("consent", patient=BRUNO)
    opened = site.therapy(BRUNO).opened
    assert opened is not None
    assert (opened.version, opened.digest) == ("2", new.digest)
    assert batch_status(site.now, site.desk.protocol_of(site.now))["protocol"] == "CD20-CD22 1"
    settled(site)


def test_two_people_move_a_therapy_and_sign_what_changes_for_this_patient(stage: Stage) -> None:
    """The investigator's record holds the list; the therapy moves when QA, another person, signs the record of that very list."""
    site = stage.at("disposition")
    new = adopt(site, "2", SAME_CONSENT, THAW, CD3, VIABILITY)
    fact = propose(site)
    # The collection lies behind this patient: its new limit is not in the list.
    assert told(fact) == {
        ("step infusion", "clocks 1 limits 1 at", "30 min", "20 min"),
        ("criterion viability", "at_least", "70", "80"),
    }
    assert (fact.leaves, fact.digest, fact.version) == (site.protocol.digest, new.digest, "2")
    assert site.now.versions == (site.protocol.digest,)
    (item,) = (i for i in worklist(site.now, site.protocol) if i.kind == "amendment")
    assert (item.material, item.roles) == ("V-1", ("qa_releaser",))
    approve(site)
    assert list(site.now.versions) == [fact.leaves, new.digest]
    assert site.protocol.digest == new.digest
    (decided,) = site.records()[-1].facts
    assert isinstance(decided, AmendmentDecided)
    assert decided.first == site.records()[-2].link
    assert [r.statement.protocol for r in site.records()[-2:]] == [fact.leaves, fact.leaves]
    # From here on the new version is signed into each record, and decides.
    site.perform("disposition", decision="rejected")
    assert site.records()[-1].statement.protocol == new.digest
    assert batch_status(site.now, site.protocol)["protocol"] == "CD20-CD22 2"
    settled(site)


def test_one_person_never_moves_a_therapy_alone_nor_does_anybody_without_the_role(stage: Stage) -> None:
    """The roles are those that the new version names; one person is one person under any account."""
    site = stage.at("disposition")
    adopt(site, "2", SAME_CONSENT, THAW)
    for by in (QA, "ward.nurse.1"):
        with site.refused("authority.role"):
            propose(site, by=by)
    propose(site)
    with site.refused("authority.role"):
        approve(site, by="ward.nurse.1")
    moonlight = site.hire(site.person(INVESTIGATOR), "moonlight", "qa_releaser")
    with site.refused("authority.two-people"):
        approve(site, by=moonlight)
    with site.refused("amendment.waiting"):
        propose(site)
    with site.refused("amendment.known"):
        approve(site, amendment="V-2")
    approve(site)
    with site.refused("amendment.newer") as again:
        propose(site)
    assert "already" in again.says
    settled(site)


def test_the_list_is_each_patients_own(stage: Stage) -> None:
    """Of two patients the one who has not been collected from is told of the collection, the other of what is left to her."""
    early, late = stage.at("apheresis"), stage.at("acute_monitoring")
    for site in (early, late):
        adopt(site, "2", SAME_CONSENT, THAW, CD3, VIABILITY)
    collected = ("step apheresis", "records cd3_count limits 1 at_least", "1000000000", "8000000000")
    assert {where for where, *_ in told(propose(early))} == {"step apheresis", "step infusion", "criterion viability"}
    assert any(one[:2] == collected[:2] for one in told(propose_again(early)))
    assert told(propose(late)) == set()


def propose_again(site: Staged) -> AmendmentProposed:
    """The proposal that stands, declined and made once more: the same list."""
    (first,) = (p.fact for p in site.now.amendments.values())
    site.act(DecideAmendment(amendment="V-1", decision="declined", reason="once more"), QA)
    second = propose(site)
    assert (first.changes, first.passes) == (second.changes, second.passes)
    return second


def test_the_dates_of_running_deadlines_are_in_the_list(stage: Stage) -> None:
    """The bag is thawed: the list says at which minute the infusion's limit falls now, and where it fell before."""
    site = stage.at("bedside_check")
    adopt(site, "2", SAME_CONSENT, THAW)
    fact = propose(site)
    thawed = site.now.of_step("thaw")[0].fact.ended
    dates = {c.before or c.after for c in fact.changes if c.where == "deadline"}
    assert dates == {to_wire(thawed + timedelta(minutes=30)), to_wire(thawed + timedelta(minutes=20))}
    settled(site)


# ------------------------------------------------------------------ what was done before


def test_what_was_done_stays_judged_by_the_version_of_its_time(stage: Stage) -> None:
    """A value that is corrected after the move is held against the limit under which the step was done; nothing new opens."""
    site = moved(stage.at("disposition"), CD3)
    receipt = site.correct("apheresis", "cd3_count", "5e9 cells")
    assert names(receipt.facts) == ["fact.corrected"]
    assert names(site.correct("apheresis", "cd3_count", "5e8 cells").facts) == ["fact.corrected", "step.offered"]
    settled(site)


def test_a_late_value_is_held_against_the_limit_under_which_the_step_was_done(stage: Stage) -> None:
    """The cells were counted after the move; the collection was signed before it."""
    site = stage.at("apheresis")
    site.do("apheresis")
    moved(site, CD3)
    assert names(site.late("apheresis", {"cd3_count": "5e9 cells"}).facts) == ["reading.reported"]
    settled(site)


def test_a_release_stands_on_the_criteria_under_which_it_was_signed(stage: Stage) -> None:
    """Viability is corrected to 75 % after the release: it passed 70 % when QA released; the new version's 80 % is not asked."""
    site = moved(stage.at("product_hand_over"), VIABILITY)
    assert names(site.correct("test_viability", "viability", "75 %", by="qc.reviewer.1").facts) == ["fact.corrected"]
    fallen = site.correct("test_viability", "viability", "60 %")
    assert {"deviation.opened", "material.quarantined"} <= set(names(fallen.facts))
    settled(site)


def test_the_release_that_is_still_to_come_asks_the_new_version(stage: Stage) -> None:
    """75 % living cells pass the version of the opening, and not the one to which the therapy was moved."""
    site = stage.at("disposition")
    site.correct("test_viability", "viability", "75 %")
    moved(site, VIABILITY)
    with site.refused("release.criteria"):
        site.perform("disposition")
    settled(site)


# ------------------------------------------------------------------ steps that the new version brings


def test_a_new_step_ahead_is_asked_and_one_that_lies_behind_is_not(stage: Stage) -> None:
    """An ECG before the infusion is on the worklist when its turn comes; an ECG before the collection, which is done, never is."""
    ahead = moved(stage.at("lymphodepletion"), LATE)
    (fact,) = (p.fact for p in ahead.now.amendments.values())
    assert ("step ecg", "kind", None, "observation") in told(fact)
    before, now = "lymphodepletion, repeat_lymphodepletion", "ecg, repeat_lymphodepletion"
    assert ("step pre_thaw_check", "after", before, now) in told(fact)
    ahead.play(ANNA, "pre_thaw_check")
    assert ahead.now.of_step("ecg")
    settled(ahead)
    behind = moved(stage.at("lymphodepletion"), EARLY)
    (fact,) = (p.fact for p in behind.now.amendments.values())
    assert [key.step for key in fact.passes] == ["ecg"]
    assert told(fact) == set()
    assert not [i for i in worklist(behind.now, behind.protocol) if i.step == "ecg"]
    assert not [e for e in schedule(behind.now, behind.protocol) if e.at.step == "ecg"]


def test_a_therapy_that_was_moved_comes_to_its_end_under_the_new_version(stage: Stage) -> None:
    """The system's turns follow the new version at once; views, audit and a fresh fold agree; month 24 completes the therapy."""
    site = moved(stage.at("pre_thaw_check"), THAW, EARLY)
    site.perform("pre_thaw_check")
    site.witness()
    site.do("thaw")
    site.pass_(minutes=25)
    facts = site.system()
    late = [f for f in facts if isinstance(f, DeviationOpened)]
    assert [f.grade for f in late] == ["major"]
    assert "20 min" in late[0].says
    site.play(ANNA)
    assert site.now.completed == "followed_to_the_end"
    fresh = Reader(site.log)
    assert fresh.therapy("T-1") == site.now == fold(type(site.now)(id="T-1"), site.records())
    assert rows_of(fresh.therapy("T-1"), fresh.protocol_of(fresh.therapy("T-1"))) == rows_of(site.now, site.protocol)
    settled(site)


def test_a_visit_that_the_new_version_brings_too_late_is_not_missed(stage: Stage) -> None:
    """On day 9 a visit of day 8 is not asked any more; a visit of day 12 is; a visit that was dropped stays where it was done."""
    site = stage.at("acute_monitoring")
    for day in range(8):
        site.pass_(hours=0 if day == 0 else 24)
        site.do("acute_monitoring", occurrence=f"D{day}")
    site.pass_(days=2)
    site.system()
    seventh = "{id: D7, at: 7 d, early: 12 h, late: 12 h},"
    moved(site, (seventh, "{id: D8, at: 8 d, early: 12 h, late: 12 h}, {id: D12, at: 12 d, early: 12 h, late: 12 h},"))
    (fact,) = (p.fact for p in site.now.amendments.values())
    assert [(key.step, key.occurrence) for key in fact.passes] == [("acute_monitoring", "D8")]
    visits = {e.at.occurrence: e.standing for e in schedule(site.now, site.protocol) if e.at.step == "acute_monitoring"}
    assert "D8" not in visits
    assert (visits["D7"], visits["D12"]) == ("done", "ready")
    site.system()
    assert not site.now.missed
    settled(site)


# ------------------------------------------------------------------ consent


def test_the_patient_consents_again_where_the_new_version_asks_for_it(stage: Stage) -> None:
    """Without the new form nobody moves the therapy; what the new consent permits counts from the move on."""
    site = stage.at("disposition")
    adopt(site, "2", THAW)
    with site.refused("amendment.consent") as refused:
        propose(site)
    assert "consent again" in refused.says
    again: dict[str, Any] = {"consented": site.clock() - timedelta(hours=1), "form": "2"}
    with site.refused("amendment.consent"):
        propose(site, **again, permits=("material",))
    with site.refused("amendment.consent"):
        propose(site, **again, permits=("material", "data", "follow_up", "everything"))
    with site.refused("time.future"):
        propose(site, consented=site.clock() + timedelta(hours=1), form="2", permits=("material",))
    assert permitted(site.now, "storage")
    propose(site, **again, permits=("material", "data", "follow_up"))
    assert permitted(site.now, "storage"), "a proposal changes nothing"
    approve(site)
    assert not permitted(site.now, "storage")
    settled(site)


# ------------------------------------------------------------------ what is refused


def test_an_amendment_to_a_version_that_is_not_in_the_log_is_refused_with_rule_and_values(stage: Stage) -> None:
    """The refusal names the version that was asked for, and every version that is there."""
    site = stage.at("disposition")
    new = adopt(site, "2", THAW)
    for wrong in ("3", "ab" * 32, "0" * 8, ""):
        with site.refused("amendment.version-known") as refused:
            propose(site, to=wrong)
        assert f"version {wrong}" in refused.says
        assert refused.values["versions"] == [site.protocol.digest, new.digest]
        assert "CD20-CD22 1" in refused.advice
        assert "CD20-CD22 2" in refused.advice
    twice = adopt(site, "2", VIABILITY)
    with site.refused("amendment.version-known") as refused:
        propose(site)
    assert refused.values["versions"] == [new.digest, twice.digest]
    settled(site)


def test_a_version_that_is_older_or_of_another_study_or_not_in_force_is_refused(stage: Stage) -> None:
    """Also one that takes therapies from other versions only, and one that does not say who moves them; with the values."""
    site = stage.at("disposition")
    first = site.protocol.digest
    with site.refused("amendment.newer"):
        propose(site, to="1")
    part = STUDY.read_text(encoding="utf-8").partition("amendments:\n")[2]
    rest = "amendments:\n" + part
    day = (site.clock() + timedelta(days=3)).date()
    adopt(site, "2", SAME_CONSENT)
    adopt(
        site, "3", SAME_CONSENT, ("  approved_by: qa_releaser\n", f"  approved_by: qa_releaser\n  not_before: {day}\n")
    )
    adopt(site, "4", SAME_CONSENT, ("  approved_by: qa_releaser\n", '  approved_by: qa_releaser\n  moves: ["3"]\n'))
    adopt(site, "5", (rest, ""))
    other = adopt(site, "2", SAME_CONSENT, study="CD19")
    for to, rule in (("3", "in-force"), ("4", "from"), ("5", "known"), (other.digest, "study")):
        with site.refused(f"amendment.{rule}") as refused:
            propose(site, to=to)
        assert refused.values["present"] == first
        assert refused.says
    propose(site)
    approve(site)
    with site.refused("amendment.newer") as refused:
        propose(site, to=first)
    assert "older" in refused.says
    site.pass_(days=3)
    propose(site, to="3")
    settled(site)


def blocked(site: Staged, *words: str) -> None:
    """The move is refused, and these words are among its reasons."""
    with site.refused("amendment.fits") as refused:
        propose(site)
    reasons = refused.values["reasons"]
    assert isinstance(reasons, list)
    for word in words:
        assert any(word in reason for reason in reasons), reasons


def test_a_therapy_in_the_middle_of_an_act_is_not_moved(stage: Stage) -> None:
    """An apheresis that waits for its witness is finished under the version under which it was begun."""
    site = stage.at("apheresis")
    adopt(site, "2", SAME_CONSENT, CD3)
    site.perform("apheresis")
    blocked(site, "apheresis waits for its second signature")
    site.witness()
    propose(site)
    settled(site)


@pytest.mark.parametrize(
    ("step", "old", "new", "says"),
    [
        ("apheresis", "slot_confirmation", "slots_agreed", "slot_confirmation was done"),
        ("slot_confirmation", "slot_confirmation", "slots_agreed", "to be done now"),
        ("apheresis", "B-ALL", "B-ALL-2", "cohort is B-ALL"),
        ("apheresis", "unit: kg, plausible: [3, 300]", "unit: g, plausible: [3, 300]", "weight of eligibility"),
        ("apheresis", "  ward: Ward\n", "  ward: Ward\n  hall: Hall\n", ""),
        ("hand_over", "apheresis_unit", "bed", "at apheresis_unit"),
        ("hand_over", "collection_label", "first_label", "label collection_label"),
        ("hand_over", "leukapheresis", "starting_cells", "no such material"),
    ],
)
def test_a_version_that_does_not_know_what_the_patient_has_is_refused(
    stage: Stage, step: str, old: str, new: str, says: str
) -> None:
    """It lacks a step, an option, a place, a label or a material that the patient has, or reads a value in another unit."""
    site = stage.at(step)
    site.desk.adopt(version("2", SAME_CONSENT).replace(old, new), site.sits("quality.1"))
    if says:
        blocked(site, says)
    else:
        propose(site)


def test_a_criterion_on_something_that_lies_behind_is_refused(stage: Stage) -> None:
    """The release would wait for ever for a value that nobody can record any more."""
    site = stage.at("disposition")
    first = "  criteria:\n    - {id: viability"
    new = "  criteria:\n    - {id: qtc, title: QTc, measure: ecg.qtc, unit: ms, at_most: 500}\n    - {id: viability"
    criterion = first, new
    adopt(site, "2", SAME_CONSENT, EARLY, criterion)
    blocked(site, "criterion qtc stands on ecg.qtc")


def test_a_result_that_failed_does_not_pass_by_a_move(stage: Stage) -> None:
    """65 % living cells fail; under a version that asks for 60 % they would not: the product is handled as one that failed."""
    site = stage.at("disposition")
    site.correct("test_viability", "viability", "65 %")
    adopt(site, "2", SAME_CONSENT, (VIABILITY[0], VIABILITY[0].replace("70,", "60,")))
    blocked(site, "criterion viability fails (65 % (corrected); passes at least 70 %)")
    site.correct("test_viability", "viability", "75 %", why="misread, the print-out says 75", by="qc.reviewer.1")
    propose(site)


def test_nobody_becomes_late_by_a_move(stage: Stage) -> None:
    """The bag was thawed 25 minutes ago: under the new version the infusion would be late already, so it is given first."""
    site = stage.at("bedside_check")
    adopt(site, "2", SAME_CONSENT, THAW)
    thawed = site.now.of_step("thaw")[0].fact.ended
    site.pass_(minutes=25 - (site.clock() - thawed).total_seconds() // 60)
    blocked(site, "within 20 min of thaw.end")


def test_what_is_approved_is_what_was_shown(stage: Stage) -> None:
    """The patient's way went on between the two signatures: the list is another one now, and is proposed anew."""
    site = stage.at("apheresis")
    adopt(site, "2", SAME_CONSENT, CD3)
    propose(site)
    site.do("apheresis")
    with site.refused("amendment.same-changes"):
        approve(site)
    site.act(DecideAmendment(amendment="V-1", decision="declined", reason="the way went on"), QA)
    assert site.records()[-1].statement.meaning == "declined"
    propose(site)
    site.act(DecideAmendment(amendment="V-2", decision="declined", reason="mine, by mistake"), INVESTIGATOR)
    assert site.records()[-1].statement.meaning == "withdrawn"
    assert not site.now.moves
    settled(site)


def test_a_completed_therapy_is_not_moved(stage: Stage) -> None:
    """Nothing lies ahead that a version could change."""
    site = stage.at("the end")
    adopt(site, "2", SAME_CONSENT, THAW)
    with site.refused("order.completed"):
        propose(site)


@pytest.mark.parametrize("part", sorted(set(StudyProtocol.model_fields) - IN_PIECES - NOT_COMPARED))
def test_every_part_of_a_study_file_is_compared(stage: Stage, part: str) -> None:
    """Whatever else a study says is in the list when the new version says nothing of it, for a patient at the beginning."""
    site = stage.at("apheresis")
    without = type(getattr(site.protocol, part))() if isinstance(getattr(site.protocol, part), dict) else None
    new = site.protocol.model_copy(update={part: without, "digest": "0" * 64})
    found = changes(site.now, site.protocol, new, ())
    assert {change.where for change in found} <= {part, "deadline"}
    assert bool(found) == bool(getattr(site.protocol, part))


# ------------------------------------------------------------------ what the audit sees


def findings(site: Staged) -> list[str]:
    """What the audit says of the decisions of the therapy, read afresh."""
    return [finding.says for finding in audit(Reader(site.log), "T-1") if finding.kind == "decision"]


def last(facts: Iterable[object]) -> object:
    """The last of several."""
    return list(facts)[-1]


def test_a_move_that_was_signed_past_the_desk_is_reported(stage: Stage) -> None:
    """By the proposer alone; with a list from which something was left out; and a record that names the version left behind."""
    site = stage.at("disposition")
    new = adopt(site, "2", SAME_CONSENT, THAW, VIABILITY)
    fact = propose(site)
    first = site.records()[-1].link
    approved = AmendmentDecided(therapy="T-1", amendment="V-1", first=first, decision="approved", reason="mine")
    moonlight = site.hire(site.person(INVESTIGATOR), "moonlight", "qa_releaser")
    site.forge([approved], moonlight, meaning="approved")
    assert site.now.versions[-1] == new.digest, "evolve does not judge"
    assert "authority.two-people" in str(last(findings(site)))
    site.perform("disposition", by=QA, decision="rejected")
    assert len(findings(site)) == 1, "the records after it are judged under the version that it names"
    short = stage.at("disposition")
    adopt(short, "2", SAME_CONSENT, THAW, VIABILITY)
    short.forge([fact.model_copy(update={"changes": fact.changes[:1]})], INVESTIGATOR)
    assert "other facts" in str(last(findings(short)))
    stale = moved(stage.at("hand_over"), THAW)
    decision = stale.desk.may("T-1", stale.form("hand_over"), "apheresis.nurse.1")
    stale.protocol = stale.desk.protocol(stale.now.versions[0])
    stale.forge(decision.facts, "apheresis.nurse.1", meaning=decision.meaning, also=decision.extends)
    assert "names another version" in str(last(findings(stale)))


def test_the_same_two_files_and_the_same_record_give_the_same_list(stage: Stage) -> None:
    """Read by another process, from the log alone, the list is the same to the byte."""
    site = stage.at("apheresis")
    adopt(site, "2", SAME_CONSENT, THAW, CD3, VIABILITY, LATE)
    fact = propose(site)
    fresh = Reader(site.log)
    again = plan(fresh.therapy("T-1"), read_protocol(site.protocol.text), "2", tuple(fresh.protocols()), site.clock())
    assert again.changes == fact.changes
    settled(site)
