"""What the court of proofs answers; each is also a Solidity event of the same name and fields."""

from __future__ import annotations

from dataclasses import dataclass

from concordat.primitives.units import Address, Bytes32, OrderId
from concordat.protocol.claim_messages import Posted, RelationShape

__all__ = ["ClaimEvent", "ClaimPosted", "ClaimRefuted", "RelationAdmitted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationAdmitted:
    """Claims about a relation can be judged from now on."""

    relation: Bytes32
    """SHA-256 of its encoding."""
    shape: RelationShape
    """What the contract reads of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimPosted:
    """A provider claims that data shows an output to be what an order asked for."""

    order_id: OrderId
    """Which order."""
    provider: Address
    """Who."""
    posted: Posted
    """What opens the claim."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRefuted:
    """A step of a claim does not hold; the order is slashed."""

    order_id: OrderId
    """Which order."""
    challenger: Address
    """Who showed it."""
    step: int
    """Which step; 255 where the data is not what the claim says."""
    index: int
    """Which of several of its kind."""


ClaimEvent = RelationAdmitted | ClaimPosted | ClaimRefuted
"""Any of them."""
