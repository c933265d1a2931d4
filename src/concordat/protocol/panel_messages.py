"""What one says to the pool of replicas and about the panel that is drawn for an order."""

from __future__ import annotations

from dataclasses import dataclass

from concordat.primitives.units import Address, Bytes32, OrderId
from concordat.protocol.artifact import ModelCommitment
from concordat.protocol.openings import ElementProof, OutputProof, ResultHeader
from concordat.protocol.order import Order

__all__ = [
    "ClosePanel",
    "CollectStake",
    "CommitSeat",
    "ConvictElement",
    "ConvictOutput",
    "DrawPanel",
    "JoinPool",
    "LeavePool",
    "PanelMessage",
    "RevealSeat",
    "SealResult",
    "SettleSeat",
]


# -- pool ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinPool:
    """The sender joins the pool, or adds to his stake."""

    tickets: int
    """How many tickets; each locks `Parameters.ticket` of his free balance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeavePool:
    """The sender will not be drawn any more; his stake is free after `Parameters.unbonding`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectStake:
    """Anyone frees the stake of a member who left long enough ago."""

    replica: Address
    """Whose."""


# -- panels ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SealResult:
    """The provider of a funded order fixes its result before replicas are drawn, and advances their fees."""

    order: Order
    """The order."""
    result: bytes
    """`concordat.protocol.execution.commit_result`: what the order's slot will hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawPanel:
    """Anyone draws the replicas of a sealed order, once the block that decides is there."""

    order: Order
    """The order."""
    header: bytes = b""
    """That block's header as the chain hashes it; a ledger that can look it up fills it in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitSeat:
    """A drawn replica fixes its result without showing it."""

    order_id: OrderId
    """Which order."""
    digest: Bytes32
    """`concordat.protocol.replication.seat_digest`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RevealSeat:
    """A replica shows what it committed to."""

    order: Order
    """The order."""
    header: ResultHeader
    """Its result."""
    salt: Bytes32
    """Of its commitment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleSeat:
    """Anyone settles a seat that did not reveal in time, or that disagreed about an order that has ended."""

    order: Order
    """The order."""
    replica: Address
    """Whose seat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosePanel:
    """Anyone gives back what no seat earned."""

    order: Order
    """The order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvictElement:
    """Shows that an element of the trace that a replica revealed is wrong. Takes its stake."""

    order: Order
    """The order."""
    replica: Address
    """Who revealed it."""
    header: ResultHeader
    """What it revealed."""
    model: ModelCommitment
    """Opens the order's model id."""
    proof: ElementProof
    """The proof."""
    salt: Bytes32
    """Of an earlier `CommitFind` for `concordat.protocol.replication.seat_id`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvictOutput:
    """Shows that the output that a replica revealed is not the output region of its trace. Takes its stake."""

    order: Order
    """The order."""
    replica: Address
    """Who revealed it."""
    header: ResultHeader
    """What it revealed."""
    model: ModelCommitment
    """Opens the order's model id."""
    proof: OutputProof
    """The proof."""
    salt: Bytes32
    """Of an earlier `CommitFind` for `concordat.protocol.replication.seat_id`."""


PanelMessage = (
    JoinPool
    | LeavePool
    | CollectStake
    | SealResult
    | DrawPanel
    | CommitSeat
    | RevealSeat
    | SettleSeat
    | ClosePanel
    | ConvictElement
    | ConvictOutput
)
"""Any of them."""
