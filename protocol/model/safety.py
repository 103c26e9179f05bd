"""Safety after infusion: how toxicity is graded from signs, and what is recorded of an adverse event."""

from decimal import Decimal
from functools import cached_property

from pydantic import Field

from events.identifiers import Name
from protocol.model.base import Names, Part, Title

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

    @cached_property
    def sign_by_id(self) -> dict[str, Sign]:
        """Its signs, by id."""
        return {sign.id: sign for sign in self.signs}


class EventRules(Part):
    """What is recorded of an adverse event.

    `dictionary`: whose terms and grades. `code_digits`: of how many digits a code of it is, where codes are recorded.
    `related`: the words for relatedness; `suspected`: those of them that make an event a suspected reaction.
    `criteria`: what makes an event serious, with their titles; `fatal`: the one that says death; `urgent`: those that are
    fatal or life-threatening.
    """

    dictionary: Title
    code_digits: int | None = Field(default=None, ge=1, le=40)
    reported_by: Names
    related: Names
    suspected: Names
    criteria: dict[Name, Title]
    fatal: Name
    urgent: Names
    source: Title | None = None


class Safety(Part):
    """The study's part on safety."""

    gradings: tuple[Grading, ...] = ()
    events: EventRules | None = None
    source: Title | None = None
