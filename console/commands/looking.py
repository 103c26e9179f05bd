"""Look at one patient: where the batch stands, what is planned, who held what. Every signature is verified again first."""

from typing import Annotated

import typer

from console import here, one_look
from console.one_look import opened
from console.options import Json, TherapyArg
from console.show import Screen, as_json, line, table


def status(therapy: TherapyArg, json: Json = False) -> None:
    """The status of a batch in one look: where patient and product are, and what stands in the way.

    Example: unbroken status T-7K2QXM
    """
    one_look.status(here.site(), therapy, json)


def schedule(therapy: TherapyArg, json: Json = False) -> None:
    """A patient's schedule: planned from the protocol, moved by what happened; each line says why it stands there.

    Example: unbroken schedule T-7K2QXM
    """
    from protocol.schedule import schedule as plan

    site = here.site()
    desk = site.desk()
    state = opened(desk, therapy)
    entries = plan(state, desk.protocol_of(state))
    if json:
        as_json(
            [
                {
                    "step": e.at.step,
                    "occurrence": e.at.occurrence,
                    "material": e.at.material,
                    "title": e.title,
                    "roles": e.roles,
                    "standing": e.standing,
                    "earliest": e.earliest,
                    "planned": e.planned,
                    "latest": e.latest,
                    "started": e.happened[0] if e.happened else None,
                    "ended": e.happened[1] if e.happened else None,
                    "why": e.why,
                }
                for e in entries
            ]
        )
        return
    screen = Screen(site)
    screen.simulated()
    rows = [
        [
            screen.when(e.happened[0] if e.happened else e.planned) or "not yet known",
            str(e.at),
            e.standing.replace("_", " "),
            f"{screen.when(e.earliest) or '...'} to {screen.when(e.latest) or '...'}" if e.earliest or e.latest else "",
            " or ".join(e.roles),
            e.why,
        ]
        for e in entries
    ]
    table(["when", "step", "stands", "window", "who", "why"], rows, f"Schedule of {therapy}; {screen.zone_note()}")


def trail(
    therapy: TherapyArg,
    material: Annotated[str | None, typer.Option("--material", metavar="CODE", help="Of this material alone.")] = None,
    json: Json = False,
) -> None:
    """The custody trail: who was accountable for which material, where, from when to when. Gaps are told.

    Example: unbroken trail T-7K2QXM --material G123498654321
    """
    from events.identifiers import read_code
    from protocol.custody import custody_trail, gaps
    from protocol.decide.quality import known_material

    site = here.site()
    state = opened(site.desk(), therapy)
    code = known_material(state, read_code(material)).code if material else None
    lines, broken = custody_trail(state, code), gaps(state)
    if json:
        as_json({"therapy": therapy, "trail": [entry._asdict() for entry in lines], "gaps": broken})
        return
    screen = Screen(site)
    screen.simulated()
    rows = [
        [
            entry.material,
            entry.kind,
            screen.when(entry.since),
            "" if not entry.holder else screen.when(entry.until) or "until now",
            entry.place,
            screen.name(entry.holder) or "nobody: it ended",
            screen.name(entry.given_by),
            entry.how,
        ]
        for entry in lines
    ]
    columns = ["material", "kind", "from", "to", "place", "accountable", "given by", "how"]
    table(columns, rows, f"Custody of {therapy}; {screen.zone_note()}", "No material yet.")
    for parent in (m for m in state.materials.values() if m.parent and code in (None, m.code)):
        line(f"{parent.code} ({parent.kind}) was made from {' and '.join(parent.parents)} in {parent.made_in}")
    line("No gap in custody." if not broken else "GAPS: " + "; ".join(broken))
