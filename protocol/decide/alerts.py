"""Decide about alerts. They can be acknowledged after a therapy was completed too: who had to know still has to."""

from __future__ import annotations

from events.facts.alerts import AlertAcknowledged
from protocol.alerts import open_alerts
from protocol.commands import AlertCommand
from protocol.decision import Decision
from protocol.model import StudyProtocol
from protocol.refusals import refuse
from protocol.roles import check_role
from protocol.state import Therapy
from protocol.surroundings import Surroundings


def decide_alerts(therapy: Therapy, protocol: StudyProtocol, command: AlertCommand, around: Surroundings) -> Decision:
    """Somebody in one of its roles acknowledges an alert.

    Raises:
        Refused: there is no such alert, it was acknowledged before, or it is addressed to others.
    """
    alert = next((a for a in open_alerts(therapy) if a.code == command.alert.upper()), None)
    if alert is None:
        standing = ", ".join(a.code for a in open_alerts(therapy)) or "none"
        raise refuse(
            "alert.open",
            f"{therapy.id} has no alert {command.alert} that waits to be acknowledged.",
            f"Waiting are: {standing}.",
            alert=command.alert,
        )
    check_role(alert.roles, around.actor, f"acknowledge {alert.code}")
    fact = AlertAcknowledged(therapy=therapy.id, alert=alert.code, note=command.note or "")
    return Decision((fact,), "received", around.now)
