"""Custody: at every instant each material has exactly one accountable holder, until it ends.

At every instant each material has exactly one accountable holder, from collection to infusion or disposal.

Source: 21 CFR 1271.290(b); 21 CFR 312.62(a) disposition of drug
"""

from __future__ import annotations

from itertools import pairwise

import pytest

from protocol.commands import DecideQuarantine, Decline, Dispose, TakeBack
from protocol.custody import custody_trail, gaps
from protocol.file import read_protocol
from tests.stage import ANNA, BRUNO, STUDY, Stage

pytestmark = pytest.mark.story


@pytest.mark.parametrize("patient", [ANNA, BRUNO], ids=["fresh, one bag", "frozen, two bags"])
def test_from_vein_to_vein_there_is_no_gap(stage: Stage, patient: object) -> None:
    """After a whole therapy every material has a first holder, no gap, no overlap, and an end that says how."""
    assert patient in (ANNA, BRUNO)
    site = stage.at("the end", ANNA if patient is ANNA else BRUNO)
    assert gaps(site.now) == []
    for code, material in site.now.materials.items():
        lines = custody_trail(site.now, code)
        holders = [line.holder for line in lines]
        assert all(holders[:-1]), "somebody holds it until its end"
        assert (holders[-1] == "") == (material.ended is not None)
        for before, after in pairwise(lines):
            assert before.until == after.since
    product = [m for m in site.now.materials.values() if m.kind == "drug_product"]
    assert {m.ended for m in product} == {"infused"}


def test_at_each_step_of_the_way_exactly_one_person_is_accountable(stage: Stage) -> None:
    """Played step by step: before and after each act every live material has one holder at one place."""
    site = stage.at("apheresis")
    places: list[str] = []

    def look(_due: object) -> None:
        assert gaps(site.now) == []
        for material in site.now.materials.values():
            if material.live:
                (open_line,) = [line for line in custody_trail(site.now, material.code) if line.until is None]
                assert (open_line.holder, open_line.place) == (material.holder, material.place)
                assert material.holder
                places.append(material.place)

    site.play(ANNA, "acute_monitoring", each=look)
    assert list(dict.fromkeys(places)) == ["apheresis_unit", "courier", "plant", "cell_lab", "ward"]


def test_a_hand_over_that_is_declined_or_taken_back_moves_nothing(stage: Stage) -> None:
    """If the taker declines, the giver keeps it; if the giver takes it back, nothing has moved."""
    site = stage.at("hand_over")
    bag = site.one("leukapheresis")
    holder = site.now.materials[bag].holder
    site.perform("hand_over")
    site.act(Decline(act=site.waiting().by.link, reason="the seal is broken"), "courier.1")
    assert site.now.materials[bag].holder == holder
    site.perform("hand_over")
    act = site.waiting()
    site.act(TakeBack(act=act.by.link, reason="wrong courier"), act.by.account)
    assert site.now.materials[bag].holder == holder
    assert len(custody_trail(site.now, bag)) == 1
    # The next courier takes it.
    site.do("hand_over")
    assert site.now.materials[bag].holder.startswith("courier")


def test_what_is_being_handed_over_is_not_disposed_of_meanwhile(stage: Stage) -> None:
    """While a hand-over waits for its taker the bag has one holder; nobody throws it away behind his back."""
    site = stage.at("hand_over")
    bag = site.one("leukapheresis")
    site.perform("hand_over")
    site.pass_(days=3)
    site.system()
    site.act(DecideQuarantine(materials=(bag,), decision="rejected", reason="too old"), "qa.releaser.1")
    with site.refused("order.pending"):
        site.act(Dispose(materials=(bag,), reason="too old"), "qa.releaser.1")
    # The courier declines; it stayed with the nurse all the time. Now it is disposed of.
    site.act(Decline(act=site.waiting().by.link, reason="QA rejected it"), "courier.1")
    site.act(Dispose(materials=(bag,), reason="too old"), "qa.releaser.1")
    assert gaps(site.now) == []


def test_nothing_is_handed_over_from_where_it_is_not(stage: Stage) -> None:
    """A hand-over starts at the place where the material is; from another place it would leave a gap."""
    text = STUDY.read_text(encoding="utf-8")
    old = "    at: apheresis_unit\n    to: courier\n"
    assert text.count(old) == 1
    site = stage.site(read_protocol(text.replace(old, "    at: clinic\n    to: courier\n")))
    site.play(ANNA, "hand_over")
    with site.refused("custody.place") as told:
        site.perform("hand_over")
    assert (told.values["place"], told.values["expected"]) == ("apheresis_unit", "clinic")


def test_who_gave_it_stands_beside_who_holds_it(stage: Stage) -> None:
    """Each line of the trail names who gave, who took, and the record that proves it."""
    site = stage.at("the end")
    bag = next(m.code for m in site.now.materials.values() if m.kind == "drug_product")
    trail = custody_trail(site.now, bag)
    assert [line.how.partition(" of ")[0] for line in trail] == [
        "came into being in harvest",
        "handed over in product_hand_over",
        "handed over in product_transport",
        "handed over in thaw",
        "infused",
    ]
    for before, after in pairwise(trail[:-1]):
        assert after.given_by
        assert after.place != before.place
    assert len({line.link for line in trail}) == len(trail)
