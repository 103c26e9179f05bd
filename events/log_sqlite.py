"""The embedded default: the log in one SQLite file. Durable after fsync (WAL, synchronous FULL).

The whole of an append happens in one transaction that begins by taking the write lock, so several processes may share
the file.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from events.judge import Rejected, judge
from events.log import Appended
from events.store import Store, failures, rejected


class SqliteLog(Store):
    """`EventLog` in an SQLite file."""

    durability = "SQLite: the write-ahead log has been synced to the disk (fsync) before the append returns"

    def __init__(self, path: Path) -> None:
        super().__init__(path)

    @staticmethod
    def create(path: Path, genesis: bytes) -> SqliteLog:
        """Begin a log with its genesis record.

        Raises:
            Refused: there is a log already, or the record is not a genesis.
        """
        Store.begin(path, genesis, new_place())
        return SqliteLog(path)

    def append(self, value: bytes) -> Appended:
        """Judge and append one record; see `EventLog.append`."""
        with failures(self._path), self._writing():
            tree = self.tree()
            verdict = judge(value, tree.size, self._id, self._head, self.authority(), self._place)
            if isinstance(verdict, Rejected):
                raise rejected(verdict)
            self._write(tree.size, value, verdict)
            self._grown(tree.add(value))
        return Appended(tree.size, verdict.link)


def new_place() -> str:
    """A name for a new file of records, never given twice: a log that has left a place must not meet it again."""
    return f"sqlite:{secrets.token_hex(16)}"
