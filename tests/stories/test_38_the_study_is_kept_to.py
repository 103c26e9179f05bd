"""The study's file is kept to, or the program says that it is not: offers, slots, days apart, places, alternatives.

Source: docs/protocol-file.md.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from console.rehearsal import Patient
from events.facts.base import Fact
from events.facts.course import StepOffered
from protocol.audit import audit_all
from protocol.commands import ChooseOption, ReportIncident
from protocol.due import instances
from protocol.file import read_protocol
from protocol.model import StudyProtocol
from protocol.reader import Reader
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
