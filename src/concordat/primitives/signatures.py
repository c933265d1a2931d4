"""Signatures: secp256k1 for what a chain checks, Ed25519 for what a log or witness signs.

A secp256k1 signature is ``r ‖ s ‖ v``: 65 bytes, ``v`` 27 or 28, ``s`` in the lower half of the group order, so that
each message has one signature per key and nobody can turn a signature into a second valid one.

Private keys are bare bytes here. They never appear in an error, a log line or a ``repr``.

References
----------
SEC 1 (secp256k1), RFC 6979 (deterministic nonces), EIP-2 (low s), EIP-712 (typed data), EIP-2612 (permits),
EIP-3009 (authorisations), RFC 8032 (Ed25519).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from coincurve import PrivateKey, PublicKey
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from concordat.primitives.encoding import abi_words
from concordat.primitives.errors import InputError, VerificationError
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Address, Bytes32

__all__ = [
    "Separated",
    "TokenDomain",
    "address_of",
    "cancel_digest",
    "ed25519_public",
    "ed25519_sign",
    "ed25519_verify",
    "permit_digest",
    "public_key",
    "receive_authorization_digest",
    "recover",
    "release_digest",
    "sign_digest",
    "typed_digest",
]

_ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
_HALF_ORDER = _ORDER // 2
_DOMAIN_TYPEHASH = keccak256(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
_RECEIVE_TYPEHASH = keccak256(
    b"ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,"
    b"bytes32 nonce)"
)
_PERMIT_TYPEHASH = keccak256(b"Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)")
_RELEASE_TYPEHASH = keccak256(b"Release(bytes32 order)")
_CANCEL_TYPEHASH = keccak256(b"Cancel(bytes32 order)")


class Separated(Protocol):
    """Anything with an EIP-712 domain separator, such as a market's or a token's domain."""

    def separator(self) -> Bytes32:
        """The 32 bytes."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenDomain:
    """EIP-712 domain of a settlement token."""

    name: str
    """As the token's domain states it."""
    version: str
    """As the token's domain states it."""
    chain_id: int
    """EIP-155 chain id."""
    token: Address
    """The token contract."""

    def separator(self) -> Bytes32:
        """Domain separator (EIP-712)."""
        name, version = keccak256(self.name.encode()), keccak256(self.version.encode())
        return keccak256(abi_words(_DOMAIN_TYPEHASH, name, version, self.chain_id, self.token))


# -- secp256k1 -------------------------------------------------------------------------------------------------------


def sign_digest(key: bytes, digest: bytes) -> bytes:
    """Signature ``r ‖ s ‖ v`` over a 32-byte digest, low s, deterministic.

    Raises
    ------
    InputError
        If the key is not a valid 32-byte secret, or the digest has another length.
    """
    if len(digest) != 32:
        raise InputError(f"A digest has 32 bytes, not {len(digest)}.", code="BadDigest")
    compact = _private(key).sign_recoverable(bytes(digest), hasher=None)
    return bytes(compact[:64]) + bytes([27 + compact[64]])


def recover(digest: bytes, signature: bytes) -> Address:
    """Address whose key made the signature.

    Raises
    ------
    VerificationError
        If the signature has another length, a high s, a ``v`` other than 27 or 28, or lies on no point of the curve.
    """
    if len(digest) != 32 or len(signature) != 65 or signature[64] not in (27, 28):
        raise VerificationError("A signature is r, s and v: 65 bytes, v 27 or 28.", code="BadSignature")
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
    if not 0 < r < _ORDER or not 0 < s <= _HALF_ORDER:
        raise VerificationError("The signature's r or s is out of range (s must be low).", code="BadSignature")
    try:
        compact = bytes(signature[:64]) + bytes([signature[64] - 27])
        point = PublicKey.from_signature_and_message(compact, bytes(digest), hasher=None)
    except Exception as error:  # the binding raises bare Exception for points that are not there
        raise VerificationError("The signature belongs to no key.", code="BadSignature") from error
    return _address(point.format(compressed=False))


