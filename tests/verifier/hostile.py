"""Records that an impostor, a careless program or a broken disk might write, each with the verdict it must get.

Every case is one more record after the small log, most of them properly signed: what is wrong is only what is named.
The verdict is the second judge's; `UNDER_THE_FIRST` has those on which the first, which knows no moves, differs.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from functools import partial
from typing import Any

from events.envelope import Envelope, open_envelope, pre_authentication, seal
from events.facts.authority import KeyAdded, KeyRevoked, LogMoved, LogOpened, PersonEnrolled, RolesChanged
from events.grammar import LARGEST_RECORD, dump_json
from events.heads import NOWHERE
from events.keys import FileKey, key_id
from tests.ground import LEFT, MOVED_TO, Small, begun, deviation, key_of, payload_of, resigned
from tests.verifier.second_verifier import L, P, plus, point, times

Case = tuple[str, str, Callable[[Small], bytes]]
CASES: list[Case] = []
UNDER_THE_FIRST: dict[str, str] = {}
LARGEST_PAYLOAD = 196_410
"""Bytes of payload in the largest record: 262 bytes of envelope, and base64 of whole groups."""


def case(name: str, verdict: str) -> Callable[[Callable[[Small], bytes]], Callable[[Small], bytes]]:
    """Keep a case under its name."""

    def kept(build: Callable[[Small], bytes]) -> Callable[[Small], bytes]:
        CASES.append((name, verdict, build))
        return build

    return kept


def plain(log: Small) -> dict[str, Any]:
    """A document that would be accepted: a deviation by the nurse."""
    return log.document("nurse", ["therapy/T-7"], [deviation()])


def _sig(value: bytes) -> bytes:
    """The bytes of a record's signature."""
    return open_envelope(value).signature


def _with_length(count: int, value: bytes) -> bytes:
    """The record with so many bytes in place of its signature, which begin as it does; 64, 65 and 66 are as many characters."""
    spelled = base64.b64encode((_sig(value) + bytes(2))[:count])
    return value[: value.index(b'"sig":"') + 7] + spelled + b'"}]}'


def by_nurse(log: Small, document: dict[str, Any] | bytes) -> bytes:
    """Signed by the nurse, whatever it is."""
    return log.signed(document, log.members["nurse"].key)


def outer(name: str, verdict: str, **changed: Any) -> None:
    """A plain document with other members."""
    CASES.append((name, verdict, lambda log: by_nurse(log, {**plain(log), **changed})))


def inner(name: str, verdict: str, **changed: Any) -> None:
    """A plain document with other members of its data."""

    def build(log: Small) -> bytes:
        document = plain(log)
        document["data"] |= changed
        return by_nurse(log, document)

    CASES.append((name, verdict, build))


def edited(name: str, verdict: str, old: bytes, new: bytes) -> None:
    """A plain payload in which a piece of text was replaced before it was signed."""

    def build(log: Small) -> bytes:
        payload = dump_json(plain(log))
        assert payload.count(old) >= 1, (name, old)
        return by_nurse(log, payload.replace(old, new, 1))

    CASES.append((name, verdict, build))


def said(name: str, verdict: str, spelled: str) -> None:
    """The text of the deviation in this JSON spelling."""
    edited(name, verdict, b'"says":"late"', b'"says":' + spelled.encode("utf-8", "surrogatepass"))


# ------------------------------------------------------------------------------------------------------- what must pass

case("plain", "accepted")(lambda log: by_nurse(log, plain(log)))
case("pretty-printed payload", "accepted")(lambda log: by_nurse(log, json.dumps(plain(log), indent=3).encode()))
case("ASCII payload", "accepted")(lambda log: by_nurse(log, json.dumps(plain(log)).encode()))
edited("white space around the document", "accepted", b'{"data"', b' \r\n\t{"data"')
edited("an escaped key", "accepted", b'"specversion"', b'"\\u0073pecversion"')
said("a surrogate pair", "accepted", '"\\ud83d\\ude00"')
said("the same raw", "accepted", '"\U0001f600"')
said("a tab, a line feed, a carriage return, escaped", "accepted", r'"a\tb\nc\rd\u0009"')
said("every short escape but two", "accepted", r'"\"\\\/"')
said("a backslash before u0000", "accepted", r'"\\u0000"')
said("line separators", "accepted", '"a\u2028b\u2029"')
said("a byte order mark inside a text", "accepted", '"\ufeff"')
said("composed and decomposed", "accepted", '"é e\u0301"')
said("a text that looks like brackets", "accepted", '"[[[[[[[[[[[[[[[[[[[[[[{{{{{{{{{{{{{{{{"')
edited("the largest integer", "accepted", b'"rulebook":1', b'"rulebook":9007199254740991')
edited("a fact with members nobody knows", "accepted", b'"says":"late"', b'"says":"late","x":[1,-5,null,true]')
edited("the smallest integer in a fact", "accepted", b'"says":"late"', b'"says":-9007199254740991')
edited("two keys that differ in normalisation", "accepted", b'"says":"late"', '"é":1,"e\u0301":2'.encode())
edited("29 February of a leap year", "accepted", b'"time":"2026-03-01', b'"time":"2028-02-29')
edited("the last moment of 9999", "accepted", b'"time":"2026-03-01', b'"time":"9999-12-31')
edited("the year 1", "accepted", b'"time":"2026-03-01', b'"time":"0001-01-01')


@case("no protocol", "accepted")
def _no_protocol(log: Small) -> bytes:
    document = plain(log)
    del document["data"]["protocol"]
    return by_nurse(log, document)


def nested(log: Small, depth: int) -> bytes:
    """A document whose deepest array stands at this depth (the fact itself at 4)."""
    levels = depth - 4
    return by_nurse(
        log, dump_json(plain(log)).replace(b'"says":"late"', b'"says":' + b"[" * levels + b"]" * levels)
    )  # fmt: skip


