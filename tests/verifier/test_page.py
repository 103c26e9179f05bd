"""docs/record-format.md says what the code does: limits, patterns, shapes, catalogue and the worked example."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from events import checkpoint, evidence, grammar, shapes, statement, store
from events.authority import ADMINISTRATOR, STREAM, SYSTEM
from events.envelope import PAYLOAD_TYPE
from events.facts.base import Fact, Value
from events.facts.catalogue import CATALOGUE
from events.instant import WIRE
from events.judge import JUDGE_VERSION, Why, read
from events.kafka import frame
from events.kafka.frame import framed
from events.keys import SPKI_PREFIX, key_id
from events.log_sqlite import SqliteLog
from tests.verifier import page, second_verifier
from tests.verifier.hostile import LARGEST_PAYLOAD

TEXT = page.PAGE.read_text(encoding="utf-8")


def section(number: int) -> str:
    """One numbered section of the page."""
    return TEXT.partition(f"\n## {number}. ")[2].partition("\n## ")[0]


@pytest.mark.parametrize("name", page.PARTS)
def test_the_computed_parts_are_up_to_date(name: str) -> None:
    assert page.PARTS[name]() in TEXT, "run: python -m tests.verifier.page"


def test_every_fact_and_every_member_is_on_the_page() -> None:
    told = section(12)
    for wire, fact in CATALOGUE.items():
        (row,) = re.findall(rf"^\| `{re.escape(wire)}` \|.*$", told, re.MULTILINE)
        row += told.partition("### A step")[2].partition("###")[0] if "the members of a step" in row else ""
        for member in fact.model_fields:
            assert f"`{member}` " in row, f"{wire}: {member}"


def test_every_value_that_a_fact_is_made_of_is_on_the_page() -> None:
    used = {
        model.__name__
        for model in Value.__subclasses__()
        if model.__module__.startswith("events.facts.") and "wire" not in model.__annotations__ and model is not Fact
    }
    assert used == {value.__name__ for value in page.VALUES}


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (1, f"`{shapes.PLACE}`"),
        (2, f"{grammar.LARGEST_RECORD:,} bytes"),
        (2, f"{LARGEST_PAYLOAD:,} bytes"),
        (3, f"DSSEv1 SP {len(PAYLOAD_TYPE)} SP {PAYLOAD_TYPE} SP"),
        (4, f"at most {grammar.DEEPEST} deep"),
        (4, f"between -{grammar.LARGEST_INTEGER} and {grammar.LARGEST_INTEGER}"),
        (5, f"`{WIRE.pattern.replace('(?:', '(')}`"),
        (5, f"`{statement._STREAM.pattern.replace('(?:', '(')}`"),
        (5, "at most 80 characters"),
        (5, f"`{statement._FACT.pattern.partition(')')[2].replace('(?:', '(')}`"),
        (5, f"`{statement._PERSON.pattern}`"),
        (5, f"`{statement._ACCOUNT.pattern}`"),
        (5, f"`{statement._ID.pattern}`"),
        (5, f"an object of 1 to {statement.MOST_STREAMS} members"),
        (5, f"a list of 1 to {statement.MOST_FACTS} objects"),
        (6, f"`{SPKI_PREFIX.hex()}`"),
        (8, f"at most {shapes.MOST_ROLES} strings"),
        (8, f"1 to {shapes.LONGEST_TEXT:,} code points"),
        (8, f"the stream `{STREAM}`"),
        (8, f"holds `{ADMINISTRATOR}`"),
        (8, f"contains `{SYSTEM}`"),
        (9, f"`{checkpoint._SIZE}`"),
        (10, f"{evidence.LARGEST} ORDER BY position"),
        (10, f"`PRAGMA application_id` is {re.findall('application_id = ([0-9]+)', store._SCHEMA)[0]}"),
        (10, f"`user_version` {re.findall('user_version = ([0-9]+)', store._SCHEMA)[0]}"),
    ],
)
def test_limits_and_patterns(number: int, said: str) -> None:
    assert said in section(number)


def test_the_layout_of_the_file(tmp_path: Path) -> None:
    """Every table and column that a file has stands on the page, and no other."""
    path = tmp_path / "log.db"
    SqliteLog.create(path, page.example_log().values[0]).close()
    with closing(sqlite3.connect(path)) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        made = {(table, column) for table in tables for _, column, *_ in db.execute(f"PRAGMA table_info({table})")}
        others = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type <> 'table' AND sql <> ''")}
    rows = re.findall(r"^\| `(\w+)` \| (`\w+`.*?) \|", section(10), re.MULTILINE)
    assert {
        (table, column) for table, cell in rows for column in re.findall(r"`(\w+)`", cell) if table in tables
    } == made
    assert all(f"`{name}`" in section(10) for name in others)
    shown = section(10).partition("SELECT position")[2].partition("```")[0]
    assert list(second_verifier.rows(str(path))) == sqlite3.connect(path).execute("SELECT position" + shown).fetchall()


def test_the_meanings() -> None:
    (listed,) = re.findall(r"\| `meaning` \| one of `([a-z ]+)` \|", section(5))
    assert sorted(listed.split()) == sorted(statement.MEANINGS)


def test_the_members_of_a_statement() -> None:
    outer, _, data = section(5).partition("`data` has exactly")
    assert set(re.findall(r"^\| `(\w+)` \|", outer, re.MULTILINE)) == set(statement._OUTER)
    assert set(re.findall(r"^\| `(\w+)` \|", data, re.MULTILINE)) == statement._DATA | statement._DATA_OPTIONAL


def test_the_verdicts() -> None:
    told = re.findall(r"^\d\. `(\w+)`: ", section(7), re.MULTILINE)
    assert told[:7] == ["grammar", "log", "sealed", "key", "signature", "head", "authority"]
    assert set(told[:7]) == set(Why.__args__)  # type: ignore[attr-defined]
    assert ", ".join(f"`{why}`" for why in told[:7]) in section(1).replace("\n", " ")


def test_the_versions_of_the_judge() -> None:
    told = [int(number) for number in re.findall(r"^\| ([0-9]+) \| ", section(12), re.MULTILINE)]
    assert told == list(range(1, JUDGE_VERSION + 1)) == list(second_verifier.READ_BY)
    for version, names in second_verifier.READ_BY.items():
        assert names == {name for name in shapes.JUDGED if shapes.is_judged(name, version)}


def test_the_shapes_that_the_judge_reads() -> None:
    for wire, (required, optional) in shapes._SHAPES.items():
        (row,) = re.findall(rf"^\| `{re.escape(wire)}` \| (.*) \|$", section(8), re.MULTILINE)
        for member in (*required, *optional):
            (told,) = (part for part in row.split("; ") if part.startswith(f"`{member}`"))
            assert told.endswith("may be left out") == (member in optional)
        assert len(row.split("; ")) == len(required) + len(optional)


def test_white_space() -> None:
    listed = section(8).partition("White_Space: ")[2].partition(".\n")[0]
    found = set()
    for part in listed.replace("U+", "").replace("\n", " ").replace(" ", "").split(","):
        first, _, last = part.partition("-")
        found |= {chr(code) for code in range(int(first, 16), int(last or first, 16) + 1)}
    assert found == set(shapes.WHITE_SPACE)


def test_the_worked_example_stands_by_the_second_verifier() -> None:
    """From the page's own characters: the records, their verdicts, links, leaves, root, and the checkpoint."""
    told = section(13)
    records = [line.encode() for line in told.splitlines() if line.startswith('{"payload"')]
    log = re.findall(r"Its id is the link of record 0: `([0-9a-f]{64})`", told)[0]
    judge = second_verifier.Judge(log)
    links = [judge.verdict(record) for record in records]
    assert links == [("accepted", link) for link in re.findall(r"^Link: `([0-9a-f]{64})`", told, re.MULTILINE)]
    assert len(records) == 3
    root = second_verifier.root(records)
    assert f"The Merkle root over them is `{root.hex()}`" in told
    payloads = re.findall(r"^```json\n(.*)\n```$", told, re.MULTILINE)
    for record, payload in zip(records, payloads, strict=True):
        assert second_verifier.split(record)[0] == payload.encode()
        assert json.loads(payload)["source"] in {f"urn:unbroken:{log}", "urn:unbroken:genesis"}


