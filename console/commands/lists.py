"""Lists over all patients, from the SQL views, which are filled up to the log's end first."""

from typing import Annotated, Any

import typer

from console import followers, here
from console.newer import newer
from console.options import Json
from console.show import Screen, as_json, first_of, line, table
from events.instant import from_wire


def batches(json: Json = False) -> None:
    """List every batch: where it stands, what it waits for, open deviations.

    Example: unbroken batches
    """
    from projections import views

    site = here.site()
    views.catch_up(site.log, site.views_url, followers.mover("unbroken batches"))
    rows = views.batches(site.views_url)
    if json:
        as_json(rows)
        return
    screen = Screen(site)
    screen.simulated()
    columns = ["therapy", "subject", "path", "last step", "state", "waits for", "product", "deviations"]
    cells = [
        [
            r["therapy"],
            r["subject"],
            r["choices"],
            r["last_step"],
            r["completed"].replace("_", " ") or r["stopped"] or r["state"],
            first_of(r["finding"], f"unbroken verify {r['therapy']}", 1)
            or first_of(r["waits_for"], f"unbroken worklist --therapy {r['therapy']}"),
            r["product"],
            f"{r['deviations_open']} {r['worst_deviation']}".strip() if r["deviations_open"] else "",
        ]
        for r in rows
    ]
    table(columns, cells, f"Batches of {site.name}; {screen.zone_note()}", "No therapy was opened yet.")


def worklist(
    role: Annotated[str | None, typer.Option("--role", metavar="ROLE", help="What waits for this role.")] = None,
    therapy: Annotated[
        str | None, typer.Option("--therapy", metavar="THERAPY", help="What waits in one therapy.")
    ] = None,
    json: Json = False,
) -> None:
    """What waits for whom: steps, second signatures, late values, holds, alerts, quarantines, deviations and their actions.

    Example: unbroken worklist --role apheresis_nurse
    """
    site = here.site()
    rows, standing = _one(site, therapy) if therapy else _all(site)
    rows = [r for r in rows if role is None or role in r["roles"].split(", ")]
    if json:
        as_json(rows)
        return
    screen = Screen(site)
    screen.simulated()
    cells = [
        [
            r["therapy"],
            r["kind"].replace("_", " "),
            " ".join(
                word
                for word in (
                    r["step"],
                    r["occurrence"] if r["occurrence"] != "1" else "",
                    r["material"],
                    f"(batch {r['batch']})" if r["batch"] > 1 and r["step"] else "",
                )
                if word
            ),
            r["roles"],
            screen.when(from_wire(r["due"])) if r["due"] else "",
            r["says"] + _asked(r),
        ]
        for r in rows
    ]
    of = f" for {role}" if role else ""
    table(
        ["therapy", "what", "step", "who", "limit", "says"],
        cells,
        f"Waiting{of}; {screen.zone_note()}",
        "Nothing waits.",
    )
    for says in newer(site, {r["therapy"]: r["digest"] for r in standing if not r["completed"]}.items()):
        line(says)
    if rows and not role:
        line("Next: unbroken step show THERAPY STEP")


def _asked(row: dict[str, Any]) -> str:
    """What stays shut until it is done; or that nothing does."""
    if row.get("blocks"):
        return f"; blocks {row['blocks']}"
    return "" if row["required"] else " (no step waits for it)"


def _one(site: Any, therapy: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What waits in one therapy, and its row."""
    from console.one_look import opened
    from projections.rows import rows_of

    desk = site.desk()
    state = opened(desk, therapy)
    rows = rows_of(state, desk.protocol_of(state))
    return rows["worklist"], rows["batch_status"]


def _all(site: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What waits everywhere, and every therapy's row."""
    from projections import views

    views.catch_up(site.log, site.views_url, followers.mover("unbroken worklist"))
    return views.worklist(site.views_url), views.batches(site.views_url)
