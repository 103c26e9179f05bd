"""CRS and ICANS as the shipped study grades them, against the published table: ASTCT consensus, Lee et al. 2019."""

from __future__ import annotations

import pytest

from protocol.grading import compute
from protocol.model import Grading
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


def gradings() -> dict[str, Grading]:
    """What the shipped study grades."""
    safety = study().safety
    assert safety is not None
    return {grading.id: grading for grading in safety.gradings}


@pytest.mark.parametrize(("what", "signs", "waived", "grade"), CRS, ids=[case[0] for case in CRS])
def test_crs(what: str, signs: dict[str, str], waived: bool, grade: int) -> None:
    """Lee et al. 2019, table 2, with its footnotes."""
    found = compute(gradings()["crs"], {**NO_CRS, **signs}, waived=waived)
    assert (found.grade, found.missing) == (grade, ()), what


@pytest.mark.parametrize(("what", "signs", "grade"), ICANS, ids=[case[0] for case in ICANS])
def test_icans(what: str, signs: dict[str, str], grade: int) -> None:
    """Lee et al. 2019, table 4 (adults), with its footnotes."""
    found = compute(gradings()["icans"], {**NO_ICANS, **signs})
    assert (found.grade, found.missing) == (grade, ()), what


LEFT_OUT: list[tuple[str, str, dict[str, str | None], bool, int | None, tuple[str, ...], tuple[int, int]]] = [
    # what, toxicity, signs (None: left out), waived, grade, what can still change it, lowest and highest
    ("unarousable, ICE not possible", "icans", {**dict.fromkeys(ICE), "consciousness": "unarousable"}, False, 4, (), (4, 4)),
    ("unarousable, and nothing else was looked at", "icans",
     {**dict.fromkeys(NO_ICANS), "consciousness": "unarousable"}, False, 4, (), (4, 4)),
    ("a prolonged seizure, ICE and consciousness left out", "icans",
     {**dict.fromkeys(ICE), "consciousness": None, "seizure": "prolonged_or_repetitive"}, False, 4, (), (4, 4)),
    ("awakens to touch: no ICE is worse than 3", "icans",
     {**dict.fromkeys(ICE), "consciousness": "awakens_to_touch"}, False, 3, (), (3, 3)),
    ("awakens to touch, motor findings left out", "icans",
     {**dict.fromkeys(ICE), "consciousness": "awakens_to_touch", "motor": None}, False, None, ("motor",), (3, 4)),
    ("awakens to voice, ICE left out", "icans",
     {**dict.fromkeys(ICE), "consciousness": "awakens_to_voice"}, False, None, ICE, (2, 3)),
    ("ICE 0 or 1: one part left out cannot lift it above 2", "icans", {**ice(0), "ice_writing": None}, False, 3, (), (3, 3)),
    ("ICE 9 or 10", "icans", {"ice_attention": None}, False, None, ("ice_attention",), (0, 1)),
    ("ICE 5 or 6", "icans", {**ice(5), "ice_attention": None}, False, 2, (), (2, 2)),
    ("ICE 6 or 7", "icans", {**ice(6), "ice_attention": None}, False, None, ("ice_attention",), (1, 2)),
    ("nothing looked at", "icans", dict.fromkeys(NO_ICANS), False, None, tuple(NO_ICANS), (0, 4)),
    ("nothing looked at, and all of it attributed", "icans",
     {**dict.fromkeys(NO_ICANS), "nervous_other_cause": "yes"}, False, 0, (), (0, 0)),
    ("no fever, and nothing else looked at", "crs", {"hypotension": None, "hypoxia": None}, False, 0, (), (0, 0)),
    ("no fever after tocilizumab, nothing else looked at", "crs", {"hypotension": None, "hypoxia": None}, True, None,
     ("hypotension", "hypoxia"), (0, 4)),
    ("fever, and several vasopressors", "crs",
     {"temperature": "39", "hypotension": "several_vasopressors", "hypoxia": None}, False, 4, (), (4, 4)),
    ("fever of another cause", "crs", {"temperature": None, "fever_other_cause": "yes", "hypoxia": "low_flow"}, False, 0, (), (0, 0)),
    ("temperature left out, one vasopressor", "crs", {"temperature": None, "hypotension": "one_vasopressor"}, False, None,
     ("temperature",), (0, 3)),
    ("temperature left out after tocilizumab, one vasopressor", "crs",
     {"temperature": None, "hypotension": "one_vasopressor"}, True, 3, (), (3, 3)),
    ("temperature left out after tocilizumab, no other sign", "crs", {"temperature": None}, True, None, ("temperature",), (0, 1)),
    ("temperature left out, positive pressure, blood pressure left out", "crs",
     {"temperature": None, "hypotension": None, "hypoxia": "positive_pressure"}, False, None, ("temperature",), (0, 4)),
    ("blood pressure left out, and it was attributed", "crs",
     {"temperature": "38.4", "hypotension": None, "hypotension_other_cause": "yes"}, False, 1, (), (1, 1)),
    ("blood pressure left out, and nobody attributed it", "crs",
     {"temperature": "38.4", "hypotension": None, "hypotension_other_cause": "no"}, False, None, ("hypotension",), (1, 4)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("what", "grading", "signs", "waived", "grade", "missing", "bounds"), LEFT_OUT, ids=[case[0] for case in LEFT_OUT]
)
def test_a_grade_is_known_as_soon_as_no_missing_sign_can_change_it(
    what: str,
    grading: str,
    signs: dict[str, str | None],
    waived: bool,
    grade: int | None,
    missing: tuple[str, ...],
    bounds: tuple[int, int],
) -> None:
    """Where it is not, the records that can still change it are named, with the lowest and the highest grade."""
    whole = {**(NO_CRS if grading == "crs" else NO_ICANS), **signs}
    values = {name: sign for name, sign in whole.items() if sign is not None}
    found = compute(gradings()[grading], values, waived=waived)
    assert (found.grade, found.missing, (found.at_least, found.at_most)) == (grade, missing, bounds), what


def test_what_is_left_out_is_said_whether_it_matters_or_not() -> None:
    """Grade 4 says that nobody looked at the oxygen; a sum says which of its parts are left out and between what it lies."""
    found = compute(gradings()["crs"], {"temperature": "39", "hypotension": "several_vasopressors"})
    assert found.because == (
        "Fever: 39, grade 1",
        "Hypotension: several vasopressors, grade 4",
        "Hypoxia: left out, and cannot change it",
    )
    found = compute(gradings()["crs"], {"temperature": "36.6"})
    assert found.because == (
        "Fever: none, and required",
        "Hypotension: left out, and cannot change it",
        "Hypoxia: left out, and cannot change it",
    )
    values = {**NO_ICANS, **ice(1)}
    del values["ice_writing"]
    assert compute(gradings()["icans"], values).because == ("ICE score: 1 to 2, ice_writing left out, grade 3",)
