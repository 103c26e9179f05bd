"""Several bags, and a split dose: each bag has its own disposition, thaw clock, identity check and infusion; the dose is their sum.

Source: process page row 10, steps 14, 17 and 20 to 23; 21 CFR 211.165; EU ATMP GMP 11.16 to 11.20.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from console import rehearsal
from console.rehearsal import Patient
from events.facts.dose import DoseGiven
from events.facts.quality import DeviationOpened
from projections.rows import rows_of
from protocol.audit import audit_all
from protocol.commands import DecideQuarantine, Dispose, WithdrawPatient
from protocol.custody import custody_trail, gaps
from protocol.dose import dose_given
from protocol.file import read_protocol
from protocol.model import StudyProtocol
from protocol.reader import Reader
from protocol.release import evaluate
from protocol.schedule import schedule
from protocol.status import batch_status
from protocol.worklist import worklist
from tests.stage import BRUNO, Stage, Staged, names

pytestmark = pytest.mark.story
SPLIT = Path(rehearsal.__file__).parents[1] / "protocol" / "studies" / "split-dose.yaml"
DORA = Patient(5, "T-5", {"dose_level": "low"}, bags=2, values={("screening", "weight"): "70"})
"""Two bags of 7e7 cells each: together 2e6 cells/kg."""
QA = "qa.1"


def settled(site: Staged) -> None:
    """Every record of the story is decided again as it was decided, and no custody has a gap."""
    assert audit_all(Reader(site.log)) == []
    assert gaps(site.now) == []


def split() -> StudyProtocol:
    """The example study that ships: a split dose."""
    return read_protocol(SPLIT.read_text(encoding="utf-8"))


def before(stage: Stage, step: str, patient: Patient = DORA) -> tuple[Staged, str, str]:
    """A patient of the split-dose study, about to come to a step, and her two bags."""
    site = stage.site(split(), patient)
    site.play(patient, step, late=False)
    first, second = sorted(m.code for m in site.now.materials.values() if m.kind == "dose_bag")
    return site, first, second


def both_tested(stage: Stage) -> tuple[Staged, str, str]:
    """Both bags are filled, frozen and tested; the result of the batch is pending."""
    site, first, second = both_frozen(stage)
    for bag in (first, second):
        site.do("test_bag", material=bag)
    return site, first, second


def both_frozen(stage: Stage) -> tuple[Staged, str, str]:
    """Both bags are filled and frozen."""
    site, first, second = before(stage, "freeze")
    for bag in (first, second):
        site.do("freeze", material=bag)
    return site, first, second


def give(site: Staged, bag: str) -> None:
    """Match, thaw, match again and infuse one bag."""
    for step in ("match", "thaw", "bedside", "infusion"):
        site.pass_(minutes=5)
        site.do(step, material=bag)


def told(site: Staged) -> str:
    """The dose as the status shows it."""
    return str(batch_status(site.now, site.protocol)["dose"])


# ------------------------------------------------------------------ each bag its own disposition


def test_one_bag_is_rejected_and_the_other_is_released_and_infused(stage: Stage) -> None:
    """QA decides bag by bag on each one's own results; the rejected bag goes nowhere, and holds up nobody."""
    site, first, second = both_frozen(stage)
    site.do("test_bag", material=first)
    site.do("test_bag", material=second, values={"viability": "55 %"})
    # The worklist tells what each bag lacks; a criterion of the batch is the same for both.
    by_bag = {code: {c.name: c.verdict for c in evaluate(site.now, site.protocol, code)} for code in (first, second)}
    assert by_bag[first] == {"viability": "passed", "cells": "passed", "sterility": "pending"}
    assert by_bag[second]["viability"] == "failed"
    with site.refused("release.criteria"):
        site.perform("release", material=second)
    site.do("release", material=first)
    site.do("release", material=second, decision="rejected")
    assert {code: site.now.materials[code].status for code in (first, second)} == {
        first: "released",
        second: "rejected",
    }
    assert site.now.stopped == ""
    assert batch_status(site.now, site.protocol)["disposition"] == f"{first} released, {second} rejected"
    with site.refused("material.rejected"):
        site.perform("to_store", material=second)
    site.do("to_store", material=first)
    for _ in range(3):
        site.pass_(days=1)
        site.do("lymphodepletion")
    site.pass_(days=3)
    give(site, first)
    with site.refused("order.instance"):
        site.perform("match", material="G1")
    settled(site)


