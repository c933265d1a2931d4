"""The transparency log's tree: RFC 6962 Merkle hashing, inclusion and consistency proofs.

A leaf is ``SHA-256(0x00 ‖ entry)``, a node ``SHA-256(0x01 ‖ left ‖ right)``, and a tree of *n* leaves splits at the
largest power of two below *n*. Provers ask for hashes of *complete* subtrees only, through a function
``node(height, index)`` that covers leaves ``index << height … (index + 1) << height``; tiles on disk answer it.

References
----------
RFC 6962 §2.1 (hashing), §2.1.1 (inclusion), §2.1.2 (consistency); RFC 9162 §2.1.3.2 and §2.1.4.2 (verification).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from concordat.primitives.errors import InputError, VerificationError
from concordat.primitives.hashing import sha256
from concordat.primitives.units import Bytes32

__all__ = [
    "EMPTY_ROOT",
    "Node",
    "consistency_proof",
    "entry_hash",
    "fold_complete",
    "inclusion_proof",
    "inclusion_root",
    "join",
    "range_hash",
    "verify_consistency",
    "verify_inclusion",
]

Node: TypeAlias = Callable[[int, int], bytes]
"""``node(height, index)``: hash of a complete subtree."""

EMPTY_ROOT = sha256(b"")
"""Root of the tree without leaves."""


def entry_hash(entry: bytes) -> Bytes32:
    """Leaf hash of one log entry."""
    return sha256(b"\x00" + entry)


def join(left: bytes, right: bytes) -> Bytes32:
    """Hash of two neighbouring subtrees."""
    return sha256(b"\x01" + left + right)


def fold_complete(hashes: Sequence[bytes]) -> Bytes32:
    """Root of a complete subtree from its lowest row (a power of two of hashes)."""
    row = list(hashes)
    if not row or len(row) & (len(row) - 1):
        raise InputError(f"{len(row)} hashes are not a complete subtree.", code="IncompleteSubtree")
    while len(row) > 1:
        row = [join(row[i], row[i + 1]) for i in range(0, len(row), 2)]
    return Bytes32(row[0])


def range_hash(node: Node, start: int, stop: int) -> Bytes32:
    """Merkle tree hash of leaves ``start … stop`` (half-open); `start` is aligned as in every RFC 6962 split."""
    count = stop - start
    if count == 0:
        return EMPTY_ROOT
    if count & (count - 1) == 0:
        height = count.bit_length() - 1
        return Bytes32(node(height, start >> height))
    split = start + _split(count)
    return join(range_hash(node, start, split), range_hash(node, split, stop))


def inclusion_proof(node: Node, index: int, size: int) -> tuple[Bytes32, ...]:
    """Audit path of one leaf in the tree of the first `size` leaves, from the leaf's sibling upwards.

    Raises
    ------
    InputError
        If the leaf is not in the tree.
    """
    if not 0 <= index < size:
        raise InputError(f"Entry {index} is not in a log of {size} entries.", code="IndexOutside")
    return tuple(_path(node, index, 0, size))


def _path(node: Node, index: int, start: int, stop: int) -> Iterator[Bytes32]:
    if stop - start == 1:
        return
    split = start + _split(stop - start)
    if index < split:
        yield from _path(node, index, start, split)
        yield range_hash(node, split, stop)
    else:
        yield from _path(node, index, split, stop)
        yield range_hash(node, start, split)


def consistency_proof(node: Node, old: int, new: int) -> tuple[Bytes32, ...]:
    """Proof that the tree of `old` leaves is a prefix of that of `new`; empty for ``old`` 0 or ``old == new``.

    Raises
    ------
    InputError
        If `old` is larger than `new`.
    """
    if not 0 <= old <= new:
        raise InputError(f"A log of {old} entries is no prefix of one of {new}.", code="SizeOrder")
    if old in (0, new):
        return ()
    return tuple(_subproof(node, old, 0, new, whole=True))


def _subproof(node: Node, old: int, start: int, stop: int, *, whole: bool) -> Iterator[Bytes32]:
    if old == stop:
        if not whole:
            yield range_hash(node, start, stop)
        return
    split = start + _split(stop - start)
    if old <= split:
        yield from _subproof(node, old, start, split, whole=whole)
        yield range_hash(node, split, stop)
    else:
        yield from _subproof(node, old, split, stop, whole=False)
        yield range_hash(node, start, split)


def inclusion_root(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> Bytes32:
    """Root that an audit path implies.

    Raises
    ------
    VerificationError
        If the index lies outside the tree or the path has the wrong length.
    """
    if not 0 <= index < size:
        raise VerificationError(f"Entry {index} is not in a log of {size} entries.", code="IndexOutside")
    place, last, root = index, size - 1, leaf
    for sibling in path:
        if last == 0 or len(sibling) != 32:
            raise VerificationError("The inclusion proof is too long or malformed.", code="ProofLength")
        if place & 1 or place == last:
            root = join(sibling, root)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            root = join(root, sibling)
        place, last = place >> 1, last >> 1
    if last:
        raise VerificationError("The inclusion proof is too short.", code="ProofLength")
    return Bytes32(root)


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Raise `VerificationError` unless `leaf` stands at `index` in the tree of that size and root."""
    if inclusion_root(leaf, index, size, path) != root:
        raise VerificationError("The inclusion proof leads to another root.", code="NotIncluded")


def verify_consistency(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Raise `VerificationError` unless the old tree is a prefix of the new one.

    Soundness: both roots are recomputed from the same hashes, so that a passing proof for trees which are no
    prefix of each other is a SHA-256 collision.
    """
    if not 0 <= old <= new:
        raise VerificationError(f"A log of {old} entries is no prefix of one of {new}.", code="SizeOrder")
    if old in (0, new):
        expected = EMPTY_ROOT if old == 0 else new_root
        if proof or old_root != expected:
            raise VerificationError("Two logs of the same size have different roots.", code="NotConsistent")
        return
    if any(len(sibling) != 32 for sibling in proof):
        raise VerificationError("The consistency proof is malformed.", code="ProofLength")
    if _consistency_roots(old, old_root, new, proof) != (old_root, new_root):
        raise VerificationError("The later log does not contain the earlier one.", code="NotConsistent")


def _consistency_roots(old: int, old_root: bytes, new: int, proof: Sequence[bytes]) -> tuple[bytes, bytes]:
    hashes = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not hashes:
        raise VerificationError("The consistency proof is empty.", code="ProofLength")
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    small = large = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            raise VerificationError("The consistency proof is too long.", code="ProofLength")
        if place & 1 or place == last:
            small, large = join(sibling, small), join(sibling, large)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            large = join(large, sibling)
        place, last = place >> 1, last >> 1
    if last:
        raise VerificationError("The consistency proof is too short.", code="ProofLength")
    return small, large


def _split(count: int) -> int:
    """Largest power of two strictly below `count`."""
    return 1 << (count - 1).bit_length() - 1
