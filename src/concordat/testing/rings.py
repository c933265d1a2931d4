"""Rings that trade with themselves, and clients who trust what reputation says: does forging pay?

A `Ring` has one agent at a time and as many clients as it likes. It *washes* (buys from itself and praises, which
burns the fee), *waits*, *robs* clients (takes the price of an order that nothing secures and delivers nothing worth
having) and *reappears* under another name. Clients entrust it with no more than the rule allows at that moment, and
the robbed say so within `REPORT_TIME`. Gas and the cost of locked money are left out: both would only add to the
ring's losses.

A `Rule` says what an agent can be trusted with. The one of `concordat.protocol.reputation` is `SOUND`; the others
leave out one part of it each, and a ring profits from every one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from concordat.primitives.units import Address, Amount, Timestamp
from concordat.protocol.reputation import (
    FEE_BPS,
    REPORT_TIME,
    SCALE,
    Exposure,
    Rating,
    available,
    fee_of,
    standing,
)

__all__ = ["BLAME_WEIGHS_ITS_FEE", "OPEN_ORDERS_IGNORED", "PRICE_AS_WEIGHT", "SOUND", "Ring", "Rule"]

DAY = 86_400

Rule: TypeAlias = Callable[[Sequence[Rating], Sequence[Exposure], int], int]
"""Ratings, orders in hand and time → most that a client entrusts an agent with."""


def SOUND(ratings: Sequence[Rating], exposures: Sequence[Exposure], now: int) -> int:  # noqa: N802 (a constant choice)
    """The rule of `concordat.protocol.reputation`."""
    return available(standing(ratings, now), exposures, now)


def PRICE_AS_WEIGHT(ratings: Sequence[Rating], exposures: Sequence[Exposure], now: int) -> int:  # noqa: N802
    """Praise counts for the price, which may have come back to its maker."""
    inflated = [replace(one, burned=one.price) if one.burned else one for one in ratings]
    return available(standing(inflated, now), exposures, now)


def OPEN_ORDERS_IGNORED(ratings: Sequence[Rating], _: Sequence[Exposure], now: int) -> int:  # noqa: N802
    """Everybody trusts with all there is, at the same time."""
    return standing(ratings, now).trust


def BLAME_WEIGHS_ITS_FEE(ratings: Sequence[Rating], exposures: Sequence[Exposure], now: int) -> int:  # noqa: N802
    """Blame counts for the fee, as praise does."""
    meek = [replace(one, price=fee_of(one.price)) if 2 * one.points < SCALE else one for one in ratings]
    return available(standing(meek, now), exposures, now)


@dataclass(slots=True)
class _Robbed:
    """A client who has not spoken yet."""

    price: int
    """What was taken."""
    settled: int
    """When the order ended."""
    speaks: int
    """When it is said."""


class Ring:
    """One ring, its money and its days.

    Parameters
    ----------
    rule : Rule
        What clients go by.
    """

    def __init__(self, rule: Rule = SOUND) -> None:
        self.now = 1_800_000_000
        self.burned = 0
        self.taken = 0
        self._rule = rule
        self._ratings: list[Rating] = []
        self._robbed: list[_Robbed] = []
        self._names = 0

    @property
    def profit(self) -> int:
        """Taken less burned."""
        return self.taken - self.burned

    def wash(self, price: int, orders: int = 1, clients: int = 1) -> None:
        """Buy from itself and praise; prices come back, fees do not."""
        for index in range(orders):
            fee = fee_of(price, FEE_BPS)
            self.burned += fee
            self._names = max(self._names, clients)
            self._rate(index % clients + 1, SCALE, price, fee, self.now)

    def wait(self, days: int) -> None:
        """Let days pass; whoever is due speaks."""
        self.now += days * DAY
        for one in [one for one in self._robbed if one.speaks <= self.now]:
            self._robbed.remove(one)
            self._rate(10_000 + len(self._ratings), 0, one.price, 0, one.settled)

    def rob(self, clients: int = 1, share: int = 100, silence: int = REPORT_TIME) -> int:
        """Take a share (per cent) of what each of some clients entrusts it with; what was taken in all."""
        before = self.taken
        for _ in range(clients):
            waiting = [Exposure(price=Amount(one.price), settled=Timestamp(one.settled)) for one in self._robbed]
            price = self._rule(self._ratings, waiting, self.now) * share // 100
            if price:
                self.taken += price
                self._robbed.append(_Robbed(price, self.now, self.now + min(silence, REPORT_TIME - DAY)))
        return self.taken - before

    def reappear(self) -> None:
        """Leave everything said behind; it was said of another name."""
        self._ratings.clear()
        self._robbed.clear()

    def _rate(self, who: int, points: int, price: int, burned: int, settled: int) -> None:
        self._ratings.append(
            Rating(
                rater=Address(who.to_bytes(20, "big")),
                points=points,
                price=Amount(price),
                burned=Amount(burned),
                settled=Timestamp(settled),
            )
        )
