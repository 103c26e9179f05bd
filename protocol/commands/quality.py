"""What is said about quality: deviations, quarantine, holds, disposal."""

from typing import Literal

from protocol.commands.base import Command, Text


class OpenDeviation(Command):
    """A person reports a deviation."""

    grade: Literal["minor", "major", "critical"]
    says: Text


class AssessDeviation(Command):
    """Assess the impact of a deviation."""

    deviation: str
    impact: Text


class CloseDeviation(Command):
    """Close a deviation; not by its opener."""

    deviation: str
    conclusion: Text


class DecideQuarantine(Command):
    """QA lifts a quarantine, or rejects the material."""

    materials: tuple[str, ...]
    decision: Literal["lifted", "rejected"]
    reason: Text


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


QualityCommand = OpenDeviation | AssessDeviation | CloseDeviation | DecideQuarantine | ClearHold | Dispose
