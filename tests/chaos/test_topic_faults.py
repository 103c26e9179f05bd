"""Faults 12, 14, 15 and 16: what is done to the topic itself. No reader accepts what was not there; each says what was done."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from events.envelope import open_envelope
from events.errors import Corrupt, Refused, Unavailable, UnbrokenError
from events.kafka import follower
from events.log import Appended
from tests.chaos import managing
from tests.chaos.broker import Hit
from tests.chaos.ending import ends, stops
from tests.chaos.extent import first, long_only, whole_only
from tests.chaos.founded import Founded, Nurse, found
from tests.chaos.history import Told, read_histories
from tests.chaos.outside import messages
from tests.chaos.writer import ended_by, order, started
from tests.ground import Small, deviation, small_log


def longer(more: int = 5) -> list[bytes]:
    """The log's first records, then others than were there, and more of them."""
    small = small_log()
    other = Small(small.seed)
    other.members, other.keys, other.heads = small.members, small.keys, dict(small.heads)
    other.id, other.authority, other.values = small.id, small.authority, list(small.values)
    for number in range(more):
        other.append(other.record("nurse", ["suite/OTHER"], deviation(says=f"other {number}")))
    return other.values


def test_12_a_partition_is_added_and_written_to(quick: Founded) -> None:
    """What stands there is in no order with the rest: a live reader stops at its next look, a new one never starts."""
    one, nurse, history = quick.open(), Nurse("nurse"), quick.history()
    history.append(one, nurse.any(one))
    managing.add_partition(quick.access)
    managing.send(quick.access, [nurse.signed(one, ["suite/C0"])], partition=1)
    problem = stops(one, nurse, history)
    assert problem.rule == "kafka.partitions"
    assert one._copy.heads(["suite/NOBODY"])
    with pytest.raises(Refused, match="it has 2 partitions, not one"):
        quick.open("other")
    report = quick.left(topic=True)
    assert report.clean, report


def test_14_made_again_while_a_reader_was_closed(log: Founded) -> None:
    """Longer than before, with the same beginning: refused by its id, and by what the copy knows."""
    one = log.open()
    assert isinstance(log.history().append(one, Nurse("nurse").any(one)), Appended)
    one.close()
    managing.delete(log.access)
    with pytest.raises((Corrupt, Unavailable)):
        log.open()
    managing.make_again(log.access, longer())
    with pytest.raises(Corrupt, match="is not the one this log is in: its id is"):
        log.open()
    with pytest.raises(Corrupt, match="Another record stands at position 0"):
        log.open(topic_id=None)
    report = log.left(topic=False)
    assert report.clean, report


@whole_only
def test_14_made_again_while_a_reader_slept(quick: Founded) -> None:
    """Its process is stopped meanwhile; awake, it accepts nothing of the other topic."""
    writer = started(order(quick, "sleepy", pause=0.05))
    until = time.monotonic() + 30
    while not (quick.folder / "sleepy.history").exists() or len(_told(quick)) < 6:
        assert time.monotonic() < until
        time.sleep(0.1)
    os.kill(writer.pid or 0, signal.SIGSTOP)
    before = [told for told in _told(quick) if told.what == "acknowledged"]
    managing.delete(quick.access)
    managing.make_again(quick.access, longer(len(before) + 40))
    os.kill(writer.pid or 0, signal.SIGCONT)
    writer.join(70)
    assert not writer.is_alive()
    # The word it had in its hand when it was stopped may be written down afterwards; no other, and none of this topic.
    after = [told for told in _told(quick) if told.what == "acknowledged"]
    assert after[: len(before)] == before
    assert len(after) <= len(before) + 1, after[len(before) :]
    here = {open_envelope(message.value()).link for message in messages(quick.access) if message.value()}
    assert not here & {told.link for told in after[len(before) :]}, "something was acknowledged in the other topic"
    ended = ended_by(quick.folder / "sleepy.history")
    rule = ended.read_text(encoding="ascii") if ended.exists() else _told(quick)[-1].rule
    assert rule in {"kafka.topic-id", "log.rewritten"}
    report = quick.left("sleepy", topic=False)
    assert report.clean, report


def _told(log: Founded) -> list:
    return read_histories([log.folder / "sleepy.history"])


def test_14_made_again_under_a_reader_that_is_awake(quick: Founded) -> None:
    one, nurse, history = quick.open(), Nurse("nurse"), quick.history()
    assert isinstance(history.append(one, nurse.any(one)), Appended)
    managing.delete(quick.access)
    managing.make_again(quick.access, longer())
    assert stops(one, nurse, history).rule in {"kafka.topic-id", "log.rewritten"}
    report = quick.left(topic=False)
    assert report.clean, report


