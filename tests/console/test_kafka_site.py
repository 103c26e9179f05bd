"""A site whose log is in Kafka: the same commands, the same answers; moving there and back; nobody answers."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from kafka.admin import KafkaAdminClient

from console.site import Site
from events.copy import Copy
from events.errors import Unavailable
from events.kafka import client, whole
from events.kafka.client import Access
from events.log_sqlite import SqliteLog
from tests.console.cli import ANNA, BRUNO, NURSE, SECOND, Cli, apheresis

pytestmark = pytest.mark.contract


def topic_of(path: Path) -> str:
    """A topic of this test's own."""
    return f"site-{path.name[-60:]}-{abs(hash(str(path))) % 10**8}".replace("[", "-").replace("]", "-")


@pytest.fixture
def moved(cli: Cli, kafka_broker: Any, tmp_path: Path) -> Cli:
    """The grown site, its log moved to Kafka by its administrator."""
    cli.ok("log", "copy", "--kafka", kafka_broker.bootstrap, "--topic", topic_of(tmp_path), by="admin")
    return cli


def records(cli: Cli) -> list[tuple[int, bytes, str | None, str | None]]:
    """Every record where it stands, with its verdict."""
    site = Site.open(cli.folder)
    try:
        return [(stored.position, stored.value, stored.link, stored.refused) for stored in site.log.read()]
    finally:
        site.close()


def test_a_log_is_moved_to_kafka_and_back(cli: Cli, kafka_broker: Any, tmp_path: Path) -> None:
    before = json.loads(cli.ok("digest", "--json").out)
    file = SqliteLog(cli.folder / "log.db")
    values = [stored.value for stored in file.read()]
    told = cli.ok(
        "log", "copy", "--kafka", kafka_broker.bootstrap, "--topic", topic_of(tmp_path), "--json", by="admin"
    ).json
    assert told["size"] == len(values) + 1  # the record that seals the file goes along
    assert told["root"] == file.tree().root().hex()
    assert file.place == told["origin"]
    file.close()

    site = Site.open(cli.folder)
    assert [stored.value for stored in site.log.read(0, len(values))] == values
    assert site.log.place == told["destination"] != told["origin"]
    site.close()
    assert json.loads(cli.ok("digest", "--json").out)["digest"] == before["digest"]
    assert cli.ok("verify", "--full").code == 0

    cli.ok(*apheresis(cli), by=NURSE)
    cli.ok("witness", ANNA.therapy, "apheresis", by=SECOND)
    here = cli.ok("verify", "--json").json
    (cli.folder / "log.db").rename(cli.folder / "left.db")
    back = cli.ok("log", "copy", "--to-file", "--json", by="admin").json
    assert back["origin"] == told["destination"]
    assert back["size"] == here["size"] + 1
    there = cli.ok("verify", "--json").json
    assert (there["verdict"], there["accepted"]) == ("clean", here["accepted"] + 1)
    cli.ok("status", ANNA.therapy)
    cli.ok("checkpoint")


