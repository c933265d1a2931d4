"""Every row of the court's table (docs/explain/orders-and-disputes.md §3), and every refusal."""

from __future__ import annotations

from dataclasses import replace

import pytest

from concordat.primitives.encoding import ZERO32
from concordat.primitives.errors import FundsError, ProtocolError
from concordat.primitives.hashing import keccak256
from concordat.protocol.events import (
    ChildPicked,
    ChildrenRevealed,
    DisputeClosed,
    DisputeLost,
    DisputeOpened,
    FindCommitted,
    FraudProven,
    LeafRevealed,
    Slashed,
)
from concordat.protocol.ledger import BURN_ADDRESS, Balance
from concordat.protocol.memory import MemoryLedger
from concordat.protocol.messages import (
    AcceptAndSubmit,
    CloseDispute,
    CommitFind,
    Deposit,
    OpenDispute,
    Opening,
    Pick,
    ProveElement,
    ProveOutput,
    Release,
    Reveal,
    RevealLeaf,
    TimeOut,
    find_digest,
)
from concordat.protocol.order import OrderState, OrderStatus
from concordat.testing.stage import Actor, Ladder, Venue, offer

DEPTH = 6  # one move of four levels and one of two
MODEL = Ladder(DEPTH)
CLIENT, PROVIDER, CHALLENGER, OTHER = (Actor(name) for name in ("client", "provider", "challenger", "other"))
SALT = keccak256(b"find")
MOVE = 3600
BOND = 2_100_000  # 2 USD and a tenth of the price


class Court:
    """One delivered order whose trace is wrong at word 37, and the moves one can make on it."""

    def __init__(self, *, model=MODEL, wrong=(37,), output=None, **terms):
        self.model = model
        self.ledger = MemoryLedger(judge=model, block_time=0)
        for actor in (CLIENT, PROVIDER, CHALLENGER, OTHER):
            self.ledger.mint(actor.address, 100_000_000)
            self.ledger.send(Deposit(amount=50_000_000), sender=actor.address)
        ledger = self.ledger
        self.venue = Venue(domain=ledger.domain, token_domain=ledger.token_domain, vault=ledger.vault)
        self.order = offer(CLIENT, PROVIDER, model.commitment, now=ledger.now(), **terms)
        self.key = self.venue.id_of(self.order)
        self.run = model.run(self.order.input, wrong=wrong, output=output)
        funding = self.venue.authorization(self.order, CLIENT)
        self.send(AcceptAndSubmit(order=self.order, funding=funding, result=self.run.result), PROVIDER)

    def send(self, message, actor):
        return self.ledger.send(message, sender=actor.address).events

    def refused(self, message, actor, code, error=ProtocolError):
        before = self.ledger.world
        with pytest.raises(error) as caught:
            self.send(message, actor)
        assert caught.value.code == code
        assert self.ledger.world == before

    def state(self):
        return self.ledger.state(self.key)

    def balance(self, actor):
        return self.ledger.balance(actor.address)

    def find(self, tile, actor=CHALLENGER):
        return self.send(CommitFind(digest=find_digest(self.key, tile, actor.address, SALT)), actor)

    def element(self, index=37, **changes):
        message = ProveElement(
            order=self.order,
            header=self.run.header,
            model=self.model.commitment,
            proof=self.run.element_proof(index),
            salt=SALT,
        )
        return replace(message, **changes)

    def output(self, **changes):
        message = ProveOutput(
            order=self.order,
            header=self.run.header,
            model=self.model.commitment,
            proof=self.run.output_proof(),
            salt=SALT,
        )
        return replace(message, **changes)

    def opening(self, **changes):
        return replace(OpenDispute(order=self.order, header=self.run.header, model=self.model.commitment), **changes)

    def reveal(self, height, index, levels, challenger=CHALLENGER):
        children = tuple(self.run.tree.children(height, index, levels))
        return Reveal(order=self.order, challenger=challenger.address, children=children)

    def pick(self, height, index, levels, choice):
        return Pick(order=self.order, children=tuple(self.run.tree.children(height, index, levels)), index=choice)

    def leaf(self, word):
        return RevealLeaf(order=self.order, challenger=CHALLENGER.address, word=word)

    def timeout(self, challenger=CHALLENGER):
        return TimeOut(order=self.order, challenger=challenger.address)

    def closing(self, challenger=CHALLENGER):
        return CloseDispute(order=self.order, challenger=challenger.address)

    def to_leaf(self):
        """Dissect down to word 37 = 0b100101: child 9 of the root's sixteen, then child 1 of four."""
        self.send(self.opening(), CHALLENGER)
        self.send(self.reveal(6, 0, 4), PROVIDER)
        self.send(self.pick(6, 0, 4, 9), CHALLENGER)
        self.send(self.reveal(2, 9, 2), PROVIDER)
        self.send(self.pick(2, 9, 2, 1), CHALLENGER)


