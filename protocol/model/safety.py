"""Safety after infusion: toxicity graded from signs, adverse events and their reports, dose-limiting toxicity."""

from decimal import Decimal
from functools import cached_property
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PrivateAttr

from events.identifiers import Digest, Name
from protocol.duration import Length
from protocol.model.base import Consequences, Names, Part, Signatures, Title, listed
from protocol.model.clocks import At
from protocol.model.records import Record

HIGHEST = 5
"""No scale of toxicity has a higher grade than this (CTCAE v5.0, ASTCT): 5 is death."""


class Level(Part):
    """What a sign must show for a grade: a number from or up to a bound, or one of some answers."""

    at_least: Decimal | None = None
    at_most: Decimal | None = None
    answer: Names | None = None
    grade: int = Field(ge=1, le=HIGHEST)


class Sign(Part):
    """A sign that is graded: a record of the step, or several that are added up.

    `other_cause`: a yes-or-no record of the same step; where it says yes the sign is attributable to something else, and
    gives no grade.
    """

    id: Name
    title: Title
    of: Names
    levels: tuple[Level, ...] = Field(min_length=1)
    other_cause: Name | None = None


class RequiredSign(Part):
    """A sign without which the others give no grade; not required any more from the day that `unless_since` records."""

    sign: Name
    unless_since: Name | None = None


class Grading(Part):
    """A toxicity that is graded at each visit of a step: the highest grade that one of its signs gives.

    `highest`: the highest grade that may be signed, with a reason. `signed_by`: one of these roles signs what is computed.
    """

    id: Name
    title: Title
    step: Name
    signs: tuple[Sign, ...] = Field(min_length=1)
    requires: RequiredSign | None = None
    highest: int = Field(ge=1, le=HIGHEST)
    signed_by: Names
    source: Title | None = None
    _records: dict[str, Record] = PrivateAttr(default_factory=dict)

    def look_at(self, records: dict[str, Record]) -> None:
        """Once, where the study is read: the step's records, which say what a value that is missing may be."""
        self._records = records

    @property
    def records(self) -> dict[str, Record]:
        """The records of its step, by name."""
        return self._records

    @cached_property
    def sign_by_id(self) -> dict[str, Sign]:
        """Its signs, by id."""
        return {sign.id: sign for sign in self.signs}


class EventDictionary(Part):
    """Whose terms and grades: one that ships, written as its name alone, or a sponsor's own, a file beside the study's.

    `sha256`: of that file's bytes; its text is adopted with the study.
    """

    title: Title
    file: Title | None = None
    sha256: Digest | None = None


def _dictionary_words(value: object) -> object:
    return {"title": value} if isinstance(value, str) else value


class EventRules(Part):
    """What is recorded of an adverse event.

    `dictionary`: whose terms and grades. `code_digits`: of how many digits a code of it is, where codes are recorded.
    `related`: the words for relatedness; `suspected`: those of them that make an event a suspected reaction.
    `criteria`: what makes an event serious, with their titles; `fatal`: the one that says death; `urgent`: those that are
    fatal or life-threatening.
    """

    dictionary: Annotated[EventDictionary, BeforeValidator(_dictionary_words)]
    code_digits: int | None = Field(default=None, ge=1, le=40)
    reported_by: Names
    related: Names
    suspected: Names
    criteria: dict[Name, Title]
    fatal: Name
    urgent: Names
    source: Title | None = None


AWARE = "aware"
"""Where a report is counted from that counts from no other report: the site's awareness."""
Holds = Literal["serious", "suspected", "unexpected", "urgent", "not_urgent"]


class SafetyReport(Part):
    """A report that an adverse event asks for while all of `when` holds, and until when it must have been sent.

    `from` is ``aware``, the moment at which the site knew all that makes it due, or another report: then it counts from when
    that one was received, or from when all held, whichever was later. `unexpected` holds until somebody says it was expected.
    """

    id: Name
    title: Title
    when: Annotated[tuple[Holds, ...], BeforeValidator(listed), Field(min_length=1)]
    start: Name = Field(alias="from")
    within: Length
    sent_by: Names
    then: Consequences
    source: Title | None = None


class DltRules(Part):
    """The decision on dose-limiting toxicity, one for each patient: after the window, or at once where there is one.

    `decided_by` and `agreed_by` are two people.
    """

    start: At = Field(alias="from")
    window: Length
    decided_by: Names
    agreed_by: Names
    source: Title | None = None


class CohortRules(Part):
    """Dose cohorts: each option of the choice `of` is one, and its next patient waits for what is decided on those before.

    `gates`: steps that stay shut. `one_by_one`: how many first patients wait for the DLT decision on each one before them;
    all, if left out. `interval`: how long lies between the infusion of one of these and the gate of the next. `stop_at`:
    how many patients with a dose-limiting toxicity stop the cohort. `stopped_by`: roles that stop it. `reopened_by`: the signatures,
    in their order, that open it again.
    """

    of: Name
    gates: Names
    one_by_one: int | None = Field(default=None, ge=1, le=1000)
    interval: Length | None = None
    stop_at: int | None = Field(default=None, ge=1, le=1000)
    stopped_by: Names
    reopened_by: Signatures
    source: Title | None = None


class Safety(Part):
    """The study's part on safety."""

    gradings: tuple[Grading, ...] = ()
    events: EventRules | None = None
    reports: tuple[SafetyReport, ...] = ()
    dlt: DltRules | None = None
    cohorts: CohortRules | None = None
    source: Title | None = None
