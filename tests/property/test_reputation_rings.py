"""Rings against the rule: no strategy forges more than it burns, and each part of the rule is needed for that."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concordat.primitives.units import Address, Amount, Timestamp, usd
from concordat.protocol.reputation import BAND, SCALE, Rating, decayed, fee_of, standing
from concordat.testing.rings import BLAME_WEIGHS_ITS_FEE, OPEN_ORDERS_IGNORED, PRICE_AS_WEIGHT, SOUND, Ring

NOW = 1_800_000_000
DAY = 86_400
AMOUNTS = st.integers(1, 10**9)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("wash"), AMOUNTS, st.integers(1, 20), st.integers(1, 20)),
        st.tuples(st.just("wait"), st.integers(0, 400)),
        st.tuples(st.just("rob"), st.integers(1, 10), st.integers(1, 100), st.integers(0, 7 * DAY)),
        st.tuples(st.just("reappear")),
    ),
    max_size=30,
)


def play(ring: Ring, steps) -> Ring:
    for name, *arguments in steps:
        getattr(ring, name)(*arguments)
    return ring


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_ring_with_any_strategy_loses_whatever_it_burned_for(steps):
    ring = play(Ring(), [*steps, ("rob", 5)])
    assert ring.profit < 0 or ring.taken == ring.burned == 0


STRATEGIES = {
    "one big wash, then everything at once": [("wash", usd(1000)), ("rob", 50)],
    "a hundred small washes by a hundred clients": [("wash", usd(1), 100, 100), ("rob", 100)],
    "slow and steady": [("wash", usd(10), 5, 5), ("wait", 30)] * 12 + [("rob", 10)],
    "rob a little, wash again": [("wash", usd(100)), ("rob", 1, 50), ("wait", 8)] * 20,
    "rob when the robbed are still silent": [("wash", usd(100)), *[("rob", 3), ("wait", 1)] * 10],
    "sit the blame out": [("wash", usd(100)), ("rob", 1), ("wait", 3650)] * 5,
    "another name after every robbery": [("wash", usd(100)), ("rob", 5), ("reappear",)] * 10,
    "never more than a tenth": [("wash", usd(100)), *[("rob", 1, 10), ("wait", 8)] * 40],
}


@pytest.mark.parametrize("steps", STRATEGIES.values(), ids=STRATEGIES)
def test_ring_that_washes_and_robs_loses_money(steps):
    ring = play(Ring(SOUND), steps)
    assert ring.burned > 0
    assert ring.profit < 0


def test_ring_profits_where_praise_weighs_the_price():
    assert play(Ring(PRICE_AS_WEIGHT), STRATEGIES["one big wash, then everything at once"]).profit > 0


def test_ring_profits_where_open_orders_are_ignored():
    assert play(Ring(OPEN_ORDERS_IGNORED), STRATEGIES["one big wash, then everything at once"]).profit > 0


def test_ring_profits_where_blame_weighs_its_fee():
    assert play(Ring(BLAME_WEIGHS_ITS_FEE), STRATEGIES["never more than a tenth"]).profit > 0


# -- the score ---------------------------------------------------------------------------------------------------------


def rating(rater: int, points: int, price: int, age: int = 0) -> Rating:
    burned = fee_of(price) if points >= SCALE // 2 else 0
    settled = Timestamp(NOW - age * DAY)
    return Rating(
        rater=Address(rater.to_bytes(20, "big")),
        points=points,
        price=Amount(price),
        burned=Amount(burned),
        settled=settled,
    )


HONEST = st.lists(
    st.tuples(st.integers(0, SCALE), st.integers(10**4, 10**8), st.integers(0, 300)), min_size=1, max_size=12
)


@settings(max_examples=300, deadline=None)
@given(honest=HONEST, target=st.sampled_from((0, SCALE)), sybils=st.integers(1, 40), per_mille=st.integers(1, 999))
def test_score_under_a_ring_that_burns_less_than_the_honest_stays_among_them(honest, target, sybils, per_mille):
    told = [rating(n, *one) for n, one in enumerate(honest)]
    weight = sum(decayed(fee_of(one.price), NOW - one.settled) for one in told)
    budget = weight * per_mille // 1000
    ring = [rating(1000 + n, target, budget // sybils * 50) for n in range(sybils) if budget // sybils]
    if sum(fee_of(one.price) for one in ring) >= weight:
        return
    score = standing([*told, *ring], NOW).score
    points = [points for points, _, _ in honest]
    assert min(points) - BAND <= score <= max(points) + BAND


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, SCALE), st.integers(1, 10**9), st.integers(0, 1000)), max_size=12))
def test_trust_of_any_ratings_is_never_more_than_was_burned(ratings):
    told = [rating(n % 5, *one) for n, one in enumerate(ratings)]
    found = standing(told, NOW)
    assert 0 <= found.trust <= sum(one.burned for one in told)
    assert 0 <= found.score <= SCALE


@settings(max_examples=200, deadline=None)
@given(st.lists(AMOUNTS, min_size=1, max_size=20))
def test_blaming_a_competitor_costs_what_it_takes_from_him(prices):
    """A competitor buys and blames: the victim loses trust of no more than the prices he was paid."""
    praise = [rating(1, SCALE, 10**12)]
    before = standing(praise, NOW).trust
    after = standing([*praise, *[rating(2, 0, price) for price in prices]], NOW).trust
    assert before - after <= sum(prices)
