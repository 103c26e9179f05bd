"""An incident changes a therapy: it stands open until one of its options has been chosen."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from events.facts import incidents
from protocol.state import Happening, Signed, Therapy, instance

IncidentFacts = incidents.IncidentReported | incidents.IncidentOptionChosen


def evolve_incidents(therapy: Therapy, fact: IncidentFacts, by: Signed) -> Therapy:
    """The therapy after a fact about an incident."""
    match fact:
        case incidents.IncidentReported():
            new = Happening(fact.incident, fact.name, instance(fact.key), fact.materials, fact.at, fact.says, by)
            return replace(therapy, incidents={**therapy.incidents, new.code: new})
        case incidents.IncidentOptionChosen():
            chosen = replace(therapy.incidents[fact.incident], chosen=fact.option)
            return replace(therapy, incidents={**therapy.incidents, fact.incident: chosen})
        case _:
            assert_never(fact)
