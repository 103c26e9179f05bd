"""Facts of safety told to a person: grades and adverse events."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from events.facts import safety
from protocol.grading import told
from protocol.state import instance

SafetyFact = (
    safety.GradeProposed
    | safety.GradeSigned
    | safety.AdverseEventReported
    | safety.AdverseEventFollowed
    | safety.SafetyReportSent
    | safety.DltDecided
    | safety.DltAnswered
)


def told_safety(fact: SafetyFact, when: Callable[[date | None], str]) -> list[str]:
    """The lines of one fact; the first says what happened."""
    match fact:
        case safety.GradeProposed():
            stands = told(fact.grade, fact)
            return [f"{instance(fact.key)}: {fact.grading} {stands} proposed", *(f"  {why}" for why in fact.because)]
        case safety.GradeSigned():
            as_proposed = f"; proposed was {told(fact.proposed)}" if fact.proposed != fact.grade else ", as proposed"
            why = f": {fact.reason}" if fact.reason else ""
            return [f"{instance(fact.key)}: {fact.grading} {told(fact.grade)} signed{as_proposed}{why}"]
        case safety.AdverseEventReported():
            code = f" ({fact.code})" if fact.code else ""
            lines = [f"ADVERSE EVENT {fact.event}: {fact.term}{code}, grade {fact.grade}"]
            lines.append(f"  began {when(fact.onset)}, known {when(fact.aware)}")
            lines.append("  " + ", ".join(_judged(fact)))
            return [*lines, f"  {fact.says}"] if fact.says else lines
        case safety.AdverseEventFollowed():
            grade = f", grade {fact.grade}" if fact.grade is not None else ""
            lines = [f"adverse event {fact.event} {fact.what}{grade}: {fact.says}"]
            lines.append(f"  changed {when(fact.at)}, known {when(fact.aware)}")
            judged = _judged(fact)
            return [*lines, "  " + ", ".join(judged)] if judged else lines
        case safety.SafetyReportSent():
            reference = f", reference {fact.reference}" if fact.reference else ""
            late = "; LATE" if fact.at > fact.due else ""
            return [f"report {fact.report} of {fact.event} sent {when(fact.at)}, due {when(fact.due)}{late}{reference}"]
        case safety.DltDecided():
            of = f" ({', '.join(fact.events)})" if fact.events else ""
            first = f"dose-limiting toxicity: {fact.decision.replace('_', ' ')}{of}: {fact.reason}"
            return [
                f"{first}, waits for {' or '.join(fact.awaits)}",
                f"  flagged as possible: {', '.join(fact.flagged) or 'none'}",
            ]
        case safety.DltAnswered():
            why = f": {fact.reason}" if fact.reason else ""
            answer = fact.answer.replace("_", " ")
            return [
                f"dose-limiting toxicity {fact.decision.replace('_', ' ')}, decided in {fact.first[:16]}: {answer}{why}"
            ]


def _judged(fact: safety.AdverseEventReported | safety.AdverseEventFollowed) -> list[str]:
    """How it is judged; what a later fact leaves as it was is not told."""
    found = [f"related: {fact.related}"] if fact.related is not None else []
    if fact.serious is not None:
        found.append("serious" if fact.serious else "not serious")
    if fact.criteria:
        found.append(f"criteria: {', '.join(fact.criteria)}")
    if fact.expected is not None:
        found.append("expected" if fact.expected else "unexpected")
    if fact.dlt is not None:
        found.append("possible dose-limiting toxicity" if fact.dlt else "no dose-limiting toxicity")
    return found
