"""Somebody edits the log's file. `verify` names the record and the kind; what it cannot know, it says."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from events.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from events.envelope import open_envelope
from events.errors import Corrupt
from events.log_sqlite import SqliteLog
from events.merkle import Tree
from events.reading import verified_stream
from events.verify import Verification, verify
from tests.ground import Small, begun, deviation, key_of, payload_of, resigned, small_log

LOG = small_log()
LAST = len(LOG.values) - 1


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small log as a file."""
    path = tmp_path_factory.mktemp("sound") / "log.db"
    log = SqliteLog.create(path, LOG.values[0])
    for value in LOG.values[1:]:
        log.append(value)
    log.close()
    return path


@pytest.fixture
def path(sound: Path, tmp_path: Path) -> Path:
    """A copy to be damaged."""
    return Path(shutil.copy(sound, tmp_path / "log.db"))


def edit(path: Path, *statements: tuple[str, tuple[object, ...]]) -> None:
    """What somebody with the file and an SQLite shell can do; the triggers are dropped first."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("DROP TRIGGER records_stay")
    db.execute("DROP TRIGGER records_keep")
    for statement, values in statements:
        db.execute(statement, values)
    db.close()


def set_value(position: int, value: bytes) -> tuple[str, tuple[object, ...]]:
    """Other bytes at a position."""
    return "UPDATE records SET value = ? WHERE position = ?", (value, position)


def rewritten(values: list[bytes]) -> list[tuple[str, tuple[object, ...]]]:
    """The log's own account of its size and tree, made to fit."""
    tree = Tree().add_all(values)
    return [("UPDATE log SET size = ?, edge = ?", (tree.size, tree.packed()))]


def added(
    value: bytes, link: str | None = "0" * 64, refused: str | None = None
) -> list[tuple[str, tuple[object, ...]]]:
    """One more row, and a tree that knows of it."""
    row = ("INSERT INTO records VALUES (?, ?, ?, ?)", (LAST + 1, value, link, refused))
    return [row, *rewritten([*LOG.values, value])]


def verified(path: Path, checkpoint: Checkpoint | None = None) -> Verification:
    """Verify against the id that was printed when the log was opened."""
    log = SqliteLog(path)
    try:
        return verify(log, LOG.id, checkpoint)
    finally:
        log.close()


def checkpoint_of(values: list[bytes]) -> Checkpoint:
    """A checkpoint of a sound log, as read back from its note."""
    tree = Tree().add_all(values)
    system = key_of(LOG.seed, "system")
    note = write_checkpoint(Checkpoint(LOG.id, tree.size, tree.root()), system)
    return read_checkpoint(note, [system.public])


def flipped(value: bytes, at: int) -> bytes:
    """Another letter of base64 at this place."""
    return value[:at] + (b"A" if value[at : at + 1] != b"A" else b"B") + value[at + 1 :]


def test_a_sound_file_is_clean(path: Path) -> None:
    found = verified(path)
    assert found.clean
    assert (found.size, found.accepted, found.root.hex()) == (LAST + 1, LAST + 1, LOG.root())
    assert found.tail == "not provable without a checkpoint"
    assert verified(path, checkpoint_of(LOG.values)).tail.startswith(f"proven up to record {LAST + 1}")


FOREIGN = begun(LOG.seed + 1)
ACCOMPLICE = {
    **LOG.members["nurse"].enrolled().to_wire(),
    "account": "accomplice",
    "public_key": key_of(1, "x").public.hex(),
}
FORGED = LOG.record("nurse", ["authority"], ACCOMPLICE, meaning="authorised")
PLACE_OF_LAST = "therapy/T-8"


def _with_lost_key() -> bytes:
    stolen = Small(LOG.seed, LOG.values, LOG.heads, LOG.authority, dict(LOG.members), LOG.keys, LOG.id)
    stolen.members["nurse"] = Small(LOG.seed).member("nurse", "P-NURSE", "Grace Nurse")
    return stolen.record("nurse", ["lot/STOLEN"], deviation())


