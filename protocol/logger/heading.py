"""Where the table of a file begins: the heading that is declared, and the columns under it."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import NamedTuple

from protocol.logger.declaration import Declaration
from protocol.logger.refusing import refuse_line, shown
from protocol.logger.stamps import Stamps
from protocol.logger.table import Table, begins_with, cells_of, flat, units_in, zones_in

LONGEST_PREAMBLE = 10_000
"""Lines among which the heading must be found."""

Line = tuple[int, str]


class _Heading(NamedTuple):
    """A line in which every declared column has its heading, and the places that fit each."""

    line: int
    text: str
    cells: list[str]
    found: Mapping[str, list[int]]


def find_table(lines: Iterator[Line], declared: Declaration, stamps: Stamps) -> tuple[Table, Iterator[Line]]:
    """The table, and the lines after its heading. Where the same heading comes again before any reading, the first table was empty.

    Raises:
        Refused: `logger.heading` or `logger.columns`.
    """
    before = list(_to_beginning(lines, declared))
    if declared.header == "none":
        return _by_place(declared), lines
    held: list[Line] = []
    best: tuple[int, int, str, list[str]] = (0, 0, "", [])
    heading: _Heading | None = None
    first = passed = 0
    for number, line in lines:
        cells = _lenient(line, declared.cell)
        found = {name: _fitting(cells, names) for name, names in _wanted(declared)}
        lacks = [name for name, places in found.items() if not places]
        if not lacks:
            before += [(heading.line, heading.text), *held] if heading else []
            first = first or number
            passed += sum(1 for _, text in held if text.strip())
            heading, held = _Heading(number, line, cells, found), []
            continue
        if heading is not None:
            held.append((number, line))
            if _is_reading(cells, heading.found, stamps) or len(held) >= LONGEST_PREAMBLE:
                break
            continue
        if len(found) - len(lacks) > best[0]:
            best = (len(found) - len(lacks), number, line, lacks)
        before.append((number, line))
        if number >= LONGEST_PREAMBLE:
            break
    if heading is None:
        raise _no_heading(declared, best, len(before))
    table = _table(declared, heading, before, held)
    return replace(table, passed=(first, passed)) if passed else table, chain(held, lines)


def _to_beginning(lines: Iterator[Line], declared: Declaration) -> Iterator[Line]:
    """The lines to the one that is declared to stand before the table; none where none is declared.

    Raises:
        Refused: `logger.heading`.
    """
    for number, line in lines if declared.begins else ():
        yield number, line
        if begins_with(line, declared.begins):
            return
        if number >= LONGEST_PREAMBLE:
            break
    if declared.begins:
        raise refuse_line(
            "logger.heading",
            None,
            f"has no line among its first {LONGEST_PREAMBLE:,} that begins with {' or '.join(map(shown, declared.begins))}, as declared",
            "Is it the right format, and the right file? Correct `begins`.",
        )


def _by_place(declared: Declaration) -> Table:
    places = {name: _place(getattr(declared.columns, name)) for name in ("date", "time", "temperature", "unit")}
    free = min((int(text) - 1 for text in declared.free_text), default=None)
    return Table((), 0, places["time"] or 0, places["temperature"] or 0, places["date"], places["unit"], free)


def _place(texts: Sequence[str]) -> int | None:
    return int(texts[0]) - 1 if texts else None


def _wanted(declared: Declaration) -> list[tuple[str, tuple[str, ...]]]:
    columns = declared.columns
    named = [
        ("date", columns.date),
        ("time", columns.time),
        ("temperature", columns.temperature),
        ("unit", columns.unit),
    ]
    return [(name, texts) for name, texts in named if texts]


def _lenient(line: str, delimiter: str) -> list[str]:
    """The cells of a line before the table, where anything may stand."""
    try:
        return cells_of(line, delimiter)
    except csv.Error:
        return []


def _fitting(cells: Sequence[str], names: Sequence[str]) -> list[int]:
    for name in names:
        wanted, begins = flat(name.removesuffix("*")), name.endswith("*")
        found = [
            at for at, cell in enumerate(map(flat, cells)) if cell == wanted or (begins and cell.startswith(wanted))
        ]
        if found:
            return found
    return []


def _is_reading(cells: Sequence[str], found: Mapping[str, list[int]], stamps: Stamps) -> bool:
    text = " ".join(
        cells[found[name][0]].strip() for name in ("date", "time") if name in found and found[name][0] < len(cells)
    )
    return stamps.pattern.fullmatch(text.strip()) is not None


def _table(declared: Declaration, heading: _Heading, before: list[Line], held: list[Line]) -> Table:
    line, _, cells, found = heading
    for name, places in found.items():
        if len(places) > 1:
            told = ", ".join(shown(cells[at]) for at in places)
            raise refuse_line(
                "logger.columns",
                line,
                f"{len(places)} columns fit {name}: {told}",
                "Declare the whole heading of the one that is meant: which probe was beside the product?",
                column=name,
            )
    place = {name: places[0] for name, places in found.items()}
    if len(set(place.values())) < len(place):
        raise refuse_line(
            "logger.columns", line, "one column fits two of the declared ones", "Name each column by itself."
        )
    zones = [(number, zone) for number, text in before for zone in zones_in([(number, text)], [])]
    zones += [(line, zone) for name in ("date", "time") if name in place for zone in zones_in([], [cells[place[name]]])]
    return Table(
        tuple(cells),
        line,
        place["time"],
        place["temperature"],
        place.get("date"),
        place.get("unit"),
        _free(declared, heading, max(place.values())),
        tuple(zones),
        tuple(units_in([*before, *held[:-1]])),
    )


def _free(declared: Declaration, heading: _Heading, needed: int) -> int | None:
    """The place from which on a row holds free text.

    Raises:
        Refused: `logger.columns`, a column that is none of free text stands behind one that is.
    """
    free = {at for name in declared.free_text for at in _fitting(heading.cells, [name])}
    if not free:
        return None
    first = min(free)
    other = [cell for at, cell in enumerate(heading.cells) if at >= first and at not in free and cell.strip()]
    if first <= needed or other:
        raise refuse_line(
            "logger.columns",
            heading.line,
            f"columns of free text are the last ones, and {shown(other[0]) if other else 'one that is needed'} "
            f"stands behind {shown(heading.cells[first])}",
            "Only what stands behind every other column can hold the mark between cells. Correct `free_text`.",
        )
    return first


def _no_heading(declared: Declaration, best: tuple[int, int, str, list[str]], looked: int) -> Exception:
    _, line, text, lacks = best
    named = "; ".join(f"{name}: {' or '.join(texts)}" for name, texts in _wanted(declared))
    whole = looked < LONGEST_PREAMBLE
    where = "" if whole else f" of the first {LONGEST_PREAMBLE:,}, among which a heading must stand,"
    if line:
        most = "" if whole else f" of the first {LONGEST_PREAMBLE:,} lines, among which a heading must stand"
        reason = f"{shown(text, 100)} comes nearest to the heading of format {declared.id}{most}, and lacks {', '.join(lacks)}"
    else:
        reason = (
            f"is another kind of file: no line{where} is the heading of format {declared.id} ({named}), "
            f"cells parted by {declared.delimiter}"
        )
    advice = "Is it the right format, and the right file? `unbroken logger detect FILE` proposes what it sees."
    if not whole:
        advice += " Lines before the table can be left out of the export."
    return refuse_line("logger.heading", line or None, reason, advice, format=declared.id, columns=named)
