"""Every row of the market's and the vault's table (docs/explain/orders-and-disputes.md §1, §2), and every refusal."""

from __future__ import annotations

from dataclasses import replace

import pytest

from concordat.primitives.encoding import ZERO32
from concordat.primitives.errors import FundsError, OrderError, ProtocolError
from concordat.primitives.hashing import keccak256
from concordat.protocol.events import Accepted, Cancelled, Delivered, Deposited, Expired, Paid, Withdrawn
from concordat.protocol.evidence import AllOf, ClientRelease, EvidenceKind, FraudProvable, Native, encode_policy
from concordat.protocol.execution import Result, commit_result
from concordat.protocol.ledger import Balance
from concordat.protocol.memory import MemoryLedger
from concordat.protocol.messages import (
    Accept,
    AcceptAndProve,
    AcceptAndSubmit,
    Cancel,
    Deposit,
    Expire,
    Finalize,
    Funding,
    FundingMode,
    OpenDispute,
    Prove,
    Release,
    Submit,
    Withdraw,
)
from concordat.protocol.order import OrderState, OrderStatus
from concordat.testing.stage import Actor, Ladder, Venue, offer

MODEL = Ladder(5)
CLIENT, PROVIDER, CHALLENGER = Actor("client"), Actor("provider"), Actor("challenger")
NATIVE, FRAUD_PROVABLE, RELEASED = 1 << 0, 1 << 1, 1 << 7
BAD_SIGNATURE = bytes(64) + b"\x1b"


@pytest.fixture
def ledger() -> MemoryLedger:
    ledger = MemoryLedger(judge=MODEL, modules={EvidenceKind.NATIVE: MODEL}, block_time=0)
    for actor in (CLIENT, PROVIDER, CHALLENGER):
        ledger.mint(actor.address, 100_000_000)
    for actor in (PROVIDER, CHALLENGER):
        ledger.send(Deposit(amount=50_000_000), sender=actor.address)
    return ledger


@pytest.fixture
def venue(ledger) -> Venue:
    return Venue(domain=ledger.domain, token_domain=ledger.token_domain, vault=ledger.vault)


@pytest.fixture
def order(ledger):
    return offer(CLIENT, PROVIDER, MODEL.commitment, now=ledger.now())


@pytest.fixture
def run(order):
    return MODEL.run(order.input)


@pytest.fixture
def funded(ledger, venue, order):
    ledger.send(Accept(order=order, funding=venue.authorization(order, CLIENT)), sender=PROVIDER.address)
    return order


@pytest.fixture
def delivered(ledger, funded, run):
    ledger.send(Submit(order=funded, result=run.result), sender=PROVIDER.address)
    return funded


def refused(ledger, message, sender, code, error=OrderError):
    before = ledger.world
    with pytest.raises(error) as caught:
        ledger.send(message, sender=sender.address)
    assert caught.value.code == code
    assert ledger.world == before


def dispute(ledger, order, run):
    message = OpenDispute(order=order, header=run.header, model=MODEL.commitment)
    ledger.send(message, sender=CHALLENGER.address)


# -- vault -----------------------------------------------------------------------------------------------------------


def test_deposit_with_tokens_becomes_free_balance(ledger):
    receipt = ledger.send(Deposit(amount=7), sender=CLIENT.address)
    assert receipt.events == (Deposited(account=CLIENT.address, amount=7),)
    assert ledger.balance(CLIENT.address) == Balance(free=7)
    assert ledger.token_balance(CLIENT.address) == 100_000_000 - 7


@pytest.mark.parametrize(
    ("amount", "code"), [(0, "ZeroAmount"), (100_000_001, "InsufficientFunds"), (2**128, "AmountTooLarge")]
)
def test_deposit_of_impossible_amount_is_refused(ledger, amount, code):
    refused(ledger, Deposit(amount=amount), CLIENT, code, FundsError)


def test_withdraw_to_somebody_moves_tokens_there(ledger):
    receipt = ledger.send(Withdraw(amount=5, to=CLIENT.address), sender=PROVIDER.address)
    assert receipt.events == (Withdrawn(account=PROVIDER.address, to=CLIENT.address, amount=5),)
    assert ledger.balance(PROVIDER.address).free == 50_000_000 - 5
    assert ledger.token_balance(CLIENT.address) == 100_000_000 + 5


