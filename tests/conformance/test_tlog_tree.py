"""RFC 6962 trees against published vectors and against the RFC's own recursive definition."""

from __future__ import annotations

import hashlib

import pytest

from concordat.primitives.errors import InputError, VerificationError
from concordat.protocol.transparency import (
    EMPTY_ROOT,
    consistency_proof,
    entry_hash,
    fold_complete,
    inclusion_proof,
    inclusion_root,
    range_hash,
    verify_consistency,
    verify_inclusion,
)

SIZES = range(1, 131)
ENTRIES = [bytes([i]) * (i % 7) for i in range(130)]

# The eight leaves and roots of the Certificate Transparency reference tests.
CT_LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
CT_ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


def mth(entries: list[bytes]) -> bytes:
    """Merkle tree hash, word for word as RFC 6962 §2.1 defines it."""
    if not entries:
        return hashlib.sha256().digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    k = 1
    while k * 2 < len(entries):
        k *= 2
    return hashlib.sha256(b"\x01" + mth(entries[:k]) + mth(entries[k:])).digest()


def node_of(entries: list[bytes]):
    leaves = [entry_hash(entry) for entry in entries]
    return lambda height, index: fold_complete(leaves[index << height : (index + 1) << height])


@pytest.mark.parametrize("size", range(1, 9))
def test_tree_of_reference_leaves_has_published_root(size: int) -> None:
    assert range_hash(node_of(CT_LEAVES), 0, size).hex() == CT_ROOTS[size - 1]


def test_empty_tree_has_root_of_empty_string() -> None:
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_inclusion_proof_of_reference_leaf_is_published_path() -> None:
    path = inclusion_proof(node_of(CT_LEAVES), 0, 8)
    assert [sibling.hex() for sibling in path] == [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]


def test_consistency_proof_of_reference_trees_is_published_path() -> None:
    proof = consistency_proof(node_of(CT_LEAVES), 6, 8)
    assert [sibling.hex() for sibling in proof] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


def test_tree_of_every_size_has_root_of_the_definition() -> None:
    node = node_of(ENTRIES)
    for size in SIZES:
        assert range_hash(node, 0, size) == mth(ENTRIES[:size])


def test_inclusion_of_every_leaf_in_every_size_verifies() -> None:
    node, leaves = node_of(ENTRIES), [entry_hash(entry) for entry in ENTRIES]
    for size in SIZES:
        root = mth(ENTRIES[:size])
        for index in range(size):
            verify_inclusion(leaves[index], index, size, inclusion_proof(node, index, size), root)


def test_inclusion_proof_for_another_place_or_length_is_refused() -> None:
    node, leaves = node_of(ENTRIES), [entry_hash(entry) for entry in ENTRIES]
    for size in (2, 3, 7, 8, 65, 130):
        root = mth(ENTRIES[:size])
        for index in range(0, size, 3):
            path = inclusion_proof(node, index, size)
            for wrong in (path[:-1], (*path, root), path[::-1] if len(set(path)) > 1 else path[:-1]):
                with pytest.raises(VerificationError):
                    verify_inclusion(leaves[index], index, size, wrong, root)
            for place in (index ^ 1, size, -1):
                with pytest.raises(VerificationError):
                    verify_inclusion(leaves[index], place, size, path, root)


def test_consistency_of_every_pair_of_sizes_verifies() -> None:
    node = node_of(ENTRIES)
    roots = {size: mth(ENTRIES[:size]) for size in (0, *SIZES)}
    for new in SIZES:
        for old in range(new + 1):
            verify_consistency(old, roots[old], new, roots[new], consistency_proof(node, old, new))


def test_consistency_with_a_changed_history_is_refused() -> None:
    forged = [*ENTRIES[:5], b"forged", *ENTRIES[6:]]
    for new in (7, 8, 64, 100, 130):
        for old in range(6, new + 1):
            honest = mth(ENTRIES[:old])
            for node in (node_of(forged), node_of(ENTRIES)):
                with pytest.raises(VerificationError):
                    verify_consistency(old, honest, new, mth(forged[:new]), consistency_proof(node, old, new))


def test_consistency_proof_with_a_hash_more_or_less_is_refused() -> None:
    node = node_of(ENTRIES)
    for old, new in ((1, 2), (3, 7), (4, 8), (6, 8), (64, 130), (127, 130)):
        proof = consistency_proof(node, old, new)
        for wrong in (proof[:-1], (*proof, proof[0]), (b"short", *proof[1:])):
            with pytest.raises(VerificationError):
                verify_consistency(old, mth(ENTRIES[:old]), new, mth(ENTRIES[:new]), wrong)


def test_proofs_outside_the_tree_are_input_errors() -> None:
    node = node_of(ENTRIES)
    for index, size in ((3, 3), (-1, 3), (0, 0)):
        with pytest.raises(InputError):
            inclusion_proof(node, index, size)
    with pytest.raises(InputError):
        consistency_proof(node, 4, 3)
    with pytest.raises(InputError):
        fold_complete([bytes(32)] * 3)
    with pytest.raises(VerificationError):
        inclusion_root(bytes(32), 0, 2, [])
