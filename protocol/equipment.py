"""What the streams of lots and devices say: released, recalled, calibrated, and which therapies used a lot.

Every act that uses a lot extends the lot's stream, so such a stream grows with its use. A process verifies each record of
it once, keeps what it says with its positions, and answers for any time before.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from events.errors import Corrupt
from events.facts import site
from events.facts.base import Fact
from events.heads import Head
from events.reading import Record
from protocol.surroundings import Device, Lot, Validity

KEPT = 1024
"""Streams that one process remembers."""

Verified = Callable[[str, Head], Iterator[Record]]
"""The records of a stream after a head, each verified."""
Believed = Callable[[Record, Fact], bool]
"""Whether the signer of a record might record this fact."""


class Known(NamedTuple):
    """What is known of a code: as a lot, as a device, why it was recalled, and the therapies that used it as a lot."""

    lot: Lot | None
    device: Device | None
    recalled: str
    therapies: tuple[str, ...]


@dataclass
class _Kept:
    head: Head
    facts: list[tuple[int, datetime, Fact]] = field(default_factory=list)
    therapies: dict[str, int] = field(default_factory=dict)


class Equipment:
    """Lots and devices as the log has them.

    Args:
        log: the log's id.
    """

    def __init__(self, log: str, verified: Verified, believed: Believed) -> None:
        self.log, self.verified, self.believed = log, verified, believed
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def known(self, code: str, before: int | None = None) -> Known:
        """What is known of a code now, or was before a position."""
        lot: Lot | None = None
        device: Device | None = None
        recalled = ""
        kept = self._read(f"lot/{code}")
        released: list[Validity] = []
        calibrated: list[Validity] = []
        for position, recorded, fact in (*kept.facts, *self._read(f"device/{code}").facts):
            if before is not None and position >= before:
                continue
            match fact:
                case site.LotReleased():
                    released.append(Validity(recorded, fact.expires))
                    lot = Lot(fact.item, fact.expires)
                case site.LotRecalled():
                    recalled = fact.reason
                case site.DeviceCalibrated():
                    calibrated.append(Validity(recorded, fact.due))
                    device = Device(fact.item, fact.due)
                case _:
                    pass
        # A recall stands, whatever is released under the code afterwards.
        lot = lot._replace(recalled=recalled, released=tuple(released)) if lot else None
        device = device._replace(calibrated=tuple(calibrated)) if device else None
        users = tuple(sorted(name for name, first in kept.therapies.items() if before is None or first < before))
        return Known(lot, device, recalled, users)

    def head(self, stream: str) -> Head:
        """The head of a stream as it was last read."""
        return self._kept[stream].head if stream in self._kept else Head(0, self.log)

    def _read(self, stream: str) -> _Kept:
        kept = self._kept.pop(stream, None) or _Kept(Head(0, self.log))
        for record in self.verified(stream, kept.head):
            subject = record.statement.subject
            if subject.startswith("therapy/"):
                kept.therapies.setdefault(subject.removeprefix("therapy/"), record.position)
            elif subject == stream:
                recorded = record.statement.recorded
                kept.facts += [(record.position, recorded, fact) for fact in self._facts(record)]
            kept.head = Head(kept.head.number + 1, record.link)
        self._kept[stream] = kept
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return kept

    def _facts(self, record: Record) -> list[Fact]:
        try:
            return [fact for fact in record.facts if self.believed(record, fact)]
        except Corrupt:
            return []
