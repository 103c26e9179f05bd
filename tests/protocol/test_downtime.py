"""What a protocol file says of paper; and every mistake in it, told with its line."""

# A row of the table is one line, however long.
# ruff: noqa: E501

from __future__ import annotations

from pathlib import Path

import pytest

from protocol.file import read_protocol
from tests.protocol.mistakes import Wrong, mistaken

SMALL = (Path(__file__).parent / "studies" / "small.yaml").read_text()
PART = """
downtime:
  transcribed_by: [nurse, maker]
  verified_by: [qa]
  limits:
    - {at: 24 h, then: deviation minor}
    - {at: 72 h, then: [deviation major, alert qa]}
"""
STUDY = SMALL.rstrip() + "\n" + PART

MISTAKES = [
    Wrong("entered by nobody", "[nurse, maker]", "[nurse, makr]", "makr", "downtime.transcribed_by[1]", "did you mean maker?"),
    Wrong("compared by nobody", "verified_by: [qa]", "verified_by: [qb]", "[qb]", "downtime.verified_by[0]", "there is no role 'qb'"),
    Wrong("limits out of order", "at: 72 h", "at: 12 h", "at: 12 h", "downtime.limits[1].at", "does not come after 24 h"),
    Wrong("refused afterwards", "then: deviation minor}\n    - {at: 72", "then: refuse}\n    - {at: 72", "then: refuse", "downtime.limits[0].then", "what was done was done"),
    Wrong("an alert for nobody", "alert qa]}\n", "alert qq]}\n", "alert qq", "downtime.limits[1].then[1]", "there is no role 'qq'"),
    Wrong("a word of its own", "verified_by: [qa]", "checked_by: [qa]", "checked_by", "downtime.checked_by", "is no field here"),
]  # fmt: skip


@pytest.mark.parametrize("case", MISTAKES, ids=lambda case: case.words.replace(" ", "-"))
def test_a_mistake_is_told_with_line_field_and_reason(case: Wrong) -> None:
    mistaken(STUDY, case)


def test_the_part_may_be_left_out() -> None:
    assert read_protocol(STUDY).downtime is not None
    assert read_protocol(SMALL).downtime is None
