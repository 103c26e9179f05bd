"""Verification of a whole log: every record judged again from genesis on, and compared with what the log says of it.

`verify` trusts nothing in the log but the records and the log's id, which the caller has from elsewhere. What follows from
records (verdicts, links, streams, size, tree) is computed again, and where the log says otherwise, that is a finding.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from events.authority import STREAM, Authority
from events.checkpoint import Checkpoint, Note, keys_of
from events.envelope import open_envelope
from events.errors import Corrupt, Refused
from events.evidence import Evidence, Row
from events.grammar import Malformed
from events.heads import Head
from events.judge import JUDGE_VERSION, Accepted, Rejected, judge, read
from events.keys import is_sound
from events.log import EventLog
from events.merkle import Tree
from events.store import keeps_refused

MOST_MISSING = 1_000
"""Positions of one hole that are named one by one; of a larger hole the first is, and how far it goes."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not stand.

    Args:
        kind: ``grammar log sealed key signature authority head`` (the judge's rules), ``verdict`` (a record stored as
            refused that stands, or that is refused by another rule), ``refused`` (a refused record where none belongs),
            ``repeated``, ``hole`` (a record that is not there, or cannot be read), ``link``, ``index``, ``layout`` (the file
            itself), ``tail``, ``checkpoint``, ``copy`` (the local copy of a log in Kafka says otherwise), ``decision``
            (today's rules would refuse it), ``suspect``, ``file`` (a raw file that the log names is missing or altered), ``figures`` (a
            temperature log's file gives other figures), ``stands``.
        position: of the record; None where it concerns the whole log.
        stream, number: the first stream it was placed in, and where in it.
        follows: the position of an earlier record that does not stand: this one would, if that one did.
        streams: every stream that it was placed in.
    """

    kind: str
    says: str
    position: int | None = None
    stream: str | None = None
    number: int | None = None
    follows: int | None = None
    streams: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """For a program."""
        return {
            "kind": self.kind,
            "says": self.says,
            "position": self.position,
            "stream": self.stream,
            "sequence": self.number,
            "follows": self.follows,
        }


@dataclass
class Verification:
    """What a full pass over a log found, and what it could not know.

    Args:
        refused: how many records were refused when they came, where such are kept, and are again.
    """

    log: str
    size: int = 0
    accepted: int = 0
    refused: int = 0
    root: bytes = b""
    findings: list[Finding] = field(default_factory=list)
    tail: str = "not provable without a checkpoint"

    @property
    def clean(self) -> bool:
        """No finding at all."""
        return not self.findings


def verify(
    log: EventLog | Evidence,
    pinned: str | None = None,
    checkpoint: Checkpoint | Note | None = None,
    progress: Callable[[int], None] = lambda _done: None,
) -> Verification:
    """Judge every record again.

    Args:
        pinned: the log's id as it was printed when the log was opened; None: the log's own word is taken.
        checkpoint: a checkpoint whose signature has been verified, or a note whose signatures are held against the keys
            that the judged records enrol; proves that nothing before it was cut or changed.

    Raises:
        Corrupt: the log asks for a judge that this program has not. Refused: the log is sound, and no key of it signed the note.
    """
    evidence = log if isinstance(log, Evidence) else log.evidence()
    try:
        return _Pass(evidence, pinned, checkpoint, progress).run()
    finally:
        if evidence is not log:
            evidence.close()


class _Pass:
    def __init__(
        self,
        evidence: Evidence,
        pinned: str | None,
        checkpoint: Checkpoint | Note | None,
        progress: Callable[[int], None],
    ) -> None:
        self.evidence, self.pinned, self.note, self.progress = evidence, pinned, checkpoint, progress
        self.measure = checkpoint.checkpoint if isinstance(checkpoint, Note) else checkpoint
        told = evidence.account.id
        self.result = Verification(pinned or (told if isinstance(told, str) else ""))
        self.heads: dict[str, Head] = {}
        self.authority = Authority()
        self.links: dict[str, int] = {}
        self.tree = Tree()
        self.seen_root: bytes | None = None
        self.end = 0  # one more than the position read last
        self.gap: int | None = None  # the first position without a record: from there on there is no tree
        self.kept: list[tuple[Row, Rejected]] = []
        self.left_a_topic = -1  # the last record that stood in a topic before the log went on elsewhere
        self.fell: dict[tuple[str, int], int] = {}  # what a fallen record was in its streams, and where the fall began
        self.fell_from_authority: int | None = None

    def run(self) -> Verification:
        for row in self.evidence.rows():
            if row.position < self.end:
                self.find("repeated", "a second row stands at this position", row.position)
                self.gap = self.end if self.gap is None else self.gap
                continue
            self.up_to(row.position)
            self.end = row.position + 1
            if row.value is None:
                self.missing(row.position, "cannot be read: the file is damaged where it stands", row.placed)
            else:
                self.one(row, row.value)
            if self.end % 500 == 0:
                self.progress(self.end)
        self.result.root = self.tree.root()
        self.refusals()
        self.account()
        self.evidence.examine()
        if self.note:
            self.against_checkpoint()
        for says in self.evidence.troubles:
            self.find("layout", says)
        self.result.findings.sort(key=lambda one: (one.position is None, one.position or 0))
        return self.result

    def find(
        self,
        kind: str,
        says: str,
        position: int | None = None,
        placed: dict[str, int] | None = None,
        follows: int | None = None,
    ) -> None:
        stream, number = min((placed or {}).items(), default=(None, None), key=_therapy_first)
        self.result.findings.append(Finding(kind, says, position, stream, number, follows, tuple(sorted(placed or {}))))

    # ------------------------------------------------------------------ where no record is

    def up_to(self, position: int) -> None:
        """Name what is missing before this position. A missing record is judged as one that is refused: it changes nothing."""
        if position - self.end > MOST_MISSING:
            self.missing(self.end, f"and those up to {position - 1} are not there", None)
            return
        for missing in range(self.end, position):
            self.missing(missing, "is not there", self.evidence.skipped.get(missing))

    def missing(self, position: int, says: str, placed: tuple[tuple[str, int], ...] | None) -> None:
        self.gap = position if self.gap is None else self.gap
        self.find("hole", f"record {position} {says}", position, dict(placed or ()))
        self.fallen(dict(placed or ()), position, position)

    # ------------------------------------------------------------------ a record

    def one(self, row: Row, value: bytes) -> None:
        if row.position == 0:
            self.refuse_another_judge(value)
        log = self.result.log if row.position else None
        verdict = judge(value, row.position, log, self.head, self.authority, self.evidence.place)
        self.result.size += 1
        self.tree = self.tree.add(value)
        if self.measure and self.gap is None and self.tree.size == self.measure.size:
            self.seen_root = self.tree.root()
        if isinstance(verdict, Accepted):
            self.accepted(row, verdict)
        elif row.refused is None:
            self.falls(row, verdict)
        else:
            self.kept.append((row, verdict))
            if row.placed:
                self.find(
                    "index", "the log's index places a refused record in its streams", row.position, dict(row.placed)
                )

    def head(self, stream: str) -> Head:
        return self.heads.get(stream) or Head(0, self.result.log)

    def accepted(self, row: Row, verdict: Accepted) -> None:
        placed = {stream: head.number + 1 for stream, head in verdict.statement.heads.items()}
        if row.position == 0 and verdict.link != self.result.log:
            if self.result.log:
                self.find("log", f"this log's id is {verdict.link}, not {self.result.log}", 0, placed)
                self.fell_from_authority = 0
            self.result.log = verdict.link
        self.result.accepted += 1
        self.links[verdict.link] = row.position
        if any(keeps_refused(origin) for origin in verdict.authority.left.keys() - self.authority.left.keys()):
            self.left_a_topic = row.position
        self.authority = verdict.authority
        for stream, number in placed.items():
            self.heads[stream] = Head(number, verdict.link)
        if row.refused is not None:
            self.find("verdict", f"stored as refused ({row.refused}), but it stands", row.position, placed)
            return
        if row.link != verdict.link and self.evidence.says_verdicts:
            self.find("link", "the stored link is not the link of the record's bytes", row.position, placed)
        if row.placed is not None and row.placed != tuple(sorted(placed.items())):
            says = "the log's index places this record elsewhere than its signed heads do"
            self.find("index", says, row.position, placed)

    # ------------------------------------------------------------------ a record that does not stand

    def falls(self, row: Row, verdict: Rejected) -> None:
        """A record that was accepted when it came does not stand: nothing follows from it, and those that need it fall too."""
        statement = verdict.statement
        signed = {stream: head.number + 1 for stream, head in statement.heads.items()} if statement else None
        placed = signed or dict(row.placed or ())
        follows = self.what_it_follows(verdict)
        says = verdict.says if follows is None else f"{verdict.says}; it follows from record {follows}"
        self.find(verdict.why, says, row.position, placed, follows)
        self.fallen({**dict(row.placed or ()), **placed}, row.position, row.position if follows is None else follows)

    def fallen(self, placed: dict[str, int], position: int, root: int) -> None:
        for stream, number in placed.items():
            self.fell.setdefault((stream, number), root)
        if (STREAM in placed or position == 0) and self.fell_from_authority is None:
            self.fell_from_authority = root

    def what_it_follows(self, verdict: Rejected) -> int | None:
        if verdict.why == "head" and verdict.statement is not None:
            for stream, seen in verdict.statement.heads.items():
                if self.head(stream) == seen:
                    continue
                if (stream, seen.number) in self.fell:
                    return self.fell[stream, seen.number]
                if self.gap is not None and seen.number > self.head(stream).number and seen.link not in self.links:
                    return self.gap  # it extends a record that is nowhere, and one is missing of which nothing is known
            return None
        if verdict.why not in ("key", "authority", "log"):
            return None
        return self.gap if self.fell_from_authority is None else self.fell_from_authority

    def refusals(self) -> None:
        """What was refused when it came, and is again: where a log may hold such, it changes nothing and is no finding."""
        always = keeps_refused(self.evidence.place)
        for row, verdict in self.kept:
            first = self.links.get(_link(row.value or b""), row.position)
            if always or row.position < self.left_a_topic:
                self.result.refused += 1
                told = (row.refused or "").partition(":")[0]
                if told != verdict.why and not self.fell and self.gap is None:
                    self.find("verdict", f"stored as refused by {told}, it is refused by {verdict.why}", row.position)
            elif first < row.position:
                self.find("repeated", f"the same record as at position {first}", row.position)
            else:
                says = f"a refused record stands in a log that keeps none: {verdict.says}"
                self.find("refused", says, row.position)

    # ------------------------------------------------------------------ the whole log

    def refuse_another_judge(self, value: bytes) -> None:
        asked = _judge_that_is_asked_for(value, self.pinned)
        if asked is not None:
            raise Corrupt(
                "log.judge-version",
                f"This log was opened under version {asked} of the judge; this program knows up to {JUDGE_VERSION}, so it "
                "can judge no record of it.",
                values={"log": asked, "program": JUDGE_VERSION},
                advice="Use the version of the program that wrote it, or a newer one.",
            )

    def account(self) -> None:
        """What the log says of itself as a whole: none of it is believed, and each part that is not so is a finding."""
        told = self.evidence.account
        if not isinstance(told.size, int):
            self.find("tail", f"the log does not say how many records it has, {self.end} are there")
        elif told.size != self.end:
            self.find("tail", f"the log says it has {told.size} records, {self.end} are there")
        elif self.gap is None and told.edge != self.tree.packed():
            self.find("tail", "the log's own Merkle root is not the root over its records")
        if self.evidence.beyond:
            self.find(
                "tail", f"the log's index has {self.evidence.beyond} places of records after the last that is there"
            )
        if self.pinned and told.id not in (None, self.pinned):
            self.find("layout", f"the file says that it is log {str(told.id)[:16]}, which it is not")
        if 0 in self.links.values() and told.judge not in (None, self.authority.judge):
            self.find("layout", f"the file says that its judge is {told.judge}, record 0 says {self.authority.judge}")

    def against_checkpoint(self) -> None:
        checkpoint = self.measure
        assert checkpoint is not None
        if isinstance(self.note, Note):
            try:
                self.note.signed_by(keys_of(self.authority))
            except Refused as problem:
                if not self.result.findings and not self.evidence.troubles:
                    raise
                # The record that enrolled the key may be what fell: that takes nothing from what was found.
                self.find("checkpoint", f"it cannot be held against the records that stand: {problem.says}")
                return
        if checkpoint.log != self.result.log:
            self.find("checkpoint", f"the checkpoint is of log {checkpoint.log[:16]}, not of this one")
        elif checkpoint.size > self.end:
            says = f"the checkpoint saw {checkpoint.size} records, {self.end} are there: the tail was cut off"
            self.find("checkpoint", says)
        elif self.gap is not None and self.gap < checkpoint.size:
            self.find(
                "checkpoint", f"the checkpoint saw {checkpoint.size} records, of which record {self.gap} is not there"
            )
        elif (self.seen_root or Tree().root()) != checkpoint.root:
            self.find("checkpoint", f"the first {checkpoint.size} records are not those the checkpoint saw")
        else:
            after = self.end - checkpoint.size
            self.result.tail = f"proven up to record {checkpoint.size}; {after} came after the checkpoint"


def _judge_that_is_asked_for(value: bytes, pinned: str | None) -> int | None:
    """The number of a judge that nobody here has, where this record 0 is no forger's: it is the pinned one, or well signed."""
    record = read(value)
    if isinstance(record, Rejected) or record.statement.facts[0]["fact"] != "log.opened.v1":
        return None
    fact = record.statement.facts[0]
    asked, root = fact.get("judge"), fact.get("root")
    if not isinstance(asked, int) or isinstance(asked, bool) or 1 <= asked <= JUDGE_VERSION:
        return None
    if pinned is not None:
        return asked if record.link == pinned else None
    told = root.get("public_key") if isinstance(root, dict) else None
    if not isinstance(told, str) or not re.fullmatch("[0-9a-f]{64}", told, re.ASCII):
        return None
    public = bytes.fromhex(told)
    return asked if is_sound(public) and record.signed_by(public) else None


def _link(value: bytes) -> str:
    try:
        return open_envelope(value).link
    except Malformed:
        return ""


def _therapy_first(item: tuple[str | None, int | None]) -> tuple[bool, str]:
    stream = item[0] or ""
    return (not stream.startswith("therapy/"), stream)
