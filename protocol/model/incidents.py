"""What can go wrong on the road, and what may then be done: incidents, with options and their time."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from events.identifiers import Name
from protocol.duration import Length
from protocol.model.base import Consequence, Names, Part, Title, consequence, listed
from protocol.model.clocks import At


class Until(Part):
    """Until when an option is open: this long after a moment."""

    start: At = Field(alias="from")
    within: Length


class IncidentOption(Part):
    """One way on. `offers`: reserve steps that it makes available; without them it is a decision alone."""

    id: Name
    title: Title
    offers: Names = ()
    until: Until | None = None
    source: Title | None = None


class Detected(Part):
    """What the system sees by itself: the step is not signed this long after a booked slot began, or after a moment."""

    slot: Name | None = None
    start: At | None = Field(default=None, alias="from")
    step: Name
    late: Length


class Incident(Part):
    """Something that can go wrong while one of the steps `during` is under way; reported by a person, or detected."""

    id: Name
    title: Title
    during: Names
    reported_by: Names
    decided_by: Names = ()
    consequences: Annotated[
        tuple[Annotated[Consequence, BeforeValidator(consequence)], ...], BeforeValidator(listed)
    ] = ()
    options: tuple[IncidentOption, ...] = ()
    detected: Detected | None = None
    source: Title | None = None
