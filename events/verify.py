"""Verification of a whole log: every record judged again from genesis on, and compared with what the log says of it.

`verify` trusts nothing in the log but the log's id, which the caller has from elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from events.authority import Authority
from events.checkpoint import Checkpoint
from events.envelope import open_envelope
from events.grammar import Malformed
from events.heads import NOWHERE, Head
from events.judge import Accepted, Rejected, judge
from events.log import EventLog, Stored
from events.merkle import Tree


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not stand.

    Args:
        kind: ``grammar log sealed key signature authority head`` (the judge's rules), ``verdict`` (a record stored as
            refused that stands), ``refused`` (a refused record where none belongs), ``repeated``, ``hole``, ``link``,
            ``index``, ``tail``, ``checkpoint``, ``copy`` (the local copy of a log in Kafka says otherwise), ``decision``
            (today's rules would refuse it), ``suspect``, ``file`` (a raw file that the log names is missing or altered), ``figures`` (a
            temperature log's file gives other figures).
        position: of the record; None where it concerns the whole log.
        stream, number: the first stream it was placed in, and where in it.
    """

    kind: str
    says: str
    position: int | None = None
    stream: str | None = None
    number: int | None = None

    def as_dict(self) -> dict[str, object]:
        """For a program."""
        return {
            "kind": self.kind,
            "says": self.says,
            "position": self.position,
            "stream": self.stream,
            "sequence": self.number,
        }


@dataclass
class Verification:
    """What a full pass over a log found, and what it could not know."""

    log: str
    size: int = 0
    accepted: int = 0
    root: bytes = b""
    findings: list[Finding] = field(default_factory=list)
    tail: str = "not provable without a checkpoint"

    @property
    def clean(self) -> bool:
        """No finding at all."""
        return not self.findings


def verify(
    log: EventLog,
    pinned: str | None = None,
    checkpoint: Checkpoint | None = None,
    progress: Callable[[int], None] = lambda _done: None,
) -> Verification:
    """Judge every record again.

    Args:
        pinned: the log's id as it was printed when the log was opened; None: the log's own word is taken.
        checkpoint: a checkpoint whose signature has been verified; proves that nothing before it was cut or changed.
    """
    return _Pass(log, pinned, checkpoint, progress).run()


