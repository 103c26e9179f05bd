"""A proposed declaration is tried on its file before it is shown: with each choice that it leaves open, and with what the file asks for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice, product
from typing import NamedTuple

from events.errors import Refused
from protocol.logger.declaration import DELIMITERS, read_declaration
from protocol.logger.read import Log, read_log
from protocol.logger.refusing import refuse_line
from protocol.logger.seen import NUMBER, Seen, at
from protocol.logger.spans import from_ms, plain

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
    rows_ = [[], *([field] for field in _of_width(seen))]
    ends = _ends(seen)
    order = Field("repeated_hour", "order", "LOOK: an hour comes twice when clocks are put back; the rows' order tells")
    for more in rows_:
        for last in ([], [order], *([[ends], [order, ends]] if ends else ())):
            yield [*said, *more, *last]


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


def _ends(seen: Seen) -> Field | None:
    """Where another table begins behind this one, its first line; not where that goes on with readings, which are not to be lost."""
    if not seen.after or not seen.after[0][1].strip():
        return None
    line = seen.after[0][1].lstrip().lstrip('"')[:60].rstrip()
    return Field("ends", json.dumps([line], ensure_ascii=False), "LOOK: another table begins there; it is not read")


def tried(data: bytes, seen: Seen, proposals: Sequence[list[Field]]) -> tuple[list[Field], str]:
    """The first proposal that reads the file, and what it reads, as a comment.

    Raises:
        Refused: `logger.detect`, none does.
    """
    first: Refused | None = None
    for said in proposals:
        for text in islice(_chosen(said), MOST_TRIALS):
            try:
                log = read_log(data, read_declaration(text, "the proposal"))
            except Refused as refused:
                first = first or refused
                continue
            if min(log.lines) >= seen.rows[0][0] and _whole(seen, said):
                return list(said), _told(log)
    reason = f"{first.says[:1].lower()}{first.says[1:].rstrip('.')}" if first else "it reads another table of the file"
    raise refuse_line(
        "logger.detect",
        None,
        f"is read by no declaration that could be seen from it: {reason}",
        first.advice if first else "Export the readings alone; two tables in one file are two files.",
        **({"refused": first.rule} if first else {}),
    )


def _whole(seen: Seen, said: Sequence[Field]) -> bool:
    """Whether nothing that looks like a reading stands behind the line that is proposed as the end."""
    return not any(field.name == "ends" for field in said) or not any(
        NUMBER.fullmatch(cell) for _, line in seen.after for cell in _temperature_cells(seen, line)
    )


def _temperature_cells(seen: Seen, line: str) -> list[str]:
    cells = [cell.strip().strip('"') for cell in line.split(DELIMITERS[seen.delimiter])]
    return [at(cells, place) for place in seen.temperatures() if ":" in at(cells, seen.time)]


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
