"""Safety after infusion: toxicity is graded from signs and signed by a physician; adverse events are recorded apart, with every change.

A computed grade is a proposal that a physician signs, or another one with a reason; a sign that nobody looked at is never a good one.

Source: process page step 24; ASTCT consensus (Lee et al. 2019, BBMT 25:625-638); CTCAE v5.0; ICH E2A; 21 CFR 312.32; NCT04283006.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from events.facts.safety import GradeProposed
from protocol.adverse_events import emergent, event_row
from protocol.audit import audit_all
from protocol.commands import FollowEvent, ReportEvent, SignGrades
from protocol.desk import Receipt
from protocol.grading import grades_told, proposed, unsigned
from protocol.reader import Reader
from protocol.worklist import resting_state, worklist
from tests.stage import Stage, Staged, names

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


def report(site: Staged, term: str = "Neutrophil count decreased", by: str = PHYSICIAN, **told: object) -> Receipt:
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


def test_a_missing_sign_is_not_gradable_and_never_grade_0(stage: Stage) -> None:
    """Nobody measured: the proposal names what is missing, and says what the other signs give at least."""
    site = stage.at("acute_monitoring")
    visit(site, "D0", temperature=None)
    assert stands(site, "crs", "D0") == "not gradable: temperature missing; signed by nobody"
    visit(site, "D1", temperature="39 C", hypotension="several_vasopressors", hypoxia=None, ice_naming=None)
    told = stands(site, "crs", "D1")
    assert told.startswith("not gradable: hypoxia missing, at least grade 4 from what is there")
    assert stands(site, "icans", "D1").startswith("not gradable: ice_naming missing")
    # The chart turns up: the value comes late, and the grade is proposed again in the same record.
    receipt = site.late("acute_monitoring", {"hypoxia": "none"}, occurrence="D1")
    assert names(receipt.facts) == ["reading.reported", "grade.proposed"]
    assert stands(site, "crs", "D1").startswith("grade 4 ")
    # Of the first day nothing turns up. The physician signs that it was not gradable.
    sign(site, "D0")
    assert stands(site, "crs", "D0") == "not gradable: temperature missing; signed None"
    settled(site)


def test_a_physician_may_grade_what_could_not_be_computed_with_a_reason(stage: Stage) -> None:
    """Several vasopressors and no saturation on paper: grade 4 is signed, and why."""
    site = stage.at("acute_monitoring")
    visit(site, "D0", temperature="39 C", hypotension="several_vasopressors", hypoxia=None)
    with site.refused("grade.reason"):
        sign(site, "D0", crs=4)
    sign(site, "D0", "no higher grade can be computed", crs=4)
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
        ("event.code", {"code": "1002936"}),
        ("event.code", {"code": "1002936X"}),
        ("event.related", {"related": "perhaps"}),
        ("event.criteria", {"serious": True, "criteria": ["bad"]}),
        ("event.serious", {"serious": True}),
        ("event.serious", {"criteria": ["disability"]}),
        ("event.fatal", {"grade": 5, "serious": True, "criteria": ["hospitalisation"]}),
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
