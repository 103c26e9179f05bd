"""Facts of safety after infusion: toxicity grades proposed and signed, adverse events reported and followed."""

from typing import ClassVar, Literal

from events.facts.base import ActKey, Code, Count, DayOrInstant, Digest, Flag, Instant, Name, Short, Text, TherapyFact


class GradeProposed(TherapyFact):
    """A toxicity grade was computed from the signs that a visit recorded: a proposal, until somebody signs it.

    Args:
        grading: what the protocol calls it (``crs``). key: the visit.
        grade: None where a sign is missing that can still change it: `missing` names the records, and the grade lies between
            `at_least` and `at_most`, whatever they turn out to be.
        because: each sign that surely gives a grade, and each that was left out and cannot change it, in words.
    """

    wire: ClassVar[str] = "grade.proposed.v1"
    grading: Name
    key: ActKey
    grade: Count | None = None
    missing: tuple[Name, ...] = ()
    at_least: Count | None = None
    at_most: Count | None = None
    because: tuple[Short, ...] = ()


class GradeSigned(TherapyFact):
    """A toxicity grade was signed: as proposed, or another one with the reason why. Both stay.

    Args:
        proposed: what had been computed; None where the visit was not gradable.
        grade: what counts from now on; None where not gradable is what was signed.
    """

    wire: ClassVar[str] = "grade.signed.v1"
    grading: Name
    key: ActKey
    proposed: Count | None = None
    grade: Count | None = None
    reason: Text | None = None


class AdverseEventReported(TherapyFact):
    """An adverse event became known.

    Args:
        event: its number in this therapy (``AE-1``).
        term: the dictionary's term; code: the dictionary's number for it, of which only the structure is checked.
        grade: 1 to 5. onset: when it began, a moment or a day. aware: when the site became aware of it.
        related: one of the protocol's words. expected: None while nobody has judged it.
        criteria: why it is serious, in the protocol's words; none where it is not.
        dlt: whether it may be a dose-limiting toxicity.
    """

    wire: ClassVar[str] = "adverse_event.reported.v1"
    event: Code
    term: Short
    code: Code | None = None
    grade: Count
    onset: DayOrInstant
    aware: Instant
    related: Name
    serious: Flag
    criteria: tuple[Name, ...] = ()
    expected: Flag | None = None
    dlt: Flag
    says: Text | None = None


class AdverseEventFollowed(TherapyFact):
    """More became known of an adverse event, or it changed; what was said before stays.

    Args:
        what: worsened, improved (its grade changed), resolved (it ended), amended (judged otherwise).
        at: when it changed, a moment or a day; aware: when the site became aware of that.
        Every other field is what it is from then on; None where it stays as it was.
    """

    wire: ClassVar[str] = "adverse_event.followed.v1"
    event: Code
    what: Literal["worsened", "improved", "resolved", "amended"]
    at: DayOrInstant
    aware: Instant
    grade: Count | None = None
    related: Name | None = None
    serious: Flag | None = None
    criteria: tuple[Name, ...] | None = None
    expected: Flag | None = None
    dlt: Flag | None = None
    says: Text


class SafetyReportSent(TherapyFact):
    """A safety report about an adverse event was sent, and its clock stopped.

    Args:
        report: what the protocol calls it (``sae``). at: when it reached whom it was for.
        due: until when it was due. reference: its number there.
    """

    wire: ClassVar[str] = "safety_report.sent.v1"
    event: Code
    report: Name
    at: Instant
    due: Instant
    reference: Short | None = None


class DltDecided(TherapyFact):
    """Whether this patient had a dose-limiting toxicity was decided; it stands once a second person agrees.

    Args:
        events: those that are dose-limiting; none unless that is what was decided.
        flagged: every event that was flagged as possible then: what was decided on.
        awaits: the roles of which one must agree.
    """

    wire: ClassVar[str] = "dlt.decided.v1"
    decision: Literal["dlt", "no_dlt", "not_evaluable"]
    events: tuple[Code, ...] = ()
    flagged: tuple[Code, ...] = ()
    reason: Text
    awaits: tuple[Name, ...]


class DltAnswered(TherapyFact):
    """A second person agreed with a decision on dose-limiting toxicity, or did not: then it does not stand.

    Args:
        first: the record of the decision.
    """

    wire: ClassVar[str] = "dlt.answered.v1"
    first: Digest
    answer: Literal["agreed", "not_agreed"]
    decision: Literal["dlt", "no_dlt", "not_evaluable"]
    reason: Text | None = None
