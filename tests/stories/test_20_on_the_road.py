"""What goes wrong on the road: the clocks run on, the protocol's options are shown with the time that is left, one is chosen and signed.

Source: process page row 3 and steps 7 to 9; 21 CFR 1271.265; 21 CFR 211.142; EU GMP Part IV 15.4; 21 CFR 11.10(f).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from events.facts.course import DeadlineMissed
from events.facts.incidents import IncidentReported
from events.facts.quality import DeviationOpened, MaterialQuarantined
from protocol.audit import audit_all
from protocol.commands import BookedSlot, ChooseOption, Correct, DecideQuarantine, ReportIncident
from protocol.custody import gaps
from protocol.desk import Receipt
from protocol.incidents import closed, open_for, undecided
from protocol.reader import Reader
from protocol.running import left, running
from protocol.schedule import schedule
from protocol.status import batch_status
from protocol.worklist import resting_state, worklist
from tests.stage import ANNA, BRUNO, Stage, Staged, names

pytestmark = pytest.mark.story
COLLECTED = datetime(2026, 3, 10, 8, 0, tzinfo=UTC)
PICK_UP = datetime(2026, 3, 10, 14, 0, tzinfo=UTC)
BAG = "G123426100001"


def booked(starts: datetime, code: str = "COURIER-1") -> BookedSlot:
    """A courier, booked for an hour."""
    return BookedSlot(resource="courier", code=code, starts=starts, ends=starts + timedelta(hours=1))


def waiting_for_the_courier(stage: Stage) -> Staged:
    """Anna's cells were collected at 8:00 and labelled; the courier is booked for 14:00."""

    def make(site: Staged) -> None:
        site.play(ANNA, "slot_chain")
        slots = [slot for slot in site.form("slot_chain").slots if slot.resource != "courier"]
        site.do("slot_chain", slots=(*slots, booked(PICK_UP)))
        site.play(ANNA, "hand_over")
        site.system()

    site = stage.of("the courier is booked for the afternoon", make)
    assert site.now.of_step("apheresis")[0].fact.ended == COLLECTED
    return site


def at(site: Staged, hours: float) -> Staged:
    """This many hours after the end of the collection."""
    site.clock.now = COLLECTED + timedelta(hours=hours)
    return site


def report(site: Staged, name: str = "missed_pickup", by: str = "scheduler.1", **more: object) -> Receipt:
    """Somebody reports an incident."""
    document = {"name": name, "says": "nobody came, and nobody answers", **more}
    return site.act(ReportIncident.model_validate(document), by)


def choose(site: Staged, option: str, incident: str = "I-1", by: str = "coordinator.1") -> Receipt:
    """Somebody chooses an option."""
    return site.act(ChooseOption(incident=incident, option=option, why="the best that is left"), by)


def told(site: Staged) -> list[str]:
    """The clocks that concern the bag, as they are shown now."""
    return [left(clock, site.clock()) for clock in running(site.now, site.protocol, [BAG])]


def options(site: Staged) -> dict[str, str]:
    """The options of the one open incident, each with why it is closed, or nothing."""
    ((happening, spec),) = undecided(site.now, site.protocol)
    return {o.id: closed(site.now, site.protocol, happening, o, site.clock()) for o in spec.options}


def settled(site: Staged) -> None:
    """Every record of the story is decided again as it was decided, and custody has no gap."""
    assert audit_all(Reader(site.log)) == []
    assert gaps(site.now) == []


# ------------------------------------------------------------------ a missed pick-up


