"""A wrong item that was presented is cleared in minutes; a label that does not match its content is not, and stops two patients.

Source: process page rows 4 and 5; 21 CFR 1271.290(c) and (d); 21 CFR 211.125; EU GMP Part IV 9.45; 21 CFR 11.10(f).
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from console.rehearsal import Patient
from events.facts.quality import DeviationOpened
from protocol.audit import audit_all
from protocol.commands import (
    ClearHold,
    DecideMismatch,
    DecideQuarantine,
    Dispose,
    Presented,
    ReportMismatch,
    Witness,
)
from protocol.desk import Receipt
from protocol.mismatch import open_mismatches
from protocol.reader import Reader
from protocol.worklist import resting_state, worklist
from tests.stage import ANNA, BRUNO, Stage, Staged, names

pytestmark = pytest.mark.story
ON_CALL, OTHER_QA = "qa.releaser.1", "qa.releaser.2"
CLARA = Patient(3, "T-3")


def settled(site: Staged) -> None:
    """Every record of the story is decided again as it was decided."""
    assert audit_all(Reader(site.log)) == []


# ------------------------------------------------------------------ row 4: a wrong item was presented


def presented(stage: Stage) -> tuple[Staged, str]:
    """At the bedside the other patient's bag was scanned; nothing was moved or applied."""
    site = stage.at("bedside_check", other=True)
    hers = site.therapy(BRUNO).live("drug_product")[0].code
    with site.refused("identity.wrong-item", records=1):
        site.perform("bedside_check", scan={"bag": hers})
    return site, hers


def clear(site: Staged, patient: Patient, by: str, *, wristband: str | None = None, item: str | None = None) -> None:
    """One signature under a clearance, with what was scanned again."""
    site.act(ClearHold(wristband=wristband, item=item, reason="the right item, scanned again"), by, patient)


def test_a_wrong_item_is_cleared_in_minutes_for_each_patient_by_a_right_rescan_of_their_own(stage: Stage) -> None:
    """On-call QA and a second person clear each patient's hold after a right rescan; ten minutes later both go on."""
    site, hers = presented(stage)
    began = site.clock()
    # At the bedside Anna's own wristband is scanned again; QA signs at her own desk, wherever that is.
    clear(site, ANNA, ON_CALL, wristband=site.now.wristband)
    site.pass_(minutes=3)
    clear(site, ANNA, "ward.nurse.2", wristband=site.now.wristband)
    site.do("bedside_check")
    # The other patient is not there, but her bag is: back in its place it is scanned again, as hers.
    clear(site, BRUNO, ON_CALL, item=hers)
    clear(site, BRUNO, "cell.lab.1", item=hers)
    assert site.therapy(BRUNO).holds == site.now.holds == {}
    assert site.clock() - began < timedelta(minutes=10)
    site.perform("thaw", patient=BRUNO)
    settled(site)


def test_a_hold_is_not_cleared_with_what_belongs_to_the_other_patient(stage: Stage) -> None:
    """No item, wristband or number of the other patient, nor a barcode of nobody, clears a hold; nor does nothing."""
    site, hers = presented(stage)
    for code in (hers, site.therapy(BRUNO).coi, site.therapy(BRUNO).wristband, "UNKNOWN-1"):
        with site.refused("identity.scan-matches"):
            clear(site, ANNA, ON_CALL, item=code)
        with site.refused("identity.scan-matches"):
            clear(site, ANNA, ON_CALL, wristband=code)
    with site.refused("identity.scan-present"):
        clear(site, ANNA, ON_CALL)
    with site.refused("identifier.code"):
        clear(site, ANNA, ON_CALL, item="???")
    assert site.now.holds
    settled(site)


