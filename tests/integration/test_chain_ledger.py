"""The ledger on a deployed market: every way an order can go, and every way a message can fail."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from concordat.chain.accounts import Account
from concordat.chain.contracts import contract
from concordat.chain.deployment import read
from concordat.chain.development import DevelopmentLedger
from concordat.chain.ledger import EvmLedger
from concordat.primitives.errors import (
    ConfigurationError,
    DisputeError,
    FundsError,
    InputError,
    OrderError,
    ProtocolError,
    TransactionError,
)
from concordat.primitives.hashing import keccak256
from concordat.primitives.signatures import cancel_digest, receive_authorization_digest, release_digest
from concordat.primitives.units import Amount, Bytes32, usd
from concordat.protocol.events import Accepted, Delivered, Deposited, Expired, FindCommitted, FraudProven, Paid, Slashed
from concordat.protocol.evidence import FraudProvable, encode_policy
from concordat.protocol.execution import Result, commit_result
from concordat.protocol.messages import (
    Accept,
    AcceptAndSubmit,
    Cancel,
    CommitFind,
    Deposit,
    Expire,
    Finalize,
    Funding,
    FundingMode,
    OpenDispute,
    ProveElement,
    Release,
    ResultHeader,
    Submit,
    TimeOut,
    Withdraw,
    find_digest,
)
from concordat.protocol.order import Order, OrderStatus, order_id
from concordat.testing.tiny import TinyModel

pytestmark = pytest.mark.chain

PRICE, BOND = usd("1"), usd("4")
RESULT = Result(trace_root=Bytes32(b"\x05" * 32), output=b"yes")


class Market:
    """A client and a provider with money in the vault, on a ledger."""

    def __init__(self, ledger: DevelopmentLedger, accounts: list[Account]) -> None:
        self.ledger = ledger
        self.client, self.provider, self.challenger = accounts[1:4]
        for account in (self.provider, self.challenger):
            ledger.send(Deposit(amount=usd(20)), sender=account.address)

    def offer(self, salt: int = 1, **changes: object) -> tuple[Order, Funding]:
        """An order, and the client's signature that pays for it."""
        now = self.ledger.now()
        order = Order(
            client=self.client.address,
            provider=self.provider.address,
            price=PRICE,
            bond=BOND,
            accept_by=now + 600,
            deliver_by=now + 1200,
            window=100,
            model=b"\x01" * 32,
            input=b"\x02" * 32,
            evidence=encode_policy(FraudProvable()),
            salt=salt.to_bytes(32, "big"),
        )
        order = replace(order, **changes)
        digest = receive_authorization_digest(
            self.ledger.token_domain,
            payer=order.client,
            payee=self.ledger.vault,
            value=order.price,
            valid_after=0,
            valid_before=order.accept_by + 1,
            nonce=order_id(order, self.ledger.domain),
        )
        return order, Funding(mode=FundingMode.AUTHORIZATION, signature=self.client.sign(digest))

    def delivered(self) -> Order:
        """An order whose result is in."""
        order, funding = self.offer()
        self.ledger.send(AcceptAndSubmit(order=order, funding=funding, result=RESULT), sender=self.provider.address)
        return order

    def status(self, order: Order) -> OrderStatus:
        return self.ledger.state(order_id(order, self.ledger.domain)).status

    def free(self, account: Account) -> int:
        return self.ledger.balance(account.address).free


@pytest.fixture
def market(evm_ledger: DevelopmentLedger, accounts: list[Account]) -> Market:
    return Market(evm_ledger, accounts)


def test_deposit_and_withdraw_move_tokens_in_and_out(evm_ledger: DevelopmentLedger, accounts: list[Account]) -> None:
    me, other = accounts[4].address, accounts[5].address
    before, others = evm_ledger.token_balance(me), evm_ledger.token_balance(other)
    receipt = evm_ledger.send(Deposit(amount=usd(5)), sender=me)
    assert receipt.events == (Deposited(account=me, amount=usd(5)),)
    evm_ledger.send(Withdraw(amount=usd(2), to=other), sender=me)
    assert evm_ledger.balance(me).free == usd(3)
    assert evm_ledger.token_balance(me) == before - usd(5)
    assert evm_ledger.token_balance(other) == others + usd(2)


def test_deposit_with_an_allowance_needs_no_permit(evm_ledger: DevelopmentLedger, accounts: list[Account]) -> None:
    token, me = evm_ledger.deployment.token, accounts[4]
    evm_ledger.sender.send(me, token, contract("DevToken").call("approve", evm_ledger.vault, usd(5)))
    evm_ledger.send(Deposit(amount=usd(5)), sender=me.address)
    assert read(evm_ledger.endpoint, [("DevToken", token, "nonces", (me.address,))]) == [0]


@pytest.mark.parametrize(
    ("amount", "code"), [(0, "ZeroAmount"), (usd(10**6), "InsufficientFunds"), (2**128, "AmountTooLarge")]
)
def test_deposit_of_an_impossible_amount_is_refused(
    evm_ledger: DevelopmentLedger, accounts: list[Account], amount: int, code: str
) -> None:
    with pytest.raises(FundsError) as caught:
        evm_ledger.send(Deposit(amount=Amount(amount)), sender=accounts[4].address)
    assert caught.value.code == code


