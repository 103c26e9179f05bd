"""What is said about safety: a computed grade is signed, an adverse event is reported, and followed."""

from events.facts.base import Count, Flag, Name, Short
from protocol.commands.base import Command, Moment, Text


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
    onset: Moment
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
    at: Moment | None = None
    aware: Moment | None = None
    resolved: Flag = False
    grade: Count | None = None
    related: Name | None = None
    serious: Flag | None = None
    criteria: tuple[Name, ...] | None = None
    expected: Flag | None = None
    dlt: Flag | None = None


SafetyCommand = SignGrades | ReportEvent | FollowEvent
