"""What is said when manufacture came to nothing: that it failed, that it did not, that the product is made again, the end."""

from typing import Literal

from events.facts.base import Name
from protocol.commands.base import Command, Text


class FailManufacture(Command):
    """Manufacture failed.

    Args:
        step, occurrence, material: in which instance of which step.
        ends, retains: every live material that the product needs is named in one of them.
    """

    step: Name
    occurrence: Name = "1"
    material: str | None = None
    says: Text
    ends: tuple[str, ...] = ()
    retains: tuple[str, ...] = ()


class DecideFailure(Command):
    """A second person confirms a failure, or declines it."""

    failure: str
    decision: Literal["confirmed", "declined"]
    reason: Text


class BeginRemake(Command):
    """The product is made again, from this step on."""

    start: Name
    reason: Text


class TerminateTherapy(Command):
    """No way out is taken: the therapy ends."""

    reason: Text


ManufactureCommand = FailManufacture | DecideFailure | BeginRemake | TerminateTherapy
