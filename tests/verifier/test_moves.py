"""A log that was moved from A to B to C: everything stands at C, and nothing that came after a move where the log had left."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from pathlib import Path

import pytest

from events.errors import Refused
from events.judge import Rejected, judge
from events.log_sqlite import SqliteLog
from events.merkle import Tree
from events.store import Store
from events.verify import verify
from tests.ground import Small, begun, deviation, export, judged, key_of, payload_of, resigned
from tests.verifier import second_verifier
from tests.verifier.hostile import move

A, B, C = "sqlite:" + "a" * 32, "kafka:AAAAAAAAAAAAAAAAAAAAAA", "sqlite:" + "c" * 32


def travelled(version: int = 2) -> Small:
    """Genesis, a nurse, acts of hers, and two moves: records 3 and 6 of 9."""
    log = begun(judge=version)
    log.accept("root", ["authority"], log.member("nurse", "P-NURSE", "Grace Nurse").enrolled(), meaning="authorised")
    log.accept("nurse", ["therapy/T-7"], deviation())
    for origin, destination in ((A, B), (B, C)):
        stream = "authority" if version > 1 else "lot/NOTES"
        log.accept("root", [stream], move(origin, destination), meaning="authorised")
        log.accept("nurse", ["therapy/T-7"], deviation())
        newcomer = log.member(f"new{len(log.values)}", "P-NEW", "New One")
        log.accept("root", ["authority"], newcomer.enrolled(), meaning="authorised")
    return log


LOG, FIRST = travelled(), travelled(1)
MOVES = (3, 6)
EVERY = {"": 9, A: 4, B: 7, C: 9, A[:-1] + "A": 9, "kafka:" + "a" * 32: 9}
"""How many of the nine records stand at each place: up to the move away from it, that included."""


def both(values: Iterable[bytes], pinned: str, place: str) -> list[str]:
    """The verdicts, on which the two verifiers agree."""
    lines = export(values, pinned, place)
    theirs = second_verifier.verify(lines, pinned, place)
    assert theirs.verdicts == [told["why"] or told["verdict"] for told in map(json.loads, lines)]
    assert theirs.findings == []
    return theirs.verdicts


@pytest.mark.parametrize(("place", "stand"), EVERY.items())
def test_what_follows_a_move_is_sealed_where_the_log_has_left(place: str, stand: int) -> None:
    assert both(LOG.values, LOG.id, place) == ["accepted"] * stand + ["sealed"] * (9 - stand)


@pytest.mark.parametrize("place", EVERY)
def test_under_the_first_judge_nothing_is_ever_sealed(place: str) -> None:
    assert both(FIRST.values, FIRST.id, place) == ["accepted"] * 9


def test_a_verifier_that_is_told_no_place_contradicts_an_export_from_a_place_that_was_left() -> None:
    told = second_verifier.verify(export(LOG.values, LOG.id, A), LOG.id)
    assert told.verdicts == ["accepted"] * 9
    assert sorted({at for at, _ in told.findings}) == [4, 5, 6, 7, 8]


def _by_a_stranger(log: Small) -> bytes:
    return resigned(log, log.record("nurse", ["therapy/T-7"], deviation()), lambda p: p, key_of(1, "stranger"))


def _with_the_key_of_nobody(log: Small) -> bytes:
    document = log.document("nurse", ["therapy/T-7"], [deviation()])
    document["data"]["key"] = "0" * 64
    return log.signed(document, log.members["nurse"].key)


AFTER = [
    ("what would stand", "sealed", lambda log: log.record("nurse", ["therapy/T-7"], deviation())),
    ("an administrator's further move", "sealed", lambda log: log.record("root", ["authority"], move(A, C))),
    ("a move back", "sealed", lambda log: log.record("root", ["authority"], move(C, A))),
    ("a stale head", "sealed", lambda log: log.values[2]),
    ("a wrong key", "sealed", _with_the_key_of_nobody),
    ("a wrong signature", "sealed", _by_a_stranger),
    ("the move once more", "sealed", lambda log: log.values[3]),
    ("genesis once more", "log", lambda log: log.values[0]),
    ("a foreign log's record", "log", lambda _log: begun(7).values[0]),
    ("noise", "grammar", lambda _log: b"noise"),
    ("nothing", "grammar", lambda _log: b""),
]


@pytest.mark.parametrize(("name", "verdict", "build"), AFTER, ids=[name for name, _, _ in AFTER])
def test_a_seal_is_asked_for_after_the_log_and_before_the_key(name: str, verdict: str, build: object) -> None:
    value = build(LOG)  # type: ignore[operator]
    assert both([*LOG.values, value], LOG.id, A)[-1] == verdict
    ours = judge(value, len(LOG.values), LOG.id, LOG.head, LOG.authority, A)
    assert isinstance(ours, Rejected)
    assert ours.why == verdict
    if verdict == "sealed":
        assert ours.says == f"the log has left {A} and goes on at {B}"


def test_a_move_that_is_refused_seals_nothing() -> None:
    log = begun()
    log.member("nurse", "P-NURSE", "Grace Nurse")
    log.accept("root", ["authority"], log.members["nurse"].enrolled(), meaning="authorised")
    for refused in (
        log.record("nurse", ["authority"], move(A, B), meaning="authorised"),
        log.record("root", ["authority"], move(A, A), meaning="authorised"),
        log.record("root", ["lot/X"], move(A, B), meaning="authorised"),
        log.record("root", ["authority"], move(A, B), move(B, A), meaning="authorised"),
    ):
        values = [*log.values, refused, log.record("nurse", ["therapy/T-7"], deviation())]
        for place in ("", A, B):
            assert both(values, log.id, place) == ["accepted", "accepted", "authority", "accepted"]


def test_the_record_of_the_move_stands_where_it_leaves_even_beside_what_an_administrator_does_with_it() -> None:
    log = begun()
    nurse = log.member("nurse", "P-NURSE", "Grace Nurse")
    log.accept("root", ["authority"], move(A, B), nurse.enrolled(), meaning="authorised")
    log.accept("nurse", ["therapy/T-7"], deviation())
    assert both(log.values, log.id, A) == ["accepted", "accepted", "sealed"]
    assert both(log.values, log.id, B) == ["accepted"] * 3
    assert judged(log.values, log.id, "nowhere") == ["accepted"] * 3  # what is no place is no place that was left


# ----------------------------------------------------------------------------------------------------------------- files


def _file(path: Path, place: str, stand: int) -> SqliteLog:
    """The log as far as it stands at this place, in a file there."""
    Store.begin(path, LOG.values[0], place)
    log = SqliteLog(path)
    for value in LOG.values[1:stand]:
        log.append(value)
    return log


@pytest.mark.parametrize("place", [A, B, C])
def test_each_file_is_clean_and_those_that_were_left_take_nothing_more(tmp_path: Path, place: str) -> None:
    log = _file(tmp_path / "log.db", place, EVERY[place])
    try:
        assert verify(log, LOG.id).clean
        assert b"log.moved" in payload_of(next(iter(log.read(3))).value)
        for value in LOG.values[EVERY[place] :]:
            with pytest.raises(Refused) as told:
                log.append(value)
            assert told.value.rule == "log.sealed"
        assert log.size() == EVERY[place]
    finally:
        log.close()


@pytest.mark.parametrize("place", [A, B])
def test_where_refused_records_are_kept_what_came_after_the_move_is_no_finding(tmp_path: Path, place: str) -> None:
    """A topic keeps whatever is sent to it; in a log's own file nothing that was refused is ever found."""
    path = tmp_path / "log.db"
    Store.begin(path, LOG.values[0], place)
    log = Store(path)
    _keep(log, LOG.values[1:])
    stored = list(log.read())
    assert [one.refused and one.refused.partition(":")[0] for one in stored] == [
        None if position < EVERY[place] else "sealed" for position in range(9)
    ]
    found = verify(SqliteLog(path), LOG.id)
    after = list(range(EVERY[place], 9))
    assert (found.refused, found.accepted) == (len(after) if place == B else 0, EVERY[place])
    assert [(one.kind, one.position) for one in found.findings] == (
        [] if place == B else [("refused", position) for position in after]
    )
    log.close()


def test_a_record_put_into_a_file_that_was_left_is_named(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    _file(path, A, EVERY[A]).close()
    elsewhere = _file(tmp_path / "elsewhere.db", C, EVERY[A] + 1)
    (stored,) = elsewhere.read(EVERY[A])
    elsewhere.close()
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("INSERT INTO records VALUES (?, ?, ?, NULL)", (stored.position, stored.value, stored.link))
    db.execute("INSERT INTO placements VALUES ('therapy/T-7', 2, ?)", (stored.position,))
    tree = Tree().add_all(LOG.values[: EVERY[A] + 1])
    db.execute("UPDATE log SET size = ?, edge = ?", (tree.size, tree.packed()))
    db.close()
    log = SqliteLog(path)
    assert [(finding.kind, finding.position) for finding in verify(log, LOG.id).findings] == [
        ("sealed", stored.position)
    ]
    log.close()


def _keep(log: Store, values: list[bytes]) -> None:
    """Keep each with its verdict, as a follower of a topic does."""
    for value in values:
        with log._writing():
            tree = log.tree()
            log._write(tree.size, value, judge(value, tree.size, log.id, log._head, log.authority(), log.place))
            log._grown(tree.add(value))
