"""The example study of a split dose can be read; what is wrong in its dose, its bags and its clocks is told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from console import rehearsal
from events.errors import Refused
from protocol.file import read_protocol

TEXT = (Path(rehearsal.__file__).parents[1] / "protocol" / "studies" / "split-dose.yaml").read_text(encoding="utf-8")
WRONG = [
    ("of: freeze.cells", "of: freeze.cell", "dose.of", "there is no record of freeze 'cell'"),
    ("of: freeze.cells", "of: selection.cells", "dose.of", "selection is not done on one dose_bag"),
    ("residue: infusion.residue\n  divide", "residue: bedside.residue\n  divide", "dose.residue", "record of bedside"),
    ("  volume: freeze.volume\n", "", "dose.volume", "is missing"),
    ("  residue: infusion.residue\n", "", "dose.residue", "is missing"),
    ("residue, title: Left in the bag, unit: mL", "residue, title: Left in the bag, unit: g", "dose.residue", "in one unit"),
    ("divide: screening.weight", "divide: screening.cd19", "dose.divide", "is no number"),
    ("divide: screening.weight\n  unit: cells/kg", "divide: screening.weight\n  unit: cells", "dose.unit", "are in cells/kg"),
    ("within: dose_level\n  percent: 20\n  otherwise", "within: level\n  percent: 20\n  otherwise", "dose.within", "no choice 'level'"),
    ("percent: 20\n  otherwise: deviation major", "percent: 20\n  otherwise: quarantine", "dose.otherwise", "has been given"),
    ("percent: 20\n  otherwise: deviation major", "percent: 20\n  otherwise: alert doctor", "dose.otherwise", "no role 'doctor'"),
    ("percent: 20\n  otherwise", "percent: 0\n  otherwise", "dose.percent", "greater than 0"),
    ("title: Release of a bag, after: [test_bag, test_batch], for_each: dose_bag,", "title: Release, after: [test_bag, test_batch],",
     "release.criteria[0] viability.each_bag", "not decided for each dose_bag"),
    ("measure: test_batch.culture, must_be", "each_bag: true, measure: test_batch.culture, must_be",
     "release.criteria[2] sterility.each_bag", "not done for each dose_bag"),
    ("moves: dose_bag, scans: {bag: dose_bag}}\n\n  - id: lympho",
     "moves: dose_bag, scans: {bag: dose_bag}, one_at_a_time: refuse}\n\n  - id: lympho",
     "steps[11] to_store.one_at_a_time", "only a step of kind thaw"),
    ("one_at_a_time: refuse", "one_at_a_time: offer thaw", "steps[14] thaw.one_at_a_time", "offered but not kept back"),
    ("{from: match.start, no_sooner", "{from: bedside.start, no_sooner", "steps[13] match.clocks[0].from", "does not come before match"),
]  # fmt: skip


def test_the_example_study_can_be_read() -> None:
    assert read_protocol(TEXT).protocol.id == "SPLIT-DOSE"


@pytest.mark.parametrize(
    ("right", "wrong", "field", "reason"), WRONG, ids=[f"{case[2]}-{n}" for n, case in enumerate(WRONG)]
)
def test_a_mistake_is_told_with_its_field(right: str, wrong: str, field: str, reason: str) -> None:
    assert right in TEXT, "the table no longer fits the study"
    with pytest.raises(Refused) as caught:
        read_protocol(TEXT.replace(right, wrong, 1))
    listed = caught.value.values["problems"]
    assert isinstance(listed, list)
    told = {one["field"]: one["reason"] for one in listed}
    assert any(name.startswith(field) and reason in why for name, why in told.items()), told


def test_a_step_that_is_not_done_bag_by_bag_has_no_clock_from_itself() -> None:
    """Only where there is a bag before this one can a clock run from the step itself."""
    text = TEXT.replace("    repeat: {at_least: 3, at_most: 3, every: 1 d}\n", """    repeat: {at_least: 3, at_most: 3, every: 1 d}
    clocks: [{from: lymphodepletion.end, limits: [{at: 1 d, then: deviation minor}]}]
""")  # fmt: skip
    with pytest.raises(Refused, match="does not come before lymphodepletion"):
        read_protocol(text)
