"""A verified copy of records that stand elsewhere, kept in a file that reads like the embedded log's.

Kafka's follower keeps one beside the site; a log that is moved into a file is one. It is made by judging every record again.
Several processes may share it, and whoever comes later finds the work done: only what is not there yet is judged, under the
file's write lock, from what stands in the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from events.errors import Corrupt, Refused
from events.judge import Accepted, Read, Rejected, Verdict, weigh
from events.log import Stored
from events.store import Store, failures

Item = tuple[bytes, Read | Rejected]
"""A record's bytes, and those bytes read."""


class Copy(Store):
    """A verified copy.

    Args:
        synced: False for a copy that can be fetched again: a power cut may take its last commits.
    """

    @staticmethod
    def begun(path: Path, genesis: bytes, place: str, *, synced: bool) -> Copy:
        """The copy at `path`, made with its first record if it is not there."""
        if not path.is_file():
            # Another process may make it at the same moment; both make the same.
            with suppress(Refused):
                Store.begin(path, genesis, place, synced=synced)
        return Copy(path, synced=synced)

    def check_writable(self) -> None:
        """Raise if the file cannot be written.

        Raises:
            Unavailable: read-only, or held by another process for long.
        """
        with failures(self._path), self._writing():
            pass

    def keep(self, start: int, records: Sequence[Item]) -> list[Stored]:
        """Judge records from position `start` on and keep them, in one transaction; what is kept already is compared.

        Raises:
            Corrupt: a hole, or a record that was kept otherwise.
        """
        if records and start + len(records) <= self.size():
            return [self._as_before(position, value) for position, (value, _) in enumerate(records, start)]
        with failures(self._path), self._writing():
            tree = self.tree()
            if start > tree.size:
                raise _hole(tree.size, start)
            result = []
            for position, (value, read) in enumerate(records, start):
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
        f"Record {found} comes after record {expected - 1}: what stood between is gone, or a transaction left its mark.",
        values={"expected": expected, "found": found},
        advice="Stop and call QA: no record of a log is ever missing. The local copy is kept as it is.",
    )


def rewritten(position: int) -> Corrupt:
    """Another record stands at a position than stood there before."""
    return Corrupt(
        "log.rewritten",
        f"Another record stands at position {position} in the log than stood there before.",
        values={"position": position},
        advice="Stop and call QA: the topic was made anew or altered, or the local copy was. "
        "`unbroken verify --full --checkpoint FILE` says which; a copy that is wrong may be deleted.",
    )
