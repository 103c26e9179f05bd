"""The verified local copy: what the follower judged, kept in a file that reads like the embedded log's.

It is disposable, and several processes share it. Who comes later finds the work done: only what is not there yet is judged,
under the file's write lock, from what stands in the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from events.errors import Corrupt, Refused
from events.judge import Accepted, Read, Rejected, Verdict, weigh
from events.kafka.frame import Framed, kept
from events.log import Stored
from events.store import Store, failures


class Copy(Store):
    """The local copy of a log in Kafka."""

    def __init__(self, path: Path) -> None:
        # The disk may lose the last commits in a power cut: they are fetched again.
        super().__init__(path, synced=False)

    @staticmethod
    def begun(path: Path, genesis: bytes, place: str) -> Copy:
        """The copy at `path`, made with its first record if it is not there."""
        if not path.is_file():
            # Another process may make it at the same moment; both make the same.
            with suppress(Refused):
                Store.begin(path, genesis, place, keeps_refused=True, synced=False)
        return Copy(path)

    def keep(self, start: int, records: Sequence[Framed], known: Mapping[bytes, Read]) -> list[Stored]:
        """Judge records from position `start` on and keep them, in one transaction; what is kept already is compared.

        Args:
            known: records by their bytes that this process has read before it sent them.

        Raises:
            Corrupt: a hole, or a record that was kept otherwise.
        """
        with failures(self._path), self._writing():
            tree = self.tree()
            if start > tree.size:
                raise _hole(tree.size, start)
            result = []
            for position, record in enumerate(records, start):
                value, read = kept(record, known.get(record.value or b""))
                if position < tree.size:
                    result.append(self._as_before(position, value))
                    continue
                verdict = self._judged(read, position)
                self._write(position, value, verdict)
                tree = tree.add(value)
                result.append(_stored(position, value, verdict))
            self._grown(tree)
        return result

    def _judged(self, read: Read | Rejected, position: int) -> Verdict:
        if isinstance(read, Rejected):
            return read
        return weigh(read, position, self._id, self._head, self.authority(), self._place)

    def _as_before(self, position: int, value: bytes) -> Stored:
        stored = next(iter(self.read(position, position + 1)), None)
        if stored is None or stored.value != value:
            raise rewritten(position)
        return stored


def _stored(position: int, value: bytes, verdict: Verdict) -> Stored:
    if isinstance(verdict, Accepted):
        return Stored(position, value, verdict.link, None)
    return Stored(position, value, None, verdict.reason)


def _hole(expected: int, found: int) -> Corrupt:
    return Corrupt(
        "log.hole",
        f"Kafka gives record {found} after record {expected - 1}: what stood between is gone, or a transaction left its mark.",
        values={"expected": expected, "found": found},
        advice="Stop and call QA: no record of a log is ever missing. The local copy is kept as it is.",
    )


def rewritten(position: int) -> Corrupt:
    """Kafka gives another record at a position than it gave before."""
    return Corrupt(
        "log.rewritten",
        f"Kafka gives another record at position {position} than it gave before.",
        values={"position": position},
        advice="Stop and call QA: the topic was made anew or altered, or the local copy was. "
        "`unbroken verify --full --checkpoint FILE` says which; a copy that is wrong may be deleted.",
    )
