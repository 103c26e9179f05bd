"""The temperatures of a file: number, decimal mark, unit, a logger's words for knowing nothing. What is none of these is refused."""

from __future__ import annotations

import re
from collections import Counter
from decimal import Context, Decimal, localcontext

from protocol.logger.declaration import STATED, Declaration
from protocol.logger.failing import known_failure
from protocol.logger.refusing import refuse_line, shown
from protocol.logger.spans import plain
from protocol.logger.table import Table, other_unit_in, unit_in

EXACT = Context(prec=28)
"""Every computation on readings; the same digits on every machine."""
ABSOLUTE_ZERO = Decimal("-273.15")
_NUMBER = re.compile(r"([+-]?[0-9]{1,12}(?:[.,][0-9]{1,12})?(?:[eE][+-]?[0-9]{1,2})?)\s*(.*)", re.ASCII | re.DOTALL)
_ODD_SIGNS = str.maketrans({"−": "-", "–": "-", "\u00a0": " ", "\u202f": " "})


class Values:
    """Reads the temperatures of one file."""

    def __init__(self, declared: Declaration, table: Table) -> None:
        self._declared, self._table = declared, table
        self._unit = self._unit_of_all()
        self._kept: dict[str, tuple[Decimal, Decimal]] = {}
        self._missing = {word.casefold() for word in declared.missing}
        self._marks = {word.casefold() for word in declared.marks}
        self._failures = {Decimal(text) for text in declared.failures}
        self._failed: Counter[Decimal] = Counter()
        self._known: dict[Decimal, tuple[str, int]] = {}

    def _unit_of_all(self) -> str | None:
        """The unit of every value; None where each row states its own."""
        declared, table = self._declared, self._table
        heading = table.heading[table.temperature] if table.heading else ""
        stated = unit_in(heading)
        if table.unit is not None:
            return None
        if declared.unit == STATED:
            if stated is None:
                return None  # then each value must carry it
            return stated
        if stated is not None and stated != declared.unit:
            raise refuse_line(
                "logger.unit",
                table.line,
                f"{shown(heading)} states {stated}, the declaration says {declared.unit}",
                "Declare the unit that the file is in.",
            )
        if (other := other_unit_in(heading)) is not None:
            raise refuse_line(
                "logger.unit",
                table.line,
                f"{shown(heading)} states {other}, which is no unit of temperature that is read",
                "C, F and K are read. Is it the right column, and the right file?",
            )
        if stated is None:
            self._check_said(declared.unit)
        return declared.unit

    def _check_said(self, unit: str) -> None:
        """A heading without a unit is held against what the lines before the first row say, if they all say the same."""
        said = self._table.units
        if said and {told for _, told in said} == {told := said[0][1]} and told != unit:
            raise refuse_line(
                "logger.unit",
                said[0][0],
                f"it speaks of {told}, the declaration says {unit}, and the heading states none",
                "Look at the logger, not at the values, and declare the unit that the file is in.",
            )

    def read(self, number: int, cells: list[str]) -> tuple[Decimal | None, str]:
        """Degrees Celsius, or None and why the logger knows nothing; None and nothing for an event."""
        text = cell(cells, self._table.temperature).translate(_ODD_SIGNS).strip()
        unit = cell(cells, self._table.unit) if self._table.unit is not None else ""
        if not text:
            return None, "" if self._declared.empty == "event" else "no temperature"
        if text.casefold() in self._missing:
            return None, f"{shown(text)}, a sensor's error"
        key = f"{text}\0{unit}"
        if key not in self._kept:
            self._kept[key] = self._number(number, text, unit)
        written, celsius = self._kept[key]
        if written in self._failures:
            self._failed[written] += 1
            return None, f"{shown(text)}, a declared failure value of the sensor"
        if written not in self._known and known_failure(written, celsius):
            self._known[written] = text, number
        return celsius, ""

    def remarks(self) -> list[str]:
        """Failure values: those that are declared, and those that only may be some."""
        told = []
        if self._failed:
            counted = ", ".join(f"{plain(value)} {_times(count)}" for value, count in self._failed.items())
            told.append(f"declared failure values of the sensor, counted as unknown: {counted}")
        if self._known:
            seen = ", ".join(f"{text} (line {number})" for text, number in self._known.values())
            told.append(
                f"LOOK: {seen}: some sensors give this when they have measured nothing; it is counted as a temperature "
                "unless the format declares it under `failures`"
            )
        return told

    def _number(self, number: int, text: str, unit: str) -> tuple[Decimal, Decimal]:
        """A temperature as it is written, and in degrees Celsius."""
        match = _NUMBER.fullmatch(text)
        if match is None:
            raise refuse_line(
                "logger.value",
                number,
                f"{shown(text)} is no temperature",
                "If it is what the logger writes when it knows nothing, declare it under `missing`.",
            )
        digits, rest = match[1], match[2].strip()
        other = "." if self._declared.decimal == "comma" else ","
        if other in digits:
            raise refuse_line(
                "logger.decimal",
                number,
                f"{shown(text)} is not written with a decimal {self._declared.decimal}, as declared",
                "One file has one decimal mark. If all are so, declare it; if only some, the file was edited or joined.",
            )
        stated = self._rest(number, text, rest)
        if unit:
            stated = self._row_unit(number, unit)
        written = Decimal(digits.replace(",", "."))
        return written, _celsius(written, self._settled(number, text, stated))

    def _rest(self, number: int, text: str, rest: str) -> str | None:
        """The unit behind a number; a mark that the format declares is passed over.

        Raises:
            Refused: anything else.
        """
        words = [word for word in rest.split() if word.casefold() not in self._marks]
        if not words:
            return None
        told = "".join(words)
        if told in ("C", "F", "K"):
            return told
        if (unit := unit_in(told)) is not None:
            return unit
        raise refuse_line(
            "logger.value",
            number,
            f"{shown(text)}: {shown(' '.join(words))} behind the number is neither a unit (C, F, K) nor a declared mark",
            "Declare an alarm's sign under `marks`; another unit is not read.",
        )

    def _row_unit(self, number: int, text: str) -> str:
        unit = text.strip().upper()
        if unit not in ("C", "F", "K"):
            unit = unit_in(text) or ""
        if not unit:
            raise refuse_line("logger.unit", number, f"{shown(text)} is no unit of temperature", "C, F and K are read.")
        return unit

    def _settled(self, number: int, text: str, stated: str | None) -> str:
        unit = self._unit or stated
        if unit is None:
            raise refuse_line(
                "logger.unit",
                number,
                f"{shown(text)} has no unit, and the heading states none",
                "Declare it: `unit: C`, F or K. Look at the logger, not at the values.",
            )
        if stated is not None and stated != unit:
            raise refuse_line(
                "logger.unit", number, f"{shown(text)} is in {stated}, the rest in {unit}", "One file, one unit."
            )
        if self._unit is None and self._table.unit is None:
            self._unit = unit  # the first value's unit is everyone's
        elif self._table.unit is not None and self._unit is None:
            self._unit = unit
        return unit


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _celsius(value: Decimal, unit: str) -> Decimal:
    with localcontext(EXACT):
        if unit == "F":
            return (value - 32) * 5 / 9
        return value + ABSOLUTE_ZERO if unit == "K" else value


def cell(cells: list[str], place: int | None) -> str:
    """A cell without the space around it; nothing where the row has no such cell."""
    return cells[place].strip() if place is not None and place < len(cells) else ""