@pytest.fixture
def court():
    return Court()


SLASHED = {"to_client": 2_000_000, "to_challenger": 2_000_000, "burned": 1_000_000}


# -- fraud proofs ----------------------------------------------------------------------------------------------------


def test_prove_element_that_is_wrong_slashes_without_bond(court):
    tile = court.run.element_proof(37).tile
    digest = find_digest(court.key, tile, CHALLENGER.address, SALT)
    assert court.find(tile) == (FindCommitted(challenger=CHALLENGER.address, digest=digest),)
    commitment = court.state().commitment
    assert court.send(court.element(), CHALLENGER) == (
        FraudProven(order_id=court.key, challenger=CHALLENGER.address, tile=37),
        Slashed(order_id=court.key, challenger=CHALLENGER.address, **SLASHED),
    )
    now = court.ledger.now()
    assert court.state() == OrderState(status=OrderStatus.SLASHED, until=now, commitment=commitment)
    assert court.balance(PROVIDER) == Balance(free=46_000_000)
    assert court.balance(CLIENT) == Balance(free=52_000_000)
    assert court.balance(CHALLENGER) == Balance(free=52_000_000)
    assert court.ledger.balance(BURN_ADDRESS) == Balance(free=1_000_000)


def test_slash_of_indivisible_bond_burns_the_rounding():
    court = Court(bond=7)
    court.find(37)
    slashed = court.send(court.element(), CHALLENGER)[1]
    assert (slashed.to_client, slashed.to_challenger, slashed.burned) == (1_000_001, 3, 3)


def test_prove_output_that_differs_from_trace_slashes():
    court = Court(wrong=(), output=bytes(32))
    court.find(1 << 255)
    proven, slashed = court.send(court.output(), CHALLENGER)
    assert proven == FraudProven(order_id=court.key, challenger=CHALLENGER.address, tile=1 << 255)
    assert slashed.burned == 1_000_000


def test_prove_output_of_wrong_length_slashes():
    court = Court(wrong=(), output=bytes(31))
    court.find(1 << 255)
    assert court.send(court.output(), CHALLENGER)


def test_prove_output_that_is_right_is_refused(court):
    court.find(1 << 255)
    court.refused(court.output(), CHALLENGER, "NoFraud")


def test_prove_output_other_than_the_delivered_is_refused(court):
    court.find(1 << 255)
    proof = replace(court.run.output_proof(), output=bytes(32))
    court.refused(court.output(proof=proof), CHALLENGER, "BadOpening")


def test_prove_element_that_is_right_is_refused(court):
    court.find(36)
    court.refused(court.element(36), CHALLENGER, "NoFraud")


def test_prove_element_without_find_is_refused(court):
    court.refused(court.element(), CHALLENGER, "FindNotCommitted")


def test_prove_element_in_the_block_of_the_find_is_refused(court):
    court.find(37)
    digest = find_digest(court.key, 37, CHALLENGER.address, SALT)
    finds = court.ledger.world.finds.put(digest, court.ledger.head() + 1)
    court.ledger.world = replace(court.ledger.world, finds=finds)
    court.refused(court.element(), CHALLENGER, "FindNotCommitted")


def test_prove_element_copied_from_the_mempool_is_refused(court):
    """Somebody sees the find and the proof and repeats both with his own address."""
    court.find(37)
    court.refused(court.element(), OTHER, "FindNotCommitted")
    court.send(CommitFind(digest=find_digest(court.key, 37, CHALLENGER.address, SALT)), OTHER)
    court.refused(court.element(), OTHER, "FindNotCommitted")
    court.send(court.element(), CHALLENGER)


def test_commit_find_again_keeps_the_first_block(court):
    court.find(37)
    first = dict(court.ledger.world.finds)
    court.find(37)
    assert dict(court.ledger.world.finds) == first


def test_prove_element_with_other_salt_or_tile_is_refused(court):
    court.find(36)
    court.refused(court.element(), CHALLENGER, "FindNotCommitted")
    court.refused(court.element(36, salt=ZERO32), CHALLENGER, "FindNotCommitted")


