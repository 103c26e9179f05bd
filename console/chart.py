"""The plot of a temperature log: bounds shaded, time outside and unknown time marked. Drawn once, written as SVG or PNG.

The curve is drawn as it was counted: a reading stands until the next one, and nothing joins two readings across a gap.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from console.drawing import Drawing
from events.errors import Refused
from protocol.logger.figures import Stretch
from protocol.logger.spans import from_ms, minutes, plain, to_ms

WIDTH, HEIGHT = 1100, 560
LEFT, RIGHT, TOP, BOTTOM = 74, 28, 112, 78
INK, QUIET, GRID = "#1f2933", "#5f6c7b", "#dfe4ea"
CURVE, OUTSIDE, OUT_FILL = "#1864ab", "#c92a2a", "#ffc9c9"
INSIDE_FILL, UNKNOWN_FILL, AWAY = "#e6f4ea", "#d0d5db", "#aab4bf"
_STEPS = [timedelta(minutes=m) for m in (1, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 7200, 14400, 43200)]


@dataclass(frozen=True)
class Chart:
    """What is drawn.

    Args:
        title: therapy, step, material. told: lines under it.
        stretches: all that the file says and does not say, also before and after the stretch.
        starts, ends: the stretch (milliseconds, UTC), with the names of their moments.
        bounds: side and bound, as the study has them.
        zone: of the times on the axis.
    """

    title: str
    told: tuple[str, ...]
    stretches: Sequence[Stretch]
    starts: int
    ends: int
    names: tuple[str, str]
    bounds: tuple[tuple[str, Decimal], ...]
    zone: ZoneInfo


def drawn(chart: Chart, suffix: str) -> bytes:
    """The plot as the bytes of a file.

    Raises:
        Refused: neither .svg nor .png.
    """
    if suffix not in (".svg", ".png"):
        raise Refused(
            "logger.plot", f"A plot is written as .svg or .png, not as {suffix or 'a file without ending'}.",
            values={"suffix": suffix}, advice="Name the file transport.svg or transport.png.",
        )  # fmt: skip
    drawing = Drawing(WIDTH, HEIGHT, chart.title)
    _Plot(chart, drawing).draw()
    return drawing.svg() if suffix == ".svg" else drawing.png()


class _Plot:
    def __init__(self, chart: Chart, drawing: Drawing) -> None:
        self.chart, self.d = chart, drawing
        margin = max((chart.ends - chart.starts) // 20, 60_000)
        self.first, self.last = chart.starts - margin, chart.ends + margin
        self.shown = [s for s in chart.stretches if s.ends > self.first and s.starts < self.last]
        values = [s.value for s in self.shown if s.value is not None] + [bound for _, bound in chart.bounds]
        low, high = min(values, default=Decimal(0)), max(values, default=Decimal(1))
        room = max((high - low) * Decimal("0.12"), Decimal("0.5"))
        self.low, self.high = low - room, high + room

    def x(self, ms: int) -> float:
        ms = min(max(ms, self.first), self.last)
        return LEFT + (WIDTH - LEFT - RIGHT) * (ms - self.first) / (self.last - self.first)

    def y(self, value: Decimal) -> float:
        value = min(max(value, self.low), self.high)
        return float(TOP + (HEIGHT - TOP - BOTTOM) * (self.high - value) / (self.high - self.low))

    def draw(self) -> None:
        self._words()
        self._inside()
        self._unknown()
        self._grid()
        self._bounds()
        self._curve()
        self._edges()
        self._frame()
        self._key()

    def _words(self) -> None:
        self.d.text(LEFT, 30, self.chart.title, 17, INK, bold=True)
        for number, line in enumerate(self.chart.told[:4]):
            self.d.text(LEFT, 51 + 17 * number, line, 11.5, QUIET)

    def _inside(self) -> None:
        above = [bound for side, bound in self.chart.bounds if side == "above"]
        below = [bound for side, bound in self.chart.bounds if side == "below"]
        top, bottom = self.y(min(above, default=self.high)), self.y(max(below, default=self.low))
        if bottom > top:
            left, right = self.x(self.chart.starts), self.x(self.chart.ends)
            self.d.rect(left, top, right - left, bottom - top, INSIDE_FILL)

    def _unknown(self) -> None:
        for s in _joined(self.shown, self.chart.starts, self.chart.ends):
            left, right = self.x(s.starts), self.x(s.ends)
            self.d.rect(left, TOP, max(right - left, 1), HEIGHT - TOP - BOTTOM, UNKNOWN_FILL, hatched=True)
            if right - left > 104:
                self.d.text(
                    (left + right) / 2,
                    HEIGHT - BOTTOM - 10,
                    f"unknown {minutes(s.length)} min",
                    11,
                    INK,
                    anchor="middle",
                )

    def _grid(self) -> None:
        for value in _ticks(self.low, self.high):
            y = self.y(value)
            self.d.line([(LEFT, y), (WIDTH - RIGHT, y)], GRID, 1)
            self.d.text(LEFT - 8, y + 4, plain(value), 11.5, QUIET, anchor="end")
        self.d.text(LEFT - 8, TOP - 9, "°C", 11.5, QUIET, anchor="end")
        day = ""
        for moment in _moments(from_ms(self.first), from_ms(self.last), self.chart.zone):
            x = self.x(to_ms(moment))
            self.d.line([(x, HEIGHT - BOTTOM), (x, HEIGHT - BOTTOM + 5)], QUIET, 1)
            self.d.text(x, HEIGHT - BOTTOM + 19, f"{moment:%H:%M}", 11.5, QUIET, anchor="middle")
            if (today := f"{moment:%Y-%m-%d}") != day:
                self.d.text(x, HEIGHT - BOTTOM + 35, today, 11.5, QUIET, anchor="middle")
                day = today

    def _bounds(self) -> None:
        for side, bound in self.chart.bounds:
            y = self.y(bound)
            self.d.line([(LEFT, y), (WIDTH - RIGHT, y)], OUTSIDE, 1.2, dashed=True)
            at = y - 5 if side == "above" else y + 14
            self.d.text(
                self.x(self.chart.ends) - 6, at, f"{side} {plain(bound)} °C is outside", 11, OUTSIDE, anchor="end"
            )

    def _curve(self) -> None:
        for s in self.shown:
            beyond = self._beyond(s)
            if beyond is not None and s.value is not None:
                left, right = self._clipped(s)
                top, bottom = sorted((self.y(s.value), self.y(beyond)))
                self.d.rect(left, top, right - left, bottom - top, OUT_FILL)
        for run in _runs(self.shown):
            self.d.line(list(self._steps(run)), AWAY, 1.4)
        for run in _runs([s for s in self.shown if s.ends > self.chart.starts and s.starts < self.chart.ends]):
            self.d.line(list(self._steps(run, inside=True)), CURVE, 1.8)
        for s in self.shown:
            if s.value is not None and self._beyond(s) is not None:
                left, right = self._clipped(s)
                self.d.line([(left, self.y(s.value)), (right, self.y(s.value))], OUTSIDE, 3)

    def _beyond(self, s: Stretch) -> Decimal | None:
        """The outermost bound that a stretch within the transport is beyond."""
        value = s.value
        if value is None or s.ends <= self.chart.starts or s.starts >= self.chart.ends:
            return None
        above = [b for side, b in self.chart.bounds if side == "above" and value > b]
        below = [b for side, b in self.chart.bounds if side == "below" and value < b]
        return min(above) if above else max(below) if below else None

    def _clipped(self, s: Stretch) -> tuple[float, float]:
        return self.x(max(s.starts, self.chart.starts)), self.x(min(s.ends, self.chart.ends))

    def _steps(self, run: Sequence[Stretch], *, inside: bool = False) -> Iterator[tuple[float, float]]:
        for s in run:
            assert s.value is not None  # a run is of known stretches
            left, right = self._clipped(s) if inside else (self.x(s.starts), self.x(s.ends))
            yield left, self.y(s.value)
            yield right, self.y(s.value)

    def _edges(self) -> None:
        for ms, name, anchor, shift in (
            (self.chart.starts, self.chart.names[0], "start", -1),
            (self.chart.ends, self.chart.names[1], "end", 1),
        ):
            x = self.x(ms)
            self.d.line([(x, TOP), (x, HEIGHT - BOTTOM)], INK, 1.6)
            local = from_ms(ms).astimezone(self.chart.zone)
            self.d.text(x + shift, TOP - 7, f"{name}, {local:%H:%M}", 11.5, INK, anchor=anchor, bold=True)

    def _frame(self) -> None:
        right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
        self.d.line([(LEFT, TOP), (right, TOP), (right, bottom), (LEFT, bottom), (LEFT, TOP)], QUIET, 1)

    def _key(self) -> None:
        x, y = LEFT, HEIGHT - 22
        for colour, words, hatched in (
            (INSIDE_FILL, "inside every bound", False),
            (OUT_FILL, "outside", False),
            (UNKNOWN_FILL, "unknown", True),
        ):
            self.d.rect(x, y - 10, 14, 12, colour, hatched=hatched, edge=QUIET)
            self.d.text(x + 20, y, words, 11.5, QUIET)
            x += 34 + 7 * len(words)
        self.d.line([(x, y - 4), (x + 16, y - 4)], AWAY, 1.6)
        self.d.text(x + 22, y, "before and after: not counted", 11.5, QUIET)
        self.d.text(WIDTH - RIGHT, y, f"times in {self.chart.zone.key}", 11.5, QUIET, anchor="end")


def _runs(stretches: Sequence[Stretch]) -> Iterator[list[Stretch]]:
    """Known stretches that follow one another; thinned where there are far more than pixels, keeping each column's extremes."""
    run: list[Stretch] = []
    for s in stretches:
        if s.value is None or (run and run[-1].ends != s.starts):
            if run:
                yield _thinned(run)
            run = []
        if s.value is not None:
            run.append(s)
    if run:
        yield _thinned(run)


