"""What is allowed in a study's file and is hardly meant: each is told as a warning, with its line; what ships has none."""

# A row of the table is one line, however long.
# ruff: noqa: E501

from __future__ import annotations

from pathlib import Path

import pytest

from protocol.check import staffing_gaps
from protocol.file import Told, decode, read_protocol, warnings_of
from tests.protocol.mistakes import Wrong

HERE = Path(__file__).parent / "studies"
SHIPPED = Path(__file__).resolve().parents[2] / "protocol" / "studies"
SMALL = (HERE / "small.yaml").read_text()

OFFERED = """  - id: extra
    kind: test
    title: Another test
    reserve: true
    after: make
    performed_by: tester
    scans: {tube: tube}
  - id: disposition
"""
FAILING = "name: sterile, type: yes_no, limits: [{must_be: yes, otherwise: offer extra}]"
LATER = """  - {id: late, kind: test, title: Late, after: make, performed_by: tester, scans: {tube: tube},
     records: [{name: viability, unit: "%", plausible: [0, 100]}]}
release:
"""

# fmt: off
WARNED = [
    Wrong("a result that may be pending, and is waited for", "at_least: 70}", "at_least: 70, may_be_pending: true}", "assay.viability",
          "release.criteria[0] viability.may_be_pending", "disposition comes after assay, so the result is there when QA decides"),
    Wrong("a step away from its material", "scans: {bag: blood}\n  - id: make", "at: ward\n    scans: {bag: blood}\n  - id: make", "at: ward\n    scans: {bag: blood}\n  - id: make",
          "steps[9] receipt.at", "blood is then at plant (after drive)"),
    Wrong("a hand-over away from its material", "at: ward\n    to: van", "at: plant\n    to: van", "at: plant\n    to: van", "steps[7] give.at",
          "give is done at plant, and blood is then at ward (after apheresis)"),
    Wrong("a product away from its bag", "title: Thaw\n", "title: Thaw\n    at: ward\n", "at: ward\n    after: check", "steps[15] thaw.at", "bag is then at plant (after make)"),
    Wrong("a choice on which nothing depends", "choices:\n", "choices:\n  sex: {title: Sex, options: {f: {title: F}, m: {title: M}}}\n", "sex:", "choices.sex", "has no effect"),
    Wrong("a role of nobody", "roles: {", "roles: {priest: Priest, ", "priest", "roles.priest", "signs nothing and hears of nothing"),
    Wrong("a place of nothing", "places: {", "places: {moon: Moon, ", "moon", "places.moon", "nothing is done at moon"),
    Wrong("a limit that every number keeps", "at_least: 1e9", "at_least: 0", "at_least: 0", "steps[4] apheresis.records[1] cd3.limits[0]", "every cd3 keeps it"),
    Wrong("a limit that every answer keeps", "must_be: positive, otherwise", "must_be: [positive, negative], otherwise", "must_be: [positive", "steps[1] screening.records[0] target.limits[0]",
          "each of its answers is named"),
    Wrong("a criterion that every number passes", "at_least: 70", "at_most: 100", "at_most: 100", "release.criteria[0] viability", "every assay.viability passes it"),
    Wrong("a visit for nobody", "after: first infusion\n", "after: first infusion\n    when: {arm: low}\n", "id: D7", "steps[17] visits.visits[1] D7.when.arm", "D7 is made for nobody"),
    Wrong("visits whose windows overlap", "at: 7 d, early: 1 d", "at: 7 d, early: 6 d", "early: 6 d", "steps[17] visits.visits[1] D7.early", "a day lies in the windows of both D1"),
    Wrong("visits in another order than they come", "at: 7 d, early: 1 d", "at: 6 h, early: 1 h", "at: 6 h", "steps[17] visits.visits[1] D7.at", "D7 at 6 h stands after D1 at 1 d"),
]
# fmt: on


def told(text: str) -> list[Told]:
    """The warnings about a file that can be adopted."""
    return warnings_of(read_protocol(text))


