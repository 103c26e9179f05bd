"""Identifiers that are scanned or typed: their shapes, check characters and canonical spellings.

ISBT 128 tables are licensed; this file validates structure and ships no table. Structure of the donation
identification number (DIN) and of flag characters: ISBT 128 Standard Technical Specification, data structure 001;
check character: ISO/IEC 7064, MOD 37-2; compound message: data structure 023.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Annotated

from pydantic import StringConstraints

from events.errors import Refused
from events.forms import FORMS
from events.scanner import characters, seen_in
from events.writing import LONGEST_LINE

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*"
_DIN = re.compile(r"[A-NP-Z1-9][A-NP-Z0-9][0-9]{3}[0-9]{2}[0-9]{6}", re.ASCII)
_PRODUCT = re.compile(r"[A-Z][A-Z0-9]{4}[A-Z0-9][A-Z0-9]{2}", re.ASCII)
FLAG_OF_CHECK = 60
"""Type 3 flag characters hold 60 plus the value of the check character (60 to 96)."""


def check_character(text: str) -> str:
    """The ISO 7064 MOD 37-2 check character of an upper-case alphanumeric text.

    Raises:
        ValueError: a character outside 0-9 and A-Z.
    """
    total = 0
    for character in text:
        value = ALPHABET.find(character)
        if value < 0 or value == 36:
            raise ValueError(f"character {character!r} is not 0-9 or A-Z")
        total = (total + value) * 2 % 37
    return ALPHABET[(38 - total) % 37]


def with_check(text: str) -> str:
    """The text and its check character."""
    return text + check_character(text)


def _no(rule: str, what: str, text: str, why: str) -> Refused:
    shown = text if len(text) <= 80 else text[:77] + "..."
    return Refused(
        rule,
        f"{shown!r} is not a {what}: {why}.",
        values={"scanned": shown},
        advice="Scan it again; if it still fails, the barcode is unreadable or foreign: fetch a new label.",
    )


def _bare(text: str) -> str:
    text = text.strip(" \t\r\n")
    if len(text) > LONGEST_LINE:
        raise _no("identifier.code", "code", text, f"it has {len(text):,} characters; 40 is the most")
    if (seen := seen_in(text)) is not None:
        raise Refused(
            "identifier.scanner",
            f"{one_line(text)!r} cannot be read: {seen.why}.",
            values={"scanned": one_line(text)},
            advice=seen.advice,
        )
    if not text.isascii():  # upper() would make S of a long s
        raise _no("identifier.code", "code", text, _letters(text))
    return text.replace(" ", "").upper()


def _letters(text: str) -> str:
    """What a code is made of, and which character of a text is none of it."""
    allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.- "
    other = characters(text, allowed)
    if not other:
        return "1 to 40 of A-Z, 0-9, dot and hyphen, the first a letter or digit"
    return f"1 to 40 of A-Z, 0-9, dot and hyphen; {other} is none of them"


@dataclass(frozen=True, slots=True)
class Din:
    """A donation identification number: 13 characters, facility 5, year 2, serial 6. Flags are not part of it."""

    number: str

    @property
    def check(self) -> str:
        """Its check character, as printed boxed beside it."""
        return check_character(self.number)

    @property
    def flags(self) -> str:
        """Its type 3 flag characters: 60 plus the check character's value, two digits."""
        return f"{FLAG_OF_CHECK + ALPHABET.index(self.check)}"

    def scanned(self) -> str:
        """As a scanner sends it: ``=``, the number, the flags."""
        return f"={self.number}{self.flags}"

    def printed(self) -> str:
        """As the eye reads it: ``G1234 98 654321 H``."""
        n = self.number
        return f"{n[:5]} {n[5:7]} {n[7:]} {self.check}"

    @staticmethod
    def read(text: str) -> Din:
        """Read a DIN: 13 characters; 14 with the check character; or ``=`` and 15 with flags. Spaces are ignored.

        Raises:
            Refused: the structure, the check character or the type 3 flags are wrong.
        """
        bare = _bare(text)
        extra = ""
        if bare.startswith("="):
            bare, extra = bare[1:14], bare[14:]
            if not re.fullmatch(r"[0-9A-Z]{2}", extra, re.ASCII):
                raise _no("identifier.din", "DIN", text, "a scanned DIN ends in two flag characters")
        elif len(bare) == 14:
            bare, extra = bare[:13], bare[13:]
        if not _DIN.fullmatch(bare):
            raise _no("identifier.din", "DIN", text, "it needs 13 characters: facility 5, year 2, serial 6")
        din = Din(bare)
        if len(extra) == 1 and extra != din.check:
            raise _no("identifier.din-check", "DIN", text, f"check character {extra} does not fit the number")
        if extra.isdigit() and len(extra) == 2 and int(extra) >= FLAG_OF_CHECK and extra != din.flags:
            raise _no("identifier.din-check", "DIN", text, f"flag characters {extra} do not fit the number")
        return din


