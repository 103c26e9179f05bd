"""Facts of storage: where material lies, beside what the protocol's steps say."""

from typing import ClassVar

from events.facts.base import Code, Short, Text, TherapyFact


class MaterialStored(TherapyFact):
    """Material was put into another storage position, at the place and with the holder that it has."""

    wire: ClassVar[str] = "material.stored.v1"
    materials: tuple[Code, ...]
    position: Short
    reason: Text
