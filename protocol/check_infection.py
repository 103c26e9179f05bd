"""Checks of a protocol file: where infection markers are recorded, and that what they ask for can be done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import get_args

from protocol.infection import SAYS
from protocol.model import Consequence, Infection
from protocol.model.infection import MarkerResult
from protocol.problems import Path, Problem, Study, twice, unknown

WORDS: tuple[str, ...] = get_args(MarkerResult)


def check_infection(study: Study) -> Iterator[Problem]:
    """Each marker is recorded in words that are known, with its day; and each step that is named is there."""
    infection = study.protocol.infection
    if infection is None:
        return
    base: Path = ("infection",)
    if SAYS in study.protocol.by_id:
        yield Problem(base, f"a step is called {SAYS} too; labels could not tell them apart")
    known = {marker.id for marker in infection.markers}
    for at, name in twice(marker.id for marker in infection.markers):
        yield Problem((*base, "markers", at, "id"), f"{name} stands twice")
    for at, marker in enumerate(infection.markers):
        for name in marker.needed_when:
            if name not in known or name == marker.id:
                yield Problem(
                    (*base, "markers", at, "needed_when", name),
                    unknown(name, "marker", sorted(known - {marker.id}), "infection.markers"),
                )
    yield from _recorded(study, infection)
    yield from _asks(study, infection)


def _recorded(study: Study, infection: Infection) -> Iterator[Problem]:
    steps = study.protocol.by_id
    here = [(at, name) for at, name in enumerate(infection.recorded_in)]
    for at, name in here:
        if name not in steps:
            yield Problem(("infection", "recorded_in", at), unknown(name, "step", study.ids, "steps"))
            continue
        day = steps[name].record_by_name.get(infection.drawn)
        if day is None or day.type != "date" or day.optional or day.late:
            reason = (
                f"{name} records no day {infection.drawn!r} with the markers (type date, neither optional nor late)"
            )
            yield Problem(("infection", "drawn"), reason)
    for number, marker in enumerate(infection.markers):
        records = [
            (name, record)
            for name in infection.recorded_in
            if name in steps and (record := steps[name].record_by_name.get(marker.id)) is not None
        ]
        if not records:
            reason = f"no step of recorded_in records {marker.id}"
            yield Problem(("infection", "markers", number, "id"), reason)
        for name, record in records:
            if record.type != "choice" or set(record.options or ()) - set(WORDS):
                reason = f"{name}.{marker.id} is a choice of {', '.join(WORDS)}, or of some of them"
                yield Problem(("infection", "markers", number, "id"), reason)


def _asks(study: Study, infection: Infection) -> Iterator[Problem]:
    base: Path = ("infection",)
    steps, roles = study.protocol.by_id, study.protocol.roles
    if infection.age is not None:
        yield from _steps(study, (*base, "age", "of"), infection.age.of)
        yield from _consequences(study, (*base, "age", "otherwise"), infection.age.otherwise)
    if infection.segregated is not None:
        for at, source in enumerate(infection.segregated.records):
            step, dot, name = source.partition(".")
            record = steps[step].record_by_name.get(name) if dot and step in steps else None
            if record is None or record.type != "text":
                reason = f"{source!r} is no text that a step records; write STEP.RECORD"
                yield Problem((*base, "segregated", "records", at), reason)
    if infection.changeover is not None:
        for field in ("performed_by", "cleared_by"):
            for at, role in enumerate(getattr(infection.changeover, field)):
                if role not in roles:
                    yield Problem((*base, "changeover", field, at), unknown(role, "role", roles, "roles"))
        if not any(step.one_patient_in for step in study.protocol.steps):
            yield Problem((*base, "changeover"), "no step says one_patient_in, so no room is ever used")
        yield from _consequences(study, (*base, "changeover", "otherwise"), infection.changeover.otherwise)
    if infection.plan is not None:
        plan = infection.plan
        known = [marker.id for marker in infection.markers]
        for at, name in enumerate(plan.markers):
            if name not in known:
                yield Problem((*base, "plan", "markers", at), unknown(name, "marker", known, "infection.markers"))
        yield from _steps(study, (*base, "plan", "step"), [plan.step])
        yield from _steps(study, (*base, "plan", "before"), plan.before)
        maker = steps.get(plan.step)
        if maker is not None and (maker.for_each or maker.reserve or maker.when):
            yield Problem(
                (*base, "plan", "step"), f"{plan.step} must be open to every patient: no for_each, reserve or when"
            )
    if infection.turned is not None:
        yield from _consequences(study, (*base, "turned"), infection.turned, refuses=False)


def _steps(study: Study, path: Path, names: Iterable[str]) -> Iterator[Problem]:
    for at, name in enumerate(names):
        if name not in study.protocol.by_id:
            yield Problem((*path, at), unknown(name, "step", study.ids, "steps"))


def _consequences(
    study: Study, path: Path, consequences: Iterable[Consequence], *, refuses: bool = True
) -> Iterator[Problem]:
    for at, one in enumerate(consequences):
        if one.what == "not_eligible" or (one.what == "refuse" and not refuses):
            told = "`deviation GRADE`, `quarantine`, `alert ROLE`, `offer STEP`" + (" or `refuse`" if refuses else "")
            yield Problem((*path, at), f"only {told} can follow here")
        elif one.role is not None and one.role not in study.protocol.roles:
            yield Problem((*path, at), unknown(one.role, "role", study.protocol.roles, "roles"))
        elif one.step is not None and one.step not in study.protocol.by_id:
            yield Problem((*path, at), unknown(one.step, "step", study.ids, "steps"))