@pytest.mark.parametrize(("amount", "code"), [(0, "ZeroAmount"), (50_000_001, "InsufficientFree")])
def test_withdraw_of_impossible_amount_is_refused(ledger, amount, code):
    refused(ledger, Withdraw(amount=amount, to=PROVIDER.address), PROVIDER, code, FundsError)


def test_withdraw_of_locked_bond_is_refused(ledger, funded):
    refused(ledger, Withdraw(amount=50_000_000, to=PROVIDER.address), PROVIDER, "InsufficientFree", FundsError)


# -- accept ----------------------------------------------------------------------------------------------------------


def test_accept_by_authorization_funds_from_clients_tokens(ledger, venue, order):
    message = Accept(order=order, funding=venue.authorization(order, CLIENT))
    receipt = ledger.send(message, sender=PROVIDER.address)
    key = venue.id_of(order)
    assert receipt.events == (Accepted(order_id=key, client=CLIENT.address, provider=PROVIDER.address, order=order),)
    assert ledger.state(key) == OrderState(status=OrderStatus.FUNDED)
    assert ledger.balance(PROVIDER.address) == Balance(free=46_000_000, locked=4_000_000)
    assert ledger.token_balance(CLIENT.address) == 99_000_000
    assert ledger.token_balance(ledger.vault) == 101_000_000


def test_accept_by_credit_funds_from_clients_free_balance(ledger, venue, order):
    ledger.send(Deposit(amount=1_000_000), sender=CLIENT.address)
    ledger.send(Accept(order=order, funding=venue.credit(order, CLIENT)), sender=PROVIDER.address)
    assert ledger.state(venue.id_of(order)).status is OrderStatus.FUNDED
    assert ledger.balance(CLIENT.address) == Balance()


def test_accept_by_somebody_else_is_refused(ledger, venue, order):
    refused(ledger, Accept(order=order, funding=venue.authorization(order, CLIENT)), CLIENT, "NotProvider")


def test_accept_at_last_second_succeeds_and_later_is_refused(ledger, venue, order):
    ledger.advance(100)
    message, late = Accept(order=order, funding=venue.authorization(order, CLIENT)), ledger.fork()
    ledger.send(message, sender=PROVIDER.address)
    late.advance(1)
    refused(late, message, PROVIDER, "OfferExpired")


@pytest.mark.parametrize(
    "terms",
    [
        {"deliver_by": 1_800_000_099},
        {"price": 0},
        {"evidence": ZERO32},
        {"window": 0},
        {"window": 2**32 - 1_800_000_200},
        {"deliver_by": 2**32},
    ],
)
def test_accept_of_contradictory_terms_is_refused(ledger, venue, order, terms):
    bad = replace(order, **terms)
    refused(ledger, Accept(order=bad, funding=venue.authorization(bad, CLIENT)), PROVIDER, "BadTerms")


def test_accept_of_window_that_ends_in_last_second_of_32_bits_succeeds(ledger, venue, order):
    last = replace(order, window=2**32 - 1 - order.deliver_by)
    ledger.send(Accept(order=last, funding=venue.authorization(last, CLIENT)), sender=PROVIDER.address)


def test_accept_twice_is_refused(ledger, venue, funded):
    refused(ledger, Accept(order=funded, funding=venue.authorization(funded, CLIENT)), PROVIDER, "WrongStatus")


def test_accept_without_bond_is_refused(ledger, venue, order):
    dear = replace(order, bond=50_000_001)
    message = Accept(order=dear, funding=venue.authorization(dear, CLIENT))
    refused(ledger, message, PROVIDER, "InsufficientFree", FundsError)


def test_accept_of_clients_empty_purse_is_refused(ledger, venue, order):
    dear = replace(order, price=100_000_001)
    message = Accept(order=dear, funding=venue.authorization(dear, CLIENT))
    refused(ledger, message, PROVIDER, "InsufficientFunds", FundsError)
    message = Accept(order=order, funding=venue.credit(order, CLIENT))
    refused(ledger, message, PROVIDER, "InsufficientFree", FundsError)


def test_accept_by_client_and_provider_in_one_needs_price_and_bond(ledger, venue, order):
    own = replace(order, client=PROVIDER.address, price=46_000_001)
    refused(ledger, Accept(order=own, funding=venue.credit(own, PROVIDER)), PROVIDER, "InsufficientFree", FundsError)
    own = replace(own, price=46_000_000)
    ledger.send(Accept(order=own, funding=venue.credit(own, PROVIDER)), sender=PROVIDER.address)
    assert ledger.balance(PROVIDER.address) == Balance(locked=4_000_000)


