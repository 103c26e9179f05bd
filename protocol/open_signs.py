"""What the signs of a visit may give while records of them are missing: exact, over every value that those records may take.

Signs share no unknown but a record that each of them reads alone (`check_safety` asks for that), so each of the groups below may turn out
on its own, whatever the others do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from protocol.model import Grading, Level, Record, Sign


class Outcome(NamedTuple):
    """One way in which signs turn out: the highest grade of them; `opens` is false where the required sign is not there."""

    opens: bool
    top: int


class Group(NamedTuple):
    """Signs that turn out together, because they wait for the same record; a sign that waits for none is a group of its own.

    Args:
        outcomes: every way in which it may turn out.
        turns: for each missing record the outcomes that its values lead to, once for each way in which the other missing records
            of the same sum may stand.
    """

    signs: tuple[Sign, ...]
    outcomes: frozenset[Outcome]
    turns: dict[str, tuple[frozenset[Outcome], ...]]


def groups(grading: Grading, values: Mapping[str, str], required: str | None) -> list[Group]:
    """The signs of a grading, those that wait for one record together.

    Args:
        values: what was recorded, by name. `required`: the sign without which nothing counts, if there is one.
    """
    waiting: dict[str, list[Sign]] = {}
    for sign in grading.signs:
        alone = len(sign.of) > 1 or attributed(sign, values) or sign.of[0] in values
        waiting.setdefault(f"of {sign.id}" if alone else sign.of[0], []).append(sign)
    return [together(tuple(signs), values, grading.records, required) for signs in waiting.values()]


def together(
    signs: tuple[Sign, ...], values: Mapping[str, str], records: Mapping[str, Record], required: str | None = None
) -> Group:
    """How signs may turn out that wait for one record, or one sign alone."""
    sign, name = signs[0], signs[0].of[0]
    if attributed(sign, values):
        return Group(signs, frozenset({_outcome(required, [(sign, 0)])}), {})
    if not lacking(sign, values):
        return Group(signs, frozenset({_outcome(required, [(sign, grade_at(sign, shown(sign, values)))])}), {})
    if len(sign.of) > 1:
        return _added(sign, values, records, required)
    answers = _answers(records[name], signs)
    ways = frozenset(_outcome(required, [(each, grade_at(each, word)) for each in signs]) for word in answers)
    return Group(signs, ways, {name: (ways,)})


def lacking(sign: Sign, values: Mapping[str, str]) -> list[str]:
    """The records of a sign that are missing."""
    return [name for name in sign.of if name not in values]


def attributed(sign: Sign, values: Mapping[str, str]) -> bool:
    """Whether somebody said that it has another cause; while nobody does, it has none."""
    return sign.other_cause is not None and values.get(sign.other_cause) == "yes"


def shown(sign: Sign, values: Mapping[str, str]) -> str:
    """The value of a sign of which nothing is missing: its record, or the sum of several."""
    return values[sign.of[0]] if len(sign.of) == 1 else f"{sum(Decimal(values[name]) for name in sign.of)}"


def grade_at(sign: Sign, value: str) -> int:
    """The grade that a sign gives at a value: the highest of the levels that it reaches."""
    return max((level.grade for level in sign.levels if _reached(level, value)), default=0)


def _reached(level: Level, value: str) -> bool:
    if level.answer is not None:
        return value in level.answer
    number = Decimal(value)
    return (level.at_least is None or number >= level.at_least) and (level.at_most is None or number <= level.at_most)


def _outcome(required: str | None, given: Iterable[tuple[Sign, int]]) -> Outcome:
    grades = {sign.id: grade for sign, grade in given}
    return Outcome(required not in grades or grades[required] > 0, max(grades.values()))


# ------------------------------------------------------------------ the values that a missing record may take


def _answers(record: Record, signs: Iterable[Sign]) -> list[str]:
    """Values of one record, so many that every way in which these signs may turn out is among them."""
    if record.type != "number":
        return [*options(record)]
    low, high = limits(record)
    return [f"{point:f}" for point in _between(low, high, (bound for sign in signs for bound in _bounds(sign)))]


def options(record: Record) -> tuple[str, ...]:
    """The answers of a record that is no number."""
    return ("no", "yes") if record.type == "yes_no" else record.options or ()


def span(sign: Sign, values: Mapping[str, str], records: Mapping[str, Record]) -> tuple[Decimal, Decimal]:
    """Between which numbers a sum lies of which parts are missing."""
    known = sum((Decimal(values[name]) for name in sign.of if name in values), Decimal(0))
    rest = [limits(records[name]) for name in lacking(sign, values)]
    return known + sum(low for low, _ in rest), known + sum(high for _, high in rest)


def limits(record: Record) -> tuple[Decimal, Decimal]:
    """The lowest and the highest number that a record may hold."""
    if record.type != "number":
        numbers = [Decimal(option) for option in options(record)]
        return min(numbers), max(numbers)
    assert record.plausible is not None  # a number has a plausible range, or its file is refused
    return record.plausible


def _bounds(sign: Sign) -> Iterator[Decimal]:
    for level in sign.levels:
        yield from (bound for bound in (level.at_least, level.at_most) if bound is not None)


def _between(low: Decimal, high: Decimal, bounds: Iterable[Decimal]) -> list[Decimal]:
    """Points of a stretch: its ends, each bound in it, and one between each two of them. No grade changes elsewhere."""
    points = sorted({low, high, *(bound for bound in bounds if low < bound < high)})
    return [*points, *((one + other) / 2 for one, other in pairwise(points))]


def _added(sign: Sign, values: Mapping[str, str], records: Mapping[str, Record], required: str | None) -> Group:
    """A sum of which parts are missing."""
    known = sum((Decimal(values[name]) for name in sign.of if name in values), Decimal(0))
    names = lacking(sign, values)

    def at(number: Decimal) -> Outcome:
        return _outcome(required, [(sign, grade_at(sign, f"{known + number:f}"))])

    def sums(of: list[str], ends: tuple[Decimal, ...]) -> Iterable[Decimal]:
        if all(records[name].type != "number" for name in of):
            return _sums(records[name] for name in of)
        low, high = (sum((limits(records[name])[end] for name in of), Decimal(0)) for end in (0, 1))
        return _between(low, high, (bound - known - end for bound in _bounds(sign) for end in ends))

    turns = {}
    for name in names:
        ends = limits(records[name])
        rest = [other for other in names if other != name]
        turns[name] = tuple(frozenset(at(number + end) for end in ends) for number in sums(rest, ends))
    return Group((sign,), frozenset(at(number) for number in sums(names, (Decimal(0),))), turns)


def _sums(of: Iterable[Record]) -> set[Decimal]:
    found = {Decimal(0)}
    for record in of:
        found = {number + Decimal(option) for number in found for option in options(record)}
    return found
