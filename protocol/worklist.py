"""What waits for whom: steps to perform, second signatures, late values, holds, alerts, quarantines, deviations and their actions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from protocol.alerts import open_alerts
from protocol.clocks import strikes
from protocol.deviations import handling, investigators, lacking, limit_of, needs_action
from protocol.due import Due, instances
from protocol.endings import may_keep, unsettled
from protocol.exceptions import current, roles_of, standing
from protocol.incidents import undecided as undecided_incidents
from protocol.labels import differs, labelled, roles_for, sets, unaccounted_in
from protocol.manufacture import ground, open_failure, told, ways_out
from protocol.mismatch import open_mismatches, stopping, undecided
from protocol.model import StudyProtocol
from protocol.perform import window
from protocol.release import evaluate, unmet
from protocol.running import next_strike
from protocol.state import Deviation, Therapy

What = Literal[
    "perform",
    "second_signature",
    "late_value",
    "log",
    "hold",
    "mismatch",
    "incident",
    "alert",
    "material",
    "label",
    "failure",
    "way_out",
    "quarantine",
    "deviation",
    "action",
    "exception",
]


@dataclass(frozen=True, slots=True)
class WorkItem:
    """Something that waits for somebody in one of `roles`; `due` is when a clock of it strikes next."""

    therapy: str
    kind: What
    step: str
    occurrence: str
    material: str
    title: str
    roles: tuple[str, ...]
    says: str
    act: str | None = None
    since: datetime | None = None
    opens: datetime | None = None
    due: datetime | None = None
    required: bool = True
    batch: int = 1


def worklist(therapy: Therapy, protocol: StudyProtocol) -> list[WorkItem]:
    """Everything that waits in one therapy, in the protocol's order; in one that is completed, what QA still decides."""
    if therapy.opened is None:
        return []
    if therapy.completed:
        return [
            *_held(therapy, protocol),
            *_alerts(therapy),
            *_told_and_unsigned(therapy, protocol, ()),
            *_materials(therapy, protocol),
            *_late(therapy, protocol),
            *_labels(therapy, protocol, ()),
            *_quality(therapy, protocol),
        ]
    items: list[WorkItem] = []
    every = instances(therapy, protocol)
    for due in every:
        if due.standing == "ready":
            items.append(_to_perform(therapy, protocol, due))
        elif due.standing == "awaiting_second":
            items.append(_to_sign(therapy, due))
    return [
        *_held(therapy, protocol),
        *_ways_out(therapy, protocol),
        *_alerts(therapy),
        *_incidents(therapy, protocol),
        *items,
        *_told_and_unsigned(therapy, protocol, every),
        *_materials(therapy, protocol),
        *_late(therapy, protocol),
        *_logs(therapy, protocol),
        *_labels(therapy, protocol, every),
        *_quality(therapy, protocol),
    ]


def _to_perform(therapy: Therapy, protocol: StudyProtocol, due: Due) -> WorkItem:
    at, step = due.at, due.step
    says, opens = f"{step.title}: to be done", None
    ends = [strike.due for strike in strikes(therapy, protocol, step, at) if (strike.name, at) not in therapy.missed]
    if due.visit is not None and (span := window(therapy, protocol, step, due.visit)):
        opens = span[0]
        ends.append(span[1])
        says = f"{due.visit.title or step.title}: visit {due.visit.id}"
    if step.labels and (open_ := unaccounted_in(therapy, protocol, step, at.material)):
        says = f"{step.title}: {len(open_)} labels to account for"
    if step.kind == "disposition":
        open_criteria = unmet(evaluate(therapy, protocol, at.material), protocol)
        told = ", ".join(f"{c.name} {c.verdict}" for c in open_criteria)
        by = current(therapy)
        told += f"; {by.code} {standing(therapy, protocol, by)}" if by is not None and open_criteria else ""
        says = f"{step.title}: {told or 'every criterion is met'}"
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
        required=due.required,
        batch=at.batch,
    )


def _to_sign(therapy: Therapy, due: Due) -> WorkItem:
    act = therapy.waiting(due.at)
    assert act is not None  # that is what awaiting_second means
    words = {
        "witnessed": "a witness",
        "reviewed": "review",
        "approved": "approval",
        "received": "somebody to take over",
    }
    says = f"{due.step.title}: signed by {act.by.account}, waits for {words[act.fact.second_meaning]}"
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


