"""The error tree, sorted by who must act. Every error names the rule, the values and what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class UnbrokenError(Exception):
    """Something a person must be told. `str()` is one sentence that a person can act on.

    Args:
        rule: the dotted name of the rule that spoke, as listed in `docs/rules.md` (``identity.scan-matches``).
        says: what is wrong, in one sentence, with the values in it.
        values: the values by name, for programs.
        advice: what to do next, in one sentence.
    """

    exit_code: ClassVar[int] = 1
    heading: ClassVar[str] = "Error"

    def __init__(self, rule: str, says: str, *, advice: str, values: Mapping[str, object] | None = None) -> None:
        self.rule = rule
        self.says = says
        self.advice = advice
        self.values: dict[str, object] = dict(values or {})
        super().__init__(f"{says} [{rule}] {advice}")

    def as_dict(self) -> dict[str, object]:
        """The error for a program: heading, rule, sentence, values, advice."""
        return {
            "error": self.heading.lower(),
            "rule": self.rule,
            "says": self.says,
            "values": {name: _plain(value) for name, value in self.values.items()},
            "advice": self.advice,
        }


def _plain(value: object) -> object:
    """Lists and parts as such, everything else as its text."""
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if isinstance(value, (set, frozenset)):
        return sorted(str(part) for part in value)
    return str(value)


class Refused(UnbrokenError):
    """A rule said no. The caller must do something else; nothing of the refused act was recorded."""

    exit_code = 4
    heading = "Refused"


class Moved(UnbrokenError):
    """The log moved between reading and appending. Nothing was recorded; read again and decide again."""

    exit_code = 5
    heading = "Moved"


class Corrupt(UnbrokenError):
    """The record is damaged or was altered. Stop, and call QA."""

    exit_code = 6
    heading = "Corrupt"


class Unavailable(UnbrokenError):
    """A part the system stands on cannot be reached. The sentence says whether nothing was recorded or it is unknown."""

    exit_code = 7
    heading = "Unavailable"
