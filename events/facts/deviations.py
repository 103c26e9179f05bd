"""Facts of handling a deviation, beside its opening, assessment and closure: regraded, investigated, corrective and
preventive actions, reopened."""

from typing import ClassVar, Literal

from events.facts.base import Account, Code, DayOrInstant, Grade, Name, PersonId, Text, TherapyFact

Cause = Literal["laboratory_error", "process", "material", "equipment", "person", "unknown"]


class DeviationRegraded(TherapyFact):
    """A deviation's grade was changed. The old one stays on record."""

    wire: ClassVar[str] = "deviation.regraded.v1"
    deviation: Code
    old: Grade
    new: Grade
    reason: Text


class DeviationInvestigated(TherapyFact):
    """A deviation was investigated: what kind of cause it has, and its root cause."""

    wire: ClassVar[str] = "deviation.investigated.v1"
    deviation: Code
    cause: Cause
    root_cause: Text


class ActionPlanned(TherapyFact):
    """A corrective or preventive action was planned.

    Args:
        action: its number in this therapy (``C-1``).
        role: of which somebody does it. owner, person: who of them, where that was said.
        instead_of: an earlier action that was not effective, or will not be done.
    """

    wire: ClassVar[str] = "action.planned.v1"
    action: Code
    deviation: Code
    what: Literal["corrective", "preventive"]
    says: Text
    role: Name
    owner: Account | None = None
    person: PersonId | None = None
    due: DayOrInstant
    instead_of: Code | None = None


class ActionDone(TherapyFact):
    """Somebody says that they did an action."""

    wire: ClassVar[str] = "action.done.v1"
    action: Code
    says: Text


class ActionChecked(TherapyFact):
    """Another person checked whether an action was effective."""

    wire: ClassVar[str] = "action.checked.v1"
    action: Code
    result: Literal["effective", "not_effective"]
    says: Text


class DeviationReopened(TherapyFact):
    """A closed deviation is open again: an action that it was closed on was not effective."""

    wire: ClassVar[str] = "deviation.reopened.v1"
    deviation: Code
    reason: Text
