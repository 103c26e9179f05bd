"""Environmental monitoring: what is measured where cells are open, and its limits."""

from decimal import Decimal
from functools import cached_property
from typing import Literal

from pydantic import Field

from events.identifiers import Name
from protocol.duration import Length
from protocol.model.base import Names, Part, Title
from protocol.model.records import Limit, Record


class EnvironmentValue(Part):
    """One value of environmental monitoring: what it is, what is plausible, its limits.

    `after`: it is taken when the open step is over, at most this long after it (contact plates). Without it the periods
    of its results must cover the whole of the step; a gap is a missing result.
    """

    name: Name
    title: Title | None = None
    type: Literal["number", "text", "choice", "yes_no", "file"] = "number"
    unit: Title | None = None
    plausible: tuple[Decimal, Decimal] | None = None
    options: Names | None = None
    after: Length | None = None
    limits: tuple[Limit, ...] = ()

    @cached_property
    def record(self) -> Record:
        """The same as a value that a step records: how it is read, and what is wrong in it."""
        return Record.model_validate(self.model_dump(exclude={"after"}))


class EnvironmentSet(Part):
    """Values that are asked for together: of every step in a room of these kinds (`rooms`), or of a step that names the set."""

    title: Title
    values: Names
    rooms: Names = ()
    source: Title | None = None


class Environment(Part):
    """What is monitored: the values, each defined once, and the sets in which steps and rooms ask for them."""

    values: tuple[EnvironmentValue, ...] = Field(min_length=1)
    sets: dict[Name, EnvironmentSet]
    source: Title | None = None
