"""What a step asks of its temperature log: from when, which bands, and what follows from time outside them or unknown."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from events.identifiers import Name
from protocol.duration import Length
from protocol.model.base import Consequences, Part, Title
from protocol.model.clocks import At

Figure = Literal["file", "lowest", "highest", "mean", "kinetic_mean", "unknown"]


class Band(Part):
    """One bound in degrees Celsius, and what follows from time beyond it.

    `longer_than`: in all; `run_longer_than`: at a time, the unknown time beside it counted as beyond. Without either: any time.
    """

    above: Decimal | None = None
    below: Decimal | None = None
    longer_than: Length | None = None
    run_longer_than: Length | None = None
    otherwise: Consequences
    source: Title | None = None

    @property
    def side(self) -> Literal["above", "below"]:
        """On which side of the bound it is outside."""
        return "above" if self.above is not None else "below"

    @property
    def bound(self) -> Decimal:
        """The bound, in degrees Celsius."""
        found = self.above if self.above is not None else self.below
        return found if found is not None else Decimal(0)


class Unknown(Part):
    """How much time without a reading is too much, and what follows."""

    longer_than: Length
    otherwise: Consequences
    source: Title | None = None


class KineticMean(Part):
    """Mean kinetic temperature, for information only (ICH Q1A(R2), glossary). `activation_energy` in kJ/mol."""

    activation_energy: Decimal = Field(default=Decimal("83.144"), gt=0, le=1000)


def _kinetic(value: object) -> object:
    return {} if value == "yes" else value


class LoggerSpec(Part):
    """The temperature log of a step: which stretch it must cover, and what is computed from the raw file."""

    start: At = Field(alias="from")
    until: At | None = None
    file: Name
    fills: dict[Name, Figure] = {}
    plausible: tuple[Decimal, Decimal]
    reading_holds: Length | None = None
    bands: tuple[Band, ...] = Field(min_length=1)
    unknown: tuple[Unknown, ...] = ()
    kinetic_mean: Annotated[KineticMean | None, BeforeValidator(_kinetic)] = None
    findings: Consequences | None = None
    differs: Consequences | None = None
    lost: Consequences | None = None
    source: Title | None = None
