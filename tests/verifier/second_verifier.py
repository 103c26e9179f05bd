"""A second verifier, written from docs/record-format.md alone. It imports nothing of this project.

It needs Python's standard library and `cryptography`, whose Ed25519 accepts what the page refuses in one case, and
enrols keys that the page calls unsound; both checks are added here. Anyone may copy this file and audit an export:

    unbroken events --json > export.jsonl
    python second_verifier.py export.jsonl LOG-ID [PLACE]
    python second_verifier.py log.db LOG-ID [PLACE] [CHECKPOINT]

Lines of a Kafka topic (page: A record in Kafka) are read in the same way as those of an export. With PLACE, where the
records are kept, what came after the log had left that place is refused; of a file its own word for it is taken. With the
file of a checkpoint it is said whether the log keeps it.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import re
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

PAYLOAD_TYPE = b"application/vnd.unbroken.statement.v1+json"
RECORD_TYPE = b"application/vnd.unbroken.record.v1+json"
WRAPPING = b"\x00unbroken: not a record of ours\n"
NOWHERE = "0" * 64
MEANINGS = (
    "performed witnessed reviewed approved released rejected given received corrected withdrawn declined authorised "
    "recorded"
).split()
# 88 characters may hold 64, 65 or 66 bytes: it is the form that says which.
SIGNATURE = rb"[A-Za-z0-9+/]{86}=="
LONGEST = 2**53 - 1


class Bad(Exception):
    """The bytes break the grammar."""


# ------------------------------------------------------------------------------------------------ the bytes of a record


def split(value: bytes) -> tuple[bytes, str, bytes]:
    """Payload, key id and signature of a record in its one byte form (page: The envelope)."""
    if len(value) > 262144:
        raise Bad("size")
    rest = value
    payload, rest = between(rest, b'{"payload":"', b'","payloadType":"' + PAYLOAD_TYPE + b'","signatures":[{"keyid":"')
    keyid, rest = between(rest, b"", b'","sig":"')
    signature, rest = between(rest, b"", b'"}]}')
    if rest or not re.fullmatch(rb"[0-9a-f]{64}", keyid) or not re.fullmatch(SIGNATURE, signature):
        raise Bad("envelope")
    return debase(payload), keyid.decode(), debase(signature)


def between(data: bytes, start: bytes, end: bytes) -> tuple[bytes, bytes]:
    """What stands between a prefix and the first following mark, and the rest."""
    found, mark, rest = data.removeprefix(start).partition(end)
    if not data.startswith(start) or not mark:
        raise Bad("envelope")
    return found, rest


def debase(text: bytes) -> bytes:
    """Base64 in its only spelling."""
    if not text or len(text) % 4 or not re.fullmatch(rb"[A-Za-z0-9+/]+={0,2}", text):
        raise Bad("base64")
    raw = base64.b64decode(text)
    if base64.b64encode(raw) != text:
        raise Bad("base64")
    return raw


# ------------------------------------------------------------------------------------------------------------- the JSON


class Parser:
    """One JSON object under the page's grammar, character by character."""

    def __init__(self, body: bytes) -> None:
        try:
            self.text = body.decode("utf-8", "strict")
        except UnicodeDecodeError:
            raise Bad("utf-8") from None
        self.at = 0

    def document(self) -> dict:
        """The whole text, which is one object."""
        self.space()
        if self.peek() != "{":
            raise Bad("json")
        found = self.value(1)
        self.space()
        if self.at != len(self.text):
            raise Bad("json")
        return found

    def peek(self) -> str:
        """The next character, or nothing."""
        return self.text[self.at : self.at + 1]

    def take(self, expected: str) -> None:
        """Exactly this comes next."""
        if not self.text.startswith(expected, self.at):
            raise Bad("json")
        self.at += len(expected)

    def space(self) -> None:
        """Any of the four kinds of white space."""
        while self.peek() in {" ", "\t", "\n", "\r"}:
            self.at += 1

    def value(self, depth: int):
        """Any value; `depth` is how deep an object or array here would stand."""
        character = self.peek()
        if character == '"':
            return self.string()
        if character in {"{", "["} and depth > 16:
            raise Bad("depth")
        if character == "{":
            return self.members(depth)
        if character == "[":
            return self.items(depth)
        for word, meant in (("true", True), ("false", False), ("null", None)):
            if self.text.startswith(word, self.at):
                self.at += len(word)
                return meant
        return self.number()

    def members(self, depth: int) -> dict:
        """An object; no key twice."""
        found: dict = {}
        self.take("{")
        self.space()
        if self.peek() == "}":
            self.at += 1
            return found
        while True:
            self.space()
            key = self.string()
            self.space()
            self.take(":")
            self.space()
            held = self.value(depth + 1)
            if key in found:
                raise Bad("doubled key")
            found[key] = held
            self.space()
            if self.peek() == "}":
                self.at += 1
                return found
            self.take(",")

    def items(self, depth: int) -> list:
        """An array."""
        found: list = []
        self.take("[")
        self.space()
        if self.peek() == "]":
            self.at += 1
            return found
        while True:
            self.space()
            found.append(self.value(depth + 1))
            self.space()
            if self.peek() == "]":
                self.at += 1
                return found
            self.take(",")

    def number(self) -> int:
        """A whole number in the only spelling, between -(2^53 - 1) and 2^53 - 1."""
        match = re.compile(r"-?(?:0|[1-9][0-9]*)").match(self.text, self.at)
        if match is None or match[0] == "-0" or len(match[0]) > 17:
            raise Bad("number")
        self.at = match.end()
        if self.peek() in {".", "e", "E"} or abs(int(match[0])) > 2**53 - 1:
            raise Bad("number")
        return int(match[0])

    def string(self) -> str:
        """A string, its escapes resolved."""
        self.take('"')
        found: list[str] = []
        while True:
            character = self.peek()
            if not character:
                raise Bad("json")
            self.at += 1
            if character == '"':
                break
            found.append(self.escape() if character == "\\" else plain(character))
        return "".join(found)

    def escape(self) -> str:
        """What stands after a backslash."""
        character = self.peek()
        self.at += 1
        if character != "u":
            return plain({'"': '"', "\\": "\\", "/": "/", "n": "\n", "r": "\r", "t": "\t"}.get(character, "\0"), True)
        unit = self.unit()
        if 0xDC00 <= unit <= 0xDFFF:
            raise Bad("surrogate")
        if 0xD800 <= unit <= 0xDBFF:
            self.take("\\u")
            low = self.unit()
            if not 0xDC00 <= low <= 0xDFFF:
                raise Bad("surrogate")
            unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)
        return plain(chr(unit), escaped=True)

    def unit(self) -> int:
        """Four hexadecimal digits."""
        digits = self.text[self.at : self.at + 4]
        if not re.fullmatch(r"[0-9a-fA-F]{4}", digits):
            raise Bad("json")
        self.at += 4
        return int(digits, 16)


