"""What the vault, the market and the court remember, as frozen values, and what they are told from outside.

Every transition is a pure function ``(rules, world, message, call) -> (world, events)``. It raises a
`ProtocolError` and changes nothing if a check fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Protocol

from concordat.primitives.signatures import TokenDomain
from concordat.primitives.units import Address, Amount, Bytes32, OrderId, Timestamp
from concordat.protocol.artifact import ModelCommitment
from concordat.protocol.events import Event
from concordat.protocol.evidence import EvidenceKind
from concordat.protocol.ledger import Balance, Parameters
from concordat.protocol.messages import ElementProof, OutputProof
from concordat.protocol.order import Domain, Order, OrderState
from concordat.protocol.panel import PanelState, Pool, SeatState
from concordat.protocol.tables import Table

__all__ = [
    "Call",
    "DemandState",
    "Dispute",
    "EvidenceModule",
    "Judge",
    "Outcome",
    "Rules",
    "Table",
    "Turn",
    "WorldState",
]


class Turn(IntEnum):
    """Whose move a dispute waits for; at height 0 the provider's move is the leaf."""

    PROVIDER = 1
    """He shows the descendants of the node in question, or the word under the leaf."""
    CHALLENGER_PICKS = 2
    """He chooses one of the descendants."""
    CHALLENGER_PROVES = 3
    """He proves fraud, as he always could."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """One challenger's dissection of one order's trace."""

    bond: Amount
    """What the challenger locked."""
    node: Bytes32
    """Hash of the node in question."""
    height: int
    """Levels between that node and the leaves."""
    turn: Turn
    """Whose move is due."""
    deadline: Timestamp
    """Last second for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandState:
    """A demand for one part of one order's output."""

    demander: Address
    """Whose."""
    deadline: Timestamp
    """Last second for the answer."""
    bond: Amount
    """What the demander locked."""
    shown: bool = False
    """Whether it was answered; it cannot be made again then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldState:
    """Everything that the contracts store, and the settlement token's balances."""

    orders: Table[OrderId, OrderState] = field(default_factory=Table)
    """Slot of every order that was ever accepted."""
    balances: Table[Address, Balance] = field(default_factory=Table)
    """Accounts in the vault."""
    tokens: Table[Address, Amount] = field(default_factory=Table)
    """Settlement tokens by holder; the vault is one of them."""
    finds: Table[Bytes32, int] = field(default_factory=Table)
    """Block in which each find was committed."""
    disputes: Table[tuple[OrderId, Address], Dispute] = field(default_factory=Table)
    """Open disputes by order and challenger."""
    demands: Table[tuple[OrderId, int], DemandState] = field(default_factory=Table)
    """Demands by order and part, answered ones too."""
    opened: Table[OrderId, bytes] = field(default_factory=Table)
    """Result commitments (25 bytes) of private orders that were opened."""
    pool: Pool = field(default_factory=Pool)
    """Who can be drawn as a replica."""
    panels: Table[OrderId, PanelState] = field(default_factory=Table)
    """Replication of every order whose result was sealed."""
    seats: Table[tuple[OrderId, Address], SeatState] = field(default_factory=Table)
    """Seats of replicas that were drawn."""

    def order(self, order: OrderId) -> OrderState:
        """One order's slot; never accepted is `OrderStatus.NONE`."""
        return self.orders.get(order, OrderState())

    def balance(self, account: Address) -> Balance:
        """One account in the vault."""
        return self.balances.get(account, Balance())

    def token_balance(self, holder: Address) -> Amount:
        """Settlement tokens of one holder."""
        return self.tokens.get(holder, Amount(0))

    def with_order(self, order: OrderId, state: OrderState) -> WorldState:
        """The world with one slot changed."""
        return replace(self, orders=self.orders.put(order, state))

    def with_dispute(self, order: OrderId, challenger: Address, dispute: Dispute | None) -> WorldState:
        """The world with one dispute changed, or removed."""
        return replace(self, disputes=self.disputes.put((order, challenger), dispute))


class Judge(Protocol):
    """Recomputes one element of an execution; the integer graph is a layer above, so it is handed in."""

    def element_is_wrong(
        self, model: ModelCommitment, input_root: bytes, trace_root: bytes, proof: ElementProof
    ) -> bool:
        """Whether the claimed element differs from what its node makes; `DisputeError` ``BadOpening`` if not shown."""
        ...

    def output_is_wrong(self, model: ModelCommitment, trace_root: bytes, proof: OutputProof) -> bool:
        """Whether the output has the wrong length or differs from the trace; `DisputeError` ``BadOpening`` likewise."""
        ...


class EvidenceModule(Protocol):
    """Checks one kind of evidence in one call."""

    def verify(self, order_id: OrderId, order: Order, output: bytes, proof: bytes) -> bool:
        """Whether the proof shows that `output` is right for the order."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What is fixed when the contracts are deployed."""

    domain: Domain
    """EIP-712 domain of the market."""
    token_domain: TokenDomain
    """EIP-712 domain of the settlement token, for EIP-3009 authorisations."""
    vault: Address
    """The vault contract: receiver of every authorisation."""
    parameters: Parameters = field(default_factory=Parameters)
    """Clocks, costs and shares."""
    judge: Judge | None = None
    """Judge of elements; without one no opening verifies."""
    modules: Mapping[EvidenceKind, EvidenceModule] = field(default_factory=dict)
    """Kinds of evidence that a contract checks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Who speaks, and when."""

    sender: Address
    """The account that sent the message."""
    now: Timestamp
    """Time of the block that carries it."""
    block: int
    """Number of that block."""
    randomness: Mapping[int, Bytes32] = field(default_factory=dict)
    """Random number of each block that the chain still remembers: the last 256 before this one."""


Outcome = tuple[WorldState, tuple[Event, ...]]
"""What a transition returns."""
