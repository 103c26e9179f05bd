"""What is remembered of how deviations and failed results are handled; the questions stand in `deviations`, `exceptions`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from events.facts.base import Criterion
    from protocol.state.acts import Signed


class Regraded(NamedTuple):
    """A grade that was changed: what it was, why, and who changed it."""

    old: str
    new: str
    reason: str
    by: Signed


class Investigation(NamedTuple):
    """What an investigation found, and who says so."""

    cause: str
    root_cause: str
    by: Signed


class Checked(NamedTuple):
    """Whether an action was effective, and who says so."""

    result: str
    says: str
    by: Signed


@dataclass(frozen=True, slots=True)
class Action:
    """A corrective or preventive action and how far it has come; `later` is the action planned instead of it."""

    code: str
    deviation: str
    what: str
    says: str
    role: str
    owner: str
    person: str
    due: datetime
    planned: Signed
    done: Signed | None = None
    report: str = ""
    checked: Checked | None = None
    later: str = ""

    @property
    def effective(self) -> bool:
        """Whether it was done, and found effective by another person."""
        return self.checked is not None and self.checked.result == "effective"

    @property
    def settled(self) -> bool:
        """Whether nothing more is expected of it: it was effective, or another action took its place."""
        return self.effective or bool(self.later)


class Invalidated(NamedTuple):
    """A result that does not count: the deviation whose investigation says so, why, and who decided it."""

    deviation: str
    reason: str
    by: Signed


@dataclass(frozen=True, slots=True)
class ReleaseException:
    """A release by exception and the signatures that it has; `stands_on` are the records that it was requested on."""

    code: str
    criteria: tuple[Criterion, ...]
    stands_on: tuple[str, ...]
    reason: str
    requested: Signed
    evaluated: Signed | None = None
    risks: str = ""
    accepted: Signed | None = None
    statement: str = ""
    withdrawn: Signed | None = None
