"""Read a study protocol from its YAML file: strictly, and with the line of every mistake.

Every scalar is a string until the model reads it, so ``no`` stays a word, a version stays ``1.10``, and no number
passes through binary floating point. Anchors, aliases, merge keys, tags and duplicate keys are refused: what a
clinician reads on the page is all there is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from pydantic import ValidationError

from events.errors import Refused
from events.writing import hidden, named
from protocol.check import check_protocol
from protocol.mending import further_problems
from protocol.model import StudyProtocol
from protocol.plain_yaml import Document, NotPlain, read_plain, unseen
from protocol.problems import Problem
from protocol.warn import warn
from protocol.wording import COMPUTED, in_words

MAX_BYTES = 150_000
"""The size of the largest file; its whole text stands in the log when it is adopted."""
_DICTIONARY = ("safety", "events", "dictionary")


class Told(NamedTuple):
    """A problem as it is told: the line (1 is the first), the field as a dotted path, the reason."""

    line: int
    field: str
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}, {self.field}: {self.reason}" if self.field else f"line {self.line}: {self.reason}"


def decode(data: bytes, name: str = "the protocol file") -> str:
    """The text of a file's bytes, line ends kept: the digest is that of these very bytes.

    Raises:
        Refused: too long, or not UTF-8.
    """
    if len(data) > MAX_BYTES:
        raise _refused(name, [_too_long(len(data))])
    try:
        return data.decode()
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        raise _refused(name, [Told(line, "", "the text is not UTF-8; save the file as UTF-8")]) from None


class OwnDictionary(NamedTuple):
    """The file of a sponsor's own dictionary, as a study names it: beside the study's file, and the SHA-256 of its bytes."""

    file: str
    sha256: str


@lru_cache(maxsize=16)
def own_dictionary(text: str) -> OwnDictionary | None:
    """The file that a study names as its dictionary of adverse events; None where it names none, or cannot be read."""
    if "sha256" not in text:
        return None  # most studies name none, and reading a whole file costs a command more than its answer
    try:
        here: object = read_plain(text).root
    except NotPlain:
        return None
    for part in _DICTIONARY:
        here = here.get(part) if isinstance(here, dict) else None
    file, sha256 = (here.get("file"), here.get("sha256")) if isinstance(here, dict) else (None, None)
    return OwnDictionary(file, sha256) if isinstance(file, str) and isinstance(sha256, str) else None


def terms_fit(text: str, terms: str) -> bool:
    """Whether these are the terms that a study's text names: of its own dictionary those with that SHA-256, else none."""
    named = own_dictionary(text)
    return terms == "" if named is None else hashlib.sha256(terms.encode()).hexdigest() == named.sha256


def read_protocol(
    text: str, name: str = "the protocol file", *, terms: str = "", adopted: bool = False
) -> StudyProtocol:
    """Read and check a study protocol.

    Args:
        text: the whole file; `decode` reads it from bytes.
        name: how errors call the file.
        terms: the whole file of the dictionary that the study names, where it names one (`own_dictionary`).
        adopted: the text stands in the log. It was checked when it was adopted, so cross-checks that a newer program
            added must not make it unreadable; they are left out.

    Returns:
        The protocol with `text` and `digest`, the SHA-256 of the text's UTF-8 bytes.

    Raises:
        Refused: `protocol.file`, with line, field and reason of every problem in `says`, one a line, and in
            `values["problems"]`.
    """
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise _refused(name, [Told(1, "", "the text is not UTF-8; save the file as UTF-8")]) from None
    if (size := len(data) + len(terms.encode())) > MAX_BYTES:
        raise _refused(name, [_too_long(size, " with its dictionary" if terms else "")])
    if not adopted and (strange := list(hidden(text, "\t\n\r"))):
        raise _refused(name, [_unseen(text, place, character) for place, character in strange])
    passed: list[NotPlain] = []
    try:
        document = read_plain(text, passed)
    except NotPlain as wrong:
        raise _refused(name, [Told(one.line, one.field, one.reason) for one in (*passed, wrong)]) from None
    told = [Told(one.line, one.field, one.reason) for one in passed]
    problems = [Problem((p,), "the program computes it; remove it") for p in COMPUTED if p in document.root]
    if not adopted:
        problems += [Problem(path, says) for path, says in unseen(document.root)]
    if terms and own_dictionary(text) is None:
        problems.append(Problem(_DICTIONARY, "names no file, and a dictionary came with the study"))
    computed = {"digest": hashlib.sha256(data).hexdigest(), "text": text, "terms": terms}
    root = {part: value for part, value in document.root.items() if part not in COMPUTED}
    protocol: StudyProtocol | None = None

    def read(tree: dict[str, Any]) -> StudyProtocol:
        return StudyProtocol.model_validate({**tree, **computed})

    try:
        protocol = read(root)
    except ValidationError as problem:
        problems += [*in_words(problem), *([] if adopted else further_problems(root, read, problem))]
    if protocol is not None and not adopted:
        problems += check_protocol(protocol)
    # What stands on a line that was not read as it is written says nothing.
    lines = {one.line for one in told}
    told += [one for one in _tell(document, problems) if one.line not in lines]
    if told or protocol is None:
        raise _refused(name, sorted(dict.fromkeys(told), key=lambda one: one.line))
    return protocol


def warnings_of(protocol: StudyProtocol) -> list[Told]:
    """What is allowed in a file that was read and is hardly meant, each with its line, in the order of lines."""
    return _tell(read_plain(protocol.text), warn(protocol))


def _unseen(text: str, place: int, character: str) -> Told:
    # Also in a comment: the text stands in the log, and what a person reads on the page must be all there is.
    before = text[: place - 1]
    where = place - before.rfind("\n") - 1
    return Told(before.count("\n") + 1, "", f"holds {named(character)} at place {where}; take it out")


def _too_long(size: int, of: str = "") -> Told:
    return Told(1, "", f"the file{of} has {size} bytes; {MAX_BYTES} is the most")


def _tell(document: Document, problems: Iterable[Problem]) -> list[Told]:
    told = [Told(document.line(p.path), document.field(p.path), p.reason) for p in problems]
    return sorted(dict.fromkeys(told), key=lambda one: one.line)


def _refused(name: str, told: list[Told]) -> Refused:
    count = "1 problem" if len(told) == 1 else f"{len(told)} problems"
    return Refused(
        "protocol.file",
        "\n  ".join([f"{name} has {count}:", *map(str, told)]),
        values={"file": name, "count": len(told), "problems": [one._asdict() for one in told]},
        advice="Correct the file; docs/protocol-file.md explains every field.",
    )
