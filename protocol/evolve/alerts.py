"""Alerts change a therapy: one is raised, and somebody acknowledges it."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from events.facts import alerts
from protocol.state import Alert, Signed, Therapy, instance

AlertFacts = alerts.AlertRaised | alerts.AlertAcknowledged


def evolve_alerts(therapy: Therapy, fact: AlertFacts, by: Signed) -> Therapy:
    """The therapy after a fact about an alert."""
    match fact:
        case alerts.AlertRaised():
            where = instance(fact.key) if fact.key else None
            new = Alert(fact.alert, fact.rule, fact.roles, fact.says, where, by.link, by.recorded, by.zone)
            return replace(therapy, alerts={**therapy.alerts, new.code: new})
        case alerts.AlertAcknowledged():
            known = replace(therapy.alerts[fact.alert], acknowledged=by, note=fact.note)
            return replace(therapy, alerts={**therapy.alerts, known.code: known})
        case _:
            assert_never(fact)