def plain(character: str, escaped: bool = False) -> str:
    """A character that a string may hold: no control character but an escaped tab, line feed, carriage return."""
    code = ord(character)
    if code < 0x20 and not (escaped and character in {"\t", "\n", "\r"}):
        raise Bad("control")
    if 0x7F <= code <= 0x9F:
        raise Bad("control")
    return character


# -------------------------------------------------------------------------------------------------------- the statement

HEX64 = "[0-9a-f]{64}"
PERSON = r"[A-Z][A-Z0-9\-]{1,23}"
ACCOUNT = r"[a-z][a-z0-9._\-]{1,31}"
NAME = r"[A-Za-z0-9][A-Za-z0-9_.+\-]{0,63}"
ZONE = r"[A-Za-z][A-Za-z0-9_+\-]{0,31}(/[A-Za-z0-9][A-Za-z0-9_+\-]{0,31}){0,2}"
STREAM = r"[a-z]{1,32}(/[A-Za-z0-9][A-Za-z0-9._\-]{0,79})?"
FACT = r"[a-z]+([._][a-z]+)*\.v[1-9][0-9]{0,3}"
WHITE = {
    *map(chr, [*range(9, 14), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B)]),
    *"\u2028\u2029\u202f\u205f\u3000",
}


def need(holds: bool) -> None:
    """A rule of the grammar."""
    if not holds:
        raise Bad("statement")


def like(value: object, pattern: str) -> bool:
    """A string of exactly this form, ASCII only."""
    return isinstance(value, str) and re.fullmatch(pattern, value, re.ASCII) is not None


