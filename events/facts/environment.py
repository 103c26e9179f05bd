"""Facts of rooms where cells are open: what was measured there and whom it concerns, and that a room was changed over."""

from typing import ClassVar

from events.facts.base import ActKey, Code, Digest, Fact, Instant, Reading, Text, TherapyFact


class EnvironmentReported(Fact):
    """Results of environmental monitoring of a room, for the time in which its plates lay open or it was counted.

    Stream ``room/CODE``. `why` stands where a value is reported a second time for the same period: the first result stays. It
    also stands where the record corrects an earlier one, `corrects`, which was written down wrongly: that one counts no more.
    """

    wire: ClassVar[str] = "environment.reported.v1"
    room: Code
    started: Instant
    ended: Instant
    readings: tuple[Reading, ...]
    why: Text | None = None
    corrects: Digest | None = None


class EnvironmentAttached(TherapyFact):
    """Results of a room are attached to what was done there with this patient's cells.

    Args:
        room, started, ended: as the results were reported.
        readings: those results that the therapy's study asks for.
        keys: the acts that they concern, signed second or not.
        report: the link of the record that reported them; nothing where that is the same record.
        corrects: the link of the report that these results take the place of; without results and acts it is taken away.
    """

    wire: ClassVar[str] = "environment.attached.v1"
    room: Code
    started: Instant
    ended: Instant
    readings: tuple[Reading, ...]
    keys: tuple[ActKey, ...]
    report: Digest | None = None
    corrects: Digest | None = None


class RoomChangedOver(Fact):
    """A room was changed over between two patients: emptied, cleaned, nothing of the last one left. Stream ``room/CODE``."""

    wire: ClassVar[str] = "room.changed_over.v1"
    room: Code
    at: Instant
    says: Text


class RoomCleared(Fact):
    """Another person looked, and cleared the room for the next patient; `changeover` is the record of the one who did it."""

    wire: ClassVar[str] = "room.cleared.v1"
    room: Code
    changeover: Digest
