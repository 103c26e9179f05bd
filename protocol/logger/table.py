"""From bytes to the table in them: what kind of file it is, its text, its heading, its rows with their lines."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from protocol.logger.declaration import Declaration
from protocol.logger.refusing import refuse_line, shown

LARGEST_FILE = 16 * 1024 * 1024
"""Bytes of the largest temperature log that is read: more than a reading a second for three days."""
LONGEST_PREAMBLE = 500
"""Lines among which the heading must be found."""
LONGEST_LINE = 20_000

_KINDS: tuple[tuple[bytes, str], ...] = (
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "an Excel workbook or another ZIP file"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"\x1f\x8b", "a compressed file (gzip)"),
    (b"\x89PNG", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"GIF8", "a picture (GIF)"),
    (b"SQLite format 3", "a database (SQLite)"),
    (b"{\\rtf", "a word processor's file (RTF)"),
    (b"Rar!", "an archive (RAR)"),
    (b"7z\xbc\xaf", "an archive (7z)"),
    (b"BM", "a picture (BMP)"),
)
_UNIT = re.compile(
    r"[°º˚]\s*([CFK])\b|\b(celsius|fahrenheit|kelvin)\b|(?:^|[\s(\[,_/])(?:deg\.?\s*|degrees?\s+)?([CFK])\s*(?=$|[)\],;:\s])",
    re.IGNORECASE,
)
_NO_TEMPERATURE = re.compile(
    r"[°º˚]\s*[A-Za-z]+|(?<=[(\[])\s*(?:%\s*(?:r\.?\s?h\.?)?|[mkµ]?V|[mµ]?A|[kM]?(?:Ohm|Ω)|[hkM]?Pa|m?bar)\s*(?=[)\]])",
    re.IGNORECASE,
)
_ZONE = re.compile(
    r"(?:UTC|GMT)\s*[+\-−]\s*[0-9]{1,2}(?::?[0-9]{2})?|(?<![A-Za-z])(?:UTC|GMT)(?![A-Za-z])", re.IGNORECASE
)
_ZONE_WORD = re.compile(r"zone|\bTZ\b", re.IGNORECASE)
_SPACES = re.compile(r"[\s\u00a0\u202f]+")


@dataclass(frozen=True, slots=True)
class Table:
    """The table that a file holds, before its rows are read.

    Args:
        heading: the cells of the heading; empty where the format has none.
        line: the line of the heading; 0 where there is none.
        date, time, temperature, unit: places of the columns, from 0; None where there is none.
        zones: what the heading and the lines before it say of a time zone, with their lines.
    """

    heading: tuple[str, ...]
    line: int
    time: int
    temperature: int
    date: int | None
    unit: int | None
    zones: tuple[tuple[int, str], ...]

    @property
    def widest(self) -> int:
        """The last column that is needed."""
        return max(self.time, self.temperature, self.date or 0, self.unit or 0)


def check_kind(data: bytes) -> None:
    """Refuse what is no text, whatever its name says.

    Raises:
        Refused: `logger.kind`, `logger.size`, `logger.empty`.
    """
    if len(data) > LARGEST_FILE:
        raise too_large(len(data))
    start = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start:
        raise refuse_line("logger.empty", None, "is empty", "Read the logger out again; an empty file says nothing.")
    for magic, kind in _KINDS:
        if start.startswith(magic):
            raise _kind(kind)
    low = start[:200].lower()
    if low.startswith((b"<!doctype", b"<html", b"<?xml", b"<")):
        raise _kind("a web page or XML")
    if low.startswith((b"{", b"[{")):
        raise _kind("JSON")


def too_large(size: int | None) -> Exception:
    """The refusal of a file that is too large to be one logger's export."""
    told = f"has {size:,} bytes" if size is not None else f"has more than {LARGEST_FILE:,} bytes"
    return refuse_line(
        "logger.size",
        None,
        f"{told}; {LARGEST_FILE:,} is the most",
        "Export the days of this transport only, or a longer interval; whole archives are not read.",
        bytes=size or "",
    )


def _kind(kind: str) -> Exception:
    return refuse_line(
        "logger.kind",
        None,
        f"is {kind}, whatever its name ends in",
        "Export the readings as text (CSV) from the logger's program; a report for people is not read.",
        kind=kind,
    )


def decoded(data: bytes, encoding: str) -> str:
    """The text of a file.

    Raises:
        Refused: `logger.encoding`, naming the first line that is not so encoded.
    """
    codec = {"utf-8": "utf-8-sig", "utf-16": "utf-16", "latin-1": "latin-1", "cp1252": "cp1252"}[encoding]
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    if encoding == "utf-16" and not wide:
        codec = "utf-16-be" if data[:1] == b"\0" else "utf-16-le"
    if wide and encoding != "utf-16":
        raise refuse_line(
            "logger.encoding", None, f"is UTF-16, the format says {encoding}", "Declare `encoding: utf-16`."
        )
    try:
        text = data.decode(codec)
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        raise refuse_line(
            "logger.encoding",
            line,
            f"byte {problem.start} is not {encoding}",
            "Declare the encoding that the logger's program writes, often cp1252 or utf-16.",
            encoding=encoding,
        ) from None
    if (at := text.find("\0")) >= 0:
        raise refuse_line(
            "logger.kind",
            text.count("\n", 0, at) + 1,
            "there is a zero character: this is no text, or is UTF-16 and not declared so",
            "Export the readings as text (CSV) from the logger's program.",
        )
    return text.removeprefix("\ufeff")