def elsewhere(venue: Venue) -> dict[str, Venue]:
    """The same venue on another chain, with another market, with another token."""
    return {
        "chain": replace(
            venue,
            domain=replace(venue.domain, chain_id=1),
            token_domain=replace(venue.token_domain, chain_id=1),
        ),
        "market": replace(venue, domain=replace(venue.domain, market=CHALLENGER.address)),
        "vault": replace(venue, vault=CHALLENGER.address, domain=replace(venue.domain, market=CHALLENGER.address)),
    }


@pytest.mark.parametrize("where", ["chain", "market", "vault"])
def test_accept_replaying_a_signature_from_elsewhere_is_refused(ledger, venue, order, where):
    ledger.send(Deposit(amount=1_000_000), sender=CLIENT.address)
    other = elsewhere(venue)[where]
    for funding in (other.authorization(order, CLIENT), other.credit(order, CLIENT)):
        refused(ledger, Accept(order=order, funding=funding), PROVIDER, "BadSignature")


@pytest.mark.parametrize("mode", list(FundingMode))
def test_accept_with_false_signature_is_refused(ledger, venue, order, mode):
    sign = venue.authorization if mode is FundingMode.AUTHORIZATION else venue.credit
    other_price = sign(replace(order, price=2), CLIENT)
    for funding in (
        sign(order, CHALLENGER),
        other_price,
        *(Funding(mode=mode, signature=bad) for bad in (b"", BAD_SIGNATURE, other_price.signature[:64])),
    ):
        refused(ledger, Accept(order=order, funding=funding), PROVIDER, "BadSignature")


def test_accept_with_signature_of_other_mode_is_refused(ledger, venue, order):
    swapped = replace(venue.credit(order, CLIENT), mode=FundingMode.AUTHORIZATION)
    refused(ledger, Accept(order=order, funding=swapped), PROVIDER, "BadSignature")


# -- submit ----------------------------------------------------------------------------------------------------------


def test_submit_of_funded_order_opens_window(ledger, venue, funded, run):
    receipt = ledger.send(Submit(order=funded, result=run.result), sender=PROVIDER.address)
    key, until = venue.id_of(funded), ledger.now() + 300
    delivered = Delivered(
        order_id=key,
        provider=PROVIDER.address,
        trace_root=run.result.trace_root,
        output=run.result.output,
        until=until,
    )
    assert receipt.events == (delivered,)
    commitment = commit_result(key, PROVIDER.address, run.result.trace_root, keccak256(run.result.output))
    assert ledger.state(key) == OrderState(status=OrderStatus.DELIVERED, until=until, commitment=commitment)


def test_submit_by_somebody_else_is_refused(ledger, funded, run):
    refused(ledger, Submit(order=funded, result=run.result), CLIENT, "NotProvider")


def test_submit_of_unfunded_or_delivered_order_is_refused(ledger, order, run, venue):
    refused(ledger, Submit(order=order, result=run.result), PROVIDER, "WrongStatus")
    message = AcceptAndSubmit(order=order, funding=venue.authorization(order, CLIENT), result=run.result)
    ledger.send(message, sender=PROVIDER.address)
    refused(ledger, Submit(order=order, result=run.result), PROVIDER, "WrongStatus")


def test_submit_at_last_second_succeeds_and_later_is_refused(ledger, funded, run):
    ledger.advance(200)
    message, late = Submit(order=funded, result=run.result), ledger.fork()
    ledger.send(message, sender=PROVIDER.address)
    late.advance(1)
    refused(late, message, PROVIDER, "DeliveryLate")


@pytest.mark.parametrize("size", [0, 1025])
def test_submit_of_output_of_wrong_size_is_refused(ledger, funded, run, size):
    result = Result(trace_root=run.result.trace_root, output=bytes(size))
    refused(ledger, Submit(order=funded, result=result), PROVIDER, "OutputSize")


@pytest.mark.parametrize("size", [1, 1024])
def test_submit_of_output_of_extreme_size_succeeds(ledger, funded, run, size):
    result = Result(trace_root=run.result.trace_root, output=bytes(size))
    ledger.send(Submit(order=funded, result=result), sender=PROVIDER.address)


