"""Facts of a recall as it reaches a patient. That the lot was recalled stands in the lot's own stream, in the same record."""

from typing import ClassVar

from events.facts.base import ActKey, Code, Flag, Text, TherapyFact


class RecallReached(TherapyFact):
    """A lot that was used for this patient was recalled.

    Args:
        uses: every act that used it, of every batch, signed second or not.
        materials: what is live, or about to come into being, and was touched by it or made from that since; quarantined.
        infused: what was touched by it and is in the patient already.
        given: it was given to the patient in one of those acts (conditioning), not to the cells.
    """

    wire: ClassVar[str] = "recall.reached.v1"
    lot: Code
    reason: Text
    uses: tuple[ActKey, ...]
    materials: tuple[Code, ...] = ()
    infused: tuple[Code, ...] = ()
    given: Flag = False
