"""What still lies before a patient under a version of the study, and what lies behind."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from events.facts.base import ActKey
from protocol.due import applies, of_step
from protocol.endings import closed
from protocol.model import Step, StudyProtocol
from protocol.perform import window
from protocol.state import Therapy

OPEN = ("ready", "waiting", "awaiting_second")


def lies_ahead(therapy: Therapy, protocol: StudyProtocol, step: Step) -> bool:
    """Whether this patient may still come to a step: it is open, or may become so and nothing that follows it has begun."""
    if therapy.completed or not may_come(therapy, step) or closed(therapy, protocol, step):
        return False
    dues = list(of_step(therapy, protocol, step)) if applies(step, therapy) else []
    if any(due.standing in OPEN for due in dues):
        return True
    if dues and not step.reserve:
        return False
    return not passed_by(therapy, protocol, step)


def may_come(therapy: Therapy, step: Step) -> bool:
    """Whether the choices made for this patient leave a step on the path, and no amendment has passed it over."""
    fits = all(therapy.option(choice) is None or therapy.option(choice) in some for choice, some in step.when.items())
    return fits and (bool(step.visits) or not therapy.passes(step.id))


def begun(therapy: Therapy, step: str) -> bool:
    """Whether a step has been signed, be it once."""
    return any(act.at.step == step for act in (*therapy.acts.values(), *therapy.pending.values()))


def passed_by(therapy: Therapy, protocol: StudyProtocol, step: Step) -> bool:
    """Whether anything that comes after a step, directly or not, has begun."""
    followers, todo = set[str](), [step.id]
    while todo:
        name = todo.pop()
        new = {s.id for s in protocol.steps if any(before == name for before, _ in s.predecessors)} - followers
        followers |= new
        todo += new
    return any(begun(therapy, name) for name in followers - {step.id})


def brought_too_late(therapy: Therapy, present: StudyProtocol, new: StudyProtocol, now: datetime) -> tuple[ActKey, ...]:
    """Steps and visits that only the new version has, and that lie behind this patient: nobody is asked for them."""
    return tuple(_brought_too_late(therapy, present, new, now))


def _brought_too_late(therapy: Therapy, present: StudyProtocol, new: StudyProtocol, now: datetime) -> Iterator[ActKey]:
    for step in new.steps:
        old = present.by_id.get(step.id)
        if step.visits:
            had = {visit.id for visit in old.visits} if old else set()
            for visit in step.visits:
                span = window(therapy, new, step, visit) if visit.id not in had else None
                if span is not None and span[1] < now and not therapy.passes(step.id, visit.id):
                    yield ActKey(step=step.id, occurrence=visit.id)
            continue
        open_before = old is not None and lies_ahead(therapy, present, old)
        if step.reserve or begun(therapy, step.id) or open_before or therapy.passes(step.id):
            continue
        if may_come(therapy, step) and passed_by(therapy, new, step):
            yield ActKey(step=step.id)
