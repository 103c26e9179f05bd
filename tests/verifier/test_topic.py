"""A topic on a real broker, read by another client with the program on the page, and judged by the second verifier alone."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from events.judge import read
from events.kafka.client import Access
from events.kafka.frame import framed
from events.log_kafka import KafkaLog
from events.verify import verify
from tests.ground import Small, deviation, small_log
from tests.verifier import page, second_verifier

pytestmark = pytest.mark.contract


def program() -> str:
    """The one that the page shows."""
    told = page.PAGE.read_text(encoding="utf-8")
    (found,) = re.findall(r"^```python\n(.*?)^```$", told, re.MULTILINE | re.DOTALL)
    return str(found)


def junk(log: Small) -> list[tuple[bytes | None, bytes | None, list[tuple[str, str | bytes | None]]]]:
    """What a stranger with the right to write might leave in a topic."""
    sound = log.record("nurse", ["therapy/T-7"], deviation())
    frame = framed(read(sound), sound)
    right: list[tuple[str, str | bytes | None]] = list(frame.headers)
    return [
        (None, None, []),
        (None, b"", []),
        (b"", b"", []),
        (b"k", b"hello", [("a", None), ("a", b""), ("\u00e9\U0001f600\n", b"\xff\x00")]),
        (None, second_verifier.WRAPPING + b"{}", []),
        (None, sound, right),
        (frame.key, sound, right[:-1]),
        (frame.key, sound, [*right, ("traceparent", b"00")]),
        (frame.key, sound, right[::-1]),
        (frame.key, log.values[4], right),
        (None, log.values[4], []),
        (frame.key, sound, right),
        (frame.key, sound, right),
    ]


def test_a_topic_is_verified_from_outside(kafka_broker: Any, tmp_path: Path) -> None:
    log = small_log()
    access = Access((kafka_broker.bootstrap,), f"outside-{tmp_path.name}")
    ours = KafkaLog.create(access, tmp_path / "copy.db", log.values[0])
    try:
        for value in log.values[1:]:
            ours.append(value)
        stranger = Producer({"bootstrap.servers": kafka_broker.bootstrap})
        for key, held, headers in junk(log):
            stranger.produce(access.topic, value=held, key=key, headers=headers, partition=0)
            assert stranger.flush(30) == 0
        size = len(log.values) + len(junk(log))
        ours.wait(size - 1, 30)
        reader = tmp_path / "topic.py"
        reader.write_text(program(), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, str(reader), kafka_broker.bootstrap, access.topic],
            capture_output=True,
            text=True,
            check=True,
        )
        lines = done.stdout.splitlines()
        assert len(lines) == size == ours.size()
        theirs = second_verifier.verify(lines, log.id, ours.place)
        assert theirs.findings == []
        assert theirs.verdicts[len(log.values) :] == ["grammar"] * 11 + ["accepted", "head"]
        assert [why == "accepted" for why in theirs.verdicts] == [stored.refused is None for stored in ours.read()]
        assert theirs.root == ours.tree().root().hex()
        assert verify(ours, log.id).clean
        _as_a_command(tmp_path, lines, log.id, ours.place)
        missing = second_verifier.verify(lines[:5] + lines[6:], log.id, ours.place)
        assert missing.findings[0] == (5, "the topic gives offset 6 here")
    finally:
        ours.close()


def _as_a_command(folder: Path, lines: list[str], log: str, place: str) -> None:
    told = folder / "topic.jsonl"
    told.write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, second_verifier.__file__, str(told), log, place], capture_output=True, text=True, check=True
    )
    assert f"log {log}, {len(lines)} records, root " in done.stdout
    assert json.loads(lines[0])["offset"] == 0
