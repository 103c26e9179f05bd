"""Studies as their authors first write them: what is told of the slips, first the mistakes, then, once these are mended, the warnings."""

# A row of the table is one line, however long.

from __future__ import annotations

from pathlib import Path

from protocol.file import read_protocol, warnings_of
from tests.protocol.mistakes import problems

SLIPS = Path(__file__).parent / "slips"


def without(text: str, *pieces: str) -> str:
    """The text without the lines that hold one of these pieces."""
    return "".join(line for line in text.splitlines(keepends=True) if not any(piece in line for piece in pieces))


def warned(text: str) -> list[tuple[str, str]]:
    """Each warning: its field, and its reason."""
    return [(one.field, one.reason) for one in warnings_of(read_protocol(text))]


def test_interleukin_2_in_cycles() -> None:
    """A clock from itself, and a value where a choice is asked for: each is told with the right form."""
    text = (SLIPS / "lymphocytes_and_il2.yaml").read_text(encoding="utf-8")
    first, second = problems(text)
    assert first["field"] == "steps[15] il2.when.cycle_review.enough"
    assert str(first["reason"]).endswith(
        "il2 has `reserve: true`, and cycle_review.enough a limit with `otherwise: offer il2`"
    )
    assert second["field"] == "steps[15] il2.clocks[0].from"
    assert "il2 -> il2 is a circle. Count from infusion" in str(second["reason"])
    assert "add it to `after`" not in str(second["reason"])
    told = warned(without(text, "when: {cycle_review", "from: il2.end"))
    assert [field for field, _ in told] == [
        "choices.line", "steps[7] second_plate.reserve", "steps[13] check.at", "steps[14] infusion.at",
    ]  # fmt: skip
    assert "nothing waits for it: rep, qc" in told[1][1]
    assert told[3][1].startswith("infusion is done at ward, and bag is then at lab (after rep)")


def test_edited_stem_cells_from_frozen_starting_material() -> None:
    """Collected in one place and frozen in another, thawed at the bedside from a store: nobody carries it there."""
    text = (SLIPS / "edited_stem_cells.yaml").read_text(encoding="utf-8")
    (mistake,) = problems(text)
    assert "edit -> edit is a circle. Count from ship" in str(mistake["reason"])
    told = dict(warned(without(text, "from: edit.start")))
    assert list(told) == [
        "choices.genotype", "steps[1] fitness.records[1] hbs.limits[0]", "steps[4] more_plerixafor.reserve", "steps[6] freeze.at",
        "steps[18] check.at", "steps[19] thaw.at", "steps[20] infusion.at", "steps[21] engraft.visits[2] D42.early",
        "release.criteria[4] cycle.may_be_pending",
    ]  # fmt: skip
    assert "leuka is then at apheresis (after collection)" in told["steps[6] freeze.at"]
    assert "disposition comes after qc" in told["release.criteria[4] cycle.may_be_pending"]
