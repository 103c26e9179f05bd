"""What is said of an amendment: that a therapy be moved to another version of its study; that it is approved, or declined."""

from typing import Literal

from events.facts.base import Name
from protocol.commands.base import Command, Moment, Short, Text


class ProposeAmendment(Command):
    """A running therapy is to go on under another version of its study.

    Args:
        to: the version as the study writes it, or the beginning of its digest.
        consented, form, permits: the patient's consent to the new version: when, on which form, what it permits.
    """

    to: str
    reason: Text
    consented: Moment | None = None
    form: Short | None = None
    permits: tuple[Name, ...] = ()


class DecideAmendment(Command):
    """A second person approves an amendment, or declines it."""

    amendment: str
    decision: Literal["approved", "declined"]
    reason: Text


AmendmentCommand = ProposeAmendment | DecideAmendment
