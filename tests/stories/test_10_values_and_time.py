"""What may be written down: values with units, inside what is possible; times that can be true.

Values carry units and lie inside what is possible; times can be true, and say when it happened and when it was recorded.

Source: 21 CFR 11.10(e); ALCOA+; EU GMP Annex 11 §5 data, §6 accuracy checks
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from events.instant import to_wire
from protocol.commands import Entered
from tests.stage import Stage, Staged

pytestmark = pytest.mark.story


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        ("250", "value.unit"),
        ("250 L", "value.unit"),
        ("250 ml", "value.unit"),
        ("0.5 mL", "value.plausible"),
        ("2001 mL", "value.plausible"),
        ("-250 mL", "value.plausible"),
        ("much", "value.form"),
        ("2,5 mL", "value.form"),
        ("NaN", "value.form"),
        ("Infinity", "value.form"),
        ("", "value.form"),
        ("1e400 mL", "value.plausible"),
    ],
)
def test_a_number_has_its_unit_and_is_possible(stage: Stage, value: str, rule: str) -> None:
    """A number without unit, in another unit, or outside what is possible is refused, with the reason."""
    site = stage.at("apheresis")
    with site.refused(rule):
        site.perform("apheresis", values={"volume": value})


@pytest.mark.parametrize("value", ["250 mL", "250mL", "2.5e2 mL", "1 mL", "2000 mL"])
def test_a_number_may_be_written_in_several_ways(stage: Stage, value: str) -> None:
    """The unit may stand apart or behind the number; the limits of the possible are possible."""
    stage.at("apheresis").perform("apheresis", values={"volume": value})


def test_every_value_that_is_asked_for_is_entered_and_no_other(stage: Stage) -> None:
    """A form is complete, or refused as a whole; a value that the step does not record has no place in it."""
    site = stage.at("apheresis")
    with site.refused("record.complete") as told:
        site.perform("apheresis", values={"volume": None, "alc": None})
    assert told.values["missing"] == ["alc", "volume"]
    with site.refused("record.known"):
        site.perform("apheresis", values={"mood": "good"})


def test_words_come_from_their_list_and_carry_no_unit(stage: Stage) -> None:
    """A choice is one of its options, yes and no are yes and no, a file is its hash, a day is a day that was."""
    site = stage.at("apheresis")
    with site.refused("value.form"):
        site.perform("apheresis", values={"identifiers": "maybe"})
    form = site.form("apheresis")
    readings = {**form.readings, "washouts": Entered(value="yes", unit="mL")}
    with site.refused("value.form"):
        site.act(form.model_copy(update={"readings": readings}), "apheresis.nurse.1")
    eligibility = stage.at("eligibility")
    with eligibility.refused("value.form"):
        eligibility.perform("eligibility", values={"hiv": "unsure"})
    with eligibility.refused("value.form"):
        eligibility.perform("eligibility", values={"markers_drawn": "yesterday"})
    tomorrow = (eligibility.clock() + timedelta(days=1)).date().isoformat()
    with eligibility.refused("time.future"):
        eligibility.perform("eligibility", values={"markers_drawn": tomorrow})


def test_only_values_that_may_come_late_come_late(stage: Stage) -> None:
    """A late value is reported once, for a step that was done; any other is a correction."""
    site = stage.at("apheresis")
    # The step has not been done. There is nothing to report for.
    with site.refused("correction.act"):
        site.late("apheresis", {"cd3_count": "2e9 cells"})
    site.do("apheresis")
    with site.refused("record.late"):
        site.late("apheresis", {"volume": "250 mL"})
    with site.refused("record.complete"):
        site.late("apheresis", {})
    with site.refused("authority.role"):
        site.late("apheresis", {"cd3_count": "2e9 cells"}, by="courier.1")
    site.late("apheresis", {"cd3_count": "2e9 cells"})
    with site.refused("record.once"):
        site.late("apheresis", {"cd3_count": "3e9 cells"})
    assert site.now.readings[site.due("apheresis").at, "cd3_count"].value == "2e9"


# ------------------------------------------------------------------ time


def at_receipt(stage: Stage) -> tuple[Staged, datetime]:
    """A site before the receipt, and when the transport before it ended."""
    site = stage.at("receipt")
    (came,) = site.now.of_step("transport")
    site.pass_(hours=2)
    return site, came.fact.ended


def test_nothing_is_signed_before_it_has_happened(stage: Stage) -> None:
    """Started and ended lie in the past; a computer whose clock is wrong is noticed here."""
    site, _ = at_receipt(stage)
    soon = site.clock() + timedelta(seconds=1)
    with site.refused("time.future"):
        site.perform("receipt", started=site.clock(), ended=soon)
    with site.refused("time.future"):
        site.perform("receipt", started=soon, ended=soon)
    site.perform("receipt", started=site.clock(), ended=site.clock())


def test_a_step_does_not_end_before_it_starts(stage: Stage) -> None:
    """The end is not before the start; a moment is a start and an end at once."""
    site, _ = at_receipt(stage)
    now = site.clock()
    with site.refused("time.order"):
        site.perform("receipt", started=now, ended=now - timedelta(seconds=1))


def test_a_step_does_not_begin_before_the_one_that_it_follows(stage: Stage) -> None:
    """What follows begins when what it follows has ended."""
    site, came = at_receipt(stage)
    with site.refused("time.sequence") as told:
        site.perform("receipt", started=came - timedelta(seconds=1))
    assert told.values["follows"] == "transport"
    site.perform("receipt", started=came)


def test_when_it_happened_and_when_it_was_recorded_are_two_times(stage: Stage) -> None:
    """An entry made later says both (ALCOA+: contemporaneous, or marked as late)."""
    site, came = at_receipt(stage)
    site.perform("receipt", started=came, ended=came + timedelta(minutes=20))
    act = site.waiting()
    assert act.by.happened == came + timedelta(minutes=20)
    assert act.by.recorded == site.clock()


def test_a_time_has_a_zone_and_is_kept_in_utc(stage: Stage) -> None:
    """A local time with its zone is the same instant; a time without zone is refused as no time."""
    site, came = at_receipt(stage)
    local = came.astimezone(timezone(timedelta(hours=2)))
    site.perform("receipt", started=local, ended=local)
    assert to_wire(site.waiting().fact.started) == to_wire(came.astimezone(UTC))
    with pytest.raises(ValueError, match="no zone"):
        type(site.form("receipt")).model_validate({"step": "receipt", "started": "2026-03-10T08:00:00"})
