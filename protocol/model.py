"""A study protocol as typed data. A kind of step carries the rules, a step the numbers; see `docs/protocol-file.md`.

Nothing clinical has a default here: a limit that the file does not state does not exist.
"""

from decimal import Decimal
from functools import cached_property
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from events.identifiers import Name
from protocol.duration import Length

Kind = Literal[
    "consent",
    "assessment",
    "enrolment",
    "booking",
    "collection",
    "labelling",
    "hand_over",
    "transport",
    "receipt",
    "process",
    "test",
    "disposition",
    "conditioning",
    "identity_check",
    "thaw",
    "infusion",
    "observation",
]
KINDS: tuple[str, ...] = get_args(Kind)
Title = Annotated[str, Field(min_length=1, max_length=300)]


def _listed(value: object) -> object:
    return value if isinstance(value, (list, tuple)) else [value]


Names = Annotated[tuple[Name, ...], BeforeValidator(_listed)]
"""One name, or a list of them."""


class Part(BaseModel):
    """A part of the file: frozen, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Consequence(Part):
    """What follows when a limit is not kept.

    Written ``deviation GRADE``, ``quarantine``, ``refuse``, ``offer STEP`` or ``not eligible``.
    """

    what: Literal["deviation", "quarantine", "refuse", "offer", "not_eligible"]
    grade: Literal["minor", "major", "critical"] | None = None
    step: Name | None = None


def _consequence(value: object) -> object:
    if not isinstance(value, str):
        return value
    words = value.split()
    match words:
        case ["deviation", grade]:
            return {"what": "deviation", "grade": grade}
        case ["quarantine"] | ["refuse"]:
            return {"what": words[0]}
        case ["not", "eligible"]:
            return {"what": "not_eligible"}
        case ["offer", step]:
            return {"what": "offer", "step": step}
        case _:
            pass
    raise ValueError(
        f"{value!r} is no consequence; write deviation minor, deviation major, deviation critical, quarantine, "
        "refuse, offer STEP, or not eligible"
    )


Consequences = Annotated[
    tuple[Annotated[Consequence, BeforeValidator(_consequence)], ...], BeforeValidator(_listed), Field(min_length=1)
]


class Limit(Part):
    """One limit of a value and what follows when it is not kept. Numbers are in the record's unit."""

    at_least: Decimal | None = None
    at_most: Decimal | None = None
    above: Decimal | None = None
    below: Decimal | None = None
    must_be: Names | None = None
    no_older_than: Length | None = None
    otherwise: Consequences
    source: Title | None = None


class Record(Part):
    """One value that a step records.

    `type` number needs `unit` and `plausible` (the range outside which it is refused as implausible); choice needs
    `options`; file is the SHA-256 of a raw file; date is YYYY-MM-DD. `late: true` may be reported after the step.
    """

    name: Name
    title: Title | None = None
    type: Literal["number", "text", "choice", "yes_no", "date", "file"] = "number"
    unit: Title | None = None
    plausible: tuple[Decimal, Decimal] | None = None
    options: Names | None = None
    optional: bool = False
    late: bool = False
    limits: tuple[Limit, ...] = ()


class ScanSpec(Part):
    """A barcode that must be scanned.

    `what` is ``patient`` (the wristband), ``chain_of_identity``, a kind of material (one live material of this
    patient), or ``new KIND`` (a code never used before, bound to this patient by this step); `count` is [least, most].
    `parent`, for a new material: the kind it is made from.
    """

    what: str
    count: tuple[int, int] = (1, 1)
    parent: Name | None = None

    @property
    def new(self) -> str | None:
        """The kind of material that comes into being, if one does."""
        return self.what.removeprefix("new ") if self.what.startswith("new ") else None


def _scan(value: object) -> object:
    return {"what": value} if isinstance(value, str) else value


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
        raise ValueError(f"{value!r} is no moment; write STEP.start or STEP.end")
    return {"step": step, "edge": edge}


At = Annotated[Moment, BeforeValidator(_moment)]


class Clock(Part):
    """A clock that runs from a moment to the start (or end) of the step that carries it.

    `no_sooner` with `sooner`: the step may not come earlier than that. `limits`: later than each, something follows.
    """

    start: At = Field(alias="from")
    to: Literal["start", "end"] = "start"
    no_sooner: Length | None = None
    sooner: Consequences | None = None
    limits: tuple[ClockLimit, ...] = ()
    source: Title | None = None


class Needs(Part):
    """Readiness: lots released and unexpired, devices in calibration, training of the performer current."""

    lots: Names = ()
    devices: Names = ()
    training: Names = ()


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