def test_what_strangers_wrote_and_what_lost_its_race_goes_along(moved: Cli, kafka_broker: Any, tmp_path: Path) -> None:
    moved.ok(*apheresis(moved), by=NURSE)
    site = Site.open(moved.folder)
    values = [stored.value for stored in site.log.read()]
    site.close()
    stranger = Producer({"bootstrap.servers": kafka_broker.bootstrap})
    junk: list[tuple[bytes | None, bytes | None, list[tuple[str, str | bytes | None]]]] = [
        (None, b"hello", []),
        (b"k", None, [("a", None)]),
        (None, None, []),
        (b"k", values[-1], []),  # a sound record with a frame that is none
    ]
    for key, value, headers in junk:
        stranger.produce(topic_of(tmp_path), value=value, key=key, headers=headers, partition=0)
    stranger.flush(10)
    whole.write(Access((kafka_broker.bootstrap,), topic_of(tmp_path)), [values[-1]], len(values) + 4)  # sent twice
    before, kept = moved.ok("verify", "--full", "--json").json, records(moved)
    assert (before["verdict"], before["size"], before["accepted"]) == ("clean", len(values) + 5, len(values))
    digest = moved.ok("digest", "--json").json["digest"]

    (moved.folder / "log.db").rename(moved.folder / "left.db")
    back = moved.ok("log", "copy", "--to-file", "--json", by="admin").json
    there = moved.ok("verify", "--json").json
    assert (there["verdict"], there["size"], there["accepted"]) == ("clean", len(values) + 6, len(values) + 1)
    assert there["root"] == back["root"]
    assert records(moved)[:-1] == kept  # position, bytes, link, and why it was refused
    assert moved.ok("digest", "--json").json["digest"] == digest

    again = moved.ok(
        "log", "copy", "--kafka", kafka_broker.bootstrap, "--topic", topic_of(tmp_path) + "-2", "--json", by="admin"
    ).json
    assert again["size"] == back["size"] + 1
    assert moved.ok("verify", "--full", "--json").json["root"] == again["root"]
    assert records(moved)[: len(kept)] == kept
    assert [refused for _, _, _, refused in kept].count(None) == len(values)
    assert moved.ok("digest", "--json").json["digest"] == digest


def test_the_file_that_was_left_takes_nothing_more(cli: Cli, kafka_broker: Any, tmp_path: Path) -> None:
    other = Cli(tmp_path / "other")
    line = apheresis(cli)
    cli.ok("log", "copy", "--kafka", kafka_broker.bootstrap, "--topic", topic_of(tmp_path), by="admin")
    shutil.copytree(cli.folder, other.folder)
    about = json.loads((other.folder / "site.json").read_text())
    del about["kafka"]
    (other.folder / "site.json").write_text(json.dumps(about))
    other.refused("log.sealed", *line, by=NURSE)
    assert other.ok("verify").code == 0
    assert "goes on at kafka:" in other.ok("log", "show").out
    assert "Attention: this log was moved away" in other.ok("status", ANNA.therapy).err
    topic = topic_of(tmp_path)
    other.ok("log", "use", "--kafka", kafka_broker.bootstrap, "--topic", topic)
    other.ok(*line, by=NURSE)
    told = [site.ok("status", ANNA.therapy, "--json").json for site in (cli, other)]
    assert told[0] == told[1]