def test_prove_element_with_other_header_model_or_opening_is_refused(court):
    court.find(37)
    header = replace(court.run.header, trace_root=ZERO32)
    court.refused(court.element(header=header), CHALLENGER, "WrongResult")
    model = replace(MODEL.commitment, weights_root=ZERO32)
    court.refused(court.element(model=model), CHALLENGER, "WrongModel")
    for bad in (court.run.opening(36), Opening(), replace(court.run.opening(37), path=())):
        proof = replace(court.run.element_proof(37), claimed=bad)
        court.refused(court.element(proof=proof), CHALLENGER, "BadOpening")


def test_prove_element_after_window_but_before_payment_slashes(court):
    court.find(37)
    court.ledger.advance(10_000)
    assert court.send(court.element(), CHALLENGER)


def test_prove_element_after_payment_is_refused(court):
    court.find(37)
    court.send(Release(order=court.order), CLIENT)
    court.refused(court.element(), CHALLENGER, "WrongStatus")


def test_prove_element_by_disputer_returns_his_bond_at_once(court):
    court.find(37)
    court.send(court.opening(), CHALLENGER)
    events = court.send(court.element(), CHALLENGER)
    assert events[2:] == (DisputeClosed(order_id=court.key, challenger=CHALLENGER.address),)
    assert court.balance(CHALLENGER) == Balance(free=52_000_000)
    assert court.state().open_disputes == 0


def test_prove_element_without_judge_is_refused(court):
    court.find(37)
    court.ledger.rules = replace(court.ledger.rules, judge=None)
    court.refused(court.element(), CHALLENGER, "BadOpening")


# -- dissection ------------------------------------------------------------------------------------------------------


def test_open_dispute_locks_bond_and_starts_the_providers_clock(court):
    deadline = court.ledger.now() + MOVE
    expected = DisputeOpened(order_id=court.key, challenger=CHALLENGER.address, deadline=deadline)
    assert court.send(court.opening(), CHALLENGER) == (expected,)
    assert court.balance(CHALLENGER) == Balance(free=50_000_000 - BOND, locked=BOND)
    assert court.state().open_disputes == 1


def test_open_dispute_in_last_second_succeeds_and_later_is_refused(court):
    court.ledger.advance(299)
    court.send(court.opening(), CHALLENGER)
    court.ledger.advance(1)
    court.refused(court.opening(), OTHER, "WindowClosed")


def test_open_dispute_of_paid_order_is_refused(court):
    court.send(Release(order=court.order), CLIENT)
    court.refused(court.opening(), CHALLENGER, "WrongStatus")


def test_open_dispute_with_other_header_or_model_is_refused(court):
    header = replace(court.run.header, output_hash=ZERO32)
    court.refused(court.opening(header=header), CHALLENGER, "WrongResult")
    model = replace(MODEL.commitment, dimensions=ZERO32)
    court.refused(court.opening(model=model), CHALLENGER, "WrongModel")


def test_open_dispute_twice_by_one_challenger_is_refused(court):
    court.send(court.opening(), CHALLENGER)
    court.refused(court.opening(), CHALLENGER, "DisputeExists")
    court.send(court.opening(), OTHER)
    assert court.state().open_disputes == 2


def test_open_dispute_without_bond_is_refused():
    court = Court(price=50_000_000)  # bond of 7 USD
    poor = court.ledger.world.balances.put(CHALLENGER.address, Balance(free=6_999_999))
    court.ledger.world = replace(court.ledger.world, balances=poor)
    court.refused(court.opening(), CHALLENGER, "InsufficientFree", FundsError)


def test_open_dispute_beyond_what_the_slot_counts_is_refused(court):
    full = replace(court.state(), open_disputes=2**13 - 1)
    court.ledger.world = court.ledger.world.with_order(court.key, full)
    court.refused(court.opening(), CHALLENGER, "TooManyDisputes")


def test_dissection_to_the_leaf_ends_in_a_fraud_proof(court):
    opened = court.send(court.opening(), CHALLENGER)
    top, bottom = court.reveal(6, 0, 4), court.reveal(2, 9, 2)
    ids = {"order_id": court.key, "challenger": CHALLENGER.address, "deadline": court.ledger.now() + MOVE}
    moves = [
        opened,
        court.send(top, PROVIDER),
        court.send(court.pick(6, 0, 4, 9), CHALLENGER),
        court.send(bottom, PROVIDER),
        court.send(court.pick(2, 9, 2, 1), CHALLENGER),
        court.send(court.leaf(court.run.words[37]), PROVIDER),
    ]
    assert [event for events in moves for event in events] == [
        DisputeOpened(**ids),
        ChildrenRevealed(children=top.children, **ids),
        ChildPicked(index=9, **ids),
        ChildrenRevealed(children=bottom.children, **ids),
        ChildPicked(index=1, **ids),
        LeafRevealed(word=court.run.words[37], **ids),
    ]
    assert (len(top.children), len(bottom.children)) == (16, 4)
    court.find(37)
    assert [type(event) for event in court.send(court.element(), CHALLENGER)] == [FraudProven, Slashed, DisputeClosed]


