"""An instance of a step, the act that was performed, its signatures, and its values as they stand now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from events.facts.base import ActKey
from events.facts.logger import LogFigures
from events.facts.steps import StepFact
from protocol.duration import Begun


class Instance(NamedTuple):
    """One instance of a step: its occurrence, the material where it is done per material, the batch that it belongs to."""

    step: str
    occurrence: str = "1"
    material: str = ""
    batch: int = 1

    def key(self) -> ActKey:
        """As it stands in a fact."""
        return ActKey(step=self.step, occurrence=self.occurrence, material=self.material or None, batch=self.batch)

    def __str__(self) -> str:
        words = self.step if self.occurrence == "1" else f"{self.step} {self.occurrence}"
        words += f" of {self.material}" if self.material else ""
        return words if self.batch == 1 else f"{words} (batch {self.batch})"


def instance(key: ActKey) -> Instance:
    """The instance that a fact's key names."""
    return Instance(key.step, key.occurrence, key.material or "", key.batch)


@dataclass(frozen=True, slots=True)
class Signed:
    """Where a fact stands and who signed it: everything evolve may know of the record around it.

    `zone`: the time zone of the place where the signer stood. Days are meant there, and counted there.
    """

    position: int
    number: int
    link: str
    person: str
    account: str
    meaning: str
    happened: datetime
    recorded: datetime
    zone: str
    protocol: str | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """A step that was performed, with its signatures; `second` is None while one is awaited, or none is needed.

    `taken`: who took it over while it waited, because its performer could not go on.
    """

    at: Instance
    fact: StepFact
    by: Signed
    second: Signed | None = None
    taken: tuple[Signed, ...] = ()

    @property
    def began(self) -> Begun:
        """When it began, and where: at the place of whoever signed it first."""
        return Begun(self.fact.started, self.by.zone)

    @property
    def done(self) -> Begun:
        """When it ended, and where."""
        return Begun(self.fact.ended, self.by.zone)

    @property
    def touches(self) -> frozenset[str]:
        """The materials that it is done on, moves or ends."""
        return frozenset({*self.fact.moves, *self.fact.consumed, self.at.material})

    @property
    def performer(self) -> str:
        """The account of who did it: the first signer, or whom the paper or the telling names."""
        return self.fact.done_by[0].account if self.fact.done_by else self.by.account

    @property
    def taker(self) -> str:
        """The account of who stood second, and took over what was handed over."""
        return self.fact.done_by[-1].account if self.fact.done_by else (self.second or self.by).account

    @property
    def late(self) -> str:
        """How it was entered late, in words; nothing where its performer signed it."""
        if self.fact.paper is not None:
            return "entered late, from paper"
        return "told afterwards by another" if self.fact.done_by else ""

    @property
    def answerable(self) -> frozenset[str]:
        """The persons who performed it, began it, took it over, or signed first: none of them signs it second."""
        began = {self.fact.taken_over.person} if self.fact.taken_over else set()
        return frozenset({self.by.person} | began | {signed.person for signed in self.taken})

    def people(self) -> frozenset[str]:
        """Everybody who did it or signed it."""
        did = {one.person for one in self.fact.done_by}
        return self.answerable | did | ({self.second.person} if self.second else set())

    @property
    def performers(self) -> frozenset[str]:
        """The persons who had a hand in doing it: nobody of them is independent of it."""
        began = {self.fact.taken_over.person} if self.fact.taken_over else set()
        did = {self.fact.done_by[0].person} if self.fact.done_by else {self.by.person}
        return frozenset(did | began | {signed.person for signed in self.taken})


class Hand(NamedTuple):
    """Somebody who touched what an act says beside performing it, and is not independent of it.

    `did`: in words that the act follows ("corrected volume of"). `wrote`: they gave a value of it themselves, in the record of
    this number of the stream.
    """

    at: Instance
    person: str
    account: str
    did: str
    number: int
    wrote: bool = False


class Current(NamedTuple):
    """A reading as it stands now: its value, unit, the record that says so, and how often it was corrected."""

    value: str
    unit: str | None
    link: str
    corrections: int = 0


class ReadOut(NamedTuple):
    """The temperature log of an instance as it counts now: the record that says so, its figures, or why there is none.

    `computed`: the values that it says.
    """

    link: str
    computed: frozenset[str]
    log: LogFigures | None = None
    lost: str = ""


@dataclass(frozen=True, slots=True)
class Automatic:
    """A record of the system's own: `key` is a digest of its facts, known before it is recorded; `says` tells them."""

    key: str
    says: str
