"""For each rule of the process one record that breaks it: signed with a lawful key, past the desk, which would refuse it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from console.rehearsal import Patient
from events.facts.base import Fact
from events.facts.course import ActWitnessed, FactCorrected, PatientDied
from events.facts.happened import ActHappened, ForeignItem
from events.facts.quality import DeviationClosed, IdentityMismatched
from events.facts.recalls import RecallReached
from events.facts.site import LotRecalled
from events.facts.steps import CellsCollected, DispositionDecided, ProductInfused, SlotsBooked
from protocol.commands import Correct, OpenDeviation
from tests.stage import ANNA, BRUNO, Stage, Staged

DORA = Patient(4, "T-4", ANNA.choices)
"""Another patient of Anna's dose level."""

PLANTS: dict[str, Callable[[Stage], Staged]] = {}


def plant(rule: str) -> Callable[[Callable[[Stage], Staged]], Callable[[Stage], Staged]]:
    """Notes which rule a plant breaks."""

    def note(make: Callable[[Stage], Staged]) -> Callable[[Stage], Staged]:
        PLANTS[rule] = make
        return make

    return note


def decided(site: Staged, step: str, by: str, **changes: Any) -> tuple[Fact, ...]:
    """The facts that the desk would record of a step now."""
    return site.desk.may("T-1", site.form(step, **changes), by).facts


@plant("consent first")
def _booked_for_a_stranger(stage: Stage) -> Staged:
    site = stage.at("consent")
    at = site.clock()
    site.forge(
        [SlotsBooked(therapy="T-1", key=site.due("slot_chain").at.key(), started=at, ended=at, slots=())], "scheduler.1"
    )
    return site


@plant("identity before collection")
def _collected_before_enrolment(stage: Stage) -> Staged:
    site = stage.at("enrolment")
    at = site.clock()
    key = site.due("apheresis").at.key()
    site.forge([CellsCollected(therapy="T-1", key=key, started=at, ended=at, din="G123426100009")], "apheresis.nurse.1")
    return site


@plant("one owner")
def _a_donation_number_twice(stage: Stage) -> Staged:
    site = stage.at("apheresis", other=True)
    (fact, *_) = decided(site, "apheresis", "apheresis.nurse.1")
    assert isinstance(fact, CellsCollected)
    theirs = next(m.code for m in site.therapy(BRUNO).materials.values() if m.kind == "leukapheresis")
    (new,) = fact.created
    made = fact.model_copy(update={"din": theirs, "created": (new.model_copy(update={"code": theirs}),)})
    site.forge([made], "apheresis.nurse.1")
    return site


@plant("two people")
def _a_second_account(stage: Stage) -> Staged:
    site = stage.at("apheresis")
    site.perform("apheresis", by="apheresis.nurse.1")
    act = site.waiting()
    mine = site.hire(act.by.person, "moonlight", "apheresis_nurse")
    site.forge([ActWitnessed(therapy="T-1", act=act.by.link, key=act.at.key())], mine, meaning="witnessed")
    return site


@plant("closed by another")
def _closed_by_its_opener(stage: Stage) -> Staged:
    site = stage.at("transport")
    site.act(OpenDeviation(grade="minor", says="a scratch"), "qa.releaser.1")
    (code,) = site.now.deviations
    site.forge([DeviationClosed(therapy="T-1", deviation=code, conclusion="no harm")], "qa.releaser.1")
    return site


@plant("released by rule")
def _released_with_a_failed_test(stage: Stage) -> Staged:
    site = stage.at("disposition")
    site.correct("test_phenotype", "cd3", "40 %")
    at = site.clock()
    released = DispositionDecided(
        therapy="T-1", key=site.due("disposition").at.key(), started=at, ended=at, decision="released",
        materials=(site.one("drug_product"),), place="plant",
    )  # fmt: skip
    site.forge([released], "qa.releaser.1", meaning="released")
    return site


@plant("held until received")
def _conditioned_too_early(stage: Stage) -> Staged:
    later = stage.at("lymphodepletion")
    given = decided(later, "lymphodepletion", "ward.nurse.1")
    site = stage.at("disposition")
    site.forge(given, "ward.nurse.1")
    return site


@plant("cohort waits")
def _the_next_of_a_dose_level(stage: Stage) -> Staged:
    def both(site: Staged) -> None:
        site.play(ANNA, "acute_monitoring")
        site.play(DORA, "safety_decision")

    site = stage.of("two of a dose level", both)
    alone = stage.at("lymphodepletion", DORA)
    given = alone.desk.may(DORA.therapy, alone.form("lymphodepletion"), "ward.nurse.1").facts
    site.forge(given, "ward.nurse.1", therapy=DORA.therapy)
    return site