def test_a_patient_who_is_not_enrolled_yet_can_be_cleared_too(stage: Stage) -> None:
    """A screening number was scanned for a bag: its patient has no wristband yet, and is cleared with that number."""
    site = stage.at("bedside_check")
    site.play(CLARA, "eligibility")
    screening = site.therapy(CLARA).opened
    assert screening is not None
    with site.refused("identity.wrong-item", records=1):
        site.perform("bedside_check", scan={"bag": screening.screening})
    clear(site, CLARA, ON_CALL, item=screening.screening)
    clear(site, CLARA, "coordinator.1", item=screening.screening)
    assert site.therapy(CLARA).holds == {}
    settled(site)


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        ("", "identifier.code"),
        ("???", "identifier.code"),
        ("A" * 41, "identifier.code"),
        ("=G12342610000199", "identifier.din-check"),
        ("G123426100001A", "identifier.din-check"),
        ("G123426100001.S1150VA", "identity.scan-matches"),
        ("4006381333931", "identity.scan-matches"),
        ("OTHER-SITE-77", "identity.scan-matches"),
    ],
)
@pytest.mark.parametrize("typed", [False, True], ids=["scanned", "typed"])
def test_an_unreadable_or_foreign_barcode_is_scanned_again_and_nothing_is_recorded(
    stage: Stage, code: str, rule: str, typed: bool
) -> None:
    """A barcode that cannot be read, fails its check character, or belongs to nobody here: scan again; it holds nobody."""
    site = stage.at("hand_over", other=True)
    assert site.one("leukapheresis") == "G123426100001"
    form = site.form("hand_over")
    wrong = form.model_copy(update={"scans": (Presented(name="bag", code=code, typed=typed),)})
    with site.refused(rule) as told:
        site.act(wrong, "apheresis.nurse.1")
    assert "again" in told.advice.lower()
    assert site.now.holds == site.therapy(BRUNO).holds == {}
    # Nor is it reported as a mismatch of two patients.
    if code:
        with site.refused("identity.scan-known" if rule == "identity.scan-matches" else rule):
            report(site, found=code)
    site.do("hand_over")
    settled(site)


def test_the_second_person_scans_again_and_finds_another_patients_bag(stage: Stage) -> None:
    """What the witness scans is matched too: another patient's item stops the act and holds both; it stays unsigned."""
    site = stage.at("bedside_check", other=True)
    hers = site.therapy(BRUNO).live("drug_product")[0].code
    mine = site.one("drug_product")
    site.perform("bedside_check", by="ward.nurse.1")
    act = site.waiting()

    def again(by: str, **scans: str) -> Receipt:
        presented = tuple(Presented(name=name, code=code) for name, code in scans.items())
        return site.act(Witness(act=act.by.link, scans=presented), by)

    with site.refused("identity.scan-matches"):
        again("ward.nurse.2", wristband="UNKNOWN-1")
    with site.refused("identity.scan-known"):
        again("ward.nurse.2", passport="X-1")
    with site.refused("identifier.code"):
        again("ward.nurse.2", bag="???")
    with site.refused("identity.wrong-item", records=1):
        again("ward.nurse.2", wristband=site.now.wristband, bag=hers)
    assert site.now.pending
    assert site.now.holds
    assert site.therapy(BRUNO).holds
    clear(site, ANNA, ON_CALL, item=mine)
    clear(site, ANNA, "ward.nurse.1", item=mine)
    (fact,) = again("ward.nurse.2", wristband=site.now.wristband, bag=mine).facts
    assert [scan["name"] for scan in fact.model_dump()["scans"]] == ["wristband", "bag"]
    assert act.at in site.now.acts
    settled(site)


def test_a_patients_wristband_is_no_room_and_no_slot(stage: Stage) -> None:
    """Another patient's wristband, scanned where the room's code belongs, stops the act; this patient's own is scanned again."""
    site = stage.at("selection", other=True)
    with site.refused("identity.scan-matches"):
        site.perform("selection", room=site.now.wristband)
    with site.refused("identity.wrong-item", records=1):
        site.perform("selection", room=site.therapy(BRUNO).wristband)
    booking = stage.at("slot_chain", other=True)
    slots = booking.form("slot_chain").slots
    wrong = slots[0].model_copy(update={"code": booking.therapy(BRUNO).coi})
    with booking.refused("identity.wrong-item", records=1):
        booking.perform("slot_chain", slots=(wrong, *slots[1:]))
    settled(site)
    settled(booking)


