"""Rooms where cells are open: what environmental monitoring found there, and whom it concerns."""

from typing import Annotated, Any

import typer

from console import here
from console.acting import shown
from console.acts import command, pair
from console.options import As, Json, Reads, Secret
from console.show import Screen, as_json, line, table
from console.signin import sit
from console.times import read_time
from events.facts.environment import EnvironmentAttached
from events.identifiers import read_code
from protocol.commands.environment import ReportEnvironment
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
                    }
                    for r in known.reports
                ],
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
        [screen.when(r.started), screen.when(r.ended), ", ".join(f"{x.name} {told(x)}" for x in r.readings)]
        for r in known.reports
    ]
    table(["from", "to", "results"], rows, "\nEnvironmental monitoring", "Nothing was reported.")
    for therapy, words in out:
        line(f"Out of limits, {therapy}: {words}")
    for therapy, gap in gaps:
        line(f"Missing, {therapy}: {gap}")
    if gaps:
        line('Next: unbroken room report ROOM --from TIME --to TIME --read NAME="VALUE UNIT" --as ACCOUNT')
