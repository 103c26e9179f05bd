"""What every screen has in common: names, times with zone, tables (drawn on a terminal, plain when piped), JSON."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from events.instant import to_wire
from events.writing import escaped, visible

if TYPE_CHECKING:
    from console.site import Site
    from events.authority import Authority


def clean(text: str) -> str:
    """A text as it is printed, whatever it is and wherever it came from: it cannot move a terminal's cursor, colour it, or
    turn or hide what stands beside it."""
    return visible(text)


def say(text: str, end: str = "\n") -> None:
    """One line for the person at the terminal that is no part of the answer: on standard error."""
    print(clean(text), end=end, file=sys.stderr, flush=True)


def _cell(text: str) -> str:
    return clean(" ".join(text.split("\n")))


def as_json(document: object) -> None:
    """One JSON document; times are spelled as on the wire, in UTC."""
    print(json_text(document, indent=2))


def as_json_line(document: object) -> None:
    """One JSON object on one line."""
    print(json_text(document))


def json_text(document: object, indent: int | None = None) -> str:
    """A document as JSON, every character that hides written as an escape."""
    return escaped(json.dumps(document, ensure_ascii=False, indent=indent, default=_plain))


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return to_wire(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return str(value)


class Screen:
    """Prints for one site: its zone for times, its people's printed names for accounts."""

    def __init__(self, site: Site) -> None:
        self.site, self._authority = site, None

    @property
    def authority(self) -> Authority:
        """Who may sign, read when a name is first needed."""
        if self._authority is None:
            self._authority = self.site.log.authority()  # type: ignore[assignment]
        return self._authority  # type: ignore[return-value]

    def when(self, moment: date | None) -> str:
        """A time in the site's zone with its offset: ``2026-03-01 10:30 +01:00``; a day alone as it was written."""
        if moment is None:
            return ""
        if not isinstance(moment, datetime):
            return moment.isoformat()
        local = moment.astimezone(self.site.zone)
        return f"{local:%Y-%m-%d %H:%M} {local.isoformat()[-6:]}"

    def name(self, account: str) -> str:
        """``Grace Nurse (nurse.1)``."""
        return f"{self.authority.printed_name(account)} ({account})" if account else ""

    def signature(self, account: str, recorded: datetime, meaning: str) -> str:
        """Printed name, date and time, meaning (21 CFR 11.50)."""
        return f"{self.name(account)}, {self.when(recorded)}, {meaning}"

    def simulated(self) -> None:
        """Say so where the site's time is not the world's."""
        if self.site.simulated:
            line(f"simulated time at {self.site.name}: {self.when(self.site.now())}")

    def zone_note(self) -> str:
        """For the title of a table of times."""
        return f"times in {self.site.zone.key}" + (", simulated" if self.site.simulated else "")


def line(text: str = "") -> None:
    """One line."""
    print(clean(text))


def first_of(told: str, command: str, most: int = 3) -> str:
    """The first clauses of a list that is too long for a line, with how many more there are and the command that shows all."""
    clauses = told.split("; ")
    if len(clauses) <= most:
        return told
    return f"{'; '.join(clauses[:most])}; and {len(clauses) - most} more: {command}"


def as_it_is(text: str) -> None:
    """A text to the byte, for a file: what it may hold was looked at when it was read."""
    print(text, end="")


def pairs(rows: Iterable[tuple[str, str]], indent: str = "") -> None:
    """Labels and values, the values aligned; empty ones are left out."""
    kept = [(label, value) for label, value in rows if value]
    width = max((len(label) for label, _ in kept), default=0)
    for label, value in kept:
        print(f"{indent}{label:<{width}}  {_cell(value)}")


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], title: str = "", nothing: str = "Nothing.") -> None:
    """A table: drawn on a terminal, columns aligned with spaces when piped."""
    filled = [[_cell(str(cell)) for cell in row] for row in rows]
    if not filled:
        line(f"{title}: {nothing[:1].lower()}{nothing[1:]}" if title else nothing)
        return
    if sys.stdout.isatty():
        _drawn(columns, filled, title)
        return
    if title:
        line(title)
    widths = [max(len(c), *(len(row[i]) for row in filled)) for i, c in enumerate(columns)]
    for row in [list(columns), *filled]:
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


def _drawn(columns: Sequence[str], rows: list[list[str]], title: str) -> None:
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(title=clean(title) or None, title_justify="left", box=SIMPLE, pad_edge=False)
    for column in columns:
        drawn.add_column(column, overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    Console(width=max(80, shutil.get_terminal_size().columns), highlight=False).print(drawn)


def row(mapping: Mapping[str, Any], *names: str) -> list[str]:
    """Cells of a mapping in order, None and empty as nothing."""
    return [str(mapping.get(name) or "") for name in names]
