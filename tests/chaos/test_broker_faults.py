"""Faults 1 to 5: the broker dies, stops, or has no room; the network loses its answers. Whatever was told holds."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from events.errors import Moved, Unavailable
from events.kafka import client
from events.log import Appended
from tests.chaos import starving
from tests.chaos.broker import Hit
from tests.chaos.extent import WHOLE, sized, whole_only
from tests.chaos.founded import Founded, Nurse
from tests.chaos.history import read_histories
from tests.chaos.outside import messages
from tests.chaos.waits import shorter


@contextmanager
def later(seconds: float, act: object) -> Iterator[None]:
    """Do something in so many seconds, while the test goes on."""
    timer = threading.Timer(seconds, act)  # type: ignore[arg-type]
    timer.start()
    try:
        yield
    finally:
        timer.join()


@whole_only
def test_1_the_broker_is_killed_amid_appends(broker: Hit, log: Founded) -> None:
    """Two callers go on appending while it is killed by -9 and comes back; none has to do anything but wait."""
    one, history, stop = log.open(), log.history(), threading.Event()

    def append(name: str, stream: str) -> None:
        nurse, mine = Nurse(name), log.history(name)
        while not stop.is_set():
            mine.append(one, nurse.signed(one, [stream]))
            time.sleep(0.01)

    callers = [threading.Thread(target=append, args=(f"caller {n}", f"suite/C{n}")) for n in range(2)]
    for caller in callers:
        caller.start()
    time.sleep(0.7)
    broker.kill()
    time.sleep(0.5)
    broker.start()
    time.sleep(1)
    stop.set()
    for caller in callers:
        caller.join(70)
    assert isinstance(history.append(one, Nurse("after").any(one)), Appended)
    told = read_histories(log.folder.glob("*.history"))
    assert {each.what for each in told} == {"signed", "acknowledged"}, "each was recorded, in the end"
    report = log.report("one")
    assert report.clean, report


@whole_only
def test_2_the_broker_stops_for_a_while(broker: Hit, log: Founded) -> None:
    """The append succeeds in the end, and the person was told once that it is unknown."""
    told: list[str] = []
    one, nurse = log.open(told=told.append), Nurse("nurse")
    log.history().append(one, nurse.any(one))
    broker.freeze()
    with later(9.0, broker.thaw):
        began = time.monotonic()
        done = log.history().append(one, nurse.any(one))
    assert isinstance(done, Appended)
    assert time.monotonic() - began < 12
    assert told == ["The log does not answer: it is unknown whether this was recorded. Checking; please wait."]
    report = log.report("one")
    assert report.clean, report


@whole_only
def test_3_the_broker_stops_for_longer_than_anyone_waits(
    broker: Hit, log: Founded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """UNKNOWN is said, and the next look shows the truth. Waits are shortened: 4 s stand for the minute."""
    shorter(monkeypatch, quiet=1.0, request=1_500, settle=4.0)
    told: list[str] = []
    one, nurse, history = log.open(told=told.append), Nurse("nurse"), log.history()
    history.append(one, nurse.any(one))
    broker.freeze()
    value = nurse.any(one)
    problem = history.append(one, value)
    assert isinstance(problem, Unavailable)
    assert problem.rule == "log.unknown"
    assert "UNKNOWN" in problem.says
    assert len(told) == 1
    broker.thaw()
    one.wait(len(log.before) + 1, 3)
    stands = [stored for stored in one.read() if stored.value == value and stored.refused is None]
    assert len(stands) == 1, "the frozen broker had it in its socket"
    with pytest.raises(Moved):
        one.append(value)  # the same bytes again are no second record
    assert isinstance(history.append(one, nurse.any(one)), Appended)
    report = log.report("one")
    assert report.clean, report
    assert report.figures["unknown"] == 1


def test_5_an_answer_is_lost_after_the_broker_wrote(broker: Hit, log: Founded) -> None:
    """The record is found accepted, once, without another being sent: it is read back."""
    one = log.open("proxied", log.by(broker.proxied))
    history, nurse = log.history(), Nurse("nurse")
    history.append(one, nurse.any(one))
    for _ in range(sized(3, 10, 100)):
        broker.proxy.lose_acks = 1
        began = time.monotonic()
        assert isinstance(history.append(one, nurse.any(one)), Appended)
        assert time.monotonic() - began < 5, (
            "who reads it back need not wait for the answer, which takes 6 s to be given up"
        )
        broker.proxy.cut()
    assert broker.proxy.lost >= 3
    size = one.size()
    report = log.report("proxied")
    assert report.clean, report
    assert report.figures["in the log"] == size == len(log.before) + report.figures["acknowledged"]


@whole_only
def test_5_all_answers_are_lost_for_a_while(broker: Hit, log: Founded, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is sent again and again, and stands once; the person was told once. Waits are shortened."""
    shorter(monkeypatch, quiet=0.5, request=1_000)
    told: list[str] = []
    one = log.open("proxied", log.by(broker.proxied), told=told.append)
    history, nurse = log.history(), Nurse("nurse")
    history.append(one, nurse.any(one))
    broker.proxy.lose_all = True
    with later(2.5, broker.proxy.heal):
        value = nurse.any(one)
        assert isinstance(history.append(one, value), Appended)
    assert len(told) == 1
    report = log.report("proxied")
    assert report.clean, report
    written = [message for message in messages(log.access) if message.value() == value]
    assert len(written) > 1, "the same bytes were written more than once"


@whole_only
@pytest.mark.parametrize("way", starving.WAYS)
def test_4_the_brokers_disk_is_full(way: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """What cannot be written is not acknowledged; with room again, and the broker started again, all goes on."""
    with starving.broker(way, request.config, tmp_path) as (hungry, log):
        one, history, nurse = log.open(), log.history(), Nurse("nurse")
        history.append(one, nurse.any(one))
        hungry.starve()
        patch = pytest.MonkeyPatch()
        shorter(patch, quiet=1.0, request=1_500, settle=4.0, refusing=3.0)
        refused = None
        until = time.monotonic() + 60
        while refused is None and time.monotonic() < until:
            done = history.append(one, nurse.signed(one, ["suite/C1"], f"{nurse.number} " + "x" * 1_900))
            refused = None if isinstance(done, Appended) else done
        assert isinstance(refused, Unavailable)
        patch.undo()
        hungry.feed()
        for _ in range(3):
            assert isinstance(history.append(one, nurse.any(one)), Appended)
        report = log.report("one")
        assert report.clean, report
        assert client.REQUEST_MS == 6_000
        assert WHOLE or report.figures["unknown"] <= 1
