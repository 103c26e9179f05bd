"""A logger's times become moments: its zone, the hour that comes twice, the hour that never comes, and how wrong its clock was."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from events.zones import zone_of
from protocol.logger.declaration import STATED, ClockError, Declaration
from protocol.logger.refusing import refuse_line
from protocol.logger.repeated import FAR, Beside, Row, commonest_distance, of_first_pass
from protocol.logger.spans import Span, to_ms
from protocol.logger.stamps import read_offset
from protocol.logger.table import Table

_EPOCH_PLAIN = datetime(1970, 1, 1)  # noqa: DTZ001  # differences of plain times only
_MS = timedelta(milliseconds=1)


class ZoneClock:
    """Makes the times of one file moments, in their order."""

    def __init__(self, declared: Declaration, table: Table, in_rows: bool) -> None:
        self._declared, self._table = declared, table
        self._zone = self._which(table, in_rows)
        self._kept: dict[tuple[datetime, int], tuple[int, int]] = {}
        self._checked = False
        self._twice = 0
        self._offsets: dict[int, int] = {}

    def _which(self, table: Table, in_rows: bool) -> timezone | ZoneInfo | None:
        """The zone of the times; None where each row says its own.

        Raises:
            Refused: `logger.zone`.
        """
        declared = self._declared.zone
        stated = {read_offset(text.replace(" ", "").replace("−", "-")) for _, text in table.zones}
        if len(stated) > 1:
            told = ", ".join(f"line {line}: {text}" for line, text in table.zones)
            advice = "Find out which one the times are in."
            raise _zone_refused(table.zones[-1][0], f"two time zones are stated ({told})", advice)
        if in_rows:
            if declared not in (None, STATED):
                reason = f"carries an offset in each time, the declaration says {declared}"
                raise _zone_refused(None, reason, "Declare `zone: stated`.")
            return None
        if declared is None:
            advice = "Declare it, such as Europe/Berlin or +01:00: which clock was the logger set by?"
            raise _zone_refused(None, "has no time zone declared", advice)
        if declared == STATED:
            if not table.zones or (offset := next(iter(stated))) is None:
                advice = "Declare it: --logger-zone Europe/Berlin, or +01:00."
                raise _zone_refused(table.line, "no time zone is stated in the heading or before it", advice)
            return timezone(offset)
        fixed = read_offset(declared)
        return timezone(fixed) if fixed is not None else zone_of(declared)

    def moments(self, rows: Iterator[Row]) -> Iterator[tuple[Row, int]]:
        """Each row with its moment, in milliseconds UTC.

        Raises:
            Refused: `logger.zone`, an hour that never came, or came twice and is not said which.
        """
        if self._zone is None or self._declared.repeated_hour != "order":
            for row in rows:
                yield row, self._moment(row)
        else:
            yield from self._by_order(list(rows))

    def _moment(self, row: Row) -> int:
        plain = _plain(row)
        if self._zone is None:
            if row.offset is None:
                raise _zone_refused(row.line, "this time carries no offset, others do", "Each time must say its zone.")
            shift = row.offset // _MS
            self._offsets.setdefault(shift, row.line)
            return plain - shift
        first, second = self._shifts_at(row)
        if first == second:
            return plain - first
        if self._declared.repeated_hour == "refuse":
            raise _zone_refused(
                row.line,
                f"this time came twice in {self._declared.zone}: the clocks were put back",
                "Say how it is meant: `repeated_hour: order` (the rows' order tells), first, or second; or declare a fixed offset.",
            )
        return plain - (first if self._declared.repeated_hour == "first" else second)

    def _shifts_at(self, row: Row) -> tuple[int, int]:
        """The offsets of a time: two where it came twice.

        Raises:
            Refused: `logger.zone`, it never came, or the file states another zone.
        """
        first, second = self._shifts(row.local)
        if not self._checked:
            self._check_stated(row.local, first)
        if first < second:
            raise _zone_refused(
                row.line,
                f"{row.local:%Y-%m-%d %H:%M:%S} never came in {self._declared.zone}: the clocks were put forward",
                "The logger did not change its clock: declare the offset that it kept, such as +01:00.",
            )
        if first > second:
            self._twice = self._twice or row.line
        return first, second

    def _by_order(self, rows: Sequence[Row]) -> Iterator[tuple[Row, int]]:
        declared = self._declared.interval
        interval = declared.ms if isinstance(declared, Span) else commonest_distance(row.local for row in rows)
        shifts = [self._shifts_at(row) for row in rows]
        at, before = 0, None
        while at < len(rows):
            end = at + 1
            if shifts[at][0] != shifts[at][1]:
                while end < len(rows) and _together(rows[end - 1], rows[end], shifts[end - 1], shifts[end]):
                    end += 1
            after = _plain(rows[end]) - shifts[end][0] if end < len(rows) else None
            for row, moment in self._told(rows[at:end], shifts[at], Beside(before, after, interval)):
                yield row, moment
                before = moment
            at = end

    def _told(self, block: Sequence[Row], shifts: tuple[int, int], beside: Beside) -> Iterator[tuple[Row, int]]:
        """Rows of one hour that comes twice, or one row of any other."""
        early, late = shifts
        if early == late:
            yield block[0], _plain(block[0]) - early
            return
        first = of_first_pass([(_plain(row), row.value) for row in block], shifts, beside)
        if len(first) > 1:
            raise _zone_refused(
                block[first[0]].line,
                "this time came twice, and no reading shortly before it or after it tells which it is",
                "Declare `repeated_hour: first` or `second`, or a fixed offset.",
            )
        for number, row in enumerate(block):
            yield row, _plain(row) - (early if number < first[0] else late)

    def _shifts(self, local: datetime) -> tuple[int, int]:
        assert self._zone is not None  # asked only where there is one
        key = (local.replace(minute=0, second=0, microsecond=0), local.minute // 15)
        if key not in self._kept:
            at = local.replace(tzinfo=self._zone)
            early, late = at.utcoffset(), at.replace(fold=1).utcoffset()
            assert early is not None  # a zone has an offset at every time
            assert late is not None
            self._kept[key] = (early // _MS, late // _MS)
        return self._kept[key]

    def _check_stated(self, local: datetime, shift: int) -> None:
        self._checked = True
        if self._declared.zone == STATED or not self._table.zones:
            return
        line, text = self._table.zones[0]
        stated = read_offset(text.replace(" ", "").replace("−", "-"))
        if stated is None or stated // _MS in self._kept_in_that_year(local, shift, line):
            return
        raise _zone_refused(
            line,
            f"the file says {text}, the declaration {self._declared.zone} (on {local:%Y-%m-%d} that is {_shown(shift)})",
            "Declare what the logger's clock was set to; two zones cannot both be right.",
        )

    def _kept_in_that_year(self, local: datetime, shift: int, line: int) -> set[int]:
        """The offsets that a statement may name. A heading of times means these times; a line before the table may name the zone by
        its winter offset all year, as Windows does.
        """
        if line == self._table.line:
            return {shift}
        return {shift, *(self._shifts(local.replace(month=month, day=1))[0] for month in (1, 7))}

    def remarks(self) -> list[str]:
        """What a reader should know of how times were resolved."""
        told = []
        if self._twice:
            rule = self._declared.repeated_hour
            told.append(
                f"times of the hour that came twice (from line {self._twice}) are taken by `repeated_hour: {rule}`"
            )
        if len(self._offsets) > 1:
            rows = ", ".join(f"{_shown(shift)} from line {line}" for shift, line in self._offsets.items())
            told.append(f"times are stated in {len(self._offsets)} offsets: {rows}")
        return told


def _plain(row: Row) -> int:
    """A time by the clock on the wall, as milliseconds since 1970 by that clock."""
    return (row.local - _EPOCH_PLAIN) // _MS


def _together(one: Row, two: Row, shifts: tuple[int, int], others: tuple[int, int]) -> bool:
    return shifts == others and abs(_plain(two) - _plain(one)) < FAR


def _shown(shift: int) -> str:
    total = abs(shift) // 60_000
    return f"{'-' if shift < 0 else '+'}{total // 60:02d}:{total % 60:02d}"


def _zone_refused(line: int | None, reason: str, advice: str) -> Exception:
    return refuse_line("logger.zone", line or None, reason, advice)


def correction(clock: ClockError | None, first: int, last: int) -> Callable[[int], int]:
    """From what the logger's clock showed to what it was, in milliseconds; later stays later.

    Args:
        first, last: the file's first and last reading by the logger's clock.
    """
    if clock is None:
        return lambda ms: ms
    if clock.points:
        begin, end = clock.points
        from_, to = to_ms(begin.logger), to_ms(begin.true)
        ran, passed = to_ms(end.logger) - from_, to_ms(end.true) - to
        return lambda ms: to + (ms - from_) * passed // ran
    all_along = (clock.fast.ms if clock.fast else 0) - (clock.slow.ms if clock.slow else 0)
    if all_along:
        return lambda ms: ms - all_along
    at_end = (clock.fast_at_read_out.ms if clock.fast_at_read_out else 0) - (
        clock.slow_at_read_out.ms if clock.slow_at_read_out else 0
    )
    length = max(last - first, 1)
    return lambda ms: ms - at_end * (ms - first) // length
