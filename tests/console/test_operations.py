"""docs/operations.md, Back up and Restore: each command of the page, in its order, from the state that the page describes."""

from __future__ import annotations

import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from console.site import Site
from events.evidence import Evidence
from events.reading import last_recorded
from events.verify import verify as judge_again
from tests.console.cli import ANNA, Cli

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")


def commands(after: str, site: Path, checkpoint: Path) -> list[list[str]]:
    """The commands of the first block after these words of the page, with this test's places for the page's."""
    block = PAGE.partition(after)[2].partition("```\n")[2].partition("```")[0]
    here = block.replace("/srv/unbroken/leiden", str(site)).replace("/elsewhere/checkpoint.txt", str(checkpoint))
    lines = [shlex.split(line)[1:] for line in here.splitlines() if line.startswith("unbroken ")]
    assert lines, f"the page shows no command after {after!r}"
    return lines


@pytest.fixture
def backup(cli: Cli, tmp_path: Path) -> Path:
    """What the page says to keep: the record as SQLite copies it, files, keys, site.json; and a checkpoint elsewhere."""
    kept = tmp_path / "backup"
    kept.mkdir()
    with closing(sqlite3.connect(cli.folder / "log.db")) as db, closing(sqlite3.connect(kept / "log.db")) as to:
        db.backup(to)
    for name in ("files", "keys"):
        if (cli.folder / name).is_dir():
            shutil.copytree(cli.folder / name, kept / name)
    shutil.copy(cli.folder / "site.json", kept)
    cli.ok("checkpoint", "--out", str(tmp_path / "checkpoint.txt"))
    return kept


def test_a_log_in_a_file_is_restored_by_the_commands_of_the_page(cli: Cli, backup: Path, tmp_path: Path) -> None:
    """Another machine, nothing of the site but its backup: no views, no checkpoints, no clock, nothing remembered."""
    honest = cli.ok("digest").out
    restored = Cli(tmp_path / "restored")
    shutil.copytree(backup, restored.folder)
    for words in commands("**A log in a file.**", restored.folder, tmp_path / "checkpoint.txt"):
        said = restored.ok(*words)
        assert "no such table" not in said.out + said.err
    assert restored.ok("digest").out == honest
    assert restored.ok("batches", "--json").json == cli.ok("batches", "--json").json
    assert "CLEAN" in restored.ok("verify", ANNA.therapy).out


def test_the_site_goes_on_after_a_restore_over_what_was_left(cli: Cli, backup: Path, tmp_path: Path) -> None:
    """The disk that failed left views ahead of the backup's log, and a write-ahead log that is not the restored file's."""
    cli.ok("digest")
    cli.ok("deviation", "open", ANNA.therapy, "--grade", "minor", "--says", "twelve minutes late", by="quality.1")
    cli.ok("digest")
    for left in cli.folder.glob("log.db*"):
        left.unlink()
    shutil.copy(backup / "log.db", cli.folder)
    for words in commands("**A log in a file.**", cli.folder, tmp_path / "checkpoint.txt"):
        cli.ok(*words)
    digest = cli.ok("digest").out
    cli.ok("deviation", "open", ANNA.therapy, "--grade", "minor", "--says", "twelve minutes late", by="quality.1")
    assert cli.ok("digest").out != digest, "the views follow what is signed after the restore"


def test_a_simulated_site_without_its_clock_is_as_late_as_its_last_record(cli: Cli) -> None:
    """clock.txt is no part of the record: every command finds the time in the log, and whoever acts moves it on."""
    (cli.folder / "clock.txt").unlink()
    site = Site.open(cli.folder)
    assert site.simulated
    assert site.now() == last_recorded(site.log)
    site.close()
    for words in (["verify"], ["verify", ANNA.therapy], ["status", ANNA.therapy], ["worklist"], ["rebuild"]):
        cli.ok(*words)
    cli.ok("deviation", "open", ANNA.therapy, "--grade", "minor", "--says", "twelve minutes late", by="quality.1")
    assert (cli.folder / "clock.txt").is_file()


def test_a_clock_that_is_no_time_is_told_with_the_way_out(cli: Cli) -> None:
    (cli.folder / "clock.txt").write_text("noon\n")
    cli.refused("site.clock", "worklist", code=6)


def test_a_backup_that_is_older_than_the_checkpoint_has_one_finding(cli: Cli, backup: Path, tmp_path: Path) -> None:
    """What was signed after the backup is lost: verify says how much, and nothing else; the rebuild follows all the same."""
    cli.ok("deviation", "open", ANNA.therapy, "--grade", "minor", "--says", "twelve minutes late", by="quality.1")
    later = tmp_path / "later.txt"
    cli.ok("checkpoint", "--out", str(later))
    restored = Cli(tmp_path / "restored")
    shutil.copytree(backup, restored.folder)
    verify, rebuild = commands("**A log in a file.**", restored.folder, later)
    said = restored(*verify, "--json")
    assert said.code == 1
    (finding,) = said.json["findings"]
    assert finding["kind"] == "checkpoint"
    assert f"{cli.size()} records, {restored.size()} are there" in finding["says"]
    restored.ok(*rebuild)


def test_the_copy_of_a_topic_is_backed_up_by_the_program_on_the_page(cli: Cli, tmp_path: Path) -> None:
    """The page's own program, on another file; what it writes is a whole log with its verdicts."""
    (program,) = re.findall(r'python -c "(import sqlite3; .*?)"`', PAGE)
    kept = tmp_path / "backup.db"
    program = program.replace('\\"', '"').replace("/srv/unbroken/backup.db", str(kept))
    subprocess.run(
        [sys.executable, "-c", program.replace("site/copy.db", str(cli.folder / "log.db"))], check=True, cwd=tmp_path
    )
    with closing(Evidence(kept)) as evidence:
        found = judge_again(evidence, Site.open(cli.folder).log_id)
    assert (found.clean, found.size) == (True, cli.size())


def test_keys_and_people_as_the_page_says(cli: Cli) -> None:
    """Each inline command of the page about a person's key, with every option that the page names and no other."""
    told = re.findall(r"`(unbroken (?:person|unlock)[^`]*ACCOUNT[^`]*)`", PAGE)
    assert len(told) >= 5
    cli.environment["UNBROKEN_NEW_PASSPHRASE"] = "a new phrase here"
    late = ("deviation", "open", ANNA.therapy, "--grade", "minor", "--says", "twelve minutes late")
    for _ in range(5):
        cli(*late, by="operator.1", passphrase="not the right one")
    for command in sorted(set(told), key=len):  # the unlocking first, then the new key, then the end of it
        words = [
            {"ACCOUNT": "operator.1", "TEXT": "as the page says"}.get(word, word) for word in shlex.split(command)[1:]
        ]
        cli.ok(*words, by="supervisor.1" if words[0] == "unlock" else "admin")
    assert "CLEAN" in cli.ok("verify").out
    assert cli("person", "revoke", "admin", "--why", "leaves", by="admin").code == 4
