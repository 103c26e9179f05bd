"""A step: its kind carries the rules, its fields the numbers."""

from functools import cached_property
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from events.identifiers import Name
from protocol.duration import Length
from protocol.model.base import Consequences, Kind, Names, Part, Title, listed
from protocol.model.clocks import At, Clock, Plan, Repeat, Visit
from protocol.model.logger import LoggerSpec
from protocol.model.records import Record, ScanSpec, scan_words


class Needs(Part):
    """Readiness: lots released and unexpired, devices in calibration, training of the performer current."""

    lots: Names = ()
    devices: Names = ()
    training: Names = ()


class Retest(Part):
    """A test may be done again when its result is out of specification: how often, and who authorises it.

    `counts`: ``every`` result, so that any that fails fails its criterion; or every ``valid`` one, where a result does
    not count whose investigation concluded a laboratory error.
    """

    at_most: int = Field(ge=1, le=20)
    authorised_by: Names
    counts: Literal["every", "valid"] = "every"
    source: Title | None = None


class Step(Part):
    """One step of the study; the fields are explained in `docs/protocol-file.md`."""

    id: Name
    kind: Kind
    title: Title
    after: Annotated[tuple[str, ...], BeforeValidator(listed)] = ()
    when: dict[Name, Names] = {}
    reserve: bool = False
    on_demand: bool = False
    unless: Name | None = None
    performed_by: Names
    witnessed_by: Names | None = None
    reviewed_by: Names | None = None
    approved_by: Names | None = None
    taken_by: Names | None = None
    not_by: Annotated[tuple[str, ...], BeforeValidator(listed)] = ()
    at: Name | None = None
    to: Name | None = None
    moves: Names = ()
    for_each: Name | None = None
    repeat: Repeat | None = None
    retest: Retest | None = None
    scans: dict[Name, Annotated[ScanSpec, BeforeValidator(scan_words)]] = {}
    records: tuple[Record, ...] = ()
    consumes: Names = ()
    clocks: tuple[Clock, ...] = ()
    logger: LoggerSpec | None = None
    needs: Needs = Field(default_factory=Needs.model_construct)
    one_patient_in: Name | None = None
    monitoring: Names = ()
    one_at_a_time: Consequences | None = None
    labels: Names = ()
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
