"""The bag in the hand: matched, thawed and infused is one and the same; and what was under way is told.

The bag that is thawed and infused is the very bag that was matched; what was under way when something changed is told, not lost.

Source: 21 CFR 1271.290(c); 21 CFR 11.10(e)
"""

from __future__ import annotations

from datetime import timedelta

from events.facts.quality import DeviationOpened, MaterialQuarantined
from tests.stage import Stage


def test_a_bag_that_carries_another_patients_donation_number_stops_the_fill(stage: Stage) -> None:
    """I scan the filled bag; its label carries the number of the other patient's collection. Both patients' items are held."""
    site = stage.at("harvest", other=True)
    other = next(m.code for m in site.desk.therapy("T-2").materials.values() if m.kind == "leukapheresis")
    with site.refused("identity.wrong-item", records=1):
        site.perform("harvest", scan={"bags": f"{other}.S1150VA0"})
    assert site.now.holds
    assert site.desk.therapy("T-2").holds


def test_a_bag_with_a_donation_number_of_nobody_is_refused(stage: Stage) -> None:
    """A number that is not this patient's donation is on the label: it was labelled wrongly."""
    site = stage.at("harvest")
    with site.refused("identity.bag-number"):
        site.perform("harvest", scan={"bags": "G999926000001.S1150VA0"})


def test_an_infusion_that_began_before_the_quarantine_is_told_with_its_deviation(stage: Stage) -> None:
    """I began 85 min after the thaw; the system quarantined the bag at 90; I sign at 95. What happened is recorded."""
    site = stage.at("infusion")
    thawed = max(act.fact.ended for act in site.now.of_step("thaw"))
    bag = site.one("drug_product")
    site.clock.now = thawed + timedelta(minutes=92)
    assert any(isinstance(fact, MaterialQuarantined) for fact in site.system())
    site.clock.now = thawed + timedelta(minutes=95)
    with site.refused("material.quarantined"):
        site.perform("infusion", started=thawed + timedelta(minutes=94), ended=thawed + timedelta(minutes=95))
    began = thawed + timedelta(minutes=85)
    receipt = site.perform("infusion", started=began, ended=thawed + timedelta(minutes=95))
    rules = {fact.rule for fact in receipt.facts if isinstance(fact, DeviationOpened)}
    assert "material.quarantined-meanwhile" in rules
    site.witness()
    assert site.now.materials[bag].ended == "infused"
