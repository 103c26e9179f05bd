"""What a protocol file says of labels, and every mistake in it, told with line, field and reason; what a label then says."""

# A row of the table is one line, however long.
# ruff: noqa: E501

from __future__ import annotations

from pathlib import Path

import pytest

from protocol.check import staffing_gaps
from protocol.file import read_protocol
from protocol.model.labels import size
from tests.protocol.mistakes import Wrong, mistaken

SMALL = (Path(__file__).parent / "studies" / "small.yaml").read_text()
LABELS = """
labels:
  blood_label:
    title: COLLECTED CELLS
    of: blood
    size: 100 x 50 mm
    count: 3
    printed_by: nurse
    witnessed_by: [nurse, doctor]
    zone: Europe/Berlin
    fields:
      - {title: Chain of identity, from: chain_of_identity}
      - {title: Collected, from: made.end, plus: 48 h}
      - {title: Volume, from: made.volume}
      - {title: Screened, from: screening.start}
      - {title: Keep at, text: 2 to 8 C}
    statements:
      - {id: own, text: FOR AUTOLOGOUS USE ONLY}
      - {id: open, text: "Target {screening.target}", when: {screening.target: [negative, not recorded]}}
"""
_TAGGED = "    labels: blood_label\n    records: [{name: says_own, type: yes_no, on_label: {yes: own}}]\n"
_MEASURED = "    records: [{name: volume, unit: mL, plausible: [1, 2000]}]\n"
WITH = (
    SMALL.replace(
        "    scans: {bag: blood}\n  - id: give", "    scans: {bag: blood}\n" + _TAGGED + "  - id: give"
    ).replace("bag: new blood}\n  - id: labels", "bag: new blood}\n" + _MEASURED + "  - id: labels")
    + LABELS
)

