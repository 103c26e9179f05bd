"""A value held against the one that an earlier step recorded: computed here, typed by nobody (a seal's number, read twice)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from events.facts.base import Reading
from protocol.model import Limit, Step, StudyProtocol
from protocol.readings import Breach
from protocol.state import Act, Instance, Therapy


def differing(therapy: Therapy, step: Step, at: Instance, readings: Iterable[Reading]) -> Iterator[Breach]:
    """The readings of an act that are not what an earlier step recorded of the same material; nothing recorded is no breach."""
    for reading in readings:
        for limit in step.record_by_name[reading.name].limits:
            earlier = limit.same_as.partition(".")[0] if limit.same_as else ""
            for act in _last(therapy, earlier, at.material):
                yield from _held_against(therapy, step, reading, limit, act)


def differing_later(
    therapy: Therapy, protocol: StudyProtocol, at: Instance, readings: Iterable[Reading]
) -> Iterator[tuple[Act, Breach]]:
    """What was compared with these readings before they were corrected, and differs now: the later act, and the breach."""
    for reading in readings:
        name = f"{at.step}.{reading.name}"
        for step in protocol.steps:
            for record in step.records:
                fitting = [limit for limit in record.limits if limit.same_as == name]
                for act in _last(therapy, step.id, at.material) if fitting else ():
                    read = therapy.readings.get((act.at, record.name))
                    if read is not None and not _same(read.value, reading.value):
                        yield act, _breach(step, record.name, fitting[0], read.value, name, reading.value)


def _last(therapy: Therapy, step: str, material: str) -> list[Act]:
    acts = [act for act in therapy.of_step(step) if not material or act.at.material in ("", material)]
    return acts[-1:]


def _held_against(therapy: Therapy, step: Step, reading: Reading, limit: Limit, act: Act) -> Iterator[Breach]:
    name = limit.same_as or ""
    then = therapy.readings.get((act.at, name.partition(".")[2]))
    if then is not None and not _same(then.value, reading.value):
        yield _breach(step, reading.name, limit, reading.value, name, then.value)


def _breach(step: Step, record: str, limit: Limit, found: str, name: str, expected: str) -> Breach:
    says = f"{record} is {found}, {name} was {expected}"
    return Breach(f"limit.{step.id}.{record}", limit.otherwise, f"as in {name}: {expected}", found, says)


def _same(one: str, other: str) -> bool:
    return "".join(one.split()).upper() == "".join(other.split()).upper()
