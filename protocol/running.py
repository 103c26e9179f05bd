"""The clocks that run for a material, and how much of each is left. An incident stops none of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from protocol.clocks import Strike, strikes
from protocol.due import Due, instances
from protocol.model import Consequences, StudyProtocol
from protocol.state import Therapy


class Running(NamedTuple):
    """A clock that runs: what it counts, and each of its thresholds."""

    says: str
    strikes: tuple[Strike, ...]


def running(therapy: Therapy, protocol: StudyProtocol, materials: Iterable[str]) -> list[Running]:
    """The clocks that concern these materials, in the file's order."""
    codes = set(materials)
    kinds = {therapy.materials[code].kind for code in codes if code in therapy.materials}
    found: dict[str, list[Strike]] = {}
    for due in instances(therapy, protocol):
        if due.standing not in ("ready", "waiting", "awaiting_second") or not due.required:
            continue
        if due.at.material in codes or (not due.at.material and kinds & touched_kinds(due)):
            of = f" of {due.at.material}" if due.at.material else ""
            for strike in strikes(therapy, protocol, due.step, due.at):
                if strike.materials and not codes & set(strike.materials):
                    continue
                found.setdefault(f"{strike.since} to {due.step.id} {strike.edge}{of}", []).append(strike)
    return [Running(says, tuple(struck)) for says, struck in found.items()]


def touched_kinds(due: Due) -> set[str]:
    """The kinds of material that a step uses up, moves or scans."""
    return {*due.step.consumes, *due.step.moves, *(kind for spec in due.step.scans.values() for kind in spec.kinds)}


def left(clock: Running, now: datetime) -> str:
    """How much is left of a clock, in words: ``13 h 20 min until deviation major (24 h), ...``."""
    told = []
    for strike in clock.strikes:
        then = f"{in_words(strike.limit.then)} ({strike.limit.at})"
        apart = strike.due - now
        told.append(f"{length(apart)} until {then}" if apart >= timedelta(0) else f"{then} {length(-apart)} ago")
    return f"{clock.says}: {', '.join(told)}"


def in_words(consequences: Consequences) -> str:
    """Consequences as a file writes them."""
    return " and ".join(" ".join(w for w in (c.what.replace("_", " "), c.grade, c.step) if w) for c in consequences)


def length(apart: timedelta) -> str:
    """A length of time to the minute: ``13 h 20 min``; from three days on in days and hours."""
    minutes = int(apart.total_seconds() // 60)
    days, hours = divmod(minutes // 60, 24)
    if days >= 3:
        return f"{days} d {hours} h"
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def next_strike(therapy: Therapy, protocol: StudyProtocol, materials: Iterable[str]) -> datetime | None:
    """When the next threshold strikes that the log has not seen missed."""
    missed = {(name, due) for (name, _), due in therapy.missed.items()}
    clocks = running(therapy, protocol, materials)
    ahead = [s.due for clock in clocks for s in clock.strikes if (s.name, s.due) not in missed]
    return min(ahead, default=None)
