"""From a declared file to readings: moments in UTC, degrees Celsius, and everything that was not as it should be.

What cannot be read is refused with its line. What can be read and is odd (a row that stands twice, a sensor's error) is a
finding. Nothing is guessed, and no value is made up.
"""

from __future__ import annotations

import csv
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from protocol.logger.clocks import ZoneClock, correction
from protocol.logger.declaration import Declaration
from protocol.logger.heading import find_table
from protocol.logger.refusing import refuse_line, shown
from protocol.logger.repeated import Row
from protocol.logger.spans import Span
from protocol.logger.stamps import NoSuchTime, Stamps
from protocol.logger.table import Table, begins_with, cells_of, check_kind, decoded, numbered
from protocol.logger.values import Values, cell
from protocol.logger.width import Width

MOST_ROWS = 500_000


class Found(NamedTuple):
    """Something that is not as it should be: at which line, when (milliseconds, UTC), and what."""

    line: int
    at: int
    says: str


@dataclass
class Log:
    """The readings of one file, in order of time.

    Args:
        times: milliseconds since 1970, UTC, the logger's clock set right; rising, none twice.
        values: degrees Celsius; None where the logger says that it knows nothing.
        lines: the line of each.
        interval: how far apart the readings should be, in milliseconds.
        silent: rows in which the logger says that it knows nothing. findings: rows that are not as they should be.
        remarks: what a reader should know, and is no fault.
    """

    times: array[int] = field(default_factory=lambda: array("q"))
    values: list[Decimal | None] = field(default_factory=list)
    lines: array[int] = field(default_factory=lambda: array("l"))
    interval: int = 0
    silent: list[Found] = field(default_factory=list)
    findings: list[Found] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def read_log(data: bytes, declared: Declaration) -> Log:
    """Read a temperature log.

    Raises:
        Refused: `logger.*`, naming line and reason: wrong kind, encoding or heading, a time or a number that is not as declared,
            times out of order or twice with two values, an unknown unit, a zone that is not clear, no reading at all.
    """
    check_kind(data)
    lines = numbered(decoded(data, declared.encoding))
    stamps = declared.stamps()
    table, lines = find_table(lines, declared, stamps)
    reader = _Rows(declared, table, stamps)
    zone = ZoneClock(declared, table, stamps.states_zone)
    rows = reader.rows(lines)
    if declared.rows == "falling":
        rows = reversed(list(rows))
    log = _ordered(rows, zone, declared)
    if not log.times:
        raise reader.nothing()
    log.remarks = [*reader.remarks(), *zone.remarks()]
    right = correction(declared.clock, log.times[0], log.times[-1])
    if declared.clock is not None:
        log.times = array("q", map(right, log.times))
        log.silent = [one._replace(at=right(one.at)) for one in log.silent]
        log.findings = [one._replace(at=right(one.at)) for one in log.findings]
        log.remarks.append("times are set right by what is declared of the logger's clock")
    log.interval = _interval(log, declared)
    return log


