"""What is wrong in a protocol file: a problem and its place; and an index of the study for the checks to look into."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import NamedTuple

from protocol.duration import Duration
from protocol.model import Consequences, Step, StudyProtocol

Path = tuple[str | int, ...]
"""Where in the file: names of fields and positions in lists, from the top."""


class Problem(NamedTuple):
    """One thing that is wrong: where, and why, in words that begin in the middle of a sentence."""

    path: Path
    reason: str


@dataclass(frozen=True)
class Study:
    """A protocol with what the checks ask again and again: who comes before whom, and who makes what."""

    protocol: StudyProtocol

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """The ids of all steps, in the file's order."""
        return tuple(step.id for step in self.protocol.steps)

    @cached_property
    def before(self) -> dict[str, frozenset[str]]:
        """For each step every step that comes before it, directly or not; it ends even if they go in a circle."""
        found: dict[str, frozenset[str]] = {}
        for step in self.protocol.steps:
            seen: set[str] = set()
            todo = self._directly_before(step)
            while todo:
                name = todo.pop()
                if name in seen:
                    continue
                seen.add(name)
                todo += self._directly_before(self.protocol.by_id[name])
            found[step.id] = frozenset(seen)
        return found

    def _directly_before(self, step: Step) -> list[str]:
        """The steps that it names. A name that is none is told where it stands, and not once more of every step after it: it
        counts as the one that it is nearly, or else as all that stand above it in the file.
        """
        found: list[str] = []
        for name, _ in step.predecessors:
            near = [name] if name in self.protocol.by_id else get_close_matches(name, self.ids, 1, 0.6)
            found += near or self.ids[: self.ids.index(step.id)]
        return found

    def way(self, start: str, end: str) -> list[str]:
        """The steps by which one comes after another, both among them; empty where it does not."""
        trails = [[end]]
        seen = {end}
        for trail in trails:
            step = self.protocol.by_id.get(trail[0])
            for name, _ in step.predecessors if step else ():
                if name == start:
                    return [start, *trail]
                if name not in seen:
                    seen.add(name)
                    trails.append([name, *trail])
        return []

    @cached_property
    def makers(self) -> dict[str, frozenset[str]]:
        """For each kind of material the steps that make it."""
        found: dict[str, set[str]] = {kind: set() for kind in self.protocol.materials}
        for step in self.protocol.steps:
            for spec in step.scans.values():
                if spec.new is not None:
                    found.setdefault(spec.new, set()).add(step.id)
        return {kind: frozenset(steps) for kind, steps in found.items()}

    @cached_property
    def offered(self) -> frozenset[str]:
        """Every step that some consequence offers, an option after an incident, an escalation, or a remake that begins at it."""
        found = [c for step in self.protocol.steps for _, follows in all_consequences(step) for c in follows]
        found += [c for incident in self.protocol.incidents for c in incident.consequences]
        options = [option for incident in self.protocol.incidents for option in incident.options]
        begun = [way.start for way in self.protocol.manufacture.remakes] if self.protocol.manufacture else []
        if self.protocol.escalation:
            begun += [*self.protocol.escalation.rescue, *self.protocol.escalation.exposed]
        return frozenset([c.step for c in found if c.step] + [n for option in options for n in option.offers] + begun)

    def of_kind(self, kind: str) -> list[tuple[int, Step]]:
        """The steps of a kind, with their positions."""
        return [(number, step) for number, step in enumerate(self.protocol.steps) if step.kind == kind]

    def made_before(self, step: Step, kind: str, *, here: bool = False) -> bool:
        """Whether some step before this one (or, with `here`, this one) makes a material of the kind."""
        places = self.before[step.id] | ({step.id} if here else set())
        return bool(self.makers.get(kind, frozenset()) & places)


def all_consequences(step: Step) -> Iterator[tuple[Path, Consequences]]:
    """Every consequence that a step can have, with its place below the step."""
    for number, record in enumerate(step.records):
        for at, limit in enumerate(record.limits):
            yield ("records", number, "limits", at, "otherwise"), limit.otherwise
    if step.logger is not None:
        for at, band in enumerate(step.logger.bands):
            yield ("logger", "bands", at, "otherwise"), band.otherwise
        for at, much in enumerate(step.logger.unknown):
            yield ("logger", "unknown", at, "otherwise"), much.otherwise
        for name in ("findings", "differs", "lost"):
            consequences = getattr(step.logger, name)
            if consequences is not None:
                yield ("logger", name), consequences
    if step.one_at_a_time is not None:
        yield ("one_at_a_time",), step.one_at_a_time
    for number, clock in enumerate(step.clocks):
        if clock.sooner is not None:
            yield ("clocks", number, "sooner"), clock.sooner
        for at, strike in enumerate(clock.limits):
            yield ("clocks", number, "limits", at, "then"), strike.then


def unknown(name: str, what: str, known: Iterable[str], where: str) -> str:
    """The reason why a name is wrong, with the nearest right one or the list of them.

    Args:
        what: what it should name (``role``).
        where: where such things stand in the file (``roles``).
    """
    names = list(dict.fromkeys(known))
    near = get_close_matches(name, names, 1, 0.6)
    if near:
        return f"there is no {what} {name!r}; did you mean {near[0]}?"
    listed = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    return f"there is no {what} {name!r}; {where} has: {listed or 'none'}"


def twice(names: Iterable[str]) -> list[tuple[int, str]]:
    """Every name that stands a second time, with its position."""
    seen: set[str] = set()
    found = []
    for number, name in enumerate(names):
        if name in seen:
            found.append((number, name))
        seen.add(name)
    return found


def rough_days(length: Duration) -> float:
    """A length in days, only to compare two of them; a month counts as 30.4."""
    return length.months * 30.4 + length.exact.total_seconds() / 86400
