"""Replay of the whole log, every signature and link verified, sharded by stream over two processes; beside the rate at
which `cryptography` verifies the same number of signatures over as many bytes in two processes."""

from __future__ import annotations

import time
from multiprocessing import get_context
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from console.demo import Stage
from events.log_sqlite import SqliteLog
from events.replay import replay_shard

PROCESSES = 2
ROUNDS = 8
"""The played log is verified this often, so that the figure is one of seconds, not of start-up."""


def _replay(path: str, shard: int) -> tuple[int, float]:
    log = SqliteLog(Path(path))
    log.authority()
    started = time.perf_counter()
    done = [replay_shard(log, shard, PROCESSES) for _ in range(ROUNDS)]
    assert not any(result.findings for result in done), done[0].findings[:3]
    return sum(result.signatures for result in done), time.perf_counter() - started


def _peer(count: int, size: int) -> tuple[int, float]:
    private = Ed25519PrivateKey.generate()
    public, message = private.public_key(), b"x" * size
    signature = private.sign(message)
    started = time.perf_counter()
    for _ in range(count):
        public.verify(signature, message)
    return count, time.perf_counter() - started


def measure(stage: Stage) -> str:
    """Both rates, and their ratio."""
    log = stage.desk.log
    records = log.size()
    size = sum(len(stored.value) for stored in log.read()) * 3 // 4 // records
    path = str(stage.site.folder / "log.db")
    context = get_context("fork")
    with context.Pool(PROCESSES) as pool:
        peers = pool.starmap(_peer, [(records * ROUNDS // PROCESSES, size)] * PROCESSES)
        ours = pool.starmap(_replay, [(path, shard) for shard in range(PROCESSES)])
        peers += pool.starmap(_peer, [(records * ROUNDS // PROCESSES, size)] * PROCESSES)
    mine = sum(count for count, _ in ours) / max(seconds for _, seconds in ours)
    peer = sum(count for count, _ in peers) / 2 / (sum(seconds for _, seconds in peers) / len(peers))
    return (
        f"replay: {records} records x {ROUNDS}, every signature and link, {PROCESSES} processes: {mine:,.0f}/s; "
        f"cryptography verifies {peer:,.0f}/s; ratio {mine / peer:.2f} (goal 0.8)"
    )
