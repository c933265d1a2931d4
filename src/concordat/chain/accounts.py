"""Who signs: raw keys, environment variables, keystore files, external signers, development accounts.

Everything above asks for two things only, an address and a signature over a digest (`Signer`), so that a key may just
as well live in a hardware module or in another process.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from concordat.chain.keystore import open_keystore, seal_keystore
from concordat.primitives.encoding import checksum_address, from_hex, to_hex
from concordat.primitives.errors import ConfigurationError, InputError, NotFoundError, VerificationError
from concordat.primitives.signatures import address_of, public_key, recover, sign_digest
from concordat.primitives.units import Address

__all__ = [
    "DEVELOPMENT_MNEMONIC",
    "Account",
    "ExternalSigner",
    "Relayed",
    "Signer",
    "command_signer",
    "development_accounts",
    "payer",
]

DEVELOPMENT_MNEMONIC = "test test test test test test test test test test test junk"
"""The phrase that development chains fund; it is public: never send real money there."""
_GROUP_ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
_HARDENED = 1 << 31


class Signer(Protocol):
    """Somebody who can sign for one address."""

    @property
    def address(self) -> Address:
        """The account."""
        ...

    def sign(self, digest: bytes) -> bytes:
        """``r ‖ s ‖ v`` over a 32-byte digest, low s, v 27 or 28."""
        ...


@runtime_checkable
class Relayed(Signer, Protocol):
    """An account that is a contract: somebody else sends what it does."""

    @property
    def relayer(self) -> Signer:
        """Who sends and pays."""
        ...

    def through(self, to: Address | None, data: bytes, value: int) -> tuple[Signer, Address, bytes]:
        """What to send for a call of the account: by whom, to whom, with what data."""
        ...


def payer(signer: Signer) -> Signer:
    """Who pays for a signer's transactions: itself, unless others bring them."""
    return signer.relayer if isinstance(signer, Relayed) else signer


class Account:
    """A key held in this process.

    Parameters
    ----------
    key : bytes
        32 bytes.

    Raises
    ------
    InputError
        If it is no key.
    """

    __slots__ = ("_address", "_key")

    def __init__(self, key: bytes) -> None:
        self._address = address_of(key) if len(key) == 32 else address_of(b"")
        self._key = bytes(key)

    @property
    def address(self) -> Address:
        """The account."""
        return self._address

    def __repr__(self) -> str:
        return f"Account({checksum_address(self._address)})"

    def __reduce__(self) -> str:
        raise TypeError("An account holds a private key and is not pickled.")

    def sign(self, digest: bytes) -> bytes:
        """``r ‖ s ‖ v`` over a 32-byte digest."""
        return sign_digest(self._key, digest)

    @classmethod
    def from_hex(cls, text: str) -> Account:
        """Account of ``0x`` and 64 hexadecimal digits (``0x`` may be missing)."""
        digits = text.strip()
        try:
            key = from_hex(digits if digits.startswith("0x") else "0x" + digits, length=32)
        except InputError:
            raise InputError("That is no private key: 64 hexadecimal digits are.", code="BadKey") from None
        return cls(key)

    @classmethod
    def from_environment(cls, name: str, environment: Mapping[str, str] | None = None) -> Account:
        """Account of the key in an environment variable.

        Raises
        ------
        ConfigurationError
            If the variable is not set or holds no key.
        """
        value = (os.environ if environment is None else environment).get(name)
        hint = f"Set {name} to a private key of 64 hexadecimal digits."
        if not value:
            raise ConfigurationError(f"The environment variable {name} is not set.", code="NoKey", hint=hint)
        try:
            return cls.from_hex(value)
        except InputError:
            raise ConfigurationError(f"{name} holds no private key.", code="BadKey", hint=hint) from None

    @classmethod
    def from_keystore(cls, path: Path, password: str) -> Account:
        """Account of a keystore file (version 3).

        Raises
        ------
        NotFoundError
            If there is no such file.
        InputError
            If the password is wrong or the file is no keystore.
        """
        try:
            document = json.loads(path.read_bytes())
        except FileNotFoundError:
            raise NotFoundError(f"There is no keystore {path}.", code="NoKeystore") from None
        except ValueError as error:
            raise InputError(f"{path} is no keystore: not JSON.", code="BadKeystore") from error
        return cls(open_keystore(document, password))

    def save_keystore(self, path: Path, password: str) -> None:
        """Write an encrypted keystore that only the owner of the file can read; never overwrites."""
        document = json.dumps(seal_keystore(self._key, password), indent=1)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise InputError(f"{path} exists and is not overwritten.", code="KeystoreExists") from None
        with os.fdopen(handle, "w") as file:
            file.write(document)


