"""Safety after infusion: toxicity is graded from signs and signed by a physician; adverse events are recorded apart, with every change.

A computed grade is a proposal that a physician signs, or another one with a reason; a sign that nobody looked at is never a good one.

Source: process page step 24; ASTCT consensus (Lee et al. 2019, BBMT 25:625-638); CTCAE v5.0; ICH E2A; 21 CFR 312.32; NCT04283006.
"""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest

from console.rehearsal import Patient
from events.facts.cohorts import CohortReopened
from events.facts.happened import ActHappened
from events.facts.safety import GradeProposed
from events.facts.site import ProtocolAdopted
from protocol.adverse_events import emergent, event_row
from protocol.audit import audit_all
from protocol.automatic import next_deadline
from protocol.commands import AnswerDlt, DecideDlt, FollowEvent, ReportEvent, SendReport, SignGrades, TellHappened
from protocol.desk import Receipt
from protocol.dictionary import dictionary_of
from protocol.file import read_protocol
from protocol.grading import grades_told, proposed, unsigned
from protocol.model import StudyProtocol
from protocol.reader import Reader
from protocol.safety_reports import open_clocks
from protocol.schedule import schedule
from protocol.status import batch_status
from protocol.worklist import resting_state, worklist
from tests.stage import ANNA, BRUNO, Stage, Staged, names, study

pytestmark = pytest.mark.story
PHYSICIAN = "physician.1"


def visit(site: Staged, day: str, **signs: str | None) -> Receipt:
    """The ward records a visit, with these signs; None leaves one out. The clock goes to that day."""
    (infused,) = site.now.of_step("infusion")
    site.clock.now = max(site.clock.now, infused.fact.started + timedelta(days=int(day.removeprefix("D")), hours=1))
    return site.perform("acute_monitoring", occurrence=day, values=signs)


def sign(site: Staged, day: str, why: str | None = None, by: str = PHYSICIAN, **grades: int) -> Receipt:
    """A physician signs the grades of a visit."""
    return site.act(SignGrades(occurrence=day, grades=grades, why=why), by)


def stands(site: Staged, grading: str, day: str) -> str:
    """How a grade stands at a visit: what is proposed, and what was signed."""
    (graded,) = (g for (name, at), g in site.now.safety.grades.items() if (name, at.occurrence) == (grading, day))
    return f"{proposed(graded)}; signed {graded.signed.grade if graded.signed else 'by nobody'}"


def report(site: Staged, term: str = "Neutrophil count decreased", by: str = PHYSICIAN, **told: Any) -> Receipt:
    """An adverse event becomes known now."""
    document = {"term": term, "grade": 2, "onset": site.clock(), "related": "possibly", **told}
    return site.act(ReportEvent.model_validate(document), by)


def follow(site: Staged, event: str = "AE-1", by: str = PHYSICIAN, **told: object) -> Receipt:
    """More is known of an adverse event now."""
    return site.act(FollowEvent.model_validate({"event": event, "says": "seen today", **told}), by)


def marks(site: Staged, event: str = "AE-1") -> str:
    """The computed marks of an event."""
    return event_row(site.now, site.now.safety.events[event])["marks"]


def settled(site: Staged) -> None:
    """Every record of the story is decided again as it was decided."""
    assert [finding.says for finding in audit_all(Reader(site.log))] == []


# ------------------------------------------------------------------ grades


def test_the_grade_is_computed_from_the_signs_and_says_why(stage: Stage) -> None:
    """39.5 C, one vasopressor and a low-flow cannula are CRS grade 3: the record says which sign gives what."""
    site = stage.at("acute_monitoring")
    receipt = visit(site, "D1", temperature="39.5 C", hypotension="one_vasopressor", hypoxia="low_flow")
    crs = next(f for f in receipt.facts if isinstance(f, GradeProposed) and f.grading == "crs")
    assert crs.grade == 3
    assert crs.because == (
        "Fever: 39.5, grade 1", "Hypotension: one vasopressor, grade 3", "Hypoxia: low flow, grade 2",
    )  # fmt: skip
    settled(site)


def test_a_computed_grade_waits_in_the_physicians_worklist_until_it_is_signed(stage: Stage) -> None:
    """Nobody else signs it; once signed it stands in the status, and nothing waits."""
    site = stage.at("acute_monitoring")
    visit(site, "D0", temperature="38.2 C")
    (item,) = (i for i in worklist(site.now, site.protocol) if i.kind == "grade")
    assert (item.roles, item.occurrence) == (("physician",), "D0")
    assert item.says == "proposed: crs grade 1 (Fever: 38.2, grade 1); icans grade 0"
    assert "Sign the grades of D0" in item.title
    assert grades_told(site.now, site.protocol) == "crs grade 1 proposed at D0; icans grade 0 proposed at D0"
    with site.refused("authority.role"):
        sign(site, "D0", by="ward.nurse.1")
    assert names(sign(site, "D0").facts) == ["grade.signed", "grade.signed"]
    assert unsigned(site.now) == []
    assert grades_told(site.now, site.protocol) == "crs grade 1 at D0, highest 1; icans grade 0 at D0, highest 0"
    with site.refused("order.done"):
        sign(site, "D0")
    settled(site)


