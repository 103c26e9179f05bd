"""What a label says, how large it is, who prints it."""

from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from events.identifiers import Name
from events.zones import zone_of
from protocol.duration import Length
from protocol.model.base import Names, Part, Title, listed


class Size(NamedTuple):
    """Width and height in whole millimetres."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width} x {self.height} mm"


LabelSize = Annotated[str, StringConstraints(pattern=r"^[0-9]{2,3} x [0-9]{2,3} mm$")]
"""Written ``100 x 50 mm``: the width first."""


def size(text: str) -> Size:
    """Width and height of a size that was checked."""
    width, _, height, _ = text.split()
    return Size(int(width), int(height))


def _known_zone(name: str) -> str:
    zone_of(name)
    return name


Values = Annotated[tuple[str, ...], BeforeValidator(listed), Field(min_length=1)]


class LabelField(Part):
    """One line of a label: a fixed `text`, or what stands in the record (`from`), a moment with `plus` later."""

    title: Title
    text: Title | None = None
    value_of: str | None = Field(default=None, alias="from")
    plus: Length | None = None
    optional: bool = False
    source: Title | None = None


class RequiredStatement(Part):
    """A statement that a label must bear; with `when`, only while every value named stands so in the record.

    `{STEP.RECORD}` in the text is replaced by the value that stands.
    """

    id: Name
    text: Title
    when: dict[str, Values] = {}
    legend: Literal["biohazard"] | None = None
    source: Title | None = None


class LabelTemplate(Part):
    """A kind of label: for which material, how large, how many a set, who prints, what it says."""

    title: Title
    of: Name
    size: LabelSize
    count: int = Field(ge=1, le=50)
    printed_by: Names
    witnessed_by: Names
    zone: Annotated[str, AfterValidator(_known_zone)] = "UTC"
    fields: tuple[LabelField, ...] = ()
    statements: tuple[RequiredStatement, ...] = ()
