"""What is said about safety: grades signed, adverse events reported and followed, reports sent, a DLT decision."""

from typing import Literal

from events.facts.base import Count, Flag, Name
from protocol.commands.base import Command, DayOrMoment, Moment, Short, Text


class SignGrades(Command):
    """Sign the grades that a visit's signs propose.

    Args:
        occurrence: the visit. step: which step it is of; may be left out where one step alone is graded.
        grades: those signed otherwise than proposed; every other open one of the visit is signed as proposed.
        why: the reason where one differs.
    """

    occurrence: Name
    step: Name | None = None
    grades: dict[Name, Count] = {}
    why: Text | None = None


class ReportEvent(Command):
    """Report an adverse event; see the fact for the fields. `aware` is now if left out."""

    term: Short
    code: str | None = None
    grade: Count
    onset: DayOrMoment
    aware: Moment | None = None
    related: Name
    serious: Flag = False
    criteria: tuple[Name, ...] = ()
    expected: Flag | None = None
    dlt: Flag = False
    says: Text | None = None


class FollowEvent(Command):
    """Say what changed in an adverse event, or what became known of it.

    Args:
        at: when it changed, now if left out; aware: when the site became aware of that, now if left out.
        resolved: it ended then. Any other field is left out where it stays as it was.
    """

    event: str
    says: Text
    at: DayOrMoment | None = None
    aware: Moment | None = None
    resolved: Flag = False
    grade: Count | None = None
    related: Name | None = None
    serious: Flag | None = None
    criteria: tuple[Name, ...] | None = None
    expected: Flag | None = None
    dlt: Flag | None = None


class SendReport(Command):
    """A safety report reached whom it was for: its clock stops. `at` is now if left out."""

    event: str
    report: Name
    at: Moment | None = None
    reference: Short | None = None


class DecideDlt(Command):
    """Decide whether the patient had a dose-limiting toxicity; `events` names those that were."""

    decision: Literal["dlt", "no_dlt", "not_evaluable"]
    events: tuple[str, ...] = ()
    why: Text


class AnswerDlt(Command):
    """Agree with the decision that waits, or do not, with the reason why."""

    answer: Literal["agreed", "not_agreed"]
    why: Text | None = None


SafetyCommand = SignGrades | ReportEvent | FollowEvent | SendReport | DecideDlt | AnswerDlt
