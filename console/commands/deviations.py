"""Deviations, from their opening to their closure, and the corrective and preventive actions between."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from console import followers, here
from console.acting import act
from console.acts import command
from console.options import As, Json, Secret, TherapyArg, Why
from console.show import Screen, as_json, line, pairs, table
from console.times import read_day_or_time
from events.instant import from_wire
from protocol.commands import (
    AssessDeviation,
    CheckAction,
    CloseDeviation,
    InvestigateDeviation,
    OpenDeviation,
    PlanAction,
    RegradeDeviation,
    ReportAction,
)

if TYPE_CHECKING:
    from protocol.state import Deviation, Therapy

DeviationArg = Annotated[str, typer.Argument(metavar="DEVIATION", help="Its number, for example D-1.")]
ActionArg = Annotated[str, typer.Argument(metavar="ACTION", help="Its number, for example C-1.")]
Grade = Annotated[str, typer.Option("--grade", help="minor, major or critical.")]


def open_deviation(
    therapy: TherapyArg,
    grade: Grade,
    says: Annotated[str, typer.Option("--says", metavar="TEXT", help="What was not as it should be.")],
    step: Annotated[str | None, typer.Option("--step", metavar="STEP", help="The step that it concerns.")] = None,
    occurrence: Annotated[str | None, typer.Option("--occurrence", metavar="N", help="Which occurrence of it.")] = None,
    material: Annotated[
        list[str] | None, typer.Option("--material", metavar="CODE", help="A material that it concerns. Repeat it.")
    ] = None,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Report a deviation. Anybody enrolled may; the rulebook opens the others by itself.

    Example: unbroken deviation open T-7K2QXM --grade minor --says "tray label torn" --step receipt --as operator.1
    """
    document = {
        "grade": grade, "says": says, "step": step, "occurrence": occurrence, "materials": material or [],
    }  # fmt: skip
    act(here.site(), therapy, command(OpenDeviation, document), account, secret, json)


