"""A code names one thing: what is a lot, a device, a room, a seal, a person or a therapy is no patient's label, and the other way round.

No code is bound to a patient that is anything else; nothing of the site takes a code that is a patient's.

Source: 21 CFR 1271.290(c), distinct identification code; EU GMP Annex 11 §6
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from console import rehearsal
from console.rehearsal import Patient, device_code, lot_code
from events.errors import Refused
from protocol import administration
from protocol.audit import audit_all
from protocol.commands import Correct, IssueLabels
from protocol.commands.environment import ChangeOver, ReportEnvironment
from protocol.due import Due
from protocol.reader import Reader
from protocol.state import Instance, Therapy
from tests.stage import ANNA, BRUNO, Stage, Staged, entered, study
from tests.stories.test_14_at_the_same_time import meanwhile

pytestmark = pytest.mark.story
CONSENT = Due(Instance("consent"), study().first, "ready")


def settled(site: Staged) -> None:
    """Nothing that stands in the log would be decided otherwise."""
    assert audit_all(Reader(site.log)) == []


# ------------------------------------------------------------------ nothing of the site becomes a patient's


def recalled(site: Staged) -> str:
    """A lot that was released, and recalled."""
    site.recall_lot("wash_buffer", "cracked")
    return lot_code("wash_buffer")


SOMETHING_ELSE: dict[str, tuple[Callable[[Staged], str], str]] = {
    "a lot": (lambda _: lot_code("vector"), "a lot of vector"),
    "a lot that was recalled": (lambda site: recalled(site), "a lot of wash_buffer"),
    "a device": (lambda _: device_code("cytometer"), "a device (cytometer)"),
    "a room": (lambda _: "SUITE-2", "a room"),
    "a resource that is booked": (lambda site: site.now.slots[0].code, "a resource that is booked"),
    "a person": (lambda site: site.person("courier.1"), "the number of a person (courier.1)"),
    "an account": (lambda _: "COURIER.1", "the account of a person (courier.1)"),
    "a seal": (lambda site: value_of(site, "hand_over", "seal"), "Seal number"),
    "a shipper": (lambda site: value_of(site, "hand_over", "shipper"), "Shipper number"),
}
SPELLED: dict[str, Callable[[str], str]] = {
    "as it stands": lambda code: code,
    "in small letters": str.lower,
    "with blanks": lambda code: f" {code[:2]} {code[2:]} ",
}


def value_of(site: Staged, step: str, name: str) -> str:
    """A value of a step as it stands."""
    return next(now.value for (at, reading), now in site.now.readings.items() if (at.step, reading) == (step, name))


@pytest.mark.parametrize("spelled", SPELLED.values(), ids=SPELLED)
@pytest.mark.parametrize(("code_of", "is_"), SOMETHING_ELSE.values(), ids=SOMETHING_ELSE)
def test_what_is_something_else_is_no_new_label_of_a_patient(
    stage: Stage, code_of: Callable[[Staged], str], is_: str, spelled: Callable[[str], str]
) -> None:
    """At receipt a sample is taken. Instead of its label the scanner catches what lies beside it; the refusal says what that is."""
    site = stage.at("receipt", other=True)
    code = code_of(site)
    with site.refused("identity.new-code") as told:
        site.perform("receipt", scan={"samples": spelled(code)})
    assert told.values["code"] == code
    assert is_ in told.says
    site.perform("receipt", scan={"samples": "SAMPLE-77"})
    settled(site)


def test_nor_a_wristband_a_number_or_a_label(stage: Stage) -> None:
    """Everything that is bound to a patient is held to the same: wristband, subject number, chain of identity, screening, label."""
    site = stage.at("consent")
    lot = lot_code("vector")
    with site.refused("identity.new-code") as told:
        site.perform("consent", screening=lot)
    assert "a lot of vector" in told.says
    site = stage.at("enrolment")
    for changed in ({"scan": {"wristband": lot}}, {"subject": lot}, {"coi": site.person("courier.1")}):
        with site.refused("identity.new-code"):
            site.perform("enrolment", **changed)
    site = stage.at("label_collection")
    bag = site.one("leukapheresis")
    print_ = IssueLabels(material=bag, template="collection_label", serials=(lot,), file=None, why="one was torn")
    with site.refused("identity.new-code") as told:
        site.act(print_, "apheresis.nurse.1")
    assert "a lot of vector" in told.says


def test_the_id_of_a_therapy_is_a_code_too(stage: Stage) -> None:
    """Her own therapy's id is no label of hers; another patient's stops both, as any of his codes would."""
    site = stage.at("receipt", other=True)
    with site.refused("identity.new-code"):
        site.perform("receipt", scan={"samples": ANNA.therapy})
    with site.refused("identity.wrong-item", records=1):
        site.perform("receipt", scan={"samples": BRUNO.therapy})
    # And nobody opens a therapy under what is a sample's code.
    other = stage.at("receipt")
    other.do("receipt", scan={"samples": "T-9"})
    with other.refused("identity.new-code") as told:
        other.desk.open("T-9", other.form("consent", screening="SCR-9"), other.sits("investigator.1"))
    assert "T-1" in told.says
    settled(other)


# ------------------------------------------------------------------ nothing of a patient's becomes the site's


OF_A_PATIENT: dict[str, tuple[Callable[[Staged], str], str]] = {
    "her bag": (lambda site: site.one("leukapheresis"), "the leukapheresis of T-1"),
    "her wristband": (lambda site: site.now.wristband, "the wristband of T-1"),
    "her subject number": (lambda site: site.now.subject, "the subject number of T-1"),
    "a label of her bag": (lambda site: next(iter(site.now.labels)), "a label of T-1"),
    "her therapy": (lambda _: ANNA.therapy, "the id of T-1"),
}
AS: dict[str, Callable[[Staged, str], object]] = {
    "a lot": lambda site, code: site.release_lot("vector", site.clock() + timedelta(days=9), code=code),
    "a lot that is recalled": lambda site, code: site.desk.recall_lot(code, "cracked", site.sits("quality.1")),
    "a device": lambda site, code: site.desk.record(
        [f"device/{code}"],
        lambda actor, _: [administration.calibrate(actor, code, "cytometer", site.clock() + timedelta(days=9))],
        site.sits("quality.1"),
    ),
    "a room that is monitored": lambda site, code: site.desk.report_environment(
        ReportEnvironment(
            room=code, started=site.clock(), ended=site.clock(), readings=entered({"particles": "1 /m3"})
        ),
        site.sits("quality.1"),
    ),
    "a room that is changed over": lambda site, code: site.desk.change_over(
        ChangeOver(room=code, at=site.clock(), says="emptied"), site.sits("operator.1")
    ),
    "a person": lambda site, code: site.hire(code, "new.nurse", "apheresis_nurse"),
}


@pytest.mark.parametrize(("code_of", "is_"), OF_A_PATIENT.values(), ids=OF_A_PATIENT)
@pytest.mark.parametrize("becomes", AS.values(), ids=AS)
def test_what_is_a_patients_is_nothing_of_the_site(
    stage: Stage, becomes: Callable[[Staged, str], object], code_of: Callable[[Staged], str], is_: str
) -> None:
    """Quality scans the label of a bag where the lot's was meant. The refusal says whose it is, and nothing is recorded."""
    site = stage.at("hand_over")
    code = code_of(site)
    with site.refused("identity.new-code") as told:
        becomes(site, code)
    assert is_ in told.says
    settled(site)