DAMAGE: list[tuple[str, list[tuple[str, tuple[object, ...]]], set[tuple[str, int | None]]]] = [
    ("a letter of the last payload", [set_value(LAST, flipped(LOG.values[LAST], 40))], {("grammar", LAST)}),
    ("a letter of the last signature", [set_value(LAST, flipped(LOG.values[LAST], -30))], {("signature", LAST)}),
    ("the last record signed by a forger",
     [set_value(LAST, resigned(LOG, LOG.values[LAST], lambda p: p, key_of(LOG.seed, "forger")))],
     {("signature", LAST)}),
    ("the last record truncated", [set_value(LAST, LOG.values[LAST][:-9])], {("grammar", LAST)}),
    ("the last record emptied", [set_value(LAST, b"")], {("grammar", LAST)}),
    ("the last record's words changed and signed again by its own key",
     [set_value(LAST, resigned(LOG, LOG.values[LAST], lambda p: p.replace(b'"S1"', b'"S2"')))], {("link", LAST)}),
    ("a record in the middle dropped", [("DELETE FROM records WHERE position = 12", ())], {("hole", 12)}),
    ("a record and its places dropped", [("DELETE FROM records WHERE position = 12", ()),
     ("DELETE FROM placements WHERE position = 12", ())], {("hole", 12)}),
    ("genesis dropped", [("DELETE FROM records WHERE position = 0", ())], {("hole", 0)}),
    ("two records swapped", [set_value(8, LOG.values[11]), set_value(11, LOG.values[8])],
     {("head", 8), ("link", 11)}),  # the first of the two comes late, and is still the next of its stream
    ("an accepted record stored as refused",
     [("UPDATE records SET link = NULL, refused = 'head' WHERE position = ?", (LAST,))], {("verdict", LAST)}),
    ("another link stored", [("UPDATE records SET link = ? WHERE position = ?", ("0" * 64, LAST))], {("link", LAST)}),
    ("a record placed in another stream",
     [("UPDATE placements SET stream = 'lot/Y' WHERE position = ? AND stream = ?", (LAST, PLACE_OF_LAST))],
     {("index", LAST)}),
    ("a record placed elsewhere in its stream",
     [("UPDATE placements SET number = 99 WHERE position = ? AND stream = ?", (LAST, PLACE_OF_LAST))],
     {("index", LAST)}),
    ("a record's place forgotten",
     [("DELETE FROM placements WHERE position = ? AND stream = ?", (LAST, PLACE_OF_LAST))], {("index", LAST)}),
    ("a place invented", [("INSERT INTO placements VALUES ('lot/Z', 1, ?)", (LAST,))], {("index", LAST)}),
    ("a place that is no number", [("UPDATE placements SET number = 'x' WHERE position = ?", (LAST,))],
     {("index", LAST)}),
    ("a record repeated, as accepted", added(LOG.values[10]), {("head", LAST + 1)}),
    ("a record repeated, as refused", added(LOG.values[10], None, "head"), {("repeated", LAST + 1)}),
    ("a refused record kept", added(FORGED, None, "authority"), {("refused", LAST + 1)}),
    ("a refused record placed in a stream",
     [*added(FORGED, None, "authority"), ("INSERT INTO placements VALUES ('lot/Z', 1, ?)", (LAST + 1,))],
     {("refused", LAST + 1), ("index", LAST + 1)}),
    ("a foreign log's record", added(FOREIGN.values[0]), {("log", LAST + 1)}),
    ("an enrolment by a nurse", added(FORGED), {("authority", LAST + 1)}),
    ("a record by the lost card", added(_with_lost_key()), {("key", LAST + 1)}),
    ("a record stored as text", [("UPDATE records SET value = 'x' WHERE position = ?", (LAST,))], {("grammar", LAST)}),
    ("a record stored as a number", [("UPDATE records SET value = 7 WHERE position = ?", (LAST,))],
     {("grammar", LAST)}),
    ("a link of bytes that are no text",
     [("UPDATE records SET link = CAST(X'FF' AS TEXT) WHERE position = ?", (LAST,))], {("link", LAST)}),
    ("rows cut off", [("DELETE FROM records WHERE position > 15", ()),
     ("DELETE FROM placements WHERE position > 15", ())], {("tail", None)}),
    ("the size too small", [("UPDATE log SET size = size - 1, edge = ?", (Tree().add_all(LOG.values[:-1]).packed(),))],
     {("tail", None)}),
    ("another tree", [("UPDATE log SET edge = ?", (Tree().add_all(LOG.values[::-1]).packed(),))], {("tail", None)}),
    ("genesis replaced, the id kept", [set_value(0, FOREIGN.values[0])], {("log", 0)}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "statements", "expected"), DAMAGE, ids=[name for name, _, _ in DAMAGE])
def test_damage_is_named(
    path: Path, name: str, statements: list[tuple[str, tuple[object, ...]]], expected: set[tuple[str, int | None]]
) -> None:
    edit(path, *statements)
    found = {(finding.kind, finding.position) for finding in verified(path).findings}
    assert expected <= found
    if all(position and position >= LAST for _, position in expected):
        assert found - expected <= {("tail", None)}, "damage to the last record names no other"


