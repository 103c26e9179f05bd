"""Clocks of the protocol: from a moment that happened to a step that should, with thresholds on the way."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import NamedTuple

from events.facts.steps import CellsCollected
from protocol.duration import Begun
from protocol.genealogy import origins
from protocol.model import Clock, ClockLimit, Moment, Step, StudyProtocol
from protocol.readings import Breach
from protocol.state import Act, Instance, Therapy


class Strike(NamedTuple):
    """One threshold of a clock that runs for an instance: its name in the log, when it strikes, what follows."""

    name: str
    due: datetime
    limit: ClockLimit
    says: str
    edge: str
    since: str
    materials: tuple[str, ...] = ()


def moment(therapy: Therapy, protocol: StudyProtocol, what: Moment, material: str = "") -> Begun | None:
    """When and where a moment happened (of the step's last occurrence); None while it has not, as often as it must.

    Args:
        material: of a step done on each material, the one for this. A moment of a collection is the one of the collection
            that this material came from, the oldest where several were pooled.
    """
    step = protocol.by_id[what.step]
    if step.kind == "collection" and (own := _collected(therapy, material)):
        return min(_edge(act, what) for act in own)
    known = therapy.materials.get(material)
    each = known is not None and known.kind == step.for_each
    acts = [a for a in therapy.of_step(what.step) if not each or a.at.material == material]
    if len(acts) < (step.repeat.at_least if step.repeat else 1):
        return None
    return max(_edge(act, what) for act in acts)


def _edge(act: Act, what: Moment) -> Begun:
    return act.began if what.edge == "start" else act.done


def _collected(therapy: Therapy, material: str) -> list[Act]:
    """The collections at the head of a material's genealogy."""
    made = [therapy.materials[code].made_in for code in origins(therapy, material)] if material else []
    return [therapy.acts[at] for at in made if at in therapy.acts and isinstance(therapy.acts[at].fact, CellsCollected)]


class _Start(NamedTuple):
    begun: Begun
    materials: tuple[str, ...] = ()
    mark: str = ""


def _starts(therapy: Therapy, protocol: StudyProtocol, clock: Clock, step: Step, at: Instance) -> list[_Start]:
    """When a clock began to run for an instance: once, or for each of the materials by the collection it came from.

    `mark` tells the further clocks of one instance apart; the first collection has none.
    """
    if protocol.by_id[clock.start.step].kind == "collection" and not at.material:
        found: dict[Instance, _Start] = {}
        for material in _waiting(therapy, step):
            for act in sorted(_collected(therapy, material), key=lambda act: act.fact.ended)[:1]:
                mark = "" if act.at == therapy.at(clock.start.step) else act.fact.created[0].code
                known = found.get(act.at, _Start(_edge(act, clock.start), (), mark))
                found[act.at] = known._replace(materials=(*known.materials, material))
        if found:
            return list(found.values())
    begun = begun_of(therapy, protocol, clock, step, at)
    return [] if begun is None else [_Start(begun)]


def begun_of(therapy: Therapy, protocol: StudyProtocol, clock: Clock, step: Step, at: Instance) -> Begun | None:
    """When a clock began to run; one that runs from its own step runs from the bag before this one."""
    if clock.start.step != step.id:
        return moment(therapy, protocol, clock.start, at.material)
    others = [act for act in therapy.of_step(step.id) if act.at.material != at.material]
    return max((_edge(act, clock.start) for act in others), default=None)


def _waiting(therapy: Therapy, step: Step) -> list[str]:
    kinds = {*step.consumes, *step.moves, *(kind for spec in step.scans.values() for kind in spec.kinds)}
    return sorted(m.code for m in therapy.materials.values() if m.live and not m.earlier and m.kind in kinds)


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
        for start in _starts(therapy, protocol, clock, step, at):
            codes = start.materials or (at.material,)
            if clock.stopped_by and all(_stopped(therapy, protocol, clock.stopped_by, code) for code in codes):
                continue
            for limit in clock.limits:
                name = f"{clock.start}-{clock.to}-{limit.at}{'-' if start.mark else ''}{start.mark}".replace(" ", "")
                of = f" ({start.mark})" if start.mark else ""
                says = f"{step.id} must {clock.to} within {limit.at} of {clock.start}{of}"
                due = limit.at.after(*start.begun)
                yield Strike(name, due, limit, says, clock.to, f"{clock.start}{of}", start.materials)


def struck(therapy: Therapy, strike: Strike, at: Instance) -> bool:
    """Whether the system recorded this threshold as missed; a clock that began anew since then strikes anew."""
    missed = therapy.missed.get((strike.name, at))
    return missed is not None and missed >= strike.due


def cause_of(name: str, at: Instance, due: datetime) -> str:
    """What a threshold offers a step for: the same of every material for which one clock strikes at one moment."""
    return f"{at._replace(material='')} {name} {due:%Y-%m-%dT%H:%MZ}"


def clock_breaches(
    therapy: Therapy,
    protocol: StudyProtocol,
    step: Step,
    at: Instance,
    started: datetime,
    ended: datetime,
    touched: Collection[str] = (),
) -> Iterator[Breach]:
    """What follows from when this step was done. A threshold that the system recorded as missed follows once only.

    Args:
        touched: the materials of the act; a clock of another one goes on.
    """
    for strike in strikes(therapy, protocol, step, at):
        edge = ended if strike.edge == "end" else started
        own = tuple(code for code in strike.materials if not touched or code in touched)
        if strike.materials and not own:
            continue
        if edge > strike.due and not struck(therapy, strike, at):
            late = f"{edge - strike.due} late"
            says = f"{strike.says}; it was {late}"
            yield Breach(
                f"clock.{step.id}",
                strike.limit.then,
                strike.says,
                late,
                says,
                own,
                cause_of(strike.name, at, strike.due),
            )
    for clock in step.clocks:
        begun = begun_of(therapy, protocol, clock, step, at)
        if begun is None or clock.no_sooner is None or clock.sooner is None:
            continue
        edge = ended if clock.to == "end" else started
        earliest = clock.no_sooner.after(*begun)
        if edge < earliest:
            says = f"{step.id} must not {clock.to} sooner than {clock.no_sooner} after {clock.start}"
            yield Breach(f"clock.{step.id}", clock.sooner, says, f"{earliest - edge} early", says)