class Plan(Part):
    """Where the schedule puts a step before anything is booked: this long after a moment."""

    start: At = Field(alias="from")
    after: Length


class Step(Part):
    """One step of the study; the fields are explained in `docs/protocol-file.md`."""

    id: Name
    kind: Kind
    title: Title
    after: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    when: dict[Name, Names] = {}
    reserve: bool = False
    performed_by: Names
    witnessed_by: Names | None = None
    reviewed_by: Names | None = None
    approved_by: Names | None = None
    taken_by: Names | None = None
    not_by: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    at: Name | None = None
    to: Name | None = None
    moves: Names = ()
    for_each: Name | None = None
    repeat: Repeat | None = None
    scans: dict[Name, Annotated[ScanSpec, BeforeValidator(_scan)]] = {}
    records: tuple[Record, ...] = ()
    consumes: Names = ()
    clocks: tuple[Clock, ...] = ()
    needs: Needs = Field(default_factory=Needs.model_construct)
    one_patient_in: Name | None = None
    permits: Names = ()
    requires: Names = ()
    resources: Names = ()
    hold: Length | None = None
    visits: tuple[Visit, ...] = ()
    visits_from: At | None = None
    plan: Plan | None = None
    source: Title | None = None

    @cached_property
    def second(self) -> tuple[tuple[str, ...], Literal["witnessed", "reviewed", "approved", "received"]] | None:
        """Who signs second, and what that signature means; None where one signature is enough."""
        if self.witnessed_by:
            return self.witnessed_by, "witnessed"
        if self.reviewed_by:
            return self.reviewed_by, "reviewed"
        if self.approved_by:
            return self.approved_by, "approved"
        if self.taken_by:
            return self.taken_by, "received"
        return None

    @cached_property
    def record_by_name(self) -> dict[str, Record]:
        """What it records, by name."""
        return {record.name: record for record in self.records}

    @cached_property
    def predecessors(self) -> tuple[tuple[str, bool], ...]:
        """Steps that come before: (step, whether its first occurrence is enough)."""
        return tuple((name.removeprefix("first "), name.startswith("first ")) for name in self.after)


class Measure(Part):
    """What a release criterion looks at: readings written ``step.reading``, combined, multiplied, divided."""

    of: str
    combine: Literal["latest", "sum", "lowest", "highest"] = "latest"
    multiply: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    divide: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()


def _measure(value: object) -> object:
    return {"of": value} if isinstance(value, str) else value


class ReleaseCriterion(Part):
    """One criterion of release. `within`: of the target that the chosen option of this choice carries, ± percent."""

    id: Name
    title: Title
    measure: Annotated[Measure, BeforeValidator(_measure)]
    unit: Title | None = None
    at_least: Decimal | None = None
    at_most: Decimal | None = None
    above: Decimal | None = None
    below: Decimal | None = None
    must_be: Names | None = None
    within: Name | None = None
    percent: Decimal | None = None
    may_be_pending: bool = False
    source: Title | None = None


class Release(Part):
    """What QA's disposition stands on: the product's kind of material, and the criteria."""

    product: Name
    criteria: tuple[ReleaseCriterion, ...]


class Target(Part):
    """A dose: its value and unit."""

    value: Decimal
    unit: Title


class Option(Part):
    """One option of a choice."""

    title: Title
    target: Target | None = None


class ChoiceSpec(Part):
    """Something chosen for each patient at enrolment: cohort, dose level, starting material."""

    title: Title
    options: dict[Name, Option]
    source: Title | None = None


class MaterialKind(Part):
    """A kind of material and which identifier it carries: a DIN, a bag (DIN and product code), or any code."""

    title: Title
    identifier: Literal["din", "bag", "code"]


class Head(Part):
    """What the study is."""

    id: Name
    version: Name
    title: Title
    product: Title
    registered: Title | None = None
    notes: str | None = None


class StudyProtocol(Part):
    """A whole study protocol. `digest` and `text` are those of the file it was read from."""

    protocol: Head
    roles: dict[Name, Title]
    places: dict[Name, Title]
    materials: dict[Name, MaterialKind]
    choices: dict[Name, ChoiceSpec] = {}
    steps: tuple[Step, ...] = Field(min_length=1)
    release: Release | None = None
    digest: str = ""
    text: str = Field(default="", repr=False)

    @cached_property
    def by_id(self) -> dict[str, Step]:
        """Steps by id, in the file's order."""
        return {step.id: step for step in self.steps}

    @cached_property
    def first(self) -> Step:
        """The step that opens a therapy: the consent."""
        return next(step for step in self.steps if step.kind == "consent")
