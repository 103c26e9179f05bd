"""Bad places and bad moments: torn files, full disks, two people at once, faults. Nothing is half written, nothing unsaid."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import events.store
from events.log_sqlite import SqliteLog
from tests.console.cli import ANNA, NURSE, SECOND, Cli, apheresis, phrase

ROOT = Path(__file__).parents[2]


def test_a_protocol_file_that_goes_round_in_a_circle_is_refused_with_its_lines(cli: Cli, tmp_path: Path) -> None:
    text = (ROOT / "protocol/studies/cd20-cd22.yaml").read_text(encoding="utf-8")
    file = tmp_path / "circle.yaml"
    file.write_text(text.replace("    after: consent\n", "    after: enrolment\n", 1), encoding="utf-8")
    for line, by in ((["protocol", "check"], None), (["protocol", "adopt"], "quality.1")):
        before = cli.size()
        said = cli(*line, str(file), by=by)
        assert said.code == 4
        assert "Rule:       protocol.file" in said.err
        assert "circle" in said.err
        assert "line " in said.err
        assert cli.size() == before


def test_a_torn_database_file_stops_everything(cli: Cli) -> None:
    path = cli.folder / "log.db"
    size, whole = cli.size(), path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    for line in (["status", ANNA.therapy], ["events"], ["worklist", "--therapy", ANNA.therapy]):
        said = cli(*line)
        assert said.code == 6, said.err
        assert said.err.startswith("Corrupt: ")
        assert "Rule:       log.file" in said.err
        assert "call QA" in said.err
    said = cli(*apheresis_line(), by=NURSE)
    assert said.code == 6
    said = cli("verify", "--json")  # what is left is judged, and each record that cannot be read is named
    assert said.code == 1
    assert 0 < said.json["size"] < size
    unread = {f["position"] for f in said.json["findings"] if f["kind"] == "hole"}
    assert said.json["size"] + len(unread) == size
    path.write_bytes(b"no database at all, and longer than a page of one " * 100)
    assert cli("status", ANNA.therapy).code == 6
    assert cli("verify", "--json").json["verdict"] == "cannot tell"


def apheresis_line() -> list[str]:
    """Anna's collection without an act file: enough to be stopped before it is read."""
    return ["perform", ANNA.therapy, "apheresis", "--read", "volume=250 mL"]


def test_a_full_disk_records_nothing(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    # SQLite's own limit on pages stands in for the disk: it raises the same SQLITE_FULL.
    connect = events.store._connect

    def full(path: Path, synced: bool) -> object:
        db = connect(path, synced)
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {pages}")
        return db

    line = apheresis(cli, readings={"volume": "250 mL"})
    before, stood = cli.size(), (cli.folder / "log.db").stat().st_size
    monkeypatch.setattr(events.store, "_connect", full)
    said = cli(*line, by=NURSE)
    if said.code == 0:  # the last pages had room for this one; the next one finds none
        before += 1
        said = cli("witness", ANNA.therapy, "apheresis", by=SECOND)
    monkeypatch.undo()
    assert said.code == 7, said.err
    assert "Rule:       log.disk-full" in said.err
    assert "nothing was recorded" in said.err
    assert "Free some space" in said.err
    assert cli.size() == before
    assert (cli.folder / "log.db").stat().st_size >= stood
    assert cli("verify", "--no-decisions").code == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_output_that_finds_a_full_disk_is_told_in_a_sentence(cli: Cli) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "console", "--site", str(cli.folder), "events", "--json"],
            stdout=full, stderr=subprocess.PIPE, text=True, cwd=ROOT, check=False,
        )  # fmt: skip
    assert done.returncode == 7
    assert "Rule:       disk" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_site_and_a_folder_that_is_none(cli: Cli, tmp_path: Path) -> None:
    for folder, rule in ((tmp_path / "nowhere", "site.exists"), (tmp_path, "site.exists")):
        said = cli("--site", str(folder), "status", ANNA.therapy)
        assert said.code == 4
        assert f"Rule:       {rule}" in said.err
    (cli.folder / "site.json").write_text("{", encoding="utf-8")
    assert cli("status", ANNA.therapy).code == 6


