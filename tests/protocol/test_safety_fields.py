"""Mistakes in what a study's file says of safety: each is refused with its line, its field and the reason."""

from __future__ import annotations

import pytest

from tests.protocol.mistakes import Wrong, mistaken
from tests.stage import study

MISTAKES = [
    Wrong(
        "a record that one sign adds up and another looks at",
        "of: motor\n          levels: [{answer: deep_focal_weakness, grade: 4}]",
        'of: ice_naming\n          levels: [{answer: "0", grade: 4}]',
        "of: [ice_orientation, ice_naming",
        "safety.gradings[1] icans.signs[0] ice.of[1]",
        "ice_naming is added up here and stands in motor too; record what that one looks at by itself",
    ),
]


@pytest.mark.parametrize("case", MISTAKES, ids=[case.words for case in MISTAKES])
def test_a_mistake_is_told_with_its_line_and_its_field(case: Wrong) -> None:
    """Nothing clinical is guessed at: the file is refused."""
    mistaken(study().text, case)
