"""Bad temperature logs: each is refused by a rule that names the line and the reason. None becomes "no excursion"."""

# ruff: noqa: E501  # a table reads by its rows
from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from events.errors import Refused
from protocol.logger.declaration import Declaration, read_declaration
from protocol.logger.heading import LONGEST_PREAMBLE
from protocol.logger.read import MOST_ROWS, read_log
from protocol.logger.table import LARGEST_FILE
from tests.logs import figures, plain, rows, shipped, written
from tests.protocol.test_temperature_logs import SPRING, VALUES, local_rows

GOOD = rows([5] * 6)
US = rows([41] * 6)


@dataclass(frozen=True)
class Bad:
    """A file, how it is declared, the rule that refuses it, the line it names (None: the whole file), words of the reason."""

    what: str
    data: str | bytes
    rule: str
    line: int | None
    words: str
    declared: Declaration = field(default_factory=plain)


BAD = [
    # ---- another kind of file
    Bad("a PDF named .csv", b"%PDF-1.7\n%\xe2\xe3\n1 0 obj", "logger.kind", None, "is a PDF, whatever its name ends in"),
    Bad("a workbook named .csv", b"PK\x03\x04\x14\0\6\0", "logger.kind", None, "an Excel workbook"),
    Bad("an old workbook", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "logger.kind", None, "an old Excel workbook"),
    Bad("a PDF behind a mark and blanks", b"\xef\xbb\xbf \r\n%PDF-1.4", "logger.kind", None, "is a PDF"),
    Bad("a compressed file", b"\x1f\x8b\x08\0", "logger.kind", None, "compressed"),
    Bad("a picture", b"\x89PNG\r\n\x1a\n", "logger.kind", None, "a picture"),
    Bad("a web page", "<!DOCTYPE html><table><tr><td>5", "logger.kind", None, "a web page"),
    Bad("JSON", '{"readings": [5]}', "logger.kind", None, "is JSON"),
    Bad("text with a zero in it", GOOD.replace("07:20:00,5", "07:20:00,5\0"), "logger.kind", 4, "zero character"),
    Bad("a line without end", "x" * 30_000, "logger.kind", 1, "30,000 characters"),
    Bad("somebody's letter", "Dear all,\nthe box was warm.\n", "logger.heading", None, "no line is the heading"),
    Bad("another logger's table", "Zeit;Feuchte\n1;2\n", "logger.heading", None, "no line is the heading"),
    Bad("a heading that lacks the temperature", "Date/Time,Humidity\n2026-03-02 08:00,40\n", "logger.heading", 1, "lacks temperature"),
    # ---- size
    Bad("a file of 100 MB", b"0" * (LARGEST_FILE + 1), "logger.size", None, f"{LARGEST_FILE:,} is the most"),
    # ---- nothing in it
    Bad("an empty file", b"", "logger.empty", None, "is empty"),
    Bad("blanks", b"\xef\xbb\xbf \r\n\r\n", "logger.empty", None, "is empty"),
    Bad("a heading alone", "Date/Time,Temperature\n", "logger.rows", 1, "no reading after it"),
    Bad("a heading and a summary", "Date/Time,Temperature\nend of data\n", "logger.rows", 1, "'end of data'"),
    Bad("times written otherwise than declared", GOOD, "logger.rows", 1, "written DD.MM.YYYY HH:mm", plain(times="DD.MM.YYYY HH:mm")),
    Bad("one reading, interval unknown", rows([5]), "logger.interval", None, "one reading"),
    # ---- encoding
    Bad("latin-1 declared as UTF-8", "Ger\xe4t\n".encode("latin-1") + GOOD.encode(), "logger.encoding", 1, "is not utf-8"),
    Bad("UTF-16 declared as UTF-8", GOOD.encode("utf-16"), "logger.encoding", None, "is UTF-16"),
    Bad("UTF-16 without a mark", GOOD.encode("utf-16-le"), "logger.kind", 1, "zero character"),
    # ---- columns
    Bad("two probes", GOOD.replace("Temperature", "Temp 1,Temp 2", 1), "logger.columns", 1, "2 columns fit temperature: 'Temp 1', 'Temp 2'"),
    Bad("a heading behind more lines than are looked at", "x\n" * LONGEST_PREAMBLE + GOOD, "logger.heading", None, "no line of the first 10,000"),
    # ---- decimal marks
    Bad("a decimal comma in quotes", GOOD.replace("07:30:00,5", '07:30:00,"5,5"'), "logger.decimal", 5, "decimal point, as declared"),
    Bad("a decimal comma that parts cells", GOOD.replace("07:30:00,5", "07:30:00,5,5"), "logger.row", 5, "more cells than the heading"),
    Bad("mixed decimal marks", "Datum/Zeit;Temperatur\n01.03.2026 08:00;5,1\n01.03.2026 08:10;5.1\n", "logger.decimal", 3,
        "decimal comma, as declared", shipped("semicolon-comma", zone="UTC")),
    Bad("thousands", GOOD.replace("07:30:00,5", '07:30:00,"1,005.2"'), "logger.decimal", 5, "one decimal mark"),
    # ---- units
    Bad("Fahrenheit declared as Celsius", US.replace("Temperature", "Temperature (°F)"), "logger.unit", 1, "states F, the declaration says C"),
    Bad("an unknown unit in the heading", GOOD.replace("Temperature", "Temperature (°X)"), "logger.unit", 1, "states °X, which is no unit of temperature"),
    Bad("another quantity in the heading", GOOD.replace("Temperature", "Temperature [mV]"), "logger.unit", 1, "states mV, which is no unit of temperature"),
    Bad("a value in another unit", GOOD.replace("07:30:00,5", "07:30:00,41 °F"), "logger.unit", 5, "is in F, the rest in C"),
    Bad("an unknown unit", GOOD.replace("07:30:00,5", "07:30:00,5 mV"), "logger.value", 5, "neither a unit (C, F, K) nor a declared mark"),
    Bad("an alarm's sign that nobody declared", GOOD.replace("07:30:00,5", "07:30:00,14.5 H"), "logger.value", 5, "'H' behind the number"),
    Bad("no unit anywhere", GOOD, "logger.unit", 2, "the heading states none", plain(unit="stated")),
    Bad("a unit in the heading that is none", GOOD.replace("Temperature", "Temperature (mV)"), "logger.unit", 2, "has no unit", plain(unit="stated")),
    Bad("a column with two units", "Date/Time,Unit,Value\n01/03/26 8:00:00 AM,C,5\n01/03/26 8:10:00 AM,F,41\n", "logger.unit", 3,
        "is in F, the rest in C", shipped("unit-column", zone="UTC")),
    Bad("a column with an unknown unit", "Date/Time,Unit,Value\n01/03/26 8:00:00 AM,R,5\n", "logger.unit", 2, "'R' is no unit",
        shipped("unit-column", zone="UTC")),
    Bad("Fahrenheit values read as Celsius, far from plausible", rows(["-238"] * 6), "logger.implausible", 2, "implausible"),
    Bad("a preamble that speaks of Fahrenheit", "Unit: F\n" + US, "logger.unit", 1, "it speaks of F, the declaration says C"),
    Bad("limits in Fahrenheit before the table", "High alarm: 46.4 °F\n" + US, "logger.unit", 1, "it speaks of F"),
    Bad("a row of units under the heading", US.replace("Temperature\n", "Temperature\n,°F\n"), "logger.unit", 2, "it speaks of F"),
    # ---- words
    Bad("a word nobody declared", GOOD.replace("07:30:00,5", "07:30:00,kaputt"), "logger.value", 5, "'kaputt' is no temperature"),
    Bad("beyond the sensor", GOOD.replace("07:30:00,5", "07:30:00,>60"), "logger.value", 5, "'>60' is no temperature"),
    Bad("infinity", GOOD.replace("07:30:00,5", "07:30:00,Infinity"), "logger.value", 5, "is no temperature"),
    # ---- times
    Bad("a clock that runs backwards", GOOD.replace("07:40:00", "07:05:00"), "logger.order", 6, "earlier than line 5"),
    Bad("a clock that was reset to another year", GOOD.replace("2026-03-02 07:40", "2000-01-01 00:00"), "logger.order", 6, "runs backwards"),
    Bad("rows sorted by something else", "\n".join([GOOD.splitlines()[0], *reversed(GOOD.splitlines()[1:])]), "logger.order", 3, "runs backwards"),
    Bad("one time with two temperatures", GOOD.replace("07:40:00,5", "07:30:00,9"), "logger.doubled", 6, "stands on line 5 already"),
    Bad("a month that is none", GOOD.replace("2026-03-02 07:30", "2026-13-02 07:30"), "logger.time", 5, "is no time"),
    Bad("a day that is none", GOOD.replace("2026-03-02 07:30", "2026-02-30 07:30"), "logger.time", 5, "is no time"),
    Bad("day and month the other way round", "Date/Time,Temp\n3/25/2026 8:00:00 AM,41\n25/3/2026 8:10:00 AM,41\n", "logger.time", 3,
        "day and month", shipped("comma-point-us", zone="UTC")),
    Bad("13 o'clock", "Date/Time,Temp\n3/25/2026 13:00:00 PM,41\n", "logger.time", 2, "13 o'clock", shipped("comma-point-us", zone="UTC")),
    Bad("a time written otherwise in the middle", GOOD.replace("2026-03-02 07:30", "02.03.2026 07:30"), "logger.row", 5, "readings go on at line 6"),
    Bad("two tables in one file", GOOD + "\n" + GOOD, "logger.row", 9, "two tables"),
    Bad("a quote that is not closed", GOOD.replace("07:30:00,5", '07:30:00,"5'), "logger.row", 5, "a quote that is not closed"),
    # ---- zones
    Bad("no zone declared", GOOD, "logger.zone", None, "no time zone declared", shipped("comma-point-iso")),
    Bad("an hour that never came", rows([5] * 24, began=datetime(2026, 3, 29, 0, 5, tzinfo=UTC)), "logger.zone", 14, "never came in Europe/Berlin",
        plain(zone="Europe/Berlin")),
    Bad("an hour that came twice", rows([5] * 24, began=datetime(2026, 10, 25, 0, 5, tzinfo=UTC)), "logger.zone", 14, "came twice in Europe/Berlin",
        plain(zone="Europe/Berlin")),
    Bad("a file that begins in the hour that comes twice", rows([5] * 6, began=datetime(2026, 10, 25, 2, 5, tzinfo=UTC)), "logger.zone", 2,
        "no reading shortly before it", plain(zone="Europe/Berlin", repeated_hour="order")),
    Bad("the hour that comes twice, after a gap", rows([5, 5, *[None] * 10, 5], began=datetime(2026, 10, 25, 0, 5, tzinfo=UTC)), "logger.zone", 4,
        "no reading shortly before it", plain(zone="Europe/Berlin", repeated_hour="order")),
    Bad("another zone in the heading", GOOD.replace("Date/Time", "Time, UTC+02:00").replace("Time, UTC+02:00", '"Date/Time, UTC+02:00"'), "logger.zone", 1,
        "the file says UTC+02:00, the declaration +01:00", plain(zone="+01:00", columns={"time": "Date/Time*", "temperature": "Temperature"})),
    Bad("two zones stated", "Time zone: UTC+01:00\nTime zone (device): GMT+02:00\n" + GOOD, "logger.zone", 2, "two time zones are stated"),
    Bad("the zone is to be in the file, and is not", GOOD, "logger.zone", 1, "no time zone is stated", plain(zone="stated")),
    Bad("times with offsets, declared with another zone", "timestamp,temperature\n2026-03-02T08:00:00+01:00,5\n", "logger.zone", None,
        "an offset in each time", shipped("comma-point-offset", zone="Europe/Berlin")),
    Bad("an abbreviation nobody declared", "timestamp,temperature\n2026-03-02T08:00:00CEST,5\n", "logger.time", 2, "CEST is no zone",
        shipped("comma-point-offset")),
    # ---- interval
    Bad("no interval declared", GOOD, "logger.interval", None, "no interval declared", read_declaration(
        "id: x\ntitle: x\nencoding: utf-8\ndelimiter: comma\ndecimal: point\ncolumns: {time: Date/Time, temperature: Temperature}\n"
        "times: 'YYYY-MM-DD HH:mm:ss'\nunit: C\nzone: UTC\n", "x")),
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.what)
def test_a_bad_file_is_refused_with_line_and_reason(bad: Bad) -> None:
    with pytest.raises(Refused) as caught:
        figures(bad.data, 60, bad.declared)
    refused = caught.value
    assert refused.rule == bad.rule, refused.says
    assert refused.values.get("line") == bad.line, refused.says
    assert bad.words in refused.says or bad.words in refused.advice, refused.says
    if bad.line is not None:
        assert f"line {bad.line}" in refused.says
    assert refused.advice.endswith((".", "?"))


