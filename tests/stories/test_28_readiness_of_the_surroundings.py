"""Readiness of the surroundings: rooms are monitored and changed over; infection markers decide where material lies and what comes first.

Environmental-monitoring results are attached to the step that was performed, or pending until disposition, and reach every patient
whose cells were open there; infection markers are dated against the collection; positive, pending or not tested means
segregated storage and suite changeover, the statements on the labels, and a plan against hepatitis B before lymphodepletion.

Source: process page, Readiness; EU GMP Annex 1 (2022) 9.4, 9.22, 9.30; 21 CFR 1271.90(c); EU ATMP GMP 11.28
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from console.rehearsal import Patient
from events.facts.base import Reading, TherapyFact
from events.facts.environment import EnvironmentAttached, EnvironmentReported, RoomCleared
from events.facts.quality import DeviationOpened
from protocol.audit import audit_all
from protocol.commands import Decline, Entered, StoreMaterial
from protocol.commands.environment import ChangeOver, ReportEnvironment
from protocol.desk import Receipt
from protocol.environment import missing
from protocol.file import read_protocol
from protocol.infection import Markers, look
from protocol.reader import Reader
from protocol.release import evaluate
from protocol.status import batch_status
from protocol.worklist import worklist
from tests.stage import ANNA, BRUNO, STUDY, Stage, Staged

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
    assert (item.required, item.blocks) == (True, ("disposition",)), "without its results nothing is released"
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


def correct(
    site: Staged, which: str, values: dict[str, str], why: str | None = "misread", by: str = "quality.1", hours: int = 0
) -> Receipt:
    """Somebody of quality corrects a report; `hours`: the whole period lay that much later."""
    old, late = site.desk.room(ROOM)[0].report(which), timedelta(hours=hours)
    given = {name: Entered(value=value) for name, value in values.items()}
    said = ReportEnvironment(
        room=ROOM, started=old.started + late, ended=old.ended + late, readings=given, why=why, corrects=old.link
    )
    return site.desk.report_environment(said, site.sits(by))


def test_a_result_that_was_written_down_wrongly_is_corrected_and_what_follows_follows(stage: Stage) -> None:
    """A left-out digit: the corrected value counts alone, its deviation opens in its own record, and the old value stays on record."""
    site = stage.at("selection")
    began, ended = opened(site)
    report(site, began, ended, COUNTS)
    for why, values, rule in [
        (None, {"settle_plates": "2 CFU"}, "correction.why"),
        ("the same", COUNTS, "correction.changes"),
    ]:
        with site.refused(rule):
            correct(site, "R-1", values, why=why)
    with site.refused("environment.corrected"):
        correct(site, "R-2", COUNTS)
    receipt = correct(site, "R-1", COUNTS | {"settle_plates": "2 CFU"})
    (deviation,) = [fact for fact in receipt.facts if isinstance(fact, DeviationOpened)]
    assert deviation.found == "2 CFU"
    assert [(r.corrected, r.readings[-1].value) for r in site.desk.room(ROOM)[0].reports] == [(True, "0"), (False, "2")]
    assert "out of limits: settle_plates 2 CFU" in environment(site)[1]
    with site.refused("environment.corrected"):
        correct(site, "R-1", COUNTS)
    clean(site)


def test_nobody_corrects_her_own_result_from_out_of_its_limits_to_within_them(stage: Stage) -> None:
    """The other way round another person looks at the plates; the deviation that stands is closed by quality, not by the correction."""
    site = stage.at("selection")
    began, ended = opened(site)
    (deviation,) = [
        f
        for f in report(site, began, ended, COUNTS | {"settle_plates": "20 CFU"}).facts
        if isinstance(f, DeviationOpened)
    ]
    with site.refused("environment.own-correction") as told:
        correct(site, "R-1", COUNTS)
    assert "20 CFU" in told.says
    correct(site, "R-1", COUNTS, by=site.hire("P-QUALITY-9", "quality.9", "quality"))
    assert not site.now.deviations[deviation.deviation].closed
    assert environment(site)[1].find("out of limits") == -1
    clean(site)


def test_a_report_of_another_room_or_time_is_taken_away_and_what_it_covered_is_missing_again(stage: Stage) -> None:
    """Wrong hours: the acts that it no longer concerns miss their results again. One that is signed later takes what stands."""
    site = stage.at("selection")
    began, ended = opened(site)
    report(site, began, ended, COUNTS)
    site.pass_(hours=10)
    receipt = correct(site, "R-1", COUNTS, hours=4)
    (attached,) = [fact for fact in receipt.facts if isinstance(fact, EnvironmentAttached)]
    assert (attached.keys, attached.readings) == ((), ())
    assert lacks(site) == [*COUNTS]
    report(site, began, ended, COUNTS)
    correct(site, "R-3", {}, why="those were the counts of SUITE-2")
    assert lacks(site) == [*COUNTS]
    began = site.clock()
    report(site, began, site.pass_(hours=2), {"settle_plates": "3 CFU"})
    correct(site, "R-5", {"settle_plates": "0 CFU"}, by=site.hire("P-QUALITY-9", "quality.9", "quality"))
    receipt = site.perform("transduction", started=began, ended=site.clock())
    assert [f.readings[0].value for f in receipt.facts if isinstance(f, EnvironmentAttached)] == ["0"]
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


# ------------------------------------------------------------------ infection markers


def marked(**markers: str) -> Patient:
    """Anna, with these infection markers at screening; the others are negative."""
    return replace(ANNA, values={("eligibility", name): word for name, word in markers.items()})


def markers(site: Staged, patient: Patient | None = None) -> Markers:
    """The markers as they stand."""
    assert site.protocol.infection is not None
    return look(site.therapy(patient), site.protocol.infection)


def again(site: Staged, drawn_days_ago: int = 1, **words: str) -> Receipt:
    """Markers are told later, or were drawn again."""
    day = (site.clock() - timedelta(days=drawn_days_ago)).date().isoformat()
    return site.do("markers_again", values={"markers_drawn": day, **words})


def test_of_all_markers_the_worst_word_counts(stage: Stage) -> None:
    """Positive before pending before not tested; a positive one is not outvoted by a later negative, a pending one is."""
    site = stage.at("enrolment", marked(hcv="pending", syphilis="not_tested"))
    assert markers(site).told() == "pending: HCV; not tested: Syphilis"
    again(site, hcv="negative")
    assert markers(site).status == "not_tested"
    again(site, syphilis="positive")
    again(site, syphilis="negative")
    assert markers(site).told() == "positive: Syphilis"
    assert batch_status(site.now, site.protocol)["infection"] == "positive: Syphilis"
    # What was typed wrongly is corrected, with its reason; the old value stays on record.
    site.correct("markers_again", "syphilis", "negative", why="another patient's sheet", occurrence="2")
    assert markers(site).status == "negative"
    clean(site)


def test_hbv_dna_is_asked_for_where_antibodies_to_the_core_antigen_are_there(stage: Stage) -> None:
    """Without them nobody misses it; with them it counts as not tested until its result has come."""
    site = stage.at("enrolment")
    assert "hbv_dna" not in markers(site).of
    again(site, anti_hbc="positive")
    assert markers(site).told() == "positive: anti-HBc; not tested: HBV DNA"
    again(site, hbv_dna="negative")
    assert markers(site).told() == "positive: anti-HBc"


def test_a_result_that_has_not_come_waits_in_the_worklist(stage: Stage) -> None:
    """Pending and not tested are told to those who can tell the result; when all are there, nobody is asked any more."""

    def waits(site: Staged) -> list[str]:
        return [item.says for item in worklist(site.now, site.protocol) if item.step == "markers_again"]

    site = stage.at("enrolment", marked(hiv="pending"))
    assert waits(site) == ["Infection markers, told later or drawn again: pending: HIV"]
    again(site, hiv="negative")
    assert waits(site) == []


def test_markers_are_dated_against_the_collection(stage: Stage) -> None:
    """Each marker by the day of its own latest draw: too old is recorded with a deviation that names them; fresh ones mend it."""
    site = stage.at("apheresis")
    old = (site.clock() - timedelta(days=33)).date().isoformat()
    site.correct("eligibility", "markers_drawn", old, why="the laboratory's date")
    again(site, drawn_days_ago=2, hiv="negative", hcv="negative")
    receipt = site.perform("apheresis")
    (deviation,) = [fact for fact in receipt.facts if isinstance(fact, DeviationOpened)]
    assert (deviation.grade, deviation.rule, deviation.limit) == (
        "major",
        "infection.age.apheresis",
        "no older than 30 d",
    )
    assert deviation.found == f"HBsAg {old}, anti-HBc {old}, Syphilis {old}"
    clean(site)


def test_a_study_may_keep_the_collection_shut_until_fresh_markers_are_there(stage: Stage) -> None:
    """Where the study says refuse, the collection does not begin; drawn again, they open it."""
    text = STUDY.read_text(encoding="utf-8")
    age = "no_older_than: 30 d, otherwise: deviation major, source: common practice}"
    assert text.count(age) == 1
    site = stage.site(read_protocol(text.replace(age, age.replace("deviation major", "refuse"))))
    site.play(ANNA, "apheresis")
    old = (site.clock() - timedelta(days=31)).date().isoformat()
    site.correct("eligibility", "markers_drawn", old, why="the laboratory's date")
    with site.refused("infection.age.apheresis") as told:
        site.perform("apheresis")
    assert f"HIV {old}" in told.says
    again(site, hiv="negative", hbsag="negative", anti_hbc="negative", hcv="negative", syphilis="negative")
    site.perform("apheresis")


def test_markers_that_will_be_too_old_when_the_collection_is_booked_are_asked_for_again(stage: Stage) -> None:
    """Whoever books learns it from the worklist before the patient sits in the chair."""
    site = stage.at("apheresis")
    booked = next(slot for slot in site.now.slots if slot.resource == "apheresis")
    old = (booked.starts - timedelta(days=31)).date().isoformat()
    site.correct("eligibility", "markers_drawn", old, why="the laboratory's date")
    (item,) = [item for item in worklist(site.now, site.protocol) if item.step == "markers_again"]
    assert f"too old on {booked.starts:%Y-%m-%d}, when apheresis is booked" in item.says


# ------------------------------------------------------------------ what they ask for


@pytest.mark.parametrize("word", ["positive", "pending", "not_tested"])
def test_material_of_a_patient_with_such_markers_lies_apart(stage: Stage, word: str) -> None:
    """A position that is not one of those kept apart is refused for it, when it is signed and when it is corrected."""
    site = stage.at("product_receipt", marked(hcv=word))
    with site.refused("infection.storage") as told:
        site.perform("product_receipt", values={"position": "SHELF-1"})
    assert told.values["position"] == "SHELF-1"
    assert "SEG-" in told.advice
    site.do("product_receipt", values={"position": "seg-04"})
    with site.refused("infection.storage"):
        site.correct("product_receipt", "position", "SHELF-1", why="put elsewhere")
    clean(site)


def test_no_other_material_lies_where_it_is_kept_apart(stage: Stage) -> None:
    """A patient whose markers are negative has nothing in a segregated position."""
    site = stage.at("product_receipt")
    with site.refused("infection.storage") as told:
        site.perform("product_receipt", values={"position": "SEG-04"})
    assert "is segregated" in told.says
    site.do("product_receipt", values={"position": "SHELF-1"})


def test_material_that_was_stored_before_the_result_came_is_put_apart(stage: Stage) -> None:
    """A late positive opens the study's deviation, alerts, and names what lies wrong, until somebody has put it elsewhere."""
    site = stage.at("lymphodepletion")
    (bag,) = site.now.live("drug_product")
    receipt = again(site, hcv="positive")
    (deviation,) = [fact for fact in receipt.facts if isinstance(fact, DeviationOpened)]
    assert deviation.rule == "infection.turned"
    assert f"{bag.code} lies at POSITION-1, which is not segregated" in deviation.says
    assert f"cells were open in {ROOM}" in deviation.says
    assert [alert.roles for alert in site.now.alerts.values()] == [("physician",)]
    (item,) = [item for item in worklist(site.now, site.protocol) if item.kind == "storage"]
    assert item.material == bag.code
    store = StoreMaterial(materials=(bag.code,), position="SHELF-2", reason="HCV is positive")
    with site.refused("infection.storage"):
        site.act(store, "cell.lab.1")
    with site.refused("identity.material-live"):
        site.act(store.model_copy(update={"materials": ("NOBODY",), "position": "SEG-2"}), "cell.lab.1")
    with site.refused("authority.role"):
        site.act(store.model_copy(update={"position": "SEG-2"}), "scheduler.1")
    site.act(store.model_copy(update={"position": "SEG-2"}), "cell.lab.1")
    assert [item for item in worklist(site.now, site.protocol) if item.kind == "storage"] == []
    clean(site)


