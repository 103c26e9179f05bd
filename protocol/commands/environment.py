"""What is said of a room: the results of its environmental monitoring, and that it was changed over."""

from protocol.commands.base import Command, Moment, Readings, Text


class ReportEnvironment(Command):
    """Results of a room, for the period in which its plates lay open or it was counted; `why` for a second result.

    Args:
        corrects: the link of the report whose place this one takes, with all results that shall stand; `why` is asked for.
    """

    room: str
    started: Moment
    ended: Moment
    readings: Readings = {}
    why: Text | None = None
    corrects: str | None = None


class ChangeOver(Command):
    """A room was changed over between two patients."""

    room: str
    at: Moment
    says: Text
