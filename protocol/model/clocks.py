"""Moments, the clocks that run from them, visits and plans."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from events.identifiers import Name
from protocol.duration import Begun, Length
from protocol.model.base import Consequences, Names, Part, Title


class ClockLimit(Part):
    """When a clock strikes, and what follows."""

    at: Length
    then: Consequences


class Moment(Part):
    """The start or the end of a step (of its last occurrence), written ``step.start`` or ``step.end``."""

    step: Name
    edge: Literal["start", "end"]

    def __str__(self) -> str:
        return f"{self.step}.{self.edge}"


def _moment(value: object) -> object:
    if not isinstance(value, str):
        return value
    step, dot, edge = value.rpartition(".")
    if not dot or edge not in ("start", "end"):
        of = step if dot else value
        raise ValueError(f"{value!r} is no moment; write {of}.start or {of}.end, the start or the end of a step")
    return {"step": step, "edge": edge}


At = Annotated[Moment, BeforeValidator(_moment)]


class Clock(Part):
    """A clock that runs from a moment to the start (or end) of the step that carries it.

    `no_sooner` with `sooner`: the step may not come earlier than that. `limits`: later than each, something follows;
    no more of them once the step `stopped_by` has been done (cells that are frozen wait).
    """

    start: At = Field(alias="from")
    to: Literal["start", "end"] = "start"
    no_sooner: Length | None = None
    sooner: Consequences | None = None
    limits: tuple[ClockLimit, ...] = ()
    stopped_by: Name | None = None
    source: Title | None = None


class Repeat(Part):
    """How often a step is done: at least, at most; both equal for a fixed number."""

    at_least: int = Field(ge=1, le=400)
    at_most: int = Field(ge=1, le=400)
    every: Length | None = None


class Visit(Part):
    """One planned occurrence of an observation: `at` after the step's `visits_from`, with its window."""

    id: Name
    title: Title | None = None
    at: Length
    early: Length
    late: Length
    when: dict[Name, Names] = {}

    def span(self, begun: Begun) -> tuple[datetime, datetime, datetime]:
        """When its window opens, when it is planned, when its window closes: moments, the last one still within.

        A window of days is whole days there where it is counted from: all of the first, all of the last.
        """
        planned = self.at.after(*begun)
        return self.early.opens(planned, begun.zone), planned, self.late.closes(planned, begun.zone)


class Plan(Part):
    """Where the schedule puts a step before anything is booked: this long after a moment."""

    start: At = Field(alias="from")
    after: Length
