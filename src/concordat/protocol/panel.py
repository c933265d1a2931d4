"""What is remembered of the pool of replicas, and of the panel that is drawn for an order."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from concordat.primitives.units import Address, Amount, Timestamp
from concordat.protocol.tables import Table

__all__ = ["Candidate", "Member", "PanelState", "Pool", "Seat", "SeatState"]


class Seat(IntEnum):
    """What became of a drawn replica's seat."""

    NONE = 0
    DRAWN = 1
    COMMITTED = 2
    AGREED = 3
    DISAGREED = 4
    SETTLED = 5
    CONVICTED = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One member of the pool."""

    place: int = 0
    """Number of his place, from one; zero where he is none."""
    tickets: int = 0
    """His stake, in tickets."""
    free_at: int = 0
    """Zero while he can be drawn; then when his stake is free."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Who sits at a place, as a draw sees it."""

    replica: Address
    """Who."""
    tickets: int
    """How likely he is drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Members, and who can be drawn: now, and before the latest block that changed it."""

    members: Table[Address, Member] = field(default_factory=Table)
    """Everybody whose stake is still there."""
    free_places: tuple[int, ...] = ()
    """Places that former members left; the last one is given away next."""
    used_places: int = 0
    """Places that ever had a member."""
    candidates: Table[int, Candidate] = field(default_factory=Table)
    """By place."""
    changed: int = -1
    """Block of the latest change."""
    before: Table[int, Candidate] = field(default_factory=Table)
    """Candidates before that block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelState:
    """Replication of one order."""

    result: bytes
    """Result commitment (25 bytes) that the provider sealed before the draw."""
    needed: int
    """How many must agree."""
    seats: int
    """How many are paid for."""
    fee: Amount
    """What one seat earns."""
    candidates: Table[int, Candidate]
    """Who could be drawn before the block of the seal."""
    sealed_in: int
    """Block of the seal."""
    draw_block: int
    """Block whose random number draws."""
    commit_by: Timestamp
    """Last second to draw, and after that to commit."""
    reveal_by: int = 0
    """Last second to reveal; zero before delivery."""
    drawn: int = 0
    """How many were drawn; fewer than are paid for where the pool has no more."""
    committed: int = 0
    """Seats with a commitment."""
    settled: int = 0
    """Seats that came to an end after committing."""
    agreed: int = 0
    """Seats that revealed the delivered result."""
    disagreed: int = 0
    """Seats that revealed another."""
    paid: int = 0
    """Seats that were paid."""
    closed: bool = False
    """Whether what was left of the fees is given back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatState:
    """One replica's seat."""

    state: Seat = Seat.NONE
    """What became of it."""
    content: bytes = b""
    """COMMITTED: leading 31 bytes of the digest. Once revealed: the commitment (25 bytes) to what was."""
