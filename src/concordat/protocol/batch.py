"""What the signers of a `ProviderAccount` sign: batches of calls, and digests that the account vouches for.

Twin of `contracts/src/accounts/ProviderAccount.sol`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from concordat.primitives.encoding import abi_words
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Address, Bytes32, Timestamp

__all__ = ["AccountDomain", "Batch", "Call"]

_DOMAIN_TYPEHASH = keccak256(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
_CALL = b"Call(address target,uint256 value,bytes data)"
_CALL_TYPEHASH = keccak256(_CALL)
_BATCH_TYPEHASH = keccak256(b"Batch(Call[] calls,uint64 number,uint40 deadline)" + _CALL)
_WRAPPED_TYPEHASH = keccak256(b"Approved(bytes32 digest)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of a batch."""

    target: Address
    """Who is called."""
    value: int = 0
    """Wei sent along."""
    data: bytes
    """Selector and arguments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountDomain:
    """EIP-712 domain of one account."""

    chain_id: int
    """EIP-155 chain id."""
    account: Address
    """The account's contract."""

    def separator(self) -> Bytes32:
        """The 32 bytes."""
        name, version = keccak256(b"Concordat account"), keccak256(b"1")
        return keccak256(abi_words(_DOMAIN_TYPEHASH, name, version, self.chain_id, self.account))

    def wrapped(self, digest: bytes) -> Bytes32:
        """What signers sign for those who ask the account by ERC-1271 about a digest."""
        return keccak256(b"\x19\x01" + self.separator() + keccak256(abi_words(_WRAPPED_TYPEHASH, digest)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Calls that are made together or not at all."""

    calls: Sequence[Call]
    """In order."""
    number: int
    """The account's next number, or a later one."""
    deadline: Timestamp
    """Last time at which it is good."""

    def digest(self, domain: AccountDomain) -> Bytes32:
        """What its signers sign."""
        hashes = b"".join(
            keccak256(abi_words(_CALL_TYPEHASH, call.target, call.value, keccak256(call.data))) for call in self.calls
        )
        struct = keccak256(abi_words(_BATCH_TYPEHASH, keccak256(hashes), self.number, self.deadline))
        return keccak256(b"\x19\x01" + domain.separator() + struct)
