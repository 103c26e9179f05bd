"""How a logger's file is written, declared before it is read: one YAML file a format. `docs/temperature-logs.md` explains it."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, ValidationError, model_validator

from events.errors import Refused
from events.facts.base import Instant
from events.grammar import dump_json
from events.identifiers import Name
from events.zones import zone_names
from protocol.logger.spans import Length, Span
from protocol.logger.stamps import Stamps, read_offset, stamps
from protocol.model.base import Part, Title, listed
from protocol.plain_yaml import NotPlain, read_plain, unseen
from protocol.wording import in_words

STATED = "stated"
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
LARGEST_FORMAT = 20_000
"""Bytes of a file that declares a format."""

MOST_COLUMNS = 500
"""The last place at which a column without a heading can be named."""
LONGEST_CANONICAL = 2000
"""Characters of a declaration on one line: it stands in the record of each log that is read by it."""

Words = Annotated[tuple[Title, ...], BeforeValidator(listed)]
"""One text, or a list of them."""


def _number(text: str) -> str:
    if not re.fullmatch(r"[+-]?[0-9]{1,12}(?:\.[0-9]{1,12})?", text, re.ASCII):
        raise ValueError(f"{text!r} is no number; write it with a decimal point, such as 85.0 or -127")
    return text


Numbers = Annotated[tuple[Annotated[Title, AfterValidator(_number)], ...], BeforeValidator(listed)]
"""One number, or a list of them, in the unit of the file."""


def _zone(text: str) -> str:
    if text != STATED and _fixed(text) is None and text not in zone_names():
        reason = f"{text!r} is no time zone; write Europe/Berlin, +01:00, UTC, or `stated` where the file says it"
        raise ValueError(reason)
    return text


def _fixed(text: str) -> object:
    return read_offset(text) if re.fullmatch(r"UTC|Z|(?:UTC|GMT)?[+-][0-9:]+", text) else None


Zone = Annotated[Title, AfterValidator(_zone)]


class Columns(Part):
    """Which columns hold what. A text is the column's heading, several are alternatives, ``Temp*`` is how it begins; a whole
    number is its place, counted from 1. `date` only where date and time stand in two columns.
    """

    time: Words
    temperature: Words
    date: Words = ()
    unit: Words = ()


class Point(Part):
    """One moment by the logger's clock and by a right one, both with their offsets."""

    logger: Instant
    true: Instant


class ClockError(Part):
    """How the logger's clock was wrong. One of the three.

    `fast` (or `slow`): by this much all along. `fast_at_read_out` (or `slow_...`): right at the file's first reading, wrong by this
    much at its last, evenly. `points`: two moments, by both clocks.
    """

    fast: Length | None = None
    slow: Length | None = None
    fast_at_read_out: Length | None = None
    slow_at_read_out: Length | None = None
    points: tuple[Point, ...] = ()

    @model_validator(mode="after")
    def _one(self) -> ClockError:
        spans = [self.fast, self.slow, self.fast_at_read_out, self.slow_at_read_out]
        said = sum(1 for span in spans if span is not None) + bool(self.points)
        if said != 1:
            raise ValueError("say one of fast, slow, fast_at_read_out, slow_at_read_out, points")
        if self.points:
            if len(self.points) != 2:
                raise ValueError("points are two moments")
            (first, last) = self.points
            ran, passed = last.logger - first.logger, last.true - first.true
            if not ran or not 0.95 < passed / ran < 1.05:
                raise ValueError("between the two points a clock that gains or loses more than a twentieth is no clock")
        return self