def suite_of(site: Staged, first: Patient, second: Patient) -> None:
    """Two patients' cells are at the plant."""
    for patient in (second, first):
        site.play(patient, "selection")


def changed_over(site: Staged, at: datetime | None = None, by: str = "operator.1") -> Receipt:
    """Somebody changes the suite over."""
    return site.desk.change_over(
        ChangeOver(room=ROOM, at=at or site.clock(), says="sporicide, line clear"), site.sits(by)
    )


@pytest.mark.parametrize("word", ["positive", "pending", "not_tested"])
def test_after_such_a_patient_the_suite_is_changed_over_before_the_next(stage: Stage, word: str) -> None:
    """Done by one person and cleared by another, between the two; before that the next patient's cells stay closed."""
    anna = marked(syphilis=word)
    site = stage.of(f"suite after {word}", lambda made: suite_of(made, anna, BRUNO), anna)
    opened(site, room=ROOM)
    site.pass_(hours=1)
    with site.refused("room.changeover.selection") as told:
        site.perform("selection", patient=BRUNO, room=ROOM)
    assert f"{ROOM} was not changed over after {ANNA.therapy}" in told.says
    changed_over(site)
    with site.refused("room.changeover.selection") as told:
        site.perform("selection", patient=BRUNO, room=ROOM)
    assert "was not cleared by a second person" in told.says
    with site.refused("authority.two-people"):
        site.desk.clear_room(ROOM, site.sits("operator.1"))
    with site.refused("authority.role"):
        site.desk.clear_room(ROOM, site.sits("courier.1"))
    site.desk.clear_room(ROOM, site.sits("operator.2"))
    with site.refused("room.waits"):
        site.desk.clear_room(ROOM, site.sits("operator.2"))
    began = site.pass_(minutes=5)
    # A step that began before the changeover began in a room that was not changed over.
    with site.refused("room.changeover.selection"):
        site.perform("selection", patient=BRUNO, room=ROOM, started=began - timedelta(minutes=30), ended=began)
    site.do("selection", patient=BRUNO, room=ROOM)
    clean(site)


