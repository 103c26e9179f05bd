"""What a decision says: the facts to sign, what the signature means, and which streams the record extends."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from events.errors import Refused
from events.facts.base import TherapyFact
from events.facts.course import SlotsFreed
from events.statement import MOST_FACTS as MOST_IN_A_RECORD

MOST_FACTS = MOST_IN_A_RECORD - 1
"""How many facts a decision may have: a record keeps one place for the zone that its signer states."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The facts that follow from a command.

    Args:
        facts: to be signed together, in one record; empty when nothing is due (the system's turn only).
        meaning: of the signature.
        happened: when it happened.
        extends: further streams that the record extends, beside the therapy's own.
        stop: a refusal to raise once the facts are recorded (a wrong item was presented).
        warnings: what the person should know, in sentences.
    """

    facts: tuple[TherapyFact, ...]
    meaning: str
    happened: datetime
    extends: tuple[str, ...] = ()
    stop: Refused | None = None
    warnings: tuple[str, ...] = ()


def code_stream(code: str) -> str:
    """The stream in which a code is bound, once, to one therapy."""
    return f"code/{code}"


def lot_stream(code: str) -> str:
    """The stream of a lot; every act that uses it extends it too, so that a recall finds whoever did."""
    return f"lot/{code}"


def room_stream(code: str) -> str:
    """The stream of a room in which one patient's cells are open at a time."""
    return f"room/{code}"


def slot_stream(code: str) -> str:
    """The stream of a resource that is booked."""
    return f"slot/{code}"


def slots_of(facts: Iterable[TherapyFact]) -> tuple[str, ...]:
    """The streams of the resources that these facts give back."""
    codes = (code for fact in facts if isinstance(fact, SlotsFreed) for code in fact.slots)
    return tuple(dict.fromkeys(slot_stream(code) for code in codes))


def therapy_stream(therapy: str) -> str:
    """The stream of a therapy."""
    return f"therapy/{therapy}"
