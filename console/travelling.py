"""A shipment of the demo has a real temperature log: a raw file as a logger's program writes it, read as any other file is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

from console.loggers import format_texts
from console.rehearsal import Patient
from protocol.commands import Perform
from protocol.due import Due
from protocol.logger.asked import Asked
from protocol.logger.deciding import asked_of, fills
from protocol.logger.declaration import Declaration, read_declaration
from protocol.logger.figures import read_figures
from protocol.model import LoggerSpec, StudyProtocol
from protocol.state import Therapy

EVERY = timedelta(minutes=10)
FORMAT = "semicolon-comma"
_WARM = 2
"""Readings of an excursion."""


def with_log(
    patient: Patient,
    therapy: Therapy,
    protocol: StudyProtocol,
    due: Due,
    command: Perform,
    keep: Callable[[bytes], object],
) -> Perform:
    """The performance of a step with its temperature log, where it asks for one: the file kept, the values computed and typed by nobody."""
    spec = due.step.logger
    if spec is None or command.ended is None:
        return command
    asked = asked_of(therapy, protocol, due.step, due.at, command.ended)
    data = raw_log(asked, _usual(spec), _peak(patient, due, spec), f"{patient.number:04d}")
    keep(data)
    typed = {name: value for name, value in command.readings.items() if name not in fills(spec)}
    return command.model_copy(update={"readings": typed, "logger": read_figures(data, declared(), asked)})


def declared() -> Declaration:
    """How the demo's loggers write, as it is declared."""
    return read_declaration(format_texts(None)[FORMAT][0], FORMAT).with_(zone="UTC")


def raw_log(asked: Asked, usual: Decimal, peak: Decimal | None, serial: str) -> bytes:
    """The file: readings from half an hour before the stretch until after it, all at the usual temperature but for a peak."""
    first = asked.starts - 3 * EVERY
    count = (asked.ends - first) // EVERY + 2
    middle = 3 + (count - 3) // 2
    lines = [
        f"Seriennummer;TL-{serial}",
        f"Intervall;{EVERY.seconds // 60} min",
        "",
        "Datum/Zeit;Temperatur (°C);Alarm",
    ]
    for number in range(count):
        warm = peak is not None and middle <= number < middle + _WARM
        value = peak if warm and peak is not None else usual + Decimal(number % 3 - 1) / 10
        lines.append(
            f"{first + number * EVERY:%d.%m.%Y %H:%M:%S};" + f"{value:.1f};{'!' if warm else ''}".replace(".", ",")
        )
    return ("\r\n".join([*lines, "", "Ende der Aufzeichnung"]) + "\r\n").encode("utf-8-sig")


def _usual(spec: LoggerSpec) -> Decimal:
    """A temperature inside every bound: in the middle, or well on the good side of one."""
    above = min((band.bound for band in spec.bands if band.side == "above"), default=None)
    below = max((band.bound for band in spec.bands if band.side == "below"), default=None)
    if above is not None and below is not None:
        return (above + below) / 2
    bound = above if above is not None else below
    assert bound is not None  # a log has at least one band
    return (bound + (spec.plausible[0] if above is not None else spec.plausible[1])) / 2


def _peak(patient: Patient, due: Due, spec: LoggerSpec) -> Decimal | None:
    """What the script says of the warmest reading."""
    for name, figure in spec.fills.items():
        if figure == "highest" and (value := patient.values.get((due.step.id, name))) is not None:
            return Decimal(value)
    return None
