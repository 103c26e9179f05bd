"""Verification through the command line: 0 clean, 1 findings with stream, sequence and kind, 3 cannot tell."""

from __future__ import annotations

import base64
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from console.driving import _nightly as nightly
from console.site import Site
from events.log import Stored
from events.merkle import Tree
from tests.console.cli import ANNA, BRUNO, Cli
from tests.verifier import second_verifier


def test_a_clean_log_verifies_wholly_and_by_therapy(cli: Cli) -> None:
    said = cli.ok("verify")
    assert "CLEAN" in said.out
    assert "Tail: not provable without a checkpoint" in said.out
    assert cli.ok("verify", "--json").json["findings"] == []
    assert "CLEAN" in cli.ok("verify", ANNA.therapy).out
    assert cli.ok("verify", BRUNO.therapy, "--json").json["verdict"] == "clean"
    assert cli("verify", "T-NONE").code == 4
    note = cli.ok("checkpoint", "--json").json["file"]
    assert "CLEAN" in cli.ok("verify", ANNA.therapy, "--checkpoint", note, "--files").out
    assert cli("verify", ANNA.therapy, "--log-id", "0" * 64).code == 1


def test_the_log_id_that_was_written_down_is_the_measure(cli: Cli) -> None:
    pinned = cli.ok("site", "show", "--json").json["log"]
    assert cli.ok("verify", "--log-id", pinned.upper()).code == 0
    said = cli("verify", "--log-id", "0" * 64, "--json")
    assert said.code == 1
    assert said.json["findings"][0]["kind"] == "log"


def alter(folder: Path, position: int, edit: str) -> None:
    """Change a record as somebody with the file would."""
    with closing(sqlite3.connect(folder / "log.db")) as db, db:
        db.executescript("DROP TRIGGER records_stay; DROP TRIGGER records_keep;")
        if edit == "payload":
            (value,) = db.execute("SELECT value FROM records WHERE position = ?", (position,)).fetchone()
            envelope = json.loads(value)
            payload = base64.b64decode(envelope["payload"]).replace(b'"minor"', b'"major"').replace(b"2026", b"2027")
            changed = value.replace(envelope["payload"].encode(), base64.b64encode(payload))
            db.execute("UPDATE records SET value = ? WHERE position = ?", (changed, position))
        else:
            db.execute("DELETE FROM placements WHERE position >= ?", (position,))
            db.execute("DELETE FROM records WHERE position >= ?", (position,))
            tree = Tree().add_all(row[0] for row in db.execute("SELECT value FROM records ORDER BY position"))
            db.execute("UPDATE log SET size = ?, edge = ?", (tree.size, tree.packed()))


def last_of(cli: Cli, therapy: str) -> int:
    """The position of a therapy's last record."""
    return int(
        json.loads(cli.ok("events", "--json", "--stream", f"therapy/{therapy}").out.splitlines()[-1])["position"]
    )


def test_an_altered_record_is_found_with_stream_sequence_and_kind(cli: Cli) -> None:
    position = last_of(cli, ANNA.therapy)
    number = cli.ok("status", ANNA.therapy, "--json").json["records"]
    alter(cli.folder, position, "payload")
    said = cli("verify", "--json")
    assert said.code == 1
    found = {(f["stream"], f["sequence"], f["kind"]) for f in said.json["findings"]}
    assert (f"therapy/{ANNA.therapy}", number, "signature") in found
    said = cli("verify", ANNA.therapy, "--json")
    assert said.code == 1
    (finding,) = said.json["findings"]
    assert (finding["stream"], finding["sequence"], finding["position"]) == (
        f"therapy/{ANNA.therapy}",
        number,
        position,
    )
    assert "FINDING" in cli("verify", ANNA.therapy).out
    assert cli("status", ANNA.therapy).code == 6, "nothing is shown of a therapy whose record was altered"
    assert cli("status", BRUNO.therapy).code == 0, "the other patients go on"


