"""What follows from a temperature log: the stretch it must cover, the values that it says, and the bounds that it did not keep.

The figures were computed from the raw file before anybody signs; here they are held against what the step asks. Whoever has the file
can compute them again (`unbroken logger check`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from events.facts.base import Reading, TherapyFact
from events.facts.logger import LogFigures, LoggerLost, LoggerRead, OutsideBand
from protocol.clocks import moment
from protocol.commands import Perform
from protocol.duration import Duration
from protocol.logger.asked import Asked, asked_by
from protocol.logger.spans import minutes, of_seconds, plain, seconds, to_ms
from protocol.model import Band, LoggerSpec, Step, StudyProtocol
from protocol.readings import Breach
from protocol.refusals import refuse
from protocol.state import Instance, Therapy


class ReadOut(NamedTuple):
    """What a log adds to a record: its fact, the bounds not kept, and which values of the step it says."""

    facts: tuple[TherapyFact, ...] = ()
    breaches: tuple[Breach, ...] = ()
    names: frozenset[str] = frozenset()


def asked_of(therapy: Therapy, protocol: StudyProtocol, step: Step, at: Instance, ended: datetime) -> Asked:
    """What a step that ended then asks of its temperature log.

    Raises:
        Refused: the step asks for none, or what its stretch counts from has not happened.
    """
    if step.logger is None:
        raise refuse(
            "logger.step",
            f"Step {step.id} asks for no temperature log.",
            f"Those that do: {', '.join(s.id for s in protocol.steps if s.logger) or 'none in this protocol'}.",
            step=step.id,
        )
    began = moment(therapy, protocol, step.logger.start, at.material)
    until = moment(therapy, protocol, step.logger.until, at.material) if step.logger.until else None
    starts, ends = began.at if began else None, ended if step.logger.until is None else until.at if until else None
    if starts is None or ends is None or ends < starts:
        raise refuse(
            "logger.stretch",
            f"The temperature log of {at} covers {step.logger.start} to {step.logger.until or f'{step.id}.end'}, "
            "which have not both happened, in this order.",
            "Record those steps first, and check their times.",
            step=step.id,
            starts=starts,
            ends=ends,
        )
    return asked_by(step.logger, starts, ends)


def read_out(
    therapy: Therapy,
    protocol: StudyProtocol,
    step: Step,
    at: Instance,
    ended: datetime,
    log: LogFigures | None,
    lost: str | None,
    typed: Mapping[str, Reading],
    why: str | None = None,
) -> ReadOut:
    """What follows from a log, or from its loss; nothing where neither is said.

    Args:
        typed: values that a person entered for the same step.
        why: the reason to read a log again.

    Raises:
        Refused: the step asks for none, both are said, or the figures are not for what the step asks.
    """
    if log is None and lost is None:
        return ReadOut()
    asked = asked_of(therapy, protocol, step, at, ended)
    spec = step.logger
    assert spec is not None  # asked_of refuses a step without one
    if log is None:
        assert lost is not None  # one of the two is said
        return _lost(therapy, step, spec, at, asked, (lost, why), typed)
    if lost is not None:
        raise refuse("logger.lost", "A log is read, and said to be lost.", "Say one of the two.", step=step.id)
    check_figures(step, spec, log, asked, typed)
    computed = tuple(_computed(step, spec, log))
    fact = LoggerRead(therapy=therapy.id, key=at.key(), log=log, computed=computed, why=why)
    found = [*_outside(step, spec, log), *_too_unknown(step, spec, of_seconds(log.unknown), _told(log))]
    if spec.findings and log.findings:
        says = f"the temperature log of {at} is not as it should be: {'; '.join(log.findings)}"
        found.append(
            Breach(f"logger.{step.id}.findings", spec.findings, "no finding", f"{len(log.findings)} told", says[:2000])
        )
    found += _differs(step, spec, computed, typed)
    return ReadOut((fact,), tuple(found), frozenset(r.name for r in computed))


def said_by_log(step: Step, command: Perform) -> frozenset[str]:
    """The values that nobody need enter: the step's log says them, or is lost."""
    if step.logger is None or (command.logger is None and command.logger_lost is None):
        return frozenset()
    return fills(step.logger)


