"""What a provider hands over, and the salted input it was given."""

from __future__ import annotations

from dataclasses import dataclass

from concordat.primitives.encoding import abi_words
from concordat.primitives.errors import InputError
from concordat.primitives.hashing import keccak256
from concordat.primitives.merkle import MerkleTree
from concordat.primitives.units import Address, Bytes32, OrderId

__all__ = [
    "MAX_OUTPUT_BYTES",
    "PART_WORDS",
    "Result",
    "carried_output",
    "commit_private",
    "commit_result",
    "input_leaf",
    "input_root",
    "input_salt",
    "input_tree",
]

MAX_OUTPUT_BYTES = 1024
"""Longest output carried by a submission itself; of a larger one the trace root is carried, which commits to it."""
PART_WORDS = 128
"""Words of a large output that are demanded and shown at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Output of one execution, with the root of its trace."""

    trace_root: Bytes32
    """Keccak Merkle root over the words of the execution's memory (docs/explain/integer-graph.md); of a private order
    :func:`commit_private`.
    """
    output: bytes
    """:func:`carried_output`, at most 1,024 bytes; of a private order a ciphertext of it."""

    @property
    def output_hash(self) -> Bytes32:
        """Keccak-256 of the output bytes."""
        return keccak256(self.output)


def commit_result(order: OrderId, provider: Address, trace_root: bytes, output_hash: bytes) -> bytes:
    """Leading 200 bits of ``keccak256(abi.encode(order, provider, traceRoot, outputHash))``.

    The provider's address is inside, so that a copied result is worth nothing.
    """
    return keccak256(abi_words(order, provider, trace_root, output_hash))[:25]


def carried_output(trace_root: bytes, output: bytes) -> bytes:
    """What a submission carries of an output: all of it, or the trace root, in which it is the output node's region."""
    return output if len(output) <= MAX_OUTPUT_BYTES else trace_root


def commit_private(salt: bytes, trace_root: bytes, output_hash: bytes) -> Bytes32:
    """What a private order delivers as its trace root: ``keccak256(abi.encode(salt, traceRoot, outputHash))``."""
    return keccak256(abi_words(salt, trace_root, output_hash))


def input_salt(salt: bytes, index: int) -> Bytes32:
    """Salt of one input leaf: ``keccak256(abi.encode(salt, index))``; opening one leaf reveals no other."""
    return keccak256(abi_words(salt, index))


def input_leaf(leaf_salt: bytes, index: int, word: bytes) -> Bytes32:
    """Leaf of the input tree: ``keccak256(abi.encode(leafSalt, index, word))`` (96 bytes in)."""
    return keccak256(abi_words(leaf_salt, index, word))


def input_tree(words: bytes, salt: bytes, depth: int) -> MerkleTree:
    """Salted Merkle tree over the packed input; leaves past the data are salted zero words too.

    Parameters
    ----------
    words : bytes
        Packed input, a multiple of 32 bytes.
    salt : bytes
        32 secret random bytes, fresh for every order.
    depth : int
        From the model's dimensions.
    """
    if len(words) % 32 or len(words) // 32 > 1 << depth:
        raise InputError(f"{len(words)} input bytes do not fill a tree of depth {depth}.", code="InputLength")
    padded = words.ljust(32 << depth, b"\0")
    leaves = [input_leaf(input_salt(salt, i), i, padded[32 * i : 32 * i + 32]) for i in range(1 << depth)]
    return MerkleTree(leaves, depth)


def input_root(words: bytes, salt: bytes, depth: int) -> Bytes32:
    """Root of :func:`input_tree`: what an order commits to."""
    return input_tree(words, salt, depth).root
