"""Everything one can say to the vault, the market and the court.

A message is sent by an account. The same values drive the in-memory ledger and the deployed contracts.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from concordat.primitives.encoding import abi_words
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Address, Amount, Bytes32, OrderId
from concordat.protocol.artifact import ModelCommitment
from concordat.protocol.claim_messages import ClaimMessage
from concordat.protocol.evidence import EvidenceKind
from concordat.protocol.execution import Result
from concordat.protocol.openings import ElementProof, Opening, OutputProof, ResultHeader, ResultOpening
from concordat.protocol.order import Order
from concordat.protocol.panel_messages import PanelMessage

__all__ = [
    "OPENING_PART",
    "Accept",
    "AcceptAndProve",
    "AcceptAndSubmit",
    "AcceptOpen",
    "Cancel",
    "CloseDemand",
    "CloseDispute",
    "CommitFind",
    "Demand",
    "Deposit",
    "ElementProof",
    "Expire",
    "Finalize",
    "Funding",
    "FundingMode",
    "Message",
    "OpenDispute",
    "OpenResult",
    "Opening",
    "OutputProof",
    "Pick",
    "Prove",
    "ProveElement",
    "ProveOutput",
    "Release",
    "ResultHeader",
    "ResultOpening",
    "Reveal",
    "RevealLeaf",
    "Submit",
    "Supply",
    "TimeOut",
    "TimeOutDemand",
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
class AcceptOpen:
    """The sender takes an order that names no provider; it cannot be delivered in the same second."""

    order: Order
    """As the client signed it, but with the sender filled in as its provider."""
    funding: Funding
    """The client's authorisation, of the order without provider."""


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


# -- demands ---------------------------------------------------------------------------------------------------------

OPENING_PART = 2**31
"""Number of the part that is the opening of a private result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Somebody with a bond makes the provider show a part of a large output; a client, open a private result."""

    order: Order
    """The delivered order."""
    header: ResultHeader
    """Opens its result."""
    model: ModelCommitment
    """Opens its model id."""
    part: int
    """Which 128 words, or `OPENING_PART`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """The provider shows a part of a large output, and gets the demander's bond."""

    order: Order
    """The order."""
    header: ResultHeader
    """Opens its result."""
    model: ModelCommitment
    """Opens its model id."""
    part: int
    """Which part."""
    words: Opening
    """Its words in the trace tree."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenResult:
    """A private result becomes one that everybody can judge: the client wants it, or the provider was asked to."""

    order: Order
    """The order."""
    header: ResultHeader
    """As delivered."""
    opening: ResultOpening
    """What is behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeOutDemand:
    """Anyone has a provider slashed who did not answer a demand in time."""

    order: Order
    """The order."""
    part: int
    """Which part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseDemand:
    """Anyone returns the bond of a demand whose order was slashed through something else."""

    order: Order
    """The order."""
    part: int
    """Which part."""


Message = (
    Deposit
    | Withdraw
    | Accept
    | AcceptOpen
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
    | Demand
    | Supply
    | OpenResult
    | TimeOutDemand
    | CloseDemand
    | PanelMessage
    | ClaimMessage
)
"""Any of them."""


def find_digest(order: OrderId, tile: int, challenger: Address, salt: bytes) -> Bytes32:
    """What `CommitFind` carries."""
    return keccak256(abi_words(order, tile, challenger, salt))