def test_reveal_by_somebody_else_is_refused(court):
    court.send(court.opening(), CHALLENGER)
    court.refused(court.reveal(6, 0, 4), CHALLENGER, "NotProvider")


def test_reveal_of_other_children_is_refused(court):
    court.send(court.opening(), CHALLENGER)
    good = court.reveal(6, 0, 4)
    for children in (
        good.children[:8],
        (*good.children[:15], ZERO32),
        tuple(court.run.tree.children(6, 0, 3)),
        (),
        (*good.children[:15], b"short"),
    ):
        court.refused(replace(good, children=children), PROVIDER, "BadChildren")


def test_moves_out_of_turn_are_refused(court):
    court.send(court.opening(), CHALLENGER)
    court.refused(court.pick(6, 0, 4, 0), CHALLENGER, "WrongTurn")
    court.refused(court.leaf(court.run.words[0]), PROVIDER, "WrongTurn")
    court.send(court.reveal(6, 0, 4), PROVIDER)
    court.refused(court.reveal(6, 0, 4), PROVIDER, "WrongTurn")


def test_moves_at_the_leaf_out_of_turn_are_refused(court):
    court.to_leaf()
    court.refused(court.reveal(0, 37, 0), PROVIDER, "WrongTurn")
    court.send(court.leaf(court.run.words[37]), PROVIDER)
    for message, actor in (
        (court.reveal(0, 37, 0), PROVIDER),
        (court.leaf(court.run.words[37]), PROVIDER),
        (court.pick(0, 37, 0, 0), CHALLENGER),
    ):
        court.refused(message, actor, "WrongTurn")


def test_pick_of_other_children_or_index_is_refused(court):
    court.send(court.opening(), CHALLENGER)
    court.send(court.reveal(6, 0, 4), PROVIDER)
    court.refused(court.pick(2, 9, 2, 0), CHALLENGER, "BadChildren")
    for index in (16, 2**32):
        court.refused(court.pick(6, 0, 4, index), CHALLENGER, "BadIndex")


def test_pick_by_somebody_else_is_refused(court):
    court.send(court.opening(), CHALLENGER)
    court.send(court.reveal(6, 0, 4), PROVIDER)
    court.refused(court.pick(6, 0, 4, 0), OTHER, "NoDispute")


def test_reveal_leaf_with_other_word_or_sender_is_refused(court):
    court.to_leaf()
    court.refused(court.leaf(court.run.words[36]), PROVIDER, "BadChildren")
    court.refused(court.leaf(court.run.words[37]), OTHER, "NotProvider")


def test_moves_after_the_deadline_are_refused(court):
    court.send(court.opening(), CHALLENGER)
    late = court.ledger.fork()
    court.ledger.advance(MOVE)
    court.send(court.reveal(6, 0, 4), PROVIDER)
    court.ledger.advance(MOVE + 1)
    court.refused(court.pick(6, 0, 4, 9), CHALLENGER, "TooLate")
    court.ledger = late
    late.advance(MOVE + 1)
    court.refused(court.reveal(6, 0, 4), PROVIDER, "TooLate")


def test_reveal_leaf_after_the_deadline_is_refused(court):
    court.to_leaf()
    court.ledger.advance(MOVE + 1)
    court.refused(court.leaf(court.run.words[37]), PROVIDER, "TooLate")


def test_dispute_of_one_word_trace_starts_at_the_leaf():
    court = Court(model=Ladder(0), wrong=(0,))
    court.send(court.opening(), CHALLENGER)
    court.refused(court.reveal(0, 0, 0), PROVIDER, "WrongTurn")
    assert isinstance(court.send(court.leaf(court.run.words[0]), PROVIDER)[0], LeafRevealed)


# -- ends ------------------------------------------------------------------------------------------------------------


