"""A day in the year 26, 1926 or 2126 is a slip: every time that a person writes lies where it can be, and the refusal says where.

Source: ALCOA+, accurate; EU GMP Annex 11 §6, accuracy checks
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from events.errors import Refused
from protocol.commands import Entered, ReportDeath, ReportEvent, TellHappened
from protocol.sensible import check_until
from tests.stage import Stage

pytestmark = pytest.mark.story
YEARS = [26, 1926, 2126, 2206, 9999]


@pytest.mark.parametrize("year", YEARS)
def test_no_step_is_done_in_such_a_year(stage: Stage, year: int) -> None:
    """Started, told afterwards, on a slot, of a death and an onset: refused, with the days between which it lies."""
    site = stage.at("slot_chain")
    when = site.clock().replace(year=year, month=3, day=1)
    form = site.form("slot_chain")
    slots = (form.slots[0].model_copy(update={"starts": when, "ends": when + timedelta(hours=1)}), *form.slots[1:])
    happened = TellHappened(step="apheresis", started=site.clock(), says="at night").model_copy(
        update={"started": when}
    )
    onset = ReportEvent(term="Fever", grade=1, onset=site.clock(), related="not").model_copy(update={"onset": when})
    death = ReportDeath(at=site.clock(), reason="told by the family").model_copy(update={"at": when})
    began = form.model_copy(update={"started": when})
    for command in (form.model_copy(update={"slots": slots}), began, happened, onset, death):
        with site.refused("time.sensible") as told:
            site.act(command, "scheduler.1")
        assert f"in the year {year}" in told.says
        assert "2016" in told.says
        assert "2036" in told.says


@pytest.mark.parametrize(
    "day", ["0026-03-01", "26-03-01", "1926-03-01", "20260301", "2026-W09-7", "2026-3-1", "01.03.2026"]
)
def test_no_day_is_recorded_of_such_a_year_nor_in_another_form(stage: Stage, day: str) -> None:
    """The day on which markers were drawn: four digits of a year in which the patient lived."""
    site = stage.at("eligibility")
    values = {**site.form("eligibility").readings, "markers_drawn": Entered(value=day)}
    with pytest.raises(Refused) as told:
        site.perform("eligibility", readings=values)
    assert told.value.rule in ("time.sensible", "value.form")
    if told.value.rule == "time.sensible":
        assert "less than 100 years before 2026" in told.value.says


NOW = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("until", "says"),
    [
        (date(26, 3, 1), "has passed"),
        (date(1926, 3, 1), "has passed"),
        (date(2026, 3, 1), "has passed"),  # it is 2 March in Shanghai
        (datetime(2026, 3, 1, 23, 30, tzinfo=UTC), "has passed"),
        (date(2126, 3, 1), "lies in the year 2126"),
        (date(9999, 12, 31), "lies in the year 9999"),
    ],
)
def test_no_lot_calibration_or_training_ends_in_such_a_year(until: date, says: str) -> None:
    """Nothing is released that has expired, and nobody is trained until the year 9999."""
    with pytest.raises(Refused) as told:
        check_until("Expiry", until, NOW, "Asia/Shanghai", 30)
    assert says in told.value.says
    assert "between 2026-03-02 and the end of 2056" in told.value.says


@pytest.mark.parametrize("until", [date(2026, 3, 2), date(2056, 12, 31), datetime(2026, 3, 1, 23, 31, tzinfo=UTC)])
def test_what_can_be_is_taken(until: date) -> None:
    """Today's day is good until its end."""
    check_until("Expiry", until, NOW, "Asia/Shanghai", 30)
