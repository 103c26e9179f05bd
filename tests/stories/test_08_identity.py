"""No scan, no start. A wrong item stops the act, is recorded for both patients, and holds both.

An item of another patient is never accepted, at any scan of any step; the act stops and both patients' items are held.

Source: 21 CFR 1271.290; 21 CFR 11.10(h) device checks
"""

from __future__ import annotations

import pytest

from console.rehearsal import Patient
from protocol.commands import ClearHold, Dispose, Presented
from protocol.file import read_protocol
from protocol.model import StudyProtocol
from protocol.worklist import worklist
from tests.stage import ANNA, BRUNO, Stage, Staged, names, study

pytestmark = pytest.mark.story
CLARA = Patient(3, "T-3")
SCANNED = [
    (step.id, name)
    for step in study().steps
    for name in step.scans
    if not step.reserve and step.id not in ("label_freezing", "freeze_collection", "thaw_collection")
]
RIGHT = ClearHold(wristband="", reason="right bag scanned, the other one is back in its tank")


def clear(site: Staged, therapy: str, by: str, wristband: str = "") -> None:
    """Clear the hold of a therapy with its wristband scanned again."""
    scanned = wristband or site.desk.therapy(therapy).wristband
    site.desk.act(therapy, RIGHT.model_copy(update={"wristband": scanned}), site.sits(by))


CODES = """
codes:
  screening: "SCR-#####?"
  subject: ["SUBJ-#####", "S-#####?"]
  chain_of_identity: "COI-#####?"
  wristband: "W-#####?"
  room: "SUITE-#"
  slot: [SLOTS]

choices:"""


def with_forms() -> StudyProtocol:
    """The study that ships, with forms for its codes."""
    slots = {resource for step in study().steps for resource in step.resources}
    forms = ", ".join(f'"{resource.upper().replace("_", "-")}-#"' for resource in sorted(slots))
    text = study().text.replace("\nchoices:", CODES.replace("SLOTS", forms), 1)
    sample = "{title: Quality control sample, identifier: code"
    seal = "{name: seal, title: Seal number, type: text"
    assert sample in text
    assert seal in text
    text = text.replace(sample, f'{sample}, form: "QS-####-QCSAMPLE-#"', 1)
    return read_protocol(text.replace(seal, f'{seal}, form: "SEAL-#"'))


def test_a_code_has_the_form_that_the_study_declares(stage: Stage) -> None:
    """A slip, or the code of something else, is refused where it would be bound: there is nothing yet to match it with."""
    site = stage.site(with_forms())
    right = site.form("consent").screening
    for wrong in ("SCR-OOO12A", "SCR-000123A", "W-00001A"):
        with site.refused("identifier.form") as told:
            site.perform("consent", screening=wrong)
        assert f"{wrong} does not have the form SCR-#####?" in told.says
        assert "# is a digit" in told.advice
    site.do("consent", screening=f" {right} ".lower())
    site.play(ANNA, "enrolment")
    for field in ("subject", "coi"):
        with site.refused("identifier.form"):
            site.perform("enrolment", **{field: "G123426100001"})  # type: ignore[arg-type]  # any field of the form
    with site.refused("identifier.form"):
        site.perform("enrolment", scan={"wristband": "W-1"})
    site.play(ANNA, "slot_chain")
    booked = site.form("slot_chain").slots
    with site.refused("identifier.form"):
        site.perform("slot_chain", slots=(booked[0].model_copy(update={"code": "TUESDAY"}), *booked[1:]))
    site.play(ANNA, "hand_over")
    with site.refused("identifier.form"):
        site.perform("hand_over", values={"seal": "1234"})
    site.do("hand_over", values={"seal": " seal-1 "})
    assert site.now.readings[site.now.at("hand_over", material=site.one("leukapheresis")), "seal"].value == "SEAL-1"
    site.play(ANNA, "selection")
    with site.refused("identifier.form"):
        site.perform("selection", room="HALL-1")
    site.play(ANNA, "harvest")
    with site.refused("identifier.form"):
        site.perform("harvest", scan={"samples": "QS-1"})


# ------------------------------------------------------------------ every scan of every step


