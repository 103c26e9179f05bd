"""What a therapy holds of its patient's safety: grades proposed and signed, adverse events and how they went on."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from events.facts.safety import (
    AdverseEventFollowed,
    AdverseEventReported,
    DltDecided,
    GradeProposed,
    GradeSigned,
    SafetyReportSent,
)

if TYPE_CHECKING:
    from protocol.state.acts import Instance, Signed


@dataclass(frozen=True, slots=True)
class Graded:
    """A toxicity at one visit: what is proposed, and what was signed; `signed` is None while nobody has."""

    at: Instance
    proposed: GradeProposed
    by: Signed
    signed: GradeSigned | None = None
    signer: Signed | None = None


class Sent(NamedTuple):
    """A report that was sent, and who says so."""

    fact: SafetyReportSent
    by: Signed


@dataclass(frozen=True, slots=True)
class Event:
    """An adverse event as it stands; `ended` (a day or a moment) is None while it goes on. `followed` is what was said after the report."""

    code: str
    reported: AdverseEventReported
    by: Signed
    grade: int
    related: str
    serious: bool
    criteria: tuple[str, ...]
    expected: bool | None
    dlt: bool
    ended: date | None = None
    followed: tuple[tuple[AdverseEventFollowed, Signed], ...] = ()
    sent: dict[str, Sent] = field(default_factory=dict)

    @property
    def worst(self) -> int:
        """The highest grade that it ever had."""
        return max([self.reported.grade, *(f.grade for f, _ in self.followed if f.grade is not None)])


@dataclass(frozen=True, slots=True)
class Dlt:
    """The decision on dose-limiting toxicity; `agreed` is None while the second person has not signed."""

    fact: DltDecided
    by: Signed
    agreed: Signed | None = None


@dataclass(frozen=True, slots=True)
class SafetyState:
    """Grades by grading and visit, events by number, and the DLT decision: the one that waits, and the one that stands."""

    grades: dict[tuple[str, Instance], Graded] = field(default_factory=dict)
    events: dict[str, Event] = field(default_factory=dict)
    proposed_dlt: Dlt | None = None
    dlt: Dlt | None = None
