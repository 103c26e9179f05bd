"""Two people sign: whoever performed a step does not sign it second, under no account. Declining, taking back.

Where two people must sign, they are two persons; each signature says whose it is, when, and what it means.

Source: 21 CFR 11.50, 11.70, 11.100, 11.200
"""

from __future__ import annotations

import pytest

from protocol import administration
from protocol.commands import Decline, TakeBack, Witness
from protocol.custody import gaps
from tests.stage import Stage, names, study

pytestmark = pytest.mark.story
SECONDED = [step.id for step in study().steps if step.second and not step.reserve]
FRESH = [
    step
    for step in SECONDED
    if step not in ("label_freezing", "freeze_collection", "thaw_collection", "response_b_nhl")
]


@pytest.mark.parametrize("step", FRESH)
def test_i_cannot_sign_second_what_i_performed(stage: Stage, step: str) -> None:
    """Every step with two signatures: the performer is refused under every account, somebody without the role too."""
    site = stage.at(step)
    site.perform(step)
    act = site.waiting()
    # I performed it. I cannot sign it second: I am the one who performed it.
    with site.refused("authority.two-people"):
        site.witness(by=act.by.account)
    # I have a second account with the very role that is asked for. I am still the one who performed it.
    mine = site.hire(act.by.person, "my.other.account", *act.fact.awaits)
    with site.refused("authority.two-people") as told:
        site.witness(by=mine)
    assert told.values["performed_as"] == act.by.account
    # My friend from the office holds no such role.
    friend = site.hire("P-FRIEND", "office.friend", "scheduler")
    with site.refused("authority.role"):
        site.witness(by=friend)
    # The step is not done, and nobody performs it a second time meanwhile.
    assert act.at not in site.now.acts
    site.witness()
    done = site.now.acts[act.at]
    assert done.second is not None
    assert done.second.person != done.by.person
    assert len(done.people()) == 2


def test_a_step_that_waits_for_its_witness_is_not_done_and_not_done_twice(stage: Stage) -> None:
    """While the second signature is missing nothing follows, and the step is not performed again."""
    site = stage.at("apheresis")
    site.perform("apheresis", by="apheresis.nurse.1")
    with site.refused("order.pending"):
        site.perform("apheresis", by="apheresis.nurse.2")
    with site.refused("order.instance"):
        site.perform("label_collection")


def test_the_second_person_may_decline_and_the_act_does_not_stand(stage: Stage) -> None:
    """A witness who did not see it declines with a reason; the step is to be done, with the bag that is there."""
    site = stage.at("apheresis")
    form = site.form("apheresis", values={"volume": "900 mL"})
    site.act(form, "apheresis.nurse.1")
    link = site.waiting().by.link
    # I was asked to sign for 900 mL. The bag holds 90. I decline.
    site.act(Decline(act=link, reason="the bag holds 90 mL"), "apheresis.nurse.2")
    assert site.now.materials == {}
    assert site.standing("apheresis") == "ready"
    with site.refused("signature.pending"):
        site.act(Witness(act=link), "apheresis.nurse.2")
    # The bag is the same, and so is its label. It is signed anew with the right volume.
    site.do("apheresis", values={"volume": "90 mL"})
    (act,) = site.now.of_step("apheresis")
    assert [r.value for r in act.fact.readings if r.name == "volume"] == ["90"]
    assert gaps(site.now) == []


def test_the_performer_takes_back_an_act_that_nobody_has_signed(stage: Stage) -> None:
    """I signed too early and take it back, with a reason; only I can, and only while it waits."""
    site = stage.at("enrolment")
    site.perform("enrolment", by="coordinator.1")
    link = site.waiting().by.link
    # My colleague cannot take back what I signed; she declines.
    with site.refused("authority.own-act"):
        site.act(TakeBack(act=link, reason="wrong cohort"), "coordinator.2")
    # I cannot decline as if I were the second person; I take it back.
    with site.refused("authority.two-people"):
        site.act(Decline(act=link, reason="wrong cohort"), "coordinator.1")
    receipt = site.act(TakeBack(act=link, reason="wrong cohort"), "coordinator.1")
    assert names(receipt.facts) == ["act.withdrawn"]
    # The wristband is on the patient's arm. The same codes are bound by the right enrolment.
    choices = {"cohort": "B-NHL", "dose_level": "level_1", "starting_material": "fresh"}
    site.do("enrolment", choices=choices)
    assert site.now.option("cohort") == "B-NHL"
    # It stands now. Nobody takes it back any more.
    with site.refused("signature.pending"):
        site.act(TakeBack(act=link, reason="again"), "coordinator.1")


