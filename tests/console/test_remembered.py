"""Answers that are remembered: believed only as long as nothing has changed, and never instead of the signatures."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

import console.remembered
import protocol.audit
import protocol.status
from tests.console.cli import ANNA, BRUNO, NURSE, SECOND, Cli, apheresis

ROOT = Path(__file__).parents[2]
LATE = ("pydantic", "typer", "rich", "yaml", "cryptography", "sqlalchemy", "prefect", "protocol.decide")
"""What a known answer must not wait for; each costs between a tenth and a whole of what the answer itself does."""


def kept(cli: Cli) -> list[Path]:
    """What is remembered."""
    return sorted((cli.folder / "remembered").glob("*.json"))


def forbid(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on nothing may be worked out."""

    def worked_out(*_: object, **__: object) -> None:
        raise AssertionError("it was worked out again")

    monkeypatch.setattr(protocol.status, "batch_status", worked_out)
    monkeypatch.setattr(protocol.audit, "audit", worked_out)


def test_the_same_question_is_answered_alike_without_working_it_out(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli.ok("status", ANNA.therapy, "--json").json["findings"] is None, "nobody has asked about the decisions yet"
    cli.ok("verify", ANNA.therapy)
    first = cli.ok("status", ANNA.therapy, "--json").json, cli.ok("status", ANNA.therapy).out
    assert first[0]["findings"] == 0
    assert len(kept(cli)) == 1
    forbid(monkeypatch)
    assert (cli.ok("status", ANNA.therapy, "--json").json, cli.ok("status", ANNA.therapy).out) == first
    assert "audited at this very head before" in cli.ok("verify", ANNA.therapy).out


def test_after_an_act_the_new_answer_is_there(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    cli.ok("verify", ANNA.therapy)
    cli.ok(*apheresis(cli), by=NURSE)
    cli.ok("witness", ANNA.therapy, "apheresis", by=SECOND)
    forbid(monkeypatch)
    assert cli.ok("status", ANNA.therapy, "--json").json["last_step"] == "apheresis"
    assert "audited at this very head before" in cli.ok("verify", ANNA.therapy).out
    monkeypatch.undo()
    assert cli.ok("verify", ANNA.therapy, "--anew", "--json").json["decisions"] == "audited again"


def test_an_edited_answer_is_not_believed(cli: Cli) -> None:
    true = cli.ok("status", ANNA.therapy, "--json").json
    (path,) = kept(cli)
    for old, new in ((ANNA.code("S"), "S-OTHER"), ('"held": 0', '"held": 7'), ('"number"', '"Number"')):
        whole = path.read_text(encoding="utf-8")
        assert old in whole
        path.write_text(whole.replace(old, new), encoding="utf-8")
        assert cli.ok("status", ANNA.therapy, "--json").json == true
    path.write_bytes(b"")
    assert cli.ok("status", ANNA.therapy, "--json").json == true


def test_an_answer_of_another_therapy_or_site_is_not_believed(cli: Cli) -> None:
    cli.ok("status", ANNA.therapy)
    (annas,) = kept(cli)
    cli.ok("status", BRUNO.therapy)
    (brunos,) = set(kept(cli)) - {annas}
    brunos.write_bytes(annas.read_bytes())
    assert cli.ok("status", BRUNO.therapy, "--json").json["therapy"] == BRUNO.therapy


def test_another_version_of_the_rules_works_it_out_anew(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    cli.ok("status", ANNA.therapy)
    monkeypatch.setattr(console.remembered, "_program", lambda: "another")
    forbid(monkeypatch)
    assert cli("status", ANNA.therapy).code == 70, "it wants to work it out, which this test forbids"


def test_signatures_are_verified_even_where_the_answer_is_known(cli: Cli) -> None:
    cli.ok("verify", ANNA.therapy)
    with closing(sqlite3.connect(cli.folder / "log.db")) as db, db:
        db.execute("DROP TRIGGER records_stay")
        last = json.loads(cli.ok("events", "--json", "--stream", f"therapy/{ANNA.therapy}").out.splitlines()[-1])
        envelope = json.loads(last["envelope"])
        sig = envelope["signatures"][0]["sig"]
        forged = ("A" if sig[0] != "A" else "B") + sig[1:]
        db.execute(
            "UPDATE records SET value = ? WHERE position = ?",
            (last["envelope"].replace(sig, forged).encode(), last["position"]),
        )
    assert cli("status", ANNA.therapy).code == 6
    assert cli("verify", ANNA.therapy).code == 1


def test_a_folder_that_cannot_be_written_only_costs_time(cli: Cli) -> None:
    (cli.folder / "remembered").write_text("in the way", encoding="utf-8")
    assert cli.ok("status", ANNA.therapy, "--json").json["therapy"] == ANNA.therapy
    cli.ok(*apheresis(cli), by=NURSE)
    (cli.folder / "keys/system.passphrase").unlink()
    assert cli.ok("status", ANNA.therapy, "--json").json["therapy"] == ANNA.therapy


@pytest.mark.parametrize("word", ["status", "verify"])
def test_a_known_answer_waits_for_no_library_that_it_does_not_need(cli: Cli, word: str) -> None:
    cli.ok("verify", ANNA.therapy)
    script = (
        "import sys; from console.main import main; code = main(sys.argv[1:]); "
        f"print(*(name for name in {LATE} if name in sys.modules), file=sys.stderr); sys.exit(code)"
    )
    line = [sys.executable, "-c", script, "--site", str(cli.folder), word, ANNA.therapy]
    done = subprocess.run(line, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip() == ""