def whole(value: object) -> bool:
    """A number, and neither true nor false."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_time(value) -> bool:
    """The one spelling of a time, and a day that exists."""
    if not like(value, r"[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{3}Z"):
        return False
    try:
        datetime.date(int(value[:4]), int(value[5:7]), int(value[8:10]))
    except ValueError:
        return False
    return True


@dataclass
class Statement:
    """What a judge needs of a statement."""

    log: str | None
    heads: dict[str, tuple[int, str]]
    person: str
    account: str
    key: str
    facts: list[dict]


def statement(payload: bytes) -> Statement:
    """Read a payload under the grammar of a statement."""
    outer = Parser(payload).document()
    need(set(outer) == {"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "data"})
    data = outer["data"]
    need(isinstance(data, dict))
    need(
        set(data) - {"protocol"}
        == {"recorded", "meaning", "person", "account", "key", "heads", "rulebook", "facts"}
    )  # fmt: skip
    need(outer["specversion"] == "1.0" and outer["datacontenttype"] == "application/json")
    facts, heads = data["facts"], data["heads"]
    need(isinstance(facts, list) and 1 <= len(facts) <= 64)
    for fact in facts:
        need(isinstance(fact, dict) and like(fact.get("fact"), FACT) and len(fact["fact"]) <= 80)
    need(isinstance(heads, dict) and 1 <= len(heads) <= 64)
    for stream, pair in heads.items():
        need(like(stream, STREAM) and isinstance(pair, list) and len(pair) == 2)
        need(whole(pair[0]) and pair[0] >= 0 and like(pair[1], HEX64))
    need(isinstance(outer["subject"], str) and outer["subject"] in heads)
    need(outer["type"] == facts[0]["fact"])
    need(whole(data["rulebook"]) and data["rulebook"] >= 1)
    need(isinstance(data["meaning"], str) and data["meaning"] in MEANINGS)
    need(like(outer["id"], "[0-9a-f]{32}"))
    need(outer["source"] == "urn:unbroken:genesis" or like(outer["source"], "urn:unbroken:" + HEX64))
    need(is_time(outer["time"]) and is_time(data["recorded"]))
    need(like(data["person"], PERSON) and like(data["account"], ACCOUNT) and like(data["key"], HEX64))
    need("protocol" not in data or like(data["protocol"], HEX64))
    log = None if outer["source"] == "urn:unbroken:genesis" else outer["source"][13:]
    pairs = {stream: (number, link) for stream, (number, link) in heads.items()}
    return Statement(log, pairs, data["person"], data["account"], data["key"], facts)


# ------------------------------------------------------------------------------------------------------- the signatures

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P


def point(encoded: bytes) -> tuple[int, int] | None:
    """The point of a canonical encoding (RFC 8032 §5.1.3), else None."""
    number = int.from_bytes(encoded, "little")
    y, sign = number & (2**255 - 1), number >> 255
    if y >= P:
        return None
    squared = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(squared, (P + 3) // 8, P)
    if (x * x - squared) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - squared) % P or (x == 0 and sign):
        return None
    return (P - x if x & 1 != sign else x), y


def times(scalar: int, of: tuple[int, int]) -> tuple[int, int]:
    """A multiple of a point, in affine coordinates at the end."""
    total, step = (0, 1, 1, 0), (of[0], of[1], 1, of[0] * of[1] % P)
    while scalar:
        if scalar & 1:
            total = plus(total, step)
        step, scalar = plus(step, step), scalar >> 1
    inverse = pow(total[2], -1, P)
    return total[0] * inverse % P, total[1] * inverse % P


def plus(p: tuple[int, int, int, int], q: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """The complete addition of RFC 8032 §5.1.4."""
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * D * p[3] * q[3] % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


@lru_cache(maxsize=4096)
def is_sound(public: bytes) -> bool:
    """Whether a key may be enrolled: canonical, on the curve, of the large prime order."""
    found = point(public)
    return found is not None and found != (0, 1) and times(L, found) == (0, 1)


@lru_cache(maxsize=65536)
def signed(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the signature holds by the page's rule, under a sound key."""
    if int.from_bytes(signature[32:], "little") >= L:
        return False
    if signature[:32] == b"\x01" + bytes(31):  # OpenSSL lets a nonce of zero pass
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature:
        return False
    return True


