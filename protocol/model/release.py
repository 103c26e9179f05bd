"""What a release stands on."""

from decimal import Decimal
from functools import cached_property
from typing import Annotated, Literal

from pydantic import BeforeValidator

from events.identifiers import Name
from protocol.model.base import Consequences, Names, Part, Title, listed


class Measure(Part):
    """What a release criterion looks at: readings written ``step.reading``, combined, multiplied, divided."""

    of: str
    combine: Literal["latest", "sum", "lowest", "highest"] = "latest"
    multiply: Annotated[tuple[str, ...], BeforeValidator(listed)] = ()
    divide: Annotated[tuple[str, ...], BeforeValidator(listed)] = ()


def _measure(value: object) -> object:
    return {"of": value} if isinstance(value, str) else value


class Asked(Part):
    """What a criterion asks for. `within`: of the target that the chosen option of this choice carries, ± percent."""

    id: Name
    title: Title
    measure: Annotated[Measure | None, BeforeValidator(_measure)] = None
    unit: Title | None = None
    at_least: Decimal | None = None
    at_most: Decimal | None = None
    above: Decimal | None = None
    below: Decimal | None = None
    must_be: Names | None = None
    within: Name | None = None
    percent: Decimal | None = None
    source: Title | None = None


class Alternative(Asked):
    """One of several criteria of which one is enough; or what a criterion without alternatives asks for itself."""

    measure: Annotated[Measure, BeforeValidator(_measure)]


class ReleaseCriterion(Asked):
    """One criterion of release: what it asks for stands in its own fields, or in those of `any_of`, of which one is enough.

    `each_bag`: the bag that is decided on passes or fails by its own results.
    """

    any_of: tuple[Alternative, ...] = ()
    each_bag: bool = False
    may_be_pending: bool = False
    never_by_exception: bool = False

    @cached_property
    def alternatives(self) -> tuple[Alternative, ...]:
        """What passes it, each by itself: those of `any_of`, or its own fields."""
        if self.measure is None:
            return self.any_of
        return (Alternative.model_construct(**{name: getattr(self, name) for name in Alternative.model_fields}),)


class ExceptionalRelease(Part):
    """Who signs a release by exception, in this order, after the investigation and before QA; `told` at once after it."""

    requested_by: Names
    evaluated_by: Names
    accepted_by: Names
    told: Names = ()
    source: Title | None = None


class Release(Part):
    """What QA's disposition stands on: the product's kind of material, and the criteria.

    `failing`: what follows when a test's result fails a criterion before the release.
    `alerts`: roles that are each alerted when a criterion falls after the release.
    """

    product: Name
    failing: Consequences = ()
    alerts: Names = ()
    exception: ExceptionalRelease | None = None
    criteria: tuple[ReleaseCriterion, ...]
