"""What happened and has to be decided on: deviations, holds, mismatches, incidents, failures, alerts, what was told."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

from events.facts.base import Reading
from events.facts.happened import ActHappened
from events.facts.mismatch import MismatchDecided
from events.facts.quality import IdentityHoldCleared
from protocol.duration import Begun
from protocol.state.acts import Instance, Signed
from protocol.state.quality import Investigation, Regraded


@dataclass(frozen=True, slots=True)
class Deviation:
    """A deviation and how far its handling has come; `grades` are the grades that it had before.

    `zone`: of the place where it was opened; its days are counted there.
    """

    code: str
    grade: str
    rule: str
    says: str
    opener: str
    opened: datetime
    at: Instance | None
    impact: str = ""
    closed: bool = False
    account: str = ""
    link: str = ""
    materials: tuple[str, ...] = ()
    grades: tuple[Regraded, ...] = ()
    investigation: Investigation | None = None
    assessed: Signed | None = None
    conclusion: str = ""
    closed_by: Signed | None = None
    reopened: tuple[Signed, ...] = ()
    zone: str = "UTC"

    @property
    def since(self) -> Begun:
        """When it was opened, or opened again the last time, and where: from then on it counts."""
        return (
            Begun(self.reopened[-1].recorded, self.reopened[-1].zone)
            if self.reopened
            else Begun(self.opened, self.zone)
        )

    @property
    def release_waits_for(self) -> Literal["closure", "impact", ""]:
        """What a release waits for: the closure of a critical one, the assessed impact of a major one; nothing of others."""
        if self.closed or self.grade not in ("critical", "major") or (self.grade == "major" and self.impact):
            return ""
        return "closure" if self.grade == "critical" else "impact"


@dataclass(frozen=True, slots=True)
class Hold:
    """Items held after a wrong item was presented; `pending` is a clearance that waits for its second person."""

    link: str
    says: str
    presented: str
    other: str
    pending: tuple[IdentityHoldCleared, Signed] | None = None


@dataclass(frozen=True, slots=True)
class Happening:
    """An incident that happened; `chosen` is the option that somebody chose, nothing while it is open."""

    code: str
    name: str
    at: Instance
    materials: tuple[str, ...]
    when: datetime
    says: str
    by: Signed
    chosen: str = ""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A label or a place that does not fit; `pending` is a decision on an item that waits for a second person of QA."""

    code: str
    what: str
    material: str
    found: str
    other: str
    materials: tuple[str, ...]
    says: str
    link: str
    recorded: datetime
    decided: dict[str, str] = field(default_factory=dict)
    pending: dict[str, tuple[MismatchDecided, Signed]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failure:
    """A manufacture that failed: in which batch, what ends and what is retained; `decision` is empty while nobody confirmed."""

    code: str
    at: Instance
    says: str
    ends: tuple[str, ...]
    retains: tuple[str, ...]
    awaits: tuple[str, ...]
    batch: int
    by: Signed
    decision: str = ""


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that somebody in one of `roles` must know; `acknowledged` says who knows it, None while nobody does.

    `zone`: of the place where it was raised; its days are counted there.
    """

    code: str
    rule: str
    roles: tuple[str, ...]
    says: str
    at: Instance | None
    link: str
    raised: datetime
    zone: str
    acknowledged: Signed | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Occurred:
    """An act that took place although the rules would have refused it; `dropped` says why it does not stand."""

    code: str
    at: Instance
    fact: ActHappened
    by: Signed
    second: Signed | None = None
    dropped: str = ""

    @property
    def waits(self) -> bool:
        """Whether its second signature is still to come."""
        return bool(self.fact.awaits) and self.second is None and not self.dropped


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Items of this therapy that are told to have been used for another; `decision` is empty while nobody has signed second."""

    event: str
    other: str
    materials: tuple[str, ...]
    effect: str
    at: datetime
    by: Signed
    decision: str = ""

    @property
    def gone(self) -> bool:
        """Whether nobody is to count on the items: they are told to be used up, and that stands or may yet."""
        return self.effect != "touched" and self.decision != "dropped"


class Monitored(NamedTuple):
    """Results of environmental monitoring of a room, and the acts that they concern; `link` is the record that reported them."""

    room: str
    started: datetime
    ended: datetime
    readings: tuple[Reading, ...]
    acts: tuple[Instance, ...]
    link: str
