"""SLH-DSA-SHA2-128s, the stateless hash-based signature of FIPS 205, in pure mode with an empty context.

Signatures have 7,856 bytes. Verifying takes about 2,200 hashes; signing two million, a second or two in Python. There
is no state to keep, so a copied or restored key is no danger.

References
----------
FIPS 205, algorithms 5 to 24 and section 11.2.1 (SHA2, category 1). Names of parameters as there.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

from concordat.primitives.errors import InputError, VerificationError

__all__ = ["SEED_BYTES", "SIGNATURE_BYTES", "SlhDsaKey", "slh_dsa_steps", "slh_dsa_verify"]

N = 16
"""Bytes of a hash."""
LAYERS, TREE_HEIGHT = 7, 9
"""d and h': layers of the hypertree, height of each tree."""
CHAINS, TOP = 35, 15
"""len, and the greatest digit (w - 1)."""
TREES, FORS_HEIGHT = 14, 12
"""k and a: FORS trees, height of each."""
SIGNATURE_BYTES = N * (1 + TREES * (1 + FORS_HEIGHT) + LAYERS * (CHAINS + TREE_HEIGHT))
"""7,856."""
SEED_BYTES = 3 * N
"""SK.seed, SK.prf and PK.seed."""
_WOTS_HASH, _WOTS_PK, _TREE, _FORS_TREE, _FORS_ROOTS, _WOTS_PRF, _FORS_PRF = range(7)


@dataclass(frozen=True, kw_only=True)
class SlhDsaKey:
    """A private key."""

    seed: bytes
    """48 secret bytes, of which the last 16 become public."""

    def __post_init__(self) -> None:
        if len(self.seed) != SEED_BYTES:
            raise InputError(f"An SLH-DSA-128s key is made from {SEED_BYTES} bytes.", code="BadKey")

    def __repr__(self) -> str:
        return "SlhDsaKey()"

    @classmethod
    def from_secret(cls, secret: bytes) -> SlhDsaKey:
        """Key of a 32-byte secret that is used for nothing else."""
        private, public = (sha256(label + secret).digest() for label in (b"SLH-DSA private", b"SLH-DSA public"))
        return cls(seed=private + public[:N])

    @cached_property
    def public(self) -> bytes:
        """32 bytes: PK.seed and PK.root."""
        work = _Work(self.seed[32:], self.seed[:N])
        return self.seed[32:] + work.subtree(LAYERS - 1, 0)[-1][0]

    def sign(self, message: bytes, *, randomness: bytes = b"") -> bytes:
        """Signature of a message; deterministic unless 16 bytes of randomness are given."""
        work = _Work(self.public[:N], self.seed[:N])
        body = b"\0\0" + message
        randomizer = hmac.digest(self.seed[N : 2 * N], (randomness or self.public[:N]) + body, "sha256")[:N]
        indices, tree, leaf = _split(randomizer, self.public, body)
        parts = [randomizer]
        for number, index in enumerate(indices):
            levels = work.fors_tree(tree, leaf, number)
            parts.append(work.fors_secret(tree, leaf, (number << FORS_HEIGHT) + index))
            parts += _siblings(levels, index)
        value = work.fors_root(tree, leaf, indices, b"".join(parts[1:]))
        for layer in range(LAYERS):
            levels = work.subtree(layer, tree)
            parts.append(work.wots_sign(layer, tree, leaf, value))
            parts += _siblings(levels, leaf)
            value, tree, leaf = levels[-1][0], tree >> TREE_HEIGHT, tree & 0x1FF
        return b"".join(parts)