def test_another_grade_is_signed_only_with_a_reason_and_both_stay(stage: Stage) -> None:
    """A physician who judges otherwise says why; what was computed stays on record beside what was signed."""
    site = stage.at("acute_monitoring")
    visit(site, "D0", temperature="38.2 C")
    with site.refused("grade.reason") as told:
        sign(site, "D0", crs=2)
    assert "proposed is grade 1 (Fever: 38.2, grade 1); grade 2 is signed without a reason" in told.says
    sign(site, "D0", "fluid bolus was running already", crs=2)
    assert stands(site, "crs", "D0") == "grade 1 (Fever: 38.2, grade 1); signed 2"
    assert stands(site, "icans", "D0") == "grade 0; signed 0"
    # She thinks again: the earlier signature stays in the record, the later one counts.
    with site.refused("grade.reason"):
        sign(site, "D0", crs=1)
    sign(site, "D0", "the bolus was routine", crs=1)
    assert stands(site, "crs", "D0") == "grade 1 (Fever: 38.2, grade 1); signed 1"
    assert [n for r in site.records() for n in names(r.facts)].count("grade.signed") == 3
    settled(site)


def test_a_missing_sign_that_can_change_the_grade_leaves_it_open_and_never_0(stage: Stage) -> None:
    """Nobody measured: the proposal names what can still change it, and between which two grades it lies."""
    site = stage.at("acute_monitoring")
    visit(site, "D0", temperature=None)
    open_ = "not gradable: temperature missing, at least grade 0 and at most grade 1 from what is there"
    assert stands(site, "crs", "D0") == f"{open_}; signed by nobody"
    assert grades_told(site.now, site.protocol).startswith(f"crs {open_} proposed at D0")
    visit(site, "D1", temperature="39 C", hypotension="one_vasopressor", hypoxia=None, ice_naming=None)
    told = stands(site, "crs", "D1")
    assert told.startswith(
        "not gradable: hypoxia missing, at least grade 3 and at most grade 4 from what is there (Fever"
    )
    assert stands(site, "icans", "D1").startswith(
        "not gradable: ice_naming missing, at least grade 0 and at most grade 1"
    )
    # The chart turns up: the value comes late, and the grade is proposed again in the same record.
    receipt = site.late("acute_monitoring", {"hypoxia": "none"}, occurrence="D1")
    assert names(receipt.facts) == ["reading.reported", "grade.proposed"]
    assert stands(site, "crs", "D1").startswith("grade 3 ")
    # Of the first day nothing turns up. The physician signs that it was not gradable.
    sign(site, "D0")
    assert stands(site, "crs", "D0") == f"{open_}; signed None"
    settled(site)


def test_a_grade_is_known_although_signs_are_missing_that_cannot_change_it(stage: Stage) -> None:
    """She cannot be roused, so nobody asked her anything: ICANS is grade 4. What comes late and changes nothing asks nobody again."""
    site = stage.at("acute_monitoring")
    ice = dict.fromkeys(("ice_orientation", "ice_naming", "ice_commands", "ice_writing", "ice_attention"))
    receipt = visit(site, "D1", temperature="36.9 C", hypoxia=None, consciousness="unarousable", **ice)
    crs, icans = (f for f in receipt.facts if isinstance(f, GradeProposed))
    assert (icans.grade, icans.missing, icans.at_least, icans.at_most) == (4, (), None, None)
    assert icans.because == (
        "Depressed level of consciousness: unarousable, grade 4", "ICE score: left out, and cannot change it",
    )  # fmt: skip
    assert (crs.grade, crs.because) == (0, ("Fever: none, and required", "Hypoxia: left out, and cannot change it"))
    assert names(sign(site, "D1").facts) == ["grade.signed", "grade.signed"], (
        "no reason is asked: that is what was computed"
    )
    assert names(site.late("acute_monitoring", {"ice_naming": "0"}, occurrence="D1").facts) == ["reading.reported"]
    # The thermometer was misread. With fever the oxygen matters: the grade is open again, and says between what it lies.
    site.correct("acute_monitoring", "temperature", "38.4 C", occurrence="D1")
    assert stands(site, "crs", "D1") == (
        "not gradable: hypoxia missing, at least grade 1 and at most grade 4 from what is there "
        "(Fever: 38.4, grade 1); signed by nobody"
    )
    settled(site)


def test_what_comes_late_and_brings_the_bounds_closer_is_proposed_again(stage: Stage) -> None:
    """Two signs were left out; one of them comes: what is missing and the lowest grade are told anew, in the record that brings it."""
    site = stage.at("acute_monitoring")
    visit(site, "D1", temperature="39 C", hypotension=None, hypoxia=None)
    receipt = site.late("acute_monitoring", {"hypotension": "one_vasopressor"}, occurrence="D1")
    (crs,) = (f for f in receipt.facts if isinstance(f, GradeProposed))
    assert (crs.grade, crs.missing, crs.at_least, crs.at_most) == (None, ("hypoxia",), 3, 4)
    settled(site)


