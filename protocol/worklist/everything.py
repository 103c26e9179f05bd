"""Everything that waits in one therapy, in the order in which it is shown."""

from __future__ import annotations

from protocol.blocking import Shut
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
    every = [] if therapy.completed else instances(therapy, protocol)
    shut = Shut(therapy, protocol, every)
    if therapy.completed:
        return [
            *held(therapy, protocol),
            *alerts(therapy, protocol),
            *happened(therapy),
            *told_and_unsigned(therapy, protocol, ()),
            *safety(therapy, protocol),
            *materials(therapy, protocol),
            *late_values(therapy, protocol, shut),
            *environment(therapy, protocol, shut),
            *labels(therapy, protocol, (), shut),
            *quality(therapy, protocol, shut),
        ]
    items: list[WorkItem] = []
    for due in every:
        if due.standing == "ready" and (not due.step.on_demand or wanted(therapy, protocol, due.step)):
            items.append(to_perform(therapy, protocol, due, shut))
        elif due.standing == "awaiting_second":
            items.append(to_sign(therapy, due))
    return [
        *held(therapy, protocol),
        *ways(therapy, protocol),
        *alerts(therapy, protocol),
        *happened(therapy),
        *incidents(therapy, protocol),
        *items,
        *told_and_unsigned(therapy, protocol, every),
        *safety(therapy, protocol),
        *materials(therapy, protocol),
        *late_values(therapy, protocol, shut),
        *environment(therapy, protocol, shut),
        *storage(therapy, protocol),
        *logs(therapy, protocol),
        *labels(therapy, protocol, every, shut),
        *quality(therapy, protocol, shut),
        *amendments(therapy),
    ]
