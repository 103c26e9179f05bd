"""The day is the hospital's: a day that a person writes is a day where she stands, and days are counted on the calendar there.

Minutes and hours are elapsed time, the same everywhere. What is signed says the zone, so the record reads the same on any machine.

Source: process page steps 2, 23, 24; RFC 5545 3.3.5 (local times that are skipped, or come twice); NCT04283006 (Shanghai).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time

import pytest

from events.facts.safety import GradeProposed
from events.facts.site import ZoneStated
from events.instant import to_wire
from events.zones import at_local, begins, ends, local
from protocol.adverse_events import emergent, event_row
from protocol.audit import audit, audit_all
from protocol.commands import FollowEvent, OpenDeviation, PlanAction, ReportDeath, ReportEvent, WithdrawPatient
from protocol.evolve import fold
from protocol.perform import window
from protocol.reader import Reader
from protocol.readiness import lapsed
from protocol.schedule import schedule
from protocol.state import Therapy
from protocol.surroundings import Validity
from tests.stage import ANNA, Stage, Staged, names

pytestmark = pytest.mark.story
SHANGHAI, HONOLULU, BERLIN = "Asia/Shanghai", "Pacific/Honolulu", "Europe/Berlin"


def stands_in(site: Staged, zone: str, now: datetime) -> Staged:
    """From now on the desk stands in that zone; `now` is what its clocks show."""
    site.desk.zone = zone
    site.clock.now = now.replace(tzinfo=None).replace(tzinfo=local(now, zone).tzinfo).astimezone(UTC)
    return site


def at(text: str) -> datetime:
    """What the clocks show."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def settled(site: Staged) -> None:
    """Every record is decided again as it was decided, by a reader whose own machine stands anywhere."""
    assert [finding.says for finding in audit_all(Reader(site.log))] == []


def infused_in(stage: Stage, zone: str, when: str) -> Staged:
    """The product is infused at a hospital of that zone, at that time on its clocks."""
    site = stands_in(stage.at("infusion"), zone, at(when))
    site.do("infusion", started=site.clock(), ended=site.clock())
    return site


def shown(moment: datetime | None, zone: str) -> str:
    """What the clocks of a place show then."""
    return f"{local(moment, zone):%Y-%m-%d %H:%M}" if moment else ""


def test_fever_that_was_treated_today_is_treated_today_where_the_patient_lies(stage: Stage) -> None:
    """Shanghai, D1 ended 05:00 on 7 April, 36.9 C, one vasopressor, fever treated on 7 April: CRS is 3. In UTC it is still the 6th."""
    site = infused_in(stage, SHANGHAI, "2026-04-06T16:20")
    stands_in(site, SHANGHAI, at("2026-04-07T05:00"))
    treated = {"temperature": "36.9 C", "hypotension": "one_vasopressor", "fever_treated": "2026-04-07"}
    receipt = site.perform("acute_monitoring", occurrence="D1", values=treated)
    crs = next(f for f in receipt.facts if isinstance(f, GradeProposed) and f.grading == "crs")
    assert crs.grade == 3
    settled(site)


def test_a_marker_drawn_today_is_taken_before_the_day_begins_in_greenwich(stage: Stage) -> None:
    """04:01 on 2 March in Shanghai: the 2nd is today, although UTC still writes the 1st; the 3rd lies in the future."""
    site = stands_in(stage.at("eligibility"), SHANGHAI, at("2026-03-03T04:01"))
    with site.refused("time.future") as told:
        site.perform("eligibility", values={"markers_drawn": "2026-03-04"})
    assert told.says == "markers_drawn = 2026-03-04 lies in the future; it is 2026-03-03 in Asia/Shanghai."
    site.perform("eligibility", values={"markers_drawn": "2026-03-03"})
    settled(site)


def test_tomorrow_is_refused_in_the_evening_west_of_greenwich(stage: Stage) -> None:
    """20:00 on 2 March in Honolulu: UTC writes the 3rd, but nobody there has lived it."""
    site = stands_in(stage.at("eligibility"), HONOLULU, at("2026-03-02T20:00"))
    with site.refused("time.future"):
        site.perform("eligibility", values={"markers_drawn": "2026-03-03"})
    site.perform("eligibility", values={"markers_drawn": "2026-03-02"})
    settled(site)


