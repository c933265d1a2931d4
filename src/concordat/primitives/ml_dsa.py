"""ML-DSA-44, the lattice signature of FIPS 204, in pure mode with an empty context.

The library is `cryptography`, from version 48. Builds of it on an OpenSSL before 3.5, or on something else that has no
ML-DSA, cannot do it; then a `ConfigurationError` says what to install. Signing is hedged: two signatures of one message
differ.

References
----------
FIPS 204.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from concordat.primitives.errors import ConfigurationError, InputError, VerificationError

__all__ = ["PUBLIC_BYTES", "SEED_BYTES", "SIGNATURE_BYTES", "ml_dsa_public", "ml_dsa_sign", "ml_dsa_verify"]

SEED_BYTES = 32
"""The private key as FIPS 204 calls ξ."""
PUBLIC_BYTES = 1_312
SIGNATURE_BYTES = 2_420


def ml_dsa_public(seed: bytes) -> bytes:
    """Public key (1,312 bytes) of a 32-byte seed."""
    public: bytes = _private(seed).public_key().public_bytes_raw()
    return public


def ml_dsa_sign(seed: bytes, message: bytes) -> bytes:
    """Signature (2,420 bytes) with a 32-byte seed."""
    signature: bytes = _private(seed).sign(message)
    return signature


def ml_dsa_verify(public: bytes, message: bytes, signature: bytes) -> None:
    """Return if the signature holds.

    Raises
    ------
    VerificationError
        If it does not, or key or signature are malformed.
    ConfigurationError
        ``MlDsaMissing`` if the library cannot do it.
    """
    library = _library()
    if len(signature) != SIGNATURE_BYTES:
        raise VerificationError(f"An ML-DSA-44 signature has {SIGNATURE_BYTES} bytes.", code="BadSignature")
    try:
        library.MLDSA44PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError) as error:
        raise VerificationError("The ML-DSA-44 signature does not hold.", code="BadSignature") from error
    except UnsupportedAlgorithm:
        raise _missing() from None


def _private(seed: bytes) -> Any:
    if len(seed) != SEED_BYTES:
        raise InputError(f"An ML-DSA-44 seed has {SEED_BYTES} bytes, not {len(seed)}.", code="BadKey")
    try:
        return _library().MLDSA44PrivateKey.from_seed_bytes(seed)
    except UnsupportedAlgorithm:
        raise _missing() from None


def _library() -> ModuleType:
    try:
        from cryptography.hazmat.primitives.asymmetric import mldsa
    except ImportError:
        raise _missing() from None
    return mldsa


def _missing() -> ConfigurationError:
    return ConfigurationError(
        "The installed cryptography library has no ML-DSA-44.",
        code="MlDsaMissing",
        hint="Install its wheel: pip install --only-binary cryptography 'cryptography>=48'",
    )
