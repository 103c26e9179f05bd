"""Every promise of `events.log.EventLog`, held against every backend."""

from __future__ import annotations

import multiprocessing
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from events.envelope import open_envelope
from events.errors import Moved, Refused
from events.evidence import Row
from events.heads import Head
from events.log import EventLog, Stored
from events.merkle import Tree
from events.verify import verify
from tests.contracts.backends import Backend
from tests.contracts.others import race, signed
from tests.ground import Small, deviation, small_log
from tests.verifier.hostile import CASES

pytestmark = pytest.mark.contract
ROOT = Path(__file__).resolve().parents[2]


def everything(log: EventLog) -> tuple[Any, ...]:
    """All that a reader can learn."""
    streams = log.streams("")
    return (
        log.id,
        log.size(),
        log.tree(),
        log.authority(),
        list(log.read()),
        {stream: list(log.stream(stream)) for stream in streams},
        log.heads(streams),
        [log.placements(position) for position in range(log.size())],
    )


def test_the_logs_id_is_the_link_of_its_first_record(log: EventLog, small: Small) -> None:
    assert log.id == small.id == open_envelope(small.values[0]).link


def test_records_stand_in_order_without_holes(log: EventLog, small: Small) -> None:
    stored = list(log.read())
    assert [record.position for record in stored] == list(range(len(small.values)))
    assert [record.value for record in stored] == small.values
    assert [record.link for record in stored] == [open_envelope(value).link for value in small.values]
    assert {record.refused for record in stored} == {None}
    assert log.size() == len(small.values)


def test_a_range_of_records_is_read(log: EventLog, small: Small) -> None:
    assert [record.value for record in log.read(3, 7)] == small.values[3:7]
    assert [record.value for record in log.read(len(small.values) - 1)] == small.values[-1:]
    assert list(log.read(len(small.values))) == []
    assert list(log.read(4, 4)) == []


def test_an_acknowledged_record_is_read_at_once(log: EventLog, small: Small) -> None:
    value = small.record("nurse", ["therapy/T-7", "lot/NEW"], deviation())
    done = log.append(value)
    assert (done.position, done.link) == (len(small.values), open_envelope(value).link)
    assert list(log.read(done.position)) == [Stored(done.position, value, done.link, None)]
    number = small.head("therapy/T-7").number + 1
    assert log.heads(["therapy/T-7", "lot/NEW"]) == {
        "therapy/T-7": Head(number, done.link),
        "lot/NEW": Head(1, done.link),
    }
    assert log.placements(done.position) == {"therapy/T-7": number, "lot/NEW": 1}
    assert [record.position for record in log.stream("therapy/T-7", number - 1)] == [done.position]
    assert log.tree() == Tree().add_all([*small.values, value])


def test_a_stream_that_nobody_has_extended_stands_at_the_logs_id(log: EventLog) -> None:
    assert log.heads(["lot/NOBODY"]) == {"lot/NOBODY": Head(0, log.id)}
    assert list(log.stream("lot/NOBODY")) == []
    assert log.heads([]) == {}


def test_a_stream_lists_its_own_records_in_order(log: EventLog, small: Small) -> None:
    records = list(log.stream("therapy/T-7"))
    assert [record.position for record in records] == sorted(record.position for record in records)
    assert len(records) == small.head("therapy/T-7").number
    assert records[-1].link == small.head("therapy/T-7").link
    assert list(log.stream("therapy/T-7", 2)) == records[2:]
    assert list(log.stream("therapy/T-7", len(records))) == []


def test_streams_are_found_by_how_they_begin(log: EventLog, small: Small) -> None:
    assert log.streams("therapy/") == ["therapy/T-7", "therapy/T-8"]
    assert log.streams("therapy/T-7") == ["therapy/T-7"]
    assert log.streams("nothing/") == []
    assert log.streams("") == sorted(small.heads)


def test_authority_is_folded_from_the_accepted_records(log: EventLog, small: Small) -> None:
    assert log.authority() == small.authority


def test_the_tree_covers_every_record(log: EventLog, small: Small) -> None:
    assert log.tree() == Tree().add_all(small.values)
    assert log.tree().root().hex() == small.root()


