"""Clocks of the protocol: from a moment that happened to a step that should, with thresholds on the way."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from protocol.model import ClockLimit, Moment, Step, StudyProtocol
from protocol.readings import Breach
from protocol.state import Instance, Therapy


class Strike(NamedTuple):
    """One threshold of a clock that runs for an instance: its name in the log, when it strikes, what follows."""

    name: str
    due: datetime
    limit: ClockLimit
    says: str
    edge: str
    since: str


def moment(therapy: Therapy, protocol: StudyProtocol, what: Moment, material: str = "") -> datetime | None:
    """When a moment happened (of the step's last occurrence); None while it has not, as often as it must."""
    step = protocol.by_id[what.step]
    acts = [a for a in therapy.of_step(what.step) if not (step.for_each and material) or a.at.material == material]
    if len(acts) < (step.repeat.at_least if step.repeat else 1):
        return None
    return max(a.fact.started if what.edge == "start" else a.fact.ended for a in acts)


def _stopped(therapy: Therapy, protocol: StudyProtocol, name: str, material: str) -> bool:
    """Whether a step that stops a clock has been done: for this material, or for every live one where none is named."""
    done = {act.at.material for act in therapy.of_step(name)}
    kind = protocol.by_id[name].for_each
    if material or kind is None:
        return bool(done) and (kind is None or material in done)
    live = {m.code for m in therapy.live(kind)}
    return bool(live) and live <= done


def strikes(therapy: Therapy, protocol: StudyProtocol, step: Step, at: Instance) -> Iterator[Strike]:
    """Every threshold of the clocks that run for this instance now."""
    for clock in step.clocks:
        begun = moment(therapy, protocol, clock.start, at.material)
        if begun is None or (clock.stopped_by and _stopped(therapy, protocol, clock.stopped_by, at.material)):
            continue
        for limit in clock.limits:
            name = f"{clock.start}-{clock.to}-{limit.at}".replace(" ", "")
            says = f"{step.id} must {clock.to} within {limit.at} of {clock.start}"
            yield Strike(name, limit.at.after(begun), limit, says, clock.to, str(clock.start))


def clock_breaches(
    therapy: Therapy, protocol: StudyProtocol, step: Step, at: Instance, started: datetime, ended: datetime
) -> Iterator[Breach]:
    """What follows from when this step was done. A threshold that the system recorded as missed follows once only."""
    for strike in strikes(therapy, protocol, step, at):
        edge = ended if strike.edge == "end" else started
        if edge > strike.due and (strike.name, at) not in therapy.missed:
            late = f"{edge - strike.due} late"
            yield Breach(f"clock.{step.id}", strike.limit.then, strike.says, late, f"{strike.says}; it was {late}")
    for clock in step.clocks:
        begun = moment(therapy, protocol, clock.start, at.material)
        if begun is None or clock.no_sooner is None or clock.sooner is None:
            continue
        edge = ended if clock.to == "end" else started
        earliest = clock.no_sooner.after(begun)
        if edge < earliest:
            says = f"{step.id} must not {clock.to} sooner than {clock.no_sooner} after {clock.start}"
            yield Breach(f"clock.{step.id}", clock.sooner, says, f"{earliest - edge} early", says)