def test_a_physician_may_grade_what_could_not_be_computed_with_a_reason(stage: Stage) -> None:
    """One vasopressor and no saturation on paper: grade 4 is signed, and why."""
    site = stage.at("acute_monitoring")
    visit(site, "D0", temperature="39 C", hypotension="one_vasopressor", hypoxia=None)
    with site.refused("grade.reason"):
        sign(site, "D0", crs=4)
    sign(site, "D0", "intubated before anybody noted it", crs=4)
    assert stands(site, "crs", "D0").endswith("signed 4")
    settled(site)


def test_a_corrected_sign_reopens_the_grade(stage: Stage) -> None:
    """The temperature was misread: the grade is computed again, and what was signed before does not cover it."""
    site = stage.at("acute_monitoring")
    visit(site, "D0")
    sign(site, "D0")
    receipt = site.correct("acute_monitoring", "temperature", "38.6 C", occurrence="D0")
    assert names(receipt.facts) == ["fact.corrected", "grade.proposed"]
    assert stands(site, "crs", "D0") == "grade 1 (Fever: 38.6, grade 1); signed by nobody"
    assert names(sign(site, "D0").facts) == ["grade.signed"], "only the one that is open again"
    # A correction that changes no grade asks nobody again.
    assert names(site.correct("acute_monitoring", "temperature", "38.7 C", occurrence="D0").facts) == ["fact.corrected"]
    settled(site)


def test_fever_is_not_required_any_more_after_it_was_treated(stage: Stage) -> None:
    """Without fever hypotension is no CRS; from the day of tocilizumab on it is graded without fever."""
    site = stage.at("acute_monitoring")
    visit(site, "D1", temperature="37.1 C", hypotension="no_vasopressor")
    assert stands(site, "crs", "D1").startswith("grade 0 (Fever: none, and required)")
    day = f"{site.clock():%Y-%m-%d}"
    visit(site, "D2", temperature="37.0 C", hypotension="no_vasopressor")
    assert stands(site, "crs", "D2").startswith("grade 0")
    # It turns out that tocilizumab was given on day 1. Both days are graded again in that record.
    receipt = site.late("acute_monitoring", {"fever_treated": day}, occurrence="D1")
    assert names(receipt.facts) == ["reading.reported", "grade.proposed", "grade.proposed"]
    assert stands(site, "crs", "D1").startswith("grade 2 ")
    assert stands(site, "crs", "D2").startswith("grade 2 ")
    settled(site)


def test_a_sign_of_another_cause_does_not_count(stage: Stage) -> None:
    """Sedated for a scan: the depressed consciousness is attributed, and is no ICANS."""
    site = stage.at("acute_monitoring")
    visit(site, "D0", consciousness="awakens_to_voice", nervous_other_cause="yes")
    assert stands(site, "icans", "D0").startswith("grade 0")
    settled(site)


def test_the_scale_and_the_names_are_asked(stage: Stage) -> None:
    """A grade that the scale has not, a toxicity that is not graded, a visit without signs: refused, with what there is."""
    site = stage.at("acute_monitoring")
    with site.refused("grade.open"):
        sign(site, "D0")
    visit(site, "D0")
    with site.refused("grade.scale") as told:
        sign(site, "D0", "worse", crs=6)
    assert told.says == "Cytokine release syndrome has no grade 6; its grades are 0 to 5."
    with site.refused("grade.known"):
        sign(site, "D0", "seen", hlh=2)
    with site.refused("value.form"):
        visit(site, "D1", hypoxia="a little")


def test_a_therapy_is_not_complete_while_a_grade_is_unsigned(stage: Stage) -> None:
    """Whatever the ending: what was computed waits for a physician."""
    site = stage.at("acute_monitoring")
    visit(site, "D0", temperature="38.2 C")
    site.pass_(days=800)
    site.system()
    assert site.system() == []
    assert not site.now.completed
    assert resting_state(site.now, site.protocol)[0] == "AwaitingSignature"
    sign(site, "D0")
    assert names(site.system()) == ["therapy.completed"]
    settled(site)


# ------------------------------------------------------------------ adverse events


def test_an_adverse_event_has_its_term_grade_and_judgements(stage: Stage) -> None:
    """Term, code, grade, onset, relatedness, seriousness with its criteria, expectedness, DLT flag: one record."""
    site = stage.at("acute_monitoring")
    report(site, code="10029366", grade=4, serious=True, criteria=["life_threatening"], expected=False, dlt=True)
    event = site.now.safety.events["AE-1"]
    assert (event.reported.code, event.grade, event.serious, event.expected, event.dlt) == (
        "10029366",
        4,
        True,
        False,
        True,
    )
    assert marks(site) == "treatment-emergent, serious (life_threatening), unexpected, possible DLT"
    settled(site)


