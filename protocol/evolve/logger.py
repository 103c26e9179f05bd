"""A temperature log changes a therapy: its figures stand with the step, and what it says are the step's values."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from events.facts import logger
from events.facts.base import Reading
from protocol.state import Current, Instance, ReadOut, Signed, Therapy, instance

LoggerFacts = logger.LoggerRead | logger.LoggerLost


def evolve_logger(therapy: Therapy, fact: LoggerFacts, by: Signed) -> Therapy:
    """The therapy after a fact about a temperature log."""
    at = instance(fact.key)
    names = frozenset(reading.name for reading in fact.computed)
    match fact:
        case logger.LoggerRead():
            read = ReadOut(by.link, names, fact.log)
        case logger.LoggerLost():
            read = ReadOut(by.link, names, None, fact.why)
        case _:
            assert_never(fact)
    readings = _without_the_earlier(therapy, at)
    readings |= {(at, r.name): _current(r, readings.get((at, r.name)), by) for r in fact.computed}
    return replace(therapy, loggers={**therapy.loggers, at: read}, readings=readings)


def _current(reading: Reading, before: Current | None, by: Signed) -> Current:
    changed = (
        before is not None and before.link != by.link and (before.value, before.unit) != (reading.value, reading.unit)
    )
    return Current(reading.value, reading.unit, by.link, (before.corrections if before else 0) + changed)


def _without_the_earlier(therapy: Therapy, at: Instance) -> dict[tuple[Instance, str], Current]:
    """The values without what an earlier log said of this instance; what a person entered with the step stands again."""
    earlier = therapy.loggers.get(at)
    act = therapy.acts.get(at) or therapy.waiting(at)
    readings = dict(therapy.readings)
    if earlier is None or act is None:
        return readings
    written = {r.name: Current(r.value, r.unit, act.by.link) for r in act.fact.readings}
    for name in earlier.computed:
        said = readings.pop((at, name), None)
        if name in written and at in therapy.acts:
            readings[at, name] = written[name]._replace(corrections=said.corrections if said else 0)
    return readings
