"""The two-dimensional code of a label: Data Matrix ECC 200, square, as the modules that are black."""

from __future__ import annotations

from functools import cache
from math import isqrt
from typing import Any, NamedTuple


class Run(NamedTuple):
    """Black modules side by side: their row and first column, counted from the upper left, and how many."""

    row: int
    column: int
    length: int


class Symbol(NamedTuple):
    """A symbol: modules on a side, and its black runs."""

    side: int
    runs: tuple[Run, ...]


@cache
def data_matrix(text: str) -> Symbol:
    """The smallest square symbol that holds the text. Rectangular ones are not read by every scanner."""
    import zxingcpp  # imported only by whoever prints

    drawn = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.DataMatrix, force_square=True)
    image: Any = drawn.to_image(scale=1, add_quiet_zones=False)
    pixels = bytes(memoryview(image))
    side = isqrt(len(pixels))
    assert side * side == len(pixels), "a square was asked for"
    rows = [[pixel == 0 for pixel in pixels[at : at + side]] for at in range(0, len(pixels), side)]
    return Symbol(side, tuple(run for row, modules in enumerate(rows) for run in _runs(row, modules)))


def _runs(row: int, modules: list[bool]) -> list[Run]:
    found: list[Run] = []
    for column, black in enumerate(modules):
        if black and found and found[-1].column + found[-1].length == column:
            found[-1] = found[-1]._replace(length=found[-1].length + 1)
        elif black:
            found.append(Run(row, column, 1))
    return found
