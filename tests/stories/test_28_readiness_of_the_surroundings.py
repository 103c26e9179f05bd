"""Readiness of the surroundings: rooms are monitored while cells are open there, and a release waits for every result.

Environmental-monitoring results are attached to the step that was performed, or pending until disposition; a result out of its
limits is a deviation by itself and is never tested away; it reaches every patient whose cells were open there.

Source: process page, Readiness; EU GMP Annex 1 (2022) 9.4, 9.22, 9.30; EU ATMP GMP 11.28
"""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from events.facts.base import Reading, TherapyFact
from events.facts.environment import EnvironmentAttached, EnvironmentReported
from events.facts.quality import DeviationOpened
from protocol.audit import audit_all
from protocol.commands import Decline, Entered
from protocol.commands.environment import ReportEnvironment
from protocol.desk import Receipt
from protocol.environment import missing
from protocol.reader import Reader
from protocol.release import evaluate
from protocol.worklist import worklist
from tests.stage import ANNA, BRUNO, Stage, Staged

pytestmark = pytest.mark.story
ROOM = "SUITE-1"
COUNTS = {"particles_05": "1200 /m3", "particles_5": "3 /m3", "settle_plates": "0 CFU"}
PLATES = {"contact_plates": "0 CFU", "glove_prints": "0 CFU"}


def opened(site: Staged, step: str = "selection", hours: int = 3, **changes: str) -> tuple[datetime, datetime]:
    """Cells are open in the suite for some hours; the step is signed by both."""
    began = site.clock()
    ended = site.pass_(hours=hours)
    site.do(step, started=began, ended=ended, **changes)  # type: ignore[arg-type]  # any field of the form
    return began, ended


def report(
    site: Staged,
    began: datetime,
    ended: datetime,
    values: dict[str, str],
    why: str | None = None,
    by: str = "quality.1",
) -> Receipt:
    """Somebody of quality reports results of the suite."""
    given = {name: Entered(value=value) for name, value in values.items()}
    said = ReportEnvironment(room=ROOM, started=began, ended=ended, readings=given, why=why)
    return site.desk.report_environment(said, site.sits(by))


def both_arrived(site: Staged) -> None:
    """The cells of two patients are at the plant."""
    for patient in (BRUNO, ANNA):
        site.play(patient, "selection")


def lacks(site: Staged) -> list[str]:
    """The values that are missing, by name."""
    return [gap.value.name for gap in missing(site.now, site.protocol)]


def environment(site: Staged) -> tuple[str, str]:
    """The criterion of its own: its verdict, and what was found."""
    (found,) = [c for c in evaluate(site.now, site.protocol) if c.name == "environment"]
    return found.verdict, found.found


def clean(site: Staged) -> None:
    """The audit decides every record again, and finds nothing."""
    assert audit_all(Reader(site.log)) == []


def test_what_is_monitored_is_asked_for_as_soon_as_cells_were_open(stage: Stage) -> None:
    """Each value of the room's set stands in the worklist of quality, with the time that it lacks, until its result has come."""
    site = stage.at("selection")
    began, ended = opened(site)
    (item,) = [i for i in worklist(site.now, site.protocol) if i.kind == "environment"]
    assert item.roles == ("quality",)
    for name in COUNTS:
        assert f"{name} {began:%Y-%m-%d %H:%M} to {ended:%Y-%m-%d %H:%M}" in item.says
    receipt = report(site, began, ended, COUNTS)
    assert [type(fact) for fact in receipt.facts] == [EnvironmentReported, EnvironmentAttached]
    assert lacks(site) == []
    assert not [i for i in worklist(site.now, site.protocol) if i.kind == "environment"]
    clean(site)


def test_the_release_stays_shut_while_a_result_is_missing(stage: Stage) -> None:
    """QA cannot release while a result has not come: the refusal names the value, the step, the room and the time."""
    site = stage.at("selection")
    began, ended = opened(site)
    report(site, began, ended, {"particles_05": "1200 /m3", "particles_5": "3 /m3"})
    site.play(ANNA, "disposition", late=False)
    for act in [act for act in site.now.acts.values() if act.at.step in ("transduction", "harvest")]:
        report(site, act.fact.started, act.fact.ended, COUNTS | PLATES)
    assert lacks(site) == ["settle_plates"]
    with site.refused("release.criteria") as told:
        site.perform("disposition")
    assert f"environment pending (missing: settle_plates of selection in {ROOM}, {began:%Y-%m-%d %H:%M}" in told.says
    site.system()
    report(site, began, ended, {"settle_plates": "0 CFU"})
    assert environment(site) == ("passed", "complete")
    site.perform("disposition")
    clean(site)


