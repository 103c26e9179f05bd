"""Readiness: lots released and unexpired, devices in calibration, training current. Asked before a step is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from events.facts.base import Used
from events.identifiers import read_code
from protocol.model import Step
from protocol.refusals import refuse
from protocol.surroundings import Surroundings


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
    problem = ""
    if lot is None:
        problem = "is not released for use"
    elif lot.item != name:
        problem = f"is a lot of {lot.item}"
    elif lot.recalled:
        problem = f"was recalled ({lot.recalled})"
    elif lot.expires <= on:
        problem = f"expired at {lot.expires:%Y-%m-%d %H:%M} UTC"
    if problem:
        raise refuse(
            "readiness.lot",
            f"Lot {code} of {name} {problem}.",
            "Take another lot; QA releases lots with `unbroken lot release`.",
            step=step.id,
            lot=code,
            at=on,
        )
    return Used(what="lot", name=name, code=code)


def _device(step: Step, name: str, code: str, on: datetime, around: Surroundings) -> Used:
    device = around.devices.get(code)
    problem = ""
    if device is None:
        problem = "is not known to be in calibration"
    elif device.item != name:
        problem = f"is a {device.item}"
    elif device.due <= on:
        problem = f"was due for calibration at {device.due:%Y-%m-%d %H:%M} UTC"
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
    until = around.training.get(topic)
    if until is None or until <= on:
        since = "never recorded" if until is None else f"current until {until:%Y-%m-%d}"
        raise refuse(
            "readiness.training",
            f"{around.actor.account} may not do {step.id}: training {topic} is {since}.",
            "Somebody whose training is current does the step, or the training is recorded first.",
            step=step.id,
            topic=topic,
            person=around.actor.person,
        )
