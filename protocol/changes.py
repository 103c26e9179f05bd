"""A number that leaps between two times it is recorded of one patient: asked about, and recorded only with a reason.

154 kg, then 70 kg: somebody read pounds. Which numbers are asked about, and how large a change is, the study says
(`changes_at_most`); the quantity is the record's name, in whatever step it stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from events.facts.base import Reading
from protocol.commands import Perform
from protocol.duration import Begun
from protocol.model import Record, Step
from protocol.readings import read_value
from protocol.refusals import refuse
from protocol.state import Act, Instance, Therapy

OTHER_UNITS = {
    "kg": ("pounds", Decimal("2.20462")),
    "g": ("ounces", Decimal("0.035274")),
    "cm": ("inches", Decimal("0.393701")),
    "m": ("feet", Decimal("3.28084")),
    "mL": ("fluid ounces", Decimal("0.033814")),
}
"""What else a number in this unit is sometimes read in, and how many of them one of this unit is (NIST SP 811, appendix B.8)."""
NEAR = Decimal("0.04")
"""How far two readings of the same quantity may lie apart and still be one in two units."""


class Jump(NamedTuple):
    """A value that differs by more than the study expects from the one recorded of this patient before it.

    `percent`: by how much, of the earlier one. `reason`: why it is right all the same; nothing while nobody has said.
    """

    record: Record
    reading: Reading
    before: Reading
    where: Instance
    when: datetime
    percent: Decimal
    reason: str | None

    @property
    def says(self) -> str:
        """The question, in words."""
        more = "more" if Decimal(self.reading.value) > Decimal(self.before.value) else "less"
        unit = self.reading.unit or ""
        hint = f" {self.hint}" if self.hint else ""
        return (
            f"{self.reading.name} = {self.reading.value} {unit} is {self.percent:.0f} % {more} than {self.before.value} {unit}, "
            f"recorded in {self.where} on {self.when:%Y-%m-%d}; the study asks about more than {self.record.changes_at_most} %."
            f"{hint}"
        )

    @property
    def hint(self) -> str:
        """What it may be, where the ratio of the two fits: another unit, or a decimal point out of place."""
        new, old = Decimal(self.reading.value), Decimal(self.before.value)
        if not new or not old:
            return ""
        unit, factor = OTHER_UNITS.get(self.reading.unit or "", ("", Decimal(0)))
        for value, other in ((old, new), (new, old)):
            if factor and abs(value / other / factor - 1) <= NEAR:
                return f"{value} {unit} are {value / factor:.1f} {self.reading.unit} (factor {factor}): was one of the two read in {unit}?"
        for power in (10, 100, 1000):
            if any(abs(ratio / power - 1) <= Decimal("0.1") for ratio in (new / old, old / new)):
                return f"One is about {power} times the other: is a decimal point out of place?"
        return ""


def jumps(therapy: Therapy, step: Step, at: Instance, readings: Iterable[Reading], started: datetime) -> Iterator[Jump]:
    """The values that leap from the last one of the same quantity, in the study file's order.

    Args:
        at: the act that they are of; its own earlier values do not count.
        started: when it began. Where nothing was recorded before that, the first one after it is looked at.
    """
    for reading in readings:
        record = step.record_by_name[reading.name]
        if record.changes_at_most is None or (last := _last(therapy, reading, at, started)) is None:
            continue
        before, act = last
        old, new = Decimal(before.value), Decimal(reading.value)
        percent = abs(new - old) / abs(old) * 100 if old else Decimal(100 if new else 0)
        if percent > record.changes_at_most:
            yield Jump(record, reading, before, act.at, act.fact.ended, percent, reading.confirmed)


def leaps(therapy: Therapy, step: Step, command: Perform, now: datetime) -> list[Jump]:
    """The values of an act that is about to be signed that leap.

    Raises:
        Refused: a value that cannot be read.
    """
    at = therapy.at(step.id, command.occurrence or "0", command.material or "")
    started = command.started or command.ended or now
    asked = [
        record for record in step.records if record.changes_at_most is not None and record.name in command.readings
    ]
    readings = [read_value(record, command.readings[record.name], Begun(started, "UTC")) for record in asked]
    return list(jumps(therapy, step, at, readings, started))


def check_confirmed(therapy: Therapy, step: Step, at: Instance, readings: Iterable[Reading], started: datetime) -> None:
    """Refuse a value that leaps and that nobody has confirmed with a reason.

    Raises:
        Refused: naming both values, where the earlier one stands, and what it may be.
    """
    for jump in jumps(therapy, step, at, readings, started):
        if jump.reason is None:
            raise refuse(
                "value.changed",
                jump.says,
                f"Look at the instrument again. If the value is right, confirm it with the reason: --confirm {jump.reading.name}=TEXT. "
                "If the earlier one was wrong, correct that first: `unbroken correct`.",
                name=jump.reading.name,
                value=jump.reading.value,
                before=jump.before.value,
                unit=jump.reading.unit or "",
                at=str(jump.where),
            )


def _last(therapy: Therapy, reading: Reading, at: Instance, started: datetime) -> tuple[Reading, Act] | None:
    """The value of the same quantity that was recorded last before an act, or else first after it, and its act."""
    acts = [*therapy.every_act.values(), *therapy.pending.values()]
    found = [(value, act) for act in acts if act.at != at and (value := _value(therapy, act, reading)) is not None]
    found.sort(key=lambda pair: (pair[1].fact.started, pair[1].by.number))
    before = [pair for pair in found if pair[1].fact.started <= started]
    return before[-1] if before else found[0] if found else None


def _value(therapy: Therapy, act: Act, like: Reading) -> Reading | None:
    """The value as it stands in an act; None where it has none, or in another unit."""
    known = therapy.earlier_readings if act.at in therapy.earlier_acts else therapy.readings
    now = known.get((act.at, like.name))
    written = next((r for r in act.fact.readings if r.name == like.name), None)
    value = Reading(name=like.name, value=now.value, unit=now.unit) if now else written
    return value if value is not None and value.unit == like.unit else None
