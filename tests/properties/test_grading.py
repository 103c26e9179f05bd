"""Grading as properties: a sign that is worse never gives a lower grade, and a sign that is missing is never taken for a good one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from protocol.grading import compute
from protocol.model import Grading
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


@given(visits(), st.data())
def test_a_missing_sign_is_never_graded_and_never_lowers(
    visit: tuple[Grading, dict[str, str], bool], data: st.DataObject
) -> None:
    """Whatever is left out: nothing is graded, it is named, and what is told at least is no more than the whole gives."""
    grading, values, waived = visit
    gone = data.draw(st.sets(st.sampled_from(signs_of(grading)), min_size=1))
    found = compute(grading, {name: value for name, value in values.items() if name not in gone}, waived=waived)
    assert found.grade is None
    assert set(found.missing) == gone
    whole = compute(grading, values, waived=waived)
    assert whole.grade is not None
    assert found.at_least <= whole.grade


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
