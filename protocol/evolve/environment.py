"""Environmental monitoring changes a therapy: the results that were attached to its acts. Each stays until it is corrected."""

from __future__ import annotations

from dataclasses import replace

from events.facts.environment import EnvironmentAttached
from protocol.state import Monitored, Signed, Therapy, instance

EnvironmentFacts = EnvironmentAttached


def evolve_environment(therapy: Therapy, fact: EnvironmentFacts, by: Signed) -> Therapy:
    """The therapy after results of a room were attached to its acts."""
    acts = tuple(instance(key) for key in fact.keys)
    new = Monitored(fact.room, fact.started, fact.ended, fact.readings, acts, fact.report or by.link)
    stands = tuple(old for old in therapy.environment if old.link != fact.corrects)
    return replace(therapy, environment=(*stands, new) if acts else stands)