def _told_and_unsigned(therapy: Therapy, protocol: StudyProtocol, every: Iterable[Due]) -> list[WorkItem]:
    """Acts that were told after the end and wait for their second signature: no step is due any more."""
    known = {due.at for due in every}
    acts = [act for act in therapy.pending.values() if act.at not in known and act.at.step in protocol.by_id]
    return [_to_sign(therapy, Due(act.at, protocol.by_id[act.at.step], "awaiting_second")) for act in acts]


def _materials(therapy: Therapy, protocol: StudyProtocol) -> list[WorkItem]:
    """Material of a therapy that stopped, or samples that may not be kept: to be disposed of, kept or returned."""
    items, signed = [], {code for fact, _ in therapy.disposals.values() for code in fact.materials}
    for link, (fact, by) in therapy.disposals.items():
        codes = ", ".join(fact.materials)
        says = f"disposal of {codes}: signed by {by.account}, waits for a witness ({fact.reason})"
        items.append(
            WorkItem(
                therapy.id, "material", "", "", fact.materials[0], "Witness the disposal", fact.awaits, says,
                act=link, since=by.recorded,
            )
        )  # fmt: skip
    roles = tuple(dict.fromkeys([*protocol.qa_roles, *(protocol.endings.kept_by if protocol.endings else ())]))
    for material in sorted(unsettled(therapy, protocol), key=lambda m: m.code):
        if material.code in signed:
            continue
        permit = may_keep(therapy, protocol, material)
        title = protocol.materials[material.kind].title
        ways = f"dispose of it, return it, or keep it (consent permits {permit})" if permit else "dispose of it"
        says = f"{material.code} ({title}), held by {material.holder} at {material.place or 'no place'}: {ways}"
        items.append(
            WorkItem(
                therapy.id, "material", "", "", material.code, f"Settle {material.code}", roles, says,
                required=material.status != "quarantined",
            )
        )  # fmt: skip
    return items


def _late(therapy: Therapy, protocol: StudyProtocol) -> list[WorkItem]:
    items = []
    for at, act in therapy.acts.items():
        step = protocol.by_id.get(at.step)
        for record in step.records if step else ():
            if record.late and not record.optional and (at, record.name) not in therapy.readings:
                says = f"{step.title if step else at.step}: {record.name} has not come yet"
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
                        required=False,
                        batch=at.batch,
                    )
                )
    return items


def _labels(therapy: Therapy, protocol: StudyProtocol, every: Iterable[Due]) -> list[WorkItem]:
    """Labels to be printed, to be accounted for, to be seen by a second person, or that no longer say what they must."""
    items = []

    def wait(step: str, code: str, title: str, roles: tuple[str, ...], says: str, act: str = "", **more: Any) -> None:
        items.append(WorkItem(therapy.id, "label", step, "1", code, title, roles, says, act=act or None, **more))

    for link, (given, by) in therapy.label_acts.items():
        told = ", ".join(f"{label.serial} {label.fate.replace('_', ' ')}" for label in given.labels)
        says = f"{told}: signed by {by.account}, waits for a witness ({given.reason})"
        wait("", "", "See what became of a label", given.awaits, says, link, since=by.recorded)
    coming: set[tuple[str, str]] = set()
    for due in every:
        if due.step.kind == "labelling" and due.standing in ("ready", "waiting", "awaiting_second"):
            for material, name in labelled(therapy, protocol, due.step, due.at.material):
                coming.add((material.code, name))
                if due.standing == "ready" and not sets(therapy, material.code, name):
                    template = protocol.labels[name]
                    says = f"print {template.count} of {name} for {material.code}"
                    wait(due.at.step, material.code, template.title, template.printed_by, says, required=False)
    for code, name in dict.fromkeys((x.material, x.template) for x in therapy.labels.values()):
        printers, mine = roles_for(protocol, name)[0], sets(therapy, code, name)
        open_ = [x.serial for x in mine if not x.fate and x.serial not in _signed_once(therapy)]
        if open_ and (code, name) not in coming:
            says = f"UNACCOUNTED: {', '.join(open_)} of {code}; the next step stays shut"
            wait("", code, "Account for labels", printers, says, required=therapy.materials[code].live)
        applied = [x for x in mine if x.fate == "applied"]
        in_use = therapy.materials[code].live and not therapy.materials[code].earlier
        if applied and in_use and (wrong := differs(therapy, protocol, applied[-1])):
            says = f"{applied[-1].serial} on {code} is to be replaced: {wrong}"
            wait("", code, "Label anew", printers, says, required=False)
    return items


