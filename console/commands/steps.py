"""Open a therapy, perform a step, give material away: the first signature of an act."""

import secrets
import sys
from pathlib import Path
from typing import Annotated

import typer

from console import here
from console.acting import act, shown
from console.acts import Given, command, pair, read_document, scans_by_order, words
from console.files import keep_named
from console.given import text_of
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
)
from console.show import line
from console.signin import sit
from console.site import Site
from protocol.commands import Begun, Perform
from protocol.desk import Desk
from protocol.labels import to_account_for
from protocol.model import Step, StudyProtocol
from protocol.state import Therapy

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""Of new ids: nothing that looks like something else (0 and O, 1, I and L)."""
Many = list[str] | None
From = Annotated[
    str | None,
    typer.Option("--from", metavar="FILE", help="An act file, YAML or JSON; - reads it from standard input."),
]
Scans = Annotated[Many, typer.Option("--scan", metavar="NAME=CODE", help="What the scanner sent. Repeat it.")]
Typed = Annotated[
    Many,
    typer.Option(
        "--typed", metavar="NAME=CODE", help="A code typed by hand, where a label cannot be scanned; recorded as typed."
    ),
]
ScansFrom = Annotated[
    str | None,
    typer.Option(
        "--scans-from",
        metavar="FILE",
        help="Scans one a line in the step's own order; - is standard input. An empty line ends a series.",
    ),
]
Uses = Annotated[
    Many, typer.Option("--use", metavar="NAME=CODE", help="A lot or a device by the name the step gives it. Repeat it.")
]
Started = Annotated[
    str | None,
    typer.Option(
        "--started", metavar="TIME", help="When it started; now, if left out. In the site's zone unless it names one."
    ),
]
Ended = Annotated[
    str | None, typer.Option("--ended", metavar="TIME", help="When it ended; when it started, if left out.")
]
Permits = Annotated[
    Many, typer.Option("--permits", metavar="WORDS", help="Consent: what it permits, with commas between.")
]
Outcome = Annotated[str | None, typer.Option("--outcome", help="Assessment: eligible or not_eligible.")]
Choices = Annotated[Many, typer.Option("--choice", metavar="NAME=OPTION", help="Enrolment: what is chosen. Repeat it.")]
Subject = Annotated[str | None, typer.Option("--subject", help="Enrolment: the subject number.")]
Coi = Annotated[str | None, typer.Option("--coi", help="Enrolment: the chain-of-identity id.")]
Slots = Annotated[Many, typer.Option("--slot", metavar="RESOURCE=CODE@START/END", help="Booking: a slot. Repeat it.")]
Issued = Annotated[
    Many,
    typer.Option("--issued", metavar="SERIALS", help="Labels: every serial issued; those with a fate, if left out."),
]
Labels = Annotated[
    Many,
    typer.Option("--label", metavar="SERIAL=FATE", help="Labels: applied, attached_to_record or destroyed. Repeat it."),
]
Room = Annotated[str | None, typer.Option("--room", metavar="CODE", help="Process: the room in which cells were open.")]
TakesOver = Annotated[
    str | None,
    typer.Option("--takes-over", metavar="ACCOUNT", help="Who had begun it and cannot go on; with --why."),
]
TakesOverWhy = Annotated[
    str | None, typer.Option("--why", metavar="TEXT", help="With --takes-over: why they cannot go on.")
]
Decides = Annotated[str | None, typer.Option("--decision", help="Disposition: released or rejected.")]


def open_therapy(
    therapy: Annotated[
        str | None,
        typer.Argument(
            metavar="[THERAPY]",
            help="Its id, T- and 1 to 24 of A-Z, 0-9 and hyphen; chosen by the program if left out.",
        ),
    ] = None,
    screening: Annotated[str | None, typer.Option("--screening", metavar="CODE", help="The screening number.")] = None,
    from_file: From = None,
    permits: Permits = None,
    read: Reads = None,
    confirm: Confirms = None,
    started: Started = None,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Open a therapy with its consent, pinned to the protocol that was adopted last.

    Nothing that identifies the patient belongs here: codes only.

    Example: unbroken open --screening SCR-0001 --permits material,data,follow_up --read form_version=3.1 --as investigator.1
    """
    site = here.site()
    desk = site.desk()
    protocol = desk.current_protocol()
    given = gather(from_file, [], [], [], [], read, permits, [], [], [], confirm)
    given.fields |= chosen(screening=screening, started=started)
    if _may_ask(from_file):
        if "screening" not in given.fields and (code := input("Screening number: ").strip()):
            given.fields["screening"] = code
        _ask(Therapy(id=""), protocol.first, protocol, given)
    keep_named(site, None, protocol.first.id, given.readings)
    consent = given.perform(protocol.first.id, site.zone)
    sitting = sit(site, account, secret)
    name = therapy or _new_id(desk)
    shown(site, desk, desk.open(name, consent, sitting), sitting, name, json)
    if not json:
        line(f"The therapy's id is {name}. Next: unbroken worklist --therapy {name}")


def _new_id(desk: Desk) -> str:
    while True:
        name = "T-" + "".join(secrets.choice(ALPHABET) for _ in range(6))
        if desk.therapy(name).opened is None:
            return name