def test_a_missed_pick_up_is_reported_with_what_follows_in_one_record(stage: Stage) -> None:
    """The report names the incident, the hand-over and the bag; the deviation that the protocol wants stands in the same record."""
    site = at(waiting_for_the_courier(stage), 6.5)
    receipt = report(site)
    assert names(receipt.facts) == ["incident.reported", "deviation.opened"]
    fact = receipt.facts[0]
    assert isinstance(fact, IncidentReported)
    assert (fact.name, str(fact.key.step), fact.materials) == ("missed_pickup", "hand_over", (BAG,))
    (deviation,) = site.now.deviations.values()
    assert (deviation.grade, deviation.rule, deviation.opener) == (
        "minor",
        "incident.missed_pickup",
        site.person("scheduler.1"),
    )
    (item,) = (i for i in worklist(site.now, site.protocol) if i.kind == "incident")
    assert item.roles == ("coordinator", "investigator")
    assert "choose: rebook, freeze_locally, recollect, go_on" in item.says
    # Two limits differ: another courier may be booked for 18 h, the deviation comes at 24 h. Both are told, the tighter is in force.
    assert item.due == COLLECTED + timedelta(hours=18)
    closes = "2026-03-11 02:00 UTC rebook is closed (18 h of apheresis.end)"
    assert f"; in force: {closes}; then 2026-03-11 08:00 UTC deviation major (24 h of apheresis.end; " in item.says
    assert "2026-03-11 14:00 UTC freeze_locally is closed (30 h of apheresis.end)" in item.says
    (entry,) = (e for e in schedule(site.now, site.protocol) if e.standing == "incident")
    assert (entry.planned, entry.roles) == (item.due, item.roles)
    assert entry.why.startswith(f"in force: {closes}; 2026-03-11 08:00 UTC deviation major")
    assert batch_status(site.now, site.protocol)["incident_limit"] == closes
    assert resting_state(site.now, site.protocol)[0] == "Incident"
    settled(site)


def test_the_clocks_run_on_and_are_shown_with_what_is_left(stage: Stage) -> None:
    """Ten hours and forty minutes after the collection: 13 h 20 min are left of 24 h, 37 h 20 min of 48 h; no incident stops them."""
    site = at(waiting_for_the_courier(stage), 10 + 40 / 60)
    report(site)
    why = next(e.why for e in schedule(site.now, site.protocol) if e.at.step == "hand_over")
    assert why.startswith("after label_collection"), "a step that nobody offered is on nobody's calendar"
    assert told(site) == [
        "apheresis.end to wash_collection start: 13 h 20 min until deviation major (24 h), 37 h 20 min until quarantine (48 h)"
    ]
    at(site, 25)
    assert told(site)[0].endswith("deviation major (24 h) 1 h 0 min ago, 23 h 0 min until quarantine (48 h)")
    missed = [fact for fact in site.system() if isinstance(fact, DeadlineMissed)]
    assert "apheresis.end-start-24h" in [fact.deadline for fact in missed]
    at(site, 49)
    site.system()
    assert site.now.materials[BAG].status == "quarantined"
    settled(site)


def test_an_option_whose_time_is_over_is_shown_as_no_longer_possible_and_cannot_be_chosen(stage: Stage) -> None:
    """After 18 h no other courier comes in time, after 30 h nothing is frozen any more; the reason is shown, and the choice refused."""
    site = at(waiting_for_the_courier(stage), 6.5)
    report(site)
    assert options(site) == dict.fromkeys(("rebook", "freeze_locally", "recollect", "go_on"), "")
    ((happening, spec),) = undecided(site.now, site.protocol)
    assert open_for(site.now, site.protocol, happening, spec.options[0], site.clock()) == (
        "11 h 30 min left (18 h of apheresis.end)"
    )
    at(site, 19)
    assert options(site)["rebook"] == "only within 18 h of apheresis.end, which ended 1 h 0 min ago"
    with site.refused("incident.option-over") as refusal:
        choose(site, "rebook")
    assert "no longer possible" in refusal.says
    assert refusal.values["possible"] == ["freeze_locally", "recollect", "go_on"]
    at(site, 31)
    with site.refused("incident.option-over"):
        choose(site, "freeze_locally")
    choose(site, "recollect")
    settled(site)


