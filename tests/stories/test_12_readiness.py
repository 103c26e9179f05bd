"""Readiness: lots released and unexpired, equipment in calibration, training current, when the step began.

A step is done with released, unexpired lots, equipment in calibration, and people whose training is current.

Source: 21 CFR 211.84, 211.68, 211.25; 21 CFR 11.10(i)
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from console.rehearsal import device_code, lot_code
from tests.stage import Stage

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


def test_a_step_that_began_before_the_lot_expired_is_told_afterwards(stage: Stage) -> None:
    """What counts is when the step was done, not when it was typed in."""
    site = stage.at("apheresis")
    began = site.clock()
    site.release_lot("anticoagulant", began + timedelta(hours=1))
    site.pass_(hours=5)
    site.perform("apheresis", started=began, ended=began + timedelta(hours=3))


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