def test_a_log_verifies(log: EventLog, small: Small) -> None:
    found = verify(log, small.id)
    assert found.clean
    assert (found.size, found.accepted, found.root.hex()) == (len(small.values), len(small.values), small.root())


def test_durability_is_said_in_words(log: EventLog) -> None:
    assert len(log.durability.split()) > 5


# ------------------------------------------------------------------------------------------------------- all or nothing


def test_one_stale_head_of_three_and_nothing_happens(log: EventLog, small: Small) -> None:
    stale = small.record("nurse", ["therapy/T-7", "therapy/T-8", "lot/NEW"], deviation())
    log.append(small.record("operator", ["therapy/T-8"], deviation("T-8")))
    before = everything(log)
    with pytest.raises(Moved):
        log.append(stale)
    assert everything(log) == before


def test_sixty_four_streams_move_together(log: EventLog, small: Small) -> None:
    streams = [f"lot/{number}" for number in range(64)]
    done = log.append(small.record("nurse", streams, deviation()))
    assert log.heads(streams) == dict.fromkeys(streams, Head(1, done.link))
    assert log.placements(done.position) == dict.fromkeys(streams, 1)


def test_the_same_record_twice_is_one_record(log: EventLog, small: Small) -> None:
    value = small.record("nurse", ["therapy/T-7"], deviation())
    log.append(value)
    before = everything(log)
    with pytest.raises(Moved):
        log.append(value)
    assert everything(log) == before


def test_two_claims_on_one_head(log: EventLog, small: Small) -> None:
    one = small.record("nurse", ["therapy/T-7", "lot/A"], deviation())
    two = small.record("operator", ["therapy/T-7", "lot/B"], deviation())
    log.append(one)
    with pytest.raises(Moved):
        log.append(two)
    assert "lot/B" not in log.streams("lot/")


def test_a_refusal_leaves_nothing(log: EventLog, small: Small) -> None:
    before = everything(log)
    for name, verdict, build in CASES:
        if verdict == "accepted":
            continue
        with pytest.raises(Moved if verdict == "head" else Refused) as told:
            log.append(build(small))
        assert told.value.rule == f"log.{verdict}", name
    assert everything(log) == before
    log.append(small.record("nurse", ["therapy/T-7"], deviation()))


def test_a_revocation_is_in_force_from_the_next_record_on(log: EventLog, small: Small) -> None:
    mine = small.record("operator", ["lot/NEW"], deviation())
    key = open_envelope(mine).keyid
    log.append(
        small.record(
            "deputy", ["authority"], {"fact": "key.revoked.v1", "key": key, "why": "lost"}, meaning="authorised"
        )
    )
    with pytest.raises(Refused) as told:
        log.append(mine)
    assert told.value.rule == "log.key"


# ---------------------------------------------------------------------------------------------------------- two handles


def test_another_handle_sees_what_was_appended(log_backend: Backend, log: EventLog, where: Path, small: Small) -> None:
    other = log_backend.open(where)
    assert everything(other) == everything(log)
    value = small.record("nurse", ["therapy/T-7"], deviation())
    other.append(value)
    assert everything(log) == everything(other)
    with pytest.raises(Moved):
        log.append(small.record("operator", ["therapy/T-7"], deviation()))
    other.close()


def test_authority_moves_in_every_handle(log_backend: Backend, log: EventLog, where: Path, small: Small) -> None:
    other = log_backend.open(where)
    assert other.authority() == log.authority()
    newcomer = small.member("newcomer", "P-NEWCOMER", "New Comer", "qa")
    log.append(small.record("deputy", ["authority"], newcomer.enrolled(), meaning="authorised"))
    assert "newcomer" in other.authority().people
    other.append(small.record("newcomer", ["lot/NEW"], deviation()))
    other.close()


def test_a_log_is_opened_again(log_backend: Backend, log: EventLog, where: Path) -> None:
    before = everything(log)
    log.close()
    again = log_backend.open(where)
    assert everything(again) == before
    again.close()


