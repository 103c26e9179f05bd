"""A set of labels as a PDF: one page a label, of the label's own size; the same set gives the same bytes."""

from __future__ import annotations

import hashlib
from io import BytesIO
from typing import Any

from console.labels import biohazard
from console.labels.layout import Placed, place, register_fonts
from console.labels.symbol import Symbol, data_matrix
from events.facts.labels import LabelsIssued


def labels_pdf(issued: LabelsIssued) -> bytes:
    """Every label of a set, in the order of its serials.

    Raises:
        Refused: what the label says does not fit on its size.
    """
    from reportlab.pdfgen.canvas import Canvas

    register_fonts()
    buffer = BytesIO()
    main = data_matrix(issued.symbol)
    canvas = Canvas(buffer, invariant=1, pageCompression=1)
    canvas.setTitle(f"{issued.template} of {issued.material}")
    canvas.setSubject(", ".join(issued.serials)[:500])
    canvas.setCreator("Unbroken")
    for serial in issued.serials:
        own = data_matrix(serial)
        placed = place(issued, serial, (main.side, own.side))
        canvas.setPageSize((placed.width, placed.height))
        _draw(canvas, placed, main, own)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def digest(pdf: bytes) -> str:
    """SHA-256 of a file, as it stands in the record."""
    return hashlib.sha256(pdf).hexdigest()


def _draw(canvas: Any, placed: Placed, main: Symbol, own: Symbol) -> None:
    _symbol(canvas, main, *placed.symbol)
    _symbol(canvas, own, *placed.serial_symbol)
    canvas.setLineWidth(0.8)
    for x, y, width, height in placed.boxes:
        canvas.rect(x, y, width, height, stroke=1, fill=0)
    for x, y, size in placed.signs:
        biohazard.draw(canvas, x, y, size)
    for line in placed.lines:
        canvas.setFont(line.font, line.points)
        canvas.drawString(line.x, line.y, line.text)


def _symbol(canvas: Any, symbol: Symbol, x: float, y: float, module: float) -> None:
    # One path for all: drawn one by one, side by side modules show hair lines on some printers.
    path = canvas.beginPath()
    for run in symbol.runs:
        path.rect(x + run.column * module, y + (symbol.side - 1 - run.row) * module, run.length * module, module)
    canvas.drawPath(path, stroke=0, fill=1)
