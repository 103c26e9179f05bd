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
from protocol.dose import dose_given
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


def test_a_dose_with_a_value_missing_is_unknown_and_never_within(infused: tuple[Therapy, StudyProtocol]) -> None:
    """Without the cells, the volume, what was left, or the weight there is no dose to be content with."""
    therapy, protocol = infused
    for name in ("cells", "volume", "residue", "weight"):
        fewer = {where: now for where, now in therapy.readings.items() if where[1] != name}
        dose = dose_given(replace(therapy, readings=fewer), protocol)
        assert dose is not None
        assert (dose.value, dose.verdict) == (None, "unknown")
