"""Writers and the broker are killed, stopped and frozen at random instants while records extend one to three of twelve streams."""

from __future__ import annotations

import os
import random
import signal
import time
from multiprocessing.process import BaseProcess

from tests.chaos.broker import Hit
from tests.chaos.extent import seed, sized
from tests.chaos.founded import Founded
from tests.chaos.history import read_histories
from tests.chaos.writer import order, started

WRITERS = 4
FAULTS = ("kill a writer", "stop a writer", "kill the broker", "freeze the broker")


class Ward:
    """Writers that are started again when they were killed; two of them share one local copy."""

    def __init__(self, log: Founded, dice: random.Random) -> None:
        self.log, self.dice, self.done = log, dice, dict.fromkeys(FAULTS, 0)
        self.born = 0
        self.writers: dict[int, BaseProcess] = {}
        for place in range(WRITERS):
            self.start(place)

    def copies(self) -> list[str]:
        """The local copies' names."""
        return sorted({self.copy(place) for place in range(WRITERS)})

    def copy(self, place: int) -> str:
        return f"copy-{max(place, 1)}"

    def start(self, place: int) -> None:
        """A writer in this place."""
        self.born += 1
        given = order(self.log, f"writer-{self.born}", self.copy(place), seed=self.dice.randrange(2**32))
        self.writers[place] = started(given)

    def hurt(self, broker: Hit, fault: str) -> None:
        """One fault at one instant."""
        self.done[fault] += 1
        place = self.dice.randrange(WRITERS)
        if not self.writers[place].is_alive():
            self.start(place)  # one that was born while no broker listened said so, and ended
        chosen = self.writers[place]
        if fault == "kill a writer":
            chosen.kill()
            chosen.join(10)
            self.start(place)
        elif fault == "stop a writer":
            os.kill(chosen.pid or 0, signal.SIGSTOP)
            time.sleep(self.dice.uniform(0, 0.6))
            os.kill(chosen.pid or 0, signal.SIGCONT)
        elif fault == "kill the broker":
            broker.kill()
            broker.start()
        else:
            broker.freeze()
            time.sleep(self.dice.uniform(0, 2.0))
            broker.thaw()

    def end(self) -> None:
        """Kill them all."""
        for writer in self.writers.values():
            writer.kill()
        for writer in self.writers.values():
            writer.join(10)


def test_nothing_is_lost_and_nothing_invented_at_any_instant(broker: Hit, log: Founded) -> None:
    dice = random.Random(seed())
    instants, broker_kills = sized(10, 56, 2_000), sized(1, 3, 150)
    freezes = sized(1, 4, 200)
    faults = ["kill the broker"] * broker_kills + ["freeze the broker"] * freezes
    faults += [dice.choice(FAULTS[:2]) for _ in range(instants - len(faults))]
    dice.shuffle(faults)
    ward = Ward(log, dice)
    try:
        for fault in faults:
            time.sleep(dice.uniform(0, 0.5))
            ward.hurt(broker, fault)
        time.sleep(1)
    finally:
        ward.end()
    report = log.report(*ward.copies())
    rules = {told.rule for told in read_histories(log.folder.glob("*.history")) if told.rule}
    print(f"{sum(ward.done.values())} instants {ward.done}; {ward.born} writers; {report}; rules {rules}")
    assert report.clean, report
    assert report.figures["acknowledged"] > 10 * WRITERS