class ExternalSigner:
    """An address whose key is elsewhere.

    Parameters
    ----------
    address : Address
        The account.
    ask : callable
        Takes the 32-byte digest, returns the 65-byte signature. Whatever comes back is checked.
    """

    def __init__(self, address: Address, ask: Callable[[bytes], bytes]) -> None:
        self._address = address
        self._ask = ask

    @property
    def address(self) -> Address:
        """The account."""
        return self._address

    def __repr__(self) -> str:
        return f"ExternalSigner({checksum_address(self._address)})"

    def sign(self, digest: bytes) -> bytes:
        """``r ‖ s ‖ v`` over a 32-byte digest.

        Raises
        ------
        ConfigurationError
            If the signer's answer is no signature of this account.
        """
        signature = self._ask(digest)
        try:
            signed_by = recover(digest, signature)
        except VerificationError:
            signed_by = None
        if signed_by != self._address:
            raise ConfigurationError(
                f"The external signer's answer is no signature of {checksum_address(self._address)}.",
                code="BadSigner",
                hint="Check that the signer holds the key of this account and signs the digest as it is.",
            )
        return signature


def command_signer(address: Address, command: Sequence[str], *, timeout: float = 60.0) -> ExternalSigner:
    """A signer that runs a program.

    The program reads one line ``0x<address> 0x<digest>`` and prints ``0x<signature>``.
    """

    def ask(digest: bytes) -> bytes:
        try:
            done = subprocess.run(
                list(command),
                input=f"{to_hex(address)} {to_hex(digest)}\n",
                capture_output=True,
                text=True,
                timeout=timeout,
                check=True,
            )
            return from_hex(done.stdout.strip())
        except (OSError, subprocess.SubprocessError, InputError) as error:
            raise ConfigurationError(
                f"The signer {command[0]!r} failed: {type(error).__name__}.",
                code="BadSigner",
                hint="Run it by hand with one line of input: address and digest.",
            ) from error

    return ExternalSigner(address, ask)


def development_accounts(count: int, *, mnemonic: str = DEVELOPMENT_MNEMONIC) -> list[Account]:
    """Accounts ``m/44'/60'/0'/0/0 …`` of a phrase (BIP-39 seed, BIP-32 derivation)."""
    seed = hashlib.pbkdf2_hmac("sha512", mnemonic.encode(), b"mnemonic", 2048)
    node = hmac.digest(b"Bitcoin seed", seed, "sha512")
    for index in (44 + _HARDENED, 60 + _HARDENED, _HARDENED, 0):
        node = _child(node, index)
    return [Account(_child(node, index)[:32]) for index in range(count)]


def _child(node: bytes, index: int) -> bytes:
    """Private child (key ‖ chain code) of a node, BIP-32."""
    key, chain_code = node[:32], node[32:]
    if index >= _HARDENED:
        data = b"\0" + key
    else:
        point = public_key(key)
        data = bytes([2 + point[64] % 2]) + point[1:33]
    digest = hmac.digest(chain_code, data + index.to_bytes(4, "big"), "sha512")
    secret = (int.from_bytes(digest[:32], "big") + int.from_bytes(key, "big")) % _GROUP_ORDER
    return secret.to_bytes(32, "big") + digest[32:]
