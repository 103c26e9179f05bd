"""A checkpoint: three lines of text that say how long the log is and what its root is, signed as a C2SP note.

Written outside the log, it proves the tail that links and signatures cannot (C2SP tlog-checkpoint and signed-note).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from events.errors import Refused
from events.keys import Signer, verifies

_ED25519 = b"\x01"
_SIGNATURE = re.compile(r"\u2014 (\S+) ([A-Za-z0-9+/]+={0,2})")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The log's id, how many records it has, and the root over all of them."""

    log: str
    size: int
    root: bytes

    @property
    def origin(self) -> str:
        """The name of the log on the first line, and of the key on the signature's."""
        return f"unbroken/{self.log}"

    def text(self) -> str:
        """The signed text: origin, size, root in base64, each on a line of its own."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def _hint(origin: str, public: bytes) -> bytes:
    return hashlib.sha256(origin.encode() + b"\n" + _ED25519 + public).digest()[:4]


def write_checkpoint(checkpoint: Checkpoint, signer: Signer) -> str:
    """The signed note: text, empty line, one signature line."""
    text = checkpoint.text()
    blob = _hint(checkpoint.origin, signer.public) + signer.sign(text.encode())
    return f"{text}\n\u2014 {checkpoint.origin} {base64.b64encode(blob).decode()}\n"


def read_checkpoint(note: str, public_keys: list[bytes]) -> Checkpoint:
    """Read a note and verify that one of the keys signed it; other signatures are ignored, as the note format asks.

    Raises:
        Refused: not a checkpoint of a log of ours, or signed by none of the keys.
    """
    text, gap, lines = note.rpartition("\n\n")
    parts = text.split("\n")
    if not gap or len(parts) != 3 or not note.endswith("\n"):
        raise _bad("it has not three lines, an empty line and signatures")
    origin, size, root = parts
    if not re.fullmatch(r"unbroken/[0-9a-f]{64}", origin, re.ASCII) or not re.fullmatch(r"0|[1-9][0-9]{0,15}", size):
        raise _bad("its first two lines are not a log's name and a size")
    try:
        digest = base64.b64decode(root, validate=True)
    except ValueError:  # letters outside ASCII are no binascii.Error
        digest = b""
    if len(digest) != 32 or base64.b64encode(digest).decode() != root:
        raise _bad("its third line is not a root of 32 bytes in base64")
    checkpoint = Checkpoint(origin[9:], int(size), digest)
    signatures = [_SIGNATURE.fullmatch(line) for line in lines[:-1].split("\n")]
    if None in signatures:
        raise _bad("a line after the empty one is no signature")
    if any(match and match[1] == origin and _signed(checkpoint, match[2], public_keys) for match in signatures):
        return checkpoint
    raise _bad("no key of this log has signed it")


def _signed(checkpoint: Checkpoint, encoded: str, public_keys: list[bytes]) -> bool:
    try:
        blob = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return False
    return any(
        blob[:4] == _hint(checkpoint.origin, public) and verifies(public, blob[4:], checkpoint.text().encode())
        for public in public_keys
    )


def _bad(why: str) -> Refused:
    return Refused(
        "verify.checkpoint",
        f"This is not a checkpoint that can be trusted: {why}.",
        advice="Use a checkpoint file of this log, as it was written by `unbroken checkpoint`.",
    )
