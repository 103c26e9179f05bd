"""Steps 24 and 25: acute monitoring, adverse events, response, follow-up to month 24.

After infusion the patient is watched day by day, graded by a physician, and followed to month 24.

Source: NCT04283006 outcomes; ICH E6 4.11 safety reporting
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from events.facts.safety import GradeProposed
from protocol.commands import ReportEvent, SignGrades
from tests.stage import BRUNO, Stage, names

pytestmark = pytest.mark.story


def test_a_grade_is_a_proposal_until_a_physician_has_signed_it(stage: Stage) -> None:
    """The ward records signs; what they give is proposed, and a grade stands when a physician has signed it."""
    site = stage.at("acute_monitoring")
    receipt = site.perform("acute_monitoring", occurrence="D0", values={"temperature": "38.4 C", "hypoxia": "low_flow"})
    assert names(receipt.facts) == ["patient.observed", "grade.proposed", "grade.proposed"]
    assert [f.grade for f in receipt.facts if isinstance(f, GradeProposed)] == [2, 0]
    assert site.standing("acute_monitoring", "D0") == "done"
    with site.refused("authority.role"):
        site.act(SignGrades(occurrence="D0"), "ward.nurse.2")
    site.act(SignGrades(occurrence="D0"), "physician.1")
    assert {(g, s.signed.grade) for (g, _), s in site.now.safety.grades.items() if s.signed} == {
        ("crs", 2),
        ("icans", 0),
    }


def test_there_is_no_grade_six(stage: Stage) -> None:
    """A grade is one of the scale's."""
    site = stage.at("acute_monitoring")
    site.perform("acute_monitoring", occurrence="D0")
    with site.refused("grade.scale"):
        site.act(SignGrades(occurrence="D0", grades={"crs": 6}, why="worse than that"), "physician.1")


def test_a_visit_in_its_window_is_as_planned_and_outside_it_a_minor_deviation(stage: Stage) -> None:
    """Day 1 is a day after the infusion, twelve hours early or late."""
    for hours, follows in {12: [], 36: [], 11: ["deviation.opened"]}.items():
        site = stage.at("acute_monitoring")
        (infused,) = site.now.of_step("infusion")
        site.clock.now = infused.fact.started + timedelta(hours=hours)
        receipt = site.perform("acute_monitoring", occurrence="D1")
        assert [n for n in names(receipt.facts) if n != "grade.proposed"] == ["patient.observed", *follows]


def test_a_missed_visit_is_recorded_once_and_can_be_told_later(stage: Stage) -> None:
    """When a window closes without the visit, the system says so once; what did happen can still be told by name."""
    site = stage.at("acute_monitoring")
    (infused,) = site.now.of_step("infusion")
    site.do("acute_monitoring", occurrence="D0")
    site.clock.now = infused.fact.started + timedelta(hours=37)
    told = names(site.system())
    assert told.count("deadline.missed") == 1
    assert site.system() == []
    assert site.standing("acute_monitoring", "D1") == "missed"
    # The study goes on: nobody waits for day 1.
    assert site.standing("acute_monitoring", "D2") == "ready"
    # I find my notes: I saw the patient at noon of day 1. I name the visit, and it is recorded as what it was.
    seen = infused.fact.started + timedelta(hours=26)
    receipt = site.perform("acute_monitoring", occurrence="D1", started=seen, ended=seen)
    assert names(receipt.facts) == ["patient.observed", "grade.proposed", "grade.proposed"]
    assert site.standing("acute_monitoring", "D1") == "done"
    # It was inside its window, so no second deviation opened; the first one stays on record.
    assert len(site.now.deviations) == 1


def test_an_adverse_event_is_recorded_apart_from_the_visit(stage: Stage) -> None:
    """Adverse events are CTCAE records of their own, one each, kept apart from CRS and ICANS; who reports them is alerted."""
    site = stage.at("acute_monitoring")
    receipt = site.do("acute_monitoring", occurrence="D0", values={"new_event": "yes"})
    assert names(receipt.facts) == ["patient.observed", "alert.raised", "grade.proposed", "grade.proposed"]
    for number in (1, 2):
        event = ReportEvent(term="Neutrophil count decreased", grade=3, onset=site.clock(), related="possibly")
        assert names(site.act(event, "physician.1").facts) == ["adverse_event.reported"]
        assert list(site.now.safety.events)[-1] == f"AE-{number}"


def test_each_cohort_has_its_own_response_visits(stage: Stage) -> None:
    """B-ALL is assessed by marrow and MRD from month 3, B-NHL by Lugano from week 4."""
    leukaemia, lymphoma = stage.at("follow_up"), stage.at("follow_up", BRUNO)
    with leukaemia.refused("order.applies"):
        leukaemia.perform("response_b_nhl", occurrence="W4")
    with lymphoma.refused("order.applies"):
        lymphoma.perform("response_b_all", occurrence="M3")
    # A visit that the protocol does not have cannot be done.
    with leukaemia.refused("order.instance"):
        leukaemia.perform("response_b_all", occurrence="M9")


def test_month_24_completes_the_therapy(stage: Stage) -> None:
    """When every step and visit is done the system completes the therapy; then nothing is done twice, and corrections go on."""
    site = stage.at("the end")
    assert site.now.completed == "followed_to_the_end"
    assert site.standing("follow_up", "M24") == "done"
    assert site.now.deviations == {}
    with site.refused("order.done"):
        site.perform("follow_up", occurrence="M24")
    assert site.system() == []
    # A typing error is found in the archive. It can be corrected, with its reason.
    receipt = site.correct("follow_up", "relapse", "yes", why="transcription error", occurrence="M24")
    assert names(receipt.facts) == ["fact.corrected"]


def test_a_therapy_is_not_complete_while_a_visit_is_open(stage: Stage) -> None:
    """The last visit is awaited until it is done or its window has closed."""
    site = stage.at("follow_up")
    site.system()
    assert not site.now.completed
    (infused,) = site.now.of_step("infusion")
    # Nobody comes any more. Two years and two months later every window has closed: recorded, and then complete.
    site.clock.now = infused.fact.started + timedelta(days=800)
    assert names(site.system()).count("deadline.missed") == 10
    assert names(site.system()) == ["therapy.completed"]
