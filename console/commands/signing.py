"""The second signature, and what may come after an act: declined, withdrawn, late values, corrections."""

from pathlib import Path
from typing import Annotated

import typer

from console import here
from console.acting import act, second_command
from console.acts import command, pair, with_reasons
from console.files import keep_named
from console.given_log import GivenLog
from console.options import (
    As,
    Confirms,
    Json,
    LoggerClock,
    LoggerFile,
    LoggerFormat,
    LoggerInterval,
    LoggerLost,
    LoggerZone,
    Occurrence,
    OfMaterial,
    Reads,
    Secret,
    StepArg,
    TherapyArg,
    Why,
)
from console.site import Site
from events.errors import Refused
from protocol.commands import Correct, Decline, ReadLogger, ReportLate, TakeBack, Witness

ActArg = Annotated[
    str,
    typer.Argument(
        metavar="ACT_OR_STEP",
        help="The step's name, the number of what happened (H-1), or the act's link (8 characters or more).",
    ),
]


Again = Annotated[
    list[str] | None,
    typer.Option("--scan", metavar="NAME=CODE", help="Scanned again by you; it must be what the performer scanned."),
]
Typed = Annotated[
    list[str] | None, typer.Option("--typed", metavar="NAME=CODE", help="The same, typed by hand instead of scanned.")
]


def witness(
    therapy: TherapyArg,
    which: ActArg,
    scan: Again = None,
    typed: Typed = None,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Sign an act second: as its witness, reviewer or approver. Only then is the step done.

    Example: unbroken witness T-7K2QXM apheresis --scan wristband=WB-00017 --as apheresis.nurse.2
    """
    site = here.site()
    given = [(pair(text, "--scan"), False) for text in scan or ()] + [
        (pair(text, "--typed"), True) for text in typed or ()
    ]
    scans = [{"name": name, "code": code, "typed": by_hand} for (name, code), by_hand in given]
    document = {"act": link_of(site, therapy, which), "scans": scans}
    act(site, therapy, command(Witness, document), account, secret, json)


def take(
    therapy: TherapyArg,
    which: ActArg,
    scan: Again = None,
    typed: Typed = None,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Take material over: the taker's signature of a hand-over. From now on you are accountable for it.

    Example: unbroken take T-7K2QXM hand_over --as courier.1
    """
    witness(therapy, which, scan, typed, account, secret, json)


def decline(
    therapy: TherapyArg, which: ActArg, why: Why, account: As = None, secret: Secret = None, json: Json = False
) -> None:
    """Decline to sign second. The act does not stand; its performer does it again.

    Example: unbroken decline T-7K2QXM apheresis --why "volume was read from the wrong scale" --as apheresis.nurse.2
    """
    site = here.site()
    document = {"act": link_of(site, therapy, which), "reason": why}
    act(site, therapy, command(Decline, document), account, secret, json)


def withdraw_act(
    therapy: TherapyArg, which: ActArg, why: Why, account: As = None, secret: Secret = None, json: Json = False
) -> None:
    """Take back an act of yours that nobody has signed second.

    Example: unbroken withdraw-act T-7K2QXM apheresis --why "entered for the wrong day" --as apheresis.nurse.1
    """
    site = here.site()
    document = {"act": link_of(site, therapy, which), "reason": why}
    act(site, therapy, command(TakeBack, document), account, secret, json)


def late(
    therapy: TherapyArg,
    step: StepArg,
    read: Reads = None,
    confirm: Confirms = None,
    logger: LoggerFile = None,
    logger_format: LoggerFormat = None,
    logger_zone: LoggerZone = None,
    logger_clock: LoggerClock = None,
    logger_interval: LoggerInterval = None,
    logger_lost: LoggerLost = None,
    why: Annotated[
        str | None,
        typer.Option(
            "--why", metavar="TEXT", help="With --logger: why this file counts instead of one that was read before."
        ),
    ] = None,
    occurrence: Occurrence = None,
    material: OfMaterial = None,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Report values that the protocol allows to come after their step; or its temperature log, with what follows from it.

    Example: unbroken late T-7K2QXM apheresis --read cd3_count="4.2e9 cells" --as apheresis.nurse.1
    """
    if logger or logger_lost:
        said = GivenLog(logger or "", logger_format or "", logger_zone or "", logger_clock or "", logger_interval or "",
                        logger_lost or "", why or "")  # fmt: skip
        _late_log(here.site(), therapy, step, read, said, occurrence, material, (account, secret, json))
        return
    readings = dict(pair(text, "--read") for text in read or ())
    site = here.site()
    keep_named(site, therapy, step, readings)
    readings = with_reasons(readings, dict(pair(text, "--confirm") for text in confirm or ()))
    document = {"step": step, "readings": readings, "occurrence": occurrence or "1", "material": material}
    act(site, therapy, command(ReportLate, document), account, secret, json)


def _late_log(
    site: Site,
    therapy: str,
    step: str,
    read: list[str] | None,
    said: GivenLog,
    occurrence: str | None,
    material: str | None,
    signs: tuple[str | None, Path | None, bool],
) -> None:
    from console.loggers import late_log

    if read:
        raise Refused(
            "input.form",
            "A temperature log and other late values are two acts.",
            values={"read": read},
            advice="Give the log with one command, the values with another.",
        )
    told = command(ReadLogger, {"step": step, "occurrence": occurrence or "1", "material": material})
    act(site, therapy, late_log(site, therapy, told, said), *signs)


def correct(
    therapy: TherapyArg,
    step: StepArg,
    reading: Annotated[str, typer.Argument(metavar="VALUE_NAME", help="Which value, for example volume.")],
    to: Annotated[str, typer.Option("--to", metavar="VALUE", help='The right value with its unit: "205 mL".')],
    # The rulebook itself asks a correction for its reason, and names the clause.
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason. It is signed and kept.")],
    occurrence: Occurrence = None,
    material: OfMaterial = None,
    confirm: Annotated[
        str | None,
        typer.Option(
            "--confirm", metavar="TEXT", help="Why the right value is right, where it leaps from the one before it."
        ),
    ] = None,
    batch: Annotated[
        int | None, typer.Option("--batch", metavar="N", help="Of an earlier batch, where one was given up.")
    ] = None,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Correct a recorded value. The old one stays on record beside the new, with who, when and why.

    Example: unbroken correct T-7K2QXM apheresis volume --to "205 mL" --why "digits swapped when typed" --as apheresis.nurse.1
    """
    site, value = here.site(), {reading: to}
    keep_named(site, therapy, step, value)
    document = {
        "step": step, "reading": reading, "value": value[reading], "why": why, "occurrence": occurrence or "1", "material": material,
        "batch": batch, "confirmed": confirm,
    }  # fmt: skip
    act(site, therapy, command(Correct, document), account, secret, json)


def link_of(site: Site, therapy: str, which: str) -> str:
    """The link of the act that waits and that a step's name, or an event's number, means; anything else is taken for a link."""
    state = site.desk().therapy(therapy)
    events = [one for one in state.occurred.values() if one.waits and which.upper() == one.code]
    if events:
        return events[0].by.link
    found = [act for act in state.pending.values() if which in (act.at.step, str(act.at))]
    if len(found) > 1:
        told = "; ".join(f"{act.at} is {act.by.link[:12]}" for act in found)
        raise Refused(
            "signature.which",
            f"Several acts of {which} wait for a second signature: {told}.",
            values={"step": which, "acts": [act.by.link[:12] for act in found]},
            advice=f"Name the one by its link: {second_command(found[0], therapy).replace(found[0].at.step, 'LINK')}.",
        )
    return found[0].by.link if found else which
