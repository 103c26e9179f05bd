"""Reports of adverse events and their clocks, dose-limiting toxicity, dose cohorts."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from console import here
from console.acting import act, shown
from console.acts import command
from console.options import As, At, Json, Secret, TherapyArg, Why
from console.show import Screen, as_json, line, table
from console.signin import sit
from console.times import read_time
from events.facts.cohorts import CohortReopened
from protocol.commands import AnswerDlt, DecideDlt, SendReport

if TYPE_CHECKING:
    from protocol.surroundings import Cohort

CohortArg = Annotated[str, typer.Argument(metavar="COHORT", help="The dose cohort, for example level_1.")]


def clocks(therapy: TherapyArg, json: Json = False) -> None:
    """Show the reports that are still to be sent, and how much time each clock leaves.

    Example: unbroken adverse clocks T-7K2QXM
    """
    from console.one_look import opened
    from protocol.safety_reports import open_clocks, says

    site = here.site()
    desk = site.desk()
    state = opened(desk, therapy)
    found, now = open_clocks(state, desk.protocol_of(state)), site.now()
    if json:
        as_json(
            [
                {
                    "event": c.event.code,
                    "report": c.report.id,
                    "says": says(c),
                    "since": c.begun,
                    "due": c.due,
                    "minutes_left": int((c.due - now) // timedelta(minutes=1)),
                    "sent_by": c.report.sent_by,
                }
                for c in found
            ]
        )
        return
    screen = Screen(site)
    screen.simulated()
    rows = [
        [c.event.code, c.report.id, says(c), screen.when(c.due), _left(c.due, now), " or ".join(c.report.sent_by)]
        for c in found
    ]
    columns = ["event", "report", "what", "due", "left", "sent by"]
    table(columns, rows, f"Reports to be sent for {therapy}; {screen.zone_note()}", "No report is due.")


def _left(due: datetime, now: datetime) -> str:
    from protocol.running import length

    return length(due - now) if due >= now else f"{length(now - due)} LATE"


def sent(
    therapy: TherapyArg,
    event: Annotated[str, typer.Argument(metavar="EVENT", help="Its number, for example AE-1.")],
    report: Annotated[str, typer.Argument(metavar="REPORT", help="The report, in the study's words: sae.")],
    reference: Annotated[str | None, typer.Option("--reference", metavar="TEXT", help="Its number there.")] = None,
    at: At = None,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Say that a safety report reached whom it was for: its clock stops. A late one opens its deviation in the same record.

    Example: unbroken adverse sent T-7K2QXM AE-1 sae --reference 2026-0417 --as physician.1
    """
    site = here.site()
    document: dict[str, Any] = {"event": event, "report": report, "reference": reference}
    if at:
        document["at"] = read_time(at, site.zone)
    act(site, therapy, command(SendReport, document), account, secret, json)


def decide(
    therapy: TherapyArg,
    decision: Annotated[str, typer.Argument(metavar="DECISION", help="dlt, no_dlt or not_evaluable.")],
    why: Why,
    event: Annotated[
        list[str] | None, typer.Option("--event", metavar="EVENT", help="An event that was dose-limiting. Repeat it.")
    ] = None,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Decide whether the patient had a dose-limiting toxicity; it stands when another person agrees.

    Example: unbroken dlt decide T-7K2QXM no_dlt --why "28 days, nothing above grade 2" --as investigator.1
    """
    document = {"decision": decision, "events": event or [], "why": why}
    act(here.site(), therapy, command(DecideDlt, document), account, secret, json)


def agree(therapy: TherapyArg, account: As = None, secret: Secret = None, json: Json = False) -> None:
    """Agree with the decision that waits: the second signature.

    Example: unbroken dlt agree T-7K2QXM --as safety.officer.1
    """
    act(here.site(), therapy, command(AnswerDlt, {"answer": "agreed"}), account, secret, json)


def refuse_dlt(therapy: TherapyArg, why: Why, account: As = None, secret: Secret = None, json: Json = False) -> None:
    """Do not agree with the decision that waits: it does not stand, and is made again.

    Example: unbroken dlt refuse T-7K2QXM --why "AE-2 was not looked at" --as safety.officer.1
    """
    act(here.site(), therapy, command(AnswerDlt, {"answer": "not_agreed", "why": why}), account, secret, json)


def show_cohort(
    cohort: Annotated[str | None, typer.Argument(metavar="COHORT", help="One dose cohort; all if left out.")] = None,
    json: Json = False,
) -> None:
    """Show each dose cohort: its patients, what was decided on each, and what keeps the next one waiting.

    Example: unbroken cohort show level_1
    """
    from protocol.cohorts import cohort_rules, known_cohort, shut

    site = here.site()
    desk, now = site.desk(), site.now()
    protocol = desk.current_protocol()
    rules = known_cohort(protocol, cohort) if cohort else cohort_rules(protocol)
    names = [cohort] if cohort else list(protocol.choices[rules.of].options) if rules else []
    found: list[dict[str, Any]] = []
    states: dict[str, Cohort] = {}
    for name in names:
        state, _ = desk.cohort(protocol, name)
        rule, says, opens = shut(rules, state, "", now) if rules else ("", "", None)
        states[name] = state
        found.append({"cohort": name, "open": not rule, "rule": rule, "says": says, "opens": opens})
    if json:
        as_json([{**one, "patients": [m._asdict() for m in states[one["cohort"]].members]} for one in found])
        return
    screen = Screen(site)
    screen.simulated()
    if not found:
        line("This study has no dose cohorts.")
    for one in found:
        stands = "OPEN for the next patient" if one["open"] else f"SHUT, {one['says']}"
        line(f"{one['cohort']}: {stands}")
        for m in states[one["cohort"]].members:
            begun = f"conditioning began {screen.when(m.begun)}" if m.begun else "conditioning has not begun"
            infused = f", infused {screen.when(m.infused.at)}" if m.infused else ""
            line(
                f"  {m.therapy}: {begun}{infused}{f'; DLT: {m.told}' if m.told else ''}{f'; {m.ended}' if m.ended else ''}"
            )


def stop(cohort: CohortArg, why: Why, account: As = None, secret: Secret = None, json: Json = False) -> None:
    """Stop a dose cohort: nobody is enrolled into it, and nobody of it begins conditioning.

    Example: unbroken cohort stop level_1 --why "two grade 4 events in a week" --as safety.officer.1
    """
    site = here.site()
    sitting = sit(site, account, secret)
    desk = site.desk()
    shown(site, desk, desk.stop_cohort(cohort, why, sitting), sitting, None, json)


def reopen(cohort: CohortArg, why: Why, account: As = None, secret: Secret = None, json: Json = False) -> None:
    """Open a stopped dose cohort again, with the reason: each whom the study names signs in turn, none of them who stopped it.

    Example: unbroken cohort reopen level_1 --why "safety board of 12 May: go on" --as safety.officer.2
    """
    site = here.site()
    sitting = sit(site, account, secret)
    desk = site.desk()
    receipt = desk.reopen_cohort(cohort, why, sitting)
    shown(site, desk, receipt, sitting, None, json)
    (fact,) = receipt.facts
    if isinstance(fact, CohortReopened) and fact.awaits and not json:
        roles = " or ".join(fact.awaits)
        line(f"Not open yet: it waits for {roles}. Next: unbroken cohort reopen {cohort} --why TEXT --as ACCOUNT")
