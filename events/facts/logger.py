"""Facts of temperature logs: a logger's raw file was read and computed, or the logger was lost."""

from typing import Annotated, ClassVar, Literal

from pydantic import StringConstraints

from events.facts.base import ActKey, Count, Instant, RawFile, Reading, Short, Text, TherapyFact, Value

Seconds = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,10}(?:\.[0-9]{1,3})?$")]
"""A length of time in decimal seconds, exact."""
Celsius = Annotated[str, StringConstraints(pattern=r"^-?[0-9]{1,4}(?:\.[0-9]{1,6})?$")]
"""A temperature in degrees Celsius."""
DegreeMinutes = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,12}(?:\.[0-9]{1,6})?$")]
"""Degrees times minutes."""


class OutsideBand(Value):
    """How long it was `above` or `below` a bound, in seconds; degree-minutes add up how far.

    `longest` at a time as known; `longest_possible` if it was so in the unknown time beside it too.
    """

    side: Literal["above", "below"]
    bound: Celsius
    outside: Seconds
    longest: Seconds
    longest_possible: Seconds
    degree_minutes: DegreeMinutes


class LogFigures(Value):
    """What was computed from a raw file for a stretch of time; lengths in seconds, temperatures in degrees Celsius.

    Args:
        file: the raw file. declaration: how it is written, on one line; it alone says how the file was read.
        starts, ends: the stretch. inside + unknown + outside of any band is its length.
        rows, before, after: readings in the file, and of these before and after the stretch; `readings` stand in it.
        interval: how far apart readings should be; one stands until the next, but no longer than this where one is missing.
        lowest, highest, mean, kinetic_mean: of the known time; left out where nothing is known.
        gaps: where and why it is unknown. findings: what else is not as it should be in the stretch (a row that stands twice, a
            temperature that cannot be). remarks: what a reader should know of the file.
    """

    file: RawFile
    declaration: Text
    starts: Instant
    ends: Instant
    rows: Count
    before: Count
    after: Count
    readings: Count
    interval: Seconds
    lowest: Celsius | None = None
    highest: Celsius | None = None
    mean: Celsius | None = None
    kinetic_mean: Celsius | None = None
    inside: Seconds
    unknown: Seconds
    bands: tuple[OutsideBand, ...] = ()
    gaps: tuple[Short, ...] = ()
    findings: tuple[Short, ...] = ()
    remarks: tuple[Short, ...] = ()


class LoggerRead(TherapyFact):
    """A logger's raw file was read for a step. `computed` are values of the step that the file says; `why` it was read again."""

    wire: ClassVar[str] = "logger.read.v1"
    key: ActKey
    log: LogFigures
    computed: tuple[Reading, ...] = ()
    why: Text | None = None


class LoggerLost(TherapyFact):
    """There is no temperature log for a step: the whole stretch is unknown. `again`: why a log that was read does not count."""

    wire: ClassVar[str] = "logger.lost.v1"
    key: ActKey
    starts: Instant
    ends: Instant
    unknown: Seconds
    computed: tuple[Reading, ...] = ()
    why: Text
    again: Text | None = None
