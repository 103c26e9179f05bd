"""Date and time as a logger writes them: a format in letters (``DD.MM.YYYY HH:mm:ss``) becomes a reader of one text.

YYYY or YY, MM or MMM (name of the month), DD, HH (24 hours) or hh with AM, mm, ss, fff (fraction of a second), ZZ (an offset
from UTC). Day, month and hour may have one digit or two. What stands in [ ] may be missing. Everything else is itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

ENGLISH = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_TOKEN = re.compile(r"YYYY|YY|MMM|MM|DD|HH|hh|mm|ss|fff|AM|ZZ|\[|\]|\s+|.", re.DOTALL)
_PATTERNS = {
    "YYYY": r"(?P<year>[0-9]{4})",
    "YY": r"(?P<short>[0-9]{2})",
    "MMM": r"(?P<name>[^\W\d_]{3,12})\.?",
    "MM": r"(?P<month>[0-9]{1,2})",
    "DD": r"(?P<day>[0-9]{1,2})",
    "HH": r"(?P<hour>[0-9]{1,2})",
    "hh": r"(?P<half>[0-9]{1,2})",
    "mm": r"(?P<minute>[0-9]{2})",
    "ss": r"(?P<second>[0-9]{2})",
    "fff": r"(?P<fraction>[0-9]{1,6})",
    "AM": r"(?P<noon>[aApP]\.?\s?[mM]\.?)",
    "ZZ": r"(?P<zone>[+\-−][0-9]{1,2}:?[0-9]{2}|[+\-−][0-9]{1,2}|[A-Za-z]{1,5}(?:[+\-−][0-9]{1,2}(?::?[0-9]{2})?)?)",
    "[": "(?:",
    "]": ")?",
}
_OFFSET = re.compile(r"(?:UTC|GMT)?([+\-−])([0-9]{1,2}):?([0-9]{2})?", re.IGNORECASE | re.ASCII)


class NoSuchTime(Exception):
    """The text has the declared form and is no time: a month 25, a 30 February, an unknown zone."""


@dataclass(frozen=True)
class Stamps:
    """Reads the times of one file."""

    form: str
    pattern: re.Pattern[str]
    months: Mapping[str, int]
    zones: Mapping[str, timedelta]
    afternoon: str = "p"

    def read(self, text: str) -> tuple[datetime, timedelta | None] | None:
        """A time without zone, and the offset where one is written; None where the text does not have the form.

        Raises:
            NoSuchTime: it has the form, and there is no such time.
        """
        match = self.pattern.fullmatch(text)
        if match is None:
            return None
        part = match.groupdict()
        year = int(part["year"]) if part.get("year") else 2000 + int(part["short"])
        fraction = int(((part.get("fraction") or "") + "000")[:3])
        try:
            moment = datetime(  # noqa: DTZ001  # its zone is resolved by the caller
                year,
                self._month(part),
                int(part["day"]),
                self._hour(part),
                int(part.get("minute") or 0),
                int(part.get("second") or 0),
                fraction * 1000,
            )
        except ValueError as problem:
            raise NoSuchTime(str(problem)) from None
        zone = part.get("zone")
        return moment, None if zone is None else self._offset(zone)

    def _month(self, part: Mapping[str, str | None]) -> int:
        name = part.get("name")
        if name is None:
            return int(part["month"] or 0)
        found = self.months.get(name.casefold()) or self.months.get(name.casefold()[:3])
        if found is None:
            raise NoSuchTime(f"{name} is no month")
        return found

    def _hour(self, part: Mapping[str, str | None]) -> int:
        if part.get("hour"):
            return int(part["hour"] or 0)
        if not part.get("half"):
            return 0
        hour, noon = int(part["half"] or 0), (part["noon"] or "").casefold()
        if not 1 <= hour <= 12:
            raise NoSuchTime(f"there is no {hour} o'clock {noon}")
        return hour % 12 + (12 if noon.startswith(self.afternoon) else 0)

    def _offset(self, text: str) -> timedelta:
        if text in self.zones:
            return self.zones[text]
        offset = read_offset(text)
        if offset is None:
            raise NoSuchTime(f"{text} is no zone that the declaration knows")
        return offset

    @property
    def states_zone(self) -> bool:
        """Whether each time carries its offset."""
        return "zone" in self.pattern.groupindex


def read_offset(text: str) -> timedelta | None:
    """An offset from UTC: ``+01:00``, ``-5``, ``UTC+2``, ``GMT-04:00``, ``Z``, ``UTC``; None for anything else."""
    if text.upper() in ("Z", "UTC", "GMT"):
        return timedelta(0)
    match = _OFFSET.fullmatch(text.strip())
    if match is None:
        return None
    length = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
    if length > timedelta(hours=15):
        return None
    return length if match[1] == "+" else -length


def stamps(
    form: str, months: Sequence[str] = (), noon: Sequence[str] = (), zones: Mapping[str, str] | None = None
) -> Stamps:
    """A reader for a format in letters.

    Args:
        months: twelve names, where they are not English.
        noon: the words for before and after noon, where they are not AM and PM.
        zones: abbreviations that stand in the file, each with its offset.

    Raises:
        ValueError: the format lacks a part of a time, or says one twice.
    """
    tokens = _TOKEN.findall(form)
    for group, words in (("year", ("YYYY", "YY")), ("month", ("MMM", "MM")), ("hour", ("HH", "hh"))):
        if sum(tokens.count(word) for word in words) != 1:
            raise ValueError(f"{form!r} must say the {group} once: {' or '.join(words)}")
    for word in ("DD", "mm"):
        if tokens.count(word) != 1:
            raise ValueError(f"{form!r} must say {word} once")
    if max(tokens.count(word) for word in ("ss", "fff", "AM", "ZZ")) > 1:
        raise ValueError(f"{form!r} says something twice")
    if ("hh" in tokens) != ("AM" in tokens):
        raise ValueError(f"{form!r}: hh is an hour of 12 and needs AM; an hour of 24 is HH")
    if months and len(months) != 12:
        raise ValueError("months must be twelve names")
    if noon and len(noon) != 2:
        raise ValueError("noon must be two words: before noon, after noon")
    patterns = dict(_PATTERNS)
    if noon:
        patterns["AM"] = f"(?P<noon>(?i:{'|'.join(map(re.escape, noon))}))"
    source = "".join(patterns.get(token) or (r"\s+" if token.isspace() else re.escape(token)) for token in tokens)
    # A space before AM or an offset comes and goes with the program that writes it.
    source = source.replace(r"\s+(?P<noon>", r"\s*(?P<noon>").replace(r"\s+(?P<zone>", r"\s*(?P<zone>")
    try:
        pattern = re.compile(source)
    except re.error:
        raise ValueError(f"{form!r} opens a bracket that it does not close, or closes one that is not open") from None
    by_name = {name: number for number, name in enumerate(ENGLISH, 1)}
    by_name |= {name.casefold(): number for number, name in enumerate(months, 1)}
    offsets = {name: offset for name, text in (zones or {}).items() if (offset := read_offset(text)) is not None}
    if missing := sorted(set(zones or {}) - set(offsets)):
        raise ValueError(f"{', '.join(missing)}: an abbreviation needs an offset such as +01:00")
    return Stamps(form, pattern, by_name, offsets, noon[1].casefold() if noon else "p")
