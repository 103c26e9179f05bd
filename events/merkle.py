"""The Merkle tree over every record in order, refused ones included (RFC 6962 §2.1; RFC 9162 §2.1.1 has the same hashes).

Only the right edge is kept: the roots of the perfect subtrees whose sizes are the bits of the tree's size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(value: bytes) -> bytes:
    """SHA-256 of 0x00 and the record."""
    return hashlib.sha256(b"\x00" + value).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256 of 0x01 and both children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree's size and right edge, largest subtree first. `bytes` round-trip through `packed` and `unpack`."""

    size: int = 0
    edge: tuple[bytes, ...] = ()

    def add(self, value: bytes) -> Tree:
        """The tree with one more record."""
        node, size, edge = leaf_hash(value), self.size, list(self.edge)
        while size & 1:
            node = node_hash(edge.pop(), node)
            size >>= 1
        return Tree(self.size + 1, (*edge, node))

    def add_all(self, values: Iterable[bytes]) -> Tree:
        """The tree with more records, in order."""
        tree = self
        for value in values:
            tree = tree.add(value)
        return tree

    def root(self) -> bytes:
        """The 32-byte root; of the empty tree, SHA-256 of nothing."""
        if not self.edge:
            return EMPTY_ROOT
        node = self.edge[-1]
        for left in reversed(self.edge[:-1]):
            node = node_hash(left, node)
        return node

    def packed(self) -> bytes:
        """The right edge as bytes."""
        return b"".join(self.edge)

    @staticmethod
    def unpack(size: int, packed: bytes) -> Tree:
        """A tree from its size and right edge.

        Raises:
            ValueError: the edge has not one hash for each bit of the size.
        """
        if size < 0 or len(packed) != 32 * size.bit_count():
            raise ValueError(f"{len(packed)} bytes are no right edge of a tree of {size}")
        return Tree(size, tuple(packed[i : i + 32] for i in range(0, len(packed), 32)))
