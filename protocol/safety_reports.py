"""Clocks of safety reports: from when each runs, until when, and what is still to be sent. Pure over what became known when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from events.instant import to_wire
from protocol.deadline import Deadline
from protocol.duration import Begun
from protocol.model import EventRules, SafetyReport, StudyProtocol
from protocol.model.safety import AWARE, Holds
from protocol.state import Instance, Therapy
from protocol.state.safety import Event

EVENT = "adverse_event"
"""How deadlines call what they are of, where a step's deadline names the step."""


class ReportClock(NamedTuple):
    """A report that runs, or ran: of which event, since when, until when."""

    event: Event
    report: SafetyReport
    begun: datetime
    due: datetime

    @property
    def name(self) -> str:
        """The deadline's name."""
        return f"report-{self.report.id}"

    @property
    def at(self) -> Instance:
        """The deadline's place."""
        return Instance(EVENT, self.event.code)


class _Known(NamedTuple):
    """What was known of an event from a moment on, there where it became known."""

    since: Begun
    related: str
    serious: bool
    criteria: tuple[str, ...]
    expected: bool | None


def reports_of(protocol: StudyProtocol) -> tuple[SafetyReport, ...]:
    """The reports that the study asks for."""
    return protocol.safety.reports if protocol.safety else ()


def clock(event: Event, report: SafetyReport, rules: EventRules) -> ReportClock | None:
    """The clock of a report about an event; None where it does not run, because what makes it due does not hold."""
    since = _held_since(event, report.when, rules)
    if since is None:
        return None
    if report.start != AWARE:
        before = event.sent.get(report.start)
        if before is None:
            return None
        since = max(since, Begun(before.fact.at, before.by.zone))
    return ReportClock(event, report, since.at, report.within.after(*since))


def open_clocks(therapy: Therapy, protocol: StudyProtocol) -> list[ReportClock]:
    """Every report that is still to be sent, the one that is due first in front."""
    if protocol.safety is None or protocol.safety.events is None:
        return []
    found = [
        running
        for event in therapy.safety.events.values()
        for report in reports_of(protocol)
        if report.id not in event.sent and (running := clock(event, report, protocol.safety.events)) is not None
    ]
    return sorted(found, key=lambda running: (running.due, running.event.code, running.report.id))


def report_deadlines(therapy: Therapy, protocol: StudyProtocol) -> Iterator[Deadline]:
    """A deadline for each report that is still to be sent and was not found late before; they outlast the therapy."""
    for running in open_clocks(therapy, protocol):
        if (running.name, running.at) not in therapy.missed:
            yield Deadline(
                running.name,
                running.at,
                running.due,
                says(running),
                running.report.then,
                rule(running),
                announced=False,
            )


def rule(running: ReportClock) -> str:
    """The rule of what follows when a report is late."""
    return f"deadline.report.{running.report.id}"


def says(running: ReportClock) -> str:
    """What is due, in words."""
    since = "awareness" if running.report.start == AWARE else f"the sponsor's awareness ({running.report.start})"
    event = f"{running.event.code} ({running.event.reported.term})"
    return f"{event}: {running.report.title} within {running.report.within} of {since}"


def told(therapy: Therapy, protocol: StudyProtocol) -> str:
    """The open clocks in one line of a status, each with its end as on the wire."""
    return "; ".join(f"{c.event.code} {c.report.id} by {to_wire(c.due)}" for c in open_clocks(therapy, protocol))


def _held_since(event: Event, when: tuple[Holds, ...], rules: EventRules) -> Begun | None:
    """Since when all of it holds without a break; None if it does not hold now."""
    since: Begun | None = None
    for known in _history(event):
        if not all(_holds(known, what, rules) for what in when):
            since = None
        elif since is None:
            since = known.since
    return since


def _history(event: Event) -> Iterator[_Known]:
    told = event.reported
    known = _Known(Begun(told.aware, event.by.zone), told.related, told.serious, told.criteria, told.expected)
    yield known
    for fact, by in event.followed:
        known = _Known(
            max(Begun(fact.aware, by.zone), known.since),
            known.related if fact.related is None else fact.related,
            known.serious if fact.serious is None else fact.serious,
            known.criteria if fact.criteria is None else fact.criteria,
            known.expected if fact.expected is None else fact.expected,
        )
        yield known


def _holds(known: _Known, what: Holds, rules: EventRules) -> bool:
    urgent = any(word in rules.urgent for word in known.criteria)
    match what:
        case "serious":
            return known.serious
        case "suspected":
            return known.related in rules.suspected
        case "unexpected":
            return known.expected is not True  # until somebody says that it was expected, it was not
        case "urgent":
            return urgent
        case "not_urgent":
            return not urgent
