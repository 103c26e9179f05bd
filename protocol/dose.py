"""The dose given so far, bag by bag: what was filled, less what was left in the bag, as the study computes it."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, NamedTuple

from events.facts.base import TherapyFact
from events.facts.dose import DoseGiven
from events.facts.steps import ProductInfused
from protocol.consequences import follow
from protocol.model import Dose, StudyProtocol
from protocol.readings import Breach
from protocol.state import Act, Therapy

RULE = "dose.given"
"""The rule under which a dose outside its target opens its deviation."""
Verdict = Literal["within", "below", "above", "unknown"]


class BagDose(NamedTuple):
    """What one bag gave; None where a value that it takes has not been recorded."""

    code: str
    given: Decimal | None


class GivenDose(NamedTuple):
    """The dose of the bags that were infused, the window that it should lie in, and the bags that are left."""

    bags: tuple[BagDose, ...]
    value: Decimal | None
    unit: str
    low: Decimal
    high: Decimal
    left: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        """Where the dose lies; unknown while a value of it is missing."""
        if self.value is None:
            return "unknown"
        return "below" if self.value < self.low else "above" if self.value > self.high else "within"

    @property
    def passes(self) -> str:
        """The window, in words."""
        return f"{readable(self.low)} to {readable(self.high)} {self.unit}"

    @property
    def told(self) -> str:
        """All of it in a line."""
        shown = "unknown" if self.value is None else f"{readable(self.value)} {self.unit}"
        bags = f"{len(self.bags)} bag{'' if len(self.bags) == 1 else 's'}"
        left = f"; still there: {', '.join(self.left)}" if self.left else f"; {self.verdict} {self.passes}"
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
    bags = [BagDose(code, _of_bag(therapy, spec, product, code)) for code in infused]
    if also:
        bags.append(BagDose(also, _reading(therapy, spec.of, product, also)))
    margin = target.value * spec.percent / 100
    return GivenDose(
        tuple(bags),
        _divided(therapy, spec, [bag.given for bag in bags]),
        spec.unit,
        target.value - margin,
        target.value + margin,
        tuple(m.code for m in therapy.live(product) if m.status != "rejected" and m.code != also),
    )


def _divided(therapy: Therapy, spec: Dose, given: list[Decimal | None]) -> Decimal | None:
    if None in given:
        return None
    value = sum((one for one in given if one is not None), Decimal(0))
    for source in spec.divide:
        step, _, name = source.partition(".")
        found = [now.value for (at, reading), now in therapy.readings.items() if (at.step, reading) == (step, name)]
        if not found or not Decimal(found[-1]):
            return None
        value /= Decimal(found[-1])
    return value


def _of_bag(therapy: Therapy, spec: Dose, product: str, code: str) -> Decimal | None:
    filled = _reading(therapy, spec.of, product, code)
    if filled is None or spec.volume is None or not spec.residue:
        return filled
    volume = _reading(therapy, spec.volume, product, code)
    left = [found for source in spec.residue if (found := _reading(therapy, source, product, code)) is not None]
    if not volume or not left:
        return None
    return filled * (1 - min(left[-1] / volume, Decimal(1)))


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
    shown = "" if dose.value is None else readable(dose.value)
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
