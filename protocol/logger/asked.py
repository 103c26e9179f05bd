"""What a step asks of its temperature log. Small, so that whoever decides need not load whatever reads a file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from protocol.model import LoggerSpec


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a log: the stretch, the bounds, what is plausible, how long a reading may stand, the mean's energy."""

    starts: datetime
    ends: datetime
    bounds: tuple[tuple[Literal["above", "below"], Decimal], ...]
    plausible: tuple[Decimal, Decimal] | None = None
    holds: int | None = None
    energy: Decimal | None = None


def asked_by(spec: LoggerSpec, starts: datetime, ends: datetime) -> Asked:
    """What a step asks of its log."""
    bounds = tuple(dict.fromkeys((band.side, band.bound) for band in spec.bands))
    holds = spec.reading_holds
    return Asked(
        starts,
        ends,
        bounds,
        spec.plausible,
        int(holds.exact.total_seconds() * 1000) if holds else None,
        spec.kinetic_mean.activation_energy if spec.kinetic_mean else None,
    )
