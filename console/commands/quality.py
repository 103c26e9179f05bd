"""Quarantine, and holds after a wrong item."""

from typing import Annotated

import typer

from console import here
from console.acting import act
from console.acts import command
from console.options import As, Json, Secret, TherapyArg, Why
from protocol.commands import ClearHold, DecideQuarantine

Materials = Annotated[list[str], typer.Option("--material", metavar="CODE", help="Which material. Repeat it.")]


def lift(
    therapy: TherapyArg,
    material: Materials,
    why: Why,
    cause: Annotated[
        str, typer.Option("--cause", metavar="Q-1", help="Which cause, where there are several; the worklist tells.")
    ] = "",
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Lift a quarantine (QA), cause by cause: the material may be used again when nothing holds it any more.

    Example: unbroken quarantine lift T-7K2QXM --material G123498654321 --why "logger fault, core stayed at 5 C" --as qa.releaser.1
    """
    document = {"materials": material, "decision": "lifted", "reason": why, "cause": cause}
    act(here.site(), therapy, command(DecideQuarantine, document), account, secret, json)


def reject(
    therapy: TherapyArg, material: Materials, why: Why, account: As = None, secret: Secret = None, json: Json = False
) -> None:
    """Reject quarantined material (QA): it may only be disposed of.

    Example: unbroken quarantine reject T-7K2QXM --material G123498654321 --why "6 h above 8 C" --as qa.releaser.1
    """
    document = {"materials": material, "decision": "rejected", "reason": why}
    act(here.site(), therapy, command(DecideQuarantine, document), account, secret, json)


def clear(
    therapy: TherapyArg,
    why: Why,
    wristband: Annotated[
        str | None, typer.Option("--wristband", metavar="CODE", help="The right wristband, scanned again.")
    ] = None,
    item: Annotated[
        str | None,
        typer.Option(
            "--item", metavar="CODE", help="Or an item or the chain of identity of this patient, scanned again."
        ),
    ] = None,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Clear a hold after a wrong item was presented: QA first, then a second person with the same command.

    Each patient is cleared with a rescan of their own; who signs need not be at the place.

    Example: unbroken hold clear T-7K2QXM --wristband WB-00017 --why "right bag rescanned" --as qa.releaser.1
    """
    document = {"wristband": wristband, "item": item, "reason": why}
    act(here.site(), therapy, command(ClearHold, document), account, secret, json)
