"""Grading as properties: a worse sign never gives a lower grade, and a grade is known exactly when no missing sign can change it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from itertools import product
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from protocol.grading import compute
from protocol.model import Grading, Record
from tests.stage import study

SAFETY = study().safety
assert SAFETY is not None
STEP = study().by_id["acute_monitoring"]
NUMBERS = {"temperature": [f"{30 + n / 10:.1f}" for n in range(151)]}


def values_of(name: str) -> list[str]:
    """The values of a record from mild to severe: an answer stands so in the file, a number by its size."""
    return NUMBERS.get(name) or list(STEP.record_by_name[name].options or ("no", "yes"))


def signs_of(grading: Grading) -> list[str]:
    """The records that a grading looks at."""
    return [name for sign in grading.signs for name in sign.of]


@st.composite
def visits(draw: st.DrawFn) -> tuple[Grading, dict[str, str], bool]:
    """A grading, a complete visit, and whether the required sign is waived."""
    grading = draw(st.sampled_from(SAFETY.gradings))  # type: ignore[union-attr]
    values = {name: draw(st.sampled_from(values_of(name))) for name in signs_of(grading)}
    for name in {sign.other_cause for sign in grading.signs if sign.other_cause}:
        if draw(st.booleans()):
            values[name] = draw(st.sampled_from(["no", "yes"]))
    return grading, values, draw(st.booleans())


@given(visits(), st.data())
def test_a_worse_sign_never_gives_a_lower_grade(
    visit: tuple[Grading, dict[str, str], bool], data: st.DataObject
) -> None:
    """One sign gets worse, the others stay: the grade stays or rises."""
    grading, values, waived = visit
    name = data.draw(st.sampled_from(signs_of(grading)))
    known = values_of(name)
    worse = data.draw(st.sampled_from(known[known.index(values[name]) :]))
    before, after = compute(grading, values, waived=waived), compute(grading, {**values, name: worse}, waived=waived)
    assert before.grade is not None
    assert after.grade is not None
    assert after.grade >= before.grade


# ------------------------------------------------------------------ what is left out


def every_value(record: Record) -> list[str]:
    """Every value that a record may hold, as far as any bound of these tables can tell them apart: bounds are whole numbers."""
    if record.type != "number":
        return list(record.options or ("no", "yes"))
    low, high = record.plausible or (0, 0)
    return [f"{half / 2}" for half in range(int(low) * 2, int(high) * 2 + 1)]


def by_force(grading: Grading, values: dict[str, str], waived: bool) -> tuple[int | None, set[str], int, int]:
    """Grade, what can still change it, lowest and highest: every completion is graded by itself, from the words of the page."""
    gone = list(dict.fromkeys(name for sign in grading.signs for name in sign.of if name not in values))
    known = {
        filled: plainly(grading, {**values, **dict(zip(gone, filled, strict=True))}, waived)
        for filled in product(*(every_value(grading.records[name]) for name in gone))
    }
    changing = set()
    for at, name in enumerate(gone):
        others: dict[tuple[str, ...], set[int]] = {}
        for filled, grade in known.items():
            others.setdefault(filled[:at] + filled[at + 1 :], set()).add(grade)
        if any(len(grades) > 1 for grades in others.values()):
            changing.add(name)
    low, high = min(known.values()), max(known.values())
    return (low if low == high else None), changing, low, high


def plainly(grading: Grading, values: dict[str, str], waived: bool) -> int:
    """The grade of a complete visit."""
    grades = {}
    for sign in grading.signs:
        value = values[sign.of[0]] if len(sign.of) == 1 else str(sum(Decimal(values[name]) for name in sign.of))
        reached = [
            level.grade
            for level in sign.levels
            if (value in level.answer if level.answer else True)
            and (level.at_least is None or Decimal(value) >= level.at_least)
            and (level.at_most is None or Decimal(value) <= level.at_most)
        ]
        other = sign.other_cause is not None and values.get(sign.other_cause) == "yes"
        grades[sign.id] = 0 if other else max(reached, default=0)
    if grading.requires and not waived and not grades[grading.requires.sign]:
        return 0
    return max(grades.values())


NUMBER = {"type": "number", "unit": "U", "plausible": [0, 3]}
RECORDS = [
    *({"name": f"n{at}", **NUMBER} for at in range(2)),
    *({"name": f"s{at}", **NUMBER} for at in range(2)),
    *({"name": f"c{at}", "type": "choice", "options": ["2", "1", "0"]} for at in range(3)),
    *({"name": f"w{at}", "type": "choice", "options": ["mild", "bad", "worst"]} for at in range(2)),
    {"name": "flag", "type": "yes_no"},
    {"name": "other", "type": "yes_no"},
]
TABLE = {record.name: record for record in (Record.model_validate(each) for each in RECORDS)}
SUMS = [["s0", "s1"], ["c0", "c1", "c2"], ["c0", "c1"]]


@st.composite
def tables(draw: st.DrawFn) -> tuple[Grading, dict[str, str], bool]:
    """A small grading of any shape, of which two signs may look at one record; some of a visit; whether the required sign is waived."""
    signs: list[dict[str, Any]] = []
    for _ in range(draw(st.integers(1, 4))):
        of = draw(st.sampled_from([["n0"], ["n0"], ["n1"], ["w0"], ["w0"], ["w1"], ["flag"], *SUMS]))
        if any(len(of) + len(sign["of"]) > 2 and {*of} & {*sign["of"]} for sign in signs):
            continue  # what is added up in one sign stands in no other
        grades = st.integers(1, 5)
        record = TABLE[of[0]]
        if record.type == "number" or len(of) > 1:
            bound = draw(st.sampled_from(["at_least", "at_most"]))
            levels: list[dict[str, Any]] = [
                {bound: draw(st.integers(-1, 7)), "grade": draw(grades)} for _ in range(draw(st.integers(1, 3)))
            ]
        else:
            words = draw(st.sets(st.sampled_from(every_value(record)), min_size=1))
            levels = [{"answer": word, "grade": draw(grades)} for word in sorted(words)]
        sign: dict[str, Any] = {"id": f"sign{len(signs)}", "title": "A sign", "of": of, "levels": levels}
        signs.append(sign | ({"other_cause": "other"} if draw(st.booleans()) else {}))
    document: dict[str, Any] = {
        "id": "g",
        "title": "G",
        "step": "visit",
        "signs": signs,
        "highest": 5,
        "signed_by": "doctor",
    }
    if draw(st.booleans()):
        document["requires"] = {"sign": draw(st.sampled_from(signs))["id"]}
    grading = Grading.model_validate(document)
    grading.look_at(TABLE)
    return grading, _some(draw, grading, every_value), draw(st.booleans())


def _some(draw: st.DrawFn, grading: Grading, values: Callable[[Record], list[str]]) -> dict[str, str]:
    """Some of what a grading looks at, and of what it is attributed to."""
    names = {*signs_of(grading), *(sign.other_cause for sign in grading.signs if sign.other_cause)}
    there = draw(st.sets(st.sampled_from(sorted(names))))
    return {name: draw(st.sampled_from(values(grading.records[name]))) for name in sorted(there)}


@given(tables())
def test_a_grade_is_known_exactly_when_every_completion_gives_it(case: tuple[Grading, dict[str, str], bool]) -> None:
    """Of any small table: the bounds, and what can still change the grade, are those of all completions tried one by one."""
    grading, values, waived = case
    found = compute(grading, values, waived=waived)
    assert (found.grade, set(found.missing), found.at_least, found.at_most) == by_force(grading, values, waived)


def _round(record: Record) -> list[str]:
    """Temperatures around the only bound; every answer of the others."""
    return ["36.6", "37.9", "38.0", "41"] if record.type == "number" else list(record.options or ("no", "yes"))


@given(st.data())
def test_the_shipped_table_grades_what_every_completion_gives(data: st.DataObject) -> None:
    """The ASTCT table, with any signs left out, against all completions."""
    grading = data.draw(st.sampled_from(SAFETY.gradings))  # type: ignore[union-attr]
    waived = data.draw(st.booleans())
    values = {name: data.draw(st.sampled_from(_round(grading.records[name]))) for name in signs_of(grading)}
    for name in data.draw(st.sets(st.sampled_from(signs_of(grading)), max_size=5)):
        del values[name]
    if data.draw(st.booleans()):
        values[data.draw(st.sampled_from([str(sign.other_cause) for sign in grading.signs]))] = "yes"
    found = compute(grading, values, waived=waived)
    assert (found.grade, set(found.missing), found.at_least, found.at_most) == by_force(grading, values, waived)


@given(visits(), st.data())
def test_more_that_is_known_never_widens_the_bounds(
    visit: tuple[Grading, dict[str, str], bool], data: st.DataObject
) -> None:
    """Whatever is left out: the grade of the whole lies between the bounds, and each further sign keeps them or brings them closer."""
    grading, values, waived = visit
    order = data.draw(st.permutations(signs_of(grading)))
    known = {name: value for name, value in values.items() if name not in order}
    before = compute(grading, known, waived=waived)
    for name in order:
        known[name] = values[name]
        found = compute(grading, known, waived=waived)
        assert before.at_least <= found.at_least <= found.at_most <= before.at_most
        assert before.grade in (None, found.grade)
        before = found
    assert before.grade is not None


@given(visits())
def test_a_waiver_never_lowers_and_another_cause_never_raises(visit: tuple[Grading, dict[str, str], bool]) -> None:
    """Fever that is not required any more lets other signs count; a sign of another cause counts for nothing."""
    grading, values, waived = visit
    grade = compute(grading, values, waived=waived).grade
    waived_grade = compute(grading, values, waived=True).grade
    plain = {name: value for name, value in values.items() if not name.endswith("_other_cause")}
    plain_grade = compute(grading, plain, waived=waived).grade
    assert None not in (grade, waived_grade, plain_grade)
    assert waived_grade >= grade  # type: ignore[operator]
    assert plain_grade >= grade  # type: ignore[operator]
