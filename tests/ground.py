"""A small log made from a seed: genesis, people, therapies, a revoked key, a changed role, a move. Same seed, same bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from events.authority import Authority
from events.envelope import Envelope, link_of, open_envelope, pre_authentication, seal
from events.facts.authority import KeyAdded, KeyRevoked, LogMoved, LogOpened, PersonEnrolled, RolesChanged
from events.facts.base import ActKey, NewMaterial, Reading, Scan
from events.facts.course import ActWitnessed, TherapyOpened
from events.facts.quality import DeviationOpened, IdentityMismatched, ItemPresentedElsewhere
from events.facts.site import LotReleased
from events.facts.steps import CellsCollected, ConsentGiven, ProcessPerformed
from events.grammar import dump_json
from events.heads import NOWHERE, Head
from events.judge import Accepted, Verdict, judge
from events.keys import FileKey, key_id
from events.merkle import Tree
from events.statement import Statement

SEED = 20260301
START = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
PROTOCOL = hashlib.sha256(b"a protocol file").hexdigest()
LEFT, MOVED_TO = "sqlite:" + "5" * 32, "kafka:2b7e1516-28ae-4d2a-a6ab-f7158809cf4f"
"""The place that the small log has left, and the one where it went on."""


def key_of(seed: int, name: str) -> FileKey:
    """The key of this name under this seed."""
    return FileKey.from_seed(hashlib.sha256(f"key {seed} {name}".encode()).digest())


@dataclass
class Member:
    """Someone who signs: account, person, printed name, roles, and the key in use."""

    account: str
    person: str
    printed_name: str
    roles: tuple[str, ...]
    key: FileKey

    def enrolled(self) -> PersonEnrolled:
        """The fact that enrols them."""
        return PersonEnrolled(
            person=self.person,
            account=self.account,
            printed_name=self.printed_name,
            public_key=self.key.public.hex(),
            roles=self.roles,
        )


@dataclass
class Small:
    """A log as a list of values, with what is needed to write one more record; `place` is where it is kept, if anywhere."""

    seed: int = SEED
    values: list[bytes] = field(default_factory=list)
    heads: dict[str, Head] = field(default_factory=dict)
    authority: Authority = field(default_factory=Authority)
    members: dict[str, Member] = field(default_factory=dict)
    keys: dict[str, FileKey] = field(default_factory=dict)
    id: str = ""
    place: str = ""

    def new_key(self, name: str) -> FileKey:
        """A key of this log's seed, remembered by its id."""
        key = key_of(self.seed, name)
        self.keys[key_id(key.public)] = key
        return key

    def member(self, account: str, person: str, printed_name: str, *roles: str) -> Member:
        """Someone new, not yet enrolled."""
        self.members[account] = Member(account, person, printed_name, roles, self.new_key(account))
        return self.members[account]

    def head(self, stream: str) -> Head:
        """Where a stream stands."""
        return self.heads.get(stream) or Head(0, self.id)

    def document(
        self, account: str, streams: Iterable[str], facts: Iterable[dict[str, Any]], meaning: str = "performed"
    ) -> dict[str, Any]:
        """A statement's JSON document, to be changed before it is signed."""
        return dict(json.loads(self.statement(account, streams, facts, meaning).payload()))

    def statement(
        self, account: str, streams: Iterable[str], facts: Iterable[dict[str, Any]], meaning: str = "performed"
    ) -> Statement:
        """A statement that extends these streams where they stand now."""
        member, number, names = self.members[account], len(self.values), list(streams)
        happened = START + timedelta(minutes=number)
        stated = tuple(facts)
        return Statement(
            id=hashlib.sha256(f"statement {self.seed} {number} {account} {names} {stated}".encode()).hexdigest()[:32],
            log=self.id or None,
            subject=names[0],
            heads={name: self.head(name) for name in names},
            happened=happened,
            recorded=happened + timedelta(seconds=30),
            person=member.person,
            account=account,
            key=key_id(member.key.public),
            meaning=meaning,
            rulebook=1,
            facts=stated,
            protocol=PROTOCOL if names[0].startswith("therapy/") else None,
        )

    def signed(self, document: dict[str, Any] | bytes, key: FileKey) -> bytes:
        """Any document or payload, properly signed: the record's bytes."""
        return seal(document if isinstance(document, bytes) else dump_json(document), key).value()

    def record(self, account: str, streams: Iterable[str], *facts: Any, meaning: str = "performed") -> bytes:
        """A record that would be accepted now."""
        stated = [fact if isinstance(fact, dict) else fact.to_wire() for fact in facts]
        return seal(self.statement(account, streams, stated, meaning).payload(), self.members[account].key).value()

    def judge(self, value: bytes) -> Verdict:
        """What the judge says of a value that comes next."""
        log = self.id if self.values else None
        return judge(value, len(self.values), log, self.head, self.authority, self.place)

    def append(self, value: bytes) -> Verdict:
        """Judge a value and keep it; a refused one keeps its position and extends nothing."""
        verdict = self.judge(value)
        if isinstance(verdict, Accepted):
            for stream, head in verdict.statement.heads.items():
                self.heads[stream] = Head(head.number + 1, verdict.link)
            self.authority = verdict.authority
            if not self.values:
                self.id = verdict.link
        self.values.append(value)
        return verdict

    def accept(self, account: str, streams: Iterable[str], *facts: Any, meaning: str = "performed") -> str:
        """Write a record that must stand; its link."""
        verdict = self.append(self.record(account, streams, *facts, meaning=meaning))
        assert isinstance(verdict, Accepted), verdict
        return verdict.link

    def root(self) -> str:
        """The Merkle root over every value."""
        return Tree().add_all(self.values).root().hex()