# -------------------------------------------------------------------------------------------------------- the authority


class AnotherJudge(Exception):
    """The log asks for a judge that is not on the page: nothing can be said of its records."""


class No(Exception):
    """A rule of authority says no."""


@dataclass
class Authority:
    """Keys by id, accounts by name, the judge's version, places left. Copied before a record changes it."""

    keys: dict[str, dict] = field(default_factory=dict)
    accounts: dict[str, dict] = field(default_factory=dict)
    version: int = 1
    left: set[str] = field(default_factory=set)

    def copy(self) -> Authority:
        """An independent copy."""
        keys, accounts = ({k: dict(v) for k, v in held.items()} for held in (self.keys, self.accounts))
        return Authority(keys, accounts, self.version, set(self.left))


def text(value: object) -> bool:
    """A text of authority."""
    return isinstance(value, str) and 1 <= len(value) <= 2000 and value[0] not in WHITE and value[-1] not in WHITE


def roles(value: object) -> bool:
    """A list of roles."""
    return isinstance(value, list) and len(value) <= 64 and all(like(role, NAME) for role in value)


def is_place(value: object) -> bool:
    """A place where a log is kept."""
    return like(value, r"[a-z]{1,16}:[A-Za-z0-9_\-]{8,64}")


PERSON_SHAPE = {
    "person": lambda v: like(v, PERSON),
    "account": lambda v: like(v, ACCOUNT),
    "printed_name": text,
    "public_key": lambda v: like(v, HEX64),
    "roles": roles,
}
SHAPES = {
    "log.opened.v1": {
        "site": text,
        "zone": lambda v: like(v, ZONE),
        "root": lambda v: isinstance(v, dict) and shaped(v, PERSON_SHAPE),
        "judge": lambda v: whole(v) and v in (1, 2),
        "simulated?": lambda v: isinstance(v, bool),
    },
    "person.enrolled.v1": PERSON_SHAPE,
    "roles.changed.v1": {"account": PERSON_SHAPE["account"], "roles": roles, "why": text},
    "key.added.v1": {"account": PERSON_SHAPE["account"], "public_key": PERSON_SHAPE["public_key"], "why": text},
    "key.revoked.v1": {"key": PERSON_SHAPE["public_key"], "why": text, "suspect_since?": is_time},
    "log.moved.v1": {"origin": is_place, "destination": is_place, "why": text},
}
READ_BY = {1: set(SHAPES) - {"log.moved.v1"}, 2: set(SHAPES)}


def shaped(body: dict, shape: dict) -> bool:
    """Whether an object has exactly these members; a name with ? may be left out."""
    for name, check in shape.items():
        bare = name.removesuffix("?")
        if bare not in body:
            if bare == name:
                return False
        elif not check(body[bare]):
            return False
    return set(body) <= {name.removesuffix("?") for name in shape}


def after(authority: Authority, found: Statement, position: int) -> Authority:
    """Authority after a record, or a refusal."""
    named = [fact["fact"] in READ_BY[authority.version] for fact in found.facts]
    if "authority" not in found.heads and not any(named):
        return authority
    if "authority" not in found.heads or not all(named) or len(found.heads) != 1:
        raise No
    if position > 0 and "administrator" not in authority.accounts.get(found.account, {"roles": []})["roles"]:
        raise No
    result = authority.copy()
    for fact in found.facts:
        body = {name: value for name, value in fact.items() if name != "fact"}
        if not shaped(body, SHAPES[fact["fact"]]):
            raise No
        apply(result, fact["fact"], body, position)
    return result


def apply(authority: Authority, name: str, body: dict, position: int) -> None:
    """One fact of authority, applied to a copy."""
    if name == "log.opened.v1":
        if position != 0 or "administrator" not in body["root"]["roles"]:
            raise No
        authority.version = body["judge"]
        enrol(authority, body["root"], -1)
    elif name == "person.enrolled.v1":
        enrol(authority, body, position)
    elif name == "key.revoked.v1":
        key = authority.keys.get(body["key"])
        if key is None or key["until"] is not None:
            raise No
        key["until"], key["suspect"] = position, "suspect_since" in body
    elif name == "log.moved.v1":
        if body["origin"] == body["destination"] or {body["origin"], body["destination"]} & authority.left:
            raise No
        authority.left.add(body["origin"])
    else:
        account = authority.accounts.get(body["account"])
        if account is None:
            raise No
        if name == "key.added.v1":
            add_key(authority, body["account"], body["public_key"], position)
        elif "system" in body["roles"] or "system" in account["roles"]:
            raise No
        else:
            account["roles"] = body["roles"]


