"""Which site a command works on: `--site DIR` anywhere on the line, else UNBROKEN_SITE."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from events.errors import Refused

if TYPE_CHECKING:
    from console.site import Site

_given: list[Path] = []
_opened: list[Site] = []


def take_site(argv: list[str]) -> list[str]:
    """The line without its ``--site DIR``, which is remembered."""
    rest: list[str] = []
    words = iter(argv)
    for word in words:
        if word == "--":
            return [*rest, word, *words]
        if word == "--site":
            _given[:] = [_named(next(words, ""))]
        elif word.startswith("--site="):
            _given[:] = [_named(word.removeprefix("--site="))]
        else:
            rest.append(word)
    return rest


def _named(text: str) -> Path:
    if not text:
        raise _missing("--site names no folder.")
    return Path(text)


def _missing(says: str) -> Refused:
    return Refused(
        "site.named",
        says,
        advice="Add --site DIR, or set UNBROKEN_SITE=DIR; a site begins with `unbroken site init DIR`.",
    )


def folder() -> Path | None:
    """The site's folder, if one was named."""
    if _given:
        return _given[0]
    named = os.environ.get("UNBROKEN_SITE")
    return Path(named) if named else None


def site() -> Site:
    """The site, opened.

    Raises:
        Refused: none was named, or there is none.
    """
    from console.site import Site

    named = folder()
    if named is None:
        raise _missing("No site is named.")
    _opened.append(Site.open(named))
    return _opened[-1]


def forget() -> None:
    """Close the site of this line and forget it (several lines may run in one process)."""
    for opened in _opened:
        opened.close()
    _opened.clear()
    _given.clear()
