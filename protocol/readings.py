"""Values that a step records: read, checked for unit and plausibility, held against their limits."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from events.facts.base import Reading
from events.identifiers import read_code
from events.scanner import symbology_before
from protocol.code_forms import check_form
from protocol.commands import Entered
from protocol.duration import Begun
from protocol.model import Alternative, Consequences, Limit, Record, Step
from protocol.refusals import refuse
from protocol.sensible import check_day, read_day

# A comma after the number is a decimal comma, not a unit; possessive, so that no digit is taken for one either.
_NUMBER_AND_UNIT = re.compile(r"([+-]?[0-9.]++(?:[eE][+-]?[0-9]++)?+)\s*+(?!,)(.*)", re.ASCII | re.DOTALL)
_FILE = re.compile(r"[0-9a-f]{64}", re.ASCII)


class Breach(NamedTuple):
    """A limit that was not kept, and what follows.

    `materials`: those that it alone concerns, none: all of the act. `cause`: what offers a step, where it is not the act: one
    clock strikes for several bags, and offers once.
    """

    rule: str
    consequences: Consequences
    limit: str
    found: str
    says: str
    materials: tuple[str, ...] = ()
    cause: str = ""


def read_values(
    step: Step,
    entered: Mapping[str, Entered],
    on: Begun,
    *,
    late: bool = False,
    computed: frozenset[str] = frozenset(),
) -> tuple[Reading, ...]:
    """The values of a step as readings, in the file's order.

    Args:
        on: when and where the step was done; a day that is written is a day there, and no later one.
        late: these are values reported after the step; only those marked `late` may come, and none is missed.
        computed: values that nobody need enter, because a temperature log says them.

    Raises:
        Refused: a value missing, unknown, without unit, or implausible.
    """
    if unknown := sorted(set(entered) - set(step.record_by_name)):
        raise refuse(
            "record.known",
            f"Step {step.id} does not record {', '.join(unknown)}.",
            f"It records: {', '.join(step.record_by_name) or 'nothing'}.",
            step=step.id,
            unknown=unknown,
        )
    missing = [
        r.name for r in step.records if not (late or r.late or r.optional or r.name in entered or r.name in computed)
    ]
    if missing:
        raise refuse(
            "record.complete",
            f"Step {step.id} lacks {', '.join(missing)}.",
            "Enter every value that the protocol asks for; nothing was recorded.",
            step=step.id,
            missing=missing,
        )
    return tuple(read_value(r, entered[r.name], on) for r in step.records if r.name in entered)


def read_value(record: Record, entered: Entered, on: Begun) -> Reading:
    """One value.

    Raises:
        Refused: see `read_values`.
    """
    text, unit = entered.value, entered.unit
    match record.type:
        case "number":
            number = _number(record, text, unit)
            return number if entered.confirmed is None else number.model_copy(update={"confirmed": entered.confirmed})
        case "yes_no":
            words = {"yes": "yes", "y": "yes", "true": "yes", "no": "no", "n": "no", "false": "no"}
            if text.lower() not in words:
                raise _bad(record, text, "answer yes or no")
            text = words[text.lower()]
        case "choice":
            if text not in (record.options or ()):
                raise _bad(record, text, f"one of: {', '.join(record.options or ())}")
        case "date":
            text = _date(record, text, on)
        case "file":
            text = text.removeprefix("sha256:").lower()
            if not _FILE.fullmatch(text):
                raise _bad(record, text, "the SHA-256 of the raw file, 64 hexadecimal characters")
        case "text":
            if not text:
                raise _bad(record, text, "some text")
            if (seen := symbology_before(text)) is not None:  # a seal that was scanned, and will be compared
                raise refuse(
                    "identifier.scanner",
                    f"{record.name} = {text!r} cannot be recorded: {seen.why}.",
                    seen.advice,
                    name=record.name,
                    value=text,
                )
            if record.form:
                text = read_code(text)
                check_form(record.name, text, record.form)
    if unit is not None and record.unit != unit:
        raise _bad(record, f"{text} {unit}", "no unit here")
    return Reading(name=record.name, value=text)


def _number(record: Record, text: str, unit: str | None) -> Reading:
    if unit is None and (match := _NUMBER_AND_UNIT.fullmatch(text)):
        text, unit = match[1], match[2] or None
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise _bad(record, text, f"a number in {record.unit}, with a decimal point") from None
    if not number.is_finite():
        raise _bad(record, text, f"a number in {record.unit}")
    if unit is None:
        raise refuse(
            "value.unit",
            f"{record.name} = {text} has no unit.",
            f"Write it with its unit: {text} {record.unit}.",
            name=record.name,
            value=text,
            unit=record.unit,
        )
    if unit != record.unit:
        raise refuse(
            "value.unit",
            f"{record.name} = {text} {unit} is not in {record.unit}.",
            f"Convert it, or write {record.unit} if that is what was measured.",
            name=record.name,
            value=text,
            unit=unit,
            expected=record.unit,
        )
    if record.plausible and not record.plausible[0] <= number <= record.plausible[1]:
        low, high = record.plausible
        raise refuse(
            "value.plausible",
            f"{record.name} = {text} {unit} is implausible; it lies between {low} and {high} {unit}.",
            "Look at the instrument again. If the value is true, the protocol's range must be amended.",
            name=record.name,
            value=text,
            low=low,
            high=high,
            unit=unit,
        )
    return Reading(name=record.name, value=text, unit=unit)


def _date(record: Record, text: str, on: Begun) -> str:
    day = read_day(text)
    if day is None:
        raise _bad(record, text, "a day written YYYY-MM-DD, the year with four digits")
    check_day(record.name, day, on.day)
    if day > on.day:
        raise refuse(
            "time.future",
            f"{record.name} = {text} lies in the future; it is {on.day} in {on.zone}.",
            "Enter the day on which it happened.",
            name=record.name,
            value=text,
            now=on.at,
            zone=on.zone,
        )
    return day.isoformat()


def _bad(record: Record, text: str, expected: str) -> Exception:
    return refuse(
        "value.form",
        f"{record.name} = {text!r} cannot be recorded.",
        f"Expected: {expected}.",
        name=record.name,
        value=text,
    )


def breaches(step: Step, readings: tuple[Reading, ...], on: Begun) -> Iterator[Breach]:
    """The limits that these values do not keep. Of several limits of one value that fall, all are told."""
    for reading in readings:
        for limit, says in not_kept(step.record_by_name[reading.name], reading, on):
            text = f"{reading.name} is {shown(reading)}, the protocol says {says}"
            yield Breach(f"limit.{step.id}.{reading.name}", limit.otherwise, says, shown(reading), text)


def not_kept(record: Record, reading: Reading, on: Begun) -> Iterator[tuple[Limit, str]]:
    """The limits that one value does not keep, each with what it asks for in words."""
    for limit in record.limits:
        if says := _breaks(record, limit, reading, on):
            yield limit, says


def shown(reading: Reading) -> str:
    """A value with its unit, as people read it."""
    return f"{reading.value} {reading.unit or ''}".strip()


def _breaks(record: Record, limit: Limit, reading: Reading, on: Begun) -> str:
    """What the limit asks for, in words, if the value does not keep it; else nothing."""
    if limit.must_be is not None and reading.value not in limit.must_be:
        return " or ".join(limit.must_be)
    if limit.no_older_than is not None and limit.no_older_than.too_old(date.fromisoformat(reading.value), *on):
        return f"no older than {limit.no_older_than}"
    if record.type != "number":
        return ""
    return number_breaks(limit, Decimal(reading.value), record.unit or "")


def number_breaks(limit: Limit | Alternative, value: Decimal, unit: str) -> str:
    """What is asked of a number by anything with at_least, at_most, above, below; nothing if it is kept."""
    if limit.at_least is not None and value < limit.at_least:
        return f"at least {limit.at_least} {unit}".strip()
    if limit.at_most is not None and value > limit.at_most:
        return f"at most {limit.at_most} {unit}".strip()
    if limit.above is not None and value <= limit.above:
        return f"above {limit.above} {unit}".strip()
    if limit.below is not None and value >= limit.below:
        return f"below {limit.below} {unit}".strip()
    return ""
