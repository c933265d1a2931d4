"""One entry of the transparency log: a settled decision as twelve words, none of which says anything about a person.

Everything that could be guessed (output, trace root) is inside a commitment with its own 32 random bytes. Whoever
erases the salts and the data leaves a record that still proves *that* and *when* a model decided, and nothing else.

The words are static ABI words, so that a contract can decode an entry whose inclusion it has verified
(`contracts/src/records/Checkpoints.sol`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from concordat.primitives.encoding import abi_words
from concordat.primitives.errors import InputError, VerificationError
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Address, Bytes32, ModelId, OrderId, Timestamp
from concordat.protocol.execution import Result, commit_result
from concordat.protocol.order import Domain, Order, order_id
from concordat.protocol.transparency import entry_hash

__all__ = [
    "RECORD_BYTES",
    "DecisionRecord",
    "Placement",
    "RecordSalts",
    "evidence_commitment",
    "output_commitment",
    "record_decision",
    "settlement_digest",
    "settlement_of",
]

RECORD_VERSION = 1
RECORD_BYTES = 12 * 32
SETTLING = ("Accepted", "Delivered", "Paid")
"""Events from offer to payment, in this order; `Delivered` is missing where evidence paid at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where one event of an order stands on chain."""

    event: str
    """Its name, one of `SETTLING`."""
    block: int
    """Block number, < 2**64."""
    index: int
    """Position in the block, counting all logs, < 2**32."""
    time: Timestamp
    """The block's time."""
    transaction: Bytes32
    """Hash of the transaction."""
    block_hash: Bytes32
    """Hash of the block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordSalts:
    """Secrets of one record; erasing them makes its commitments say nothing."""

    output: Bytes32
    """32 fresh random bytes."""
    evidence: Bytes32
    """32 others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRecord:
    """What the log keeps of one settled decision."""

    chain_id: int
    """EIP-155 chain id."""
    market: Address
    """The Market contract."""
    order_id: OrderId
    """Which order."""
    model: ModelId
    """Which model, version included."""
    provider: Address
    """Who decided."""
    input: Bytes32
    """The order's salted input root."""
    output: Bytes32
    """:func:`output_commitment`."""
    evidence: Bytes32
    """:func:`evidence_commitment`."""
    gathered: int
    """Evidence mask with which the order was paid, < 256."""
    sequence: int
    """Place among the orders of this model that this provider was paid for here, from 0; fixed by the chain."""
    time: Timestamp
    """Time of the block that paid it."""

    @property
    def domain(self) -> Domain:
        """Market and chain."""
        return Domain(chain_id=self.chain_id, market=self.market)

    def encode(self) -> bytes:
        """The log entry: 384 bytes, version word first."""
        return abi_words(
            RECORD_VERSION,
            self.chain_id,
            self.market,
            self.order_id,
            self.model,
            self.provider,
            self.input,
            self.output,
            self.evidence,
            self.gathered,
            self.sequence,
            self.time,
        )

    def leaf(self) -> Bytes32:
        """RFC 6962 leaf hash of :meth:`encode`."""
        return entry_hash(self.encode())

    @classmethod
    def decode(cls, entry: bytes) -> DecisionRecord:
        """Inverse of :meth:`encode`.

        Raises
        ------
        VerificationError
            If it is not exactly a record of this version.
        """
        if len(entry) != RECORD_BYTES:
            raise VerificationError(f"A record has {RECORD_BYTES} bytes, not {len(entry)}.", code="RecordFormat")
        words = [entry[i : i + 32] for i in range(0, RECORD_BYTES, 32)]
        version, chain_id, gathered, sequence, time = (int.from_bytes(words[i], "big") for i in (0, 1, 9, 10, 11))
        padded = any(words[i][:12] != bytes(12) for i in (2, 5))
        if version != RECORD_VERSION or padded or gathered >= 1 << 8 or sequence >= 1 << 64 or time >= 1 << 40:
            raise VerificationError("The entry is no decision record of version 1.", code="RecordFormat")
        return cls(
            chain_id=chain_id,
            market=Address(words[2][12:]),
            order_id=OrderId(words[3]),
            model=ModelId(words[4]),
            provider=Address(words[5][12:]),
            input=Bytes32(words[6]),
            output=Bytes32(words[7]),
            evidence=Bytes32(words[8]),
            gathered=gathered,
            sequence=sequence,
            time=Timestamp(time),
        )