MISTAKES = [
    Wrong("a label for no material", "of: blood\n", "of: blod\n", "of: blod", "labels.blood_label.of", "did you mean blood?"),
    Wrong("a label that no step reconciles", "    labels: blood_label\n    records: [{name: says_own, type: yes_no, on_label: {yes: own}}]\n", "", "blood_label:", "labels.blood_label", "no step reconciles it"),
    Wrong("a step with a label that is none", "    labels: blood_label\n", "    labels: blod_label\n", "blod_label", "steps[6] labels.labels", "did you mean blood_label?"),
    Wrong("labels of a step that does not label", "title: Receipt\n", "title: Receipt\n    labels: blood_label\n", "labels: blood_label", "steps[9] receipt.labels", "only a step of kind labelling"),
    Wrong("a label on what the step does not scan", "of: blood\n", "of: bag\n", "labels: blood_label", "steps[6] labels.labels", "which the step does not scan"),
    Wrong("a size in words", "size: 100 x 50 mm", "size: large", "size: large", "labels.blood_label.size", "cannot be"),
    Wrong("a size of a stamp", "size: 100 x 50 mm", "size: 20 x 10 mm", "20 x 10", "labels.blood_label.size", "a label is 25 x 12 mm to 210 x 297 mm"),
    Wrong("no label at all", "count: 3", "count: 0", "count: 0", "labels.blood_label.count", "less than 1"),
    Wrong("printed by nobody known", "printed_by: nurse", "printed_by: nurze", "nurze", "labels.blood_label.printed_by", "did you mean nurse?"),
    Wrong("seen by nobody known", "[nurse, doctor]\n    zone", "[nurse, dockter]\n    zone", "dockter", "labels.blood_label.witnessed_by[1]", "did you mean doctor?"),
    Wrong("a zone that is none", "zone: Europe/Berlin", "zone: Berlin", "zone: Berlin", "labels.blood_label.zone", "no time zone"),
    Wrong("a line with nothing", "{title: Keep at, text: 2 to 8 C}", "{title: Keep at}", "{title: Keep at}", "labels.blood_label.fields[4]", "either `text` or `from`"),
    Wrong("a line with two values", "{title: Keep at, text: 2 to 8 C}", "{title: Keep at, text: cold, from: code}", "text: cold", "labels.blood_label.fields[4]", "either `text` or `from`"),
    Wrong("a line from no step", "from: screening.start", "from: screning.start", "screning", "labels.blood_label.fields[3].from", "did you mean screening?"),
    Wrong("a line from no record", "from: screening.start", "from: screening.targt", "targt", "labels.blood_label.fields[3].from", "did you mean target?"),
    Wrong("a line from what comes later", "from: screening.start", "from: receipt.end", "receipt.end", "labels.blood_label.fields[3].from", "receipt does not come before labels"),
    Wrong("a line from what its maker does not record", "from: made.volume", "from: made.weight", "made.weight", "labels.blood_label.fields[2].from", "makes blood and does not record weight"),
    Wrong("a line from a word", "from: made.volume", "from: volume", "from: volume", "labels.blood_label.fields[2].from", "write STEP.RECORD"),
    Wrong("a day after a number", "from: made.volume}", "from: made.volume, plus: 1 d}", "plus: 1 d", "labels.blood_label.fields[2].plus", "counts from a moment"),
    Wrong("a day after a code", "from: chain_of_identity}", "from: chain_of_identity, plus: 1 d}", "plus: 1 d", "labels.blood_label.fields[0].plus", "counts from a moment"),
    Wrong("a day after words", "text: 2 to 8 C}", "text: 2 to 8 C, plus: 1 d}", "plus: 1 d", "labels.blood_label.fields[4].plus", "counts from a moment"),
    Wrong("a line twice", "{title: Keep at,", "{title: Volume,", "title: Volume, text", "labels.blood_label.fields[4].title", "Volume stands twice"),
    Wrong("letters that no label carries", "title: COLLECTED CELLS", "title: СОБРАННЫЕ", "СОБРАННЫЕ", "labels.blood_label.title", "Latin letters"),
    Wrong("letters that no label carries in a statement", "text: FOR AUTOLOGOUS USE ONLY", "text: 自家用", "自家用", "labels.blood_label.statements[0] own.text", "Latin letters"),
    Wrong("a statement twice", "{id: open,", "{id: own,", "id: own, text: \"Target", "labels.blood_label.statements[1] own.id", "two statements own"),
    Wrong("a statement on no record", "when: {screening.target", "when: {screening.targt", "targt", "labels.blood_label.statements[1] open.when.screening.targt", "did you mean target?"),
    Wrong("a statement on a word that is never recorded", "[negative, not recorded]", "[negative, unknown]", "unknown", "labels.blood_label.statements[1] open.when.screening.target[1]", "is never 'unknown'"),
    Wrong("a statement that names no record", "Target {screening.target}", "Target {screening.targt}", "targt}", "labels.blood_label.statements[1] open.text", "did you mean target?"),
    Wrong("a sign that is none", "{id: own, text", "{id: own, legend: skull, text", "skull", "labels.blood_label.statements[0] own.legend", "none of biohazard"),
    Wrong("an answer that is never given", "on_label: {yes: own}", "on_label: {maybe: own}", "maybe", "steps[6] labels.records[0] says_own.on_label.maybe", "is never 'maybe'"),
    Wrong("an answer about no statement", "on_label: {yes: own}", "on_label: {yes: owm}", "owm", "steps[6] labels.records[0] says_own.on_label.yes", "did you mean own?"),
    Wrong("an answer in another step", "{name: sterile, type: yes_no", "{name: sterile, type: yes_no, on_label: {yes: own}", "on_label: {yes: own}}", "steps[11] assay.records[1] sterile.on_label", "name the label in `labels`"),
]  # fmt: skip


def test_the_study_with_labels_is_right() -> None:
    study = read_protocol(WITH)
    template = study.labels["blood_label"]
    assert size(template.size) == (100, 50)
    assert template.witnessed_by == ("nurse", "doctor")
    assert study.by_id["labels"].record_by_name["says_own"].on_label == {"yes": "own"}


@pytest.mark.parametrize("case", MISTAKES, ids=lambda case: case.words.replace(" ", "-"))
def test_a_mistake_is_told_with_line_field_and_reason(case: Wrong) -> None:
    mistaken(WITH, case)


def test_labels_that_nobody_prints_or_one_person_alone_are_a_warning() -> None:
    text = WITH.replace("roles: {doctor:", "roles: {clerk: Clerk, doctor:").replace(
        "printed_by: nurse", "printed_by: clerk"
    )
    study = read_protocol(text.replace("[nurse, doctor]\n    zone", "clerk\n    zone"))
    people = {role: (role.upper(), frozenset({role})) for role in study.roles if role != "clerk"}
    assert "Nobody is clerk; that is asked for by label blood_label." in staffing_gaps(study, people)
    people |= {account: ("CLERK", frozenset({"clerk"})) for account in ("clerk", "clerk.at.home")}
    told = [gap for gap in staffing_gaps(study, people) if "label blood_label" in gap]
    assert told == ["Only one person can sign as clerk and as clerk; two people must sign label blood_label."]
    people["clerk.2"] = ("CLERK-2", frozenset({"clerk"}))
    assert [gap for gap in staffing_gaps(study, people) if "label blood_label" in gap] == []