def test_accept_and_submit_equals_both_in_turn(ledger, venue, order, run):
    funding, twin = venue.authorization(order, CLIENT), ledger.fork()
    message = AcceptAndSubmit(order=order, funding=funding, result=run.result)
    together = ledger.send(message, sender=PROVIDER.address).events
    accepted = twin.send(Accept(order=order, funding=funding), sender=PROVIDER.address).events
    delivered = twin.send(Submit(order=order, result=run.result), sender=PROVIDER.address).events
    assert together == accepted + delivered
    assert ledger.world == twin.world


# -- prove -----------------------------------------------------------------------------------------------------------


def native(order, run, **changes):
    proof = Prove(
        order=order,
        kind=EvidenceKind.NATIVE,
        output=run.result.output,
        trace_root=run.result.trace_root,
        proof=b"",
    )
    return replace(proof, **changes)


def paid(order, key, *, output_hash=ZERO32, gathered):
    return Paid(order_id=key, model=order.model, provider=order.provider, output_hash=output_hash, gathered=gathered)


def proven(key, output, now):
    """Slot of an order that was proven before it was delivered."""
    commitment = commit_result(key, PROVIDER.address, ZERO32, keccak256(output))
    return OrderState(status=OrderStatus.PAID, gathered=NATIVE, until=now, commitment=commitment)


def test_prove_while_funded_pays_at_once(ledger, venue, funded, run):
    key, output, now = venue.id_of(funded), run.result.output, ledger.now()
    receipt = ledger.send(native(funded, run, trace_root=keccak256(b"ignored")), sender=CHALLENGER.address)
    assert receipt.events == (
        Delivered(order_id=key, provider=PROVIDER.address, trace_root=ZERO32, output=output, until=now),
        paid(funded, key, output_hash=keccak256(output), gathered=NATIVE),
    )
    assert ledger.state(key) == proven(key, output, now)
    assert ledger.balance(PROVIDER.address) == Balance(free=51_000_000)


def test_prove_while_delivered_pays_and_keeps_commitment(ledger, venue, delivered, run):
    commitment = ledger.state(venue.id_of(delivered)).commitment
    ledger.send(native(delivered, run), sender=CLIENT.address)
    state = ledger.state(venue.id_of(delivered))
    assert state == OrderState(status=OrderStatus.PAID, gathered=NATIVE, until=ledger.now(), commitment=commitment)


def test_prove_of_other_result_than_delivered_is_refused(ledger, delivered, run):
    refused(ledger, native(delivered, run, output=bytes(32)), PROVIDER, "WrongResult")
    refused(ledger, native(delivered, run, trace_root=ZERO32), PROVIDER, "WrongResult")


def test_prove_of_unfunded_or_paid_order_is_refused(ledger, order, run, venue):
    refused(ledger, native(order, run), PROVIDER, "WrongStatus")
    ledger.send(Accept(order=order, funding=venue.authorization(order, CLIENT)), sender=PROVIDER.address)
    ledger.send(native(order, run), sender=PROVIDER.address)
    refused(ledger, native(order, run), PROVIDER, "WrongStatus")


def test_prove_after_delivery_time_is_refused(ledger, funded, run):
    ledger.advance(201)
    refused(ledger, native(funded, run), PROVIDER, "DeliveryLate")


@pytest.mark.parametrize("size", [0, 1025])
def test_prove_while_funded_of_output_of_wrong_size_is_refused(ledger, funded, run, size):
    refused(ledger, native(funded, run, output=bytes(size)), PROVIDER, "OutputSize")


@pytest.mark.parametrize("kind", [EvidenceKind.FRAUD_PROVABLE, EvidenceKind.VALIDITY, EvidenceKind.CLIENT_RELEASE])
def test_prove_of_kind_without_module_is_refused(ledger, funded, run, kind):
    refused(ledger, native(funded, run, kind=kind), PROVIDER, "NoModule")


def test_prove_of_kind_outside_policy_is_refused(ledger, venue, order, run):
    strict = replace(order, evidence=encode_policy(FraudProvable()))
    ledger.send(Accept(order=strict, funding=venue.authorization(strict, CLIENT)), sender=PROVIDER.address)
    refused(ledger, native(strict, run), PROVIDER, "NotInPolicy")


def test_prove_of_wrong_output_is_refused(ledger, funded, run):
    refused(ledger, native(funded, run, output=bytes(32)), PROVIDER, "EvidenceRejected")


