"""Mistakes in a study's file, as tables: what is written instead of what, and what somebody is told about it."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from events.errors import Refused
from protocol.file import read_protocol


class Wrong(NamedTuple):
    """One mistake: in words, what is written instead of what, and what is told: a piece of its line, field, reason."""

    words: str
    right: str
    wrong: str
    line: str
    field: str
    reason: str


def problems(text: str) -> list[dict[str, object]]:
    """What is told of a file that is refused: each problem with its line, and all of them in the sentence."""
    with pytest.raises(Refused) as caught:
        read_protocol(text)
    assert caught.value.rule == "protocol.file"
    listed = caught.value.values["problems"]
    assert isinstance(listed, list)
    for one in listed:
        assert f"line {one['line']}" in caught.value.says
        assert str(one["reason"]) in caught.value.says
    return listed


def mistaken(study: str, case: Wrong) -> None:
    """The mistake is refused with its field and its reason, and the line that is named is the one it stands in."""
    assert case.right in study, f"the table no longer fits the study: {case.right!r}"
    text = study.replace(case.right, case.wrong, 1)
    lines = text.split("\n")
    found = [one for one in problems(text) if one["field"] == case.field and case.reason in str(one["reason"])]
    assert found, f"told instead: {problems(text)}"
    line = found[0]["line"]
    assert isinstance(line, int)
    assert case.line.strip("\n") in lines[line - 1], f"line {line}: {lines[line - 1]!r}"
