"""A printed label read again: as a scanner sees it, and as the eye does. It knows nothing of how the label was laid out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pypdfium2
import zxingcpp
from PIL import Image

MM = 72 / 25.4
HYPHEN = "\ufffe"
"""What PDFium says of a hyphen at the end of a line."""
THERMAL = 203
"""Dots an inch of the printers of most wards; black or white, nothing between."""


@dataclass(frozen=True)
class Box:
    """Where something stands on a page, in mm from the upper left."""

    left: float
    top: float
    right: float
    bottom: float

    def grown(self, by: float) -> Box:
        """With so much room around it."""
        return Box(self.left - by, self.top - by, self.right + by, self.bottom + by)

    def meets(self, other: Box) -> bool:
        """Whether the two share any place."""
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )


@dataclass(frozen=True)
class Page:
    """One label: its size in mm, its text in the order of reading, where each character stands, its symbols by text, and
    the size of its smallest letters in points."""

    width: float
    height: float
    text: str
    characters: tuple[Box, ...]
    symbols: dict[str, Box]
    image: Image.Image
    smallest: float


def pages(pdf: bytes, dpi: int = THERMAL) -> list[Page]:
    """Every page of a PDF, as a printer of so many dots an inch puts it on paper."""
    document = pypdfium2.PdfDocument(pdf)
    return [_page(document[number], dpi) for number in range(len(document))]


def _page(page: Any, dpi: int) -> Page:
    width, height = (side / MM for side in page.get_size())
    image = page.render(scale=dpi / 72).to_pil().convert("L").point(lambda value: 255 if value > 127 else 0)
    found = page.get_textpage()
    return Page(
        width,
        height,
        " ".join(found.get_text_range().replace(HYPHEN, "-").split()),
        tuple(_characters(found, height)),
        {barcode.text: _where(barcode, dpi) for barcode in scanned(image)},
        image,
        min(_letters(found), default=0.0),
    )


def scanned(image: Image.Image) -> list[Any]:
    """What a scanner reads in an image: Data Matrix codes and nothing else."""
    found = zxingcpp.read_barcodes(image)
    assert all(barcode.format == zxingcpp.BarcodeFormat.DataMatrix for barcode in found)
    return list(found)


def _where(barcode: Any, dpi: int) -> Box:
    corners = barcode.position
    every = [corners.top_left, corners.top_right, corners.bottom_left, corners.bottom_right]
    per_mm = dpi / 25.4
    across, down = [point.x / per_mm for point in every], [point.y / per_mm for point in every]
    return Box(min(across), min(down), max(across), max(down))


def _characters(found: Any, height: float) -> Iterator[Box]:
    for number in range(found.count_chars()):
        left, bottom, right, top = (side / MM for side in found.get_charbox(number))
        if right > left:
            yield Box(left, height - top, right, height - bottom)


def _letters(found: Any) -> Iterator[float]:
    for number in range(found.count_chars()):
        if not pypdfium2.raw.FPDFText_IsGenerated(found, number):  # a space that the reader put between two lines
            yield pypdfium2.raw.FPDFText_GetFontSize(found, number)


def squeezed(text: str) -> str:
    """A text without any white space: how it was broken into lines is no part of it."""
    return re.sub(r"\s", "", text)
