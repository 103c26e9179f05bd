"""Checks of a protocol file: what a step asks of its temperature log."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from protocol.check_steps import moment_before
from protocol.duration import Duration
from protocol.model import LoggerSpec, Record, Step
from protocol.problems import Path, Problem, Study, all_consequences, unknown

KINDS = ("transport", "receipt", "process")
"""Kinds that may have a temperature log: those in which material travels or lies."""
UNITS = {"lowest": "C", "highest": "C", "mean": "C", "kinetic_mean": "C", "unknown": "min"}
"""The unit of each figure, which is that of the value it fills."""


def check_logger(study: Study) -> Iterator[Problem]:
    """Moments, bounds and lengths make sense, and a value that the log fills is held against nothing that the log is not."""
    for number, step in enumerate(study.protocol.steps):
        if step.logger is None:
            continue
        base: Path = ("steps", number, "logger")
        if step.kind not in KINDS:
            yield Problem(base, f"only a step of kind {' or '.join(KINDS)} has it; {step.id} is {step.kind}")
        yield from moment_before(study, (*base, "from"), step, step.logger.start.step)
        if step.logger.until is not None:
            yield from moment_before(study, (*base, "until"), step, step.logger.until.step)
        yield from _bounds(base, step.logger)
        yield from _lengths(base, step.logger)
        yield from _values(base, step, step.logger)
        yield from _consequences(base, step)


def _bounds(base: Path, spec: LoggerSpec) -> Iterator[Problem]:
    low, high = spec.plausible
    if low >= high or low < Decimal("-273.15"):
        yield Problem((*base, "plausible"), f"[{low}, {high}] is no range of temperatures in C")
    for at, band in enumerate(spec.bands):
        if (band.above is None) == (band.below is None):
            yield Problem((*base, "bands", at), "say above or below, one of them")
        elif not low <= band.bound <= high:
            yield Problem((*base, "bands", at), f"{band.bound} C lies outside the plausible range {low} to {high}")
        if band.longer_than is not None and band.run_longer_than is not None:
            yield Problem((*base, "bands", at), "say longer_than (in all) or run_longer_than (at a time), not both")
        if spec.kinetic_mean is not None and band.bound < 0:
            reason = "a mean kinetic temperature says nothing about frozen material; leave it out"
            yield Problem((*base, "kinetic_mean"), reason)


def _lengths(base: Path, spec: LoggerSpec) -> Iterator[Problem]:
    lengths: list[tuple[Path, Duration | None]] = [(("reading_holds",), spec.reading_holds)]
    lengths += [(("bands", at, "longer_than"), band.longer_than) for at, band in enumerate(spec.bands)]
    lengths += [(("bands", at, "run_longer_than"), band.run_longer_than) for at, band in enumerate(spec.bands)]
    lengths += [(("unknown", at, "longer_than"), limit.longer_than) for at, limit in enumerate(spec.unknown)]
    for where, length in lengths:
        if length is not None and length.months:
            yield Problem(
                (*base, *where), f"{length} is no number of minutes; write days (of 24 hours), hours or minutes"
            )


def _values(base: Path, step: Step, spec: LoggerSpec) -> Iterator[Problem]:
    file = step.record_by_name.get(spec.file)
    if file is None:
        yield Problem((*base, "file"), unknown(spec.file, "record", step.record_by_name, f"{step.id}.records"))
    elif file.type != "file":
        yield Problem((*base, "file"), f"{spec.file} is of type {file.type}; the raw file's hash needs type file")
    elif file.late:
        yield Problem(
            (*base, "file"), f"{spec.file} needs no `late`: a temperature log may come after its step; make it optional"
        )
    for name, figure in spec.fills.items():
        record = step.record_by_name.get(name)
        path = (*base, "fills", name)
        if record is None:
            yield Problem(path, unknown(name, "record", step.record_by_name, f"{step.id}.records"))
        elif figure == "file" or record.type != "number":
            yield Problem(path, f"{figure} of a log fills a number; {name} is of type {record.type}")
        elif record.unit != UNITS[figure]:
            yield Problem(path, f"{figure} is in {UNITS[figure]}; {name} is in {record.unit}")
        else:
            yield from _limits(path, record, figure, spec)
            yield from _range(base, record, figure, spec)
        if figure == "kinetic_mean" and spec.kinetic_mean is None:
            yield Problem(path, "no kinetic_mean is asked for")


def _range(base: Path, record: Record, figure: str, spec: LoggerSpec) -> Iterator[Problem]:
    """What the log counts as a temperature, the value can hold."""
    if figure == "unknown" or record.plausible is None:
        return
    (low, high), (least, most) = spec.plausible, record.plausible
    if not least <= low <= high <= most:
        yield Problem(
            (*base, "plausible"), f"{low} to {high} goes beyond the range of {record.name}, {least} to {most}"
        )


def _limits(path: Path, record: Record, figure: str, spec: LoggerSpec) -> Iterator[Problem]:
    """A limit of the value must be one of the log's too: a value that comes from the file is held against the log's bounds."""
    for limit in record.limits:
        low = limit.at_least if limit.at_least is not None else limit.above
        high = limit.at_most if limit.at_most is not None else limit.below
        covered = {
            "lowest": low is None or any(b.below is not None and b.below >= low for b in spec.bands),
            "highest": high is None or any(b.above is not None and b.above <= high for b in spec.bands),
            "unknown": high is None or any(_minutes(u.longer_than) <= high for u in spec.unknown),
        }.get(figure, False)
        if not covered:
            reason = f"{record.name} has a limit that no band and no `unknown` of the log has; give the log the same"
            yield Problem(path, reason)


def _minutes(length: Duration) -> Decimal:
    return Decimal(int(length.exact.total_seconds())) / 60


def _consequences(base: Path, step: Step) -> Iterator[Problem]:
    for where, consequences in all_consequences(step):
        if where[0] == "logger" and any(c.what == "refuse" for c in consequences):
            reason = "what a temperature log says has happened; it refuses nothing. Choose a deviation or quarantine"
            yield Problem((*base[:-1], *where), reason)