@pytest.mark.parametrize(("step", "name"), SCANNED)
def test_no_step_is_recorded_with_a_wrong_scan(stage: Stage, step: str, name: str) -> None:
    """For each scan of each step: missing, too many, unreadable, unknown, somebody else's; none is recorded."""
    site = stage.at(step, other=True)
    asked = site.protocol.by_id[step].scans[name]
    right = [scan.code for scan in site.form(step).scans if scan.name == name]
    if asked.count[0] > 0:
        # I have not scanned it.
        with site.refused("identity.scan-present"):
            site.perform(step, scan={name: []})
    # I scanned more than there are to scan.
    with site.refused("identity.scan-present"):
        site.perform(step, scan={name: (right or ["X-1"]) * (asked.count[1] + 1)})
    # The scanner sends what no label of ours carries.
    for noise in ("", "???", "Ä-1", "A" * 41):
        with site.refused("identifier.code"):
            site.perform(step, scan={name: [noise]})
    # The scanner announces the kind of code before the code: the refusal says so.
    with site.refused("identifier.scanner") as told:
        site.perform(step, scan={name: [f"]d1{(right or ['X-1'])[0]}"]})
    assert "]d1 (Data Matrix)" in told.says
    if asked.new is None:
        # A label that nobody knows: an unknown barcode is scanned again, it is no mix-up of patients.
        with site.refused("identity.scan-matches"):
            site.perform(step, scan={name: "UNKNOWN-1"})
        # This patient's screening number is no answer either.
        assert site.now.opened is not None
        with site.refused("identity.scan-matches"):
            site.perform(step, scan={name: site.now.opened.screening})
    # I scan something that this step does not ask for.
    with site.refused("identity.scan-known"):
        site.perform(step, scan={"passport": "X-1"})
    # The other patient's wristband stops the act. It is recorded, and nothing else is.
    with site.refused("identity.wrong-item", records=1):
        site.perform(step, scan={name: site.desk.therapy("T-2").wristband})
    assert site.standing(step) == "ready"


def test_a_code_read_in_small_letters_or_with_spaces_is_the_same_code(stage: Stage) -> None:
    """The same label is the same code, whatever the scanner's settings."""
    site = stage.at("bedside_check")
    site.perform("bedside_check", scan={"wristband": f" {site.now.wristband.lower()} "})


def test_what_was_typed_by_hand_says_so(stage: Stage) -> None:
    """A code that was typed instead of scanned is marked in the record."""
    site = stage.at("bedside_check")
    scans = tuple(s.model_copy(update={"typed": s.name == "wristband"}) for s in site.form("bedside_check").scans)
    site.perform("bedside_check", scans=scans)
    assert [scan.name for scan in site.waiting().fact.scans if scan.typed] == ["wristband"]


def test_material_that_has_ended_is_not_used_again(stage: Stage) -> None:
    """What was consumed is gone; its label on a bench opens nothing."""
    site = stage.at("selection")
    bag = site.one("leukapheresis")
    site.do("selection")
    site.perform("transduction")
    again = stage.at("infusion", BRUNO)
    first = again.due("infusion").at.material
    again.do("infusion", material=first)
    second = next(m.code for m in again.now.live("drug_product"))
    with again.refused("identity.material-live"):
        again.perform("pre_thaw_check", material=second, scan={"bag": first})
    assert site.now.materials[bag].ended == "consumed"


# ------------------------------------------------------------------ a wrong item


def wrong_bag(stage: Stage) -> tuple[Staged, str]:
    """At the bedside the other patient's bag was scanned."""
    site = stage.at("bedside_check", other=True)
    hers = site.desk.therapy("T-2").live("drug_product")[0].code
    with site.refused("identity.wrong-item", records=1) as told:
        site.perform("bedside_check", by="ward.nurse.1", scan={"bag": hers})
    assert told.values["presented"] == hers
    assert told.values["other"] == "T-2"
    return site, hers


def test_a_wrong_bag_stops_the_act_and_holds_both_patients_in_one_record(stage: Stage) -> None:
    """The scan is recorded in both therapies by one record; nothing was moved or applied."""
    site, hers = wrong_bag(stage)
    (mine,) = site.now.holds.values()
    (other,) = site.desk.therapy("T-2").holds.values()
    assert mine.link == other.link
    assert (mine.presented, mine.other) == (hers, "T-2")
    assert (other.presented, other.other) == (hers, "T-1")
    # Nothing of either patient goes on.
    with site.refused("identity.hold"):
        site.perform("bedside_check")
    with site.refused("identity.hold"):
        site.perform("thaw", patient=BRUNO)


def test_qa_and_a_second_person_clear_it_after_a_right_scan(stage: Stage) -> None:
    """Cleared in minutes, also remotely: the right wristband scanned, QA, then another person; for each patient."""
    site, hers = wrong_bag(stage)
    # The nurse cannot clear it by herself, and QA comes first.
    with site.refused("authority.role"):
        clear(site, "T-1", "ward.nurse.1")
    # The scan must be right: the other patient's wristband clears nothing.
    with site.refused("identity.scan-matches"):
        clear(site, "T-1", "qa.releaser.1", wristband=site.desk.therapy("T-2").wristband)
    clear(site, "T-1", "qa.releaser.1")
    # I am of QA and signed first. I cannot be the second person as well, nor under my other account.
    with site.refused("authority.two-people"):
        clear(site, "T-1", "qa.releaser.1")
    mine = site.hire(site.person("qa.releaser.1"), "qa.at.night", "ward_nurse")
    with site.refused("authority.two-people"):
        clear(site, "T-1", mine)
    with site.refused("identity.hold"):
        site.perform("bedside_check")
    clear(site, "T-1", "ward.nurse.2")
    assert site.now.holds == {}
    # Anna's check goes on with the right bag; the other patient is still held.
    site.do("bedside_check")
    with site.refused("identity.hold"):
        site.perform("thaw", patient=BRUNO)
    clear(site, "T-2", "qa.releaser.2")
    clear(site, "T-2", "cell.lab.1")
    site.perform("thaw", patient=BRUNO)
    # There is nothing left to clear.
    with site.refused("identity.hold"):
        clear(site, "T-1", "qa.releaser.1")
    assert site.desk.therapy("T-2").materials[hers].live


