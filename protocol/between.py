"""A number as far as it is known: a value that is missing may be anything in the plausible range of its record."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from protocol.model import StudyProtocol


class Between(NamedTuple):
    """The lowest and the highest that a number may be; equal where it is known."""

    low: Decimal
    high: Decimal

    @property
    def exact(self) -> Decimal | None:
        """The number, where it is known."""
        return self.low if self.low == self.high else None


def known(value: Decimal | str) -> Between:
    """A number that is known."""
    return Between(Decimal(value), Decimal(value))


def plausible(protocol: StudyProtocol, source: str) -> Between | None:
    """What a missing ``STEP.RECORD`` may be; None where it is no number."""
    step, _, name = source.partition(".")
    bounds = protocol.by_id[step].record_by_name[name].plausible
    return Between(*bounds) if bounds else None
