"""Alerts are told outside: as an event that any Prefect automation can take, and through the notification blocks that are named.

Beside the turns and never inside one: a channel that hangs or fails holds up no therapy. Each alert that nobody has acknowledged
is told at least once through each channel, a few times over if it fails; what failed is noted, and said by `unbroken lag`.
What is told names the therapy, the alert's number, its rule and roles: codes alone, no text that a person wrote.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from events.errors import Unavailable, UnbrokenError
from events.instant import to_wire
from projections.notices import Notice
from protocol.alerts import open_alerts
from protocol.desk import Desk

logger = logging.getLogger("unbroken.driver")
EVENTS = "prefect-event"
"""The channel that is always there: an event of Prefect's, which an automation turns into whatever it likes."""
PAUSES = (2.0, 10.0, 60.0, 300.0, 900.0, 3600.0)
"""Seconds before each further attempt at a channel that failed; after the last one it is given up until the driver starts again."""
ONE_ATTEMPT = 20.0
"""Seconds that one attempt may take."""
LOOK = 0.5
Key = tuple[str, str, str, str]
"""Therapy, alert, link of the record that raised it, channel."""


class Book(Protocol):
    """Where it is noted what was told; both raise Unavailable where that cannot be reached."""

    def known(self) -> list[Notice]:
        """Every notice, told or failed."""

    def note(self, notice: Notice) -> None:
        """Write one."""


class Forgetful:
    """A book for a driver that has none: each driver tells what is open once."""

    def known(self) -> list[Notice]:
        """Nothing is known."""
        return []

    def note(self, notice: Notice) -> None:
        """Nothing is kept."""


Tell = Callable[[str, dict[str, Any]], Awaitable[None]]
"""Tells one alert through one channel: the channel's name, and what `document` says. Raises what goes wrong."""


@dataclass(slots=True)
class _Waiting:
    document: dict[str, Any]
    attempts: int = 0
    at: float = field(default_factory=time.monotonic)


class Notices:
    """What is still to be told.

    Args:
        channels: names of Prefect blocks, ``slack-webhook/qa``; the event is told beside them.
        pauses: seconds before each further attempt.
    """

    def __init__(
        self, desk: Desk, tell: Tell, channels: Sequence[str] = (), book: Book | None = None,
        pauses: Sequence[float] = PAUSES,
    ) -> None:  # fmt: skip
        self._desk, self._tell, self._pauses = desk, tell, tuple(pauses)
        self._channels = tuple(dict.fromkeys((EVENTS, *channels)))
        self._book: Book = book or Forgetful()
        self._waiting: dict[Key, _Waiting] = {}
        self._settled: set[Key] = set()
        self._read = False

    def watch(self, name: str) -> None:
        """Look which alerts of a therapy are open and have not been told.

        Raises:
            Unavailable: the log is away.
        """
        self._remember()
        try:
            therapy = self._desk.therapy(name)
        except Unavailable:
            raise
        except UnbrokenError:
            return  # its run says why it cannot be read
        for alert in open_alerts(therapy):
            for channel in self._channels:
                key = (name, alert.code, alert.link, channel)
                if key not in self._settled and key not in self._waiting:
                    raised = to_wire(alert.raised)
                    self._waiting[key] = _Waiting(
                        document(self._desk.log.id, name, alert.code, alert.link, alert.rule, alert.roles, raised)
                    )

    def _remember(self) -> None:
        if self._read:
            return
        try:
            known = self._book.known()
        except Unavailable as problem:
            logger.error("what was told cannot be read, open alerts are told again: %s", problem.says)
            known = []
        self._settled |= {(n.therapy, n.alert, n.link, n.channel) for n in known if n.told_at}
        self._read = True

    async def keep(self) -> None:
        """Tell whatever is due, until cancelled."""
        while True:
            await self.go_on()
            await asyncio.sleep(LOOK)

    async def go_on(self) -> None:
        """Tell everything that is due now, each channel by itself; nothing is raised."""
        now = time.monotonic()
        due = [key for key, waiting in self._waiting.items() if waiting.at <= now]
        await asyncio.gather(*(self._one(key) for key in due))

    async def _one(self, key: Key) -> None:
        name, code, link, channel = key
        waiting = self._waiting[key]
        if not self._still_open(name, code):
            self._settle(key)
            return
        waiting.attempts += 1
        notice = Notice(self._desk.log.id, name, code, link, channel, waiting.attempts)
        try:
            await asyncio.wait_for(self._tell(channel, waiting.document), ONE_ATTEMPT)
        except Exception as problem:  # noqa: BLE001 - whatever a channel does, it is the channel's, and no therapy's
            self._note(replace(notice, failure=_told(problem)))
            self._later(key, waiting, _told(problem))
            return
        self._settle(key)
        self._note(replace(notice, told_at=to_wire(self._desk.clock())))

    def _still_open(self, name: str, code: str) -> bool:
        try:
            return any(alert.code == code for alert in open_alerts(self._desk.therapy(name)))
        except UnbrokenError:
            return True  # the log is away: better told once too often

    def _later(self, key: Key, waiting: _Waiting, why: str) -> None:
        name, code, _, channel = key
        if waiting.attempts > len(self._pauses):
            self._settle(key)
            logger.error("%s of %s was not told through %s, and is given up: %s", code, name, channel, why)
            return
        waiting.at = time.monotonic() + self._pauses[waiting.attempts - 1]
        if waiting.attempts == 1:
            logger.error("%s of %s was not told through %s, and is tried again: %s", code, name, channel, why)

    def _settle(self, key: Key) -> None:
        self._settled.add(key)
        self._waiting.pop(key, None)

    def _note(self, notice: Notice) -> None:
        try:
            self._book.note(notice)
        except Unavailable as problem:
            logger.error("what was told cannot be noted: %s", problem.says)


def _told(problem: BaseException) -> str:
    says = str(problem).splitlines()[0] if str(problem) else ""
    return f"{type(problem).__name__}: {says}"[:300] if says else type(problem).__name__


def document(
    log: str, therapy: str, alert: str, link: str, rule: str, roles: Iterable[str], raised: str
) -> dict[str, Any]:
    """What is told of an alert; codes alone."""
    return {
        "log": log,
        "therapy": therapy,
        "alert": alert,
        "record": link,
        "rule": rule,
        "roles": list(roles),
        "raised": raised,
        "acknowledge": f"unbroken alert acknowledge {therapy} {alert}",
    }


def in_words(told: dict[str, Any]) -> tuple[str, str]:
    """A subject and a body for channels that carry words."""
    subject = f"Alert {told['alert']} of {told['therapy']} for {' or '.join(told['roles'])}"
    body = (
        f"{subject}: {told['rule']}, raised {told['raised']}.\nRead it with `unbroken alert list {told['therapy']}`; "
        f"whoever knows it says so: `{told['acknowledge']}`."
    )
    return subject, body
