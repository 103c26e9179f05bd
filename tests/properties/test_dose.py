"""Properties of the dose given: the sum of the bags, less what was left in them, whatever the values and however many."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console import rehearsal
from console.rehearsal import Patient
from protocol.dose import GivenDose, dose_given
from protocol.file import read_protocol
from protocol.model import StudyProtocol
from protocol.state import Current, Therapy
from tests.stage import Stage, Staged

pytestmark = pytest.mark.property
SPLIT = Path(rehearsal.__file__).parents[1] / "protocol" / "studies" / "split-dose.yaml"
PATIENT = Patient(5, "T-5", {"dose_level": "low"}, bags=3)
TENTHS = st.integers(0, 5000).map(lambda n: Decimal(n) / 10)
BAG = st.tuples(st.integers(10_000, 10**9).map(Decimal), st.integers(10, 5000).map(lambda n: Decimal(n) / 10), TENTHS)


@pytest.fixture(scope="module")
def infused(played: Stage) -> tuple[Therapy, StudyProtocol]:
    """Three bags have been infused, days apart."""
    site: Staged = played.site(read_protocol(SPLIT.read_text(encoding="utf-8")), PATIENT)
    site.play(PATIENT)
    return site.now, site.protocol


def with_values(therapy: Therapy, bags: dict[str, tuple[Decimal, Decimal, Decimal]], weight: Decimal) -> Therapy:
    """The same therapy with other values on record."""
    readings = dict(therapy.readings)
    for code, values in bags.items():
        for source, value in zip(("freeze.cells", "freeze.volume", "infusion.residue"), values, strict=True):
            step, _, name = source.partition(".")
            readings[therapy.at(step, material=code), name] = Current(str(value), None, "")
    readings[therapy.at("screening"), "weight"] = Current(str(weight), None, "")
    return replace(therapy, readings=readings)


@settings(max_examples=200, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(bags=st.lists(BAG, min_size=3, max_size=3), weight=st.integers(3, 300).map(Decimal))
def test_the_dose_is_what_was_filled_less_what_was_left(
    infused: tuple[Therapy, StudyProtocol], bags: list[tuple[Decimal, Decimal, Decimal]], weight: Decimal
) -> None:
    """Worked out bag by bag with fractions of whole numbers; a bag gives no less than nothing and no more than it held."""
    therapy, protocol = infused
    codes = sorted(m.code for m in therapy.materials.values() if m.kind == "dose_bag")
    dose = dose_given(with_values(therapy, dict(zip(codes, bags, strict=True)), weight), protocol)
    assert dose is not None
    assert dose.value is not None
    assert dose.left == ()
    expected = sum(float(cells) * max(0.0, 1 - float(left) / float(volume)) for cells, volume, left in bags) / float(
        weight
    )
    assert float(dose.value) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    for bag, (cells, _, _) in zip(dose.bags, bags, strict=True):
        assert bag.given is not None
        assert 0 <= bag.given <= cells


@pytest.mark.parametrize(
    ("each", "verdict"),
    [("1.6e6", "within"), ("1.5999999e6", "below"), ("2.4e6", "within"), ("2.4000001e6", "above")],
)
def test_the_bounds_of_the_window_belong_to_it(infused: tuple[Therapy, StudyProtocol], each: str, verdict: str) -> None:
    """Exactly 20 % less, or more, than the target is within it."""
    therapy, protocol = infused
    codes = sorted(m.code for m in therapy.materials.values() if m.kind == "dose_bag")
    third = Decimal(each) * 30 / 3
    dose = dose_given(
        with_values(therapy, dict.fromkeys(codes, (third, Decimal(10), Decimal(0))), Decimal(30)), protocol
    )
    assert dose is not None
    assert dose.verdict == verdict


def test_a_dose_with_a_value_missing_that_can_change_it_is_unknown_and_never_within(
    infused: tuple[Therapy, StudyProtocol],
) -> None:
    """Without the cells, the volume, what was left, or the weight there is no dose to be content with."""
    therapy, protocol = infused
    codes = sorted(m.code for m in therapy.materials.values() if m.kind == "dose_bag")
    bag = (Decimal("6e7"), Decimal(40), Decimal(4))
    whole = with_values(therapy, dict.fromkeys(codes, bag), Decimal(80))
    for name in ("cells", "volume", "residue", "weight"):
        dose = dose_given(without(whole, name), protocol)
        assert dose is not None
        assert (dose.value, dose.verdict) == (None, "unknown")
        assert "unknown from 3 bags" in dose.told
    # Nothing was left: then the volume that nobody recorded changes nothing.
    dose = dose_given(
        without(with_values(therapy, dict.fromkeys(codes, (*bag[:2], Decimal(0))), Decimal(80)), "volume"), protocol
    )
    assert dose is not None
    assert (dose.value, dose.verdict) == (Decimal("2.25e6"), "within")


def without(therapy: Therapy, *names: str, of: str | None = None) -> Therapy:
    """The same therapy without some values (of one bag)."""
    gone = {where for where in therapy.readings if where[1] in names and of in (None, where[0].material)}
    return replace(therapy, readings={where: now for where, now in therapy.readings.items() if where not in gone})


RANGES = {
    "cells": (Decimal("1e4"), Decimal("1e11")),
    "volume": (Decimal(1), Decimal(500)),
    "residue": (Decimal(0), Decimal(500)),
}
"""The plausible ranges of the study, for what is missing."""


@settings(max_examples=300, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    bags=st.lists(BAG, min_size=3, max_size=3),
    weight=st.integers(3, 300).map(Decimal),
    gone=st.sets(st.tuples(st.integers(0, 2), st.sampled_from([*RANGES])), min_size=1, max_size=4),
    part=st.sampled_from([Decimal(0), Decimal("0.001"), Decimal("0.5"), Decimal(1)]),
)
def test_a_verdict_is_known_exactly_when_every_value_that_may_come_gives_it(
    infused: tuple[Therapy, StudyProtocol],
    bags: list[tuple[Decimal, Decimal, Decimal]],
    weight: Decimal,
    gone: set[tuple[int, str]],
    part: Decimal,
) -> None:
    """Whatever comes lies between the two; both can come, and where they agree the verdict is told before."""
    therapy, protocol = infused
    codes = sorted(m.code for m in therapy.materials.values() if m.kind == "dose_bag")
    whole = with_values(therapy, dict(zip(codes, bags, strict=True)), weight)
    fewer = whole
    for bag, name in gone:
        fewer = without(fewer, name, of=codes[bag])
    found = dose_given(fewer, protocol)
    assert found is not None
    assert found.between is not None

    def filled(ends: dict[str, Decimal]) -> GivenDose:
        changed = [[ends[name] if (n, name) in gone else value for name, value in zip(RANGES, bag, strict=True)]
                   for n, bag in enumerate(bags)]  # fmt: skip
        dose = dose_given(with_values(therapy, dict(zip(codes, map(tuple, changed), strict=True)), weight), protocol)  # type: ignore[arg-type]
        assert dose is not None
        assert dose.value is not None
        return dose

    some = filled({name: low + (high - low) * part for name, (low, high) in RANGES.items()})
    assert some.value is not None
    assert found.between.low <= some.value <= found.between.high
    least = filled({"cells": RANGES["cells"][0], "volume": RANGES["volume"][0], "residue": RANGES["residue"][1]})
    most = filled({"cells": RANGES["cells"][1], "volume": RANGES["volume"][1], "residue": RANGES["residue"][0]})
    assert (least.value, most.value) == tuple(found.between)
    same = least.verdict == most.verdict
    assert found.verdict == (least.verdict if same else "unknown")