class _Rows:
    """The rows of one file, and what stands between and after them."""

    def __init__(self, declared: Declaration, table: Table, stamps: Stamps) -> None:
        self._declared, self._table, self._stamps = declared, table, stamps
        self._values = Values(declared, table)
        self._width = Width(declared, table, stamps)
        self._before = self._after = self._events = 0
        self._ended: tuple[int, str] | None = None
        self._first = ""
        self._over: tuple[int, str] | None = None

    def nothing(self) -> Exception:
        """The refusal of a file in which no line is a reading."""
        line = self._table.line or None
        after = f"; the first is {shown(self._first)}" if self._first else ""
        reason = f"no line after it is a reading with a time written {self._declared.times}{after}"
        return refuse_line(
            "logger.rows",
            line,
            f"this heading has no reading after it: {reason}" if line else f"has no reading: {reason}",
            "Correct the declaration, or read the logger out again; a log without readings says nothing.",
        )

    def remarks(self) -> list[str]:
        """Lines that are no readings, and readings that a person should look at.

        Raises:
            Refused: see `Width.remarks`.
        """
        told = [*self._values.remarks(), *self._width.remarks()]
        heading, passed = self._table.passed
        if passed:
            told.append(f"{_lines(passed)} under the same heading on line {heading}: no reading, not read")
        if self._before:
            told.append(f"{_lines(self._before)} between the heading and the first reading not read")
        if self._after and (ended := self._ended or self._over):
            told.append(f"{_lines(self._after)} after the last reading not read, from line {ended[0]}")
        if self._events:
            told.append(f"{_lines(self._events)} of events without a temperature")
        return told

    def rows(self, lines: Iterator[tuple[int, str]]) -> Iterator[Row]:
        """Each row that is a reading.

        Raises:
            Refused: a row that is not as declared; rows that go on after the table ended.
        """
        count = 0
        for number, line in lines:
            if not line.strip():
                continue
            if self._over or begins_with(line, self._declared.ends):
                self._over = self._over or (number, line)
                self._after += 1
                continue
            cells = self._cells(number, line)
            if not any(each.strip() for each in cells):
                continue  # a blank line, as a spreadsheet pads it
            stamp = self._stamp(number, cells)
            if stamp is None:
                self._width.shifted(number, cells)
                self._no_row(number, line, count)
                continue
            if self._ended is not None:
                raise self._goes_on(number)
            self._width.check(number, cells)
            count += 1
            if count > MOST_ROWS:
                raise refuse_line(
                    "logger.size",
                    number,
                    f"more than {MOST_ROWS:,} readings, which is the most",
                    "Export this transport's days only.",
                )
            value, why = self._values.read(number, cells)
            if value is None and not why:
                self._events += 1
                continue
            yield Row(number, *stamp, value, why)

    def _no_row(self, number: int, line: str, count: int) -> None:
        if not count:
            self._before += 1
            self._first = self._first or line
            return
        self._after += 1
        if self._ended is None:
            self._ended = number, line

    def _goes_on(self, number: int) -> Exception:
        assert self._ended is not None
        line, text = self._ended
        return refuse_line(
            "logger.row",
            line,
            f"{shown(text)} is no reading with a time written {self._declared.times}, and readings go on at line {number}",
            "Correct the declaration if times are written otherwise; two tables in one file are two files.",
        )

    def _cells(self, number: int, line: str) -> list[str]:
        try:
            return cells_of(line, self._declared.cell)
        except csv.Error:
            raise refuse_line(
                "logger.row",
                number,
                f"{shown(line)} opens a quote that is not closed",
                "The file is damaged; export it again.",
            ) from None

    def _stamp(self, number: int, cells: list[str]) -> tuple[datetime, timedelta | None] | None:
        text = cell(cells, self._table.time)
        if self._table.date is not None:
            text = f"{cell(cells, self._table.date)} {text}".strip()
        try:
            return self._stamps.read(text) if text else None
        except NoSuchTime as problem:
            raise refuse_line(
                "logger.time",
                number,
                f"{shown(text)} is no time ({problem}); declared is {self._declared.times}",
                "Are day and month the other way round? Correct the declaration.",
            ) from None


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count} lines"


def _ordered(rows: Iterator[Row], zone: ZoneClock, declared: Declaration) -> Log:
    """The readings as moments.

    Raises:
        Refused: `logger.order` where the clock runs backwards, `logger.doubled` where one moment has two values.
    """
    log = Log()
    for (line, local, _, value, why), at in zone.moments(rows):
        if why:
            log.silent.append(Found(line, at, f"line {line}: {why}"))
        if log.times and at <= (before := log.times[-1]):
            if at < before:
                raise _backwards(line, log.lines[-1], local, declared)
            if value != log.values[-1]:
                raise refuse_line(
                    "logger.doubled",
                    line,
                    f"{local:%Y-%m-%d %H:%M:%S} stands on line {log.lines[-1]} already, with another temperature",
                    "One moment has one temperature. If seconds are missing in the export, export them.",
                )
            log.findings.append(Found(line, at, f"line {line}: repeats line {log.lines[-1]}, counted once"))
            continue
        log.times.append(at)
        log.values.append(value)
        log.lines.append(line)
    return log


def _backwards(line: int, before: int, local: datetime, declared: Declaration) -> Exception:
    return refuse_line(
        "logger.order",
        line,
        f"{local:%Y-%m-%d %H:%M:%S} is earlier than line {before}: the clock runs backwards",
        "Rows are not sorted here, that would hide a clock that was reset. "
        + (
            "If the newest stands first, declare `rows: falling`."
            if declared.rows == "rising"
            else "Declared is `rows: falling`."
        ),
    )


def _interval(log: Log, declared: Declaration) -> int:
    """How far apart readings should be.

    Raises:
        Refused: `logger.interval`, not declared, or to be taken from a file of one reading.
    """
    if isinstance(declared.interval, Span):
        return declared.interval.ms
    if declared.interval is None:
        raise refuse_line(
            "logger.interval",
            None,
            "has no interval declared",
            "Declare how often the logger measures: `interval: 10 min`, or `stated` to take the commonest distance of the rows.",
        )
    apart = Counter(later - earlier for earlier, later in pairwise(log.times))
    if not apart:
        raise refuse_line(
            "logger.interval",
            None,
            "has one reading; how far apart they should be cannot be seen",
            "Declare it: `interval: 10 min`.",
        )
    most = max(apart.values())
    interval = min(length for length, times in apart.items() if times == most)
    log.remarks.append(f"readings are {interval // 1000} s apart, as most rows are")
    return interval
