"""One-shot commands on a site whose log in Kafka has a million records, with an up-to-date local copy.

Every record is genuine: signed by an enrolled person's key, on the head that its stream has, judged and accepted by the copy as
any other. A command is a process of its own, from its start to its end, with the key unlocked (scrypt) where it signs. The same
commands are timed before the log is filled, on the demo's therapies alone: the difference is what a million records cost.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median
from typing import NamedTuple

from benchmarks.append import play
from console.demo import BEGINS, PASSPHRASE, Stage
from console.where import kafka_access
from events.envelope import seal
from events.facts.site import LotReleased
from events.heads import Head
from events.kafka.whole import ends, write
from events.keys import Signer, key_id
from events.statement import Statement

RECORDS = int(os.environ.get("UNBROKEN_BENCH_RECORDS", "1000000"))
EACH = 100
"""Records of one stream: about as many as a therapy has."""
PROCESSES = 2
ACCOUNT = "quality.1"
THERAPIES = ("T-001", "T-002", "T-003", "T-010", "T-012")
STATUS_GOAL, STEP_GOAL = 0.5, 1.0


def measure(bootstrap: str, folder: Path) -> Iterator[str]:
    """A line for each figure."""
    told: Callable[[str], None] = partial(print, file=sys.stderr)
    stage = play(folder, told)
    stage.go_to_kafka(bootstrap, told)
    site = stage.site
    assert site.kafka is not None
    access = kafka_access(site.folder, site.kafka)
    site.close()
    steps = _Steps(site.folder)
    yield _commands(steps, ends(access))
    few = ends(access)
    told(f"signing and writing {RECORDS - few:,} records more ...")
    began = time.perf_counter()
    write(access, _records(stage, RECORDS - few), few)
    filled = time.perf_counter() - began
    took = _timed(site.folder, "log", "show")
    new = RECORDS - few
    yield (
        f"kafka, {new:,} records signed and written: {new / filled:,.0f}/s; "
        f"read, judged and kept in the copy by one command: {new / took.wall:,.0f}/s ({took}, once)"
    )
    yield _commands(steps, ends(access))


class Took(NamedTuple):
    """Seconds of one command: from its start to its end, and those that a processor worked for it."""

    wall: float
    busy: float

    def __str__(self) -> str:
        return f"{self.wall:.2f} s, {self.busy:.2f} s of a processor"


class _Steps:
    """Acts that can be signed one after the other, each a new one."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.done = folder, 0

    def status(self, therapy: str) -> Took:
        """One look at one therapy."""
        return _timed(self.folder, "status", therapy)

    def sign(self) -> Took:
        """The first is a step with its scan, its reading and its materials; the others correct what it read."""
        self.done += 1
        operator = "operator.1"
        if self.done == 1:
            for cause in ("Q-1", "Q-2"):
                lift = (
                    "quarantine",
                    "lift",
                    "T-009",
                    "--material",
                    "G123426100009",
                    "--cause",
                    cause,
                    "--why",
                    "stable",
                )
                _timed(self.folder, *lift, by="qa.releaser.1")
            scans = ("--scan", "bags=G123426100009", "--read", "volume=210 mL")
            uses = ("--use", "wash_buffer=LOT-WASH-BUFFER", "--use", "cell_washer=DEV-CELL-WASHER")
            return _timed(self.folder, "perform", "T-009", "wash_collection", *scans, *uses, by=operator)
        value = f"{210 + self.done} mL"
        line = ("correct", "T-009", "wash_collection", "volume", "--to", value, "--why", "digits swapped")
        return _timed(self.folder, *line, by=operator)


def _commands(steps: _Steps, records: int) -> str:
    anew = [steps.status(therapy) for therapy in THERAPIES]
    again = [steps.status(therapy) for therapy in THERAPIES * 3]
    signed = [steps.sign() for _ in range(7)]
    after = steps.status("T-009")
    return (
        f"kafka, one-shot commands with an up-to-date copy of {records:,} records: "
        f"status {_told(again)} (goal {STATUS_GOAL}); never looked at before {_told(anew)}; just after an act {after}; "
        f"signed step {_told(signed)} (goal {STEP_GOAL})"
    )


def _told(times: list[Took]) -> str:
    wall, busy = [took.wall for took in times], [took.busy for took in times]
    return f"median {median(wall):.2f} s, longest {max(wall):.2f} s ({median(busy):.2f} s of a processor)"


def _timed(folder: Path, *words: str, by: str = "") -> Took:
    """One command, as a person types it."""
    given = {**os.environ, "UNBROKEN_SITE": str(folder)}
    if by:
        given["UNBROKEN_PASSPHRASE"] = PASSPHRASE.format(account=by)
    line = [str(Path(sys.executable).with_name("unbroken")), *words, *(("--as", by) if by else ())]
    before, began = getrusage(RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(line, env=given, capture_output=True, text=True, check=False)
    took, after = time.perf_counter() - began, getrusage(RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return Took(took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


# --------------------------------------------------------------------------------------------------------- what fills the log


def _records(stage: Stage, count: int) -> Iterator[bytes]:
    """Signed records of lots, stream by stream, made by several processes."""
    (person,) = {member.person for member in stage.members if member.account == ACCOUNT}
    sizes = [EACH] * (count // EACH) + ([count % EACH] if count % EACH else [])
    # A key is no message between processes: they are born with it.
    with get_context("fork").Pool(PROCESSES, _born, (stage.site.log_id, person, stage.sitting(ACCOUNT).signer)) as pool:
        for values in pool.imap(_stream, enumerate(sizes), chunksize=20):
            yield from values


_WHO: dict[str, tuple[str, str, Signer]] = {}


def _born(log: str, person: str, signer: Signer) -> None:
    _WHO["signs"] = (log, person, signer)


def _stream(which: tuple[int, int]) -> list[bytes]:
    """One lot, of which is stated again and again until when it may be used."""
    number, count = which
    log, person, signer = _WHO["signs"]
    lot, head, values = f"BENCH-{number}", Head(0, log), []
    stream, key = f"lot/{lot}", key_id(signer.public)
    for at in range(count):
        moment = BEGINS + timedelta(minutes=at)
        fact = LotReleased(lot=lot, item="wash_buffer", expires=BEGINS + timedelta(days=90 + at))
        statement = Statement(
            id=hashlib.sha256(f"{stream} {at}".encode()).hexdigest()[:32],
            log=log,
            subject=stream,
            heads={stream: head},
            happened=moment,
            recorded=moment,
            person=person,
            account=ACCOUNT,
            key=key,
            meaning="released",
            rulebook=1,
            facts=(fact.to_wire(),),
        )
        envelope = seal(statement.payload(), signer)
        values.append(envelope.value())
        head = Head(head.number + 1, envelope.link)
    return values
