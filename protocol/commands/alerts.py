"""What is said about alerts."""

from protocol.commands.base import Command, Text


class AcknowledgeAlert(Command):
    """Somebody in one of the alert's roles knows it; `note` says what they do about it."""

    alert: str
    note: Text | None = None


AlertCommand = AcknowledgeAlert