@whole_only
@pytest.mark.parametrize("lost", [1, pytest.param(4, marks=long_only)])
def test_14_an_old_backup_of_the_broker_goes_on(broker: Hit, tmp_path: Path, lost: int) -> None:
    """The topic has its id, no hole, and is longer than before; but the last records are others: bytes are compared."""
    log = found(broker.bootstrap, tmp_path)
    asleep, nurse, history = log.open("asleep"), Nurse("nurse"), log.history()
    broker.stop()
    folder = broker.nodes[1].folder / "data" / f"{log.access.topic}-0"
    backup = tmp_path / "backup"
    shutil.copytree(folder, backup)
    broker.start()
    for _ in range(lost):
        assert isinstance(history.append(asleep, nurse.any(asleep)), Appended)
    broker.stop()
    shutil.rmtree(folder)
    shutil.copytree(backup, folder)
    broker.start()
    managing.send(log.access, longer(9)[len(log.values) :])
    problem = stops(asleep, nurse, history)
    assert problem.rule == "log.rewritten"
    asleep.close()
    with pytest.raises(Corrupt, match="Another record stands at position"):
        log.open("asleep")
    report = log.left("asleep", topic=False)
    assert report.clean, report


@whole_only
def test_15_records_are_deleted(log: Founded) -> None:
    """Seen by whoever starts, and by a live reader before it keeps anything more."""
    one, nurse, history = log.open(), Nurse("nurse"), log.history()
    history.append(one, nurse.any(one))
    managing.delete_records(log.access, 5)
    one._follower._looked = 0.0  # as after a few quiet seconds
    assert stops(one, nurse, history).rule == "log.deleted"
    with pytest.raises(Corrupt, match="The first records of the topic"):
        log.open("one")
    with pytest.raises(Corrupt, match="The first records of the topic"):
        log.open("new")
    report = log.left(topic=False)
    assert report.clean, report


DANGERS: dict[str, dict[str, str]] = {
    "retention.ms is 1000, not -1": {"retention_ms": "1000"},
    "retention.bytes is 1000000, not -1": {"retention_bytes": "1000000"},
    "cleanup.policy is compact, not delete": {"cleanup_policy": "compact"},
    "message.timestamp.type is CreateTime": {"message_timestamp_type": "CreateTime"},
    "compression.type is producer": {"compression_type": "producer"},
    "unclean.leader.election.enable is true": {"unclean_leader_election_enable": "true"},
}


@pytest.mark.parametrize("said", first(DANGERS, 2))
def test_15_a_topic_that_could_lose_records(log: Founded, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever starts is refused, and told what differs; a live reader stops at its next look, once a minute."""
    monkeypatch.setattr(follower, "GUARD_SECONDS", 0.5)
    one, nurse, history = log.open(), Nurse("nurse"), log.history()
    assert isinstance(history.append(one, nurse.any(one)), Appended)
    if "cleanup" in said:
        managing.configure(log.access, message_timestamp_type="LogAppendTime")
    managing.configure(log.access, **DANGERS[said])
    with pytest.raises(Refused, match=said):
        log.open("other")
    problem = ends(one)
    assert problem.rule == "kafka.topic-configuration"
    assert said in problem.says
    report = log.left(topic=not said.startswith("retention"))  # what retention may take, it may have taken by now
    assert report.clean, report


def test_15_deleted_records_are_noticed_in_a_quiet_log(log: Founded, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody writes: the look at both ends comes by itself."""
    monkeypatch.setattr(follower, "GUARD_SECONDS", 0.5)
    one, nurse = log.open(), Nurse("nurse")
    assert isinstance(log.history().append(one, nurse.any(one)), Appended)
    managing.delete_records(log.access, 5)
    assert ends(one).rule == "log.deleted"
    report = log.left(topic=False)
    assert report.clean, report


@pytest.mark.parametrize("commit", first([True, False]))
@pytest.mark.parametrize("then", ["nothing", "a record"])
def test_16_a_stray_transaction(log: Founded, commit: bool, then: str) -> None:
    """Its mark takes a position that nobody sees: a hole. Live readers and new ones stop and say so, also at the very end."""
    one, nurse, history = log.open(), Nurse("nurse"), log.history()
    history.append(one, nurse.any(one))
    value = nurse.signed(one, ["suite/C0"])
    managing.transaction(log.access, b"stray", commit=commit)
    if then == "a record":
        history.note(
            Told("signed", open_envelope(value).link)
        )  # whether a reader keeps it before it sees the hole is chance
        managing.send(log.access, [value])
    opened: list[Callable[[], object]] = [lambda: ends(one), lambda: _error(lambda: log.open("other"))]
    for how in opened:
        problem = how()
        assert isinstance(problem, Corrupt), problem
        assert problem.rule == "log.hole"
    report = log.left(topic=True)
    assert report.clean, report


def _error(act: Callable[[], object]) -> UnbrokenError:
    with pytest.raises(UnbrokenError) as found_:
        act()
    return found_.value
