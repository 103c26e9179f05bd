"""The envelope: DSSE v1 with one signature, in one byte form only. What was signed is kept to the byte."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from events.grammar import LARGEST_RECORD, Malformed
from events.keys import Signer, key_id

PAYLOAD_TYPE = "application/vnd.unbroken.statement.v1+json"
_FORM = re.compile(
    rb'\{"payload":"([A-Za-z0-9+/]+={0,2})","payloadType":"application/vnd\.unbroken\.statement\.v1\+json",'
    rb'"signatures":\[\{"keyid":"([0-9a-f]{64})","sig":"([A-Za-z0-9+/]{86}==)"\}\]\}'
)


def pre_authentication(payload: bytes) -> bytes:
    """The bytes that are signed: ``DSSEv1 LEN(type) type LEN(payload) payload`` (DSSE protocol, PAE)."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def link_of(payload: bytes) -> str:
    """SHA-256 of the pre-authentication bytes: the name of this record in every later one."""
    return hashlib.sha256(pre_authentication(payload)).hexdigest()


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload, the id of the key that signed it, and the signature."""

    payload: bytes
    keyid: str
    signature: bytes

    @property
    def link(self) -> str:
        """The link of the payload."""
        return link_of(self.payload)

    def value(self) -> bytes:
        """The record's bytes."""
        payload = base64.b64encode(self.payload)
        sig = base64.b64encode(self.signature)
        return b'{"payload":"%s","payloadType":"%s","signatures":[{"keyid":"%s","sig":"%s"}]}' % (
            payload,
            PAYLOAD_TYPE.encode(),
            self.keyid.encode(),
            sig,
        )


def seal(payload: bytes, signer: Signer) -> Envelope:
    """Sign a payload."""
    return Envelope(payload, key_id(signer.public), signer.sign(pre_authentication(payload)))


def open_envelope(value: bytes) -> Envelope:
    """Take a record's bytes apart; no signature is checked here.

    Raises:
        Malformed: too large, not the one byte form, or base64 that is not the canonical spelling.
    """
    if len(value) > LARGEST_RECORD:
        raise Malformed("size", f"the record has {len(value)} bytes, more than {LARGEST_RECORD}")
    match = _FORM.fullmatch(value)
    if match is None:
        raise Malformed("envelope", "the record is not an envelope in its one byte form")
    payload, keyid, sig = match.groups()
    return Envelope(_strict_base64(payload), keyid.decode(), _strict_base64(sig))


def _strict_base64(text: bytes) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise Malformed("base64", "base64 of the wrong length") from None
    if base64.b64encode(raw) != text:
        raise Malformed("base64", "base64 with stray bits at its end")
    return raw
