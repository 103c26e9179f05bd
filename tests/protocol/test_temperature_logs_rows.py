"""The cells of a row, and the values that are none: a temperature is never read out of another cell than the one that was declared."""

from __future__ import annotations

from decimal import Decimal

import pytest

from events.errors import Refused
from protocol.logger.declaration import read_declaration
from protocol.logger.heading import LONGEST_PREAMBLE
from protocol.logger.read import read_log
from tests.logs import figures, outside, plain, rows, shipped

DATES = {"date": "Date", "time": "Time", "temperature": "Temperature*"}


def table(heading: str, *lines: str) -> str:
    return "\n".join([heading, *lines]) + "\n"


def refused(text: str, **said: object) -> Refused:
    with pytest.raises(Refused) as caught:
        figures(text, 30, plain(**said))
    assert caught.value.advice
    return caught.value


# ------------------------------------------------------------------ more or fewer cells

T0, T1, T2 = (f"2026-03-02 07:{minute}0:00" for minute in range(3))
OTHER_WIDTH = {
    "a decimal comma in the last column": table("Time,Temperature", f"{T0},5,5", f"{T1},8,9", f"{T2},5,0"),
    "a decimal comma in one row only": table("Time,Temperature", f"{T0},5", f"{T1},8,9", f"{T2},5"),
    "a decimal comma before an empty cell": table("Time,Temperature,Alarm", f"{T0},5,5,", f"{T1},8,9,HI"),
    "a decimal comma before words": table("Time,Temperature,Alarm", f"{T0},5,5,none", f"{T1},8,9,HI"),
    "a decimal comma before the unit": table("Time,Temperature", f"{T0},5,5 °C", f"{T1},8,9 °C"),
    "a decimal comma and an alarm's sign": table("Time,Temperature", f"{T0},5,5 *", f"{T1},8,9 *"),
    "a decimal comma in the first column": table("Temperature,Time", f"5,5,{T0}", f"8,9,{T1}"),
    "a decimal comma in the first column of the last row": table("Temperature,Time", f"5,{T0}", f"8,9,{T1}"),
    "a decimal comma in the first column of the first row": table("Temperature,Time", f"8,9,{T0}", f"5,{T1}"),
    "a decimal comma before and in the temperature": table("Humidity,Time,Temperature", f"40,1,{T0},8,9"),
    "a decimal comma in the column before": table("Time,Humidity,Temperature", f"{T0},40,1,8.9"),
    "a decimal comma in the column behind": table("Time,Temperature,Humidity", f"{T0},8,40,1"),
    "two decimal commas": table("Time,Humidity,Temperature", f"{T0},40,1,8,9"),
    "thousands": table("Time,Temperature", f"{T0},1,005.2"),
    "a word behind the last cell": table("Time,Temperature", f"{T0},5", f"{T1},5,door open"),
    "an empty cell behind the last one": table("Time,Temperature", f"{T0},5,"),
    "a cell too few": table("Time,Temperature,Alarm", f"{T0},5,", f"{T1},5"),
    "a line cut off": table("Time,Temperature,Alarm", f"{T0},5,", f"{T1},5,", T2),
    "a number under no heading": table("Time,Temperature,", f"{T0},8,9"),
    "a spreadsheet that leaves out cells": table("Time,Temperature,,", f"{T0},5,,", f"{T1},5"),
}


@pytest.mark.parametrize("what", OTHER_WIDTH)
def test_a_row_with_other_cells_than_its_heading_is_refused(what: str) -> None:
    told = refused(OTHER_WIDTH[what], marks=["*"], columns={"time": "Time", "temperature": "Temperature"})
    assert told.rule == "logger.row", told.says
    assert told.values["line"], told.says


def test_a_decimal_comma_in_a_file_with_commas_is_no_lower_temperature() -> None:
    """8.9 C was read as 8 C, and "above 8 C: never" said of it."""
    told = refused(
        "#,Date,Time,Temperature (°C),Alarm\n1,2026-03-10,08:00:00,5,5,\n2,2026-03-10,08:10:00,8,5,HI\n"
        "3,2026-03-10,08:20:00,8,9,HI\n4,2026-03-10,08:30:00,5,0,\n",
        columns=DATES,
    )
    assert (told.rule, told.values) == ("logger.row", {"line": 2, "cells": 6, "expected": 5})


def test_without_a_heading_rows_are_held_against_the_first() -> None:
    said = {"header": "none", "columns": {"time": "1", "temperature": "2"}}
    assert refused(f"{T0},5\n{T1},8,9\n", **said).values == {"line": 2, "cells": 3, "expected": 2}
    assert "no heading tells" in refused(f"{T0},5,5\n{T1},8,9\n", **said).says
    assert read_log(f"{T0},5.5,x\n{T1},8.9,\n".encode(), plain(**said)).values == [Decimal("5.5"), Decimal("8.9")]


def test_whole_numbers_beside_whole_temperatures_are_told() -> None:
    """A file that leaves out its last column, and writes decimal commas, is as wide as its heading: a person is told to look."""
    log = read_log(table("Time,Temperature,Alarm", f"{T0},5,5", f"{T1},8,9").encode(), plain())
    assert any(remark.startswith("LOOK: every temperature is a whole number") for remark in log.remarks)
    assert not read_log(table("Time,Temperature,Humidity", f"{T0},5.0,45", f"{T1},8.9,45").encode(), plain()).remarks[
        :-1
    ]


# ------------------------------------------------------------------ what may be otherwise, where it is declared


