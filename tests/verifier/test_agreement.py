"""Two verifiers that share no code agree on every record; `verify` names whatever was done to a log's file."""

from __future__ import annotations

import ast
import json
import random
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from events.judge import judge
from events.merkle import Tree
from tests.ground import (
    LEFT,
    MOVED_TO,
    SEED,
    Small,
    begun,
    deviation,
    export,
    judged,
    key_of,
    payload_of,
    resigned,
    small_log,
)
from tests.verifier import second_verifier
from tests.verifier.hostile import CASES, FOURTH, GENESES, THIRD, UNDER_THE_FIRST, Case, move

LOG, FIRST = small_log(), small_log(judge=1)
LOGS = pytest.mark.parametrize("log", [LOG, FIRST], ids=["judge 2", "judge 1"])
PLACES = ["", LEFT, MOVED_TO, THIRD]


def agree(values: list[bytes], pinned: str, place: str = "") -> list[str]:
    """Both verdicts on every position, which must be the same; so must the root."""
    lines = export(values, pinned, place)
    ours = [told["why"] or told["verdict"] for told in map(json.loads, lines)]
    theirs = second_verifier.verify(lines, pinned, place)
    assert theirs.verdicts == ours
    assert theirs.root == Tree().add_all(values).root().hex()
    assert all(position == 0 for position, _ in theirs.findings)
    return ours


def test_the_second_verifier_imports_nothing_of_ours() -> None:
    tree = ast.parse(Path(second_verifier.__file__).read_text(encoding="utf-8"))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        )
    }  # fmt: skip
    assert imported - set(sys.stdlib_module_names) == {"cryptography"}


@LOGS
def test_a_sound_log_is_accepted_by_both(log: Small) -> None:
    assert set(agree(log.values, log.id)) == {"accepted"}


@LOGS
@pytest.mark.parametrize(("name", "verdict", "build"), CASES, ids=[name for name, _, _ in CASES])
def test_one_more_record(name: str, verdict: str, build: Callable[[Small], bytes], log: Small) -> None:
    value = build(log)
    expected = UNDER_THE_FIRST.get(name, verdict) if log is FIRST else verdict
    ours = judge(value, len(log.values), log.id, log.head, log.authority)
    assert getattr(ours, "why", "accepted") == expected, ours
    assert agree([*log.values, value], log.id)[-1] == expected


def test_every_case_has_its_own_name() -> None:
    for cases in (CASES, GENESES):
        names = [name for name, _, _ in cases]
        assert len(set(names)) == len(names)
    assert UNDER_THE_FIRST.keys() <= {name for name, _, _ in CASES}


@LOGS
@pytest.mark.parametrize(("name", "verdict", "build"), GENESES, ids=[name for name, _, _ in GENESES])
def test_one_genesis(name: str, verdict: str, build: Case, log: Small) -> None:
    value = build(log)  # type: ignore[operator]
    verdicts = agree([value, *log.values[1:]], log.id)
    assert verdicts[0] == verdict
    if value != log.values[0]:
        assert "accepted" not in verdicts[1:]


# ----------------------------------------------------------------------------------------------------- 200 mutated logs

Mutation = Callable[[random.Random, list[bytes]], list[bytes]]


def _at(rng: random.Random, values: list[bytes]) -> int:
    return rng.randrange(len(values))


def _replaced(values: list[bytes], at: int, *by: bytes) -> list[bytes]:
    return [*values[:at], *by, *values[at + 1 :]]


def flip_a_bit(rng: random.Random, values: list[bytes]) -> list[bytes]:
    at = _at(rng, values)
    flipped = bytearray(values[at])
    flipped[rng.randrange(len(flipped))] ^= 1 << rng.randrange(8)
    return _replaced(values, at, bytes(flipped))


def change_a_byte_of_the_payload(rng: random.Random, values: list[bytes]) -> list[bytes]:
    """Signed again by the key itself: only grammar, heads or authority can object."""
    at = _at(rng, values)
    payload = bytearray(payload_of(values[at]))
    payload[rng.randrange(len(payload))] = rng.choice(b'0123456789abcdefXYZ"{}[]:,\\ \x00\x7f\xc3-.eE')
    return _replaced(values, at, resigned(LOG, values[at], lambda _: bytes(payload)))


