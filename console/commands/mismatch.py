"""A label that does not match its content, or an item whose place nobody can explain."""

from typing import Annotated

import typer

from console import here
from console.acting import act
from console.acts import command
from console.options import As, Json, Secret, TherapyArg, Why
from protocol.commands import DecideMismatch, ReportMismatch


def report(
    therapy: TherapyArg,
    material: Annotated[str, typer.Option("--material", metavar="CODE", help="The item of this therapy, scanned.")],
    found: Annotated[
        str,
        typer.Option("--found", metavar="CODE", help="What its content or its place speaks for; `unknown` if nothing."),
    ],
    says: Annotated[str, typer.Option("--says", metavar="TEXT", help="What was seen, and where.")],
    what: Annotated[
        str, typer.Option("--what", help="label (it does not match), or place (nothing explains it).")
    ] = "label",
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Report a mismatch: everything of both patients stops at once. Anybody enrolled may.

    A barcode that cannot be read, or that nobody knows, is no mismatch: scan again.

    Example: unbroken mismatch report T-7K2QXM --material G123498654321 --found unknown --says "two labels" --as operator.1
    """
    document = {
        "material": material, "found": None if found.lower() == "unknown" else found, "what": what, "says": says,
    }  # fmt: skip
    act(here.site(), therapy, command(ReportMismatch, document), account, secret, json)


def decide(
    therapy: TherapyArg,
    mismatch: Annotated[str, typer.Argument(metavar="MISMATCH", help="Its number in this therapy, for example M-1.")],
    decision: Annotated[str, typer.Option("--decision", help="lifted (it may be used again) or rejected.")],
    why: Why,
    material: Annotated[
        list[str] | None, typer.Option("--material", metavar="CODE", help="Which item. Repeat it.")
    ] = None,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Decide on an item after a mismatch: two people of QA, one after the other, with the same decision.

    Example: unbroken mismatch decide T-7K2QXM M-1 --material G123498654321 --decision lifted --why "typed again" --as qa.releaser.1
    """
    document = {"mismatch": mismatch, "decision": decision, "reason": why, "materials": material or []}
    act(here.site(), therapy, command(DecideMismatch, document), account, secret, json)
