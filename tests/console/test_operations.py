"""docs/operations.md, Back up and Restore: each command of the page, in its order, from the state that the page describes."""

from __future__ import annotations

import shlex
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from console.site import Site
from events.reading import last_recorded
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
