"""What the demo shows at its end: batch status, one calendar, one custody trail, the verdict, and what to try next."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from console.play import Script
from console.show import first_of
from console.site import Site
from events.verify import Verification
from events.zones import spelled
from protocol.custody import custody_trail
from protocol.desk import Desk
from protocol.schedule import schedule
from protocol.status import batch_status


def show(site: Site, desk: Desk, scripts: list[Script], verification: Verification, checkpoint: Path) -> None:
    """Print it all; wide enough for a terminal of 120 columns, plain when piped."""
    out = Console(width=None if Console().is_terminal else 140, highlight=False)
    out.print()
    out.print(_batches(desk, scripts))
    first = scripts[0].patient.therapy
    out.print(_calendar(desk, first))
    out.print(_custody(desk, first))
    _verdict(out, site, verification, checkpoint)
    _next(out, site, scripts)


def _batches(desk: Desk, scripts: list[Script]) -> Table:
    table = Table(title="Batch status (time is simulated)", title_justify="left")
    for column in ("therapy", "what happens on the way", "product", "where it stands", "open deviations"):
        table.add_column(column, overflow="fold")
    for script in scripts:
        therapy = desk.therapy(script.patient.therapy)
        row = batch_status(therapy, desk.protocol_of(therapy))
        where = row["completed"].replace("_", " ") or first_of(
            row["waits_for"], f"unbroken worklist --therapy {row['therapy']}"
        )
        many = ", worst " if row["deviations_open"] > 1 else " "
        deviations = f"{row['deviations_open']}{many}{row['worst_deviation']}" if row["deviations_open"] else "-"
        table.add_row(row["therapy"], _way(script, row["choices"]), row["product"] or "-", where, deviations)
    return table


def _way(script: Script, choices: str) -> str:
    """What happens with a patient, and under it what was chosen at enrolment."""
    return f"{script.tells}\n{choices or 'not enrolled'}"


def _calendar(desk: Desk, name: str) -> Table:
    therapy = desk.therapy(name)
    entries = schedule(therapy, desk.protocol_of(therapy))
    table = Table(title=f"Calendar of {name}: the first ten and the last five lines", title_justify="left")
    for column in ("when", "step", "stands", "why it stands there"):
        table.add_column(column, overflow="fold")
    for entry in [*entries[:10], *entries[-5:]]:
        when = entry.happened[0] if entry.happened else entry.planned
        table.add_row(spelled(when, desk.zone) if when else "", str(entry.at), entry.standing, entry.why)
    return table


def _custody(desk: Desk, name: str) -> Table:
    therapy, authority = desk.therapy(name), desk.log.authority()
    table = Table(title=f"Custody trail of {name}: collection and product", title_justify="left")
    for column in ("material", "since (UTC)", "place", "accountable", "how"):
        table.add_column(column, overflow="fold")
    for line in custody_trail(therapy):
        if line.kind in ("leukapheresis", "intermediate", "drug_product"):
            holder = authority.printed_name(line.holder) if line.holder else "-"
            table.add_row(line.material, f"{line.since:%Y-%m-%d %H:%M}", line.place, holder, line.how)
    return table


def _verdict(out: Console, site: Site, verification: Verification, checkpoint: Path) -> None:
    found = f"{len(verification.findings)} findings" if verification.findings else "no finding"
    out.print(f"\nVerification: {verification.size} records judged again, {verification.accepted} accepted, {found}.")
    for finding in verification.findings[:10]:
        out.print(f"  {finding.kind}: {finding.stream} {finding.number}: {finding.says}")
    out.print(f"Log id (write it down outside): {site.log_id}")
    out.print(f"Checkpoint (proves the tail):   {checkpoint}")


def _next(out: Console, site: Site, scripts: list[Script]) -> None:
    here = _short(site.folder)
    out.print("\nThe site stays. Try next:")
    if site.kafka:
        out.print(
            "  make kafka   # after `make demo-kafka`: starts its broker again, in another terminal; the log is there"
        )
    for command, says in (
        *_looks(scripts),
        (f"trail {scripts[0].patient.therapy}", "who held which material when"),
        ("worklist", "what waits for whom"),
        (f"verify --checkpoint {_short(site.folder)}/checkpoints/*.txt", "prove it again"),
        ("person list", "who may sign; each passphrase here is demo-only-ACCOUNT"),
    ):
        out.print(f"  .venv/bin/unbroken --site {here} {command:<24}  # {says}")


def _looks(scripts: list[Script]) -> Iterator[tuple[str, str]]:
    """A command for each scene in which something goes wrong, and what it shows."""
    for script in scripts:
        name = script.patient.therapy
        if script.fails_in:
            yield f"trace {name}", "the batch that was lost, and the one made from the reserve"
        elif script.slow:
            yield f"alert list {name}", "what the physician was told after the infusion"
        elif script.no_courier:
            yield f"history {name}", "the courier who did not come, and what was chosen"
        elif script.wrong_bag_of:
            yield f"history {name}", "the wrong bag at the bedside, held and cleared"
        elif "warm" in script.tells:
            yield f"status {name}", "the quarantined shipment"
            yield f"logger plot {name} transport --out {name}.svg", "its temperature, from the logger's raw file"


def _short(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
