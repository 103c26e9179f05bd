"""Before a step: what it asks for, and whether it may be done. Nothing is recorded here."""

from typing import Annotated

import typer

from console import here
from console.asks import fields_of, form, limits, log_words, scan_words, template, who
from console.commands.steps import (
    Choices,
    Coi,
    Decides,
    Ended,
    From,
    Issued,
    Labels,
    Outcome,
    Permits,
    Room,
    Scans,
    ScansFrom,
    Slots,
    Started,
    Subject,
    Typed,
    Uses,
    complete,
    gather,
)  # fmt: skip
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
    StepArg,
    TherapyArg,
)
from console.show import Screen, as_it_is, as_json, line, pairs, table
from console.signin import named
from console.telling import tell
from protocol.due import instances
from protocol.gate import known_step
from protocol.labels import to_account_for


def show(
    therapy: TherapyArg,
    step: StepArg,
    as_template: Annotated[bool, typer.Option("--template", help="Print an act file to fill in.")] = False,
    json: Json = False,
) -> None:
    """Show what a step asks for: who, scans, lots and devices, values with units, ranges and limits.

    Example: unbroken step show T-7K2QXM apheresis --template > apheresis.yaml
    """
    site = here.site()
    desk = site.desk()
    state = desk.therapy(therapy)
    protocol = desk.protocol_of(state)
    asked = known_step(protocol, step)
    if as_template:
        as_it_is(template(asked, protocol, therapy, to_account_for(state, protocol, asked)))
        return
    open_now = [due for due in instances(state, protocol) if due.step.id == step] if state.opened else []
    if json:
        as_json(
            {
                "step": asked.model_dump(mode="json", exclude_defaults=True),
                "asks_further": list(fields_of(asked)),
                "instances": [
                    {"at": str(d.at), "standing": d.standing, "waits_for": list(d.waits_for)} for d in open_now
                ],
            }
        )
        return
    performed, second = who(asked)
    line(f"{asked.id}: {asked.title} ({asked.kind})")
    stands = ", ".join(f"{d.at} {d.standing.replace('_', ' ')}" for d in open_now)
    after = ", ".join(asked.after)
    pairs(
        [
            ("performed by", performed),
            ("signs second", second),
            ("comes after", after),
            ("stands", stands or "not on this patient's path yet"),
            ("lots", ", ".join(asked.needs.lots)),
            ("devices", ", ".join(asked.needs.devices)),
            ("training", ", ".join(asked.needs.training)),
            ("temperature log", log_words(asked)),
            ("labels", ", ".join(asked.labels)),
            ("to account for", ", ".join(to_account_for(state, protocol, asked))),
            ("asks further for", ", ".join(fields_of(asked))),
        ],
        "  ",
    )
    if asked.scans:
        table(["scan", "what"], [[name, scan_words(spec)] for name, spec in asked.scans.items()], "\nScans")
    if asked.records:
        rows = [[r.name, r.title or "", form(r), limits(r), "late" if r.late else "optional" if r.optional else "must"]
                for r in asked.records]  # fmt: skip
        table(["value", "what", "enter", "limit", "when"], rows, "\nValues")
    line(f"\nNext: unbroken step show {therapy} {step} --template > {step}.yaml")


def ask(
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
    account: As = None,
    json: Json = False,
) -> None:
    """Ask whether a step may be done as given, and what would follow. Records nothing, asks no passphrase.

    Example: unbroken ask T-7K2QXM infusion --scan wristband=WB-00017 --scan bag=G123498654321.S1150VA0 --as ward.nurse.1
    """
    site = here.site()
    given = gather(from_file, scan, typed, use, choice, read, permits, slot, issued, label, confirm)
    given.fields |= {
        name: value
        for name, value in (
            ("started", started), ("ended", ended), ("occurrence", occurrence), ("material", material),
            ("outcome", outcome), ("subject", subject), ("coi", coi), ("room", room), ("decision", decision),
        )
        if value is not None
    }  # fmt: skip
    said = (
        ("file", logger), ("format", logger_format), ("zone", logger_zone), ("clock", logger_clock),
        ("interval", logger_interval), ("lost", logger_lost),
    )  # fmt: skip
    given.log.take({name: value for name, value in said if value is not None})
    command = complete(site, therapy, step, given, scans_from, asks=False, keep=False)
    decision_ = site.desk().may(therapy, command, named(account))
    if json:
        facts = [fact.to_wire() for fact in decision_.facts]
        as_json({"may": True, "facts": facts, "warnings": list(decision_.warnings)})
        return
    screen = Screen(site)
    screen.simulated()
    line(f"{step} of {therapy} may be done by {screen.name(named(account))}. Nothing was recorded. It would record:")
    for fact in decision_.facts:
        for told in tell(fact, screen.when):
            line(f"  {told}")