def test_a_checkpoint_proves_the_tail(cli: Cli, tmp_path: Path) -> None:
    note = tmp_path / "outside.txt"
    said = cli.ok("checkpoint", "--out", str(note))
    assert said.out.startswith("unbroken/")
    assert cli.ok("checkpoint", "--json").json["note"] == note.read_text(encoding="utf-8")
    size = cli.size()
    cli.ok("deviation", "open", ANNA.therapy, "--grade", "minor", "--says", "later", by="operator.1")
    assert f"proven up to record {size}" in cli.ok("verify", "--checkpoint", str(note)).out
    alter(cli.folder, size - 1, "cut")
    assert cli("verify", "--no-decisions").code == 0, "a cut tail is not seen without a checkpoint, and verify says so"
    kinds = {f["kind"] for f in cli("verify", "--checkpoint", str(note), "--json").json["findings"]}
    assert "checkpoint" in kinds


@pytest.mark.parametrize("text", [None, "", "not a checkpoint\n", "\x00\xff"])
def test_a_checkpoint_that_cannot_be_read_says_that_it_cannot_tell(cli: Cli, tmp_path: Path, text: str | None) -> None:
    note = tmp_path / "note.txt"
    if text is not None:
        note.write_bytes(text.encode("latin-1"))
    said = cli("verify", "--checkpoint", str(note))
    assert said.code == 3
    assert "CANNOT TELL" in said.out
    assert cli("verify", "--checkpoint", str(note), "--json").json["verdict"] == "cannot tell"


def test_events_are_the_records_to_the_byte(cli: Cli) -> None:
    lines = cli.ok("events", "--json").out.splitlines()
    site = Site.open(cli.folder)
    stored = list(site.log.read())
    site.close()
    assert [json.loads(line)["envelope"].encode("latin-1") for line in lines] == [record.value for record in stored]
    first = json.loads(lines[0])
    assert first["verdict"] == "accepted"
    assert first["statement"]["type"] == "log.opened.v1"
    assert len(cli.ok("events", "--json", "--start", "5").out.splitlines()) == len(lines) - 5
    out = cli.ok("events", "--stream", "authority").out
    assert "log.opened.v1" in out
    assert "authorised" in out


def test_an_export_says_of_a_refused_record_what_the_page_says() -> None:
    """The rule that refused it and nothing more, and no statement where the grammar is broken."""
    from console.commands.record import _as_stored

    told = _as_stored(Stored(7, b"{}", None, "grammar: envelope: the record is not an envelope"))
    assert (told["verdict"], told["why"], told["link"], told["statement"]) == ("refused", "grammar", None, None)


@pytest.mark.parametrize("gone", ["DROP TABLE log", "DROP TABLE placements", "UPDATE log SET judge = 9, edge = x'00'"])
def test_the_records_can_be_exported_whatever_became_of_the_file_around_them(
    cli: Cli, tmp_path: Path, gone: str
) -> None:
    """The second verifier finds nothing wrong in them, and reads the file itself too."""
    before, log = cli.ok("events", "--json").out, cli.ok("log", "show", "--json").json
    with closing(sqlite3.connect(cli.folder / "log.db")) as db, db:
        db.executescript(gone)
    assert cli.ok("events", "--json").out == before
    told = second_verifier.verify(before.splitlines(), log["log"], log["place"])
    assert told.findings == []
    assert second_verifier.verify_file(str(cli.folder / "log.db"), log["log"], log["place"]).at == told.at


def test_every_night_the_log_is_verified_and_a_checkpoint_written(cli: Cli) -> None:
    site = Site.open(cli.folder)
    assert nightly(site) == ""
    assert list((cli.folder / "checkpoints").glob("*.txt"))
    site.close()
    alter(cli.folder, last_of(cli, ANNA.therapy), "payload")
    site = Site.open(cli.folder)
    assert "findings" in nightly(site)
    site.close()


