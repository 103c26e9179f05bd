"""A weight that halves or doubles between two visits is asked about, and recorded only with a reason.

154 kg at screening and 70 kg on the ward are one patient in two units; a dose per kilogram believes either.

Source: ISMP, Targeted Medication Safety Best Practices, 3: weigh in metric units only; ICH E6(R3) 4.2.2, plausibility checks
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pytest

from console.acts import Given
from console.questions import confirm_leaps
from events.facts.base import RawFile, Reading
from events.facts.happened import ActHappened
from events.facts.steps import StepFact
from events.verify import verify
from protocol.audit import audit_all
from protocol.changes import leaps
from protocol.commands import Entered, PaperEntry, TellHappened
from protocol.file import read_protocol
from protocol.reader import Reader
from tests.stage import STUDY, Stage, Staged

pytestmark = pytest.mark.story
STEP = "lymphodepletion"


def settled(site: Staged) -> None:
    """Nothing that stands in the log would be decided otherwise."""
    assert verify(site.log).clean
    assert audit_all(Reader(site.log)) == []


def weighed(stage: Stage, before: str) -> Staged:
    """The patient is weighed again before the second dose of lymphodepletion; before the first it was so many kilograms."""
    site = stage.at(STEP)
    site.do(STEP, readings=weight(site, before, "weighed on two scales"))
    site.pass_(days=1)
    return site


def weight(site: Staged, value: str, confirmed: str | None = None) -> dict[str, Entered]:
    """The values of today, with this weight."""
    return {**site.form(STEP).readings, "weight": Entered(value=value, confirmed=confirmed)}


def recorded(facts: tuple[object, ...]) -> Reading:
    """The weight as a record has it."""
    (fact,) = [fact for fact in facts if isinstance(fact, StepFact)]
    return next(reading for reading in fact.readings if reading.name == "weight")


def _answer(answers: Iterator[str], _question: str) -> str:
    return next(answers)


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        ("154 kg", "70 kg", "55 % less than 154 kg"),
        ("70 kg", "154 kg", "120 % more than 70 kg"),
        ("70 kg", "35 kg", "50 % less"),
        ("70 kg", "140 kg", "100 % more"),
        ("70 kg", "91.1 kg", "30 % more"),
        ("70 kg", "7.0 kg", "decimal point"),
    ],
)
def test_a_weight_that_leaps_is_asked_about(stage: Stage, before: str, now: str, told: str) -> None:
    """Nothing is recorded until somebody has looked and says why it is right; the reason stands with the value."""
    site = weighed(stage, before)
    with site.refused("value.changed") as refusal:
        site.perform(STEP, readings=weight(site, now))
    assert told in refusal.says
    assert "recorded in lymphodepletion" in refusal.says
    assert "--confirm weight=TEXT" in refusal.advice
    why = "weighed twice; oedema has gone"
    reading = recorded(site.perform(STEP, readings=weight(site, now, why)).facts)
    assert reading.confirmed == why
    settled(site)


@pytest.mark.parametrize(
    ("before", "now"), [("154 kg", "70 kg"), ("70 kg", "154 kg"), ("70 kg", "155 kg"), ("60 kg", "132.3 kg")]
)
def test_where_the_factor_is_that_of_pounds_the_question_says_so(stage: Stage, before: str, now: str) -> None:
    """2.2046 pounds are a kilogram."""
    site = weighed(stage, before)
    with site.refused("value.changed") as told:
        site.perform(STEP, readings=weight(site, now))
    assert "read in pounds?" in told.says
    assert "2.20462" in told.says


@pytest.mark.parametrize(
    ("before", "now"), [("70 kg", "70 kg"), ("70 kg", "49 kg"), ("70 kg", "91 kg"), ("100 kg", "70.0 kg")]
)
def test_what_changes_by_no_more_than_the_study_says_is_not_asked_about(stage: Stage, before: str, now: str) -> None:
    """Thirty per cent, and not more: it is recorded without a word."""
    site = weighed(stage, before)
    assert recorded(site.perform(STEP, readings=weight(site, now)).facts).confirmed is None
    settled(site)


def test_the_last_value_counts_and_not_the_first(stage: Stage) -> None:
    """Each day is compared with the day before; and a quantity the study does not name is compared with nothing."""
    site = weighed(stage, "100 kg")
    site.do(STEP, readings=weight(site, "75 kg"))
    site.pass_(days=1)
    with site.refused("value.changed") as told:
        site.perform(STEP, readings=weight(site, "110 kg"))
    assert "75 kg" in told.says
    assert "lymphodepletion 2" in told.says
    # Screening was another step: what was weighed there counts for the first dose.
    first = stage.at(STEP)
    with first.refused("value.changed") as told:
        first.perform(STEP, readings=weight(first, "20 kg"))
    assert "recorded in eligibility" in told.says
    text = STUDY.read_text(encoding="utf-8")
    silent = stage.site(read_protocol(text.replace(", changes_at_most: 30 %", "")))
    silent.play(silent.patient, STEP)
    silent.perform(STEP, readings=weight(silent, "20 kg"))


def test_a_correction_is_asked_too(stage: Stage) -> None:
    """Why it was written wrongly is one thing, that 154 is right another. A correction that takes a leap away is not asked about."""
    site = weighed(stage, "70 kg")
    site.do(STEP, readings=weight(site, "69 kg"))
    with site.refused("value.changed"):
        site.correct(STEP, "weight", "154 kg", why="misread", occurrence="2")
    site.correct(STEP, "weight", "154 kg", why="misread", occurrence="2", confirmed="weighed with the bed")
    site.correct(STEP, "weight", "68 kg", why="the bed was not tared", occurrence="2")
    # The first one of all is compared with the one that comes after it.
    with site.refused("value.changed") as told:
        site.correct("eligibility", "weight", "20 kg", why="stones")
    assert "lymphodepletion" in told.says
    settled(site)


def test_on_paper_and_told_afterwards_it_is_the_same(stage: Stage) -> None:
    """A sheet says 154. Whoever types it looks whether it does; told by another, the same."""
    site = weighed(stage, "70 kg")
    then = site.clock()
    site.pass_(hours=2)
    form = site.form(STEP)
    spec = site.protocol.by_id[STEP]
    assert spec.second is not None
    doer = site.who(spec.performed_by)
    sheet = PaperEntry(
        file=RawFile(sha256="b" * 64, size=9, what="paper record"), performed_by=doer,
        second_by=site.who(spec.second[0], site.person(doer)), why="the network was down",
    )  # fmt: skip
    with site.refused("value.changed"):
        site.act(
            site.form(STEP, readings=weight(site, "154 kg"), paper=sheet, started=then, ended=then), "qa.releaser.1"
        )
    told = TellHappened(
        step=STEP, started=then, performed_by=(sheet.performed_by,), scans=form.scans, readings=weight(site, "154 kg"),
        used=form.used, says="weighed and infused before anybody signed",
    )  # fmt: skip
    with site.refused("value.changed"):
        site.act(told, "qa.releaser.1")
    again = told.model_copy(update={"readings": weight(site, "154 kg", "it stands so on the sheet, twice")})
    (fact,) = [f for f in site.act(again, "qa.releaser.1").facts if isinstance(f, ActHappened)]
    assert [r.confirmed for r in fact.readings if r.name == "weight"] == ["it stands so on the sheet, twice"]
    settled(site)


def test_a_reason_of_spaces_is_no_reason(stage: Stage) -> None:
    """The reason is held to what every reason is held to."""
    site = weighed(stage, "70 kg")
    with pytest.raises(ValueError, match="blanks"):
        weight(site, "154 kg", "   ")


def test_on_a_terminal_it_is_one_question_more(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    """Enter: I have looked, it is 70; the value is typed again. Or it is right, and I say why."""
    site = weighed(stage, "70 kg")
    for answers, value, confirmed in (
        (["", "71 kg"], "71 kg", {}),
        (["weighed twice"], "154 kg", {"weight": "weighed twice"}),
    ):
        given = Given()
        given.readings = {"weight": "154 kg"}
        said = iter(answers)
        confirm_leaps(STEP, site.desk, "T-1", given, ZoneInfo("UTC"), partial(_answer, said))
        assert (given.readings["weight"], given.confirmed) == (value, confirmed)
        assert "pounds" in capsys.readouterr().out
    # An act file says both.
    given = Given({"readings": {"weight": "154 kg"}, "confirmed": {"weight": "weighed twice"}})
    form = given.perform(STEP, ZoneInfo("UTC"))
    assert form.readings["weight"].confirmed == "weighed twice"
    assert (
        leaps(site.now, site.protocol.by_id[STEP], form, site.clock() + timedelta(minutes=1))[0].reason
        == "weighed twice"
    )