class Declaration(Part):
    """A declared format. What has a default here changes no number: a file that is not as declared is refused."""

    id: Name
    title: Title
    source: Title | None = None
    encoding: Literal["utf-8", "utf-16", "latin-1", "cp1252"]
    delimiter: Literal["comma", "semicolon", "tab", "pipe"]
    decimal: Literal["comma", "point"]
    header: Literal["named", "none"] = "named"
    columns: Columns
    times: Title
    months: Words = ()
    noon: Words = ()
    abbreviations: dict[str, Title] = {}
    unit: Literal["C", "F", "K", "stated"]
    zone: Zone | None = None
    repeated_hour: Literal["refuse", "order", "first", "second"] = "refuse"
    interval: Length | Literal["stated"] | None = None
    rows: Literal["rising", "falling"] = "rising"
    missing: Words = ()
    failures: Numbers = ()
    marks: Words = ()
    empty: Literal["unknown", "event"] = "unknown"
    free_text: Words = ()
    trailing: Literal["rows", "heading"] | None = None
    begins: Words = ()
    ends: Words = ()
    clock: ClockError | None = None

    @model_validator(mode="after")
    def _fits(self) -> Declaration:
        self.stamps()
        if self.header == "none":
            self._places()
        if self.columns.unit and self.unit != STATED:
            raise ValueError("unit: a file with a column of units states it; write `unit: stated`")
        if len(self.canonical()) > LONGEST_CANONICAL:
            raise ValueError(
                f"says so much that it does not fit into the record: more than {LONGEST_CANONICAL:,} characters on one line; "
                "shorten title, source and alternatives"
            )
        return self

    def _places(self) -> None:
        """Without a heading, every column is named by its place.

        Raises:
            ValueError: one is not, or a column that is needed stands behind free text.
        """
        columns = {f"columns.{name}": getattr(self.columns, name) for name in ("time", "temperature", "date", "unit")}
        for name, texts in {**columns, "free_text": self.free_text}.items():
            for text in texts:
                if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= MOST_COLUMNS:
                    raise ValueError(
                        f"{name}: without a heading a column is named by its place, such as 2, at most {MOST_COLUMNS}"
                    )
        needed = max(int(text) for texts in columns.values() for text in texts)
        if any(int(text) <= needed for text in self.free_text):
            raise ValueError(f"free_text: only columns behind the {needed}th can be free text")
        if self.trailing:
            raise ValueError("trailing: without a heading there is nothing to hold the rows against")

    def stamps(self) -> Stamps:
        """The reader of its times.

        Raises:
            ValueError: the format of times says too little, or too much.
        """
        return stamps(self.times, self.months, self.noon, self.abbreviations)

    def canonical(self) -> str:
        """The whole declaration on one line, the same for the same declaration: this is what the record keeps."""
        return dump_json(self.model_dump(mode="json", exclude_none=True)).decode()

    @property
    def cell(self) -> str:
        """What stands between two cells."""
        return DELIMITERS[self.delimiter]

    def with_(self, **changes: object) -> Declaration:
        """The declaration with some fields said otherwise (None changes nothing), checked again.

        Raises:
            Refused: the new value does not fit.
        """
        said = {name: value for name, value in changes.items() if value is not None}
        return (
            validated({**self.model_dump(mode="json", exclude_none=True), **said}, f"format {self.id}")
            if said
            else self
        )


def read_declaration(text: str, name: str) -> Declaration:
    """Read a format from its YAML.

    Raises:
        Refused: `logger.format`, with line and reason of what is wrong.
    """
    if len(text.encode("utf-8", "surrogatepass")) > LARGEST_FORMAT:
        raise _wrong(name, [f"it has more than {LARGEST_FORMAT:,} bytes"])
    try:
        document = read_plain(text)
    except NotPlain as wrong:
        raise _wrong(name, [f"line {wrong.line} {wrong.field} {wrong.reason}"]) from None
    if found := [f"line {document.line(path)}, {document.field(path)}: {says}" for path, says in unseen(document.root)]:
        raise _wrong(name, found)
    try:
        return Declaration.model_validate(document.root)
    except ValidationError as problem:
        told = [
            f"line {document.line(p.path)}, {document.field(p.path) or 'the format'}: {p.reason}"
            for p in in_words(problem, Declaration)
        ]
        raise _wrong(name, told) from None


def validated(document: dict[str, object], name: str) -> Declaration:
    """A declaration from plain values.

    Raises:
        Refused: `logger.format`.
    """
    try:
        return Declaration.model_validate(document)
    except ValidationError as problem:
        told = [f"{'.'.join(map(str, p.path)) or 'it'}: {p.reason}" for p in in_words(problem, Declaration)]
        raise _wrong(name, told) from None


def _wrong(name: str, told: list[str]) -> Refused:
    return Refused(
        "logger.format",
        f"{name} declares no format that a file could be read by: {'; '.join(told[:8])}.",
        values={"format": name, "problems": told[:20]},
        advice="Correct it; docs/temperature-logs.md explains every field, and `unbroken logger detect FILE` proposes one.",
    )


__all__ = ["STATED", "ClockError", "Columns", "Declaration", "Point", "Span", "read_declaration", "validated"]
