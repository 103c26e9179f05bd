"""When there was no network, no key or no server: paper entered late with its scan; and acts that another takes over."""

from pathlib import Path
from typing import Annotated

import typer

from console import here
from console.acting import act
from console.acts import command
from console.commands.signing import ActArg, link_of
from console.commands.steps import (
    Choices,
    Coi,
    From,
    Issued,
    Labels,
    Outcome,
    Permits,
    Room,
    Scans,
    Subject,
    Typed,
    Uses,
    chosen,
    complete,
    gather,
)
from console.files import Files
from console.options import As, Confirms, Json, Occurrence, OfMaterial, Reads, Secret, StepArg, TherapyArg, Why
from events.facts.base import RawFile
from protocol.commands import PaperEntry, TakeOver


def paper(
    therapy: TherapyArg,
    step: StepArg,
    sheet: Annotated[
        Path, typer.Option("--sheet", metavar="FILE", help="The scanned sheet; a copy is kept under its hash.")
    ],
    performed_by: Annotated[
        str,
        typer.Option("--performed-by", metavar="ACCOUNT", help="Who performed it: the first signature on the sheet."),
    ],
    started: Annotated[str, typer.Option("--started", metavar="TIME", help="When it started, as the sheet says.")],
    why: Why,
    ended: Annotated[
        str | None, typer.Option("--ended", metavar="TIME", help="When it ended; when it started, if left out.")
    ] = None,
    second_by: Annotated[
        str | None,
        typer.Option("--second-by", metavar="ACCOUNT", help="Who stood second, or took over: the second signature."),
    ] = None,
    from_file: From = None,
    scan: Scans = None,
    typed: Typed = None,
    read: Reads = None,
    confirm: Confirms = None,
    use: Uses = None,
    occurrence: Occurrence = None,
    material: OfMaterial = None,
    permits: Permits = None,
    outcome: Outcome = None,
    subject: Subject = None,
    coi: Coi = None,
    choice: Choices = None,
    issued: Issued = None,
    label: Labels = None,
    room: Room = None,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Enter a step that was done on paper. You type it; another person compares it with the sheet: unbroken witness.

    Roles and training of those who signed on the sheet are asked as of that time, and every clock counts from the times on it.

    Example: unbroken paper T-7 thaw --sheet s.pdf --started 2026-03-01T09:30 --performed-by cell.lab.1 --why outage --as cell.lab.2
    """
    site = here.site()
    given = gather(from_file, scan, typed, use, choice, read, permits, [], issued, label, confirm)
    given.fields |= chosen(
        started=started, ended=ended, occurrence=occurrence, material=material, outcome=outcome, subject=subject, coi=coi,
        room=room,
    )  # fmt: skip
    kept = Files(site.folder).keep_file(sheet)
    form = complete(site, therapy, step, given, None, asks=False)
    document = {
        "file": RawFile(sha256=kept.sha256, size=kept.size, what=f"paper record of {step}"),
        "performed_by": performed_by, "second_by": second_by, "why": why,
    }  # fmt: skip
    act(site, therapy, form.model_copy(update={"paper": command(PaperEntry, document)}), account, secret, json)


def takeover(
    therapy: TherapyArg, which: ActArg, why: Why, account: As = None, secret: Secret = None, json: Json = False
) -> None:
    """Take over an act that waits for its second signature and whose performer cannot go on: locked out, called away.

    You answer for it with them from now on: you may take it back, and neither of you signs it second.

    Example: unbroken takeover T-7K2QXM apheresis --why "locked out after five wrong passphrases" --as apheresis.nurse.2
    """
    site = here.site()
    document = {"act": link_of(site, therapy, which), "reason": why}
    act(site, therapy, command(TakeOver, document), account, secret, json)
