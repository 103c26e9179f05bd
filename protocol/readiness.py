"""Readiness: lots released and unexpired, devices in calibration, training current, from a step's start to its end.

What does not hold at the start is refused; what ended in between is recorded with a deviation, because it has happened. Both are
asked of what had been recorded by then: a calibration that was renewed afterwards does not reach back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from events.facts.base import Used
from events.identifiers import read_code
from events.zones import told
from protocol.model import Consequence, Step
from protocol.readings import Breach
from protocol.refusals import refuse
from protocol.surroundings import Surroundings, Validity


def check_readiness(step: Step, used: Mapping[str, str], on: datetime, around: Surroundings) -> tuple[Used, ...]:
    """The lots and devices that the step used.

    Raises:
        Refused: one is not named, unknown, expired, recalled, out of calibration; or training is not current.
    """
    check_named(step, used)
    check_training(step, on, around)
    lots = [_lot(step, name, _named(step, "lot", name, used), on, around) for name in step.needs.lots]
    devices = [_device(step, name, _named(step, "device", name, used), on, around) for name in step.needs.devices]
    return (*lots, *devices)


def check_named(step: Step, used: Mapping[str, str]) -> None:
    """Refuse the name of a lot or a device that the step does not use.

    Raises:
        Refused: naming what it does use.
    """
    known = {*step.needs.lots, *step.needs.devices}
    if unknown := sorted(set(used) - known):
        raise refuse(
            "readiness.known",
            f"Step {step.id} uses no {', '.join(unknown)}.",
            f"It uses: {', '.join(sorted(known)) or 'no lots and no devices'}.",
            step=step.id,
            unknown=unknown,
        )


def _named(step: Step, what: str, name: str, used: Mapping[str, str]) -> str:
    if name not in used:
        raise refuse(
            f"readiness.{what}",
            f"Step {step.id} needs the {what} {name}, and none is named.",
            f"Scan the {what}'s label.",
            step=step.id,
            name=name,
        )
    return read_code(used[name])


def _lot(step: Step, name: str, code: str, on: datetime, around: Surroundings) -> Used:
    lot = around.lots.get(code)
    what_to_do = "Take another lot; QA releases lots with `unbroken lot release`."
    problem = ""
    if lot is None:
        problem = "is not released for use"
    elif lot.item != name:
        problem = f"is a lot of {lot.item}"
    elif lot.recalled:
        problem = f"was recalled ({lot.recalled})"
        what_to_do = "Take another lot. What was done with it before that was known is told: `unbroken happened`."
    elif (known := known_at(lot.released, on)) is None:
        problem = f"was released at {lot.released[0].since:%Y-%m-%d %H:%M} UTC, after that"
    elif known.over_from(around.zone) <= on:
        problem = f"expired at {ended_with(known.until)}"
    if problem:
        raise refuse("readiness.lot", f"Lot {code} of {name} {problem}.", what_to_do, step=step.id, lot=code, at=on)
    return Used(what="lot", name=name, code=code)


def _device(step: Step, name: str, code: str, on: datetime, around: Surroundings) -> Used:
    device = around.devices.get(code)
    problem = ""
    if device is None:
        problem = "is not known to be in calibration"
    elif device.item != name:
        problem = f"is a {device.item}"
    elif (known := known_at(device.calibrated, on)) is None:
        problem = f"was in calibration from {device.calibrated[0].since:%Y-%m-%d %H:%M} UTC, after that"
    elif known.over_from(around.zone) <= on:
        problem = f"was due for calibration at {ended_with(known.until)}"
    if problem:
        raise refuse(
            "readiness.device",
            f"Device {code} of {name} {problem}.",
            "Take another device, or record its calibration with `unbroken device calibrated`.",
            step=step.id,
            device=code,
            at=on,
        )
    return Used(what="device", name=name, code=code)


def check_training(step: Step, on: datetime, around: Surroundings) -> None:
    """The training that a step asks of whoever answers for it is current.

    Raises:
        Refused: it was never recorded, or has lapsed.
    """
    for topic in step.needs.training:
        _check_current(step, topic, on, around)


def _check_current(step: Step, topic: str, on: datetime, around: Surroundings) -> None:
    recorded = around.training.get(topic, ())
    known = known_at(recorded, on)
    if known is None or known.over_from(around.zone) <= on:
        since = f"current until {ended_with(known.until)}" if known else "never recorded"
        if known is None and recorded:
            since = f"recorded at {recorded[0].since:%Y-%m-%d %H:%M} UTC, after that"
        raise refuse(
            "readiness.training",
            f"{around.actor.account} may not do {step.id}: training {topic} is {since}.",
            "Somebody whose training is current does the step, or the training is recorded first.",
            step=step.id,
            topic=topic,
            person=around.actor.person,
        )


def ended_with(until: date) -> str:
    """Until when, in words: a moment in UTC, or the end of a day, there where it was used."""
    return told(until) if isinstance(until, datetime) else f"the end of {told(until)}"


# ------------------------------------------------------------------ in force when it began, and ended before it was over


def known_at(recorded: Sequence[Validity], when: datetime) -> Validity | None:
    """What was in force at a time, as it had been recorded by then; None where nothing had."""
    return next((one for one in reversed(recorded) if one.since <= when), None)


def lapsed(recorded: Sequence[Validity], started: datetime, ended: datetime, zone: str) -> date | None:
    """Until when what was in force at the start was, if that was before the end and nothing had been recorded in time to follow it."""
    known = known_at(recorded, started)
    later = [one for one in recorded if started < one.since <= ended]
    for following in later:
        if known is not None and known.over_from(zone) < following.since:
            break
        known = following
    return known.until if known is not None and started < known.over_from(zone) <= ended else None


def ended_meanwhile(
    step: Step, used: Sequence[Used], started: datetime, ended: datetime, around: Surroundings
) -> list[Breach]:
    """Each lot, calibration and training that was in force when the act began and not any more when it was over.

    The act has happened, so it is recorded, and the deviation says which, and when: QA assesses what it means.
    """
    found: list[tuple[str, str, date]] = []
    for one in used:
        if one.what == "lot" and (lot := around.lots.get(one.code)) is not None:
            until, said = lapsed(lot.released, started, ended, around.zone), f"lot {one.code} of {one.name} expired"
        elif one.what == "device" and (device := around.devices.get(one.code)) is not None:
            until, said = (
                lapsed(device.calibrated, started, ended, around.zone),
                f"the calibration of {one.code} ({one.name}) ended",
            )
        else:
            continue
        found += [(one.what, said, until)] if until else []
    for topic in step.needs.training:
        if until := lapsed(around.training.get(topic, ()), started, ended, around.zone):
            found.append(("training", f"the training {topic} of {around.actor.account} lapsed", until))
    return [
        Breach(
            f"readiness.{what}",
            (Consequence(what="deviation", grade="major"),),
            f"in force from {started:%Y-%m-%d %H:%M} to {ended:%Y-%m-%d %H:%M} UTC",
            f"until {ended_with(until)}",
            f"{said} at {ended_with(until)}, while {step.id} was under way; assess what that means for what was done after it",
        )
        for what, said, until in found
    ]
