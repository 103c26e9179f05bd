"""Raw files: kept whole under their hash, never overwritten, held against what the log names."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

import console.files
from console.files import Files
from events.errors import Corrupt, Refused
from tests.console.cli import ANNA, BRUNO, Cli

CURVE = b"minute;C\n0;4,1\n1;3,1\n"
HASH = hashlib.sha256(CURVE).hexdigest()


def test_a_file_lies_under_the_hash_of_its_bytes(tmp_path: Path) -> None:
    room = Files(tmp_path)
    kept = room.keep(CURVE)
    assert (kept.sha256, kept.size, kept.before) == (HASH, len(CURVE), False)
    assert list(room) == [HASH]
    assert room.read(HASH) == CURVE
    assert room.path(HASH).stat().st_mode & 0o222 == 0, "nobody writes into it by accident"
    assert room.look(HASH) == "present"
    assert room.look("0" * 64) == "missing"


def test_the_same_file_twice_is_one_file(tmp_path: Path) -> None:
    room = Files(tmp_path)
    room.keep(CURVE)
    (tmp_path / "export.csv").write_bytes(CURVE)
    assert room.keep_file(tmp_path / "export.csv").before
    assert list(room) == [HASH]
    assert room.strangers() == []


def test_an_altered_file_is_neither_read_nor_overwritten(tmp_path: Path) -> None:
    room = Files(tmp_path)
    room.keep(CURVE)
    room.path(HASH).chmod(0o600)
    room.path(HASH).write_bytes(CURVE.replace(b"4,1", b"9,1"))
    assert room.look(HASH) == "altered"
    for act in (lambda: room.read(HASH), lambda: room.keep(CURVE)):
        with pytest.raises(Corrupt) as caught:
            act()
        assert caught.value.rule == "file.altered"
    assert b"9,1" in room.path(HASH).read_bytes(), "the altered file is evidence; it stays as it is"


def test_what_cannot_be_kept_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = Files(tmp_path)
    monkeypatch.setattr(console.files, "LARGEST", 10)
    for data, rule in ((CURVE, "file.size"), (b"", "file.size")):
        with pytest.raises(Refused) as caught:
            room.keep(data)
        assert caught.value.rule == rule
    with pytest.raises(Refused) as caught:
        room.keep_file(tmp_path / "nowhere.csv")
    assert caught.value.rule == "file.readable"
    assert os.listdir(room.folder) == []


def test_a_copy_that_was_cut_off_is_no_file_and_is_named(tmp_path: Path) -> None:
    room = Files(tmp_path)
    room.keep(CURVE)
    (room.folder / ".making-0123").write_bytes(CURVE[:5])
    assert list(room) == [HASH]
    assert room.strangers() == [".making-0123"]


def test_a_file_system_without_hard_links_serves_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    room = Files(tmp_path)
    assert not room.keep(CURVE).before
    assert room.keep(CURVE).before
    assert room.strangers() == []


# ------------------------------------------------------------------------------------------------ through the console


def test_a_file_that_is_added_is_shown_and_copied_out(cli: Cli, tmp_path: Path) -> None:
    export, copy = tmp_path / "export.csv", tmp_path / "copy.csv"
    export.write_bytes(CURVE)
    (added,) = cli.ok("file", "add", str(export), "--json").json
    assert (added["sha256"], added["bytes"], added["new"]) == (HASH, len(CURVE), True)
    shown = cli.ok("file", "show", HASH[:8], "--out", str(copy), "--json").json
    assert (shown["standing"], shown["named"]) == ("present", [])
    assert copy.read_bytes() == CURVE
    cli.refused("file.exists", "file", "show", HASH, "--out", str(copy))
    cli.refused("file.named", "file", "show", "ffffffff")
    cli.refused("file.named", "file", "show", HASH[:7])
    cli.refused("file.readable", "file", "add", str(tmp_path / "nowhere"))
    cli.refused("file.kept", "file", "show", "0" * 64, "--out", str(tmp_path / "other"))


def on_the_way(cli: Cli) -> None:
    """Bruno's collection is with the courier."""
    cli.perform("hand_over", "apheresis.nurse.1", patient=BRUNO)
    cli.ok("take", BRUNO.therapy, "hand_over", by="courier.1")


def test_a_value_of_type_file_is_given_by_its_path(cli: Cli, tmp_path: Path) -> None:
    """One option keeps the file and enters its hash; the log's files are then present, missing, or altered."""
    export = tmp_path / "export.csv"
    export.write_bytes(CURVE)
    on_the_way(cli)
    line = ["perform", BRUNO.therapy, "transport", "--from", cli.file(cli.form("transport", patient=BRUNO))]
    asked = cli.ok("ask", *line[1:], "--read", f"logger_file=@{export}", by="courier.1")
    assert HASH in asked.out
    assert list(Files(cli.folder)) == [], "whoever only asks keeps nothing"
    cli.refused("file.readable", *line, "--read", "logger_file=@nowhere.csv", by="courier.1")
    cli.refused("file.value", *line, "--read", f"highest=@{export}", by="courier.1")
    cli.ok(*line, "--read", f"logger_file=@{export}", by="courier.1")
    cli.ok("take", BRUNO.therapy, "transport", by="receiver.1")
    assert list(Files(cli.folder)) == [HASH]

    said = cli("file", "verify", "--json")
    assert (said.code, said.json["named"], said.json["kept"]) == (0, 1, 1)
    (named,) = cli.ok("file", "show", HASH, "--json").json["named"]
    assert (named["therapy"], named["what"]) == (BRUNO.therapy, "logger_file of transport")
    assert cli("verify", "--files").code == 0

    path = cli.folder / "files" / HASH
    path.chmod(0o600)
    path.write_bytes(CURVE + b"2;2,1\n")
    for words in (["file", "verify", "--json"], ["verify", "--files", "--json"]):
        said = cli(*words)
        assert said.code == 1
        (finding,) = said.json["findings"]
        assert finding["kind"] == "file"
        assert "WAS ALTERED" in finding["says"]
        assert finding["stream"] == f"therapy/{BRUNO.therapy}"
    path.unlink()
    assert "not kept here" in json.dumps(cli("file", "verify", "--json").json)
    assert cli("verify").code == 0, "without --files only the log itself is asked"


def test_nothing_but_a_file_takes_a_path(cli: Cli) -> None:
    form = cli.form("apheresis", patient=ANNA, readings={"volume": "@volume.txt"})
    cli.refused("file.value", "perform", ANNA.therapy, "apheresis", "--from", cli.file(form), by="apheresis.nurse.1")
