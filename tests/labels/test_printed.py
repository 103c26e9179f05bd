"""What is printed is read again: every label of every set, by a scanner and by the eye, says what the record says.

The code was drawn by Zint, the page by reportlab; it is read by PDFium and ZXing.
"""

from __future__ import annotations

import hashlib
import math
import subprocess
import sys
from io import BytesIO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops
from reportlab.pdfgen.canvas import Canvas

from console.labels import biohazard
from console.labels.layout import LEAST_LETTER, LEAST_MODULE
from console.labels.pdf import digest, labels_pdf
from console.labels.symbol import data_matrix
from console.rehearsal import Patient
from events.errors import Refused
from events.facts.base import LabelLine, LabelStatement
from events.facts.labels import LabelsIssued
from events.identifiers import Bag, Din, read_code
from tests.labels.printed import MM, Box, pages, scanned, squeezed
from tests.stage import Stage

MARKERS: dict[str, dict[str, str]] = {
    "negative": {}, "pending": {"hiv": "pending"},
    "positive": {"hbsag": "positive", "hbv_dna": "positive", "hcv": "positive", "syphilis": "positive"},
}  # fmt: skip
QUIET = settings(max_examples=60, derandomize=True, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="session")
def sets(stage_once: Stage) -> dict[str, list[LabelsIssued]]:
    """Every set of labels that is printed for three patients to the freeze of the product, by their infection markers."""
    found = {}
    for markers, words in MARKERS.items():
        values = {("eligibility", name): word for name, word in words.items()}
        patient = Patient(5, "T-5", {"starting_material": "frozen"}, bags=2, values=values)
        site = stage_once.of(f"labels {markers}", lambda site, who=patient: site.play(who, "disposition"), patient)  # type: ignore[misc]
        issued = {label.by.link + label.material: label.issued for label in site.now.labels.values()}
        found[markers] = list(issued.values())
    return found


def every(sets: dict[str, list[LabelsIssued]]) -> list[tuple[str, LabelsIssued]]:
    """Each set with the markers under which it was printed."""
    return [(markers, issued) for markers, list_ in sets.items() for issued in list_]


def test_every_kind_of_label_of_the_study_is_printed_under_all_markers(sets: dict[str, list[LabelsIssued]]) -> None:
    kinds = {"collection_label", "freezing_label", "bag_label", "cassette_label", "sample_label", "retained_label"}
    for list_ in sets.values():
        assert {issued.template for issued in list_} == kinds


def test_the_decoded_symbol_is_the_code_and_the_programs_own_scanner_takes_it(
    sets: dict[str, list[LabelsIssued]],
) -> None:
    """One page a label; two codes on each: the item's and the label's own. Nothing else is there to be scanned."""
    for _, issued in every(sets):
        found = pages(labels_pdf(issued))
        assert len(found) == len(issued.serials)
        for page, serial in zip(found, issued.serials, strict=True):
            assert set(page.symbols) == {issued.symbol, serial}
            assert read_code(issued.symbol) == issued.material
            assert read_code(serial) == serial


def test_the_eye_reads_the_same_code_as_the_scanner(sets: dict[str, list[LabelsIssued]]) -> None:
    """A donation number with its check character, a product code beneath; typed by hand, it is the scanned code."""
    for _, issued in every(sets):
        (page, *_) = pages(labels_pdf(issued))
        words = page.text.split()
        if issued.symbol.startswith("="):
            din = Din.read("".join(words[:4]))  # refused if the printed check character does not fit
            code = f"{din.number}.{words[4]}" if issued.symbol.startswith("=+") else din.number
        else:
            code = words[0]
        assert code == issued.material == read_code(issued.symbol)


def test_every_line_and_every_required_statement_stands_on_every_label(sets: dict[str, list[LabelsIssued]]) -> None:
    """Title, lines, serial and statements of the record are all in the text of the page."""
    for markers, issued in every(sets):
        for page, serial in zip(pages(labels_pdf(issued)), issued.serials, strict=True):
            text = squeezed(page.text)
            told = [issued.title, serial, *(f"{line.title}: {line.value}" for line in issued.lines)]
            told += [statement.text for statement in issued.statements]
            for words in told:
                assert squeezed(words) in text, f"{words} of {issued.template}, {markers}"


def test_what_the_rules_require_follows_the_markers(sets: dict[str, list[LabelsIssued]]) -> None:
    """21 CFR 1271.90(c): on what is kept for use, each statement where it is due and nowhere else."""
    for markers, issued in every(sets):
        (page, *_) = pages(labels_pdf(issued))
        text, sample = squeezed(page.text), issued.template in ("sample_label", "retained_label")
        assert ("FORAUTOLOGOUSUSEONLY" in text) is not sample
        assert ("NOTEVALUATEDFORINFECTIOUSSUBSTANCES" in text) is (markers == "pending" and not sample)
        assert ("BIOHAZARD" in text) is (markers == "positive")
        warned = "WARNING:ReactivetestresultsforHBV,HCV,syphilis" in text
        assert warned is (markers == "positive" and not sample)
        assert ("Caution:NewDrug" in text) is (issued.template == "bag_label")


