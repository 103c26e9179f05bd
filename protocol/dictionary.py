"""A dictionary of adverse events: its terms, and which of the grades 1 to 5 exist for each.

One ships (`dictionaries/SOURCE.md`); a sponsor's own is a file, whose text is adopted with the study that names its SHA-256.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping
from difflib import get_close_matches
from functools import lru_cache
from importlib import resources
from typing import NamedTuple

from events.errors import Corrupt
from protocol.adverse_events import rules_of
from protocol.model import StudyProtocol
from protocol.model.safety import HIGHEST
from protocol.refusals import refuse

NEAREST = 5
"""How many terms are named beside one that does not exist."""
LONGEST = 300
"""Characters of a term."""
SPECIFY = "specify"
"""How a term ends that says nothing by itself: ``Nervous system disorders - Other, specify``."""


class _BuiltIn(NamedTuple):
    title: str
    file: str
    sha256: str


BUILT_IN: dict[str, _BuiltIn] = {
    "ctcae-v5": _BuiltIn(
        "CTCAE v5.0", "ctcae-v5.csv", "7db261dd5bd6e0f6bdb055fe685d97ad94ee6039b15c648fdf476228b1f05627"
    ),
}
"""What ships, by the name that a study gives it; its title names it too. The content of a name never changes."""


class Unreadable(Exception):
    """A file is no dictionary: the line (1 is the first), and why."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")


class Dictionary(NamedTuple):
    """The terms of a dictionary as it spells them, each with the grades that exist, in its own order. `sha256`: of its file."""

    title: str
    sha256: str
    grades: Mapping[str, tuple[int, ...]]

    def spelled(self, term: str) -> str | None:
        """A term as the dictionary spells it, whatever its capitals and spaces; None where it has no such term."""
        wanted = _plain(term)
        return next((known for known in self.grades if _plain(known) == wanted), None)

    def containing(self, words: str) -> list[str]:
        """The terms in which each of these words, or beginnings of words, stands."""
        wanted = _plain(words).split()
        return [term for term in self.grades if all(word in _plain(term) for word in wanted)]

    def nearest(self, term: str) -> list[str]:
        """A few terms that may be meant: spelled almost so, or with its words in them."""
        by_spelling = {_plain(known): known for known in self.grades}
        alike = [by_spelling[near] for near in get_close_matches(_plain(term), by_spelling, NEAREST, 0.6)]
        words = [word for word in _plain(term).split() if len(word) > 3]
        within = [known for word in words for known in self.containing(word)]
        return list(dict.fromkeys([*alike[:3], *within, *alike]))[:NEAREST]

    def grades_of(self, term: str) -> tuple[int, ...]:
        """The grades that exist for a term; all of them for one that the dictionary has not, under which an event stands all the same."""
        return self.grades.get(term, tuple(range(1, HIGHEST + 1)))


def _plain(term: str) -> str:
    return " ".join(term.split()).casefold()


def read_terms(text: str) -> dict[str, tuple[int, ...]]:
    """The terms of a dictionary's file: CSV with a heading, of which the columns ``term`` and ``grades`` (``1 2 3``) are read.

    Raises:
        Unreadable: naming the line and the reason.
    """
    reader = csv.reader(text.removeprefix("\ufeff").splitlines(), strict=True)
    try:
        heading = [cell.strip() for cell in next(reader, [])]
        if heading.count("term") != 1 or heading.count("grades") != 1:
            raise Unreadable(1, "the heading needs a column `term` and a column `grades`")
        found: dict[str, tuple[int, ...]] = {}
        known: set[str] = set()
        for row in reader:
            if not row:
                continue
            if len(row) != len(heading):
                raise Unreadable(reader.line_num, f"has {len(row)} cells, the heading {len(heading)}")
            term, grades = (" ".join(row[heading.index(name)].split()) for name in ("term", "grades"))
            if not any(c.isalnum() for c in term) or len(term) > LONGEST or not term.isprintable():
                raise Unreadable(reader.line_num, f"{term[:40]!r} is no term: 1 to {LONGEST} characters that print")
            if _plain(term) in known:
                raise Unreadable(reader.line_num, f"{term} stands there twice")
            known.add(_plain(term))
            found[term] = _grades(reader.line_num, term, grades.split())
    except csv.Error as problem:
        raise Unreadable(reader.line_num, f"is no CSV ({problem})") from None
    if not found:
        raise Unreadable(1, "there is no term in it")
    return found


def _grades(line: int, term: str, words: list[str]) -> tuple[int, ...]:
    known = [str(grade) for grade in range(1, HIGHEST + 1)]
    if not words or any(word not in known for word in words) or sorted({*words}) != words:
        raise Unreadable(
            line, f"the grades of {term} are {' '.join(words)!r}; write those of 1 to {HIGHEST}, as `1 2 3`"
        )
    return tuple(int(word) for word in words)


# ------------------------------------------------------------------ which dictionary


def built_in_name(title: str) -> str | None:
    """The name of the dictionary that ships and is called so (``ctcae-v5``, ``CTCAE v5.0``); None where none is."""
    wanted = _plain(title)
    return next((name for name, of in BUILT_IN.items() if wanted in (name, _plain(of.title))), None)


@lru_cache(maxsize=8)
def built_in(name: str) -> Dictionary:
    """A dictionary that ships.

    Raises:
        Corrupt: its file is not the one that is meant.
    """
    meant = BUILT_IN[name]
    data = resources.files("protocol").joinpath(f"dictionaries/{meant.file}").read_bytes()
    if (found := hashlib.sha256(data).hexdigest()) != meant.sha256:
        raise Corrupt(
            "dictionary.file",
            f"The dictionary {meant.title} that this program came with was altered: its SHA-256 is {found}.",
            values={"file": meant.file, "sha256": found, "meant": meant.sha256},
            advice="Install the program anew.",
        )
    return Dictionary(meant.title, meant.sha256, read_terms(data.decode()))


@lru_cache(maxsize=8)
def _adopted(title: str, terms: str) -> Dictionary:
    return Dictionary(title, hashlib.sha256(terms.encode()).hexdigest(), read_terms(terms))


def dictionary_of(protocol: StudyProtocol) -> Dictionary:
    """The dictionary that a study names.

    Raises:
        Refused: the study records no adverse events, or names a dictionary that is not here.
    """
    named = rules_of(protocol).dictionary
    if named.file is not None:
        return _adopted(named.title, protocol.terms)
    name = built_in_name(named.title)
    if name is None:
        raise refuse(
            "event.dictionary",
            f"The dictionary {named.title} is not here; built in: {', '.join(BUILT_IN)}.",
            "A version of the study that names one, or a file of terms, is adopted first.",
            dictionary=named.title,
        )
    return built_in(name)
