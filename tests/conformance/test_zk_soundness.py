"""The soundness account against one derived anew, on the seven shapes that proof systems are compared on.

A total below 100 bits fails here, and is refused by every verifier, whichever number is weakened.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from math import log2

import pytest

from concordat.primitives.errors import VerificationError
from concordat.testing.anchors import ANCHORS, WEAKER, anchor
from concordat.zk import verification
from concordat.zk.account import account
from concordat.zk.circuit import compile_graph
from concordat.zk.field import P
from concordat.zk.parameters import SECURITY_BITS, Parameters, check, choose, soundness
from concordat.zk.relation import Relation
from concordat.zk.statement import InputCommitment, Statement, WeightCommitment

MODES = [(True, True), (True, False), (False, True)]


@cache
def relation(letter: str) -> Relation:
    return compile_graph(anchor(letter)).relation


def derived(r: Relation, p: Parameters) -> list[float]:
    """Probabilities that a false statement gets past each step, from the protocol's text.

    A challenge's most likely value has probability ``2**-189``; agreement beyond the Johnson bound is
    ``sqrt(rate) * 33 / 32``; lists have at most ``16.5 / sqrt(rate)`` codewords.
    """
    point = (2 / 2**64) ** 3
    assert max(2**64 - P, 2) < 2**32  # residues below 2**32 - 1 have two words, all others one
    blocks, inverse_blocks = p.blocks(r), p.inverse_blocks(r)
    tail = p.input_queries + 3
    segments = [(1 << p.log_width) + p.queries, r.pads + p.queries]
    segments += [r.weight_width + p.weight_tail] if p.weight_tail else []
    segments += [r.input_count + tail] if p.input_log_domain else []
    hub_rows = -(-sum(segments) // (1 << p.hub_log_width))
    hub_rounds = (hub_rows - 1).bit_length()
    # rows of one tree are opened together: the longest of them gives the rate
    witness = max(segments[:2]) / (1 << p.log_domain)
    hub = max((1 << p.hub_log_width) + p.hub_queries, 2 * hub_rounds + p.hub_queries) / (1 << p.hub_log_domain)
    lists = (16.5 / witness**0.5) ** 2 * (16.5 / hub**0.5)
    keys = sum(t.size for t in r.tables) + sum(look.count * (2 if look.kind == 1 else 1) for look in r.lookups)
    # degrees of the polynomials that an inconsistency makes, in the challenges of each phase
    lookups = 2 * keys + keys  # of alpha and beta together, and denominators that vanish
    theta = sum(f.count // f.cols * f.stride for f in r.families) + 1
    tau, eta, lambdas, zeta, xi = (
        r.lookup_rows,
        1,
        4,
        sum(-(-c.count // r.weight_width) for c in r.copies),
        r.input_count,
    )
    form = (1 << r.group_bits) + r.slot_bits
    opened = 2 * p.queries + p.weight_queries + p.input_queries + 3
    sumchecks = 4 * r.log_rows + 2 * r.product_rounds + 2 * hub_rounds
    errors = [
        point * lists * d for d in (lookups, theta + tau + eta + lambdas + zeta + xi + form + opened + 3, sumchecks + 1)
    ]
    gap = 16.5**7 / 3
    errors.append(gap / witness**1.5 * 4.0**p.log_domain * (2 * blocks + 3 * inverse_blocks + 3) * point)
    errors.append(gap / hub**1.5 * 4.0**p.hub_log_domain * (hub_rows + 2) * point)
    work = 2.0**-p.grinding
    errors.append((witness**0.5 * 33 / 32) ** p.queries * work)
    errors.append((hub**0.5 * 33 / 32) ** p.hub_queries * work)
    if p.weight_tail:
        rate = segments[2] / (1 << p.weight_log_domain)
        close = 1 - 2 ** (-102.4 / p.weight_audits)
        assert close <= (1 - rate) / 2, "a registration decodes uniquely"
        errors.append(max((1 - close) ** p.weight_audits, (r.weight_rows + 1) * 2.0**p.weight_log_domain * point))
        errors.append((rate + close) ** p.weight_queries * work)
    if p.input_log_domain:
        rate = (r.input_count + tail) / (1 << p.input_log_domain)
        errors.append((16.5 / rate**0.5) ** 2 / 2 * (r.input_count + tail) * point)
        errors.append((rate**0.5 * 33 / 32) ** p.input_queries * work)
    return [*errors, 2.0**-108]


@pytest.mark.parametrize("letter", ANCHORS)
@pytest.mark.parametrize(("private_weights", "private_input"), MODES)
def test_chosen_parameters_of_every_shape_are_worth_a_hundred_bits_in_all(
    letter: str, private_weights: bool, private_input: bool
) -> None:
    for grinding in (0, None):
        p = choose(relation(letter), private_weights=private_weights, private_input=private_input, grinding=grinding)
        bits = soundness(relation(letter), p)
        assert min(bits.values()) >= SECURITY_BITS, bits
        check(relation(letter), p)
        print(account(relation(letter), p))


@pytest.mark.parametrize("letter", ANCHORS)
def test_account_never_says_more_bits_than_a_derivation_of_its_own(letter: str) -> None:
    r = relation(letter)
    for private_weights, private_input in MODES:
        for grinding in (0, 12):
            p = choose(r, private_weights=private_weights, private_input=private_input, grinding=grinding)
            own = -log2(sum(derived(r, p)))
            assert own >= SECURITY_BITS
            assert own - 0.1 <= soundness(r, p)["total"] <= own + 1e-6


def test_account_as_text_has_every_component_and_the_verdict() -> None:
    r = relation("a")
    p = choose(r)
    lines = account(r, p).splitlines()
    assert len(lines) == len(soundness(r, p))
    assert lines[0].startswith("weight registration")
    assert "enough" in lines[-1]
    assert "too few" in account(r, replace(p, queries=p.queries // 2)).splitlines()[-1]


def statement(r: Relation, p: Parameters) -> Statement:
    return Statement(
        chain_id=1,
        contract=bytes(20),
        order=bytes(32),
        model=bytes(32),
        version=1,
        relation=r,
        parameters=p,
        weights=WeightCommitment(root=bytes(32)),
        input=InputCommitment(root=bytes(32), outside=(1, 2, 3)),
        publics=tuple((0,) * length for length in r.publics),
    )


def refused_for_its_parameters(r: Relation, p: Parameters) -> bool:
    """By the plain verifier; the compiled one agrees."""
    try:
        check(r, p)
    except VerificationError:
        refused = True
    else:
        refused = False
    if verification.available():
        assert ("parameters" in (verification.refusal(statement(r, p), b"") or "")) == refused
    return refused


@pytest.mark.parametrize("letter", ["a", "d", "e", "g"])
@pytest.mark.parametrize("name", WEAKER)
def test_parameters_weakened_in_one_number_are_refused_as_soon_as_they_are_worth_too_little(
    letter: str, name: str
) -> None:
    r = relation(letter)
    p = choose(r)
    for _ in range(500):
        weaker = getattr(p, name) + WEAKER[name]
        if weaker < 0:
            break
        p = replace(p, **{name: weaker})
        few = soundness(r, p)["total"] < SECURITY_BITS
        assert refused_for_its_parameters(r, p) or not few
        if few:
            break
    assert few, "made as weak as can be, they are still worth a hundred bits"


def test_hidden_scalars_longer_than_rows_count_with_their_own_rate() -> None:
    """They share the positions of the cells, not their length: once only the cells' rate was counted."""
    r = relation("b")
    assert r.pads > 1 << 6
    short = choose(r, grinding=0)
    log_domain = (4 * (r.pads + 60) - 1).bit_length()
    p = replace(short, log_width=6, log_domain=log_domain, queries=60)
    cells, scalars = ((1 << 6) + 60) / (1 << log_domain), (r.pads + 60) / (1 << log_domain)
    assert soundness(r, p)["witness queries"] == pytest.approx(-60 * log2(scalars**0.5 * 33 / 32))
    assert soundness(r, p)["witness queries"] < -60 * log2(cells**0.5 * 33 / 32)