def _signed_once(therapy: Therapy) -> set[str]:
    return {label.serial for given, _ in therapy.label_acts.values() for label in given.labels}


def _logs(therapy: Therapy, protocol: StudyProtocol) -> list[WorkItem]:
    """Steps that were signed without their temperature log: what stands there was typed, and the file is still to come."""
    items = []
    for act in (*therapy.acts.values(), *therapy.pending.values()):
        step = protocol.by_id.get(act.at.step)
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


def _held(therapy: Therapy, protocol: StudyProtocol) -> list[WorkItem]:
    items = []
    for hold in therapy.holds.values():
        roles = hold.pending[0].awaits if hold.pending else protocol.qa_roles
        says = f"HELD: {hold.says}; rescan the wristband and clear it"
        items.append(WorkItem(therapy.id, "hold", "", "", "", "Clear the hold", roles, says, act=hold.link))
    for mismatch in open_mismatches(therapy):
        for code in undecided(therapy, mismatch) or ("",):
            pending = mismatch.pending.get(code)
            waits = (
                f"{pending[1].account} says {pending[0].decision}, a second person of QA" if pending else "two of QA"
            )
            says = f"STOPPED: {mismatch.code}, {mismatch.says}; waits for {waits}"
            title = f"Decide on {code or mismatch.code}"
            items.append(
                WorkItem(
                    therapy.id, "mismatch", "", "", code, title, protocol.qa_roles, says,
                    act=pending[1].link if pending else mismatch.link, since=mismatch.recorded,
                )
            )  # fmt: skip
    return items


def _alerts(therapy: Therapy) -> list[WorkItem]:
    return [
        WorkItem(
            therapy.id, "alert", "", "", alert.code, f"Acknowledge {alert.code}", alert.roles,
            f"ALERT {alert.code}: {alert.says}", act=alert.link, since=alert.raised,
        )
        for alert in open_alerts(therapy)
    ]  # fmt: skip


def _incidents(therapy: Therapy, protocol: StudyProtocol) -> list[WorkItem]:
    return [
        WorkItem(
            therapy.id, "incident", "", "", happening.code, f"Choose after {happening.code}", spec.decided_by,
            f"{happening.code} {spec.title}, {happening.at}; choose: {', '.join(o.id for o in spec.options)}",
            act=happening.by.link, since=happening.when, due=next_strike(therapy, protocol, happening.materials),
        )
        for happening, spec in undecided_incidents(therapy, protocol)
    ]  # fmt: skip


def _ways_out(therapy: Therapy, protocol: StudyProtocol) -> list[WorkItem]:
    """A failure that waits for its second person; and where there will be no product, who decides what follows."""
    failure = open_failure(therapy)
    if failure is not None:
        says = f"FAILED: {failure.at}, {failure.says}; reported by {failure.by.account}, waits to be confirmed"
        title, at = f"Confirm {failure.code}", failure.at
        return [
            WorkItem(
                therapy.id, "failure", "", "", failure.code, title, failure.awaits, says,
                act=failure.by.link, since=failure.by.recorded, batch=at.batch,
            )
        ]  # fmt: skip
    why = ground(therapy, protocol)
    if not why or protocol.manufacture is None:
        return []
    deciders = [role for way in ways_out(therapy, protocol) if not way.closed for role in way.way.decided_by]
    roles = tuple(dict.fromkeys([*deciders, *protocol.manufacture.ended_by]))
    says = f"NO PRODUCT: {why}. {told(therapy, protocol)}"
    return [WorkItem(therapy.id, "way_out", "", "", "", "Decide what follows", roles, says, batch=therapy.batch)]


def _quality(therapy: Therapy, protocol: StudyProtocol) -> list[WorkItem]:
    roles = protocol.qa_roles
    failure = open_failure(therapy)
    lost = failure.ends if failure else ()
    items = [
        WorkItem(
            therapy.id, "quarantine", "", "", m.code, f"Decide on {m.code}", roles, f"{m.code} quarantined: {m.why}"
        )
        for m in sorted(therapy.materials.values(), key=lambda m: m.code)
        if m.live and m.status == "quarantined" and stopping(therapy, m.code) is None and m.code not in lost
    ]
    for deviation in therapy.deviations.values():
        if not deviation.closed:
            items += _deviation(therapy, protocol, deviation)
    return [*items, *_actions(therapy, protocol), *_exception(therapy, protocol)]


