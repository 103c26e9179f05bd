"""The biohazard sign, drawn from its published proportions (29 CFR 1910.145(f)(8), figure of the symbol), black on white."""

from __future__ import annotations

from math import cos, radians, sin
from typing import Any

A, C, D, E, F, G, H = 1.0, 4.0, 6.0, 11.0, 15.0, 21.0, 30.0
"""The proportions: A gap, C opening, D middle circle, E and F distances of centres, G and H diameters."""
RING, RING_WIDTH = 12.0, 3.5
LOBES = (90, 210, 330)
REACH = E + H / 2
"""From the middle to the outermost point."""


def draw(canvas: Any, x: float, y: float, size: float) -> None:
    """Draw it with its middle at x, y; `size` from side to side, in points."""
    unit = size / (2 * REACH)
    canvas.saveState()
    canvas.translate(x, y)
    canvas.scale(unit, unit)
    canvas.setFillGray(0)
    canvas.setStrokeGray(1)
    for angle in LOBES:
        canvas.circle(*_at(angle, E), H / 2, stroke=0, fill=1)
    canvas.setFillGray(1)
    for angle in LOBES:
        canvas.circle(*_at(angle, F), G / 2, stroke=0, fill=1)
        _bar(canvas, angle, F, REACH + 4, C)
    for angle in LOBES:
        _arc_inside(canvas, angle)
    canvas.setFillGray(1)
    canvas.circle(0, 0, D / 2, stroke=0, fill=1)
    for angle in LOBES:
        _bar(canvas, angle, 0, E, A)
    canvas.restoreState()


def _at(angle: float, distance: float) -> tuple[float, float]:
    return cos(radians(angle)) * distance, sin(radians(angle)) * distance


def _bar(canvas: Any, angle: float, start: float, end: float, width: float) -> None:
    """A white bar along a lobe: what opens a circle, or parts the lobes in the middle."""
    canvas.saveState()
    canvas.rotate(angle)
    canvas.setFillGray(1)
    canvas.rect(start, -width / 2, end - start, width, stroke=0, fill=1)
    canvas.restoreState()


def _arc_inside(canvas: Any, angle: float) -> None:
    """The ring, as far as it is seen through one opening, a gap away from the lobes."""
    canvas.saveState()
    x, y = _at(angle, F)
    clip = canvas.beginPath()
    clip.circle(x, y, G / 2 - A)
    canvas.clipPath(clip, stroke=0, fill=0)
    canvas.setStrokeGray(0)
    canvas.setLineWidth(RING_WIDTH)
    canvas.circle(0, 0, RING, stroke=1, fill=0)
    canvas.restoreState()
