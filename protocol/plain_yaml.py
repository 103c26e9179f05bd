"""The plain YAML that a protocol file may be: fields, lists and words, each with its line, and nothing else.

Built from parser events instead of a composed tree: the depth is known before anything is nested too deep (a composer
recurses in C, and a hostile file crashes it), and it takes half the time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from events.writing import Unfit, refuse_hidden
from protocol.problems import Path

MAX_DEPTH = 24
_Loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


class NotPlain(Exception):
    """The text is not plain YAML: the line (1 is the first), where in the file, and why."""

    field: str = ""

    def __init__(self, line: int, reason: str, path: Path = ()) -> None:
        self.line, self.reason, self.path = line, reason, path
        super().__init__(reason)


@dataclass(slots=True)
class Document:
    """A file as dicts, lists and strings, with the line of each part."""

    root: dict[str, Any] = field(default_factory=dict)
    lines: dict[int, dict[str | int, int]] = field(default_factory=dict)

    def line(self, path: Path) -> int:
        """The line of the deepest part of the path that the file has."""
        return self._follow(path)[0]

    def field(self, path: Path) -> str:
        """The path as a person reads it: ``steps[3] apheresis.records[0] volume.unit``."""
        return self._follow(path)[1]

    def _follow(self, path: Path) -> tuple[int, str]:
        here: Any = self.root
        line, words = 1, ""
        for part in path:
            if isinstance(here, str):
                break  # the short form of a part: `measure: step.reading` stands for its field `of`
            if isinstance(part, int) and isinstance(here, dict):
                continue  # one value stands for a list of one
            there = self.lines.get(id(here), {})
            line = there.get(part, line)
            below = here[part] if part in there else None
            if isinstance(part, str):
                words += f".{part}" if words else part
            else:
                name = (below.get("id") or below.get("name")) if isinstance(below, dict) else ""
                words += f"[{part}] {name}" if isinstance(name, str) and name else f"[{part}]"
            here = below
        return line, words


@dataclass(slots=True)
class _Open:
    """A part that has begun and not ended; `key` is the field that the next value belongs to."""

    part: dict[str, Any] | list[Any]
    lines: dict[str | int, int]
    key: str | None = None
    drops: bool = False


def read_plain(text: str, wrong: list[NotPlain] | None = None) -> Document:
    """Read a text as plain YAML.

    Args:
        wrong: takes what is no plain YAML and can be passed over (an anchor, alias, merge key, tag, duplicate field), so that
            the rest is read all the same; without it the first of them is raised.

    Raises:
        NotPlain: no YAML, more or less than one document, an anchor, alias, merge key, tag or duplicate field, nested
            too deep, or no fields at the top.
    """
    document = Document()
    stack: list[_Open] = []
    passed: list[NotPlain] = []
    try:
        for event in _events(text, passed):
            line = event.start_mark.line + 1
            if isinstance(event, (yaml.ScalarEvent, yaml.AliasEvent)):
                _place(getattr(event, "value", ""), line, stack, passed)
            elif isinstance(event, yaml.CollectionStartEvent):
                part: dict[str, Any] | list[Any] = {} if isinstance(event, yaml.MappingStartEvent) else []
                if stack or not isinstance(part, dict):
                    _place(part, line, stack, passed)
                else:
                    document.root = part
                stack.append(_Open(part, document.lines.setdefault(id(part), {})))
                if len(stack) > MAX_DEPTH:
                    raise NotPlain(line, f"is nested deeper than {MAX_DEPTH}")
            elif isinstance(event, yaml.CollectionEndEvent):
                stack.pop()
            for one in passed:
                one.field = one.field or document.field(one.path)
            if passed and wrong is None:
                raise passed[0]
    except NotPlain as stops:
        stops.field = stops.field or document.field(stops.path)
        raise
    except yaml.MarkedYAMLError as problem:
        raise _not_yaml(text, problem) from None
    except yaml.YAMLError as problem:
        at = getattr(problem, "position", 0)
        raise NotPlain(text.count("\n", 0, at) + 1, "holds a character that no text has") from None
    finally:
        if wrong is not None:
            wrong += passed
    return document


def unseen(part: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Each text of a document in which a character hides, behind whatever escape: where it is, and what is wrong."""
    if isinstance(part, str):
        try:
            refuse_hidden(part)
        except Unfit as problem:
            yield path, str(problem)
        return
    for name, below in part.items() if isinstance(part, dict) else enumerate(part):
        if isinstance(name, str):
            yield from unseen(name, path)
        yield from unseen(below, (*path, name))


def _events(text: str, passed: list[NotPlain]) -> Iterator[Any]:
    """The events of one document; what lets one place of the file stand for another goes to `passed`."""
    documents = 0
    event: Any
    for event in yaml.parse(text, _Loader):
        line = event.start_mark.line + 1
        anchor = getattr(event, "anchor", None)
        if anchor is not None:
            sign = "*" if isinstance(event, yaml.AliasEvent) else "&"
            reason = f"{sign}{anchor} makes one place of the file stand for another; write it out"
            passed.append(NotPlain(line, reason))
        if getattr(event, "tag", None) is not None:
            passed.append(NotPlain(line, f"has the tag {event.tag}; tags are not read here"))
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise NotPlain(line, "a second document begins; a file holds one protocol")
        yield event
    if not documents:
        raise NotPlain(1, "the file is empty")


def _place(value: Any, line: int, stack: list[_Open], passed: list[NotPlain]) -> None:
    """Put a value where it stands: a field's name, a field's value, or the next of a list."""
    if not stack:
        raise NotPlain(line, "the file must begin with fields, such as `protocol:`")
    top = stack[-1]
    if isinstance(top.part, list):
        top.lines[len(top.part)] = line
        top.part.append(value)
    elif top.drops:
        top.drops = False
    elif top.key is not None:
        top.part[top.key] = value
        top.key = None
    elif not isinstance(value, str):
        raise NotPlain(line, "a field's name must be a word", _path(stack))
    elif value == "<<":
        reason = "<< makes one place of the file stand for another; write it out"
        passed.append(NotPlain(line, reason, _path(stack)))
        top.drops = True
    elif value in top.part:
        reason = f"stands twice; the first is on line {top.lines[value]}"
        passed.append(NotPlain(line, reason, (*_path(stack), value)))
        top.drops = True
    else:
        top.lines[value] = line
        top.key = value


def _path(stack: list[_Open]) -> Path:
    """The path of the part that is open: each part is the last of the one around it."""
    return tuple(
        next(reversed(around.part), "") if isinstance(around.part, dict) else len(around.part) - 1
        for around in stack[:-1]
    )


def _not_yaml(text: str, problem: yaml.MarkedYAMLError) -> NotPlain:
    mark = problem.problem_mark or problem.context_mark
    number = mark.line if mark else 0
    lines = text.splitlines()
    line = lines[number] if number < len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return NotPlain(number + 1, "indents with a tab; indent with spaces")
    said = f"{problem.problem or ''}{f' ({problem.context})' if problem.context else ''}"
    sign = line[mark.column : mark.column + 1] if mark else ""
    if "cannot start any token" in said and sign in "%@`":
        return NotPlain(number + 1, f"is not YAML: a text that begins with {sign} needs quotes")
    hint = "; a text with a colon in it needs quotes" if "mapping values are not allowed" in said else ""
    return NotPlain(number + 1, f"is not YAML: {said}{hint}")
