"""The study's file is kept to, or the program says that it is not: offers, slots, days apart, places, alternatives.

Source: docs/protocol-file.md.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console.rehearsal import Patient
from events.facts.base import Fact, Slot
from events.facts.course import StepOffered
from events.facts.quality import DeviationOpened, MaterialQuarantined
from protocol.amendments import changes
from protocol.audit import audit_all
from protocol.commands import ChooseOption, ReportIncident, TellHappened, Witness
from protocol.custody import custody_trail, elsewhere, gaps
from protocol.due import instances
from protocol.file import read_protocol
from protocol.model import StudyProtocol
from protocol.reader import Reader
from protocol.release import evaluate, readings_of
from protocol.schedule import Entry, schedule
from tests.stage import Stage, Staged

pytestmark = pytest.mark.story
STUDY = Path(__file__).parents[1] / "protocol" / "studies" / "kept.yaml"
EVA = Patient(7, "T-7", bags=2)


def kept() -> StudyProtocol:
    """The study of these stories."""
    return read_protocol(STUDY.read_text(encoding="utf-8"))


def before(stage: Stage, step: str) -> Staged:
    """The patient about to come to a step."""
    site = stage.site(kept(), EVA)
    site.play(EVA, step, late=False)
    return site


def offers(site: Staged) -> Counter[str]:
    """How often the log says that each step was offered."""
    facts: list[Fact] = [fact for record in site.records() for fact in record.facts]
    return Counter(fact.step for fact in facts if isinstance(fact, StepOffered))


def to_do(site: Staged, step: str) -> list[str]:
    """The instances of a step that the therapy waits for."""
    open_ = ("ready", "waiting")
    return [
        str(d.at)
        for d in instances(site.now, site.protocol)
        if d.step.id == step and d.standing in open_ and d.required
    ]


def settled(site: Staged) -> None:
    """Every record of the story is decided again as it was decided."""
    assert audit_all(Reader(site.log)) == []


# ------------------------------------------------------------------ 1: a step is done as often as it was offered


def test_a_step_is_done_as_often_as_it_was_offered(stage: Stage) -> None:
    """Offered by a late count, by an incident, by two visits: four offers, and four times it can be done, one after another."""
    site = before(stage, "give")
    site.late("apheresis", {"cd3": "1e8 cells"})
    assert to_do(site, "extra") == ["extra"]
    site.do("extra")
    assert to_do(site, "extra") == []
    site.act(ReportIncident(name="no_courier", says="nobody came"), "nurse.1")
    assert to_do(site, "extra") == ["extra 2"]
    site.act(ChooseOption(incident="I-1", option="again", why="we wait"), "doctor.1")
    site.do("rebook")
    site.act(ReportIncident(name="no_courier", says="nobody came again"), "nurse.1")
    assert to_do(site, "extra") == ["extra 2", "extra 3"]
    with site.refused("order.after"):
        site.perform("extra", occurrence="3")
    site.do("extra")
    site.do("extra")
    with site.refused("order.done"):
        site.perform("extra")
    assert offers(site)["extra"] == 3
    settled(site)


def test_the_same_limit_of_the_same_act_offers_once(stage: Stage) -> None:
    """The count is corrected and is still too low; another value of that act is too low as well: it stands, and is one offer."""
    site = before(stage, "give")
    site.late("apheresis", {"cd3": "1e8 cells"})
    site.correct("apheresis", "cd3", "2e8 cells")
    site.late("apheresis", {"cd4": "1e8 cells"})
    assert offers(site)["extra"] == 3  # each is on record
    assert to_do(site, "extra") == ["extra"]
    settled(site)


def test_a_limit_of_one_bag_offers_for_that_bag(stage: Stage) -> None:
    """One of two bags is cloudy: it is looked at again, and once more when it is still; the release waits for that."""
    site = before(stage, "zeta")
    first, second = sorted(m.code for m in site.now.live("bag"))
    site.do("zeta", material=first, values={"clear": "no"})
    site.do("zeta", material=second)
    assert to_do(site, "look") == [f"look of {first}"]
    site.do("look", material=first, values={"clear": "no"})
    assert to_do(site, "look") == [f"look 2 of {first}"]
    assert site.standing("disposition") == "waiting"
    with site.refused("order.instance"):
        site.perform("look", material=second)
    site.do("look", material=first)
    assert site.standing("disposition") == "ready"
    assert to_do(site, "extra") == ["extra"]
    settled(site)


def test_a_series_begins_anew_with_each_offer(stage: Stage) -> None:
    """Two bags wait too long by one clock: one series of two doses. A visit with fever offers another two."""
    site = before(stage, "infusion")
    site.pass_(days=20)
    site.system()
    assert offers(site)["series"] == 2  # one for each bag that waits
    assert to_do(site, "series") == ["series", "series 2"]
    for _ in range(2):
        site.do("series")
    bag = site.due("infusion").at.material
    site.do("infusion", material=bag)
    site.pass_(days=1)
    site.do("visits", occurrence="Z1", values={"fever": "yes"})
    assert to_do(site, "series") == ["series 3", "series 4"]
    for _ in range(2):
        site.do("series")
    assert to_do(site, "series") == []
    settled(site)


# ------------------------------------------------------------------ 2, 3, 7: the calendar


def planned(site: Staged, step: str, material: str = "") -> list[Entry]:
    """The lines of the calendar for a step, in its order."""
    return [e for e in schedule(site.now, site.protocol) if e.at.step == step and material in ("", e.at.material)]


def slots(start: datetime, *resources: str, name: str = "A") -> tuple[Slot, ...]:
    """A slot of eight hours for each resource."""
    ends = start + timedelta(hours=8)
    return tuple(Slot(resource=r, code=f"{r.upper()}-{name}", starts=start, ends=ends) for r in resources)


def test_a_slot_that_is_booked_again_moves_the_calendar(stage: Stage) -> None:
    """The first slot stays on record; the calendar follows the one that was booked last, and the first again where that is given back."""
    site = before(stage, "give")
    first = planned(site, "days")[0]
    assert "booked: " in first.why or "no sooner" in first.why
    site.act(ReportIncident(name="no_courier", says="nobody came"), "nurse.1")
    site.act(ChooseOption(incident="I-1", option="again", why="we wait"), "doctor.1")
    later = datetime(2026, 6, 1, 8, tzinfo=UTC)
    site.do("rebook", slots=slots(later, "courier", "days"))
    moved = planned(site, "days")
    assert [e.planned for e in moved] == [later + timedelta(days=n) for n in range(3)]
    assert moved[0].why == "booked: DAYS-A"
    assert min(e.planned for e in planned(site, "carry") if e.planned) == later + timedelta(days=2)
    # Another pick-up is wanted: the slots that are still to come are given back, and nothing is booked for the days now.
    site.act(ReportIncident(name="no_courier", says="nobody came again"), "nurse.1")
    site.act(ChooseOption(incident="I-2", option="again", why="we wait"), "doctor.1")
    assert site.now.slot("days") is None
    assert planned(site, "days")[0].planned != later
    site.do("rebook", slots=slots(later + timedelta(days=9), "courier", "days", name="B"))
    assert planned(site, "days")[0].planned == later + timedelta(days=9)
    settled(site)


def test_days_that_lie_apart_stay_apart(stage: Stage) -> None:
    """The first day comes no sooner than a limit allows; each further one is planned a day after the one before, planned or done."""
    site = before(stage, "days")
    days = [e.planned for e in planned(site, "days")]
    decided = site.now.of_step("disposition")[0].fact.ended
    assert days[0] is not None
    assert days[0] >= decided + timedelta(days=3)
    assert days == [days[0] + timedelta(days=n) for n in range(3)]
    site.do("days")
    begun = site.now.of_step("days")[0].fact.started
    assert [e.planned for e in planned(site, "days")][1:] == [begun + timedelta(days=n) for n in (1, 2)]
    # Only the first day is done: what counts from the end of the last one is not counted from this one.
    assert all(e.earliest == begun + timedelta(days=4) for e in planned(site, "infusion"))
    # The second day comes a day late, and so does the third.
    site.pass_(days=2)
    site.do("days")
    late = site.now.of_step("days")[1].fact.started
    assert planned(site, "days")[2].planned == late + timedelta(days=1)
    assert planned(site, "days")[2].why == f"every 1 d: after days 2 ({late:%Y-%m-%d %H:%M} UTC, happened)"


def test_a_reason_names_the_act_on_the_same_bag(stage: Stage) -> None:
    """Two bags: the first is thawed. The infusion of the second is not planned after a thaw that was not its own."""
    site = before(stage, "thaw")
    first, second = sorted(m.code for m in site.now.live("bag"))
    site.do("thaw", material=first)
    thawed = site.now.of_step("thaw")[0].fact.ended
    (own,), (other,) = planned(site, "infusion", first), planned(site, "infusion", second)
    assert own.why.startswith(("1 h after thaw.end", "no sooner"))
    assert own.planned == max(thawed + timedelta(hours=1), own.earliest or thawed)
    assert f"{thawed:%Y-%m-%d %H:%M}, happened" not in other.why


def test_what_stands_at_one_time_stands_in_the_study_s_order(stage: Stage) -> None:
    """Two tests after one step, zeta before alpha in the file; visits Z1 before A2; bags by their code."""
    site = before(stage, "drive")
    at = [e.at for e in schedule(site.now, site.protocol) if e.planned is not None and e.happened is None]
    steps = [one.step for one in at]
    assert steps.index("zeta") < steps.index("alpha")
    assert [one.occurrence for one in at if one.step == "visits"] == ["Z1", "A2"]
    after = next(e for e in schedule(site.now, site.protocol) if e.at.step == "disposition")
    assert after.why.startswith("after alpha")  # of what ends at one time, what is the last in the study
    unknown = [e.at.step for e in schedule(before(stage, "screening").now, site.protocol) if e.happened is None]
    order = list(site.protocol.by_id)
    assert unknown == sorted(unknown, key=order.index)


# ------------------------------------------------------------------ 5: a step is done where its material is


def away(stage: Stage, step: str, place: str) -> Staged:
    """The patient about to come to a step that this version of the study does at another place than where its material is."""
    lines = kept().text.split("\n")
    first = next(n for n, line in enumerate(lines) if f"id: {step}" in line)
    at = next(n for n in range(first, len(lines)) if "at: " in lines[n])
    for old in ("at: plant", "at: ward"):
        lines[at] = lines[at].replace(old, f"at: {place}")
    site = stage.site(read_protocol("\n".join(lines)), EVA)
    site.play(EVA, step, late=False)
    return site


def test_no_step_is_done_away_from_its_material(stage: Stage) -> None:
    """The bags are at the plant; a test on the ward, a thaw in the van are refused, and both places are named."""
    site = away(stage, "zeta", "ward")
    first, _ = sorted(m.code for m in site.now.live("bag"))
    with site.refused("custody.place") as told:
        site.perform("zeta", material=first)
    assert (told.values["place"], told.values["expected"]) == ("plant", "ward")
    assert told.says.startswith(f"{first} is at plant, held by maker")
    assert "Bring it to ward first" in told.advice
    site = away(stage, "thaw", "van")
    with site.refused("custody.place") as told:
        site.perform("thaw", material=sorted(m.code for m in site.now.live("bag"))[0])
    assert (told.values["place"], told.values["expected"]) == ("ward", "van")
    settled(site)


def test_what_is_used_up_is_there_too(stage: Stage) -> None:
    """The cells came to the plant; a process in the van would use up what is not in the van."""
    site = away(stage, "make", "van")
    with site.refused("custody.place"):
        site.perform("make")


def test_what_was_done_away_from_its_material_is_told_and_the_trail_shows_the_gap(stage: Stage) -> None:
    """It happened all the same: it is told with the rule that stood against it; trail and audit say where nobody brought it."""
    site = away(stage, "infusion", "plant")
    first, _ = sorted(m.code for m in site.now.live("bag"))
    form = site.form("infusion", material=first)
    told = TellHappened(
        step="infusion", material=first, started=site.clock(), performed_by=("nurse.1", "doctor.1"), scans=form.scans,
        readings=form.readings, says="given in the plant",
    )  # fmt: skip
    with site.refused("custody.place"):
        site.perform("infusion", material=first)
    receipt = site.act(told, "nurse.1")
    (occurred,) = site.now.occurred.values()
    assert "custody.place" in [rule.rule for rule in occurred.fact.broken]
    assert any("is at ward" in gap for gap in gaps(site.now))
    site.act(Witness(act=receipt.link), "doctor.1")
    assert site.now.materials[first].ended == "infused"
    line = next(
        line for line in custody_trail(site.now, first) if line.place == "plant" and "nobody brought" in line.how
    )
    assert line.how == f"nobody brought it to plant, where infusion of {first} was done (told afterwards by another)"
    assert gaps(site.now) == [f"{first} was at ward: {line.how}"]
    assert [finding.kind for finding in audit_all(Reader(site.log))] == ["custody"]


def test_a_test_that_is_signed_after_the_bag_has_left_was_done_where_it_was(stage: Stage) -> None:
    """What counts is where the material was when the step began, not where it is when somebody signs."""
    site = before(stage, "check")
    (act,) = [a for a in site.now.of_step("zeta") if a.at.material == sorted(m.code for m in site.now.live("bag"))[0]]
    code = act.at.material
    assert elsewhere(site.now, code, "plant", act.fact.started) == ""
    assert elsewhere(site.now, code, "plant", site.clock()) == "ward"
    assert elsewhere(site.now, code, "ward", site.clock()) == ""
    assert gaps(site.now) == []


# ------------------------------------------------------------------ 11: one of several criteria is enough

ALTERNATIVES = """release:
  product: bag
  failing: deviation major
  criteria:
    - id: potency
      title: Potency
      any_of:
        - {id: ifn, title: IFN-gamma, measure: alpha.ifn, unit: pg/mL, at_least: 100}
        - {id: killing, title: Killing, measure: alpha.killing, unit: "%", at_least: 30}
    - id: sterility
      title: Sterility by either method
      may_be_pending: true
      any_of:
        - {id: rapid, title: Rapid method, measure: alpha.sterile, must_be: negative}
        - {id: classic, title: Culture of 14 days, measure: alpha.culture, must_be: negative}
    - id: dose
      title: Dose by weight, or a flat cap
      any_of:
        - {id: per_kg, title: By weight, measure: {of: make.cells, divide: screening.weight}, unit: cells/kg, at_most: 2e6}
        - {id: flat, title: Flat cap, measure: make.cells, unit: cells, at_most: 1e8}
