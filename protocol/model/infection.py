"""Infection markers: where they are recorded, how old they may be, and what a result asks of storage, rooms and treatment."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from events.identifiers import Name
from protocol.duration import Length
from protocol.model.base import Consequences, Names, Part, Title, listed

MarkerResult = Literal["negative", "positive", "pending", "not_tested"]
"""What is said of a marker, of all of them, and in which words a step records it."""
Results = Annotated[tuple[MarkerResult, ...], BeforeValidator(listed), Field(min_length=1)]


class Marker(Part):
    """One marker, by the name under which steps record it.

    `agent`: what a label calls what it shows. `needed_when`: it is asked for only where another marker has one of these
    results (HBV DNA where antibodies to the core antigen are there).
    """

    id: Name
    title: Title
    agent: Title
    needed_when: dict[Name, Results] = {}
    source: Title | None = None


class MarkerAge(Part):
    """How old the markers may be when one of these steps begins, by the day on which they were drawn."""

    of: Names
    no_older_than: Length
    otherwise: Consequences
    source: Title | None = None


class SegregatedStorage(Part):
    """Material of a patient with these results lies apart: in a position that begins so, and no other material lies there.

    `records`: the values that name a position, written ``STEP.RECORD``.
    """

    results: Results
    positions: Annotated[tuple[str, ...], BeforeValidator(listed), Field(min_length=1)]
    records: Annotated[tuple[str, ...], BeforeValidator(listed), Field(min_length=1)]
    source: Title | None = None


class Changeover(Part):
    """After an open step of a patient with these results the room is changed over, and cleared by a second person, before another's.

    `otherwise`: what follows where another patient's cells are opened there without it.
    """

    results: Results
    performed_by: Names
    cleared_by: Names
    otherwise: Consequences
    source: Title | None = None


class ProtectionPlan(Part):
    """A plan that must stand (`step`, all its signatures) before these steps, where one of these markers has one of these results."""

    markers: Names
    results: Results
    step: Name
    before: Names
    source: Title | None = None


class Infection(Part):
    """The markers and what they ask for.

    `recorded_in`: the steps that record them; each records the day on which they were `drawn`. `turned`: what follows
    where a result that comes later asks for what was not done.
    """

    markers: tuple[Marker, ...] = Field(min_length=1)
    recorded_in: Names
    drawn: Name
    age: MarkerAge | None = None
    segregated: SegregatedStorage | None = None
    changeover: Changeover | None = None
    plan: ProtectionPlan | None = None
    turned: Consequences | None = None
    source: Title | None = None
