"""How many cells a row has. A row that is wider or narrower than its heading is another row than was declared: a decimal comma that
parts cells, a cell that was lost, a line cut off. Which cell then holds the temperature is not known, so it is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from protocol.logger.declaration import Declaration
from protocol.logger.refusing import refuse_line, shown
from protocol.logger.stamps import Stamps
from protocol.logger.table import Table

_WHOLE = re.compile(r"\s*[+\-−–]?[0-9]{1,4}\s*", re.ASCII)
_DIGITS = re.compile(r"\s*[0-9]{1,4}\s*", re.ASCII)
_BEGINS_AS_NUMBER = re.compile(r"\s*[+\-−–]?[0-9]", re.ASCII)


class Width:
    """Holds every row of one file against its heading; without one, against the first row."""

    def __init__(self, declared: Declaration, table: Table, stamps: Stamps) -> None:
        self._declared, self._table, self._stamps = declared, table, stamps
        ends = {"rows": 1, "heading": -1, None: 0}[declared.trailing]
        self._cells = len(table.heading) + ends if table.heading else 0
        self._named = max((at + 1 for at, cell in enumerate(table.heading) if cell.strip()), default=0)
        self._first = 0
        self._split = True

    def check(self, number: int, cells: Sequence[str]) -> None:
        """Refuse a row that has not the cells of its heading.

        Raises:
            Refused: `logger.row`.
        """
        free = self._table.free
        self._first = self._first or number
        if free is None:
            self._cells = self._cells or len(cells)
            if len(cells) != self._cells or (self._declared.trailing == "rows" and cells[-1].strip()):
                raise self._other_width(number, cells)
        elif len(cells) < free:
            raise self._other_width(number, cells)
        beyond = self._beyond(cells)
        if beyond:
            raise refuse_line(
                "logger.row",
                number,
                f"{shown(beyond)} begins as a number and stands where the heading names no column of values",
                "Is a decimal comma taken for a comma between cells? Declare the delimiter and the decimal mark that the file "
                "has, or export it with semicolons or decimal points.",
            )
        self._split = self._split and self._may_be_split(cells)

    def shifted(self, number: int, cells: Sequence[str]) -> None:
        """Refuse a line whose time and temperature stand in other cells than the heading says, as where a comma parts a number.

        Raises:
            Refused: `logger.row`.
        """
        more = len(cells) - self._cells
        for by in range(1, abs(more) + 1) if self._cells else ():
            moved = by if more > 0 else -by
            at = self._table.temperature
            value = at + moved if at > self._table.time else at
            if 0 <= value < len(cells) and _BEGINS_AS_NUMBER.match(cells[value]) and self._time_at(cells, moved):
                raise self._other_width(number, cells)

    def remarks(self) -> list[str]:
        """What may be a decimal comma, and cannot be told from a whole number.

        Raises:
            Refused: `logger.row`, where no heading names the number beside the temperature.
        """
        if not (self._first and self._split):
            return []
        if not self._table.heading:
            raise refuse_line(
                "logger.row",
                self._first,
                "every temperature is a whole number with a whole number beside it, and no heading tells what that is",
                "Is a decimal comma taken for a comma between cells? Export the file with a heading, with semicolons, or with "
                "decimal points.",
            )
        return [
            "LOOK: every temperature is a whole number, with a whole number in the cell beside it: "
            "was a decimal comma taken for one between cells?"
        ]

    def _beyond(self, cells: Sequence[str]) -> str:
        """A cell behind the last named column of values that may be the rest of a number."""
        table = self._table
        if table.free is not None:
            whole = _WHOLE.fullmatch(cells[table.temperature])
            return next((cell for cell in cells[table.free : table.free + 1] if whole and _is_number(cell)), "")
        if not table.heading:
            return ""
        behind = cells[max(self._named, table.widest + 1) :]
        return next((cell for cell in behind if _is_number(cell)), "")

    def _may_be_split(self, cells: Sequence[str]) -> bool:
        """Whether a whole number stands behind a whole temperature, or before it: this may be the second half of one."""
        table, here = self._table, self._table.temperature
        beside = [at for at in (here - 1, here + 1) if 0 <= at < len(cells)]
        return (
            (self._declared.delimiter, self._declared.decimal) == ("comma", "point")
            and _WHOLE.fullmatch(cells[here]) is not None
            and any(
                at not in (table.time, table.date, table.unit)
                and (_DIGITS if at > here else _WHOLE).fullmatch(cells[at]) is not None
                for at in beside
            )
        )

    def _time_at(self, cells: Sequence[str], moved: int) -> bool:
        places = [at + moved for at in (self._table.date, self._table.time) if at is not None]
        if not all(0 <= at < len(cells) for at in places):
            return False
        return self._stamps.pattern.fullmatch(" ".join(cells[at].strip() for at in places)) is not None

    def _other_width(self, number: int, cells: Sequence[str]) -> Exception:
        has, free = len(cells), self._table.free
        expected = free if free is not None else self._cells
        than = "the heading" if self._table.heading else f"line {self._first}, the first row"
        least = "at least " if free is not None else ""
        if has > expected:
            advice = (
                "Is a decimal comma taken for one between cells? Declare the delimiter and the decimal mark that the file has. "
                "If each row ends with one separator more, declare `trailing: rows`; if the last columns hold free text, "
                "declare them under `free_text`."
            )
        else:
            advice = (
                "Was the line cut off, or a cell lost? Export the file again. If only the heading ends with a separator, declare "
                "`trailing: heading`; if the last columns may be left out, declare them under `free_text`."
            )
        return refuse_line(
            "logger.row",
            number,
            f"it has {'more' if has > expected else 'fewer'} cells than {than}: {has}, and {least}{expected} are expected",
            advice,
            cells=has,
            expected=expected,
        )


def _is_number(cell: str) -> bool:
    return _BEGINS_AS_NUMBER.match(cell) is not None