def test_an_interrupted_move_goes_on(
    cli: Cli, kafka_broker: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, line = whole.write, ("log", "copy", "--kafka", kafka_broker.bootstrap, "--topic", topic_of(tmp_path))

    def half(access: Access, values: Any, start: int, progress: Any) -> int:
        write(access, list(values)[:20], start, progress)
        raise KeyboardInterrupt

    monkeypatch.setattr(whole, "write", half)
    assert cli(*line, by="admin").code == 130
    monkeypatch.undo()
    assert "kafka" not in json.loads((cli.folder / "site.json").read_text())
    cli.refused("log.sealed", *apheresis(cli), by=NURSE)
    said = cli.ok(*line, by="admin")
    assert "20 records stand there already" in said.out
    cli.ok(*apheresis(cli), by=NURSE)
    assert cli.ok("verify", "--full").code == 0


def test_a_topic_of_another_log_is_refused(
    moved: Cli, cli: Cli, kafka_broker: Any, tmp_path: Path, grown: Path
) -> None:
    other = Cli(tmp_path / "another")
    shutil.copytree(grown, other.folder)
    said = other("log", "copy", "--kafka", kafka_broker.bootstrap, "--topic", topic_of(tmp_path), by="admin")
    assert said.code == 4
    assert "log.copy" in said.err
    other.ok(*apheresis(other), by=NURSE)  # nothing was sealed


def test_two_sites_work_on_one_log(moved: Cli, tmp_path: Path) -> None:
    elsewhere = Cli(tmp_path / "elsewhere")
    shutil.copytree(moved.folder, elsewhere.folder, ignore=shutil.ignore_patterns("copy.db*", "log.db*", "remembered"))
    line = apheresis(elsewhere)
    moved.ok(*apheresis(moved), by=NURSE)
    again = elsewhere(*line, by=NURSE)
    assert again.code == 4, "what another site has recorded is known here"
    elsewhere.ok("witness", ANNA.therapy, "apheresis", by=SECOND)
    assert (
        moved.ok("status", ANNA.therapy, "--json").json["head"]
        == elsewhere.ok("status", ANNA.therapy, "--json").json["head"]
    )


def test_a_further_site_joins_the_log(moved: Cli, kafka_broker: Any, tmp_path: Path) -> None:
    log_id = moved.ok("log", "show", "--json").json["log"]
    plant = Cli(tmp_path / "plant")
    line = ("site", "join", str(plant.folder), "--name", "Plant", "--site-code", "PLNT", "--kafka", kafka_broker.bootstrap,
            "--zone", "Asia/Shanghai", "--topic", topic_of(tmp_path), "--admin-key", str(moved.folder / "keys" / "admin.pem"))  # fmt: skip
    wrong = plant(*line, "--log-id", "0" * 64, by="admin")
    assert wrong.code == 6
    assert "log.id" in wrong.err
    assert plant(*line, "--log-id", log_id, by="admin", passphrase="wrong one").code == 4
    assert not plant.folder.exists()
    plant.ok(*line, "--log-id", log_id, by="admin")
    moved.ok(*apheresis(moved), by=NURSE)
    plant.environment["UNBROKEN_NEW_PASSPHRASE"] = "a new phrase here"
    plant.ok("person", "key", SECOND, "--why", "works at the plant too", by="admin")
    said = plant("witness", ANNA.therapy, "apheresis", by=SECOND, passphrase="a new phrase here")
    assert said.code == 0, said.err
    # Each record says where it was signed, whoever reads it: the plant stands in another zone than the log was opened in.
    zones = [entry["zone"] for entry in moved.ok("history", ANNA.therapy, "--json").json[-2:]]
    assert zones == [moved.ok("site", "show", "--json").json["zone"], "Asia/Shanghai"]
    assert "signed in Asia/Shanghai" in moved.ok("history", ANNA.therapy).out
    assert plant.ok("checkpoint").code == 0
    note = plant.ok("checkpoint", "--json").json["file"]
    assert "proven up to record" in moved.ok("verify", "--checkpoint", note).out
    told = [site.ok("status", ANNA.therapy, "--json").json["head"] for site in (moved, plant)]
    assert told[0] == told[1]


def test_what_kafka_lost_comes_back_from_the_longest_copy(moved: Cli, kafka_broker: Any, tmp_path: Path) -> None:
    """Two sites on one log, and its topic is gone: the lines of docs/operations.md, as they stand there, bring all of it back."""
    elsewhere = Cli(tmp_path / "elsewhere")
    shutil.copytree(moved.folder, elsewhere.folder, ignore=shutil.ignore_patterns("copy.db*", "log.db*", "remembered"))
    elsewhere.ok("log", "show")
    moved.ok(*apheresis(moved), by=NURSE)
    note = moved.ok("checkpoint", "--json").json["file"]
    kept, digest = records(moved), moved.ok("digest", "--json").json["digest"]

    admin = KafkaAdminClient(bootstrap_servers=kafka_broker.bootstrap)
    admin.delete_topics([topic_of(tmp_path)])
    admin.close()
    for site in (moved, elsewhere):
        assert site("status", ANNA.therapy).code in (6, 7)
        assert site("witness", ANNA.therapy, "apheresis", by=SECOND).code in (6, 7)
    (moved.folder / "log.db").unlink()  # the file that was left when the log was moved ends earlier
    shutil.copy(moved.folder / "copy.db", moved.folder / "log.db")

    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
    lines = page.split("**A log in Kafka whose suffix was lost**")[1].split("```")[1].strip().splitlines()
    assert len(lines) == 4
    new, known = topic_of(tmp_path) + "-2", {"/elsewhere/checkpoint.txt": note, "kafka-1:9092": kafka_broker.bootstrap}
    for line in lines:
        words = [known.get(word, word) for word in shlex.split(line.replace("unbroken-2", new))][3:]
        by = words.pop() if "--as" in words else None
        moved.ok(*(word for word in words if word != "--as"), by=by)
    assert records(moved)[: len(kept)] == kept
    assert moved.ok("digest", "--json").json["digest"] == digest
    elsewhere.ok("log", "use", "--kafka", kafka_broker.bootstrap, "--topic", new)
    elsewhere.ok("witness", ANNA.therapy, "apheresis", by=SECOND)
    assert moved.ok("verify", "--full", "--json").json["verdict"] == "clean"


def test_a_copy_that_was_edited_by_hand_forges_nothing(moved: Cli) -> None:
    moved.ok(*apheresis(moved), by=NURSE)
    db = sqlite3.connect(moved.folder / "copy.db")
    db.execute("DROP TRIGGER records_stay")
    ((position, value),) = db.execute(
        "SELECT position, value FROM records JOIN placements USING (position) WHERE stream = ? ORDER BY number DESC LIMIT 1",
        (f"therapy/{ANNA.therapy}",),
    ).fetchall()
    db.execute(
        "UPDATE records SET value = ? WHERE position = ?",
        (value.replace(b'"sig":"', b'"sig":"AAAA', 1)[: len(value)], position),
    )
    db.commit()
    db.close()
    said = moved("witness", ANNA.therapy, "apheresis", by=SECOND)
    assert said.code == 6, said.err
    assert moved("verify").code in (1, 3)
    for path in moved.folder.glob("copy.db*"):
        path.unlink()
    moved.ok("witness", ANNA.therapy, "apheresis", by=SECOND)
    assert moved.ok("verify", "--full").code == 0


def test_nobody_answers(moved: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "CONNECT_MS", 1_000)
    moved.environment["UNBROKEN_KAFKA"] = "127.0.0.1:9"
    lines = ((("status", BRUNO.therapy), None), (("verify",), None), (("witness", ANNA.therapy, "apheresis"), SECOND))
    for line, by in lines:
        said = moved(*line, by=by)
        assert said.code in (3, 7)
        assert "nobody listens there" in said.err + said.out
        assert "Traceback" not in said.err


@pytest.mark.parametrize("who", ["closed", "silent", "unknown"])
def test_nobody_answers_is_said_within_ten_seconds(moved: Cli, who: str) -> None:
    """As a person waits for it: a process of its own, with no wait shortened; exit code 7, one sentence and what to do."""
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        servers = {
            "closed": "127.0.0.1:9",
            "silent": f"127.0.0.1:{mute.getsockname()[1]}",
            "unknown": "nowhere.invalid:9092",
        }
        _said_in_time(moved, servers[who], "nobody listens there" if who == "closed" else "no answer")


def _said_in_time(site: Cli, servers: str, says: str) -> None:
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "console", "--site", str(site.folder), "status", BRUNO.therapy],
        env={**os.environ, "UNBROKEN_KAFKA": servers},
        capture_output=True,
        text=True,
        check=False,
    )
    took = time.monotonic() - began
    assert (done.returncode, done.stdout) == (7, "")
    first, *rest = done.stderr.splitlines()
    assert says in first
    assert "nothing was read or recorded" in first
    assert [line.split(":")[0].strip() for line in rest] == ["Rule", "Values", "What to do"]
    assert took < 10, f"{took:.1f} s"