def test_three_months_after_the_infusion_are_counted_on_the_hospitals_calendar(stage: Stage) -> None:
    """Infused in Shanghai on 1 March 2027 at 06:00: M3 is 1 June, its window 18 May to 15 June, whole days; 13 June is inside."""
    site = infused_in(stage, SHANGHAI, "2027-03-01T06:00")
    step = site.protocol.by_id["follow_up"]
    m3 = next(visit for visit in step.visits if visit.id == "M3")
    entry = next(e for e in schedule(site.now, site.protocol) if (e.at.step, e.at.occurrence) == ("follow_up", "M3"))
    assert shown(entry.planned, SHANGHAI) == "2027-06-01 06:00"
    assert entry.why.startswith("3 months after infusion.start (2027-03-01, happened)")
    span = window(site.now, site.protocol, step, m3)
    assert span == (begins(date(2027, 5, 18), SHANGHAI), ends(date(2027, 6, 15), SHANGHAI))
    assert span[0] < stands_in(site, SHANGHAI, at("2027-06-13T09:00")).clock() < span[1]


def test_the_zone_is_signed_and_an_audit_elsewhere_counts_as_the_hospital_did(stage: Stage) -> None:
    """The record states the zone as its last fact; its type and its other facts stay what they were."""
    site = stands_in(stage.at("eligibility"), SHANGHAI, at("2026-03-03T04:01"))
    site.perform("eligibility", values={"markers_drawn": "2026-03-03"})
    record = site.records()[-1]
    assert record.statement.facts[0]["fact"] == "patient.assessed.v1"
    assert record.statement.facts[-1] == {"fact": "zone.stated.v1", "zone": SHANGHAI}
    assert (record.zone, names(record.facts)[-1] == "zone.stated") == (SHANGHAI, False)
    assert audit(Reader(site.log), ANNA.therapy) == []
    # At the log's own zone nothing is stated: such records keep their bytes.
    assert all(fact["fact"] != ZoneStated.wire for record in site.records()[:-1] for fact in record.statement.facts)


def test_a_site_that_moves_its_zone_keeps_its_old_days(stage: Stage) -> None:
    """Infused in Shanghai, the hospital then moves its desk to Berlin: D1 and M3 stay the days they were in Shanghai."""
    site = infused_in(stage, SHANGHAI, "2027-03-01T06:00")
    before = {
        e.at: (e.earliest, e.planned, e.latest) for e in schedule(site.now, site.protocol) if e.at.step == "follow_up"
    }
    site.desk.zone = BERLIN
    site.pass_(hours=20)
    site.perform("acute_monitoring", occurrence="D1", values={"temperature": "36.8 C"})
    after = {
        e.at: (e.earliest, e.planned, e.latest) for e in schedule(site.now, site.protocol) if e.at.step == "follow_up"
    }
    assert after == before
    assert [site.records()[-1].zone, site.now.of_step("infusion")[0].by.zone] == [BERLIN, SHANGHAI]
    settled(site)


@pytest.mark.parametrize("zone", ["Asia/Shangri-La", "Europe/../Asia/Shanghai", "UTC+8"])
def test_a_day_is_not_shifted_by_a_zone_that_does_not_exist(stage: Stage, zone: str) -> None:
    """Signed past the desk, with a lawful key: the audit names the record, and nothing of that patient is decided on it."""
    site = stage.at("eligibility")
    site.perform("eligibility")
    fact, *_ = site.records()[-1].statement.facts
    site = stage.at("eligibility")
    site.forge(
        [fact, {"fact": "zone.stated.v1", "zone": zone}], site.who(site.protocol.by_id["eligibility"].performed_by)
    )
    (finding,) = audit(Reader(site.log), ANNA.therapy)
    assert (finding.kind, "cannot be read" in finding.says) == ("unreadable", True)


@pytest.mark.parametrize("place", ["first", "twice", "alone"])
def test_a_zone_is_stated_once_as_the_last_fact_or_the_record_is_not_read(stage: Stage, place: str) -> None:
    """Two zones in one record, or one that stands elsewhere, leave open which day is meant."""
    site = stage.at("eligibility")
    site.perform("eligibility")
    fact, *_ = site.records()[-1].statement.facts
    site = stage.at("eligibility")
    stated = {"fact": "zone.stated.v1", "zone": SHANGHAI}
    facts = {"first": [stated, fact], "twice": [fact, stated, stated], "alone": [stated]}[place]
    site.forge(facts, site.who(site.protocol.by_id["eligibility"].performed_by))
    (finding,) = audit(Reader(site.log), ANNA.therapy)
    assert (finding.kind, "otherwise than once" in finding.says) == ("unreadable", True)


def test_another_zone_than_the_one_that_was_signed_would_decide_otherwise(stage: Stage) -> None:
    """The same facts, with the zone taken away, are a finding: the day would lie in the future."""
    site = stands_in(stage.at("eligibility"), SHANGHAI, at("2026-03-03T04:01"))
    site.perform("eligibility", values={"markers_drawn": "2026-03-03"})
    *facts, _ = site.records()[-1].statement.facts
    bare = stage.at("eligibility")
    bare.clock.now = site.clock()
    bare.forge(facts, site.records()[-1].statement.account, happened=site.clock())
    (finding,) = audit(Reader(bare.log), ANNA.therapy)
    assert "lies in the future; it is 2026-03-02 in UTC" in finding.says


