"""Two people at once, the same act twice, and the system's turn however often it comes.

Whatever people and programs do at the same time, each act is recorded once, and nobody signs facts that have changed.

Source: 21 CFR 11.10(a), 11.10(f); EU GMP Annex 11 §7
"""

from __future__ import annotations

import pytest

from console.rehearsal import Patient
from events.facts.course import DeadlineMissed, DeadlineSet
from events.verify import verify
from protocol.audit import audit
from protocol.commands import OpenDeviation, Witness
from tests.stage import ANNA, BRUNO, Stage, Staged

pytestmark = pytest.mark.story
CLARA = Patient(3, "T-3")


def meanwhile(site: Staged, beside: Staged, act: object) -> None:
    """Let somebody else's act slip in after this desk has read the log, and before it appends."""
    done: list[bool] = []
    append = site.log.append

    def slow(value: bytes) -> object:
        if not done:
            done.append(True)
            act()  # type: ignore[operator]
        return append(value)

    site.log.append = slow  # type: ignore[method-assign, assignment]
    assert beside.log is not site.log


def test_two_nurses_sign_the_same_collection_at_once_and_one_of_them_wins(stage: Stage) -> None:
    """Both desks saw an empty chair. One record is accepted; the other nurse is told what changed, and nothing is doubled."""
    site = stage.at("apheresis")
    beside = stage.again(site)
    meanwhile(site, beside, lambda: beside.perform("apheresis", by="apheresis.nurse.2"))
    with site.refused("order.pending", records=1):
        site.perform("apheresis", by="apheresis.nurse.1")
    assert site.waiting().by.account == "apheresis.nurse.2"
    assert verify(site.log).clean


def test_two_acts_that_do_not_touch_each_other_both_stand(stage: Stage) -> None:
    """If the same facts still follow, the act is signed again by itself; nobody has to repeat it."""
    site = stage.at("apheresis", other=True)
    beside = stage.again(site)
    meanwhile(site, beside, lambda: beside.perform("thaw", patient=BRUNO))
    site.perform("apheresis")
    assert site.now.pending
    assert site.therapy(BRUNO).pending


def test_other_facts_than_those_that_were_signed_for_are_not_signed_silently(stage: Stage) -> None:
    """If the therapy has changed so that other facts follow, the person is asked to look again."""
    site = stage.at("transport")
    beside = stage.again(site)
    # I report that the tilt indicator tripped, which opens D-1. While I sign, a colleague opens a D-1 of her own.
    reported = OpenDeviation(grade="minor", says="the van's door was open")
    meanwhile(site, beside, lambda: beside.act(reported, "courier.2"))
    with site.refused("log.moved-meanwhile", records=1):
        site.perform("transport", values={"upright": "no"})
    # I look again and repeat it: it is D-2 now.
    site.perform("transport", values={"upright": "no"})
    assert list(site.now.deviations) == ["D-1", "D-2"]


def test_two_witnesses_at_once_sign_once(stage: Stage) -> None:
    """The second of two witnesses finds nothing to sign."""
    site = stage.at("hand_over")
    site.perform("hand_over")
    link = site.waiting().by.link
    beside = stage.again(site)
    meanwhile(site, beside, lambda: beside.witness(by="courier.2"))
    with site.refused("signature.pending", records=1):
        site.act(Witness(act=link), "courier.1")
    assert site.now.materials[site.one("leukapheresis")].holder == "courier.2"


def test_one_bag_number_is_not_given_to_two_patients_at_once(stage: Stage) -> None:
    """The same DIN at two chairs in the same minute: one binds it, the other is stopped as a wrong item."""
    site = stage.at("apheresis")
    site.play(CLARA, "apheresis")
    beside = stage.again(site)
    label = "G123498654321H"
    meanwhile(site, beside, lambda: beside.perform("apheresis", patient=CLARA, scan={"bag": label}))
    with site.refused("log.moved-meanwhile", records=1):
        site.perform("apheresis", scan={"bag": label})
    # I look again, scan again, and am told whose it is.
    with site.refused("identity.wrong-item", records=1):
        site.perform("apheresis", scan={"bag": label})


def test_the_same_command_twice_is_one_act(stage: Stage) -> None:
    """A double click, or a retry after a lost answer, records nothing a second time."""
    site = stage.at("label_collection")
    form = site.form("label_collection")
    site.act(form, "apheresis.nurse.1")
    with site.refused("order.pending"):
        site.act(form, "apheresis.nurse.1")
    link = site.waiting().by.link
    site.act(Witness(act=link), "apheresis.nurse.2")
    with site.refused("signature.pending"):
        site.act(Witness(act=link), "apheresis.nurse.2")
    with site.refused("order.done"):
        site.act(form, "apheresis.nurse.1")


def test_however_often_the_system_looks_each_deadline_is_set_and_missed_once(stage: Stage) -> None:
    """The driver may run every minute, twice at once, or after a week away: each deadline appears once."""
    site = stage.at("wash_collection")
    facts = []
    for _ in range(50):
        site.pass_(hours=1)
        facts += site.system()
        facts += site.system()
        facts += stage.again(site).system()
    seen = [(type(f), f.deadline, f.key) for f in facts if isinstance(f, DeadlineSet | DeadlineMissed)]
    assert len(seen) == len(set(seen))
    missed = [f.deadline for f in facts if isinstance(f, DeadlineMissed)]
    assert missed == ["apheresis.end-start-24h", "apheresis.end-start-48h"]

    # A driver that was away for those fifty hours records the same, in one turn.
    away = stage.at("wash_collection")
    away.pass_(hours=50)
    late = [f.deadline for f in away.system() if isinstance(f, DeadlineMissed)]
    assert late == missed
    assert away.system() == []


def test_two_drivers_at_once_record_a_deadline_once(stage: Stage) -> None:
    """Two programs take the system's turn in the same moment; the log accepts one of them."""
    site = stage.at("wash_collection")
    site.pass_(hours=25)
    beside = stage.again(site)
    meanwhile(site, beside, beside.system)
    assert site.system() == []
    assert len(site.now.missed) == 1
    assert len(site.now.deviations) == 1


def test_what_was_played_here_stands_in_every_check(stage: Stage) -> None:
    """The log of a whole therapy verifies, and the audit decides every record again as it was decided."""
    site = stage.at("the end", ANNA)
    assert verify(site.log).clean
    assert audit(site.desk, "T-1") == []