def test_order_that_nobody_challenges_is_paid_after_its_window(market: Market) -> None:
    order, funding = market.offer()
    ledger, name = market.ledger, order_id(order, market.ledger.domain)
    accepted = ledger.send(Accept(order=order, funding=funding), sender=market.provider.address)
    assert accepted.events == (Accepted(order_id=name, client=order.client, provider=order.provider, order=order),)
    delivered = ledger.send(Submit(order=order, result=RESULT), sender=market.provider.address)
    (event,) = delivered.events
    assert isinstance(event, Delivered)
    assert event.until == ledger.now() + order.window
    state = ledger.state(name)
    assert state.commitment == commit_result(name, order.provider, RESULT.trace_root, RESULT.output_hash)
    ledger.advance(order.window)
    paid = ledger.send(Finalize(order=order), sender=market.challenger.address)
    assert [type(event) for event in paid.events] == [Paid]
    assert market.free(market.provider) == usd(20) + PRICE
    assert min(receipt.gas_used for receipt in (accepted, delivered, paid)) > 21_000


def test_events_of_a_range_are_those_the_receipts_gave(market: Market) -> None:
    ledger, start = market.ledger, market.ledger.head() + 1
    order, funding = market.offer()
    receipts = [
        ledger.send(AcceptAndSubmit(order=order, funding=funding, result=RESULT), sender=order.provider),
        ledger.send(Release(order=order), sender=order.client),
    ]
    found = ledger.events(start=start)
    assert [(placed.event, placed.transaction, placed.block) for placed in found] == [
        (event, receipt.transaction, receipt.block) for receipt in receipts for event in receipt.events
    ]
    assert found[-1].time == ledger.now()
    assert ledger.events(start=start, end=receipts[0].block) == found[:2]
    assert ledger.events(start=ledger.head() + 1) == []


def test_release_with_the_clients_signature_pays_at_once(market: Market) -> None:
    order = market.delivered()
    domain = market.ledger.domain
    signature = market.client.sign(release_digest(order_id(order, domain), domain))
    market.ledger.send(Release(order=order, signature=signature), sender=market.provider.address)
    assert market.status(order) is OrderStatus.PAID


def test_cancel_with_the_other_partys_signature_undoes_the_order(market: Market) -> None:
    order = market.delivered()
    domain = market.ledger.domain
    signature = market.provider.sign(cancel_digest(order_id(order, domain), domain))
    market.ledger.send(Cancel(order=order, provider_signature=signature), sender=market.client.address)
    assert market.status(order) is OrderStatus.CANCELLED
    assert market.free(market.client) == PRICE


