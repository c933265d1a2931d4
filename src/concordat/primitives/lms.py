"""LMS, a stateful hash-based signature: LMS_SHA256_M24 over LMOTS_SHA256_N24_W4.

A key of height h signs 2^h messages, each under an index of its own. **Two messages under one index give the key
away**; nothing here can know what was signed before, so whoever calls :meth:`LmsKey.sign` has reserved the index
durably (`concordat.storage.indices`). Everything is derived from one seed: the same index and message always give the
same bytes.

Whoever signs may choose the randomizer. :meth:`LmsKey.sign` tries some thousand and keeps the one whose signature is
the cheapest to verify: the verifier walks 51 chains to their ends, and walks less if the digest has large digits. The
checksum makes every such digest as hard to imitate as any other.

References
----------
RFC 8554 (algorithms; sections 4.3 to 4.6, 5.3, 5.4 and Appendix A), NIST SP 800-208 and RFC 9858 (parameter sets with
192-bit hashes). SP 800-208 asks for a hardware module that counts; this is its algorithm, in software.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

from concordat.primitives.errors import InputError, VerificationError

__all__ = [
    "HEIGHTS",
    "SEED_BYTES",
    "LmsKey",
    "lms_height",
    "lms_index",
    "lms_signature_size",
    "lms_steps",
    "lms_verify",
]

N = 24
"""Bytes of a hash."""
CHAINS = 51
"""48 digits of the digest and three of the checksum."""
TOP = 15
"""Greatest digit."""
OTS_TYPE = 7
"""LMOTS_SHA256_N24_W4."""
TREE_TYPES = {5: 10, 10: 11, 15: 12, 20: 13, 25: 14}
"""LMS_SHA256_M24_H5 … H25 by height."""
HEIGHTS = (5, 10, 15)
"""Heights that a key can be made for here: the whole tree is computed at once."""
SEED_BYTES = 40
"""Key identifier (16) and secret seed (24)."""
MOST_TRIES = 1 << 14
"""Randomizers that are tried for one signature, a twentieth of a second."""
_PUBLIC, _MESSAGE, _LEAF, _INNER = b"\x80\x80", b"\x81\x81", b"\x82\x82", b"\x83\x83"
_RANDOMIZER = b"\xff\xfd\xff"
_NIBBLES = bytes((byte >> 4) + (byte & 15) for byte in range(256))


@dataclass(frozen=True, kw_only=True)
class LmsKey:
    """A private key; its tree of 2^(height+1) hashes is computed once, on first use."""

    seed: bytes
    """40 secret bytes; never used for another key."""
    height: int = 10
    """2^height signatures."""

    def __post_init__(self) -> None:
        if len(self.seed) != SEED_BYTES or self.height not in HEIGHTS:
            raise InputError(
                f"An LMS key is made from {SEED_BYTES} bytes and has height {', '.join(map(str, HEIGHTS))}.",
                code="BadKey",
            )

    def __repr__(self) -> str:
        return f"LmsKey(height={self.height})"

    @classmethod
    def from_secret(cls, secret: bytes, height: int = 10) -> LmsKey:
        """Key of a 32-byte secret that is used for nothing else."""
        identifier, seed = (sha256(label + secret).digest() for label in (b"LMS identifier", b"LMS seed"))
        return cls(seed=identifier[:16] + seed[:24], height=height)

    @property
    def capacity(self) -> int:
        """Signatures that the key can make."""
        return 1 << self.height

    @property
    def public(self) -> bytes:
        """48 bytes: types, identifier, root."""
        types = _u32(TREE_TYPES[self.height]) + _u32(OTS_TYPE)
        return types + self.seed[:16] + self.tree[N : 2 * N]

    @cached_property
    def tree(self) -> bytes:
        """Hashes by node number (RFC 8554 counts from 1), 24 bytes each; public, and worth keeping in a file."""
        identifier, leaves = self.seed[:16], 1 << self.height
        nodes = [b"\0" * N] * (2 * leaves)
        for index in range(leaves):
            nodes[leaves + index] = _leaf(identifier, leaves + index, self._one_time_public(index))
        for node in range(leaves - 1, 0, -1):
            children = nodes[2 * node] + nodes[2 * node + 1]
            nodes[node] = sha256(identifier + _u32(node) + _INNER + children).digest()[:N]
        return b"".join(nodes)

    def with_tree(self, tree: bytes) -> LmsKey:
        """The same key with its tree read from somewhere.

        Raises
        ------
        InputError
            If the tree has another size, or is of another key: two leaves and all inner nodes are computed again.
        """
        identifier, leaves = self.seed[:16], 1 << self.height
        node = [tree[at : at + N] for at in range(0, len(tree), N)]
        fits = len(tree) == 2 * leaves * N and all(
            node[leaves + index] == _leaf(identifier, leaves + index, self._one_time_public(index))
            for index in (0, leaves - 1)
        )
        if not fits or any(
            node[at] != sha256(identifier + _u32(at) + _INNER + node[2 * at] + node[2 * at + 1]).digest()[:N]
            for at in range(1, leaves)
        ):
            raise InputError("The tree does not belong to this LMS key.", code="BadKey")
        self.__dict__["tree"] = tree
        return self

    def sign(self, index: int, message: bytes, *, tries: int = MOST_TRIES) -> bytes:
        """Signature under an index that the caller has reserved for this very message.

        Parameters
        ----------
        index : int
            ``0 … capacity - 1``.
        message : bytes
            Any length; contracts sign 32-byte digests.
        tries : int
            Randomizers to choose from, at least 1; must be the same whenever the signature is made again.

        Raises
        ------
        InputError
            If the key has no such index.
        """
        if not 0 <= index < self.capacity:
            raise InputError(
                f"The LMS key has {self.capacity} indices, none at {index}.",
                code="KeyExhausted",
                hint="Rotate to a new key before the last index is used.",
            )
        randomizer, digits = self._cheapest(index, message, tries)
        prefix = self.seed[:16] + _u32(index)
        chains = (
            _chain(prefix + chain.to_bytes(2, "big"), self._secret(index, chain), 0, digit)
            for chain, digit in enumerate(digits)
        )
        one_time = _u32(OTS_TYPE) + randomizer + b"".join(chains)
        return _u32(index) + one_time + _u32(TREE_TYPES[self.height]) + b"".join(self._path(index))

    def _cheapest(self, index: int, message: bytes, tries: int) -> tuple[bytes, list[int]]:
        start = sha256(self.seed[:16] + _u32(index) + _MESSAGE)
        best, least = (b"", b""), 1 << 20
        for count in range(tries):
            randomizer = self._randomizer(index, count)
            attempt = start.copy()
            attempt.update(randomizer + message)
            digest = attempt.digest()[:N]
            steps = _steps(TOP * 2 * N - sum(digest.translate(_NIBBLES)))
            if steps < least:
                best, least = (randomizer, digest), steps
        return best[0], _digits(best[1])

    def _randomizer(self, index: int, count: int) -> bytes:
        return sha256(self.seed[:16] + _u32(index) + _RANDOMIZER + self.seed[16:] + _u32(count)).digest()[:N]

    def _secret(self, index: int, chain: int) -> bytes:
        body = self.seed[:16] + _u32(index) + chain.to_bytes(2, "big") + b"\xff" + self.seed[16:]
        return sha256(body).digest()[:N]

    def _one_time_public(self, index: int) -> bytes:
        prefix = self.seed[:16] + _u32(index)
        ends = (
            _chain(prefix + chain.to_bytes(2, "big"), self._secret(index, chain), 0, TOP) for chain in range(CHAINS)
        )
        return sha256(prefix + _PUBLIC + b"".join(ends)).digest()[:N]

    def _path(self, index: int) -> Iterator[bytes]:
        node = (1 << self.height) + index
        while node > 1:
            yield self.tree[(node ^ 1) * N : ((node ^ 1) + 1) * N]
            node >>= 1


def lms_verify(public: bytes, message: bytes, signature: bytes) -> None:
    """Return if the signature holds.

    Parameters
    ----------
    public : bytes
        48 bytes; any height of the family, 5 to 25.
    message : bytes
        What was signed.
    signature : bytes
        1,260 + 24 · height bytes.

    Raises
    ------
    VerificationError
        If it does not hold, or key or signature are malformed.
    """
    height = lms_height(public)
    if len(signature) != lms_signature_size(height):
        raise _wrong(
            f"An LMS signature of height {height} has {lms_signature_size(height)} bytes, not {len(signature)}."
        )
    index, identifier = lms_index(signature), public[8:24]
    tail = 32 + CHAINS * N
    if signature[4:8] != _u32(OTS_TYPE) or signature[tail : tail + 4] != public[:4] or index >= 1 << height:
        raise _wrong("The LMS signature is of another parameter set, or its index is beyond the tree.")
    prefix = identifier + _u32(index)
    digits = _digits(sha256(prefix + _MESSAGE + signature[8:32] + message).digest()[:N])
    ends = (
        _chain(prefix + chain.to_bytes(2, "big"), signature[32 + chain * N : 32 + (chain + 1) * N], digit, TOP)
        for chain, digit in enumerate(digits)
    )
    node = (1 << height) + index
    value = _leaf(identifier, node, sha256(prefix + _PUBLIC + b"".join(ends)).digest()[:N])
    for at in range(tail + 4, len(signature), N):
        sibling = signature[at : at + N]
        pair = sibling + value if node & 1 else value + sibling
        node >>= 1
        value = sha256(identifier + _u32(node) + _INNER + pair).digest()[:N]
    if value != public[24:]:
        raise _wrong("The LMS signature does not hold.")


def lms_height(public: bytes) -> int:
    """Height of a public key; `VerificationError` if it is no key of this family."""
    heights = {_u32(kind) + _u32(OTS_TYPE): height for height, kind in TREE_TYPES.items()}
    if len(public) != 48 or public[:8] not in heights:
        raise _wrong("This is no LMS_SHA256_M24 key over LMOTS_SHA256_N24_W4.")
    return heights[public[:8]]


def lms_signature_size(height: int) -> int:
    """Bytes of a signature."""
    return 1_260 + N * height


def lms_index(signature: bytes) -> int:
    """Index that a signature was made under; `VerificationError` if it is too short to have one."""
    if len(signature) < 4:
        raise _wrong("This is no LMS signature.")
    return int.from_bytes(signature[:4], "big")


def lms_steps(public: bytes, message: bytes, signature: bytes) -> int:
    """Hashes of chains that verifying takes: what a signer's choice of the randomizer makes fewer."""
    prefix = public[8:24] + signature[:4]
    return sum(TOP - digit for digit in _digits(sha256(prefix + _MESSAGE + signature[8:32] + message).digest()[:N]))


def _chain(prefix: bytes, value: bytes, start: int, stop: int) -> bytes:
    for step in range(start, stop):
        value = sha256(prefix + step.to_bytes(1, "big") + value).digest()[:N]
    return value


def _leaf(identifier: bytes, node: int, one_time: bytes) -> bytes:
    return sha256(identifier + _u32(node) + _LEAF + one_time).digest()[:N]


def _digits(digest: bytes) -> list[int]:
    digits = [digit for byte in digest for digit in (byte >> 4, byte & 15)]
    checksum = sum(TOP - digit for digit in digits)
    return [*digits, checksum >> 8, checksum >> 4 & 15, checksum & 15]


def _steps(checksum: int) -> int:
    """Steps of all chains: those of the digest's digits are the checksum, its own three digits take the rest."""
    return checksum + 3 * TOP - (checksum >> 8) - (checksum >> 4 & 15) - (checksum & 15)


def _u32(value: int) -> bytes:
    return value.to_bytes(4, "big")


def _wrong(sentence: str) -> VerificationError:
    return VerificationError(sentence, code="BadSignature")
