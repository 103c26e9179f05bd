"""Temperature logs on the command line: given with the act or after it, refused with line and reason, computed again, drawn."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from console.files import Files
from console.site import Site
from protocol.logger.table import LARGEST_FILE
from tests.console.cli import BRUNO, Cli
from tests.logs import BERLIN

COURIER, RECEIVER = "courier.1", "receiver.1"
NAMED = ("--logger-format", "semicolon-comma", "--logger-zone", "Europe/Berlin")
UNTYPED = {"lowest": None, "highest": None, "minutes_unknown": None}
WARM = [5.1] * 10 + [14.5, 9.0] + [5.1] * 22


def logger_file(path: Path, began: datetime, values: Sequence[float | None]) -> Path:
    """A European export: semicolons, decimal comma, Berlin's wall clock, a preamble and a summary."""
    lines = ["Seriennummer;4711", "", "Datum/Zeit;Temperatur (°C);Alarm"]
    for number, value in enumerate(values):
        at = (began + timedelta(minutes=10 * number)).astimezone(BERLIN)
        if value is not None:
            lines.append(f"{at:%d.%m.%Y %H:%M};" + f"{value};".replace(".", ","))
    path.write_bytes("\r\n".join([*lines, "", "Minimum;5,1"]).encode("utf-8-sig"))
    return path


@pytest.fixture(scope="session")
def travelled(grown: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, datetime]:
    """Bruno's collection was handed to the courier; five hours later it arrives. The site, and when it was handed over."""
    cli = Cli(tmp_path_factory.mktemp("travelled") / "site")
    shutil.copytree(grown, cli.folder)
    cli.perform("hand_over", "apheresis.nurse.1", patient=BRUNO)
    cli.ok("take", BRUNO.therapy, "hand_over", by=COURIER)
    site = Site.open(cli.folder)
    now = site.now()
    site.set_clock(now + timedelta(hours=5))
    site.close()
    return cli.folder, now


@pytest.fixture
def arrived(travelled: tuple[Path, datetime], tmp_path: Path) -> tuple[Cli, datetime]:
    """The command line on a copy of that site, and when the shipment was handed over."""
    folder = tmp_path / "site"
    shutil.copytree(travelled[0], folder)
    return Cli(folder), travelled[1]


def arriving(cli: Cli, **readings: str | None) -> list[str]:
    """The line that signs the arrival, without a temperature that is typed."""
    form = cli.form("transport", patient=BRUNO, readings={**UNTYPED, **readings})
    form.pop("started")
    return ["perform", BRUNO.therapy, "transport", "--from", cli.file(form)]


# ------------------------------------------------------------------------------------------------ with the act


def test_a_file_given_with_the_act_is_kept_computed_and_quarantines(
    arrived: tuple[Cli, datetime], tmp_path: Path
) -> None:
    cli, handed_over = arrived
    file = logger_file(tmp_path / "log.csv", handed_over - timedelta(minutes=25), WARM)
    said = cli.ok(*arriving(cli), "--logger", str(file), *NAMED, by=COURIER)
    assert "ABOVE 8 C: 20 min (longest 20 min; 75 C min)" in said.out
    assert "UNKNOWN: 0 min" in said.out
    assert "Attention: quarantined: above 8 C for 20 min" in said.out
    assert cli.facts() == ["transport.reported.v1", "logger.read.v1", "material.quarantined.v1"]
    (kept,) = Files(cli.folder)
    assert Files(cli.folder).read(kept) == file.read_bytes()
    cli.ok("take", BRUNO.therapy, "transport", by=RECEIVER)
    history = cli.ok("history", BRUNO.therapy).out
    for told in (
        "temperature log read",
        kept,
        "zone Europe/Berlin",
        "highest: 14.5 C (computed)",
        "lowest 5.1 C, highest 14.5 C, mean",
    ):
        assert told in history
    assert "above 8 C for 20 min" in cli.ok("worklist", "--role", "qa_releaser").out
    assert cli("verify").code == 0


def test_whoever_asks_sees_what_would_follow_and_keeps_nothing(arrived: tuple[Cli, datetime], tmp_path: Path) -> None:
    cli, handed_over = arrived
    file = logger_file(tmp_path / "log.csv", handed_over, WARM)
    before = cli.size()
    said = cli.ok("ask", *arriving(cli)[1:], "--logger", str(file), *NAMED, by=COURIER)
    assert "quarantined" in said.out
    assert cli.size() == before
    assert list(Files(cli.folder)) == []


