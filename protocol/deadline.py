"""A deadline that runs, whatever it is of: a step's clock, a visit's window, a deviation that stays open, an alert."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from protocol.due import Due
from protocol.model import Consequences, Incident
from protocol.state import Instance


class Deadline(NamedTuple):
    """A deadline that runs, and what follows when it strikes.

    Args:
        name, at: what it is called in the log; both together are unique in a therapy, and it strikes once.
        rule: of what follows. materials: what a quarantine would hold.
        due, incident: the step that it is of, if it is of one; what it tells of, if it is more than late.
        begun: from when it counts, where that matters when it strikes.
        announced: whether a record says beforehand when it strikes; else that follows from the record of what it is of.
    """

    name: str
    at: Instance
    strikes: datetime
    says: str
    then: Consequences
    rule: str
    materials: tuple[str, ...] = ()
    announced: bool = True
    due: Due | None = None
    incident: Incident | None = None
    begun: datetime | None = None
