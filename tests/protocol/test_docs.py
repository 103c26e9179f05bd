"""docs/protocol-file.md is complete: every part, field and kind of the model stands in it, and its examples run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
import yaml

from events.errors import Refused
from protocol import model
from protocol.commands import Perform
from protocol.file import read_protocol
from protocol.model import KINDS, Consequence, Part, Record
from protocol.wording import COMPUTED

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "protocol-file.md").read_text()
HEADINGS: dict[type[Part], str] = {
    model.StudyProtocol: "## The top of the file",
    model.Head: "### The study (`protocol`)",
    model.MaterialKind: "### A kind of material",
    model.ChoiceSpec: "### A choice",
    model.Option: "### An option",
    model.Target: "### A target",
    model.Step: "## Steps",
    model.ScanSpec: "### A scan",
    model.Record: "### A record",
    model.Limit: "### A limit",
    model.Clock: "### A clock",
    model.ClockLimit: "### A threshold of a clock",
    model.Needs: "### Needs",
    model.Repeat: "### A repeat",
    model.Visit: "### A visit",
    model.Plan: "### A plan",
    model.LoggerSpec: "### A temperature log",
    model.Band: "### A bound",
    model.Unknown: "### Time unknown",
    model.KineticMean: "### Mean kinetic temperature",
    model.Incident: "## Incidents",
    model.IncidentOption: "### An option after an incident",
    model.Until: "### The end of an option (`until`)",
    model.Detected: "### What the system sees (`detected`)",
    model.Release: "## Release",
    model.ReleaseCriterion: "### A criterion",
    model.Alternative: "### An alternative",
    model.Measure: "### A measure",
    model.Retest: "### A retest",
    model.ExceptionalRelease: "### A release by exception (`exception`)",
    model.LabelTemplate: "### A label",
    model.LabelField: "### A line of a label",
    model.RequiredStatement: "### A statement of a label",
    model.Quality: "## Quality",
    model.Handling: "### The handling of a grade",
    model.Environment: "## Environmental monitoring",
    model.EnvironmentValue: "### A value of environmental monitoring",
    model.EnvironmentSet: "### A set of environmental monitoring",
    model.Infection: "## Infection markers",
    model.Marker: "### A marker",
    model.MarkerAge: "### The age of markers",
    model.SegregatedStorage: "### Segregated storage",
    model.Changeover: "### A changeover",
    model.ProtectionPlan: "### A plan that comes first",
    model.Dose: "## The dose given",
    model.Manufacture: "## When there is no product",
    model.FailureRule: "### A failure",
    model.Remake: "### A remake",
    model.Endings: "### Endings",
    model.GoesOn: "### A step that goes on",
    model.Escalation: "### Escalation",
    model.Safety: "## Safety",
    model.Grading: "### A grading",
    model.Sign: "### A sign",
    model.Level: "### A level",
    model.RequiredSign: "### A required sign",
    model.EventRules: "### Adverse events",
    model.EventDictionary: "### A dictionary of terms",
    model.SafetyReport: "### A safety report",
    model.DltRules: "### Dose-limiting toxicity",
    model.CohortRules: "### Dose cohorts",
    model.Amendments: "## Amendments",
    model.Downtime: "### Downtime",
}
WRITTEN_AS_WORDS = {model.Consequence, model.Moment}
"""Parts that a file writes as one text; the page explains them in words."""
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
STUDIES = [text for text in EXAMPLES if text.startswith("protocol:")]
ACTS = [text for text in EXAMPLES if text.startswith("# an act")]


def section(heading: str) -> str:
    """The text under a heading, up to the next."""
    start = PAGE.index(f"\n{heading}\n")
    return re.split(r"\n##+ ", PAGE[start + len(heading) + 2 :], maxsplit=1)[0]


def rows(heading: str) -> list[str]:
    return re.findall(r"(?m)^\| `(\w+)` \|", section(heading))


def test_every_part_of_the_model_has_its_section() -> None:
    parts = {part for part in vars(model).values() if isinstance(part, type) and issubclass(part, Part)} - {Part}
    assert parts == set(HEADINGS) | WRITTEN_AS_WORDS


@pytest.mark.parametrize("part", HEADINGS, ids=lambda part: part.__name__)
def test_the_page_lists_exactly_the_fields_of_the_model(part: type[Part]) -> None:
    fields = [field.alias or name for name, field in part.model_fields.items()]
    assert rows(HEADINGS[part]) == [name for name in fields if part is not model.StudyProtocol or name not in COMPUTED]


def test_the_page_lists_exactly_the_kinds_of_step() -> None:
    assert rows("### Kinds of step") == list(KINDS)


def test_the_page_names_every_type_of_record_and_every_consequence() -> None:
    for kind in get_args(Record.model_fields["type"].annotation):
        assert f"`{kind}`" in section("### A record")
    for what in get_args(Consequence.model_fields["what"].annotation):
        assert f"`{what.replace('_', ' ')}" in section("### Consequences")


def test_the_page_names_everything_that_an_act_can_carry() -> None:
    told = section("### Kinds of step") + section("## What an act carries")
    assert [name for name in Perform.model_fields if f"`{name}`" not in told] == []


def test_the_worked_study_of_the_page_can_be_read() -> None:
    assert STUDIES
    for text in STUDIES:
        assert read_protocol(text).protocol.id == "ONE-PAGE"


def test_the_alternatives_of_the_page_can_stand_in_the_worked_study() -> None:
    (example,) = [text for text in EXAMPLES if text.startswith("# alternatives")]
    whole = yaml.safe_load(STUDIES[0])
    (criterion,) = yaml.safe_load(example)["criteria"]
    whole["release"]["criteria"] = [
        {**one, **criterion} if one["id"] == "dose" else one for one in whole["release"]["criteria"]
    ]
    for name in ("measure", "unit", "within", "percent"):
        del whole["release"]["criteria"][1][name]
    study = read_protocol(yaml.safe_dump(whole, sort_keys=False))
    assert study.release is not None
    assert [one.id for one in study.release.criteria[1].alternatives] == ["by_weight", "flat"]


def test_the_acts_of_the_page_can_be_read_and_fit_the_worked_study() -> None:
    assert ACTS
    study = read_protocol(STUDIES[0])
    for text in ACTS:
        act = Perform.model_validate(yaml.safe_load(text))
        step = study.by_id[act.step]
        assert set(act.readings) <= set(step.record_by_name)
        assert {scan.name for scan in act.scans} <= {*step.scans, "wristband"}


def test_the_mistakes_of_the_page_are_told_as_the_page_says() -> None:
    told = re.search(r"```console\n\$ unbroken protocol check study.yaml\nRefused: (.*?)```", PAGE, re.DOTALL)
    assert told is not None
    wrong = (
        STUDIES[0]
        .replace("after: enrolment, performed_by: nurse,", "after: enrolment, performed_by: nurs,")
        .replace("{name: volume, unit: mL,", "{name: volume,")
        .replace("measure: assay.viability", "measure: asay.viability")
    )
    with pytest.raises(Refused) as caught:
        read_protocol(wrong, "study.yaml")
    assert caught.value.says == told[1].strip()