def sign_with_another_key(rng: random.Random, values: list[bytes]) -> list[bytes]:
    at = _at(rng, values)
    return _replaced(values, at, resigned(LOG, values[at], lambda payload: payload, key_of(SEED, "forger")))


def drop(rng: random.Random, values: list[bytes]) -> list[bytes]:
    return _replaced(values, _at(rng, values))


def swap_two(rng: random.Random, values: list[bytes]) -> list[bytes]:
    one, two = rng.sample(range(len(values)), 2)
    swapped = list(values)
    swapped[one], swapped[two] = swapped[two], swapped[one]
    return swapped


def cut_the_tail(rng: random.Random, values: list[bytes]) -> list[bytes]:
    return values[: rng.randrange(len(values))]


def repeat(rng: random.Random, values: list[bytes]) -> list[bytes]:
    at, to = _at(rng, values), _at(rng, values)
    return [*values[:to], values[at], *values[to:]]


def truncate_a_record(rng: random.Random, values: list[bytes]) -> list[bytes]:
    at = _at(rng, values)
    return _replaced(values, at, values[at][: rng.randrange(len(values[at]))])


def a_foreign_record(rng: random.Random, values: list[bytes]) -> list[bytes]:
    return _replaced(values, _at(rng, values), rng.choice(FOREIGN.values))


def a_forged_enrolment(rng: random.Random, values: list[bytes]) -> list[bytes]:
    """The nurse enrols an accomplice wherever she can, and the accomplice signs."""
    at = rng.randrange(2, len(values))
    then = Small(id=LOG.id, members=LOG.members, keys=LOG.keys)
    for value in values[:at]:
        then.append(value)
    accomplice = then.member("accomplice", "P-ACC", "An Accomplice", "administrator")
    forged = then.record("nurse", ["authority"], accomplice.enrolled(), meaning="authorised")
    act = then.record("accomplice", ["therapy/T-7"], deviation())
    del LOG.members["accomplice"]
    return [*values[:at], forged, act, *values[at:]]


def a_revoked_key(rng: random.Random, values: list[bytes]) -> list[bytes]:
    """The lost card signs, at any time."""
    at = rng.randrange(2, len(values) + 1)
    then = Small(id=LOG.id, members=dict(LOG.members), keys=LOG.keys)
    for value in values[:at]:
        then.append(value)
    thief = then.member("nurse", "P-NURSE", "Grace Nurse")
    then.members["nurse"] = thief
    return [*values[:at], then.record("nurse", ["lot/STOLEN"], deviation()), *values[at:]]


def splice(rng: random.Random, values: list[bytes]) -> list[bytes]:
    """The head of one record on the tail of another."""
    one, two = rng.sample(range(len(values)), 2)
    cut = rng.randrange(min(len(values[one]), len(values[two])))
    return _replaced(values, one, values[one][:cut] + values[two][cut:])


def hostile(rng: random.Random, values: list[bytes]) -> list[bytes]:
    """Several of the crafted records after one another, before the tail goes on."""
    at = rng.randrange(1, len(values) + 1)
    return [*values[:at], *(build(LOG) for _, _, build in rng.sample(SMALL_CASES, 3)), *values[at:]]


def a_move(rng: random.Random, values: list[bytes]) -> list[bytes]:
    """The log is moved between any two places at any time, and what follows goes on as if nothing had happened."""
    at = rng.randrange(2, len(values) + 1)
    then = Small(id=LOG.id, members=dict(LOG.members), keys=LOG.keys)
    for value in values[:at]:
        then.append(value)
    if not any(b"yearly change" in payload_of(value) for value in values[:at]):
        then.member("root", "P-ROOT", "Ada Root")
    fact = move(rng.choice(PLACES[1:]), rng.choice([*PLACES[1:], FOURTH]))
    return [*values[:at], then.record("root", ["authority"], fact, meaning="authorised"), *values[at:]]


