"""Stewards as values: what is fixed, what they remember, what one tells them, what they announce.

The rules are in `concordat.protocol.effect`; names are those of ``contracts/src/interfaces/ISteward.sol``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from concordat.primitives.units import Address, Amount, Bytes32, ModelId, OrderId, Seconds
from concordat.protocol.evidence import EvidenceKind
from concordat.protocol.guard import Guard
from concordat.protocol.order import Order
from concordat.protocol.state import Table

__all__ = [
    "COUNTABLE",
    "Applied",
    "ApplyDecision",
    "Contradict",
    "Contradicted",
    "Delivery",
    "EffectEvent",
    "EpochDecision",
    "Reading",
    "Restart",
    "Restarted",
    "StewardMessage",
    "StewardState",
    "StewardTerms",
    "Stop",
    "Stopped",
]

_INT64 = 2**63
COUNTABLE = (
    1 << EvidenceKind.NATIVE
    | 1 << EvidenceKind.FRAUD_PROVABLE
    | 1 << EvidenceKind.VALIDITY
    | 1 << EvidenceKind.REPLICATED
)
"""Mask of the kinds of evidence that a steward can accept; a client's release is never among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How the number is read from an output: ``element * numerator / denominator + offset``, rounded to zero."""

    element: int
    """Which 32-bit element of the output."""
    numerator: int = 1
    """Of the scale, 64 bits with sign."""
    denominator: int = 1
    """Of the scale, positive, 64 bits."""
    offset: int = 0
    """Added after scaling, 64 bits with sign."""

    def read(self, output: bytes) -> int:
        """The number in an output that has the element; saturates at the ends of 64 bits."""
        at = 4 * self.element
        scaled = int.from_bytes(output[at : at + 4], "big", signed=True) * self.numerator
        whole = abs(scaled) // self.denominator * (1 if scaled >= 0 else -1) + self.offset
        return min(max(whole, -_INT64), _INT64 - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class StewardTerms:
    """What is fixed when a steward is deployed."""

    market: Address
    """The market whose orders count."""
    source: Address
    """Where the input comes from."""
    model: ModelId
    """The model that is followed."""
    accepts: int
    """Mask of evidence kinds that count, within `COUNTABLE`."""
    apply_within: Seconds
    """Seconds from its start in which an epoch's decision can be applied."""
    min_window: Seconds
    """Shortest challenge window with which optimistic evidence counts."""
    min_bond: Amount
    """Least bond with which optimistic evidence counts."""
    min_replicas: int
    """Least number of agreeing replicas with which they count."""
    governor: Address
    """Restarts after a stop, and names the next guardian; zero for nobody."""
    reading: Reading
    """How the number is read."""
    guard: Guard
    """The limits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What was delivered for an order, as its event says."""

    provider: Address
    """Who delivered it."""
    trace_root: Bytes32
    """Root of the trace; zero for what was proven at once."""
    output: bytes
    """The output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochDecision:
    """What an epoch came to."""

    said: int = 0
    """What the model said, in the units of the value."""
    value: int = 0
    """What the guard let through."""
    applied_at: int = 0
    """When it was applied; zero for never."""
    settled_by: int = 0
    """Mask of the evidence kinds that counted."""
    contradicted: bool = False
    """Whether another settled order of the epoch says something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StewardState:
    """What a steward remembers."""

    value: int
    """After the last decision, or the resting value after a restart."""
    guardian: Address
    """Can stop it besides the governor; zero for nobody."""
    level: int = 0
    """Used up of the daily movement, times 86,400."""
    epoch: int = 0
    """Last epoch that was applied; zero for none."""
    applied_at: int = 0
    """When that was."""
    stopped: bool = False
    """Whether the kill switch is on."""
    decisions: Table[int, EpochDecision] = field(default_factory=Table)
    """By epoch."""

    def decision(self, epoch: int) -> EpochDecision:
        """What an epoch came to."""
        return self.decisions.get(epoch, EpochDecision())


# -- messages and events ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyDecision:
    """Anyone lets a settled order decide its epoch."""

    order: Order
    """As the client signed it."""
    epoch: int
    """The epoch that its effect names."""
    delivery: Delivery
    """What was delivered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradict:
    """Anyone shows a settled order that says something else than its epoch's decision."""

    order: Order
    """As the client signed it."""
    epoch: int
    """The epoch that its effect names."""
    delivery: Delivery
    """What was delivered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Guardian or governor switches it off: the resting value is in force."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """The governor lets it go on from the resting value."""

    guardian: Address
    """Who watches from here on."""


StewardMessage = ApplyDecision | Contradict | Stop | Restart
"""Any of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """An epoch came to its decision."""

    epoch: int
    """The epoch."""
    order_id: OrderId
    """By which order."""
    said: int
    """What the model said."""
    value: int
    """What the guard let through."""
    settled_by: int
    """Mask of the evidence kinds that counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradicted:
    """A settled order says something else than the decision of its epoch."""

    epoch: int
    """The epoch."""
    order_id: OrderId
    """Which order."""
    said: int
    """What it says."""
    settled_by: int
    """Mask of its evidence kinds that count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """The kill switch is on."""

    by: Address
    """Who did it, or showed the contradiction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarted:
    """The kill switch is off."""

    guardian: Address
    """Who watches from here on."""


EffectEvent = Applied | Contradicted | Stopped | Restarted
"""Any of them."""
