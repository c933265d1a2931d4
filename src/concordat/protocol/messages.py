"""Everything one can say to the vault, the market and the court.

A message is sent by an account. The same values drive the in-memory ledger and the deployed contracts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from concordat.primitives.encoding import ZERO32, abi_words
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Address, Amount, Bytes32, OrderId
from concordat.protocol.artifact import ModelCommitment
from concordat.protocol.evidence import EvidenceKind
from concordat.protocol.execution import Result
from concordat.protocol.order import Order

__all__ = [
    "Accept",
    "AcceptAndProve",
    "AcceptAndSubmit",
    "Cancel",
    "CloseDispute",
    "CommitFind",
    "Deposit",
    "ElementProof",
    "Expire",
    "Finalize",
    "Funding",
    "FundingMode",
    "Message",
    "OpenDispute",
    "Opening",
    "OutputProof",
    "Pick",
    "Prove",
    "ProveElement",
    "ProveOutput",
    "Release",
    "ResultHeader",
    "Reveal",
    "RevealLeaf",
    "Submit",
    "TimeOut",
    "Withdraw",
    "find_digest",
]


class FundingMode(IntEnum):
    """Where the price comes from."""

    AUTHORIZATION = 0
    """The client's EIP-3009 ``ReceiveWithAuthorization`` whose nonce is the order id."""
    CREDIT = 1
    """The client's free balance in the vault, with an EIP-712 (or ERC-1271) signature over the order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Funding:
    """How an order is paid for."""

    mode: FundingMode
    """Which way."""
    signature: bytes
    """``r ‖ s ‖ v`` (65 bytes), or whatever the client's ERC-1271 account accepts."""


# -- vault -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposit:
    """Move the sender's tokens (approved before) into his free balance."""

    amount: Amount
    """How much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdraw:
    """Move some of the sender's free balance to a token holder."""

    amount: Amount
    """How much."""
    to: Address
    """Who receives the tokens."""


# -- market ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Accept:
    """The provider takes an offered order: price into escrow, bond locked."""

    order: Order
    """As the client signed it."""
    funding: Funding
    """The client's authorisation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """The provider hands over the result of a funded order."""

    order: Order
    """The order."""
    result: Result
    """Output and trace root."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptAndSubmit:
    """Both in one transaction: the provider worked before funding, at his own risk."""

    order: Order
    """As the client signed it."""
    funding: Funding
    """The client's authorisation."""
    result: Result
    """Output and trace root."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prove:
    """Anyone brings evidence that a contract checks; the order is paid at once if its policy is then met."""

    order: Order
    """The order, FUNDED or DELIVERED."""
    kind: EvidenceKind
    """Which module checks."""
    output: bytes
    """The output that the evidence is about; in DELIVERED it must be the delivered one."""
    trace_root: Bytes32
    """Trace root of the delivered result; ignored while FUNDED."""
    proof: bytes
    """What the module reads; for NATIVE see :class:`concordat.graph.evm.NativeProof`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptAndProve:
    """Offer to PAID in one transaction."""

    order: Order
    """As the client signed it."""
    funding: Funding
    """The client's authorisation."""
    kind: EvidenceKind
    """Which module checks."""
    output: bytes
    """The output that the evidence is about."""
    proof: bytes
    """What the module reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """The client lets a delivered order be paid before its window ends."""

    order: Order
    """The order."""
    signature: bytes = b""
    """Over EIP-712 ``Release(bytes32 order)``; empty when the client itself is the sender."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finalize:
    """Anyone lets a delivered order be paid after its window, with no dispute open."""

    order: Order
    """The order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expire:
    """Anyone ends a funded order whose delivery time has passed: refund and no-show penalty."""

    order: Order
    """The order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """Both parties undo a funded or delivered order that nobody disputes."""

    order: Order
    """The order."""
    client_signature: bytes = b""
    """Over EIP-712 ``Cancel(bytes32 order)``; empty when the client is the sender."""
    provider_signature: bytes = b""
    """The same of the provider."""