def regrade(
    therapy: TherapyArg,
    deviation: DeviationArg,
    grade: Grade,
    why: Why,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Change the grade of a deviation, with the reason (QA). The old one stays on record.

    Example: unbroken deviation regrade T-7K2QXM D-1 --grade major --why "the filter touched the product" --as qa.releaser.1
    """
    document = {"deviation": deviation, "grade": grade, "reason": why}
    act(here.site(), therapy, command(RegradeDeviation, document), account, secret, json)


def investigate(
    therapy: TherapyArg,
    deviation: DeviationArg,
    cause: Annotated[
        str,
        typer.Option("--cause", help="laboratory_error, process, material, equipment, person or unknown."),
    ],
    root_cause: Annotated[
        str, typer.Option("--root-cause", metavar="TEXT", help="What was found, and why it happened.")
    ],
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Say what the investigation of a deviation found.

    Example: unbroken deviation investigate T-7K2QXM D-1 --cause equipment --root-cause "valve left open" --as qa.releaser.1
    """
    document = {"deviation": deviation, "cause": cause, "root_cause": root_cause}
    act(here.site(), therapy, command(InvestigateDeviation, document), account, secret, json)


def assess(
    therapy: TherapyArg,
    deviation: DeviationArg,
    impact: Annotated[str, typer.Option("--impact", metavar="TEXT", help="The impact on the product and the patient.")],
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Assess the impact of a deviation (QA).

    Example: unbroken deviation assess T-7K2QXM D-1 --impact "none: the bag was sealed" --as qa.releaser.1
    """
    document = {"deviation": deviation, "impact": impact}
    act(here.site(), therapy, command(AssessDeviation, document), account, secret, json)


def plan(
    therapy: TherapyArg,
    deviation: DeviationArg,
    says: Annotated[str, typer.Option("--action", metavar="TEXT", help="What is to be done.")],
    role: Annotated[str, typer.Option("--role", metavar="ROLE", help="The role of which somebody does it.")],
    due: Annotated[
        str,
        typer.Option(
            "--due",
            metavar="TIME",
            help="Until when, in the site's zone: 2026-03-01 (with its end), or 2026-03-01T12:00.",
        ),
    ],
    owner: Annotated[
        str | None, typer.Option("--owner", metavar="ACCOUNT", help="Who of them, if one is named.")
    ] = None,
    preventive: Annotated[bool, typer.Option("--preventive", help="It prevents; without this it corrects.")] = False,
    instead_of: Annotated[
        str | None, typer.Option("--instead-of", metavar="ACTION", help="One that was not effective, or not done.")
    ] = None,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Plan a corrective or preventive action: who does it, and until when (QA).

    Example: unbroken deviation plan T-7K2QXM D-1 --action "replace the valve" --role operator --due 2026-04-01 --as qa.releaser.1
    """
    site = here.site()
    document = {
        "deviation": deviation, "what": "preventive" if preventive else "corrective", "says": says, "role": role,
        "owner": owner, "due": read_day_or_time(due, site.zone), "instead_of": instead_of,
    }  # fmt: skip
    act(site, therapy, command(PlanAction, document), account, secret, json)


def done(
    therapy: TherapyArg,
    action: ActionArg,
    says: Annotated[str, typer.Option("--says", metavar="TEXT", help="What was done.")],
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Report an action as done: its owner, or anybody in its role.

    Example: unbroken deviation done T-7K2QXM C-1 --says "valve replaced, lot V-77" --as operator.1
    """
    act(here.site(), therapy, command(ReportAction, {"action": action, "says": says}), account, secret, json)


def check(
    therapy: TherapyArg,
    action: ActionArg,
    result: Annotated[str, typer.Option("--result", help="effective or not_effective.")],
    says: Annotated[str, typer.Option("--says", metavar="TEXT", help="How that was seen.")],
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Say whether an action was effective (QA). Whoever did it cannot. One that was not opens its deviation again.

    Example: unbroken deviation check T-7K2QXM C-1 --result effective --says "ten runs without an alarm" --as qa.releaser.2
    """
    document = {"action": action, "result": result, "says": says}
    act(here.site(), therapy, command(CheckAction, document), account, secret, json)


def close(
    therapy: TherapyArg,
    deviation: DeviationArg,
    conclusion: Annotated[str, typer.Option("--conclusion", metavar="TEXT", help="How it was concluded.")],
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Close a deviation when all that its grade asks for is done (QA). Its opener cannot.

    Example: unbroken deviation close T-7K2QXM D-1 --conclusion "staff trained again" --as qa.releaser.2
    """
    document = {"deviation": deviation, "conclusion": conclusion}
    act(here.site(), therapy, command(CloseDeviation, document), account, secret, json)


def list_deviations(
    therapy: Annotated[str | None, typer.Option("--therapy", metavar="THERAPY", help="Of one therapy alone.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="The closed ones too.")] = False,
    json: Json = False,
) -> None:
    """List the open deviations of every therapy: grade, what they are, what they still lack, until when.

    Example: unbroken deviation list --all
    """
    from projections import views

    site = here.site()
    views.catch_up(site.log, site.views_url, followers.mover("unbroken deviation list"))
    found = views.deviations(site.views_url)
    rows = [r for r in found if therapy in (None, r["therapy"]) and (all_ or not r["closed"])]
    if json:
        as_json(rows)
        return
    screen = Screen(site)
    screen.simulated()

    def at(wire: str) -> str:
        return screen.when(from_wire(wire)) if wire else ""

    cells = [
        [
            r["therapy"],
            r["deviation"],
            r["grade"],
            at(r["opened"]),
            r["concerns"],
            r["says"],
            f"closed {at(r['closed'])}" if r["closed"] else r["lacks"] or "may be closed",
            at(r["due"]),
        ]
        for r in rows
    ]
    columns = ["therapy", "deviation", "grade", "opened", "concerns", "says", "lacks", "limit"]
    table(columns, cells, f"Deviations; {screen.zone_note()}", "No deviation is open.")


def show(therapy: TherapyArg, deviation: DeviationArg, json: Json = False) -> None:
    """Show one deviation whole: its grades, investigation, impact, actions and closure, each with its signature.

    Example: unbroken deviation show T-7K2QXM D-1
    """
    from console.one_look import opened
    from protocol.deviations import actions_of, deviation_row, known_deviation

    site = here.site()
    desk = site.desk()
    state = opened(desk, therapy)
    found = known_deviation(state, deviation)
    row = deviation_row(state, desk.protocol_of(state), found)
    if json:
        as_json({**row, "actions": [_action(a) for a in actions_of(state, found)], **_told(found)})
        return
    screen = Screen(site)
    screen.simulated()
    line(f"{found.code} of {therapy}: {found.grade}, {'closed' if found.closed else 'open'}")
    pairs(_lines(state, found, row, screen))


def _lines(state: "Therapy", found: "Deviation", row: dict[str, Any], screen: Screen) -> list[tuple[str, str]]:
    from protocol.deviations import actions_of

    def by(signed: Any, meaning: str) -> str:
        return screen.signature(signed.account, signed.recorded, meaning) if signed else ""

    lines = [
        ("says", found.says),
        ("rule", found.rule),
        ("concerns", row["concerns"]),
        ("opened", screen.signature(found.account, found.opened, "opened")),
        ("record", found.link),
    ]
    lines += [("regraded", f"{g.old} to {g.new}: {g.reason} ({by(g.by, 'approved')})") for g in found.grades]
    if found.investigation:
        cause = found.investigation.cause.replace("_", " ")
        lines.append(
            ("investigated", f"{cause}: {found.investigation.root_cause} ({by(found.investigation.by, 'performed')})")
        )
    if found.assessed:
        lines.append(("impact", f"{found.impact} ({by(found.assessed, 'reviewed')})"))
    for a in actions_of(state, found):
        whom = f"{a.role}{f' ({a.owner})' if a.owner else ''}"
        lines.append((a.code, f"{a.what}: {a.says}; {whom} by {screen.when(a.due)} ({by(a.planned, 'approved')})"))
        lines.append(("  done", f"{a.report} ({by(a.done, 'performed')})" if a.done else ""))
        if a.checked:
            lines.append(
                (
                    "  checked",
                    f"{a.checked.result.replace('_', ' ')}: {a.checked.says} ({by(a.checked.by, 'reviewed')})",
                )
            )
        lines.append(("  replaced by", a.later))
    if found.closed_by:
        lines.append(("closed", f"{found.conclusion} ({by(found.closed_by, 'approved')})"))
    lines += [("reopened", by(s, "reviewed")) for s in found.reopened]
    return [*lines, ("lacks", row["lacks"]), ("limit", screen.when(from_wire(row["due"])) if row["due"] else "")]


def _signed(signed: Any) -> dict[str, Any] | None:
    return {"account": signed.account, "recorded": signed.recorded, "link": signed.link} if signed else None


def _told(found: "Deviation") -> dict[str, Any]:
    investigation = found.investigation
    return {
        "impact": found.impact,
        "assessed_by": _signed(found.assessed),
        "investigation": {
            "cause": investigation.cause, "root_cause": investigation.root_cause, "by": _signed(investigation.by),
        } if investigation else None,
        "regraded": [{"old": g.old, "new": g.new, "reason": g.reason, "by": _signed(g.by)} for g in found.grades],
        "conclusion": found.conclusion,
        "closed_by": _signed(found.closed_by),
        "reopened": [_signed(s) for s in found.reopened],
    }  # fmt: skip


def _action(a: Any) -> dict[str, Any]:
    return {
        "action": a.code, "what": a.what, "says": a.says, "role": a.role, "owner": a.owner, "due": a.due,
        "planned_by": _signed(a.planned), "done_by": _signed(a.done), "report": a.report,
        "result": a.checked.result if a.checked else None, "checked_by": _signed(a.checked.by) if a.checked else None,
        "replaced_by": a.later,
    }  # fmt: skip
