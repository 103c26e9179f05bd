"""Facts of the dose that was given."""

from typing import ClassVar, Literal

from events.facts.base import Code, Short, TherapyFact


class DoseGiven(TherapyFact):
    """The system's own: no bag is left to be infused, and this is the dose of those that were.

    Args:
        bags: the bags that were infused. given: their sum as the study computes it; between
            which two it lies, where a value is missing that cannot change the verdict; empty where it can.
        passes: what the study asks for, in words.
    """

    wire: ClassVar[str] = "dose.given.v1"
    bags: tuple[Code, ...]
    given: Short = ""
    unit: Short
    passes: Short
    verdict: Literal["within", "below", "above", "unknown"]