def test_a_log_is_begun_only_once(log_backend: Backend, log: EventLog, where: Path, small: Small) -> None:
    before = everything(log)
    with pytest.raises(Refused):
        log_backend.create(where, small_log(small.seed + 1).values[0])
    assert everything(log) == before


def test_a_log_begins_with_a_genesis_only(log_backend: Backend, tmp_path: Path, small: Small) -> None:
    for value in (small.values[1], b"", b"{}"):
        with pytest.raises(Refused):
            log_backend.create(tmp_path / "new.db", value)
    log_backend.create(tmp_path / "new.db", small.values[0]).close()  # and nothing was left in its way


def test_appending_while_a_reader_is_half_way(log_backend: Backend, log: EventLog, where: Path, small: Small) -> None:
    other = log_backend.open(where)
    reading, following = log.read(), log.stream("therapy/T-7")
    next(reading), next(following)
    other.append(small.record("nurse", ["lot/A"], deviation()))
    log.append(small.record("operator", ["lot/B"], deviation()))
    assert [record.position for record in reading][: len(small.values) - 1] == list(range(1, len(small.values)))
    assert all(record.refused is None for record in following)
    other.close()


def test_verifying_while_others_append_finds_nothing(
    log: EventLog, small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is verified is the log of one moment; what is appended meanwhile is the next one's to verify."""
    evidence = log.evidence()
    log.append(small.record("nurse", ["lot/NEW"], deviation()))
    rows = evidence.rows

    def growing() -> Iterator[Row]:
        yield from rows()
        log.append(small.record("nurse", ["lot/NEWER"], deviation()))

    monkeypatch.setattr(evidence, "rows", growing)
    found = verify(evidence, small.id)
    assert (found.clean, found.size) == (True, len(small.values))
    evidence.close()
    assert verify(log, small.id).size == len(small.values) + 2


# ------------------------------------------------------------------------------------------------------ other processes


def test_eight_processes_race_and_one_wins_each_round(
    log_backend: Backend, log: EventLog, where: Path, small: Small
) -> None:
    runners, rounds = 8, 25
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(runners), context.Queue()
    processes = [
        context.Process(target=race, args=(log_backend, where, barrier, rounds, name, results))
        for name in range(runners)
    ]
    for process in processes:
        process.start()
    won = dict(results.get(timeout=120) for _ in processes)
    for process in processes:
        process.join(60)
    wins = [win for name in won for win in won[name]]
    assert sorted(round_ for round_, _ in wins) == list(range(rounds))
    positions = [position for _, position in sorted(wins)]
    stand = [record.position for record in log.read(len(small.values)) if record.refused is None]
    assert positions == stand  # where refused claims stay in the log, they stand between
    assert log.keeps_refused or stand == list(range(len(small.values), len(small.values) + rounds))
    assert log.heads(["suite/RACE"])["suite/RACE"].number == rounds
    assert verify(log, small.id).clean


@pytest.mark.parametrize("milliseconds", [1, 7, 40, 150])
def test_what_was_acknowledged_survives_a_kill(
    log_backend: Backend, log: EventLog, where: Path, small: Small, milliseconds: int
) -> None:
    before = log.size()
    log.close()
    writer = subprocess.Popen(
        [sys.executable, "-m", "tests.contracts.others", log_backend.name, str(where)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert writer.stdout is not None
    told = [writer.stdout.readline()]
    time.sleep(milliseconds / 1000)
    writer.send_signal(signal.SIGKILL)
    told += [line for line in writer.stdout if line.endswith("\n")]
    writer.wait()
    writer.stdout.close()
    acknowledged = {int(position): link for position, link in (line.split() for line in told)}
    again = log_backend.open(where)
    links = {record.position: record.link for record in again.read()}
    assert acknowledged.items() <= links.items()
    assert sorted(links) == list(range(again.size()))
    assert before + len(acknowledged) <= again.size() <= before + len(acknowledged) + 1
    found = verify(again, small.id)
    assert found.clean
    again.append(signed(again, small, "lot/AFTER", "life goes on"))
    again.close()