def test_what_was_corrected_on_an_act_that_does_not_stand_is_gone_with_it(stage: Stage) -> None:
    """A value corrected on an act that was declined does not reach into the act that is performed instead."""
    site = stage.at("test_viability")
    site.perform("test_viability", values={"viability": "40 %"})
    site.correct("test_viability", "viability", "90 %", why="wrong line of the print-out")
    # The reviewer does not believe it, and declines. The test is done anew: 41 %.
    site.act(Decline(act=site.waiting().by.link, reason="no print-out"), "qc.reviewer.1")
    site.do("test_viability", values={"viability": "41 %"})
    at = site.due("test_viability").at
    assert site.now.readings[at, "viability"].value == "41"


def test_an_act_is_named_by_its_link_or_by_enough_of_it(stage: Stage) -> None:
    """What is signed second is named by the digest of what was signed first; eight characters are the least."""
    site = stage.at("apheresis")
    site.perform("apheresis", by="apheresis.nurse.1")
    link = site.waiting().by.link
    for unclear in (link[:7], "0" * 64, ""):
        with site.refused("signature.pending"):
            site.act(Witness(act=unclear), "apheresis.nurse.2")
    site.act(Witness(act=link[:8]), "apheresis.nurse.2")


def test_each_signature_says_what_it_means(stage: Stage) -> None:
    """Performed, witnessed, reviewed, approved, given, received, released (21 CFR 11.50)."""
    site = stage.at("the end")
    meanings = {
        at.step: (act.by.meaning, act.second.meaning if act.second else "")
        for at, act in site.now.acts.items()
        if at.step in ("apheresis", "test_vcn", "safety_decision", "hand_over", "disposition", "consent")
    }
    assert meanings == {
        "consent": ("performed", ""),
        "apheresis": ("performed", "witnessed"),
        "test_vcn": ("performed", "reviewed"),
        "safety_decision": ("performed", "approved"),
        "hand_over": ("given", "received"),
        "disposition": ("released", ""),
    }


def test_a_key_that_is_revoked_signs_nothing(stage: Stage) -> None:
    """A lost card is revoked; from then on nobody signs with it."""
    site = stage.at("apheresis")
    site.desk.authorise(
        lambda a, au: administration.revoke_keys(a, au, "apheresis.nurse.1", "card lost", None), site.sits("admin")
    )
    with site.refused("authority.key"):
        site.perform("apheresis", by="apheresis.nurse.1")
    site.perform("apheresis", by="apheresis.nurse.2")


def test_a_role_that_was_taken_away_counts_no_more(stage: Stage) -> None:
    """Roles are those in force when somebody signs."""
    site = stage.at("apheresis")
    known = administration.known_roles([site.protocol])
    site.desk.authorise(
        lambda a, au: [administration.change_roles(a, au, known, "apheresis.nurse.2", ("scheduler",), "moved")],
        site.sits("admin"),
    )
    site.perform("apheresis", by="apheresis.nurse.1")
    with site.refused("authority.role"):
        site.witness(by="apheresis.nurse.2")


def test_the_systems_turn_is_the_systems_alone(stage: Stage) -> None:
    """What happens by itself is recorded under the system's key; no person records it."""
    site = stage.at("wash_collection")
    site.pass_(days=2)
    with site.refused("authority.role"):
        site.desk.let_pass("T-1", site.sits("operator.1"))
    # And the system performs no step.
    with site.refused("authority.role"):
        site.perform("wash_collection", by="system")
