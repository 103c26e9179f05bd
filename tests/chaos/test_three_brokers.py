"""Fault 20: three brokers. The leader dies under six writers; too few are left; a disk gives back other bytes."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from kafka.errors import KafkaError

from events.errors import Corrupt, Unavailable
from events.kafka import follower
from events.log import Appended
from events.log_kafka import KafkaLog
from tests.chaos import managing
from tests.chaos.broker import Hit
from tests.chaos.ending import ends
from tests.chaos.extent import long_only, sized, whole_only
from tests.chaos.founded import Founded, Nurse, Quick, found
from tests.chaos.history import read_histories
from tests.chaos.waits import shorter
from tests.chaos.writer import order, started
from tests.servers.kafka import Cluster

WRITERS = 6


@pytest.fixture
def three(kafka_three: Cluster) -> Iterator[Cluster]:
    """Three nodes, well before and after."""
    try:
        yield kafka_three
    finally:
        for node in kafka_three.nodes.values():
            node.forget()
            if node.frozen:
                node.thaw()
        kafka_three.start()


@pytest.fixture
def wide(three: Cluster, tmp_path: Path) -> Iterator[Founded]:
    """A log on three nodes."""
    log = found(three.bootstrap, tmp_path, Quick)
    try:
        yield log
    finally:
        log.close()


@whole_only
def test_20_the_leader_is_killed_under_six_writers(three: Cluster, wide: Founded) -> None:
    """Another leads within seconds; the writers notice nothing but the wait."""
    names = [f"writer-{number}" for number in range(WRITERS)]
    writers = [started(order(wide, name, seed=number, pause=0.05)) for number, name in enumerate(names)]
    try:
        for _ in range(sized(1, 1, 50)):
            time.sleep(2)
            leader = three.await_leader(wide.access.topic)
            three.kill(leader)
            three.await_leader(wide.access.topic, other_than=leader)
            time.sleep(2)
            three.start(leader)
        time.sleep(1)
    finally:
        for writer in writers:
            writer.kill()
            writer.join()
    told = read_histories(wide.folder.glob("*.history"))
    report = wide.report(*names)
    print(report)
    assert report.clean, report
    assert {each.rule for each in told if each.rule} <= {"log.head"}
    assert report.figures["acknowledged"] > 100


@whole_only
def test_20_too_few_replicas_are_in_step(three: Cluster, wide: Founded) -> None:
    """All three must have it, and one is dead: nothing is recorded, and that is said in twelve seconds."""
    managing.configure(wide.access, min_insync_replicas="3")
    one, history, nurse = wide.open(), wide.history(), Nurse("nurse")
    assert isinstance(history.append(one, nurse.any(one)), Appended)
    leader = three.await_leader(wide.access.topic)
    dead = next(node for node in three.nodes if node != leader)
    three.kill(dead)
    until = time.monotonic() + 20
    while in_step(three, wide.access.topic) != 2:
        assert time.monotonic() < until
        time.sleep(0.2)
    size, began = one.size(), time.monotonic()
    refused = history.append(one, nurse.any(one))
    took = time.monotonic() - began
    assert isinstance(refused, Unavailable)
    assert "nothing was recorded" in refused.says
    assert 11 < took < 16
    assert one.size() == size
    three.start(dead)
    appended(one, wide, nurse)
    report = wide.report("one")
    assert report.clean, report


def in_step(three: Cluster, topic: str) -> int:
    """How many replicas are; 0 where nobody says."""
    with suppress(KafkaError), three.admin() as asked:
        return len(asked.describe_topics([topic])[0]["partitions"][0]["isr_nodes"])
    return 0


@long_only
def test_20_one_of_three_is_left(three: Cluster, wide: Founded, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is there to say that it is too few: so it is unknown, and later known. Waits are shortened."""
    shorter(monkeypatch, quiet=1.0, request=1_500, settle=5.0)
    one, history, nurse = wide.open(), wide.history(), Nurse("nurse")
    assert isinstance(history.append(one, nurse.any(one)), Appended)
    leader = three.await_leader(wide.access.topic)
    others = [node for node in three.nodes if node != leader]
    for node in others:
        three.kill(node)
    unknown = history.append(one, nurse.any(one))
    assert isinstance(unknown, Unavailable)
    three.start()
    appended(one, wide, nurse)
    report = wide.report("one")
    assert report.clean, report


def appended(one: KafkaLog, log: Founded, nurse: Nurse) -> None:
    """It works again, soon."""
    until = time.monotonic() + 40
    while not isinstance(log.history().append(one, nurse.any(one)), Appended):
        assert time.monotonic() < until
        time.sleep(0.2)