"""


def either(stage: Stage, until: str = "disposition") -> Staged:
    """The patient about to be decided on, by criteria with alternatives; 50 kg, 1.2e8 cells: 2.4e6 cells/kg, too many by both."""
    text = kept().text
    own = text[text.index("\nrelease:\n") + 1 : text.index("\nescalation:") + 1]
    site = stage.site(read_protocol(text.replace(own, ALTERNATIVES)), EVA)
    site.play(EVA, until, late=False)
    return site


def stands(site: Staged) -> dict[str, tuple[str, str]]:
    """Each criterion: its verdict, and what was found."""
    return {c.name: (c.verdict, c.found) for c in evaluate(site.now, site.protocol)}


def test_one_alternative_that_passes_is_enough(stage: Stage) -> None:
    """Pending while none is known or only one has failed; passed with the first that passes; what was found of each is shown."""
    site = either(stage)
    assert stands(site)["potency"] == ("pending", "ifn no result, pending; killing no result, pending")
    site.late("alpha", {"ifn": "20 pg/mL"})
    assert stands(site)["potency"] == ("pending", "ifn 20 pg/mL, failed; killing no result, pending")
    assert site.now.deviations == {}
    with site.refused("release.criteria") as told:
        site.perform("disposition")
    assert "potency pending" in told.says
    assert "passes ifn at least 100 pg/mL or killing at least 30 %" in told.says
    site.late("alpha", {"killing": "45 %"})
    assert stands(site)["potency"] == ("passed", "ifn 20 pg/mL, failed; killing 45 %, passed")
    assert site.now.deviations == {}
    assert stands(site)["dose"][0] == "passed"
    site.do("disposition")
    settled(site)


def test_it_fails_when_every_alternative_fails(stage: Stage) -> None:
    """Then the deviation opens, and the release is refused; a correction of either makes it pass."""
    site = either(stage)
    site.late("alpha", {"ifn": "20 pg/mL"})
    receipt = site.late("alpha", {"killing": "10 %"})
    assert stands(site)["potency"] == ("failed", "ifn 20 pg/mL, failed; killing 10 %, failed")
    assert [f.grade for f in receipt.facts if isinstance(f, DeviationOpened)] == ["major"]
    with site.refused("release.criteria"):
        site.perform("disposition")
    settled(site)


def test_a_late_failure_of_one_alternative_fells_nothing_while_another_holds(stage: Stage) -> None:
    """Released on the rapid method; the culture is positive: the release stands. The rapid result is corrected too: it falls."""
    site = either(stage)
    site.late("alpha", {"killing": "45 %", "sterile": "negative"})
    assert stands(site)["sterility"][0] == "passed"
    site.do("disposition")
    late = site.late("alpha", {"culture": "positive"})
    assert stands(site)["sterility"] == ("passed", "rapid negative, passed; classic positive, failed")
    assert not [f for f in late.facts if isinstance(f, (DeviationOpened, MaterialQuarantined))]
    site.hire("P-77", "tester.77", "tester")
    fell = site.correct("alpha", "sterile", "positive", by="tester.77")
    assert [f.grade for f in fell.facts if isinstance(f, DeviationOpened)] == ["critical"]
    assert any(isinstance(f, MaterialQuarantined) for f in fell.facts)
    settled(site)


def test_a_release_falls_with_the_one_alternative_that_was_known(stage: Stage) -> None:
    """The rapid result was the only one: corrected to positive, nothing holds any more, though the culture is still pending."""
    site = either(stage)
    site.late("alpha", {"killing": "45 %", "sterile": "negative"})
    site.do("disposition")
    site.hire("P-77", "tester.77", "tester")
    fell = site.correct("alpha", "sterile", "positive", by="tester.77")
    assert stands(site)["sterility"][0] == "pending"
    assert [f.grade for f in fell.facts if isinstance(f, DeviationOpened)] == ["critical"]
    settled(site)


def test_a_release_that_waits_for_both_alternatives_falls_when_both_fail(stage: Stage) -> None:
    """Sterility may be pending: released without it, one positive changes nothing yet, the second fells the release."""
    site = either(stage)
    site.late("alpha", {"killing": "45 %"})
    site.do("disposition")
    site.late("alpha", {"sterile": "positive"})
    assert stands(site)["sterility"][0] == "pending"
    assert site.now.deviations == {}
    fell = site.late("alpha", {"culture": "positive"})
    assert [f.grade for f in fell.facts if isinstance(f, DeviationOpened)] == ["critical"]
    settled(site)


def test_an_amendment_tells_what_changes_in_an_alternative(stage: Stage) -> None:
    """The list of changes names the criterion, the alternative and the bound."""
    site = either(stage, "alpha")
    new = read_protocol(site.protocol.text.replace("at_least: 30}", "at_least: 40}"))
    told = [c for c in changes(site.now, site.protocol, new, ()) if c.where.startswith("criterion")]
    assert [(c.where, c.what, c.before, c.after) for c in told] == [
        ("criterion potency", "any_of killing at_least", "30", "40")
    ]


def test_a_hold_that_lapses_gives_back_its_own_slots(stage: Stage) -> None:
    """The days are booked again with a hold of a day: it lapses, and the courier who was booked before stays booked."""
    new = kept().text.replace(
        "after: confirm, performed_by: nurse, resources: [courier, days]}",
        "after: confirm, performed_by: nurse, resources: days, hold: 24 h}",
    )
    new = new.replace("title: Drive, after: give,", "title: Drive, after: [give, rebook],")
    site = stage.site(read_protocol(new), EVA)
    site.play(EVA, "give", late=False)
    courier = site.now.slot("courier")
    assert courier is not None
    site.act(ReportIncident(name="no_courier", says="nobody came"), "nurse.1")
    site.act(ChooseOption(incident="I-1", option="again", why="we wait"), "doctor.1")
    later = datetime(2026, 6, 1, 8, tzinfo=UTC)
    site.do("rebook", slots=slots(later, "days"))
    assert planned(site, "days")[0].planned == later
    site.pass_(hours=25)
    site.system()
    assert site.now.slot("days") is None
    assert site.now.slot("courier") == courier
    assert planned(site, "days")[0].planned != later
    settled(site)


def test_the_latest_visit_is_the_one_that_was_last(stage: Stage) -> None:
    """Visit A2 comes after Z1: what counts as the latest value is its own, whatever the alphabet says."""
    site = before(stage, "infusion")
    site.do("infusion", material=site.due("infusion").at.material)
    site.pass_(days=1)
    site.do("visits", occurrence="Z1", values={"fever": "no"})
    site.pass_(days=1)
    site.do("visits", occurrence="A2", values={"fever": "yes"})
    assert [now.value for now in readings_of(site.now, "visits.fever")] == ["no", "yes"]
