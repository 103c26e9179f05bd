"""Checks of a protocol file: incidents and their options, ways that take the place of others, values that are compared."""

from __future__ import annotations

from collections.abc import Iterator

from protocol.check_steps import moment_before
from protocol.model import Incident, IncidentOption, Step
from protocol.problems import Path, Problem, Study, twice, unknown


def check_road(study: Study) -> Iterator[Problem]:
    """Everything that can go wrong between two places, and what may then be done."""
    for number, step in enumerate(study.protocol.steps):
        yield from _other_way(study, ("steps", number), step)
        yield from _compared(study, ("steps", number), step)
    for number, name in twice(incident.id for incident in study.protocol.incidents):
        yield Problem(("incidents", number, "id"), f"there are two incidents {name}; each needs an id of its own")
    for number, incident in enumerate(study.protocol.incidents):
        yield from _incident(study, ("incidents", number), incident)


def _other_way(study: Study, base: Path, step: Step) -> Iterator[Problem]:
    by_id = study.protocol.by_id
    named: list[tuple[Path, str]] = [((*base, "unless"), step.unless)] if step.unless else []
    named += [((*base, "clocks", at, "stopped_by"), c.stopped_by) for at, c in enumerate(step.clocks) if c.stopped_by]
    for path, name in named:
        if name not in by_id:
            yield Problem(path, unknown(name, "step", study.ids, "steps"))
        elif not by_id[name].reserve and path[-1] == "unless":
            yield Problem(path, f"{name} always comes; only a step kept in `reserve` takes the place of another")
    if step.unless in by_id and step.for_each != by_id[step.unless].for_each:
        yield Problem(
            (*base, "unless"), f"{step.unless} is done for each {by_id[step.unless].for_each}, {step.id} is not"
        )
    if step.unless and step.for_each is None:
        yield Problem((*base, "unless"), f"says for which material; give {step.id} a `for_each`")


def _compared(study: Study, base: Path, step: Step) -> Iterator[Problem]:
    for number, record in enumerate(step.records):
        for at, limit in enumerate(record.limits):
            if limit.same_as is None:
                continue
            path: Path = (*base, "records", number, "limits", at, "same_as")
            earlier, dot, name = limit.same_as.partition(".")
            if not dot:
                yield Problem(path, f"{limit.same_as!r} is no record; write STEP.RECORD")
                continue
            yield from moment_before(study, path, step, earlier)
            other = study.protocol.by_id.get(earlier)
            if other is not None and name not in other.record_by_name:
                yield Problem(path, unknown(name, f"record of {earlier}", other.record_by_name, earlier))
            elif other is not None and other.record_by_name[name].type != "text":
                yield Problem(path, f"{limit.same_as} is a {other.record_by_name[name].type}; only texts are compared")


def _incident(study: Study, base: Path, incident: Incident) -> Iterator[Problem]:
    by_id = study.protocol.by_id
    for at, name in enumerate(incident.during):
        if name not in by_id:
            yield Problem((*base, "during", at), unknown(name, "step", study.ids, "steps"))
    for field in ("reported_by", "decided_by"):
        for at, role in enumerate(getattr(incident, field)):
            if role not in study.protocol.roles:
                yield Problem((*base, field, at), unknown(role, "role", study.protocol.roles, "roles"))
    if incident.options and not incident.decided_by:
        yield Problem((*base, "decided_by"), "is missing: who chooses one of the options?")
    if incident.decided_by and not incident.options:
        yield Problem((*base, "decided_by"), "there is no option that anybody could choose")
    yield from _consequences(study, base, incident)
    for at, name in twice(option.id for option in incident.options):
        yield Problem((*base, "options", at, "id"), f"{incident.id} has two options {name}")
    for at, option in enumerate(incident.options):
        yield from _option(study, (*base, "options", at), incident, option)
    yield from _detected(study, (*base, "detected"), incident)


def _consequences(study: Study, base: Path, incident: Incident) -> Iterator[Problem]:
    during = [study.protocol.by_id[name] for name in incident.during if name in study.protocol.by_id]
    for at, consequence in enumerate(incident.consequences):
        path: Path = (*base, "consequences", at)
        if consequence.what in ("refuse", "not_eligible"):
            yield Problem(path, "what went wrong went wrong; choose a deviation, quarantine, or an offer")
        if consequence.what == "alert" and consequence.role not in study.protocol.roles:
            yield Problem(path, unknown(str(consequence.role), "role", study.protocol.roles, "roles"))
        if consequence.step is not None:
            yield from _reserve(study, path, consequence.step)
        for step in during if consequence.what == "quarantine" else ():
            if not any(study.made_before(step, kind, here=True) for kind in study.protocol.materials):
                yield Problem(path, f"there is no material yet at {step.id} that could be quarantined")


def _reserve(study: Study, path: Path, name: str) -> Iterator[Problem]:
    if name not in study.protocol.by_id:
        yield Problem(path, unknown(name, "step", study.ids, "steps"))
    elif not study.protocol.by_id[name].reserve:
        yield Problem(path, f"{name} is offered but not kept back; give it `reserve: true`")


def _option(study: Study, base: Path, incident: Incident, option: IncidentOption) -> Iterator[Problem]:
    for at, name in enumerate(option.offers):
        yield from _reserve(study, (*base, "offers", at), name)
    for name in incident.during if option.until is not None else ():
        if name in study.protocol.by_id and option.until is not None:
            step = study.protocol.by_id[name]
            yield from moment_before(study, (*base, "until", "from"), step, option.until.start.step)


def _detected(study: Study, base: Path, incident: Incident) -> Iterator[Problem]:
    seen = incident.detected
    if seen is None:
        return
    if (seen.slot is None) == (seen.start is None):
        yield Problem(base, "counts from a booked `slot` or `from` a moment: say one of the two")
    booked = {resource for step in study.protocol.steps for resource in step.resources}
    if seen.slot is not None and seen.slot not in booked:
        yield Problem((*base, "slot"), unknown(seen.slot, "booked resource", sorted(booked), "resources"))
    if seen.step not in study.protocol.by_id:
        yield Problem((*base, "step"), unknown(seen.step, "step", study.ids, "steps"))
    elif seen.start is not None:
        yield from moment_before(study, (*base, "from"), study.protocol.by_id[seen.step], seen.start.step)
    if seen.step in study.protocol.by_id and seen.step not in incident.during:
        yield Problem((*base, "step"), f"{seen.step} is not one of the steps `during` which {incident.id} happens")
