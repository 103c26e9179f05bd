"""A fact about safety changes a therapy: a grade waits or is signed, an adverse event begins, changes, ends."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from events.facts import safety
from protocol.state import Signed, Therapy, instance
from protocol.state.safety import Dlt, Event, Graded, Sent

SafetyFacts = (
    safety.GradeProposed
    | safety.GradeSigned
    | safety.AdverseEventReported
    | safety.AdverseEventFollowed
    | safety.SafetyReportSent
    | safety.DltDecided
    | safety.DltAnswered
)


def evolve_safety(therapy: Therapy, fact: SafetyFacts, by: Signed) -> Therapy:
    """The therapy after a fact about safety."""
    state = therapy.safety
    match fact:
        case safety.GradeProposed():
            where = (fact.grading, instance(fact.key))
            state = replace(state, grades={**state.grades, where: Graded(where[1], fact, by)})
        case safety.GradeSigned():
            where = (fact.grading, instance(fact.key))
            signed = replace(state.grades[where], signed=fact, signer=by)
            state = replace(state, grades={**state.grades, where: signed})
        case safety.AdverseEventReported():
            new = Event(
                fact.event, fact, by, fact.grade, fact.related, fact.serious, fact.criteria, fact.expected, fact.dlt
            )
            state = replace(state, events={**state.events, fact.event: new})
        case safety.AdverseEventFollowed():
            state = replace(state, events={**state.events, fact.event: _followed(state.events[fact.event], fact, by)})
        case safety.SafetyReportSent():
            event = state.events[fact.event]
            event = replace(event, sent={**event.sent, fact.report: Sent(fact, by)})
            state = replace(state, events={**state.events, fact.event: event})
        case safety.DltDecided():
            state = replace(state, proposed_dlt=Dlt(fact, by))
        case safety.DltAnswered():
            waiting = state.proposed_dlt
            if waiting is not None and fact.answer == "agreed":
                state = replace(state, dlt=replace(waiting, agreed=by))
            state = replace(state, proposed_dlt=None)
        case _:
            assert_never(fact)
    return replace(therapy, safety=state)


def _followed(event: Event, fact: safety.AdverseEventFollowed, by: Signed) -> Event:
    return replace(
        event,
        grade=event.grade if fact.grade is None else fact.grade,
        related=event.related if fact.related is None else fact.related,
        serious=event.serious if fact.serious is None else fact.serious,
        criteria=event.criteria if fact.criteria is None else fact.criteria,
        expected=event.expected if fact.expected is None else fact.expected,
        dlt=event.dlt if fact.dlt is None else fact.dlt,
        ended=fact.at if fact.what == "resolved" else event.ended,
        followed=(*event.followed, (fact, by)),
    )
