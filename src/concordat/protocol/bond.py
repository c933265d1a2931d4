"""The bond law: how much a provider must put at risk so that no way of cheating pays.

A provider delivers *n* pieces of work, cheats on a share *f* of them and gains at most *c* with each. *s* pieces are
looked at, and a look at a false piece finds it with probability *q*. One conviction costs the bond; a share σ of what
is slashed can come back to the cheater, because challenger and client may be his own accounts. He loses in expectation,
whatever *f*, if

    bond  >=  n·c / (s·q·(1 − σ))

since ``(1 − q·f)**-s − 1 >= s·q·f`` (Bernoulli): the gain ``n·f·c`` that survives with probability ``(1 − q·f)**s`` is
outweighed by ``(1 − σ)·bond`` lost otherwise. Of a slashed bond half goes to the challenger and a quarter to the
client, so σ = ¾ at worst, and the quarter that is burned keeps everybody honest. A single order that one honest watcher
re-executes has n = s = q = 1: four times the gain.

Invariants
----------
``burned >= bond / 4`` for every slash (`concordat.protocol.settlement.slash`: rounding burns).
"""

from __future__ import annotations

from fractions import Fraction

from concordat.primitives.errors import InputError
from concordat.primitives.units import Amount

__all__ = ["RETURNABLE", "bond_for"]

RETURNABLE = Fraction(3, 4)
"""σ: most of a slashed bond that can come back to a cheater who is his own challenger and client."""


def bond_for(
    price: int,
    *,
    gain: int | None = None,
    pieces: int = 1,
    looked_at: int = 1,
    detection: Fraction | float | str = 1,
    returnable: Fraction = RETURNABLE,
) -> Amount:
    """Smallest bond with which cheating never pays.

    Parameters
    ----------
    price : int
        Of one piece of work, units of the settlement token.
    gain : int, optional
        Most that a false result can bring its provider, units of the token; the price if left out. Where a decision
        moves more money than it costs, say so: an order's bond has to follow the stake, not the fee.
    pieces, looked_at : int
        *n* and *s*: pieces under one bond, and how many of them are looked at, at least 1.
    detection : Fraction, float or decimal string
        *q*: probability with which a look at a false piece finds it, in (0, 1].
    returnable : Fraction
        σ, in [0, 1).

    Returns
    -------
    Amount
        ``ceil(n·c / (s·q·(1 − σ)))``; ``4 * price`` by default.

    Raises
    ------
    InputError
        If a number lies outside its range.
    """
    found, back = Fraction(detection), Fraction(returnable)
    most = price if gain is None else gain
    if price < 0 or most < 0:
        raise InputError("A price or gain is not negative.", code="BadBond")
    if not (0 < found <= 1 and 0 <= back < 1 and 1 <= looked_at <= pieces):
        raise InputError(
            "The bond law needs 1 <= looked_at <= pieces, 0 < detection <= 1 and 0 <= returnable < 1.",
            code="BadBond",
        )
    bond = Fraction(pieces * most) / (looked_at * found * (1 - back))
    return Amount(-(-bond.numerator // bond.denominator))
