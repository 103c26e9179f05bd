"""What a step records and scans, and the limits that follow."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BeforeValidator

from events.identifiers import Name
from protocol.duration import Length
from protocol.model.base import Consequences, Names, Part, Title
from protocol.model.codes import Forms


def per_cent(value: object) -> object:
    """A share written ``30 %``, the sign with or without a blank before it."""
    if not isinstance(value, str):
        return value
    number, sign, rest = value.partition("%")
    if not sign or rest.strip():
        raise ValueError(f"{value!r} is no share; write it in per cent: 30 %")
    return number.strip()


class Limit(Part):
    """One limit of a value and what follows when it is not kept. Numbers are in the record's unit.

    `same_as`: a text is the one that an earlier step recorded, written ``step.record``; capitals and spaces count as nothing.
    """

    at_least: Decimal | None = None
    at_most: Decimal | None = None
    above: Decimal | None = None
    below: Decimal | None = None
    must_be: Names | None = None
    same_as: str | None = None
    no_older_than: Length | None = None
    otherwise: Consequences
    source: Title | None = None


class Record(Part):
    """One value that a step records.

    `type` number needs `unit` and `plausible` (the range outside which it is refused as implausible); choice needs
    `options`; file is the SHA-256 of a raw file; date is YYYY-MM-DD. `late: true` may be reported after the step.
    `changes_at_most`: of a number, per cent of the last value under this name of the same patient; more is asked about.
    `form`: of a text that is a code, written in capitals and compared so.
    `on_label`, in a labelling step: answer to the statement that then, and only then, must stand on the label.
    """

    name: Name
    title: Title | None = None
    type: Literal["number", "text", "choice", "yes_no", "date", "file"] = "number"
    unit: Title | None = None
    plausible: tuple[Decimal, Decimal] | None = None
    changes_at_most: Annotated[Decimal | None, BeforeValidator(per_cent)] = None
    options: Names | None = None
    form: Forms = ()
    optional: bool = False
    late: bool = False
    on_label: dict[str, Name] = {}
    limits: tuple[Limit, ...] = ()


class ScanSpec(Part):
    """A barcode that must be scanned.

    `what` is ``patient`` (the wristband), ``chain_of_identity``, a kind of material (one live material of this
    patient), ``KIND or KIND`` (one of either), or ``new KIND`` (a code never used before, bound to this patient by this
    step); `count` is [least, most]. `parent`, for a new material: the kind it is made from, or ``KIND or KIND``.
    """

    what: str
    count: tuple[int, int] = (1, 1)
    parent: str | None = None

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of material of which one is scanned; none for new material."""
        return () if self.new is not None else tuple(self.what.split(" or "))

    @property
    def parents(self) -> tuple[str, ...]:
        """The kinds that a new material may be made from, as the file names them."""
        return tuple(self.parent.split(" or ")) if self.parent else ()

    @property
    def new(self) -> str | None:
        """The kind of material that comes into being, if one does."""
        return self.what.removeprefix("new ") if self.what.startswith("new ") else None


def scan_words(value: object) -> object:
    return {"what": value} if isinstance(value, str) else value
