"""The bond law, against simulated cheats who may be their own client and challenger."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import pytest

from concordat.primitives.errors import InputError
from concordat.protocol.bond import bond_for
from concordat.protocol.memory import MemoryLedger
from concordat.protocol.messages import AcceptAndSubmit, CommitFind, Deposit, Finalize, ProveElement, find_digest
from concordat.testing.stage import Actor, Ladder, Venue, offer

MODEL = Ladder(3)


@pytest.mark.parametrize(("price", "bond"), [(0, 0), (1, 4), (1_000_000, 4_000_000)])
def test_bond_by_default_is_four_times_the_price(price, bond):
    assert bond_for(price) == bond


def test_bond_follows_the_gain_where_a_decision_moves_more_than_it_costs():
    assert bond_for(500_000, gain=300_000_000) == 1_200_000_000


def test_bond_of_a_sampled_batch_matches_the_published_example():
    """4,096 leaves, 64 audits, half of the slash returnable: 3.1 % of the batch's value."""
    bond = bond_for(1_000_000, pieces=4096, looked_at=64, returnable=Fraction(1, 2))
    assert bond == 128_000_000
    assert 0.031 < bond / 4_096_000_000 < 0.032


def test_bond_is_rounded_up():
    assert bond_for(1, detection="0.9") == 5


@pytest.mark.parametrize(
    "bad",
    [
        {"gain": -1},
        {"pieces": 2, "looked_at": 3},
        {"looked_at": 0},
        {"detection": 0},
        {"detection": "1.1"},
        {"returnable": Fraction(1)},
    ],
)
def test_bond_of_numbers_out_of_range_is_refused(bad):
    with pytest.raises(InputError):
        bond_for(10, **bad)


@pytest.mark.parametrize(
    ("audits", "detection"), list(product((1, 8, 64, 256), (Fraction(1, 2), Fraction(9, 10), Fraction(1))))
)
def test_bond_leaves_no_share_of_false_pieces_that_pays(audits, detection):
    """Exact expectation over every number of false pieces, the cheater keeping three quarters of the slash."""
    pieces, gain = 512, 1000
    bond = bond_for(gain, pieces=pieces, looked_at=audits, detection=detection)
    for false in range(1, pieces + 1):
        undetected = (1 - detection * Fraction(false, pieces)) ** audits
        profit = undetected * false * gain - (1 - undetected) * bond / 4
        assert profit <= 0


def wealth(ledger, actors):
    return sum(
        ledger.token_balance(actor.address) + ledger.balance(actor.address).free + ledger.balance(actor.address).locked
        for actor in actors
    )


def cheat(own_client: bool, own_challenger: bool, caught: bool) -> int:
    """What a cheat's accounts gain on the ledger, with the default bond; the outside gain is not in it."""
    ledger = MemoryLedger(judge=MODEL)
    provider, client, challenger = Actor("cheat"), Actor("client"), Actor("watcher")
    for actor in (provider, client, challenger):
        ledger.mint(actor.address, 10_000_000)
        ledger.send(Deposit(amount=5_000_000), sender=actor.address)
    own = [provider, *([client] if own_client else []), *([challenger] if own_challenger else [])]
    before = wealth(ledger, own)
    order = offer(client, provider, MODEL.commitment, now=ledger.now(), bond=bond_for(1_000_000))
    venue = Venue(domain=ledger.domain, token_domain=ledger.token_domain, vault=ledger.vault)
    run = MODEL.run(order.input, wrong=(5,))
    accept = AcceptAndSubmit(order=order, funding=venue.authorization(order, client), result=run.result)
    ledger.send(accept, sender=provider.address)
    if caught:
        proof, salt = run.element_proof(5), bytes(32)
        digest = find_digest(venue.id_of(order), proof.tile, challenger.address, salt)
        ledger.send(CommitFind(digest=digest), sender=challenger.address)
        message = ProveElement(order=order, header=run.header, model=MODEL.commitment, proof=proof, salt=salt)
        ledger.send(message, sender=challenger.address)
    else:
        ledger.advance(order.window)
        ledger.send(Finalize(order=order), sender=provider.address)
    return wealth(ledger, own) - before


@pytest.mark.parametrize(("own_client", "own_challenger"), list(product((False, True), repeat=2)))
def test_cheat_who_is_caught_loses_more_than_a_price_on_the_ledger_whoever_he_is(own_client, own_challenger):
    """Seen by one honest watcher he loses at least what the false result could bring him (the price, by default)."""
    assert cheat(own_client, own_challenger, caught=True) <= -1_000_000
    assert cheat(own_client, own_challenger, caught=False) <= 1_000_000
