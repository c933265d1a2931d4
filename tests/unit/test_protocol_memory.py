"""The ledger in memory: blocks, clock, events, forks; and the persistent table under it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concordat.primitives.errors import InputError, OrderError
from concordat.protocol.events import Deposited, Withdrawn
from concordat.protocol.ledger import Balance, Ledger, Parameters
from concordat.protocol.memory import MEMORY_CHAIN_ID, MemoryLedger
from concordat.protocol.messages import Deposit, Finalize, Withdraw
from concordat.protocol.order import OrderState
from concordat.protocol.refusals import REFUSALS, refusal
from concordat.protocol.state import Table
from concordat.testing.stage import Actor, Ladder, offer

ALICE, BOB = Actor("alice"), Actor("bob")


@pytest.fixture
def ledger() -> MemoryLedger:
    ledger = MemoryLedger()
    ledger.mint(ALICE.address, 100)
    return ledger


def test_ledger_in_memory_is_a_ledger(ledger):
    checked: Ledger = ledger
    assert checked.parameters == Parameters()
    assert checked.domain.chain_id == MEMORY_CHAIN_ID
    assert checked.state(bytes(32)) == OrderState()
    assert checked.balance(ALICE.address) == Balance()


def test_send_of_a_good_message_makes_one_block_with_its_events(ledger):
    head, now = ledger.head(), ledger.now()
    receipt = ledger.send(Deposit(amount=60), sender=ALICE.address)
    assert (receipt.block, ledger.head(), ledger.now()) == (head + 1, head + 1, now + 1)
    [placed] = ledger.events(start=receipt.block)
    assert placed.event == Deposited(account=ALICE.address, amount=60)
    assert (placed.block, placed.index, placed.time) == (receipt.block, 0, ledger.now())
    assert placed.transaction == receipt.transaction
    assert len({placed.transaction, placed.block_hash}) == 2


def test_send_of_a_refused_message_makes_no_block(ledger):
    head, world = ledger.head(), ledger.world
    order = offer(ALICE, BOB, Ladder(0).commitment, now=ledger.now())
    with pytest.raises(OrderError):
        ledger.send(Finalize(order=order), sender=ALICE.address)
    assert (ledger.head(), ledger.world) == (head, world)


def test_events_between_two_blocks_include_both_ends(ledger):
    blocks = [ledger.send(Deposit(amount=i), sender=ALICE.address).block for i in range(1, 6)]
    ledger.advance(10)
    ledger.send(Withdraw(amount=3, to=BOB.address), sender=ALICE.address)
    amounts = [placed.event.amount for placed in ledger.events(start=blocks[1], end=blocks[3])]
    assert amounts == [2, 3, 4]
    assert len(ledger.events()) == 6
    assert ledger.events(start=ledger.head())[0].event == Withdrawn(account=ALICE.address, to=BOB.address, amount=3)
    assert ledger.events(start=ledger.head() + 1) == []


def test_clock_moves_only_when_told():
    still = MemoryLedger(start=1_000, block_time=0)
    still.mint(ALICE.address, 5)
    assert still.now() == 1_000
    assert still.advance(7) == 1_007
    still.send(Deposit(amount=5), sender=ALICE.address)
    assert still.now() == 1_007


def test_clock_and_mint_refuse_negative_numbers(ledger):
    with pytest.raises(InputError):
        ledger.advance(-1)
    with pytest.raises(InputError):
        ledger.mint(ALICE.address, -1)


def test_fork_has_the_same_past_and_its_own_future(ledger):
    ledger.send(Deposit(amount=10), sender=ALICE.address)
    fork = ledger.fork()
    assert fork.events() == ledger.events()
    fork.send(Deposit(amount=20), sender=ALICE.address)
    ledger.advance(5)
    assert (ledger.balance(ALICE.address).free, fork.balance(ALICE.address).free) == (10, 30)
    assert len(ledger.events()) == 1
    assert fork.now() != ledger.now()


def test_ledger_of_given_rules_rehearses_that_deployment(ledger):
    rehearsal = MemoryLedger(rules=ledger.rules)
    assert (rehearsal.domain, rehearsal.vault) == (ledger.domain, ledger.vault)


def test_blocks_of_different_messages_have_different_hashes(ledger):
    other = ledger.fork()
    one = ledger.send(Deposit(amount=1), sender=ALICE.address)
    two = other.send(Deposit(amount=2), sender=ALICE.address)
    assert one.transaction != two.transaction
    assert ledger.events()[0].block_hash != other.events()[0].block_hash


@given(
    st.lists(st.tuples(st.integers(0, 40), st.none() | st.integers()), max_size=120),
    st.dictionaries(st.integers(0, 40), st.integers()),
)
def test_table_is_a_dictionary_whose_old_versions_stay(changes, base):
    table, twin, history = Table(base), dict(base), []
    for key, value in changes:
        history.append((table, dict(twin)))
        table = table.put(key, value)
        if value is None:
            twin.pop(key, None)
        else:
            twin[key] = value
        assert table == twin
        assert len(table) == len(twin)
        assert set(table) == set(twin)
        assert (key in table) == (key in twin)
    assert all(old == then for old, then in history)


@pytest.mark.parametrize("code", sorted(REFUSALS))
def test_refusal_has_its_class_its_code_and_a_sentence(code):
    error = refusal(code, order="00")
    assert type(error) is REFUSALS[code]
    assert (error.code, error.fields) == (code, {"order": "00"})
    assert str(error).endswith(".")


def test_refusal_of_unknown_name_is_still_typed():
    assert refusal("SomethingElse").code == "SomethingElse"
