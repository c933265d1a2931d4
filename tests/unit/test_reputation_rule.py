"""The scoring rule in numbers that can be followed by hand."""

from __future__ import annotations

from fractions import Fraction

import pytest

from concordat.primitives.units import Address, Amount, Timestamp, usd
from concordat.protocol.reputation import (
    BAND,
    HALF_LIFE,
    REPORT_TIME,
    SCALE,
    Exposure,
    Rating,
    available,
    decayed,
    fee_of,
    points_of,
    standing,
)

NOW = 1_800_000_000
DAY = 86_400


def rating(rater: int, points: int, *, price: int = 1_000_000, age: int = 0, slashed: bool = False, burned=None):
    due = fee_of(price) if points >= SCALE // 2 else 0
    return Rating(
        rater=Address(rater.to_bytes(20, "big")),
        points=points,
        price=Amount(price),
        burned=Amount(due if burned is None else burned),
        settled=Timestamp(NOW - age),
        slashed=slashed,
    )


@pytest.mark.parametrize(
    ("value", "decimals", "points"),
    [(0, 0, 0), (50, 0, 5000), (100, 0, 10_000), (9977, 2, 9977), (-5, 0, 0), (560, 0, 10_000), (1, 18, 0)],
)
def test_points_of_values_on_the_scale_of_a_hundred(value, decimals, points):
    assert points_of(value, decimals) == points


def test_fee_of_a_price_is_two_per_cent_rounded_up():
    assert (fee_of(1_000_000), fee_of(1), fee_of(50), fee_of(51)) == (20_000, 1, 1, 2)


def test_decayed_amount_halves_every_ninety_days():
    assert [decayed(1 << 20, 90 * DAY * n, up=True) for n in range(4)] == [1 << 20, 1 << 19, 1 << 18, 1 << 17]


def test_decayed_amount_of_every_day_is_the_root_it_says():
    """``2**32 · 2**(−d/90)``: the ninetieth power lies just under ``2**(32·90 − d)``."""
    for day in range(1, HALF_LIFE):
        factor = decayed(1 << 32, (day - 1) * DAY)
        assert factor**HALF_LIFE <= 2 ** (32 * HALF_LIFE - day) < (factor + 1) ** HALF_LIFE


def test_decayed_amount_is_rounded_against_the_rated():
    half_a_day = DAY // 2
    assert decayed(1_000_000, half_a_day) == decayed(1_000_000, 0) < 1_000_000
    assert decayed(1_000_000, half_a_day, up=True) == 1_000_000


def test_standing_without_ratings_is_nothing():
    found = standing([], NOW)
    assert (found.score, found.weight, found.raters, found.trust) == (0, 0, 0, 0)


def test_standing_of_praise_is_what_was_burned_less_a_day():
    found = standing([rating(1, SCALE), rating(2, SCALE, price=3_000_000)], NOW)
    assert (found.score, found.raters) == (SCALE, 2)
    assert found.trust == decayed(20_000, 0) + decayed(60_000, 0)
    assert 79_000 < found.trust < 80_000


def test_standing_of_blame_costs_the_price():
    found = standing([rating(1, SCALE, price=usd(100)), rating(2, 0, price=usd(1))], NOW)
    assert found.credit == decayed(usd(2), 0)
    assert found.debit == usd(1)
    assert found.trust == found.credit - usd(1)


def test_standing_of_a_slashed_order_is_blame_whatever_its_client_says():
    assert standing([rating(1, SCALE, slashed=True)], NOW).debit == 1_000_000


def test_trust_of_an_agent_that_fails_one_order_in_fifty_is_spent():
    good, bad = [rating(n, SCALE) for n in range(2, 51)], [rating(99, 0)]
    assert standing(good, NOW).trust == 49 * decayed(20_000, 0)
    assert standing([*good, *bad], NOW).trust == 0


def test_score_of_an_outlier_counts_as_far_as_the_band():
    found = standing([rating(n, 9000) for n in range(1, 10)] + [rating(99, 0)], NOW)
    assert found.score == (9 * 9000 + (9000 - BAND)) // 10


def test_score_weighs_fees_and_not_heads():
    many, one = [rating(n, 0, price=1000) for n in range(1, 20)], rating(99, SCALE, price=1_000_000)
    assert standing([*many, one], NOW).score > SCALE - BAND


def test_score_forgets_what_is_long_past():
    old, new = rating(1, 2000, price=usd(10), age=20 * HALF_LIFE * DAY), rating(2, 9000)
    assert standing([old, new], NOW).score > 8900


def test_available_trust_is_less_what_is_in_hand_or_not_judged():
    found = standing([rating(1, SCALE, price=usd(100))], NOW)
    open_, fresh = Exposure(price=usd("0.50")), Exposure(price=usd("0.25"), settled=Timestamp(NOW - DAY))
    heard = Exposure(price=usd(1), settled=Timestamp(NOW - DAY), rated=True)
    silent = Exposure(price=usd(1), settled=Timestamp(NOW - REPORT_TIME))
    assert available(found, [open_, fresh, heard, silent], NOW) == found.trust - usd("0.75")
    assert available(found, [Exposure(price=usd(9))], NOW) == 0


def test_decay_compared_with_exact_powers_is_off_by_less_than_one_in_a_billion():
    for days in (1, 45, 89, 91, 200):
        exact = Fraction(2) ** (-(days // HALF_LIFE)) * Fraction(2 ** (1 - (days % HALF_LIFE) / HALF_LIFE)) / 2
        assert abs(Fraction(decayed(10**18, (days - 1) * DAY), 10**18) - exact) < Fraction(1, 10**9)