@pytest.fixture
def composed(ledger, venue, order):
    both = replace(order, evidence=encode_policy(AllOf(Native(), FraudProvable())))
    ledger.send(Accept(order=both, funding=venue.authorization(both, CLIENT)), sender=PROVIDER.address)
    return both


def test_prove_before_delivery_of_part_of_policy_is_refused(ledger, composed, run):
    refused(ledger, native(composed, run), PROVIDER, "NotInPolicy")


def test_prove_after_delivery_of_part_of_policy_is_gathered_until_the_window_ends(ledger, venue, composed, run):
    key = venue.id_of(composed)
    ledger.send(Submit(order=composed, result=run.result), sender=PROVIDER.address)
    assert ledger.send(native(composed, run), sender=PROVIDER.address).events == ()
    assert ledger.state(key).status is OrderStatus.DELIVERED
    ledger.advance(300)
    receipt = ledger.send(Finalize(order=composed), sender=CHALLENGER.address)
    assert receipt.events == (paid(composed, key, gathered=NATIVE | FRAUD_PROVABLE),)


def test_prove_with_open_dispute_is_gathered_but_does_not_pay(ledger, venue, delivered, run):
    dispute(ledger, delivered, run)
    assert ledger.send(native(delivered, run), sender=PROVIDER.address).events == ()
    state = ledger.state(venue.id_of(delivered))
    assert (state.status, state.gathered, state.open_disputes) == (OrderStatus.DELIVERED, NATIVE, 1)


def test_accept_and_prove_goes_from_offer_to_paid(ledger, venue, order, run):
    message = AcceptAndProve(
        order=order,
        funding=venue.authorization(order, CLIENT),
        kind=EvidenceKind.NATIVE,
        output=run.result.output,
        proof=b"",
    )
    events = ledger.send(message, sender=PROVIDER.address).events
    assert [type(event) for event in events] == [Accepted, Delivered, Paid]
    assert ledger.state(venue.id_of(order)) == proven(venue.id_of(order), run.result.output, ledger.now())
    assert ledger.balance(PROVIDER.address) == Balance(free=51_000_000)


def test_accept_and_prove_with_bad_evidence_takes_no_money(ledger, venue, order):
    message = AcceptAndProve(
        order=order,
        funding=venue.authorization(order, CLIENT),
        kind=EvidenceKind.NATIVE,
        output=bytes(32),
        proof=b"",
    )
    refused(ledger, message, PROVIDER, "EvidenceRejected")
    refused(ledger, message, CLIENT, "NotProvider")


# -- release, finalize, expire, cancel -------------------------------------------------------------------------------


def test_release_by_client_pays_and_says_so(ledger, venue, delivered):
    receipt = ledger.send(Release(order=delivered), sender=CLIENT.address)
    assert receipt.events == (paid(delivered, venue.id_of(delivered), gathered=RELEASED),)
    assert ledger.balance(PROVIDER.address) == Balance(free=51_000_000)


def test_release_by_anybody_with_clients_signature_pays(ledger, venue, delivered):
    message = Release(order=delivered, signature=venue.release(delivered, CLIENT))
    assert ledger.send(message, sender=CHALLENGER.address).events


def test_release_without_clients_signature_is_refused(ledger, venue, delivered):
    for signature in (b"", venue.release(delivered, PROVIDER), venue.cancel(delivered, CLIENT)):
        refused(ledger, Release(order=delivered, signature=signature), PROVIDER, "BadSignature")


def test_release_with_signature_from_elsewhere_is_refused(ledger, venue, delivered):
    for other in elsewhere(venue).values():
        message = Release(order=delivered, signature=other.release(delivered, CLIENT))
        refused(ledger, message, PROVIDER, "BadSignature")


def test_release_before_delivery_is_refused(ledger, funded):
    refused(ledger, Release(order=funded), CLIENT, "WrongStatus")


def test_release_with_open_dispute_is_refused(ledger, delivered, run):
    dispute(ledger, delivered, run)
    refused(ledger, Release(order=delivered), CLIENT, "DisputesOpen")


def test_finalize_when_window_has_passed_pays_whatever_the_policy(ledger, venue, order, run):
    asked = replace(order, evidence=encode_policy(AllOf(Native(), ClientRelease())))
    message = AcceptAndSubmit(order=asked, funding=venue.authorization(asked, CLIENT), result=run.result)
    ledger.send(message, sender=PROVIDER.address)
    ledger.advance(299)
    refused(ledger, Finalize(order=asked), CHALLENGER, "WindowOpen")
    ledger.advance(1)
    receipt = ledger.send(Finalize(order=asked), sender=CHALLENGER.address)
    assert receipt.events == (paid(asked, venue.id_of(asked), gathered=FRAUD_PROVABLE),)