def test_an_event_that_says_nothing_or_contradicts_itself_is_refused(stage: Stage) -> None:
    """Each refusal names the rule and the values."""
    site = stage.at("acute_monitoring")
    wrong: list[tuple[str, dict[str, object]]] = [
        ("event.grade", {"grade": 0}),
        ("event.grade", {"grade": 6}),
        ("event.term", {"term": "--"}),
        ("event.term", {"term": "Low neutrophils"}),
        ("event.grade", {"term": "Alopecia", "grade": 4}),
        ("event.grade", {"term": "Sepsis", "grade": 1}),
        ("event.grade", {"grade": 5, "serious": True, "criteria": ["death"]}),
        ("event.specify", {"term": "Nervous system disorders - Other, specify"}),
        ("event.code", {"code": "1002936"}),
        ("event.code", {"code": "1002936X"}),
        ("event.related", {"related": "perhaps"}),
        ("event.criteria", {"serious": True, "criteria": ["bad"]}),
        ("event.serious", {"serious": True}),
        ("event.serious", {"criteria": ["disability"]}),
        ("event.fatal", {"term": "Sepsis", "grade": 5, "serious": True, "criteria": ["hospitalisation"]}),
        ("event.fatal", {"grade": 4, "serious": True, "criteria": ["death"]}),
        ("time.future", {"onset": site.clock() + timedelta(hours=1)}),
        ("time.future", {"aware": site.clock() + timedelta(hours=1)}),
        ("time.order", {"aware": site.clock() - timedelta(hours=1)}),
    ]
    for rule, told in wrong:
        with site.refused(rule):
            report(site, **told)  # type: ignore[arg-type]
    with site.refused("authority.role"):
        report(site, by="ward.nurse.1")


def test_an_event_is_named_and_graded_as_the_studys_dictionary_does(stage: Stage) -> None:
    """The term is stored as the dictionary spells it; the refusal of another names the nearest ones, and of a grade those that exist."""
    site = stage.at("acute_monitoring")
    report(site, "  neutrophil  COUNT decreased ", grade=3)
    report(site, "Nervous system disorders - other, specify", says="cannot tell left from right")
    assert [event.reported.term for event in site.now.safety.events.values()] == [
        "Neutrophil count decreased", "Nervous system disorders - Other, specify",
    ]  # fmt: skip
    with site.refused("event.term") as told:
        report(site, "Neutrophils decreased")
    assert told.says == "'Neutrophils decreased' is no term of CTCAE v5.0."
    assert "Neutrophil count decreased" in told.values["nearest"]  # type: ignore[operator]
    with site.refused("event.grade") as told:
        follow(site, grade=5, serious=True, criteria=["death"])
    assert told.says == "CTCAE v5.0 has no grade 5 of Neutrophil count decreased; its grades: 1, 2, 3, 4."
    assert follow(site, grade=4).facts[0].what == "worsened"  # type: ignore[attr-defined]
    settled(site)


TERMS = "class,term,grades\nBlood,Low neutrophils,2 3\nBlood,Something else - please specify,1 2 3\n"


def own(terms: str = TERMS) -> StudyProtocol:
    """The study, with a dictionary of its sponsor."""
    digest = sha256(terms.encode()).hexdigest()
    named = f"dictionary: {{title: Our terms, file: ours/terms.csv, sha256: {digest}}}"
    return read_protocol(study().text.replace("dictionary: ctcae-v5", named), terms=terms)


def test_a_sponsors_own_dictionary_is_adopted_with_the_study_and_audited_from_the_log_alone(stage: Stage) -> None:
    """Its whole text stands in the record of the study that names its digest: whoever has the log has the terms."""
    site = stage.site(own())
    site.play(ANNA, "acute_monitoring")
    report(site, "LOW neutrophils", grade=3)
    with site.refused("event.term") as told:
        report(site, "Neutrophil count decreased")
    assert "is no term of Our terms" in told.says
    with site.refused("event.grade"):
        follow(site, grade=4)
    with site.refused("event.specify"):
        report(site, "Something else - please specify")
    assert dictionary_of(Reader(site.log).current_protocol()).grades["Low neutrophils"] == (2, 3)
    settled(site)


def test_terms_that_the_study_does_not_name_are_believed_by_nobody(stage: Stage) -> None:
    """A forged adoption with another list of terms: the study is not adopted, and the audit names the record."""
    site = stage.at("acute_monitoring")
    other = own()
    forged = ProtocolAdopted(
        protocol=other.protocol.id, version=other.protocol.version, digest=other.digest, text=other.text,
        terms=TERMS.replace("2 3", "1 2 3 4 5"),
    )  # fmt: skip
    site.forge([forged], "quality.1", subject=f"protocol/{other.digest}", without_therapy=True)
    assert Reader(site.log).current_protocol().digest == site.protocol.digest
    with site.refused("protocol.adopted"):
        Reader(site.log).protocol(other.digest)
    assert [finding.position for finding in audit_all(Reader(site.log))] == [site.log.size() - 1]


def test_an_event_worsens_and_resolves_by_new_facts(stage: Stage) -> None:
    """Nothing is overwritten: the report, each change with its day, and the end stand in the record, the worst grade with them."""
    site = stage.at("acute_monitoring")
    report(site)
    site.pass_(days=1)
    assert follow(site, grade=4).facts[0].what == "worsened"  # type: ignore[attr-defined]
    site.pass_(days=3)
    assert follow(site, grade=1).facts[0].what == "improved"  # type: ignore[attr-defined]
    site.pass_(days=2)
    assert follow(site, resolved=True).facts[0].what == "resolved"  # type: ignore[attr-defined]
    event = site.now.safety.events["AE-1"]
    assert (event.reported.grade, event.worst, event.grade, event.ended) == (2, 4, 1, site.clock())
    with site.refused("event.ended"):
        follow(site, grade=3)
    # How it is judged can still be amended.
    assert follow(site, expected=True).facts[0].what == "amended"  # type: ignore[attr-defined]
    with site.refused("event.changes"):
        follow(site, expected=True)
    with site.refused("event.known"):
        follow(site, "AE-7", grade=3)
    settled(site)