def public_key(key: bytes) -> bytes:
    """Uncompressed public key (65 bytes, leading 4) of a secret."""
    return bytes(_private(key).public_key.format(compressed=False))


def address_of(key: bytes) -> Address:
    """Address of a 32-byte secret, or of a public key in 33, 64 or 65 bytes."""
    if len(key) == 32:
        return _address(public_key(key))
    try:
        point = PublicKey(b"\x04" + key if len(key) == 64 else bytes(key))
    except (ValueError, TypeError) as error:
        raise InputError(f"These {len(key)} bytes are no key.", code="BadKey") from error
    return _address(point.format(compressed=False))


def _private(key: bytes) -> PrivateKey:
    if len(key) != 32 or not 0 < int.from_bytes(key, "big") < _ORDER:
        raise InputError(
            "A private key is 32 bytes, above zero and below the group order.",
            code="BadKey",
            hint="Check for missing or doubled characters; the key itself is not shown.",
        )
    return PrivateKey(bytes(key))


def _address(uncompressed: bytes) -> Address:
    return Address(keccak256(uncompressed[1:])[12:])


# -- typed data ------------------------------------------------------------------------------------------------------


def typed_digest(domain: Separated, struct_hash: bytes) -> Bytes32:
    """EIP-712 digest of a struct in a domain."""
    return keccak256(b"\x19\x01" + domain.separator() + struct_hash)


def receive_authorization_digest(
    domain: Separated,
    *,
    payer: Address,
    payee: Address,
    value: int,
    valid_after: int,
    valid_before: int,
    nonce: bytes,
) -> Bytes32:
    """What a payer signs for EIP-3009 ``receiveWithAuthorization``.

    Parameters
    ----------
    domain : Separated
        The token's domain.
    payer, payee : Address
        ``from`` and ``to``; the payee is the only one who can use it (the vault).
    value : int
        Units of the token.
    valid_after, valid_before : int
        Unix times, both exclusive.
    nonce : bytes
        32 bytes: the order id.
    """
    words = abi_words(_RECEIVE_TYPEHASH, payer, payee, value, valid_after, valid_before, nonce)
    return typed_digest(domain, keccak256(words))


def permit_digest(
    domain: Separated, *, owner: Address, spender: Address, value: int, nonce: int, deadline: int
) -> Bytes32:
    """What an owner signs for ERC-2612 ``permit`` (token's domain): an approval that costs no transaction."""
    return typed_digest(domain, keccak256(abi_words(_PERMIT_TYPEHASH, owner, spender, value, nonce, deadline)))


def release_digest(order: bytes, domain: Separated) -> Bytes32:
    """What a client signs to release an order before its window ends (market's domain)."""
    return typed_digest(domain, keccak256(abi_words(_RELEASE_TYPEHASH, order)))


def cancel_digest(order: bytes, domain: Separated) -> Bytes32:
    """What both parties sign to cancel an order (market's domain)."""
    return typed_digest(domain, keccak256(abi_words(_CANCEL_TYPEHASH, order)))


# -- Ed25519 ---------------------------------------------------------------------------------------------------------


def ed25519_public(key: bytes) -> bytes:
    """Public key (32 bytes) of a 32-byte Ed25519 seed."""
    return _ed25519(key).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def ed25519_sign(key: bytes, message: bytes) -> bytes:
    """Ed25519 signature (64 bytes) with a 32-byte seed."""
    return _ed25519(key).sign(message)


def ed25519_verify(public: bytes, message: bytes, signature: bytes) -> None:
    """Return if the signature holds.

    Raises
    ------
    VerificationError
        If it does not, or key or signature are malformed.
    """
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError) as error:
        raise VerificationError("The Ed25519 signature does not hold.", code="BadSignature") from error


def _ed25519(key: bytes) -> Ed25519PrivateKey:
    if len(key) != 32:
        raise InputError(f"An Ed25519 seed has 32 bytes, not {len(key)}.", code="BadKey")
    return Ed25519PrivateKey.from_private_bytes(key)
