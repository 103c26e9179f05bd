"""Environmental monitoring of open steps: what is asked for, which results concern which act, and what is still missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from events.facts.base import Criterion, Reading
from events.facts.steps import ProcessPerformed, StepFact
from protocol.due import could_apply
from protocol.duration import Begun
from protocol.model import Environment, EnvironmentValue, Step, StudyProtocol
from protocol.readings import Breach, not_kept, shown
from protocol.state import Instance, Monitored, Therapy, instance

CRITERION = "environment"
"""The release criterion that stands beside those of the file, where the study monitors rooms."""
_COMPLETE = "every result is there; one out of its limits is a deviation"


class Missing(NamedTuple):
    """A result that has not come: of which value, for which act, from when to when."""

    at: Instance
    value: EnvironmentValue
    room: str
    since: datetime
    until: datetime

    @property
    def span(self) -> str:
        """From when to when, in UTC, with its mark."""
        until = f" to {self.until:%Y-%m-%d %H:%M}" if self.until > self.since else ""
        return f"{self.since:%Y-%m-%d %H:%M}{until} UTC"

    def __str__(self) -> str:
        return f"{self.value.name} of {self.at} in {self.room}, {self.span}"


def asked(protocol: StudyProtocol, step: Step) -> tuple[EnvironmentValue, ...]:
    """The values that are asked for while a step is under way: of its own sets, and of those of its kind of room."""
    if protocol.environment is None or step.one_patient_in is None:
        return ()
    sets = protocol.environment.sets
    names = {
        value
        for name, set_ in sets.items()
        if name in step.monitoring or step.one_patient_in in set_.rooms
        for value in set_.values
    }
    return tuple(value for value in protocol.environment.values if value.name in names)


def room_of(act: StepFact) -> str:
    """The room in which an act was done; nothing where it asks for none."""
    return (act.suite or "") if isinstance(act, ProcessPerformed) else ""


def concerns(value: EnvironmentValue, act: StepFact, started: datetime, ended: datetime) -> bool:
    """Whether results of this period concern an act: its plates lay there while cells were open, or were pressed right after."""
    since, until = act.started, act.ended
    until = until + value.after.exact if value.after else until
    # Two periods that only touch share no time, unless one of them is a moment.
    touching = started == ended or since == until
    return started <= until and since <= ended if touching else started < until and since < ended


def named(environment: Environment | None, readings: Sequence[Reading]) -> Iterator[tuple[EnvironmentValue, Reading]]:
    """Results with the study's own definition of each; one in another unit than the study's is none of its values."""
    known = {value.name: value for value in environment.values} if environment else {}
    for reading in readings:
        value = known.get(reading.name)
        if value is not None and (value.unit if value.type == "number" else None) == reading.unit:
            yield value, reading


def concerned(
    protocol: StudyProtocol, act: StepFact, started: datetime, ended: datetime, readings: Sequence[Reading]
) -> tuple[Reading, ...]:
    """Those results of a period that concern an act by its therapy's study."""
    step = protocol.by_id.get(act.key.step)
    wanted = {value.name for value in asked(protocol, step)} if step else set()
    return tuple(
        reading
        for value, reading in named(protocol.environment, readings)
        if value.name in wanted and concerns(value, act, started, ended)
    )


def excursions(
    protocol: StudyProtocol, act: StepFact, started: datetime, ended: datetime, readings: Sequence[Reading]
) -> Iterator[Breach]:
    """The results out of their limits, of those that concern an act: each is a deviation by itself."""
    room, at = room_of(act), instance(act.key)
    for value, reading in named(protocol.environment, readings):
        for limit, says in not_kept(value.record, reading, Begun(ended, "UTC")):
            told = (
                f"{reading.name} in {room} was {shown(reading)} ({started:%Y-%m-%d %H:%M} to {ended:%Y-%m-%d %H:%M} UTC) "
                f"while {at} was open there, the protocol says {says}"
            )
            yield Breach(f"environment.{at.step}.{reading.name}", limit.otherwise, says, shown(reading), told)


def missing(therapy: Therapy, protocol: StudyProtocol) -> list[Missing]:
    """Every result that has not come for the acts of this batch, signed second or not, in the order in which they began."""
    acts = [act.fact for act in (*therapy.acts.values(), *therapy.pending.values())]
    return [
        gap
        for act in sorted(acts, key=lambda act: act.started)
        if act.key.step in protocol.by_id
        for value in asked(protocol, protocol.by_id[act.key.step])
        if (gap := _gap(therapy, act, value)) is not None
    ]


def _gap(therapy: Therapy, act: StepFact, value: EnvironmentValue) -> Missing | None:
    """The first stretch for which no result of a value has come; None where there is none."""
    at, room, since, until = instance(act.key), room_of(act), act.started, act.ended
    spans = sorted((m.started, m.ended) for m in _of(therapy, at, room) if value.name in {r.name for r in m.readings})
    if value.after is not None:
        last = until + value.after.exact
        taken = any(ended >= until and started <= last for started, ended in spans)
        return None if taken else Missing(at, value, room, until, last)
    reached, seen = since, False
    for started, ended in spans:
        if started > reached:
            return Missing(at, value, room, reached, min(started, until))
        if ended >= reached:
            reached, seen = ended, True
        if reached >= until:
            break
    return None if seen and reached >= until else Missing(at, value, room, reached, until)


def _of(therapy: Therapy, at: Instance, room: str) -> list[Monitored]:
    return [m for m in therapy.environment if m.room == room and at in m.acts]


def monitored(protocol: StudyProtocol) -> bool:
    """Whether the study asks for environmental monitoring at all."""
    return any(asked(protocol, step) for step in protocol.steps)


def criterion(therapy: Therapy, protocol: StudyProtocol) -> Criterion | None:
    """Whether every result is there: a release criterion of its own. It never fails: what is out of limits is a deviation.

    None where the study asks for no monitoring.
    """
    steps = [
        step for step in protocol.steps if asked(protocol, step) and could_apply(step, therapy) and not step.reserve
    ]
    if not steps:
        return None
    done = {at.step for at in therapy.acts}
    lacks = [str(gap) for gap in missing(therapy, protocol)]
    lacks += [f"{step.id} has not been done" for step in steps if step.id not in done]
    found = f"missing: {'; '.join(lacks)}" if lacks else "complete"
    if out := out_of_limits(therapy, protocol):
        found += f"; out of limits: {', '.join(out)}"
    verdict = "pending" if lacks else "passed"
    return Criterion.model_validate(
        {"name": CRITERION, "verdict": verdict, "found": _within(found), "passes": _COMPLETE}
    )


def out_of_limits(therapy: Therapy, protocol: StudyProtocol) -> list[str]:
    """Every result out of its limits that concerns an act of this batch, in words; a later one takes none of them away."""
    acts = {act.at: act.fact for act in (*therapy.pending.values(), *therapy.acts.values())}
    found = [
        f"{breach.rule.rpartition('.')[2]} {breach.found} ({at})"
        for m in therapy.environment
        for at in m.acts
        if at in acts
        for breach in excursions(
            protocol, acts[at], m.started, m.ended, concerned(protocol, acts[at], m.started, m.ended, m.readings)
        )
    ]
    return list(dict.fromkeys(found))


def _within(text: str, most: int = 500) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
