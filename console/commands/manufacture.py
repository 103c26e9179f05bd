"""Manufacture that failed, and the ways out: make the product again, collect again, or end the therapy."""

from typing import Annotated

import typer

from console import here
from console.acting import act
from console.acts import command
from console.options import As, Json, Secret, TherapyArg, Why
from protocol.commands import BeginRemake, DecideFailure, FailManufacture, TerminateTherapy

FailureArg = Annotated[str, typer.Argument(metavar="FAILURE", help="Its number in this therapy, for example F-1.")]


def failed(
    therapy: TherapyArg,
    step: Annotated[str, typer.Argument(metavar="STEP", help="The step in which it failed.")],
    says: Annotated[str, typer.Option("--says", metavar="TEXT", help="What failed.")],
    ends: Annotated[
        list[str] | None, typer.Option("--ends", metavar="CODE", help="A material that is lost. Repeat it.")
    ] = None,
    retains: Annotated[
        list[str] | None,
        typer.Option("--retains", metavar="CODE", help="Starting material from which it can be made again. Repeat it."),
    ] = None,
    occurrence: Annotated[str, typer.Option("--occurrence", metavar="N", help="Which occurrence of the step.")] = "1",
    material: Annotated[
        str | None,
        typer.Option("--material", metavar="CODE", help="Of which material, where the step is done for each."),
    ] = None,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Report that manufacture failed. What is lost is quarantined at once; a second person confirms it.

    Each live material that the product needs is named once: it ends, or it is retained.

    Example: unbroken manufacture failed T-7K2QXM expansion --says "turbid, Gram positive" --ends CULTURE-17 --retains SR-17 --as operator.1
    """
    document = {
        "step": step, "occurrence": occurrence, "material": material, "says": says,
        "ends": ends or [], "retains": retains or [],
    }  # fmt: skip
    act(here.site(), therapy, command(FailManufacture, document), account, secret, json)


def confirm(
    therapy: TherapyArg, failure: FailureArg, why: Why, account: As = None, secret: Secret = None, json: Json = False
) -> None:
    """Confirm a failure as the second person: what is lost ends, and a way out can be taken.

    Example: unbroken manufacture confirm T-7K2QXM F-1 --why "seen in the laboratory" --as qa.releaser.1
    """
    document = {"failure": failure, "decision": "confirmed", "reason": why}
    act(here.site(), therapy, command(DecideFailure, document), account, secret, json)


def decline(
    therapy: TherapyArg, failure: FailureArg, why: Why, account: As = None, secret: Secret = None, json: Json = False
) -> None:
    """Decline a failure as the second person: nothing failed. QA decides on what was quarantined.

    Example: unbroken manufacture decline T-7K2QXM F-1 --why "the sample was mixed up" --as qa.releaser.1
    """
    document = {"failure": failure, "decision": "declined", "reason": why}
    act(here.site(), therapy, command(DecideFailure, document), account, secret, json)


def remake(
    therapy: TherapyArg,
    start: Annotated[str, typer.Option("--from", metavar="STEP", help="Where it begins, as the study names its ways.")],
    why: Why,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Make the product again, or collect again: from a step on everything is done anew, as the next batch.

    Only after a failure, a rejection or a loss. The earlier batch stays on record, with its results and its rejection.

    Example: unbroken remake T-7K2QXM --from thaw_reserve --why "culture lost, the reserve is intact" --as qa.releaser.1
    """
    act(here.site(), therapy, command(BeginRemake, {"start": start, "reason": why}), account, secret, json)


def terminate(therapy: TherapyArg, why: Why, account: As = None, secret: Secret = None, json: Json = False) -> None:
    """End a therapy for which there will be no product; booked slots are free again.

    Example: unbroken terminate T-7K2QXM --why "disease progressed, no time to make it again" --as investigator.1
    """
    act(here.site(), therapy, command(TerminateTherapy, {"reason": why}), account, secret, json)