# ------------------------------------------------------------------ row 5: a label that does not match


def report(site: Staged, found: str | None = None, by: str = "cell.lab.1", **changed: str) -> Receipt:
    """Somebody reports that the label of Anna's item does not match."""
    told = {"material": next(iter(site.now.materials)), "says": "two labels, one under the other", **changed}
    return site.act(ReportMismatch.model_validate({**told, "found": found}), by)


def decide(
    site: Staged, by: str, *codes: str, decision: str = "lifted", why: str = "typed again, it is his", of: str = "M-1",
    patient: Patient = ANNA,
) -> Receipt:  # fmt: skip
    """A person of QA decides on items."""
    document = {"mismatch": of, "materials": codes, "decision": decision, "reason": why}
    return site.act(DecideMismatch.model_validate(document), by, patient)


def mislabelled(stage: Stage, step: str = "bedside_check") -> tuple[Staged, str, str]:
    """Under the label of Anna's bag there is the label of the other patient's."""
    site = stage.at(step, other=True)
    mine, hers = site.one("drug_product"), site.therapy(BRUNO).live("drug_product")[0].code
    report(site, found=hers, material=mine)
    return site, mine, hers


def test_a_wrong_label_stops_both_patients_in_one_record(stage: Stage) -> None:
    """One record quarantines everything of both patients and opens a critical deviation in both; nothing of theirs goes on."""
    site = stage.at("bedside_check", other=True)
    mine, hers = site.one("drug_product"), site.therapy(BRUNO).live("drug_product")[0].code
    live = {p.therapy: {m.code for m in site.therapy(p).materials.values() if m.live} for p in (ANNA, BRUNO)}
    receipt = report(site, found=hers, material=mine)
    assert names(receipt.facts) == [
        "mismatch.reported", "deviation.opened", "material.quarantined",
        "mismatch.reached", "deviation.opened", "material.quarantined",
    ]  # fmt: skip
    for patient in (ANNA, BRUNO):
        therapy = site.therapy(patient)
        assert therapy.link == receipt.link, "the one record stands in both streams"
        assert {m.code for m in therapy.materials.values() if m.status == "quarantined"} == live[therapy.id]
        assert [d.grade for d in therapy.blocking] == ["critical"]
        items = [item for item in worklist(therapy, site.protocol) if item.kind == "mismatch"]
        assert {item.material for item in items} == live[therapy.id]
        assert {role for item in items for role in item.roles} == {"qa_releaser"}
        assert resting_state(therapy, site.protocol)[0] == "Held"
    with site.refused("identity.mismatch"):
        site.perform("bedside_check")
    with site.refused("identity.mismatch"):
        site.perform("thaw", patient=BRUNO)
    settled(site)


def test_a_rescan_does_not_clear_a_wrong_label(stage: Stage) -> None:
    """The quick clearance of a wrong item is refused and says why; so are lifting by one person and throwing it away."""
    site, mine, hers = mislabelled(stage)
    with site.refused("identity.mismatch") as told:
        clear(site, ANNA, ON_CALL, wristband=site.now.wristband)
    assert "rescan does not clear M-1" in told.says
    assert "Two people of QA" in told.advice
    with site.refused("identity.mismatch"):
        clear(site, BRUNO, ON_CALL, item=hers)
    for decision in ("lifted", "rejected"):
        with site.refused("identity.mismatch"):
            document = {"materials": [mine], "decision": decision, "reason": "it looks right"}
            site.act(DecideQuarantine.model_validate(document), ON_CALL)
    with site.refused("identity.mismatch"):
        site.act(Dispose(materials=(mine,), reason="away with it"), ON_CALL)
    # A hold that stood before it waits as well: what is wrong with the label comes first.
    again, _ = presented(stage)
    report(again)
    with again.refused("identity.mismatch"):
        clear(again, ANNA, ON_CALL, wristband=again.now.wristband)
    settled(again)


