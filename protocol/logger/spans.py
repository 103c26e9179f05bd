"""Lengths of time in a declaration, to the millisecond: ``30 s``, ``10 min``, ``1 h``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

_FORM = re.compile(r"([0-9]{1,7}(?:\.[0-9]{1,3})?)\s*(s|min|h|d)", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_MS = {"s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time: as it was written, and in milliseconds."""

    text: str
    ms: int

    def __str__(self) -> str:
        return self.text


def read_span(value: object) -> Span:
    """Read a length of time.

    Raises:
        ValueError: another form, or none at all (0).
    """
    if isinstance(value, Span):
        return value
    match = _FORM.fullmatch(str(value).strip())
    if match is None:
        raise ValueError(f"{value!r} is no length of time; write for example 30 s, 10 min or 1 h")
    ms = Decimal(match[1]) * _MS[match[2]]
    if ms != int(ms) or not ms:
        raise ValueError(f"{value!r} is not a whole number of milliseconds above 0")
    return Span(f"{match[1]} {match[2]}", int(ms))


Length = Annotated[Span, BeforeValidator(read_span), PlainSerializer(str, return_type=str)]


def seconds(ms: int) -> str:
    """Milliseconds as decimal seconds, exact: ``840``, ``0.25``."""
    return plain(Decimal(ms) / 1000)


def minutes(ms: int) -> str:
    """Milliseconds as minutes that a person reads, rounded up to hundredths: what was outside is never shown as nothing."""
    hundredths = -(-ms // 600)
    return plain(Decimal(hundredths) / 100)


def plain(value: Decimal) -> str:
    """A decimal without exponent and trailing zeros; zero has no sign."""
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def of_seconds(text: str) -> int:
    """Decimal seconds as milliseconds."""
    return int(Decimal(text) * 1000)


def to_ms(moment: datetime) -> int:
    """A moment as milliseconds since 1970, UTC."""
    return (moment - _EPOCH) // _MILLISECOND


def from_ms(ms: int) -> datetime:
    """The moment of milliseconds since 1970, UTC."""
    return _EPOCH + ms * _MILLISECOND