def test_a_rejection_waits_for_no_result(stage: Stage) -> None:
    """What is rejected is not released: no result has to come first."""
    site = stage.at("selection")
    site.play(ANNA, "disposition", late=False)
    assert environment(site)[0] == "pending"
    site.perform("disposition", decision="rejected")


def test_a_gap_in_the_counts_is_a_missing_result(stage: Stage) -> None:
    """The periods of the results together cover the whole of the open step; what nobody measured is unknown, not fine."""
    site = stage.at("selection")
    began, ended = opened(site)
    hour = timedelta(hours=1)
    report(site, began, began + hour, COUNTS)
    report(site, began + 2 * hour, ended, COUNTS)
    assert lacks(site) == [*COUNTS]
    assert {(gap.since, gap.until) for gap in missing(site.now, site.protocol)} == {(began + hour, began + 2 * hour)}
    report(site, began + hour - timedelta(minutes=5), began + 2 * hour, COUNTS)
    assert lacks(site) == []
    clean(site)


def test_plates_that_are_pressed_when_the_work_is_over_come_after_it(stage: Stage) -> None:
    """Contact plates and glove prints are taken at the end of filling: one from the middle of it does not stand for them."""
    site = stage.at("harvest")
    began, ended = opened(site, "harvest")
    report(site, began, ended, COUNTS)
    assert lacks(site) == [*PLATES]
    report(site, began + timedelta(hours=1), began + timedelta(hours=1), PLATES)
    assert lacks(site) == [*PLATES]
    site.pass_(hours=6)
    report(site, ended + timedelta(hours=5), ended + timedelta(hours=5), PLATES)
    assert lacks(site) == [*PLATES]
    report(site, ended + timedelta(hours=4), ended + timedelta(hours=4), PLATES)
    assert lacks(site) == []


def test_a_result_out_of_its_limits_is_a_deviation_and_no_other_takes_it_away(stage: Stage) -> None:
    """The deviation stands in the record of the result; a second result says why it is there, and stands beside the first."""
    site = stage.at("selection")
    began, ended = opened(site)
    receipt = report(site, began, ended, COUNTS | {"settle_plates": "2 CFU"})
    (deviation,) = [fact for fact in receipt.facts if isinstance(fact, DeviationOpened)]
    assert (deviation.grade, deviation.rule) == ("major", "environment.selection.settle_plates")
    assert (deviation.limit, deviation.found) == ("at most 0 CFU", "2 CFU")
    with site.refused("environment.again") as told:
        report(site, began, ended, {"settle_plates": "0 CFU"})
    assert "was reported already: 2 CFU" in told.says
    report(site, began, ended, {"settle_plates": "0 CFU"}, why="second set of plates of the same cabinet")
    assert not site.now.deviations[deviation.deviation].closed
    assert "out of limits: settle_plates 2 CFU (selection)" in environment(site)[1]
    site.play(ANNA, "disposition")
    with site.refused("release.deviations") as told:
        site.perform("disposition")
    assert f"{deviation.deviation} major: settle_plates in {ROOM} was 2 CFU" in told.says
    site.handle(deviation.deviation)
    assert "out of limits: settle_plates 2 CFU" in environment(site)[1]
    site.perform("disposition")
    (decided,) = [fact for fact in site.records()[-1].facts if hasattr(fact, "criteria")]
    assert "out of limits: settle_plates 2 CFU (selection)" in str(decided.to_wire()["criteria"])
    clean(site)


def test_one_result_reaches_every_patient_whose_cells_were_open_there_then(stage: Stage) -> None:
    """Two patients one after the other in one suite: plates that lay open over both open a deviation for both, in one record."""
    site = stage.of("two in a suite", both_arrived)
    began, over = opened(site, room=ROOM)
    site.pass_(hours=1)
    second = site.clock()
    site.pass_(hours=3)
    site.do("selection", patient=BRUNO, started=second, ended=site.clock(), room=ROOM)
    before = [site.now.number, site.therapy(BRUNO).number]
    receipt = report(site, over - timedelta(hours=1), second + timedelta(hours=1), {"settle_plates": "4 CFU"})
    assert [site.now.number, site.therapy(BRUNO).number] == [number + 1 for number in before]
    opened_for = [f.therapy for f in receipt.facts if isinstance(f, DeviationOpened)]
    assert opened_for == [ANNA.therapy, BRUNO.therapy]
    receipt = report(site, began, over, {"settle_plates": "1 CFU"})
    assert {f.therapy for f in receipt.facts if isinstance(f, TherapyFact)} == {ANNA.therapy}
    receipt = report(site, over + timedelta(minutes=10), second - timedelta(minutes=10), {"settle_plates": "9 CFU"})
    assert [type(fact) for fact in receipt.facts] == [EnvironmentReported]
    clean(site)