def test_two_people_of_qa_decide_on_each_item_of_each_patient_with_reasons(stage: Stage) -> None:
    """Each item is decided by itself, by two people of QA who sign one after the other; the second names the first's record."""
    site, mine, _ = mislabelled(stage)
    first = decide(site, ON_CALL, mine, why="HLA typing of the residue fits")
    assert site.now.materials[mine].status == "quarantined"
    # The same person cannot agree with herself, under no account.
    with site.refused("authority.two-people"):
        decide(site, ON_CALL, mine)
    double = site.hire(site.person(ON_CALL), "qa.at.night", "qa_releaser")
    with site.refused("authority.two-people"):
        decide(site, double, mine)
    # It takes QA, both times; and a reason.
    with site.refused("authority.role"):
        decide(site, "ward.nurse.1", mine)
    with pytest.raises(ValueError, match="reason"):
        decide(site, OTHER_QA, mine, why=" ")
    second = decide(site, OTHER_QA, mine, why="second typing, by another laboratory")
    assert names(second.facts) == ["mismatch.decided", "quarantine.decided"]
    assert second.facts[0].model_dump()["first"] == first.link
    assert site.now.materials[mine].status == "released"
    # His other items still wait, and so does everything of the other patient.
    with site.refused("identity.mismatch"):
        site.perform("bedside_check")
    rest = [code for code in site.now.mismatches["M-1"].materials if code != mine]
    for by in (ON_CALL, OTHER_QA):
        decide(site, by, *rest, decision="rejected", why="not needed, and not typed")
    assert open_mismatches(site.now) == []
    assert site.now.materials[rest[0]].status == "rejected"
    site.do("bedside_check")
    theirs = site.therapy(BRUNO).mismatches["M-1"].materials
    with site.refused("identity.mismatch"):
        site.perform("thaw", patient=BRUNO)
    with site.refused("identity.material"):
        decide(site, ON_CALL, mine, patient=BRUNO)
    for by in (ON_CALL, OTHER_QA):
        decide(site, by, *theirs, patient=BRUNO, why="never left their tank")
    site.perform("thaw", patient=BRUNO)
    settled(site)


def test_when_the_second_person_of_qa_decides_otherwise_the_decision_begins_anew(stage: Stage) -> None:
    """QA says lift, the second person says reject: that is the first signature of another decision, and nothing is lifted."""
    site, mine, _ = mislabelled(stage)
    other = next(code for code in site.now.mismatches["M-1"].materials if code != mine)
    decide(site, ON_CALL, mine)
    decide(site, OTHER_QA, mine, decision="rejected", why="the typing is too weak")
    assert site.now.materials[mine].status == "quarantined"
    # Items that wait for different decisions are not agreed with in one breath.
    with site.refused("mismatch.one-decision"):
        decide(site, ON_CALL, mine, other, decision="rejected")
    decide(site, ON_CALL, mine, decision="rejected", why="agreed")
    assert site.now.materials[mine].status == "rejected"
    with site.refused("identity.material"):
        decide(site, ON_CALL, mine)
    with site.refused("mismatch.open"):
        decide(site, ON_CALL, mine, of="M-9")
    with site.refused("record.complete"):
        decide(site, ON_CALL)
    # What was rejected by two may now be disposed of by one.
    site.act(Dispose(materials=(mine,), reason="rejected"), ON_CALL)
    settled(site)


