"""What `unbroken logger detect` proposes reads the file it was made from: over files of many layouts, with every choice made."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from events.errors import Refused
from protocol.logger.declaration import read_declaration
from protocol.logger.detect import propose
from protocol.logger.read import read_log
from tests.logs import rows

pytestmark = pytest.mark.property

SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
DATES = {
    "YYYY-MM-DD": "%Y-%m-%d", "YYYY/MM/DD": "%Y/%m/%d", "DD.MM.YYYY": "%d.%m.%Y", "DD/MM/YYYY": "%d/%m/%Y",
    "MM/DD/YYYY": "%m/%d/%Y", "DD-MMM-YYYY": "%d-%b-%Y", "MM/DD/YY": "%m/%d/%y", "DD-MM-YY": "%d-%m-%y",
}  # fmt: skip
CLOCKS = {"HH:mm": "%H:%M", "HH:mm:ss": "%H:%M:%S", "hh:mm:ss AM": "%I:%M:%S %p"}
PREAMBLES = {
    "none": [],
    "a report": ["Report", "Serial number:{s}4711", "Start time:{s}2026-03-10 08:00:00", ""],
    "long": [f"line {n}" for n in range(600)],
    "an empty table of the same columns": ["Marker:", "{heading}", "Data:"],
    "alarms in a table of the same columns": [
        "Alarms",
        "{heading}",
        "{first}",
        "",
        "Readings",
    ],
    "short lines": ["a", "b", "c", "d", ""],
    "a blank line": [""],
}
AFTER = {
    "nothing": [],
    "a blank line": [""],
    "a summary": ["", "Minimum{s}2", "End"],
    "another table": ["", "Events", "Nr{s}What", "1{s}button"],
    "a table of events with times": ["Events", "Time{s}What", "{stamp}{s}button", "{stamp}{s}door"],
}
MARKS = {"Temperature (°C)": "C", "Temp [°F]": "F", "T": None, "Temperatur": None, "Celsius(°C)": "C"}


@dataclass(frozen=True)
class Layout:
    """How a file is written."""

    separator: str
    date: str
    clock: str
    together: bool
    decimal: str
    heading: str
    before: str
    after: str
    counter: bool
    alarm: bool
    trailing: str
    encoding: str
    blank: bool
    falling: bool


LAYOUTS = st.builds(
    Layout,
    separator=st.sampled_from(sorted(SEPARATORS)),
    date=st.sampled_from(sorted(DATES)),
    clock=st.sampled_from(sorted(CLOCKS)),
    together=st.booleans(),
    decimal=st.sampled_from([",", "."]),
    heading=st.sampled_from(sorted(MARKS)),
    before=st.sampled_from(sorted(PREAMBLES)),
    after=st.sampled_from(sorted(AFTER)),
    counter=st.booleans(),
    alarm=st.booleans(),
    trailing=st.sampled_from(["none", "both", "rows", "heading"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le"]),
    blank=st.booleans(),
    falling=st.booleans(),
)
VALUES = st.lists(st.decimals(min_value=-30, max_value=40, places=1), min_size=3, max_size=12)


def written(layout: Layout, values: list[Decimal]) -> bytes:
    """A file of that layout; every value has a decimal, and quotes where it would part cells."""
    mark = SEPARATORS[layout.separator]
    began = datetime(2026, 3, 10, 8, 0)  # noqa: DTZ001  # a clock on a wall

    def row(number: int, value: Decimal) -> list[str]:
        at = began + timedelta(minutes=10 * number)
        date, clock = at.strftime(DATES[layout.date]), at.strftime(CLOCKS[layout.clock])
        number_ = f"{value:.1f}".replace(".", layout.decimal)
        return [
            *([str(number + 1)] if layout.counter else []),
            *([f"{date} {clock}"] if layout.together else [date, clock]),
            number_,
            *(["HI" if value > 8 else ""] if layout.alarm else []),
        ]

    names = [
        *(["No."] if layout.counter else []),
        *(["Time"] if layout.together else ["Date", "Time"]),
        layout.heading,
        *(["Alarm"] if layout.alarm else []),
    ]
    heading = mark.join(names) + (mark if layout.trailing in ("both", "heading") else "")
    body = [mark.join(row(n, v)) + (mark if layout.trailing in ("both", "rows") else "") for n, v in enumerate(values)]
    if layout.falling:
        body.reverse()
    if layout.blank:
        body.insert(1, "")
    stamp = began.strftime(f"{DATES[layout.date]} {CLOCKS[layout.clock]}")
    around = [
        [line.format(s=mark, heading=heading, stamp=stamp, first=body[-1]) for line in lines]
        for lines in (PREAMBLES[layout.before], AFTER[layout.after])
    ]
    return "\r\n".join([*around[0], heading, *body, *around[1]]).encode(layout.encoding)


def chosen(text: str, layout: Layout) -> str:
    """The proposal with the choices made by a person who knows the logger."""
    form = re.search(r"(?m)^times: CHOOSE  # (.*?)\? ", text)
    if form:
        (times,) = (one for one in form[1].split(" or ") if one.startswith(f"{layout.date} {layout.clock[:2]}"))
        text = re.sub(r"(?m)^times: CHOOSE", f'times: "{times}"', text)
    return re.sub(r"(?m)^unit: CHOOSE", "unit: C", text)


@settings(max_examples=120)
@given(layout=LAYOUTS, values=VALUES)
def test_what_is_proposed_reads_the_file(layout: Layout, values: list[Decimal]) -> None:
    assume(layout.separator != "comma" or layout.decimal != ",")
    assume(len(set(values)) > 1)
    data = written(layout, values)
    text = chosen(propose(data, "Europe/Berlin"), layout)
    log = read_log(data, read_declaration(text, "the proposal"))
    fahrenheit = MARKS[layout.heading] == "F"
    right = [(value - 32) * 5 / 9 if fahrenheit else value for value in values]
    found = [value for value in log.values if value is not None]
    assert [round(value, 9) for value in found] == [round(value, 9) for value in right]
    assert log.interval == 600_000
    assert datetime(1970, 1, 1) + timedelta(milliseconds=log.times[0]) == datetime(2026, 3, 10, 7)  # noqa: DTZ001


@settings(max_examples=60)
@given(layout=LAYOUTS, values=VALUES, header=st.booleans())
def test_a_decimal_comma_between_commas_is_proposed_by_nobody(
    layout: Layout, values: list[Decimal], header: bool
) -> None:
    """No declaration reads such a file rightly; so none is proposed, or what is read says LOOK."""
    comma = Layout(**{**vars(layout), "separator": "comma", "decimal": ",", "after": "nothing"})
    data = written(comma, values)
    if not header:
        data = written(Layout(**{**vars(comma), "before": "none"}), values).split(b"\n", 1)[1]
        assume(not layout.encoding.startswith("utf-16"))
    try:
        text = chosen(propose(data, "Europe/Berlin"), comma)
    except Refused as refused:
        told = refused
    else:
        for one in every_column(text):
            try:
                log = read_log(data, read_declaration(one, "the proposal"))
            except Refused:
                continue
            assert any(remark.startswith("LOOK") for remark in log.remarks), one
        return
    assert told.rule == "logger.detect"


def every_column(text: str) -> list[str]:
    """The proposal with each column that it offers for the temperature."""
    offered = re.search(r"temperature: CHOOSE\}  # the temperature is one of (.*)", text)
    return (
        [text.replace("temperature: CHOOSE", f"temperature: {one}") for one in offered[1].split(" or ")]
        if offered
        else [text]
    )


def test_a_failure_value_is_proposed_where_it_stands_alone() -> None:
    text = propose(rows(["85.0", 5.1, 5.2, -127, 5.0]).replace("Temperature", "Temp (°C)").encode(), "UTC")
    assert re.search(r"(?m)^failures: \[-127, 85\]  # LOOK: -127 1 times, 85 1 times; is that", text), text
    assert (
        read_log(
            rows(["85.0", 5.1, 5.2]).replace("Temperature", "Temp (°C)").encode(), read_declaration(text, "x")
        ).values[0]
        is None
    )
    near = propose(rows(["84.0", 85.0, 86.1, 85.2]).encode(), "UTC")
    assert "failures" not in near


@pytest.mark.parametrize("between", ["", "Part 2\n", "Part 2\nDate/Time,Temperature\n"])
def test_no_reading_is_left_out_by_a_proposal(between: str) -> None:
    """Two parts of one log in a file are not read as one of them: neither as what stands before the other, nor behind."""
    head, *lines = rows([5.1, 9.1, 5.2, 5.3, 9.2, 9.1, 5.4, 5.5]).splitlines()
    for cut in (3, 5):
        text = "\n".join([head, *lines[:cut]]) + "\n" + between + "\n".join(lines[cut:]) + "\n"
        if not between:
            assert "8 readings are read" in propose(text.replace("Temperature", "Temperature (°C)").encode(), "UTC")
            continue
        with pytest.raises(Refused) as caught:
            propose(text.encode(), "UTC")
        assert caught.value.rule == "logger.detect"
