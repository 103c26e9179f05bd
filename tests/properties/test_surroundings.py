"""Rooms and markers: what is missing is exactly the time that nobody measured, and the word of all markers is never too good."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from events.facts.base import ActKey, Reading
from events.facts.steps import PatientObserved, ProcessPerformed
from protocol.environment import concerns, missing
from protocol.infection import WORST, look
from protocol.state import Act, Current, Instance, Monitored, Signed, Therapy
from tests.stage import study

BEGAN = datetime(2026, 3, 9, 9, 0, tzinfo=UTC)
MINUTES = st.integers(-30, 150)
SPANS = st.lists(st.tuples(MINUTES, MINUTES).map(sorted), max_size=6)
QUIET = settings(max_examples=300, derandomize=True, deadline=None)
SELECTION = Instance("selection")


def at(minute: int) -> datetime:
    return BEGAN + timedelta(minutes=minute)


def signed(number: int) -> Signed:
    return Signed(number, number, "", "P-1", "operator.1", "performed", BEGAN, BEGAN, "UTC")


def open_for(minutes: int, spans: list[list[int]]) -> Therapy:
    """Cells were open that long; plates lay in the room for these spans, each attached where it concerns the step."""
    fact = ProcessPerformed(
        therapy="T-1", key=ActKey(step="selection"), started=BEGAN, ended=at(minutes), suite="SUITE-1"
    )
    reading = (Reading(name="settle_plates", value="0", unit="CFU"),)
    value = next(v for v in study().environment.values if v.name == "settle_plates")  # type: ignore[union-attr]
    results = tuple(
        Monitored("SUITE-1", at(a), at(b), reading, (SELECTION,), "")
        for a, b in spans
        if concerns(value, fact, at(a), at(b))
    )
    return Therapy(id="T-1", acts={SELECTION: Act(SELECTION, fact, signed(1))}, environment=results)


@given(st.integers(0, 120), SPANS)
@QUIET
def test_a_result_is_missing_exactly_while_some_moment_of_the_step_is_not_covered(
    minutes: int, spans: list[list[int]]
) -> None:
    """Counted minute by minute: every stretch of the open step lies in one of the periods, or a result is missing."""
    covered = all(any(a <= m and m + 1 <= b for a, b in spans) for m in range(minutes))
    if minutes == 0:
        covered = any(a <= 0 <= b for a, b in spans)
    gaps = [gap for gap in missing(open_for(minutes, spans), study()) if gap.value.name == "settle_plates"]
    assert (gaps == []) is covered
    for gap in gaps:
        assert BEGAN <= gap.since <= gap.until <= at(minutes)


@given(st.integers(0, 120), SPANS, st.tuples(MINUTES, MINUTES).map(sorted))
@QUIET
def test_another_result_never_makes_more_of_them_missing(minutes: int, spans: list[list[int]], more: list[int]) -> None:
    """What was measured stays measured."""
    before = {gap.value.name for gap in missing(open_for(minutes, spans), study())}
    after = {gap.value.name for gap in missing(open_for(minutes, [*spans, more]), study())}
    assert after <= before


WORD = st.sampled_from(["negative", "positive", "pending", "not_tested"])
DRAW = st.tuples(
    st.integers(0, 40),
    st.dictionaries(st.sampled_from(["hiv", "hbsag", "anti_hbc", "hbv_dna", "hcv", "syphilis"]), WORD),
)


def screened(draws: list[tuple[int, dict[str, str]]]) -> Therapy:
    """The markers as they were told, one act each, in this order."""
    therapy = Therapy(id="T-1", number=len(draws) + 1)
    for number, (day, words) in enumerate(draws, start=1):
        where = Instance("markers_again", str(number))
        fact = PatientObserved(therapy="T-1", key=where.key(), started=BEGAN, ended=BEGAN)
        told = {"markers_drawn": f"{BEGAN - timedelta(days=day):%Y-%m-%d}", **words}
        readings = {(where, name): Current(value, None, "") for name, value in told.items()}
        therapy = replace(
            therapy,
            acts={**therapy.acts, where: Act(where, fact, signed(number))},
            readings={**therapy.readings, **readings},
        )
    return therapy


@given(st.lists(DRAW, max_size=5))
@QUIET
def test_the_word_of_all_markers_is_never_better_than_what_is_known(draws: list[tuple[int, dict[str, str]]]) -> None:
    """Negative only where every marker that is asked for has a negative result and none ever had a positive one."""
    infection = study().infection
    assert infection is not None
    markers = look(screened(draws), infection)
    told = {
        name: [words[name] for _, words in draws if name in words]
        for name in ("hiv", "hbsag", "anti_hbc", "hcv", "syphilis")
    }
    ever = any("positive" in words.values() for _, words in draws)
    assert (markers.status == "positive") is ever
    if markers.status == "negative":
        assert all("negative" in words for words in told.values())
    else:
        assert markers.status in WORST


@given(st.lists(DRAW, min_size=1, max_size=4), st.randoms(use_true_random=False))
@QUIET
def test_the_word_does_not_depend_on_the_order_in_which_draws_of_different_days_are_told(
    draws: list[tuple[int, dict[str, str]]], chance: object
) -> None:
    """A result that is told late counts by the day of its draw."""
    draws = list({day: (day, words) for day, words in draws}.values())
    infection = study().infection
    assert infection is not None
    before = look(screened(draws), infection)
    chance.shuffle(draws)  # type: ignore[attr-defined]
    after = look(screened(draws), infection)
    assert {m: before.word(m) for m in before.of} == {m: after.word(m) for m in after.of}
