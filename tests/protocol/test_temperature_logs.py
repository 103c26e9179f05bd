"""Reading a logger's file: the formats that ship, time, units, clocks; and how time is counted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from events.errors import Refused
from events.facts.logger import LogFigures
from protocol.logger import declaration, detect, heading, read, seen
from protocol.logger import table as table_
from protocol.logger.declaration import Declaration, read_declaration
from protocol.logger.detect import propose
from protocol.logger.figures import read_figures
from protocol.logger.kinetic import mean_kinetic
from protocol.logger.read import read_log
from protocol.logger.stamps import stamps
from protocol.logger.table import unit_in
from tests.logs import (
    BEGAN,
    EVERY_FORMAT,
    NEEDS_ZONE,
    asked,
    figures,
    outside,
    plain,
    read_as,
    rows,
    shipped,
    written,
)

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "temperature-logs.md").read_text(encoding="utf-8")
VALUES = [Decimal(text) for text in "4.5 5.0 5.5 8.0 8.5 14.5 9.0 6.0 2.0 2.5 5.0 5.0".split()]


# ------------------------------------------------------------------ formats


@pytest.mark.parametrize("name", EVERY_FORMAT)
def test_the_same_readings_in_every_format_that_ships_give_the_same_figures(name: str) -> None:
    found = read_as(name, written(name, VALUES), minutes=120)
    assert (found.lowest, found.highest, found.mean, found.unknown) == ("2", "14.5", "6.292", "0")
    assert (outside(found), outside(found, "below", "2")) == ("1800", "0")
    assert (found.rows, found.readings, found.interval) == (12, 12, "600")
    assert found.gaps == found.findings == ()
    (above,) = (band for band in found.bands if band.side == "above")
    assert above.degree_minutes == "80", "(0.5 + 6.5 + 1) C for 10 minutes each"


@pytest.mark.parametrize("name", EVERY_FORMAT)
def test_a_format_reads_no_file_of_another(name: str) -> None:
    """Whichever format is named for a file, the figures are right or it is refused; never others."""
    right = read_as(name, written(name, VALUES), minutes=120)
    for other in EVERY_FORMAT:
        found = figures_or_refusal(name, written(other, VALUES))
        if isinstance(found, Refused):
            assert (found.rule.split(".")[0], bool(found.advice)) == ("logger", True)
        else:
            assert (found.lowest, found.highest, found.bands) == (right.lowest, right.highest, right.bands)


def figures_or_refusal(name: str, data: bytes) -> LogFigures | Refused:
    try:
        return read_as(name, data, minutes=120)
    except Refused as refused:
        return refused


def test_the_page_explains_every_field_of_a_declaration() -> None:
    table = PAGE[PAGE.index("## Declare a format") : PAGE.index("## What is refused")]
    assert re.findall(r"(?m)^\| `(\w+)` \|", table) == list(Declaration.model_fields)


def test_the_declaration_of_the_page_can_be_read() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    declared = read_declaration(text, "the page's")
    log = "Bericht\nDatum/Zeit;Sonde 1 (°C)\n01.03.2026 08:00;4,9 *\n01.03.2026 08:10;Fehler\n".encode("cp1252")
    assert read_log(log, declared).values == [Decimal("4.9"), None]


def test_every_limit_stands_on_the_page() -> None:
    table = PAGE[PAGE.index("## Limits") :]
    limits = {
        declaration.LARGEST_FORMAT, declaration.LONGEST_CANONICAL, declaration.MOST_COLUMNS, detect.LOOKED_AT,
        heading.LONGEST_PREAMBLE, read.MOST_ROWS, seen.LEAST_ROWS, seen.MOST_COLUMNS, table_.LARGEST_FILE, table_.LONGEST_LINE,
    }  # fmt: skip
    assert {int(number.replace(",", "")) for number in re.findall(r"\| (?:at least )?([0-9,]+) \|", table)} == limits


def test_every_rule_that_refuses_a_file_stands_on_the_page() -> None:
    folder = Path(__file__).resolve().parents[2] / "protocol" / "logger"
    text = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py") if path.name != "deciding.py")
    rules = set(re.findall(r'"(logger\.[a-z]+)"', text)) - {"logger.stretch"}
    assert rules == set(re.findall(r"`(logger\.[a-z]+)`", PAGE[PAGE.index("## What is refused") :]))


# ------------------------------------------------------------------ how time is counted


def test_a_reading_stands_until_the_next_one() -> None:
    found = figures(rows([5, 9, 9, 5, 12, 5]), 60)
    assert outside(found) == "1800"
    (_, above) = found.bands
    assert (above.longest, above.longest_possible) == ("1200", "1200")
    assert found.mean == "7.5"


def test_a_bound_itself_is_inside() -> None:
    assert outside(figures(rows([8, "8.001", 8]), 30)) == "600"
    assert outside(figures(rows([2, "1.999", 2]), 30), "below", "2") == "600"


def test_a_missing_row_is_unknown_for_its_own_time() -> None:
    found = figures(rows([5, 5, None, 5, 5]), 50)
    assert (found.unknown, found.inside) == ("600", "2400")
    assert found.gaps == ("10 min without a reading from 2026-03-02 07:20:00 UTC",)


def test_before_a_gap_a_reading_stands_for_one_interval_and_the_rest_is_unknown() -> None:
    found = figures(rows([5, 9, None, None, None, 9, 5]), 70)
    above = found.bands[1]
    assert (above.outside, found.unknown) == ("1200", "1800")
    # Nobody knows whether it was warm meanwhile: as known, 10 minutes at a time; as it may have been, 50.
    assert (above.longest, above.longest_possible) == ("600", "3000")


def test_logging_that_starts_late_or_ends_early_leaves_the_rest_unknown() -> None:
    found = figures(rows([5, 5, 5]), 90, starts=BEGAN - timedelta(minutes=25))
    assert found.unknown == str((25 + 35) * 60)
    assert found.gaps == (
        "logging starts 25 min after the stretch begins",
        "logging ends 35 min before the stretch ends",
    )


def test_a_log_of_another_day_leaves_everything_unknown() -> None:
    found = figures(rows([5, 5, 5]), 60, starts=BEGAN + timedelta(days=1))
    assert (found.unknown, found.inside, found.lowest, found.mean, found.kinetic_mean) == (
        "3600",
        "0",
        None,
        None,
        None,
    )
    assert (found.rows, found.before, found.readings) == (3, 3, 0)
    assert "no reading of the file lies in the stretch" in found.gaps[0]


def test_what_stood_when_the_stretch_began_counts_and_other_rows_do_not() -> None:
    found = figures(rows([20, 20, 9, 5, 5, 30]), 25, starts=BEGAN + timedelta(minutes=25))
    assert (found.rows, found.before, found.after, found.readings) == (6, 3, 1, 3)
    assert (outside(found), found.highest, found.lowest) == ("300", "9", "5")


def test_a_sensor_error_is_unknown_and_named_with_its_line() -> None:
    found = figures(rows([5, "NaN", "---", 5]), 40)
    assert found.unknown == "1200"
    assert found.gaps == ("line 3: 'NaN', a sensor's error", "line 4: '---', a sensor's error")


def test_an_implausible_value_is_a_finding_and_unknown() -> None:
    found = figures(rows([5, 85, 5, "-300", 5]), 50)
    assert (found.unknown, found.highest, found.lowest) == ("1200", "5", "5")
    assert found.findings == (
        "line 3: 85 C is implausible, counted as unknown",
        "line 5: -300 C is implausible, counted as unknown",
    )


def test_a_row_that_stands_twice_is_a_finding_and_counts_once() -> None:
    text = rows([5, 9, 5])
    doubled = text.replace("2026-03-02 07:10:00,9\n", "2026-03-02 07:10:00,9\n" * 2)
    found = figures(doubled, 30)
    assert (outside(found), found.rows) == ("600", 3)
    assert found.findings == ("line 4: repeats line 3, counted once",)


def test_findings_outside_the_stretch_are_counted_not_told() -> None:
    found = figures(rows([85, 5, 5, 5]), 20, starts=BEGAN + timedelta(minutes=10))
    assert found.findings == ()
    assert "1 findings outside the stretch are not told" in found.remarks


def test_of_many_findings_the_first_are_told_and_the_rest_counted() -> None:
    found = figures(rows([5, 85] * 20 + [5] * 5), 450)
    assert len(found.findings) == 13
    assert found.findings[-1] == "and 8 more"


def test_no_reading_stands_longer_than_the_study_allows() -> None:
    found = figures(rows([5, 5, 5], every=60), 180, holds=30 * 60_000)
    assert (found.unknown, found.inside) == ("5400", "5400")


def test_the_interval_is_that_of_most_rows_or_the_declared_one() -> None:
    assert figures(rows([5, None, 5, None, 5]), 50).interval == "1200"
    found = figures(rows([5, None, 5, None, 5]), 50, plain(interval="10 min"))
    assert (found.interval, found.unknown) == ("600", "1200")


def test_a_stretch_of_no_length_has_nothing_in_it() -> None:
    found = figures(rows([5, 5]), 0)
    assert (found.inside, found.unknown, found.readings, found.lowest) == ("0", "0", 0, None)


# ------------------------------------------------------------------ units, numbers, words


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("Temperature (°C)", "C"), ("Temp, °F (LGR S/N: 1)", "F"), ("Celsius(°C)", "C"), ("Temperatur [°C]", "C"),
        ("temp_c", "C"), ("T / K", "K"), ("deg F", "F"), ("Kelvin", "K"), ("Température ºC", "C"),
        ("Temperature", None), ("Channel 1", None), ("Temp °C / °F", None), ("Cooler", None), ("Kanal K1", None), ("mV", None),
    ],
)  # fmt: skip
def test_a_unit_is_seen_where_it_stands_and_nowhere_else(text: str, unit: str | None) -> None:
    assert unit_in(text) == unit


@pytest.mark.parametrize(
    ("unit", "values"), [("C", "4.9"), ("F", "40.82"), ("K", "278.05")], ids=["Celsius", "Fahrenheit", "kelvin"]
)
def test_units_become_degrees_celsius_exactly(unit: str, values: str) -> None:
    assert read_log(rows([values] * 3).encode(), plain(unit=unit)).values[0] == Decimal("4.9")


@pytest.mark.parametrize("value", ["4.90", "+4.9", " 4.9 ", "4.9 °C", "4.9C", "4.9 *", "4.9 °C *", "49e-1", '"4.9"'])
def test_a_number_is_read_however_it_is_dressed(value: str) -> None:
    log = read_log(rows([value] * 2).encode(), plain(marks=["*"]))
    assert log.values == [Decimal("4.9")] * 2


def test_a_minus_may_be_a_typesetters() -> None:
    assert read_log(rows(["−4.9", "–4.9", "-4.9"]).encode(), plain()).values == [Decimal("-4.9")] * 3


# ------------------------------------------------------------------ clocks

AUTUMN, SPRING = datetime(2026, 10, 25, 0, 0, tzinfo=UTC), datetime(2026, 3, 29, 0, 0, tzinfo=UTC)


def local_rows(began: datetime, count: int, every: int = 10) -> str:
    """Rows by a clock on a wall in Berlin."""
    from tests.logs import BERLIN

    lines = ["Date/Time,Temperature"]
    for number in range(count):
        lines.append(f"{(began + timedelta(minutes=every * number)).astimezone(BERLIN):%Y-%m-%d %H:%M:%S},5")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("every", [10, 20, 60])
def test_the_hour_that_comes_twice_is_told_by_the_order_of_rows(every: int) -> None:
    declared = plain(zone="Europe/Berlin", repeated_hour="order")
    log = read_log(local_rows(AUTUMN - timedelta(hours=2), 300 // every, every).encode(), declared)
    assert list(log.times) == [log.times[0] + n * every * 60_000 for n in range(300 // every)]
    assert any("came twice" in remark for remark in log.remarks)


def test_a_fixed_offset_knows_no_summer() -> None:
    declared = plain(zone="+01:00")
    log = read_log(rows([5] * 12, began=SPRING.replace(hour=1)).encode(), declared)
    assert log.times[0] == (SPRING - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert log.interval == 600_000


@pytest.mark.parametrize(("rule", "hour"), [("first", 0), ("second", 1)])
def test_the_repeated_hour_can_be_declared(rule: str, hour: int) -> None:
    text = rows([5, 5], began=datetime(2026, 10, 25, 2, 10, tzinfo=UTC))
    log = read_log(text.encode(), plain(zone="Europe/Berlin", repeated_hour=rule))
    began = datetime(2026, 10, 25, hour, 10, tzinfo=UTC)
    assert log.times[0] == (began - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("clock", "shift_first", "shift_last"),
    [
        ({"fast": "90 s"}, -90, -90),
        ({"slow": "2 min"}, 120, 120),
        ({"fast_at_read_out": "60 s"}, 0, -60),
        ({"slow_at_read_out": "60 s"}, 0, 60),
        (
            {"points": [
                {"logger": "2026-03-02T07:00:00.000Z", "true": "2026-03-02T06:59:00.000Z"},
                {"logger": "2026-03-02T08:00:00.000Z", "true": "2026-03-02T08:01:00.000Z"},
            ]},
            -60, 60,
        ),
    ],
    ids=["fast", "slow", "fast at read-out", "slow at read-out", "two points"],
)  # fmt: skip
def test_a_wrong_clock_is_set_right(clock: dict[str, object], shift_first: int, shift_last: int) -> None:
    right, wrong = read_log(rows([5] * 7).encode(), plain()), read_log(rows([5] * 7).encode(), plain(clock=clock))
    assert [(wrong.times[n] - right.times[n]) // 1000 for n in (0, -1)] == [shift_first, shift_last]
    assert list(wrong.times) == sorted(wrong.times)


def test_a_zone_may_be_named_by_its_winter_offset_all_year() -> None:
    """Windows calls Berlin (UTC+01:00) in summer too; a heading of times that says so would mean it."""
    text = "Time zone: (UTC+01:00) Amsterdam, Berlin, Bern\n" + rows(
        [5] * 3, began=datetime(2026, 7, 1, 8, 0, tzinfo=UTC)
    )
    log = read_log(text.encode(), plain(zone="Europe/Berlin"))
    assert log.times[0] == (datetime(2026, 7, 1, 6, 0, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(
        milliseconds=1
    )
    with pytest.raises(Refused) as caught:
        read_log(text.replace("UTC+01:00", "UTC-05:00").encode(), plain(zone="Europe/Berlin"))
    assert caught.value.rule == "logger.zone"


def test_a_report_that_goes_on_with_another_table_is_read_to_the_declared_end() -> None:
    text = rows([5, 9, 5]) + "\nEvents\nDate/Time,Event\n2026-03-02 07:05:00,Button pressed\n"
    with pytest.raises(Refused) as caught:
        figures(text, 30)
    assert caught.value.rule == "logger.row"
    found = figures(text, 30, plain(ends=["Events"]))
    assert (outside(found), found.rows) == ("600", 3)
    assert "3 lines after the last reading not read, from line 6" in found.remarks


def test_the_newest_may_stand_first_where_that_is_declared() -> None:
    lines = rows([5, 9, 6]).splitlines()
    turned = "\n".join([lines[0], *reversed(lines[1:])])
    log = read_log(turned.encode(), plain(rows="falling"))
    assert log.values == [5, 9, 6]


@pytest.mark.parametrize(
    ("form", "text", "moment"),
    [
        ("DD.MM.YYYY HH:mm", "1.3.2026 8:05", "2026-03-01 08:05:00"),
        ("MM/DD/YY hh:mm:ss AM", "03/01/26 12:05:00 AM", "2026-03-01 00:05:00"),
        ("MM/DD/YY hh:mm:ss AM", "03/01/26 12:05:00PM", "2026-03-01 12:05:00"),
        ("MM/DD/YY hh:mm AM", "03/01/26 1:05 p.m.", "2026-03-01 13:05:00"),
        ("DD-MMM-YYYY HH:mm:ss", "01-Mar-2026 08:05:09", "2026-03-01 08:05:09"),
        ("DD MMM YYYY HH:mm", "1 September 2026 08:05", "2026-09-01 08:05:00"),
        ("YYYY-MM-DDTHH:mm:ss[.fff]", "2026-03-01T08:05:09.25", "2026-03-01 08:05:09.250000"),
        ("DD.MM.YYYY[ HH:mm]", "01.03.2026", "2026-03-01 00:00:00"),
    ],
)
def test_times_are_read_as_they_are_declared(form: str, text: str, moment: str) -> None:
    read = stamps(form).read(text)
    assert read is not None
    assert str(read[0]) == moment


def test_words_of_another_language_can_be_declared() -> None:
    german = "Januar Februar März April Mai Juni Juli August September Oktober November Dezember".split()
    read = stamps("DD. MMM YYYY HH:mm", german).read("01. März 2026 08:05")
    assert read is not None
    assert str(read[0]) == "2026-03-01 08:05:00"
    swedish = stamps("MM/DD/YY hh:mm:ss AM", noon=("fm", "em")).read("03/01/26 01:05:00 em")
    assert swedish is not None
    assert swedish[0].hour == 13


def test_zones_in_the_times_are_read_and_told() -> None:
    declared = shipped(
        "comma-point-offset", times="YYYY-MM-DD HH:mm:ss ZZ", abbreviations={"CET": "+01:00", "CEST": "+02:00"}
    )
    text = "Timestamp,Temperature\n2026-03-29 01:50:00 CET,5\n2026-03-29 03:00:00 CEST,5\n2026-03-29 03:10:00 CEST,5\n"
    log = read_log(text.encode(), declared)
    assert [(b - a) // 60_000 for a, b in zip(log.times, log.times[1:], strict=False)] == [10, 10]
    assert "times are stated in 2 offsets: +01:00 from line 2, +02:00 from line 3" in log.remarks


# ------------------------------------------------------------------ a proposal


@pytest.mark.parametrize("name", EVERY_FORMAT)
def test_a_proposal_reads_the_file_it_was_made_from_or_leaves_a_choice(name: str) -> None:
    """What is proposed for a file of any shipped format gives the right figures, once a person has made the choices left open."""
    data = written(name, VALUES)
    text = propose(data, "Europe/Berlin" if name in NEEDS_ZONE else None)
    for field, choice in chosen(name, text):
        text = re.sub(rf"(?m)^{field}: CHOOSE", f"{field}: {choice}", text)
    assert not re.search(r"(?m)^\w+: CHOOSE", text), text
    found = read_figures(data, read_declaration(text, "the proposal"), asked(120))
    assert (found.lowest, found.highest, found.mean, found.unknown) == ("2", "14.5", "6.292", "0")


def chosen(name: str, text: str) -> Iterator[tuple[str, str]]:
    """What a person who knows the logger chooses where the file does not say."""
    if forms := re.findall(r"(?m)^times: CHOOSE  # (.*?)\? ", text):
        begins = "MM/DD" if name in ("comma-point-us", "titled-quoted") else "DD/MM"
        yield "times", f'"{next(form for form in forms[0].split(" or ") if form.startswith(begins))}"'
    yield "unit", "C"
    yield "empty", "event"


def test_a_value_with_an_alarms_sign_is_never_proposed_as_a_sensor_error() -> None:
    text = propose(written("report-utf16", VALUES))
    assert re.search(r'(?m)^marks: \["H"\]  # LOOK', text)
    assert "missing:" not in text


def test_a_proposal_chooses_nothing_that_the_file_does_not_say() -> None:
    text = propose(
        b"Time;Probe 1;Probe 2\n" + b"".join(b"0%d/03/2026 08:00;%d,5;%d,5\n" % (n, n, n + 3) for n in range(1, 7))
    )
    for field in ("times", "unit", "zone"):
        assert re.search(rf"(?m)^{field}: CHOOSE  # ", text), text
    assert "temperature: CHOOSE" in text
    assert '"Probe 1" or "Probe 2"' in text
    with pytest.raises(Refused) as caught:
        read_declaration(text, "the proposal")
    assert caught.value.rule == "logger.format"


def test_a_proposal_takes_no_time_of_the_preamble_for_a_row() -> None:
    table = "".join(f"{n}\t2026-03-02 08:{n:02d}:00\t5.{n % 10}\n" for n in range(1, 20))
    text = propose(f"Device:\tX-1\nStart time:\t2026-03-02 08:00:00\n\nNo.\tTime\tTemperature\n{table}".encode())
    assert 'columns: {time: "Time", temperature: "Temperature"}' in text
    assert "19 lines are rows by it" in text


def test_a_proposal_is_refused_where_nothing_looks_like_readings() -> None:
    with pytest.raises(Refused) as caught:
        propose(b"Dear colleague,\nthe shipment arrived in good order, see below.\nYours\n")
    assert caught.value.rule == "logger.detect"


# ------------------------------------------------------------------ mean kinetic temperature


@pytest.mark.vector
def test_mean_kinetic_temperature_worked_by_hand() -> None:
    """Three readings of 5 C and one of 15 C, equally long; every number below was computed by another program (Perl's big floats).

    ΔH/R = 83.144 / 0.0083144 = 10,000 K. 5 C = 278.15 K, 15 C = 288.15 K.
    exp(-10000/278.15) = 2.434002283685079475e-16; exp(-10000/288.15) = 8.475794051931766013e-16
    mean of 3 and 1 = (3 x 2.434002283685079475 + 8.475794051931766013) / 4 e-16 = 3.944450225746751110e-16
    -ln of it = 35.46905190307837939716; 10000 / that = 281.9359262076045 K = 8.7859262076045 C (their mean is 7.5 C)
    """
    found = mean_kinetic([(Decimal(5), 3), (Decimal(15), 1)], Decimal("83.144"))
    assert found is not None
    assert abs(found - Decimal("8.7859262076045019247757")) < Decimal("1e-20")
    assert figures(rows([5, 5, 5, 15]), 40).kinetic_mean == "8.786"


@pytest.mark.vector
def test_mean_kinetic_temperature_weighs_time() -> None:
    """20 C for two hours and 30 C for one: -ln((2 exp(-10000/293.15) + exp(-10000/303.15))/3) = 33.58533047852947560876."""
    found = mean_kinetic([(Decimal(20), 7200), (Decimal(30), 3600)], Decimal("83.144"))
    assert found is not None
    assert abs(found - Decimal("24.5990427373590408634")) < Decimal("1e-19")