def test_an_act_file_may_name_the_log(arrived: tuple[Cli, datetime], tmp_path: Path) -> None:
    cli, handed_over = arrived
    file = logger_file(tmp_path / "log.csv", handed_over, WARM)
    form = cli.form("transport", patient=BRUNO, readings=UNTYPED)
    form.pop("started")
    form["logger"] = {"file": str(file), "format": "semicolon-comma", "zone": "Europe/Berlin", "clock": "30 s fast"}
    said = cli.ok("perform", BRUNO.therapy, "transport", "--from", cli.file(form), "--json", by=COURIER)
    (read,) = (fact for fact in said.json["recorded"]["facts"] if fact["fact"] == "logger.read.v1")
    assert json.loads(read["log"]["declaration"])["clock"] == {"fast": "30 s", "points": []}
    form["logger"]["colour"] = "blue"
    cli.refused("input.form", "perform", BRUNO.therapy, "transport", "--from", cli.file(form), by=COURIER)


def test_a_format_that_is_not_named_is_not_guessed_but_the_fitting_ones_are_told(
    arrived: tuple[Cli, datetime], tmp_path: Path
) -> None:
    cli, handed_over = arrived
    file = str(logger_file(tmp_path / "log.csv", handed_over, WARM))
    line = [*arriving(cli), "--logger", file]
    told = cli.refused("logger.format-named", *line, by=COURIER)
    assert told["values"] == "fitting = semicolon-comma"
    told = cli.refused("logger.format-named", *line, "--logger-format", "blue-box", by=COURIER)
    assert "Known are: comma-point-iso" in told["advice"]
    told = cli.refused("logger.zone", *line, "--logger-format", "semicolon-comma", by=COURIER)
    assert "which clock was the logger set by" in told["advice"]
    told = cli.refused("logger.heading", *line, "--logger-format", "tab-point", "--logger-zone", "UTC", by=COURIER)
    assert "unbroken logger detect" in told["advice"]
    assert list(Files(cli.folder)) == []


@pytest.mark.parametrize(
    ("data", "rule", "words"),
    [
        (b"%PDF-1.7\n...", "logger.kind", "is a PDF, whatever its name ends in"),
        (b"PK\x03\x04\x14\0\6\0\x08\0", "logger.kind", "an Excel workbook"),
        (b"", "logger.empty", "is empty"),
        (b"Datum/Zeit;Temperatur\n01.03.2026 08:00;5,1\n01.03.2026 08:10;5.1\n", "logger.decimal", "line 3"),
        (b"Datum/Zeit;Temperatur\n01.03.2026 08:10;5,1\n01.03.2026 08:00;5,1\n", "logger.order", "line 3"),
        (b"Datum/Zeit;Temperatur (R)\n01.03.2026 08:10;5,1 R\n", "logger.value", "line 2"),
    ],
)
def test_a_bad_file_is_refused_and_nothing_is_recorded(
    arrived: tuple[Cli, datetime], tmp_path: Path, data: bytes, rule: str, words: str
) -> None:
    cli, _ = arrived
    file = tmp_path / "log.csv"
    file.write_bytes(data)
    told = cli.refused(rule, *arriving(cli), "--logger", str(file), *NAMED, by=COURIER)
    assert words in told["says"]


