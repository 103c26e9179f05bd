"""The table in a logger's file as it is seen without a declaration: what parts its cells, where times stand, which rows there are."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise, product

from protocol.logger.declaration import DELIMITERS
from protocol.logger.stamps import Stamps, stamps
from protocol.logger.table import cells_of

LEAST_ROWS = 3
MOST_COLUMNS = 40
"""Columns of a line in which a time is looked for."""
_DATES = (
    "YYYY-MM-DD", "YYYY/MM/DD", "YYYY.MM.DD", "DD.MM.YYYY", "DD.MM.YY", "DD/MM/YYYY", "MM/DD/YYYY", "DD/MM/YY", "MM/DD/YY",
    "DD-MM-YYYY", "MM-DD-YYYY", "DD-MM-YY", "MM-DD-YY", "DD-MMM-YYYY", "DD MMM YYYY", "DD-MMM-YY", "MMM DD YYYY", "MMM DD, YYYY",
)  # fmt: skip
_TIMES = ("HH:mm[:ss][.fff]", "hh:mm[:ss] AM")
NUMBER = re.compile(r"[+\-−–]?[0-9]{1,5}(?:[.,][0-9]{1,6})?\s*(?:[°º]?\s*[CFK])?", re.ASCII)
MARKED = re.compile(
    r"[+\-−–]?[0-9]{1,5}(?:[.,][0-9]{1,6})?\s*(?:[°º]?\s*[CFK])?\s*([^\s0-9.,+\-][^0-9]{0,7})", re.ASCII
)
_SIGNED = re.compile(r"[+\-−–]?[0-9]+", re.ASCII)
_WHOLE = re.compile(r"[0-9]+", re.ASCII)
_DATE = re.compile(r"[0-9A-Za-z]{1,9}\.?[-./ ]+[0-9A-Za-z]{1,9}[-./, ]+[0-9]{2,4}", re.ASCII)
_CLOCK = re.compile(r"[0-9]{1,2}:[0-9]{2}.{0,20}", re.ASCII)
_TEMPERATURE = re.compile(r"temp|celsius|fahrenheit|kelvin|[°º]\s*[CFK]", re.IGNORECASE)
_ZEROS = str.maketrans("123456789", "000000000")


@dataclass(frozen=True, slots=True)
class Seen:
    """A table as it was seen.

    Args:
        delimiter: its name. date, time: places, from 0. rows: cells of each row with its line.
        before: the lines before the first row, none blank. after: the lines after the last, none blank.
        forms: the forms in which the times could be written. heading: the cells above the first row; empty where none are.
    """

    delimiter: str
    date: int | None
    time: int
    rows: list[tuple[int, list[str]]]
    before: list[tuple[int, str]]
    after: list[tuple[int, str]]
    forms: list[str]
    heading: list[str]

    @property
    def needed(self) -> int:
        """The last place of a time or date."""
        return max(self.time, self.date or 0)

    def without_heading(self) -> Seen:
        """The same, its columns named by place."""
        return replace(self, heading=[])

    def column(self, place: int) -> list[str]:
        """The cells of a column."""
        return [at(cells, place) for _, cells in self.rows]

    def stamp(self, number: int) -> str:
        """The time of a row as it is written."""
        return stamp_text(self.rows[number][1], self.date, self.time)

    def speaks_of_temperature(self) -> bool:
        """Whether the heading does."""
        return any(_TEMPERATURE.search(cell) for cell in self.heading)

    def may_be_split(self) -> bool:
        """Whether a decimal comma may have parted a number: a whole number, and behind the next comma another."""
        return self.delimiter == "comma" and any(
            _SIGNED.fullmatch(at(cells, place)) and at(cells, place + 1)[:1].isdigit()
            for place in self.temperatures()
            for _, cells in self.rows
        )

    def temperatures(self) -> list[int]:
        """Columns that could be the temperature: numbers under a heading that says so, else any numbers that are no counter."""
        width = max(len(cells) for _, cells in self.rows)
        numbers: list[int] = []
        counters: list[int] = []
        for place in range(width):
            texts = [text for text in self.column(place) if text]
            if place in (self.time, self.date) or not texts:
                continue
            said = sum(1 for text in texts if NUMBER.fullmatch(text) or MARKED.fullmatch(text))
            if 2 * said > len(texts):
                (counters if _counts(texts) else numbers).append(place)
        named = [place for place in (*numbers, *counters) if _TEMPERATURE.search(at(self.heading, place))]
        return sorted(named) or numbers or counters


def at(cells: Sequence[str], place: int) -> str:
    """A cell; nothing where there is no such cell."""
    return cells[place] if place < len(cells) else ""


def stamp_text(cells: Sequence[str], date: int | None, time: int) -> str:
    """Date and time as they are read together."""
    return at(cells, time) if date is None else f"{at(cells, date)} {at(cells, time)}".strip()


def see(lines: Sequence[tuple[int, str]]) -> list[Seen]:
    """The longest table with a column of numbers; one whose heading speaks of temperature goes first, unless it is far shorter.

    Several where it can be seen in several ways, as where two columns hold times.
    """
    found: list[tuple[bool, int, Seen]] = []
    for name, mark in DELIMITERS.items():
        cut = [(number, _cut(line, mark)) for number, line in lines]
        for date, time, forms in _stamp_columns([cells for _, cells in cut]):
            for rows in _runs(cut, date, time, forms):
                seen = _table(lines, name, date, time, rows, [form.form for form in forms])
                if places := seen.temperatures():
                    named = any(_TEMPERATURE.search(at(seen.heading, place)) for place in places)
                    found.append((named, len(rows), seen))
    longest = max((count for _, count, _ in found), default=0)
    ranks = [(named and 4 * count >= longest, count) for named, count, _ in found]
    return [seen for rank, (_, _, seen) in zip(ranks, found, strict=True) if rank == max(ranks)]


def _table(
    lines: Sequence[tuple[int, str]],
    delimiter: str,
    date: int | None,
    time: int,
    rows: list[tuple[int, list[str]]],
    forms: list[str],
) -> Seen:
    first, last = rows[0][0], rows[-1][0]
    before = [(number, line) for number, line in lines if number < first and line.strip()]
    after = [(number, line) for number, line in lines if number > last and line.strip()]
    seen = Seen(delimiter, date, time, rows, before, after, forms, [])
    for _, line in reversed(before[-3:]):
        cells = _cut(line, DELIMITERS[delimiter])
        if len(cells) > seen.needed and cells[time] and not NUMBER.fullmatch(cells[time]):
            return replace(seen, heading=cells)
    return seen


def _runs(
    cut: Sequence[tuple[int, list[str]]], date: int | None, time: int, forms: Sequence[Stamps]
) -> list[list[tuple[int, list[str]]]]:
    """Runs of rows with nothing but blank lines between them, the longest ones: a preamble may hold a time too."""
    known: dict[str, bool] = {}
    runs: list[list[tuple[int, list[str]]]] = [[]]
    for number, cells in cut:
        shape = stamp_text(cells, date, time).translate(_ZEROS)
        if shape not in known:
            known[shape] = any(form.pattern.fullmatch(shape) for form in forms)
        if known[shape] and len(cells) > 1 + (date is not None):
            runs[-1].append((number, cells))
        elif any(cells) and runs[-1]:
            runs.append([])
    return sorted((run for run in runs if len(run) >= LEAST_ROWS), key=len, reverse=True)[:4]


def cells_as_seen(line: str, delimiter: str) -> list[str]:
    """The cells of a line by the name of a delimiter; none where its quotes are not closed."""
    return _cut(line, DELIMITERS[delimiter])


def _cut(line: str, mark: str) -> list[str]:
    try:
        return [cell.strip() for cell in cells_of(line, mark)]
    except csv.Error:
        return []


def _stamp_columns(cut: Sequence[list[str]]) -> Iterator[tuple[int | None, int, list[Stamps]]]:
    """Places where times stand, alone or with the date in another column, and the forms that could be meant.

    A form is tried on the shape of a text (every digit a zero), for a column has few shapes and many texts.
    """
    wide = [cells for cells in cut if len(cells) > 1]
    width = min(max((len(cells) for cells in wide), default=0), MOST_COLUMNS)
    dates, clocks = [], []
    for place in range(width):
        shapes = Counter(cells[place].translate(_ZEROS) for cells in wide if place < len(cells) and cells[place])
        if forms := _forms(shapes):
            yield None, place, forms
        if _most(shapes, _DATE):
            dates.append(place)
        if _most(shapes, _CLOCK):
            clocks.append(place)
    for date, time in product(dates, clocks):
        if date != time:
            shapes = Counter(stamp_text(cells, date, time).translate(_ZEROS) for cells in wide)
            if forms := _forms(shapes):
                yield date, time, forms


def _forms(shapes: Counter[str]) -> list[Stamps]:
    likely = {shape: count for shape, count in shapes.items() if ":" in shape and len(shape) <= 48}
    most = dict(islice(sorted(likely.items(), key=lambda one: -one[1]), 60))
    return [
        form
        for form in _FORMS
        if sum(count for shape, count in most.items() if form.pattern.fullmatch(shape)) >= LEAST_ROWS
    ]


def _most(shapes: Counter[str], pattern: re.Pattern[str]) -> bool:
    return sum(count for shape, count in shapes.items() if pattern.fullmatch(shape)) >= LEAST_ROWS


def _counts(texts: Sequence[str]) -> bool:
    if not all(_WHOLE.fullmatch(text) for text in texts):
        return False
    steps = {int(two) - int(one) for one, two in pairwise(texts)}
    return len(steps) == 1 and abs(steps.pop()) == 1


def _every_form() -> Iterator[Stamps]:
    for date, between, time, offset in product(_DATES, (" ", "T"), _TIMES, ("", "ZZ")):
        if between == "T" and not date.startswith("YYYY-"):
            continue
        yield stamps(f"{date}{between}{time}{offset}")


_FORMS = tuple(_every_form())
