"""The same clinical story, told in local days, gives the same grades, windows and schedule in local days, in 40 zones.

A therapy that was folded once is set on the clocks of a zone: every moment of it becomes the moment at which they show what UTC
showed. What is of the calendar must then be the same days there; what is elapsed is left out, for it is not the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from events.facts.base import Reading
from events.facts.safety import AdverseEventReported
from events.facts.steps import PatientObserved, ProductInfused
from events.zones import at_local, begins, day_of, ends, local, zone_names
from protocol.adverse_events import emergent
from protocol.audit import audit_all
from protocol.duration import Begun, read_duration
from protocol.grading import propose
from protocol.perform import window
from protocol.reader import Reader
from protocol.schedule import schedule
from protocol.state import Act, Instance, Signed, Therapy
from protocol.state.safety import Event
from tests.stage import Stage, study

pytestmark = pytest.mark.property
ZONES = (
    "Pacific/Pago_Pago Pacific/Honolulu Pacific/Marquesas America/Anchorage Pacific/Gambier America/Los_Angeles America/Phoenix "
    "America/Denver America/Chicago America/Mexico_City America/New_York America/Havana America/Santiago America/St_Johns "
    "America/Sao_Paulo America/Nuuk Atlantic/Azores Africa/Abidjan Europe/London Europe/Berlin Africa/Cairo Asia/Beirut "
    "Europe/Moscow Asia/Tehran Asia/Dubai Asia/Kabul Asia/Karachi Asia/Kolkata Asia/Kathmandu Asia/Dhaka Asia/Yangon "
    "Asia/Bangkok Asia/Shanghai Australia/Eucla Asia/Tokyo Australia/Adelaide Australia/Lord_Howe Pacific/Chatham "
    "Pacific/Tongatapu Pacific/Kiritimati"
).split()
INFUSED = (
    "2026-03-06T09:40 2026-03-28T06:00 2026-10-24T22:15 2027-03-01T06:00 2026-11-30T23:59 2028-02-29T00:30"
).split()
"""What the clocks show when the infusion begins: before both changes of clocks, at both ends of a day, on days that months lack."""


def set_on(value: Any, zone: str) -> Any:
    """The same value on the clocks of a zone: whatever UTC's showed, they show."""
    if isinstance(value, datetime):
        return at_local(value.date(), value.time(), zone)
    if isinstance(value, BaseModel):
        changed = {name: set_on(getattr(value, name), zone) for name in type(value).model_fields}
        return value.model_copy(update=changed)
    if is_dataclass(value) and not isinstance(value, type):
        changed = {
            f.name: zone if f.name == "zone" else set_on(getattr(value, f.name), zone) for f in fields(value) if f.init
        }
        return replace(value, **changed)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(**{name: set_on(getattr(value, name), zone) for name in value._fields})
    if isinstance(value, tuple):
        return tuple(set_on(one, zone) for one in value)
    if isinstance(value, Mapping):
        return {key: set_on(one, zone) for key, one in value.items()}
    return value


@cache
def told(infused: str) -> Therapy:
    """In UTC: a product is infused, and on the next day, at 05:00, a patient on a vasopressor has no fever any more, by treatment."""
    begun = datetime.fromisoformat(infused).replace(tzinfo=UTC)
    next_day = datetime.combine(begun.date() + timedelta(days=1), time(5), tzinfo=UTC)

    def act(at: Instance, fact: Any, number: int) -> Act:
        by = Signed(number, number, "", "P-1", "nurse.1", "performed", fact.ended, fact.ended, "UTC", study().digest)
        return Act(at, fact, by)

    bag, d1 = Instance("infusion", "1", "BAG-1"), Instance("acute_monitoring", "D1")
    common = {"therapy": "T-1", "place": "ward"}
    infusion = ProductInfused.model_validate(
        {**common, "key": bag.key(), "started": begun, "ended": begun, "infused": ["BAG-1"]}
    )
    signs = {"temperature": ("36.9", "Cel"), "hypotension": ("one_vasopressor", None), "hypoxia": ("none", None)}
    readings = [Reading(name=n, value=v, unit=u) for n, (v, u) in signs.items()]
    readings.append(Reading(name="fever_treated", value=next_day.date().isoformat()))
    visit = PatientObserved.model_validate(
        {**common, "key": d1.key(), "started": next_day, "ended": next_day, "readings": readings}
    )
    return Therapy(id="T-1", acts={bag: act(bag, infusion, 1), d1: act(d1, visit, 2)})


