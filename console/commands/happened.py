"""What already happened against the rules: told, with all that it broke; it escalates by itself."""

from typing import Annotated

import typer

from console import here
from console.acting import act
from console.acts import command, pair, with_reasons
from console.options import As, Confirms, Json, Occurrence, OfMaterial, Reads, Secret, StepArg, TherapyArg
from console.times import read_time
from protocol.commands import TellHappened

Many = list[str] | None
DoneByWhom = Annotated[
    Many,
    typer.Option(
        "--performed-by",
        metavar="ACCOUNT",
        help="Who did it, the performer first; left out where nobody knows. Repeat it.",
    ),
]


def happened(
    therapy: TherapyArg,
    step: StepArg,
    started: Annotated[str, typer.Option("--started", metavar="TIME", help="When it began, as far as it is known.")],
    says: Annotated[str, typer.Option("--says", metavar="TEXT", help="What happened, and how it came to it.")],
    ended: Annotated[
        str | None, typer.Option("--ended", metavar="TIME", help="When it ended; when it began, if left out.")
    ] = None,
    performed_by: DoneByWhom = None,
    scan: Annotated[
        Many, typer.Option("--scan", metavar="NAME=CODE", help="What it was done with, of whomever it is. Repeat it.")
    ] = None,
    typed: Annotated[
        Many, typer.Option("--typed", metavar="NAME=CODE", help="The same, typed by hand instead of scanned.")
    ] = None,
    read: Reads = None,
    confirm: Confirms = None,
    use: Annotated[
        Many, typer.Option("--use", metavar="NAME=CODE", help="A lot or a device it used. Repeat it.")
    ] = None,
    room: Annotated[
        str | None, typer.Option("--room", metavar="CODE", help="The room in which cells were open.")
    ] = None,
    occurrence: Occurrence = None,
    material: OfMaterial = None,
    alone: Annotated[
        str | None, typer.Option("--alone", metavar="WHY", help="Nobody else can sign it second, and why.")
    ] = None,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Tell an act that took place although the rules would have refused it. THERAPY is the patient to whom it happened.

    It is always recorded: with every rule that it broke, a critical deviation, alerts, and a stop for every patient whom it
    concerns. It makes no rule pass. Another person signs it too: unbroken witness THERAPY H-1.

    Example: unbroken happened T-7 infusion --scan bag=G123498654321 --started 2026-03-01T09:30 --says "bags swapped" --as ward.nurse.1
    """
    site = here.site()
    scans = [(pair(text, "--scan"), False) for text in scan or ()] + [
        (pair(text, "--typed"), True) for text in typed or ()
    ]
    document = {
        "step": step, "occurrence": occurrence, "material": material, "started": read_time(started, site.zone),
        "ended": read_time(ended, site.zone) if ended else None, "performed_by": performed_by or [],
        "scans": [{"name": name, "code": code, "typed": by_hand} for (name, code), by_hand in scans],
        "readings": with_reasons(
            dict(pair(text, "--read") for text in read or ()), dict(pair(text, "--confirm") for text in confirm or ())
        ),
        "used": dict(pair(text, "--use") for text in use or ()),
        "room": room, "alone": alone, "says": says,
    }  # fmt: skip
    act(site, therapy, command(TellHappened, document), account, secret, json)
