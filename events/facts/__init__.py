"""The catalogue of facts: past tense, frozen, named on the wire by hand. `events.facts.catalogue` lists them all."""
