"""Alerts: a decision that somebody must hear of at once adds one to its record; somebody in its roles acknowledges it."""

from __future__ import annotations

from collections.abc import Iterable

from events.facts.alerts import AlertRaised
from events.facts.base import TherapyFact
from protocol.state import Alert, Instance, Therapy

GRADES = ("critical", "major", "minor")
"""The grades of deviations, the worst first."""


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


def grade_of(therapy: Therapy, alert: Alert) -> str:
    """The worst grade of a deviation that opened in the very record that raised an alert; nothing where none did."""
    grades = {deviation.grade for deviation in therapy.deviations.values() if deviation.link == alert.link}
    return next((grade for grade in GRADES if grade in grades), "")


def worst_first(therapy: Therapy, alerts: Iterable[Alert]) -> list[Alert]:
    """Alerts by the grade of what they are about, then by age."""
    order = {grade: place for place, grade in enumerate((*GRADES[:1], "", *GRADES[1:]))}
    return sorted(alerts, key=lambda alert: (order[grade_of(therapy, alert)], alert.raised))


def open_alerts(therapy: Therapy) -> list[Alert]:
    """Alerts that nobody has acknowledged."""
    return [alert for alert in therapy.alerts.values() if alert.acknowledged is None]
