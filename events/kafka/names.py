"""Header names that are not UTF-8: read, one keeps its bytes as lone surrogates (PEP 383), and is written back as the same."""

from __future__ import annotations


class Name(str):
    """A header name that is written as the bytes it was read from."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "surrogateescape") -> bytes:
        """The bytes."""
        return super().encode(encoding, errors)
