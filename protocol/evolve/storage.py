"""Storage changes a therapy: where material lies since it was put elsewhere."""

from __future__ import annotations

from dataclasses import replace

from events.facts.storage import MaterialStored
from protocol.state import Signed, Therapy

StorageFacts = MaterialStored


def evolve_storage(therapy: Therapy, fact: StorageFacts, by: Signed) -> Therapy:
    """The therapy after material was put into another position."""
    return replace(therapy, stored={**therapy.stored, **dict.fromkeys(fact.materials, (by.number, fact.position))})
