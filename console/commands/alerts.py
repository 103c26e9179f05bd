"""Alerts: what somebody in a role must know at once, and who knows it."""

from typing import Annotated

import typer

from console import here
from console.acting import act
from console.acts import command
from console.options import As, Json, Secret, TherapyArg
from console.show import Screen, as_json, table
from protocol.commands import AcknowledgeAlert


def list_alerts(therapy: TherapyArg, json: Json = False) -> None:
    """List every alert of a therapy, the worst that waits first: what it says, for whom, and who has acknowledged it.

    Example: unbroken alert list T-7K2QXM
    """
    from console.one_look import opened
    from protocol.alerts import grade_of, worst_first

    site = here.site()
    state = opened(site.desk(), therapy)
    alerts = sorted(worst_first(state, state.alerts.values()), key=lambda a: a.acknowledged is not None)
    if json:
        as_json(
            [
                {
                    "alert": a.code,
                    "rule": a.rule,
                    "grade": grade_of(state, a),
                    "roles": a.roles,
                    "says": a.says,
                    "at": str(a.at or ""),
                    "raised": a.raised,
                    "acknowledged_by": a.acknowledged.account if a.acknowledged else None,
                    "acknowledged": a.acknowledged.recorded if a.acknowledged else None,
                    "note": a.note,
                }
                for a in alerts
            ]
        )
        return
    screen = Screen(site)
    screen.simulated()
    rows = [
        [
            a.code,
            grade_of(state, a),
            screen.when(a.raised),
            " or ".join(a.roles),
            screen.signature(a.acknowledged.account, a.acknowledged.recorded, "acknowledged")
            if a.acknowledged
            else "WAITS",
            f"{a.says}{f'; {a.note}' if a.note else ''}",
        ]
        for a in alerts
    ]
    columns = ["alert", "about", "raised", "for", "acknowledged by", "says"]
    table(columns, rows, f"Alerts of {therapy}; {screen.zone_note()}", "No alert.")


def acknowledge(
    therapy: TherapyArg,
    alert: Annotated[str, typer.Argument(metavar="ALERT", help="Its number in this therapy, for example A-1.")],
    note: Annotated[str | None, typer.Option("--note", metavar="TEXT", help="What you do about it.")] = None,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Acknowledge an alert: somebody in one of its roles knows it. Until then it stands in their worklist.

    Example: unbroken alert acknowledge T-7K2QXM A-1 --note "patient called in for blood cultures" --as physician.1
    """
    document = {"alert": alert, "note": note}
    act(here.site(), therapy, command(AcknowledgeAlert, document), account, secret, json)
