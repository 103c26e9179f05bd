"""What a scanner, or the keyboard that it plays, puts around or in place of a code: named where it is sure, never guessed away.

Symbology identifiers: AIM, ISO/IEC 15424. Data identifiers: ISBT 128 Standard Technical Specification, the ones of linear codes.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from events.writing import named


class Seen(NamedTuple):
    """What was seen in a scan that is not part of a code, as the end of a sentence, and what to do."""

    why: str
    advice: str


_AIM = re.compile(r"\]([A-Za-z][0-9A-Za-z])")
_SYMBOLOGIES = {
    "A": "Code 39", "C": "Code 128", "E": "EAN/UPC", "F": "Codabar", "G": "Code 93", "I": "Interleaved 2 of 5",
    "L": "PDF417", "Q": "QR Code", "X": "another kind of code", "d": "Data Matrix", "e": "GS1 DataBar", "z": "Aztec Code",
}  # fmt: skip
_GS1 = {"C1": "GS1-128", "d2": "GS1 Data Matrix", "Q3": "GS1 QR Code"}

_STRUCTURES = {
    "=<": "a product code alone", "=%": "a blood group", "=>": "an expiration date", "&>": "an expiration date and time",
    "=*": "a collection date", "&*": "a collection date and time", "=}": "a production date",
    "&}": "a production date and time", "&(": "a special testing", "=)": "a container's maker and catalogue number",
    "&)": "a container's lot", "=;": "a donor's number", "='": "a staff member's number",
    "=-": "a maker's catalogue number", "&-": "a maker's lot", "=#": "a patient's date of birth", "&#": "a patient's number",
}  # fmt: skip
_NUMBER = re.compile(r"=[A-NP-Z1-9+]", re.IGNORECASE)

_CONTROLS = {
    "\x1d": "a group separator (GS, of GS1 codes)", "\x1e": "a record separator (RS)", "\x04": "an end of transmission (EOT)",
    "\t": "a tabulator", "\n": "a line feed", "\r": "a carriage return",
}  # fmt: skip

_SHIFTED = {
    # What a keyboard of that layout makes of the keys that a scanner in the US layout presses.
    "German": ("ßüöäÜÖÄ§´", str.maketrans("ß´üÜöÖäÄ§+;:/zZyY-?", "-=[{;:'\"#]<>&yYzZ/_")),
    "French": ("éèçàù", str.maketrans("&é\"'(-è_çà)$:;qQaAwWzZ,?", "1234567890-].,aAqQzZwWm<")),
}
_SHIFTED_AIM = re.compile(r"[+$](?=A[0-7]|C[0-4]|E[0-4]|L[0-5]|Q[0-6]|d[0-6]|z[0-9A-C])")
_LIKE_A_CODE = re.compile(r"[A-Za-z0-9.\-=<&+\]]+")


def seen_in(text: str) -> Seen | None:
    """What stands in a scan that a scanner or its keyboard put there; None where nothing is sure.

    Args:
        text: as it came, without the blanks around it.
    """
    return _aim(text) or _controls(text) or _keyboard(text) or _structure(text) or _stars(text)


def symbology_before(text: str) -> Seen | None:
    """The AIM identifier with which a text begins, if it begins with one."""
    return _aim(text.lstrip())


def characters(text: str, allowed: str) -> str:
    """The first character outside `allowed`, with its name; nothing where there is none."""
    for place, letter in enumerate(text, start=1):
        if letter not in allowed:
            shown = f"{letter!r} ({named(letter)})" if letter.isprintable() and letter != " " else named(letter)
            return f"{shown} at place {place}"
    return ""


def _aim(text: str) -> Seen | None:
    match = _AIM.match(text.replace(" ", ""))
    if match is None:
        return None
    sent = match[1]
    kind = _GS1.get(sent) or _SYMBOLOGIES.get(sent[0]) or _SYMBOLOGIES.get(sent[0].swapcase()) or "a kind of code"
    return Seen(
        f"the scanner sends its AIM identifier ]{sent} ({kind}) before the code",
        f"Switch the AIM identifier off in the scanner's settings, or type the code without ]{sent}; then scan again.",
    )


def _controls(text: str) -> Seen | None:
    found = next((letter for letter in text if ord(letter) < 32 or ord(letter) == 127), None)
    if found is None:
        return None
    name = _CONTROLS.get(found, f"the control character U+{ord(found):04X}")
    if found in "\t\r\n":
        return Seen(
            f"{name} stands in the middle of it, as if two scans had come into one field", "Scan one at a time."
        )
    return Seen(
        f"the scanner sends {name} in it",
        "Scan the code of our label; a code of a maker's pack (GS1) holds more than one number, and is none of ours.",
    )


def _keyboard(text: str) -> Seen | None:
    prefixed = {"+": "German", "$": "French"}[text[0]] if _SHIFTED_AIM.match(text) else ""
    for layout, (telling, meant) in _SHIFTED.items():
        read = text.translate(meant)
        if (layout == prefixed or set(text) & set(telling)) and _LIKE_A_CODE.fullmatch(read):
            return Seen(
                f"it came through a {layout} keyboard; in the scanner's own layout it would read {read}",
                "Set the scanner and this computer to the same keyboard layout, and scan again.",
            )
    return None


def _structure(text: str) -> Seen | None:
    if text[:1] not in ("=", "&") or _NUMBER.match(text):
        return None
    what = _STRUCTURES.get(text[:2])
    says = f"it begins with {text[:2]}, the data identifier of ISBT 128 for {what}" if what else (
        f"it begins with {text[:2]}, a data identifier of ISBT 128 for something else than a donation number"
    )  # fmt: skip
    return Seen(says, "Scan the donation number (=...), or the two-dimensional code, which holds number and product.")


def _stars(text: str) -> Seen | None:
    if len(text) < 3 or not (text.startswith("*") and text.endswith("*")):
        return None
    return Seen(
        "the scanner sends the start and stop characters * of Code 39 with it",
        "Switch them off in the scanner's settings, and scan again.",
    )