def test_what_the_system_records_is_dated_where_the_patient_is_treated(stage: Stage) -> None:
    """A plant elsewhere signs for this patient too; the system, which stands nowhere, counts at the patient's place."""
    site = stands_in(stage.at("consent"), SHANGHAI, at("2026-03-02T16:30"))
    site.perform("consent")
    assert site.now.zone == SHANGHAI
    folded = fold(Therapy(id=ANNA.therapy), Reader(site.log).records(f"therapy/{ANNA.therapy}")[0])
    assert replace(folded) == site.now


# ------------------------------------------------------------------ what is valid until a day, and what happened on one


@pytest.mark.parametrize(("zone", "clock", "taken"), [
    (SHANGHAI, "2026-03-03T23:30", True), (SHANGHAI, "2026-03-04T00:30", False),
    (HONOLULU, "2026-03-03T23:30", True), (HONOLULU, "2026-03-04T00:30", False),
])  # fmt: skip
def test_a_lot_that_expires_on_a_day_is_used_until_that_day_is_over_there(
    stage: Stage, zone: str, clock: str, taken: bool
) -> None:
    """Good until the end of 3 March where it is used: in Shanghai that is 16:00 in Greenwich, in Honolulu 10:00 of the next day."""
    site = stage.at("apheresis")
    when = local(at(clock), "UTC").replace(tzinfo=None)
    step = site.protocol.by_id["apheresis"]
    site.clock.now = max(site.clock.now, at("2026-03-01T00:00"))
    code = site.release_lot(step.needs.lots[0], when.date().replace(day=3), code="LOT-OF-A-DAY")
    then = at_local(when.date(), when.time(), zone)
    lot = site.desk.equipment.known(code).lot
    assert lot is not None
    assert lot.expires == when.date().replace(day=3)
    assert (lot.released[0].over_from(zone) > then) is taken


def test_training_calibration_and_lot_of_a_day_are_refused_the_day_after_with_the_day_named(stage: Stage) -> None:
    """A day that was written is told as that day, not as a moment in Greenwich."""
    site = stage.at("apheresis")
    step = site.protocol.by_id["apheresis"]
    today = site.clock().date()
    lot = site.release_lot(step.needs.lots[0], today, code="LOT-OF-A-DAY")
    stands_in(site, SHANGHAI, at(f"{today}T23:50")).pass_(minutes=20)
    with site.refused("readiness.lot") as told:
        site.perform("apheresis", use={step.needs.lots[0]: lot}, started=site.clock(), ended=site.clock())
    assert told.says.endswith(f"expired at the end of {today}.")


@pytest.mark.parametrize(("zone", "ended"), [(SHANGHAI, True), ("UTC", False), (HONOLULU, False)])
def test_what_is_valid_until_a_day_ends_under_way_where_that_day_does(zone: str, ended: bool) -> None:
    """Used from 23:00 to 01:00 in Shanghai: a calibration until the 3rd ended under way there, and nowhere west of it."""
    calibrated = [Validity(at("2026-03-01T08:00"), date(2026, 3, 3))]
    span = at_local(date(2026, 3, 3), time(23), SHANGHAI), at_local(date(2026, 3, 4), time(1), SHANGHAI)
    assert lapsed(calibrated, *span, zone) == (date(2026, 3, 3) if ended else None)


@pytest.mark.parametrize(("onset", "emerged"), [
    ("2027-02-28", False), ("2027-03-01", True), ("2027-03-02", True),
    (at_local(date(2027, 3, 1), time(5, 59), SHANGHAI), False),
    (at_local(date(2027, 3, 1), time(6, 0), SHANGHAI), True),
])  # fmt: skip
def test_an_event_that_began_on_the_day_of_the_infusion_counts_as_treatment_emergent(
    stage: Stage, onset: date | str, emerged: bool
) -> None:
    """Of a day alone nobody knows the hour: on the day of the infusion, there, it counts. In Greenwich that day was 28 February."""
    site = infused_in(stage, SHANGHAI, "2027-03-01T06:00")
    site.pass_(days=2)
    told = ReportEvent.model_validate(
        {"term": "Anemia", "grade": 2, "onset": onset, "related": "possibly", "aware": site.clock()}
    )
    site.act(told, "physician.1")
    event = site.now.safety.events["AE-1"]
    assert emergent(site.now, event) is emerged
    assert event_row(site.now, event)["onset"] == (onset if isinstance(onset, str) else to_wire(onset))  # type: ignore[arg-type]
    settled(site)


