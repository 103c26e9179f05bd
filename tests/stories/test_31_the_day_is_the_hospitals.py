"""The day is the hospital's: a day that a person writes is a day where she stands, and days are counted on the calendar there.

Minutes and hours are elapsed time, the same everywhere. What is signed says the zone, so the record reads the same on any machine.

Source: process page steps 2, 23, 24; RFC 5545 3.3.5 (local times that are skipped, or come twice); NCT04283006 (Shanghai).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from events.facts.safety import GradeProposed
from events.facts.site import ZoneStated
from events.zones import begins, ends, local
from protocol.audit import audit, audit_all
from protocol.evolve import fold
from protocol.perform import window
from protocol.reader import Reader
from protocol.schedule import schedule
from protocol.state import Therapy
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
    assert span == (begins(datetime(2027, 5, 18).date(), SHANGHAI), ends(datetime(2027, 6, 15).date(), SHANGHAI))  # noqa: DTZ001
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