def test_treatment_emergent_is_what_began_or_got_worse_after_the_infusion(stage: Stage) -> None:
    """Computed from the dates: anaemia from before is not emergent until it gets worse; what began after the infusion is."""
    site = stage.at("infusion")
    report(site, "Anemia", related="no", onset=site.clock() - timedelta(days=2))
    assert not emergent(site.now, site.now.safety.events["AE-1"])
    site.do("infusion")
    assert marks(site, "AE-1") == ""
    site.pass_(days=1)
    follow(site, grade=1)
    assert marks(site, "AE-1") == "", "it got better"
    follow(site, grade=3)
    report(site, "Fever")
    assert (marks(site, "AE-1"), marks(site, "AE-2")) == ("treatment-emergent", "treatment-emergent")
    settled(site)


def test_events_are_told_whenever_they_become_known(stage: Stage) -> None:
    """Before any infusion, and after the therapy was completed: an adverse event is never too early or too late."""
    early, late = stage.at("apheresis"), stage.at("the end")
    report(early, "Presyncope", related="no")
    assert list(early.now.safety.events) == ["AE-1"]
    late.pass_(days=100)
    report(late, "Treatment related secondary malignancy", grade=4, serious=True, criteria=["life_threatening"])
    assert late.now.completed == "followed_to_the_end"
    settled(early)
    settled(late)


# ------------------------------------------------------------------ clocks of reports


def send(site: Staged, report_: str, event: str = "AE-1", by: str = PHYSICIAN, **told: object) -> Receipt:
    """A report reached whom it was for."""
    return site.act(SendReport.model_validate({"event": event, "report": report_, **told}), by)


def clocks(site: Staged) -> dict[str, float]:
    """The clocks that run: report to the hours that are left."""
    running = open_clocks(site.now, site.protocol)
    return {f"{c.event.code} {c.report.id}": (c.due - site.clock()) / timedelta(hours=1) for c in running}


SERIOUS: dict[str, Any] = {"grade": 4, "serious": True, "criteria": ["hospitalisation"]}
URGENT: dict[str, Any] = {"grade": 4, "serious": True, "criteria": ["life_threatening"], "expected": False}


def test_a_serious_event_reaches_the_sponsor_within_a_day_of_awareness(stage: Stage) -> None:
    """The clock runs from when the site was aware, not from the entry; it shows with its end, and stops when the report arrived."""
    site = stage.at("acute_monitoring")
    site.pass_(hours=6)
    report(
        site, onset=site.clock() - timedelta(hours=5), aware=site.clock() - timedelta(hours=4), related="no", **SERIOUS
    )
    assert clocks(site) == {"AE-1 sae": 20}
    (item,) = (i for i in worklist(site.now, site.protocol) if i.kind == "report")
    assert item.roles == ("investigator", "physician")
    assert item.due == site.clock() + timedelta(hours=20)
    entry = next(e for e in schedule(site.now, site.protocol) if e.standing == "report")
    assert entry.latest == item.due
    assert next_deadline(site.now, site.protocol) <= item.due  # type: ignore[operator]
    assert batch_status(site.now, site.protocol)["reports_due"].startswith("AE-1 sae by ")
    site.pass_(hours=19)
    assert names(send(site, "sae").facts) == ["safety_report.sent"]
    assert clocks(site) == {}
    with site.refused("order.done"):
        send(site, "sae")
    settled(site)


def test_a_report_that_is_late_opens_a_deviation_by_itself(stage: Stage) -> None:
    """The system records what was missed, once; when the report arrives at last nothing opens a second time."""
    site = stage.at("acute_monitoring")
    report(site, **SERIOUS)
    site.pass_(hours=25)
    told = names(site.system())
    assert told[:2] == ["deadline.missed", "deviation.opened"]
    assert [(d.grade, d.rule) for d in site.now.deviations.values()][:1] == [("major", "deadline.report.sae")]
    before = len(site.now.deviations)
    assert names(send(site, "sae").facts) == ["safety_report.sent"]
    assert len(site.now.deviations) == before
    settled(site)


def test_a_report_told_late_by_a_person_opens_the_deviation_in_its_own_record(stage: Stage) -> None:
    """With the driver stopped the record of the late report says so itself."""
    site = stage.at("acute_monitoring")
    report(site, **SERIOUS)
    site.pass_(hours=25)
    receipt = send(site, "sae")
    assert names(receipt.facts) == ["safety_report.sent", "deviation.opened"]
    assert "1 h 0 min late" in list(site.now.deviations.values())[-1].says
    settled(site)


