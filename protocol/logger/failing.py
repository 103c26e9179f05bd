"""Values that a sensor or its logger is known to give when it has measured nothing. They look like temperatures.

Nothing is taken for a failure by this list: a format declares which its loggers give (`failures`). It is what a person is told to look at.
"""

from __future__ import annotations

from decimal import Decimal

POWER_ON = Decimal(85)
"""Degrees Celsius in the register of a DS18B20 after power-on, before its first conversion (its data sheet, "Temperature Register")."""
DISCONNECTED = Decimal(-127)
"""Degrees Celsius that the common driver of that sensor returns where none answers (DallasTemperature, DEVICE_DISCONNECTED_C)."""
FULL = frozenset(
    Decimal(text)
    for text in (
        "65535 32767 -32768 6553.5 3276.7 -3276.8 655.35 327.67 -327.68 "
        "9999 999 -999 -9999 999.9 -999.9 999.99 9999.9 -9999.9 99.99 888.8 -888.8 -99.9"
    ).split()
)
"""Registers of 16 bits with every bit set, by tens and hundreds; displays full of one digit; placeholders of programs. As written."""


def known_failure(written: Decimal, celsius: Decimal) -> bool:
    """Whether a value is one that some sensors or loggers give when they have measured nothing.

    Args:
        written: as it stands in the file. celsius: the same in degrees Celsius.
    """
    return celsius in (POWER_ON, DISCONNECTED) or written in FULL
