"""Whatever stands in whichever field of a file that a person writes: kept in one form, or refused in words; never a fault."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from events import writing
from tests.console.cli import ANNA, NURSE, Cli

OVERRIDE = "ab\u202ecd"
WRITTEN: dict[str, Any] = {
    "a right-to-left override": OVERRIDE,
    "a zero width space": "ab\u200bcd",
    "an escape": "ab\x1b[2J",
    "a NUL": "a\x00b",
    "half of a surrogate pair": "ab\ud800",
    "100,000 characters": "x" * 100_000,
    "blanks": "   ",
    "nothing": "",
    "null": None,
    "a line feed": "ab\ncd",
    "a picture": "\N{SLIGHTLY SMILING FACE}",
    "digits of full width": "\uff11\uff12",
    "a number beyond every number": "1e999 mL",
    "a number of 5,000 digits": "9" * 5000,
    "no number": "NaN mL",
    "endless": float("inf"),
    "true": True,
    "a list": ["a", ["b"]],
    "fields": {"a": {"b": "c"}},
    "a list in fields": {"value": ["1"], "unit": {"x": "y"}},
    "the year 0": "0000-01-01T00:00",
    "the first moment": "0001-01-01T00:00+14:00",
    "the year 10000": "10000-01-01T00:00",
    "a folder": "/tmp",
    "a file that is no such value": "@/dev/zero",
    "deep": json.loads("[" * 60 + "]" * 60),
}


@pytest.fixture(scope="module")
def site(grown: Path, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """One site for all files: what is refused leaves nothing."""
    folder = tmp_path_factory.mktemp("written") / "site"
    shutil.copytree(grown, folder)
    return Cli(folder)


def looked_at(site: Cli, about: str, *line: str, by: str | None = None) -> None:
    """Run a line on a file: refused in words with nothing recorded, or done; and nothing is printed raw."""
    before = (site.folder / "log.db").read_bytes()
    said = site(*line, by=by)
    about = f"{about}: {said.code}\n{said.out[-500:]}{said.err[-800:]}"
    assert said.code in (0, 2, 4), about
    assert "Traceback" not in said.err, about
    assert not list(writing.hidden(said.out + said.err, "\t\n")), about
    assert len(said.err) < 20_000, about
    if said.code:
        assert (site.folder / "log.db").read_bytes() == before, about


def everywhere(document: Any, value: Any) -> Iterator[tuple[str, Any]]:
    """A document once for each place in it, with the value there; and once with it as a field's name."""
    if isinstance(document, dict):
        for name, below in document.items():
            yield name, {**document, name: value}
            for where, changed in everywhere(below, value):
                yield f"{name}.{where}", {**document, name: changed}
        if isinstance(value, str):
            yield "a name", {**document, value: "1"}
    elif isinstance(document, list):
        for at, below in enumerate(document):
            yield f"[{at}]", [*document[:at], value, *document[at + 1 :]]
            for where, changed in everywhere(below, value):
                yield f"[{at}].{where}", [*document[:at], changed, *document[at + 1 :]]


def written(path: Path, document: Any) -> str:
    """The document as JSON, every character as an escape: what hides, hides behind one."""
    path.write_text(json.dumps(document), encoding="ascii")
    return str(path)


ALONE: tuple[dict[str, Any], ...] = (
    {"ended": "2026-03-18T09:00"},
    {"typed": {"bag": "X"}},
    {"logger": {"file": "x.csv", "format": "ours", "zone": "UTC", "clock": "90 s fast", "interval": "10 min"}},
    {"logger": {"lost": "run over"}},
)
"""What an act file may also hold; each of them changes what is asked of the rest."""


@pytest.mark.parametrize("says", WRITTEN)
def test_no_field_of_an_act_file_is_a_fault(site: Cli, tmp_path: Path, says: str) -> None:
    form = {
        **site.form("apheresis"),
        "labels": {"L-1": "applied"},
        "slots": [{"resource": "r", "code": "C", "starts": "2026-03-19T10:00", "ends": "2026-03-19T11:00"}],
        "choices": {"cohort": "B-ALL"},
        "permits": ["material"],
        "room": "ROOM-1", "subject": "S-1", "coi": "COI-1", "screening": "SCR-1", "occurrence": "1",
    }  # fmt: skip
    line = ("ask", ANNA.therapy, "apheresis", "--as", NURSE, "--from")
    site.ok(*line, written(tmp_path / "act.json", form))
    places = [*everywhere(form, WRITTEN[says])]
    for alone in ALONE:
        places += [(where, {**form, **changed}) for where, changed in everywhere(alone, WRITTEN[says])]
    for where, changed in places[list(WRITTEN).index(says) % 2 :: 2]:  # the next value meets the places between
        looked_at(site, f"{where} is {says}", *line, written(tmp_path / "act.json", changed))