# -- court -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultHeader:
    """Opens the result commitment of a delivered order."""

    trace_root: Bytes32
    """Root of the trace tree."""
    output_hash: Bytes32
    """Keccak-256 of the output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A contiguous run of words with its Merkle siblings."""

    words: tuple[Bytes32, ...] = ()
    """The words, in order."""
    path: tuple[Bytes32, ...] = ()
    """Siblings as in `concordat.primitives.merkle.range_root`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementProof:
    """Shows that one element of the trace is not what its node makes of its operands."""

    node: int
    """Index of the descriptor."""
    element: int
    """Index of the element in the node's region; at or past ``n`` it is padding and must be zero."""
    descriptor: bytes
    """The 192 bytes."""
    descriptor_path: tuple[Bytes32, ...]
    """Takes the descriptor's hash to the program root."""
    claimed: Opening
    """The trace word that holds the element."""
    a: Opening = field(default_factory=Opening)
    """First operand's words; for an INPUT node the word of the order's input."""
    b: Opening = field(default_factory=Opening)
    """Second operand's words."""
    c: Opening = field(default_factory=Opening)
    """Third operand's words."""
    leaf_salt: Bytes32 = ZERO32
    """INPUT nodes: salt of the opened input leaf."""

    @property
    def tile(self) -> int:
        """What the challenger commits to beforehand."""
        return self.node << 32 | self.element


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputProof:
    """Shows that the delivered output differs from the output region of the trace, or has another length."""

    output: bytes
    """The delivered output."""
    word: int
    """Which word differs; any when the length is wrong."""
    claimed: Opening
    """The trace word at ``outputStart + word``; empty when the length is wrong."""

    @property
    def tile(self) -> int:
        """What the challenger commits to beforehand."""
        return 1 << 255 | self.word


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitFind:
    """A challenger fixes what he found, at least one block before he shows it."""

    digest: Bytes32
    """``keccak256(abi.encode(orderId, tile, challenger, salt))``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProveElement:
    """One-transaction fraud proof about an element. Needs no bond."""

    order: Order
    """The delivered order."""
    header: ResultHeader
    """Opens its result."""
    model: ModelCommitment
    """Opens its model id."""
    proof: ElementProof
    """The proof."""
    salt: Bytes32
    """Of the earlier `CommitFind`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProveOutput:
    """One-transaction fraud proof about the delivered output. Needs no bond."""

    order: Order
    """The delivered order."""
    header: ResultHeader
    """Opens its result."""
    model: ModelCommitment
    """Opens its model id."""
    proof: OutputProof
    """The proof."""
    salt: Bytes32
    """Of the earlier `CommitFind`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDispute:
    """A challenger with a bond demands that a withheld trace be revealed where it differs from his own."""

    order: Order
    """The delivered order."""
    header: ResultHeader
    """Opens its result."""
    model: ModelCommitment
    """Opens its model id (the depth of the trace tree is in it)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reveal:
    """The provider shows the descendants, four levels down, of the node in question."""

    order: Order
    """The order."""
    challenger: Address
    """Whose dispute."""
    children: tuple[Bytes32, ...]
    """Sixteen hashes, or fewer at the bottom (a power of two)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """The challenger (sender) descends to the leftmost child that differs from his own trace."""

    order: Order
    """The order."""
    children: tuple[Bytes32, ...]
    """As revealed."""
    index: int
    """Which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RevealLeaf:
    """The provider shows the word under the leaf that was reached."""

    order: Order
    """The order."""
    challenger: Address
    """Whose dispute."""
    word: Bytes32
    """Its Keccak-256 is the leaf."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeOut:
    """Anyone ends a dispute whose mover was silent too long: a provider is slashed, a challenger loses his bond."""

    order: Order
    """The order."""
    challenger: Address
    """Whose dispute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseDispute:
    """Anyone returns the bond of a dispute whose order was meanwhile slashed by somebody else."""

    order: Order
    """The order."""
    challenger: Address
    """Whose dispute."""


Message = (
    Deposit
    | Withdraw
    | Accept
    | Submit
    | AcceptAndSubmit
    | Prove
    | AcceptAndProve
    | Release
    | Finalize
    | Expire
    | Cancel
    | CommitFind
    | ProveElement
    | ProveOutput
    | OpenDispute
    | Reveal
    | Pick
    | RevealLeaf
    | TimeOut
    | CloseDispute
)
"""Any of them."""


def find_digest(order: OrderId, tile: int, challenger: Address, salt: bytes) -> Bytes32:
    """What `CommitFind` carries."""
    return keccak256(abi_words(order, tile, challenger, salt))