def test_a_susar_counts_from_the_sponsors_awareness_7_days_and_8_more_where_it_is_urgent(stage: Stage) -> None:
    """Fatal or life-threatening, suspected, unexpected: 7 days from when the sponsor knew, then 8 for the follow-up."""
    site = stage.at("acute_monitoring")
    report(site, **URGENT)
    assert clocks(site) == {"AE-1 sae": 24}, "the sponsor does not know yet"
    with site.refused("report.due"):
        send(site, "susar_7", by="safety.officer.1")
    site.pass_(hours=10)
    send(site, "sae")
    assert clocks(site) == {"AE-1 susar_7": 7 * 24}
    site.pass_(days=3)
    with site.refused("authority.role"):
        send(site, "susar_7")
    send(site, "susar_7", by="safety.officer.1", reference="EV-2026-1")
    assert clocks(site) == {"AE-1 susar_follow_up": 8 * 24}
    send(site, "susar_follow_up", by="safety.officer.1")
    assert clocks(site) == {}
    settled(site)


def test_any_other_susar_has_15_days(stage: Stage) -> None:
    """Serious, suspected, unexpected, but neither fatal nor life-threatening; whoever has not said expected counts as unexpected."""
    site = stage.at("acute_monitoring")
    report(site, **SERIOUS)
    send(site, "sae")
    assert clocks(site) == {"AE-1 susar_15": 15 * 24}
    site.pass_(days=1)
    follow(site, expected=True)
    assert clocks(site) == {}, "what was expected is no SUSAR"
    settled(site)


def test_an_event_that_becomes_serious_or_fatal_starts_its_clock_then(stage: Stage) -> None:
    """The clock counts from when it was known, not from the first report of the event."""
    site = stage.at("acute_monitoring")
    report(site, "Sepsis", grade=3)
    assert clocks(site) == {}
    with site.refused("report.due"):
        send(site, "sae")
    site.pass_(days=2)
    follow(site, serious=True, criteria=["hospitalisation"], expected=False)
    assert clocks(site) == {"AE-1 sae": 24}
    send(site, "sae")
    site.pass_(days=4)
    assert clocks(site) == {"AE-1 susar_15": 11 * 24}
    follow(site, grade=5, criteria=["death"])
    assert clocks(site) == {"AE-1 susar_7": 7 * 24}, "fatal now: seven days from today"
    settled(site)


def test_a_report_is_known_due_and_not_in_the_future(stage: Stage) -> None:
    """Bad input names the rule and the values."""
    site = stage.at("acute_monitoring")
    report(site, **SERIOUS)
    with site.refused("report.known"):
        send(site, "letter")
    with site.refused("event.known"):
        send(site, "sae", "AE-9")
    with site.refused("time.future"):
        send(site, "sae", at=site.clock() + timedelta(hours=1))
    with site.refused("time.order"):
        send(site, "sae", at=site.clock() - timedelta(hours=1))


# ------------------------------------------------------------------ dose-limiting toxicity


def decide(site: Staged, decision: str = "no_dlt", *events: str, by: str = "investigator.1") -> Receipt:
    """The first of two signatures on dose-limiting toxicity."""
    return site.act(
        DecideDlt.model_validate({"decision": decision, "events": events, "why": "looked at all of it"}), by
    )


def answer(site: Staged, said: str = "agreed", why: str | None = None, by: str = "safety.officer.1") -> Receipt:
    """The second."""
    return site.act(AnswerDlt.model_validate({"answer": said, "why": why}), by)


def test_no_dlt_is_decided_after_the_window_by_two_people(stage: Stage) -> None:
    """28 days after the infusion the investigator decides and the safety officer agrees; before that nobody can say there was none."""
    site = stage.at("acute_monitoring")
    (infused,) = site.now.of_step("infusion")
    with site.refused("dlt.window") as told:
        decide(site)
    assert told.values["ends"] == infused.fact.started + timedelta(days=28)
    site.clock.now = infused.fact.started + timedelta(days=28)
    with site.refused("authority.role"):
        decide(site, by="ward.nurse.1")
    with site.refused("dlt.pending"):
        answer(site)
    decide(site)
    with site.refused("order.pending"):
        decide(site)
    both = site.hire(site.person("investigator.1"), "moonlight", "safety_officer")
    with site.refused("authority.two-people"):
        answer(site, by=both)
    with site.refused("dlt.reason"):
        answer(site, "not_agreed")
    answer(site, "not_agreed", "the bilirubin of day 20 was not looked at")
    decide(site)
    answer(site)
    assert batch_status(site.now, site.protocol)["dlt"] == "no dlt"
    with site.refused("order.done"):
        decide(site)
    settled(site)


def test_a_dlt_names_flagged_events_and_may_be_decided_at_once(stage: Stage) -> None:
    """A toxicity that is dose-limiting waits for no window; what was not flagged as possible is not decided on."""
    site = stage.at("acute_monitoring")
    report(site, grade=4, dlt=True)
    report(site, grade=2)
    for decision, events in (("dlt", ()), ("dlt", ("AE-2",)), ("not_evaluable", ("AE-1",))):
        with site.refused("dlt.window" if decision == "not_evaluable" else "dlt.events"):
            decide(site, decision, *events)
    decide(site, "dlt", "AE-1")
    answer(site)
    assert batch_status(site.now, site.protocol)["dlt"] == "dlt (AE-1)"
    settled(site)