@pytest.mark.parametrize("says", WRITTEN)
def test_no_field_of_a_people_file_is_a_fault(site: Cli, tmp_path: Path, says: str) -> None:
    people = [
        {
            "account": "admin",
            "person": "P-001",
            "printed_name": "Ada Abel",
            "roles": ["administrator"],
            "namesake": "no",
        }
    ]
    phrases = written(
        tmp_path / "phrases.json", {"admin": "short"}
    )  # too short: nothing is ever set up, nor waited for
    for where, changed in everywhere({"people": people}, WRITTEN[says]):
        file = tmp_path / "people.yaml"
        file.write_text("people: " + json.dumps(changed.get("people", changed)), encoding="ascii")
        new = str(tmp_path / "new")
        line = (
            "site",
            "init",
            new,
            "--name",
            "New",
            "--site-code",
            "NEW",
            "--people",
            str(file),
            "--passphrases",
            phrases,
        )
        looked_at(site, f"{where} is {says}", *line)
        assert not Path(new).exists()
    for where, changed in everywhere({"admin": "short"}, WRITTEN[says]):
        file = tmp_path / "phrases2.yaml"
        file.write_text(json.dumps(changed), encoding="ascii")
        alone = ("site", "init", str(tmp_path / "n"), "--name", "New", "--site-code", "NEW", "--passphrases", str(file))
        looked_at(site, f"a passphrase: {where} is {says}", *alone)
        shutil.rmtree(tmp_path / "n", ignore_errors=True)


@pytest.mark.parametrize("says", WRITTEN)
def test_no_field_of_a_logger_format_or_of_kafkas_settings_is_a_fault(site: Cli, tmp_path: Path, says: str) -> None:
    log = tmp_path / "log.csv"
    log.write_text("time,temp\n2026-03-01 08:00,5.0\n2026-03-01 08:10,5.1\n2026-03-01 08:20,5.1\n", encoding="utf-8")
    declared: dict[str, Any] = {
        "id": "ours", "title": "Ours", "encoding": "utf-8", "delimiter": "comma", "decimal": "point", "header": "named",
        "columns": {"time": "time", "temperature": "temp"}, "times": "YYYY-MM-DD HH:mm[:ss][.fff]", "unit": "C",
        "zone": "UTC", "rows": "rising", "interval": "stated",
    }  # fmt: skip
    file = tmp_path / "ours.yaml"
    file.write_text(json.dumps(declared), encoding="ascii")
    site.ok("logger", "read", str(log), "--format", str(file))
    for where, changed in everywhere(declared, WRITTEN[says]):
        file.write_text(json.dumps(changed), encoding="ascii")
        looked_at(site, f"{where} is {says}", "logger", "read", str(log), "--format", str(file))
    settings = {
        "protocol": "SASL_SSL",
        "ca": "ca.pem",
        "user": "u",
        "password_file": "p",
        "certificate": "c",
        "key": "k",
    }
    for where, changed in everywhere(settings, WRITTEN[says]):
        secured = written(tmp_path / "security.json", changed)
        line = ("log", "copy", "--kafka", "127.0.0.1:1", "--kafka-security", secured)
        if where != "user":  # nothing is wrong with it there: the broker would be asked
            looked_at(site, f"{where} is {says}", *line, by="admin")


RAW = {
    "not UTF-8": b"account: \xff\xfe\n",
    "a byte order mark and nothing": b"\xef\xbb\xbf",
    "empty": b"",
    "one NUL": b"\x00",
    "deep lists": b"a: " + b"[" * 50_000,
    "deep JSON": b'{"a": ' + b"[" * 50_000,
    "anchors": b"a: &x [1]\nb: *x\n",
    "a bomb": b"a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n",
    "a tag": b"a: !!python/object/apply:os.system [ls]\n",
    "a merge": b"<<: {a: b}\n",
    "a number of 5,000 digits": b'{"a": ' + b"9" * 5000 + b"}",
    "twice": b'{"step": "a", "step": "b"}',
    "an override in a comment": "a: b # x\u202ey\n".encode(),
    "a tab": b"\ta: b\n",
    "two documents": b"a: b\n---\nc: d\n",
    "2 MB": b"a: " + b"x" * 2_000_000,
    "only a word": b"word",
}


def every_file(file: str, folder: Path) -> list[tuple[str, ...]]:
    """Every way in which a person names a text file."""
    init = ("site", "init", str(folder / "new"), "--name", "New", "--site-code", "NEW")
    person = ("person", "add", "new.1", "--person", "P-900", "--name", "New One", "--role", "operator", "--as", "admin")
    return [
        ("ask", ANNA.therapy, "apheresis", "--from", file, "--as", NURSE),
        ("ask", ANNA.therapy, "apheresis", "--scans-from", file, "--as", NURSE),
        ("open", "--from", file, "--as", "investigator.1"),
        ("protocol", "check", file),
        ("protocol", "adopt", file, "--as", "quality.1"),
        (*init, "--people", file, "--generate-passphrases", str(folder / "words")),
        (*init, "--protocol", file, "--generate-passphrases", str(folder / "words")),
        (*init, "--passphrases", file),
        ("log", "copy", "--kafka", "127.0.0.1:1", "--kafka-security", file, "--as", "admin"),
        ("logger", "read", file, "--format", file),
        ("logger", "detect", file),
        (*person, "--new-passphrase-file", file),
    ]


@pytest.mark.parametrize("says", RAW)
def test_no_bytes_in_any_file_are_a_fault(site: Cli, tmp_path: Path, says: str) -> None:
    file = tmp_path / "file.yaml"
    file.write_bytes(RAW[says])
    for line in every_file(str(file), tmp_path):
        looked_at(site, f"{' '.join(line)} with {says}", *line)


def test_a_file_that_is_none_holds_nobody_up(site: Cli, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "locked").write_text("x")
    for path in (
        tmp_path / "pipe",
        tmp_path,
        tmp_path / "missing",
        Path("/dev/zero"),
        Path("/dev/tty"),
        Path("x" * 300),
    ):
        for line in every_file(str(path), tmp_path):
            before = site.size()
            said = site(*line)
            assert said.code == 4, (line, said)
            assert site.size() == before