def test_the_same_patient_and_a_patient_whose_markers_are_negative_need_no_changeover(stage: Stage) -> None:
    """The next step of the same cells goes on; after a negative patient the room is another's as ever."""
    anna = marked(syphilis="positive")
    site = stage.of("suite after positive", lambda made: suite_of(made, anna, BRUNO), anna)
    site.do("selection", patient=BRUNO, room=ROOM)
    site.pass_(hours=1)
    opened(site, room=ROOM)
    site.pass_(hours=24)
    opened(site, "transduction", room=ROOM)
    assert site.desk.room(ROOM)[0].changeovers == ()
    clean(site)


def test_a_study_may_record_what_happened_instead_of_refusing_it(stage: Stage) -> None:
    """Where the study says so, cells that were opened without a changeover are recorded, with deviation and quarantine."""
    text = STUDY.read_text(encoding="utf-8").replace(
        "otherwise: refuse\n    source: process page, Readiness; who",
        "otherwise: [deviation critical, quarantine]\n    source: process page, Readiness; who",
    )
    protocol, anna = read_protocol(text), marked(hiv="positive")
    site = stage.site(protocol, anna)
    suite_of(site, anna, BRUNO)
    opened(site, room=ROOM)
    site.pass_(hours=1)
    receipt = site.perform("selection", patient=BRUNO, room=ROOM)
    assert [(f.grade, f.rule) for f in receipt.facts if isinstance(f, DeviationOpened)] == [
        ("critical", "room.changeover.selection")
    ]
    site.witness(patient=BRUNO)
    assert all(m.status == "quarantined" for m in site.therapy(BRUNO).live("intermediate"))
    clean(site)


