"""A whole study."""

from decimal import Decimal
from functools import cached_property
from typing import Literal, Self

from pydantic import Field, model_validator

from events.identifiers import Name
from protocol.model.amendments import Amendments
from protocol.model.base import Part, Title
from protocol.model.codes import Codes, Forms
from protocol.model.dose import Dose
from protocol.model.downtime import Downtime
from protocol.model.endings import Endings, Escalation
from protocol.model.environment import Environment
from protocol.model.incidents import Incident
from protocol.model.infection import Infection
from protocol.model.labels import LabelTemplate
from protocol.model.manufacture import Manufacture
from protocol.model.quality import Quality
from protocol.model.release import Release
from protocol.model.safety import Safety
from protocol.model.steps import Step


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
    """A kind of material and which identifier it carries: a DIN, a bag (DIN and product code), or a code, of a form or of any."""

    title: Title
    identifier: Literal["din", "bag", "code"]
    form: Forms = ()

    @model_validator(mode="after")
    def _form_of_a_code(self) -> Self:
        if self.form and self.identifier != "code":
            raise ValueError(f"a {self.identifier} has the form of ISBT 128; `form` is for `identifier: code`")
        return self


class Head(Part):
    """What the study is."""

    id: Name
    version: Name
    title: Title
    product: Title
    registered: Title | None = None
    notes: str | None = None


class StudyProtocol(Part):
    """A whole study protocol. `digest` and `text` are those of the file it was read from; `terms`: the text of its own dictionary.

    `earlier`: of a therapy that was moved here by an amendment, the versions under which it stood before, the first one first.
    """

    protocol: Head
    roles: dict[Name, Title]
    places: dict[Name, Title]
    materials: dict[Name, MaterialKind]
    codes: Codes | None = None
    choices: dict[Name, ChoiceSpec] = {}
    steps: tuple[Step, ...] = Field(min_length=1)
    incidents: tuple[Incident, ...] = ()
    release: Release | None = None
    labels: dict[Name, LabelTemplate] = {}
    quality: Quality | None = None
    environment: Environment | None = None
    infection: Infection | None = None
    dose: Dose | None = None
    manufacture: Manufacture | None = None
    endings: Endings | None = None
    escalation: Escalation | None = None
    safety: Safety | None = None
    amendments: Amendments | None = None
    downtime: Downtime | None = None
    digest: str = ""
    text: str = Field(default="", repr=False)
    terms: str = Field(default="", repr=False)
    earlier: tuple["StudyProtocol", ...] = Field(default=(), repr=False, exclude=True)

    @model_validator(mode="after")
    def _gradings_know_their_records(self) -> Self:
        for grading in self.safety.gradings if self.safety else ():
            if step := self.by_id.get(grading.step):
                grading.look_at(step.record_by_name)
        return self

    def of(self, digest: str | None) -> "StudyProtocol":
        """The version of this digest among this one and the earlier ones; this one where none of them is it."""
        return next((version for version in self.earlier if version.digest == digest), self)

    @cached_property
    def forms(self) -> Codes:
        """The forms that codes take; any where the file says nothing."""
        return self.codes or Codes()

    @cached_property
    def by_id(self) -> dict[str, Step]:
        """Steps by id, in the file's order."""
        return {step.id: step for step in self.steps}

    @cached_property
    def incident_by_id(self) -> dict[str, Incident]:
        """What can go wrong, by id."""
        return {incident.id: incident for incident in self.incidents}

    @cached_property
    def first(self) -> Step:
        """The step that opens a therapy: the consent."""
        return next(step for step in self.steps if step.kind == "consent")

    @cached_property
    def qa_roles(self) -> tuple[str, ...]:
        """The roles that decide on quality: those that perform the disposition."""
        return tuple(dict.fromkeys(r for s in self.steps if s.kind == "disposition" for r in s.performed_by))
