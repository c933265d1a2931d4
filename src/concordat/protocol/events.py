"""What the vault, the market and the court answer; each is also a Solidity event of the same name and fields."""

from __future__ import annotations

from dataclasses import dataclass

from concordat.primitives.units import Address, Amount, Bytes32, ModelId, OrderId, Timestamp
from concordat.protocol.claim_events import ClaimEvent
from concordat.protocol.order import Order
from concordat.protocol.panel_events import PanelEvent

__all__ = [
    "Accepted",
    "Cancelled",
    "ChildPicked",
    "ChildrenRevealed",
    "Delivered",
    "DemandClosed",
    "Demanded",
    "Deposited",
    "DisputeClosed",
    "DisputeLost",
    "DisputeOpened",
    "Event",
    "Expired",
    "FindCommitted",
    "FraudProven",
    "LeafRevealed",
    "Paid",
    "ResultOpened",
    "Slashed",
    "Supplied",
    "Withdrawn",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposited:
    """Tokens came into an account's free balance."""

    account: Address
    """Whose."""
    amount: Amount
    """How much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """Tokens left an account's free balance."""

    account: Address
    """Whose."""
    to: Address
    """Where they went."""
    amount: Amount
    """How much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """An order is funded."""

    order_id: OrderId
    """Which."""
    client: Address
    """Who pays."""
    provider: Address
    """Who works."""
    order: Order
    """All of it, so that anybody can follow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """A result is there and can be challenged."""

    order_id: OrderId
    """Which."""
    provider: Address
    """Who delivered."""
    trace_root: Bytes32
    """Root of the execution's memory."""
    output: bytes
    """The output."""
    until: Timestamp
    """First second after the window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """An order is settled in the provider's favour."""

    order_id: OrderId
    """Which."""
    model: ModelId
    """Model that decided: the log's completeness is checked against these."""
    provider: Address
    """Who was paid."""
    output_hash: Bytes32
    """Keccak-256 of the output; zero where the settling transaction did not carry it (see `Delivered`)."""
    gathered: int
    """Evidence mask: how it was settled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """A funded order was not delivered in time."""

    order_id: OrderId
    """Which."""
    penalty: Amount
    """Part of the bond that went to the client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """Both parties undid it."""

    order_id: OrderId
    """Which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slashed:
    """Fraud was shown, or the provider fell silent in a dispute."""

    order_id: OrderId
    """Which."""
    challenger: Address
    """Who showed it."""
    to_client: Amount
    """Price and share of the bond."""
    to_challenger: Amount
    """Share of the bond."""
    burned: Amount
    """Share of the bond that nobody gets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindCommitted:
    """A challenger fixed a find."""

    challenger: Address
    """Who."""
    digest: Bytes32
    """Of what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FraudProven:
    """The court agreed that an element or the output is wrong."""

    order_id: OrderId
    """Which order."""
    challenger: Address
    """Who showed it."""
    tile: int
    """Where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeOpened:
    """A dissection began; the provider's clock runs."""

    order_id: OrderId
    """Which order."""
    challenger: Address
    """Whose dispute."""
    deadline: Timestamp
    """Last second for the next move."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildrenRevealed:
    """The provider moved; the challenger's clock runs."""

    order_id: OrderId
    """Which order."""
    challenger: Address
    """Whose dispute."""
    children: tuple[Bytes32, ...]
    """Left to right."""
    deadline: Timestamp
    """Last second for the next move."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildPicked:
    """The challenger moved; the provider's clock runs."""

    order_id: OrderId
    """Which order."""
    challenger: Address
    """Whose dispute."""
    index: int
    """Which child."""
    deadline: Timestamp
    """Last second for the next move."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafRevealed:
    """The provider showed the word; the challenger must now prove fraud."""

    order_id: OrderId
    """Which order."""
    challenger: Address
    """Whose dispute."""
    word: Bytes32
    """The word."""
    deadline: Timestamp
    """Last second for the proof."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeLost:
    """The challenger fell silent or could not prove: his bond is gone, the order's window is extended."""

    order_id: OrderId
    """Which order."""
    challenger: Address
    """Who lost."""
    to_provider: Amount
    """Respondent's costs."""
    burned: Amount
    """The rest of the bond."""
    until: Timestamp
    """First second after the order's extended window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeClosed:
    """The bond went back because the order was slashed through another challenge, or through this one."""

    order_id: OrderId
    """Which order."""
    challenger: Address
    """Whose bond."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demanded:
    """A part of a delivered output was demanded; the provider's clock runs."""

    order_id: OrderId
    """Which order."""
    demander: Address
    """Whose demand."""
    part: int
    """Which 128 words, or `concordat.protocol.messages.OPENING_PART`."""
    deadline: Timestamp
    """Last second for the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplied:
    """The provider showed a part, and got the demander's bond."""

    order_id: OrderId
    """Which order."""
    part: int
    """Which part."""
    words: tuple[Bytes32, ...]
    """The part."""
    until: Timestamp
    """First second after the order's window, extended if need be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultOpened:
    """A private result was opened; from now on it is judged like any other."""

    order_id: OrderId
    """Which order."""
    trace_root: Bytes32
    """Root of the execution's memory."""
    output: bytes
    """The output in plain."""
    until: Timestamp
    """First second after the order's window, extended if the provider had to be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandClosed:
    """The demander's bond went back because the order was slashed."""

    order_id: OrderId
    """Which order."""
    demander: Address
    """Whose bond."""
    part: int
    """Which part."""


Event = (
    Deposited
    | Withdrawn
    | Accepted
    | Delivered
    | Paid
    | Expired
    | Cancelled
    | Slashed
    | FindCommitted
    | FraudProven
    | DisputeOpened
    | ChildrenRevealed
    | ChildPicked
    | LeafRevealed
    | DisputeLost
    | DisputeClosed
    | Demanded
    | Supplied
    | ResultOpened
    | DemandClosed
    | PanelEvent
    | ClaimEvent
)
"""Any of them."""