def story(therapy: Therapy, zone: str) -> dict[str, Any]:
    """What follows of the calendar, as the clocks and calendars of the zone show it."""
    protocol = study()

    def there(moment: datetime | None) -> str:
        return f"{local(moment, zone):%Y-%m-%d %H:%M:%S.%f}" if moment else ""

    followed = {step.id for step in protocol.steps if step.visits}
    calendar = {"d", "week", "weeks", "month", "months"}
    visits = [(step, v) for step in protocol.steps for v in step.visits if v.early.text.split()[1] in calendar]
    days = {(s.id, v.id): str(day_of(e.planned, zone)) for e in schedule(therapy, protocol) for s, v in visits
            if (e.at.step, e.at.occurrence) == (s.id, v.id) and e.planned}  # fmt: skip
    spans = {(s.id, v.id): [there(at) for at in window(therapy, protocol, s, v) or ()] for s, v in visits}
    d1 = next(act for act in therapy.acts.values() if act.at.step == "acute_monitoring")
    grades = {f.grading: f.grade for f in propose(therapy, protocol, d1.at, d1.began, d1.done, d1.fact.readings)}
    infusion = next(act for act in therapy.acts.values() if act.at.step == "infusion")
    emerged = []
    for apart in (-1, 0, 1):
        reported = AdverseEventReported.model_validate({
            "therapy": "T-1", "event": "AE-1", "term": "Anemia", "grade": 2, "related": "possibly", "serious": False,
            "dlt": False, "onset": infusion.began.day + timedelta(days=apart), "aware": infusion.began.at,
        })  # fmt: skip
        emerged.append(emergent(therapy, Event("AE-1", reported, infusion.by, 2, "possibly", False, (), None, False)))
    aged = [
        read_duration(age).too_old(d1.began.day - timedelta(days=30), *d1.began) for age in ("30 d", "29 d", "1 month")
    ]
    assert followed
    return {"days": days, "spans": spans, "grades": grades, "emerged": emerged, "aged": aged}


