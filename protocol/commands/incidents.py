"""What is said about an incident on the road: that it happened, and which way on is chosen."""

from events.facts.base import Name
from protocol.commands.base import Command, Moment, Text


class ReportIncident(Command):
    """Report an incident.

    Args:
        name: what the protocol calls it.
        step, material: which step is under way, and on what; may be left out where only one fits.
        at: when it happened; now if left out.
    """

    name: Name
    says: Text
    step: Name | None = None
    material: str | None = None
    at: Moment | None = None


class ChooseOption(Command):
    """Choose one of the options that the protocol gives after an incident."""

    incident: str
    option: Name
    why: Text


IncidentCommand = ReportIncident | ChooseOption