def test_the_system_sees_that_a_booked_pick_up_has_passed(stage: Stage) -> None:
    """An hour after the booked time nobody has signed: missed deadline and incident stand in the log, once, and wait for a choice."""
    site = at(waiting_for_the_courier(stage), 6.9)
    assert site.system() == []
    at(site, 7.1)
    facts = site.system()
    assert names(facts) == ["deadline.missed", "incident.reported", "deviation.opened"]
    assert site.system() == []
    assert [i.kind for i in worklist(site.now, site.protocol) if i.kind == "incident"] == ["incident"]
    assert "COURIER-1, booked for 2026-03-10 14:00 UTC" in site.now.incidents["I-1"].says
    # Somebody reports what the system has said already.
    with site.refused("order.done"):
        report(site)
    choose(site, "go_on")
    site.do("hand_over", values={"pickup_offset": "75 min"})
    assert undecided(site.now, site.protocol) == []
    settled(site)


def test_what_somebody_reported_is_not_reported_by_the_system_again(stage: Stage) -> None:
    """The scheduler reports it before the hour is over: the system records the missed deadline, and no second incident."""
    site = at(waiting_for_the_courier(stage), 6.5)
    report(site)
    at(site, 7.1)
    assert names(site.system()) == ["deadline.missed"]
    # Nor when somebody has chosen already.
    again = at(waiting_for_the_courier(stage), 6.5)
    report(again)
    choose(again, "go_on")
    at(again, 7.1)
    assert names(again.system()) == ["deadline.missed"]
    settled(site)
    settled(again)


def test_a_pick_up_in_time_is_no_incident(stage: Stage) -> None:
    """The courier comes at five past two: no deadline is missed, however long the system looks."""
    site = at(waiting_for_the_courier(stage), 6.1)
    site.do("hand_over")
    at(site, 9)
    assert "incident.reported" not in names(site.system())
    settled(site)


def test_another_courier_is_booked_and_watched_like_the_first(stage: Stage) -> None:
    """Rebooking offers a booking of its own, as often as it is chosen; the new pick-up is watched, and missed again if it is."""
    site = at(waiting_for_the_courier(stage), 7.1)
    site.system()
    assert site.standing("courier_rebooking") == "none"
    chosen = choose(site, "rebook")
    assert names(chosen.facts) == ["incident_option.chosen", "step.offered"]
    assert site.standing("courier_rebooking") == "ready"
    site.do("courier_rebooking", slots=(booked(COLLECTED + timedelta(hours=10)),))
    at(site, 10.5)
    assert "incident.reported" not in names(site.system())
    at(site, 11.1)
    assert "incident.reported" in names(site.system())
    choose(site, "rebook", "I-2")
    assert site.standing("courier_rebooking", "2") == "ready"
    site.do("courier_rebooking", slots=(booked(COLLECTED + timedelta(hours=14), "COURIER-9"),))
    at(site, 14.2)
    site.do("hand_over", values={"pickup_offset": "12 min"})
    assert site.standing("hand_over", material=BAG) == "done"
    settled(site)


def test_a_slot_that_is_still_to_come_is_given_back_when_another_is_booked(stage: Stage) -> None:
    """The courier calls off in the morning: the afternoon's slot is free for another patient in the same record."""
    site = at(waiting_for_the_courier(stage), 2)
    report(site, says="the courier called off")
    chosen = choose(site, "rebook")
    assert names(chosen.facts) == ["incident_option.chosen", "step.offered", "slots.freed"]
    assert "COURIER-1" not in [slot.code for slot in site.now.slots]
    # Until another is booked there is no pick-up to miss.
    at(site, 8)
    assert "incident.reported" not in names(site.system())
    settled(site)


