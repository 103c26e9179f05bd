"""Fault 18: the projector is killed between its commit and its next look. Nothing is filled twice, and nothing is left out."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
from multiprocessing.process import BaseProcess
from pathlib import Path

from events.log import Appended
from events.log_kafka import KafkaLog
from projections.views import Projector
from tests.chaos.extent import seed, sized, whole_only
from tests.chaos.founded import Founded, Nurse
from tests.chaos.writer import Order, order

THERAPIES = ("therapy/T-7", "therapy/T-8")


def follow(given: Order, views: str, die_after: int) -> None:
    """Fill the views as the log grows; killed by itself after so many commits, unless by others before."""
    parent = os.getppid()
    log = KafkaLog(given.access, given.copy, topic_id=given.topic_id, log_id=given.log_id)
    projector = Projector(log, views)
    commits = 0
    while os.getppid() == parent:
        commits += bool(projector.catch_up())
        if commits == die_after:
            os.kill(os.getpid(), signal.SIGKILL)
        log.wait(projector.position(), 0.5)


def started(given: Order, views: str, die_after: int = 0) -> BaseProcess:
    """The projector in a process of its own."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.chaos.writer"])
    process = context.Process(target=follow, args=(given, views, die_after), daemon=True)
    process.start()
    return process


@whole_only
def test_18_the_projector_is_killed_between_commit_and_look(log: Founded, tmp_path: Path) -> None:
    """At its own commits, and at random instants. In the end the views are what a fresh rebuild makes of the log."""
    dice, views = random.Random(seed()), f"sqlite:///{tmp_path / 'views.db'}"
    one, history, nurse = log.open(), log.history(), Nurse("nurse", 1)
    given = order(log, "projector")
    running = started(given, views, die_after=1)
    kills = 0
    while kills < sized(2, 6, 200):
        for _ in range(dice.randint(1, 5)):
            streams = dice.sample(THERAPIES, dice.randint(1, 2))
            assert isinstance(history.append(one, nurse.signed(one, streams)), Appended)
        running.join(dice.uniform(0.5, 2.5))
        if running.is_alive():
            running.kill()
            running.join()
        kills += 1
        running = started(given, views, die_after=dice.randint(0, 2))
    running.kill()
    running.join()
    last = Projector(one, views)
    last.catch_up()
    fresh = Projector(one, f"sqlite:///{tmp_path / 'fresh.db'}")
    fresh.catch_up()
    assert last.position() == fresh.position() == one.size()
    assert last.digest() == fresh.digest()
    last.close()
    fresh.close()
    report = log.report("one", "projector")
    assert report.clean, report


def test_18_a_projector_goes_on_after_the_one_that_was_killed(log: Founded, tmp_path: Path) -> None:
    """It does what is left, and no more."""
    views = f"sqlite:///{tmp_path / 'views.db'}"
    one, nurse = log.open(), Nurse("nurse")
    running = started(order(log, "projector"), views, die_after=1)
    running.join(30)
    assert running.exitcode == -signal.SIGKILL
    for _ in range(3):
        assert isinstance(log.history().append(one, nurse.signed(one, ["therapy/T-7"])), Appended)
    following = Projector(one, views)
    assert following.position() == len(log.before)
    assert following.catch_up() == 3
    assert following.catch_up() == 0
    following.close()
