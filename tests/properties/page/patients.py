"""A patient as these rules need to know her, built from the record format alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Fact = dict[str, Any]
Key = tuple[str, str, str, int]

STEPS = frozenset(
    "consent.given patient.assessed patient.enrolled slots.booked cells.collected labels.reconciled custody.given "
    "transport.reported material.received process.performed sample.tested disposition.decided conditioning.given "
    "identity.checked product.thawed product.infused patient.observed".split()
)


def key_of(fact: Fact) -> Key:
    """Which instance a fact is about: step, occurrence, material, batch."""
    key = fact["key"]
    return key["step"], key.get("occurrence", "1"), key.get("material", ""), key.get("batch", 1)


def when(text: str) -> datetime:
    """A time of the record."""
    return datetime.fromisoformat(text)


@dataclass
class Done:
    """An act that stands: its fact, and the persons who signed it."""

    name: str
    fact: Fact
    people: list[str]

    @property
    def started(self) -> datetime:
        return when(self.fact["started"])

    @property
    def ended(self) -> datetime:
        return when(self.fact["ended"])


@dataclass
class Item:
    """A material: `held` by the causes of its quarantine, by number; `released` by QA, `ended` how."""

    kind: str
    made_by: Key
    parents: tuple[str, ...] = ()
    held: set[int] = field(default_factory=set)
    released: bool = False
    rejected: bool = False
    ended: str = ""


@dataclass
class Patient:
    """One therapy's records, as far as the rules look."""

    name: str
    consented: bool = False
    screening: str = ""
    coi: str = ""
    subject: str = ""
    wristband: str = ""
    acts: dict[Key, Done] = field(default_factory=dict)
    earlier: dict[Key, Done] = field(default_factory=dict)
    waiting: dict[str, Done] = field(default_factory=dict)
    items: dict[str, Item] = field(default_factory=dict)
    causes: int = 0
    held_early: dict[str, set[int]] = field(default_factory=dict)
    values: dict[tuple[Key, str], str] = field(default_factory=dict)
    invalidated: set[Key] = field(default_factory=set)
    deviations: dict[str, Fact] = field(default_factory=dict)
    opener: dict[str, str] = field(default_factory=dict)
    holds: set[str] = field(default_factory=set)
    excepted: bool = False
    choices: dict[str, str] = field(default_factory=dict)
    dlt_decided: bool = False
    died: datetime | None = None
    left_treatment: datetime | None = None
    signed: dict[str, str] = field(default_factory=dict)
    taken: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def codes(self) -> set[str]:
        """Every code that is this patient's."""
        return {self.screening, self.coi, self.subject, self.wristband, *self.items} - {""}

    def of(self, *names: str) -> list[Done]:
        """The acts of these facts that stand in the batch that is being made."""
        return [act for act in self.acts.values() if act.name in names]

    def open_deviations(self, grade: str) -> list[Fact]:
        """The open deviations of a grade."""
        return [d for d in self.deviations.values() if d["grade"] == grade and not d.get("closed")]

    def results(self, step: str, name: str) -> list[str]:
        """What stands as a result of a test, each occurrence by itself; not what was shown to be the laboratory's error."""
        return [
            value
            for (key, reading), value in self.values.items()
            if key[0] == step and reading == name and key in self.acts and key not in self.invalidated
        ]
