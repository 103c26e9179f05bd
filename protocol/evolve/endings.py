"""How materials end, or where they stay, changes a therapy: a disposal that waits, kept, returned, lost, found again."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from events.facts import endings
from protocol.evolve.materials import come_back, end, keep
from protocol.state import Signed, Therapy

EndingFacts = (
    endings.DisposalSigned
    | endings.DisposalWitnessed
    | endings.DisposalDropped
    | endings.MaterialKept
    | endings.MaterialReturned
    | endings.MaterialLost
    | endings.MaterialFound
)
LOST = {"lost": "lost", "destroyed": "destroyed by accident"}
"""How a material ended, in words, by what was told."""
FOUND = "material.found"
"""The rule under which what was found again is quarantined."""


def evolve_endings(therapy: Therapy, fact: EndingFacts, by: Signed) -> Therapy:
    """The therapy after a fact about how materials end."""
    match fact:
        case endings.DisposalSigned():
            return replace(therapy, disposals={**therapy.disposals, by.link: (fact, by)})
        case endings.DisposalWitnessed() | endings.DisposalDropped():
            rest = {link: waits for link, waits in therapy.disposals.items() if link != fact.act}
            return replace(therapy, disposals=rest)
        case endings.MaterialKept():
            return keep(therapy, fact.materials, fact.place, fact.permit, by)
        case endings.MaterialReturned():
            return end(therapy, fact.materials, f"returned to {fact.to}", by)
        case endings.MaterialLost():
            return end(therapy, fact.materials, LOST[fact.how], by)
        case endings.MaterialFound():
            return come_back(therapy, fact.materials, fact.place, FOUND, fact.says, by)
        case _:
            assert_never(fact)