@pytest.mark.parametrize("position", range(LAST + 1))
def test_a_flipped_bit_in_any_record_is_named_at_its_position(path: Path, position: int) -> None:
    edit(path, set_value(position, flipped(LOG.values[position], len(LOG.values[position]) // 2)))
    found = verified(path).findings
    assert position in {finding.position for finding in found}
    assert ("tail", None) in {(finding.kind, finding.position) for finding in found}


def test_another_id_in_the_file_is_seen_only_by_who_knows_the_printed_one(path: Path) -> None:
    edit(path, ("UPDATE log SET id = ?", ("0" * 64,)))
    log = SqliteLog(path)
    assert "log" in {finding.kind for finding in verify(log).findings}
    with pytest.raises(Corrupt):
        log.authority()
    log.close()


# ------------------------------------------------------------------------------------------ what cannot be known inside


def test_a_clean_cut_of_the_tail_needs_a_checkpoint(path: Path) -> None:
    edit(
        path,
        ("DELETE FROM records WHERE position > 15", ()),
        ("DELETE FROM placements WHERE position > 15", ()),
        *rewritten(LOG.values[:16]),
    )
    assert verified(path).clean
    assert verified(path).tail == "not provable without a checkpoint"
    (finding,) = verified(path, checkpoint_of(LOG.values)).findings
    assert finding.kind == "checkpoint"
    assert "the tail was cut off" in finding.says
    assert verified(path, checkpoint_of(LOG.values[:16])).clean


def test_the_order_of_records_that_share_no_stream_needs_a_checkpoint(path: Path) -> None:
    # The lot's release and the opening of the other therapy: two people, no stream in common.
    one = next(at for at, value in enumerate(LOG.values) if b"lot/KIT-1" in payload_of(value))
    values = [*LOG.values[:one], LOG.values[one + 1], LOG.values[one], *LOG.values[one + 2 :]]
    swaps = []
    for table in ("records", "placements"):
        swaps += [
            (f"UPDATE {table} SET position = ? WHERE position = ?", (to, at))
            for at, to in ((one, -9), (one + 1, one), (-9, one + 1))
        ]
    edit(path, ("PRAGMA foreign_keys = OFF", ()), *swaps, *rewritten(values))
    assert verified(path).clean
    (finding,) = verified(path, checkpoint_of(LOG.values)).findings
    assert finding.kind == "checkpoint"


def test_a_checkpoint_of_another_log_proves_nothing(path: Path) -> None:
    foreign = Checkpoint("0" * 64, 1, bytes(32))
    assert [finding.kind for finding in verified(path, foreign).findings] == ["checkpoint"]


# --------------------------------------------------------------------------------------- reading for a decision, edited


def _read_all(path: Path) -> None:
    log = SqliteLog(path)
    try:
        for stream in log.streams(""):
            list(verified_stream(log, stream))
    finally:
        log.close()


def test_every_stream_of_a_sound_log_reads(path: Path) -> None:
    _read_all(path)  # the root's record that revokes the very key that signs it is among them


def test_a_forgers_own_genesis_under_our_id_decides_nothing(path: Path) -> None:
    # Everything is replaced but the id: the forger's own root enrolled the forger's own nurse.
    forger = small_log(LOG.seed + 1)
    links = [open_envelope(value).link for value in forger.values]
    edit(
        path,
        *(
            ("UPDATE records SET value = ?, link = ? WHERE position = ?", (value, link, position))
            for position, (value, link) in enumerate(zip(forger.values, links, strict=True))
        ),
    )
    log = SqliteLog(path)
    assert log.id == LOG.id
    with pytest.raises(Corrupt, match="does not stand"):
        list(verified_stream(log, "therapy/T-7"))
    log.close()


def test_genesis_placed_in_a_therapy_decides_nothing(path: Path) -> None:
    edit(path, ("INSERT INTO placements VALUES ('therapy/T-9', 1, 0)", ()))
    log = SqliteLog(path)
    with pytest.raises(Corrupt):
        list(verified_stream(log, "therapy/T-9"))
    log.close()


def test_a_record_before_the_beginning_is_not_read(path: Path) -> None:
    edit(
        path,
        ("INSERT INTO records VALUES (-5, ?, ?, NULL)", (LOG.values[10], "0" * 64)),
        ("INSERT INTO placements VALUES ('therapy/T-9', 1, -5)", ()),
    )
    log = SqliteLog(path)
    assert list(log.stream("therapy/T-9")) == []
    assert log.streams("therapy/T-9") == []
    log.close()


EDITS: list[tuple[str, Callable[[], tuple[str, tuple[object, ...]]]]] = [
    ("a letter", lambda: set_value(8, flipped(LOG.values[8], 40))),
    ("a signature", lambda: set_value(8, flipped(LOG.values[8], -30))),
    ("another record of the same therapy", lambda: set_value(8, LOG.values[7])),
    ("a record of another log", lambda: set_value(8, FOREIGN.values[0])),
    ("nothing", lambda: set_value(8, b"")),
]


@pytest.mark.parametrize(("name", "change"), EDITS, ids=[name for name, _ in EDITS])
def test_nothing_is_decided_on_an_altered_record(
    path: Path, name: str, change: Callable[[], tuple[str, tuple[object, ...]]]
) -> None:
    edit(path, change())
    log = SqliteLog(path)
    streams = log.placements(8)
    for stream in streams:
        with pytest.raises(Corrupt, match="was altered"):
            list(verified_stream(log, stream))
    log.close()


@pytest.mark.parametrize("column", ["edge = X'00'", "edge = 'x'", "size = -1", "size = 'x'"])
def test_a_spoilt_tree_is_corrupt_and_not_a_crash(path: Path, column: str) -> None:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute(f"UPDATE log SET {column}")
    db.close()
    log = SqliteLog(path)
    with pytest.raises(Corrupt, match="size or the edge"):
        log.tree()
    with pytest.raises(Corrupt):
        log.append(LOG.record("nurse", ["therapy/T-7"], deviation()))
    log.close()
