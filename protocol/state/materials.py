"""A material, where it came from and who holds it; and its labels."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from events.facts.labels import LabelsIssued
from protocol.state.acts import Instance, Signed


class Cause(NamedTuple):
    """One reason for which materials are in quarantine: the number by which QA decides on it (Q-1 ... of a therapy), and the
    record that gave it.
    """

    code: str
    rule: str
    says: str
    since: datetime
    link: str


@dataclass(frozen=True, slots=True)
class Material:
    """A material: what it is, where it came from, who holds it, and how it ended.

    `also`: further parents, where several were pooled. `causes`: why it is in quarantine, each until it is lifted by itself.
    `earlier`: it belongs to an earlier batch, and no step of a later one uses it. `kept`: what the consent permits, where it
    is kept beyond its therapy.
    """

    code: str
    kind: str
    parent: str | None
    made_in: Instance
    place: str
    holder: str
    status: str = "available"
    ended: str | None = None
    why: str = ""
    causes: tuple[Cause, ...] = ()
    also: tuple[str, ...] = ()
    earlier: bool = False
    kept: str = ""

    @property
    def live(self) -> bool:
        """Whether somebody is still accountable for it."""
        return self.ended is None

    @property
    def quarantined(self) -> datetime | None:
        """Since when it is in quarantine."""
        return min((cause.since for cause in self.causes), default=None)

    @property
    def parents(self) -> tuple[str, ...]:
        """Everything that it was made from; nothing for what was collected."""
        return (self.parent, *self.also) if self.parent else ()


class CustodyEntry(NamedTuple):
    """One line of a custody trail: from `since` on this person was accountable for the material at this place."""

    material: str
    since: datetime
    place: str
    account: str
    how: str
    given_by: str
    link: str


FOUND_AGAIN = "found again"
"""How the custody of a material goes on that had been lost."""
NOT_BROUGHT = "nobody brought it to"
"""How the custody of a material goes on that was used where it had never been brought."""


@dataclass(frozen=True, slots=True)
class Label:
    """A serial label: the record that issued it with what it says, its one fate (empty while it has none).

    `replaced`: it was destroyed, and another was printed in its place.
    """

    serial: str
    issued: LabelsIssued
    by: Signed
    fate: str = ""
    replaced: bool = False

    @property
    def material(self) -> str:
        """The material that it is for."""
        return self.issued.material

    @property
    def template(self) -> str:
        """What kind of label it is."""
        return self.issued.template