def test_where_every_bag_is_rejected_there_is_no_product(stage: Stage) -> None:
    """The first rejection leaves the other bag; the second one stops the therapy."""
    site, first, second = both_tested(stage)
    site.do("release", material=first, decision="rejected")
    assert site.now.stopped == ""
    site.do("release", material=second, decision="rejected")
    assert site.now.stopped == "product rejected"
    settled(site)


def test_a_late_result_of_one_bag_quarantines_that_bag_alone(stage: Stage) -> None:
    """A value of one bag is corrected after its release and fails: that bag is held, the other is not; a batch's fails both."""
    site, first, second = both_tested(stage)
    for bag in (first, second):
        site.do("release", material=bag)
    receipt = site.correct("test_bag", "viability", "50 %", material=second)
    assert {"deviation.opened", "material.quarantined"} <= set(names(receipt.facts))
    assert site.now.materials[second].status == "quarantined"
    assert site.now.materials[first].status == "released"
    receipt = site.late("test_batch", {"culture": "positive"})
    (opened,) = (f for f in receipt.facts if isinstance(f, DeviationOpened))
    assert opened.grade == "critical"
    assert site.now.materials[first].status == "quarantined"
    settled(site)


def test_a_bag_whose_quarantine_is_lifted_is_what_qa_had_decided(stage: Stage) -> None:
    """Lifted, the released bag is released again; one that QA had not decided on is not."""
    site, first, second = both_tested(stage)
    site.do("release", material=first)
    site.correct("test_bag", "viability", "50 %", material=first)
    site.correct("test_bag", "viability", "80 %", material=first, by="analyst.2")
    site.act(DecideQuarantine(materials=(first,), decision="lifted", reason="misread"), QA)
    assert site.now.materials[first].status == "released"
    assert site.now.materials[second].status == "available"
    settled(site)


# ------------------------------------------------------------------ each bag its own day, and its own clock


def test_the_second_bag_waits_in_the_store_for_its_day(stage: Stage) -> None:
    """The first bag is given; the second stays where it is, in somebody's custody, and its day stands in the calendar."""
    site, first, second = before(stage, "match")
    give(site, first)
    assert site.now.materials[second].place == "store"
    assert custody_trail(site.now, second)[-1].holder == "cell.lab.1"
    (entry,) = [e for e in schedule(site.now, site.protocol) if e.at.step == "match" and e.standing == "ready"]
    (matched,) = site.now.of_step("match")
    assert entry.earliest == matched.fact.started + timedelta(hours=24)
    assert entry.planned is not None
    assert entry.planned >= entry.earliest
    # The therapy waits for the second bag, and shows the first as a part of the dose.
    assert site.system() is not None
    assert site.now.dose is None
    assert told(site) == f"1e6 cells/kg from 1 bag; still there: {second}"
    site.pass_(days=2)
    give(site, second)
    assert told(site) == "2e6 cells/kg from 2 bags; within 1.6e6 to 2.4e6 cells/kg"
    settled(site)


def test_a_second_bag_that_comes_too_soon_or_too_late_is_a_deviation(stage: Stage) -> None:
    """Between two bags there are 24 hours at least, and eight days at most."""
    site, first, second = before(stage, "match")
    give(site, first)
    site.pass_(hours=20)
    receipt = site.do("match", material=second)
    assert [f.grade for f in receipt.facts if isinstance(f, DeviationOpened)] == ["major"]
    site, first, second = before(stage, "match")
    give(site, first)
    site.pass_(days=9)
    missed = site.system()
    assert "deadline.missed" in names(missed)
    late = [f.grade for f in missed if isinstance(f, DeviationOpened) and f.rule == "deadline.match"]
    assert late == ["minor"]
    settled(site)