def test_finalize_before_delivery_is_refused(ledger, funded):
    refused(ledger, Finalize(order=funded), PROVIDER, "WrongStatus")


def test_finalize_with_open_dispute_is_refused(ledger, delivered, run):
    dispute(ledger, delivered, run)
    ledger.advance(300)
    refused(ledger, Finalize(order=delivered), PROVIDER, "DisputesOpen")


@pytest.mark.parametrize(("bond", "penalty"), [(4_000_000, 1_000_000), (7, 1), (0, 0)])
def test_expire_of_undelivered_order_refunds_with_penalty(ledger, venue, order, bond, penalty):
    order = replace(order, bond=bond)
    ledger.send(Accept(order=order, funding=venue.authorization(order, CLIENT)), sender=PROVIDER.address)
    ledger.advance(200)
    refused(ledger, Expire(order=order), CHALLENGER, "NotExpired")
    ledger.advance(1)
    receipt = ledger.send(Expire(order=order), sender=CHALLENGER.address)
    assert receipt.events == (Expired(order_id=venue.id_of(order), penalty=penalty),)
    assert ledger.balance(CLIENT.address) == Balance(free=1_000_000 + penalty)
    assert ledger.balance(PROVIDER.address) == Balance(free=50_000_000 - penalty)


def test_expire_of_delivered_order_is_refused(ledger, delivered):
    ledger.advance(1000)
    refused(ledger, Expire(order=delivered), CLIENT, "WrongStatus")


@pytest.mark.parametrize("stage", ["funded", "delivered"])
def test_cancel_by_both_gives_everything_back(ledger, venue, stage, request):
    order = request.getfixturevalue(stage)
    message = Cancel(order=order, client_signature=venue.cancel(order, CLIENT))
    receipt = ledger.send(message, sender=PROVIDER.address)
    assert receipt.events == (Cancelled(order_id=venue.id_of(order)),)
    assert ledger.balance(CLIENT.address) == Balance(free=1_000_000)
    assert ledger.balance(PROVIDER.address) == Balance(free=50_000_000)


def test_cancel_by_third_party_needs_both_signatures(ledger, venue, funded):
    client, provider = venue.cancel(funded, CLIENT), venue.cancel(funded, PROVIDER)
    for one, other in ((client, b""), (b"", provider), (provider, client), (venue.release(funded, CLIENT), provider)):
        message = Cancel(order=funded, client_signature=one, provider_signature=other)
        refused(ledger, message, CHALLENGER, "BadSignature")
    both = Cancel(order=funded, client_signature=client, provider_signature=provider)
    ledger.send(both, sender=CHALLENGER.address)


def test_cancel_by_one_party_alone_is_refused(ledger, venue, funded):
    refused(ledger, Cancel(order=funded), CLIENT, "BadSignature")
    refused(ledger, Cancel(order=funded), PROVIDER, "BadSignature")


def test_cancel_of_offered_or_disputed_order_is_refused(ledger, venue, order, run):
    message = Cancel(order=order, client_signature=venue.cancel(order, CLIENT))
    refused(ledger, message, PROVIDER, "WrongStatus")
    accept = AcceptAndSubmit(order=order, funding=venue.authorization(order, CLIENT), result=run.result)
    ledger.send(accept, sender=PROVIDER.address)
    dispute(ledger, order, run)
    refused(ledger, message, PROVIDER, "DisputesOpen")


def test_terminal_order_refuses_everything(ledger, venue, delivered, run):
    ledger.send(Release(order=delivered), sender=CLIENT.address)
    ledger.advance(1000)
    cancel = Cancel(order=delivered, client_signature=venue.cancel(delivered, CLIENT))
    for message, sender in [
        (Submit(order=delivered, result=run.result), PROVIDER),
        (native(delivered, run), PROVIDER),
        (Release(order=delivered), CLIENT),
        (Finalize(order=delivered), PROVIDER),
        (Expire(order=delivered), PROVIDER),
        (cancel, PROVIDER),
    ]:
        refused(ledger, message, sender, "WrongStatus", ProtocolError)
