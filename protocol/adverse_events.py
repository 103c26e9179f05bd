"""Adverse events: which are open, which are treatment-emergent, and how each is told. Marks are computed, never typed."""

from __future__ import annotations

from events.facts.base import spell
from events.facts.steps import ProductInfused
from events.instant import to_wire
from events.zones import later
from protocol.duration import Begun
from protocol.model import EventRules, StudyProtocol
from protocol.refusals import refuse
from protocol.state import Therapy
from protocol.state.safety import Event


def rules_of(protocol: StudyProtocol) -> EventRules:
    """What the study records of adverse events.

    Raises:
        Refused: it records none in this way.
    """
    if protocol.safety is None or protocol.safety.events is None:
        raise refuse(
            "event.study",
            f"Protocol {protocol.protocol.id} {protocol.protocol.version} does not say how adverse events are recorded.",
            "Look at its steps: `unbroken protocol show`; a study names them under `safety.events`.",
        )
    return protocol.safety.events


def known_event(therapy: Therapy, name: str) -> Event:
    """An adverse event.

    Raises:
        Refused: there is none of this number.
    """
    event = therapy.safety.events.get(name.upper())
    if event is None:
        raise refuse(
            "event.known",
            f"{therapy.id} has no adverse event {name}.",
            f"Its adverse events: {', '.join(therapy.safety.events) or 'none'}.",
            event=name,
        )
    return event


def first_infusion(therapy: Therapy) -> Begun | None:
    """When and where the first infusion began; one that waits for its second signature has begun too."""
    acts = [*therapy.every_act.values(), *therapy.pending.values()]
    return min((act.began for act in acts if isinstance(act.fact, ProductInfused)), default=None)


def emergent(therapy: Therapy, event: Event) -> bool:
    """Whether it is treatment-emergent: it began, or got worse, after the infusion had begun."""
    begun = first_infusion(therapy)
    if begun is None:
        return False
    worse = [fact.at for fact, _ in event.followed if fact.what == "worsened"]
    # Of a day alone nobody knows whether it began before: on the day of the infusion it counts.
    return any(not later(begun.at, when, begun.zone) for when in (event.reported.onset, *worse))


def suspected(event: Event, rules: EventRules) -> bool:
    """Whether the product may have caused it."""
    return event.related in rules.suspected


def event_row(therapy: Therapy, event: Event) -> dict[str, str]:
    """An adverse event as one line of a list; times are spelled as on the wire, and so are days."""
    marks = [
        ("treatment-emergent", emergent(therapy, event)),
        (f"serious ({', '.join(event.criteria)})", event.serious),
        ("expected", event.expected is True),
        ("unexpected", event.expected is False),
        ("possible DLT", event.dlt),
    ]
    return {
        "event": event.code,
        "term": event.reported.term,
        "code": event.reported.code or "",
        "grade": str(event.grade),
        "worst": str(event.worst),
        "onset": spell(event.reported.onset),
        "ended": spell(event.ended) if event.ended else "",
        "aware": to_wire(event.reported.aware),
        "related": event.related,
        "marks": ", ".join(mark for mark, holds in marks if holds),
        "record": event.by.link,
    }


def events_told(therapy: Therapy) -> str:
    """The adverse events of a therapy in one line of a status."""
    events = list(therapy.safety.events.values())
    if not events:
        return ""
    serious = [event.code for event in events if event.serious]
    told = f"{sum(1 for event in events if event.ended is None)} open of {len(events)}, worst grade "
    told += str(max(event.worst for event in events))
    return f"{told}, serious: {', '.join(serious)}" if serious else told