def test_the_collection_is_frozen_at_the_hospital_and_still_becomes_a_product(stage: Stage) -> None:
    """Freezing locally stops the hold clock; the bag travels frozen, is received and thawed at the plant, and is processed as any other."""
    site = at(waiting_for_the_courier(stage), 7.1)
    site.system()
    choose(site, "freeze_locally")
    # In the calendar the frozen road has taken the place of the fresh one.
    planned = {entry.at.step: entry.why for entry in schedule(site.now, site.protocol)}
    assert {"transport", "receipt"}.isdisjoint(planned)
    assert planned["hand_over"].startswith("after local_freeze")
    # The bag is not handed over fresh any more.
    with site.refused("order.after"):
        site.perform("hand_over")
    at(site, 9)
    site.do("label_local_freeze")
    site.do("local_freeze")
    site.pass_(days=3)
    assert not [fact for fact in site.system() if isinstance(fact, MaterialQuarantined)]
    site.do("hand_over", values={"pickup_offset": "0 min"})
    # The fresh road is closed to it, the frozen one open.
    with site.refused("order.instance"):
        site.perform("transport", scan={"bag": BAG})
    site.pass_(hours=5)
    site.do("cryo_transport")
    with site.refused("order.instance"):
        site.perform("receipt", scan={"bag": BAG})
    site.do("cryo_receipt")
    with site.refused("order.after"):
        site.perform("wash_collection", scan={"bags": BAG})
    site.do("thaw_on_arrival")
    washed = site.do("wash_collection")
    assert names(washed.facts) == ["process.performed"], "the clock stood since the freeze"
    site.do("selection")
    assert site.now.materials[BAG].ended == "consumed"
    assert {d.rule for d in site.now.deviations.values()} == {"incident.missed_pickup"}
    settled(site)


def test_a_frozen_arm_of_the_study_that_froze_at_the_hospital_is_not_frozen_twice(stage: Stage) -> None:
    """For a patient whose cells are frozen at the plant anyway, the local freeze takes the place of that freeze and thaw."""
    site = stage.at("hand_over", BRUNO)
    report(site)
    choose(site, "freeze_locally")
    for step in (
        "label_local_freeze",
        "local_freeze",
        "hand_over",
        "cryo_transport",
        "cryo_receipt",
        "thaw_on_arrival",
    ):
        site.pass_(minutes=20)
        site.do(step)
    assert site.standing("freeze_collection") == site.standing("thaw_collection") == "none"
    site.do("selection")
    settled(site)


def test_what_was_chosen_for_one_bag_leaves_another_alone(stage: Stage) -> None:
    """The first bag is frozen at the hospital; the second collection, days later, travels fresh."""
    site = at(waiting_for_the_courier(stage), 7.1)
    site.system()
    site.correct("apheresis", "cd3_count", "5e8 cells")
    choose(site, "freeze_locally")
    site.do("label_local_freeze")
    site.do("local_freeze")
    site.pass_(days=1)
    site.do("second_collection")
    second = next(code for code in site.now.materials if code != BAG)
    for step in ("label_collection", "hand_over", "transport", "receipt"):
        site.pass_(minutes=20)
        site.do(step, material=second)
    assert site.standing("local_freeze", material=second) == "none"
    assert site.standing("transport", material=second) == "done"
    assert site.standing("cryo_transport", material=BAG) == "waiting"
    # It was collected after the courier's slot; nobody was booked for it, so nobody is missed.
    assert [happening.at.material for happening in site.now.incidents.values()] == [BAG]
    settled(site)


def test_a_way_that_is_closed_by_what_was_done_is_not_offered(stage: Stage) -> None:
    """Once the bag is with the courier nothing is frozen at the hospital; what is offered already is not offered twice."""
    site = at(waiting_for_the_courier(stage), 6.5)
    report(site)
    site.do("hand_over")
    assert options(site)["freeze_locally"] == f"hand_over of {BAG} has been done"
    with site.refused("incident.option-over"):
        choose(site, "freeze_locally")
    choose(site, "rebook")
    at(site, 7)
    report(site, name="late_courier", by="courier.1")
    choose(site, "recollect", "I-2")
    assert site.standing("second_collection") == "ready"
    at(site, 8)
    report(site, name="late_courier", by="courier.1", says="still nobody")
    assert options(site)["recollect"] == "second_collection is offered already, and has not been done"
    settled(site)


