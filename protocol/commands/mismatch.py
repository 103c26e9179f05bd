"""What is said about a label that does not match its content, or an item whose place nobody can explain."""

from typing import Literal

from protocol.commands.base import Command, Text


class ReportMismatch(Command):
    """Report a mismatch. Anybody enrolled may.

    Args:
        material: the item of this therapy.
        found: whatever its content, or the place where it is, speaks for; None where nothing tells.
        what: whether the label does not match, or the place is unexplained.
    """

    material: str
    found: str | None = None
    what: Literal["label", "place"] = "label"
    says: Text


class DecideMismatch(Command):
    """A person of QA decides on materials, or agrees with the decision of another; without materials on the stop alone."""

    mismatch: str
    materials: tuple[str, ...] = ()
    decision: Literal["lifted", "rejected"]
    reason: Text


MismatchCommand = ReportMismatch | DecideMismatch