def test_an_edited_verdict_is_named_by_a_full_verification(moved: Cli) -> None:
    moved.ok(*apheresis(moved), by=NURSE)
    db = sqlite3.connect(moved.folder / "copy.db")
    db.execute("DROP TRIGGER records_stay")
    (position,) = db.execute("SELECT max(position) FROM records").fetchone()
    db.execute("UPDATE records SET link = NULL, refused = 'head' WHERE position = ?", (position,))
    db.execute("DELETE FROM placements WHERE position = ?", (position,))
    db.commit()
    db.close()
    assert moved("verify").code == 1
    told = moved("verify", "--full", "--json").json
    assert told["read_from"].startswith("the brokers")
    assert [(found["kind"], found["position"]) for found in told["findings"]] == [("copy", position)]
    (moved.folder / "copy.db").write_bytes(b"noise" * 1000)
    assert moved("verify", "--full").code in (
        0,
        1,
    )  # the copy is held against the topic, not the topic against the copy


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE log SET edge = x'00'",
        "UPDATE log SET size = size - 1",
        "DELETE FROM placements WHERE number > 2",
        "UPDATE records SET value = x'00' WHERE position = 9",
        "DELETE FROM records WHERE position = 9",
        "DROP TABLE placements",
    ],
)
def test_an_edited_copy_is_judged_all_the_same_and_a_full_verification_finds_no_less(moved: Cli, change: str) -> None:
    """Nothing in the copy keeps anybody from judging the records in it; and beside the topic, all of it is the copy's fault."""
    with closing(sqlite3.connect(moved.folder / "copy.db")) as db, db:
        db.executescript(f"DROP TRIGGER records_stay; DROP TRIGGER records_keep; PRAGMA foreign_keys = OFF; {change}")
    plain = moved("verify", "--json")
    assert plain.code == 1, plain.out
    full = moved("verify", "--full", "--json")
    assert full.code == 1, full.out
    assert {found["kind"] for found in full.json["findings"]} == {"copy"}
    assert full.json["accepted"] == full.json["size"]
    named = {found["position"] for found in plain.json["findings"] if found["kind"] != "copy"}
    assert named <= {found["position"] for found in full.json["findings"]}


