"""Who must hear of the worst at once, and when no product is left for a patient whose conditioning has begun."""

from __future__ import annotations

from collections.abc import Iterable

from events.facts.alerts import AlertRaised
from events.facts.base import TherapyFact
from protocol.alerts import raise_alert
from protocol.state import Instance, Therapy


def raise_each(
    therapy: Therapy,
    rule: str,
    roles: Iterable[str],
    says: str,
    *,
    at: Instance | None = None,
    before: Iterable[TherapyFact] = (),
) -> list[AlertRaised]:
    """An alert for each of these roles: every one of them has to know.

    Args:
        before: the facts that stand before these in the same record, so that the numbers stay unique.
    """
    alerts: list[AlertRaised] = []
    known = list(before)
    for role in dict.fromkeys(roles):
        alerts.append(raise_alert(therapy, rule, (role,), says, at=at, before=[*known, *alerts]))
    return alerts
