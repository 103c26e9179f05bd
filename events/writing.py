"""What a person may write, for the record to keep: one line that says something, and no character that hides or turns others.

One rule for every text that is stored. It is asked where something comes in (a command, an option, a file), never of what
stands in the log: which characters are assigned depends on the Unicode of the machine, and a record must read alike everywhere.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

LONGEST_TEXT, LONGEST_LINE, LONGEST_NAME = 1500, 300, 120
"""Characters of a free text (a reason, what happened), of one value, of a person's name. The record takes 2,000 and 500:
the rest is for the program's own words, where it tells a person's inside a sentence."""
BREAKS = "\t\n\r"
"""What ends or spaces a line as people type it; a free text is kept with a blank in their place."""
FROM_SCANNERS = "\x1d\x1e\x04"
"""What scanners put into a code: `events.scanner` says what it is, where a code is read."""
_CONTROLS = {0x00: "NULL", 0x07: "BELL", 0x08: "BACKSPACE", 0x09: "TAB", 0x0A: "LINE FEED", 0x0B: "LINE TABULATION",
             0x0C: "FORM FEED", 0x0D: "CARRIAGE RETURN", 0x1B: "ESCAPE", 0x7F: "DELETE", 0x85: "NEXT LINE"}  # fmt: skip
_NAMELESS = {"Cc": "a control character", "Cn": "an unassigned character", "Co": "a character for private use",
             "Cs": "a byte that is not UTF-8"}  # fmt: skip
_UNSEEN = frozenset(
    [0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0,
     *range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]
)  # fmt: skip
"""Letters and marks that show nothing (Unicode's Default_Ignorable_Code_Point beside category Cf), and the blank Braille cell."""


class Unfit(ValueError):
    """A text that is not kept as it is written; `str()` says why, beginning in the middle of a sentence."""


def hides(character: str) -> bool:
    """Whether a character shows nothing, or moves or turns what stands beside it: control, format, bidirectional, zero
    width, tag, variation selector, private use, unassigned, half a surrogate pair, line or paragraph separator."""
    # Not printable are exactly the categories C and Z but the blank; the blanks of other widths are only blanks.
    return ord(character) in _UNSEEN or not (character.isprintable() or unicodedata.category(character) == "Zs")


def hidden(text: str, but: str = "") -> Iterator[tuple[int, str]]:
    """Each character that hides, with its place (the first is 1), but those in `but`."""
    if not (text.isascii() and text.isprintable()):
        yield from ((place, c) for place, c in enumerate(text, 1) if hides(c) and c not in but)


def named(character: str) -> str:
    """A character as a refusal shows it, which prints nothing raw: ``U+202E RIGHT-TO-LEFT OVERRIDE``."""
    code = ord(character)
    name = _CONTROLS.get(code) or unicodedata.name(character, "") or _NAMELESS.get(unicodedata.category(character), "")
    return f"U+{code:04X} {name}".rstrip()


def visible(text: str) -> str:
    """A text as a screen may show it: what hides, or could move a cursor or turn the line, is shown as a replacement
    character; line feeds and tabs stay."""
    if text.isascii() and text.isprintable():
        return text
    return "".join("\N{REPLACEMENT CHARACTER}" if hides(c) and c not in "\t\n" else c for c in text)


def escaped(json_text: str) -> str:
    """A JSON text in which what hides stands as an escape, so that it reads the same for a program and shows for a person."""
    if json_text.isascii() and "\x7f" not in json_text:
        return json_text
    return "".join(_escape(c) if hides(c) and c != "\n" else c for c in json_text)


def _escape(character: str) -> str:
    halves = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{halves[at : at + 2].hex()}" for at in range(0, len(halves), 2))


def refuse_hidden(text: str, but: str = BREAKS) -> None:
    """A text with no character that hides.

    Raises:
        Unfit: naming the first such character and its place.
    """
    for place, character in hidden(text, but):
        raise Unfit(f"holds {named(character)} at place {place}")


def refuse_long(text: str, most: int) -> None:
    """A text that is not too long.

    Raises:
        Unfit: saying how long it is, and how long it may be.
    """
    if len(text) > most:
        raise Unfit(f"has {len(text):,} characters; {most:,} is the most")


def refuse_foreign(text: str) -> None:
    """A code, a number, a time or a name of the study: plain letters, digits and signs, since others look like them and are not.

    Raises:
        Unfit: naming the first character beyond ASCII, and its place.
    """
    refuse_hidden(text, "")
    for place, character in enumerate(text, 1):
        if not character.isascii():
            raise Unfit(
                f"holds {named(character)} at place {place}; a code, number or time is written in plain A-Z, 0-9"
            )


def line(text: str, most: int = LONGEST_LINE) -> str:
    """A text as it is kept: composed (NFC), one line, single blanks, none at its ends; it may be empty.

    Raises:
        Unfit: it is too long, or holds a character that hides.
    """
    refuse_long(text, most)  # before any work is done on it
    refuse_hidden(text)
    kept = " ".join(unicodedata.normalize("NFC", text).split())
    refuse_long(kept, most)
    return kept


def value(text: str, most: int = LONGEST_LINE) -> str:
    """One value in words: a line, which if it says anything says it in letters, digits or plain signs.

    Raises:
        Unfit: see `line`; or it is nothing but pictures.
    """
    kept = line(text, most)
    if kept and not any(c.isalnum() or (c.isascii() and c.isprintable() and c != " ") for c in kept):
        raise Unfit("says nothing: there is no letter, digit or plain sign in it")
    return kept


def free_text(text: str, most: int = LONGEST_TEXT) -> str:
    """A reason, or what happened, as it is kept; line feeds and tabs become a blank, so that it draws no line of its own.

    Raises:
        Unfit: see `line`; or it says nothing.
    """
    kept = line(text, most)
    if not kept:
        raise Unfit("is empty" if not text else "holds only blanks")
    if not any(character.isalnum() for character in kept):
        raise Unfit("says nothing: there is no letter or digit in it; an empty reason is no reason")
    return kept


def printed_name(text: str, most: int = LONGEST_NAME) -> str:
    """A name as it stands beside a signature: letters, digits and the signs of names, on one line.

    Raises:
        Unfit: a line feed or another character that hides; no letter; a sign or picture that no name has; digits that only
            look like 0-9; too long.
    """
    refuse_long(text, most)
    refuse_hidden(text.strip(), "")
    kept = line(text, most)
    if not kept:
        raise Unfit("is empty" if not text else "holds only blanks")
    for place, character in enumerate(kept, 1):
        kind = unicodedata.category(character)
        if kind[0] not in "LMPZ" and not character.isascii():
            raise Unfit(f"holds {named(character)} at place {place}, which no name has")
    if not any(character.isalpha() for character in kept):
        raise Unfit("has no letter in it")
    return kept


def same_name(one: str, other: str) -> bool:
    """Whether two names read alike: case, width and other compatible forms (NFKC), blanks and accents' spelling aside."""
    return _folded(one) == _folded(other)


def _folded(name: str) -> str:
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return " ".join("".join(c for c in folded if not hides(c)).split())


def texts_in(value: object) -> Iterator[str]:
    """Every text in what was read from JSON or YAML, however deep it is nested, the names of members among them."""
    todo = [value]
    while todo:
        match todo.pop():
            case str() as text:
                yield text
            case dict() as members:
                todo.extend(members)
                todo.extend(members.values())
            case list() | tuple() as items:
                todo.extend(items)
            case _:
                pass