def test_a_copy_that_cannot_be_written_sends_nothing(moved: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    line, before = apheresis(moved), moved.ok("log", "show", "--json").json["records"]

    def unwritable(_self: Copy) -> None:
        raise Unavailable("log.unavailable", "The log copy.db cannot be used now.", advice="It may be read-only.")

    monkeypatch.setattr(Copy, "check_writable", unwritable)
    assert moved(*line, by=NURSE).code == 7
    monkeypatch.undo()
    assert moved.ok("log", "show", "--json").json["records"] == before
    moved.ok(*line, by=NURSE)


def test_a_topic_without_brokers_is_refused(cli: Cli, tmp_path: Path) -> None:
    said = cli("site", "init", str(tmp_path / "new"), "--name", "N", "--site-code", "NEW", "--topic", "t2")
    assert said.code == 4
    assert "log.destination" in said.err


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        (("--kafka", "localhost:1", "--topic", "bad topic!"), "kafka.topic-name"),
        (("--kafka", "localhost:1", "--kafka-security", "nowhere.yaml"), "kafka.file"),
        (("--kafka", "nowhere"), "kafka.servers"),
        (("--kafka", "localhost:1", "--to-file"), "log.destination"),
        ((), "log.destination"),
        (("--to-file",), "log.destination"),
    ],
)
def test_a_destination_that_makes_no_sense(cli: Cli, line: tuple[str, ...], rule: str) -> None:
    cli.refused(rule, "log", "copy", *line, by="admin")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("protocol: TELEPATHY\n", "kafka.protocol"),
        ("colour: red\n", "kafka.field"),
        ("servers: [a:1]\n", "kafka.field"),
        ("protocol: SASL_SSL\n", "kafka.user"),
        ("protocol: SSL\nca: nowhere.pem\n", "kafka.file"),
    ],
)
def test_security_that_makes_no_sense(cli: Cli, tmp_path: Path, text: str, rule: str) -> None:
    file = tmp_path / "security.yaml"
    file.write_text(text)
    cli.refused(rule, "log", "copy", "--kafka", "localhost:1", "--kafka-security", str(file), by="admin")
