"""Quality changes a therapy: quarantine, holds, the release as evaluated, disposal."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from events.facts import quality
from protocol.evolve.materials import end, lift, quarantine, set_status
from protocol.state import Hold, Signed, Therapy

QualityFacts = (
    quality.MaterialQuarantined
    | quality.QuarantineDecided
    | quality.MaterialDisposed
    | quality.IdentityMismatched
    | quality.ItemPresentedElsewhere
    | quality.IdentityHoldCleared
    | quality.ReleaseEvaluated
)


def evolve_quality(therapy: Therapy, fact: QualityFacts, by: Signed) -> Therapy:
    """The therapy after a fact of quality."""
    match fact:
        case quality.MaterialQuarantined():
            return quarantine(therapy, fact.materials, fact.rule, fact.reason, by)
        case quality.QuarantineDecided():
            if fact.decision == "rejected":
                return set_status(therapy, fact.materials, "rejected", fact.reason)
            return lift(therapy, fact.materials, fact.cause, fact.reason)
        case quality.MaterialDisposed():
            return end(therapy, fact.materials, "disposed", by)
        case quality.IdentityMismatched():
            says = f"{fact.presented} was presented where {fact.expected} belongs"
            hold = Hold(by.link, says, fact.presented, fact.other)
            return replace(therapy, holds={**therapy.holds, by.link: hold})
        case quality.ItemPresentedElsewhere():
            hold = Hold(by.link, f"{fact.presented} was presented for {fact.other}", fact.presented, fact.other)
            return replace(therapy, holds={**therapy.holds, by.link: hold})
        case quality.IdentityHoldCleared():
            return _hold_cleared(therapy, fact, by)
        case quality.ReleaseEvaluated():
            return replace(therapy, evaluated=tuple((c.name, c.verdict) for c in fact.criteria))
        case _:
            assert_never(fact)


def _hold_cleared(therapy: Therapy, fact: quality.IdentityHoldCleared, by: Signed) -> Therapy:
    if fact.awaits:
        hold = replace(therapy.holds[fact.mismatch], pending=(fact, by))
        return replace(therapy, holds={**therapy.holds, fact.mismatch: hold})
    return replace(therapy, holds={k: h for k, h in therapy.holds.items() if k != fact.mismatch})
