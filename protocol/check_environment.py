"""Checks of a protocol file: what is monitored, where it is asked for, and what follows from a result out of its limits."""

from __future__ import annotations

from collections.abc import Iterator

from protocol.check_steps import record_problems
from protocol.environment import CRITERION
from protocol.model import Consequence, EnvironmentValue
from protocol.problems import Path, Problem, Study, twice, unknown

FOLLOWS = ("deviation", "quarantine", "alert")
"""What can follow from a result: it comes when the step is done, so nothing can be refused any more."""


def check_environment(study: Study) -> Iterator[Problem]:
    """Each value is defined once and asked for somewhere, and each result out of limits is a deviation."""
    environment = study.protocol.environment
    sets = environment.sets if environment else {}
    for number, step in enumerate(study.protocol.steps):
        base: Path = ("steps", number, "monitoring")
        for at, name in enumerate(step.monitoring):
            if name not in sets:
                yield Problem((*base, at), unknown(name, "set", sets, "environment.sets"))
        if step.monitoring and step.one_patient_in is None:
            yield Problem(base, "results are a room's; the step needs `one_patient_in`, so that the room is scanned")
    if environment is None:
        return
    known = {value.name for value in environment.values}
    for at, name in twice(value.name for value in environment.values):
        yield Problem(("environment", "values", at, "name"), f"{name} is defined twice")
    for at, value in enumerate(environment.values):
        yield from _value(study, ("environment", "values", at), value)
    rooms = {step.one_patient_in for step in study.protocol.steps if step.one_patient_in}
    named = {name for step in study.protocol.steps for name in step.monitoring}
    for name, set_ in sets.items():
        here: Path = ("environment", "sets", name)
        for at, value_name in enumerate(set_.values):
            if value_name not in known:
                yield Problem((*here, "values", at), unknown(value_name, "value", sorted(known), "environment.values"))
        for at, room in enumerate(set_.rooms):
            if room not in rooms:
                reason = unknown(room, "kind of room", sorted(rooms), "the steps' one_patient_in")
                yield Problem((*here, "rooms", at), reason)
        if not set_.rooms and name not in named:
            yield Problem(here, "nothing asks for it; name its `rooms`, or name it in a step's `monitoring`")
    for at, criterion in enumerate(study.protocol.release.criteria if study.protocol.release else ()):
        if criterion.id == CRITERION:
            reason = f"{CRITERION} is the program's own criterion where rooms are monitored; choose another id"
            yield Problem(("release", "criteria", at, "id"), reason)


def _value(study: Study, base: Path, value: EnvironmentValue) -> Iterator[Problem]:
    yield from record_problems(base, value.record)
    if value.after is not None and value.after.months:
        yield Problem(
            (*base, "after"), f"{value.after} is no number of hours; write days (of 24 hours), hours or minutes"
        )
    for at, limit in enumerate(value.limits):
        if limit.same_as is not None or limit.no_older_than is not None:
            yield Problem((*base, "limits", at), "a result is held against bounds or words, not against another value")
        for number, consequence in enumerate(limit.otherwise):
            yield from _follows(study, (*base, "limits", at, "otherwise", number), consequence)
        if not any(consequence.what == "deviation" for consequence in limit.otherwise):
            yield Problem(
                (*base, "limits", at, "otherwise"), "a result out of its limits is a deviation; say `deviation GRADE`"
            )


def _follows(study: Study, path: Path, consequence: Consequence) -> Iterator[Problem]:
    if consequence.what not in FOLLOWS:
        yield Problem(path, "only `deviation GRADE`, `quarantine` or `alert ROLE` can follow from a result")
    elif consequence.role is not None and consequence.role not in study.protocol.roles:
        yield Problem(path, unknown(consequence.role, "role", study.protocol.roles, "roles"))
