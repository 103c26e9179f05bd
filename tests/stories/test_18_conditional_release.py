"""A product may be released while a test that the protocol names is pending; when that test turns positive, a physician is told at once.

Source: process page row 9, release criteria (final sterility at day 14 may be pending at release); EU ATMP GMP 11.4 and 11.5;
21 CFR 610.12 (sterility); 21 CFR 11.10(e).
"""

from __future__ import annotations

import pytest

from events.facts.alerts import AlertRaised
from events.facts.steps import DispositionDecided
from protocol.alerts import open_alerts
from protocol.audit import audit_all
from protocol.commands import AcknowledgeAlert
from protocol.reader import Reader
from protocol.schedule import schedule
from protocol.status import batch_status
from protocol.worklist import resting_state, worklist
from tests.stage import Stage, Staged, names

pytestmark = pytest.mark.story
PHYSICIAN = "physician.1"


def settled(site: Staged) -> None:
    """Nothing that stands in the log would be decided otherwise."""
    assert audit_all(Reader(site.log)) == []


def turned_positive(stage: Stage) -> Staged:
    """The product was released while final sterility was pending; on day 14 the culture is positive."""
    site = stage.at("product_hand_over")
    site.pass_(days=14)
    site.do("test_sterility_final", values={"culture": "positive"})
    return site


def acknowledge(site: Staged, alert: str = "A-1", by: str = PHYSICIAN, note: str | None = None) -> None:
    """Somebody says that they know."""
    site.act(AcknowledgeAlert(alert=alert, note=note), by)


def test_a_conditional_release_names_the_tests_that_are_pending(stage: Stage) -> None:
    """QA's decision lists each test that is still open, for as long as it is kept, and the batch's status shows it."""
    site = stage.at("disposition")
    receipt = site.perform("disposition")
    (decided,) = (fact for fact in receipt.facts if isinstance(fact, DispositionDecided))
    assert decided.pending == ("sterility_final",)
    assert batch_status(site.now, site.protocol)["pending_tests"] == "sterility_final"
    settled(site)


def test_a_late_positive_quarantines_opens_a_critical_deviation_and_alerts_the_physician_in_one_record(
    stage: Stage,
) -> None:
    """One record holds the positive result, the critical deviation, the quarantine and the physician's alert."""
    site = stage.at("product_hand_over")
    site.pass_(days=14)
    receipt = site.perform("test_sterility_final", values={"culture": "positive"})
    assert set(names(receipt.facts)) == {
        "sample.tested", "deviation.opened", "material.quarantined", "alert.raised",
    }  # fmt: skip
    (alert,) = (fact for fact in receipt.facts if isinstance(fact, AlertRaised))
    assert (alert.alert, alert.roles, alert.rule) == ("A-1", ("physician",), "release.late-result")
    assert "sterility_final is positive after the release" in alert.says
    settled(site)


def test_the_alert_stands_in_schedule_status_and_worklist_until_a_physician_acknowledges_it(stage: Stage) -> None:
    """On top of the patient's schedule, in the status, in the physicians' worklist; only a physician takes it from there."""
    site = turned_positive(stage)
    assert schedule(site.now, site.protocol)[0].standing == "alert"
    assert batch_status(site.now, site.protocol)["alerts"] == 1
    assert resting_state(site.now, site.protocol)[0] == "Alerted"
    (item,) = (i for i in worklist(site.now, site.protocol) if i.kind == "alert")
    assert item.roles == ("physician",)
    with site.refused("authority.role"):
        acknowledge(site, by="operator.1")
    acknowledge(site, note="patient called in for blood cultures")
    assert open_alerts(site.now) == []
    # It stays on record, with who knew it when.
    known = next(e for e in schedule(site.now, site.protocol) if e.at.step == "alert")
    assert known.standing == "acknowledged"
    assert "acknowledged by physician.1" in known.why
    with site.refused("alert.open"):
        acknowledge(site)
    settled(site)


def test_an_alert_after_the_infusion_reaches_the_physician_as_well(stage: Stage) -> None:
    """The bag was infused when the culture is found positive: nothing is left to quarantine, and the alert is what counts."""
    site = stage.at("acute_monitoring")
    assert not site.now.live("drug_product")
    receipt = site.correct("test_sterility_final", "culture", "positive", why="read again on day 16: growth")
    assert "material.quarantined" not in names(receipt.facts)
    assert [alert.roles for alert in open_alerts(site.now)] == [("physician",)]
    assert "critical" in [d.grade for d in site.now.blocking]
    acknowledge(site)
    settled(site)


def test_a_value_corrected_after_the_release_alerts_as_a_late_result_does(stage: Stage) -> None:
    """A viability that was read wrongly, corrected after the release, fails its criterion: the physician is told too."""
    site = stage.at("product_hand_over")
    receipt = site.correct("test_viability", "viability", "50 %")
    assert names(receipt.facts) == ["fact.corrected", "deviation.opened", "material.quarantined", "alert.raised"]
    settled(site)
