"""One event as the index reads it: whichever contract it came from, its values by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from concordat.primitives.errors import EndpointError
from concordat.primitives.units import Bytes32, Timestamp
from concordat.protocol.ledger import Placed
from concordat.storage.index.tables import BLOCK_BITS, LOG_BITS, place_of

__all__ = [
    "CreditKind",
    "DisputeKind",
    "DisputeStatus",
    "Happening",
    "MemberStatus",
    "PanelStatus",
    "contradiction",
]


class DisputeKind(IntEnum):
    """How a result is contested."""

    DISSECTION = 0
    """Move by move, down to one word."""
    PROOF = 1
    """In one transaction."""
    DEMAND = 2
    """For a part of the output, or its opening, to be shown."""


class DisputeStatus(IntEnum):
    """Where a dispute stands."""

    OPEN = 0
    """Somebody is to move."""
    LOST = 1
    """The challenger fell silent or could not prove."""
    CLOSED = 2
    """The bond went back: the order was slashed, through this or another challenge."""
    PROVEN = 3
    """Fraud was shown."""
    ANSWERED = 4
    """What was demanded was shown."""


class CreditKind(IntEnum):
    """Why an account's balance in the vault changed."""

    DEPOSIT = 1
    """Tokens came in."""
    WITHDRAWAL = 2
    """Tokens went out."""
    PAYMENT = 3
    """Price of an order, to its provider."""
    REFUND = 4
    """Price of an order, back to its client."""
    NO_SHOW = 5
    """Part of the bond of an order that was not delivered, from provider to client."""
    SLASH = 6
    """Bond of a provider who was convicted."""
    COMPENSATION = 7
    """Share of a slashed bond for the client."""
    REWARD = 8
    """Share of a slashed bond for the challenger."""
    BURN = 9
    """What nobody gets."""
    DISPUTE_COST = 10
    """What a lost dispute costs its challenger, and what its respondent gets of it."""
    SEAT_FEE = 11
    """What a replica earns, out of what the provider advanced."""
    SEAT_FINE = 12
    """Ticket of a replica that fell silent or was overruled."""
    PANEL_REST = 13
    """What no seat earned, from the provider to the client."""
    STAKE_SLASH = 14
    """Stake of a replica that was convicted."""


class MemberStatus(IntEnum):
    """Where a member of the pool stands."""

    IN = 0
    """Can be drawn."""
    LEAVING = 1
    """Cannot, and the stake is still bound."""
    GONE = 2
    """The stake was given back."""


class PanelStatus(IntEnum):
    """Where a panel stands."""

    SEALED = 0
    """A result is fixed, and nobody drawn yet."""
    DRAWN = 1
    """Replicas were drawn and commit."""
    REVEALING = 2
    """The result is delivered; replicas reveal."""
    CLOSED = 3
    """What was left of the fees is given back."""


@dataclass(frozen=True, slots=True)
class Happening:
    """An event and its place."""

    topic: str
    """Name of the event; with the contract's in front for the registries, such as ``Artifacts.Registered``."""
    values: Mapping[str, Any]
    """Its arguments."""
    block: int
    """Block number."""
    index: int
    """Position in the block."""
    time: Timestamp
    """The block's time."""
    transaction: Bytes32
    """Hash of the transaction."""

    @classmethod
    def of(cls, placed: Placed) -> Happening:
        """An event of the protocol."""
        event = placed.event
        values = {item.name: getattr(event, item.name) for item in dataclasses.fields(event)}
        return cls(type(event).__name__, values, placed.block, placed.index, placed.time, placed.transaction)

    @property
    def place(self) -> int:
        """Its place as one number.

        Raises
        ------
        EndpointError
            If no such place can be.
        """
        if self.index >> LOG_BITS or self.block >> BLOCK_BITS:
            raise contradiction(f"a log at position {self.index} of block {self.block}")
        return place_of(self.block, self.index)


def contradiction(what: str) -> EndpointError:
    """The error of events that cannot all be true: something was left out, repeated or made up."""
    return EndpointError(
        f"The endpoint's events contradict themselves: {what}.",
        code="EventsContradict",
        hint="Nothing was indexed. Try again, or ask another endpoint; `concordat index rebuild` begins anew.",
    )