def test_another_log_in_this_sites_place_is_seen(cli: Cli, tmp_path: Path) -> None:
    other = tmp_path / "other"
    cli.environment["UNBROKEN_PASSPHRASE"] = ""
    words = tmp_path / "words.yaml"
    words.write_text("admin: a passphrase of its own\n", encoding="utf-8")
    cli.ok("site", "init", str(other), "--name", "Other", "--site-code", "O", "--passphrases", str(words))
    (cli.folder / "log.db").write_bytes((other / "log.db").read_bytes())
    said = cli("status", ANNA.therapy)
    assert said.code == 6
    assert "Rule:       site.log-id" in said.err
    assert cli("verify").code == 1
    assert {f["kind"] for f in cli("verify", "--json").json["findings"]} >= {"log"}


# ------------------------------------------------------------------------------------------------ two at once, faults


def test_two_people_at_once_record_one_act(cli: Cli) -> None:
    line = [sys.executable, "-m", "console", "--site", str(cli.folder), *apheresis(cli), "--json"]
    before = cli.size()
    results: list[subprocess.CompletedProcess[str]] = []

    def one(account: str) -> None:
        environment = {**os.environ, "UNBROKEN_PASSPHRASE": phrase(account), "PYTHONPATH": str(ROOT)}
        results.append(
            subprocess.run(
                [*line, "--as", account], capture_output=True, text=True, env=environment, cwd=ROOT, check=False
            )
        )

    threads = [threading.Thread(target=one, args=(account,)) for account in (NURSE, SECOND)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(result.returncode for result in results) == [0, 4], [r.stderr + r.stdout for r in results]
    refused = json.loads(next(r.stdout for r in results if r.returncode == 4))
    assert refused["rule"] in ("order.pending", "log.moved-meanwhile", "identity.new-code")
    assert refused["advice"]
    assert cli.size() == before + 1


def test_a_fault_of_the_program_leaves_a_file_and_no_traceback(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a fault")

    monkeypatch.setattr("console.one_look.recall", broken)
    said = cli("status", ANNA.therapy)
    assert said.code == 70
    assert "Traceback" not in said.err
    (file,) = cli.folder.glob("crash-*.txt")
    assert str(file) in said.err
    assert "ZeroDivisionError: a fault" in file.read_text(encoding="utf-8")
    said = cli("status", ANNA.therapy, "--json")
    assert said.json["error"] == "fault"


def test_an_interrupt_says_that_nothing_more_was_recorded(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    line, before = apheresis(cli), cli.size()
    monkeypatch.setattr(SqliteLog, "append", interrupted)
    said = cli(*line, by=NURSE)
    assert said.code == 130
    assert "nothing more was recorded" in said.err
    assert cli.size() == before


def test_a_reader_who_leaves_is_no_error(cli: Cli) -> None:
    done = subprocess.run(
        f"{sys.executable} -m console --site {cli.folder} events --json | head -1",
        shell=True, capture_output=True, text=True, cwd=ROOT, check=False,
    )  # fmt: skip
    assert json.loads(done.stdout)["position"] == 0
    assert done.stderr == ""


def test_a_line_that_is_not_understood_is_told_how(cli: Cli) -> None:
    for line in (
        ["nonsense"],
        ["status"],
        ["status", ANNA.therapy, "--nonsense"],
        ["correct", ANNA.therapy, "apheresis", "volume"],
    ):
        said = cli(*line)
        assert said.code == 2, line
        assert "Usage" in said.err or "usage" in said.err
    assert "Did you mean 'status'" in cli("statsu").err.replace("\n", " ")


def test_an_act_file_that_cannot_be_understood_is_refused(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "act.yaml"
    line = ["perform", ANNA.therapy, "apheresis", "--from", str(file)]
    for text, told in (
        ("volumes: {}\n", "unknown field volumes"),
        ("step: infusion\n", "it is for step infusion"),
        ("readings: [1\n", "line"),
        ("{\n", "JSON"),
        ("labels: [a]\n", "labels"),
        ("outcome: maybe\n", "outcome"),
    ):
        file.write_text(text, encoding="utf-8")
        assert told in cli.refused("input.form", *line, by=NURSE)["says"], text
    cli.refused("file.readable", "perform", ANNA.therapy, "apheresis", "--from", str(tmp_path / "none.yaml"), by=NURSE)
    cli.refused("input.form", "perform", ANNA.therapy, "apheresis", "--scan", "wristband", by=NURSE)