def begun(seed: int = SEED, judge: int = 2) -> Small:
    """A log with nothing but its genesis, under this version of the judge."""
    log = Small(seed)
    root = log.member("root", "P-ROOT", "Ada Root", "administrator")
    opened = LogOpened(site="Example Hospital", zone="Europe/Berlin", root=root.enrolled(), judge=judge, simulated=True)
    log.heads["authority"] = Head(0, NOWHERE)
    log.accept("root", ["authority"], opened, meaning="authorised")
    return log


def small_log(seed: int = SEED, judge: int = 2) -> Small:
    """Genesis and about twenty records: people, two therapies, records that extend one to three streams, and a move.

    The first judge knows no moves: its log has none.
    """
    log = begun(seed, judge)

    def administer(*facts: Any, by: str = "root") -> None:
        log.accept(by, ["authority"], *facts, meaning="authorised")

    for who in (
        ("nurse", "P-NURSE", "Grace Nurse", "apheresis_nurse"),
        ("witness", "P-WITNESS", "Örjan Witness", "apheresis_nurse"),
        ("operator", "P-OPER", "李 Operator", "operator"),
        ("system", "P-SYSTEM", "Unbroken", "system"),
    ):
        administer(log.member(*who).enrolled())
    administer(log.member("deputy", "P-ROOT", "Ada Root", "administrator", "qa").enrolled())
    _therapy(log, "T-7", "SCR-007", "nurse", "witness")
    log.accept(
        "operator", ["lot/KIT-1"], LotReleased(lot="KIT-1", item="apheresis_kit", expires=START + timedelta(days=90))
    )
    _therapy(log, "T-8", "SCR-008", "witness", "nurse")
    # One act, three streams: both therapies and the suite.
    log.accept(
        "operator",
        ["therapy/T-7", "therapy/T-8", "suite/S1"],
        IdentityMismatched(
            therapy="T-7", key=ActKey(step="wash"), scan="bag", expected="G123426000007", presented="G123426000008",
            other="T-8",
        ),
        ItemPresentedElsewhere(therapy="T-8", presented="G123426000008", other="T-7"),
    )  # fmt: skip
    # The nurse loses her card: a second key, the first revoked as suspect.
    lost = key_id(log.members["nurse"].key.public)
    log.members["nurse"].key = log.new_key("nurse, second card")
    added = KeyAdded(account="nurse", public_key=log.members["nurse"].key.public.hex(), why="card lost")
    administer(added)
    administer(KeyRevoked(key=lost, why="card lost", suspect_since=START + timedelta(minutes=5)), by="deputy")
    log.accept("nurse", ["therapy/T-7", "suite/S1"], _washed("T-7"))
    administer(RolesChanged(account="operator", roles=("operator", "qc_analyst"), why="trained"))
    # The root changes its own key: one record adds the new and revokes the one that signs it.
    old, new = log.members["root"].key, log.new_key("root, second")
    administer(
        KeyAdded(account="root", public_key=new.public.hex(), why="yearly change"),
        KeyRevoked(key=key_id(old.public), why="yearly change"),
    )
    log.members["root"].key = new
    if judge > 1:
        administer(LogMoved(origin=LEFT, destination=MOVED_TO, why="several machines"))
    administer(log.member("late", "P-LATE", "Late Comer", "physician").enrolled())
    log.accept("late", ["therapy/T-8"], _washed("T-8"))
    return log


