"""The SQLite log's file: what it promises to the disk, and what it says when the disk lets it down."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from events import store
from events.checkpoint import Checkpoint
from events.errors import Corrupt, Refused, Unavailable
from events.log_sqlite import SqliteLog
from events.merkle import Tree
from events.verify import verify
from tests.contracts.backends import Sqlite
from tests.ground import Small, deviation, small_log

pytestmark = pytest.mark.contract
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def log(where: Path, small: Small) -> SqliteLog:
    """The small log in a file."""
    filled = Sqlite().filled(where, small.values)
    assert isinstance(filled, SqliteLog)
    return filled


def one_more(small: Small) -> bytes:
    """A record that would stand."""
    return small.record("nurse", ["therapy/T-7"], deviation())


# ----------------------------------------------------------------------------------------------------------- durability


def test_the_connection_that_appends_syncs_before_it_answers(log: SqliteLog) -> None:
    db = log._db
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert db.execute("PRAGMA synchronous").fetchone() == (2,), "2 is FULL: the log is synced at every commit"
    assert db.execute("PRAGMA fullfsync").fetchone() == (1,)


def can_trace() -> bool:
    """Whether this machine lets a test watch system calls."""
    strace = shutil.which("strace")
    return strace is not None and not subprocess.run([strace, "-o", os.devnull, "true"], capture_output=True).returncode


if can_trace():  # a bonus where it is possible, no test anywhere else

    def test_every_append_reaches_fsync(where: Path, log: SqliteLog, tmp_path: Path) -> None:
        log.close()
        program = (
            "import sys, itertools\n"
            "from pathlib import Path\n"
            "from tests.contracts import others, backends\n"
            "def tell(line, count=itertools.count(1)):\n"
            "    if next(count) == 5: sys.exit()\n"
            "others.append_for_ever(backends.Sqlite(), Path(sys.argv[1]), tell)\n"
        )
        calls = tmp_path / "calls"
        traced = ["strace", "-f", "-y", "-e", "trace=fsync,fdatasync", "-o", str(calls)]
        subprocess.run([*traced, sys.executable, "-c", program, str(where)], check=True, cwd=ROOT)
        synced = [line for line in calls.read_text().splitlines() if "-wal>" in line and line.endswith("= 0")]
        assert len(synced) >= 5


# -------------------------------------------------------------------------------------------------------- damaged files


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 4096, b"not a database " * 400, b"SQLite format 3\0" + b"\xff" * 8000]
)
def test_a_file_that_is_no_log_is_corrupt(where: Path, content: bytes) -> None:
    where.write_bytes(content)
    with pytest.raises(Corrupt):
        SqliteLog(where)


def test_another_programs_database_is_corrupt(where: Path) -> None:
    db = sqlite3.connect(where)
    db.execute("CREATE TABLE notes (text)")
    db.commit()
    db.close()
    with pytest.raises(Corrupt):
        SqliteLog(where)


def test_no_file_is_refused(where: Path) -> None:
    with pytest.raises(Refused):
        SqliteLog(where)
    assert not where.exists()


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_a_file_cut_short_is_corrupt(where: Path, log: SqliteLog, small: Small, part: float) -> None:
    log.close()
    os.truncate(where, int(where.stat().st_size * part))
    with pytest.raises(Corrupt):
        verify(SqliteLog(where), small.id)


@pytest.mark.parametrize("page", range(1, 9))
def test_a_page_of_noise_is_never_taken_for_a_record(where: Path, log: SqliteLog, small: Small, page: int) -> None:
    log.close()
    with where.open("r+b") as file:
        file.seek(page * 4096)
        file.write(bytes(range(256)) * 16)
    try:
        found = verify(SqliteLog(where), small.id)
    except Corrupt:
        return
    assert not found.clean


def test_a_torn_write_ahead_log_loses_the_torn_record_only(where: Path, log: SqliteLog, small: Small) -> None:
    before = log.size()
    log.append(one_more(small))
    wal = where.with_name(where.name + "-wal")
    torn = where.with_name("torn.db")
    shutil.copy(where, torn)
    torn.with_name("torn.db-wal").write_bytes(wal.read_bytes()[:-100])
    log.close()
    after = SqliteLog(torn)
    assert before - len(small.values) <= after.size() <= before
    found = verify(after, small.id)
    assert found.clean
    whole = Tree().add_all([*small.values, one_more(small)])
    (finding,) = verify(after, small.id, Checkpoint(small.id, whole.size, whole.root())).findings
    assert finding.kind == "checkpoint"
    after.append(one_more(small))
    after.close()


def test_records_cannot_be_changed_by_a_slip(log: SqliteLog) -> None:
    for slip in ("UPDATE records SET value = X'00' WHERE position = 3", "DELETE FROM records WHERE position = 3"):
        with pytest.raises(sqlite3.IntegrityError, match="records are never"):
            log._db.execute(slip)


def test_a_log_of_another_judge_is_not_read(where: Path, log: SqliteLog) -> None:
    log._db.execute("UPDATE log SET judge = 3")
    log.close()
    with pytest.raises(Corrupt, match="version 3 of the judge"):
        SqliteLog(where)


# ------------------------------------------------------------------------------------------------------ disks that fail


def test_a_full_disk_records_nothing(log: SqliteLog, small: Small) -> None:
    # SQLite's own limit on pages stands in for the disk: it raises the same SQLITE_FULL.
    (pages,) = log._db.execute("PRAGMA page_count").fetchone()
    log._db.execute(f"PRAGMA max_page_count = {pages}")
    large = small.record("nurse", ["therapy/T-7"], deviation(says="x" * 100_000))
    with pytest.raises(Unavailable, match="nothing was recorded") as told:
        log.append(large)
    assert told.value.rule == "log.disk-full"
    assert log.size() == len(small.values)
    log._db.execute("PRAGMA max_page_count = 100000")
    log.append(large)
    assert verify(log, small.id).clean


def test_a_file_that_may_not_grow_records_nothing(where: Path, log: SqliteLog, small: Small) -> None:
    # The kernel refuses the write (RLIMIT_FSIZE), as it would on a full file system or over a quota.
    log.close()
    program = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from events.errors import Unavailable\n"
        "from events.log_sqlite import SqliteLog\n"
        "log = SqliteLog(Path(sys.argv[1]))\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (40000, 40000))\n"
        "try:\n"
        "    log.append(sys.stdin.buffer.read())\n"
        "except Unavailable as told:\n"
        "    sys.exit(told.exit_code)\n"
    )
    large = small.record("nurse", ["therapy/T-7"], deviation(says="x" * 100_000))
    done = subprocess.run([sys.executable, "-c", program, str(where)], input=large, cwd=ROOT)
    assert done.returncode == Unavailable.exit_code
    again = SqliteLog(where)
    assert again.size() == len(small.values)
    again.append(large)
    assert verify(again, small.id).clean
    again.close()


def test_a_read_only_file_is_unavailable_and_keeps_its_records(log: SqliteLog, where: Path, small: Small) -> None:
    log.close()
    folder = Path(tempfile.mkdtemp(prefix="unbroken-read-only-"))
    copy = Path(shutil.copy(where, folder))
    copy.chmod(0o444)
    folder.chmod(0o555)
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from events.errors import Unavailable\n"
        "from events.log_sqlite import SqliteLog\n"
        "if os.geteuid() == 0:\n"
        "    os.setuid(65534)\n"  # permissions do not bind the superuser
        "try:\n"
        "    SqliteLog(Path(sys.argv[1])).append(sys.stdin.buffer.read())\n"
        "except Unavailable as told:\n"
        "    sys.exit(told.exit_code)\n"
    )
    try:
        done = subprocess.run([sys.executable, "-c", program, str(copy)], input=one_more(small), cwd=ROOT)
    finally:
        folder.chmod(0o755)
    assert done.returncode == Unavailable.exit_code
    again = SqliteLog(copy)
    assert again.size() == len(small.values)
    again.close()
    shutil.rmtree(folder)


def test_a_log_held_by_another_process_is_unavailable(
    where: Path, log: SqliteLog, small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "BUSY_SECONDS", 0.05)
    holder = sqlite3.connect(where, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    other = SqliteLog(where)
    with pytest.raises(Unavailable, match="nothing was recorded"):
        other.append(one_more(small))
    holder.execute("ROLLBACK")
    holder.close()
    other.append(one_more(small))
    other.close()


# ------------------------------------------------------------------------------------------------------------- creation


def test_the_remains_of_a_log_are_not_replayed_into_a_new_one(where: Path, log: SqliteLog, small: Small) -> None:
    log.append(one_more(small))
    remains = where.with_name(where.name + "-wal").read_bytes()
    log.close()
    where.unlink()
    where.with_name(where.name + "-wal").write_bytes(remains)
    with pytest.raises(Refused, match="left of one"):
        SqliteLog.create(where, small_log(small.seed + 1).values[0])


def test_a_log_that_appears_meanwhile_is_not_overwritten(
    where: Path, small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Somebody else finishes first, between the first look and the last step.
    foreign = small_log(small.seed + 1)
    appear = store._appear

    def late(making: Path, path: Path) -> None:
        monkeypatch.setattr(store, "_appear", appear)
        SqliteLog.create(path, foreign.values[0]).close()
        appear(making, path)

    monkeypatch.setattr(store, "_appear", late)
    with pytest.raises(Refused):
        SqliteLog.create(where, small.values[0])
    assert SqliteLog(where).id == foreign.id
    assert [path.name for path in where.parent.iterdir() if "making" in path.name] == []
