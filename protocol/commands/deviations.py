"""What is said about a deviation and the actions that follow from it."""

from typing import Literal

from events.facts.base import Grade, Name
from events.facts.deviations import Cause
from protocol.commands.base import Command, DayOrMoment, Text


class OpenDeviation(Command):
    """A person reports a deviation.

    Args:
        step, occurrence: the act that it concerns. materials: the materials that it concerns.
    """

    grade: Grade
    says: Text
    step: Name | None = None
    occurrence: Name | None = None
    materials: tuple[str, ...] = ()


class RegradeDeviation(Command):
    """Change a deviation's grade."""

    deviation: str
    grade: Grade
    reason: Text


class InvestigateDeviation(Command):
    """Say what an investigation found."""

    deviation: str
    cause: Cause
    root_cause: Text


class AssessDeviation(Command):
    """Assess the impact of a deviation."""

    deviation: str
    impact: Text


class CloseDeviation(Command):
    """Close a deviation; not by its opener."""

    deviation: str
    conclusion: Text


class PlanAction(Command):
    """Plan a corrective or preventive action."""

    deviation: str
    what: Literal["corrective", "preventive"] = "corrective"
    says: Text
    role: Name
    owner: str | None = None
    due: DayOrMoment
    instead_of: str | None = None


class ReportAction(Command):
    """Say that an action was done."""

    action: str
    says: Text


class CheckAction(Command):
    """Say whether an action was effective."""

    action: str
    result: Literal["effective", "not_effective"]
    says: Text


DeviationCommand = (
    OpenDeviation
    | RegradeDeviation
    | InvestigateDeviation
    | AssessDeviation
    | CloseDeviation
    | PlanAction
    | ReportAction
    | CheckAction
)