def test_a_result_that_came_before_the_step_was_signed_is_attached_by_the_signature(stage: Stage) -> None:
    """A particle count is known at once, a step may be told later: the deviation then stands in the record of the step."""
    site = stage.at("selection")
    began, ended = site.clock(), site.pass_(hours=3)
    told = report(site, began, ended, {"particles_05": "20000 /m3"})
    assert [type(fact) for fact in told.facts] == [EnvironmentReported]
    receipt = site.perform("selection", started=began, ended=ended)
    (attached,) = [fact for fact in receipt.facts if isinstance(fact, EnvironmentAttached)]
    assert attached.report == told.link
    assert [f.rule for f in receipt.facts if isinstance(f, DeviationOpened)] == ["environment.selection.particles_05"]
    assert lacks(site) == ["particles_5", "settle_plates"]
    clean(site)


def test_an_act_that_does_not_stand_leaves_its_results_to_the_one_that_does(stage: Stage) -> None:
    """A step that was declined and signed anew, with other times, is measured by the time at which it truly was open."""
    site = stage.at("selection")
    began, ended = site.clock(), site.pass_(hours=3)
    site.perform("selection", started=began, ended=ended)
    report(site, began, ended, COUNTS)
    site.act(Decline(act=site.waiting().by.link, reason="wrong times"), "operator.2")
    later = site.pass_(hours=1)
    site.do("selection", started=began, ended=later)
    assert {(gap.value.name, gap.since, gap.until) for gap in missing(site.now, site.protocol)} == {
        (name, ended, later) for name in COUNTS
    }
    report(site, ended, later, COUNTS)
    assert lacks(site) == []
    clean(site)


def test_a_result_out_of_limits_after_the_release_quarantines_and_alerts(stage: Stage) -> None:
    """History is not un-released: what is live is quarantined again, and those whom the study names hear of it."""
    site = stage.at("disposition")
    act = next(act for act in site.now.acts.values() if act.at.step == "harvest")
    site.do("disposition")
    (bag,) = site.now.live("drug_product")
    report(site, act.fact.started, act.fact.ended, {"settle_plates": "7 CFU"}, why="the plates were read again")
    assert site.now.materials[bag.code].status == "quarantined"
    assert [alert.rule for alert in site.now.alerts.values()] == ["environment.after-release"]
    assert site.now.disposition is not None
    assert site.now.disposition.decision == "released"
    clean(site)


@pytest.mark.parametrize(
    ("rule", "values", "shift"),
    [
        ("environment.known", {"noise": "40 dB"}, (0, 0)),
        ("record.complete", {}, (0, 0)),
        ("value.unit", {"settle_plates": "0"}, (0, 0)),
        ("value.unit", {"settle_plates": "0 /m3"}, (0, 0)),
        ("value.plausible", {"settle_plates": "-1 CFU"}, (0, 0)),
        ("value.form", {"settle_plates": "none"}, (0, 0)),
        ("time.future", COUNTS, (0, 1)),
        ("time.order", COUNTS, (0, -4)),
    ],
)
def test_bad_reports_are_refused(stage: Stage, rule: str, values: dict[str, str], shift: tuple[int, int]) -> None:
    """A value that no study monitors, no unit, an implausible count, a period that is none or lies ahead: nothing is recorded."""
    site = stage.at("selection")
    began, ended = opened(site)
    with site.refused(rule):
        report(site, began + timedelta(hours=shift[0]), ended + timedelta(hours=shift[1]), values)


def test_only_quality_reports(stage: Stage) -> None:
    """Who worked in the room does not report of it; a report that somebody else signed past the desk is not believed."""
    site = stage.at("selection")
    began, ended = opened(site)
    with site.refused("authority.role"):
        report(site, began, ended, COUNTS, by="operator.1")
    readings = (Reading(name="settle_plates", value="0", unit="CFU"),)
    forged = EnvironmentReported(room=ROOM, started=began, ended=ended, readings=readings)
    site.forge([forged], "operator.1", subject=f"room/{ROOM}", without_therapy=True)
    assert [finding.stream for finding in audit_all(Reader(site.log))] == [f"room/{ROOM}"]
    assert site.desk.room(ROOM)[0].reports == ()
