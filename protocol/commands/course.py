"""What is said about the patient's course: how it ends, and what the clock makes due."""

from typing import Literal

from protocol.commands.base import Command, DayOrMoment, Text


class WithdrawPatient(Command):
    """The patient withdraws."""

    withdrawn: tuple[Literal["treatment", "visits", "data", "samples"], ...]
    at: DayOrMoment
    reason: Text


class ReportDeath(Command):
    """The patient died."""

    at: DayOrMoment
    reason: Text


class FailScreening(Command):
    """The patient does not meet the criteria."""

    reason: Text


class LetPass(Command):
    """The system's own turn: whatever the clock and the protocol make due by themselves."""


CourseCommand = WithdrawPatient | ReportDeath | FailScreening | LetPass
