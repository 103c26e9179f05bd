"""Heads and links: where a stream stands, so that a record can say what it extends."""

from __future__ import annotations

from typing import NamedTuple

NOWHERE = "0" * 64
"""The link of genesis' own head: there is no log yet."""


class Head(NamedTuple):
    """How many accepted records a stream has, and the link of the last (the log's id where there is none)."""

    number: int
    link: str
