"""The course of a patient beside the protocol's steps: withdrawal, death, screen failure, disposal of material."""

from typing import Annotated

import typer

from console import here
from console.acting import act
from console.acts import command, words
from console.options import As, At, Json, Secret, TherapyArg, Why
from console.times import day_or_now
from protocol.commands import Dispose, FailScreening, ReportDeath, WithdrawPatient


def dispose(
    therapy: TherapyArg,
    material: Annotated[list[str], typer.Option("--material", metavar="CODE", help="Which material. Repeat it.")],
    why: Why,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Dispose of material that is rejected, quarantined, or left over; its custody ends.

    Example: unbroken dispose T-7K2QXM --material G123498654321 --why "rejected, incinerated" --as qa.releaser.1
    """
    act(here.site(), therapy, command(Dispose, {"materials": material, "reason": why}), account, secret, json)


def withdraw(
    therapy: TherapyArg,
    what: Annotated[
        str, typer.Option("--from", metavar="WORDS", help="treatment, visits, data, samples; commas between.")
    ],
    why: Why,
    at: At = None,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Record that the patient withdraws. Treatment, visits, data and samples are four things.

    Example: unbroken withdraw T-7K2QXM --from treatment,visits --why "chose another treatment" --as investigator.1
    """
    site = here.site()
    document = {"withdrawn": words(what), "at": day_or_now(site, at), "reason": why}
    act(site, therapy, command(WithdrawPatient, document), account, secret, json)


def death(
    therapy: TherapyArg, why: Why, at: At = None, account: As = None, secret: Secret = None, json: Json = False
) -> None:
    """Record that the patient died, and when: a time, or a day alone.

    Example: unbroken death T-7K2QXM --at 2026-08-01T04:10 --why "progression of disease" --as investigator.1
    """
    site = here.site()
    act(site, therapy, command(ReportDeath, {"at": day_or_now(site, at), "reason": why}), account, secret, json)


def screen_failure(
    therapy: TherapyArg, why: Why, account: As = None, secret: Secret = None, json: Json = False
) -> None:
    """Record that the patient does not meet the study's criteria. The record stays.

    Example: unbroken screen-failure T-7K2QXM --why "CD22 negative on repeat biopsy" --as investigator.1
    """
    act(here.site(), therapy, command(FailScreening, {"reason": why}), account, secret, json)