def test_a_room_and_a_slot_of_a_patients_code_stay_what_they_were(stage: Stage) -> None:
    """A bag's code given as the room or the slot was refused before, and is; a lot's code is now too."""
    site = stage.at("selection")
    with site.refused("identity.new-code") as told:
        site.perform("selection", room=lot_code("vector"))
    assert "a lot of vector; it cannot be a room too" in told.says
    site = stage.at("slot_chain")
    slots = [slot.model_copy(update={"code": device_code("cytometer")}) for slot in site.form("slot_chain").slots[:1]]
    rest = site.form("slot_chain").slots[1:]
    # An apheresis machine is a device, and may be booked; a lot may not.
    site.desk.may(ANNA.therapy, site.form("slot_chain", slots=(*slots, *rest)), "scheduler.1")
    lots = [slot.model_copy(update={"code": lot_code("vector")}) for slot in slots]
    with site.refused("identity.new-code"):
        site.perform("slot_chain", slots=(*lots, *rest))


def test_a_lot_is_no_device_and_no_room(stage: Stage) -> None:
    """Nor does the site call two things of its own alike: a lot's code is no device's. A lot is released again under its code."""
    site = stage.at("apheresis")
    lot, device = lot_code("vector"), device_code("cytometer")
    with site.refused("identity.new-code"):
        AS["a device"](site, lot)
    with site.refused("identity.new-code"):
        AS["a lot"](site, device)
    with site.refused("identity.new-code"):
        AS["a room that is changed over"](site, lot)
    site.release_lot("vector", site.clock() + timedelta(days=400))
    settled(site)


