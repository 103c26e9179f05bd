"""A recall changes a therapy: which lots it was reached by. The quarantine beside it is a fact of its own."""

from __future__ import annotations

from dataclasses import replace

from events.facts.recalls import RecallReached
from protocol.state import Signed, Therapy

RecallFacts = RecallReached


def evolve_recalls(therapy: Therapy, fact: RecallFacts, _by: Signed) -> Therapy:
    """The therapy after a fact about a recall."""
    return replace(therapy, recalls={**therapy.recalls, fact.lot: fact})