@dataclass(frozen=True, slots=True)
class Bag:
    """A bag of product: the DIN and the 8-character product code, whose last two characters are the division."""

    din: Din
    product: str

    @property
    def division(self) -> str:
        """Which bag of the same product this is (``A0``, ``B0``)."""
        return self.product[6:]

    @property
    def code(self) -> str:
        """The canonical spelling in the log: ``G123498654321.S1150VA0``."""
        return f"{self.din.number}.{self.product}"

    def scanned(self) -> str:
        """As a scanner sends both barcodes joined: ``=DINff=<PRODUCT``."""
        return f"{self.din.scanned()}=<{self.product}"

    def message(self) -> str:
        """As one two-dimensional code holds it, a compound message of two structures: ``=+02000=DINff=<PRODUCT``."""
        return f"=+02000{self.scanned()}"

    @staticmethod
    def read(text: str) -> Bag:
        """Read a bag: canonical spelling, or both barcodes joined (``=DINff=<PRODUCT``).

        Raises:
            Refused: either part has the wrong structure.
        """
        bare = _structures(_bare(text))
        left, mark, right = bare.partition("=<") if "=<" in bare else bare.partition(".")
        if not mark or not _PRODUCT.fullmatch(right):
            raise _no("identifier.bag", "bag", text, "it needs a DIN and an 8-character product code with division")
        return Bag(Din.read(left), right)


_MESSAGE = re.compile(r"=\+([0-9]{2})[0-9]{3}((?:=[^=&]+)+)", re.ASCII)


def _structures(bare: str) -> str:
    """What a compound message holds, joined as two linear codes would be; any other text as it is.

    Raises:
        Refused: it announces another number of structures than it holds: part of it was lost.
    """
    if not bare.startswith("=+"):
        return bare
    match = _MESSAGE.fullmatch(bare)
    if match is None or int(match[1]) != match[2].count("="):
        raise _no("identifier.message", "compound message", bare, "the structures it announces are not all there")
    return match[2]


_CODE = re.compile(r"[A-Z0-9][A-Z0-9.\-]{0,39}", re.ASCII)
Code = Annotated[str, StringConstraints(pattern=FORMS["code"][0])]
"""Anything with a barcode."""
TherapyId = Annotated[str, StringConstraints(pattern=FORMS["therapy's id"][0])]
Account = Annotated[str, StringConstraints(pattern=FORMS["name of an account"][0])]
PersonId = Annotated[str, StringConstraints(pattern=FORMS["person's id"][0])]
Name = Annotated[str, StringConstraints(pattern=FORMS["name"][0])]
"""A name given by a protocol file: a step, a role, a reading, an occurrence."""
Digest = Annotated[str, StringConstraints(pattern=FORMS["digest"][0])]
"""SHA-256, lower-case hexadecimal."""


def one_line(text: str) -> str:
    """A text as a screen may show it: one line, and no characters that hide or turn the ones beside them.

    A reason must not be able to draw a line of its own under a verdict.
    """
    return " ".join("".join(c for c in text if unicodedata.category(c) != "Cf").split())


Text = Annotated[str, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True)]


def read_code(text: str) -> str:
    """Bring a scan to its canonical spelling: a bag, a DIN, or any other code in upper case without spaces.

    Raises:
        Refused: empty, too long, or characters that no label of ours carries.
    """
    bare = _structures(_bare(text))
    if "=<" in bare:
        return Bag.read(bare).code
    if bare.startswith("="):
        return Din.read(bare).number
    left, dot, right = bare.partition(".")
    if dot and _DIN.fullmatch(left) and _PRODUCT.fullmatch(right):
        return bare
    if len(bare) == 14 and _DIN.fullmatch(bare[:13]):
        if bare[13] == check_character(bare[:13]):
            return bare[:13]
        if not bare.isdigit():  # fourteen digits may be another kind of code; with letters it is a DIN typed wrongly
            return Din.read(bare).number
    if not _CODE.fullmatch(bare):
        raise _no("identifier.code", "code", text, _letters(bare))
    return bare
