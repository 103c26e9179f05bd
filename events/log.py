"""The port: what a log of signed records promises, whichever backend keeps it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from events.authority import Authority
from events.heads import Head
from events.merkle import Tree

if TYPE_CHECKING:
    from events.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Stored:
    """A record as it stands in the log: `refused` is None where it was accepted, else the judge's reason."""

    position: int
    value: bytes
    link: str | None
    refused: str | None


@dataclass(frozen=True, slots=True)
class Appended:
    """A record that was accepted and is durable."""

    position: int
    link: str


class EventLog(Protocol):
    """One total order of records, each judged; a record may extend several streams at once.

    Promises of every backend:

    - `append` returns only when the record is accepted AND durable (`durability` says what that means here).
    - Two appends that name the same head: at most one is accepted, whoever and wherever the callers are.
    - Records are never changed, removed or reordered. Positions start at 0 and have no holes.
    - Readers of the same prefix see the same verdicts.
    - Reads see at least everything that this process was told is appended.
    """

    @property
    def id(self) -> str:
        """The log's id: the link of genesis."""

    @property
    def place(self) -> str:
        """Where the records are kept (``kafka:TOPIC-ID``, ``sqlite:...``); nothing is accepted where the log has left."""

    @property
    def durability(self) -> str:
        """What an acknowledgement promises, in words."""

    @property
    def keeps_refused(self) -> bool:
        """Whether refused claims are part of a healthy log of this kind (Kafka: yes; a native SQLite log: no)."""

    def append(self, value: bytes) -> Appended:
        """Judge and append one record.

        Raises:
            Moved: a head that it names has moved on; nothing was recorded.
            Refused: the judge says no for another reason; nothing was recorded.
            Unavailable: the backend failed; the sentence says whether nothing was recorded or it is unknown.
            Corrupt: the backend's data is damaged.
        """

    def size(self) -> int:
        """How many records there are, refused ones included."""

    def heads(self, streams: Sequence[str]) -> dict[str, Head]:
        """Where streams stand; ``Head(0, id)`` where nobody has extended one."""

    def authority(self) -> Authority:
        """Who may sign, folded from every accepted record."""

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[Stored]:
        """Records by position, refused ones included, from `start` until before `stop`."""

    def stream(self, name: str, after: int = 0) -> Iterator[Stored]:
        """The accepted records of one stream in order, from number `after` + 1 on."""

    def streams(self, prefix: str) -> list[str]:
        """Names of streams that begin with `prefix`, sorted."""

    def placements(self, position: int) -> dict[str, int]:
        """Stream to number: where the record at this position was placed (empty if refused)."""

    def tree(self) -> Tree:
        """Size and right edge of the Merkle tree over every record."""

    def evidence(self) -> Evidence:
        """What is kept, of this moment, to be judged anew; whoever takes it closes it."""

    def close(self) -> None:
        """Let go of files and connections."""
