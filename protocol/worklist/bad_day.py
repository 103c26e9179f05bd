"""What happened and waits for a decision: holds, mismatches, alerts, incidents, failures and their ways out."""

from __future__ import annotations

from protocol.alerts import grade_of, open_alerts, worst_first
from protocol.deviations import heard_by
from protocol.happened import unsigned
from protocol.incidents import bounds
from protocol.incidents import undecided as undecided_incidents
from protocol.manufacture import ground, open_failure, told, ways_out
from protocol.mismatch import open_mismatches, undecided
from protocol.model import StudyProtocol
from protocol.state import Therapy
from protocol.stranded import hearers, stranded
from protocol.stranded import says as says_stranded
from protocol.worklist.item import WorkItem


def held(therapy: Therapy, protocol: StudyProtocol) -> list[WorkItem]:
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


def alerts(therapy: Therapy, protocol: StudyProtocol) -> list[WorkItem]:
    return [
        WorkItem(
            therapy.id, "alert", "", "", alert.code, f"Acknowledge {alert.code}", alert.roles,
            f"ALERT {alert.code}: {alert.says}", act=alert.link, since=alert.raised, grade=grade_of(therapy, alert),
            due=heard_by(therapy, protocol, alert),
        )
        for alert in worst_first(therapy, open_alerts(therapy))
    ]  # fmt: skip


def incidents(therapy: Therapy, protocol: StudyProtocol) -> list[WorkItem]:
    """An incident that waits for a choice, with every limit that runs meanwhile; the tightest is the one in force."""
    items = []
    for happening, spec in undecided_incidents(therapy, protocol):
        limits = bounds(therapy, protocol, happening, spec)
        told = f"{happening.code} {spec.title}, {happening.at}; choose: {', '.join(o.id for o in spec.options)}"
        told += f"; in force: {limits[0]}" if limits else ""
        told += f"; then {', '.join(map(str, limits[1:]))}" if limits[1:] else ""
        items.append(
            WorkItem(
                therapy.id, "incident", "", "", happening.code, f"Choose after {happening.code}", spec.decided_by, told,
                act=happening.by.link, since=happening.when, due=limits[0].at if limits else None,
            )
        )  # fmt: skip
    return items


def ways(therapy: Therapy, protocol: StudyProtocol) -> list[WorkItem]:
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
    why, left = ground(therapy, protocol), stranded(therapy, protocol)
    worst = f"CRITICAL, {says_stranded(therapy, protocol, left)}" if left else ""
    if not why or protocol.manufacture is None:
        if left is None or therapy.terminated:
            return []
        hear = hearers(protocol)
        return [WorkItem(therapy.id, "way_out", "", "", "", "Decide what follows", hear, worst, since=left.since)]
    deciders = [role for way in ways_out(therapy, protocol) if not way.closed for role in way.way.decided_by]
    roles = tuple(dict.fromkeys([*deciders, *protocol.manufacture.ended_by]))
    says = worst or f"NO PRODUCT: {why}. {told(therapy, protocol)}"
    return [WorkItem(therapy.id, "way_out", "", "", "", "Decide what follows", roles, says, batch=therapy.batch)]


def happened(therapy: Therapy) -> list[WorkItem]:
    """What was told of an act against the rules, of which no step waits: another person signs it too, or will not."""
    return [
        WorkItem(
            therapy.id, "second_signature", one.at.step, one.at.occurrence, one.at.material, f"Sign {one.code} second",
            one.fact.awaits, f"{one.code}, told by {one.by.account}, waits for a witness: {one.fact.says}",
            act=one.by.link, since=one.by.recorded, batch=one.at.batch,
        )
        for one in unsigned(therapy)
    ]  # fmt: skip
