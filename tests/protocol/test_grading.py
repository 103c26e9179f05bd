"""CRS and ICANS as the shipped study grades them, against the published table: ASTCT consensus, Lee et al. 2019."""

from __future__ import annotations

import pytest

from protocol.grading import compute
from tests.stage import study

NO_CRS = {"temperature": "36.8", "hypotension": "none", "hypoxia": "none"}
NO_ICANS = {
    "ice_orientation": "4", "ice_naming": "3", "ice_commands": "1", "ice_writing": "1", "ice_attention": "1",
    "consciousness": "awake", "seizure": "none", "motor": "none", "cerebral_oedema": "none",
}  # fmt: skip
ICE = ("ice_orientation", "ice_naming", "ice_commands", "ice_writing", "ice_attention")


def ice(score: int) -> dict[str, str]:
    """The five parts of an ICE score, as much as there is in each, in order."""
    found = {}
    for name, most in zip(ICE, (4, 3, 1, 1, 1), strict=True):
        found[name] = str(min(most, score))
        score -= min(most, score)
    return found


CRS: list[tuple[str, dict[str, str], bool, int]] = [
    ("no sign at all", {}, False, 0),
    ("37.9 is no fever", {"temperature": "37.9"}, False, 0),
    ("38.0 is fever", {"temperature": "38.0"}, False, 1),
    ("fever alone, however high", {"temperature": "41"}, False, 1),
    ("hypotension that needs no vasopressor", {"temperature": "38.5", "hypotension": "no_vasopressor"}, False, 2),
    ("low-flow nasal cannula or blow-by", {"temperature": "38.5", "hypoxia": "low_flow"}, False, 2),
    ("one vasopressor with or without vasopressin", {"temperature": "38.5", "hypotension": "one_vasopressor"}, False, 3),
    ("high-flow, face mask, nonrebreather, Venturi", {"temperature": "38.5", "hypoxia": "high_flow"}, False, 3),
    ("several vasopressors", {"temperature": "38.5", "hypotension": "several_vasopressors"}, False, 4),
    ("positive pressure", {"temperature": "38.5", "hypoxia": "positive_pressure"}, False, 4),
    ("the paper's example: 39.5, one vasopressor, low-flow cannula is 3",
     {"temperature": "39.5", "hypotension": "one_vasopressor", "hypoxia": "low_flow"}, False, 3),
    ("without fever hypotension is no CRS", {"temperature": "37.0", "hypotension": "one_vasopressor"}, False, 0),
    ("after tocilizumab fever is not required any more", {"temperature": "37.0", "hypotension": "one_vasopressor"}, True, 3),
    ("after tocilizumab, and no sign left", {"temperature": "37.0"}, True, 0),
    ("fever of another cause", {"temperature": "39", "fever_other_cause": "yes"}, False, 0),
    ("hypotension of another cause", {"temperature": "39", "hypotension": "one_vasopressor",
                                      "hypotension_other_cause": "yes"}, False, 1),
    ("hypoxia is counted where only hypotension has another cause",
     {"temperature": "39", "hypotension": "several_vasopressors", "hypotension_other_cause": "yes", "hypoxia": "low_flow"},
     False, 2),
]  # fmt: skip
ICANS: list[tuple[str, dict[str, str], int]] = [
    ("no sign at all", {}, 0),
    ("ICE 10", ice(10), 0),
    ("ICE 9", ice(9), 1),
    ("ICE 7", ice(7), 1),
    ("ICE 6", ice(6), 2),
    ("ICE 3", ice(3), 2),
    ("ICE 2", ice(2), 3),
    ("ICE 0 and awake with global aphasia", ice(0), 3),
    ("ICE 0 and unarousable", {**ice(0), "consciousness": "unarousable"}, 4),
    ("awakens spontaneously", {"consciousness": "awakens_spontaneously"}, 1),
    ("awakens to voice", {"consciousness": "awakens_to_voice"}, 2),
    ("awakens only to tactile stimulus", {**ice(0), "consciousness": "awakens_to_touch"}, 3),
    ("a seizure that resolves rapidly", {"seizure": "resolved_rapidly"}, 3),
    ("a prolonged seizure, or repetitive ones", {"seizure": "prolonged_or_repetitive"}, 4),
    ("the paper's example: ICE 3 and a generalised seizure is 3", {**ice(3), "seizure": "resolved_rapidly"}, 3),
    ("hemiparesis", {"motor": "deep_focal_weakness"}, 4),
    ("focal oedema on imaging", {"cerebral_oedema": "focal"}, 3),
    ("diffuse oedema, papilloedema, Cushing's triad", {"cerebral_oedema": "diffuse_or_raised_pressure"}, 4),
    ("another cause, sedation", {**ice(4), "consciousness": "awakens_to_voice", "nervous_other_cause": "yes"}, 0),
]


def gradings() -> dict[str, object]:
    """What the shipped study grades."""
    safety = study().safety
    assert safety is not None
    return {grading.id: grading for grading in safety.gradings}


@pytest.mark.parametrize(("what", "signs", "waived", "grade"), CRS, ids=[case[0] for case in CRS])
def test_crs(what: str, signs: dict[str, str], waived: bool, grade: int) -> None:
    """Lee et al. 2019, table 2, with its footnotes."""
    found = compute(gradings()["crs"], {**NO_CRS, **signs}, waived=waived)  # type: ignore[arg-type]
    assert (found.grade, found.missing) == (grade, ()), what


@pytest.mark.parametrize(("what", "signs", "grade"), ICANS, ids=[case[0] for case in ICANS])
def test_icans(what: str, signs: dict[str, str], grade: int) -> None:
    """Lee et al. 2019, table 4 (adults), with its footnotes."""
    found = compute(gradings()["icans"], {**NO_ICANS, **signs})  # type: ignore[arg-type]
    assert (found.grade, found.missing) == (grade, ()), what


@pytest.mark.parametrize("name", [*NO_CRS, *NO_ICANS])
def test_each_sign_that_is_missing_is_named_and_nothing_is_graded(name: str) -> None:
    """Not gradable, never grade 0; the sign is named."""
    grading, signs = ("crs", dict(NO_CRS)) if name in NO_CRS else ("icans", dict(NO_ICANS))
    del signs[name]
    for waived in (False, True):
        found = compute(gradings()[grading], signs, waived=waived)  # type: ignore[arg-type]
        assert (found.grade, found.missing) == (None, (name,))


def test_what_is_there_is_told_though_something_is_missing() -> None:
    """Several vasopressors and nobody looked at the oxygen: not gradable, and at least 4."""
    signs = {"temperature": "39", "hypotension": "several_vasopressors"}
    found = compute(gradings()["crs"], signs)  # type: ignore[arg-type]
    assert (found.grade, found.missing, found.at_least) == (None, ("hypoxia",), 4)
    assert found.because == ("Fever: 39, grade 1", "Hypotension: several vasopressors, grade 4")
