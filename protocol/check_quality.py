"""Checks of a protocol file: how deviations are handled, and how long an alert may wait."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from protocol.model import ClockLimit
from protocol.problems import Path, Problem, Study, rough_days, twice, unknown


def check_quality(study: Study) -> Iterator[Problem]:
    """Roles that exist, thresholds in order, and nothing that would go on for ever by itself."""
    quality = study.protocol.quality
    if quality is None:
        return
    roles = study.protocol.roles
    for at, name in enumerate(quality.investigated_by or ()):
        if name not in roles:
            yield Problem(("quality", "investigated_by", at), unknown(name, "role", roles, "roles"))
    for grade in ("minor", "major", "critical"):
        handling = quality.of(grade)
        for at, word in twice(handling.requires):
            yield Problem(("quality", grade, "requires", at), f"{word} stands twice")
        # A deviation over a deviation that stays open would open the next one, for ever.
        yield from _limits(study, ("quality", grade, "limits"), handling.limits, "alert")
    # And an alert over an alert that nobody acknowledges would raise the next one.
    yield from _limits(study, ("quality", "unacknowledged"), quality.unacknowledged, "deviation")


def _limits(study: Study, path: Path, limits: tuple[ClockLimit, ...], only: str) -> Iterator[Problem]:
    for at, (one, later) in enumerate(pairwise(limits), 1):
        if rough_days(later.at) <= rough_days(one.at):
            yield Problem((*path, at, "at"), f"{later.at} does not come after {one.at}; write them in order")
    roles = study.protocol.roles
    for at, limit in enumerate(limits):
        for number, consequence in enumerate(limit.then):
            place = (*path, at, "then", number)
            if consequence.what != only:
                words = "alert ROLE" if only == "alert" else "deviation GRADE"
                yield Problem(place, f"only `{words}` can follow here")
            elif consequence.role is not None and consequence.role not in roles:
                yield Problem(place, unknown(consequence.role, "role", roles, "roles"))