def test_time_out_of_silent_provider_slashes_and_returns_the_bond(court):
    court.send(court.opening(), CHALLENGER)
    court.ledger.advance(MOVE)
    court.refused(court.timeout(), OTHER, "NotTimedOut")
    court.ledger.advance(1)
    assert court.send(court.timeout(), OTHER) == (
        Slashed(order_id=court.key, challenger=CHALLENGER.address, **SLASHED),
        DisputeClosed(order_id=court.key, challenger=CHALLENGER.address),
    )
    assert court.balance(CHALLENGER) == Balance(free=52_000_000)
    assert court.balance(OTHER) == Balance(free=50_000_000)


@pytest.mark.parametrize("stage", ["picks", "proves"])
def test_time_out_of_silent_challenger_costs_him_and_extends_the_window(court, stage):
    if stage == "proves":
        court.to_leaf()
        court.send(court.leaf(court.run.words[37]), PROVIDER)
    else:
        court.send(court.opening(), CHALLENGER)
        court.send(court.reveal(6, 0, 4), PROVIDER)
    court.ledger.advance(MOVE + 1)
    until = court.ledger.now() + 300
    assert court.send(court.timeout(), PROVIDER) == (
        DisputeLost(
            order_id=court.key, challenger=CHALLENGER.address, to_provider=2_000_000, burned=100_000, until=until
        ),
    )
    assert court.balance(CHALLENGER) == Balance(free=50_000_000 - BOND)
    assert court.balance(PROVIDER) == Balance(free=48_000_000, locked=4_000_000)
    assert court.ledger.balance(BURN_ADDRESS).free == 100_000
    assert (court.state().status, court.state().open_disputes) == (OrderStatus.DELIVERED, 0)
    assert court.state().until == until


def test_time_out_inside_a_long_window_does_not_shorten_it():
    court = Court(window=100_000)
    until = court.state().until
    court.send(court.opening(), CHALLENGER)
    court.send(court.reveal(6, 0, 4), PROVIDER)
    court.ledger.advance(MOVE + 1)
    court.send(court.timeout(), PROVIDER)
    assert court.state().until == max(until, court.ledger.now() + 100_000)


def test_lost_dispute_can_be_opened_again_in_the_extended_window(court):
    court.send(court.opening(), CHALLENGER)
    court.send(court.reveal(6, 0, 4), PROVIDER)
    court.ledger.advance(MOVE + 1)
    court.send(court.timeout(), PROVIDER)
    assert court.send(court.opening(), CHALLENGER)


def test_sham_dispute_does_not_shield_from_a_real_one(court):
    """The provider's friend opens a dispute and loses it slowly; another challenger's clock is his own."""
    court.send(court.opening(), OTHER)
    court.send(court.opening(), CHALLENGER)
    court.send(court.reveal(6, 0, 4, challenger=OTHER), PROVIDER)
    court.ledger.advance(MOVE + 1)
    assert isinstance(court.send(court.timeout(), CHALLENGER)[0], Slashed)


def test_close_dispute_after_somebody_elses_slash_returns_the_bond(court):
    court.send(court.opening(), OTHER)
    court.find(37)
    court.refused(court.closing(OTHER), OTHER, "WrongStatus")
    court.send(court.element(), CHALLENGER)
    assert court.send(court.closing(OTHER), CHALLENGER) == (
        DisputeClosed(order_id=court.key, challenger=OTHER.address),
    )
    assert court.balance(OTHER) == Balance(free=50_000_000)
    court.refused(court.closing(OTHER), OTHER, "NoDispute")


def test_moves_on_a_terminal_order_are_refused(court):
    court.send(court.opening(), OTHER)
    court.find(37)
    court.send(court.element(), CHALLENGER)
    court.ledger.advance(MOVE + 1)
    pick = court.pick(6, 0, 4, 0)
    reveal = court.reveal(6, 0, 4, OTHER)
    leaf = replace(court.leaf(court.run.words[0]), challenger=OTHER.address)
    moves = ((reveal, PROVIDER), (pick, OTHER), (leaf, PROVIDER), (court.timeout(OTHER), OTHER))
    for message, actor in (*moves, (court.opening(), OTHER), (court.element(), CHALLENGER)):
        court.refused(message, actor, "WrongStatus")


def test_moves_in_a_dispute_that_does_not_exist_are_refused(court):
    pick = court.pick(6, 0, 4, 0)
    moves = ((court.reveal(6, 0, 4), PROVIDER), (pick, CHALLENGER), (court.leaf(ZERO32), PROVIDER))
    for message, actor in (*moves, (court.timeout(), OTHER)):
        court.refused(message, actor, "NoDispute")
