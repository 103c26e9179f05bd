"""Faults 6, 7, 9, 17 and 18: writers that die, sleep, say it twice, or live on another day."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing.process import BaseProcess

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME

from events.errors import Moved
from events.log import Appended
from events.log_kafka import KafkaLog
from tests.chaos.extent import sized, whole_only
from tests.chaos.founded import STREAMS, Founded, Nurse
from tests.chaos.history import Told, read_histories
from tests.chaos.outside import messages
from tests.chaos.writer import Order, is_stopped, order, started


def ended(given: Order) -> int | None:
    """A writer's exit code, when it has done what was ordered."""
    writer = started(given)
    writer.join(60)
    return writer.exitcode


def asleep(given: Order) -> BaseProcess:
    """A writer that has signed, and sleeps before it sends."""
    writer = started(given)
    until = time.monotonic() + 30
    while not is_stopped(writer):
        assert writer.is_alive()
        assert time.monotonic() < until
        time.sleep(0.01)
    return writer


def awake(writer: BaseProcess) -> None:
    os.kill(writer.pid or 0, signal.SIGCONT)
    writer.join(60)
    assert writer.exitcode == 0


def test_6_a_writer_is_killed_between_sending_and_being_told(log: Founded) -> None:
    """Its record stands; whoever looks next sees it, and goes on from it: once, for each of several writers."""
    deaths = sized(2, 5, 50)
    for number in range(deaths):
        given = order(log, f"dying-{number}", "copy", count=1, streams=("suite/C0",), at_send="die")
        assert ended(given) == -signal.SIGKILL
    one, nurse = log.open("copy"), Nurse("nurse")
    assert one.heads(["suite/C0"])["suite/C0"].number == deaths
    done = log.history().append(one, nurse.signed(one, ["suite/C0"]))
    assert isinstance(done, Appended)
    report = log.report("copy")
    assert report.clean, report
    assert report.figures["signed"] == deaths + 1
    assert report.figures["accepted"] == len(log.before) + deaths + 1


def test_7_a_writer_that_slept_since_it_decided_loses(log: Founded) -> None:
    """It signed what was true; meanwhile others acted. Its claim is refused by everyone, and it is told so."""
    writer = asleep(order(log, "zombie", count=1, streams=("suite/C0", "suite/C1"), at_send="stop"))
    one, nurse, history = log.open(), Nurse("nurse"), log.history()
    assert isinstance(history.append(one, nurse.signed(one, ["suite/C1", "suite/C2"])), Appended)
    awake(writer)
    told = [each.what for each in read_histories([log.folder / "zombie.history"])]
    assert told == ["signed", "refused"]
    assert [stored.refused for stored in one.read(len(log.before))][1:] or one.size() >= len(log.before) + 1
    report = log.report("one", "zombie")
    assert report.clean, report


@whole_only
def test_7_a_writer_that_slept_while_nobody_acted_wins(log: Founded) -> None:
    """However long it slept: no clock decides."""
    writer = asleep(order(log, "sleeper", count=1, streams=("suite/C0",), at_send="stop"))
    one, nurse, history = log.open(), Nurse("nurse"), log.history()
    assert isinstance(history.append(one, nurse.signed(one, ["suite/C2"])), Appended)
    time.sleep(1)
    awake(writer)
    assert [each.what for each in read_histories([log.folder / "sleeper.history"])] == ["signed", "acknowledged"]
    report = log.report("one", "sleeper")
    assert report.clean, report


@whole_only
def test_9_the_same_command_twice(log: Founded) -> None:
    """The same bytes a second time are refused: the head that they name has moved, by themselves."""
    one, two, nurse, history = log.open(), log.open("two"), Nurse("nurse"), log.history()
    value = nurse.signed(one, ["suite/C0", "suite/C1"])
    assert isinstance(history.append(one, value), Appended)
    assert isinstance(history.append(one, value), Moved)
    two.wait(len(log.before), 10)
    assert isinstance(history.append(two, value), Moved)
    report = log.report("one", "two")
    assert report.clean, report
    assert report.figures["in the log"] == len(log.before) + 1


def test_9_the_same_bytes_at_once(log: Founded) -> None:
    """By two threads of one process, and by two processes' handles: one record, and everyone is told at once."""
    for number, (first, second) in enumerate([("one", "one"), ("one", "two"), ("two", "one")]):
        handles = {name: log.open(name) for name in {first, second}}
        nurse = Nurse(f"nurse {number}")
        value = nurse.signed(handles[first], [STREAMS[number]])
        barrier, results = threading.Barrier(2), []

        def append(name: str, log_: KafkaLog, value: bytes = value, barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            results.append(log.history(f"{name}-{threading.get_ident()}").append(log_, value))  # noqa: B023

        began = time.monotonic()
        callers = [threading.Thread(target=append, args=(name, handles[name])) for name in (first, second)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join(70)
        assert time.monotonic() - began < 5
        assert len(results) == 2
        positions = {done.position for done in results if isinstance(done, Appended)}
        assert len(positions) == 1, results
        assert all(isinstance(done, (Appended, Moved)) for done in results), results
        log.close()
    report = log.report("one", "two")
    assert report.clean, report


@whole_only
def test_17_a_reader_stops_for_long_and_goes_on(log: Founded) -> None:
    """Its process sleeps while others append hundreds of records; awake, it appends on top of them all."""
    others = sized(100, 400, 50_000)
    writer = started(order(log, "sleepy", pause=0.05))
    one, nurse, history = log.open(), Nurse("nurse"), log.history()
    time.sleep(1)
    os.kill(writer.pid or 0, signal.SIGSTOP)
    before = len(read_histories([log.folder / "sleepy.history"]))
    for _ in range(others):
        history.append(one, nurse.any(one))
    time.sleep(sized(1, 3, 60))
    os.kill(writer.pid or 0, signal.SIGCONT)
    until = time.monotonic() + 30
    told: list[Told] = []
    while sum(each.what == "acknowledged" for each in told) < 5:
        assert time.monotonic() < until, f"it appends no more: {told[-5:]}"
        time.sleep(0.1)
        told = read_histories([log.folder / "sleepy.history"])[before:]
    writer.kill()
    writer.join()
    report = log.report("one", "sleepy")
    assert report.clean, report


@whole_only
def test_18_a_writers_clock_is_a_day_off(log: Founded) -> None:
    """Nothing is decided by a clock: its records stand, in order, and the broker's own time is beside them."""
    for days in (1.0, -1.0, 400.0):
        name = f"off-{days}"
        given = replace(order(log, name, count=3), days_off=days, pause=0.0)
        assert ended(given) == 0
        told = read_histories([log.folder / f"{name}.history"])
        assert sum(each.what == "acknowledged" for each in told) == 3
    now = datetime.now(UTC).timestamp() * 1000
    for message in messages(log.access):
        kind, stamp = message.timestamp()
        assert kind == TIMESTAMP_LOG_APPEND_TIME
        assert abs(stamp - now) < 600_000
    report = log.report(*(f"off-{days}" for days in (1.0, -1.0, 400.0)))
    assert report.clean, report