def _therapy(log: Small, therapy: str, screening: str, performer: str, witness: str) -> None:
    stream, din = f"therapy/{therapy}", f"G123426{screening[-3:].zfill(6)}"
    at = START + timedelta(minutes=len(log.values))
    log.accept(
        performer,
        [stream],
        TherapyOpened(
            therapy=therapy, screening=screening, site="SITE-1", protocol="demo", version="1", digest=PROTOCOL
        ),
        ConsentGiven(therapy=therapy, key=ActKey(step="consent"), started=at, ended=at, permits=("data",)),
    )  # fmt: skip
    act = log.accept(
        performer,
        [stream, f"din/{din}"],
        CellsCollected(
            therapy=therapy,
            key=ActKey(step="apheresis"),
            started=at,
            ended=at + timedelta(hours=3),
            readings=(Reading(name="volume", value="250", unit="mL"),),
            scans=(Scan(name="bag", code=din),),
            created=(NewMaterial(code=din, kind="leukapheresis"),),
            awaits=("apheresis_nurse",),
            din=din,
        ),
    )
    log.accept(
        witness,
        [stream],
        ActWitnessed(therapy=therapy, act=act, key=ActKey(step="apheresis")),
        meaning="witnessed",
    )


def _washed(therapy: str) -> ProcessPerformed:
    return ProcessPerformed(therapy=therapy, key=ActKey(step="wash"), started=START, ended=START, suite="S1")


def deviation(therapy: str = "T-7", **changed: Any) -> dict[str, Any]:
    """A plain fact of a therapy, with any further members; the judge does not read it."""
    fact = DeviationOpened(therapy=therapy, deviation="DEV-1", grade="minor", rule="test", says="late")
    return {**fact.to_wire(), **changed}


def payload_of(value: bytes) -> bytes:
    """What was signed."""
    return open_envelope(value).payload


def resigned(log: Small, value: bytes, edit: Callable[[bytes], bytes], key: FileKey | None = None) -> bytes:
    """The record with an edited payload, signed again: by its own key, or by another that claims to be it."""
    envelope = open_envelope(value)
    payload = edit(envelope.payload)
    signer = key or log.keys[envelope.keyid]
    return Envelope(payload, envelope.keyid, signer.sign(pre_authentication(payload))).value()


def verdict_name(verdict: Verdict) -> str:
    """``accepted``, or which rule refused it."""
    return "accepted" if isinstance(verdict, Accepted) else verdict.why


def judged(values: Iterable[bytes], pinned: str, place: str = "") -> list[str]:
    """The verdict on every value of a log whose id is known from elsewhere, kept at this place."""
    log = Small(id=pinned, place=place)
    return [verdict_name(log.append(value)) for value in values]


def export(values: Iterable[bytes], pinned: str, place: str = "") -> list[str]:
    """The lines of `unbroken events --json`, without the decoded statement, which adds nothing to trust."""
    lines, log = [], Small(id=pinned, place=place)
    for position, value in enumerate(values):
        verdict = log.append(value)
        accepted = isinstance(verdict, Accepted)
        line = {
            "position": position,
            "verdict": "accepted" if accepted else "refused",
            "why": None if accepted else verdict_name(verdict),
            "link": verdict.link if isinstance(verdict, Accepted) else None,
            "envelope": value.decode("latin-1"),
        }
        lines.append(json.dumps(line))
    return lines


__all__ = ["SEED", "START", "Small", "begun", "link_of", "small_log"]