def test_what_another_reason_holds_stays_in_quarantine(stage: Stage) -> None:
    """A bag was warm on its way and its label is wrong: the two decide on the label, and the warmth waits for its own decision."""
    site = stage.at("transport", other=True)
    bag = site.one("leukapheresis")
    site.do("transport", values={"highest": "11 C"})
    report(site, found=site.therapy(BRUNO).wristband, by="receiver.1", material=bag)
    for by in (ON_CALL, OTHER_QA):
        decide(site, by, bag)
    assert open_mismatches(site.now) == []
    assert site.now.materials[bag].status == "quarantined"
    assert "quarantine" in [i.kind for i in worklist(site.now, site.protocol) if i.material == bag]
    site.act(DecideQuarantine(materials=(bag,), decision="lifted", reason="40 minutes, validated"), ON_CALL)
    assert site.now.materials[bag].status == "available"
    # And the other way round: what became warm after the label was found wrong.
    again, mine, _ = mislabelled(stage)
    report(again, material=mine, by="ward.nurse.1")
    for by in (ON_CALL, OTHER_QA):
        decide(again, by, mine)
    assert again.now.materials[mine].status == "quarantined", "a second mismatch holds it still"
    for by in (ON_CALL, OTHER_QA):
        decide(again, by, mine, of="M-2")
    assert again.now.materials[mine].status == "released"
    settled(site)
    settled(again)


def test_when_nobody_knows_whose_the_content_is_one_patient_is_stopped(stage: Stage) -> None:
    """The content is unknown: this patient's material is stopped, and nobody else's on a guess."""
    site = stage.at("receipt", other=True)
    bag = site.one("leukapheresis")
    receipt = report(site, by="receiver.1")
    assert names(receipt.facts) == ["mismatch.reported", "deviation.opened", "material.quarantined"]
    assert site.therapy(BRUNO).mismatches == {}
    with site.refused("identity.mismatch"):
        site.perform("receipt")
    # Two labels of one patient's own, mixed up, are his matter alone too.
    report(site, found=site.now.coi, by="receiver.1")
    assert site.therapy(BRUNO).mismatches == {}
    for of in ("M-1", "M-2"):
        for by in (ON_CALL, OTHER_QA):
            decide(site, by, bag, of=of)
    site.do("receipt")
    settled(site)


def test_an_item_whose_place_nobody_can_explain_stops_both_as_well(stage: Stage) -> None:
    """A bag lies in the other patient's cassette: an unexplained place is treated like a wrong label."""
    site = stage.at("pre_thaw_check", other=True)
    mine = site.one("drug_product")
    receipt = report(site, found=site.therapy(BRUNO).coi, material=mine, what="place", says="in her cassette")
    told = [f.says for f in receipt.facts if isinstance(f, DeviationOpened)]
    assert all("is where nothing explains it" in says for says in told)
    assert open_mismatches(site.therapy(BRUNO))
    with site.refused("identity.mismatch"):
        site.perform("pre_thaw_check")
    settled(site)


def test_a_bag_of_which_only_the_donation_number_is_known_still_leads_to_its_patient(stage: Stage) -> None:
    """The label underneath carries the other patient's donation number with a product code nobody issued: it is hers."""
    site = stage.at("bedside_check", other=True)
    donation = next(m.code for m in site.therapy(BRUNO).materials.values() if m.kind == "leukapheresis")
    report(site, found=f"{donation}.S9999VZ0", material=site.one("drug_product"))
    assert open_mismatches(site.therapy(BRUNO))
    settled(site)


def test_a_report_must_make_sense(stage: Stage) -> None:
    """An item of nobody, of another patient, the same code twice, the same report twice: refused, and said why."""
    site, mine, hers = mislabelled(stage)
    with site.refused("identity.material"):
        report(site, material=hers)
    with site.refused("mismatch.two-codes"):
        report(site, material=mine, found=mine)
    with site.refused("order.done"):
        report(site, material=mine, found=hers)
    with pytest.raises(ValueError, match="says"):
        report(site, says="...")


