"""Facts of environmental monitoring: what was measured in a room, and whose open cells it concerns."""

from typing import ClassVar

from events.facts.base import ActKey, Code, Digest, Fact, Instant, Reading, Text, TherapyFact


class EnvironmentReported(Fact):
    """Results of environmental monitoring of a room, for the time in which its plates lay open or it was counted.

    Stream ``room/CODE``. `why` stands where a value is reported a second time for the same period: the first result stays.
    """

    wire: ClassVar[str] = "environment.reported.v1"
    room: Code
    started: Instant
    ended: Instant
    readings: tuple[Reading, ...]
    why: Text | None = None


class EnvironmentAttached(TherapyFact):
    """Results of a room are attached to what was done there with this patient's cells.

    Args:
        room, started, ended: as the results were reported.
        readings: those results that the therapy's study asks for.
        keys: the acts that they concern, signed second or not.
        report: the link of the record that reported them; nothing where that is the same record.
    """

    wire: ClassVar[str] = "environment.attached.v1"
    room: Code
    started: Instant
    ended: Instant
    readings: tuple[Reading, ...]
    keys: tuple[ActKey, ...]
    report: Digest | None = None
