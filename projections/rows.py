"""The rows of one therapy, as a pure function of its state. Times are wire strings, so that a row is the same everywhere."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from events.errors import UnbrokenError
from events.instant import to_wire
from protocol.custody import custody_trail
from protocol.deviations import deviation_row
from protocol.model import StudyProtocol
from protocol.schedule import schedule
from protocol.state import Therapy
from protocol.status import batch_status
from protocol.trace import Use, uses_of
from protocol.worklist import worklist

Row = dict[str, Any]


def rows_of(therapy: Therapy, protocol: StudyProtocol, finding: str = "") -> dict[str, list[Row]]:
    """Every row of every view of one therapy, by table; `finding` is what the audit says of it, nothing where it is clean."""
    return {
        "batch_status": [{**batch_status(therapy, protocol), "finding": finding}],
        "patient_schedule": _schedule(therapy, protocol),
        "custody_trail": _custody(therapy),
        "deviations": [
            {"therapy": therapy.id, "line": line, **deviation_row(therapy, protocol, deviation)}
            for line, deviation in enumerate(therapy.deviations.values(), start=1)
        ],
        "used": [{"line": line, **row} for line, row in enumerate(map(use_row, uses_of(therapy)), start=1)],
        "worklist": [*_marked(therapy.id, finding), *_worklist(therapy, protocol)],
    }


def rows_of_broken(name: str, problem: UnbrokenError) -> dict[str, list[Row]]:
    """The rows of a therapy that cannot be folded: its status and everybody's list say so, and nothing else is told of it."""
    stopped = {"therapy": name, "state": "Stopped", "finding": problem.says}
    return {"batch_status": [stopped], "worklist": _marked(name, problem.says)}


def use_row(use: Use) -> Row:
    """A use of a lot or device as it stands in the view."""
    row = use._asdict()
    lists = {name: ", ".join(row[name]) for name in ("materials", "downstream", "infused")}
    return {**row, **lists, "started": to_wire(use.started), "ended": to_wire(use.ended)}


def _time(moment: datetime | None) -> str:
    return to_wire(moment) if moment else ""


def _schedule(therapy: Therapy, protocol: StudyProtocol) -> list[Row]:
    return [
        {
            "therapy": therapy.id,
            "line": line,
            "step": entry.at.step,
            "occurrence": entry.at.occurrence,
            "material": entry.at.material,
            "batch": entry.at.batch,
            "title": entry.title,
            "roles": ", ".join(entry.roles),
            "standing": entry.standing,
            "earliest": _time(entry.earliest),
            "planned": _time(entry.planned),
            "latest": _time(entry.latest),
            "started": _time(entry.happened[0] if entry.happened else None),
            "ended": _time(entry.happened[1] if entry.happened else None),
            "why": entry.why,
        }
        for line, entry in enumerate(schedule(therapy, protocol), start=1)
    ]


def _custody(therapy: Therapy) -> list[Row]:
    return [
        {
            "therapy": therapy.id,
            "line": line,
            "material": entry.material,
            "kind": entry.kind,
            "since": _time(entry.since),
            "until": _time(entry.until),
            "place": entry.place,
            "holder": entry.holder,
            "given_by": entry.given_by,
            "how": entry.how,
            "link": entry.link,
        }
        for line, entry in enumerate(custody_trail(therapy), start=1)
    ]


def _marked(therapy: str, finding: str) -> list[Row]:
    """A therapy with a finding says so at the head of everybody's list: nobody acts on a forged record unwarned."""
    if not finding:
        return []
    mark = {
        "therapy": therapy,
        "line": 0,
        "kind": "finding",
        "title": "Call QA before anything else",
        "says": finding,
    }
    blank = dict.fromkeys(("step", "occurrence", "material", "roles", "act", "since", "opens", "due", "blocks"), "")
    return [{**blank, **mark, "required": 1}]


def _worklist(therapy: Therapy, protocol: StudyProtocol) -> list[Row]:
    return [
        {
            "therapy": therapy.id,
            "line": line,
            "kind": item.kind,
            "step": item.step,
            "occurrence": item.occurrence,
            "material": item.material,
            "title": item.title,
            "roles": ", ".join(item.roles),
            "says": item.says,
            "act": item.act or "",
            "since": _time(item.since),
            "opens": _time(item.opens),
            "due": _time(item.due),
            "required": int(item.required),
            "batch": item.batch,
            "blocks": ", ".join(item.blocks),
        }
        for line, item in enumerate(worklist(therapy, protocol), start=1)
    ]
