"""Encryption to one reader: HPKE (RFC 9180) with X25519, HKDF-SHA256 and ChaCha20-Poly1305, by `cryptography`.

What is sealed says in its context what it is for and which order it belongs to. So a ciphertext that is moved to
another order, another market or another purpose does not open, and neither does one of which a bit was changed. Sealing
draws a fresh key each time; it does not say who sealed.

References
----------
RFC 9180 (base mode; DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from concordat.primitives.encoding import abi_words
from concordat.primitives.errors import InputError, VerificationError
from concordat.primitives.units import Bytes32, OrderId
from concordat.protocol.order import Domain

__all__ = ["OVERHEAD_BYTES", "Purpose", "SealingPair", "seal", "unseal"]

OVERHEAD_BYTES = 48
"""How much longer a ciphertext is: 32 bytes of the sender's fresh key and 16 of the tag."""
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


class Purpose(StrEnum):
    """What something is sealed for."""

    OFFER = "offer"
    """A client's input, for the provider."""
    RESULT = "result"
    """A provider's answer inside a submission, for the client."""
    CONTENT = "content"
    """An answer that no submission can carry, for the client."""


@dataclass(frozen=True, slots=True)
class SealingPair:
    """A key pair that others can seal to."""

    private: Bytes32 = field(repr=False)
    """X25519 private key; who has it can read everything that was ever sealed to it."""

    def __post_init__(self) -> None:
        if len(self.private) != 32:
            raise InputError("A sealing key has 32 bytes.", code="BadSealingKey")

    @classmethod
    def draw(cls) -> SealingPair:
        """A fresh one."""
        return cls(Bytes32(X25519PrivateKey.generate().private_bytes_raw()))

    @property
    def public(self) -> Bytes32:
        """X25519 public key."""
        return Bytes32(X25519PrivateKey.from_private_bytes(self.private).public_key().public_bytes_raw())


def seal(data: bytes, public: bytes, purpose: Purpose, order: OrderId, domain: Domain) -> bytes:
    """Encrypt to a public key.

    Raises
    ------
    InputError
        If it is no public key.
    """
    try:
        return _SUITE.encrypt(data, X25519PublicKey.from_public_bytes(public), info=_context(purpose, order, domain))
    except ValueError as error:
        raise InputError("This is no key that one can seal to.", code="BadSealingKey") from error


def unseal(sealed: bytes, pair: SealingPair, purpose: Purpose, order: OrderId, domain: Domain) -> bytes:
    """Decrypt what was sealed to a pair.

    Raises
    ------
    VerificationError
        ``SealBroken`` if it was sealed to another key, for another order or purpose, or was changed.
    """
    key = X25519PrivateKey.from_private_bytes(pair.private)
    try:
        return _SUITE.decrypt(sealed, key, info=_context(purpose, order, domain))
    except (InvalidTag, ValueError) as error:
        raise VerificationError(
            f"What should be a sealed {purpose} does not open.",
            code="SealBroken",
            hint="It was sealed to another key or for another order, or it was changed on the way.",
        ) from error


def _context(purpose: Purpose, order: OrderId, domain: Domain) -> bytes:
    return b"concordat " + purpose.encode().ljust(16) + abi_words(domain.chain_id, domain.market, order)