def test_no_secret_stands_in_a_checkpoint_or_a_list(cli: Cli) -> None:
    out = cli.ok("events", "--json").out + cli.ok("person", "list").out + cli.ok("checkpoint").out
    assert "phrase of" not in out
    assert (cli.folder / "keys/system.passphrase").read_text().strip() not in out


# ------------------------------------------------------------------ whatever somebody does to the file, and with more evidence

_FLIP = "UPDATE records SET value = CAST(replace(CAST(value AS TEXT), 'eyJ', 'eyI') AS BLOB) WHERE position = "
_SWAP = "UPDATE records SET position = -1 WHERE position = {0}; UPDATE records SET position = {0} WHERE position = {1};"
CHANGED = {
    "the record that enrols the system's key": _FLIP + "1",
    "a record of authority": _FLIP + "5",
    "a record of the therapy": _FLIP + "(SELECT min(position) FROM placements WHERE stream = 'therapy/T-1')",
    "two neighbours": _SWAP.format(30, 31) + "UPDATE records SET position = 31 WHERE position = -1",
    "a record that is gone": "DELETE FROM records WHERE position = 40",
    "genesis": "DELETE FROM records WHERE position = 0",
    "the edge": "UPDATE log SET edge = x'00'",
    "the size": "UPDATE log SET size = 7",
    "the id": "UPDATE log SET id = 'x'",
    "the judge": "UPDATE log SET judge = 9",
    "the log's account": "DROP TABLE log",
    "the index": "DROP TABLE placements",
    "the places of the therapy's last records": "DELETE FROM placements WHERE stream = 'therapy/T-1' AND number > 3",
    "the links": "UPDATE records SET link = 'x'",
    "the verdicts": "UPDATE records SET link = NULL, refused = 'head'",
    "every record": "DELETE FROM records",
    "the table of records": "DROP TABLE records",
}


@pytest.mark.parametrize("what", CHANGED)
def test_with_more_evidence_nothing_is_found_less_and_nobody_says_that_he_cannot_tell(
    cli: Cli, tmp_path: Path, what: str
) -> None:
    note = tmp_path / "outside.txt"
    cli.ok("checkpoint", "--out", str(note))
    cli.ok("verify", ANNA.therapy)  # so that there is an answer that could be remembered
    with closing(sqlite3.connect(cli.folder / "log.db")) as db, db:
        db.executescript("PRAGMA foreign_keys = OFF; DROP TRIGGER records_stay; DROP TRIGGER records_keep;")
        db.executescript(CHANGED[what])
    plain = cli("verify", "--json")
    assert plain.code == 1, plain.out
    assert plain.json["refused"] == 0
    said = cli("verify")
    assert "refused when they came" not in said.out
    if {f["kind"] for f in plain.json["findings"]} & {"grammar", "head", "hole"}:
        assert "DO NOT STAND" in said.out
    for words in (["--checkpoint", str(note)], ["--full"], ["--no-decisions"], ["--files"]):
        more = cli("verify", "--json", *words)
        assert more.code == 1
        assert [one for one in plain.json["findings"] if one not in more.json["findings"]] == []
    # A checkpoint that is none takes nothing from it either.
    (tmp_path / "none.txt").write_text("no checkpoint\n")
    spoilt = cli("verify", "--json", "--checkpoint", str(tmp_path / "none.txt"))
    assert spoilt.code == 1
    assert [one for one in plain.json["findings"] if one not in spoilt.json["findings"]] == []
    assert "checkpoint" in {one["kind"] for one in spoilt.json["findings"]}
    of_anna = cli("verify", ANNA.therapy, "--json")
    assert of_anna.code in (0, 1), of_anna.out
    with_note = cli("verify", ANNA.therapy, "--json", "--checkpoint", str(note))
    assert with_note.code == 1, "a checkpoint that is given is held against the log, whatever else is asked"
    assert [one for one in of_anna.json["findings"] if one not in with_note.json["findings"]] == []
    touched = what not in ("two neighbours", "a record that is gone", "the edge", "the size", "a record of authority")
    assert not touched or of_anna.code == 1, of_anna.out
