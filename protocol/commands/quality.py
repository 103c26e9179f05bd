"""What is said about quality: quarantine, holds, disposal."""

from typing import Literal

from protocol.commands.base import Command, Text


class DecideQuarantine(Command):
    """QA lifts one cause of a quarantine, or rejects the material.

    Args:
        cause: which cause is lifted (Q-1 ...); it need not be said where there is only one.
    """

    materials: tuple[str, ...]
    decision: Literal["lifted", "rejected"]
    reason: Text
    cause: str = ""


class ClearHold(Command):
    """Clear a hold after a wrong item: a right rescan, QA and a second person.

    Args:
        wristband: this patient's, scanned again. item: or else an item of this patient, or its chain of identity.
    """

    wristband: str | None = None
    item: str | None = None
    reason: Text


class Dispose(Command):
    """Dispose of materials."""

    materials: tuple[str, ...]
    reason: Text


QualityCommand = DecideQuarantine | ClearHold | Dispose
