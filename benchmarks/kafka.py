"""Kafka's log beside the bare broker: the same bytes, the same topic settings, the same broker, in turn in one run.

Bare means a producer's own round trip with acks=all: what any program must wait for before it may say "recorded". The other
client (confluent-kafka) does the same work once more, so that we know what the client costs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median, quantiles

import confluent_kafka
from kafka import KafkaProducer, TopicPartition

from events.envelope import open_envelope
from events.heads import Head
from events.kafka.client import Access, consumer, producer
from events.kafka.topic import make
from events.kafka.whole import ends, write
from events.log_kafka import KafkaLog
from tests.ground import Small, deviation, small_log

CALLS, CHUNK = 600, 50
CALLERS, EACH = 32, 40
BULK = 20_000


@contextmanager
def broker() -> Iterator[str]:
    """A broker of this run's own."""
    from tests.servers.kafka import Broker

    with Broker(say=print) as running:
        yield running.bootstrap


def chains(log: Small, names: list[str], each: int) -> dict[str, list[bytes]]:
    """Signed records that extend each stream one after the other."""
    signed: dict[str, list[bytes]] = {name: [] for name in names}
    for number in range(each):
        for name in names:
            value = log.record("nurse", [name], deviation(says=f"number {number}"))
            log.heads[name] = Head(log.head(name).number + 1, open_envelope(value).link)
            signed[name].append(value)
    return signed


def measure(bootstrap: str, folder: Path) -> Iterator[str]:
    """A line for each figure."""
    small = small_log()
    access = Access((bootstrap,), f"bench-{folder.name[-12:]}")
    bare = Access((bootstrap,), f"{access.topic}-bare")
    make(bare)
    log = KafkaLog.create(access, folder / "copy.db", small.values[0])
    for value in small.values[1:]:
        log.append(value)
    single = chains(small, ["lot/ONE"], CALLS)["lot/ONE"]
    many = chains(small, [f"lot/L{number}" for number in range(CALLERS)], EACH)
    yield from _one(log, bare, single)
    yield from _many(log, bare, many)
    log.close()
    yield from _bulk(access, bare, folder, single)


def _one(log: KafkaLog, bare: Access, values: list[bytes]) -> Iterator[str]:
    ours: list[float] = []
    theirs: list[float] = []
    other: list[float] = []
    python, native = producer(bare), _native(bare)
    for start in range(0, len(values), CHUNK):
        part = values[start : start + CHUNK]
        ours += _each(log.append, part)
        theirs += _each(partial(_send, python, bare.topic), part)
        other += _each(partial(_native_send, native, bare.topic), part)
    python.close()
    p50, p99 = median(ours) / median(theirs), _p99(ours) / _p99(theirs)
    yield (
        f"kafka, one caller: append and judged {_ms(ours)}; bare acks=all {_ms(theirs)}; "
        f"ratio p50 {p50:.2f} (goal 1.5), p99 {p99:.2f}; bare with confluent-kafka {_ms(other)}"
    )