def slh_dsa_verify(public: bytes, message: bytes, signature: bytes) -> None:
    """Return if the signature holds.

    Raises
    ------
    VerificationError
        If it does not, or key or signature have another length.
    """
    if len(public) != 2 * N or len(signature) != SIGNATURE_BYTES:
        raise _wrong(f"An SLH-DSA-128s key has {2 * N} bytes and a signature {SIGNATURE_BYTES}.")
    work = _Work(public[:N], b"")
    indices, tree, leaf = _split(signature[:N], public, b"\0\0" + message)
    at = N * (1 + TREES * (1 + FORS_HEIGHT))
    value = work.fors_root(tree, leaf, indices, signature[N:at])
    for layer in range(LAYERS):
        path = at + N * CHAINS
        value = work.wots_root(layer, tree, leaf, value, signature[at:path])
        at = path + N * TREE_HEIGHT
        value = work.climb(_address(layer, tree, _TREE, 0), leaf, value, signature[path:at])
        tree, leaf = tree >> TREE_HEIGHT, tree & 0x1FF
    if value != public[N:]:
        raise _wrong("The SLH-DSA signature does not hold.")


def slh_dsa_steps(public: bytes, message: bytes, signature: bytes) -> int:
    """Steps of chains that verifying takes: 1,869 on average, and what a verifier's cost varies with."""
    work = _Work(public[:N], b"")
    indices, tree, leaf = _split(signature[:N], public, b"\0\0" + message)
    at, steps = N * (1 + TREES * (1 + FORS_HEIGHT)), 0
    value = work.fors_root(tree, leaf, indices, signature[N:at])
    for layer in range(LAYERS):
        path = at + N * CHAINS
        steps += sum(TOP - digit for digit in _digits(value))
        value = work.wots_root(layer, tree, leaf, value, signature[at:path])
        at = path + N * TREE_HEIGHT
        value = work.climb(_address(layer, tree, _TREE, 0), leaf, value, signature[path:at])
        tree, leaf = tree >> TREE_HEIGHT, tree & 0x1FF
    return steps