def test_a_step_that_is_told_late_shows_who_came_after_it(stage: Stage) -> None:
    """The positive patient's step is signed after the next patient's: the deviation names whose cells were open there since."""
    anna = marked(syphilis="positive")
    site = stage.of("suite after positive", lambda made: suite_of(made, anna, BRUNO), anna)
    began = site.clock()
    over = site.pass_(hours=2)
    site.pass_(hours=1)
    site.do("selection", patient=BRUNO, room=ROOM)
    receipt = site.perform("selection", room=ROOM, started=began, ended=over)
    (deviation,) = [fact for fact in receipt.facts if isinstance(fact, DeviationOpened)]
    assert (deviation.grade, deviation.rule) == ("critical", "room.changeover.selection")
    assert BRUNO.therapy in deviation.found


def test_bad_changeovers(stage: Stage) -> None:
    """One that lies ahead, or of somebody in another role, is refused; one signed past the desk is found, and not believed."""
    site = stage.at("selection", marked(hiv="positive"))
    opened(site)
    with site.refused("time.future"):
        changed_over(site, site.clock() + timedelta(minutes=1))
    with site.refused("authority.role"):
        changed_over(site, by="courier.1")
    receipt = changed_over(site)
    cleared = RoomCleared(room=ROOM, changeover=receipt.link)
    site.forge([cleared], "operator.1", subject=f"room/{ROOM}", without_therapy=True, meaning="witnessed")
    assert [finding.stream for finding in audit_all(Reader(site.log))] == [f"room/{ROOM}"]
    assert not site.desk.room(ROOM)[0].changeovers[0].cleared


