"""What ratings are worth: the scoring rule, in whole numbers.

A rating counts for what it cost its maker and could not come back to him. *Praise* costs the fee that was burned with
it: the price may have gone from one pocket of its maker to another. *Blame* costs the price itself: it was paid to
the one who is blamed, so whoever is not in league with him has lost it. Two numbers follow.

**Score**, for people and rankings, 0 to 10,000. Every rating weighs the fee of its order's price, halved every ninety
days since the order was settled. A rater's ratings are averaged; averages further than `BAND` from the weighted
median of all raters are moved to that distance; the score is the weighted mean. As long as honest raters have burned
more than a ring, it stays between the lowest and the highest honest average, give or take `BAND`.

**Trust**, in money: what an agent can be lent without security. Credit is the burned fees of praise, debit the prices
of blame and of slashed orders, both halved every ninety days; what is open, or too fresh to have been rated, is taken
off.

Soundness
---------
Let a ring burn b₁, b₂, … and take E₁, E₂, … from clients who trust it with no more than its trust, and who say so
within `REPORT_TIME`. Decay multiplies all of credit − debit by one factor, burning adds b, taking E ≤ credit − debit
subtracts E, so credit − debit never falls below zero and **Σ E ≤ Σ b**: whatever the order, the amounts and the
number of identities. Rounding and whole days are against the rated, and a fee is a day old from the start, so that a
ring loses even if it takes everything at once.
`concordat.testing.rings` plays it.

References
----------
ERC-8004 (values and tags); Yuma consensus (clipping at the stake-weighted median).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from concordat.primitives.units import Address, Amount, Timestamp

__all__ = [
    "BAND",
    "FEE_BPS",
    "HALF_LIFE",
    "REPORT_TIME",
    "SCALE",
    "Exposure",
    "Rating",
    "Standing",
    "available",
    "decayed",
    "fee_of",
    "points_of",
    "standing",
]

SCALE = 10_000
"""The best score."""
FEE_BPS = 200
"""Hundredths of a per cent of a price that praise burns, by default."""
HALF_LIFE = 90
"""Days in which what is past comes to count half."""
REPORT_TIME = 7 * 86_400
"""Seconds after settlement in which a client is heard; until then, or until he is, his order is at risk."""
BAND = 1_000
"""Furthest that one rater's average counts from the median."""
_HALF = SCALE // 2
_DAY = 86_400
_ONE = 1 << 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """One client's statement about one settled order, as the chain has it."""

    rater: Address
    """The order's client."""
    points: int
    """Nothing good at all, 0, to nothing to wish for, `SCALE`."""
    price: Amount
    """The order's price."""
    burned: Amount
    """What was burned with it; zero for blame, unless somebody had paid the fee already."""
    settled: Timestamp
    """When the order ended."""
    slashed: bool = False
    """Whether the order ended by conviction: then nothing said of it counts as praise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """An order that an agent has in hand, or that ended lately."""

    price: Amount
    """What is at risk."""
    settled: Timestamp | None = None
    """When it ended; None while it is open."""
    rated: bool = False
    """Whether its client was heard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What all ratings of one agent come to."""

    score: int
    """Clipped, weighted mean, 0 to `SCALE`; zero without ratings."""
    weight: Amount
    """Fees behind the score, decayed."""
    raters: int
    """How many clients rated."""
    credit: Amount
    """Burned with praise, decayed."""
    debit: Amount
    """Paid for what was blamed, decayed."""

    @property
    def trust(self) -> Amount:
        """Most that the agent can be lent without security, if it has no orders in hand."""
        return Amount(max(self.credit - self.debit, 0))


def points_of(value: int, decimals: int) -> int:
    """An ERC-8004 value on the scale of nought to a hundred, as points; what lies outside is moved to the end."""
    unit: int = 10**decimals
    return min(max(value * SCALE // (100 * unit), 0), SCALE)


def fee_of(price: int, bps: int = FEE_BPS) -> Amount:
    """What praise for an order of that price burns; rounded up, so that splitting an order saves nothing."""
    return Amount(-(-price * bps // 10_000))


def decayed(amount: int, age: int, *, up: bool = False) -> Amount:
    """An amount after some seconds, halved every `HALF_LIFE` days.

    Parameters
    ----------
    amount : int
        At first.
    age : int
        Seconds, not negative.
    up : bool
        Whole days, rounded up; else a day more, rounded down.
    """
    days = age // _DAY + (0 if up else 1)
    scaled = amount * _fractions()[days % HALF_LIFE]
    shift = 32 + days // HALF_LIFE
    return Amount(-(-scaled >> shift) if up else scaled >> shift)


def standing(ratings: Iterable[Rating], now: int, fee_bps: int = FEE_BPS) -> Standing:
    """What ratings come to at some time.

    Parameters
    ----------
    ratings : iterable of Rating
        Those that stand; at most one for an order.
    now : int
        Unix time, not before any settlement.
    fee_bps : int
        The registry's fee.
    """
    known = list(ratings)
    weights: dict[Address, int] = {}
    sums: dict[Address, int] = {}
    for rating in known:
        weight = decayed(fee_of(rating.price, fee_bps), now - rating.settled)
        weights[rating.rater] = weights.get(rating.rater, 0) + weight
        sums[rating.rater] = sums.get(rating.rater, 0) + weight * _points(rating)
    heard = [(sums[rater] // weight, weight) for rater, weight in weights.items() if weight]
    return Standing(
        score=_clipped_mean(heard),
        weight=Amount(sum(weight for _, weight in heard)),
        raters=len(weights),
        credit=Amount(sum(_credit(rating, now) for rating in known)),
        debit=Amount(sum(_debit(rating, now) for rating in known)),
    )


def available(found: Standing, exposures: Iterable[Exposure], now: int) -> Amount:
    """What an agent can be trusted with in one more order: its trust, less what is open or has not been judged yet."""
    fresh = (e for e in exposures if not e.rated and (e.settled is None or now < e.settled + REPORT_TIME))
    return Amount(max(found.credit - found.debit - sum(exposure.price for exposure in fresh), 0))


def _points(rating: Rating) -> int:
    return 0 if rating.slashed else rating.points


def _credit(rating: Rating, now: int) -> int:
    praise = 2 * _points(rating) - SCALE
    return decayed(rating.burned, now - rating.settled) * praise // SCALE if praise > 0 else 0


def _debit(rating: Rating, now: int) -> int:
    blame = SCALE - 2 * _points(rating)
    return -(-decayed(rating.price, now - rating.settled, up=True) * blame // SCALE) if blame > 0 else 0


def _clipped_mean(heard: Sequence[tuple[int, int]]) -> int:
    """Weighted mean of (average, weight), each average at most `BAND` from the lower weighted median."""
    total = sum(weight for _, weight in heard)
    if not total:
        return 0
    reached, median = 0, 0
    for average, weight in sorted(heard):
        reached += weight
        median = average
        if 2 * reached >= total:
            break
    low, high = median - BAND, median + BAND
    return sum(weight * min(max(average, low), high) for average, weight in heard) // total


@cache
def _fractions() -> tuple[int, ...]:
    """``floor(2**32 · 2**(−day / HALF_LIFE))`` for each day of a half-life, by whole-number roots."""
    return tuple(_root(1 << 32 * HALF_LIFE - day, HALF_LIFE) for day in range(HALF_LIFE))


def _root(number: int, degree: int) -> int:
    """Largest whole number whose power is no larger, at most 2**32."""
    low, high = 0, _ONE
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**degree <= number else (low, middle - 1)
    return low