def test_collecting_again_keeps_both_donation_numbers(stage: Stage) -> None:
    """The third way: a second collection under a new number and the same chain of identity; the first bag is QA's to decide."""
    site = at(waiting_for_the_courier(stage), 31)
    site.system()
    choose(site, "recollect")
    site.do("second_collection")
    coi = site.now.coi
    assert len([m for m in site.now.materials.values() if m.kind == "leukapheresis"]) == 2
    assert site.now.coi == coi
    settled(site)


def test_a_courier_who_is_lost_on_the_way_is_seen_too(stage: Stage) -> None:
    """Twelve hours after the hand-over nobody has signed the arrival: the system reports the late courier, with the time that is left."""
    site = at(waiting_for_the_courier(stage), 6)
    site.do("hand_over")
    site.system()
    at(site, 18.2)
    assert "incident.reported" in names(site.system())
    assert site.now.incidents["I-1"].name == "late_courier"
    assert told(site)[0].startswith("apheresis.end to wash_collection start: 5 h 48 min until deviation major (24 h)")
    choose(site, "wait")
    site.do("transport")
    settled(site)


# ------------------------------------------------------------------ seals, tilt, loggers


@pytest.mark.parametrize(("hand_over", "receipt"), [("hand_over", "receipt"), ("product_hand_over", "product_receipt")])
def test_another_seal_than_the_one_that_was_put_on_quarantines(stage: Stage, hand_over: str, receipt: str) -> None:
    """Both numbers are recorded; that they differ is computed, not typed, and quarantines what came in it. Spelling is no difference."""
    site = stage.at(hand_over)
    site.do(hand_over, values={"seal": "SL 00417"})
    site.play(ANNA, receipt)
    site.desk.may(
        "T-1", site.form(receipt, values={"seal": "sl00417"}), "receiver.1" if receipt == "receipt" else "cell.lab.1"
    )
    facts = site.perform(receipt, values={"seal": "SL00471"}).facts
    (held,) = (fact for fact in facts if isinstance(fact, MaterialQuarantined))
    assert held.rule == f"limit.{receipt}.seal"
    assert held.reason == f"seal is SL00471, {hand_over}.seal was SL 00417"
    site.witness()
    assert {site.now.materials[code].status for code in held.materials} == {"quarantined"}
    settled(site)


def test_a_seal_in_another_spelling_is_the_same_seal(stage: Stage) -> None:
    """Capitals and spaces are no difference; a seal that is said to be broken quarantines whatever its number."""
    site = stage.at("hand_over")
    site.do("hand_over", values={"seal": "SL 00417"})
    site.play(ANNA, "receipt")
    facts = site.perform("receipt", values={"seal": "sl00417"}).facts
    assert names(facts) == ["material.received"]
    broken = stage.at("receipt")
    facts = broken.perform("receipt", values={"seal_intact": "no"}).facts
    assert names(facts) == ["material.received", "material.quarantined"]
    settled(broken)


def test_a_seal_number_that_is_corrected_later_is_compared_again(stage: Stage) -> None:
    """The nurse corrects the number that she wrote: now the two differ, and what was received in it is quarantined."""
    site = stage.at("hand_over")
    site.do("hand_over", values={"seal": "SL-1"})
    site.play(ANNA, "receipt")
    site.do("receipt", values={"seal": "SL-1"})
    corrected = Correct(
        step="hand_over", material=BAG, reading="seal", value="SL-7", why="I wrote the shipper's number"
    )
    receipt = site.act(corrected, "apheresis.nurse.1")
    assert names(receipt.facts) == ["fact.corrected", "material.quarantined"]
    assert site.now.materials[BAG].status == "quarantined"
    settled(site)


