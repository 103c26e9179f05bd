"""The dose that was given: the sum over the bags that were infused, held against the target of this patient."""

from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, Field

from events.identifiers import Name
from protocol.model.base import Consequences, Part, Title, listed

Readings = Annotated[tuple[str, ...], BeforeValidator(listed)]
"""One reading written ``STEP.RECORD``, or several."""


class Dose(Part):
    """How the dose given is computed, and what follows where it misses the target.

    `of`: the cells that are in one bag. With `volume` (of one bag) and `residue` (what was left of it, one reading for each
    infusion step that the study has, in the same unit) what was left is not counted. `divide`: the latest of each.
    `within`, `percent`: of the target that the chosen option of this choice carries.
    """

    of: str
    volume: str | None = None
    residue: Readings = ()
    divide: Readings = ()
    unit: Title
    within: Name
    percent: Decimal = Field(gt=0)
    otherwise: Consequences
    source: Title | None = None