def test_the_thaw_clock_of_each_bag_runs_by_itself(stage: Stage) -> None:
    """Thirty minutes from the thaw of this bag: the first is in time, the second, days later, is not, and only it is late."""
    site, first, second = before(stage, "match")
    give(site, first)
    site.pass_(days=2)
    for step in ("match", "thaw", "bedside"):
        site.pass_(minutes=5)
        site.do(step, material=second)
    site.pass_(minutes=31)
    receipt = site.do("infusion", material=second)
    assert [f.rule for f in receipt.facts if isinstance(f, DeviationOpened)] == ["clock.infusion"]
    settled(site)


def test_two_bags_are_not_thawed_at_once(stage: Stage) -> None:
    """While one bag is thawed and not infused, the next thaw is refused; after the infusion it is not."""
    site, first, second = before(stage, "match")
    for bag in (first, second):
        site.pass_(hours=25)
        site.do("match", material=bag)
    site.do("thaw", material=first)
    with site.refused("thaw.thaw") as refusal:
        site.perform("thaw", material=second)
    assert first in refusal.says
    site.do("bedside", material=first)
    site.do("infusion", material=first)
    site.do("thaw", material=second)
    settled(site)


def test_in_the_trial_a_second_thaw_at_once_is_told_as_a_deviation(stage: Stage) -> None:
    """The trial's file lets a true fact be recorded: the second thaw opens a major deviation that names the first bag."""
    site = stage.at("thaw", BRUNO)
    site.do("thaw", patient=BRUNO)
    thawed = site.therapy(BRUNO).of_step("thaw")[0].at.material
    second = next(m.code for m in site.therapy(BRUNO).live("drug_product") if m.code != thawed)
    if site.standing("pre_thaw_check", material=second) == "ready":
        site.do("pre_thaw_check", patient=BRUNO, material=second)
    receipt = site.do("thaw", patient=BRUNO, material=second)
    (opened,) = (f for f in receipt.facts if isinstance(f, DeviationOpened))
    assert (opened.grade, opened.found) == ("major", thawed)


def test_bags_are_not_taken_for_each_other(stage: Stage) -> None:
    """Wrong order is refused: the bag that is infused is the one that was matched, thawed and matched again."""
    site, first, second = before(stage, "match")
    site.do("match", material=first)
    with site.refused("order.after"):
        site.perform("thaw", material=second)
    with site.refused("identity.scan-matches"):
        site.perform("thaw", material=first, scan={"bag": second})
    site.do("thaw", material=first)
    with site.refused("order.after"):
        site.perform("infusion", material=first)
    site.do("bedside", material=first)
    with site.refused("identity.scan-matches"):
        site.perform("infusion", material=first, scan={"bag": second})
    site.do("infusion", material=first)
    settled(site)


# ------------------------------------------------------------------ the dose is their sum


def test_the_dose_is_the_sum_of_the_bags_less_what_was_left_in_them(stage: Stage) -> None:
    """A tenth of the first bag is left: its share is not counted, and the dose is told with its target."""
    site, first, second = before(stage, "match")
    volume = Decimal(site.now.readings[site.due("freeze", material=first).at, "volume"].value)
    for step in ("match", "thaw", "bedside"):
        site.pass_(minutes=5)
        site.do(step, material=first)
    site.do("infusion", material=first, values={"residue": f"{volume / 10} mL"})
    site.pass_(days=2)
    give(site, second)
    dose = dose_given(site.now, site.protocol)
    assert dose is not None
    assert {bag.code: bag.given for bag in dose.bags} == {first: Decimal("6.3e7"), second: Decimal("7e7")}
    assert dose.value == Decimal("1.9e6")
    (fact,) = (f for f in site.system() if isinstance(f, DoseGiven))
    assert (fact.given, fact.verdict, fact.bags) == ("1.9e6", "within", (first, second))
    assert site.system() == []
    assert rows_of(site.now, site.protocol)["batch_status"][0]["dose"] == told(site)
    settled(site)


