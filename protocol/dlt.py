"""Dose-limiting toxicity: until when a patient is watched for it, and whether the decision on it stands."""

from __future__ import annotations

from datetime import datetime

from events.facts.steps import ConditioningGiven
from protocol.clocks import moment
from protocol.model import DltRules, StudyProtocol
from protocol.state import Therapy
from protocol.state.safety import Dlt, Event


def dlt_rules(protocol: StudyProtocol) -> DltRules | None:
    """What the study says of the decision; None where it asks for none."""
    return protocol.safety.dlt if protocol.safety else None


def window_end(therapy: Therapy, protocol: StudyProtocol) -> datetime | None:
    """When the window ends; None while it has not begun."""
    rules = dlt_rules(protocol)
    begun = moment(therapy, protocol, rules.start) if rules else None
    return rules.window.after(*begun) if rules and begun else None


def flagged(therapy: Therapy) -> list[Event]:
    """The events that may be dose-limiting."""
    return [event for event in therapy.safety.events.values() if event.dlt]


def standing(therapy: Therapy) -> Dlt | None:
    """The decision that stands: signed by two, and made on every event that is flagged by now."""
    decided = therapy.safety.dlt
    if decided is None or any(event.code not in decided.fact.flagged for event in flagged(therapy)):
        return None
    return decided


def begun(therapy: Therapy) -> datetime | None:
    """When conditioning began; None while it has not. An act that waits for its second signature has begun too."""
    acts = [*therapy.every_act.values(), *therapy.pending.values()]
    return min((act.fact.started for act in acts if isinstance(act.fact, ConditioningGiven)), default=None)


def awaited(therapy: Therapy, protocol: StudyProtocol) -> bool:
    """Whether somebody still has to decide, or to agree: of everybody whose conditioning began."""
    return dlt_rules(protocol) is not None and begun(therapy) is not None and standing(therapy) is None


def told(therapy: Therapy, protocol: StudyProtocol) -> str:
    """How the decision stands, in words; nothing where none is asked for yet."""
    if dlt_rules(protocol) is None or begun(therapy) is None:
        return ""
    decided = standing(therapy)
    if decided is not None:
        of = f" ({', '.join(decided.fact.events)})" if decided.fact.events else ""
        return f"{decided.fact.decision.replace('_', ' ')}{of}"
    waiting = therapy.safety.proposed_dlt
    if waiting is not None:
        return f"{waiting.fact.decision.replace('_', ' ')}, waits for {' or '.join(waiting.fact.awaits)}"
    end = window_end(therapy, protocol)
    return f"to be decided after {end:%Y-%m-%d %H:%M} UTC" if end else "to be decided"