def shuffle(rng: random.Random, values: list[bytes]) -> list[bytes]:
    return rng.sample(values, len(values))


def a_duplicated_key(rng: random.Random, values: list[bytes]) -> list[bytes]:
    at = _at(rng, values)
    document = json.loads(payload_of(values[at]))
    member = rng.choice(sorted(document))
    more = json.dumps({member: document[member]})[1:-1].encode()
    return _replaced(values, at, resigned(LOG, values[at], lambda payload: payload[:-1] + b"," + more + b"}"))


def another_meaning(rng: random.Random, values: list[bytes]) -> list[bytes]:
    """Properly signed: the record stands, and everything that was built on the old one falls."""
    at = _at(rng, values)
    return _replaced(
        values, at, resigned(LOG, values[at], lambda p: p.replace(b'"meaning":"', b'"meaning":"re').replace(
            b'"reperformed"', b'"corrected"').replace(b'"reauthorised"', b'"approved"').replace(
            b'"rewitnessed"', b'"reviewed"'))
    )  # fmt: skip


MUTATIONS: list[Mutation] = [
    flip_a_bit, change_a_byte_of_the_payload, sign_with_another_key, drop, swap_two, cut_the_tail, repeat,
    truncate_a_record, a_foreign_record, a_forged_enrolment, a_revoked_key, splice, hostile, shuffle, a_duplicated_key,
    another_meaning, a_move,
]  # fmt: skip
FOREIGN = small_log(SEED + 1)
SMALL_CASES = [entry for entry in CASES if "largest" not in entry[0] and "long as" not in entry[0]]
ROUNDS = 13
"""Of each mutation, under each judge: 442 mutated logs, each at one of the places that it may have left."""


@LOGS
@pytest.mark.parametrize("mutation", MUTATIONS, ids=[m.__name__ for m in MUTATIONS])
def test_a_mutated_log(mutation: Mutation, log: Small) -> None:
    for round_ in range(ROUNDS):
        seed = f"{SEED}/{mutation.__name__}/{round_}"
        place = PLACES[round_ % len(PLACES)]
        print("seed", seed, "place", place)
        values = mutation(random.Random(seed), list(log.values))
        verdicts = agree(values, log.id, place)
        if values == log.values[: len(values)] and place != LEFT:
            assert set(verdicts) <= {"accepted"}  # a cut-off tail leaves no trace in the records


def test_moves_among_the_mutated_logs_were_of_every_kind() -> None:
    found = set()
    for round_ in range(40):
        values = a_move(random.Random(round_), list(LOG.values))
        (at,) = (at for at, value in enumerate(values) if value not in LOG.values)
        found.add(agree(values, LOG.id)[at])
        found |= set(agree(values, LOG.id, THIRD)[at + 1 :])
    assert {"accepted", "authority", "sealed"} <= found


def test_a_forged_enrolment_never_stands() -> None:
    for round_ in range(20):
        values = a_forged_enrolment(random.Random(round_), list(LOG.values))
        added = [at for at, value in enumerate(values) if value not in LOG.values]
        assert [judged(values, LOG.id)[at] for at in added] in (["authority", "key"], ["key", "key"])


def test_an_export_that_lies_is_found_out() -> None:
    lines = export([*LOG.values, LOG.values[-1]], LOG.id)
    for changed in ({"verdict": "accepted", "why": None}, {"why": "key"}, {"position": 99}, {"link": "0" * 64}):
        told = [*lines[:-1], json.dumps({**json.loads(lines[-1]), **changed})]
        assert [at for at, _ in second_verifier.verify(told, LOG.id).findings] == [len(lines) - 1]
    assert second_verifier.verify(lines, LOG.id).findings == []
    assert second_verifier.verify(lines, "0" * 64).findings[-1] == (0, f"this log's id is {LOG.id}")


def test_a_log_of_another_root_has_another_id() -> None:
    assert begun(SEED).id != begun(SEED + 1).id
