"""A writer in a process of its own, which may be killed or stopped at any instant; it says to its history what it was told."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from dataclasses import dataclass, replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from events.errors import Corrupt
from events.kafka.client import Access
from events.log import Appended
from events.log_kafka import KafkaLog
from tests.chaos.founded import Founded, Nurse
from tests.chaos.history import History

DAY = 86_400.0


@dataclass(frozen=True)
class Order:
    """What a writer does.

    Args:
        pause: seconds between two records, on average.
        count: how many records; None: until it is ended.
        streams: those that each record extends; empty: any one to three of twelve.
        at_send: what happens to it when it has signed, and is about to send or has just sent: "stop" (SIGSTOP before),
            "die" (kill -9 when the broker must have it).
        days_off: how wrong its clock is.
    """

    access: Access
    topic_id: str
    log_id: str
    copy: Path
    history: Path
    name: str
    seed: int = 0
    pause: float = 0.02
    count: int | None = None
    streams: tuple[str, ...] = ()
    at_send: str = ""
    days_off: float = 0.0


def order(log: Founded, name: str, copy: str = "", **settings: Any) -> Order:
    """An order for a writer of this log; its copy is its own, unless another's is named."""
    history = log.folder / f"{name}.history"
    return replace(
        Order(log.access, log.topic_id, log.log_id, log.copy(copy or name), history, name), **settings
    )  # fmt: skip


def write(given: Order) -> None:
    """Append as ordered."""
    parent = os.getppid()
    if given.days_off:
        right = time.time
        time.time = lambda: right() + given.days_off * DAY
    history = History(given.history)
    log = KafkaLog(given.access, given.copy, topic_id=given.topic_id, log_id=given.log_id)
    if given.at_send:
        _hurt_at_send(log, given.at_send)
    try:
        _write(given, log, history, parent)
    except Corrupt as problem:  # told when it asked where its streams stand, before it signed
        ended_by(given.history).write_text(problem.rule, encoding="ascii")
    finally:
        log.close()


def ended_by(history: Path) -> Path:
    """Where a writer notes the rule that ended it, where that was told it outside of an append."""
    return history.with_suffix(".ended")


def _write(given: Order, log: KafkaLog, history: History, parent: int) -> None:
    nurse = Nurse(f"{given.name} {os.getpid()}", given.seed)
    while given.count is None or nurse.number < given.count:
        value = nurse.signed(log, given.streams) if given.streams else nurse.any(log)
        done = history.append(log, value)
        if isinstance(done, Corrupt) or os.getppid() != parent:
            break
        if not isinstance(done, Appended):
            print(f"{given.name}: {done.rule}", flush=True) if done.rule != "log.head" else None
        time.sleep(nurse.random.uniform(0, 2 * given.pause))


def _hurt_at_send(log: KafkaLog, how: str) -> None:
    send = log.send

    def hurt(claim: Any) -> None:
        if how == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        send(claim)
        if how == "die":
            for producer in log._producers.values():
                producer.flush()
            os.kill(os.getpid(), signal.SIGKILL)

    log.send = hurt  # type: ignore[method-assign]


def started(given: Order) -> BaseProcess:
    """The writer, started; from a process that has everything imported, so it is there at once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.chaos.writer"])
    process = context.Process(target=write, args=(given,), daemon=True, name=given.name)
    process.start()
    return process


def is_stopped(process: BaseProcess) -> bool:
    """Whether it has stopped by SIGSTOP."""
    state = Path(f"/proc/{process.pid}/stat")
    if state.exists():
        return state.read_text().rpartition(")")[2].split()[0] in {"T", "t"}
    from subprocess import run

    return run(["ps", "-o", "stat=", "-p", str(process.pid)], capture_output=True, text=True).stdout.startswith("T")
