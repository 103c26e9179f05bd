"""The dose given so far, bag by bag: what was filled, less what was left in the bag, as the study computes it."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Literal, NamedTuple

from events.facts.base import TherapyFact
from events.facts.dose import DoseGiven
from events.facts.steps import ProductInfused
from protocol.between import Between, known, plausible
from protocol.consequences import follow
from protocol.model import Dose, StudyProtocol
from protocol.readings import Breach
from protocol.state import Act, Therapy

RULE = "dose.given"
"""The rule under which a dose outside its target opens its deviation."""
Verdict = Literal["within", "below", "above", "unknown"]


class BagDose(NamedTuple):
    """What one bag gave, as far as the values that it takes have been recorded."""

    code: str
    between: Between

    @property
    def given(self) -> Decimal | None:
        """What it gave; None where a value is missing."""
        return self.between.exact


class GivenDose(NamedTuple):
    """The dose of the bags that were infused, the window that it should lie in, and the bags that are left."""

    bags: tuple[BagDose, ...]
    between: Between | None
    unit: str
    low: Decimal
    high: Decimal
    left: tuple[str, ...]

    @property
    def value(self) -> Decimal | None:
        """The dose; None where a value of it is missing."""
        return self.between.exact if self.between else None

    @property
    def verdict(self) -> Verdict:
        """Where the dose lies; unknown while a value is missing that can change it."""
        if self.between is None:
            return "unknown"
        if self.between.high < self.low:
            return "below"
        if self.between.low > self.high:
            return "above"
        return "within" if self.low <= self.between.low and self.between.high <= self.high else "unknown"

    @property
    def shown(self) -> str:
        """The dose in figures, or between which it lies; nothing where nothing is known of it."""
        if self.between is None:
            return ""
        low, high = map(readable, self.between)
        return low if self.value is not None else f"{low} to {high}"

    @property
    def passes(self) -> str:
        """The window, in words."""
        return f"{readable(self.low)} to {readable(self.high)} {self.unit}"

    @property
    def told(self) -> str:
        """All of it in a line."""
        shown = f"{self.shown} {self.unit}" if self.value is not None or self.verdict != "unknown" else "unknown"
        bags = f"{len(self.bags)} bag{'' if len(self.bags) == 1 else 's'}"
        # What is in the patient does not come out again: a dose that is too high is so whatever is left.
        told = f"; {self.verdict} {self.passes}" if not self.left or self.verdict == "above" else ""
        left = f"{told}; still there: {', '.join(self.left)}" if self.left else told
        return f"{shown} from {bags}{left}"


def readable(value: Decimal) -> str:
    """Four digits, with an exponent where it is long."""
    rounded = Decimal(f"{value:.4g}").normalize()
    return f"{rounded:f}" if abs(rounded) < 10**6 else f"{rounded:E}".replace("E+", "e")


def dose_given(therapy: Therapy, protocol: StudyProtocol, *, also: str = "") -> GivenDose | None:
    """The dose given so far; None where the study computes none, no bag was infused, or this patient has no target.

    Args:
        also: a bag that is counted as if all of it had been infused too.
    """
    spec, product = protocol.dose, protocol.release.product if protocol.release else ""
    option = therapy.option(spec.within) if spec else None
    target = protocol.choices[spec.within].options[option].target if spec and option else None
    if spec is None or target is None:
        return None
    infused = sorted(m.code for m in therapy.materials.values() if m.kind == product and m.ended == "infused")
    if not infused and not also:
        return None
    bags = [BagDose(code, _of_bag(therapy, protocol, spec, product, code)) for code in infused]
    if also:
        bags.append(BagDose(also, _value(therapy, protocol, spec.of, product, also)))
    margin = target.value * spec.percent / 100
    return GivenDose(
        tuple(bags),
        _divided(therapy, protocol, spec, [bag.between for bag in bags]),
        spec.unit,
        target.value - margin,
        target.value + margin,
        tuple(m.code for m in therapy.live(product) if m.status != "rejected" and m.code != also),
    )


def _divided(therapy: Therapy, protocol: StudyProtocol, spec: Dose, given: list[Between]) -> Between | None:
    low, high = (sum((one[end] for one in given), Decimal(0)) for end in (0, 1))
    for source in spec.divide:
        step, _, name = source.partition(".")
        found = [now.value for (at, reading), now in therapy.readings.items() if (at.step, reading) == (step, name)]
        divisor = known(found[-1]) if found else plausible(protocol, source)
        if divisor is None or divisor.low <= 0:
            return None
        low, high = low / divisor.high, high / divisor.low
    return Between(low, high)


def _of_bag(therapy: Therapy, protocol: StudyProtocol, spec: Dose, product: str, code: str) -> Between:
    """A bag gives no less than nothing, and no more than was filled."""
    filled = _value(therapy, protocol, spec.of, product, code)
    if spec.volume is None or not spec.residue:
        return filled
    volume = _value(therapy, protocol, spec.volume, product, code)
    told = [found for source in spec.residue if (found := _reading(therapy, source, product, code)) is not None]
    left = known(told[-1]) if told else _widest(plausible(protocol, source) for source in spec.residue)
    most = min(left.high / volume.low, Decimal(1)) if volume.low > 0 else Decimal(1)
    least = min(max(left.low, Decimal(0)) / volume.high, Decimal(1)) if volume.high > 0 else Decimal(0)
    return Between(filled.low * (1 - most), filled.high * (1 - least))


def _widest(of: Iterable[Between | None]) -> Between:
    bounds = [one for one in of if one is not None]
    return Between(min(one.low for one in bounds), max(one.high for one in bounds))


def _value(therapy: Therapy, protocol: StudyProtocol, source: str, product: str, code: str) -> Between:
    """What stands of this bag, or what may."""
    found = _reading(therapy, source, product, code)
    may_be = known(found) if found is not None else plausible(protocol, source)
    assert may_be is not None  # a dose is computed from numbers, or the study's file is refused
    return Between(*(max(end, Decimal(0)) for end in may_be))


def _reading(therapy: Therapy, source: str, product: str, code: str) -> Decimal | None:
    """What stands of this very bag: in a step done on it, or in an act that dealt with this bag of the product alone."""
    step, _, name = source.partition(".")
    for act in reversed(therapy.of_step(step)):
        now = therapy.readings.get((act.at, name))
        if now is not None and _about(therapy, act, product) == {code}:
            return Decimal(now.value)
    return None


def _about(therapy: Therapy, act: Act, product: str) -> set[str]:
    if act.at.material:
        return {act.at.material}
    named = {scan.code for scan in act.fact.scans} | {new.code for new in act.fact.created}
    return {code for code in named if code in therapy.materials and therapy.materials[code].kind == product}


def dose_due(therapy: Therapy, protocol: StudyProtocol, before: list[TherapyFact]) -> list[TherapyFact]:
    """What the system records once no bag is left, and again when a correction has changed it.

    A dose outside its target opens the study's deviation, once. Where the patient withdrew from treatment, or died, nobody
    meant to give the rest: the dose stands in the status, and nothing is recorded of it.
    """
    dose = dose_given(therapy, protocol)
    waiting = any(isinstance(act.fact, ProductInfused) for act in therapy.pending.values())
    over = therapy.died is not None or "treatment" in therapy.withdrawn
    if dose is None or dose.left or waiting or over or protocol.dose is None:
        return []
    shown = dose.shown if dose.verdict != "unknown" else ""
    bags = tuple(bag.code for bag in dose.bags)
    fact = DoseGiven(
        therapy=therapy.id, bags=bags, given=shown, unit=dose.unit, passes=dose.passes, verdict=dose.verdict
    )
    if fact == therapy.dose:
        return []
    told = dose.verdict in ("below", "above") and (therapy.dose is None or therapy.dose.verdict != dose.verdict)
    if not told:
        return [fact]
    says = f"the dose given is {shown} {dose.unit}, {dose.verdict} {dose.passes}"
    breach = Breach(RULE, protocol.dose.otherwise, dose.passes, f"{shown} {dose.unit}", says)
    return [fact, *follow(therapy, protocol, None, [breach], (), [*before, fact])]
