"""What bytes may be a record at all: checked before anything is believed. The rules are in `docs/record-format.md`."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

LARGEST_RECORD = 256 * 1024
"""Bytes of a whole record (the envelope)."""
DEEPEST = 16
"""Nested objects and arrays, the outermost counting as one."""
LARGEST_INTEGER = 2**53 - 1

# An unterminated string matches to the end, and nothing is ever tried twice: hostile bytes cost linear time.
_STRINGS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_NOT_BRACKETS = re.compile(r"[^\[\]{}]+")
_INNERMOST = re.compile(r"\{\}|\[\]")
_SUSPICIOUS = re.compile(r"[\x7f-\x9f]|\\[bf]|\\u(?:[dD][89a-fA-F]|00(?:[01]|7[fF]|[89]))")
"""Spellings that may hide half a surrogate pair or a control character; only then every string is looked at."""
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


class Malformed(Exception):
    """The bytes break the grammar; `kind` names the rule. This is a verdict, not a failure of the reader."""

    def __init__(self, kind: str, says: str) -> None:
        self.kind = kind
        super().__init__(says)


def parse_json(body: bytes) -> dict[str, Any]:
    """Read one JSON object under the grammar: UTF-8 without mark, depth, no floats, no doubled keys, small integers,
    no control characters but tab, line feed and carriage return.

    Raises:
        Malformed: naming the rule that was broken.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as problem:
        raise Malformed("utf-8", f"byte {problem.start} is not UTF-8") from None
    _check_depth(text)
    try:
        document = _DECODER.decode(text)
    except json.JSONDecodeError as problem:
        raise Malformed("json", f"{problem.msg} at character {problem.pos}") from None
    if not isinstance(document, dict):
        raise Malformed("json", "the document is not an object")
    if _SUSPICIOUS.search(text):
        _check_characters(document)
    return document


def _check_depth(text: str) -> None:
    # Done before parsing, without recursion: sixteen rounds of removing the innermost pairs must leave nothing.
    brackets = _NOT_BRACKETS.sub("", _STRINGS.sub("", text))
    for _ in range(DEEPEST):
        if not brackets:
            return
        brackets = _INNERMOST.sub("", brackets)
    if brackets:
        raise Malformed("depth", f"brackets are unbalanced or nested deeper than {DEEPEST}")


def _check_characters(document: dict[str, Any]) -> None:
    todo: list[object] = [document]
    while todo:
        match todo.pop():
            case dict() as members:
                todo.extend(members)
                todo.extend(members.values())
            case list() as items:
                todo.extend(items)
            case str() as text if _SURROGATE.search(text):
                raise Malformed("utf-8", "an escape names half of a surrogate pair")
            case str() as text if control := _CONTROL.search(text):
                raise Malformed("control", f"a string holds the control character U+{ord(control[0]):04X}")
            case _:
                pass


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        doubled = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise Malformed("doubled-key", f"key {doubled[:80]!r} stands twice in one object")
    return result


def _no_float(text: str) -> NoReturn:
    raise Malformed("float", f"number {text[:20]} is not an integer; a decimal is a string with a unit")


def _small_integer(text: str) -> int:
    if text == "-0":
        raise Malformed("integer", "zero has no sign")  # JavaScript keeps it apart from 0
    if len(text) > 17 or not -LARGEST_INTEGER <= (value := int(text)) <= LARGEST_INTEGER:
        raise Malformed("integer", f"integer {text[:20]} is beyond 2^53 - 1")
    return value


_DECODER = json.JSONDecoder(
    object_pairs_hook=_no_doubles, parse_float=_no_float, parse_constant=_no_float, parse_int=_small_integer
)


def fields(
    where: str, value: object, required: frozenset[str], optional: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """An object with exactly the known fields.

    Raises:
        Malformed: not an object, a field missing, or a field nobody knows.
    """
    if not isinstance(value, dict):
        raise Malformed("type", f"{where} is not an object")
    if value.keys() != required:
        if missing := required - value.keys():
            raise Malformed("missing-field", f"{where} lacks {', '.join(sorted(missing))}")
        if unknown := value.keys() - required - optional:
            raise Malformed("unknown-field", f"{where} has the unknown field {', '.join(sorted(unknown))[:80]}")
    return value


def dump_json(document: object) -> bytes:
    """The spelling that our own writers use: sorted keys, no spaces, UTF-8."""
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