class _Pass:
    def __init__(
        self, log: EventLog, pinned: str | None, checkpoint: Checkpoint | None, progress: Callable[[int], None]
    ) -> None:
        self.log, self.checkpoint, self.progress = log, checkpoint, progress
        self.result = Verification(pinned or log.id)
        self.heads: dict[str, Head] = {}
        self.authority = Authority()
        self.links: dict[str, int] = {}
        self.streams: dict[str, list[int]] = {}
        self.tree = Tree()
        self.seen_root: bytes | None = None
        self.kept = log.tree()  # taken first: others may append while this pass reads
        self.kept_root = Tree().root()

    def run(self) -> Verification:
        expected = 0
        for stored in self.log.read():
            for missing in range(expected, stored.position):
                self.find("hole", f"record {missing} is not there", missing)
                self.resume_after_hole(missing)
            expected = stored.position + 1
            self.one(stored)
            self.tree = self.tree.add(stored.value)
            if self.checkpoint and self.tree.size == self.checkpoint.size:
                self.seen_root = self.tree.root()
            if self.tree.size == self.kept.size:
                self.kept_root = self.tree.root()
            if expected % 500 == 0:
                self.progress(expected)
        self.result.size = self.tree.size
        self.result.root = self.tree.root()
        self.end()
        return self.result

    def find(self, kind: str, says: str, position: int | None = None) -> None:
        stream = number = None
        if position is not None:
            stream, number = min(self.log.placements(position).items(), default=(None, None), key=_therapy_first)
        self.result.findings.append(Finding(kind, says, position, stream, number))

    def one(self, stored: Stored) -> None:
        log = self.result.log if stored.position else None
        verdict = judge(stored.value, stored.position, log, self.head, self.authority, self.log.place)
        stored_as_accepted = stored.refused is None
        placed = self.log.placements(stored.position)
        if stored_as_accepted:
            for stream in placed:
                self.streams.setdefault(stream, []).append(stored.position)
        if isinstance(verdict, Accepted):
            self.accepted(stored, verdict, placed)
        elif stored_as_accepted:
            self.find(verdict.why, verdict.says, stored.position)
            self.resume(stored, placed)
        else:
            self.refused(stored, verdict)
            if placed:
                self.find("index", "the log's index places a refused record in its streams", stored.position)

    def head(self, stream: str) -> Head:
        return self.heads.get(stream) or Head(0, self.result.log)

    def accepted(self, stored: Stored, verdict: Accepted, placed: dict[str, int]) -> None:
        if stored.position == 0 and verdict.link != self.result.log:
            self.find("log", f"this log's id is {verdict.link}, not {self.result.log}", 0)
            self.result.log = verdict.link
        self.result.accepted += 1
        self.links[verdict.link] = stored.position
        self.authority = verdict.authority
        expected = {stream: head.number + 1 for stream, head in verdict.statement.heads.items()}
        for stream, number in expected.items():
            self.heads[stream] = Head(number, verdict.link)
        if stored.refused is not None:
            self.find("verdict", f"stored as refused ({stored.refused}), but it stands", stored.position)
        elif stored.link != verdict.link:
            self.find("link", "the stored link is not the link of the record's bytes", stored.position)
        if stored.refused is None and placed != expected:
            self.find("index", "the log's index places this record elsewhere than its signed heads do", stored.position)

    def refused(self, stored: Stored, verdict: Rejected) -> None:
        try:
            link = open_envelope(stored.value).link
        except Malformed:
            link = ""
        if link in self.links and self.log.keeps_refused:
            return  # a resent record is harmless: the first of them stands
        if link in self.links:
            self.find("repeated", f"the same record as at position {self.links[link]}", stored.position)
        elif not self.log.keeps_refused:
            self.find("refused", f"a refused record stands in a log that keeps none: {verdict.says}", stored.position)

    def resume(self, stored: Stored, placed: dict[str, int]) -> None:
        # A record that fell must not make every later one fall: go on from where the log's index says it stood.
        for stream, number in placed.items():
            self.heads[stream] = Head(number, stored.link or NOWHERE)

    def resume_after_hole(self, missing: int) -> None:
        for stream, number in self.log.placements(missing).items():
            following = next(iter(self.log.stream(stream, number)), None)
            claimed = _claimed_head(following, stream)
            if claimed:
                self.heads[stream] = claimed

    def end(self) -> None:
        if self.tree.size < self.kept.size or self.tree.size > self.log.size():
            self.find("tail", f"the log says it has {self.kept.size} records, {self.tree.size} are there")
        elif self.kept.root() != self.kept_root:
            self.find("tail", "the log's own Merkle root is not the root over its records")
        for stream in sorted({*self.streams, *self.log.streams("")}):
            self.reads_as_it_stands(stream)
        if self.checkpoint:
            self.against_checkpoint(self.checkpoint)

    def reads_as_it_stands(self, stream: str) -> None:
        # Decisions read a log by its streams, this pass by positions: two indexes, which must say the same.
        read = [stored.position for stored in self.log.stream(stream)]
        if [position for position in read if position < self.tree.size] != self.streams.get(stream, []):
            says = f"the stream {stream} reads otherwise than its records stand"
            self.result.findings.append(Finding("index", says, stream=stream))

    def against_checkpoint(self, checkpoint: Checkpoint) -> None:
        if checkpoint.log != self.result.log:
            self.find("checkpoint", f"the checkpoint is of log {checkpoint.log[:16]}, not of this one")
        elif checkpoint.size > self.tree.size:
            says = f"the checkpoint saw {checkpoint.size} records, {self.tree.size} are there: the tail was cut off"
            self.find("checkpoint", says)
        elif (self.seen_root or Tree().root()) != checkpoint.root:
            self.find("checkpoint", f"the first {checkpoint.size} records are not those the checkpoint saw")
        else:
            after = self.tree.size - checkpoint.size
            self.result.tail = f"proven up to record {checkpoint.size}; {after} came after the checkpoint"


def _claimed_head(stored: Stored | None, stream: str) -> Head | None:
    from events.statement import read_statement

    if stored is None:
        return None
    try:
        return read_statement(open_envelope(stored.value).payload).heads.get(stream)
    except Malformed:
        return None


def _therapy_first(item: tuple[str | None, int | None]) -> tuple[bool, str]:
    stream = item[0] or ""
    return (not stream.startswith("therapy/"), stream)