def test_a_file_of_100_mb_is_refused_unread(
    arrived: tuple[Cli, datetime], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its size alone: not a byte of it comes into memory."""
    cli, _ = arrived
    file = tmp_path / "log.csv"
    with file.open("wb") as big:
        big.truncate(100 * 1024 * 1024)
    line = [*arriving(cli), "--logger", str(file), *NAMED]
    reading = Path.open

    def never(self: Path, *words: object, **more: object) -> object:
        assert self != file, "a file that is too large was opened"
        return reading(self, *words, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", never)
    told = cli.refused("logger.size", *line, by=COURIER)
    assert f"has 104,857,600 bytes; {LARGEST_FILE:,} is the most" in told["says"]
    monkeypatch.undo()
    cli.refused("file.readable", *arriving(cli), "--logger", str(tmp_path / "nowhere.csv"), *NAMED, by=COURIER)
    cli.refused("file.readable", *arriving(cli), "--logger", str(tmp_path), *NAMED, by=COURIER)


# ------------------------------------------------------------------------------------------------ after the act


def test_a_file_that_comes_after_the_act(arrived: tuple[Cli, datetime], tmp_path: Path) -> None:
    cli, handed_over = arrived
    cli.ok(*arriving(cli, lowest="5 C", highest="5 C", minutes_unknown="0 min"), by=COURIER)
    cli.ok("take", BRUNO.therapy, "transport", by=RECEIVER)
    assert "the logger's file has not been read" in cli.ok("worklist", "--role", "receiver").out
    file = logger_file(tmp_path / "log.csv", handed_over, WARM)
    late = ["late", BRUNO.therapy, "transport", "--material", BRUNO.din.number, "--logger", str(file), *NAMED]
    cli.refused("input.form", *late, "--read", "highest=5 C", by=RECEIVER)
    said = cli.ok(*late, by=RECEIVER)
    assert "highest was entered as 5 C, the log says 14.5 C" in said.out
    assert "has not been read" not in cli.ok("worklist", "--role", "receiver").out
    cli.refused("record.once", *late, by=RECEIVER)
    cli.ok(*late, "--why", "the same file, read with the right zone", by=RECEIVER)
    cli.refused("logger.computed", "correct", BRUNO.therapy, "transport", "highest", "--to", "5 C", "--why", "no",
                "--material", BRUNO.din.number, by=RECEIVER)  # fmt: skip


def test_a_lost_logger(arrived: tuple[Cli, datetime]) -> None:
    cli, _ = arrived
    said = cli.ok(*arriving(cli), "--logger-lost", "no logger in the shipper", by=COURIER)
    assert "NO temperature log: no logger in the shipper" in said.out
    assert "unknown: all 302 min of" in said.out
    assert "Attention: quarantined: there is no temperature log" in said.out
    assert cli("verify").code == 0


@pytest.mark.parametrize("clock", ["very fast", "90 fast", "2026-03-01T08:00=2026-03-01T08:00", "now=then,then=now"])
def test_a_clock_that_cannot_be_understood(arrived: tuple[Cli, datetime], tmp_path: Path, clock: str) -> None:
    cli, handed_over = arrived
    file = logger_file(tmp_path / "log.csv", handed_over, WARM)
    said = cli(*arriving(cli), "--logger", str(file), *NAMED, "--logger-clock", clock, by=COURIER)
    assert said.code == 4
    assert "Rule:       input.form" in said.err or "Rule:       time.form" in said.err


# ------------------------------------------------------------------------------------------------ formats


def test_a_site_adds_a_format_of_its_own(arrived: tuple[Cli, datetime], tmp_path: Path) -> None:
    """Proposed by the program, decided by a person, saved in the site's folder, named like any other."""
    cli, handed_over = arrived
    file = logger_file(tmp_path / "log.csv", handed_over, WARM)
    proposed = cli.ok("logger", "detect", str(file)).out
    assert "zone: CHOOSE" in proposed
    (cli.folder / "formats").mkdir()
    (cli.folder / "formats" / "blue-box.yaml").write_text(proposed, encoding="utf-8")
    line = [*arriving(cli), "--logger", str(file), "--logger-format", "blue-box"]
    cli.refused("logger.format", *line, by=COURIER)
    decided = proposed.replace("zone: CHOOSE", "zone: Europe/Berlin").replace("id: ours", "id: blue-box")
    (cli.folder / "formats" / "blue-box.yaml").write_text(decided, encoding="utf-8")
    assert "this site's own" in cli.ok("logger", "formats").out
    assert cli.ok("logger", "formats", "blue-box").out == decided
    cli.ok(*line, by=COURIER)
    assert "declared: format blue-box, zone Europe/Berlin" in cli.ok("history", BRUNO.therapy).out


def test_formats_are_listed_and_shown(cli: Cli) -> None:
    assert {one["id"] for one in cli.ok("logger", "formats", "--json").json} >= {"semicolon-comma", "comma-point-us"}
    cli.refused("logger.format-named", "logger", "formats", "nothing-like-it")


def test_a_file_is_read_without_a_site_and_nothing_is_recorded(tmp_path: Path, arrived: tuple[Cli, datetime]) -> None:
    cli, handed_over = arrived
    file = logger_file(tmp_path / "log.csv", handed_over, WARM)
    before = cli.size()
    line = ["logger", "read", str(file), "--format", "semicolon-comma", "--zone", "Europe/Berlin"]
    found = cli.ok(*line, "--outside", "above 8", "--outside", "below 2 C", "--json").json
    assert [(band["side"], band["outside"]) for band in found["bands"]] == [("above", "1200"), ("below", "0")]
    until = (handed_over + timedelta(minutes=60)).isoformat()
    assert cli.ok(*line, "--to", until, "--json").json["highest"] == "5.1"
    assert "nothing was recorded" in cli.ok(*line).out
    cli.refused("input.form", *line, "--outside", "warmer 8")
    cli.refused("logger.stretch", *line, "--from", "2030-01-01T00:00")
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear colleague,\nit was warm.\n", encoding="utf-8")
    cli.refused("logger.detect", "logger", "detect", str(letter))
    assert cli.size() == before


# ------------------------------------------------------------------------------------------------ computed again, drawn


@pytest.fixture
def read_out(arrived: tuple[Cli, datetime], tmp_path: Path) -> tuple[Cli, Path]:
    """The transport was signed with its file."""
    cli, handed_over = arrived
    values = [*WARM[:20], None, None, None, *WARM[23:]]
    file = logger_file(tmp_path / "log.csv", handed_over - timedelta(minutes=25), values)
    cli.ok(*arriving(cli), "--logger", str(file), *NAMED, by=COURIER)
    cli.ok("take", BRUNO.therapy, "transport", by=RECEIVER)
    return cli, file


def test_the_record_is_computed_again_from_the_file(read_out: tuple[Cli, Path], tmp_path: Path) -> None:
    cli, file = read_out
    check = ["logger", "check", BRUNO.therapy, "transport"]
    assert "SAME: every figure" in cli.ok(*check).out
    assert cli.ok(*check, str(file), "--json").json["verdict"] == "same"
    other = tmp_path / "other.csv"
    other.write_bytes(file.read_bytes().replace(b";14,5;", b";7,5;"))
    said = cli(*check, str(other))
    assert said.code == 1
    assert "DIFFERS highest: recorded 14.5, computed 9" in said.out
    cli.refused("logger.recorded", "logger", "check", BRUNO.therapy, "hand_over")
    cli.refused("logger.kind", "logger", "check", BRUNO.therapy, "transport", cli.file({"a": 1}))
    # The declaration stands in the record: no format file is needed any more.
    assert not (cli.folder / "formats").exists()


def test_verify_computes_every_log_again_and_an_altered_file_is_found(read_out: tuple[Cli, Path]) -> None:
    cli, _ = read_out
    assert cli("verify", "--files").code == 0
    (kept,) = Files(cli.folder)
    path = cli.folder / "files" / kept
    path.chmod(0o600)
    path.write_bytes(path.read_bytes().replace(b";14,5;", b";7,5;"))
    said = cli("verify", "--files", "--json")
    assert said.code == 1
    assert {finding["kind"] for finding in said.json["findings"]} == {"file"}
    assert cli("logger", "check", BRUNO.therapy, "transport").code == 6
    assert cli("logger", "plot", BRUNO.therapy, "transport", "--out", "x.svg").code == 6


def test_the_log_is_drawn(read_out: tuple[Cli, Path], tmp_path: Path) -> None:
    """Bounds, time outside, unknown time, both ends of the transport, the figures and the file's hash stand in the picture."""
    cli, _ = read_out
    svg, png = tmp_path / "transport.svg", tmp_path / "transport.png"
    plot = ["logger", "plot", BRUNO.therapy, "transport", "--out"]
    cli.ok(*plot, str(svg))
    root = ElementTree.parse(svg).getroot()
    space = "{http://www.w3.org/2000/svg}"
    words = " | ".join(text.text or "" for text in root.iter(f"{space}text"))
    (kept,) = Files(cli.folder)
    for told in (
        f"{BRUNO.therapy} · transport · {BRUNO.din.number}", kept, "above 8 C for 20 min", "unknown 30 min", "hand over ended",
        "transport ended", "above 8 °C is outside", "below 2 °C is outside", "times in Europe/Berlin", "simulated time",
    ):  # fmt: skip
        assert told in words, told
    width, height = (float(root.attrib[name]) for name in ("width", "height"))
    for text in root.iter(f"{space}text"):
        assert 0 <= float(text.attrib["x"]) <= width
        assert 0 <= float(text.attrib["y"]) <= height
    fills = [rect.attrib["fill"] for rect in root.iter(f"{space}rect")]
    assert fills.count("#ffc9c9") == 3, "two readings outside, and the key"
    assert "url(#hatch)" in fills
    cli.ok(*plot, str(png))
    with Image.open(BytesIO(png.read_bytes())) as image:
        assert image.size == (2200, 1120)
        assert len(image.getcolors(1 << 24) or []) > 20
    cli.refused("logger.plot", *plot, str(tmp_path / "transport.pdf"))


def test_on_a_terminal_the_log_is_asked_for_and_its_values_are_not(
    arrived: tuple[Cli, datetime], tmp_path: Path
) -> None:
    cli, handed_over = arrived
    file = logger_file(tmp_path / "log.csv", handed_over, WARM)
    answers = [BRUNO.din.scanned(), str(file), "semicolon-comma", "Europe/Berlin", "yes", ""]
    said = cli("perform", BRUNO.therapy, "transport", by=COURIER, stdin="\n".join(answers) + "\n", terminal=True)
    assert said.code == 0, said.out + said.err
    assert "Lowest temperature (" not in said.out
    assert "quarantined" in said.out
