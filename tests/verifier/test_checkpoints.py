"""Notes that are checkpoints, and notes that only look like one: both verifiers say the same, and what the page says."""

from __future__ import annotations

import base64

import pytest

from events.checkpoint import Checkpoint, keys_of, read_checkpoint, write_checkpoint
from events.errors import Refused
from events.facts.authority import KeyAdded, KeyRevoked
from events.keys import key_id
from events.merkle import Tree
from tests.ground import START, begun, export, key_of, small_log
from tests.verifier import second_verifier

LOG = small_log()
SYSTEM, OTHER = key_of(LOG.seed, "system"), key_of(1, "other")
TREE = Tree().add_all(LOG.values)
SAID = Checkpoint(LOG.id, TREE.size, TREE.root())
GOOD = write_checkpoint(SAID, SYSTEM)
TEXT, _, LINE = GOOD.rpartition("\n\n")
HEAD, BLOB = LINE.rstrip("\n").rsplit(" ", 1)
HELD = base64.b64decode(BLOB)


def lines(*blobs: bytes | str, text: str = TEXT) -> str:
    """The note with these signatures under the log's own name."""
    told = [blob if isinstance(blob, str) else base64.b64encode(blob).decode() for blob in blobs]
    return text + "\n\n" + "".join(f"{HEAD} {blob}\n" for blob in told)


def spoilt(blob: bytes) -> bytes:
    """The right key's hash, and a signature that does not hold."""
    return blob[:20] + bytes([blob[20] ^ 1]) + blob[21:]


STRAY = BLOB[:-2] + chr(ord(BLOB[-2]) + 1) + "="
NOTES: dict[str, tuple[str, bool]] = {
    "as it is written": (GOOD, True),
    "a bad line under the same name first": (lines(spoilt(HELD), HELD), True),
    "a bad line under the same name last": (lines(HELD, spoilt(HELD)), True),
    "another key's line under the same name": (
        lines(write_checkpoint(SAID, OTHER).rsplit(" ", 1)[1].strip(), HELD),
        True,
    ),
    "the same line twice": (lines(HELD, HELD), True),
    "a shorter line beside it": (lines(HELD[:-1], HELD), True),
    "a longer line beside it": (lines(HELD + b"x", HELD), True),
    "another spelling beside it": (lines(STRAY, HELD), True),
    "base64 of no length that there is beside it": (lines("AAAAA", HELD), True),
    "only a bad line": (lines(spoilt(HELD)), False),
    "only a bad line, twice": (lines(spoilt(HELD), spoilt(HELD)), False),
    "only a signature of 63 bytes": (lines(HELD[:-1]), False),
    "only a signature of 65 bytes": (lines(HELD + b"\0"), False),
    "only a signature of 66 bytes": (lines(HELD + b"\0\0"), False),
    "only another spelling": (lines(STRAY), False),
    "the signature under a key hash of nobody": (lines(b"\0\0\0\0" + HELD[4:]), False),
    "a witness's line": (GOOD + "\u2014 witness.example AAAAAAAA\n", True),
    "a witness's line that decodes to nothing": (GOOD + "\u2014 witness.example A==\n", True),
    "a witness before us": (TEXT + "\n\n\u2014 w AAAA\n" + LINE, True),
    "only a witness": (TEXT + "\n\n\u2014 witness.example AAAAAAAA\n", False),
    "our signature under a witness's name": (TEXT + f"\n\n\u2014 witness {BLOB}\n", False),
    "a witness with a plus": (GOOD + "\u2014 a+b AAAA\n", True),
    "a line of words": (GOOD + "hello\n", False),
    "an empty line at the end": (GOOD + "\n", False),
    "two spaces": (GOOD + "\u2014 w  AAAA\n", False),
    "a tab in a name": (GOOD + "\u2014 w\tx AAAA\n", False),
    "a next-line character in a name": (GOOD + "\u2014 w\x85 AAAA\n", False),
    "a wide space in a name": (GOOD + "\u2014 w\u3000x AAAA\n", False),
    "no name": (GOOD + "\u2014  AAAA\n", False),
    "three equals signs": (GOOD + "\u2014 w AAAA===\n", False),
    "nothing after the name": (GOOD + "\u2014 w \n", False),
    "something after the signature": (GOOD + "\u2014 w AAAA x\n", False),
    "a dash of another kind": (GOOD.replace("\u2014", "\u2013"), False),
    "carriage returns": (GOOD.replace("\n", "\r\n"), False),
    "no line feed at the end": (GOOD[:-1], False),
    "a byte order mark": ("\ufeff" + GOOD, False),
    "four lines": (GOOD.replace("\n\n", "\nmore\n\n"), False),
    "two lines": (f"unbroken/{LOG.id}\n{TREE.size}\n\n{LINE}", False),
    "an empty line in the text": (GOOD.replace(f"\n{TREE.size}\n", f"\n\n{TREE.size}\n"), False),
    "a size with a sign": (GOOD.replace(f"\n{TREE.size}\n", f"\n+{TREE.size}\n"), False),
    "nothing at all": ("", False),
    "only line feeds": ("\n\n\n", False),
}


