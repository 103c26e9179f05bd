"""An amendment changes under which version a therapy goes on; what was done before stays as it was signed."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from events.facts.amendments import AmendmentDecided, AmendmentProposed
from protocol.state import Signed, Therapy
from protocol.state.amendments import Moved, Proposal

AmendmentFacts = AmendmentProposed | AmendmentDecided


def evolve_amendments(therapy: Therapy, fact: AmendmentFacts, by: Signed) -> Therapy:
    """The therapy after a fact about an amendment."""
    match fact:
        case AmendmentProposed():
            return replace(therapy, amendments={**therapy.amendments, fact.amendment: Proposal(fact, by)})
        case AmendmentDecided():
            decided = replace(therapy.amendments[fact.amendment], decision=fact.decision, decided=by)
            therapy = replace(therapy, amendments={**therapy.amendments, fact.amendment: decided})
            return _moved(therapy, decided.fact, by) if fact.decision == "approved" else therapy
        case _:
            assert_never(fact)


def _moved(therapy: Therapy, fact: AmendmentProposed, by: Signed) -> Therapy:
    moved = Moved(fact.amendment, fact.version, fact.digest, by.recorded)
    return replace(
        therapy,
        moves=(*therapy.moves, moved),
        passed=therapy.passed | {(key.step, key.occurrence) for key in fact.passes},
        consented=fact.consent or therapy.consented,
    )
