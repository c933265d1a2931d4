"""The compiled hash and tree against the Python ones."""

from __future__ import annotations

import random

import pytest

from concordat.primitives.hashing import _keccak256_python
from concordat.primitives.merkle import MerkleTree, zero_subtree

native = pytest.importorskip("concordat_native")
pytestmark = pytest.mark.native


def python_levels(words: bytes, depth: int) -> list[bytes]:
    """Levels by the plain constructor, which never calls the compiled tree."""
    leaf_hashes = [_keccak256_python(words[at : at + 32]) for at in range(0, len(words), 32)]
    return [b"".join(level) for level in MerkleTree(leaf_hashes, depth)._levels]


@pytest.mark.parametrize("length", [0, 1, 31, 32, 33, 64, 135, 136, 137, 271, 272, 273, 1000])
def test_keccak256_of_any_length_equals_python(length: int) -> None:
    data = random.Random(length).randbytes(length)
    assert native.keccak256(data) == _keccak256_python(data)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_keccak256_of_any_buffer_equals_bytes(kind: type) -> None:
    assert native.keccak256(kind(b"concordat")) == _keccak256_python(b"concordat")


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33, 100])
@pytest.mark.parametrize("spare", [0, 1, 3])
def test_merkle_levels_of_any_count_equal_python(count: int, spare: int) -> None:
    depth = max(count - 1, 0).bit_length() + spare
    words = random.Random(count).randbytes(32 * count)
    assert native.merkle_levels(words, depth) == python_levels(words, depth)


def test_merkle_levels_of_ten_thousand_words_have_the_python_root() -> None:
    words = random.Random(10).randbytes(32 * 10_000)
    assert MerkleTree.of_words(words, 14).root == python_levels(words, 14)[14]


def test_merkle_levels_of_nothing_leave_the_zero_subtree() -> None:
    assert MerkleTree.of_words(b"", 5).root == zero_subtree(5)


@pytest.mark.parametrize(("words", "depth"), [(bytes(31), 3), (bytes(96), 1), (b"", 1000)])
def test_merkle_levels_of_misfits_are_refused(words: bytes, depth: int) -> None:
    with pytest.raises(ValueError, match=r"32 bytes|do not fit|deeper"):
        native.merkle_levels(words, depth)
