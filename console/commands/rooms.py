"""Rooms where cells are open: what environmental monitoring found there, whom it concerns, and changeovers."""

from pathlib import Path
from typing import Annotated, Any

import typer

from console import here
from console.acting import shown
from console.acts import command, pair
from console.options import As, At, Json, Reads, Secret, Why
from console.show import Screen, as_json, line, table
from console.signin import sit
from console.site import Site
from console.times import moment_or_now, read_time
from events.facts.environment import EnvironmentAttached
from events.identifiers import read_code
from protocol.changeover import waits_for_changeover
from protocol.commands.environment import ChangeOver, ReportEnvironment
from protocol.environment import missing, out_of_limits
from protocol.readings import shown as told
from protocol.state import instance

RoomArg = Annotated[str, typer.Argument(metavar="ROOM", help="The room's code, as scanned in the open step.")]


def report(
    room: RoomArg,
    began: Annotated[str, typer.Option("--from", metavar="TIME", help="From when plates lay open or it was counted.")],
    ended: Annotated[str, typer.Option("--to", metavar="TIME", help="Until when.")],
    read: Reads = None,
    why: Annotated[
        str | None,
        typer.Option("--why", metavar="TEXT", help="Why there is a second result for the same time. The first stays."),
    ] = None,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Report environmental monitoring of a room. It is attached to every open step there at that time, of every patient.

    A result out of its limits opens a deviation in the same record. A missing one keeps the release shut.

    Example: unbroken room report SUITE-2 --from 2026-03-09T09:00 --to 2026-03-09T13:00 --read settle_plates="0 CFU" --as quality.1
    """
    site = here.site()
    document: dict[str, Any] = {
        "room": room,
        "started": read_time(began, site.zone),
        "ended": read_time(ended, site.zone),
        "readings": dict(pair(text, "--read") for text in read or ()),
        "why": why,
    }
    _report(site, document, account, secret, json)


def correct(
    room: RoomArg,
    report: Annotated[
        str, typer.Argument(metavar="REPORT", help="Which report: R-1 ..., as `room show` numbers them.")
    ],
    why: Why,
    began: Annotated[str | None, typer.Option("--from", metavar="TIME", help="From when, if that was wrong.")] = None,
    ended: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Until when, if that was wrong.")] = None,
    read: Reads = None,
    without: Annotated[
        list[str] | None,
        typer.Option("--without", metavar="NAME", help="A result that is none of this room and time. Repeat it."),
    ] = None,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Correct a report that was written down wrongly. What is not named stays; the old report stays on record.

    What follows from the new results follows in the same record. A deviation that the old one opened is closed by quality. A
    result out of its limits is corrected into one within them only by another person than reported it.

    Example: unbroken room correct SUITE-2 R-1 --read settle_plates="1 CFU" --why "digit left out" --as quality.2
    """
    site = here.site()
    known, _ = site.desk().room(read_code(room))
    old = known.report(report)
    readings = {r.name: told(r) for r in old.readings if r.name not in (without or ())}
    document: dict[str, Any] = {
        "room": room,
        "started": read_time(began, site.zone) if began else old.started,
        "ended": read_time(ended, site.zone) if ended else old.ended,
        "readings": readings | dict(pair(text, "--read") for text in read or ()),
        "why": why,
        "corrects": old.link,
    }
    _report(site, document, account, secret, json)


def _report(site: Site, document: dict[str, Any], account: str | None, secret: Path | None, json: bool) -> None:
    """Sign what is said of a room, and tell whom it concerns."""
    said = command(ReportEnvironment, document)
    sitting = sit(site, account, secret)
    desk = site.desk()
    receipt = desk.report_environment(said, sitting)
    shown(site, desk, receipt, sitting, None, json)
    if json:
        return
    reached = [fact for fact in receipt.facts if isinstance(fact, EnvironmentAttached)]
    rows = [
        [
            fact.therapy,
            desk.therapy(fact.therapy).subject,
            ", ".join(str(instance(key)) for key in fact.keys),
            ", ".join(f"{r.name} {told(r)}" for r in fact.readings),
            "; ".join(str(gap) for gap in missing(state, desk.protocol_of(state))) or "nothing",
        ]
        for fact in reached
        for state in [desk.therapy(fact.therapy)]
    ]
    columns = ["therapy", "subject", "open step", "results", "still missing"]
    table(columns, rows, f"\nConcerned by {said.room}", "No open step of any patient was in this room at that time.")


def changeover(
    room: RoomArg,
    says: Annotated[str, typer.Option("--says", metavar="TEXT", help="What was done: emptied, cleaned, with what.")],
    at: At = None,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Record that a room was changed over. It is clear for the next patient once another person has looked: unbroken room clear.

    Example: unbroken room changeover SUITE-2 --says "emptied, sporicide, line clear" --as operator.1
    """
    site = here.site()
    said = command(ChangeOver, {"room": room, "at": moment_or_now(site, at), "says": says})
    sitting = sit(site, account, secret)
    desk = site.desk()
    receipt = desk.change_over(said, sitting)
    shown(site, desk, receipt, sitting, None, json)
    if not json:
        line(
            f"Not done yet: another person looks, and clears it. Next: unbroken room clear {read_code(room)} --as ACCOUNT"
        )


def clear(room: RoomArg, account: As = None, secret: Secret = None, json: Json = False) -> None:
    """Clear a room after its changeover, as another person than the one who did it.

    Example: unbroken room clear SUITE-2 --as operator.2
    """
    site = here.site()
    sitting = sit(site, account, secret)
    desk = site.desk()
    shown(site, desk, desk.clear_room(room, sitting), sitting, None, json)


def list_rooms(json: Json = False) -> None:
    """Every room: who was in it last, how many results are missing, and whether it has to be changed over.

    Example: unbroken room list
    """
    site = here.site()
    desk = site.desk()
    found: list[dict[str, Any]] = []
    for code in sorted(stream.removeprefix("room/") for stream in site.log.streams("room/")):
        known, _ = desk.room(code)
        there, _ = desk.touched_in_room(known)
        waits = waits_for_changeover(known)
        last = max(known.intervals, key=lambda i: i.ends, default=None)
        found.append(
            {
                "room": code,
                "last": last.therapy if last else "",
                "until": last.ends if last else None,
                "missing": sum(1 for one in there for gap in missing(*one) if gap.room == code),
                "changeover": f"NEEDED after {waits.therapy}" if waits else "",
            }
        )
    if json:
        as_json(found)
        return
    screen = Screen(site)
    screen.simulated()
    rows = [[r["room"], r["last"], screen.when(r["until"]), str(r["missing"]), r["changeover"] or "-"] for r in found]
    columns = ["room", "cells open last", "until", "results missing", "changeover"]
    table(columns, rows, f"Rooms of {site.name}; {screen.zone_note()}", "No room was used yet.")


def show(room: RoomArg, json: Json = False) -> None:
    """Who was in a room, what environmental monitoring found there, and which results are missing.

    Example: unbroken room show SUITE-2
    """
    site = here.site()
    desk = site.desk()
    known, _ = desk.room(read_code(room))
    there, _ = desk.touched_in_room(known)
    gaps = [(one.therapy.id, gap) for one in there for gap in missing(*one) if gap.room == known.code]
    out = [(one.therapy.id, words) for one in there for words in out_of_limits(*one)]
    if json:
        as_json(
            {
                "room": known.code,
                "open": [{"therapy": i.therapy, "starts": i.starts, "ends": i.ends} for i in known.intervals],
                "reports": [
                    {
                        "started": r.started,
                        "ended": r.ended,
                        "readings": [reading.model_dump(mode="json", exclude_none=True) for reading in r.readings],
                        "link": r.link,
                        "report": code,
                        "corrected": r.corrected,
                        "why": r.why,
                    }
                    for code, r in known.numbered.items()
                ],
                "changeovers": [
                    {"at": c.at, "account": c.account, "says": c.says, "link": c.link, "cleared": c.cleared}
                    for c in known.changeovers
                ],
                "to_be_changed_over": waits_for_changeover(known) is not None,
                "missing": [{"therapy": therapy, "says": str(gap)} for therapy, gap in gaps],
                "out_of_limits": [{"therapy": therapy, "says": words} for therapy, words in out],
                "simulated": site.simulated,
            }
        )
        return
    screen = Screen(site)
    screen.simulated()
    rows = [[i.therapy, screen.when(i.starts), screen.when(i.ends)] for i in known.intervals]
    table(
        ["therapy", "cells open from", "to"],
        rows,
        f"{known.code}; {screen.zone_note()}",
        "Nobody's cells were open there.",
    )
    rows = [
        [
            code, screen.when(r.started), screen.when(r.ended), ", ".join(f"{x.name} {told(x)}" for x in r.readings),
            f"corrected, counts no more {r.why}".strip() if r.corrected else r.why,
        ]
        for code, r in known.numbered.items()
    ]  # fmt: skip
    table(["report", "from", "to", "results", "remark"], rows, "\nEnvironmental monitoring", "Nothing was reported.")
    rows = [
        [screen.when(c.at), c.account, c.says, "cleared" if c.cleared else "waits to be cleared"]
        for c in known.changeovers
    ]
    table(["changed over", "by", "says", ""], rows, "\nChangeovers", "None.")
    if waits := waits_for_changeover(known):
        line(f"TO BE CHANGED OVER after {waits.therapy}, before another patient's cells are opened here")
    for therapy, words in out:
        line(f"Out of limits, {therapy}: {words}")
    for therapy, gap in gaps:
        line(f"Missing, {therapy}: {gap}")
    if gaps:
        line('Next: unbroken room report ROOM --from TIME --to TIME --read NAME="VALUE UNIT" --as ACCOUNT')
