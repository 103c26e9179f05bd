"""What goes on when a patient withdraws or dies, what becomes of the material, and who must hear of the worst at once."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from events.identifiers import Name
from protocol.model.base import Names, Part, Title, listed

Ending = Literal["visits", "data", "death"]
"""What may end the recording of a step that goes on in others' case: withdrawal from visits, from data, death."""


class GoesOn(Part):
    """A step that is still recorded after the patient has withdrawn, or died; with `permit` if the consent permits that."""

    step: Name
    after: Annotated[tuple[Ending, ...], BeforeValidator(listed), Field(min_length=1)]
    permit: Name | None = None
    source: Title | None = None


class Endings(Part):
    """How a therapy ends before its last visit.

    `keeps`: kind of material to what the consent must permit for it to be kept; kinds left out are disposed of.
    `kept_at`: places where material may be kept; every place if left out. `kept_by`: roles that keep or return it; those
    that decide on quality if left out. `disposal_witnessed_by`: another person in one of these roles signs a disposal too.
    """

    goes_on: tuple[GoesOn, ...] = ()
    keeps: dict[Name, Name] = {}
    kept_at: Names = ()
    kept_by: Names = ()
    disposal_witnessed_by: Names = ()
    source: Title | None = None


class Escalation(Part):
    """Roles that are each alerted.

    `product_lost`: no usable product is left after conditioning began. `rescue`: steps kept in reserve that are offered then,
    for a patient without a product and without bone marrow. `material_lost`: something was lost or destroyed by accident.
    `not_by_the_rules`: something is told that happened against a rule. `exposed`: steps kept in reserve that are offered for
    a patient who was given another patient's material.
    """

    product_lost: Names = ()
    rescue: Names = ()
    material_lost: Names = ()
    not_by_the_rules: Names = ()
    exposed: Names = ()
    source: Title | None = None