def check_figures(step: Step, spec: LoggerSpec, log: LogFigures, asked: Asked, typed: Mapping[str, Reading]) -> None:
    """Refuse figures that were computed for another question, or do not add up.

    Raises:
        Refused: `logger.stretch`, `logger.bands`, `logger.sums`, `logger.file`.
    """
    if (log.starts, log.ends) != (asked.starts, asked.ends):
        raise refuse(
            "logger.stretch",
            f"The log was computed for {log.starts:%Y-%m-%d %H:%M:%S} to {log.ends:%Y-%m-%d %H:%M:%S} UTC, "
            f"{step.id} asks for {asked.starts:%Y-%m-%d %H:%M:%S} to {asked.ends:%Y-%m-%d %H:%M:%S} UTC.",
            "Read the file again for this step and these times.",
            step=step.id,
        )
    bounds = tuple((side, plain(bound)) for side, bound in asked.bounds)
    if tuple((band.side, band.bound) for band in log.bands) != bounds or (log.kinetic_mean and not spec.kinetic_mean):
        raise refuse(
            "logger.bands",
            f"The log was computed for other bounds than {step.id} asks for: {', '.join(map(' '.join, bounds))}.",
            "Read the file again for this step.",
            step=step.id,
        )
    whole = to_ms(log.ends) - to_ms(log.starts)
    inside, unknown = of_seconds(log.inside), of_seconds(log.unknown)
    wrong = [b for b in log.bands if not _adds_up(b, whole - inside - unknown, unknown)]
    if inside + unknown > whole or wrong or bool(log.readings) != (log.lowest is not None):
        raise refuse(
            "logger.sums",
            f"The figures of the log do not add up to {seconds(whole)} s.",
            "They were not computed by this program from a file; read the file again.",
            step=step.id,
        )
    given = typed.get(spec.file)
    if given is not None and given.value != log.file.sha256:
        raise refuse(
            "logger.file",
            f"{spec.file} names {given.value[:16]}, the log that was read is {log.file.sha256[:16]}.",
            f"Leave {spec.file} out: it is taken from the log.",
            step=step.id,
        )


def _adds_up(band: OutsideBand, most: int, unknown: int) -> bool:
    outside, longest, possible = of_seconds(band.outside), of_seconds(band.longest), of_seconds(band.longest_possible)
    return longest <= outside <= most and longest <= possible <= outside + unknown and (outside == 0) == (longest == 0)


# ---------------------------------------------------------------------------------------------------- values


def _computed(step: Step, spec: LoggerSpec, log: LogFigures) -> Iterator[Reading]:
    yield Reading(name=spec.file, value=log.file.sha256)
    figures = {"lowest": log.lowest, "highest": log.highest, "mean": log.mean, "kinetic_mean": log.kinetic_mean}
    figures["unknown"] = minutes(of_seconds(log.unknown))
    for name, figure in spec.fills.items():
        value = figures.get(figure)
        if value is not None:
            yield Reading(name=name, value=value, unit=step.record_by_name[name].unit)


def fills(spec: LoggerSpec) -> frozenset[str]:
    """The values of a step that its temperature log says."""
    return frozenset({spec.file, *spec.fills})


def _differs(
    step: Step, spec: LoggerSpec, computed: tuple[Reading, ...], typed: Mapping[str, Reading]
) -> Iterator[Breach]:
    """Where a person entered another value than the file says. Compared as it was typed: 8.4 is 8.43 from a display."""
    other = [
        (typed[said.name], said)
        for said in computed
        if said.name in typed and said.name != spec.file and not _same(typed[said.name].value, said.value)
    ]
    if other and spec.differs is not None:
        says = "; ".join(
            f"{said.name} was entered as {_value(given)}, the log says {_value(said)}" for given, said in other
        )
        limit, found = (
            ", ".join(map(_value, readings)) for readings in zip(*[pair[::-1] for pair in other], strict=True)
        )
        yield Breach(f"logger.{step.id}.differs", spec.differs, limit, found, says)


def _value(reading: Reading) -> str:
    return f"{reading.value} {reading.unit or ''}".strip()


def _same(typed: str, computed: str) -> bool:
    try:
        given, said = Decimal(typed), Decimal(computed)
        exponent = given.as_tuple().exponent
        return given == (said.quantize(given) if isinstance(exponent, int) and exponent <= 0 else said)
    except InvalidOperation:
        return typed == computed


# ---------------------------------------------------------------------------------------------------- bounds


def figures_in_words(log: LogFigures) -> str:
    """The figures of a log in one line: lowest and highest, time outside each bound, time unknown."""
    return "; ".join(
        [*(_band_words(b) for b in log.bands if of_seconds(b.outside)), _told(log)] if log.bands else [_told(log)]
    )


