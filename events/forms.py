"""The form of each kind of identifier that a person types or the log names: as a pattern, and in words for whoever is refused."""

from __future__ import annotations

import re

FORMS = {
    "code": (r"^[A-Z0-9][A-Z0-9.\-]{0,39}$", "1 to 40 of A-Z, 0-9, dot and hyphen, and the first a letter or digit"),
    "therapy's id": (r"^T-[A-Z0-9][A-Z0-9\-]{0,23}$", "T- and 1 to 24 of A-Z, 0-9 and hyphen: T-7K2QXM"),
    "name of an account": (
        r"^[a-z][a-z0-9._\-]{1,31}$",
        "2 to 32 of a-z, 0-9, dot, underscore and hyphen, and the first a letter",
    ),
    "person's id": (r"^[A-Z][A-Z0-9\-]{1,23}$", "2 to 24 of A-Z, 0-9 and hyphen, and the first a letter: P-017"),
    "name": (
        r"^[A-Za-z0-9][A-Za-z0-9_.+\-]{0,63}$",
        "1 to 64 letters, digits, _ . + -, and the first a letter or digit",
    ),
    "digest": (r"^[0-9a-f]{64}$", "64 of 0-9 and a-f"),
}
"""The form of each kind of identifier: as a pattern, and in words."""
FORM_IN_WORDS = {pattern: (kind, words) for kind, (pattern, words) in FORMS.items()}
"""For a pattern what it is the form of, and the form in words, for whoever was refused by it."""


def is_therapy_id(text: str) -> bool:
    """Whether a text has the form of a therapy's id."""
    return re.fullmatch(FORMS["therapy's id"][0].strip("^$"), text, re.ASCII) is not None