@plant("infused by rule")
def _infused_without_a_bedside_check(stage: Stage) -> Staged:
    site = stage.at("bedside_check")
    bag, at = site.one("drug_product"), site.clock()
    key = site.due("infusion", material=bag).at.key()
    site.forge(
        [ProductInfused(therapy="T-1", key=key, started=at, ended=at, infused=(bag,), consumed=(bag,))], "ward.nurse.1"
    )
    return site


@plant("nothing after the end")
def _thawed_after_a_death(stage: Stage) -> Staged:
    site = stage.at("thaw")
    site.forge([PatientDied(therapy="T-1", at=site.clock(), reason="of the disease")], "investigator.1")
    site.pass_(minutes=5)
    (fact, *_) = decided(stage.at("thaw"), "thaw", "cell.lab.1")
    site.forge([fact.model_copy(update={"started": site.clock(), "ended": site.clock()})], "cell.lab.1")
    return site


@plant("no foreign scan")
def _anothers_wristband(stage: Stage) -> Staged:
    site = stage.at("bedside_check", other=True)
    (fact, *_) = decided(site, "bedside_check", "ward.nurse.1")
    wrong = [
        scan.model_copy(update={"code": site.therapy(BRUNO).wristband}) if scan.name == "wristband" else scan
        for scan in getattr(fact, "scans")  # noqa: B009
    ]
    site.forge([fact.model_copy(update={"scans": tuple(wrong)})], "ward.nurse.1")
    return site


@plant("held items stand still")
def _went_on_while_held(stage: Stage) -> Staged:
    site = stage.at("bedside_check", other=True)
    facts = decided(site, "bedside_check", "ward.nurse.1")
    with site.refused("identity.wrong-item", records=1):
        site.perform("bedside_check", scan={"bag": site.therapy(BRUNO).wristband})
    site.forge(facts, "ward.nurse.1")
    return site


@plant("released stays true")
def _corrected_and_not_quarantined(stage: Stage) -> Staged:
    site = stage.at("product_hand_over")
    wrong = Correct(step="test_phenotype", reading="cd3", value="40", unit="%", why="misread")
    first, *rest = site.desk.may("T-1", wrong, "qc.analyst.1").facts
    assert isinstance(first, FactCorrected)
    assert rest, "a quarantine follows, which this record leaves out"
    site.forge([first], "qc.analyst.1", meaning="corrected")
    return site


@plant("collection in time")
def _late_and_no_deviation(stage: Stage) -> Staged:
    site = stage.at("wash_collection")
    site.pass_(hours=30)
    first, *rest = decided(site, "wash_collection", "operator.1")
    assert rest
    site.forge([first.model_copy(update={"awaits": ()})], "operator.1")
    return site


@plant("excursion quarantines")
def _warm_and_not_quarantined(stage: Stage) -> Staged:
    site = stage.at("transport")
    first, *rest = decided(site, "transport", "courier.1", values={"highest": "20 C"})
    assert rest
    site.forge([first], "courier.1", meaning="given")
    return site


@plant("late infusion deviates")
def _late_infusion_and_no_deviation(stage: Stage) -> Staged:
    site = stage.at("infusion")
    site.pass_(minutes=40)
    first, *rest = decided(site, "infusion", "ward.nurse.1")
    assert rest
    site.forge([first], "ward.nurse.1")
    return site


@plant("both are held")
def _one_is_told_the_other_not(stage: Stage) -> Staged:
    site = stage.at("bedside_check", other=True)
    bag = site.therapy(BRUNO).live("drug_product")[0].code
    key = site.due("bedside_check").at.key()
    stop = IdentityMismatched(therapy="T-1", key=key, scan="bag", expected="X-1", presented=bag, other="T-2")
    site.forge([stop], "ward.nurse.1", also=["therapy/T-2"])
    return site


@plant("recall reaches")
def _a_recall_that_leaves_one_out(stage: Stage) -> Staged:
    site = stage.at("disposition", other=True)
    lot = LotRecalled(lot="LOT-VECTOR", reason="particles")
    reached = RecallReached(therapy="T-1", lot="LOT-VECTOR", reason="particles", uses=())
    site.forge([lot, reached], "quality.1", subject="lot/LOT-VECTOR")
    return site


@plant("told is heard")
def _a_wrong_patient_that_nobody_hears_of(stage: Stage) -> Staged:
    site = stage.at("infusion", other=True)
    theirs = site.therapy(BRUNO).live("drug_product")[0].code
    at = site.clock()
    told = ActHappened(
        therapy="T-1", event="H-1", key=site.due("infusion").at.key(), started=at, ended=at, says="swapped",
        foreign=(ForeignItem(code=theirs, therapy="T-2", effect="infused"),),
    )  # fmt: skip
    site.forge([told], "ward.nurse.1")
    return site