def _told(log: LogFigures) -> str:
    known = f"lowest {log.lowest} C, highest {log.highest} C, " if log.lowest is not None else ""
    return f"{known}unknown {minutes(of_seconds(log.unknown))} min"


def _band_words(band: OutsideBand) -> str:
    longest, possible = of_seconds(band.longest), of_seconds(band.longest_possible)
    might = f", perhaps {minutes(possible)} min with the unknown beside it" if possible > longest else ""
    return (
        f"{band.side} {band.bound} C for {minutes(of_seconds(band.outside))} min "
        f"(longest {minutes(longest)} min{might}; {band.degree_minutes} C min)"
    )


def _outside(step: Step, spec: LoggerSpec, log: LogFigures) -> Iterator[Breach]:
    figures = {(band.side, band.bound): band for band in log.bands}
    for band in spec.bands:
        found = figures[band.side, plain(band.bound)]
        least, held = _held_against(band, found)
        if held > least:
            limit = f"{band.side} {plain(band.bound)} C at most {minutes(least)} min{' at a time' if band.run_longer_than else ''}"
            says = f"{_band_words(found)}; {_told(log)}"
            yield Breach(
                f"logger.{step.id}.{band.side}.{plain(band.bound)}"[:64],
                band.otherwise,
                limit,
                f"{minutes(held)} min",
                says,
            )


def _held_against(band: Band, found: OutsideBand) -> tuple[int, int]:
    """How long may be, and how long it was, in milliseconds."""
    if band.run_longer_than is not None:
        return _ms(band.run_longer_than), of_seconds(found.longest_possible)
    return _ms(band.longer_than) if band.longer_than else 0, of_seconds(found.outside)


def _too_unknown(step: Step, spec: LoggerSpec, unknown: int, told: str) -> Iterator[Breach]:
    for limit in spec.unknown:
        if unknown > _ms(limit.longer_than):
            says = f"the temperature is unknown for {minutes(unknown)} min, more than {limit.longer_than}; {told}"
            yield Breach(
                f"logger.{step.id}.unknown",
                limit.otherwise,
                f"at most {limit.longer_than}",
                f"{minutes(unknown)} min",
                says,
            )


def _ms(length: Duration) -> int:
    return int(length.exact.total_seconds() * 1000)


def _lost(
    therapy: Therapy,
    step: Step,
    spec: LoggerSpec,
    at: Instance,
    asked: Asked,
    said: tuple[str, str | None],
    typed: Mapping[str, Reading],
) -> ReadOut:
    why, again = said
    whole = to_ms(asked.ends) - to_ms(asked.starts)
    computed = tuple(
        Reading(name=name, value=minutes(whole), unit=step.record_by_name[name].unit)
        for name, figure in spec.fills.items()
        if figure == "unknown"
    )
    fact = LoggerLost(
        therapy=therapy.id,
        key=at.key(),
        starts=asked.starts,
        ends=asked.ends,
        unknown=seconds(whole),
        computed=computed,
        why=why,
        again=again,
    )
    found = list(_too_unknown(step, spec, whole, f"no temperature log: {why}"[:1500]))
    if spec.lost:
        says = f"there is no temperature log of {at}: {why}"[:2000]
        found.append(Breach(f"logger.{step.id}.lost", spec.lost, "a temperature log", "none", says))
    found += _differs(step, spec, computed, typed)
    return ReadOut((fact,), tuple(found), frozenset(r.name for r in computed))


# ---------------------------------------------------------------------------------------------------- what it holds


def entered_by_people(therapy: Therapy, at: Instance) -> dict[str, Reading]:
    """Of an instance's values as they stand, those that no log has said."""
    said = therapy.loggers.get(at)
    return {
        name: Reading(name=name, value=now.value, unit=now.unit)
        for (where, name), now in therapy.readings.items()
        if where == at and (said is None or name not in said.computed)
    }


def still_there(therapy: Therapy, codes: tuple[str, ...]) -> tuple[str, ...]:
    """What a quarantine would hold of these materials now: each one that is live, or else what was made of it and is."""
    found: list[str] = []
    todo = list(codes)
    seen: set[str] = set()
    while todo:
        code = todo.pop(0)
        material = therapy.materials.get(code)
        if code in seen or material is None:
            continue
        seen.add(code)
        if material.live:
            found.append(code)
        else:
            todo += sorted(m.code for m in therapy.materials.values() if m.parent == code)
    return tuple(found)
