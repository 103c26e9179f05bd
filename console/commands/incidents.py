"""Incidents on the road: a courier who did not come, a broken seal, a lost logger; and what may then be done."""

from typing import Annotated, Any

import typer

from console import here
from console.acting import act
from console.acts import command
from console.one_look import opened
from console.options import As, At, Json, Secret, TherapyArg, Why
from console.show import Screen, as_json, line
from console.times import read_time
from protocol.commands import ChooseOption, ReportIncident


def report(
    therapy: TherapyArg,
    incident: Annotated[str, typer.Argument(metavar="INCIDENT", help="Its name in the protocol: missed_pickup.")],
    says: Annotated[str, typer.Option("--says", metavar="TEXT", help="What happened.")],
    step: Annotated[str | None, typer.Option("--step", metavar="STEP", help="During which step.")] = None,
    material: Annotated[str | None, typer.Option("--material", metavar="CODE", help="On which material.")] = None,
    at: At = None,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Report an incident of the protocol; what it says follows at once. The clocks run on.

    Example: unbroken incident report T-7K2QXM missed_pickup --says "no courier, and nobody answers" --as scheduler.1
    """
    site = here.site()
    document: dict[str, Any] = {"name": incident, "says": says, "step": step, "material": material}
    if at:
        document["at"] = read_time(at, site.zone)
    act(site, therapy, command(ReportIncident, document), account, secret, json)


def options(therapy: TherapyArg, json: Json = False) -> None:
    """What can be done after each open incident, and how much time every running clock leaves.

    Example: unbroken incident options T-7K2QXM
    """
    from protocol.incidents import bounds, closed, open_for, undecided
    from protocol.running import left, running

    site = here.site()
    desk = site.desk()
    state = opened(desk, therapy)
    protocol, now = desk.protocol_of(state), site.now()
    found = [
        {
            "incident": happening.code,
            "name": spec.id,
            "title": spec.title,
            "during": str(happening.at),
            "materials": happening.materials,
            "when": happening.when,
            "says": happening.says,
            "decided_by": spec.decided_by,
            "clocks": [left(clock, now) for clock in running(state, protocol, happening.materials)],
            "limits": [
                {"at": bound.at, "says": bound.says}
                for bound in bounds(state, protocol, happening, spec)
                if bound.at >= now
            ],
            "options": [
                {
                    "id": option.id,
                    "title": option.title,
                    "offers": option.offers,
                    "left": open_for(state, protocol, happening, option, now),
                    "closed": closed(state, protocol, happening, option, now),
                }
                for option in spec.options
            ],
        }
        for happening, spec in undecided(state, protocol)
    ]
    if json:
        as_json({"therapy": therapy, "now": now, "incidents": found})
        return
    _show(Screen(site), therapy, found)


def _show(screen: Screen, therapy: str, found: list[dict[str, Any]]) -> None:
    screen.simulated()
    if not found:
        line(f"Nothing is to be decided on {therapy}.")
    for one in found:
        line(f"{one['incident']} {one['name']}: {one['title']}; during {one['during']}, {screen.when(one['when'])}")
        line(f"  said: {one['says']}")
        for clock in one["clocks"]:
            line(f"  clock {clock}")
        for option in one["options"]:
            time = f", {option['left']}" if option["left"] else ""
            over = f"; NO LONGER POSSIBLE: {option['closed']}" if option["closed"] else time
            line(f"  option {option['id']}: {option['title']}{over}")
        for number, limit in enumerate(one["limits"]):
            line(f"  {'limit in force' if number == 0 else 'then'}: {screen.when(limit['at'])} {limit['says']}")
        who = " or ".join(one["decided_by"])
        line(f"Next: unbroken incident choose {therapy} {one['incident']} OPTION --why TEXT --as ACCOUNT ({who})")


def choose(
    therapy: TherapyArg,
    incident: Annotated[str, typer.Argument(metavar="INCIDENT", help="Its number in this therapy, for example I-1.")],
    option: Annotated[str, typer.Argument(metavar="OPTION", help="One of its options.")],
    why: Why,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Choose one of the options after an incident; the steps that it needs are offered.

    Example: unbroken incident choose T-7K2QXM I-1 rebook --why "a second courier is in town" --as coordinator.1
    """
    document = {"incident": incident, "option": option, "why": why}
    act(here.site(), therapy, command(ChooseOption, document), account, secret, json)
