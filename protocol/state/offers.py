"""What a step kept in reserve was offered for, and how often."""

from __future__ import annotations

from typing import NamedTuple


class Offer(NamedTuple):
    """One offer of a step.

    Args:
        cause: what offered it, in words that are the same when the same thing offers it once more; empty: it stands for itself.
        materials: for these alone; for all, if none is named.
        number: the record of the stream that says so.
    """

    why: str
    cause: str = ""
    materials: tuple[str, ...] = ()
    number: int = 0

    def concerns(self, material: str) -> bool:
        """Whether the step was offered for this material; for any, where none is named."""
        return not material or not self.materials or material in self.materials


def counted(offers: tuple[Offer, ...], material: str = "") -> list[Offer]:
    """The offers for a material that count: of the same cause the first alone."""
    seen: set[str] = set()
    found = []
    for offer in offers:
        if not offer.concerns(material) or offer.cause in seen:
            continue
        seen |= {offer.cause} if offer.cause else set()
        found.append(offer)
    return found