class _Work:
    """Everything that is hashed under one PK.seed; the secret seed is only there for signing."""

    def __init__(self, public_seed: bytes, secret_seed: bytes) -> None:
        self._start = sha256(public_seed + bytes(64 - N))
        self._secret = secret_seed

    def hash(self, address: bytes, data: bytes) -> bytes:
        state = self._start.copy()
        state.update(address + data)
        return state.digest()[:N]

    def chain(self, address: bytes, value: bytes, start: int, stop: int) -> bytes:
        for step in range(start, stop):
            value = self.hash(address + step.to_bytes(4, "big"), value)
        return value

    def climb(self, address: bytes, index: int, value: bytes, path: bytes) -> bytes:
        """Root over a node and its authentication path; `address` without height and index."""
        for height in range(1, len(path) // N + 1):
            sibling = path[(height - 1) * N : height * N]
            pair = sibling + value if index >> (height - 1) & 1 else value + sibling
            value = self.hash(address + _u32(height) + _u32(index >> height), pair)
        return value

    def levels(self, address: bytes, first: int, leaves: list[bytes]) -> list[list[bytes]]:
        """All nodes of a tree, leaves first."""
        levels = [leaves]
        while len(levels[-1]) > 1:
            below, height = levels[-1], len(levels)
            levels.append(
                [
                    self.hash(address + _u32(height) + _u32((first >> height) + at), below[2 * at] + below[2 * at + 1])
                    for at in range(len(below) // 2)
                ]
            )
        return levels

    # -- FORS --------------------------------------------------------------------------------------------------------

    def fors_secret(self, tree: int, leaf: int, index: int) -> bytes:
        return self.hash(_address(0, tree, _FORS_PRF, leaf) + _u32(0) + _u32(index), self._secret)

    def fors_tree(self, tree: int, leaf: int, number: int) -> list[list[bytes]]:
        address, first = _address(0, tree, _FORS_TREE, leaf), number << FORS_HEIGHT
        leaves = [
            self.hash(address + _u32(0) + _u32(index), self.fors_secret(tree, leaf, index))
            for index in range(first, first + (1 << FORS_HEIGHT))
        ]
        return self.levels(address, first, leaves)

    def fors_root(self, tree: int, leaf: int, indices: list[int], signature: bytes) -> bytes:
        """FORS public key implied by the revealed secrets and their paths."""
        address, roots, size = _address(0, tree, _FORS_TREE, leaf), b"", N * (1 + FORS_HEIGHT)
        for number, index in enumerate(indices):
            part, place = signature[number * size : (number + 1) * size], (number << FORS_HEIGHT) + index
            value = self.hash(address + _u32(0) + _u32(place), part[:N])
            roots += self.climb(address, place, value, part[N:])
        return self.hash(_address(0, tree, _FORS_ROOTS, leaf) + bytes(8), roots)

    # -- WOTS+ and its trees -----------------------------------------------------------------------------------------

    def wots_sign(self, layer: int, tree: int, leaf: int, message: bytes) -> bytes:
        return self._wots(layer, tree, leaf, lambda chain: _digits(message)[chain])

    def wots_root(self, layer: int, tree: int, leaf: int, message: bytes, signature: bytes) -> bytes:
        """One-time public key implied by a signature."""
        address, ends = _address(layer, tree, _WOTS_HASH, leaf), b""
        for chain, digit in enumerate(_digits(message)):
            ends += self.chain(address + _u32(chain), signature[chain * N : (chain + 1) * N], digit, TOP)
        return self.hash(_address(layer, tree, _WOTS_PK, leaf) + bytes(8), ends)

    def subtree(self, layer: int, tree: int) -> list[list[bytes]]:
        """All nodes of one tree of the hypertree."""
        leaves = [
            self.hash(_address(layer, tree, _WOTS_PK, leaf) + bytes(8), self._wots(layer, tree, leaf, lambda _: TOP))
            for leaf in range(1 << TREE_HEIGHT)
        ]
        return self.levels(_address(layer, tree, _TREE, 0), 0, leaves)

    def _wots(self, layer: int, tree: int, leaf: int, steps: Callable[[int], int]) -> bytes:
        secrets, address = _address(layer, tree, _WOTS_PRF, leaf), _address(layer, tree, _WOTS_HASH, leaf)
        return b"".join(
            self.chain(
                address + _u32(chain), self.hash(secrets + _u32(chain) + bytes(4), self._secret), 0, steps(chain)
            )
            for chain in range(CHAINS)
        )


def _split(randomizer: bytes, public: bytes, body: bytes) -> tuple[list[int], int, int]:
    """FORS indices, tree and leaf that a message is signed under."""
    inner = sha256(randomizer + public + body).digest()
    digest = sha256(randomizer + public[:N] + inner + bytes(4)).digest()[:30]
    bits = int.from_bytes(digest[:21], "big")
    indices = [bits >> 12 * (TREES - 1 - number) & 0xFFF for number in range(TREES)]
    tree = int.from_bytes(digest[21:28], "big") & ((1 << 54) - 1)
    return indices, tree, int.from_bytes(digest[28:30], "big") & 0x1FF


def _digits(message: bytes) -> list[int]:
    digits = [digit for byte in message for digit in (byte >> 4, byte & 15)]
    checksum = sum(TOP - digit for digit in digits)
    return [*digits, checksum >> 8, checksum >> 4 & 15, checksum & 15]


def _siblings(levels: list[list[bytes]], index: int) -> list[bytes]:
    return [level[index >> height ^ 1] for height, level in enumerate(levels[:-1])]


def _address(layer: int, tree: int, kind: int, key_pair: int) -> bytes:
    """First 14 of the 22 bytes of a compressed address."""
    return layer.to_bytes(1, "big") + tree.to_bytes(8, "big") + kind.to_bytes(1, "big") + _u32(key_pair)


def _u32(value: int) -> bytes:
    return value.to_bytes(4, "big")


def _wrong(sentence: str) -> VerificationError:
    return VerificationError(sentence, code="BadSignature")