def test_an_event_that_is_flagged_after_the_decision_opens_it_again(stage: Stage) -> None:
    """The decision stands on what was flagged then; a further possible one asks both people again."""
    site = stage.at("acute_monitoring")
    site.pass_(days=29)
    decide(site)
    answer(site)
    assert not [i for i in worklist(site.now, site.protocol) if i.kind == "dlt"]
    report(site, grade=3, dlt=True, onset=site.clock() - timedelta(days=3))
    (item,) = (i for i in worklist(site.now, site.protocol) if i.kind == "dlt")
    assert (item.roles, "AE-1" in item.says) == (("investigator",), True)
    decide(site)
    answer(site)
    settled(site)


# ------------------------------------------------------------------ dose cohorts


EMIL = Patient(4, "T-4", {"cohort": "B-ALL", "starting_material": "fresh"})
"""Anna's next in the same dose level."""


def two_of_a_cohort(stage: Stage) -> Staged:
    """Anna was infused on day 0; the product of Emil, of the same dose level, has been received."""

    def make(site: Staged) -> None:
        site.play(EMIL, "safety_decision")
        site.play(ANNA, "acute_monitoring")

    return stage.of("two patients of one dose level", make)


def test_the_next_patient_waits_until_the_decision_on_the_one_before_is_signed(stage: Stage) -> None:
    """Emil's safety decision and lymphodepletion stay shut until two people have decided on Anna."""
    site = two_of_a_cohort(stage)
    with site.refused("cohort.decision") as told:
        site.perform("safety_decision", patient=EMIL)
    assert "the DLT decision on T-1 is not signed" in told.says
    site.pass_(days=29)
    decide(site)
    with site.refused("cohort.decision") as told:
        site.perform("safety_decision", patient=EMIL)
    assert "no dlt, waits for safety_officer" in told.says
    answer(site)
    site.do("safety_decision", patient=EMIL)
    site.play(EMIL, "lymphodepletion")
    site.do("lymphodepletion", patient=EMIL)
    settled(site)


def test_two_patients_do_not_pass_the_gate_together(stage: Stage) -> None:
    """Both safety decisions were signed before anybody began: the first to begin lymphodepletion shuts the gate for the other."""

    def make(site: Staged) -> None:
        for patient in (ANNA, EMIL):
            site.play(patient, "lymphodepletion")

    site = stage.of("two of a cohort before lymphodepletion", make)
    site.do("lymphodepletion")
    with site.refused("cohort.decision"):
        site.perform("lymphodepletion", patient=EMIL)
    # Whoever has begun goes on.
    site.pass_(days=1)
    site.do("lymphodepletion")
    settled(site)


def test_a_time_lies_between_the_first_patients(stage: Stage) -> None:
    """A decision that comes early does not shorten the interval: 14 days between the infusion and the next patient's gate."""
    site = two_of_a_cohort(stage)
    (infused,) = site.now.of_step("infusion")
    report(site, grade=4, dlt=True)
    decide(site, "dlt", "AE-1")
    answer(site)
    with site.refused("cohort.interval") as told:
        site.perform("safety_decision", patient=EMIL)
    assert told.values["opens"] == infused.fact.started + timedelta(days=14)
    site.clock.now = infused.fact.started + timedelta(days=14)
    site.do("safety_decision", patient=EMIL)
    settled(site)


def test_a_stopped_cohort_enrols_nobody_and_begins_nobody_until_it_is_opened_again(stage: Stage) -> None:
    """Stopped by a signature with a reason, opened by another person's; both stand in the cohort's stream and are decided again."""
    site = two_of_a_cohort(stage)
    site.pass_(days=29)
    decide(site)
    answer(site)
    with site.refused("authority.role"):
        site.desk.stop_cohort("level_1", "too many infections", site.sits("ward.nurse.1"))
    with site.refused("cohort.known"):
        site.desk.stop_cohort("level_9", "too many infections", site.sits("safety.officer.1"))
    with site.refused("cohort.stopped"):
        site.desk.reopen_cohort("level_1", "go on", site.sits("safety.officer.1"))
    site.desk.stop_cohort("level_1", "too many infections", site.sits("safety.officer.1"))
    with site.refused("order.done"):
        site.desk.stop_cohort("level_1", "again", site.sits("safety.officer.1"))
    with site.refused("cohort.stopped") as told:
        site.perform("safety_decision", patient=EMIL)
    assert "it was stopped by safety.officer.1: too many infections" in told.says
    fred = Patient(5, "T-5", {"cohort": "B-ALL", "starting_material": "fresh"})
    site.play(fred, "enrolment")
    with site.refused("cohort.stopped"):
        site.perform("enrolment", patient=fred)
    with site.refused("authority.two-people"):
        site.desk.reopen_cohort("level_1", "go on", site.sits("safety.officer.1"))
    with site.refused("authority.role"):
        site.desk.reopen_cohort("level_1", "go on", site.sits("investigator.1"))
    site.desk.reopen_cohort("level_1", "safety board of 12 May: go on", site.sits("safety.officer.2"))
    # The study asks for two signatures, in their order; the first alone opens nothing.
    with site.refused("cohort.stopped") as told:
        site.perform("enrolment", patient=fred)
    assert "safety.officer.2 signed to open it again, which waits for investigator" in told.says
    moonlight = site.hire(site.person("safety.officer.2"), "moonlight", "investigator")
    with site.refused("authority.two-people"):
        site.desk.reopen_cohort("level_1", "go on", site.sits(moonlight))
    site.desk.reopen_cohort("level_1", "agreed", site.sits("investigator.1"))
    site.do("enrolment", patient=fred)
    site.do("safety_decision", patient=EMIL)
    settled(site)


