"""Steps that wait: to be performed, to be signed second, for a late value or for a temperature log."""

from __future__ import annotations

from collections.abc import Iterable

from protocol.blocking import Shut
from protocol.clocks import strikes, struck
from protocol.due import Due
from protocol.exceptions import current, standing
from protocol.labels import unaccounted_in
from protocol.model import StudyProtocol
from protocol.perform import window
from protocol.release import evaluate, unmet
from protocol.state import Therapy
from protocol.versions import step_then
from protocol.worklist.infection import wanted
from protocol.worklist.item import WorkItem


def to_perform(therapy: Therapy, protocol: StudyProtocol, due: Due, shut: Shut) -> WorkItem:
    at, step = due.at, due.step
    says, opens = f"{step.title}: to be done", None
    ends = [strike.due for strike in strikes(therapy, protocol, step, at) if not struck(therapy, strike, at)]
    if due.visit is not None and (span := window(therapy, protocol, step, due.visit)):
        opens = span[0]
        ends.append(span[1])
        says = f"{due.visit.title or step.title}: visit {due.visit.id}"
    if step.labels and (open_ := unaccounted_in(therapy, protocol, step, at.material)):
        says = f"{step.title}: {len(open_)} labels to account for"
    if step.on_demand and (why := wanted(therapy, protocol, step)):
        says = f"{step.title}: {why}"
    if step.kind == "disposition":
        open_criteria = unmet(evaluate(therapy, protocol, at.material), protocol)
        told = ", ".join(f"{c.name} {c.verdict}" for c in open_criteria)
        by = current(therapy)
        told += f"; {by.code} {standing(therapy, protocol, by)}" if by is not None and open_criteria else ""
        says = f"{step.title}: {told or 'every criterion is met'}"
    blocks = () if due.required else _blocks(protocol, due, shut)
    return WorkItem(
        therapy.id,
        "perform",
        at.step,
        at.occurrence,
        at.material,
        step.title,
        step.performed_by,
        says,
        since=therapy.last_happened,
        opens=opens,
        due=min(ends, default=None),
        required=due.required or bool(blocks),
        batch=at.batch,
        blocks=blocks,
    )


def _blocks(protocol: StudyProtocol, due: Due, shut: Shut) -> tuple[str, ...]:
    """What waits for an occurrence that the study itself does not ask for."""
    infection, step = protocol.infection, due.step
    if step.on_demand and infection is not None:
        if infection.plan is not None and step.id == infection.plan.step:
            return shut.by_plan(step)
        return shut.by_old_markers() if step.id in infection.recorded_in else ()
    again = shut.by_age(due.at)
    return tuple(dict.fromkeys([*again, *shut.by_reading(due.at, step.record_by_name)]))


def to_sign(therapy: Therapy, due: Due) -> WorkItem:
    act = therapy.waiting(due.at)
    assert act is not None  # that is what awaiting_second means
    words = {
        "witnessed": "a witness",
        "reviewed": "review",
        "approved": "approval",
        "received": "somebody to take over",
    }
    told = f", {act.late}" if act.late else ""
    says = f"{due.step.title}: signed by {act.by.account}{told}, waits for {words[act.fact.second_meaning]}"
    return WorkItem(
        therapy.id,
        "second_signature",
        due.at.step,
        due.at.occurrence,
        due.at.material,
        due.step.title,
        act.fact.awaits,
        says,
        act=act.by.link,
        since=act.by.recorded,
        batch=due.at.batch,
    )


def told_and_unsigned(therapy: Therapy, protocol: StudyProtocol, every: Iterable[Due]) -> list[WorkItem]:
    """Acts that were told after the end and wait for their second signature: no step is due any more."""
    known = {due.at for due in every}
    acts = [act for act in therapy.pending.values() if act.at not in known and act.at.step in protocol.by_id]
    return [to_sign(therapy, Due(act.at, protocol.by_id[act.at.step], "awaiting_second")) for act in acts]


def late_values(therapy: Therapy, protocol: StudyProtocol, shut: Shut) -> list[WorkItem]:
    items = []
    for at, act in therapy.acts.items():
        step = step_then(protocol, act)
        for record in step.records if step else ():
            if record.late and not record.optional and (at, record.name) not in therapy.readings:
                says = f"{step.title if step else at.step}: {record.name} has not come yet"
                blocks = shut.by_reading(at, (record.name,))
                items.append(
                    WorkItem(
                        therapy.id,
                        "late_value",
                        at.step,
                        at.occurrence,
                        at.material,
                        record.title or record.name,
                        step.performed_by if step else (),
                        says,
                        since=act.fact.ended,
                        required=bool(blocks),
                        batch=at.batch,
                        blocks=blocks,
                    )
                )
    return items


def logs(therapy: Therapy, protocol: StudyProtocol) -> list[WorkItem]:
    """Steps that were signed without their temperature log: what stands there was typed, and the file is still to come."""
    items = []
    for act in (*therapy.acts.values(), *therapy.pending.values()):
        step = step_then(protocol, act)
        if step is None or step.logger is None or act.at in therapy.loggers:
            continue
        roles = tuple(dict.fromkeys((*step.performed_by, *(step.second[0] if step.second else ()))))
        items.append(
            WorkItem(
                therapy.id,
                "log",
                act.at.step,
                act.at.occurrence,
                act.at.material,
                "Temperature log",
                roles,
                f"{step.title}: the logger's file has not been read; what stands there was typed",
                since=act.fact.ended,
                required=False,
            )
        )
    return items
