"""Read a study protocol from its YAML file: strictly, and with the line of every mistake.

Every scalar is a string until the model reads it, so ``no`` stays a word, a version stays ``1.10``, and no number
passes through binary floating point. Anchors, aliases, merge keys, tags and duplicate keys are refused: what a
clinician reads on the page is all there is.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import yaml
from pydantic import ValidationError

from events.errors import Refused
from protocol.check import check_protocol
from protocol.model import StudyProtocol
from protocol.problems import Path, Problem
from protocol.wording import in_words

MAX_BYTES = 150_000
"""The size of the largest file; its whole text stands in the log when it is adopted."""
MAX_DEPTH = 24
MAX_TOLD = 20
_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("str", "map", "seq"))
# Where an anchor or an alias could be. It also meets harmless text, so a hit only asks the parser for its word.
_MAYBE_ANCHOR = re.compile(r"(?m)(?:^|[\s\[{,])[&*][^\s,\]}]")
_Loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


class Told(NamedTuple):
    """A problem as it is told: the line (1 is the first), the field as a dotted path, the reason."""

    line: int
    field: str
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}, {self.field}: {self.reason}" if self.field else f"line {self.line}: {self.reason}"


class _Wrong(Exception):
    """The text is no file of the kind we read; raised inside this module only."""

    def __init__(self, line: int, reason: str, path: Path = ()) -> None:
        self.line, self.reason, self.path = line, reason, path
        super().__init__(reason)


def decode(data: bytes, name: str = "the protocol file") -> str:
    """The text of a file's bytes, line ends kept: the digest is that of these very bytes.

    Raises:
        Refused: too long, or not UTF-8.
    """
    if len(data) > MAX_BYTES:
        raise _refused(name, [Told(1, "", f"the file has {len(data)} bytes; {MAX_BYTES} is the most")])
    try:
        return data.decode()
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        raise _refused(name, [Told(line, "", "the text is not UTF-8; save the file as UTF-8")]) from None


def read_protocol(text: str, name: str = "the protocol file") -> StudyProtocol:
    """Read and check a study protocol.

    Args:
        text: the whole file; `decode` reads it from bytes.
        name: how errors call the file.

    Returns:
        The protocol with `text` and `digest`, the SHA-256 of the text's UTF-8 bytes.

    Raises:
        Refused: `protocol.file`, with line, field and reason of every problem (up to 20) in `says`, one a line, and in
            `values["problems"]`.
    """
    root: yaml.Node | None = None
    try:
        data = text.encode()
        if len(data) > MAX_BYTES:
            raise _Wrong(1, f"the file has {len(data)} bytes; {MAX_BYTES} is the most")
        root = _compose(text)
        plain = _plain(root, ())
        if not isinstance(plain, dict):
            raise _Wrong(1, "the file must begin with fields, such as `protocol:`")
        for own in ("digest", "text"):
            if own in plain:
                raise _Wrong(_line(root, (own,)), "the program computes it; remove it", (own,))
    except UnicodeEncodeError:
        raise _refused(name, [Told(1, "", "the text is not UTF-8; save the file as UTF-8")]) from None
    except _Wrong as wrong:
        raise _refused(name, [Told(wrong.line, _field(root, wrong.path), wrong.reason)]) from None
    try:
        protocol = StudyProtocol.model_validate({**plain, "digest": hashlib.sha256(data).hexdigest(), "text": text})
    except ValidationError as problem:
        raise _refused(name, _tell(root, in_words(problem))) from None
    if problems := check_protocol(protocol):
        raise _refused(name, _tell(root, problems))
    return protocol


def _compose(text: str) -> yaml.Node:
    """The file's nodes, each with its line.

    Raises:
        _Wrong: no YAML, more or less than one document, or anything that lets one place of the file stand for another.
    """
    try:
        if _MAYBE_ANCHOR.search(text):
            _refuse_anchors(text)
        root: yaml.Node | None = yaml.compose(text, _Loader)
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        context = f" ({problem.context})" if problem.context else ""
        raise _Wrong(mark.line + 1 if mark else 1, _yaml_reason(text, mark, problem.problem or "", context)) from None
    except yaml.YAMLError as problem:
        position = getattr(problem, "position", 0)
        line = text.encode().count(b"\n", 0, position) + 1 if isinstance(position, int) else 1
        reason = getattr(problem, "reason", None) or "a character that no text has"
        raise _Wrong(line, f"is not YAML: {reason}") from None
    if root is None:
        raise _Wrong(1, "the file is empty")
    return root


def _yaml_reason(text: str, mark: yaml.Mark | None, problem: str, context: str) -> str:
    lines = text.splitlines()
    line = lines[mark.line] if mark and mark.line < len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "indents with a tab; indent with spaces"
    if "single document" in (problem + context) or "another document" in problem:
        return "a second document begins; a file holds one protocol"
    hint = ""
    if "mapping values are not allowed" in problem:
        hint = "; a text with a colon in it needs quotes"
    return f"is not YAML: {problem}{context}{hint}"


def _refuse_anchors(text: str) -> None:
    for event in yaml.parse(text, _Loader):
        anchor = getattr(event, "anchor", None)
        if anchor is not None:
            sign = "*" if isinstance(event, yaml.AliasEvent) else "&"
            reason = f"{sign}{anchor} makes one place of the file stand for another; write it out"
            raise _Wrong(event.start_mark.line + 1 if event.start_mark else 1, reason)


def _plain(node: yaml.Node, path: Path) -> Any:
    """A node as dicts, lists and strings; `path` says where it stands, for the error."""
    if node.tag not in _TAGS:
        raise _Wrong(node.start_mark.line + 1, f"has the tag {node.tag}; tags are not read here", path)
    if isinstance(node, yaml.ScalarNode):
        return node.value
    if len(path) > MAX_DEPTH:
        raise _Wrong(node.start_mark.line + 1, f"is nested deeper than {MAX_DEPTH}")
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*path, number)) for number, item in enumerate(node.value)]
    found: dict[str, Any] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise _Wrong(line, "a field's name must be a word", path)
        word = key.value
        if word == "<<":
            raise _Wrong(line, "<< makes one place of the file stand for another; write it out", path)
        if word in found:
            raise _Wrong(line, f"stands twice; the first is on line {_line(node, (word,))}", (*path, word))
        found[word] = _plain(value, (*path, word))
    return found


def _step_down(node: yaml.Node, part: str | int) -> tuple[int, yaml.Node] | None:
    """One step down a path: the line where that part begins, and its node."""
    if isinstance(node, yaml.MappingNode):
        return next(((k.start_mark.line + 1, v) for k, v in node.value if k.value == part), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        item = node.value[part]
        return item.start_mark.line + 1, item
    return None


def _line(root: yaml.Node, path: Path) -> int:
    """The line of the deepest part of the path that the file has."""
    line, node = root.start_mark.line + 1, root
    for part in path:
        below = _step_down(node, part)
        if below is None:
            # One value may stand for a list of one: its line is already found.
            break
        line, node = below
    return line


def _field(root: yaml.Node | None, path: Path) -> str:
    """A path as a person reads it: ``steps[3] apheresis.records[0] volume.unit``."""
    words, node = "", root
    for part in path:
        below = _step_down(node, part) if node is not None else None
        if isinstance(part, int):
            if below is None and isinstance(node, yaml.ScalarNode):
                continue
            words += f"[{part}]"
            name = _name(below[1]) if below else ""
            words += f" {name}" if name else ""
        else:
            words += f".{part}" if words else part
        node = below[1] if below else None
    return words


def _name(node: yaml.Node) -> str:
    if not isinstance(node, yaml.MappingNode):
        return ""
    named = {k.value: v.value for k, v in node.value if isinstance(v, yaml.ScalarNode)}
    return str(named.get("id") or named.get("name") or "")


def _tell(root: yaml.Node, problems: list[Problem]) -> list[Told]:
    told = [Told(_line(root, problem.path), _field(root, problem.path), problem.reason) for problem in problems]
    return sorted(dict.fromkeys(told), key=lambda one: one.line)


def _refused(name: str, told: list[Told]) -> Refused:
    lines = [str(one) for one in told[:MAX_TOLD]]
    if len(told) > MAX_TOLD:
        lines.append(f"and {len(told) - MAX_TOLD} more")
    count = "1 problem" if len(told) == 1 else f"{len(told)} problems"
    problems: list[Mapping[str, object]] = [one._asdict() for one in told[:MAX_TOLD]]
    return Refused(
        "protocol.file",
        "\n  ".join([f"{name} has {count}:", *lines]),
        values={"file": name, "count": len(told), "problems": problems},
        advice="Correct the file; docs/protocol-file.md explains every field.",
    )
