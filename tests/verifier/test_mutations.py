"""Somebody with the file changes anything in it: `verify` names the records that the page refuses, and never says less.

Each mutation is judged with and without a checkpoint, and the second verifier, which reads nothing of the file but records,
says which of them do not stand. What is derived (indexes, counts, verdicts, the tree, whole tables) accuses no record.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from events.checkpoint import Checkpoint
from events.envelope import open_envelope
from events.errors import Corrupt
from events.evidence import Evidence
from events.log_sqlite import SqliteLog
from events.merkle import Tree
from events.verify import Verification
from events.verify import verify as judge_again
from tests.ground import Small, deviation, key_of, resigned, small_log
from tests.verifier import second_verifier
from tests.verifier.second_verifier import verify_file

LOG = small_log()
END = len(LOG.values)
JUDGED = {"grammar", "log", "sealed", "key", "signature", "head", "authority"}
FORGED = resigned(LOG, LOG.values[8], lambda p: p, key_of(LOG.seed, "forger"))
ALSO = LOG.record("nurse", ["therapy/T-7"], deviation())
"""A record that would stand as the next."""
MORE = [resigned(LOG, value, lambda p: p.replace(b"minor", b"major"), key_of(1, "x")) for value in LOG.values]
REMADE = "CREATE TABLE r AS SELECT * FROM records; DROP TABLE records; ALTER TABLE r RENAME TO records;"
"""The table of records without its key and its rules."""


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The small log as a file."""
    path = tmp_path_factory.mktemp("sound") / "log.db"
    log = SqliteLog.create(path, LOG.values[0])
    for value in LOG.values[1:]:
        log.append(value)
    log.close()
    return path.read_bytes()


@pytest.fixture
def path(sound: bytes, tmp_path: Path) -> Path:
    """A file to be changed."""
    path = tmp_path / "log.db"
    path.write_bytes(sound)
    return path