# ------------------------------------------------------------------ at the same moment, and past the desk


def test_one_code_is_not_made_two_things_at_once(stage: Stage) -> None:
    """While a sample is labelled, quality releases a lot under the same number. One of the two stands."""
    site = stage.at("receipt")
    beside = stage.again(site)
    meanwhile(site, beside, lambda: beside.release_lot("vector", site.clock() + timedelta(days=9), code="LOT-X"))
    with site.refused("identity.new-code", records=1):
        site.perform("receipt", scan={"samples": "LOT-X"})
    # And the other way round: the lot comes second.
    site = stage.at("receipt")
    beside = stage.again(site)
    meanwhile(site, beside, lambda: beside.perform("receipt", scan={"samples": "LOT-X"}))
    with pytest.raises(Refused, match="it cannot be a lot too"):
        site.release_lot("vector", site.clock() + timedelta(days=9), code="LOT-X")
    settled(site)


def test_a_room_that_is_entered_for_the_first_time_while_its_code_is_bound(stage: Stage) -> None:
    """Nobody had used that suite before. While the step is signed in it, the other desk binds its code to a sample."""
    site = stage.at("selection", other=True)
    beside = stage.again(site)
    form = rehearsal.entry(Patient(77, "T-77"), Therapy("T-77"), site.protocol, CONSENT, site.clock())
    form = form.model_copy(update={"screening": "SUITE-NEW"})
    meanwhile(site, beside, lambda: beside.desk.open("T-77", form, beside.sits("investigator.1")))
    with pytest.raises(Refused) as told:
        site.perform("selection", room="SUITE-NEW")
    assert told.value.rule in ("log.moved-meanwhile", "identity.wrong-item")


def test_a_lot_of_a_patients_code_that_somebody_signs_past_the_desk_is_a_finding(stage: Stage) -> None:
    """Whoever writes such a record with a program of their own is named by the audit; the code stays the patient's."""
    site = stage.at("hand_over")
    bag = site.one("leukapheresis")
    actor = site.desk.actor("quality.1")
    fact = administration.release_lot(actor, bag, "vector", site.clock() + timedelta(days=9))
    site.forge([fact], "quality.1", subject=f"lot/{bag}", without_therapy=True)
    findings = audit_all(Reader(site.log))
    assert [("identity.new-code" in f.says, bag in f.says) for f in findings] == [(True, True)]
    assert site.desk.owner(bag) == ANNA.therapy
    site.act(Correct(step="apheresis", reading="volume", value="201 mL", why="misread"), "apheresis.nurse.1")


def test_a_room_that_many_patients_use_belongs_to_none_of_them(stage: Stage) -> None:
    """The first who worked in a suite has not bound its code: the next patient works in it too."""
    site = stage.at("selection", other=True)
    site.do("selection", room="SUITE-2")
    assert site.desk.owner("SUITE-2") is None
    settled(site)
