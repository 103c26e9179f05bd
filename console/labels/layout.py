"""Where everything stands on a label of a size: the largest letters that fit; a label on which it does not fit is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from events.errors import Refused
from events.facts.labels import LabelsIssued
from events.identifiers import Bag, Din
from protocol.model.labels import size

PLAIN, BOLD = "Vera", "VeraBd"
"""The letters, a font that is free to embed and comes with reportlab."""
MM = 72 / 25.4
LEAST_MODULE, MOST_MODULE = 0.25 * MM, 1.0 * MM
"""Side of one module of a symbol: ISBT 128 prints none smaller, and a scanner in the hand needs none larger."""
LEAST_LETTER = 4.6
"""Points. Smaller letters are not read in a cold store."""


@dataclass(frozen=True, slots=True)
class Written:
    """One line of text: where its base line begins, and how it looks."""

    text: str
    x: float
    y: float
    font: str
    points: float


@dataclass(slots=True)
class Placed:
    """A label laid out, in points from the lower left corner."""

    width: float
    height: float
    symbol: tuple[float, float, float] = (0, 0, 0)
    serial_symbol: tuple[float, float, float] = (0, 0, 0)
    lines: list[Written] = field(default_factory=list)
    boxes: list[tuple[float, float, float, float]] = field(default_factory=list)
    signs: list[tuple[float, float, float]] = field(default_factory=list)


def register_fonts() -> None:
    """Make the two fonts known to reportlab; the files are its own."""
    import reportlab
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    folder = Path(reportlab.__file__).parent / "fonts"
    for name in (PLAIN, BOLD):
        if name not in pdfmetrics.getRegisteredFontNames():
            pdfmetrics.registerFont(TTFont(name, str(folder / f"{name}.ttf")))


class Spoken(NamedTuple):
    """A material's code as the eye reads it: the number, its check character, the product code."""

    number: str
    check: str = ""
    product: str = ""


def spoken(issued: LabelsIssued) -> Spoken:
    """The code in words for the eye; the check character is printed in a frame, it is no part of the number."""
    if not issued.symbol.startswith("="):
        return Spoken(issued.material)
    bag = Bag.read(issued.material) if issued.symbol.startswith("=+") else None
    din = bag.din if bag else Din(issued.material)
    number, _, check = din.printed().rpartition(" ")
    return Spoken(number, check, bag.product if bag else "")


def place(issued: LabelsIssued, serial: str, sides: tuple[int, int]) -> Placed:
    """Lay one label out.

    Args:
        sides: how many modules the material's symbol and the serial's have on a side.

    Raises:
        Refused: it does not fit, however small the letters.
    """
    for step in range(100, 44, -3):
        placed = _try(issued, serial, sides, step / 100)
        if placed is not None:
            return placed
    raise Refused(
        "label.fits",
        f"What the label {issued.template} says does not fit on {issued.size}.",
        values={"template": issued.template, "size": issued.size, "serial": serial},
        advice="Take a larger label, or let it say less: `labels` in the study file.",
    )


def _try(issued: LabelsIssued, serial: str, sides: tuple[int, int], scale: float) -> Placed | None:
    millimetres = size(issued.size)
    width, height = millimetres.width * MM, millimetres.height * MM
    placed = Placed(width, height)
    big = min(1.0, height / (50 * MM))
    margin = max(1.5 * MM, 3 * MM * big)
    left = _symbols(placed, sides, margin)
    if left is None:
        return None
    x, room = left + 2.5 * MM * max(big, 0.6), width - margin - left - 2.5 * MM * max(big, 0.6)
    base = max(big, 0.55) * scale
    top = _heading(placed, issued, x, room, height - margin, base)
    foot = _foot(placed, serial, x, room, margin, base)
    if top is None:
        return None
    bottom = _statements(placed, issued, x, room, foot, base)
    return placed if _fields(placed, issued, x, room, top, base) >= bottom else None


def _symbols(placed: Placed, sides: tuple[int, int], margin: float) -> float | None:
    """The two symbols at the left edge, the material's above; returns where the column ends."""
    main, small = sides
    gap = 3 * MM if placed.height > 30 * MM else 2 * MM
    inside = placed.height - 2 * margin - gap
    module = min(MOST_MODULE, inside * 0.66 / main, placed.width * 0.3 / main)
    fine = min(0.5 * MM, module, (inside - main * module) / small)
    if module < LEAST_MODULE or fine < LEAST_MODULE:
        return None
    placed.symbol = (margin, placed.height - margin - main * module, module)
    placed.serial_symbol = (margin, margin, fine)
    return margin + max(main * module, small * fine)