def test_a_dose_below_its_target_after_the_last_bag_is_a_deviation(stage: Stage) -> None:
    """The second bag is rejected: with the first alone the dose is half of its target, which the system records, once."""
    site, first, second = both_tested(stage)
    site.do("release", material=first)
    site.do("release", material=second, decision="rejected")
    site.do("to_store", material=first)
    for _ in range(3):
        site.pass_(days=1)
        site.do("lymphodepletion")
    site.pass_(days=3)
    give(site, first)
    recorded = site.system()
    assert names(recorded)[-2:] == ["dose.given", "deviation.opened"]
    (opened,) = (f for f in recorded if isinstance(f, DeviationOpened))
    assert (opened.grade, opened.rule) == ("major", "dose.given")
    assert opened.says == "the dose given is 1e6 cells/kg, below 1.6e6 to 2.4e6 cells/kg"
    assert site.system() == []
    assert any(i.kind == "deviation" for i in worklist(site.now, site.protocol))
    # A correction that brings it into its window is recorded too; the deviation stays, for QA.
    site.correct("freeze", "cells", "1.3e8 cells", material=first)
    (again,) = site.system()
    assert isinstance(again, DoseGiven)
    assert again.verdict == "within"
    settled(site)


def test_a_dose_above_its_target_is_a_deviation_too(stage: Stage) -> None:
    """Fuller bags than planned: the sum lies above the window after the last one."""
    heavy = Patient(6, "T-6", {"dose_level": "low"}, bags=2, values={**DORA.values, ("freeze", "cells"): "9e7"})
    site, first, second = before(stage, "match", heavy)
    give(site, first)
    site.pass_(days=2)
    give(site, second)
    site.system()
    assert site.now.dose is not None
    assert site.now.dose.verdict == "above"
    settled(site)


def test_a_dose_that_is_too_high_already_is_so_whatever_is_left(stage: Stage) -> None:
    """One bag held far more than planned: the status says so before the other is thawed."""
    heavy = Patient(6, "T-6", {"dose_level": "low"}, bags=2, values={**DORA.values, ("freeze", "cells"): "5e8"})
    site, first, second = before(stage, "match", heavy)
    give(site, first)
    assert told(site).endswith(f"from 1 bag; above 1.6e6 to 2.4e6 cells/kg; still there: {second}")
    site.pass_(days=2)
    give(site, second)
    assert site.now.dose is None
    site.system()
    assert site.now.dose is not None
    assert site.now.dose.verdict == "above"
    settled(site)


def test_the_dose_of_a_patient_who_withdrew_is_shown_and_not_held_against_anybody(stage: Stage) -> None:
    """After the first bag the patient withdraws: the bag that is left is disposed of, and no deviation opens for the dose."""
    site, first, second = before(stage, "match")
    give(site, first)
    site.act(WithdrawPatient(withdrawn=("treatment",), at=site.clock(), reason="no more"), "physician.1")
    site.act(Dispose(materials=(second,), reason="the patient withdrew"), QA)
    assert "dose.given" not in names(site.system())
    assert told(site) == "1e6 cells/kg from 1 bag; below 1.6e6 to 2.4e6 cells/kg"
    settled(site)


def test_in_the_trial_the_dose_of_all_bags_is_recorded_after_the_last(stage: Stage) -> None:
    """Two bags of one dose, on one day: their sum lies within the target, and status, view and history say so."""
    site = stage.at("the end", BRUNO)
    assert site.now.dose is not None
    assert site.now.dose.verdict == "within"
    assert len(site.now.dose.bags) == 2
    assert told(site).endswith(f"within {site.now.dose.passes}")
    settled(site)


# ------------------------------------------------------------------ a criterion over all bags


VIABILITY = """unit: "%", at_least: 70, each_bag: true,
       source: published 70-80 %"""