case("depth 16", "accepted")(lambda log: nested(log, 16))
case("depth 17", "grammar")(lambda log: nested(log, 17))
case("depth 50,000", "grammar")(lambda log: nested(log, 50_000))
edited("mixed brackets", "grammar", b'"says":"late"', b'"says":[}')


def padded(log: Small, size: int) -> bytes:
    """A record whose payload has this many bytes."""
    payload = dump_json(plain(log))
    return by_nurse(log, payload.replace(b'"says":"late"', b'"says":"late' + b"x" * (size - len(payload)) + b'"'))


case("the largest payload", "accepted")(lambda log: padded(log, LARGEST_PAYLOAD))
case("one byte more", "grammar")(lambda log: padded(log, LARGEST_PAYLOAD + 1))
case("exactly the largest record, but no envelope", "grammar")(lambda log: b" " * LARGEST_RECORD)
case("an unterminated string of escapes, as long as may be", "grammar")(
    lambda log: by_nurse(log, b'{"' + b'\\"' * (LARGEST_PAYLOAD // 2 - 2))
)

# ------------------------------------------------------------------------------------------------------------- the JSON

edited("a byte order mark", "grammar", b'{"data"', b'\xef\xbb\xbf{"data"')
edited("a key twice", "grammar", b'"specversion":"1.0"', b'"specversion":"1.0","specversion":"1.0"')
edited("a key twice, once escaped", "grammar", b'"specversion":"1.0"', b'"specversion":"1.0","\\u0073pecversion":"1.0"')
edited("a key twice deep in a fact", "grammar", b'"says":"late"', b'"says":[{"a":{"b":1,"b":1}}]')
edited("a float", "grammar", b'"rulebook":1', b'"rulebook":1.0')
edited("an exponent", "grammar", b'"rulebook":1', b'"rulebook":1E0')
edited("a float in a fact", "grammar", b'"says":"late"', b'"says":1.5')
edited("an exponent in a fact", "grammar", b'"says":"late"', b'"says":1e2')
edited("minus zero", "grammar", b'"says":"late"', b'"says":-0')
edited("a leading zero", "grammar", b'"says":"late"', b'"says":01')
edited("a plus sign", "grammar", b'"says":"late"', b'"says":+1')
edited("a bare minus", "grammar", b'"says":"late"', b'"says":-')
edited("a hexadecimal number", "grammar", b'"says":"late"', b'"says":0x1')
edited("an Arabic digit", "grammar", b'"says":"late"', '"says":١'.encode())
edited("a fullwidth digit after a digit", "grammar", b'"says":"late"', '"says":1２'.encode())
edited("2^53", "grammar", b'"says":"late"', b'"says":9007199254740992')
edited("-2^53", "grammar", b'"says":"late"', b'"says":-9007199254740992')
edited("a number of 5,000 digits", "grammar", b'"says":"late"', b'"says":' + b"9" * 5000)
edited("NaN", "grammar", b'"says":"late"', b'"says":NaN')
edited("Infinity", "grammar", b'"says":"late"', b'"says":-Infinity')
edited("True", "grammar", b'"says":"late"', b'"says":True')
edited("a single quote", "grammar", b'"says":"late"', b"\"says\":'late'")
edited("a trailing comma", "grammar", b'"says":"late"', b'"says":"late",')
edited("a comma too few", "grammar", b'"says":"late",', b'"says":"late"')
edited("a comment", "grammar", b'"says":"late"', b'"says":"late"/**/')
edited("a non-breaking space", "grammar", b'"says":"late"', '"says":\u00a0"late"'.encode())
edited("a form feed", "grammar", b'"says":"late"', b'"says":\x0c"late"')
edited("bytes that are not UTF-8", "grammar", b'"says":"late"', b'"says":"\xff"')
edited("an overlong encoding", "grammar", b'"says":"late"', b'"says":"\xc0\xaf"')
edited("a surrogate in UTF-8", "grammar", b'"says":"late"', b'"says":"\xed\xa0\x80"')
edited("beyond Unicode", "grammar", b'"says":"late"', b'"says":"\xf4\x90\x80\x80"')
said("half a surrogate pair", "grammar", '"\\ud83d"')
said("the other half", "grammar", '"\\ude00"')
said("halves in the wrong order", "grammar", '"\\ude00\\ud83d"')
said("half a pair before a letter", "grammar", '"\\ud83dx"')
said("half a pair as a key", "grammar", '{"\\udc00":1}')
said("NUL", "grammar", '"\\u0000"')
said("ESC", "grammar", '"\\u001b[2J"')
said("a backspace", "grammar", '"\\b"')
said("a form feed, escaped", "grammar", '"\\f"')
said("DEL", "grammar", '"\x7f"')
said("DEL, escaped", "grammar", '"\\u007F"')
said("a C1 control", "grammar", '"\x85"')
said("a C1 control, escaped", "grammar", '"\\u009f"')
said("a control character in a key", "grammar", '{"\\u0001":1}')
said("a raw line feed", "grammar", '"a\nb"')
said("a raw tab", "grammar", '"a\tb"')
said("an unknown escape", "grammar", r'"\x41"')
said("an escaped quote of the other kind", "grammar", r'"\'"')
said("a short unicode escape", "grammar", '"\\u12"')
said("a unicode escape with a sign", "grammar", '"\\u+123"')
said("a unicode escape with a line", "grammar", '"\\u1_23"')
said("an upper-case U", "grammar", '"\\U0041"')
LAST_MEMBER = b'"type":"deviation.opened.v1"}'
for tail_name, tail in (("NUL", b"\0"), ("a second document", b"{}"), ("a bracket", b"}"), ("a word", b" x")):
    edited(f"{tail_name} after the end", "grammar", LAST_MEMBER, LAST_MEMBER + tail)


def whole(name: str, body: bytes) -> None:
    """These bytes for a payload."""
    CASES.append((f"{name} for a statement", "grammar", lambda log: by_nurse(log, body)))


for body_name, body in (
    ("an array", b"[]"), ("a string", b'"x"'), ("null", b"null"), ("a number", b"7"), ("an empty object", b"{}"),
    ("white space", b"  "), ("one brace", b"{"), ("one quote", b'"'), ("one backslash", b'"\\'),
):  # fmt: skip
    whole(body_name, body)

# -------------------------------------------------------------------------------------------------------- the statement

outer("specversion 1.1", "grammar", specversion="1.1")
outer("specversion as a number", "grammar", specversion=1)
outer("another content type", "grammar", datacontenttype="text/plain")
outer("a member nobody knows", "grammar", comment="x")
outer("CloudEvents' own optional member", "grammar", dataschema="urn:x")
outer("data is a list", "grammar", data=[])
inner("a member of data nobody knows", "grammar", comment="x")
inner("protocol is null", "grammar", protocol=None)
inner("protocol in upper case", "grammar", protocol="A" * 64)


def lacking(member: str, inside: bool) -> None:
    """A plain document without one member."""

    def build(log: Small) -> bytes:
        document = plain(log)
        del (document["data"] if inside else document)[member]
        return by_nurse(log, document)

    CASES.append((f"no {member}{' in data' if inside else ''}", "grammar", build))


for member in ("specversion", "id", "source", "type", "subject", "time", "datacontenttype", "data"):
    lacking(member, inside=False)
for member in ("recorded", "meaning", "person", "account", "key", "heads", "rulebook", "facts"):
    lacking(member, inside=True)
bad: Any
for bad in ("0" * 31, "0" * 33, "A" * 32, "0" * 31 + "g", "0" * 32 + "\n", "", 7, None, "0" * 31 + "０"):
    outer(f"id {bad!r}", "grammar", id=bad)
for bad in ("", "urn:unbroken:", "urn:unbroken:" + "0" * 63, "urn:unbroken:" + "A" * 64, "URN:unbroken:" + "0" * 64, 5):
    outer(f"source {bad!r}", "grammar", source=bad)
outer("another log's id", "log", source="urn:unbroken:" + "0" * 64)
outer("genesis' source later on", "log", source="urn:unbroken:genesis")
outer("a subject that is no head", "grammar", subject="therapy/T-8")
outer("a subject that is no string", "grammar", subject=["therapy/T-7"])
outer("a type that is not the first fact's", "grammar", type="cells.collected.v1")
for bad in (
    "2026-03-01T24:00:00.000Z", "2026-03-01T23:59:60.000Z", "2026-03-01T23:60:00.000Z", "2026-02-29T00:00:00.000Z",
    "2026-13-01T00:00:00.000Z", "2026-00-01T00:00:00.000Z", "2026-01-00T00:00:00.000Z", "0000-01-01T00:00:00.000Z",
    "2026-03-01T09:30:00Z", "2026-03-01T09:30:00.00Z", "2026-03-01T09:30:00.0000Z", "2026-03-01T09:30:00,000Z",
    "2026-03-01t09:30:00.000Z", "2026-03-01T09:30:00.000z", "2026-03-01 09:30:00.000Z", "2026-03-01T09:30:00.000+00:00",
    "2026-03-01T09:30:00.000Z\n", " 2026-03-01T09:30:00.000Z", "20260301T093000.000Z", "2026-W10-7T09:30:00.000Z",
    "10000-01-01T00:00:00.000Z", "+2026-03-01T09:30:00.000Z", "２026-03-01T09:30:00.000Z", "", None, 1772357400,
    "1900-02-29T00:00:00.000Z",
):  # fmt: skip
    outer(f"time {bad!r}", "grammar", time=bad)
    inner(f"recorded {bad!r}", "grammar", recorded=bad)
for bad in ("signed", "Performed", "performed ", "", None, 1, ["performed"]):
    inner(f"meaning {bad!r}", "grammar", meaning=bad)
for bad in (0, -1, True, "1", None, [1]):
    inner(f"rulebook {bad!r}", "grammar", rulebook=bad)
for bad in ("P", "p-nurse", "P" * 25, "P-ÄRZTIN", "P-NURSE\n", None, 7):
    inner(f"person {bad!r}", "grammar", person=bad)
for bad in ("n", "Nurse", "n" * 33, "nürse", "nurse\n", None):
    inner(f"account {bad!r}", "grammar", account=bad)
for bad in ("0" * 63, "A" * 64, None):
    inner(f"key {bad!r}", "grammar", key=bad)
for bad in ([], None, {}, "x", [1], [{}], [{"fact": 1}], [{"fact": "x"}], [{"fact": "x.v0"}], [{"fact": "x.v01"}],
            [{"fact": "X.v1"}], [{"fact": "x..y.v1"}], [{"fact": "x.v12345"}], [{"fact": "a" * 78 + ".v1"}],
            [{"fact": "x.v1\n"}], [{"fact": ".x.v1"}], [{"fact": "x2.v1"}], [deviation()] * 65):  # fmt: skip
    inner(f"facts {str(bad)[:24]} ({len(str(bad))})", "grammar", facts=bad)
inner("64 facts", "accepted", facts=[deviation()] * 64)
case("the longest name of a fact", "accepted")(
    lambda log: by_nurse(log, log.document("nurse", ["therapy/T-7"], [{"fact": "a" * 77 + ".v1"}]))
)
case("a fact of a version to come", "accepted")(
    lambda log: by_nurse(log, log.document("nurse", ["therapy/T-7"], [{"fact": "cells.collected.v9999"}]))
)


def headed(name: str, verdict: str, change: Callable[[Small, dict[str, Any]], None]) -> None:
    """A plain document whose heads were changed."""

    def build(log: Small) -> bytes:
        document = plain(log)
        change(log, document["data"]["heads"])
        return by_nurse(log, document)

    CASES.append((name, verdict, build))


def also(stream: str) -> Callable[[Small, dict[str, Any]], None]:
    """One more stream, where it stands."""
    return lambda log, heads: heads.update({stream: list(log.head(stream))})


for stream in ("a", "a" * 32, "lot/x", "lot/9", "lot/" + "x" * 80, "din/A.b_c-D", "authorityx", "authority/x"):
    headed(f"one more stream {stream[:40]}", "accepted", also(stream))
for stream in (
    "",
    "A",
    "a" * 33,
    "lot/",
    "/x",
    "lot/.x",
    "lot/x/y",
    "lot/" + "x" * 81,
    "lot/ü",
    "lot/x\n",
    "lot x",
    "1",
):
    headed(f"a stream called {stream[:40]!r}", "grammar", also(stream))
headed("the first record of a stream", "accepted", also("lot/NEW"))
headed("64 streams", "accepted", lambda log, h: h.update({f"lot/{n}": [0, log.id] for n in range(63)}))
headed("65 streams", "grammar", lambda log, h: h.update({f"lot/{n}": [0, log.id] for n in range(64)}))
headed("no streams", "grammar", lambda log, h: h.clear())
headed("a new stream that is said to begin nowhere", "head", lambda log, h: h.update({"lot/NEW": [0, NOWHERE]}))
headed("a new stream with a number", "head", lambda log, h: h.update({"lot/NEW": [1, log.id]}))
headed("a stale number", "head", lambda log, h: h["therapy/T-7"].__setitem__(0, h["therapy/T-7"][0] - 1))
headed("a number of the future", "head", lambda log, h: h["therapy/T-7"].__setitem__(0, h["therapy/T-7"][0] + 1))
headed("another link", "head", lambda log, h: h["therapy/T-7"].__setitem__(1, "0" * 64))
headed("one of two heads is stale", "head", lambda log, h: h.update({"therapy/T-8": [1, log.id]}))
headed("another case of a stream's name", "accepted", lambda log, h: h.update({"din/g1": [0, log.id]}))


def head_of(pair: Any) -> None:
    """A new stream with this for a head."""
    headed(f"a head {str(pair)[:30]}", "grammar", lambda log, heads: heads.update({"lot/NEW": pair}))


for bad in (
    ["0", "0" * 64],
    [0],
    [0, "0" * 64, 0],
    [True, "0" * 64],
    [-1, "0" * 64],
    [0, "A" * 64],
    [0, None],
    {},
    None,
):
    head_of(bad)

# --------------------------------------------------------------------------------------------------------- the envelope


def reshaped(name: str, verdict: str, change: Callable[[bytes], bytes]) -> None:
    """A good record whose bytes were changed."""
    CASES.append((name, verdict, lambda log: change(by_nurse(log, plain(log)))))


reshaped("a line feed after the envelope", "grammar", lambda v: v + b"\n")
reshaped("a space in the envelope", "grammar", lambda v: v.replace(b'":"', b'": "', 1))
reshaped("the envelope cut by a byte", "grammar", lambda v: v[:-1])
reshaped("the envelope cut in the middle", "grammar", lambda v: v[: len(v) // 2])
reshaped("nothing", "grammar", lambda v: b"")
reshaped("a byte order mark before the envelope", "grammar", lambda v: b"\xef\xbb\xbf" + v)
reshaped("two signatures", "grammar", lambda v: v[:-2] + b"," + v[v.index(b'{"keyid"') : -2] + b"]}")
reshaped("members in another order", "grammar", lambda v: _reversed(v))
reshaped("an upper-case key id", "grammar", lambda v: v.replace(v[-172:-108], v[-172:-108].upper()))
reshaped("another payload type", "grammar", lambda v: v.replace(b"statement.v1+json", b"statement.v2+json"))
reshaped("URL-safe base64", "grammar", lambda v: v[:-20] + b"-_" + v[-18:])
reshaped("stray bits at the end of a signature", "grammar", lambda v: v[:-7] + _next_letter(v[-7:-6]) + v[-6:])
reshaped("padding too few", "grammar", lambda v: v[:-5] + v[-4:])
reshaped("an empty payload", "grammar", lambda v: v.replace(v[12 : v.index(b'","payloadType')], b""))
reshaped("not ASCII", "grammar", lambda v: v.replace(b"payload", "päyload".encode(), 1))
for count in (62, 63, 65, 66):
    reshaped(f"a signature of {count} bytes", "grammar", partial(_with_length, count))
reshaped("a flipped signature", "signature", lambda v: v[:-40] + (b"A" if v[-40:-39] != b"A" else b"B") + v[-39:])


def _reversed(value: bytes) -> bytes:
    return json.dumps(dict(reversed(json.loads(value).items())), separators=(",", ":")).encode()


def _next_letter(letter: bytes) -> bytes:
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    place = alphabet.index(letter)
    return alphabet[place ^ 1 : (place ^ 1) + 1]


@case("URL-safe base64 of the payload", "grammar")
def _url_safe(log: Small) -> bytes:
    value = by_nurse(log, dump_json(plain(log)).replace(b'"late"', '"ÿÿÿ~~~???"'.encode()))
    return value.replace(b"/", b"_").replace(b"application_", b"application/").replace(b"+", b"-").replace(
        b"v1-json", b"v1+json"
    )  # fmt: skip


@case("stray bits at the end of a payload", "grammar")
def _stray(log: Small) -> bytes:
    document = plain(log)
    for says in ("a", "ab", "abc"):
        document["data"]["facts"][0]["says"] = says
        value = by_nurse(log, document)
        end = value.index(b'","payloadType')
        if value[end - 2 : end] == b"==":
            return value[: end - 3] + _next_letter(value[end - 3 : end - 2]) + value[end - 2 :]
    raise AssertionError("one of three lengths ends in ==")


# -------------------------------------------------------------------------------------------------- keys and signatures


def claimed(log: Small, signature: bytes) -> bytes:
    """A plain record of the nurse with this signature."""
    return Envelope(dump_json(plain(log)), key_id(log.members["nurse"].key.public), signature).value()


def secret_scalar(seed: bytes) -> int:
    """The secret scalar of a key (RFC 8032 §5.1.5)."""
    number = int.from_bytes(hashlib.sha512(seed).digest()[:32], "little")
    return number & ((1 << 254) - 8) | 1 << 254


def encoded(found: tuple[int, int]) -> bytes:
    """The canonical encoding of a point."""
    return (found[1] | (found[0] & 1) << 255).to_bytes(32, "little")


def torsion() -> tuple[int, int]:
    """A point of order 8."""
    for y in range(2, 100):
        found = point(y.to_bytes(32, "little"))
        if found and times(4, small := times(L, found)) != (0, 1):
            return small
    raise AssertionError("one in two points has a component of order 8")


def summed(p: tuple[int, int], q: tuple[int, int]) -> tuple[int, int]:
    """The sum of two points."""
    x, y, z, _ = plus((*p, 1, p[0] * p[1] % P), (*q, 1, q[0] * q[1] % P))
    return x * pow(z, -1, P) % P, y * pow(z, -1, P) % P


BASE = point((4 * pow(5, -1, P) % P).to_bytes(32, "little")) or (0, 0)


def crafted(log: Small, commitment: bytes, nonce: int) -> bytes:
    """A signature by the nurse herself with a commitment R of her choice, S fitting the nonce."""
    seed = hashlib.sha256(f"key {log.seed} nurse, second card".encode()).digest()
    public, message = log.members["nurse"].key.public, pre_authentication(dump_json(plain(log)))
    k = int.from_bytes(hashlib.sha512(commitment + public + message).digest(), "little") % L
    return commitment + ((nonce + k * secret_scalar(seed)) % L).to_bytes(32, "little")


case("a nonce of the signer's choice", "accepted")(
    lambda log: claimed(log, crafted(log, encoded(times(7, BASE)), 7))
)  # fmt: skip
case("R is the identity", "signature")(lambda log: claimed(log, crafted(log, encoded((0, 1)), 0)))
case("R is the identity, not canonical (sign)", "signature")(
    lambda log: claimed(log, crafted(log, b"\x01" + bytes(30) + b"\x80", 0))
)
case("R is the identity, not canonical (y = p + 1)", "signature")(
    lambda log: claimed(log, crafted(log, (P + 1).to_bytes(32, "little"), 0))
)
case("R has a part of order 8", "signature")(
    lambda log: claimed(log, crafted(log, encoded(summed(times(7, BASE), torsion())), 7))
)
case("R of order 8", "signature")(lambda log: claimed(log, crafted(log, encoded(torsion()), 0)))
case("S plus the order of the group", "signature")(
    lambda log: claimed(
        log,
        (good := log.members["nurse"].key.sign(pre_authentication(dump_json(plain(log)))))[:32]
        + (int.from_bytes(good[32:], "little") + L).to_bytes(32, "little"),
    )
)
case("a signature of zeros", "signature")(lambda log: claimed(log, bytes(64)))
case("a signature over the payload alone", "signature")(
    lambda log: claimed(log, log.members["nurse"].key.sign(dump_json(plain(log))))
)
case("another key under the nurse's key id", "signature")(
    lambda log: resigned(log, by_nurse(log, plain(log)), lambda payload: payload, log.members["operator"].key)
)
case("the payload changed after signing", "signature")(
    lambda log: Envelope(
        dump_json(plain(log)).replace(b"minor", b"major"),
        key_id(log.members["nurse"].key.public),
        open_envelope(by_nurse(log, plain(log))).signature,
    ).value()
)
case("a stranger's own key", "key")(lambda log: _as_key(log, key_of(log.seed, "stranger")))
case("a revoked key", "key")(lambda log: _as_key(log, key_of(log.seed, "nurse")))
case("the root's revoked key", "key")(
    lambda log: _authority(log, "root", [_enrols(log)], key=key_of(log.seed, "root"))
)  # fmt: skip
inner("the key named inside is not the key outside", "key", key="0" * 64)
inner("another person under her account", "key", person="P-WITNESS")
inner("another account", "key", account="witness", person="P-WITNESS")
inner("an account that nobody has", "key", account="nobody")
inner("the deputy's account of the root person, by the nurse", "key", account="deputy", person="P-ROOT")


def _as_key(log: Small, key: FileKey) -> bytes:
    document = plain(log)
    document["data"]["key"] = key_id(key.public)
    return seal(dump_json(document), key).value()


# ----------------------------------------------------------------------------------------------------------- repetition

case("the last record once more", "head")(lambda log: log.values[-1])
case("genesis once more", "log")(lambda log: log.values[0])
case("a foreign log's genesis", "log")(lambda log: begun(log.seed + 1).values[0])
case("a record of a foreign log of the same people", "log")(
    lambda log: log.signed(
        {**plain(log), "source": f"urn:unbroken:{begun(log.seed + 1).id}"}, log.members["nurse"].key
    )
)  # fmt: skip

# ------------------------------------------------------------------------------------------------------------ authority


def _authority(
    log: Small, account: str, facts: list[dict[str, Any]], key: FileKey | None = None, *more: str
) -> bytes:  # fmt: skip
    document = log.document(account, ["authority", *more], facts, "authorised")
    signer = key or log.members[account].key
    document["data"]["key"] = key_id(signer.public)
    return seal(dump_json(document), signer).value()


def _enrols(log: Small, **changed: Any) -> dict[str, Any]:
    fact = PersonEnrolled(
        person="P-NEW",
        account="new",
        printed_name="New One",
        public_key=key_of(log.seed, "new").public.hex(),
        roles=("qa",),
    ).to_wire()
    return {**fact, **changed}


def authority(name: str, verdict: str, facts: Callable[[Small], list[dict[str, Any]]], by: str = "root") -> None:
    """An authority record by an administrator."""
    CASES.append((name, verdict, lambda log: _authority(log, by, facts(log))))


def enrols(name: str, verdict: str, **changed: Any) -> None:
    """Someone is enrolled with something else."""
    authority(name, verdict, lambda log: [_enrols(log, **changed)])


enrols("someone is enrolled", "accepted")
authority("a nurse enrols someone", "authority", lambda log: [_enrols(log)], by="nurse")
authority("a nurse makes herself administrator", "authority",
    lambda log: [RolesChanged(account="nurse", roles=("administrator",), why="x").to_wire()],
    by="nurse",
)  # fmt: skip
authority("the system enrols someone", "authority", lambda log: [_enrols(log)], by="system")
authority("the deputy enrols someone", "accepted", lambda log: [_enrols(log)], by="deputy")
case("someone is enrolled outside authority", "authority")(
    lambda log: log.signed(
        log.document("root", ["lot/X"], [_enrols(log)], "authorised"), log.members["root"].key
    )
)  # fmt: skip
case("authority beside another stream", "authority")(lambda log: _authority(log, "root", [_enrols(log)], None, "lot/X"))
authority("a plain fact in authority", "authority", lambda log: [deviation()])
authority("a plain fact beside one of authority", "authority", lambda log: [_enrols(log), deviation()])
authority(
    "a version of an authority fact to come", "authority", lambda log: [{**_enrols(log), "fact": "person.enrolled.v2"}]
)
authority("a sign-in in authority", "authority", lambda log: [{"fact": "sign_in.succeeded.v1", "account": "nurse"}])
authority("the same twice in one record", "authority", lambda log: [_enrols(log), _enrols(log)])
authority("enrolled, then another key, in one record", "accepted", lambda log: [
    _enrols(log),
    KeyAdded(account="new", public_key=key_of(log.seed, "new, second").public.hex(), why="a card").to_wire(),
])  # fmt: skip
authority("enrolled and revoked in one record", "accepted", lambda log: [
    _enrols(log), KeyRevoked(key=key_id(key_of(log.seed, "new").public), why="a slip").to_wire(),
])  # fmt: skip
case("enrols a key and signs with it", "key")(
    lambda log: _authority(log, "root", [_enrols(log)], key_of(log.seed, "new"))
)  # fmt: skip
enrols("an account enrolled twice", "authority", account="nurse")
enrols("a second account of a person", "accepted", person="P-NURSE")
enrols("an account in upper case", "authority", account="New")
enrols("a person in lower case", "authority", person="p-new")
enrols("an empty printed name", "authority", printed_name="")
enrols("a printed name of spaces", "authority", printed_name="   ")
enrols("a printed name that ends in an em space", "authority", printed_name="New\u2003")
enrols("a printed name that begins with a line feed", "authority", printed_name="\nNew")
enrols("a printed name that ends in a zero-width space", "accepted", printed_name="New\u200b")
enrols("a printed name of 2,000 letters", "accepted", printed_name="𝒩" * 2000)
enrols("a printed name of 2,001 letters", "authority", printed_name="N" * 2001)
enrols("a printed name that is a number", "authority", printed_name=7)
enrols("no roles", "accepted", roles=[])
enrols("roles that are a string", "authority", roles="qa")
enrols("a role with a space", "authority", roles=["q a"])
enrols("a role with a line feed", "authority", roles=["qa\n"])
enrols("64 roles", "accepted", roles=["qa"] * 64)
enrols("65 roles", "authority", roles=["qa"] * 65)
enrols("another system", "accepted", roles=["system"])
enrols("a system with another role", "authority", roles=["system", "qa"])
enrols("a system twice over", "authority", roles=["system", "system"])
enrols("a member that nobody knows", "authority", note="x")
enrols("a public key in upper case", "authority", public_key="A" * 64)
enrols("a public key too short", "authority", public_key="0" * 62)
enrols("the identity for a key", "authority", public_key=encoded((0, 1)).hex())
enrols("a key of order 8", "authority", public_key=encoded(torsion()).hex())
enrols("a key of zeros (order 4)", "authority", public_key="00" * 32)
enrols("a key of mixed order", "authority", public_key=encoded(summed(times(5, BASE), torsion())).hex())
enrols("a key that is no point", "authority", public_key=(b"\x02" + bytes(31)).hex())
enrols("a key that is not canonical", "authority", public_key=(P + 3).to_bytes(32, "little").hex())
enrols("a key of ones", "authority", public_key="ff" * 32)
authority("a key enrolled twice", "authority", lambda log: [
    _enrols(log, public_key=log.members["witness"].key.public.hex())
])  # fmt: skip
authority("a revoked key enrolled again", "authority", lambda log: [
    KeyAdded(account="nurse", public_key=key_of(log.seed, "nurse").public.hex(), why="found again").to_wire()
])  # fmt: skip
authority("a key for an account that nobody has", "authority", lambda log: [
    KeyAdded(account="nobody", public_key=key_of(log.seed, "new").public.hex(), why="x").to_wire()
])  # fmt: skip
authority("a key revoked twice", "authority", lambda log: [
    KeyRevoked(key=key_id(key_of(log.seed, "nurse").public), why="again").to_wire()
])  # fmt: skip
authority("a key revoked that nobody has", "authority", lambda log: [KeyRevoked(key="0" * 64, why="x").to_wire()])
authority("the root revokes its own key", "accepted", lambda log: [
    KeyRevoked(key=key_id(log.members["root"].key.public), why="left").to_wire()
])  # fmt: skip
authority("suspect since a day that is not", "authority", lambda log: [
    {"fact": "key.revoked.v1", "key": key_id(log.members["nurse"].key.public), "why": "x",
     "suspect_since": "2026-02-30T00:00:00.000Z"}
])  # fmt: skip
authority("suspect since null", "authority", lambda log: [
    {"fact": "key.revoked.v1", "key": key_id(log.members["nurse"].key.public), "why": "x", "suspect_since": None}
])  # fmt: skip
authority("the roles of somebody unknown", "authority", lambda log: [
    RolesChanged(account="nobody", roles=(), why="x").to_wire()
])  # fmt: skip
authority("a person made the system", "authority", lambda log: [
    RolesChanged(account="nurse", roles=("system",), why="x").to_wire()
])  # fmt: skip
authority("the system made a person", "authority", lambda log: [
    RolesChanged(account="system", roles=("administrator",), why="x").to_wire()
])  # fmt: skip
authority("an administrator steps down", "accepted", lambda log: [
    RolesChanged(account="root", roles=(), why="left").to_wire()
])  # fmt: skip
authority("steps down and enrols in one record", "accepted", lambda log: [
    RolesChanged(account="root", roles=(), why="left").to_wire(), _enrols(log)
])  # fmt: skip
authority("a reason of nothing", "authority", lambda log: [
    {"fact": "roles.changed.v1", "account": "nurse", "roles": [], "why": ""}
])  # fmt: skip
authority("a log opened again", "authority", lambda log: [
    LogOpened(site="x", zone="UTC", root=log.members["deputy"].enrolled(), judge=1).to_wire()
])  # fmt: skip

# ---------------------------------------------------------------------------------------------------------------- moves

THIRD, FOURTH = "kafka:AAAAAAAAAAAAAAAAAAAAAA", "sqlite:" + "6" * 32


def move(origin: Any = MOVED_TO, destination: Any = THIRD, **more: Any) -> dict[str, Any]:
    """The fact that a log was moved, from where the small log is unless something else is said."""
    return {"fact": "log.moved.v1", "origin": origin, "destination": destination, "why": "new machines", **more}


def moved(name: str, verdict: str, *facts: dict[str, Any], by: str = "root") -> None:
    """These facts in a record of authority, which the first judge refuses whatever they say."""
    UNDER_THE_FIRST[name] = "authority"
    authority(name, verdict, lambda log: list(facts), by)


assert move() == LogMoved(origin=MOVED_TO, destination=THIRD, why="new machines").to_wire()
moved("moved", "accepted", move())
moved("moved by the deputy", "accepted", move(), by="deputy")
moved("moved by a nurse", "authority", move(), by="nurse")
moved("moved by the system", "authority", move(), by="system")
moved("moved to itself", "authority", move(destination=MOVED_TO))
moved("moved to itself, a place already left", "authority", move(LEFT, LEFT))
moved("moved from a place already left", "authority", move(LEFT))
moved("moved again as it was", "authority", move(LEFT, MOVED_TO))
moved("moved to a place already left", "authority", move(destination=LEFT))
moved("moved from a place that nobody named", "accepted", move(THIRD, FOURTH))
moved("moved to where it is, from a place that nobody named", "accepted", move(THIRD, MOVED_TO))
moved("moved to a place that differs from one left in one letter", "accepted", move(destination=LEFT[:-1] + "4"))
moved(
    "moved to a place that differs from its own in case", "accepted", move(destination="kafka:" + MOVED_TO[6:].upper())
)
moved("moved to a place that differs from one left in its kind", "accepted", move(destination="kafka:" + "5" * 32))
moved("moved twice in one record", "accepted", move(), move(THIRD, FOURTH))
moved("the same move twice in one record", "authority", move(), move())
moved("moved to two places in one record", "authority", move(), move(destination=FOURTH))
moved("moved there and back in one record", "authority", move(), move(THIRD, MOVED_TO))
moved("moved in a circle in one record", "authority", move(), move(THIRD, FOURTH), move(FOURTH, MOVED_TO))
moved("moved twice, the later move first", "authority", move(THIRD, FOURTH), move())
moved("moved from two places to one", "accepted", move(), move(FOURTH, THIRD))
moved("the second of two moves is none", "authority", move(), move(FOURTH, FOURTH))
moved("moved by who steps down in the same record", "accepted",
    RolesChanged(account="root", roles=(), why="left").to_wire(), move())  # fmt: skip
UNDER_THE_FIRST["moved, and someone is enrolled"] = "authority"
authority("moved, and someone is enrolled", "accepted", lambda log: [move(), _enrols(log)])
moved("moved beside a plain fact", "authority", move(), deviation())
moved("a plain fact before a move", "authority", deviation(), move())
moved("moved, of a version to come", "authority", move(fact="log.moved.v2"))


def moved_in(name: str, verdict: str, first: str, *streams: str, by: str = "root") -> None:
    """A move in other streams: for the second judge a fact out of its place, for the first a fact like any other."""
    UNDER_THE_FIRST[name] = first
    CASES.append((name, verdict, lambda log: log.signed(
        log.document(by, streams, [move()], "authorised"), log.members[by].key
    )))  # fmt: skip


moved_in("moved in another stream", "authority", "accepted", "therapy/T-7")
moved_in("moved in another stream by a nurse", "authority", "accepted", "therapy/T-7", by="nurse")
moved_in("moved in a stream of nearly that name", "authority", "accepted", "authority/x")
moved_in("moved in authority and beside it", "authority", "authority", "authority", "lot/X")
moved_in("moved in two other streams", "authority", "accepted", "lot/X", "lot/Y")
case("moved in another stream, of a version to come", "accepted")(
    lambda log: log.signed(log.document("root", ["lot/X"], [move(fact="log.moved.v2")]), log.members["root"].key)
)
UNDER_THE_FIRST["moved in another stream, beside a plain fact"] = "accepted"
case("moved in another stream, beside a plain fact", "authority")(
    lambda log: log.signed(log.document("nurse", ["lot/X"], [deviation(), move("x", None)]), log.members["nurse"].key)
)
for lost in ("origin", "destination", "why"):
    moved(f"moved, no {lost}", "authority", {name: value for name, value in move().items() if name != lost})
moved("moved, a member nobody knows", "authority", move(at="2026-03-01T00:00:00.000Z"))
moved("moved, why null", "authority", move(why=None))
moved("moved, why nothing", "authority", move(why=""))
moved("moved, why ends in a space", "authority", move(why="x "))
moved("moved, why of 2,000 letters", "accepted", move(why="𝒲" * 2000))
moved("moved, why of 2,001 letters", "authority", move(why="w" * 2001))
for good in ("a:12345678", "a" * 16 + ":12345678", "kafka:" + "-" * 8, "kafka:" + "_" * 64, "sqlite:aZ09-_aZ"):
    moved(f"moved to {good}", "accepted", move(destination=good))
    moved(f"moved from {good}", "accepted", move(good))
for bad in (
    "a:1234567", "kafka:" + "x" * 65, "a" * 17 + ":12345678", ":12345678", "12345678", "kafka", "kafka:", "Kafka:12345678",
    "kafka2:12345678", "kaf-ka:12345678", "kafka:1234:5678", "kafka:1234.5678", "kafka:1234/5678", "kafka:1234 5678",
    "kafka:1234+5678", "kafka:12345678=", "kafka::12345678", "kafka:12345678\n", "\nkafka:12345678", " kafka:12345678",
    "kafka:1234567８", "kafka:1234567é", "kàfka:12345678", "kafka\t:12345678", "", None, 7, True, [], ["kafka:12345678"],
    {"kafka": "12345678"},
):  # fmt: skip
    moved(f"moved to {bad!r}", "authority", move(destination=bad))
    moved(f"moved from {bad!r}", "authority", move(bad))

# -------------------------------------------------------------------------------------------------------------- genesis

GENESES: list[Case] = []


def genesis(name: str, verdict: str, **changed: Any) -> None:
    """A genesis with another fact: members of the fact, or of its root where they begin with ``root_``."""

    def build(log: Small) -> bytes:
        document = json.loads(payload_of(log.values[0]))
        fact = document["data"]["facts"][0]
        for member, value in changed.items():
            (fact["root"] if member.startswith("root_") else fact)[member.removeprefix("root_")] = value
        return log.signed(document, key_of(log.seed, "root"))

    GENESES.append((name, verdict, build))


def genesis_document(name: str, verdict: str, change: Callable[[dict[str, Any]], Any], signer: str = "root") -> None:
    """A genesis whose document was changed, signed by the root or by somebody else."""

    def build(log: Small) -> bytes:
        document = json.loads(payload_of(log.values[0]))
        change(document)
        return log.signed(document, key_of(log.seed, signer))

    GENESES.append((name, verdict, build))


def genesis_without(member: str) -> None:
    """A genesis whose fact lacks a member."""
    genesis_document(f"no {member}", "authority", lambda d: d["data"]["facts"][0].pop(member))


def genesis_spelled(name: str, old: bytes, new: bytes) -> None:
    """A genesis of the second judge with a piece of its text replaced, which no grammar allows."""

    def build(log: Small) -> bytes:
        document = json.loads(payload_of(log.values[0]))
        document["data"]["facts"][0]["judge"] = 2
        payload = dump_json(document)
        assert payload.count(old) == 1
        return log.signed(payload.replace(old, new), key_of(log.seed, "root"))

    GENESES.append((name, "grammar", build))


genesis("as it was", "accepted")
genesis("not simulated", "accepted", simulated=False)
genesis("UTC", "accepted", zone="UTC")
genesis("a zone of three names", "accepted", zone="America/Argentina/Buenos_Aires")
genesis("a zone of four names", "authority", zone="a/b/c/d")
genesis("a zone with a line feed", "authority", zone="UTC\n")
genesis("the first judge", "accepted", judge=1)
genesis("the second judge", "accepted", judge=2)
for bad in (0, 3, -1, -2, 21, 2**53 - 1, True, False, "1", "2", "", None, [2], {"judge": 2}):
    genesis(f"judge is {bad!r}", "authority", judge=bad)
genesis_without("judge")
for spelled in ("2.0", "2e0", "02", "-0", "+2"):
    genesis_spelled(f"judge is written {spelled}", b'"judge":2', b'"judge":' + spelled.encode())
genesis("simulated is 1", "authority", simulated=1)
genesis("simulated is null", "authority", simulated=None)
genesis("a member nobody knows", "authority", note="x")
genesis("a root who is no administrator", "authority", root_roles=["qa"])
genesis("a root that is the system too", "authority", root_roles=["administrator", "system"])
genesis("a root with a weak key", "authority", root_public_key="01" + "00" * 31)
genesis("a root that names its fact", "authority", root_fact="person.enrolled.v1")
genesis("a root that is another key", "key", root_public_key=key_of(1, "other").public.hex())
genesis("a root that is another account", "key", root_account="other")
genesis("a root that is another person", "key", root_person="P-OTHER")
genesis("the root is a list", "authority", root=[])
genesis_document("heads of a log that exists", "head", lambda d: d["data"]["heads"].update(authority=[0, "1" * 64]))
genesis_document("a second stream", "head", lambda d: d["data"]["heads"].update(lot=[0, NOWHERE]))
genesis_document("a number", "head", lambda d: d["data"]["heads"].update(authority=[1, NOWHERE]))
genesis_document("two facts", "head", lambda d: d["data"]["facts"].append(d["data"]["facts"][0]))
genesis_document("a log's id", "log", lambda d: d.update(source="urn:unbroken:" + "0" * 64))
genesis_document(
    "another fact", "authority", lambda d: (d.update(type="x.v1"), d["data"]["facts"][0].update(fact="x.v1"))
)
genesis_document("a move", "authority", lambda d: (d.update(type="log.moved.v1"), d["data"].update(facts=[move()])))
genesis_document("a move beside the opening", "head", lambda d: d["data"]["facts"].append(move()))
genesis_document("signed by somebody else", "key", lambda d: None, signer="nurse")