def test_the_frame() -> None:
    told, value = section(11), page.example_log().values[2]
    found = framed(read(value), value)
    assert re.findall(r"^\| header `([a-z_-]+)` \|", told, re.MULTILINE) == [name for name, _ in found.headers]
    assert f"`{frame.CONTENT_TYPE.decode()}`" in told
    assert f"these {len(frame.WRAPPING)} bytes: `00`, then `{frame.WRAPPING[1:-1].decode()}`" in told
    assert (frame.WRAPPING[:1], frame.WRAPPING[-1:]) == (b"\x00", b"\x0a")
    assert second_verifier.WRAPPING == frame.WRAPPING


def test_the_example_in_kafka_stands_by_the_second_verifier() -> None:
    told = section(13).partition("### Record 2 in Kafka")[2]
    key, *headers = re.findall(r"^\| (?:key|header `[a-z_-]+`) \| `(.*)` \|$", told, re.MULTILINE)
    names = re.findall(r"^\| header `([a-z_-]+)` \|", told, re.MULTILINE)
    value = [line.encode() for line in section(13).splitlines() if line.startswith('{"payload"')][2]
    frame_told = [(name, held.encode()) for name, held in zip(names, headers, strict=True)]
    assert second_verifier.standing(key.encode(), value, frame_told) == value
    bare = second_verifier.standing(None, value, [])
    assert f"a wrapping of {len(bare)} bytes" in told
    assert f"with the leaf `{second_verifier.root([bare]).hex()}`" in told
    empty = second_verifier.standing(b"", None, [("é\n", None), ("a", b"\x00")])
    assert f"is this wrapping of {len(empty)} bytes" in told
    assert f"\n{empty.hex()}\n" in told


def test_the_example_of_a_wrong_verdict() -> None:
    log = page.example_log()
    document = json.loads(second_verifier.split(log.values[1])[0])
    document["data"]["key"] = key_id(page.NURSE.public)
    forged = log.signed(document, page.NURSE)
    judge = second_verifier.Judge(log.id)
    assert [judge.verdict(value)[0] for value in (log.values[0], forged)] == ["accepted", "key"]