def signed(size: str, root: str) -> str:
    """A note of this text, signed by the system whatever it says."""
    text = f"unbroken/{LOG.id}\n{size}\n{root}\n"
    return lines(HELD[:4] + SYSTEM.sign(text.encode()), text=text[:-1])


ROOT = base64.b64encode(TREE.root()).decode()
NOTES |= {
    "a size of sixteen digits, properly signed": (signed("9" * 16, ROOT), True),
    "a size of seventeen digits, properly signed": (signed("9" * 17, ROOT), False),
    "a size of nothing, properly signed": (signed("", ROOT), False),
    "a size with a leading zero, properly signed": (signed(f"0{TREE.size}", ROOT), False),
    "a root of 33 bytes, properly signed": (signed("3", base64.b64encode(bytes(33)).decode()), False),
    "a root of 31 bytes, properly signed": (signed("3", base64.b64encode(bytes(31)).decode()), False),
    "a root with stray bits, properly signed": (signed("3", "A" * 42 + "B="), False),
}


@pytest.mark.parametrize("name", NOTES)
def test_both_verifiers_take_a_note_or_do_not(name: str) -> None:
    note, stands = NOTES[name]
    result = second_verifier.verify(export(LOG.values, LOG.id), LOG.id)
    assert result.keys == keys_of(LOG.authority) == [SYSTEM.public]
    if not stands:
        with pytest.raises(Refused):
            read_checkpoint(note, [SYSTEM.public])
        with pytest.raises(second_verifier.Bad):
            second_verifier.keeps(note.encode(), result, result.keys)
        return
    checkpoint = read_checkpoint(note, [SYSTEM.public])
    assert second_verifier.keeps(note.encode(), result, result.keys) == (checkpoint == SAID)


@pytest.mark.parametrize(("size", "kept"), [(0, True), (1, True), (15, True), (16, False), (22, False), (23, False)])
def test_of_a_log_with_a_hole_no_checkpoint_is_kept_that_saw_more_than_stands_before_it(size: int, kept: bool) -> None:
    note = write_checkpoint(Checkpoint(LOG.id, size, Tree().add_all(LOG.values[:size]).root()), SYSTEM)
    told = export(LOG.values, LOG.id)
    result = second_verifier.verify([*told[:15], *told[16:]], LOG.id)
    assert (result.hole, result.findings[0]) == (15, (15, "the export numbers this record 16"))
    assert second_verifier.keeps(note.encode(), result, result.keys) == kept


def test_whose_keys_may_have_signed_a_checkpoint() -> None:
    """The system's own, revoked or not, and none that was ever suspect; the second verifier reads the same in the log."""
    log = begun()
    system = log.member("system", "P-SYSTEM", "Unbroken", "system")
    log.accept("root", ["authority"], system.enrolled(), meaning="authorised")
    first = log.members["system"].key
    second, third = log.new_key("second"), log.new_key("third")
    for key in (second, third):
        added = KeyAdded(account="system", public_key=key.public.hex(), why="yearly change")
        log.accept("root", ["authority"], added, meaning="authorised")
    for revoked in (
        KeyRevoked(key=key_id(first.public), why="yearly change"),
        KeyRevoked(key=key_id(second.public), why="stolen", suspect_since=START),
    ):
        log.accept("root", ["authority"], revoked, meaning="authorised")
    result = second_verifier.verify(export(log.values, log.id), log.id)
    assert result.keys == keys_of(log.authority) == [first.public, third.public]