@whole_only
def test_20_a_replica_that_does_not_lead_has_other_bytes(three: Cluster, wide: Founded) -> None:
    """Made leader, its batch fails its checksum: no reader takes its bytes for a record, and it is said."""
    one, history, nurse = wide.open(), wide.history(), Nurse("nurse")
    for _ in range(5):
        assert isinstance(history.append(one, nurse.any(one)), Appended)
    size = one.size()
    wide.close()
    with three.admin() as asked:
        leader, bad, _ = asked.describe_topics([wide.access.topic])[0]["partitions"][0]["replica_nodes"]
    assert three.await_leader(wide.access.topic) == leader
    three.stop(bad)
    spoil(three.nodes[bad].folder / "data" / f"{wide.access.topic}-0")
    three.start(bad)
    again = wide.open("other")
    assert again.size() == size, "whoever leads is read"
    assert isinstance(history.append(again, nurse.any(again)), Appended)
    wide.close()
    three.stop(leader)
    assert three.await_leader(wide.access.topic, other_than=leader) == bad
    with pytest.raises(Corrupt, match="is damaged at or after record"):
        wide.open("new")
    three.start(leader)
    three.stop(bad)
    three.await_leader(wide.access.topic, other_than=bad)
    three.start(bad)
    report = wide.report("one", "other", "new")
    assert report.clean, report


def spoil(folder: Path) -> None:
    """Change one byte of the value of a record amid the segment, and no checksum."""
    segment = next(folder.glob("*.log"))
    data = bytearray(segment.read_bytes())
    at = data.rindex(b'"payload":"') + 200
    data[at] = ord("A") if data[at] != ord("A") else ord("B")
    segment.write_bytes(data)


@whole_only
def test_20_the_only_replica_has_other_bytes(broker: Hit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new reader stops at once and says damaged; a live one too, as soon as it looks; neither takes other bytes."""
    monkeypatch.setattr(follower, "GUARD_SECONDS", 0.5)
    monkeypatch.setattr(follower, "SHRUNK_SECONDS", 1.0)
    log = found(broker.bootstrap, tmp_path)
    live, history, nurse = log.open(), log.history(), Nurse("nurse")
    for _ in range(5):
        assert isinstance(history.append(live, nurse.any(live)), Appended)
    broker.stop()
    folder = broker.nodes[1].folder / "data" / f"{log.access.topic}-0"
    shutil.copytree(folder, tmp_path / "sound")
    spoil(folder)
    broker.start()
    with pytest.raises(Corrupt, match="is damaged at or after record"):
        log.open("new")
    assert ends(live).rule == "log.damaged"
    broker.stop()
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "sound", folder)
    broker.start()
    report = log.report("new", "one")
    assert report.clean, report


@whole_only
@pytest.mark.parametrize("lost", [1, pytest.param(4, marks=long_only)])
def test_20_an_unclean_restart_loses_the_end(
    broker: Hit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: int
) -> None:
    """A power cut took the last records of the only replica: whoever had seen them says so, and writes nothing on top."""
    monkeypatch.setattr(follower, "SHRUNK_SECONDS", 1.0)
    monkeypatch.setattr(follower, "GUARD_SECONDS", 0.5)
    log = found(broker.bootstrap, tmp_path)
    live, history, nurse = log.open(), log.history(), Nurse("nurse")
    broker.stop()
    folder = broker.nodes[1].folder / "data" / f"{log.access.topic}-0"
    shutil.copytree(folder, tmp_path / "before")
    broker.start()
    for _ in range(lost):
        assert isinstance(history.append(live, nurse.any(live)), Appended)
    broker.kill()
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "before", folder)
    broker.start()
    assert ends(live).rule == "log.shrunk"
    log.close()
    with pytest.raises(Corrupt, match="has fewer records than it had"):
        log.open()
    report = log.left(topic=False)
    assert report.clean, report


def test_20_waits_are_as_long_as_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the shortened waits stand for: a person is told after 4 and 12 seconds, and never waits longer than a minute."""
    from tests.chaos.waits import where

    told = [getattr(where(name), name) for name in ("QUIET_SECONDS", "REFUSING_SECONDS", "SETTLE_SECONDS")]
    assert told == [4.0, 12.0, 60.0]
    shorter(monkeypatch, quiet=1.0)
    assert where("QUIET_SECONDS").QUIET_SECONDS == 1.0
