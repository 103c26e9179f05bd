"""The figures of a temperature log for a stretch of time: how long outside each band, how long unknown, lowest, highest, means.

A reading stands until the next one. Where the next one comes later than one and a half intervals, readings are missing: the reading
stands for one interval, and the rest is unknown. So is what comes after the last reading's interval, and what comes before the first. Time
is counted in whole milliseconds; nothing is interpolated.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal, localcontext
from typing import Literal, NamedTuple

from events.facts.base import RawFile
from events.facts.logger import LogFigures, OutsideBand
from protocol.logger.asked import Asked
from protocol.logger.declaration import Declaration
from protocol.logger.kinetic import mean_kinetic
from protocol.logger.read import Found, Log, read_log
from protocol.logger.refusing import refuse_line
from protocol.logger.spans import from_ms, minutes, plain, seconds, to_ms
from protocol.logger.values import EXACT

WHAT = "temperature log"
MOST_TOLD = 12
"""Findings that are told one by one; of more, how many."""
_SHOWN = Decimal("0.001")


class Stretch(NamedTuple):
    """From a moment until before another (milliseconds, UTC): degrees Celsius, or None where nothing is known."""

    starts: int
    ends: int
    value: Decimal | None

    @property
    def length(self) -> int:
        """In milliseconds."""
        return self.ends - self.starts


def read_figures(data: bytes, declared: Declaration, asked: Asked) -> LogFigures:
    """Read a raw file and compute its figures: the same bytes, declaration and question give the same figures, to the last digit.

    Raises:
        Refused: see `read_log`; or most readings are implausible.
    """
    file = RawFile(sha256=hashlib.sha256(data).hexdigest(), size=len(data), what=WHAT)
    return compute(read_log(data, declared), declared, asked, file)


def figures_of_file(
    data: bytes,
    declared: Declaration,
    starts: datetime | None,
    ends: datetime | None,
    bounds: tuple[tuple[Literal["above", "below"], Decimal], ...],
) -> LogFigures:
    """The figures of a file by itself: from its first reading until the last one's interval is over, where nothing else is said."""
    log = read_log(data, declared)
    whole = from_ms(log.times[0]), from_ms(log.times[-1] + log.interval)
    asked = Asked(starts or whole[0], ends or whole[1], bounds)
    if asked.ends <= asked.starts:
        raise refuse_line(
            "logger.stretch", None, "is asked for a stretch that ends before it starts", "Correct --from and --to."
        )
    return compute(log, declared, asked, RawFile(sha256=hashlib.sha256(data).hexdigest(), size=len(data), what=WHAT))


def all_stretches(data: bytes, declared: Declaration, asked: Asked) -> list[Stretch]:
    """What every reading of a file stands for, also outside the stretch that is asked for: to be drawn."""
    log = read_log(data, declared)
    return list(stretches_of(log, asked, _implausible(log, asked)))


def compute(log: Log, declared: Declaration, asked: Asked, file: RawFile) -> LogFigures:
    """The figures of a log."""
    odd = _implausible(log, asked)
    _refuse_if_most(log, odd, asked)
    starts, ends = to_ms(asked.starts), to_ms(asked.ends)
    stretches = list(within(stretches_of(log, asked, odd), starts, ends))
    known = [(s.value, s.length) for s in stretches if s.value is not None and s.length]
    values = [value for value, _ in known]
    unknown = sum(s.length for s in stretches if s.value is None)
    outside = sum(
        s.length for s in stretches if s.value is not None and any(_beyond(s.value, *b) for b in asked.bounds)
    )
    return LogFigures(
        file=file,
        declaration=declared.canonical(),
        starts=asked.starts,
        ends=asked.ends,
        rows=len(log.times),
        before=sum(1 for at in log.times if at < starts),
        after=sum(1 for at in log.times if at >= ends),
        readings=sum(1 for s in stretches if s.value is not None and s.length),
        interval=seconds(log.interval),
        lowest=_shown(min(values)) if values else None,
        highest=_shown(max(values)) if values else None,
        mean=_mean(known),
        kinetic_mean=_shown(mkt) if asked.energy and (mkt := mean_kinetic(known, asked.energy)) is not None else None,
        inside=seconds(max(ends - starts, 0) - unknown - outside),
        unknown=seconds(unknown),
        bands=tuple(_band(stretches, side, bound) for side, bound in asked.bounds),
        gaps=_told([*_silent(log, asked), *_holes(log, stretches, starts, ends)]),
        findings=_told(_odd(log, odd, asked)),
        remarks=_remarks(log, odd, asked),
    )


# ---------------------------------------------------------------------------------------------------- stretches


def stretches_of(log: Log, asked: Asked, odd: dict[int, Decimal]) -> Iterator[Stretch]:
    """What each reading stands for, and what is unknown between two."""
    for number, at in enumerate(log.times):
        value = None if number in odd else log.values[number]
        last = number + 1 == len(log.times)
        apart = log.interval if last else log.times[number + 1] - at
        stands = log.interval if 2 * apart > 3 * log.interval else apart
        if asked.holds is not None:
            stands = min(stands, asked.holds)
        yield Stretch(at, at + stands, value)
        if apart > stands:
            yield Stretch(at + stands, at + apart, None)


