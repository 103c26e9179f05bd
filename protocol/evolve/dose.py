"""The dose given changes a therapy: what it was, as it stood last."""

from __future__ import annotations

from dataclasses import replace

from events.facts.dose import DoseGiven
from protocol.state import Signed, Therapy

DoseFacts = DoseGiven


def evolve_dose(therapy: Therapy, fact: DoseFacts, _by: Signed) -> Therapy:
    """The therapy after a fact about the dose given."""
    return replace(therapy, dose=fact)