def test_while_items_are_held_nobody_takes_them_over(stage: Stage) -> None:
    """A hand-over that waits for its taker is not taken while the items are held."""
    site = stage.at("hand_over", other=True)
    site.perform("hand_over")
    with site.refused("identity.wrong-item", records=1):
        site.perform("thaw", patient=BRUNO, scan={"bag": site.one("leukapheresis")})
    with site.refused("identity.hold"):
        site.witness(by="courier.1")
    clear(site, "T-1", "qa.releaser.1")
    clear(site, "T-1", "courier.2")
    site.witness(by="courier.1")


def test_visits_and_tests_go_on_while_items_are_held(stage: Stage) -> None:
    """A hold stops what touches the items; a patient who needs to be seen is seen."""
    site = stage.at("acute_monitoring", other=True)
    with site.refused("identity.wrong-item", records=1):
        site.perform("thaw", patient=BRUNO, scan={"bag": site.now.wristband})
    assert site.now.holds
    site.do("acute_monitoring", occurrence="D0")


def test_two_wrong_items_are_two_holds(stage: Stage) -> None:
    """Each wrong item is a record of its own and is cleared by itself, with two signatures each."""
    site = stage.at("test_viability", other=True)
    hers = site.therapy(BRUNO).live("qc_sample")[0].code
    for _ in range(2):
        with site.refused("identity.wrong-item", records=1):
            site.perform("test_viability", scan={"sample": hers})
    assert len(site.now.holds) == 2
    for left in (1, 0):
        clear(site, "T-1", "qa.releaser.1")
        clear(site, "T-1", "qc.analyst.1")
        assert len(site.now.holds) == left


def test_a_patient_whose_therapy_is_complete_can_be_cleared_too(stage: Stage) -> None:
    """An old label of a patient whose therapy has ended is found on a bag: both are held, and both can be cleared."""
    site = stage.at("the end")
    site.play(CLARA, "label_collection")
    with site.refused("identity.wrong-item", records=1):
        site.perform("label_collection", patient=CLARA, scan={"wristband": site.now.wristband})
    assert site.now.holds
    assert [item.kind for item in worklist(site.now, site.protocol)] == ["hold"]
    for therapy in ("T-1", "T-3"):
        clear(site, therapy, "qa.releaser.1")
        clear(site, therapy, "qa.releaser.2")
    assert site.now.holds == {}


def test_asking_whether_one_may_records_nothing(stage: Stage) -> None:
    """Asking first is free: a wrong item is refused and not recorded, because nobody has done anything."""
    site = stage.at("bedside_check", other=True)
    form = site.form("bedside_check")
    wrong = (*(s for s in form.scans if s.name != "bag"), Presented(name="bag", code=site.therapy(BRUNO).wristband))
    with site.refused("identity.wrong-item"):
        site.desk.may("T-1", form.model_copy(update={"scans": wrong}), "ward.nurse.1")
    assert names(site.desk.may("T-1", form, "ward.nurse.1").facts) == ["identity.checked"]
    assert site.now.holds == {}


def test_nothing_stays_held_when_both_are_cleared(stage: Stage) -> None:
    """After both holds are cleared Anna's therapy goes on to its end."""
    site, _ = wrong_bag(stage)
    for therapy in ("T-1", "T-2"):
        clear(site, therapy, "qa.releaser.1")
        clear(site, therapy, "qa.releaser.2")
    site.play(ANNA, "acute_monitoring")
    assert site.now.infused


# ------------------------------------------------------------------ what the scanner adds


def test_what_a_scanner_puts_before_a_code_is_named_wherever_one_is_given(stage: Stage) -> None:
    """The scanner at the apheresis unit announces what it read; at a lot, a device, a material, a seal. It is refused, and said."""
    site = stage.at("apheresis")
    form = site.form("apheresis")
    for name, code in form.used.items():
        with site.refused("identifier.scanner") as told:
            site.perform("apheresis", use={name: f"]C1{code}"})
        assert "]C1 (GS1-128)" in told.says
        assert "Switch the AIM identifier off" in told.advice
    site.do("apheresis")
    with site.refused("identifier.scanner"):
        site.act(Dispose(materials=("]C0=" + next(iter(site.now.materials)),), reason="it is clotted"), "qa.releaser.1")


def test_a_seal_that_is_scanned_is_held_to_the_same(stage: Stage) -> None:
    """A seal's number is compared on arrival: with the scanner's own signs before it, it would be another seal."""
    site = stage.at("hand_over")
    with site.refused("identifier.scanner") as told:
        site.perform("hand_over", values={"seal": "]C0SEAL-77"})
    assert "seal" in told.says
    assert "Code 128" in told.says
    site.perform("hand_over", values={"seal": "SEAL-77"})
