"""What waits for safety: grades that are computed and not signed, reports to be sent, the DLT decision."""

from __future__ import annotations

from protocol import safety_reports
from protocol.dlt import awaited, dlt_rules, flagged, window_end
from protocol.grading import gradings_of, proposed, unsigned
from protocol.model import StudyProtocol
from protocol.state import Instance, Therapy
from protocol.worklist.item import WorkItem


def safety(therapy: Therapy, protocol: StudyProtocol) -> list[WorkItem]:
    """One entry for each visit with grades to sign: a physician signs them together."""
    known = {grading.id: grading for grading in gradings_of(protocol)}
    visits: dict[Instance, list[str]] = {}
    for graded in unsigned(therapy):
        visits.setdefault(graded.at, []).append(graded.proposed.grading)
    items = []
    for at, names in visits.items():
        signers = [role for name in names if name in known for role in known[name].signed_by]
        told = "; ".join(f"{name} {proposed(therapy.safety.grades[name, at])}" for name in names)
        items.append(
            WorkItem(
                therapy.id, "grade", at.step, at.occurrence, at.material, f"Sign the grades of {at.occurrence}",
                tuple(dict.fromkeys(signers)), f"proposed: {told}",
                since=therapy.safety.grades[names[0], at].by.recorded, batch=at.batch,
            )
        )  # fmt: skip
    return [*_reports(therapy, protocol), *items, *_dlt(therapy, protocol)]


def _reports(therapy: Therapy, protocol: StudyProtocol) -> list[WorkItem]:
    return [
        WorkItem(
            therapy.id, "report", "", "", clock.event.code, f"Send {clock.report.id} of {clock.event.code}",
            clock.report.sent_by, f"REPORT {clock.report.id}: {safety_reports.says(clock)}",
            act=clock.event.by.link, since=clock.begun, due=clock.due,
        )
        for clock in safety_reports.open_clocks(therapy, protocol)
    ]  # fmt: skip


def _dlt(therapy: Therapy, protocol: StudyProtocol) -> list[WorkItem]:
    rules, waiting = dlt_rules(protocol), therapy.safety.proposed_dlt
    if rules is None or not awaited(therapy, protocol):
        return []
    if waiting is not None:
        decided = waiting.fact.decision.replace("_", " ")
        says = f"dose-limiting toxicity: {waiting.by.account} decided {decided} ({waiting.fact.reason}); a second person agrees"
        return [
            WorkItem(
                therapy.id, "dlt", "", "", "", "Agree with the DLT decision", waiting.fact.awaits, says,
                act=waiting.by.link, since=waiting.by.recorded,
            )
        ]  # fmt: skip
    end = window_end(therapy, protocol)
    if end is None and not therapy.stopped:
        return []  # the window has not begun
    possible = ", ".join(f"{event.code} {event.reported.term}" for event in flagged(therapy)) or "none"
    says = (
        f"dose-limiting toxicity within {rules.window} of {rules.start}: to be decided; flagged as possible: {possible}"
    )
    return [
        WorkItem(therapy.id, "dlt", "", "", "", "Decide on dose-limiting toxicity", rules.decided_by, says, opens=end)
    ]
