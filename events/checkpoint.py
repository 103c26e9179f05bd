"""A checkpoint: three lines of text that say how long the log is and what its root is, signed as a C2SP note.

Written outside the log, it proves the tail that links and signatures cannot (C2SP tlog-checkpoint and signed-note).
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from events.authority import SYSTEM, Authority
from events.errors import Refused
from events.keys import Signer, verifies
from events.shapes import WHITE_SPACE

_ED25519 = b"\x01"
_SIZE = r"0|[1-9][0-9]{0,15}"
_SIGNATURE = re.compile(rf"\u2014 ([^{WHITE_SPACE}]+) ([A-Za-z0-9+/]+={{0,2}})")


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


@dataclass(frozen=True, slots=True)
class Note:
    """A checkpoint as it stands in a note, and the signatures under it, of which none has been looked at."""

    checkpoint: Checkpoint
    signatures: tuple[bytes, ...]

    def signed_by(self, public_keys: Iterable[bytes]) -> Checkpoint:
        """The checkpoint, if one of the keys signed it; other signatures are ignored, as the note format asks.

        Raises:
            Refused: none of them did.
        """
        signed = self.checkpoint.text().encode()
        for public in public_keys:
            hint = _hint(self.checkpoint.origin, public)
            if any(blob[:4] == hint and verifies(public, blob[4:], signed) for blob in self.signatures):
                return self.checkpoint
        raise _bad("no key of this log has signed it")


def read_note(note: str) -> Note:
    """Read a note. Only lines under the log's own name may be its signatures; lines under other names are other signers'.

    Raises:
        Refused: not a checkpoint of a log of ours.
    """
    text, gap, lines = note.rpartition("\n\n")
    parts = text.split("\n")
    if not gap or len(parts) != 3 or not note.endswith("\n"):
        raise _bad("it has not three lines, an empty line and signatures")
    origin, size, root = parts
    if not re.fullmatch(r"unbroken/[0-9a-f]{64}", origin, re.ASCII) or not re.fullmatch(_SIZE, size, re.ASCII):
        raise _bad("its first two lines are not a log's name and a size")
    digest = _decoded(root)
    if digest is None or len(digest) != 32:
        raise _bad("its third line is not a root of 32 bytes in base64")
    found = [_SIGNATURE.fullmatch(line) for line in lines[:-1].split("\n")]
    if None in found:
        raise _bad("a line after the empty one is no signature")
    blobs = [_decoded(match[2]) for match in found if match and match[1] == origin]
    return Note(Checkpoint(origin[9:], int(size), digest), tuple(blob for blob in blobs if blob is not None))


def read_checkpoint(note: str, public_keys: Iterable[bytes]) -> Checkpoint:
    """Read a note and verify that one of the keys signed it.

    Raises:
        Refused: not a checkpoint of a log of ours, or signed by none of the keys.
    """
    return read_note(note).signed_by(public_keys)


def keys_of(authority: Authority) -> list[bytes]:
    """The public keys that may have signed a checkpoint: the system's own at any site, unless one was ever suspect."""
    own = {person.account for person in authority.people.values() if SYSTEM in person.roles_at()}
    return [key.public for key in authority.keys.values() if key.account in own and key.suspect_since is None]


def _decoded(text: str) -> bytes | None:
    """The bytes of base64 in its only spelling; None for any other text."""
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:  # letters outside ASCII are no binascii.Error
        return None
    return raw if base64.b64encode(raw).decode() == text else None


def _bad(why: str) -> Refused:
    return Refused(
        "verify.checkpoint",
        f"This is not a checkpoint that can be trusted: {why}.",
        advice="Use a checkpoint file of this log, as it was written by `unbroken checkpoint`.",
    )
