"""The deadlines that run, by the time they strike: known from the log, kept in memory, and never written here."""

from __future__ import annotations

import heapq
import logging
from datetime import datetime

from events.errors import Unavailable, UnbrokenError
from protocol.desk import Desk

logger = logging.getLogger("unbroken.driver")


class Deadlines:
    """The next deadline of each therapy. An old one that is left in stays harmless: the log says what is due."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._heap: list[tuple[datetime, str]] = []

    def watch(self, name: str) -> None:
        """Look when the therapy's next deadline strikes. One that cannot be read is told, and stalls nobody.

        Raises:
            Unavailable: the log is away, which says nothing about this therapy.
        """
        try:
            strikes = self._desk.next_deadline(name)
        except Unavailable:
            raise
        except UnbrokenError as problem:
            logger.error("therapy %s: %s", name, problem.says)
            return
        if strikes is not None:
            heapq.heappush(self._heap, (strikes, name))

    def struck(self) -> list[str]:
        """The therapies whose deadline has passed; each is told once, so remember them until they were entered."""
        now = self._desk.clock()
        names = []
        while self._heap and self._heap[0][0] < now:
            names.append(heapq.heappop(self._heap)[1])
        return names
