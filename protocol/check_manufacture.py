"""Checks of a protocol file: what may follow when manufacture fails."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from protocol.manufacture import done_anew
from protocol.model import Remake
from protocol.problems import Path, Problem, Study, twice, unknown


def check_manufacture(study: Study) -> Iterator[Problem]:
    """Its people exist, each remake begins at a step that can begin anew, from material that is made before it."""
    part = study.protocol.manufacture
    if part is None:
        return
    if study.protocol.release is None:
        yield Problem(("manufacture",), "there is no product: the file needs `release`")
    yield from _roles(study, ("manufacture", "ended_by"), part.ended_by)
    if part.failure is not None:
        yield from _roles(study, ("manufacture", "failure", "reported_by"), part.failure.reported_by)
        yield from _roles(study, ("manufacture", "failure", "confirmed_by"), part.failure.confirmed_by or ())
        for at, consequence in enumerate(part.failure.then):
            if consequence.what not in ("deviation", "quarantine", "alert"):
                reason = "a failure has happened; choose a deviation, quarantine or an alert"
                yield Problem(("manufacture", "failure", "then", at), reason)
            if consequence.what == "alert":
                yield from _roles(
                    study, ("manufacture", "failure", "then", at), (consequence.role or "",), listed=False
                )
    for at, name in twice(way.start for way in part.remakes):
        yield Problem(("manufacture", "remakes", at, "from"), f"two remakes begin at {name}")
    for at, way in enumerate(part.remakes):
        yield from _remake(study, ("manufacture", "remakes", at), way)


def _remake(study: Study, path: Path, way: Remake) -> Iterator[Problem]:
    yield from _roles(study, (*path, "decided_by"), way.decided_by)
    start = study.protocol.by_id.get(way.start)
    if start is None:
        yield Problem((*path, "from"), unknown(way.start, "step", study.ids, "steps"))
        return
    enrolments = {step.id for _, step in study.of_kind("enrolment")}
    if not enrolments <= study.before[start.id]:
        yield Problem(
            (*path, "from"), f"{start.id} comes before the patient is enrolled; nothing is made again from there"
        )
    anew = set(done_anew(study.protocol, way))
    dispositions = {step.id for _, step in study.of_kind("disposition")}
    if any(name != start.id and start.id not in study.before[name] for name in dispositions):
        yield Problem(
            (*path, "from"), f"the disposition does not come after {start.id}; the next batch would have none"
        )
    for at, kind in enumerate(way.needs):
        if kind not in study.protocol.materials:
            yield Problem((*path, "needs", at), unknown(kind, "material", study.protocol.materials, "materials"))
        elif not study.makers[kind] - anew:
            reason = (
                f"{kind} is made in {', '.join(sorted(study.makers[kind]))}, which is done anew; it cannot be retained"
            )
            yield Problem((*path, "needs", at), reason)


def _roles(study: Study, path: Path, roles: Iterable[str], *, listed: bool = True) -> Iterator[Problem]:
    for at, role in enumerate(roles):
        if role not in study.protocol.roles:
            yield Problem((*path, at) if listed else path, unknown(role, "role", study.protocol.roles, "roles"))
