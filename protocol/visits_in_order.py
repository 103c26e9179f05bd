"""Visits whose windows overlap, or that stand in another order than they come."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from protocol.model import Step, Visit
from protocol.problems import Path, Problem, Study, rough_days


def overlapping(study: Study) -> Iterator[Problem]:
    """Of the visits that one patient may have: one that stands after a later one; a day that lies in two windows."""
    for number, step in enumerate(study.protocol.steps):
        yield from _of(("steps", number), step)


def _of(base: Path, step: Step) -> Iterator[Problem]:
    for at, (earlier, later) in enumerate(pairwise(step.visits), 1):
        if any(set(options) & set(later.when.get(c, options)) == set() for c, options in earlier.when.items()):
            continue
        path: Path = (*base, "visits", at)
        if rough_days(later.at) < rough_days(earlier.at):
            yield Problem((*path, "at"), f"{later.id} at {later.at} stands after {earlier.id} at {earlier.at}")
        elif _end(earlier) > _begin(later):
            reason = (
                f"a day lies in the windows of both {earlier.id} ({earlier.at}, until {earlier.late} later) and {later.id} "
                f"({later.at}, from {later.early} earlier): which visit is it?"
            )
            yield Problem((*path, "early"), reason)


def _end(visit: Visit) -> float:
    return rough_days(visit.at) + rough_days(visit.late)


def _begin(visit: Visit) -> float:
    return rough_days(visit.at) - rough_days(visit.early)
