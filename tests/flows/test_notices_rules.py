"""What is told outside, how often, and when no more: the rules of notices, without a server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from flows import notices as rules
from flows.notices import EVENTS, Notices
from projections.notices import Notice, NoticeBook, notices
from protocol.alerts import open_alerts
from protocol.commands import AcknowledgeAlert, LoseMaterial
from tests.contracts.backends import BACKENDS
from tests.stage import ANNA, Stage, Staged, stage_of

T = ANNA.therapy


@pytest.fixture
def alerted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staged]:
    """A collection is lost: QA is alerted."""

    def lost(site: Staged) -> None:
        site.play(ANNA, "label_collection")
        code = site.one("leukapheresis")
        lose = LoseMaterial(materials=(code,), how="lost", at=site.clock(), says="the bag of Anna Muster is gone")
        site.act(lose, "apheresis.nurse.1")
        assert len(open_alerts(site.now)) == 1

    stage: Stage = stage_of(next(b for b in BACKENDS if b.name == "sqlite"), tmp_path_factory.getbasetemp())
    yield stage.of("a collection is lost", lost)
    stage.let_go()


class Recorded:
    """Channels that are told in memory: one fails as often as it is told to, one hangs, the others are well."""

    def __init__(self, failures: int) -> None:
        self.failures, self.told, self.documents = failures, list[str](), list[dict[str, Any]]()

    async def tell(self, channel: str, document: dict[str, Any]) -> None:
        if channel == "fails/x" and self.failures:
            self.failures -= 1
            raise OSError("no route")
        if channel == "hangs/z":
            await asyncio.sleep(3600)
        self.told.append(channel)
        self.documents.append(document)


def url(site: Staged) -> str:
    return f"sqlite:///{site.path}.views"


def telling(site: Staged, channels: Recorded, *more: str) -> Notices:
    """A driver's notices that watch the therapy, with no pause between two attempts."""
    found = Notices(site.desk, channels.tell, ("fails/x", "well/y", *more), NoticeBook(url(site), site.log.id), (0, 0))
    found.watch(T)
    return found


def untold(site: Staged) -> list[Notice]:
    return [n for n in notices(url(site), site.log.id) if not n.told_at]


def test_attempts_are_bounded_and_a_new_driver_begins_again(alerted: Staged) -> None:
    """Three attempts in all; what was told is not told again by the next driver, what was given up is tried anew."""
    assert notices(url(alerted), alerted.log.id) == []
    channels = Recorded(failures=3)
    first = telling(alerted, channels)
    for _ in range(6):
        asyncio.run(first.go_on())
    assert sorted(channels.told) == [EVENTS, "well/y"]
    (failed,) = untold(alerted)
    assert (failed.channel, failed.attempts, failed.failure) == ("fails/x", 3, "OSError: no route")
    asyncio.run(telling(alerted, channels).go_on())
    assert sorted(channels.told) == ["fails/x", EVENTS, "well/y"]
    assert untold(alerted) == []
    asyncio.run(telling(alerted, channels).go_on())
    assert len(channels.told) == 3


def test_an_alert_that_somebody_knows_is_not_told(alerted: Staged) -> None:
    """Acknowledged between two attempts: the channel that failed is left alone."""
    channels = Recorded(failures=1)
    waiting = telling(alerted, channels)
    asyncio.run(waiting.go_on())
    (alert,) = open_alerts(alerted.now)
    alerted.act(AcknowledgeAlert(alert=alert.code), alerted.who(alert.roles))
    asyncio.run(waiting.go_on())
    assert sorted(channels.told) == [EVENTS, "well/y"]


def test_a_channel_that_hangs_holds_up_no_other(alerted: Staged, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is cut off after its time, and noted."""
    monkeypatch.setattr(rules, "ONE_ATTEMPT", 0.05)
    channels = Recorded(failures=0)
    asyncio.run(telling(alerted, channels, "hangs/z").go_on())
    assert sorted(channels.told) == ["fails/x", EVENTS, "well/y"]
    assert [(n.channel, n.failure) for n in untold(alerted)] == [("hangs/z", "TimeoutError")]


def test_no_text_that_a_person_wrote_leaves_the_house(alerted: Staged) -> None:
    """Somebody typed a name into what was lost; what is told holds codes, rule, roles and time."""
    channels = Recorded(failures=0)
    asyncio.run(telling(alerted, channels).go_on())
    for document in channels.documents:
        assert "Muster" not in str(document)
        assert "Muster" not in "".join(rules.in_words(document))
        assert set(document) == {"log", "therapy", "alert", "record", "rule", "roles", "raised", "acknowledge"}