def enrol(authority: Authority, body: dict, since: int) -> None:
    """A new account with its first key."""
    if body["account"] in authority.accounts or ("system" in body["roles"] and len(body["roles"]) > 1):
        raise No
    authority.accounts[body["account"]] = {"person": body["person"], "roles": body["roles"]}
    add_key(authority, body["account"], body["public_key"], since)


def add_key(authority: Authority, account: str, public_key: str, since: int) -> None:
    """A sound key that nobody ever had."""
    public = bytes.fromhex(public_key)
    keyid = hashlib.sha256(bytes.fromhex("302a300506032b6570032100") + public).hexdigest()
    if not is_sound(public) or keyid in authority.keys:
        raise No
    authority.keys[keyid] = {"public": public, "account": account, "since": since, "until": None, "suspect": False}


# ------------------------------------------------------------------------------------------------------------ the judge


@dataclass
class Result:
    """The verdict on each record, the log's id, the Merkle root, and what the export says wrongly; `hole`: the first missing."""

    log: str
    verdicts: list[str] = field(default_factory=list)
    at: dict[int, str] = field(default_factory=dict)
    values: list[bytes] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)
    hole: int | None = None
    root: str = ""
    findings: list[tuple[int, str]] = field(default_factory=list)


class Judge:
    """The page's judge, fed record by record; without a place it asks for none."""

    def __init__(self, log: str, place: str = "") -> None:
        self.log, self.place, self.position = log, place, 0
        self.heads: dict[str, tuple[int, str]] = {}
        self.authority = Authority()

    def verdict(self, value: bytes, at: int | None = None) -> tuple[str, str | None]:
        """``accepted`` and the link, or the rule that refuses the record; `at`: where it stands, if not after the last."""
        position = self.position if at is None else at
        self.position = position + 1
        try:
            payload, keyid, signature = split(value)
            found = statement(payload)
        except Bad:
            return "grammar", None
        message = b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE, len(payload), payload)
        link = hashlib.sha256(message).hexdigest()
        if position == 0 and found.facts[0]["fact"] == "log.opened.v1":
            self.is_a_judge_that_we_have(found, link, signature, message)
        if found.log != (self.log if position else None):
            return "log", None
        if position == 0:
            if found.heads != {"authority": (0, NOWHERE)} or len(found.facts) != 1:
                return "head", None
            if found.facts[0]["fact"] != "log.opened.v1":
                return "authority", None
            try:
                authority = after(Authority(), found, 0)
            except No:
                return "authority", None
            if why := self.signature(authority, found, keyid, signature, message, position):
                return why, None
            self.log = link
        else:
            if self.place in self.authority.left:
                return "sealed", None
            if why := self.signature(self.authority, found, keyid, signature, message, position):
                return why, None
            if any(self.heads.get(stream, (0, self.log)) != head for stream, head in found.heads.items()):
                return "head", None
            try:
                authority = after(self.authority, found, position)
            except No:
                return "authority", None
        self.authority = authority
        for stream, (number, _) in found.heads.items():
            self.heads[stream] = (number + 1, link)
        return "accepted", link

    def is_a_judge_that_we_have(self, found: Statement, link: str, signature: bytes, message: bytes) -> None:
        """Stop where this log was opened under another judge; a forger's record 0 does not stop anybody."""
        number, opened = found.facts[0].get("judge"), found.facts[0].get("root")
        if not whole(number) or number in READ_BY:
            return
        public = str(opened.get("public_key")) if isinstance(opened, dict) else ""
        ours = link == self.log
        if not self.log and like(public, HEX64):
            ours = is_sound(bytes.fromhex(public)) and signed(bytes.fromhex(public), signature, message)
        if ours:
            raise AnotherJudge(f"this log asks for judge {number}")

    def signature(
        self, authority: Authority, found: Statement, keyid: str, signature: bytes, message: bytes, position: int
    ) -> str | None:
        """``key`` or ``signature`` where one of them fails."""
        key = authority.keys.get(keyid)
        if key is None or found.key != keyid or key["since"] >= position:
            return "key"
        if key["until"] is not None and position > key["until"]:
            return "key"
        if key["account"] != found.account or authority.accounts[found.account]["person"] != found.person:
            return "key"
        return None if signed(key["public"], signature, message) else "signature"


