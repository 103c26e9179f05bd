"""What the handling of a deviation asks for, by grade, and how long an alert may wait."""

from typing import Annotated, Literal

from pydantic import BeforeValidator

from protocol.model.base import Names, Part, Title, listed
from protocol.model.clocks import ClockLimit

Asked = Literal["impact", "investigation", "capa"]


class Handling(Part):
    """What a deviation of one grade asks for before it may be closed, and what follows while it stays open.

    Written as a list of what it requires, or with the other field.
    """

    requires: Annotated[tuple[Asked, ...], BeforeValidator(listed)] = ("impact",)
    limits: tuple[ClockLimit, ...] = ()


def _handling(value: object) -> object:
    return {"requires": value} if isinstance(value, (str, list, tuple)) else value


class Quality(Part):
    """How deviations are handled. A grade that is left out asks for its impact, as every grade does without this part."""

    minor: Annotated[Handling, BeforeValidator(_handling)] = Handling.model_construct()
    major: Annotated[Handling, BeforeValidator(_handling)] = Handling.model_construct()
    critical: Annotated[Handling, BeforeValidator(_handling)] = Handling.model_construct()
    investigated_by: Names | None = None
    unacknowledged: tuple[ClockLimit, ...] = ()
    source: Title | None = None

    def of(self, grade: str) -> Handling:
        """What a grade asks for."""
        return {"minor": self.minor, "major": self.major, "critical": self.critical}[grade]
