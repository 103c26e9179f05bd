"""Replay of a whole log on several cores: each process reads, verifies and links the streams of its own shard.

A record that extends streams of several shards is read in each of them, its links are checked in each, and its signature
once, where its subject lives. Nothing is passed between the processes but counts and findings.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

from events.heads import NOWHERE, Head
from events.judge import Rejected, check_signature, read
from events.log import EventLog
from events.statement import Statement


@dataclass(frozen=True, slots=True)
class Shard:
    """What one process verified: signatures, links, and what does not stand, in sentences."""

    signatures: int
    links: int
    findings: tuple[str, ...]


def shard_of(stream: str, shards: int) -> int:
    """Which shard a stream belongs to."""
    return zlib.crc32(stream.encode()) % shards


def replay_shard(
    log: EventLog, shard: int, shards: int, fold: Callable[[str, Statement], None] = lambda _stream, _statement: None
) -> Shard:
    """Verify every stream of one shard, from the first record to the last; `fold` gets each record in stream order."""
    authority, findings, signatures, links = log.authority(), [], 0, 0
    for stream in log.streams(""):
        if shard_of(stream, shards) != shard:
            continue
        head = Head(0, log.id)
        for stored in log.stream(stream):
            record = read(stored.value)
            if isinstance(record, Rejected):
                findings.append(f"{stream} {head.number + 1}: {record.says}")
                break
            statement = record.statement
            expected = Head(0, NOWHERE) if stored.position == 0 else head
            if statement.heads.get(stream) != expected:
                findings.append(f"{stream} {head.number + 1}: does not extend the record before it")
            links += 1
            if statement.subject == stream:
                signatures += 1
                if refusal := check_signature(record, authority, stored.position):
                    findings.append(f"{stream} {head.number + 1}: {refusal.says}")
            fold(stream, statement)
            head = Head(head.number + 1, record.link)
    return Shard(signatures, links, tuple(findings))
