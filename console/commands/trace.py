"""From any lot, device or bag to every patient whom it touched, and from a patient back to everything behind the product."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from console import followers, here
from console.one_look import opened
from console.options import Json
from console.show import Screen, as_json, line, table
from events.errors import Refused
from events.identifiers import read_code
from events.instant import from_wire

if TYPE_CHECKING:
    from console.site import Site
    from protocol.state import Therapy

_COLUMNS = ["therapy", "step", "when", "used on", "made from it since", "in the patient", "stands"]


def trace(
    therapy: Annotated[
        str | None, typer.Argument(metavar="[THERAPY]", help="Everything behind one patient's product.")
    ] = None,
    lot: Annotated[
        str | None, typer.Option("--lot", metavar="CODE", help="Every use of a lot, in every patient.")
    ] = None,
    device: Annotated[
        str | None, typer.Option("--device", metavar="CODE", help="Every use of a device, in every patient.")
    ] = None,
    material: Annotated[
        str | None,
        typer.Option("--material", metavar="CODE", help="What a bag, a sample or a DIN was made from and became."),
    ] = None,
    json: Json = False,
) -> None:
    """Trace forward and back: lot or device to patients and bags, a bag to its collection, its lots and its devices.

    Example: unbroken trace --lot LOT-VECTOR
    """
    asked = [
        name
        for name, value in (("THERAPY", therapy), ("--lot", lot), ("--device", device), ("--material", material))
        if value
    ]
    if len(asked) != 1:
        raise Refused(
            "input.form",
            f"It is not clear what is traced: {' and '.join(asked) or 'nothing is named'}.",
            values={"given": asked},
            advice="Name one: a therapy, --lot CODE, --device CODE or --material CODE.",
        )
    site = here.site()
    if therapy:
        _of_therapy(site, therapy, json)
    elif material:
        _of_material(site, read_code(material), json)
    else:
        what = "lot" if lot else "device"
        _of_item(site, what, read_code(lot or device or ""), json)


def _of_item(site: Site, what: str, code: str, json: bool) -> None:
    """Every use of a lot or device, from the view, which is filled up to the log's end first."""
    from projections import views

    views.catch_up(site.log, site.views_url, followers.mover("unbroken trace"))
    rows = views.used(site.views_url, what, code)
    known = site.desk().equipment.known(code)
    item = known.lot or known.device
    head: dict[str, Any] = {
        "code": code,
        "item": item.item if item else "",
        "recalled": known.recalled if what == "lot" else "",
    }
    if json:
        as_json({what: head, "uses": rows, "simulated": site.simulated})
        return
    screen = Screen(site)
    screen.simulated()
    told = (
        f" of {item.item}"
        if item
        else ", which nobody has released"
        if what == "lot"
        else ", which nobody has calibrated"
    )
    recalled = f"; RECALLED: {known.recalled}" if head["recalled"] else ""
    table(
        _COLUMNS,
        [_cells(screen, row) for row in rows],
        f"{what.capitalize()} {code}{told}{recalled}; {screen.zone_note()}",
        "No step used it.",
    )
    patients = sorted({row["therapy"] for row in rows})
    if patients:
        line(f"{len(patients)} patient{'s' if len(patients) > 1 else ''}: {', '.join(patients)}")


def _cells(screen: Screen, row: dict[str, Any]) -> list[str]:
    words = [row["step"], row["occurrence"] if row["occurrence"] != "1" else "", row["material"]]
    batch = f"(batch {row['batch']})" if row["batch"] > 1 else ""
    stands = {"done": "", "waiting": "waits for its second signature", "earlier": "of a batch that was given up"}
    made = [c for c in row["downstream"].split(", ") if c and c not in row["materials"].split(", ")]
    return [
        row["therapy"],
        " ".join(word for word in (*words, batch) if word),
        screen.when(from_wire(row["started"])),
        row["materials"],
        ", ".join(made),
        row["infused"],
        stands[row["standing"]],
    ]


def _of_therapy(site: Site, name: str, json: bool) -> None:
    from projections.rows import use_row
    from protocol.happened import given_here
    from protocol.trace import uses_of

    state = opened(site.desk(), name)
    materials = [_material(state, code) for code in state.materials]
    uses = [use_row(use) for use in uses_of(state)]
    if json:
        head = {"therapy": name, "subject": state.subject, "coi": state.coi, "wristband": state.wristband}
        as_json(
            {**head, "materials": materials, "of_others": given_here(state), "uses": uses, "simulated": site.simulated}
        )
        return
    screen = Screen(site)
    screen.simulated()
    line(f"{name}: subject {state.subject or 'not enrolled'}, chain of identity {state.coi or 'none yet'}")
    _materials(screen, materials, f"Materials of {name}, the oldest first")
    for other in given_here(state):
        line(f"OF ANOTHER PATIENT, used for this one: {other}")
    cells = [[row["what"], row["name"], row["code"], *_cells(screen, row)[1:]] for row in uses]
    table(["what", "name", "code", *_COLUMNS[1:]], cells, f"Lots and devices; {screen.zone_note()}", "None was used.")


def _of_material(site: Site, code: str, json: bool) -> None:
    """Back from a material to its collection and everything that went into it, and forward to what became of it."""
    from projections.rows import use_row
    from protocol.genealogy import ancestors, descendants
    from protocol.trace import behind

    desk = site.desk()
    owner = desk.owner(code)
    state = desk.therapy(owner) if owner else None
    if state is None or code not in state.materials:
        raise Refused(
            "identity.material",
            f"{code} is no material of anybody here.",
            values={"code": code},
            advice="Scan it again. A lot is traced with --lot, a device with --device.",
        )
    back = [_material(state, one) for one in reversed(ancestors(state, code))]
    forward = [_material(state, one) for one in descendants(state, (code,))]
    uses = [use_row(use) for use in behind(state, code)]
    if json:
        head = {"therapy": state.id, "subject": state.subject, "coi": state.coi, "material": _material(state, code)}
        as_json({**head, "from": back, "became": forward, "uses": uses, "simulated": site.simulated})
        return
    screen = Screen(site)
    screen.simulated()
    line(f"{code} is of {state.id}: subject {state.subject}, chain of identity {state.coi}")
    _materials(screen, [*back, _material(state, code), *forward], "From the collection to what became of it")
    cells = [[row["what"], row["name"], row["code"], *_cells(screen, row)[1:4]] for row in uses]
    table(
        ["what", "name", "code", "step", "when", "used on"],
        cells,
        f"What went into {code}; {screen.zone_note()}",
        "No lot, no device.",
    )


def _material(state: Therapy, code: str) -> dict[str, Any]:
    from protocol.genealogy import children, origins

    known = state.materials[code]
    return {
        "code": code,
        "kind": known.kind,
        "from": list(known.parents),
        "made": list(children(state).get(code, ())),
        "collections": list(origins(state, code)),
        "made_in": str(known.made_in),
        "batch": known.made_in.batch,
        "stands": known.ended or known.status,
        "place": "" if known.ended else known.place,
    }


def _materials(screen: Screen, materials: list[dict[str, Any]], title: str) -> None:
    rows = [
        [
            m["code"],
            m["kind"],
            ", ".join(m["from"]) or "the patient",
            m["made_in"],
            ", ".join(m["made"]),
            m["stands"],
            m["place"],
        ]
        for m in materials
    ]
    table(["material", "kind", "made from", "made in", "became", "stands", "place"], rows, title, "No material yet.")
