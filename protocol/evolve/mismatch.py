"""A mismatch changes a therapy: everything stops, until two people of QA have decided on each item."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from events.facts import mismatch
from protocol.state import Mismatch, Signed, Therapy

MismatchFacts = mismatch.MismatchReported | mismatch.MismatchReached | mismatch.MismatchDecided


def evolve_mismatch(therapy: Therapy, fact: MismatchFacts, by: Signed) -> Therapy:
    """The therapy after a fact about a mismatch."""
    match fact:
        case mismatch.MismatchReported() | mismatch.MismatchReached():
            new = Mismatch(
                fact.mismatch, fact.what, fact.material, fact.found or "", fact.other, fact.materials, fact.says,
                by.link, by.recorded,
            )  # fmt: skip
            return replace(therapy, mismatches={**therapy.mismatches, new.code: new})
        case mismatch.MismatchDecided():
            return _decided(therapy, fact, by)
        case _:
            assert_never(fact)


def _decided(therapy: Therapy, fact: mismatch.MismatchDecided, by: Signed) -> Therapy:
    before = therapy.mismatches[fact.mismatch]
    codes = fact.materials or ("",)  # without materials it is the stop alone
    if fact.awaits:
        waits = replace(before, pending={**before.pending, **dict.fromkeys(codes, (fact, by))})
        return replace(therapy, mismatches={**therapy.mismatches, fact.mismatch: waits})
    decided = replace(
        before,
        decided={**before.decided, **dict.fromkeys(codes, fact.decision)},
        pending={code: first for code, first in before.pending.items() if code not in codes},
    )
    return replace(therapy, mismatches={**therapy.mismatches, fact.mismatch: decided})