@pytest.mark.parametrize("name", ["broken_seal", "tilted_shipper", "lost_logger"])
@pytest.mark.parametrize("step", ["receipt", "product_receipt"])
def test_a_broken_seal_a_tilted_shipper_a_lost_logger_quarantine(stage: Stage, name: str, step: str) -> None:
    """The protocol says what follows: a major deviation and quarantine, at once; QA decides, and nothing is to be chosen."""
    site = stage.at(step)
    by = "receiver.1" if step == "receipt" else "cell.lab.1"
    receipt = report(site, name=name, by=by, says="seen at the door")
    (held,) = (fact for fact in receipt.facts if isinstance(fact, MaterialQuarantined))
    (deviation,) = (fact for fact in receipt.facts if isinstance(fact, DeviationOpened))
    assert deviation.grade == "major"
    assert {site.now.materials[code].status for code in held.materials} == {"quarantined"}
    assert undecided(site.now, site.protocol) == []
    # It is received all the same: what happened is recorded.
    site.do(step)
    site.act(DecideQuarantine(materials=held.materials, decision="lifted", reason="looked at it"), "qa.releaser.1")
    settled(site)


def test_what_is_found_after_the_step_was_signed_can_still_be_reported(stage: Stage) -> None:
    """The shipper's tilt shows only when it is unpacked, after the receipt: the report names the receipt that was done last."""
    site = stage.at("wash_collection")
    report(site, name="tilted_shipper", by="receiver.1", says="the indicator inside is red")
    assert str(site.now.incidents["I-1"].at) == f"receipt of {BAG}"
    assert site.now.materials[BAG].status == "quarantined"
    settled(site)


# ------------------------------------------------------------------ what is refused


def test_a_report_or_a_choice_that_makes_no_sense_is_refused(stage: Stage) -> None:
    """Unknown incidents and options, steps that are not under way, the wrong role, the future, twice the same: refused, and said why."""
    site = at(waiting_for_the_courier(stage), 6.5)
    with site.refused("incident.known") as refusal:
        report(site, name="strike")
    assert "missed_pickup" in refusal.advice
    with site.refused("authority.role"):
        report(site, by="qc.analyst.1")
    with site.refused("incident.during"):
        report(site, name="tilted_shipper", by="courier.1")
    with site.refused("incident.during"):
        report(site, material="G999926000001")
    with site.refused("time.future"):
        report(site, at=site.clock() + timedelta(minutes=1))
    with pytest.raises(ValueError, match="says"):
        report(site, says=" ")
    with site.refused("incident.open"):
        choose(site, "rebook")
    report(site, at=site.clock() - timedelta(minutes=20))
    assert site.now.incidents["I-1"].when == site.clock() - timedelta(minutes=20)
    with site.refused("order.done"):
        report(site)
    with site.refused("authority.role"):
        choose(site, "rebook", by="scheduler.1")
    with site.refused("incident.option"):
        choose(site, "teleport")
    with pytest.raises(ValueError, match="reason"):
        site.act(ChooseOption(incident="I-1", option="rebook", why="-"), "coordinator.1")
    choose(site, "rebook", "i-1")
    with site.refused("incident.open") as refusal:
        choose(site, "recollect")
    assert "was decided: rebook" in refusal.says
    settled(site)


def test_of_two_bags_under_way_it_must_be_said_which(stage: Stage) -> None:
    """Two collections wait for their courier: the report says which of them it is about."""
    site = at(waiting_for_the_courier(stage), 1)
    site.correct("apheresis", "cd3_count", "5e8 cells")
    site.do("second_collection")
    second = next(code for code in site.now.materials if code != BAG)
    site.pass_(minutes=10)
    site.do("label_collection", material=second)
    with site.refused("order.which"):
        report(site)
    report(site, material=second)
    report(site, material=BAG)
    assert {happening.materials for happening in site.now.incidents.values()} == {(BAG,), (second,)}
    settled(site)


def test_when_the_therapy_has_stopped_nothing_is_left_to_choose(stage: Stage) -> None:
    """The patient withdraws while the courier is sought: the incident stays on record, and waits for nobody."""
    from protocol.commands import WithdrawPatient

    site = at(waiting_for_the_courier(stage), 6.5)
    report(site)
    withdrawn = WithdrawPatient(withdrawn=("treatment",), at=site.clock(), reason="the patient's wish")
    site.act(withdrawn, "investigator.1")
    assert undecided(site.now, site.protocol) == []
    assert site.now.incidents
    settled(site)
