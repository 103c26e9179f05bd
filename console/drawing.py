"""A page of rectangles, lines and words, written as SVG, or as PNG by Pillow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from io import BytesIO
from typing import Any

Point = tuple[float, float]
_SCALE = 2
"""Pixels of the PNG for each unit of the page."""
_FONT = "Helvetica, Arial, 'DejaVu Sans', sans-serif"


@dataclass(frozen=True, slots=True)
class _Rect:
    x: float
    y: float
    width: float
    height: float
    fill: str
    hatched: bool
    edge: str


@dataclass(frozen=True, slots=True)
class _Line:
    points: tuple[Point, ...]
    stroke: str
    width: float
    dashed: bool


@dataclass(frozen=True, slots=True)
class _Text:
    x: float
    y: float
    text: str
    size: float
    fill: str
    anchor: str
    bold: bool


class Drawing:
    """What is drawn, in the order in which it was; later things lie over earlier ones."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self.width, self.height, self.title = width, height, title
        self._things: list[_Rect | _Line | _Text] = []

    def rect(
        self, x: float, y: float, width: float, height: float, fill: str, *, hatched: bool = False, edge: str = ""
    ) -> None:
        """A filled rectangle; hatched over its fill, or with an edge."""
        self._things.append(_Rect(x, y, width, height, fill, hatched, edge))

    def line(self, points: Sequence[Point], stroke: str, width: float, *, dashed: bool = False) -> None:
        """A line through points."""
        self._things.append(_Line(tuple(points), stroke, width, dashed))

    def text(
        self, x: float, y: float, text: str, size: float, fill: str, *, anchor: str = "start", bold: bool = False
    ) -> None:
        """Words whose baseline begins, is centred, or ends at a point (`anchor`: start, middle, end)."""
        self._things.append(_Text(x, y, text, size, fill, anchor, bold))

    # ------------------------------------------------------------------ SVG

    def svg(self) -> bytes:
        """The page as SVG, alone in its file."""
        lines = [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" height="{self.height}" '
            f'viewBox="0 0 {self.width} {self.height}" font-family="{escape(_FONT)}" role="img">',
            f"<title>{escape(self.title)}</title>",
            '<defs><pattern id="hatch" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
            '<line x1="0" y1="0" x2="0" y2="7" stroke="#8d99a6" stroke-width="1.4"/></pattern></defs>',
            f'<rect width="{self.width}" height="{self.height}" fill="#ffffff"/>',
            *(_svg(thing) for thing in self._things),
            "</svg>",
        ]
        return ("\n".join(lines) + "\n").encode()

    # ------------------------------------------------------------------ PNG

    def png(self) -> bytes:
        """The page as PNG."""
        from PIL import Image, ImageDraw, ImageFont  # with reportlab; only a plot as PNG needs it

        image = Image.new("RGB", (self.width * _SCALE, self.height * _SCALE), "#ffffff")
        pen = ImageDraw.Draw(image)
        for thing in self._things:
            match thing:
                case _Rect():
                    _png_rect(image, pen, thing)
                case _Line():
                    _png_line(pen, thing)
                case _Text():
                    font = ImageFont.load_default(thing.size * _SCALE)
                    anchor = {"start": "ls", "middle": "ms", "end": "rs"}[thing.anchor]
                    at = (thing.x * _SCALE, thing.y * _SCALE)
                    pen.text(at, thing.text, thing.fill, font, anchor)
        out = BytesIO()
        image.save(out, "PNG", optimize=True)
        return out.getvalue()


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _svg(thing: _Rect | _Line | _Text) -> str:
    match thing:
        case _Rect(x, y, width, height, fill, hatched, edge):
            box = f'x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}"'
            stroke = f' stroke="{edge}" stroke-width="0.8"' if edge else ""
            over = f'\n<rect {box} fill="url(#hatch)"/>' if hatched else ""
            crisp = "" if edge else ' shape-rendering="crispEdges"'
            return f'<rect {box} fill="{fill}"{stroke}{crisp}/>{over}'
        case _Line(points, colour, width, dashed):
            path = " ".join(f"{_n(x)},{_n(y)}" for x, y in points)
            dash = ' stroke-dasharray="6 4"' if dashed else ""
            return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}" stroke-linejoin="round"{dash}/>'
        case _Text(x, y, text, size, fill, anchor, bold):
            weight = ' font-weight="bold"' if bold else ""
            return f'<text x="{_n(x)}" y="{_n(y)}" font-size="{size}" fill="{fill}" text-anchor="{anchor}"{weight}>{escape(text)}</text>'


def _png_rect(image: Any, pen: Any, rect: _Rect) -> None:
    left, top = rect.x * _SCALE, rect.y * _SCALE
    right, bottom = (rect.x + rect.width) * _SCALE, (rect.y + rect.height) * _SCALE
    if right <= left or bottom <= top:
        return
    pen.rectangle((left, top, right, bottom), rect.fill, rect.edge or None)
    if rect.hatched:
        from PIL import Image, ImageDraw

        # Drawn on a patch of its own, so that the hatching ends where the rectangle does.
        size = (max(int(right - left), 1), max(int(bottom - top), 1))
        patch = Image.new("RGB", size, rect.fill)
        on = ImageDraw.Draw(patch)
        for start in range(-size[1], size[0], 7 * _SCALE):
            on.line((start, size[1], start + size[1], 0), "#8d99a6", 2)
        image.paste(patch, (int(left), int(top)))


def _png_line(pen: Any, line: _Line) -> None:
    points = [(x * _SCALE, y * _SCALE) for x, y in line.points]
    width = max(round(line.width * _SCALE), 1)
    if not line.dashed:
        pen.line(points, line.stroke, width, joint="curve")
        return
    (x1, y), (x2, _) = points[0], points[-1]
    at = x1
    while at < x2:
        pen.line(((at, y), (min(at + 6 * _SCALE, x2), y)), line.stroke, width)
        at += 10 * _SCALE
