"""What the pool of replicas and their panels answer; each is also a Solidity event of the same name and fields."""

from __future__ import annotations

from dataclasses import dataclass

from concordat.primitives.units import Address, Amount, Bytes32, OrderId, Timestamp

__all__ = [
    "DrawMoved",
    "PanelClosed",
    "PanelDrawn",
    "PanelEvent",
    "PoolJoined",
    "PoolLeft",
    "ReplicaSlashed",
    "ResultSealed",
    "RevealsOpened",
    "SeatCommitted",
    "SeatRevealed",
    "SeatSettled",
    "StakeCollected",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolJoined:
    """Somebody joined the pool, or added to his stake."""

    replica: Address
    """Who."""
    tickets: int
    """How many more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLeft:
    """A member will not be drawn any more."""

    replica: Address
    """Who."""
    free_at: Timestamp
    """First second at which his stake is free."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StakeCollected:
    """A former member's stake is free."""

    replica: Address
    """Whose."""
    amount: Amount
    """How much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultSealed:
    """A provider fixed his result; replicas can be drawn soon."""

    order_id: OrderId
    """Which order."""
    provider: Address
    """Who."""
    fee: Amount
    """What one replica earns."""
    draw_block: int
    """Block whose random number draws."""
    draw_by: Timestamp
    """Last second to draw."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawMoved:
    """The random number was forgotten before anybody used it; another block draws."""

    order_id: OrderId
    """Which order."""
    draw_block: int
    """That block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelDrawn:
    """These replicas were drawn and may commit."""

    order_id: OrderId
    """Which order."""
    replicas: tuple[Address, ...]
    """In the order in which they were drawn."""
    commit_by: Timestamp
    """Last second to commit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatCommitted:
    """A replica committed."""

    order_id: OrderId
    """Which order."""
    replica: Address
    """Who."""
    digest: Bytes32
    """To what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RevealsOpened:
    """The sealed result is delivered; replicas reveal."""

    order_id: OrderId
    """Which order."""
    reveal_by: Timestamp
    """Last second to reveal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatRevealed:
    """A replica revealed its result."""

    order_id: OrderId
    """Which order."""
    replica: Address
    """Who."""
    trace_root: Bytes32
    """Root of its trace."""
    output_hash: Bytes32
    """Keccak-256 of its output."""
    agrees: bool
    """Whether it is what the provider sealed."""
    paid: Amount
    """What it earned at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatSettled:
    """A seat ended otherwise: paid after all, or fined."""

    order_id: OrderId
    """Which order."""
    replica: Address
    """Whose seat."""
    paid: Amount
    """What it earned."""
    fined: Amount
    """What it lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelClosed:
    """What no seat earned went to somebody."""

    order_id: OrderId
    """Which order."""
    account: Address
    """The client; or the provider, if the client got the price back."""
    amount: Amount
    """How much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaSlashed:
    """A replica's result is shown to be wrong."""

    order_id: OrderId
    """About which order."""
    replica: Address
    """Whose."""
    challenger: Address
    """Who showed it."""
    to_client: Amount
    """Share of the stake."""
    to_challenger: Amount
    """Share of the stake."""
    burned: Amount
    """Share of the stake that nobody gets."""


PanelEvent = (
    PoolJoined
    | PoolLeft
    | StakeCollected
    | ResultSealed
    | DrawMoved
    | PanelDrawn
    | SeatCommitted
    | RevealsOpened
    | SeatRevealed
    | SeatSettled
    | PanelClosed
    | ReplicaSlashed
)
"""Any of them."""
