"""What this process was told in confidence, so that no file it leaves behind repeats it."""

from __future__ import annotations

import os

_VARIABLES = ("UNBROKEN_PASSPHRASE", "UNBROKEN_NEW_PASSPHRASE", "UNBROKEN_DATABASE")
_told: list[str] = []
_LEAST = 4
"""Characters of a text that is struck out: of a shorter one nothing would be left of the rest."""


def in_confidence(text: str) -> str:
    """The same text; from now on `struck` strikes it out."""
    _told.append(text)
    return text


def struck(text: str) -> str:
    """A text without any passphrase that was typed, read from a file or given by the environment, and without a database's URL."""
    known = {*_told, *(os.environ.get(name, "") for name in _VARIABLES)}
    for secret in sorted((s for s in known if len(s) >= _LEAST), key=len, reverse=True):
        for spelled in (secret, repr(secret)[1:-1], ascii(secret)[1:-1]):
            text = text.replace(spelled, "[struck out]")
    return text