def numbered(text: str) -> Iterator[tuple[int, str]]:
    """The lines of a text with their numbers; LF, CR LF and CR end one.

    Raises:
        Refused: a line longer than any row.
    """
    for number, line in enumerate(io.StringIO(text, newline=None), 1):
        if len(line) > LONGEST_LINE:
            raise refuse_line("logger.kind", number, f"has {len(line):,} characters", "This is no table of readings.")
        yield number, line.rstrip("\n")


def cells_of(line: str, delimiter: str) -> list[str]:
    """The cells of a line.

    Raises:
        csv.Error: a quote that is not closed.
    """
    if '"' not in line:
        return line.split(delimiter)
    (cells,) = csv.reader([line], delimiter=delimiter, strict=True, skipinitialspace=True)
    return cells


def flat(text: str) -> str:
    """A heading as it is compared: one space between words, case ignored, the signs for degree all the same."""
    return _SPACES.sub(" ", text).strip().casefold().replace("º", "°").replace("˚", "°")


def unit_in(text: str) -> str | None:
    """The unit of temperature that a text states: C, F or K; None where it states none.

    ``Temperature (°C)``, ``Temp, °F``, ``Celsius(°C)``, ``deg C``, ``K``.
    """
    found = {(one or word[:1] or bare).upper() for one, word, bare in _UNIT.findall(text)}
    return found.pop() if len(found) == 1 else None


def other_unit_in(text: str) -> str | None:
    """The unit that a heading states where it is none of temperature that is read: ``°X``, ``(mV)``, ``[%RH]``; else None."""
    found = None if unit_in(text) else _NO_TEMPERATURE.search(text)
    return found.group().strip() if found else None


def zones_in(before: Sequence[tuple[int, str]], headings: Sequence[str]) -> list[str]:
    """The zones that are stated as an offset: in the headings of times, and in lines before that speak of a zone."""
    spoken = [text for _, text in before if _ZONE_WORD.search(text)]
    return [zone for text in (*spoken, *headings) for zone in _ZONE.findall(text)]


def find_table(lines: Iterator[tuple[int, str]], declared: Declaration) -> Table:
    """Read on to the heading; the next line is the first after it.

    Raises:
        Refused: `logger.heading` or `logger.columns`.
    """
    if declared.header == "none":
        places = {name: _place(getattr(declared.columns, name)) for name in ("date", "time", "temperature", "unit")}
        return Table((), 0, places["time"] or 0, places["temperature"] or 0, places["date"], places["unit"], ())
    before: list[tuple[int, str]] = []
    best: tuple[int, int, list[str]] = (0, 0, [])
    for number, line in lines:
        cells = _lenient(line, declared.cell)
        found = {name: _fitting(cells, names) for name, names in _wanted(declared)}
        have = [name for name, places in found.items() if places]
        if len(have) == len(found):
            return _table(declared, number, cells, found, before)
        if len(have) > best[0]:
            best = (len(have), number, [name for name in found if name not in have])
        before.append((number, line))
        if number >= LONGEST_PREAMBLE:
            break
    raise _no_heading(declared, best, before)


def _wanted(declared: Declaration) -> list[tuple[str, tuple[str, ...]]]:
    columns = declared.columns
    named = [
        ("date", columns.date),
        ("time", columns.time),
        ("temperature", columns.temperature),
        ("unit", columns.unit),
    ]
    return [(name, texts) for name, texts in named if texts]


def _place(texts: Sequence[str]) -> int | None:
    return int(texts[0]) - 1 if texts else None


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


def _table(
    declared: Declaration, line: int, cells: list[str], found: dict[str, list[int]], before: list[tuple[int, str]]
) -> Table:
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
        tuple(cells), line, place["time"], place["temperature"], place.get("date"), place.get("unit"), tuple(zones)
    )


def _no_heading(declared: Declaration, best: tuple[int, int, list[str]], before: list[tuple[int, str]]) -> Exception:
    _, line, lacks = best
    named = "; ".join(f"{name}: {' or '.join(texts)}" for name, texts in _wanted(declared))
    if line:
        near = next(text for number, text in before if number == line)
        reason = (
            f"{shown(near, 100)} comes nearest to the heading of format {declared.id}, and lacks {', '.join(lacks)}"
        )
    else:
        reason = f"no line is the heading of format {declared.id} ({named}), cells parted by {declared.delimiter}"
        line = 0
    return refuse_line(
        "logger.heading",
        line or None,
        reason if line else f"is another kind of file: {reason}",
        "Is it the right format, and the right file? `unbroken logger detect FILE` proposes what it sees.",
        format=declared.id,
        columns=named,
    )