def test_nothing_is_clipped_nothing_overlaps_and_the_codes_have_room_around_them(
    sets: dict[str, list[LabelsIssued]],
) -> None:
    """Every letter stands a millimetre inside the label; one module is left free around each code, as ISO/IEC 16022 asks."""
    for _, issued in every(sets):
        width, height = (int(side) for side in issued.size.removesuffix(" mm").split(" x "))
        for page, serial in zip(pages(labels_pdf(issued), 600), issued.serials, strict=True):
            assert (round(page.width), round(page.height)) == (width, height)
            assert page.smallest > LEAST_LETTER - 0.01, issued.template
            inside = Box(1, 1, width - 1, height - 1)
            for box in page.characters:
                assert inside.left <= box.left <= box.right <= inside.right, issued.template
                assert inside.top <= box.top <= box.bottom <= inside.bottom, issued.template
            for text in (issued.symbol, serial):
                box = page.symbols[text]
                module = (box.right - box.left) / data_matrix(text).side
                assert module >= LEAST_MODULE / MM * 0.95, f"{text} on {issued.template}: {module:.2f} mm"
                around = box.grown(module)
                assert around.left > 0
                assert around.top > 0
                assert around.bottom < height
                assert not [b for b in page.characters if b.meets(around)], f"letters in the quiet zone of {text}"
            one, other = (page.symbols[text] for text in (issued.symbol, serial))
            assert not one.grown(0.25).meets(other)


def test_a_code_is_read_from_every_side_and_under_a_spot_of_ice(sets: dict[str, list[LabelsIssued]]) -> None:
    """Turned by any right angle, slightly askew, or with a spot of ice on it, the code is read; half a code is not."""
    for issued in sets["positive"]:
        (page, *_) = pages(labels_pdf(issued))
        for angle in (90, 180, 270, 7):
            turned = page.image.rotate(angle, expand=True, fillcolor=255)
            assert issued.symbol in {barcode.text for barcode in scanned(turned)}, f"{issued.template} at {angle}"
        box = page.symbols[issued.symbol]
        spot = page.image.copy()
        across, down = (int(side / 2 * 203 / 25.4) for side in (box.left + box.right, box.top + box.bottom))
        size = int((box.right - box.left) * 203 / 25.4 / data_matrix(issued.symbol).side * 2)
        spot.paste(255, (across, down, across + size, down + size))
        assert issued.symbol in {barcode.text for barcode in scanned(spot)}, issued.template
        torn = page.image.copy()
        torn.paste(255, (0, 0, across, torn.height))
        assert issued.symbol not in {barcode.text for barcode in scanned(torn)}


def test_the_same_set_gives_the_same_bytes_in_another_process(sets: dict[str, list[LabelsIssued]]) -> None:
    """No time, no chance in the file: its SHA-256 in the record can be checked by printing the record again."""
    issued = sets["positive"][0]
    program = (
        "import sys; from console.labels.pdf import labels_pdf, digest; from events.facts.labels import LabelsIssued; "
        "print(digest(labels_pdf(LabelsIssued.model_validate_json(sys.stdin.read()))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=issued.model_dump_json(), capture_output=True, text=True, check=True
    )
    pdf = labels_pdf(issued)
    assert done.stdout.strip() == digest(pdf) == hashlib.sha256(pdf).hexdigest()
    assert digest(pdf) != digest(labels_pdf(sets["negative"][0]))


# ------------------------------------------------------------------ any code, any words


def label(material: str, symbol: str, size: str = "50 x 25 mm", **more: object) -> LabelsIssued:
    """A set of one label."""
    return LabelsIssued.model_validate(
        {
            "therapy": "T-1", "serials": ["T-1-L001"], "material": material, "template": "any", "symbol": symbol,
            "title": "ANY", "size": size, **more,
        }
    )  # fmt: skip


@QUIET
@given(code=st.from_regex(r"[A-Z0-9][A-Z0-9.\-]{0,39}", fullmatch=True), therapy=st.integers(1, 24))
def test_any_code_that_this_program_knows_is_printed_and_read(code: str, therapy: int) -> None:
    """From one character to forty, under the longest name of a therapy, on a label for a vial rack."""
    serial = f"T-{'W' * therapy}-L999"
    (page,) = pages(labels_pdf(label(code, code, serials=[serial])))
    assert set(page.symbols) == {code, serial}
    assert squeezed(page.text).startswith(code)
    assert serial in squeezed(page.text)


