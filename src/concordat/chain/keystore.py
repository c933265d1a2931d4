"""Keystore files, version 3: a private key under a password.

scrypt or PBKDF2 stretches the password to 32 bytes; the first half is the AES-128-CTR key, the second goes into a
Keccak check that tells a wrong password from a right one.

References
----------
Web3 Secret Storage Definition, version 3.
"""

from __future__ import annotations

import hmac
import os
import uuid
from typing import Any

from Crypto.Protocol.KDF import scrypt
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from concordat.primitives.errors import InputError
from concordat.primitives.hashing import keccak256
from concordat.primitives.signatures import address_of

__all__ = ["open_keystore", "seal_keystore"]

SCRYPT_COST = 1 << 17
"""Cost of new keystores: about a tenth of a gigabyte and a fraction of a second."""
_MAX_MEMORY = 1 << 30
_MAX_ITERATIONS = 10_000_000


def seal_keystore(key: bytes, password: str, *, cost: int = SCRYPT_COST) -> dict[str, Any]:
    """Keystore document of a private key.

    Parameters
    ----------
    key : bytes
        32 bytes.
    password : str
        Taken as UTF-8.
    cost : int
        scrypt's N, a power of two.
    """
    salt, vector = os.urandom(32), os.urandom(16)
    stretched = _scrypt(password, salt, 32, cost, 8, 1)
    ciphertext = _aes(stretched[:16], vector, key)
    return {
        "version": 3,
        "id": str(uuid.UUID(bytes=os.urandom(16), version=4)),
        "address": address_of(key).hex(),
        "crypto": {
            "cipher": "aes-128-ctr",
            "cipherparams": {"iv": vector.hex()},
            "ciphertext": ciphertext.hex(),
            "kdf": "scrypt",
            "kdfparams": {"dklen": 32, "n": cost, "r": 8, "p": 1, "salt": salt.hex()},
            "mac": keccak256(stretched[16:32] + ciphertext).hex(),
        },
    }


def open_keystore(document: Any, password: str) -> bytes:
    """Private key of a keystore document.

    Raises
    ------
    InputError
        ``BadKeystore`` if the document is not a version 3 keystore or asks for absurd work, ``WrongPassword``.
    """
    try:
        if document["version"] != 3:
            raise ValueError("version")
        crypto = document["crypto"] if "crypto" in document else document["Crypto"]
        if crypto["cipher"] != "aes-128-ctr":
            raise ValueError("cipher")
        ciphertext, mac = bytes.fromhex(crypto["ciphertext"]), bytes.fromhex(crypto["mac"])
        vector = bytes.fromhex(crypto["cipherparams"]["iv"])
        if len(ciphertext) != 32 or len(vector) != 16:
            raise ValueError("length")
        stretched = _stretch(crypto["kdf"], crypto["kdfparams"], password)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"This is no version 3 keystore: {type(error).__name__} at {str(error)[:40]}.", code="BadKeystore"
        ) from None
    if not hmac.compare_digest(keccak256(stretched[16:32] + ciphertext), mac):
        raise InputError("The password does not open this keystore.", code="WrongPassword")
    return _aes(stretched[:16], vector, ciphertext)


def _stretch(function: str, params: dict[str, Any], password: str) -> bytes:
    salt, length = bytes.fromhex(params["salt"]), params["dklen"]
    if type(length) is not int or not 32 <= length <= 64:
        raise ValueError("dklen")
    if function == "scrypt":
        cost, block, lanes = (params[name] for name in "nrp")
        if not all(type(n) is int and n > 0 for n in (cost, block, lanes)) or 128 * cost * block * lanes > _MAX_MEMORY:
            raise ValueError("kdfparams")
        return _scrypt(password, salt, length, cost, block, lanes)
    if function == "pbkdf2" and params["prf"] == "hmac-sha256":
        rounds = params["c"]
        if type(rounds) is not int or not 0 < rounds <= _MAX_ITERATIONS:
            raise ValueError("kdfparams")
        return PBKDF2HMAC(algorithm=SHA256(), length=length, salt=salt, iterations=rounds).derive(password.encode())
    raise ValueError("kdf")


def _scrypt(password: str, salt: bytes, length: int, cost: int, block: int, lanes: int) -> bytes:
    """From pycryptodome, because OpenSSL refuses the small blocks that some wallets use; its releases 3 and 4 declare
    other types for the same bytes.
    """
    stretch: Any = scrypt
    stretched: bytes = stretch(password.encode(), salt, length, cost, block, lanes)
    return stretched


def _aes(key: bytes, vector: bytes, data: bytes) -> bytes:
    stream = Cipher(AES(key), CTR(vector)).encryptor()
    return stream.update(data) + stream.finalize()
