"""Everything that waits in one therapy, in the order in which it is shown."""

from __future__ import annotations

from protocol.due import instances
from protocol.model import StudyProtocol
from protocol.state import Therapy
from protocol.worklist.amendments import amendments
from protocol.worklist.bad_day import alerts, happened, held, incidents, ways
from protocol.worklist.environment import environment
from protocol.worklist.infection import storage, wanted
from protocol.worklist.item import WorkItem
from protocol.worklist.materials import labels, materials
from protocol.worklist.quality import quality
from protocol.worklist.safety import safety
from protocol.worklist.steps import late_values, logs, to_perform, to_sign, told_and_unsigned


def worklist(therapy: Therapy, protocol: StudyProtocol) -> list[WorkItem]:
    """Everything that waits in one therapy, in the protocol's order; in one that is completed, what QA still decides."""
    if therapy.opened is None:
        return []
    if therapy.completed:
        return [
            *held(therapy, protocol),
            *alerts(therapy),
            *happened(therapy),
            *told_and_unsigned(therapy, protocol, ()),
            *safety(therapy, protocol),
            *materials(therapy, protocol),
            *late_values(therapy, protocol),
            *environment(therapy, protocol),
            *labels(therapy, protocol, ()),
            *quality(therapy, protocol),
        ]
    items: list[WorkItem] = []
    every = instances(therapy, protocol)
    for due in every:
        if due.standing == "ready" and (not due.step.on_demand or wanted(therapy, protocol, due.step)):
            items.append(to_perform(therapy, protocol, due))
        elif due.standing == "awaiting_second":
            items.append(to_sign(therapy, due))
    return [
        *held(therapy, protocol),
        *ways(therapy, protocol),
        *alerts(therapy),
        *happened(therapy),
        *incidents(therapy, protocol),
        *items,
        *told_and_unsigned(therapy, protocol, every),
        *safety(therapy, protocol),
        *materials(therapy, protocol),
        *late_values(therapy, protocol),
        *environment(therapy, protocol),
        *storage(therapy, protocol),
        *logs(therapy, protocol),
        *labels(therapy, protocol, every),
        *quality(therapy, protocol),
        *amendments(therapy),
    ]
