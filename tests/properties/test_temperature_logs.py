"""Properties of the arithmetic of temperature logs: nothing is lost between inside, outside and unknown, however a log is cut or scaled."""

from __future__ import annotations

import json
import math
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from events.errors import Refused
from events.facts.logger import LogFigures
from protocol.logger.declaration import validated
from protocol.logger.detect import propose
from protocol.logger.figures import read_figures
from protocol.logger.kinetic import mean_kinetic
from protocol.logger.spans import of_seconds
from tests.logs import BEGAN, EVERY_FORMAT, asked, figures, plain, read_as, rows, written

pytestmark = pytest.mark.property

TEMPERATURES = st.decimals(min_value=-30, max_value=50, places=1)
READINGS = st.lists(st.one_of(TEMPERATURES, st.none(), st.just("NaN")), min_size=3, max_size=30).filter(
    lambda values: sum(isinstance(v, Decimal) for v in values) >= 2
)
"""Temperatures, missing rows, a sensor's errors."""
MINUTES = st.integers(min_value=-30, max_value=400)
TEN = plain(interval="10 min")


def at(minutes: int) -> dict[str, object]:
    return {"starts": BEGAN + timedelta(minutes=minutes)}


def length(found: LogFigures) -> int:
    return (found.ends - found.starts) // timedelta(milliseconds=1)


def beyond(found: LogFigures) -> int:
    return sum(of_seconds(band.outside) for band in found.bands)


@given(values=READINGS, start=MINUTES, minutes=st.integers(min_value=0, max_value=500))
def test_inside_outside_and_unknown_are_the_whole_stretch(values: list[object], start: int, minutes: int) -> None:
    """Below 2 C and above 8 C never overlap, so the four figures add up to the millisecond."""
    found = figures(rows(values), minutes, TEN, **at(start))
    assert of_seconds(found.inside) + beyond(found) + of_seconds(found.unknown) == length(found)
    assert (found.readings > 0) == (found.lowest is not None)
    for band in found.bands:
        assert of_seconds(band.longest) <= of_seconds(band.outside)
        assert of_seconds(band.longest) <= of_seconds(band.longest_possible)
        assert of_seconds(band.longest_possible) <= of_seconds(band.outside) + of_seconds(found.unknown)
        assert (Decimal(band.outside) > 0) == (Decimal(band.degree_minutes) > 0)


@given(
    values=READINGS,
    cut=st.integers(min_value=0, max_value=400),
    start=MINUTES,
    minutes=st.integers(min_value=1, max_value=400),
)
def test_two_stretches_side_by_side_add_up_to_one(values: list[object], cut: int, start: int, minutes: int) -> None:
    assume(cut <= minutes)
    text = rows(values)
    whole = figures(text, minutes, TEN, **at(start))
    parts = [figures(text, cut, TEN, **at(start)), figures(text, minutes - cut, TEN, **at(start + cut))]
    for name in ("inside", "unknown"):
        assert of_seconds(getattr(whole, name)) == sum(of_seconds(getattr(part, name)) for part in parts)
    for number, band in enumerate(whole.bands):
        assert of_seconds(band.outside) == sum(of_seconds(part.bands[number].outside) for part in parts)
        assert of_seconds(band.longest) <= sum(of_seconds(part.bands[number].longest) for part in parts)
        assert of_seconds(band.longest) >= max(of_seconds(part.bands[number].longest) for part in parts)


@given(values=READINGS, cut=st.integers(min_value=1, max_value=29))
def test_a_file_that_was_split_in_two_says_no_more_than_the_whole(values: list[object], cut: int) -> None:
    """Each half knows its own rows; what the other half has is unknown to it. Together they know what the whole file knows."""
    assume(cut < len(values))
    first, second = values[:cut], [None] * cut + values[cut:]
    assume(any(v is not None for v in first) and any(v is not None for v in second))
    minutes = 10 * len(values)
    whole, *halves = (figures(rows(part), minutes, TEN) for part in (values, first, second))
    known = sum(minutes * 60_000 - of_seconds(half.unknown) for half in halves)
    assert known == minutes * 60_000 - of_seconds(whole.unknown)
    assert sum(map(beyond, halves)) == beyond(whole)


@given(values=READINGS, data=st.data())
def test_rows_in_another_order_are_refused(values: list[object], data: st.DataObject) -> None:
    head, *lines = rows(values).splitlines()
    shuffled = data.draw(st.permutations(lines))
    assume(any(later < earlier for earlier, later in pairwise(shuffled)))
    with pytest.raises(Refused) as caught:
        figures("\n".join([head, *shuffled]), 60, TEN)
    assert caught.value.rule == "logger.order"
    line = caught.value.values["line"]
    assert isinstance(line, int)
    assert shuffled[line - 2] < shuffled[line - 3], "the line that is named is the one that runs backwards"