def record_decision(
    *,
    domain: Domain,
    order: Order,
    result: Result,
    gathered: int,
    settlement: Iterable[Placement],
    sequence: int,
    salts: RecordSalts,
) -> DecisionRecord:
    """Record of an order that was paid.

    Parameters
    ----------
    gathered : int
        Evidence mask of its `Paid` event.
    settlement : iterable of Placement
        Where its events stand.
    sequence : int
        Place among the paid orders of this model and provider (`concordat.protocol.verification.sequence_of`).

    Raises
    ------
    InputError
        If the events are not those of a settled order.
    """
    placements = settlement_of(settlement)
    identity = order_id(order, domain)
    return DecisionRecord(
        chain_id=domain.chain_id,
        market=domain.market,
        order_id=identity,
        model=order.model,
        provider=order.provider,
        input=order.input,
        output=output_commitment(salts.output, result.output_hash),
        evidence=evidence_commitment(
            salts.evidence,
            policy=order.evidence,
            gathered=gathered,
            order=identity,
            provider=order.provider,
            trace_root=result.trace_root,
            output_hash=result.output_hash,
            settlement=placements,
        ),
        gathered=gathered,
        sequence=sequence,
        time=placements[-1].time,
    )


def output_commitment(salt: bytes, output_hash: bytes) -> Bytes32:
    """``keccak256(abi.encode(salt, outputHash))``; the salt is 32 fresh random bytes."""
    return keccak256(abi_words(salt, output_hash))


def evidence_commitment(
    salt: bytes,
    *,
    policy: bytes,
    gathered: int,
    order: OrderId,
    provider: Address,
    trace_root: bytes,
    output_hash: bytes,
    settlement: Iterable[Placement],
) -> Bytes32:
    """Salted commitment to what the order asked for, what was gathered, the result, and where it was settled.

    ``keccak256(abi.encode(salt, policy, gathered, result, settlement))`` with the 25-byte result commitment
    left-aligned in its word (as ``bytes25`` is) and :func:`settlement_digest`.
    """
    result = commit_result(order, provider, trace_root, output_hash).ljust(32, b"\0")
    return keccak256(abi_words(salt, policy, gathered, result, settlement_digest(settlement)))


def settlement_digest(placements: Iterable[Placement]) -> Bytes32:
    """Hash over the words of every placement: event's place in `SETTLING`, block, index, time, both hashes."""
    words = bytearray()
    for p in placements:
        if p.event not in SETTLING:
            raise InputError(f"{p.event[:40]!r} does not settle an order.", code="NotSettled")
        words += abi_words(SETTLING.index(p.event), p.block, p.index, p.time, p.transaction, p.block_hash)
    return keccak256(bytes(words))


def settlement_of(placements: Iterable[Placement]) -> tuple[Placement, ...]:
    """The same placements in order of the chain.

    Raises
    ------
    InputError
        Unless they are ``Accepted``, perhaps ``Delivered``, and ``Paid``, each once, in this order.
    """
    ordered = tuple(sorted(placements, key=lambda p: (p.block, p.index)))
    if tuple(p.event for p in ordered) not in (SETTLING, (SETTLING[0], SETTLING[2])):
        raise InputError(
            "A settled order was accepted and paid, with at most a delivery between.",
            code="NotSettled",
            hint="Make the record after the order is paid.",
        )
    return ordered
