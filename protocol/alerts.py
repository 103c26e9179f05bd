"""Alerts: a decision that somebody must hear of at once adds one to its record; somebody in its roles acknowledges it."""

from __future__ import annotations

from collections.abc import Iterable

from events.facts.alerts import AlertRaised
from events.facts.base import TherapyFact
from protocol.state import Alert, Instance, Therapy


def raise_alert(
    therapy: Therapy,
    rule: str,
    roles: tuple[str, ...],
    says: str,
    *,
    at: Instance | None = None,
    before: Iterable[TherapyFact] = (),
) -> AlertRaised:
    """The fact of an alert, for the record of what it is about.

    One of `roles` is enough to acknowledge it. People who must each be told get an alert each.

    Args:
        before: the facts that stand before it in the same record, so that its number stays unique.
    """
    number = len(therapy.alerts) + raised_in(before, therapy.id) + 1
    return AlertRaised(
        therapy=therapy.id, alert=f"A-{number}", rule=rule, roles=roles, key=at.key() if at else None, says=says
    )


def raised_in(facts: Iterable[TherapyFact], therapy: str) -> int:
    """How many alerts of a therapy these facts raise."""
    return sum(1 for fact in facts if isinstance(fact, AlertRaised) and fact.therapy == therapy)


def open_alerts(therapy: Therapy) -> list[Alert]:
    """Alerts that nobody has acknowledged."""
    return [alert for alert in therapy.alerts.values() if alert.acknowledged is None]
