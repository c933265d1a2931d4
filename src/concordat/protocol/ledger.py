"""The one interface between the platform and whatever keeps the money: memory or any EVM chain."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from concordat.primitives.signatures import TokenDomain
from concordat.primitives.units import Address, Amount, Bytes32, OrderId, Seconds, Timestamp
from concordat.protocol.events import Event
from concordat.protocol.messages import Message
from concordat.protocol.order import Domain, OrderState
from concordat.protocol.panel import Member

__all__ = ["Balance", "Ledger", "Parameters", "Placed", "Receipt"]

CHILDREN_LEVELS = 4
"""A dissection move descends this many levels: sixteen children."""
BURN_ADDRESS = Address(bytes.fromhex("000000000000000000000000000000000000dead"))
"""Burned amounts are credited to this account, which nobody can withdraw from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """Numbers fixed when a market is deployed."""

    move_time: Seconds = field(default=Seconds(3600))
    """Clock of every move in a dispute."""
    respondent_cost: Amount = field(default=Amount(2_000_000))
    """What a lost dispute pays the provider for answering."""
    dispute_price_share: int = 10
    """Per cent of the price in a challenger's bond, beyond `respondent_cost`."""
    no_show_share: int = 25
    """Per cent of the bond that an undelivered order pays to the client."""
    slash_challenger: int = 50
    """Per cent of a slashed bond for the challenger."""
    slash_client: int = 25
    """Per cent of a slashed bond for the client; the rest is burned."""
    ticket: Amount = field(default=Amount(5_000_000))
    """Stake behind one of a replica's tickets, and what its silence costs."""
    draw_delay: int = 4
    """Blocks between the seal of a result and the block that draws replicas."""
    commit_time: Seconds = field(default=Seconds(300))
    """To draw replicas; and again, for these to commit."""
    reveal_time: Seconds = field(default=Seconds(300))
    """To reveal; in it fraud can be shown before replicas' agreement pays."""
    unbonding: Seconds = field(default=Seconds(8 * 86_400))
    """Between a replica's leaving and the return of its stake; no replicated order lasts longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """One account in the vault."""

    free: Amount = field(default=Amount(0))
    """Can be withdrawn, or locked as a bond."""
    locked: Amount = field(default=Amount(0))
    """Bonds of open orders and disputes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """An event and where it stands."""

    event: Event
    """The event."""
    block: int
    """Block number."""
    index: int
    """Position in the block, counting all logs."""
    time: Timestamp
    """The block's time."""
    transaction: Bytes32
    """Hash of the transaction."""
    block_hash: Bytes32
    """Hash of the block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a message led to."""

    events: tuple[Event, ...]
    """In order."""
    transaction: Bytes32
    """Hash of the transaction."""
    block: int
    """Its block."""
    gas_used: int
    """Zero where nothing is metered."""


class Ledger(Protocol):
    """What the platform needs of a chain. Protocol refusals raise `ProtocolError` with the custom error's name."""

    domain: Domain
    parameters: Parameters
    vault: Address
    token_domain: TokenDomain

    def send(self, message: Message, *, sender: Address) -> Receipt:
        """Apply one message and wait until it is in."""
        ...

    def state(self, order: OrderId) -> OrderState:
        """One order's slot."""
        ...

    def balance(self, account: Address) -> Balance:
        """One account in the vault."""
        ...

    def token_balance(self, account: Address) -> Amount:
        """Settlement tokens held outside the vault."""
        ...

    def member(self, replica: Address) -> Member:
        """One member of the pool of replicas; place zero if it is none."""
        ...

    def now(self) -> Timestamp:
        """Time that a message sent now would see."""
        ...

    def events(self, *, start: int = 0, end: int | None = None) -> list[Placed]:
        """All events in blocks ``start … end`` (inclusive; default: the latest)."""
        ...

    def head(self) -> int:
        """Number of the latest block."""
        ...