@given(values=READINGS, factor=st.integers(min_value=2, max_value=12))
def test_a_slower_logger_with_the_same_values_counts_that_much_longer(values: list[object], factor: int) -> None:
    one = figures(rows(values), 10 * len(values), TEN)
    slow = figures(rows(values, every=10 * factor), 10 * factor * len(values), plain(interval=f"{10 * factor} min"))
    assert (one.lowest, one.highest, one.mean, one.kinetic_mean) == (
        slow.lowest,
        slow.highest,
        slow.mean,
        slow.kinetic_mean,
    )
    for name in ("inside", "unknown"):
        assert of_seconds(getattr(slow, name)) == factor * of_seconds(getattr(one, name))
    for quick, slower in zip(one.bands, slow.bands, strict=True):
        assert of_seconds(slower.outside) == factor * of_seconds(quick.outside)
        assert Decimal(slower.degree_minutes) == factor * Decimal(quick.degree_minutes)


@given(values=st.lists(TEMPERATURES, min_size=3, max_size=20), shift=st.integers(min_value=-10, max_value=10))
def test_a_warmer_log_against_warmer_bounds_is_outside_as_long(values: list[Decimal], shift: int) -> None:
    bounds = (("below", Decimal(2 + shift)), ("above", Decimal(8 + shift)))
    one = figures(rows(values), 10 * len(values))
    other = figures(rows([value + shift for value in values]), 10 * len(values), bounds=bounds)
    for before, after in zip(one.bands, other.bands, strict=True):
        assert before.model_copy(update={"bound": after.bound}) == after


@given(values=READINGS, minutes=st.integers(min_value=1, max_value=300))
def test_the_same_file_gives_the_same_figures_to_the_last_byte(values: list[object], minutes: int) -> None:
    """Also by the declaration as it stands in the record, read back."""
    data = rows(values).encode()
    first = read_figures(data, TEN, asked(minutes))
    again = read_figures(data, validated(json.loads(first.declaration), "the record's"), asked(minutes))
    assert first.model_dump_json() == again.model_dump_json()


# ------------------------------------------------------------------ mean kinetic temperature

STRETCHES = st.lists(st.tuples(TEMPERATURES, st.integers(min_value=1, max_value=10**7)), min_size=1, max_size=12)
ENERGY = Decimal("83.144")


@given(value=TEMPERATURES, lengths=st.lists(st.integers(min_value=1, max_value=10**9), min_size=1, max_size=5))
def test_a_constant_temperature_is_its_own_kinetic_mean(value: Decimal, lengths: list[int]) -> None:
    found = mean_kinetic([(value, n) for n in lengths], ENERGY)
    assert found is not None
    assert abs(found - value) < Decimal("1e-20")


@given(stretches=STRETCHES, factor=st.integers(min_value=2, max_value=1000))
def test_the_kinetic_mean_lies_between_mean_and_highest_and_knows_no_unit_of_time(
    stretches: list[tuple[Decimal, int]], factor: int
) -> None:
    found = mean_kinetic(stretches, ENERGY)
    assert found is not None
    mean = sum((v * n for v, n in stretches), Decimal(0)) / sum(n for _, n in stretches)
    assert mean - Decimal("1e-15") <= found <= max(v for v, _ in stretches) + Decimal("1e-15")
    scaled = mean_kinetic([(v, n * factor) for v, n in stretches], ENERGY)
    assert scaled is not None
    assert abs(found - scaled) < Decimal("1e-18")


@given(stretches=STRETCHES)
@example(stretches=[(Decimal(5), 3), (Decimal(15), 1)])
def test_the_kinetic_mean_agrees_with_floating_point(stretches: list[tuple[Decimal, int]]) -> None:
    """The formula once more, in binary floating point, shared with nobody."""
    slope = 83.144 / 0.0083144
    weights = sum(n for _, n in stretches)
    lost = sum(n * math.exp(-slope / (float(v) + 273.15)) for v, n in stretches) / weights
    expected = slope / -math.log(lost) - 273.15
    found = mean_kinetic(stretches, ENERGY)
    assert found is not None
    assert float(found) == pytest.approx(expected, abs=1e-7)


# ------------------------------------------------------------------ whatever is thrown at it


@settings(max_examples=150)
@given(data=st.data(), name=st.sampled_from(EVERY_FORMAT))
def test_a_damaged_file_is_refused_or_read_and_nothing_else(data: st.DataObject, name: str) -> None:
    """Bytes changed, taken out, put in, anywhere: a refusal by name, or figures that add up. Never an accident of the program."""
    damaged = bytearray(written(name, [Decimal("5.0")] * 12))
    for _ in range(data.draw(st.integers(min_value=1, max_value=4))):
        where = data.draw(st.integers(min_value=0, max_value=len(damaged) - 1))
        what = data.draw(
            st.sampled_from([b"", b"\0", b"\n", b'"', b";", b",", b".", b"9", b"-", b"\xff", b"PK", b" ", b"\t", b"\r"])
        )
        damaged[where : where + data.draw(st.integers(min_value=0, max_value=3))] = what
        assume(damaged)
    try:
        found = read_as(name, bytes(damaged), minutes=120)
    except Refused as refused:
        told = refused
    else:
        assert of_seconds(found.inside) + beyond(found) + of_seconds(found.unknown) == length(found)
        return
    assert told.rule.startswith("logger.")
    assert told.advice


@given(junk=st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)))
def test_anything_at_all_is_refused_or_read(junk: bytes) -> None:
    for look in (lambda: read_figures(junk, TEN, asked(60)), lambda: propose(junk)):
        try:
            look()
        except Refused as refused:
            assert refused.rule.startswith("logger."), refused.rule  # noqa: PT017  # a refusal is one of two right answers
