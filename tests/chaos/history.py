"""What a writer was told about each record it signed, written down by the writer itself, line by line.

``signed`` comes before anything is sent: a writer that is killed then leaves a record of which nobody knows anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple

from events.envelope import open_envelope
from events.errors import Moved, Refused, Unavailable, UnbrokenError
from events.log import Appended, EventLog

What = Literal["signed", "acknowledged", "refused", "unknown"]


class Told(NamedTuple):
    """One line: what was said of the record with this link, and where it was said to stand."""

    what: What
    link: str
    position: int | None = None
    rule: str = ""


class History:
    """A file that grows by a line at a time; what was written survives the writer's kill -9."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("a", encoding="ascii", buffering=1)

    def note(self, told: Told) -> None:
        """One more line."""
        position = "-" if told.position is None else told.position
        self._file.write(f"{told.what} {told.link} {position} {told.rule}\n")

    def append(self, log: EventLog, value: bytes) -> Appended | UnbrokenError:
        """Append a record, and write down what was told of it; an error is returned, not raised."""
        link = open_envelope(value).link
        self.note(Told("signed", link))
        try:
            done = log.append(value)
        except UnbrokenError as problem:
            self.note(Told("refused" if nothing_recorded(problem) else "unknown", link, None, problem.rule))
            return problem
        self.note(Told("acknowledged", link, done.position))
        return done


def nothing_recorded(problem: UnbrokenError) -> bool:
    """Whether this error promises that the record is not in the log, and never will be."""
    if isinstance(problem, (Moved, Refused)):
        return True
    return isinstance(problem, Unavailable) and "nothing was recorded" in problem.says


def read_histories(paths: Iterable[Path]) -> list[Told]:
    """Every line of these files; a last line that a kill cut off says nothing."""
    told = []
    for path in paths:
        for line in path.read_text(encoding="ascii").splitlines(keepends=True):
            if line.endswith("\n"):
                what, link, position, *rule = line.split()
                told.append(Told(what, link, None if position == "-" else int(position), *rule))  # type: ignore[arg-type]
    return told