@pytest.mark.parametrize("case", WARNED, ids=lambda case: case.words.replace(" ", "-"))
def test_what_is_hardly_meant_is_a_warning_with_its_line(case: Wrong) -> None:
    assert case.right in SMALL, f"the table no longer fits the study: {case.right!r}"
    text = SMALL.replace(case.right, case.wrong, 1)
    found = [one for one in told(text) if one[1] == case.field and case.reason in one[2]]
    assert len(found) == 1, f"told instead: {told(text)}"
    assert found[0][0] == text[: text.index(case.line)].count("\n") + 1


@pytest.mark.parametrize(
    "path", [*SHIPPED.glob("*.yaml"), HERE / "small.yaml", HERE / "road.yaml"], ids=lambda path: path.stem
)
def test_nothing_is_warned_of_without_a_cause(path: Path) -> None:
    assert told(decode(path.read_bytes())) == []


def test_an_offered_step_that_nothing_waits_for_is_warned_of() -> None:
    """A failing assay offers another test; unless the disposition names it, QA releases without it."""
    text = SMALL.replace("  - id: disposition\n", OFFERED, 1).replace("name: sterile, type: yes_no", FAILING, 1)
    (one,) = told(text)
    assert one.field == "steps[12] extra.reserve"
    assert "nothing waits for it: disposition, chemo, check, ... can go on without it" in one.reason
    assert told(text.replace("after: assay", "after: [assay, extra]")) == []


def test_options_that_lead_to_the_same_and_targets_of_no_dose_are_warned_of() -> None:
    way = "choices:\n  way: {title: Way, options: {a: {title: A}, b: {title: B}, c: {title: C}}}\n"
    text = SMALL.replace("choices:\n", way, 1).replace("when: {arm: high}", "when: {arm: high, way: a}", 1)
    assert [(one.line, one.field, one.reason.partition(":")[0]) for one in told(text)] == [
        (10, "choices.way.options.c", "b and c have the same effect")
    ]
    text = text.replace("c: {title: C}", "c: {title: C, target: {value: 1, unit: cells}}")
    assert [one.field for one in told(text)] == ["choices.way.options.c", "choices.way.options.c.target"]
    two = text.replace("b: {title: B}, c: {title: C, target: {value: 1, unit: cells}}", "b: {title: B}")
    assert told(two) == [], "the other option is told apart by what is not asked of it"


def test_a_retest_and_an_independence_that_never_come_are_warned_of() -> None:
    """Neither where a remake makes them possible."""
    text = SMALL.replace(
        "release:\n", LATER.replace("performed_by", "retest: {at_most: 1, authorised_by: qa}, performed_by"), 1
    )
    assert [
        one[1]
        for one in told(text.replace('records: [{name: viability, unit: "%", plausible: [0, 100]}]', "records: []"))
    ] == ["steps[18] late.retest"]
    text = SMALL.replace("    reviewed_by: qa\n", "    reviewed_by: qa\n    not_by: chemo\n", 1)
    assert told(text) == []
    without = text[: text.index("manufacture:")]
    assert [one[1] for one in told(without)] == ["steps[11] assay.not_by"]


def test_a_result_that_comes_late_may_be_pending() -> None:
    text = SMALL.replace("at_least: 70}", "at_least: 70, may_be_pending: true}").replace(
        "{name: viability, unit", "{name: viability, late: true, unit"
    )
    assert told(text) == []


def test_a_role_that_must_hear_and_that_nobody_holds_is_told() -> None:
    """Only signing was looked at; an alert to nobody is heard by nobody."""
    study = read_protocol(
        SMALL.replace("then: [deviation major, alert doctor]", "then: [deviation major, alert driver]")
    )
    people = {role: (role.upper(), frozenset({role})) for role in study.roles if role != "driver"}
    assert "manufacture.failure.then" in "".join(staffing_gaps(study, people))
