"""The hour that comes twice in autumn, told by the order of rows: where it tells, and where it cannot."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from events.errors import Refused
from protocol.logger.detect import propose
from protocol.logger.read import read_log
from tests.logs import plain

BERLIN_BACK = datetime(2026, 10, 25, 1, tzinfo=UTC)
BACK = {
    "Europe/Berlin": BERLIN_BACK,
    "America/New_York": datetime(2026, 11, 1, 6, tzinfo=UTC),
    "Australia/Sydney": datetime(2026, 4, 4, 16, tzinfo=UTC),
    "America/Santiago": datetime(2026, 4, 5, 3, tzinfo=UTC),
    "Australia/Lord_Howe": datetime(2026, 4, 4, 15, tzinfo=UTC),
}
"""Moments at which clocks are put back: by an hour, on Lord Howe by half of one; around midnight in Santiago."""


def moments(times: str, zone: str = "Europe/Berlin", day: str = "2026-10-25", **said: object) -> list[str]:
    """The moments of rows by a clock on the wall, as minutes in UTC."""
    text = "Time,Temperature\n" + "".join(f"{day} {time},{4 + n / 10}\n" for n, time in enumerate(times.split()))
    log = read_log(text.encode(), plain(zone=zone, repeated_hour="order", **said))
    return [f"{datetime.fromtimestamp(at / 1000, UTC):%H:%M}" for at in log.times]


@pytest.mark.parametrize(
    ("times", "utc"),
    [
        ("01:30 02:00 02:30 02:00 02:30 03:00", "23:30 00:00 00:30 01:00 01:30 02:00"),
        ("02:00 02:30 02:00 02:30 03:00", "00:00 00:30 01:00 01:30 02:00"),
        ("02:30 02:00 02:30 03:00 03:30", "00:30 01:00 01:30 02:00 02:30"),
        ("02:00 02:30 03:00 03:30", "01:00 01:30 02:00 02:30"),
        ("02:30 03:00 03:30", "01:30 02:00 02:30"),
        ("01:00 01:30 02:00 02:30", "23:00 23:30 00:00 00:30"),
        ("01:00 01:30 02:00 02:30 02:00", "23:00 23:30 00:00 00:30 01:00"),
        ("01:30 02:00 02:30 02:30 03:00", "23:30 00:00 00:30 01:30 02:00"),
        ("02:30 02:00", "00:30 01:00"),
        ("00:30 02:00 02:30 03:00 03:30", "22:30 01:00 01:30 02:00 02:30"),
        ("01:00 01:30 02:00 04:00 04:30", "23:00 23:30 00:00 03:00 03:30"),
    ],
    ids=[
        "one interval before it", "in the first pass", "at its last row", "in the second pass", "at its last row only",
        "ends in the first pass", "ends in the second pass", "a row is missing", "nothing around it",
        "the first pass is missing", "the second pass is missing",
    ],
)  # fmt: skip
def test_the_order_tells_which_hour_is_meant(times: str, utc: str) -> None:
    assert moments(times, interval="30 min") == utc.split()


@pytest.mark.parametrize(
    ("times", "line"),
    [
        ("01:00 01:30 02:00 02:30 03:00 03:30", 4),
        ("02:00 02:30", 2),
        ("02:30", 2),
        ("00:30 02:00", 3),
        ("00:30 02:00 04:00", 3),
    ],
    ids=[
        "one pass between neighbours on both sides",
        "nothing around it",
        "one row",
        "behind a gap",
        "between two gaps",
    ],
)
def test_where_the_order_cannot_tell_the_file_is_refused(times: str, line: int) -> None:
    with pytest.raises(Refused) as caught:
        moments(times, interval="30 min")
    assert (caught.value.rule, caught.value.values["line"]) == ("logger.zone", line)


def test_an_hourly_log_has_one_row_of_each_pass_or_is_refused() -> None:
    assert moments("01:00 02:00 02:00 03:00", interval="1 h") == "23:00 00:00 01:00 02:00".split()
    with pytest.raises(Refused):
        moments("01:00 02:00 03:00", interval="1 h")


def test_half_an_hour_comes_twice_on_lord_howe() -> None:
    day, zone = "2026-04-05", "Australia/Lord_Howe"
    assert moments("01:15 01:30 01:45 01:30 01:45 02:00", zone, day) == "14:15 14:30 14:45 15:00 15:15 15:30".split()
    assert moments("00:00 01:00 01:30 02:30", zone, day, interval="1 h") == "13:00 14:00 15:00 16:00".split()


def test_a_clock_that_runs_backwards_in_that_hour_twice_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        moments("01:30 02:30 02:00 02:30 02:00 03:00", interval="30 min")
    assert caught.value.rule == "logger.order"


@pytest.mark.property
@given(
    zone=st.sampled_from(sorted(BACK)),
    every=st.sampled_from([5, 10, 15, 30, 60]),
    early=st.integers(min_value=0, max_value=40),
    count=st.integers(min_value=2, max_value=60),
    offset=st.integers(min_value=0, max_value=4),
    lost=st.tuples(st.integers(min_value=1, max_value=59), st.integers(min_value=0, max_value=12)),
    falling=st.booleans(),
)
def test_what_is_read_by_the_order_is_true(
    zone: str, every: int, early: int, count: int, offset: int, lost: tuple[int, int], falling: bool
) -> None:
    """A log around the change, with a gap somewhere: read to the minute, or refused. A pause as long as the hour looks like none."""
    began = BACK[zone] - timedelta(minutes=early * every + offset)
    at, gap = lost
    true = [began + timedelta(minutes=every * n) for n in range(count) if not at <= n < at + gap]
    shift = 30 if zone == "Australia/Lord_Howe" else 60
    assume(not 0 <= every * (gap + 1) - shift <= every * 3 // 2 or not gap)
    lines = [f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M},{4 + n / 10}" for n, moment in enumerate(true)]
    text = "\n".join(["Time,Temperature", *(reversed(lines) if falling else lines)])
    declared = plain(zone=zone, repeated_hour="order", interval=f"{every} min", rows="falling" if falling else "rising")
    try:
        log = read_log(text.encode(), declared)
    except Refused as refused:
        told = refused
    else:
        assert [datetime.fromtimestamp(ms / 1000, UTC) for ms in log.times] == true
        return
    assert told.rule == "logger.zone", told.says
    assert gap or every >= shift or len(true) * every <= 2 * shift, told.says


def test_whoever_has_a_format_proposed_without_a_zone_is_asked_for_it_where_the_clock_runs_backwards() -> None:
    """Without a zone nobody knows that an hour came twice; with it the order of the rows is proposed."""
    times = ("01:30", "02:00", "02:30", "02:00", "02:30", "03:00")
    log = "Time,Temperature (°C)\n" + "".join(f"25.10.2026 {time},4.{n}\n" for n, time in enumerate(times))
    with pytest.raises(Refused) as told:
        propose(log.encode())
    assert "name the zone: `--zone Europe/Berlin`" in told.value.advice
    assert "repeated_hour: order" in propose(log.encode(), "Europe/Berlin")