def test_order_that_is_not_delivered_expires_with_a_penalty(market: Market) -> None:
    order, funding = market.offer()
    market.ledger.send(Accept(order=order, funding=funding), sender=order.provider)
    market.ledger.advance(1201)
    receipt = market.ledger.send(Expire(order=order), sender=market.challenger.address)
    assert receipt.events == (Expired(order_id=order_id(order, market.ledger.domain), penalty=Amount(BOND // 4)),)
    assert market.free(market.client) == PRICE + BOND // 4


def test_order_paid_from_credit_needs_the_clients_signature_over_it(market: Market) -> None:
    market.ledger.send(Deposit(amount=PRICE), sender=market.client.address)
    order, _ = market.offer()
    signature = market.client.sign(order_id(order, market.ledger.domain))
    funding = Funding(mode=FundingMode.CREDIT, signature=signature)
    market.ledger.send(Accept(order=order, funding=funding), sender=order.provider)
    assert market.status(order) is OrderStatus.FUNDED
    assert market.free(market.client) == 0


def test_wrong_element_is_proven_in_one_transaction(market: Market) -> None:
    model, dice = TinyModel(), Random(7)
    root, work = next(
        found for found in iter(lambda: model.perform(dice), None) if type(found[1].fault).__name__ == "ElementFault"
    )
    order, funding = market.offer(model=model.commitment.model_id(), input=root)
    ledger, challenger, salt = market.ledger, market.challenger.address, Bytes32(b"\x09" * 32)
    ledger.send(AcceptAndSubmit(order=order, funding=funding, result=work.result), sender=order.provider)
    fault = work.fault
    proof = None
    while proof is None or (proof.node, proof.element) != (fault.node, fault.element):
        proof = work.prove_element(dice)
    name = order_id(order, ledger.domain)
    digest = find_digest(name, proof.tile, challenger, salt)
    committed = ledger.send(CommitFind(digest=digest), sender=challenger)
    assert committed.events == (FindCommitted(challenger=challenger, digest=digest),)
    shown = ProveElement(order=order, header=work.header, model=model.commitment, proof=proof, salt=salt)
    receipt = ledger.send(shown, sender=challenger)
    assert [type(event) for event in receipt.events] == [FraudProven, Slashed]
    assert market.free(market.challenger) == usd(20) + BOND // 2


def test_dispute_that_a_silent_provider_loses_slashes_him(market: Market) -> None:
    model = TinyModel()
    order, funding = market.offer(model=model.commitment.model_id())
    ledger, challenger = market.ledger, market.challenger.address
    ledger.send(AcceptAndSubmit(order=order, funding=funding, result=RESULT), sender=order.provider)
    header = ResultHeader(trace_root=RESULT.trace_root, output_hash=RESULT.output_hash)
    ledger.send(OpenDispute(order=order, header=header, model=model.commitment), sender=challenger)
    assert ledger.state(order_id(order, ledger.domain)).open_disputes == 1
    with pytest.raises(DisputeError) as caught:
        ledger.send(TimeOut(order=order, challenger=challenger), sender=challenger)
    assert caught.value.code == "NotTimedOut"
    ledger.advance(ledger.parameters.move_time + 1)
    ledger.send(TimeOut(order=order, challenger=challenger), sender=challenger)
    assert market.status(order) is OrderStatus.SLASHED


def test_refused_message_costs_nothing_and_leaves_no_block(market: Market) -> None:
    order = market.delivered()
    head = market.ledger.head()
    with pytest.raises(OrderError) as caught:
        market.ledger.send(Finalize(order=order), sender=market.client.address)
    assert caught.value.code == "WindowOpen"
    assert market.ledger.head() == head


def test_simulate_gives_the_gas_and_sends_nothing(market: Market) -> None:
    order, funding = market.offer()
    message, head = Accept(order=order, funding=funding), market.ledger.head()
    gas = market.ledger.simulate(message, sender=order.provider)
    assert market.ledger.head() == head
    assert market.ledger.send(message, sender=order.provider).gas_used <= gas
    with pytest.raises(OrderError):
        market.ledger.simulate(message, sender=order.provider)


def test_message_that_is_overtaken_after_signing_names_the_contracts_reason(market: Market) -> None:
    order = market.delivered()
    prepared = market.ledger.prepare(Release(order=order), sender=order.client)
    signature = market.client.sign(release_digest(order_id(order, market.ledger.domain), market.ledger.domain))
    market.ledger.send(Release(order=order, signature=signature), sender=order.provider)
    with pytest.raises(OrderError) as caught:
        market.ledger.deliver(prepared.raw, prepared.hash)
    assert caught.value.code == "WrongStatus"


def test_deliver_of_the_same_bytes_by_a_restarted_process_acts_once(market: Market) -> None:
    order, funding = market.offer()
    prepared = market.ledger.prepare(Accept(order=order, funding=funding), sender=order.provider)
    first = market.ledger.deliver(prepared.raw, prepared.hash)
    market.ledger.send(Submit(order=order, result=RESULT), sender=order.provider)
    restarted = EvmLedger(market.ledger.endpoint, market.ledger.deployment)
    assert restarted.deliver(prepared.raw, prepared.hash) == first


def test_deliver_of_bytes_whose_number_is_spent_says_so(market: Market) -> None:
    order, funding = market.offer()
    prepared = market.ledger.prepare(Accept(order=order, funding=funding), sender=order.provider)
    other = EvmLedger(market.ledger.endpoint, market.ledger.deployment, [market.provider])
    other.send(Deposit(amount=usd(1)), sender=order.provider)
    with pytest.raises(TransactionError) as caught:
        market.ledger.deliver(prepared.raw, prepared.hash)
    assert caught.value.code == "NonceSpent"
    again = market.ledger.prepare(Accept(order=order, funding=funding), sender=order.provider)
    market.ledger.deliver(again.raw, again.hash)
    assert market.status(order) is OrderStatus.FUNDED


def test_deliver_of_bytes_under_another_hash_is_refused(market: Market) -> None:
    prepared = market.ledger.prepare(CommitFind(digest=keccak256(b"find")), sender=market.client.address)
    with pytest.raises(InputError):
        market.ledger.deliver(prepared.raw, bytes(32))


def test_message_of_an_account_without_signer_is_refused(market: Market) -> None:
    with pytest.raises(ConfigurationError) as caught:
        market.ledger.send(CommitFind(digest=keccak256(b"find")), sender=keccak256(b"nobody")[12:])
    assert caught.value.code == "NoAccount"


def test_authorization_that_was_used_already_is_a_protocol_error(market: Market) -> None:
    order, funding = market.offer()
    market.ledger.send(Accept(order=order, funding=funding), sender=order.provider)
    with pytest.raises(ProtocolError) as caught:
        market.ledger.send(Accept(order=order, funding=funding), sender=order.provider)
    assert caught.value.code == "WrongStatus"


def test_signature_for_another_chain_is_refused(market: Market) -> None:
    order, _ = market.offer()
    elsewhere = replace(market.ledger.domain, chain_id=1)
    funding = Funding(mode=FundingMode.CREDIT, signature=market.client.sign(order_id(order, elsewhere)))
    with pytest.raises(OrderError) as caught:
        market.ledger.send(Accept(order=order, funding=funding), sender=order.provider)
    assert caught.value.code == "BadSignature"