def test_a_separator_at_the_end_is_declared() -> None:
    each = table("Time,Temperature,", f"{T0},5,", f"{T1},8.9,")
    assert read_log(each.encode(), plain()).values[1] == Decimal("8.9"), "the heading has it too"
    behind = table("Time,Temperature", f"{T0},5,", f"{T1},8.9,")
    assert read_log(behind.encode(), plain(trailing="rows")).values[1] == Decimal("8.9")
    head = table("Time,Temperature,", f"{T0},5", f"{T1},8.9")
    assert read_log(head.encode(), plain(trailing="heading")).values[1] == Decimal("8.9")
    for text, trailing in (
        (behind, "heading"),
        (head, "rows"),
        (each, "rows"),
        (behind.replace("8.9,", "8,9"), "rows"),
    ):
        assert refused(text, trailing=trailing).rule == "logger.row"


def test_columns_of_free_text_at_the_end_may_be_missing_or_hold_the_separator() -> None:
    text = table("Time,Temperature,Alarm,Comment", f"{T0},5", f"{T1},8.9,HI,door open, then closed", f"{T2},5,,")
    said = {"free_text": ["Alarm", "Comm*"]}
    assert read_log(text.encode(), plain(**said)).values == [5, Decimal("8.9"), 5]
    assert refused(text.replace("8.9", "8,9"), **said).rule == "logger.row", (
        "8,9 is no 8 with a remark that begins with 9"
    )
    assert refused(text.replace(f"{T2},5,,", T2), **said).rule == "logger.row", "the temperature is none of it"
    told = refused(text, free_text="Alarm")
    assert (told.rule, "'Comment' stands behind 'Alarm'" in told.says) == ("logger.columns", True)
    assert refused(text, free_text=["Temperature", "Alarm", "Comment"]).rule == "logger.columns"


def test_lines_of_separators_are_blank_lines() -> None:
    text = table("Time,Temperature,,", f"{T0},5,,", ",,,", f"{T1},8.9,,", ",,,")
    assert read_log(text.encode(), plain()).values == [5, Decimal("8.9")]


# ------------------------------------------------------------------ where the table begins

EMPTY_FIRST = (
    "Marker:\n\tNumber\tT\tyyyy-MM-dd hh:mm\t\nData:\n\tyyyy-MM-dd hh:mm\tT\tOut of limits\n"
    "\t2026-03-02 07:00\t4.4\t\n\t2026-03-02 07:10\t9.1\tx\n\t2026-03-02 07:20\t4.4\t\n"
)


def test_an_empty_table_before_the_data_is_passed_over() -> None:
    declared = shipped("tab-point", zone="UTC", unit="C", columns={"time": "yyyy-MM-dd hh:mm", "temperature": "T"})
    found = figures(EMPTY_FIRST, 30, declared)
    assert (found.rows, outside(found)) == (3, "600")
    assert "1 line under the same heading on line 2: no reading, not read" in found.remarks


def test_a_heading_may_stand_behind_many_lines() -> None:
    log = read_log(("x\n" * (LONGEST_PREAMBLE - 1) + rows([5, 9])).encode(), plain())
    assert log.values == [5, 9]


# ------------------------------------------------------------------ values that are none


def test_declared_failure_values_are_unknown_and_told() -> None:
    found = figures(rows(["85.0", 5, "-127.00", 5, "6553.5", 9]), 60, plain(failures=["85", "-127", "6553.5"]))
    assert (found.unknown, outside(found), found.highest, found.lowest) == ("1800", "600", "9", "5")
    assert found.gaps[0] == "line 2: '85.0', a declared failure value of the sensor"
    assert "declared failure values of the sensor, counted as unknown: 85 once, -127 once, 6553.5 once" in found.remarks
    assert found.findings == ()


def test_failure_values_are_in_the_unit_of_the_file() -> None:
    found = figures(rows(["185", 41, 41]), 30, plain(unit="F", failures="185.0"))
    assert (found.unknown, found.highest) == ("600", "5")


def test_a_failure_value_that_nobody_declared_is_counted_and_told() -> None:
    """Outside what the study calls plausible it is unknown; inside, it stands as it is written, and a remark says LOOK."""
    found = figures(rows([5, "85.0", 5, 5]), 40)
    assert (found.unknown, outside(found)) == ("600", "0")
    assert any("is implausible" in finding for finding in found.findings)
    warm = figures(rows([5, "85.0", 5, 5]), 40, plausible=None)
    assert (warm.unknown, outside(warm)) == ("0", "600")
    for one in (found, warm):
        assert any(remark.startswith("LOOK: 85.0 (line 3)") for remark in one.remarks)


@pytest.mark.parametrize("value", ["warm", "85,0", "1e3", ""])
def test_a_failure_value_is_a_number(value: str) -> None:
    text = (
        "id: x\ntitle: x\nencoding: utf-8\ndelimiter: comma\ndecimal: point\nunit: C\ntimes: 'YYYY-MM-DD HH:mm'\n"
        f"columns: {{time: a, temperature: b}}\nfailures: ['{value}']\n"
    )
    with pytest.raises(Refused) as caught:
        read_declaration(text, "ours")
    assert caught.value.rule == "logger.format"


def test_a_text_that_begins_as_a_picture_does_is_no_picture() -> None:
    assert read_log(("BMS box 7\n" + rows([5, 9])).encode(), plain()).values == [5, 9]


def test_a_report_with_another_table_before_is_read_from_the_declared_beginning() -> None:
    alarms = rows([5, 9]).splitlines()
    text = "\n".join(["Alarms", alarms[0], alarms[2], "", "Readings", rows([5, 9, 5])])
    assert refused(text).rule == "logger.row"
    assert read_log(text.encode(), plain(begins="Readings")).values == [5, 9, 5]
    assert "no line among its first 10,000" in refused(text, begins="Messwerte").says
