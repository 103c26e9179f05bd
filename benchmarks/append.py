"""A durable signed append through the desk (load, decide, sign, judge, commit), beside a bare write + fdatasync of as many bytes."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from datetime import datetime
from importlib import resources
from pathlib import Path
from statistics import median

from console.demo import Stage
from console.play import Play
from console.scenes import scenes
from events.errors import Refused
from events.reading import Record, read_record
from protocol.commands import LetPass, Perform
from protocol.file import read_protocol
from protocol.retell import command_of

CHUNK = 25
"""Appends of each kind in turn, so that both meet the same disk and the same neighbours."""


def play(folder: Path, told: Callable[[str], None]) -> Stage:
    """A site with the demo's patients played through, without Prefect."""
    told("playing twelve therapies to have something to append again ...")
    text = (resources.files("protocol") / "studies" / "cd20-cd22.yaml").read_text(encoding="utf-8")
    protocol = read_protocol(text)
    stage = Stage(folder / "played", protocol, text)
    acts = Play(stage.desk, protocol, scenes(protocol), stage.sitting, stage.site.set_clock)
    while acts.run(100):
        acts.wake()
    return stage


def measure(played: Stage, folder: Path) -> str:
    """Perform the same acts again on a fresh site of the same cast, in turn with bare writes."""
    text = (resources.files("protocol") / "studies" / "cd20-cd22.yaml").read_text(encoding="utf-8")
    fresh = Stage(folder / "fresh", read_protocol(text), text)
    first = fresh.desk.log.size()
    acts = [r for r in map(read_record, played.desk.log.read(first)) if r.statement.subject.startswith("therapy/")]
    sizes = [len(stored.value) for stored in played.desk.log.read(first)]
    ours: list[float] = []
    bare: list[float] = []
    links: dict[str, str] = {}
    chance = random.Random(1)
    with (folder / "bare").open("wb", buffering=0) as file:
        for begin in range(0, len(acts), CHUNK):
            for record in acts[begin : begin + CHUNK]:
                _again(fresh, record, links, ours)
            for size in sizes[begin : begin + CHUNK]:
                block = chance.randbytes(size)
                started = time.perf_counter()
                file.write(block)
                os.fdatasync(file.fileno())
                bare.append(time.perf_counter() - started)
    ratio = sum(bare) / len(bare) / (sum(ours) / len(ours))
    return (
        f"append: {len(ours)} durable signed acts through the desk (load, decide, sign, judge, commit): "
        f"median {median(ours) * 1e3:.2f} ms; bare write + fdatasync of as many bytes: median {median(bare) * 1e3:.2f} ms; "
        f"ratio of rates {ratio:.2f} (goal 0.5)"
    )


def _again(fresh: Stage, record: Record, links: dict[str, str], ours: list[float]) -> None:
    command, s = command_of(record), record.statement
    if command is None or isinstance(command, LetPass):
        return
    moved = (
        command.model_copy(update={"act": links.get(getattr(command, "act", ""), "")})
        if hasattr(command, "act")
        else command
    )
    name = s.subject.removeprefix("therapy/")
    sitting = fresh.sitting(s.account)
    now: datetime = s.recorded
    fresh.desk.clock = lambda: now
    started = time.perf_counter()
    opens = isinstance(moved, Perform) and moved.screening is not None
    act = fresh.desk.open if opens else fresh.desk.act
    try:
        receipt = act(name, moved, sitting)  # type: ignore[arg-type]
    except Refused:
        return  # what cleared a wrong item has nothing to clear here; a refusal is no append
    ours.append(time.perf_counter() - started)
    links[record.link] = receipt.link
