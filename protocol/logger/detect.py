"""Propose a declaration for a logger's file. What the file shows is written down with how it was seen; what it does not show is left to
be chosen by a person, and a proposal with a choice left open reads no file.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice, pairwise, product

from events.errors import Refused
from protocol.logger.declaration import DELIMITERS, read_declaration
from protocol.logger.read import read_log
from protocol.logger.refusing import refuse_line, shown
from protocol.logger.spans import from_ms, plain
from protocol.logger.stamps import NoSuchTime, Stamps, stamps
from protocol.logger.table import cells_of, check_kind, decoded, numbered, unit_in, zones_in

CHOOSE = "CHOOSE"
LOOKED_AT = 20_000
"""Lines that a proposal is made from."""
LEAST_ROWS = 3
_DATES = (
    "YYYY-MM-DD", "YYYY/MM/DD", "YYYY.MM.DD", "DD.MM.YYYY", "DD.MM.YY", "DD/MM/YYYY", "MM/DD/YYYY", "DD/MM/YY", "MM/DD/YY",
    "DD-MM-YYYY", "MM-DD-YYYY", "DD-MM-YY", "DD-MMM-YYYY", "DD MMM YYYY", "DD-MMM-YY", "MMM DD YYYY", "MMM DD, YYYY",
)  # fmt: skip
_TIMES = ("HH:mm[:ss][.fff]", "hh:mm[:ss] AM")
_NUMBER = re.compile(r"[+\-−]?[0-9]{1,4}(?:[.,][0-9]{1,6})?\s*(?:[°º]?\s*[CFK])?", re.ASCII)
_MARKED = re.compile(
    r"[+\-−]?[0-9]{1,4}(?:[.,][0-9]{1,6})?\s*(?:[°º]?\s*[CFK])?\s*([^\s0-9.,+\-][^0-9]{0,7})", re.ASCII
)
_WHOLE = re.compile(r"[0-9]+", re.ASCII)
_TEMPERATURE = re.compile(r"temp|celsius|fahrenheit|kelvin|[°º]\s*[CFK]", re.IGNORECASE)
_UNITS = frozenset("c f k °c °f ºc ºf celsius fahrenheit kelvin".split())


@dataclass(frozen=True, slots=True)
class _Seen:
    """A table as it was seen: the delimiter, the places of the time (and date), the rows with their lines, what stands before."""

    delimiter: str
    date: int | None
    time: int
    rows: list[tuple[int, list[str]]]
    before: list[tuple[int, str]]
    forms: list[str]


def propose(data: bytes, zone: str | None = None) -> str:
    """A proposal as the text of a format file.

    Raises:
        Refused: not a text, or nothing in it looks like a table of readings.
    """
    check_kind(data)
    encoding, how = _encoding(data)
    lines = list(islice(numbered(decoded(data, encoding)), LOOKED_AT))
    seen = _seen(lines)
    if seen is None:
        raise refuse_line(
            "logger.detect",
            None,
            f"has no {LEAST_ROWS} lines in which a time and a number stand in cells of their own",
            "Export the readings as text (CSV); a picture or a report for people holds none.",
        )
    said = list(_said(seen, encoding, how, zone))
    open_ = [field for field, value, _ in said if CHOOSE in value]
    text = "".join(f"{field}: {value}{f'  # {why}' if why else ''}\n" for field, value, why in said)
    head = "# A proposal, for a person to check: nothing is read by it until it is saved and named.\n"
    if open_:
        return f"{head}# {CHOOSE} stands where the file does not say: {', '.join(open_)}.\n{text}"
    return f"{head}{_tried(data, text)}{text}"


def _tried(data: bytes, text: str) -> str:
    """What the proposal reads, in a comment."""
    try:
        log = read_log(data, read_declaration(text, "the proposal"))
    except Refused as refused:
        return f"# With it the file is refused: {refused.says}\n"
    known = [value for value in log.values if value is not None]
    span = f"{from_ms(log.times[0]):%Y-%m-%d %H:%M} to {from_ms(log.times[-1]):%Y-%m-%d %H:%M} UTC"
    told = f", {plain(round(min(known), 3))} to {plain(round(max(known), 3))} C" if known else ""
    return f"# With it {len(log.times)} readings are read, {span}{told}. Is that what the logger's own report says?\n"


def _encoding(data: bytes) -> tuple[str, str]:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16", "its first two bytes say so"
    if data[:400].count(b"\0") > len(data[:400]) // 4:
        return "utf-16", "every other byte is zero"
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as problem:
        return "cp1252", f"byte {problem.start} is not UTF-8; LOOK whether ° and letters with accents are right"
    return "utf-8", ""


# ---------------------------------------------------------------------------------------------------- the table


def _seen(lines: Sequence[tuple[int, str]]) -> _Seen | None:
    """The table by the delimiter, and the columns, under which most lines are rows."""
    best: _Seen | None = None
    for name, mark in DELIMITERS.items():
        cut = [(number, _cut(line, mark)) for number, line in lines]
        for date, time, forms in _stamp_columns([cells for _, cells in cut]):
            rows = _longest_run(cut, lambda cells: _is_row(cells, date, time, forms))  # noqa: B023  # called at once
            if len(rows) >= LEAST_ROWS and (best is None or len(rows) > len(best.rows)):
                before = [(number, line) for number, line in lines if number < rows[0][0] and line.strip()]
                best = _Seen(name, date, time, rows, before, [form.form for form in forms])
    return best


def _longest_run(
    cut: Sequence[tuple[int, list[str]]], is_row: Callable[[list[str]], bool]
) -> list[tuple[int, list[str]]]:
    """The longest run of rows with nothing but blank lines between them: a preamble may hold a time too."""
    best: list[tuple[int, list[str]]] = []
    run: list[tuple[int, list[str]]] = []
    for number, cells in cut:
        if is_row(cells):
            run.append((number, cells))
        elif any(cells):
            best, run = max(best, run, key=len), []
    return max(best, run, key=len)


def _cut(line: str, mark: str) -> list[str]:
    try:
        return [cell.strip() for cell in cells_of(line, mark)]
    except csv.Error:
        return []


def _stamp_columns(cut: Sequence[list[str]]) -> Iterator[tuple[int | None, int, list[Stamps]]]:
    """Places where times stand, alone or with the date in another column, and the forms that could be meant."""
    middle = [cells for cells in cut if len(cells) > 1][len(cut) // 3 :][:40] or [
        cells for cells in cut if len(cells) > 1
    ]
    width = max((len(cells) for cells in middle), default=0)
    for at in range(min(width, 40)):
        forms = [form for form in _FORMS if _mostly(form, [_at(cells, at) for cells in middle])]
        if forms:
            yield None, at, forms
    for date, time in product(range(min(width, 12)), repeat=2):
        if date != time:
            joined = [f"{_at(cells, date)} {_at(cells, time)}".strip() for cells in middle]
            forms = [form for form in _FORMS if _mostly(form, joined)]
            if forms:
                yield date, time, forms


def _mostly(form: Stamps, texts: Sequence[str]) -> bool:
    said = [text for text in texts if text]
    return len(said) >= 2 and 3 * sum(1 for text in said if form.pattern.fullmatch(text)) > 2 * len(said)


def _is_row(cells: Sequence[str], date: int | None, time: int, forms: Sequence[Stamps]) -> bool:
    text = _at(cells, time) if date is None else f"{_at(cells, date)} {_at(cells, time)}"
    others = [cell for at, cell in enumerate(cells) if at not in (date, time)]
    return any(form.pattern.fullmatch(text) for form in forms) and bool(others)


def _at(cells: Sequence[str], place: int) -> str:
    return cells[place] if place < len(cells) else ""


def _every_form() -> Iterator[Stamps]:
    for date, between, time, offset in product(_DATES, (" ", "T"), _TIMES, ("", "ZZ")):
        if between == "T" and not date.startswith("YYYY-"):
            continue
        yield stamps(f"{date}{between}{time}{offset}")


_FORMS = tuple(_every_form())


# ---------------------------------------------------------------------------------------------------- what is said of it


def _said(seen: _Seen, encoding: str, how: str, zone: str | None) -> Iterator[tuple[str, str, str]]:
    """Each field of the proposal: its name, its value as YAML, and how it was seen."""
    heading = _heading(seen)
    form, order, why = _form(seen)
    places = _temperatures(seen, heading)
    place = places[0] if len(places) == 1 else None
    yield "id", "ours", "a name of your own, that of the file"
    yield "title", _quoted("What this logger's program writes"), "say which logger, which program"
    yield "encoding", encoding, how
    yield "delimiter", seen.delimiter, f"{len(seen.rows)} lines are rows by it"
    yield "decimal", *_decimal(seen, places)
    yield (
        "header",
        "named" if heading else "none",
        "" if heading else "no heading is above the first row; columns by place",
    )
    yield "columns", "{" + ", ".join(_columns(seen, heading, places)) + "}", _told_columns(places, heading)
    yield "times", _quoted(form) if CHOOSE not in form else form, why
    yield "unit", *_unit(seen, heading, place)
    yield "zone", *_zone(seen, heading, form, zone)
    yield "rows", order, ""
    yield "interval", "stated", "as most rows are apart; or say it: 10 min"
    yield from _words(seen, places)


def _heading(seen: _Seen) -> list[str]:
    """The cells of the line above the first row, if they are no numbers."""
    need = max(seen.time, seen.date or 0)
    for _, line in reversed(seen.before[-3:]):
        cells = _cut(line, DELIMITERS[seen.delimiter])
        if len(cells) > need and cells[seen.time] and not _NUMBER.fullmatch(cells[seen.time]):
            return cells
    return []


def _form(seen: _Seen) -> tuple[str, str, str]:
    """The form of times, whether they rise or fall, and how that was seen."""
    fitting: dict[str, str] = {}
    for text in seen.forms:
        times = list(_moments(stamps(text), seen))
        if len(times) == len(seen.rows) and (order := _order(times)):
            fitting[text] = order
    if not fitting:
        return f"{CHOOSE}", "rising", f"no form reads every row in order; the first is {shown(_text(seen, 0))}"
    forms = list(fitting)
    if len(forms) == 1 or not {"DD", "MM"} & {forms[0][:2]}:
        return forms[0], fitting[forms[0]], f"such as {shown(_text(seen, 0))}"
    return (
        f"{CHOOSE}",
        fitting[forms[0]],
        f"{' or '.join(forms)}? day and month are not to be told apart in {shown(_text(seen, 0))}",
    )


def _text(seen: _Seen, number: int) -> str:
    cells = seen.rows[number][1]
    return _at(cells, seen.time) if seen.date is None else f"{_at(cells, seen.date)} {_at(cells, seen.time)}"


def _moments(form: Stamps, seen: _Seen) -> Iterator[datetime]:
    for number in range(len(seen.rows)):
        try:
            read = form.read(_text(seen, number))
        except NoSuchTime:
            return
        if read is None:
            return
        yield read[0]


def _order(times: Sequence[datetime]) -> str:
    # An hour that comes twice in autumn runs backwards once.
    back = sum(1 for one, two in pairwise(times) if two < one)
    forth = sum(1 for one, two in pairwise(times) if two > one)
    return "rising" if back <= 1 <= forth else "falling" if forth <= 1 <= back else ""


def _temperatures(seen: _Seen, heading: Sequence[str]) -> list[int]:
    """Columns that could be the temperature: numbers under a heading that says so, else any numbers that are no counter."""
    width = max(len(cells) for _, cells in seen.rows)
    numbers = []
    for at in range(width):
        texts = [text for _, cells in seen.rows if (text := _at(cells, at))]
        if at in (seen.time, seen.date) or not texts:
            continue
        said = sum(1 for text in texts if _NUMBER.fullmatch(text) or _MARKED.fullmatch(text))
        if 2 * said > len(texts) and not _counts(texts):
            numbers.append(at)
    named = [at for at in numbers if _TEMPERATURE.search(_at(heading, at))]
    return named or numbers


def _counts(texts: Sequence[str]) -> bool:
    if not all(_WHOLE.fullmatch(text) for text in texts):
        return False
    steps = {int(two) - int(one) for one, two in pairwise(texts)}
    return len(steps) == 1 and abs(steps.pop()) == 1


def _decimal(seen: _Seen, places: Sequence[int]) -> tuple[str, str]:
    texts = [_at(cells, at) for _, cells in seen.rows for at in places]
    comma, point = (sum(1 for text in texts if mark in text and _NUMBER.fullmatch(text)) for mark in ",.")
    if comma and point:
        return CHOOSE, f"comma or point: {comma} values have a comma, {point} a point; one file has one mark"
    if comma:
        return "comma", ""
    return "point", "" if point else "no value has a decimal: LOOK"


def _columns(seen: _Seen, heading: Sequence[str], places: Sequence[int]) -> Iterator[str]:
    def named(at: int) -> str:
        return _quoted(heading[at]) if heading and _at(heading, at) else str(at + 1)

    if seen.date is not None:
        yield f"date: {named(seen.date)}"
    yield f"time: {named(seen.time)}"
    yield f"temperature: {named(places[0]) if len(places) == 1 else CHOOSE}"
    if (unit := _unit_column(seen)) is not None:
        yield f"unit: {named(unit)}"


def _told_columns(places: Sequence[int], heading: Sequence[str]) -> str:
    if len(places) == 1:
        return ""
    if not places:
        return "no column of numbers was seen"
    return "the temperature is one of " + " or ".join(
        _quoted(_at(heading, at)) if heading else str(at + 1) for at in places
    )


def _unit_column(seen: _Seen) -> int | None:
    for at in range(max(len(cells) for _, cells in seen.rows)):
        if all(_at(cells, at).casefold() in _UNITS for _, cells in seen.rows):
            return at
    return None


def _unit(seen: _Seen, heading: Sequence[str], place: int | None) -> tuple[str, str]:
    if _unit_column(seen) is not None:
        return "stated", "each row states it"
    if place is not None and (unit := unit_in(_at(heading, place))):
        return "stated", f"the heading states {unit}"
    units = {
        unit
        for _, cells in seen.rows
        if place is not None and (unit := unit_in(re.sub(r"[0-9.,+\-]", "", _at(cells, place))))
    }
    if len(units) == 1:
        return "stated", f"the values state {units.pop()}"
    return CHOOSE, "C, F or K: the file does not say. Look at the logger, not at the values"


def _zone(seen: _Seen, heading: Sequence[str], form: str, zone: str | None) -> tuple[str, str]:
    stated = zones_in(seen.before, [_at(heading, at) for at in (seen.date, seen.time) if at is not None])
    if form.endswith("ZZ"):
        return "stated", "each time carries its offset"
    if zone is not None:
        return (
            zone,
            f"as you say; the file says {stated[0]}" if stated else "as you say; LOOK what the logger was set to",
        )
    if stated:
        return "stated", f"the file says {', '.join(dict.fromkeys(stated))}"
    return CHOOSE, "Europe/Berlin, or +01:00: which clock was the logger set by, and did it follow summer time?"


def _words(seen: _Seen, places: Sequence[int]) -> Iterator[tuple[str, str, str]]:
    """What stands in the temperature's place and is no plain number: signs behind numbers, words, nothing."""
    if len(places) != 1:
        return
    texts = Counter(_at(cells, places[0]) for _, cells in seen.rows)
    odd = {text: count for text, count in texts.items() if text and not _NUMBER.fullmatch(text)}
    marks = Counter[str]()
    words = Counter[str]()
    for text, count in odd.items():
        if match := _MARKED.fullmatch(text):
            marks[match[1].strip()] += count
        else:
            words[text] += count
    for field, found, question in (
        ("marks", marks, "is that an alarm's sign that changes no number?"),
        ("missing", words, "is that what the logger writes when it knows nothing?"),
    ):
        if found:
            told = ", ".join(f"{word} {count} times" for word, count in found.most_common(8))
            yield (
                field,
                json.dumps([word for word, _ in found.most_common(8)], ensure_ascii=False),
                f"LOOK: {told}; {question}",
            )
    if texts[""]:
        told = f"{texts['']} rows have a time and no temperature: a reading that failed, or no reading at all?"
        yield "empty", CHOOSE, f"unknown or event? {told}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
