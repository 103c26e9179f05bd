"""What people of the play say when something goes wrong: a failure and its way out, an option after an incident, an alert."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from protocol.commands import (
    AcknowledgeAlert,
    AssessDeviation,
    BeginRemake,
    ChooseOption,
    DecideFailure,
    FailManufacture,
    InvestigateDeviation,
    ReportIncident,
    TerminateTherapy,
)
from protocol.incidents import closed
from protocol.manufacture import needed, open_failure, ways_out
from protocol.model import StudyProtocol
from protocol.state import Therapy
from protocol.worklist import WorkItem


def failure(therapy: Therapy, protocol: StudyProtocol, item: WorkItem) -> FailManufacture:
    """The report that manufacture failed in this step: what was kept in reserve is retained, everything else is lost."""
    kept = {kind for way in ways_out(therapy, protocol) for kind in way.way.needs}
    live = [m for m in needed(therapy, protocol) if m.live]
    return FailManufacture(
        step=item.step,
        occurrence=item.occurrence,
        material=item.material or None,
        says="the culture is turbid; Gram-positive cocci",
        ends=tuple(m.code for m in live if m.kind not in kept),
        retains=tuple(m.code for m in live if m.kind in kept),
    )


def confirmation(therapy: Therapy) -> DecideFailure:
    """The second person's word on the failure that waits."""
    waiting = open_failure(therapy)
    assert waiting is not None  # that is what the worklist's item means
    return DecideFailure(failure=waiting.code, decision="confirmed", reason="seen in the laboratory")


def way_out(
    therapy: Therapy, protocol: StudyProtocol, again: bool
) -> tuple[BeginRemake | TerminateTherapy, tuple[str, ...]]:
    """What is decided where there is no product, and the roles that decide it: a remake, if one is open and wanted."""
    open_ = [way.way for way in ways_out(therapy, protocol) if not way.closed]
    if again and open_:
        reason = f"the product was lost; {open_[0].title[:1].lower()}{open_[0].title[1:]}"
        return BeginRemake(start=open_[0].start, reason=reason), open_[0].decided_by
    ended_by = protocol.manufacture.ended_by if protocol.manufacture else ()
    return TerminateTherapy(reason="the patient goes on with another treatment"), ended_by


def no_courier(protocol: StudyProtocol, item: WorkItem) -> ReportIncident:
    """The courier of this hand-over rings and does not come: the study's incident that another booking may answer."""
    spec = next(i for i in protocol.incidents if item.step in i.during and i.options)
    says = "the courier rang: the van broke down, nobody comes"
    return ReportIncident(name=spec.id, says=says, step=item.step, material=item.material or None)


def second_pickup(therapy: Therapy) -> datetime | None:
    """When the courier comes who was booked after the first one did not; None where nobody was."""
    missed = [happening.when for happening in therapy.incidents.values()]
    soon = [s.starts for s in therapy.slots if missed and timedelta(0) <= s.starts - missed[0] <= timedelta(hours=12)]
    return max(soon, default=None)


def option(therapy: Therapy, protocol: StudyProtocol, item: WorkItem, now: datetime) -> ChooseOption:
    """The first of the protocol's options that can still be chosen after an incident."""
    happening = therapy.incidents[item.material]
    options = protocol.incident_by_id[happening.name].options
    chosen = next((o for o in options if not closed(therapy, protocol, happening, o, now)), options[0])
    return ChooseOption(incident=happening.code, option=chosen.id, why="the soonest that is left")


def acknowledgement(item: WorkItem) -> AcknowledgeAlert:
    """Somebody in the alert's roles has seen it."""
    return AcknowledgeAlert(alert=item.material, note="seen; acting on it")


def unassessed(therapy: Therapy, items: Sequence[WorkItem]) -> WorkItem | None:
    """What QA does about a deviation that would keep the product from being released; None where none does."""
    codes = {d.code for d in therapy.blocking if d.grade == "major"}
    found = [i for i in items if i.kind == "deviation" and i.material in codes]
    return next((i for i in found if i.title.startswith(("Investigate", "Assess"))), None)


def handled(therapy: Therapy, item: WorkItem) -> InvestigateDeviation | AssessDeviation:
    """The next thing that a deviation asks for before its product can be released: its cause, then its impact."""
    if therapy.deviations[item.material].investigation is None:
        return InvestigateDeviation(deviation=item.material, cause="material", root_cause="a leaking bag port")
    return AssessDeviation(deviation=item.material, impact="none: that batch was destroyed, this one was made anew")