def _many(log: KafkaLog, bare: Access, signed: dict[str, list[bytes]]) -> Iterator[str]:
    python = producer(bare)
    ours: list[float] = []
    theirs: list[float] = []
    seconds = {"ours": 0.0, "bare": 0.0}
    for start in range(0, EACH, EACH // 2):
        parts = [values[start : start + EACH // 2] for values in signed.values()]
        took, times = _together(log.append, parts)
        seconds["ours"] += took
        ours += times
        took, times = _together(partial(_send, python, bare.topic), parts)
        seconds["bare"] += took
        theirs += times
    python.close()
    rate, bare_rate = len(ours) / seconds["ours"], len(theirs) / seconds["bare"]
    yield (
        f"kafka, {CALLERS} callers: {rate:,.0f} appends/s, {_ms(ours)}; bare {bare_rate:,.0f}/s, {_ms(theirs)}; "
        f"ratio of rates {rate / bare_rate:.2f} (goal 0.3)"
    )


def _bulk(access: Access, bare: Access, folder: Path, values: list[bytes]) -> Iterator[str]:
    records = (values * (BULK // len(values) + 1))[:BULK]
    size = sum(map(len, records)) / 1e6
    topic = Access(bare.servers, f"{bare.topic}-bulk")
    make(topic)
    ours = BULK / _timed(lambda: write(topic, records, 0))
    native = _native(bare)

    def produce() -> None:
        for value in records:
            while True:
                try:
                    native.produce(bare.topic, value=value, partition=0)
                    break
                except BufferError:
                    native.poll(0.01)
        native.flush()

    theirs = BULK / _timed(produce)
    told = f"{ours:,.0f}/s framed and checked; confluent-kafka bare {theirs:,.0f}/s"
    yield f"kafka, written in bulk ({size:.0f} MB): {told}; ratio {ours / theirs:.2f}"
    raw = BULK / _timed(lambda: _read(topic, BULK))
    peer = BULK / _timed(lambda: _native_read(topic, BULK))
    yield f"kafka, read raw: kafka-python {raw:,.0f}/s; confluent-kafka {peer:,.0f}/s; ratio {raw / peer:.2f}"
    size_ours = _fill(access, folder)
    fresh = folder / "fresh.db"
    took = _timed(lambda: KafkaLog(access, fresh).close())
    yield f"kafka, read, verified and kept in a new copy: {size_ours / took:,.0f}/s; ratio to reading raw {size_ours / took / raw:.2f}"


def _fill(access: Access, folder: Path) -> int:
    """Some thousands of sound records more, so that the figure is one of seconds."""
    there = KafkaLog(access, folder / "copy.db")
    known = small_log()
    known.heads["lot/BULK"] = there.heads(["lot/BULK"])["lot/BULK"]
    there.close()
    records = chains(known, ["lot/BULK"], 5_000)["lot/BULK"]
    write(access, records, ends(access))
    return ends(access)


# ------------------------------------------------------------------------------------------------------------ small things


def _timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _each(act: Callable[[bytes], object], values: list[bytes]) -> list[float]:
    return [_timed(partial(act, value)) for value in values]


def _together(act: Callable[[bytes], object], parts: list[list[bytes]]) -> tuple[float, list[float]]:
    with ThreadPoolExecutor(len(parts)) as pool:
        began = time.perf_counter()
        done = [future.result() for future in [pool.submit(_each, act, part) for part in parts]]
        return time.perf_counter() - began, [one for times in done for one in times]


def _send(python: KafkaProducer, topic: str, value: bytes) -> None:
    python.send(topic, value=value, partition=0).get(20)


def _native(access: Access) -> confluent_kafka.Producer:
    return confluent_kafka.Producer({"bootstrap.servers": ",".join(access.servers), "acks": "all", "linger.ms": 0})


def _native_send(native: confluent_kafka.Producer, topic: str, value: bytes) -> None:
    native.produce(topic, value=value, partition=0)
    native.flush()


def _read(access: Access, count: int) -> None:
    reader = consumer(access)
    partition = TopicPartition(access.topic, 0)
    reader.assign([partition])
    reader.seek(partition, 0)
    while count > 0:
        count -= len(reader.poll(1_000).get(partition, []))
    reader.close()


def _native_read(access: Access, count: int) -> None:
    reader = confluent_kafka.Consumer(
        {"bootstrap.servers": ",".join(access.servers), "group.id": "-", "enable.auto.commit": False}
    )
    reader.assign([confluent_kafka.TopicPartition(access.topic, 0, 0)])
    while count > 0:
        count -= len(reader.consume(500, 1.0))
    reader.close()


def _ms(times: list[float]) -> str:
    return f"p50 {median(times) * 1e3:.2f} ms, p99 {_p99(times) * 1e3:.1f} ms"


def _p99(times: list[float]) -> float:
    return quantiles(times, n=100)[-1]
