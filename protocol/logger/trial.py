"""A proposed declaration is tried on its file before it is shown: with each choice that it leaves open, and with what the file asks for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice, product
from typing import NamedTuple

from events.errors import Refused
from protocol.logger.declaration import read_declaration
from protocol.logger.read import Log, read_log
from protocol.logger.refusing import refuse_line
from protocol.logger.seen import NUMBER, Seen, at, cells_as_seen, stamp_text
from protocol.logger.spans import from_ms, plain
from protocol.logger.table import begins_with

CHOOSE = "CHOOSE"
MOST_TRIALS = 240
"""Choices that are tried one after another; those that do not fit are refused at their first row."""


class Field(NamedTuple):
    """A field of a proposal: its value as YAML, how it was seen, and what may be chosen where a choice is left open."""

    name: str
    value: str
    why: str
    options: tuple[str, ...] = ()


def extended(seen: Seen, said: Sequence[Field]) -> Iterator[list[Field]]:
    """The proposal, then with what rows wider or narrower than their heading, the doubled hour, or a second table ask for."""
    rows_: list[list[Field]] = [[], *([field] for field in _of_width(seen))]
    begins, ends = _begins(seen), _ends(seen)
    order = Field("repeated_hour", "order", "LOOK: an hour comes twice when clocks are put back; the rows' order tells")
    for more, begin, last in product(rows_, [[], *([[begins]] if begins else [])], [[], *([[ends]] if ends else [])]):
        yield [*said, *more, *begin, *last]
        yield [*said, *more, *begin, *last, order]


def _of_width(seen: Seen) -> Iterator[Field]:
    """What the widths of rows and heading ask for. Never where a decimal comma may have parted a number."""
    widths = {len(cells) for _, cells in seen.rows}
    wide = len(seen.heading)
    if not seen.heading or widths == {wide} or seen.may_be_split():
        return
    if widths == {wide + 1} and not any(cells[-1] for _, cells in seen.rows):
        yield Field("trailing", "rows", "each row ends with a separator, the heading does not")
    if widths == {wide - 1} and not seen.heading[-1]:
        yield Field("trailing", "heading", "the heading ends with a separator, rows do not")
    needed = max(seen.needed, *seen.temperatures()) + 1
    first = min(min(widths), wide - 1)
    names = [cell for cell in seen.heading[first:] if cell]
    if first >= needed and names and not any(NUMBER.match(at(cells, first)) for _, cells in seen.rows):
        told = f"LOOK: rows have {min(widths)} to {max(widths)} cells, the heading {wide}; do these columns hold words?"
        yield Field("free_text", json.dumps(names, ensure_ascii=False), told)


def _begins(seen: Seen) -> Field | None:
    """The line above the heading, where another table stands before this one."""
    heading = max((n for n, line in seen.before if cells_as_seen(line, seen.delimiter) == seen.heading), default=0)
    above = [(number, line) for number, line in seen.before if number < heading or not seen.heading]
    if not above or begins_with(seen.before[0][1], [above[-1][1]]) or _other_readings(seen, above):
        return None
    return Field("begins", _start(above[-1][1]), "LOOK: other tables stand before it; they are not read")


def _ends(seen: Seen) -> Field | None:
    """Where another table begins behind this one, its first line."""
    if not seen.after or _other_readings(seen, seen.after):
        return None
    return Field("ends", _start(seen.after[0][1]), "LOOK: another table begins there; it is not read")


def _start(line: str) -> str:
    return json.dumps([line.lstrip().lstrip('"')[:60].rstrip()], ensure_ascii=False)


def _other_readings(seen: Seen, lines: Sequence[tuple[int, str]]) -> bool:
    """Whether lines look like readings of other moments than the table has: nothing that would lose them is proposed."""
    known = {seen.stamp(number) for number in range(len(seen.rows))}
    cut = (cells_as_seen(line, seen.delimiter) for _, line in lines)
    return any(
        ":" in at(cells, seen.time)
        and stamp_text(cells, seen.date, seen.time) not in known
        and any(NUMBER.fullmatch(at(cells, place)) for place in seen.temperatures())
        for cells in cut
    )


def tried(data: bytes, proposals: Sequence[tuple[Seen, list[Field]]]) -> tuple[list[Field], str]:
    """The first proposal that reads the file, and what it reads, as a comment.

    Raises:
        Refused: `logger.detect`, none does.
    """
    first: Refused | None = None
    for seen, said in proposals:
        for text in islice(_chosen(said), MOST_TRIALS):
            try:
                log = read_log(data, read_declaration(text, "the proposal"))
            except Refused as refused:
                first = first or refused
                continue
            if min(log.lines) >= seen.rows[0][0]:
                return list(said), _told(log)
    advice = first.advice if first else "Export the readings alone; two tables in one file are two files."
    if first is not None and first.rule == "logger.order" and any(_no_zone(said) for _, said in proposals):
        advice = f"If the clocks were put back in that night, name the zone: `--zone Europe/Berlin`. {advice}"
    reason = f"{first.says[:1].lower()}{first.says[1:].rstrip('.')}" if first else "it reads another table of the file"
    raise refuse_line(
        "logger.detect",
        None,
        f"is read by no declaration that could be seen from it: {reason}",
        advice,
        **({"refused": first.rule} if first else {}),
    )


def _no_zone(said: Sequence[Field]) -> bool:
    return any(field.name == "zone" and CHOOSE in field.value for field in said)


def _chosen(said: Sequence[Field]) -> Iterator[str]:
    """The proposal with every choice made, one after another."""
    made = [[field.value] if CHOOSE not in field.value else list(field.options) for field in said]
    for values in product(*made):
        yield "".join(f"{field.name}: {value}\n" for field, value in zip(said, values, strict=True))


def _told(log: Log) -> str:
    """What a proposal reads, in a comment."""
    known = [value for value in log.values if value is not None]
    span = f"{from_ms(log.times[0]):%Y-%m-%d %H:%M} to {from_ms(log.times[-1]):%Y-%m-%d %H:%M} UTC"
    told = f", {plain(round(min(known), 3))} to {plain(round(max(known), 3))} C" if known else ""
    return f"# With it {len(log.times)} readings are read, {span}{told}. Is that what the logger's own report says?\n"
