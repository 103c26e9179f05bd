"""Propose a declaration for a logger's file. What the file shows is written down with how it was seen; what it does not show is left to
be chosen by a person, and a proposal with a choice left open reads no file. What is proposed has been tried: it reads the file, with one
choice at least, or nothing is proposed and the reason is said.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import islice, pairwise

from protocol.logger.failing import known_failure
from protocol.logger.refusing import refuse_line, shown
from protocol.logger.seen import LEAST_ROWS, MARKED, MOST_COLUMNS, NUMBER, Seen, at, see
from protocol.logger.spans import plain
from protocol.logger.stamps import NoSuchTime, Stamps, stamps
from protocol.logger.table import check_kind, decoded, numbered, unit_in, units_in, zones_in
from protocol.logger.trial import CHOOSE, Field, extended, tried

LOOKED_AT = 50_000
"""Lines that a proposal is made from."""
MOST_WORDS = 30
"""Words of a logger that are proposed for one field."""
NEAR = 5
"""Degrees: a known failure value with another reading as near as this may be a temperature."""
_DIGITS = re.compile(r"[+\-−–]?[0-9]+(?:[.,][0-9]+)?", re.ASCII)
_UNITS = frozenset("c f k °c °f ºc ºf celsius fahrenheit kelvin".split())


def propose(data: bytes, zone: str | None = None) -> str:
    """A proposal as the text of a format file.

    Raises:
        Refused: `logger.detect`: nothing in it looks like a table of readings, or no declaration that is seen reads it. Others where it
            is no text.
    """
    check_kind(data)
    encoding, how = _encoding(data)
    lines = list(islice(numbered(decoded(data, encoding)), LOOKED_AT))
    tables = see(lines)
    if not tables:
        among = "" if len(lines) < LOOKED_AT else f" among its first {LOOKED_AT:,}, which are looked at,"
        raise refuse_line(
            "logger.detect",
            None,
            f"has no {LEAST_ROWS} lines{among} in which a time (among the first {MOST_COLUMNS} cells) and a number "
            "stand in cells of their own",
            "Export the readings as text (CSV); a picture or a report for people holds none.",
        )
    proposals = [one for seen in tables for one in _proposals(seen, encoding, how, zone)]
    if len(lines) == LOOKED_AT:  # what stands further down was not seen, and no end is proposed before it
        proposals = [one for one in proposals if not any(field.name == "ends" for field in one[1])]
    said, told = tried(data, proposals)
    open_ = [field.name for field in said if CHOOSE in field.value]
    text = "".join(f"{name}: {value}{f'  # {why}' if why else ''}\n" for name, value, why, _ in said)
    head = "# A proposal, for a person to check: nothing is read by it until it is saved and named.\n"
    if open_:
        return f"{head}# {CHOOSE} stands where the file does not say: {', '.join(open_)}.\n{text}"
    return f"{head}{told}{text}"


def _proposals(seen: Seen, encoding: str, how: str, zone: str | None) -> Iterator[tuple[Seen, list[Field]]]:
    """What is tried for a table; without its heading too, where that may be none."""
    ways = [seen]
    if seen.heading and not seen.speaks_of_temperature() and not seen.may_be_split():
        ways.append(seen.without_heading())
    for way in ways:
        for said in extended(way, list(_said(way, encoding, how, zone))):
            yield way, said


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


def _said(seen: Seen, encoding: str, how: str, zone: str | None) -> Iterator[Field]:
    """Each field of the proposal."""
    heading = seen.heading
    form, fitting, order, why = _form(seen)
    places = seen.temperatures()
    yield Field("id", "ours", "a name of your own, that of the file")
    yield Field("title", _quoted("What this logger's program writes"), "say which logger, which program")
    yield Field("encoding", encoding, how)
    yield Field("delimiter", seen.delimiter, f"{len(seen.rows)} lines are rows by it")
    yield Field("decimal", *_decimal(seen, places), ("point", "comma"))
    yield Field(
        "header",
        "named" if heading else "none",
        "" if heading else "no heading is above the first row; columns by place",
    )
    options = tuple(_columns(seen, heading, [one]) for one in places)
    yield Field("columns", _columns(seen, heading, places), _told_columns(places, heading), options)
    yield Field("times", _quoted(form) if CHOOSE not in form else form, why, tuple(map(_quoted, fitting)))
    yield Field("unit", *_unit(seen, heading, places), ("C", "F", "K"))
    yield Field("zone", *_zone(seen, heading, form, zone), ("UTC",))
    yield Field("rows", order, "")
    yield Field("interval", "stated", "as most rows are apart; or say it: 10 min")
    yield from _words(seen, places)


def _form(seen: Seen) -> tuple[str, list[str], str, str]:
    """The form of times, all that it may be, whether they rise or fall, and how that was seen."""
    fitting: dict[str, str] = {}
    for text in seen.forms:
        times = list(_moments(stamps(text), seen))
        if len(times) == len(seen.rows) and (order := _order(times)):
            fitting[text] = order
    if not fitting:
        return CHOOSE, [], "rising", f"no form reads every row in order; the first is {shown(seen.stamp(0))}"
    forms = list(fitting)
    if len(forms) == 1 or not {"DD", "MM"} & {forms[0][:2]}:
        return forms[0], forms, fitting[forms[0]], f"such as {shown(seen.stamp(0))}"
    return (
        CHOOSE,
        forms,
        fitting[forms[0]],
        f"{' or '.join(forms)}? day and month are not to be told apart in {shown(seen.stamp(0))}",
    )


def _moments(form: Stamps, seen: Seen) -> Iterator[datetime]:
    for number in range(len(seen.rows)):
        try:
            read = form.read(seen.stamp(number))
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


def _decimal(seen: Seen, places: Sequence[int]) -> tuple[str, str]:
    texts = [text for place in places for text in seen.column(place)]
    comma, point = (sum(1 for text in texts if mark in text and NUMBER.fullmatch(text)) for mark in ",.")
    if comma and point:
        return CHOOSE, f"comma or point: {comma} values have a comma, {point} a point; one file has one mark"
    if comma:
        return "comma", ""
    if seen.may_be_split():
        return "point", "LOOK: a whole number stands beside a temperature: does a decimal comma part cells?"
    return "point", "" if point else "no value has a decimal: LOOK"


def _columns(seen: Seen, heading: Sequence[str], places: Sequence[int]) -> str:
    return "{" + ", ".join(_named_columns(seen, heading, places)) + "}"


def _named_columns(seen: Seen, heading: Sequence[str], places: Sequence[int]) -> Iterator[str]:
    def named(place: int) -> str:
        return _quoted(heading[place]) if at(heading, place) else str(place + 1)

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
        _quoted(at(heading, place)) if at(heading, place) else str(place + 1) for place in places
    )


def _unit_column(seen: Seen) -> int | None:
    for place in range(max(len(cells) for _, cells in seen.rows)):
        if all(text.casefold() in _UNITS for text in seen.column(place)):
            return place
    return None


def _unit(seen: Seen, heading: Sequence[str], places: Sequence[int]) -> tuple[str, str]:
    if _unit_column(seen) is not None:
        return "stated", "each row states it"
    stated = [unit for place in places if (unit := unit_in(at(heading, place)))]
    if stated and len(stated) == len(places):
        return "stated", f"the heading states {', '.join(dict.fromkeys(stated))}"
    units = {
        unit
        for text in (seen.column(places[0]) if len(places) == 1 else ())
        if (unit := unit_in(re.sub(r"[0-9.,+\-−]", "", text)))
    }
    if len(units) == 1:
        return "stated", f"the values state {units.pop()}"
    said = units_in(seen.before)
    if len({unit for _, unit in said}) == 1:
        return said[0][1], f"LOOK: line {said[0][0]} speaks of {said[0][1]}, the heading states none"
    return CHOOSE, "C, F or K: the file does not say. Look at the logger, not at the values"


def _zone(seen: Seen, heading: Sequence[str], form: str, zone: str | None) -> tuple[str, str]:
    stated = zones_in(seen.before, [at(heading, place) for place in (seen.date, seen.time) if place is not None])
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


def _words(seen: Seen, places: Sequence[int]) -> Iterator[Field]:
    """What stands in the temperature's place and is no plain number: signs behind numbers, words, nothing."""
    if len(places) != 1:
        return
    texts = Counter(seen.column(places[0]))
    odd = {text: count for text, count in texts.items() if text and not NUMBER.fullmatch(text)}
    marks = Counter[str]()
    words = Counter[str]()
    for text, count in odd.items():
        if match := MARKED.fullmatch(text):
            marks[match[1].strip()] += count
        else:
            words[text] += count
    for field, found, question in (
        ("marks", marks, "is that an alarm's sign that changes no number?"),
        ("missing", words, "is that what the logger writes when it knows nothing?"),
    ):
        if found:
            told = ", ".join(f"{word} {count} times" for word, count in found.most_common(8))
            words_ = [word for word, _ in found.most_common(MOST_WORDS)]
            yield Field(field, json.dumps(words_, ensure_ascii=False), f"LOOK: {told}; {question}")
    if texts[""]:
        told = f"{texts['']} rows have a time and no temperature: a reading that failed, or no reading at all?"
        yield Field("empty", CHOOSE, f"unknown or event? {told}", ("unknown", "event"))
    yield from _failures(seen, places[0], texts)


def _failures(seen: Seen, place: int, texts: Counter[str]) -> Iterator[Field]:
    """Values that some sensors give when they have measured nothing, where no other value of the file comes near them."""
    fahrenheit = unit_in(at(seen.heading, place)) == "F"
    numbers = Counter[Decimal]()
    for text, count in texts.items():
        if NUMBER.fullmatch(text) and (match := _DIGITS.match(text)):
            numbers[Decimal(re.sub("[−–]", "-", match[0]).replace(",", "."))] += count
    known = {value for value in numbers if known_failure(value, (value - 32) * 5 / 9 if fahrenheit else value)}
    alone = {value for value in known if all(abs(value - other) > NEAR for other in numbers if other not in known)}
    if alone:
        told = ", ".join(f"{plain(value)} {numbers[value]} times" for value in sorted(alone))
        yield Field(
            "failures",
            "[" + ", ".join(map(plain, sorted(alone))) + "]",
            f"LOOK: {told}; is that what the sensor gives when it has measured nothing?",
        )


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
