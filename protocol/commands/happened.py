"""What is said of an act that took place although the rules would have refused it."""

from events.facts.base import Name
from protocol.commands.base import Command, Moment, Readings, Text
from protocol.commands.steps import Presented


class TellHappened(Command):
    """Tell an act that already happened, even wrongly: the wrong patient, out of order, by one person only.

    Args:
        step, occurrence, material: which step it was, as far as it can be said.
        started, ended: when; `ended` is `started` if left out.
        performed_by: the accounts of those who did it, the performer first; empty where nobody knows.
        scans: what it was done with, one code each; of another patient too.
        readings, used, room: what is known of it; what is missing is told as a rule that it broke.
        alone: why nobody can sign second. says: what happened.
    """

    step: Name
    occurrence: Name | None = None
    material: str | None = None
    started: Moment
    ended: Moment | None = None
    performed_by: tuple[str, ...] = ()
    scans: tuple[Presented, ...] = ()
    readings: Readings = {}
    used: dict[Name, str] = {}
    room: str | None = None
    alone: Text | None = None
    says: Text


HappenedCommand = TellHappened