def test_the_zones_reach_from_11_before_to_14_after_greenwich_with_halves_and_quarters() -> None:
    """The list is what it says it is: 40 zones that exist, whole, half and quarter hours, north and south."""
    assert len(ZONES) == len(set(ZONES) & zone_names()) == 40
    offsets = {
        datetime(2026, 1, 15, tzinfo=UTC).astimezone(local(datetime.now(UTC), z).tzinfo).utcoffset() for z in ZONES
    }
    assert {min(offsets), max(offsets)} == {timedelta(hours=-11), timedelta(hours=14)}  # type: ignore[type-var]
    assert {int(o.total_seconds() // 60) % 60 for o in offsets if o is not None} == {0, 30, 45}


def test_days_are_asked_of_one_file_and_nothing_asks_the_machine_for_a_zone() -> None:
    """The day of a moment is asked of `events.zones`, with a place; a zone comes from the package of the lock."""
    asks = re.compile(r"\bZoneInfo\(|\.date\(\)|astimezone\(\)|\b(?:localtime|tzlocal|date\.today|strptime)\b")
    root = Path(__file__).parents[2]
    files = [
        file
        for package in ("events", "protocol", "projections", "flows", "console")
        for file in (root / package).rglob("*.py")
    ]
    found = {str(file.relative_to(root)) for file in files if asks.search(file.read_text(encoding="utf-8"))}
    # A length counts on the local clocks that it is given; commands say between which days anything may lie.
    assert found == {"events/zones.py", "protocol/duration.py", "protocol/commands/base.py"}


@pytest.mark.parametrize("infused", INFUSED)
def test_the_same_story_in_local_days_gives_the_same_days_everywhere(infused: str) -> None:
    """Grades, windows, visits, ages and marks: 40 zones, both changes of clocks, both ends of a day."""
    expected = story(told(infused), "UTC")
    assert expected["grades"]["crs"] == 3
    assert (expected["emerged"], expected["aged"]) == ([False, True, True], [False, True, expected["aged"][2]])
    for zone in ZONES:
        found = story(set_on(told(infused), zone), zone)
        assert found == expected, zone


@pytest.mark.parametrize(("zone", "day", "clock", "moment"), [
    ("Europe/Berlin", "2026-03-29", "02:30", "2026-03-29T01:30"),  # skipped: read as before the change, it shows 03:30
    ("Europe/Berlin", "2026-10-25", "02:30", "2026-10-25T00:30"),  # twice: the first
    ("Africa/Cairo", "2026-04-24", "00:00", "2026-04-23T22:00"),  # a day that begins at 01:00
    ("America/Havana", "2026-11-01", "00:00", "2026-11-01T04:00"),  # a midnight that comes twice: the first
    ("Australia/Lord_Howe", "2026-10-04", "02:15", "2026-10-03T15:45"),  # half an hour is skipped
])  # fmt: skip
def test_a_local_time_that_comes_twice_or_never_is_read_one_way(zone: str, day: str, clock: str, moment: str) -> None:
    """As RFC 5545 reads it, and as the page on the study's file says."""
    found = at_local(date.fromisoformat(day), time.fromisoformat(clock), zone)
    assert found == datetime.fromisoformat(moment).replace(tzinfo=UTC)


@pytest.mark.parametrize("zone", ZONES)
def test_a_day_ends_where_the_next_one_begins_through_a_whole_year(zone: str) -> None:
    """No moment belongs to two days or to none, and each belongs to the day that the clocks show."""
    day = date(2026, 1, 1)
    while day.year == 2026:
        assert day_of(begins(day, zone), zone) == day_of(ends(day, zone), zone) == day
        assert ends(day, zone) + timedelta(milliseconds=1) == begins(day + timedelta(days=1), zone)
        day += timedelta(days=1)


@pytest.mark.parametrize(("length", "begun", "zone", "after", "before"), [
    ("24 h", "2026-03-28T12:00", "Europe/Berlin", "2026-03-29T12:00", "2026-03-27T12:00"),
    ("1 d", "2026-03-28T12:00", "Europe/Berlin", "2026-03-29T11:00", "2026-03-27T12:00"),
    ("1 month", "2026-03-31T10:00", "UTC", "2026-04-30T10:00", "2026-02-28T10:00"),
    ("3 months", "2027-02-28T22:00", "Asia/Shanghai", "2027-05-31T22:00", "2026-11-30T22:00"),
    ("1 year", "2028-02-29T08:00", "UTC", "2029-02-28T08:00", "2027-02-28T08:00"),
    ("100 years", "2026-03-02T08:00", "UTC", "2126-03-02T08:00", "1926-03-02T08:00"),
    ("15 years", "2026-03-02T08:00", "Europe/Berlin", "2041-03-02T08:00", "2011-03-02T08:00"),
    ("0 d", "2026-10-25T01:30", "Europe/Berlin", "2026-10-25T01:30", "2026-10-25T01:30"),
])  # fmt: skip
def test_what_is_elapsed_and_what_is_of_the_calendar(
    length: str, begun: str, zone: str, after: str, before: str
) -> None:
    """Hours are hours; a day keeps the time on the clocks; a month goes on to the same day, or to the last that there is."""
    at = datetime.fromisoformat(begun).replace(tzinfo=UTC)
    length_ = read_duration(length)
    assert f"{length_.after(*Begun(at, zone)):%Y-%m-%dT%H:%M}" == after
    assert f"{length_.before(*Begun(at, zone)):%Y-%m-%dT%H:%M}" == before


@pytest.mark.parametrize(
    "text", ["101 years", "1201 months", "36526 d", "876601 h", "1 decade", "1.5 years", "-1 d", "1 Year"]
)
def test_what_is_no_length_of_time_or_longer_than_a_century_is_refused(text: str) -> None:
    """Named with what it should look like."""
    with pytest.raises(ValueError, match=r"no length of time|longer than 100 years"):
        read_duration(text)


@pytest.mark.parametrize("zone", ["Australia/Lord_Howe"])
def test_a_whole_therapy_of_another_zone_is_decided_again_as_it_was(stage: Stage, zone: str) -> None:
    """From consent to the last visit: each person's record states the zone, the system's none, and the audit finds nothing."""
    site = stage.site()
    site.desk.zone = zone
    site.play(site.patient)
    assert site.now.completed == "followed_to_the_end"
    zones = {(record.statement.meaning == "recorded", record.zone) for record in site.records()}
    assert zones == {(True, "UTC"), (False, zone)}
    assert {act.by.zone for act in site.now.acts.values()} == {zone}
    assert [finding.says for finding in audit_all(Reader(site.log))] == []