def _exception(therapy: Therapy, protocol: StudyProtocol) -> list[WorkItem]:
    """The next signature of a release by exception; QA's own decision stands in the list as its step."""
    exception, roles = current(therapy), roles_of(protocol)
    if exception is None or roles is None or not standing(therapy, protocol, exception).startswith("waits"):
        return []
    what, whom = ("Accept", roles.accepted_by) if exception.evaluated else ("Evaluate the risks of", roles.evaluated_by)
    failed = ", ".join(f"{c.name} {c.found}" for c in exception.criteria)
    return [
        WorkItem(
            therapy.id, "exception", "", "", exception.code, f"{what} {exception.code}", whom,
            f"{what} {exception.code}, release by exception: {failed}; {exception.reason}",
            act=(exception.evaluated or exception.requested).link, since=exception.requested.recorded,
        )
    ]  # fmt: skip


def _deviation(therapy: Therapy, protocol: StudyProtocol, deviation: Deviation) -> list[WorkItem]:
    """What a deviation waits for: each thing that its grade asks for, and in the end its closure."""
    asked = handling(protocol, deviation).requires
    told = [
        ("investigation" in asked and deviation.investigation is None, "Investigate", investigators(protocol)),
        ("impact" in asked and not deviation.impact, "Assess the impact of", protocol.qa_roles),
        (needs_action(therapy, protocol, deviation), "Plan an action for", protocol.qa_roles),
        (not lacking(therapy, protocol, deviation), "Close", protocol.qa_roles),
    ]
    return [
        WorkItem(
            therapy.id, "deviation", "", "", deviation.code, f"{what} {deviation.code}", roles,
            f"{what} {deviation.code} {deviation.grade}: {deviation.says}", since=deviation.opened,
            due=limit_of(therapy, protocol, deviation), required=False,
        )
        for waits, what, roles in told
        if waits
    ]  # fmt: skip


def _actions(therapy: Therapy, protocol: StudyProtocol) -> list[WorkItem]:
    items = []
    for action in therapy.actions.values():
        if action.settled or action.checked is not None:
            continue
        to_do = action.done is None
        what = f"Do {action.code}" if to_do else f"Check whether {action.code} was effective"
        whom = f", by {action.owner}" if action.owner and to_do else ""
        roles = (action.role,) if to_do else protocol.qa_roles
        items.append(
            WorkItem(
                therapy.id, "action", "", "", action.code, what, roles,
                f"{what} ({action.what}, for {action.deviation}{whom}): {action.says}",
                since=action.done.recorded if action.done else action.planned.recorded,
                due=action.due if to_do else None, required=False,
            )
        )  # fmt: skip
    return items


def resting_state(therapy: Therapy, protocol: StudyProtocol) -> tuple[str, str]:
    """In which state a therapy rests, as a name and a sentence: which step waits for which role."""
    if therapy.completed:
        return "Completed", therapy.completed.replace("_", " ")
    items = [i for i in worklist(therapy, protocol) if i.required]
    if not items:
        return "AwaitingTime", "nothing waits for anybody"
    first = items[0]
    name = {
        "perform": "AwaitingStep",
        "second_signature": "AwaitingSignature",
        "hold": "Held",
        "mismatch": "Held",
        "alert": "Alerted",
        "incident": "Incident",
        "failure": "AwaitingSignature",
        "way_out": "AwaitingDecision",
        "quarantine": "Quarantined",
    }.get(first.kind, "AwaitingStep")
    told = [f"{i.step or i.title}{_occurrence(i)}: waiting for {' or '.join(i.roles)}" for i in items[:3]]
    more = f" (and {len(items) - 3} more)" if len(items) > 3 else ""
    return name, "; ".join(told) + more


def _occurrence(item: WorkItem) -> str:
    words = f" {item.occurrence}" if item.occurrence not in ("", "1") else ""
    words += f" of {item.material}" if item.material and item.step else ""
    return f"{words} (batch {item.batch})" if item.batch > 1 and item.step else words