@pytest.mark.parametrize(
    "words", [{"hbsag": "positive", "hbv_dna": "negative"}, {"anti_hbc": "pending"}, {"hbsag": "not_tested"}]
)
def test_a_plan_against_hepatitis_b_is_signed_before_lymphodepletion(stage: Stage, words: dict[str, str]) -> None:
    """Where the HBV markers ask for it, lymphodepletion stays shut until a physician has signed the plan."""
    site = stage.at("product_receipt", marked(**words))
    site.do("product_receipt")
    site.play(site.patient, "lymphodepletion")
    assert site.standing("lymphodepletion") == "waiting"
    with site.refused("infection.plan") as told:
        site.perform("lymphodepletion")
    assert "hbv_plan" in told.says
    assert "physician" in told.advice
    (item,) = [item for item in worklist(site.now, site.protocol) if item.step == "hbv_plan"]
    assert (item.roles, item.required, item.blocks) == (("physician",), True, ("lymphodepletion",))
    with site.refused("authority.role"):
        site.perform("hbv_plan", by="ward.nurse.1")
    site.do("hbv_plan", values={"plan": "prophylaxis", "drug": "entecavir 0.5 mg daily"})
    assert [item for item in worklist(site.now, site.protocol) if item.step == "hbv_plan"] == []
    site.do("lymphodepletion")
    clean(site)


def test_no_plan_is_asked_of_a_patient_whose_hepatitis_markers_are_negative(stage: Stage) -> None:
    """Another positive marker asks for storage apart, and not for this plan."""
    site = stage.at("lymphodepletion", marked(hiv="positive"))
    assert [item for item in worklist(site.now, site.protocol) if item.step == "hbv_plan"] == []
    site.do("lymphodepletion")


def test_a_late_positive_stops_the_next_day_of_lymphodepletion(stage: Stage) -> None:
    """Day one was given when the markers were negative: the deviation says so, and day two waits for the plan."""
    site = stage.at("lymphodepletion")
    site.do("lymphodepletion")
    receipt = again(site, hbsag="positive")
    assert any(
        "lymphodepletion was begun without hbv_plan" in f.says for f in receipt.facts if isinstance(f, DeviationOpened)
    )
    site.pass_(days=1)
    with site.refused("infection.plan"):
        site.perform("lymphodepletion")
    site.do("hbv_plan")
    site.perform("lymphodepletion")
    clean(site)
