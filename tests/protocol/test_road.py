"""What a protocol file says of the road: incidents, options, other ways, comparisons; and every mistake in them, told with its line."""

# A row of the table is one line, however long.
# ruff: noqa: E501

from __future__ import annotations

from pathlib import Path

import pytest

from protocol.check import staffing_gaps
from protocol.file import read_protocol
from protocol.model import StudyProtocol
from tests.protocol.mistakes import Wrong, mistaken, problems

ROAD = (Path(__file__).parent / "studies" / "road.yaml").read_text()

MISTAKES = [
    Wrong("an incident twice", "id: late\n", "id: missed\n", "id: missed", "incidents[1] missed.id", "two incidents missed"),
    Wrong("during no step", "during: drive\n", "during: fly\n", "fly", "incidents[1] late.during", "there is no step 'fly'"),
    Wrong("reported by nobody known", "reported_by: driver", "reported_by: pilot", "pilot", "incidents[1] late.reported_by", "there is no role 'pilot'"),
    Wrong("decided by nobody known", "decided_by: doctor", "decided_by: docter", "docter", "incidents[0] missed.decided_by", "did you mean doctor?"),
    Wrong("options that nobody chooses", "    decided_by: doctor\n", "", "id: missed", "incidents[0] missed.decided_by", "who chooses one of the options?"),
    Wrong("a choice of nothing", "    reported_by: driver\n", "    reported_by: driver\n    decided_by: doctor\n", "decided_by: doctor",
          "incidents[1] late.decided_by", "there is no option"),
    Wrong("a report that is refused", "[deviation major, quarantine]\nrelease", "refuse\nrelease", "refuse", "incidents[2] spilled.consequences", "went wrong"),
    Wrong("a consequence that is none", "consequences: deviation minor", "consequences: cry", "cry", "incidents[0] missed.consequences", "'cry' is no consequence"),
    Wrong("an alert for nobody", "consequences: deviation minor", "consequences: alert docter", "docter", "incidents[0] missed.consequences", "did you mean doctor?"),
    Wrong("quarantine of nothing", "during: [drive, receipt]", "during: [slots, receipt]", "[deviation major, quarantine]",
          "incidents[2] spilled.consequences[1]", "there is no material yet at slots"),
    Wrong("an offer of a step that always comes", "offers: freeze}", "offers: labels}", "offers: labels",
          "incidents[0] missed.options[1] freeze.offers", "labels is offered but not kept back"),
    Wrong("an offer of no step", "offers: van_again", "offers: van_agian", "van_agian", "incidents[0] missed.options[0] rebook.offers", "did you mean van_again?"),
    Wrong("an option twice", "{id: wait, title", "{id: freeze, title", "title: Wait", "incidents[0] missed.options[2] freeze.id", "two options freeze"),
    Wrong("an end that counts from what comes later", "until: {from: apheresis.end", "until: {from: receipt.end", "receipt.end",
          "incidents[0] missed.options[0] rebook.until.from", "receipt does not come before give"),
    Wrong("a slot that nobody books", "slot: van,", "slot: van_2,", "slot: van_2", "incidents[0] missed.detected.slot", "there is no booked resource 'van_2'"),
    Wrong("detected at no step", "slot: van, step: give", "slot: van, step: gift", "gift", "incidents[0] missed.detected.step", "there is no step 'gift'"),
    Wrong("detected at another step", "slot: van, step: give", "slot: van, step: drive", "step: drive", "incidents[0] missed.detected.step", "not one of the steps `during`"),
    Wrong("detected from nothing", "{slot: van, step: give", "{step: give", "{step: give", "incidents[0] missed.detected", "say one of the two"),
    Wrong("detected from two things", "{slot: van, step", "{slot: van, from: labels.end, step", "labels.end", "incidents[0] missed.detected", "say one of the two"),
    Wrong("detected from what comes later", "{from: give.end, step: drive", "{from: make.end, step: drive", "make.end", "incidents[1] late.detected.from", "make does not come before drive"),
    Wrong("no time for it", "step: give, late: 60 min", "step: give", "slot: van", "incidents[0] missed.detected.late", "is missing"),
    Wrong("a step that is replaced by one that always comes", "unless: freeze\n", "unless: labels\n", "unless: labels", "steps[12] freeze_here.unless", "labels always comes"),
    Wrong("a step that is replaced by none", "unless: freeze\n", "unless: freese\n", "freese", "steps[12] freeze_here.unless", "did you mean freeze?"),
    Wrong("a replacement of what is done for all at once", "unless: freeze\n    for_each: blood\n", "unless: freeze\n", "unless: freeze",
          "steps[12] freeze_here.unless", "give freeze_here a `for_each`"),
    Wrong("a clock that no step stops", "stopped_by: freeze", "stopped_by: freezer", "freezer", "steps[13] make.clocks[0].stopped_by", "did you mean freeze?"),
    Wrong("compared with no record", "same_as: give.seal", "same_as: give.seel", "give.seel", "steps[11] receipt.records[0] seal.limits[0].same_as", "did you mean seal?"),
    Wrong("compared with a word", "same_as: give.seal", "same_as: seal", "same_as: seal", "steps[11] receipt.records[0] seal.limits[0].same_as", "write STEP.RECORD"),
    Wrong("compared with a number", "same_as: give.seal", "same_as: apheresis.volume", "volume", "steps[11] receipt.records[0] seal.limits[0].same_as", "only texts are compared"),
    Wrong("compared with what comes later", "{name: seal, type: text}", "{name: seal, type: text, limits: [{same_as: receipt.seal, otherwise: quarantine}]}",
          "receipt.seal", "steps[9] give.records[0] seal.limits[0].same_as", "receipt does not come before give"),
    Wrong("a number that is compared", "{name: volume, unit: mL, plausible: [1, 2000]}",
          "{name: volume, unit: mL, plausible: [1, 2000], limits: [{same_as: give.seal, otherwise: quarantine}]}", "same_as",
          "steps[4] apheresis.records[0] volume.limits[0].same_as", "does not fit a number"),
]  # fmt: skip


@pytest.mark.parametrize("case", MISTAKES, ids=lambda case: case.words.replace(" ", "-"))
def test_a_mistake_is_told_with_line_field_and_reason(case: Wrong) -> None:
    mistaken(ROAD, case)


def test_a_file_without_incidents_has_none() -> None:
    text = ROAD[: ROAD.index("incidents:")] + ROAD[ROAD.index("release:") :]
    told = [str(one["reason"]) for one in problems(text)]
    assert all("nothing offers it" in reason for reason in told), "only the steps in reserve have lost their way in"


def road() -> StudyProtocol:
    return read_protocol(ROAD)


def test_nobody_who_could_report_or_choose_is_a_warning() -> None:
    people = {role: (role.upper(), frozenset({role})) for role in road().roles if role != "driver"}
    told = " ".join(staffing_gaps(road(), people))
    assert "incident late" in told
    assert "incident missed" not in told, "the nurse can report it too"