def test_what_a_stopped_cohort_forbids_is_told_as_a_rule_that_was_broken_and_opens_no_gate(stage: Stage) -> None:
    """Emil was conditioned although his cohort was stopped: it is recorded, the rule is named, and the cohort knows; no go is told."""
    site = two_of_a_cohort(stage)
    site.desk.stop_cohort("level_1", "too many infections", site.sits("safety.officer.1"))
    site.patient = EMIL
    form = site.form("safety_decision")
    said = {"started": site.clock(), "says": "nobody looked", "performed_by": ("investigator.1", "safety.officer.2")}
    told = TellHappened.model_validate({"step": form.step, "readings": form.readings, **said})
    (fact,) = [f for f in site.act(told, "investigator.1").facts if isinstance(f, ActHappened)]
    assert [rule.rule for rule in fact.broken] == ["cohort.stopped"]
    assert not fact.stands
    assert site.standing("safety_decision") == "ready"
    form = site.form("lymphodepletion")
    said["performed_by"] = ("ward.nurse.1", "physician.1")
    told = TellHappened.model_validate(
        {"step": form.step, "readings": form.readings, "scans": form.scans, "used": form.used, **said}
    )
    site.act(told, "ward.nurse.1")
    (fact,) = [o.fact for o in site.now.occurred.values() if o.code == "H-2"]
    assert "cohort.stopped" in [rule.rule for rule in fact.broken]
    assert any(stream.startswith("cohort/") for stream in site.records()[-1].statement.heads)
    settled(site)


def test_the_stopping_rule_stops_a_cohort_by_itself(stage: Stage) -> None:
    """As many dose-limiting toxicities as the study says shut it without anybody's stop; who opens it accepts that many."""
    text = study().text.replace("    stop_at: 2\n", "    stop_at: 1\n")
    site = stage.site(read_protocol(text))
    site.play(EMIL, "safety_decision")
    site.play(ANNA, "acute_monitoring")
    report(site, grade=4, dlt=True)
    decide(site, "dlt", "AE-1")
    answer(site)
    site.pass_(days=20)
    with site.refused("cohort.stopped") as told:
        site.perform("safety_decision", patient=EMIL)
    assert "1 of its patients had a dose-limiting toxicity; its stopping rule is 1" in told.says
    for account in ("safety.officer.1", "investigator.1"):
        site.desk.reopen_cohort("level_1", "lower dose of fludarabine", site.sits(account))
    site.do("safety_decision", patient=EMIL)
    settled(site)


def test_a_forged_opening_of_a_cohort_is_found_and_believed_by_nobody(stage: Stage) -> None:
    """A nurse with a program of her own opens a stopped cohort: the gate stays shut, and the audit names the record."""
    site = two_of_a_cohort(stage)
    site.desk.stop_cohort("level_1", "too many infections", site.sits("safety.officer.1"))
    forged = CohortReopened(
        study=site.protocol.protocol.id, cohort="level_1", digest=site.protocol.digest, dlts=0, reason="go on"
    )
    stream = f"cohort/{site.protocol.protocol.id}.level_1"
    site.forge([forged], "ward.nurse.1", subject=stream, without_therapy=True)
    with site.refused("cohort.stopped"):
        site.perform("safety_decision", patient=EMIL)
    (finding,) = audit_all(Reader(site.log))
    assert "ward.nurse.1 may not decide on cohort level_1" in finding.says
    # Nor does one of those who may open it do so alone, by leaving out that her record waits.
    site.forge([forged], "safety.officer.2", subject=stream, without_therapy=True)
    with site.refused("cohort.stopped"):
        site.perform("safety_decision", patient=EMIL)
    assert len(audit_all(Reader(site.log))) == 2


def test_another_toxicity_while_a_cohort_is_being_opened_begins_the_signatures_anew(stage: Stage) -> None:
    """The safety officer signed at one toxicity; a second one is decided before the investigator signs: that was not what she signed."""
    site = two_of_a_cohort(stage)
    site.desk.stop_cohort("level_1", "too many infections", site.sits("investigator.1"))
    site.desk.reopen_cohort("level_1", "go on", site.sits("safety.officer.1"))
    report(site, grade=4, dlt=True)
    decide(site, "dlt", "AE-1")
    answer(site)
    other = site.hire("P-INVESTIGATOR-9", "investigator.9", "investigator")
    with site.refused("authority.role"):
        site.desk.reopen_cohort("level_1", "go on", site.sits(other))
    site.desk.reopen_cohort("level_1", "go on, with one toxicity", site.sits("safety.officer.1"))
    site.desk.reopen_cohort("level_1", "agreed", site.sits(other))
    assert site.desk.cohort(site.protocol, "level_1")[0].accepted == 1
    settled(site)


def test_another_dose_level_does_not_wait(stage: Stage) -> None:
    """Bruno is of the second level: Anna's cohort keeps him from nothing."""
    site = stage.at("acute_monitoring", other=True)
    assert site.therapy(BRUNO).of_step("lymphodepletion")
    settled(site)