def root(values: list[bytes]) -> bytes:
    """The Merkle root by the recursive definition (RFC 6962 §2.1)."""
    if not values:
        return hashlib.sha256(b"").digest()
    if len(values) == 1:
        return hashlib.sha256(b"\x00" + values[0]).digest()
    half = 1 << (len(values) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + root(values[:half]) + root(values[half:])).digest()


# ----------------------------------------------------------------------------------------------------- records in Kafka


def frame(value: bytes) -> tuple[bytes | None, list[tuple[str, bytes | None]]]:
    """The key and the headers that a value must have in Kafka."""
    try:
        payload = split(value)[0]
        statement(payload)
    except Bad:
        return None, []
    told = Parser(payload).document()
    attributes = [(f"ce_{name}", told[name].encode()) for name in "specversion id source type subject time".split()]
    return told["subject"].encode(), [("content-type", RECORD_TYPE), *attributes]


def standing(key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]]) -> bytes:
    """The record that a message in Kafka is: its value, or a wrapping of all of it."""
    if value is not None and not value.startswith(WRAPPING) and frame(value) == (key, headers):
        return value
    body = {"key": based(key), "value": based(value), "headers": [[name, based(held)] for name, held in headers]}
    return WRAPPING + json.dumps(body, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def based(raw: bytes | None) -> str | None:
    """Base64 of bytes, if there are any."""
    return None if raw is None else base64.b64encode(raw).decode("ascii")


def unbased(text: str | None) -> bytes | None:
    """The bytes again."""
    return None if text is None else base64.b64decode(text, validate=True)


# --------------------------------------------------------------------------------------------------------------- a log


def verify(lines: Iterable[str], pinned: str, place: str = "") -> Result:
    """Judge an export, or the messages of a topic, of a log whose id is known from elsewhere."""
    judge, result = Judge(pinned, place), Result(pinned)
    for line in lines:
        told = json.loads(line)
        topic = "offset" in told
        if topic:
            headers = [(name, unbased(held)) for name, held in told["headers"]]
            value = standing(unbased(told["key"]), unbased(told["value"]), headers)
        else:
            value = told["envelope"].encode("latin-1")
        expected, at = judge.position, told["offset" if topic else "position"]
        if at != expected:
            says = f"the topic gives offset {at} here" if topic else f"the export numbers this record {at}"
            result.findings.append((expected, says))
        if not whole(at) or not expected <= at <= LONGEST:
            continue  # a second record of a position, or one of none, is not judged
        verdict, link = took(judge, result, at, value)
        if topic:
            continue
        if (told["verdict"], told["why"]) != (("accepted", None) if verdict == "accepted" else ("refused", verdict)):
            result.findings.append((at, f"the export says {told['verdict']}, the record is {verdict}"))
        if told["link"] != link:
            result.findings.append((at, "the export says another link"))
    return ended(judge, result, pinned)


def took(judge: Judge, result: Result, at: int, value: bytes) -> tuple[str, str | None]:
    """Judge one record where it stands. What is missing before it changes nothing, and ends the Merkle tree."""
    if result.hole is None and at != judge.position:
        result.hole = judge.position
    verdict, link = judge.verdict(value, at)
    result.verdicts.append(verdict)
    result.at[at] = verdict
    result.values.append(value)
    return verdict, link


def ended(judge: Judge, result: Result, pinned: str) -> Result:
    """The log's id as it was found, and the root over every record that is there."""
    if pinned and judge.log != pinned:
        result.findings.append((0, f"this log's id is {judge.log}"))
    result.log, result.root = judge.log, root(result.values).hex()
    result.keys = [key["public"] for key in judge.authority.keys.values()
                   if "system" in judge.authority.accounts[key["account"]]["roles"] and not key["suspect"]]  # fmt: skip
    return result


# -------------------------------------------------------------------------------------------------------------- a file


def rows(path: str) -> Iterator[tuple[int, bytes]]:
    """Where records stand in an SQLite file, and their bytes. Nothing else in it is believed."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        yield from db.execute(
            "SELECT position, coalesce(CAST(value AS BLOB), X'') FROM records "
            f"WHERE typeof(position) = 'integer' AND position BETWEEN 0 AND {LONGEST} ORDER BY position"
        )


def place_of(path: str) -> str:
    """Where the file says that it is kept."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        try:
            return str(db.execute("SELECT place FROM log").fetchone()[0])
        except (sqlite3.Error, TypeError):
            return ""


def verify_file(path: str, pinned: str, place: str | None = None) -> Result:
    """Judge the records of a log's file."""
    judge, result = Judge(pinned, place_of(path) if place is None else place), Result(pinned)
    for at, value in rows(path):
        if at < judge.position:
            result.findings.append((at, "a second record stands at this position"))
            result.hole = judge.position if result.hole is None else result.hole
            continue
        if at > judge.position:
            result.findings.append((judge.position, f"the records up to {at - 1} are not there"))
        took(judge, result, at, value)
    return ended(judge, result, pinned)


# -------------------------------------------------------------------------------------------------------- a checkpoint


def checkpoint(note: bytes) -> tuple[str, int, bytes, list[bytes]]:
    """The log's id, the size, the root, and what stands as signatures under the log's own name.

    Raises:
        Bad: it is no checkpoint.
    """
    try:
        body, gap, lines = note.decode("utf-8", "strict").rpartition("\n\n")
    except UnicodeDecodeError:
        raise Bad("utf-8") from None
    parts = body.split("\n")
    if not gap or not lines.endswith("\n") or len(parts) != 3:
        raise Bad("note")
    name, size, told = parts
    if not like(name, "unbroken/" + HEX64) or not like(size, "0|[1-9][0-9]{0,15}") or not like(told, ROOT):
        raise Bad("checkpoint")
    found = []
    for line in lines[:-1].split("\n"):
        dash, signer, held = line.split(" ") if line.count(" ") == 2 else ("", "", "")
        if dash != "\u2014" or not signer or WHITE & set(signer) or not like(held, r"[A-Za-z0-9+/]+={0,2}"):
            raise Bad("signature line")
        if signer == name and like(held, r"[A-Za-z0-9+/]{91}="):
            try:
                found.append(debase(held.encode()))
            except Bad:
                continue  # another spelling is no signature
    return name[9:], int(size), debase(told.encode()), found


ROOT = r"[A-Za-z0-9+/]{43}="


def keeps(note: bytes, result: Result, keys: Iterable[bytes]) -> bool:
    """Whether a log keeps a checkpoint that one of these keys signed.

    Raises:
        Bad: it is no checkpoint, or none of the keys signed it.
    """
    log, size, told, signatures = checkpoint(note)
    name = f"unbroken/{log}".encode()
    text = note.rpartition(b"\n\n")[0] + b"\n"
    for key in keys:
        hint = hashlib.sha256(name + b"\n\x01" + key).digest()[:4]
        if any(held[:4] == hint and signed(key, held[4:], text) for held in signatures):
            break
    else:
        raise Bad("nobody signed it")
    whole_up_to = len(result.values) if result.hole is None else result.hole
    return log == result.log and size <= whole_up_to and root(result.values[:size]) == told


def main() -> None:
    """Print verdicts that are not plain, the root, and what the export says wrongly."""
    path, pinned, *more = sys.argv[1:]
    try:
        if path.endswith(".db"):
            result = verify_file(path, pinned, *more[:1])
        else:
            with open(path, encoding="utf-8") as export:
                result = verify(export, pinned, *more[:1])
    except AnotherJudge as problem:
        sys.exit(f"CANNOT TELL: {problem}")
    for position, verdict in result.at.items():
        if verdict != "accepted":
            print(f"{position}: refused ({verdict})")
    if more[1:]:
        with open(more[1], "rb") as note:
            if not keeps(note.read(), result, result.keys):
                result.findings.append((0, "the log does not keep the checkpoint"))
    for position, says in result.findings:
        print(f"{position}: FINDING: {says}")
    print(f"log {result.log}, {len(result.verdicts)} records, root {result.root}")
    sys.exit(1 if result.findings else 0)


if __name__ == "__main__":
    main()
