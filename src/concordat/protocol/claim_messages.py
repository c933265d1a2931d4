"""What one says to the court of proofs: claims that a proof exists, and refutations of a step of them.

Normative: docs/explain/proof-system.md §10. Proofs and relations are bytes here; what is in them is known above.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from concordat.primitives.encoding import ZERO32, abi_words
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Address, Bytes32, OrderId
from concordat.protocol.order import Order

__all__ = [
    "CHUNK_BYTES",
    "MAX_DATA_BYTES",
    "ROOT_STEP",
    "AdmitRelation",
    "BlobHalf",
    "Carrier",
    "ClaimMessage",
    "CommitProofFind",
    "Disclosed",
    "PostClaim",
    "Posted",
    "RefuteRoot",
    "RefuteStep",
    "RelationShape",
    "ShowHalf",
    "claim_find_digest",
    "data_chunks",
    "data_root",
]

CHUNK_BYTES = 1024
"""Data of a claim is hashed in chunks of that size."""
MAX_DATA_BYTES = 126_976
"""Most data of a claim: what a blob holds."""
ROOT_STEP = 255
"""Stands for a step where a blob does not hold what its claim says."""


class Carrier(IntEnum):
    """How the data of a claim travels."""

    CALL_DATA = 0
    """In the call itself: the contract hashes it."""
    BLOB = 1
    """In the first blob of the same transaction (EIP-4844)."""


# -- values ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationShape:
    """What the contract reads of a relation that was admitted; positions count numbers of its encoding."""

    used_rows: int
    """Rows with cells."""
    lookup_rows: int
    """Rows with lookups."""
    slot_bits: int
    """Binary logarithm of the slots."""
    group_bits: int
    """Binary logarithm of the groups."""
    weight_rows: int
    """Rows of the matrix of weights."""
    lookups_at: int
    """Where the lookups begin."""
    tables_at: int
    """Where the tables begin."""
    families_at: int
    """Where the families of constraints begin."""
    matmuls_at: int
    """Where the products of matrices begin."""
    copies_at: int
    """Where the copied cells begin."""
    input_column: int
    """Column of the input."""
    input_start: int
    """Its first row."""
    input_count: int
    """Its elements."""
    public_count: int
    """Public elements."""
    matmuls: int
    """Products of matrices."""
    runs: int
    """Runs of copied cells."""
    log_rows: int
    """Binary logarithm of the rows."""
    run_bits: int
    """Binary logarithm of the runs."""
    product_rounds: int
    """Rounds of the sumcheck of products."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """Opens a claim: what it says, and which data is to show it."""

    output: bytes
    """The output that is claimed."""
    head: bytes
    """What opens the order's model and input."""
    relation: Bytes32
    """SHA-256 of the relation."""
    root: Bytes32 = ZERO32
    """`data_root` of the data."""
    length: int = 0
    """Bytes of the data."""
    blob: Bytes32 = ZERO32
    """Versioned hash of the blob that holds the data; zero where the data came as call data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosed:
    """Pieces of a claim's data, opened."""

    chunks: tuple[Bytes32, ...]
    """Hashes of all chunks."""
    first: tuple[int, ...]
    """First chunk of each piece."""
    pieces: tuple[bytes, ...]
    """Whole chunks, in order; the last one of the data may be shorter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobHalf:
    """What the lower half of a blob is found to be."""

    value: int
    """Value of the polynomial with these coefficients alone."""
    readable: bool
    """Whether each of them carries 31 bytes and no more."""
    chunks: tuple[Bytes32, ...]
    """Hashes of the chunks of data that they carry."""


# -- messages --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmitRelation:
    """Anyone shows once that a relation fits a transaction, so that claims about it can be judged."""

    relation: bytes
    """Its encoding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostClaim:
    """The provider of a funded order claims a result."""

    order: Order
    """The order."""
    posted: Posted
    """Output, head and relation; the rest follows from the data."""
    data: bytes
    """The proof, with what every step of its verification gives."""
    carrier: Carrier = Carrier.CALL_DATA
    """How the data travels."""
    shape: RelationShape
    """Of the relation, as it was admitted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitProofFind:
    """A challenger fixes which step of a claim fails, at least one block before he shows it."""

    digest: Bytes32
    """`claim_find_digest`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefuteStep:
    """Shows that a step of a claim does not hold. Needs no bond; slashes the order."""

    order: Order
    """The order, FUNDED or DELIVERED."""
    posted: Posted
    """As the claim's event has it."""
    relation: bytes
    """The relation's encoding for the step that evaluates it, else empty."""
    disclosed: Disclosed
    """What the step reads."""
    step: int
    """Which step."""
    index: int
    """Which of several of its kind."""
    salt: Bytes32
    """Of the earlier `CommitProofFind`."""
    shape: RelationShape
    """Of the relation, as it was admitted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowHalf:
    """Anyone shows the lower half of a blob before `RefuteRoot`: nodes do not pass on both in one transaction."""

    blob: Bytes32
    """Versioned hash."""
    words: bytes
    """The lower half of the coefficients of the blob's polynomial."""
    second: Bytes32
    """Keccak-256 of the upper half."""
    length: int
    """Bytes of the data that the blob is said to hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefuteRoot:
    """Shows that a claim's blob does not hold what the claim says. Needs no bond; slashes the order."""

    order: Order
    """The order, FUNDED or DELIVERED."""
    posted: Posted
    """As the claim's event has it."""
    first: Bytes32
    """Keccak-256 of the lower half of the coefficients."""
    half: BlobHalf
    """What that half was found to be."""
    words: bytes
    """The upper half of the coefficients."""
    commitment: bytes
    """The blob's commitment, 48 bytes."""
    proof: bytes
    """Of the polynomial's value at the contract's point, 48 bytes."""
    salt: Bytes32
    """Of the earlier `CommitProofFind` for `ROOT_STEP`."""


ClaimMessage = AdmitRelation | PostClaim | CommitProofFind | RefuteStep | ShowHalf | RefuteRoot
"""Any of them."""


# -- hashes ----------------------------------------------------------------------------------------------------------


def data_chunks(data: bytes) -> tuple[Bytes32, ...]:
    """Hashes of the chunks of a claim's data."""
    return tuple(keccak256(data[at : at + CHUNK_BYTES]) for at in range(0, len(data), CHUNK_BYTES))


def data_root(data: bytes) -> Bytes32:
    """Hash of the hashes of the data's chunks."""
    return keccak256(b"".join(data_chunks(data)))


def claim_find_digest(order: OrderId, step: int, index: int, challenger: Address, salt: bytes) -> Bytes32:
    """What `CommitProofFind` carries: ``keccak256(abi.encode(orderId, step, index, challenger, salt))``."""
    return keccak256(abi_words(order, step, index, challenger, salt))
