"""What stands still: after a mismatch until two people of QA have decided on every item, after a wrong item until it is cleared."""

from __future__ import annotations

from datetime import datetime

from protocol.refusals import refuse
from protocol.state import Mismatch, Therapy

RULE = "identity.mismatch"
"""The rule under which a mismatch quarantines and opens its deviation."""


def undecided(therapy: Therapy, mismatch: Mismatch) -> tuple[str, ...]:
    """The items that still wait for their two signatures. What has ended, or never came to be, waits for nobody."""
    waiting = {new.code for act in therapy.pending.values() for new in act.fact.created}
    there = (c for c in mismatch.materials if c in waiting or (c in therapy.materials and therapy.materials[c].live))
    return tuple(code for code in there if code not in mismatch.decided)


def open_mismatches(therapy: Therapy) -> list[Mismatch]:
    """Those that stop this therapy. One is over when two people have decided, and nothing is left to decide."""
    return [m for m in therapy.mismatches.values() if not m.decided or undecided(therapy, m)]


def stopping(therapy: Therapy, code: str) -> Mismatch | None:
    """The mismatch after which this item has not been decided on, if there is one."""
    return next((m for m in therapy.mismatches.values() if code in undecided(therapy, m)), None)


def check_standing_still(therapy: Therapy, began: datetime | None = None) -> None:
    """Refuse whatever touches material while its therapy stands still. What began before a mismatch was found is told.

    Raises:
        Refused: naming the mismatch and the items that wait, or the wrong item that was presented.
    """
    for mismatch in open_mismatches(therapy):
        if began is None or began >= mismatch.recorded:
            raise refuse(
                "identity.mismatch",
                f"Everything of {therapy.id} stands still: {mismatch.code}, {mismatch.says}.",
                "Two people of QA decide on each item: `unbroken mismatch decide`.",
                therapy=therapy.id,
                mismatch=mismatch.code,
                undecided=undecided(therapy, mismatch),
            )
    for hold in therapy.holds.values():
        raise refuse(
            "identity.hold",
            f"The items of {therapy.id} are held: {hold.says}.",
            "QA and a second person clear it after a right rescan: `unbroken hold clear`.",
            therapy=therapy.id,
            presented=hold.presented,
            other=hold.other,
        )


def affected(therapy: Therapy) -> tuple[str, ...]:
    """Every item of a therapy that a mismatch puts in doubt: all that is live and not rejected, labelled or being labelled."""
    live = [m.code for m in therapy.materials.values() if m.live and m.status != "rejected"]
    waiting = [new.code for act in therapy.pending.values() for new in act.fact.created]
    return tuple(sorted({*live, *waiting}))
