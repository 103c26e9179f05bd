"""What is said about alerts."""

from protocol.commands.base import Command, Short


class AcknowledgeAlert(Command):
    """Somebody in one of the alert's roles knows it; `note` says what they do about it."""

    alert: str
    note: Short | None = None


AlertCommand = AcknowledgeAlert
