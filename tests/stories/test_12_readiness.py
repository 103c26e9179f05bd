"""Readiness: lots released and unexpired, equipment in calibration, training current, from its start to its end.

A step is done with released, unexpired lots, equipment in calibration, and people whose training is current.

Source: 21 CFR 211.84, 211.68, 211.25; 21 CFR 11.10(i)
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from console.rehearsal import device_code, lot_code
from events.facts.base import RawFile
from events.facts.happened import ActHappened
from events.facts.quality import DeviationOpened
from protocol import administration
from protocol.audit import audit_all
from protocol.commands import PaperEntry, TellHappened
from protocol.desk import Receipt
from protocol.reader import Reader
from tests.stage import Stage, Staged, names

pytestmark = pytest.mark.story


def test_every_lot_and_device_is_named(stage: Stage) -> None:
    """What a step uses is scanned; what it does not use has no place in the record."""
    site = stage.at("apheresis")
    form = site.form("apheresis")
    for name, rule in {"anticoagulant": "readiness.lot", "cell_separator": "readiness.device"}.items():
        less = {k: v for k, v in form.used.items() if k != name}
        with site.refused(rule):
            site.act(form.model_copy(update={"used": less}), "apheresis.nurse.1")
    with site.refused("readiness.known"):
        site.perform("apheresis", use={"vector": lot_code("vector")})


def test_an_expired_lot_is_not_used(stage: Stage) -> None:
    """A lot is good until before it expires, at the time when the step began."""
    site = stage.at("apheresis")
    now = site.clock()
    site.release_lot("anticoagulant", now)
    with site.refused("readiness.lot") as told:
        site.perform("apheresis")
    assert "expired" in told.says
    site.release_lot("anticoagulant", now + timedelta(seconds=1))
    site.perform("apheresis")


def test_a_step_that_was_over_before_the_lot_expired_is_told_afterwards(stage: Stage) -> None:
    """What counts is when the step was done, not when it was typed in."""
    site = stage.at("apheresis")
    began = site.clock()
    site.release_lot("anticoagulant", began + timedelta(hours=3))
    site.pass_(hours=5)
    receipt = site.perform("apheresis", started=began, ended=began + timedelta(hours=2, minutes=59))
    assert "deviation.opened" not in names(receipt.facts)


ENDS: dict[str, tuple[Callable[[Staged, datetime], object], str, str]] = {
    "a lot": (
        lambda site, until: site.release_lot("anticoagulant", until),
        "readiness.lot", "lot LOT-ANTICOAGULANT of anticoagulant expired at",
    ),
    "a calibration": (
        lambda site, until: site.calibrate("cell_separator", until),
        "readiness.device", "the calibration of DEV-CELL-SEPARATOR (cell_separator) ended at",
    ),
    "a training": (
        lambda site, until: site.train(site.person("apheresis.nurse.1"), "apheresis", until),
        "readiness.training", "the training apheresis of apheresis.nurse.1 lapsed at",
    ),
}  # fmt: skip


def opened(receipt: Receipt) -> list[DeviationOpened]:
    """The deviations of a record."""
    return [fact for fact in receipt.facts if isinstance(fact, DeviationOpened)]


@pytest.mark.parametrize("renewed", [False, True], ids=["and stays so", "and is renewed afterwards"])
@pytest.mark.parametrize(("end", "rule", "says"), ENDS.values(), ids=ENDS)
def test_what_ends_while_a_step_is_under_way_is_recorded_with_a_deviation(
    stage: Stage, end: Callable[[Staged, datetime], object], rule: str, says: str, renewed: bool
) -> None:
    """It was in force when the nurse began and not when she was done. The collection stands, and QA hears what ended and when."""
    site = stage.at("apheresis")
    began = site.clock()
    end(site, began + timedelta(hours=1))
    site.pass_(hours=4)
    if renewed:  # that reaches back to nothing
        end(site, began + timedelta(days=300))
    receipt = site.perform("apheresis", by="apheresis.nurse.1", started=began, ended=began + timedelta(hours=3))
    (deviation,) = opened(receipt)
    assert (deviation.rule, deviation.grade) == (rule, "major")
    assert f"{says} {began + timedelta(hours=1):%Y-%m-%d %H:%M} UTC, while apheresis was under way" in deviation.says
    site.witness()
    assert site.now.deviations["D-1"].grade == "major"
    assert audit_all(Reader(site.log)) == []


@pytest.mark.parametrize(("end", "rule", "says"), ENDS.values(), ids=ENDS)
def test_up_to_the_very_minute(stage: Stage, end: Callable[[Staged, datetime], object], rule: str, says: str) -> None:
    """It holds until before it ends: done in the minute before, nothing follows; at that moment, it does; begun then, it is refused."""
    site = stage.at("apheresis")
    began = site.clock()
    end(site, began + timedelta(hours=1))
    site.pass_(hours=2)
    before = site.form("apheresis", started=began, ended=began + timedelta(minutes=59))
    at_once = before.model_copy(update={"ended": began + timedelta(minutes=60)})
    for form, found in ((before, []), (at_once, [rule])):
        facts = site.desk.may("T-1", form, "apheresis.nurse.1").facts
        assert [fact.rule for fact in facts if isinstance(fact, DeviationOpened)] == found, says
    with site.refused(rule):
        site.perform("apheresis", by="apheresis.nurse.1", started=began + timedelta(hours=1), ended=site.clock())


@pytest.mark.parametrize(("end", "rule", "says"), ENDS.values(), ids=ENDS)
def test_what_is_renewed_in_time_has_no_gap(
    stage: Stage, end: Callable[[Staged, datetime], object], rule: str, says: str
) -> None:
    """Renewed while the step was under way and before it ended: it was in force throughout."""
    site = stage.at("apheresis")
    began = site.clock()
    end(site, began + timedelta(hours=1))
    site.pass_(minutes=30)
    end(site, began + timedelta(days=300))
    site.pass_(hours=4)
    receipt = site.perform("apheresis", by="apheresis.nurse.1", started=began, ended=began + timedelta(hours=3))
    assert opened(receipt) == [], (rule, says)


@pytest.mark.parametrize(("end", "rule", "says"), ENDS.values(), ids=ENDS)
def test_what_was_put_in_order_after_the_step_began_was_not_in_order(
    stage: Stage, end: Callable[[Staged, datetime], object], rule: str, says: str
) -> None:
    """It had ended when she began; renewed an hour later it is fit for the next step, not for that one."""
    site = stage.at("apheresis")
    end(site, site.clock())
    began = site.clock()
    site.pass_(hours=1)
    end(site, began + timedelta(days=300))
    with site.refused(rule) as told:
        site.perform("apheresis", by="apheresis.nurse.1", started=began, ended=site.clock())
    assert f"{began:%Y-%m-%d}" in told.says, says
    site.perform("apheresis", by="apheresis.nurse.1")


@pytest.mark.parametrize(("end", "rule", "says"), ENDS.values(), ids=ENDS)
def test_on_paper_and_told_afterwards_it_is_the_same(
    stage: Stage, end: Callable[[Staged, datetime], object], rule: str, says: str
) -> None:
    """From a sheet the same deviation opens; told by another, it is one of the rules that were broken, in the same words."""
    sheet = PaperEntry(
        file=RawFile(sha256="a" * 64, size=9, what="paper record"), performed_by="apheresis.nurse.1",
        second_by="apheresis.nurse.2", why="the network was down",
    )  # fmt: skip
    site = stage.at("apheresis")
    began = site.clock()
    end(site, began + timedelta(hours=1))
    site.pass_(hours=4)
    form = site.form("apheresis", started=began, ended=began + timedelta(hours=3))
    entered = site.desk.may("T-1", form.model_copy(update={"paper": sheet}), "qa.releaser.1")
    assert [f.rule for f in entered.facts if isinstance(f, DeviationOpened)] == [rule]
    told = TellHappened(
        step="apheresis", started=began, ended=form.ended, performed_by=("apheresis.nurse.1", "apheresis.nurse.2"),
        scans=form.scans, used=form.used, readings=form.readings, says="told by the supervisor",
    )  # fmt: skip
    receipt = site.act(told, "qa.releaser.1")
    (happened,) = [fact for fact in receipt.facts if isinstance(fact, ActHappened)]
    assert [says[1:] in broken.says for broken in happened.broken if broken.rule == rule] == [True]
    assert audit_all(Reader(site.log)) == []


def test_a_role_that_ends_while_the_step_is_under_way_is_not_held_on_paper(stage: Stage) -> None:
    """Whoever signed on the sheet held the role from the start to the end of it."""
    site = stage.at("apheresis")
    began = site.clock()
    site.pass_(hours=1)
    known = administration.known_roles([site.protocol])
    site.desk.authorise(
        lambda actor, authority: [
            administration.change_roles(actor, authority, known, "apheresis.nurse.1", ("courier",), "moved to the road")
        ],
        site.sits("admin"),
    )
    site.pass_(hours=3)
    sheet = PaperEntry(
        file=RawFile(sha256="a" * 64, size=9, what="paper record"), performed_by="apheresis.nurse.1",
        second_by="apheresis.nurse.2", why="the network was down",
    )  # fmt: skip
    form = site.form("apheresis", started=began, ended=began + timedelta(hours=3), paper=sheet)
    with site.refused("authority.role"):
        site.act(form, "qa.releaser.1")
    site.act(form.model_copy(update={"ended": began + timedelta(minutes=59)}), "qa.releaser.1")


def test_a_recalled_lot_is_not_used(stage: Stage) -> None:
    """A recall holds from when it is recorded; another lot of the same item is fine."""
    site = stage.at("apheresis")
    site.recall_lot("anticoagulant", "particles seen")
    with site.refused("readiness.lot") as told:
        site.perform("apheresis")
    assert "recalled" in told.says
    other = site.release_lot("anticoagulant", site.clock() + timedelta(days=30), code="LOT-AC-2")
    site.perform("apheresis", use={"anticoagulant": other})


def test_a_lot_of_something_else_or_of_nobody_is_not_used(stage: Stage) -> None:
    """The lot is one of this item, and QA has released it."""
    site = stage.at("apheresis")
    with site.refused("readiness.lot"):
        site.perform("apheresis", use={"anticoagulant": lot_code("collection_kit")})
    with site.refused("readiness.lot"):
        site.perform("apheresis", use={"anticoagulant": "LOT-FOUND-IN-A-DRAWER"})


def test_equipment_out_of_calibration_is_not_used(stage: Stage) -> None:
    """A device is good until before its calibration is due; another kind of device is no substitute."""
    site = stage.at("apheresis")
    site.calibrate("cell_separator", site.clock())
    with site.refused("readiness.device") as told:
        site.perform("apheresis")
    assert "calibration" in told.says
    with site.refused("readiness.device"):
        site.perform("apheresis", use={"cell_separator": device_code("cytometer")})
    with site.refused("readiness.device"):
        site.perform("apheresis", use={"cell_separator": "DEV-NEW"})
    site.calibrate("cell_separator", site.clock() + timedelta(days=180))
    site.perform("apheresis")


def test_whoever_performs_has_current_training(stage: Stage) -> None:
    """Training that has lapsed, or was never recorded, stops the performer; a trained colleague does the step."""
    site = stage.at("apheresis")
    site.train(site.person("apheresis.nurse.1"), "apheresis", site.clock())
    with site.refused("readiness.training") as told:
        site.perform("apheresis", by="apheresis.nurse.1")
    assert "current until" in told.says
    new = site.hire("P-NEW", "new.nurse", "apheresis_nurse", trained=False)
    with site.refused("readiness.training") as told:
        site.perform("apheresis", by=new)
    assert "never recorded" in told.says
    site.perform("apheresis", by="apheresis.nurse.2")


def test_training_belongs_to_the_person_not_to_the_account(stage: Stage) -> None:
    """Somebody who was trained is trained under every account."""
    site = stage.at("apheresis")
    mine = site.hire(site.person("apheresis.nurse.1"), "second.account", "apheresis_nurse", trained=False)
    site.perform("apheresis", by=mine)


def test_nobody_records_her_own_training(stage: Stage) -> None:
    """Another person of quality records it."""
    site = stage.at("consent")
    with site.refused("authority.own-training"):
        site.train(site.person("quality.1"), "apheresis", site.clock() + timedelta(days=1))


def test_the_lots_of_every_step_can_be_traced(stage: Stage) -> None:
    """From a lot to each patient: every act names the lots and devices that it used."""
    site = stage.at("the end")
    for at, act in site.now.acts.items():
        needs = site.protocol.by_id[at.step].needs
        assert {used.name for used in act.fact.used} == {*needs.lots, *needs.devices}
