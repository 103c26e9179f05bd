"""The statement: what a person signs. A CloudEvents 1.0 JSON document that names the log and the heads it extends."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from events.grammar import Malformed, dump_json, fields, parse_json
from events.heads import Head
from events.instant import from_wire, to_wire

GENESIS_SOURCE = "urn:unbroken:genesis"
MOST_STREAMS = 64
MOST_FACTS = 64
MEANINGS = frozenset(
    "performed witnessed reviewed approved released rejected given received "
    "corrected withdrawn declined authorised recorded".split()
)
"""What a signature may mean (21 CFR 11.50(a)(3)); `authorised` is an administrator's, `recorded` the system's own."""

_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
_HEX64 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_STREAM = re.compile(r"[a-z]{1,32}(?:/[A-Za-z0-9][A-Za-z0-9._\-]{0,79})?", re.ASCII)
_FACT = re.compile(r"(?=.{1,80}\Z)[a-z]+(?:[._][a-z]+)*\.v[1-9][0-9]{0,3}", re.ASCII)
_PERSON = re.compile(r"[A-Z][A-Z0-9\-]{1,23}", re.ASCII)
_ACCOUNT = re.compile(r"[a-z][a-z0-9._\-]{1,31}", re.ASCII)

_OUTER = frozenset("specversion id source type subject time datacontenttype data".split())
_DATA = frozenset("recorded meaning person account key heads rulebook facts".split())
_DATA_OPTIONAL = frozenset({"protocol"})


@dataclass(frozen=True, slots=True)
class Statement:
    """Everything one signature covers.

    Args:
        id: 32 hexadecimal characters, never used twice.
        log: the log's id (SHA-256 of genesis, 64 hexadecimal characters); None in genesis itself.
        subject: the first stream; one of `heads`.
        heads: for each stream that this record extends, where the signer saw it.
        happened: when it happened; recorded: when it was signed. Aware, UTC, whole milliseconds.
        person, account, key: who signs, under which account, with which key id.
        meaning: one of `MEANINGS`.
        protocol: digest of the protocol file that decided, where one did.
        rulebook: version of the rules that decided.
        facts: each an object whose ``fact`` is its wire name. Read by `events.facts`, not here.
    """

    id: str
    log: str | None
    subject: str
    heads: Mapping[str, Head]
    happened: datetime
    recorded: datetime
    person: str
    account: str
    key: str
    meaning: str
    rulebook: int
    facts: tuple[dict[str, Any], ...]
    protocol: str | None = None

    def payload(self) -> bytes:
        """The bytes to sign."""
        data: dict[str, Any] = {
            "recorded": to_wire(self.recorded),
            "meaning": self.meaning,
            "person": self.person,
            "account": self.account,
            "key": self.key,
            "heads": {stream: [head.number, head.link] for stream, head in self.heads.items()},
            "rulebook": self.rulebook,
            "facts": list(self.facts),
        }
        if self.protocol is not None:
            data["protocol"] = self.protocol
        return dump_json(
            {
                "specversion": "1.0",
                "id": self.id,
                "source": GENESIS_SOURCE if self.log is None else f"urn:unbroken:{self.log}",
                "type": self.facts[0]["fact"],
                "subject": self.subject,
                "time": to_wire(self.happened),
                "datacontenttype": "application/json",
                "data": data,
            }
        )


def read_statement(payload: bytes) -> Statement:
    """Read a payload under the whole grammar of a statement.

    Raises:
        Malformed: naming the rule that was broken.
    """
    outer = fields("the statement", parse_json(payload), _OUTER)
    data = fields("data", outer["data"], _DATA, _DATA_OPTIONAL)
    if outer["specversion"] != "1.0" or outer["datacontenttype"] != "application/json":
        raise Malformed("cloudevent", "specversion must be 1.0 and datacontenttype application/json")
    facts = _facts(data["facts"])
    heads = _heads(data["heads"])
    subject = outer["subject"]
    if not isinstance(subject, str) or subject not in heads:
        raise Malformed("subject", "the subject is not one of the heads")
    if outer["type"] != facts[0]["fact"]:
        raise Malformed("type", "the type is not the first fact's name")
    rulebook = data["rulebook"]
    if type(rulebook) is not int or rulebook < 1:
        raise Malformed("rulebook", "the rulebook's version is not a whole number from 1")
    meaning = _text("meaning", data["meaning"])
    if meaning not in MEANINGS:
        raise Malformed("meaning", f"{meaning!r} is no meaning of a signature")
    return Statement(
        id=_match("id", outer["id"], _ID),
        log=_log(outer["source"]),
        subject=subject,
        heads=heads,
        happened=_time("time", outer["time"]),
        recorded=_time("recorded", data["recorded"]),
        person=_match("person", data["person"], _PERSON),
        account=_match("account", data["account"], _ACCOUNT),
        key=_match("key", data["key"], _HEX64),
        meaning=meaning,
        rulebook=rulebook,
        facts=facts,
        protocol=_match("protocol", data["protocol"], _HEX64) if "protocol" in data else None,
    )


def _text(where: str, value: object) -> str:
    if not isinstance(value, str):
        raise Malformed("type", f"{where} is not a string")
    return value


def _match(where: str, value: object, pattern: re.Pattern[str]) -> str:
    text = _text(where, value)
    if not pattern.fullmatch(text):
        raise Malformed("form", f"{where} {text[:80]!r} has the wrong form")
    return text


def _time(where: str, value: object) -> datetime:
    try:
        return from_wire(_text(where, value))
    except ValueError as problem:
        raise Malformed("time", f"{where}: {problem}") from None


def _log(source: object) -> str | None:
    text = _text("source", source)
    if text == GENESIS_SOURCE:
        return None
    prefix, log = text[:13], text[13:]
    if prefix != "urn:unbroken:" or not _HEX64.fullmatch(log):
        raise Malformed("form", "the source is not urn:unbroken: and a log id")
    return log


def _heads(value: object) -> dict[str, Head]:
    if not isinstance(value, dict) or not 1 <= len(value) <= MOST_STREAMS:
        raise Malformed("heads", f"heads must be an object of 1 to {MOST_STREAMS} streams")
    heads = {}
    for stream, pair in value.items():
        if not _STREAM.fullmatch(stream):
            raise Malformed("heads", f"{stream[:80]!r} is no name of a stream")
        if not isinstance(pair, list) or len(pair) != 2 or type(pair[0]) is not int or pair[0] < 0:
            raise Malformed("heads", f"the head of {stream} is not [number, link]")
        heads[stream] = Head(pair[0], _match(f"the link of {stream}", pair[1], _HEX64))
    return heads


def _facts(value: object) -> tuple[dict[str, Any], ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_FACTS:
        raise Malformed("facts", f"facts must be a list of 1 to {MOST_FACTS}")
    for fact in value:
        if not isinstance(fact, dict) or not isinstance(fact.get("fact"), str) or not _FACT.fullmatch(fact["fact"]):
            raise Malformed("facts", "a fact is an object whose `fact` is a name such as cells.collected.v1")
    return tuple(value)
