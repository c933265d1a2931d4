"""Tombstones: entries of the log that say a record's private data have been erased.

A record stays in the log for good, and so does its place in every proof; what was erased is everything that opened it.
A tombstone names the order and nothing else: no subject, no reason, and not the other orders of the same subject.
"""

from __future__ import annotations

from dataclasses import dataclass

from concordat.primitives.encoding import abi_words
from concordat.primitives.errors import VerificationError
from concordat.primitives.hashing import keccak256
from concordat.primitives.signatures import typed_digest
from concordat.primitives.units import Address, Bytes32, OrderId, Timestamp
from concordat.protocol.order import Domain
from concordat.protocol.transparency import entry_hash

__all__ = ["LoggedTombstone", "Tombstone", "erase_digest", "is_tombstone"]

TOMBSTONE_VERSION = 2
"""First word of the entry; that of a decision record is 1."""
TOMBSTONE_BYTES = 6 * 32
_ERASE_TYPEHASH = keccak256(b"Erase(bytes32 order)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """What the log keeps of an erasure."""

    chain_id: int
    """EIP-155 chain id."""
    market: Address
    """The Market contract."""
    order_id: OrderId
    """Which order's private data are gone."""
    index: int
    """Place of its record in the same log."""
    time: Timestamp
    """When the log's keeper says that he learnt of it."""

    @property
    def domain(self) -> Domain:
        """Market and chain."""
        return Domain(chain_id=self.chain_id, market=self.market)

    def encode(self) -> bytes:
        """The log entry: 192 bytes, version word first."""
        return abi_words(TOMBSTONE_VERSION, self.chain_id, self.market, self.order_id, self.index, self.time)

    def leaf(self) -> Bytes32:
        """RFC 6962 leaf hash of :meth:`encode`."""
        return entry_hash(self.encode())

    @classmethod
    def decode(cls, entry: bytes) -> Tombstone:
        """Inverse of :meth:`encode`.

        Raises
        ------
        VerificationError
            If it is not exactly a tombstone of this version.
        """
        words = [entry[i : i + 32] for i in range(0, len(entry), 32)]
        if not is_tombstone(entry) or words[2][:12] != bytes(12):
            raise VerificationError("The entry is no tombstone.", code="RecordFormat")
        index, time = int.from_bytes(words[4], "big"), int.from_bytes(words[5], "big")
        if index >= 1 << 63 or time >= 1 << 40:
            raise VerificationError("The entry is no tombstone.", code="RecordFormat")
        return cls(
            chain_id=int.from_bytes(words[1], "big"),
            market=Address(words[2][12:]),
            order_id=OrderId(words[3]),
            index=index,
            time=Timestamp(time),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedTombstone:
    """A tombstone with the proof that it is in the log."""

    tombstone: Tombstone
    """The entry."""
    inclusion: str
    """C2SP tlog-proof text: index, audit path and signed checkpoint."""


def is_tombstone(entry: bytes) -> bool:
    """Whether a log entry is meant as a tombstone."""
    return len(entry) == TOMBSTONE_BYTES and int.from_bytes(entry[:32], "big") == TOMBSTONE_VERSION


def erase_digest(order: bytes, domain: Domain) -> Bytes32:
    """What a client signs to have the private data of one of his orders erased (EIP-712, market's domain)."""
    return typed_digest(domain, keccak256(abi_words(_ERASE_TYPEHASH, order)))