def _thinned(run: list[Stretch]) -> list[Stretch]:
    size = len(run) // (2 * WIDTH) + 1
    if size == 1:
        return run
    kept: list[Stretch] = []
    for at in range(0, len(run), size):
        part = run[at : at + size]
        ends = {min(part, key=lambda s: s.value or 0), max(part, key=lambda s: s.value or 0)}
        kept += sorted(ends, key=lambda s: s.starts)
    return kept


def _joined(stretches: Sequence[Stretch], starts: int, ends: int) -> list[Stretch]:
    """Unknown time within the stretch, neighbours joined; what no row covers is unknown too."""
    covered, found = starts, list[Stretch]()
    for s in [*stretches, Stretch(ends, ends + 1, Decimal(0))]:
        begin, end = max(s.starts, starts), min(s.ends, ends)
        if begin > covered:
            found.append(Stretch(covered, min(begin, ends), None))
        if s.value is None and end > begin:
            found.append(Stretch(begin, end, None))
        covered = max(covered, end)
    joined: list[Stretch] = []
    for s in found:
        if joined and joined[-1].ends >= s.starts:
            joined[-1] = Stretch(joined[-1].starts, s.ends, None)
        else:
            joined.append(s)
    return joined


def _ticks(low: Decimal, high: Decimal) -> Iterator[Decimal]:
    steps = [Decimal(f"{digit}e{power}") for power in range(-2, 4) for digit in (1, 2, 5)]
    step = next((s for s in steps if (high - low) / s <= 9), steps[-1])
    value = (low / step).to_integral_value(rounding="ROUND_CEILING") * step
    while value <= high:
        yield value
        value += step


def _moments(first: datetime, last: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    step = next((s for s in _STEPS if (last - first) / s <= 12), _STEPS[-1])
    local = first.astimezone(zone)
    moment = local.replace(hour=0, minute=0, second=0, microsecond=0)
    moment += step * ((local - moment) // step)
    while moment <= last:
        if moment >= first:
            yield moment.astimezone(zone)
        moment += step