def within(stretches: Iterator[Stretch], starts: int, ends: int) -> Iterator[Stretch]:
    """A stretch of time, covered without holes: what no reading stands for is unknown."""
    covered = starts
    for stretch in stretches:
        begin, end = max(stretch.starts, starts), min(stretch.ends, ends)
        if begin >= end:
            continue
        if begin > covered:
            yield Stretch(covered, begin, None)
        yield Stretch(begin, end, stretch.value)
        covered = end
    if covered < ends:
        yield Stretch(covered, ends, None)


def _beyond(value: Decimal, side: str, bound: Decimal) -> bool:
    return value > bound if side == "above" else value < bound


def _band(stretches: Sequence[Stretch], side: Literal["above", "below"], bound: Decimal) -> OutsideBand:
    outside = longest = possible = 0
    run = might = 0
    met = False
    area = Decimal(0)
    with localcontext(EXACT):
        for s in stretches:
            beyond = s.value is not None and _beyond(s.value, side, bound)
            if s.value is None:
                run, might = 0, might + s.length
            elif beyond:
                outside += s.length
                run, might, met = run + s.length, might + s.length, True
                area += abs(s.value - bound) * s.length
            else:
                run, might, met = 0, 0, False
            longest = max(longest, run)
            if met:
                possible = max(possible, might)
        area = (area / 60_000).quantize(_SHOWN, rounding=ROUND_CEILING)
    return OutsideBand(
        side=side,
        bound=plain(bound),
        outside=seconds(outside),
        longest=seconds(longest),
        longest_possible=seconds(possible),
        degree_minutes=plain(area),
    )


def _mean(known: Sequence[tuple[Decimal, int]]) -> str | None:
    whole = sum(length for _, length in known)
    if not whole:
        return None
    with localcontext(EXACT):
        return _shown(sum((value * length for value, length in known), Decimal(0)) / whole)


def _shown(value: Decimal) -> str:
    with localcontext(EXACT):
        return plain(value.quantize(_SHOWN, rounding=ROUND_HALF_EVEN))


# ---------------------------------------------------------------------------------------------------- findings


def _implausible(log: Log, asked: Asked) -> dict[int, Decimal]:
    """Readings that no product was ever at, by their number: a sensor's fault, so nothing is known there."""
    low, high = asked.plausible or (Decimal(-274), Decimal(10_000))
    low = max(low, Decimal("-273.15"))
    return {n: v for n, v in enumerate(log.values) if v is not None and not low <= v <= high}


def _refuse_if_most(log: Log, odd: dict[int, Decimal], asked: Asked) -> None:
    said = sum(1 for value in log.values if value is not None)
    if said and 2 * len(odd) > said:
        number = next(iter(odd))
        low, high = asked.plausible or (Decimal(0), Decimal(0))
        raise refuse_line(
            "logger.implausible",
            log.lines[number],
            f"{plain(odd[number])} C and {len(odd) - 1} more of {said} readings are implausible ({low} to {high} C)",
            "Is the unit right, and the column? Is it this shipment's logger?",
            implausible=len(odd),
            readings=said,
        )


def _told(found: Iterable[str]) -> tuple[str, ...]:
    told = list(found)
    return (*told[:MOST_TOLD], f"and {len(told) - MOST_TOLD} more") if len(told) > MOST_TOLD else tuple(told)


def _silent(log: Log, asked: Asked) -> Iterator[str]:
    """Where the logger itself says that it knows nothing."""
    starts, ends = to_ms(asked.starts), to_ms(asked.ends)
    return (one.says for one in log.silent if starts <= one.at < ends)


def _odd(log: Log, odd: dict[int, Decimal], asked: Asked) -> Iterator[str]:
    """What is there and cannot be right."""
    starts, ends = to_ms(asked.starts), to_ms(asked.ends)
    found = [
        *log.findings,
        *(
            Found(
                log.lines[n], log.times[n], f"line {log.lines[n]}: {_shown(value)} C is implausible, counted as unknown"
            )
            for n, value in odd.items()
        ),
    ]
    return (one.says for one in sorted(found, key=lambda one: (one.at, one.line)) if starts <= one.at < ends)


def _holes(log: Log, stretches: Sequence[Stretch], starts: int, ends: int) -> Iterator[str]:
    """Where the log does not cover the stretch, or readings are missing in it."""
    first, last = log.times[0], log.times[-1] + log.interval
    if ends <= first or last <= starts:
        yield f"no reading of the file lies in the stretch: it goes from {_when(first)} to {_when(log.times[-1])} UTC"
        return
    if first > starts:
        yield f"logging starts {minutes(first - starts)} min after the stretch begins"
    if last < ends:
        yield f"logging ends {minutes(ends - last)} min before the stretch ends"
    inside = [s for s in stretches if s.value is None and s.length and first < s.starts and s.ends < last]
    at = set(log.times) if inside else set()
    for s in inside:
        if s.starts not in at:  # a sensor's error has a line of its own
            yield f"{minutes(s.length)} min without a reading from {_when(s.starts)} UTC"


def _when(ms: int) -> str:
    return f"{from_ms(ms):%Y-%m-%d %H:%M:%S}"


def _remarks(log: Log, odd: dict[int, Decimal], asked: Asked) -> tuple[str, ...]:
    starts, ends = to_ms(asked.starts), to_ms(asked.ends)
    away = sum(1 for one in log.findings if not starts <= one.at < ends)
    away += sum(1 for n in odd if not starts <= log.times[n] < ends)
    told = list(log.remarks)
    if away:
        told.append(f"{away} findings outside the stretch are not told")
    return tuple(text[:500] for text in told[:MOST_TOLD])
