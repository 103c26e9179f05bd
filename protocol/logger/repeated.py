"""The hour that comes twice, told by the order of rows: which of them were measured before the clock was put back, and which after.

Rows of one such hour that follow one another are first some of the first pass, then some of the second. Of every place where
the first pass may end, the one counts that leaves the fewest readings missing beside the rows before and after; a time that
runs backwards allows only one. Where two places are equally good, the order does not tell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

FAR = 12 * 3_600_000
"""Milliseconds: rows further apart are not of one and the same hour that comes twice."""
_MS = timedelta(milliseconds=1)


class Row(NamedTuple):
    """A row that is a reading: its line, its time as written, the offset where one is written, degrees Celsius or why there are none."""

    line: int
    local: datetime
    offset: timedelta | None
    value: Decimal | None
    why: str


class Beside(NamedTuple):
    """The moments before and after the rows of one such hour (milliseconds, UTC), None at an end of the file; and the interval."""

    before: int | None
    after: int | None
    interval: int


class _Cost(NamedTuple):
    """What speaks against a place: distances that cannot be, that are gaps, and that are not one interval."""

    wrong: int = 0
    gaps: int = 0
    uneven: int = 0

    def plus(self, *others: _Cost) -> _Cost:
        """Several together."""
        return _Cost(*map(sum, zip(self, *others, strict=True)))

    def less(self, other: _Cost) -> _Cost:
        """Without another."""
        return _Cost(*(mine - its for mine, its in zip(self, other, strict=True)))

    def weight(self) -> tuple[int, int, int]:
        """Distances tell only where no reading is missing: a gap may be of any length."""
        return self.wrong, self.gaps, 0 if self.gaps else self.uneven


def commonest_distance(times: Iterable[datetime]) -> int:
    """How far apart most rows are by the clock on the wall, in milliseconds; 0 where no row is later than the one before."""
    apart = Counter((later - earlier) // _MS for earlier, later in pairwise(times) if later > earlier)
    most = max(apart.values(), default=0)
    return min((length for length, times_ in apart.items() if times_ == most), default=0)


def of_first_pass(rows: Sequence[tuple[int, Decimal | None]], shifts: tuple[int, int], beside: Beside) -> range:
    """How many rows are of the first pass: a range of one number where the order tells, of several where it may be any of its ends.

    Args:
        rows: times by the clock on the wall, in milliseconds, with their values. shifts: the offsets of both passes.
    """
    early, late = shifts
    count = len(rows)
    same = [_edge(two - one, interval=beside.interval, alike=a == b) for (one, a), (two, b) in pairwise(rows)]
    whole = _Cost().plus(*same)
    first, last = rows[0][0], rows[-1][0]
    begins = [_beside(beside.before, first - shift, beside.interval) for shift in shifts]
    ends = [_beside(last - shift, beside.after, beside.interval) for shift in shifts]
    costs = []
    for split in range(count + 1):
        cost = whole.plus(begins[0 if split else 1], ends[0 if split == count else 1])
        if 0 < split < count:
            (one, a), (two, b) = rows[split - 1], rows[split]
            across = _edge(two - one + early - late, interval=beside.interval, alike=a == b)
            cost = cost.less(same[split - 1]).plus(across)
        costs.append(cost.weight())
    best = min(costs)
    if best[0]:  # the clock runs backwards, whichever is meant: said of the row that does
        back = next((at for at, ((one, _), (two, _)) in enumerate(pairwise(rows), 1) if two < one), count)
        return range(back, back + 1)
    fitting = [split for split, cost in enumerate(costs) if cost == best]
    return range(fitting[0], fitting[-1] + 1)


def _beside(earlier: int | None, later: int | None, interval: int) -> _Cost:
    return _Cost() if earlier is None or later is None else _edge(later - earlier, interval=interval, alike=True)


def _edge(apart: int, *, interval: int, alike: bool) -> _Cost:
    if apart < 0 or (apart == 0 and not alike):
        return _Cost(wrong=1)
    return _Cost(0, int(2 * apart > 3 * interval), int(abs(apart - interval) * 10 > interval))
