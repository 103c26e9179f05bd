"""Faults 8, 10, 11 and 13: whoever may write to the topic writes what they like. Nobody stops, nobody is misled."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import Producer
from kafka.admin import ConfigResource, ConfigResourceType

from events.errors import Refused
from events.judge import read
from events.kafka.frame import framed
from events.log import Appended
from events.log_kafka import KafkaLog
from tests.chaos import raw
from tests.chaos.broker import Hit
from tests.chaos.extent import whole_only
from tests.chaos.founded import Founded, Nurse
from tests.chaos.history import Told
from tests.ground import Small, deviation, key_of, resigned, small_log

Message = tuple[bytes | None, bytes | None, Any]


def send(log: Founded, *messages: Message, **settings: Any) -> None:
    """As another client sends them; each is written before this returns."""
    stranger = Producer({"bootstrap.servers": log.access.servers[0], "message.max.bytes": 2_000_000, **settings})
    refused: list[Any] = []
    for key, value, headers in messages:
        stranger.produce(
            log.access.topic, value=value, key=key, headers=headers, partition=0,
            on_delivery=lambda problem, _message: refused.append(problem) if problem else None,
        )  # fmt: skip
        assert stranger.flush(30) == 0
    assert refused == []


def as_ours(value: bytes) -> Message:
    """With the key and the headers that this value has in Kafka."""
    frame = framed(read(value), value)
    return frame.key, frame.value, list(frame.headers)


def goes_on(log: Founded, one: KafkaLog, nurse: Nurse, size: int, odd_names: bool = False) -> None:
    """A live reader passes it all, a new one and the other client agree, and appending goes on."""
    one.wait(size - 1, 20)
    assert one.size() == size
    assert isinstance(log.history().append(one, nurse.any(one)), Appended)
    report = log.report("one", odd_names=odd_names)
    assert report.clean, report
    assert report.figures["in the log"] == size + 1


def test_8_old_records_are_replayed_by_any_client(log: Founded) -> None:
    """Every value of the log again, as it stood: none is accepted, no head moves."""
    one, nurse = log.open(), Nurse("nurse")
    heads = one.heads(one.streams(""))
    send(log, *(as_ours(value) for value in log.values), *(as_ours(value) for value in reversed(log.values)))
    one.wait(3 * len(log.values) - 1, 20)
    assert one.heads(one.streams("")) == heads
    assert {stored.refused is None for stored in one.read(len(log.values))} == {False}
    goes_on(log, one, nurse, 3 * len(log.values))


def test_10_junk_of_every_kind(log: Founded) -> None:
    """Null, empty, huge, deep, duplicate keys, a sound record in the wrong frame: kept, refused, and passed."""
    small, nurse = small_log(), Nurse("nurse")
    sound = small.record("nurse", ["therapy/T-7"], deviation())
    key, _, headers = as_ours(sound)
    junk: list[Message] = [
        (None, None, []),
        (None, b"", []),
        (b"", b"", []),
        (key, None, headers),
        (None, b"\x00" * 900_000, []),
        (None, b"[" * 200_000, []),
        (None, b'{"payload":"' * 1_000, []),
        (None, json.dumps({"a": 1})[:-1].encode() + b',"a":2}', []),
        (None, b"\xff\xfe", [("a", None), ("a", b""), ("\u00e9\U0001f600\n\x00", b"\xff")]),
        (b"k" * 100_000, b"v", [("h" * 10_000, b"v" * 10_000)] * 5),
        (None, sound, []),
        (None, sound, headers),
        (b"therapy/T-8", sound, headers),
        (key, sound, headers[1:]),
        (key, sound, headers[::-1]),
        (key, sound, [*headers, ("more", b"")]),
        (key, sound, [(name.upper(), value) for name, value in headers]),
        (key, sound + b" ", headers),
    ]
    one = log.open()
    send(log, *junk)
    one.wait(len(log.values) + len(junk) - 1, 20)
    assert {(stored.refused or "").partition(":")[0] for stored in one.read(len(log.values))} == {"grammar"}
    goes_on(log, one, nurse, len(log.values) + len(junk))


@whole_only
def test_10_compressed_by_a_codec_that_we_may_lack(log: Founded) -> None:
    """The topic says uncompressed, so the broker unpacks it; every reader reads it."""
    small, nurse, codecs = small_log(), Nurse("nurse"), ["gzip", "snappy", "lz4", "zstd"]
    one, history = log.open(), log.history()
    for codec in codecs:
        value = small.record("nurse", [f"suite/{codec}"], deviation(says=codec))
        history.note(Told("signed", read(value).link))  # type: ignore[union-attr]
        send(log, as_ours(value), (None, b"x" * 5_000, []), **{"compression.type": codec})
    one.wait(len(log.values) + 7, 20)
    assert {head.number for head in one.heads([f"suite/{codec}" for codec in codecs]).values()} == {1}
    goes_on(log, one, nurse, len(log.values) + 8)


ODD: dict[str, Callable[[], bytes]] = {
    "a header name that is not UTF-8": lambda: raw.batch([raw.record(b"v", None, [(b"\xff\xfe", b"x")])]),
    "the same amid others": lambda: raw.batch(
        [raw.record(b"v", None, [(b"\xed\xa0\x80" * (n == 1), None)], number=n) for n in range(3)]
    ),
    "an empty header name": lambda: raw.batch([raw.record(b"v", None, [(b"", None)])]),
    "attributes of a record": lambda: raw.batch([raw.record(b"v", attributes=0x80)]),
    "all attributes of a record": lambda: raw.batch([raw.record(b"v", attributes=0xFF)]),
    "a time before time": lambda: raw.batch([raw.record(b"v", stamp=-(2**40))], stamp=-1),
    "a time after time": lambda: raw.batch([raw.record(b"v", stamp=2**40)], stamp=2**62),
    "attributes of a batch": lambda: raw.batch([raw.record(b"v")], attributes=0x7F80),
    "a batch's own log append time": lambda: raw.batch([raw.record(b"v")], attributes=0x08),
    "a control batch": lambda: raw.batch([raw.record(b"\0\0\0\0\0\0", b"\0\0\0\1")], attributes=0x20),
    "a transaction's batch": lambda: raw.batch([raw.record(b"v")], attributes=0x10),
    "a batch that claims more": lambda: raw.batch([raw.record(b"v")], last=5),
    "gzip that is none": lambda: raw.batch([gzip.compress(b"x")[:-3]], attributes=0x01),
}


def test_10_what_no_client_would_send(broker: Hit, log: Founded) -> None:
    """The broker refuses it, or every reader passes it: one such record must not stop all readers for ever."""
    one, nurse, size = log.open(), Nurse("nurse"), len(log.values)
    one.wait(size, 0.1)
    for name, made in ODD.items():
        code = raw.produce(broker.bootstrap, log.access.topic, made())
        size += 0 if code else 3 if "amid" in name else 1
        print(f"{name}: {f'refused by the broker, error {code}' if code else 'taken'}")
        one.wait(size - 1, 10)
        assert one.size() == size, name
    assert size > len(log.values) + 6
    goes_on(log, one, nurse, size, odd_names=True)


def forged(small: Small) -> dict[str, bytes]:
    """Records that somebody signed who may not."""
    sound = small.record("nurse", ["therapy/T-7"], deviation())
    lost = key_of(small.seed, "nurse")
    text = sound.replace(b'"sig":"', b'"sig":"AAAA', 1)
    envelope = json.loads(sound)
    signature = envelope["signatures"][0]["sig"]
    return {
        "a key that nobody has": resigned(small, sound, lambda payload: payload, key_of(1, "stranger")),
        "a revoked key": small.signed({**json.loads(_payload(sound))}, lost),
        "another's key": resigned(small, sound, lambda payload: payload, small.members["witness"].key),
        "another's signature": sound.replace(signature.encode(), _signature(small.values[-1]).encode()),
        "longer": text,
    }


def _payload(value: bytes) -> bytes:
    from events.envelope import open_envelope

    return open_envelope(value).payload


def _signature(value: bytes) -> str:
    return str(json.loads(value)["signatures"][0]["sig"])


@whole_only
def test_11_forged_and_revoked(log: Founded) -> None:
    """Our append refuses before anything is sent; sent by another client, every reader refuses."""
    one, nurse, small = log.open(), Nurse("nurse"), small_log()
    values = forged(small)
    for name, value in values.items():
        with pytest.raises(Refused):
            one.append(value)
        assert one.size() == len(log.values), name
    send(log, *(as_ours(value) for value in values.values()))
    one.wait(len(log.values) + len(values) - 1, 20)
    assert {stored.refused is not None for stored in one.read(len(log.values))} == {True}
    goes_on(log, one, nurse, len(log.values) + len(values))


@whole_only
def test_13_too_large(log: Founded) -> None:
    """For the grammar: refused before it is sent. For the broker, whose limit was lowered: said, and nothing recorded."""
    one, nurse, history = log.open(), Nurse("nurse"), log.history()
    huge = nurse.signed(one, ["suite/C0"], "x" * 300_000)
    with pytest.raises(Refused, match="grammar"):
        one.append(huge)
    assert one.size() == len(log.values)
    with pytest.raises(Refused):
        one.append(b"[" * 250_000)
    _limited(log, 4_000)
    large = history.append(one, nurse.signed(one, ["suite/C0"], "x" * 1_900 + "y" * 3_000))
    assert isinstance(large, Refused), large
    assert large.rule == "log.size"
    assert isinstance(history.append(one, nurse.signed(one, ["suite/C0"])), Appended), "one that fits is taken"
    with pytest.raises(Refused, match=r"max\.message\.bytes is 4000, not 1048576"):
        log.open("other")
    _limited(log, 1_048_576)
    report = log.report("one")
    assert report.clean, report


def _limited(log: Founded, limit: int) -> None:
    from kafka.admin import KafkaAdminClient

    admin = KafkaAdminClient(bootstrap_servers=list(log.access.servers))
    try:
        wanted = {"max.message.bytes": str(limit)}
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, log.access.topic, configs=wanted)])
    finally:
        admin.close()
