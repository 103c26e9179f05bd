"""From bytes to the table in them: what kind of file it is, its text, its heading, its rows with their lines."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from protocol.logger.refusing import refuse_line

LARGEST_FILE = 16 * 1024 * 1024
"""Bytes of the largest temperature log that is read: more than a reading a second for three days."""
LONGEST_LINE = 20_000
"""Characters of the longest line that is read."""

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
_UNIT_WORD = re.compile(r"\bunits?\b|einheit|unit[ée]\b|unidad|\bscale\b|skala", re.IGNORECASE)
_ZONE_WORD = re.compile(r"zone|\bTZ\b", re.IGNORECASE)
_SPACES = re.compile(r"[\s\u00a0\u202f]+")


@dataclass(frozen=True, slots=True)
class Table:
    """The table that a file holds, before its rows are read.

    Args:
        heading: the cells of the heading; empty where the format has none.
        line: the line of the heading; 0 where there is none.
        date, time, temperature, unit: places of the columns, from 0; None where there is none.
        free: the place from which on a row holds free text; None where it holds none.
        zones: what the heading and the lines before it say of a time zone, with their lines.
        units: the units of temperature that lines before the first row speak of, with their lines.
        passed: lines under an earlier heading of the same columns, which has no reading; the line of that heading, and how many.
    """

    heading: tuple[str, ...]
    line: int
    time: int
    temperature: int
    date: int | None
    unit: int | None
    free: int | None = None
    zones: tuple[tuple[int, str], ...] = ()
    units: tuple[tuple[int, str], ...] = ()
    passed: tuple[int, int] = (0, 0)

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
    if start.startswith(b"BM") and b"\0" in start[:30]:
        raise _kind("a picture (BMP)")
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
            reason = f"has {len(line):,} characters; {LONGEST_LINE:,} is the most"
            raise refuse_line("logger.kind", number, reason, "This is no table of readings.")
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


def begins_with(line: str, words: Sequence[str]) -> bool:
    """Whether a line begins with one of the words by which a declaration knows it."""
    start = flat(line.lstrip('"'))
    return any(start.startswith(flat(word)) for word in words)


def unit_in(text: str) -> str | None:
    """The unit of temperature that a text states: C, F or K; None where it states none.

    ``Temperature (°C)``, ``Temp, °F``, ``Celsius(°C)``, ``deg C``, ``K``.
    """
    found = {(one or word[:1] or bare).upper() for one, word, bare in _UNIT.findall(text)}
    return found.pop() if len(found) == 1 else None


def units_in(before: Sequence[tuple[int, str]]) -> list[tuple[int, str]]:
    """The units that lines beside a table speak of, each with its line: with a degree sign, by name, or where a unit is the subject."""
    found = []
    for number, text in before:
        told = {(one or word[:1]).upper() for one, word, _ in _UNIT.findall(text)} - {""}
        if not told and _UNIT_WORD.search(text) and (unit := unit_in(text)):
            told = {unit}
        found += [(number, unit) for unit in sorted(told)]
    return found


def other_unit_in(text: str) -> str | None:
    """The unit that a heading states where it is none of temperature that is read: ``°X``, ``(mV)``, ``[%RH]``; else None."""
    found = None if unit_in(text) else _NO_TEMPERATURE.search(text)
    return found.group().strip() if found else None


def zones_in(before: Sequence[tuple[int, str]], headings: Sequence[str]) -> list[str]:
    """The zones that are stated as an offset: in the headings of times, and in lines before that speak of a zone."""
    spoken = [text for _, text in before if _ZONE_WORD.search(text)]
    return [zone for text in (*spoken, *headings) for zone in _ZONE.findall(text)]