def _heading(placed: Placed, issued: LabelsIssued, x: float, room: float, top: float, base: float) -> float | None:
    """The code in the largest letters, the check character framed, the product code beside or below; then the title."""
    code, most = spoken(issued), 15.0 * base
    framed = 1.35 if code.check else 0.0
    lines, points = _code_lines(code.number, room, most, framed)
    if points < LEAST_LETTER:
        return None
    at = x
    for line in lines:
        top -= points * 0.95
        placed.lines.append(Written(line, x, top, BOLD, points))
        at = x + _wide(line, BOLD, points)
        top -= points * 0.15
    top += points * 0.15
    if code.check:
        at += points * 0.3
        wide = _wide(code.check, BOLD, points)
        placed.lines.append(Written(code.check, at + (points - wide) / 2, top, BOLD, points))
        placed.boxes.append((at, top - points * 0.16, points, points * 1.06))
        at += points
    if code.product:
        product = points * 0.85
        beside = at + points * 0.6 + _wide(code.product, BOLD, product) <= x + room
        if not beside:
            top -= points * 0.35 + product * 0.95
        placed.lines.append(Written(code.product, at + points * 0.6 if beside else x, top, BOLD, product))
    title = max(10.0 * base, LEAST_LETTER)
    title *= min(1.0, room / _wide(issued.title, BOLD, title))
    top -= points * 0.3 + title * 0.95
    placed.lines.append(Written(issued.title, x, top, BOLD, title))
    return None if title < LEAST_LETTER else top - title * 0.25 - 1.5 * base


def _code_lines(number: str, room: float, most: float, framed: float) -> tuple[list[str], float]:
    """A code in one line, or a very long one in two or three, so that its letters stay large; and their size."""
    found: tuple[list[str], float] = ([number], 0.0)
    for count in (1, 2, 3):
        length = -(-len(number) // count)
        lines = [number[at : at + length] for at in range(0, len(number), length)]
        widest = max(_wide(line, BOLD, most) for line in lines) + framed * most
        points = most * min(1.0, room / widest)
        if points > found[1] * 1.2:
            found = lines, points
        if points >= most * 0.6:
            break
    return found


def _fields(placed: Placed, issued: LabelsIssued, x: float, room: float, top: float, base: float) -> float:
    """One line each, or two beside each other where both are short; returns where they end."""
    points = max(8.0 * base, LEAST_LETTER)
    told = [(f"{line.title}: ", line.value) for line in issued.lines]
    half = (room - 2 * MM) / 2
    lines: list[list[tuple[float, str, str]]] = []
    for title, value in told:
        wide = _wide(title, PLAIN, points) + _wide(value, BOLD, points)
        if wide > room:
            wrapped = list(_wrapped(title + value, PLAIN, points, room))
            lines += [[(x, "", part)] for part in wrapped]
        elif wide <= half and lines and len(lines[-1]) == 1 and lines[-1][0][1] and _half(lines[-1][0], points) <= half:
            lines[-1].append((x + half + 2 * MM, title, value))
        else:
            lines.append([(x, title, value)])
    for line in lines:
        top -= points * 1.0
        for at, title, value in line:
            placed.lines.append(Written(title, at, top, PLAIN, points)) if title else None
            font = BOLD if title else PLAIN
            placed.lines.append(Written(value, at + _wide(title, PLAIN, points), top, font, points))
        top -= points * 0.3
    return top


def _half(item: tuple[float, str, str], points: float) -> float:
    return _wide(item[1], PLAIN, points) + _wide(item[2], BOLD, points)


def _foot(placed: Placed, serial: str, x: float, room: float, margin: float, base: float) -> float:
    """The serial, beside its own symbol: with the word before it, or alone, or in two lines where it is very long."""
    points, middle = max(7.0 * base, LEAST_LETTER), len(serial) // 2
    choices = [[f"Label {serial}"], [serial], [serial[:middle], serial[middle:]]]
    fitting = [lines for lines in choices if max(_wide(line, PLAIN, points) for line in lines) <= room]
    if not fitting:
        points = LEAST_LETTER
    lines = fitting[0] if fitting else choices[-1]
    for above, line in zip(range(len(lines) - 1, -1, -1), lines, strict=True):
        placed.lines.append(Written(line, x, margin + points * (0.1 + 1.15 * above), PLAIN, points))
    return margin + points * (0.15 + 1.15 * len(lines))


def _statements(placed: Placed, issued: LabelsIssued, x: float, room: float, bottom: float, base: float) -> float:
    """A frame with every statement that a rule requires, and the sign of hazard beside them."""
    if not issued.statements:
        return bottom
    points = max(8.5 * base, LEAST_LETTER)
    pad = points * 0.45
    sign = any(statement.legend for statement in issued.statements)
    beside = 4.2 * points if sign else 0.0
    lines = [
        part
        for statement in issued.statements
        for part in _wrapped(statement.text, BOLD, points, room - beside - 2 * pad)
    ]
    high = max(len(lines) * points * 1.22, beside) + 2 * pad - points * 0.2
    placed.boxes.append((x, bottom, room, high))
    if sign:
        placed.signs.append((x + pad * 0.6 + beside / 2, bottom + high / 2, beside - pad * 0.6))
    y = bottom + high / 2 + len(lines) * points * 1.22 / 2
    for line in lines:
        y -= points
        placed.lines.append(Written(line, x + pad + beside, y, BOLD, points))
        y -= points * 0.22
    return bottom + high + points * 0.4


def _wrapped(text: str, font: str, points: float, room: float) -> Iterator[str]:
    from reportlab.lib.utils import simpleSplit

    yield from simpleSplit(text, font, points, room)


def _wide(text: str, font: str, points: float) -> float:
    from reportlab.pdfbase.pdfmetrics import stringWidth

    width: float = stringWidth(text, font, points)
    return max(width, 0.001)