def change(path: Path, script: str, *values: bytes) -> None:
    """Run statements, with `values` for :0, :1 ...; the guards against a slip are dropped first."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA ignore_check_constraints = ON")
        db.executescript("DROP TRIGGER records_stay; DROP TRIGGER records_keep;")
        if not values or ":v" not in script:
            db.executescript(script)
            return
        for statement in filter(str.strip, script.split(";")):
            names = {f"v{number}": value for number, value in enumerate(values) if f":v{number}" in statement}
            db.execute(statement, names)


def found(path: Path, checkpoint: Checkpoint | None = None) -> Verification:
    """What `verify` says of the file, whose id is known."""
    log = Evidence(path)
    try:
        return judge_again(log, LOG.id, checkpoint)
    finally:
        log.close()


def outside() -> Checkpoint:
    """A checkpoint from before the change."""
    tree = Tree().add_all(LOG.values)
    return Checkpoint(LOG.id, tree.size, tree.root())


def held_against_the_page(path: Path) -> Verification:
    """Verify with and without a checkpoint, and by the page; the findings, which must agree."""
    plain, proven = found(path), found(path, outside())
    told = [(one.kind, one.says, one.position) for one in plain.findings]
    with_more = [(one.kind, one.says, one.position) for one in proven.findings]
    assert [one for one in told if one not in with_more] == [], "with more evidence nothing is found less"
    assert {one[0] for one in with_more if one not in told} <= {"checkpoint"}
    page = verify_file(str(path), LOG.id)
    refused = {at for at, verdict in page.at.items() if verdict != "accepted"}
    assert {
        (one.position, one.kind) for one in plain.findings if one.kind in JUDGED and one.position not in UNSIGNED
    } == {(at, page.at[at]) for at in refused}
    assert (plain.accepted, plain.size) == (list(page.at.values()).count("accepted"), len(page.at))
    assert plain.root.hex() == page.root
    return plain


UNSIGNED: set[int] = set()


def test_nothing_was_changed(path: Path) -> None:
    assert held_against_the_page(path).clean
    assert found(path, outside()).tail == f"proven up to record {END}; 0 came after the checkpoint"


# -------------------------------------------------------------------------------------------------- records are changed


EMPTY = ("X''", "X'00'", "''")


@pytest.mark.parametrize("at", range(END))
@pytest.mark.parametrize("how", ["flip", "delete", "delete with its places", "insert", "empty"])
def test_a_record_is_changed(path: Path, at: int, how: str) -> None:
    value = LOG.values[at]
    middle = len(value) // 2
    flipped = value[:middle] + (b"A" if value[middle : middle + 1] != b"A" else b"B") + value[middle + 1 :]
    match how:
        case "flip":
            change(path, f"UPDATE records SET value = :v0 WHERE position = {at}", flipped)
        case "delete":
            change(path, f"DELETE FROM records WHERE position = {at}")
        case "delete with its places":
            change(path, f"DELETE FROM records WHERE position = {at}; DELETE FROM placements WHERE position = {at}")
        case "insert":
            change(
                path,
                f"UPDATE placements SET position = -position - 2 WHERE position >= {at};"
                f"UPDATE records SET position = -position - 2 WHERE position >= {at};"
                "UPDATE records SET position = -position - 1 WHERE position < 0;"
                "UPDATE placements SET position = -position - 1 WHERE position < 0;"
                f"INSERT INTO records VALUES ({at}, :v0, '{'0' * 64}', NULL); UPDATE log SET size = size + 1",
                FORGED,
            )
        case _:
            change(path, f"{REMADE if at % 2 else ''} UPDATE records SET value = {EMPTY[at % 3]} WHERE position = {at}")
    verification = held_against_the_page(path)
    if how.startswith("delete") and at == END - 1:
        assert {(one.kind, one.position) for one in verification.findings} == {("tail", None)}
        return
    first = verification.findings[0]
    assert (first.position, first.follows) == (at, None), (
        "the first finding is what was changed, and follows from nothing"
    )
    if how.startswith("delete"):
        assert [one.position for one in verification.findings if one.kind == "hole"] == [at]
        assert {one.kind for one in verification.findings} <= {"hole", *JUDGED}
    for finding in verification.findings[1:]:
        assert finding.follows in (None, at), "everything else follows from it, or is of the whole log"
        assert (finding.follows is None) == (finding.position is None or finding.position == at)


@pytest.mark.parametrize("one", range(0, END - 1, 2))
def test_two_neighbours_are_swapped(path: Path, one: int) -> None:
    change(
        path,
        f"UPDATE records SET value = :v0 WHERE position = {one}; UPDATE records SET value = :v1 WHERE position = {one + 1}",
        LOG.values[one + 1],
        LOG.values[one],
    )
    assert {one, one + 1} & {finding.position for finding in held_against_the_page(path).findings}


# -------------------------------------------------------------------------------------------- what is derived is changed

DERIVED: dict[str, tuple[str, set[tuple[str, int | None]]]] = {
    "the edge of the tree is no edge": ("UPDATE log SET edge = X'00'", {("tail", None)}),
    "the edge is text": ("UPDATE log SET edge = 'x'", {("tail", None)}),
    "the size is one less": ("UPDATE log SET size = size - 1", {("tail", None)}),
    "the size is no number": ("UPDATE log SET size = 'many'", {("tail", None)}),
    "the size is negative": ("UPDATE log SET size = -1", {("tail", None)}),
    "the size is nothing": ("UPDATE log SET size = 0, edge = X''", {("tail", None)}),
    "another id": (f"UPDATE log SET id = '{'0' * 64}'", {("layout", None)}),
    "an id of bytes": ("UPDATE log SET id = X'FF'", {("layout", None)}),
    "an account of nothing": (
        "CREATE TABLE l AS SELECT * FROM log; DROP TABLE log; ALTER TABLE l RENAME TO log;"
        "UPDATE log SET id = NULL, judge = NULL, size = NULL, edge = NULL, place = NULL",
        {("tail", None), ("layout", None)}),
    "another judge": ("UPDATE log SET judge = 9", {("layout", None)}),
    "the first judge": ("UPDATE log SET judge = 1", {("layout", None)}),
    "no account of the log": ("DELETE FROM log", {("tail", None), ("layout", None)}),
    "two accounts": ("INSERT INTO log SELECT * FROM log", {("layout", None)}),
    "no table of the log": ("DROP TABLE log", {("tail", None), ("layout", None)}),
    "an account without an edge": ("ALTER TABLE log DROP COLUMN edge", {("tail", None), ("layout", None)}),
    "no index of streams": ("DROP TABLE placements", {("layout", None)}),
    "an index without numbers": (
        "CREATE TABLE p AS SELECT stream, position FROM placements; DROP TABLE placements; ALTER TABLE p RENAME TO placements",
        {("layout", None)},
    ),
    "an empty index": ("DELETE FROM placements", {("index", at) for at in range(END)}),
    "places of one stream forgotten": (
        "DELETE FROM placements WHERE stream = 'lot/KIT-1'",
        {("index", at) for at in range(END) if b"lot/KIT-1" in open_envelope(LOG.values[at]).payload},
    ),
    "a place of a record that is not there": (f"INSERT INTO placements VALUES ('lot/Z', 1, {END})", {("tail", None)}),
    "a place at no position": (
        "CREATE TABLE p AS SELECT * FROM placements; DROP TABLE placements; ALTER TABLE p RENAME TO placements;"
        "UPDATE placements SET position = NULL WHERE position = 3", {("index", 3), ("layout", None)}),
    "numbers shifted": ("UPDATE placements SET number = number + 100 WHERE position = 7", {("index", 7)}),
    "a position that is text": (
        "UPDATE placements SET position = 'x' WHERE position = 7", {("index", 7), ("layout", None)}),
    "a stream under another name": ("UPDATE placements SET stream = stream || 'Y' WHERE position = 8", {("index", 8)}),
    "a link of another record": ("UPDATE records SET link = 'x' WHERE position = 5", {("link", 5)}),
    "no link": ("UPDATE records SET link = NULL WHERE position = 5", {("link", 5)}),
    "every link gone": ("UPDATE records SET link = NULL", {("link", at) for at in range(END)}),
    "stored as refused": ("UPDATE records SET link = NULL, refused = 'head' WHERE position = 5", {("verdict", 5)}),
    "refused, with a link": ("UPDATE records SET refused = 'head' WHERE position = 5", {("verdict", 5)}),
    "every record stored as refused": (
        "UPDATE records SET link = NULL, refused = 'key'", {("verdict", at) for at in range(END)}),
    "no column of links": (f"{REMADE} ALTER TABLE records DROP COLUMN link", {("layout", None)}),
    "no column of refusals": (f"{REMADE} ALTER TABLE records DROP COLUMN refused", {("layout", None)}),
    "records of text": ("UPDATE records SET value = CAST(value AS TEXT)", set()),
    "records without a key": (REMADE, set()),
    "two rows at one position": (f"{REMADE} INSERT INTO records SELECT * FROM records WHERE position = 9",
                                 {("repeated", 9)}),
    "positions that are text": (f"{REMADE} INSERT INTO records SELECT 'x', value, link, refused FROM records "
                                "WHERE position = 9", {("layout", None)}),
    "a row before the first": ("INSERT INTO records VALUES (-5, :v0, 'x', NULL)", {("layout", None)}),
    "a row far beyond": ("INSERT INTO records VALUES (9223372036854775807, :v0, 'x', NULL)", {("layout", None)}),
    "a row far away": ("INSERT INTO records VALUES (9000000000000, :v0, 'x', NULL)",
                       {("hole", END), ("signature", 9_000_000_000_000), ("tail", None)}),
    "a trigger of somebody's": ("CREATE TRIGGER t AFTER INSERT ON records BEGIN DELETE FROM placements; END",
                                {("layout", None)}),
    "a guard that guards nothing": ("CREATE TRIGGER records_stay BEFORE UPDATE ON records BEGIN SELECT 1; END",
                                    {("layout", None)}),
    "records as a view": ("ALTER TABLE records RENAME TO r; CREATE VIEW records AS SELECT * FROM r", {("layout", None)}),
    "a schema that is no schema": (
        "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = 'CREATE nonsense' WHERE name = 'placements_by_position'",
        {("layout", None)}),
    "a part of the log cut off, the account not": ("DELETE FROM records WHERE position > 15", {("tail", None)}),
    "no records": ("DELETE FROM records", {("tail", None)}),
    "no table of records": ("DROP TABLE records", {("tail", None), ("layout", None)}),
}  # fmt: skip
HARMLESS = {"records of text", "records without a key"}
"""The same records, kept in another way: nothing that anybody believes has changed."""


@pytest.mark.parametrize("name", DERIVED)
def test_what_is_derived_is_computed_again(path: Path, name: str) -> None:
    script, expected = DERIVED[name]
    change(path, script, FORGED)
    if name in ("records as a view", "no table of records", "a schema that is no schema"):
        plain, proven = found(path), found(path, outside())
        assert {(f.kind, f.says) for f in plain.findings} <= {(f.kind, f.says) for f in proven.findings}
        verification = plain
    else:
        verification = held_against_the_page(path)
    kinds = {(finding.kind, finding.position) for finding in verification.findings}
    assert expected <= kinds
    assert verification.clean == (name in HARMLESS)
    accused = {position for _, position in kinds} - {None}
    assert accused <= {position for _, position in expected}
    records = "record" not in name and "part of the log" not in name
    assert not records or verification.accepted == END, "every record was judged, and stands"


@pytest.mark.parametrize("name", ["log.db-journal", "log.db-wal", "log.db-shm"])
@pytest.mark.parametrize("content", [b"noise" * 1000, b"", None])
def test_what_lies_beside_the_file_stops_nobody(path: Path, name: str, content: bytes | None) -> None:
    beside = path.with_name(name)
    if content is None:
        beside.mkdir()
        assert found(path).accepted == found(path, outside()).accepted == END
        return
    beside.write_bytes(content)
    assert held_against_the_page(path).accepted == END


@pytest.mark.parametrize("page", range(2, 12))
def test_a_page_of_noise_takes_nothing_from_the_records_that_are_left(path: Path, page: int) -> None:
    with path.open("r+b") as file:
        file.seek(page * 4096)
        file.write(bytes(range(256)) * 16)
    plain, proven = found(path), found(path, outside())
    assert not plain.clean
    assert not proven.clean
    assert len(proven.findings) >= len(plain.findings)


@pytest.mark.parametrize("content", [b"", b"noise" * 1000, b"SQLite format 3\0" + bytes(8000)])
def test_a_file_of_which_nothing_can_be_read_is_said_to_be_that(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    if content:
        with pytest.raises(Corrupt, match="no record of it can be judged"):
            found(path)
    else:
        assert {one.kind for one in found(path).findings} == {"layout", "tail"}  # an empty database


# ----------------------------------------------------------------------------------------------------- unknown judges


def of_judge(number: object) -> list[bytes]:
    """A log whose record 0 names this judge, properly signed, and a record after it."""
    log = Small(LOG.seed)
    root = log.member("root", "P-ROOT", "Ada Root", "administrator")
    opened = {"fact": "log.opened.v1", "site": "Example", "zone": "Europe/Berlin", "judge": number}
    facts = [{**opened, "root": {k: v for k, v in root.enrolled().to_wire().items() if k != "fact"}}]
    document = log.document("root", ["authority"], facts, meaning="authorised")
    document["data"]["heads"] = {"authority": [0, "0" * 64]}
    document["source"] = "urn:unbroken:genesis"
    return [log.signed(document, root.key)]


def written(path: Path, values: list[bytes]) -> None:
    change(path, "DELETE FROM placements; DELETE FROM records; UPDATE log SET size = 1; INSERT INTO records VALUES (0, :v0, 'x', NULL)",
           *values)  # fmt: skip


@pytest.mark.parametrize("number", [0, -1, 3, 2**53 - 1])
def test_a_log_of_another_judge_is_judged_by_nobody_here(path: Path, number: int) -> None:
    values = of_judge(number)
    link = open_envelope(values[0]).link
    written(path, values)
    for pinned in (link, None):
        evidence = Evidence(path)
        with pytest.raises(Corrupt, match=f"version {number} of the judge"):
            judge_again(evidence, pinned)
        evidence.close()
        with pytest.raises(second_verifier.AnotherJudge):
            verify_file(str(path), pinned or "")


@pytest.mark.parametrize("number", [0, 3])
def test_a_forged_record_0_does_not_stop_a_verification_by_asking_for_another_judge(path: Path, number: int) -> None:
    change(path, "UPDATE records SET value = :v0 WHERE position = 0", of_judge(number)[0])
    verification = held_against_the_page(path)
    assert [one.kind for one in verification.findings if one.position == 0] == ["authority"]


@pytest.mark.parametrize("number", [True, "2", None, 1.5, [2]])
def test_what_is_no_number_of_a_judge_is_refused_like_any_other_wrong_shape(path: Path, number: object) -> None:
    values = of_judge(number if number != 1.5 else {"n": 1})
    written(path, values)
    for pinned in (open_envelope(values[0]).link, LOG.id):
        evidence = Evidence(path)
        assert ("authority", 0) in {(one.kind, one.position) for one in judge_again(evidence, pinned).findings}
        evidence.close()
        assert verify_file(str(path), pinned).at == {0: "authority"}
