"""Keccak Merkle trees over 32-byte words, with proofs of contiguous leaf ranges.

A tree of depth *d* has exactly 2**d leaves; the depth always comes from the statement, never from the proof.
A leaf is ``keccak256(word)`` (32 bytes in), a node is ``keccak256(left ‖ right)`` (64 bytes in), so that one
can never be taken for the other. Leaves past the data hold the zero word.

The range proof lists, level by level from the leaves up, the sibling left of the range when the range starts at
an odd place, then the sibling right of it when it ends at an odd place. `contracts/src/court/Merkle.sol` is the twin.
"""

from __future__ import annotations

from collections.abc import Sequence

from concordat.primitives.errors import VerificationError
from concordat.primitives.hashing import keccak256
from concordat.primitives.native import rust
from concordat.primitives.units import Bytes32

__all__ = ["MerkleTree", "depth_for", "fold_children", "leaf_hash", "node_hash", "range_root"]


def depth_for(leaves: int) -> int:
    """Smallest depth whose tree has room for that many leaves (at least one)."""
    return max(leaves - 1, 0).bit_length()


def leaf_hash(word: bytes) -> Bytes32:
    """Hash of one 32-byte word."""
    return keccak256(word)


def node_hash(left: bytes, right: bytes) -> Bytes32:
    """Hash of two children."""
    return keccak256(left + right)


_ZERO_SUBTREES: list[Bytes32] = [leaf_hash(bytes(32))]


def zero_subtree(height: int, zero_leaf: Bytes32 | None = None) -> Bytes32:
    """Root of a subtree of that height in which every leaf hash is `zero_leaf` (default: of the zero word)."""
    if zero_leaf is not None and zero_leaf != _ZERO_SUBTREES[0]:
        root = zero_leaf
        for _ in range(height):
            root = node_hash(root, root)
        return root
    while len(_ZERO_SUBTREES) <= height:
        _ZERO_SUBTREES.append(node_hash(_ZERO_SUBTREES[-1], _ZERO_SUBTREES[-1]))
    return _ZERO_SUBTREES[height]


class MerkleTree:
    """All levels of one tree, for roots, range proofs and dissection.

    Parameters
    ----------
    leaf_hashes : sequence of bytes
        32 bytes each; at most ``2**depth`` of them.
    depth : int
        Fixed by the statement.
    zero_leaf : bytes, optional
        Leaf hash that fills the tree; default is the hash of the zero word.
    """

    def __init__(self, leaf_hashes: Sequence[bytes], depth: int, *, zero_leaf: Bytes32 | None = None) -> None:
        if len(leaf_hashes) > 1 << depth:
            raise VerificationError(f"{len(leaf_hashes)} leaves do not fit a tree of depth {depth}.", code="TreeDepth")
        self.depth = depth
        self._zero_leaf = zero_leaf
        self._levels: list[list[bytes]] = [list(leaf_hashes)]
        for height in range(depth):
            below = self._levels[-1]
            if len(below) % 2:
                below = [*below, zero_subtree(height, zero_leaf)]
            self._levels.append([node_hash(below[i], below[i + 1]) for i in range(0, len(below), 2)])

    @classmethod
    def of_words(cls, words: bytes, depth: int) -> MerkleTree:
        """Tree over packed 32-byte words."""
        if rust is not None:
            tree = cls.__new__(cls)
            tree.depth, tree._zero_leaf = depth, None
            tree._levels = [
                [level[i : i + 32] for i in range(0, len(level), 32)] for level in rust.merkle_levels(words, depth)
            ]
            return tree
        return cls([leaf_hash(words[i : i + 32]) for i in range(0, len(words), 32)], depth)

    @property
    def root(self) -> Bytes32:
        """The 32-byte root."""
        return self.node(self.depth, 0)

    def node(self, height: int, index: int) -> Bytes32:
        """Hash at that height (0 = leaves) and place."""
        level = self._levels[height]
        return Bytes32(level[index]) if index < len(level) else zero_subtree(height, self._zero_leaf)

    def prove_range(self, first: int, count: int) -> list[Bytes32]:
        """Siblings that take leaves ``first … first+count-1`` to the root."""
        proof, low, high = [], first, first + count  # half-open
        for height in range(self.depth):
            if low % 2:
                proof.append(self.node(height, low - 1))
            if high % 2:
                proof.append(self.node(height, high))
            low, high = low // 2, (high + 1) // 2
        return proof

    def children(self, height: int, index: int, levels: int) -> list[Bytes32]:
        """The ``2**levels`` descendants of a node, `levels` below it, left to right."""
        return [self.node(height - levels, (index << levels) + i) for i in range(1 << levels)]


def range_root(leaf_hashes: Sequence[bytes], first: int, depth: int, proof: Sequence[bytes]) -> Bytes32:
    """Root implied by a contiguous run of leaf hashes and its siblings.

    Raises
    ------
    VerificationError
        If the range lies outside the tree or the proof has too few or too many siblings.
    """
    if not leaf_hashes or first < 0 or first + len(leaf_hashes) > 1 << depth:
        raise VerificationError("The opened range lies outside its tree.", code="RangeOutside")
    nodes, low, at = list(leaf_hashes), first, 0
    for _ in range(depth):
        high = low + len(nodes)
        if low % 2:
            nodes.insert(0, _sibling(proof, at))
            at += 1
        if high % 2:
            nodes.append(_sibling(proof, at))
            at += 1
        nodes = [node_hash(nodes[i], nodes[i + 1]) for i in range(0, len(nodes), 2)]
        low //= 2
    if at != len(proof):
        raise VerificationError("The Merkle proof has siblings left over.", code="ProofLength")
    return Bytes32(nodes[0])


def _sibling(proof: Sequence[bytes], at: int) -> bytes:
    if at >= len(proof) or len(proof[at]) != 32:
        raise VerificationError("The Merkle proof is too short.", code="ProofLength")
    return proof[at]


def fold_children(children: Sequence[bytes]) -> Bytes32:
    """Root of a perfect subtree given its lowest row (a power of two of hashes)."""
    row = list(children)
    if not row or len(row) & (len(row) - 1):
        raise VerificationError("A row of children has a power-of-two length.", code="ChildrenCount")
    while len(row) > 1:
        row = [node_hash(row[i], row[i + 1]) for i in range(0, len(row), 2)]
    return Bytes32(row[0])