def test_onset_and_end_of_an_event_as_days_are_held_against_the_day_there(stage: Stage) -> None:
    """Began and ended today: taken. Tomorrow, or an end before the onset: refused."""
    site = infused_in(stage, SHANGHAI, "2027-03-01T06:00")
    event = {"term": "Anemia", "grade": 2, "related": "possibly"}
    with site.refused("time.future") as told:
        site.act(ReportEvent.model_validate({**event, "onset": "2027-03-02"}), "physician.1")
    assert told.says.startswith("onset 2027-03-02 lies in the future")
    site.act(ReportEvent.model_validate({**event, "onset": "2027-03-01"}), "physician.1")
    ends_ = {"event": "AE-1", "says": "well again", "resolved": True}
    with site.refused("time.order"):
        site.act(FollowEvent.model_validate({**ends_, "at": "2027-02-28"}), "physician.1")
    site.act(FollowEvent.model_validate({**ends_, "at": "2027-03-01"}), "physician.1")
    assert event_row(site.now, site.now.safety.events["AE-1"])["ended"] == "2027-03-01"
    settled(site)


def test_an_action_that_is_due_on_a_day_is_missed_when_that_day_is_over_there(stage: Stage) -> None:
    """Planned in Honolulu for 10 March: it strikes with the end of that day there, ten hours into the next one in Greenwich."""
    site = stands_in(stage.at("eligibility"), HONOLULU, at("2026-03-03T12:00"))
    site.act(OpenDeviation(grade="major", says="the fridge stood open"), "qa.releaser.1")
    plan = {"deviation": "D-1", "says": "a new lock", "role": "operator", "due": "2026-03-10"}
    site.act(PlanAction.model_validate(plan), "qa.releaser.1")
    assert site.now.actions["C-1"].due == ends(date(2026, 3, 10), HONOLULU)
    settled(site)


def test_a_patient_is_treated_in_another_zone_than_the_plant_stands_in(stage: Stage) -> None:
    """A plant in Berlin and a hospital in Shanghai, on one log: each act is counted where it was signed, whoever looks."""
    plant = stage.at("infusion")
    plant.desk.zone = BERLIN
    hospital = stage.again(plant)
    stands_in(hospital, SHANGHAI, at("2027-03-01T06:00"))
    hospital.do("infusion", started=hospital.clock(), ended=hospital.clock())
    plant.act(OpenDeviation(grade="major", says="the label was creased"), "qa.releaser.1")
    assert [record.zone for record in plant.records()[-2:]] == [SHANGHAI, BERLIN]
    for site in (plant, hospital):
        entry = next(
            e for e in schedule(site.now, site.protocol) if (e.at.step, e.at.occurrence) == ("follow_up", "M3")
        )
        assert shown(entry.planned, SHANGHAI) == "2027-06-01 06:00"
    # A deviation's days are those of whoever opened it: 30 days there keep the time of day through the change of clocks.
    opened = plant.now.deviations[list(plant.now.deviations)[-1]]
    assert opened.since.zone == BERLIN
    settled(plant)


def test_of_a_death_only_the_day_may_be_known(stage: Stage) -> None:
    """Infused in Shanghai in the morning: the patient died that day, or the next, but not the day before, nor tomorrow."""
    site = infused_in(stage, SHANGHAI, "2027-03-01T06:00")
    site.pass_(hours=1)
    for day, rule in (("2027-02-28", "time.sequence"), ("2027-03-02", "time.future")):
        with site.refused(rule):
            site.act(ReportDeath.model_validate({"at": day, "reason": "cytokine release"}), "investigator.1")
    site.act(ReportDeath.model_validate({"at": "2027-03-01", "reason": "cytokine release"}), "investigator.1")
    # Nobody knows the hour; but no later than it was told.
    assert (site.now.died, site.records()[-1].statement.facts[0]["at"]) == (site.clock(), "2027-03-01")
    settled(site)


def test_a_patient_withdrew_on_a_day_that_is_over(stage: Stage) -> None:
    """Told on the next day: it counts from the end of that day there, 10:00 of the next in Greenwich."""
    site = stands_in(stage.at("apheresis"), HONOLULU, at("2026-03-20T09:00"))
    told = {"withdrawn": ["treatment", "visits"], "at": "2026-03-19", "reason": "another treatment"}
    site.act(WithdrawPatient.model_validate(told), "investigator.1")
    assert site.now.stopped_at == ends(date(2026, 3, 19), HONOLULU)
    settled(site)
