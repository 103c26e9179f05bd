"""Mean kinetic temperature: the one temperature at which as much would have been broken down as at all those that were.

ICH Q1A(R2), glossary; the formula is that of Haynes (1971): T = (ΔH/R) / -ln( Σ w·exp(-ΔH/(R·T)) / Σ w ), temperatures in
kelvin, w how long each was. R is 8.3144 J/(mol K), as it is written beside ΔH = 83.144 kJ/mol, so that ΔH/R = 10,000 K.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, localcontext

from protocol.logger.values import ABSOLUTE_ZERO, EXACT

GAS_CONSTANT = Decimal("0.0083144")
"""kJ/(mol K)."""


def mean_kinetic(stretches: Iterable[tuple[Decimal, int]], activation_energy: Decimal) -> Decimal | None:
    """The mean kinetic temperature in degrees Celsius, not rounded; None of no time at all.

    Args:
        stretches: a temperature in degrees Celsius, and how long it was (in any unit).
        activation_energy: kJ/mol.
    """
    with localcontext(EXACT):
        slope = activation_energy / GAS_CONSTANT
        weight: dict[Decimal, int] = {}
        for value, length in stretches:
            weight[value] = weight.get(value, 0) + length
        whole = sum(weight.values())
        if not whole:
            return None
        lost = sum((length * (-slope / (value - ABSOLUTE_ZERO)).exp() for value, length in weight.items()), Decimal(0))
        return slope / -(lost / whole).ln() + ABSOLUTE_ZERO