def test_more_readings_than_any_transport_has_are_refused() -> None:
    line = "2026-03-02 07:00:00,5\n"
    with pytest.raises(Refused) as caught:
        read_log(("Date/Time,Temperature\n" + line * (MOST_ROWS + 1)).encode(), plain())
    assert caught.value.rule == "logger.size"


def test_the_hour_that_never_came_is_no_fault_of_a_clock_that_follows() -> None:
    """A logger that follows summer time skips the hour, and its log is whole."""
    log = read_log(local_rows(SPRING.replace(hour=0), 24).encode(), plain(zone="Europe/Berlin"))
    assert log.interval == 600_000
    assert log.times[-1] - log.times[0] == 23 * 600_000


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("delimiter: dot", "is none of comma, semicolon, tab, pipe"),
        ("unit: R", "is none of C, F, K, stated"),
        ("zone: Europe/Atlantis", "is no time zone"),
        ("times: 'DD.MM HH:mm'", "must say the year once"),
        ("times: 'DD.MM.YYYY hh:mm'", "needs AM"),
        ("times: 'DD.MM.YYYY HH:mm['", "opens a bracket"),
        ("interval: ten minutes", "is no length of time"),
        ("interval: 0 s", "above 0"),
        ("columns: {time: a}", "is missing"),
        ("header: none", "named by its place"),
        ("colour: blue", "is no field here"),
        ("clock: {fast: 1 s, slow: 1 s}", "say one of fast"),
        (
            "clock: {points: [{logger: '2026-03-02T07:00:00.000Z', true: '2026-03-02T07:00:00.000Z'}]}",
            "points are two moments",
        ),
        ("title: " + "x" * 301, "longer than 300"),
    ],
)
def test_a_wrong_declaration_is_refused_with_its_line(change: str, words: str) -> None:
    fields = {"id": "x", "title": "x", "encoding": "utf-8", "delimiter": "comma", "decimal": "point",
              "columns": "{time: Date/Time, temperature: Temperature}", "times": "'YYYY-MM-DD HH:mm:ss'", "unit": "C"}  # fmt: skip
    name, _, value = change.partition(": ")
    text = "".join(f"{key}: {said}\n" for key, said in {**fields, name: value}.items())
    with pytest.raises(Refused) as caught:
        read_declaration(text, "ours.yaml")
    assert caught.value.rule == "logger.format"
    assert words in caught.value.says
    assert "line " in caught.value.says


def test_a_declaration_that_is_no_yaml_is_refused() -> None:
    for text in ("{", "", "a: &b c", "x" * 30_000):
        with pytest.raises(Refused) as caught:
            read_declaration(text, "ours.yaml")
        assert caught.value.rule == "logger.format"


def test_a_file_cut_off_in_the_middle_leaves_the_rest_unknown() -> None:
    """Half of a file is half of a transport: the other half is unknown, not fine, and the torn line is told."""
    data = written("semicolon-comma", VALUES)
    half = data[: len(data) * 2 // 3]
    found = figures(half, 120, shipped("semicolon-comma", zone="Europe/Berlin"))
    assert float(found.unknown) > 1800
    assert any("ends" in gap for gap in found.gaps)


def test_nothing_here_reads_a_disk() -> None:
    """The readers take bytes and give values: no file of the package opens one."""
    folder = Path(__file__).resolve().parents[2] / "protocol" / "logger"
    for path in folder.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "open(" not in text.replace("_open(", ""), path.name
        assert "Path(" not in text, path.name