DINS = st.from_regex(r"[A-NP-Z1-9][A-NP-Z0-9][0-9]{3}[0-9]{2}[0-9]{6}", fullmatch=True)
PRODUCTS = st.from_regex(r"[A-Z][A-Z0-9]{4}[A-Z0-9][A-Z0-9]{2}", fullmatch=True)


@QUIET
@given(number=DINS, product=PRODUCTS)
def test_any_bag_is_printed_as_a_compound_message_and_read(number: str, product: str) -> None:
    """ISBT 128 data structure 023: how many structures follow, then the donation number and the product code."""
    bag = Bag(Din(number), product)
    (page,) = pages(labels_pdf(label(bag.code, bag.message(), "80 x 40 mm")))
    (scanned_,) = set(page.symbols) - {"T-1-L001"}
    assert scanned_.startswith("=+02000=")
    assert read_code(scanned_) == bag.code
    assert squeezed(bag.din.printed() + product) in squeezed(page.text)


@pytest.mark.parametrize(
    "message",
    [
        "=+02000=G12342610000160",  # one structure is missing
        "=+01000=G12342610000160=<S1150VA0",  # one too many
        "=+02000",
        "=+0200=G12342610000160=<S1150VA0",
        "=+02000=G12342610000161=<S1150VA0",  # flags that do not fit
        "=+02000=G12342610000160=<S1150V",
    ],
)
def test_part_of_a_compound_message_is_no_code(message: str) -> None:
    with pytest.raises(Refused):
        read_code(message)


def test_what_does_not_fit_is_refused_and_never_clipped() -> None:
    """The letters are made smaller as far as they can still be read; then a larger label is asked for."""
    lines = [LabelLine(title=f"Line {n}", value="a value of some length") for n in range(8)]
    small = label("VIAL-1", "VIAL-1", "40 x 15 mm", lines=lines)
    with pytest.raises(Refused) as told:
        labels_pdf(small)
    assert told.value.rule == "label.fits"
    assert told.value.values["size"] == "40 x 15 mm"
    (page,) = pages(labels_pdf(small.model_copy(update={"size": "100 x 50 mm"})))
    assert page.text.count("a value of some length") == 8
    assert page.smallest > LEAST_LETTER - 0.01


def test_letters_beyond_ascii_are_printed_as_they_are() -> None:
    """Umlauts, accents, degrees and the like stand on the label as they stand in the record."""
    words = "Zürich, Málaga, 2–8 °C, 5 µL, Ærø"
    (page,) = pages(labels_pdf(label("A-1", "A-1", "100 x 50 mm", lines=[LabelLine(title="Place", value=words)])))
    assert words in page.text


def black(image: Image.Image) -> int:
    """How many pixels are dark."""
    return sum(1 for value in image.tobytes() if value < 128)


def white(image: Image.Image) -> int:
    """How many pixels are light."""
    return len(image.tobytes()) - black(image)


def test_the_sign_of_biohazard_is_the_sign() -> None:
    """Three lobes around a ring, the same after a third of a turn; neither a blot nor nothing."""
    buffer = BytesIO()
    canvas = Canvas(buffer, pagesize=(200, 200), invariant=1)
    biohazard.draw(canvas, 100, 100, 180)
    canvas.showPage()
    canvas.save()
    (page,) = pages(buffer.getvalue(), 144)
    dark = black(page.image) / (page.image.width * page.image.height)
    assert 0.15 < dark < 0.4
    for angle in (120, 240):
        turned = page.image.rotate(angle, resample=Image.Resampling.BICUBIC, fillcolor=255)
        different = ImageChops.difference(page.image, turned).point(lambda value: 255 if value > 127 else 0)
        assert white(different) / (dark * different.width * different.height) < 0.08
    mirrored = page.image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    upside = ImageChops.difference(page.image, mirrored)
    assert white(upside) / (dark * upside.width * upside.height) > 0.3, "one lobe is up"


def test_the_sign_stands_beside_the_statements_of_a_hazard_and_nowhere_else() -> None:
    """A statement with the legend prints the sign: there is ink where without it there is none."""
    plain = LabelStatement(id="a", text="BIOHAZARD")
    with_sign = plain.model_copy(update={"legend": "biohazard"})
    ink = []
    for statement in (plain, with_sign):
        (page,) = pages(labels_pdf(label("A-1", "A-1", "100 x 50 mm", statements=[statement])))
        ink.append(black(page.image))
    assert ink[1] - ink[0] > math.pi * 8**2


def test_a_symbol_is_square() -> None:
    """Rectangular Data Matrix codes are not read by every scanner, so none is printed, though some would be smaller."""
    for text in ("=G12342610000160", "T-1-L001", "A", "A" * 40):
        symbol = data_matrix(text)
        rows = {run.row for run in symbol.runs}
        assert rows == set(range(symbol.side))
        assert max(run.column + run.length for run in symbol.runs) == symbol.side
