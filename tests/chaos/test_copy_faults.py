"""Fault 19: the local copy is edited, cut, removed, shared. It is a help and no witness: nothing can be forged in it."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from events.errors import Corrupt
from events.log import Appended
from events.reading import verified_stream
from tests.chaos.extent import first, whole_only
from tests.chaos.founded import Founded, Nurse
from tests.ground import Small, deviation, small_log


def edited(path: Path, *statements: str, values: tuple[object, ...] = ()) -> None:
    """Somebody with a SQLite program, who knows the tables."""
    db = sqlite3.connect(path)
    with db:
        db.execute("DROP TRIGGER IF EXISTS records_stay")
        db.execute("DROP TRIGGER IF EXISTS records_keep")
        for statement in statements:
            db.execute(statement, values[: statement.count("?")])
    db.close()


def forgery() -> tuple[bytes, str]:
    """A record of therapy T-7 by somebody whom nobody enrolled."""
    small = small_log()
    mallory = Small(1)
    mallory.members, mallory.heads, mallory.id = dict(small.members), small.heads, small.id
    mallory.members["nurse"].key = mallory.new_key("mallory")
    mallory.values = small.values
    value = mallory.record("nurse", ["therapy/T-7"], deviation(says="released"))
    from events.envelope import open_envelope

    return value, open_envelope(value).link


def told(log: Founded) -> None:
    """A record that somebody was told is recorded, before anything is done to the copy."""
    one = log.open()
    assert isinstance(log.history().append(one, Nurse("nurse").signed(one, ["therapy/T-7"])), Appended)
    one.close()


def read_all(log: Founded, stream: str) -> list[object]:
    one = log.open()
    try:
        return list(verified_stream(one, stream))
    finally:
        log.close()


def test_19_a_record_is_written_into_the_copy(log: Founded) -> None:
    """No decision is taken on it; whatever was ours to begin with still stands in Kafka, and a new copy has it."""
    told(log)
    sound = len(read_all(log, "therapy/T-7"))
    value, link = forgery()
    edited(
        log.copy("one"),
        "INSERT INTO records VALUES (500, ?, ?, NULL)",
        f"INSERT INTO placements VALUES ('therapy/T-7', {sound + 1}, 500)",
        values=(value, link),
    )
    with pytest.raises(Corrupt, match=f"Record {sound + 1} of therapy/T-7"):
        read_all(log, "therapy/T-7")
    log.copy("one").unlink()
    assert len(read_all(log, "therapy/T-7")) == sound
    report = log.report("one")
    assert report.clean, report


@pytest.mark.parametrize(
    "statement",
    first(
        [
            "UPDATE records SET value = CAST(replace(value, 'a', 'b') AS BLOB) WHERE position = 12",
            "UPDATE records SET value = (SELECT value FROM records WHERE position = 3) WHERE position > 3",
            "UPDATE placements SET number = 1 - number WHERE stream LIKE 'therapy/%'",
            "DELETE FROM placements WHERE stream = 'therapy/T-7' AND number = 2",
            "UPDATE placements SET position = 3 WHERE stream = 'therapy/T-7' AND number = 2",
            "UPDATE records SET refused = 'head: moved', link = NULL WHERE position > 4",
        ],
        2,
    ),
)
def test_19_what_is_altered_in_the_copy_decides_nothing(log: Founded, statement: str) -> None:
    """It shows as Corrupt, or as too little; never as a record that does not stand."""
    told(log)
    true = {str(record) for record in read_all(log, "therapy/T-7")}
    edited(log.copy("one"), statement)
    try:
        found = {str(record) for record in read_all(log, "therapy/T-7")}
    except Corrupt:
        found = set()
    assert found <= true
    report = log.report()
    assert report.clean, report


@pytest.mark.parametrize("left", first([20_000, 0, 100, 4096]))
def test_19_a_copy_that_is_cut_short_is_made_again(log: Founded, left: int) -> None:
    """What is left of it is set aside."""
    true = read_all(log, "therapy/T-7")
    with log.copy("one").open("rb+") as copy:
        copy.truncate(left)
    assert read_all(log, "therapy/T-7") == true
    one = log.open()
    assert isinstance(log.history().append(one, Nurse("nurse").any(one)), Appended)
    report = log.report("one")
    assert report.clean, report
    assert list(log.folder.glob("one.db.damaged-*"))


@pytest.mark.parametrize("gone", first([[""], ["", "-wal", "-shm"], ["-wal"], ["-shm"], ["-wal", "-shm"]]))
def test_19_a_copy_that_was_removed_is_made_again(log: Founded, gone: list[str]) -> None:
    """Also where a kill had left its write-ahead log beside it."""
    live, history, nurse = log.open(), log.history(), Nurse("nurse")
    assert isinstance(history.append(live, nurse.any(live)), Appended)
    for suffix in ("", "-wal", "-shm"):
        shutil.copyfile(log.folder / f"one.db{suffix}", log.folder / f"killed.db{suffix}")
    for suffix in gone:
        (log.folder / f"killed.db{suffix}").unlink()
    again = log.open("killed")
    assert isinstance(history.append(again, nurse.any(again)), Appended)
    report = log.report("one", "killed")
    assert report.clean, report


@whole_only
def test_19_the_size_of_the_copy_is_set_back(log: Founded) -> None:
    """It stops, or judges again what it had; it acknowledges nothing wrongly."""
    log.open().close()
    edited(log.copy("one"), "UPDATE log SET size = size - 3")
    with pytest.raises(Corrupt, match="Move it away; the next command makes it again"):
        log.open()
    report = log.report()
    assert report.clean, report


@whole_only
def test_19_an_older_copy_is_put_back(log: Founded, tmp_path: Path) -> None:
    """A backup of the copy: what is missing in it is fetched and judged."""
    one, history, nurse = log.open(), log.history(), Nurse("nurse")
    log.close()
    shutil.copyfile(log.copy("one"), tmp_path / "backup")
    one = log.open()
    for _ in range(20):
        history.append(one, nurse.any(one))
    log.close()
    shutil.copyfile(tmp_path / "backup", log.copy("one"))
    again = log.open()
    assert again.size() == len(log.before) + 20
    assert isinstance(history.append(again, nurse.any(again)), Appended)
    report = log.report("one")
    assert report.clean, report


@whole_only
def test_19_another_logs_copy_is_put_in_its_place(log: Founded, tmp_path: Path) -> None:
    """It is refused by the place that it says it is of."""
    told(log)
    edited(log.copy("one"), "UPDATE log SET place = 'kafka:another-topic'")
    with pytest.raises(Corrupt, match="Another record stands at position 0"):
        log.open()
    report = log.report()
    assert report.clean, report


def test_19_two_share_a_copy_while_it_is_removed(log: Founded) -> None:
    """Both go on, and so does a third that makes it again; nothing that was told is missing."""
    history, nurse = log.history(), Nurse("nurse")
    first, second = log.open(), log.open()
    for handle in (first, second):
        assert isinstance(history.append(handle, nurse.any(handle)), Appended)
    for suffix in ("", "-wal", "-shm"):
        (log.folder / f"one.db{suffix}").unlink()
    third = log.open()
    for handle in (first, second, third) * 5:
        handle.wait(third.size() - 1, 5)
        history.append(handle, nurse.any(handle))
    log.opened.remove(first)
    first.close()
    fourth = log.open()
    for handle in (second, third, fourth) * 5:
        done = history.append(handle, nurse.any(handle))
        assert not isinstance(done, Corrupt) or handle is not fourth
    report = log.report()
    assert report.clean, report
    assert report.figures["acknowledged"] > 10
