"""What a protocol file says of withdrawal, death and the worst; and every mistake in it, told with its line."""

# A row of the table is one line, however long.
# ruff: noqa: E501

from __future__ import annotations

from pathlib import Path

import pytest

from protocol.file import read_protocol
from tests.protocol.mistakes import Wrong, mistaken

SMALL = (Path(__file__).parent / "studies" / "small.yaml").read_text()
PART = """
endings:
  goes_on:
    - {step: visits, after: [visits, data]}
  keeps: {blood: material, tube: material}
  kept_at: [plant]
  kept_by: [qa]
  disposal_witnessed_by: [maker]
escalation:
  product_lost: [doctor, qa]
  rescue: [look_after]
  exposed: [look_after]
"""
CARE = "  - {id: look_after, kind: observation, title: Look after, after: enrolment, reserve: true, performed_by: doctor}\n"
STUDY = SMALL.replace("release:\n", CARE + "release:\n", 1).rstrip() + "\n" + PART

MISTAKES = [
    Wrong("a step that is not there", "step: visits, after", "step: visit, after", "step: visit,", "endings.goes_on[0].step", "did you mean visits?"),
    Wrong("a step that is not seen", "step: visits, after", "step: make, after", "step: make", "endings.goes_on[0].step", "only an observation goes on"),
    Wrong("a visit after a death", "after: [visits, data]", "after: [visits, death]", "death]", "endings.goes_on[0].after", "nobody is visited after a death"),
    Wrong("after nothing that ends", "after: [visits, data]", "after: [holidays]", "holidays", "endings.goes_on[0].after[0]", "'holidays' is none of"),
    Wrong("a permission that the form cannot give", "after: [visits, data]}", "after: [visits, data], permit: everything}", "everything",
          "endings.goes_on[0].permit", "there is no permission 'everything'"),
    Wrong("a step twice", "    - {step: visits, after: [visits, data]}\n", "    - {step: visits, after: visits}\n    - {step: visits, after: data}\n",
          "after: data", "endings.goes_on[1].step", "named twice"),
    Wrong("a kind that is not there", "keeps: {blood:", "keeps: {blod:", "blod", "endings.keeps.blod", "did you mean blood?"),
    Wrong("kept on what cannot be permitted", "tube: material}", "tube: storage}", "tube: storage", "endings.keeps.tube", "there is no permission 'storage'"),
    Wrong("kept nowhere", "kept_at: [plant]", "kept_at: [plan]", "[plan]", "endings.kept_at[0]", "did you mean plant?"),
    Wrong("kept by nobody", "kept_by: [qa]", "kept_by: [qb]", "[qb]", "endings.kept_by[0]", "there is no role 'qb'"),
    Wrong("witnessed by nobody", "witnessed_by: [maker]\nescalation", "witnessed_by: [makers]\nescalation", "makers", "endings.disposal_witnessed_by[0]", "did you mean maker?"),
    Wrong("a rescue that is not there", "rescue: [look_after]", "rescue: [look_aftr]", "look_aftr]", "escalation.rescue[0]", "did you mean look_after?"),
    Wrong("a watch that is not there", "exposed: [look_after]", "exposed: [lookafter]", "lookafter]", "escalation.exposed[0]", "did you mean look_after?"),
    Wrong("a rescue that is always due", "after: enrolment, reserve: true, performed_by: doctor", "after: enrolment, performed_by: doctor", "look_after]", "escalation.rescue[0]", "give it `reserve: true`"),
    Wrong("a rescue that is no observation", "rescue: [look_after]", "rescue: [again]", "again]", "escalation.rescue[0]", "what is done for the patient is an observation"),
    Wrong("an alert for nobody", "product_lost: [doctor, qa]", "product_lost: [docter, qa]", "docter", "escalation.product_lost[0]", "did you mean doctor?"),
]  # fmt: skip


@pytest.mark.parametrize("case", MISTAKES, ids=lambda case: case.words.replace(" ", "-"))
def test_a_mistake_is_told_with_line_field_and_reason(case: Wrong) -> None:
    mistaken(STUDY, case)


def test_both_parts_may_be_left_out() -> None:
    assert read_protocol(STUDY).endings is not None
    assert read_protocol(SMALL).endings is None
    assert read_protocol(SMALL).escalation is None
