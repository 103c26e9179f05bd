"""The record itself: one therapy's history as a person reads it, and every record of the log as stored."""

import json as json_
from contextlib import closing
from datetime import timedelta
from typing import Annotated, Any

import typer

from console import here
from console.one_look import opened
from console.options import Json, TherapyArg
from console.show import Screen, as_json, as_json_line, line, table
from console.telling import tell
from events.envelope import open_envelope
from events.grammar import Malformed
from events.judge import Rejected, read
from events.log import Stored
from events.reading import Record, verified_stream
from events.statement import read_statement

LATE = timedelta(minutes=15)
"""An entry signed later than this after it happened says so; both times stand in any case (ALCOA+)."""


def history(therapy: TherapyArg, json: Json = False) -> None:
    """The history of a therapy as a person reads it: every signed act, corrections with old and new, late entries marked.

    Example: unbroken history T-7K2QXM
    """
    site = here.site()
    opened(site.desk(), therapy)
    screen = Screen(site)
    records = list(verified_stream(site.log, f"therapy/{therapy}"))
    if json:
        as_json([_entry(screen, therapy, record) for record in records])
        return
    screen.simulated()
    line(f"History of {therapy}; {screen.zone_note()}; every signature verified")
    for record in records:
        s = record.statement
        line(f"\n{s.heads[f'therapy/{therapy}'].number + 1}. {screen.signature(s.account, s.recorded, s.meaning)}")
        if s.meaning != "recorded" and record.zone != site.zone.key:
            line(f"   signed in {record.zone}: its days are days there")
        if s.recorded - s.happened > LATE:
            line(f"   LATE ENTRY: it happened {screen.when(s.happened)}, {_span(s.recorded - s.happened)} before")
        for fact in record.facts:
            if getattr(fact, "therapy", therapy) == therapy:
                for told in tell(fact, screen.when):
                    line(f"   {told}")
        line(f"   record {record.position} of the log, {record.link[:16]}")


def _entry(screen: Screen, therapy: str, record: Record) -> dict[str, Any]:
    s = record.statement
    return {
        "number": s.heads[f"therapy/{therapy}"].number + 1,
        "position": record.position,
        "link": record.link,
        "account": s.account,
        "person": s.person,
        "printed_name": screen.authority.printed_name(s.account),
        "meaning": s.meaning,
        "happened": s.happened,
        "recorded": s.recorded,
        "zone": record.zone,
        "late": s.recorded - s.happened > LATE,
        "says": [told for fact in record.facts for told in tell(fact, screen.when)],
        "facts": list(s.facts),
    }


def _span(length: timedelta) -> str:
    minutes = int(length.total_seconds()) // 60
    days, hours, minutes = minutes // 1440, minutes % 1440 // 60, minutes % 60
    told = [f"{n} {unit}" for n, unit in ((days, "d"), (hours, "h"), (minutes, "min")) if n]
    return " ".join(told[:2])


def events(
    stream: Annotated[
        str | None,
        typer.Option("--stream", metavar="NAME", help="Of one stream, for example therapy/T-7K2QXM or authority."),
    ] = None,
    start: Annotated[int, typer.Option("--start", metavar="POSITION", help="From this position on.")] = 0,
    json: Json = False,
) -> None:
    """Every record of the log in order; with --json one object a line: position, verdict, envelope as stored, statement decoded.

    The lines can be piped through any filter and verified by other programs: the envelope is the record to the byte.

    Example: unbroken events --json --stream therapy/T-7K2QXM
    """
    site = here.site()
    if json and not stream:
        # As evidence: whatever has become of the file around them, the records can be taken away and judged elsewhere.
        evidence, _ = site.evidence()
        with closing(evidence):
            for row in evidence.rows():
                if row.value is not None and row.position >= start:
                    as_json_line(_as_stored(Stored(row.position, row.value, row.link, row.refused)))
        return
    stored = site.log.stream(stream) if stream else site.log.read(start)
    if json:
        for record in stored:
            if record.position >= start:
                as_json_line(_as_stored(record))
        return
    screen = Screen(site)
    screen.simulated()
    rows = [_row(screen, record) for record in stored if record.position >= start]
    columns = ["position", "verdict", "recorded", "signed by", "meaning", "subject", "facts", "link"]
    table(columns, rows, f"Records of {site.name}; {screen.zone_note()}")


def _as_stored(record: Stored) -> dict[str, Any]:
    found = read(record.value)
    return {
        "position": record.position,
        "verdict": "accepted" if record.refused is None else "refused",
        "why": record.refused and record.refused.partition(":")[0],
        "link": record.link,
        "envelope": record.value.decode("latin-1"),
        "statement": None if isinstance(found, Rejected) else json_.loads(found.envelope.payload),
    }


def _row(screen: Screen, record: Stored) -> list[str]:
    try:
        s = read_statement(open_envelope(record.value).payload)
    except Malformed as problem:
        return [str(record.position), record.refused or "accepted", "", "", "", "", f"unreadable: {problem}", ""]
    facts = ", ".join(str(fact["fact"]) for fact in s.facts)
    verdict = "accepted" if record.refused is None else f"refused: {record.refused}"
    signer = screen.name(s.account)
    return [
        str(record.position),
        verdict,
        screen.when(s.recorded),
        signer,
        s.meaning,
        s.subject,
        facts,
        (record.link or "")[:12],
    ]