def over_all(stage: Stage, *changes: tuple[str, str]) -> tuple[Staged, str, str]:
    """The study decides on each bag, but some criteria look at all of them; both bags are filled."""
    text = SPLIT.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    site = stage.site(read_protocol(text), DORA)
    site.play(DORA, "freeze", late=False)
    first, second = sorted(m.code for m in site.now.materials.values() if m.kind == "dose_bag")
    return site, first, second


def stands(site: Staged, name: str) -> tuple[str, str]:
    """How a criterion stands, and what was found."""
    (one,) = (c for c in evaluate(site.now, site.protocol) if c.name == name)
    return one.verdict, one.found


def test_a_criterion_over_all_bags_waits_for_each_bag_and_falls_with_any(stage: Stage) -> None:
    """One bag has passed and the other was not tested: pending. Whichever of them fails, the criterion falls."""
    site, first, second = over_all(
        stage, (VIABILITY, 'unit: "%", at_least: 70')
    )  # fmt: skip
    for bag in (first, second):
        site.do("freeze", material=bag)
    site.do("test_bag", material=first, values={"viability": "60 %"})
    assert stands(site, "viability") == ("failed", "60 %"), "whatever the other one gives"
    site.correct("test_bag", "viability", "90 %", material=first, by="analyst.2")
    assert stands(site, "viability") == ("pending", f"90 % (missing: test_bag of {second}) (corrected)")
    site.do("test_bag", material=second, values={"viability": "75 %"})
    assert stands(site, "viability") == ("passed", "75 % (corrected)")
    site.correct("test_bag", "viability", "69 %", material=first)
    assert stands(site, "viability") == ("failed", "69 % (corrected)"), "the other bag is no second chance"


def test_a_sum_over_bags_is_decided_as_soon_as_no_missing_bag_can_change_it(stage: Stage) -> None:
    """A bag that nobody counted yet holds something: below a least sum it is pending, above a most it has failed already."""
    cells = "measure: freeze.cells, unit: cells, at_least: 1e7, each_bag: true,"
    least = "measure: {of: freeze.cells, combine: sum}, unit: cells, at_least: 1e8, at_most: 1e9,"
    site, first, second = over_all(stage, (cells, least))
    site.do("freeze", material=first, values={"cells": "5e7 cells"})
    assert stands(site, "cells") == (
        "pending",
        f"5.00e+7 to 1.00e+11 cells (missing: freeze of {second})",
    )
    site.do("freeze", material=second, values={"cells": "2e7 cells"})
    assert stands(site, "cells") == ("failed", "7.00e+7 cells")
    site, first, second = over_all(stage, (cells, least.replace("1e9", "1e8").replace("at_least: 1e8, ", "")))
    site.do("freeze", material=first, values={"cells": "1e8 cells"})
    assert stands(site, "cells") == ("failed", "1.00e+8 to 1.00e+11 cells"), "one cell more is too many"


def test_a_criterion_whose_factor_is_missing_falls_as_soon_as_no_factor_saves_it(stage: Stage) -> None:
    """Cells for each millilitre: the volume comes late. So many cells are too many in the largest bag, and few enough in none."""
    cells = "measure: freeze.cells, unit: cells, at_least: 1e7, each_bag: true,"
    each = "measure: {of: freeze.cells, divide: freeze.volume, combine: sum}, unit: cells/mL, at_most: 1e6,"
    late = (
        "unit: mL, plausible: [1, 500]}\n      - {name: cells",
        "unit: mL, plausible: [1, 500], late: true}\n      - {name: cells",
    )
    site, first, second = over_all(stage, (cells, each), late)
    for bag, held in ((first, "4e7 cells"), (second, "5e7 cells")):
        site.do("freeze", material=bag, values={"cells": held, "volume": None})
    assert stands(site, "cells") == ("pending", "180000 to 9.00e+7 cells/mL (missing: freeze.volume)")
    site.correct("freeze", "cells", "6e8 cells", material=second)
    assert stands(site, "cells") == ("failed", "1.28e+6 to 6.40e+8 cells/mL (corrected)")