def test_a_bag_whose_label_is_found_wrong_while_it_is_being_filled_is_stopped_with_the_rest(stage: Stage) -> None:
    """The filling waits for its witness; the new bags are stopped too, and decided on once the act stands or is declined."""
    site = stage.at("harvest", other=True)
    receipt = site.perform("harvest")
    new = next(m.code for m in site.waiting().fact.created if m.kind == "drug_product")
    report(site, found=site.therapy(BRUNO).wristband, material=new, by="operator.2")
    assert new in site.now.mismatches["M-1"].materials
    with site.refused("order.pending"):
        decide(site, ON_CALL, new)
    site.witness()
    assert site.now.materials[new].status == "quarantined"
    for by in (ON_CALL, OTHER_QA):
        decide(site, by, new)
    assert site.now.materials[new].status == "available"
    assert receipt.position < site.log.size()
    settled(site)


def test_what_began_before_the_label_was_found_wrong_is_told(stage: Stage) -> None:
    """The infusion had begun when the label was found wrong: what happened is recorded, with a critical deviation."""
    site = stage.at("infusion", other=True)
    began = site.pass_(minutes=5)
    site.pass_(minutes=5)
    report(site, found=site.therapy(BRUNO).wristband, material=site.one("drug_product"))
    site.pass_(minutes=5)
    with site.refused("identity.mismatch"):
        site.perform("infusion")
    told = site.perform("infusion", started=began, ended=site.clock())
    assert "material.quarantined-meanwhile" in {f.rule for f in told.facts if isinstance(f, DeviationOpened)}
    site.witness()
    # The bag has ended; of what is left the two decide, and the stop is over.
    for by in (ON_CALL, OTHER_QA):
        rest = [c for c in site.now.mismatches["M-1"].materials if site.now.materials[c].live]
        decide(site, by, *rest, decision="rejected", why="not typed")
    assert open_mismatches(site.now) == []
    settled(site)


def test_a_patient_of_whom_nothing_is_left_is_freed_by_two_people_as_well(stage: Stage) -> None:
    """Nothing of the patient exists yet: the stop itself waits for two people of QA."""
    site = stage.at("bedside_check")
    site.play(CLARA, "apheresis")
    report(site, found=site.therapy(CLARA).wristband, material=site.one("drug_product"))
    assert site.therapy(CLARA).mismatches["M-1"].materials == ()
    with site.refused("identity.mismatch"):
        site.perform("apheresis", patient=CLARA)
    for by in (ON_CALL, OTHER_QA):
        assert open_mismatches(site.therapy(CLARA))
        decide(site, by, patient=CLARA, why="her bag does not exist yet: a spare wristband lay there")
    assert open_mismatches(site.therapy(CLARA)) == []
    site.perform("apheresis", patient=CLARA)
    settled(site)


def test_the_other_patient_moved_on_meanwhile_and_neither_is_missed(stage: Stage) -> None:
    """While the report is signed, the other patient's bag is thawed by somebody else: the report is decided again on both."""
    site = stage.at("bedside_check", other=True)
    beside = stage.again(site)
    mine, hers = site.one("drug_product"), site.therapy(BRUNO).live("drug_product")[0].code
    append, done = site.log.append, list[bool]()

    def slow(value: bytes) -> object:
        if not done:
            done.append(True)
            beside.do("thaw", patient=BRUNO)
        return append(value)

    site.log.append = slow  # type: ignore[method-assign, assignment]
    receipt = report(site, found=hers, material=mine)
    assert site.therapy(BRUNO).link == receipt.link
    assert site.therapy(BRUNO).materials[hers].status == "quarantined"
    settled(site)


def test_a_closed_deviation_does_not_free_the_material(stage: Stage) -> None:
    """The critical deviation blocks the release until it is closed; closing it decides nothing on the items."""
    site = stage.at("disposition", other=True)
    bag = site.one("drug_product")
    report(site, found=site.therapy(BRUNO).wristband, material=bag, by="qc.analyst.1")
    (deviation,) = site.now.blocking
    site.handle(deviation.code)
    with site.refused("identity.mismatch"):
        site.perform("disposition")
    codes = site.now.mismatches["M-1"].materials
    for by in (ON_CALL, OTHER_QA):
        decide(site, by, *codes)
    site.perform("disposition", by=ON_CALL)
    settled(site)