def perform(
    therapy: TherapyArg,
    step: StepArg,
    from_file: From = None,
    scan: Scans = None,
    typed: Typed = None,
    scans_from: ScansFrom = None,
    read: Reads = None,
    confirm: Confirms = None,
    use: Uses = None,
    started: Started = None,
    ended: Ended = None,
    occurrence: Occurrence = None,
    material: OfMaterial = None,
    permits: Permits = None,
    outcome: Outcome = None,
    subject: Subject = None,
    coi: Coi = None,
    choice: Choices = None,
    slot: Slots = None,
    issued: Issued = None,
    label: Labels = None,
    room: Room = None,
    decision: Decides = None,
    logger: LoggerFile = None,
    logger_format: LoggerFormat = None,
    logger_zone: LoggerZone = None,
    logger_clock: LoggerClock = None,
    logger_interval: LoggerInterval = None,
    logger_lost: LoggerLost = None,
    takes_over: TakesOver = None,
    why: TakesOverWhy = None,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Perform a step and sign it. On a terminal, what is missing is asked for, one question at a time.

    What is out of limits but happened is recorded, with its deviation; what breaks a rule is refused, and nothing is recorded.

    Example: unbroken perform T-7K2QXM apheresis --from apheresis.yaml --as apheresis.nurse.1
    """
    site = here.site()
    given = gather(from_file, scan, typed, use, choice, read, permits, slot, issued, label, confirm)
    given.fields |= chosen(
        started=started, ended=ended, occurrence=occurrence, material=material, outcome=outcome, subject=subject,
        coi=coi, room=room, decision=decision,
    )  # fmt: skip
    given.log.take(
        chosen(
            file=logger,
            format=logger_format,
            zone=logger_zone,
            clock=logger_clock,
            interval=logger_interval,
            lost=logger_lost,
        )
    )
    form = complete(site, therapy, step, given, scans_from, asks=_may_ask(from_file, scans_from))
    if takes_over or why:
        begun = command(Begun, {"account": takes_over or "", "why": why or ""})
        form = form.model_copy(update={"taken_over": begun})
    act(site, therapy, form, account, secret, json)


def give(
    therapy: TherapyArg,
    step: StepArg,
    from_file: From = None,
    scan: Scans = None,
    scans_from: ScansFrom = None,
    read: Reads = None,
    confirm: Confirms = None,
    started: Started = None,
    ended: Ended = None,
    material: OfMaterial = None,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Give material away: the giver's signature of a hand-over. Custody moves when the other person takes it.

    Example: unbroken give T-7K2QXM hand_over --scan bag=G123498654321 --from seals.yaml --as apheresis.nurse.1
    """
    site = here.site()
    given = gather(from_file, scan, [], [], [], read, [], [], [], [], confirm)
    given.fields |= chosen(started=started, ended=ended, material=material)
    form = complete(site, therapy, step, given, scans_from, asks=_may_ask(from_file, scans_from))
    act(site, therapy, form, account, secret, json)


# ---------------------------------------------------------------------------------------------------- what was given


def gather(
    from_file: str | None,
    scan: Many,
    typed: Many,
    use: Many,
    choice: Many,
    read: Many,
    permits: Many,
    slot: Many,
    issued: Many,
    label: Many,
    confirm: Many,
) -> Given:
    """Everything the line gives, over what the file gives."""
    given = Given(read_document(text_of(from_file), from_file) if from_file else None, from_file or "")
    for text in scan or ():
        given.scan(*pair(text, "--scan"))
    for text in typed or ():
        given.scan(*pair(text, "--typed"), typed=True)
    given.used |= dict(pair(text, "--use") for text in use or ())
    given.choices |= dict(pair(text, "--choice") for text in choice or ())
    given.readings |= dict(pair(text, "--read") for text in read or ())
    given.confirmed |= dict(pair(text, "--confirm") for text in confirm or ())
    for text in slot or ():
        given.slot(text)
    for text in label or ():
        given.label(text)
    for field, lists in (("permits", permits), ("issued", issued)):
        if lists:
            given.fields[field] = [word for text in lists for word in words(text)]
    return given


def chosen(**fields: str | None) -> dict[str, str]:
    """The fields that were given."""
    return {name: value for name, value in fields.items() if value is not None}


def complete(
    site: Site, therapy: str, step: str, given: Given, scans_from: str | None, *, asks: bool, keep: bool = True
) -> Perform:
    """The command, after piped scans and answers have been added; `keep`: a copy of each raw file that is given."""
    if scans_from is not None or asks:
        desk = site.desk()
        protocol = desk.protocol_of(desk.therapy(therapy))
        if step in protocol.by_id:
            if scans_from is not None:
                scans_by_order(protocol.by_id[step], text_of(scans_from).splitlines(), given)
            if asks:
                _ask(desk.therapy(therapy), protocol.by_id[step], protocol, given)
    keep_named(site, therapy, step, given.readings, keep=keep)
    if asks:
        from console.questions import confirm_leaps

        confirm_leaps(step, site.desk(), therapy, given, site.zone)
    form = given.perform(step, site.zone)
    if not given.log.said:
        return form
    from console.loggers import with_log

    return with_log(site, therapy, form, given.log, keep=keep)


def _may_ask(*files: str | None) -> bool:
    return not any(files) and sys.stdin.isatty() and sys.stdout.isatty()


def _ask(therapy: Therapy, step: Step, protocol: StudyProtocol, given: Given) -> None:
    from console.questions import fill_in

    fill_in(step, protocol, given, serials=to_account_for(therapy, protocol, step))


__all__ = ["Path", "chosen", "complete", "gather", "give", "open_therapy", "perform"]
