"""The market: how an order comes to life, is delivered, paid, refunded, cancelled or slashed.

Checks stand in the order of docs/explain/orders-and-disputes.md §2; the first that fails names the refusal. The
contract twin is ``contracts/src/market/Market.sol``; tests/differential drives both with the same messages.
"""

from __future__ import annotations

from dataclasses import replace

from concordat.primitives.encoding import ZERO32
from concordat.primitives.errors import VerificationError
from concordat.primitives.hashing import keccak256
from concordat.primitives.signatures import cancel_digest, recover, release_digest
from concordat.primitives.units import Address, Amount, Bytes32, OrderId, Timestamp
from concordat.protocol.events import Accepted, Cancelled, Delivered, Event, Expired, Paid, Slashed
from concordat.protocol.evidence import EvidenceKind, clauses_of, is_private, kinds_named, satisfied
from concordat.protocol.execution import MAX_OUTPUT_BYTES, commit_result
from concordat.protocol.ledger import BURN_ADDRESS
from concordat.protocol.messages import (
    Accept,
    AcceptAndProve,
    AcceptAndSubmit,
    AcceptOpen,
    Cancel,
    Expire,
    Finalize,
    Funding,
    FundingMode,
    Prove,
    Release,
    Submit,
)
from concordat.protocol.order import Order, OrderState, OrderStatus, open_order_id, order_id, payment_digest
from concordat.protocol.refusals import require
from concordat.protocol.replication import deliver_sealed, replicas_agree
from concordat.protocol.state import Call, Outcome, Rules, WorldState
from concordat.protocol.vault import change, lock, transfer_tokens, unlock

__all__ = [
    "END_OF_TIME",
    "accept",
    "accept_and_prove",
    "accept_and_submit",
    "accept_open",
    "cancel",
    "expire",
    "finalize",
    "prove",
    "release",
    "slash",
    "submit",
    "terms_hold",
]

END_OF_TIME = 2**32
"""Times in an order's slot have 32 bits."""


def accept(rules: Rules, world: WorldState, message: Accept | AcceptAndSubmit | AcceptAndProve, call: Call) -> Outcome:
    """NONE to FUNDED: the bond is locked and the price comes into escrow."""
    order = message.order
    # CHECK
    key = _check_offer(rules, world, order, call)
    # EFFECT (each also checks that the money is there)
    world = lock(world, order.provider, order.bond)
    world = _fund(rules, world, order, key, message.funding)
    world = world.with_order(key, OrderState(status=OrderStatus.FUNDED))
    # EVENT
    return world, (Accepted(order_id=key, client=order.client, provider=order.provider, order=order),)


def accept_open(rules: Rules, world: WorldState, message: AcceptOpen, call: Call) -> Outcome:
    """NONE to FUNDED by whoever comes first; under the id that the client signed only the taker is kept."""
    order, open_key = message.order, open_order_id(message.order, rules.domain)
    # CHECK
    key = _check_offer(rules, world, order, call)
    require(world.order(open_key).status is OrderStatus.NONE, "WrongStatus", order=open_key.hex())
    # EFFECT (each also checks that the money is there)
    world = lock(world, order.provider, order.bond)
    world = _fund(rules, world, order, open_key, message.funding)
    taker = order.provider.rjust(25, b"\0")
    world = world.with_order(open_key, OrderState(status=OrderStatus.TAKEN, until=call.now, commitment=taker))
    world = world.with_order(key, OrderState(status=OrderStatus.FUNDED, until=call.now))
    # EVENT
    return world, (Accepted(order_id=key, client=order.client, provider=order.provider, order=order),)


def submit(rules: Rules, world: WorldState, message: Submit | AcceptAndSubmit, call: Call) -> Outcome:
    """FUNDED to DELIVERED: the output is published and the challenge window runs."""
    order, result, key = message.order, message.result, order_id(message.order, rules.domain)
    # CHECK
    require(call.sender == order.provider, "NotProvider", order=key.hex())
    _require_funded(world.order(key), order, key, call)
    require(0 < len(result.output) <= MAX_OUTPUT_BYTES, "OutputSize", order=key.hex(), size=len(result.output))
    # EFFECT
    until = Timestamp(call.now + order.window)
    commitment = commit_result(key, order.provider, result.trace_root, result.output_hash)
    world = world.with_order(key, OrderState(status=OrderStatus.DELIVERED, until=until, commitment=commitment))
    # EVENT
    event = Delivered(
        order_id=key, provider=order.provider, trace_root=result.trace_root, output=result.output, until=until
    )
    world, opened = deliver_sealed(rules, world, order, key, call)
    # CHECK: nobody could judge a bare answer of a model that nobody knows, and no module keeps claims here
    if EvidenceKind.VALIDITY in kinds_named(order.evidence):
        require(EvidenceKind.VALIDITY in rules.modules, "NoModule", kind=EvidenceKind.VALIDITY.name)
        require(False, "NotClaimed", order=key.hex())
    return world, (event, *opened)


def accept_and_submit(rules: Rules, world: WorldState, message: AcceptAndSubmit, call: Call) -> Outcome:
    """NONE to DELIVERED in one transaction."""
    world, accepted = accept(rules, world, message, call)
    world, delivered = submit(rules, world, message, call)
    return world, accepted + delivered


def prove(rules: Rules, world: WorldState, message: Prove | AcceptAndProve, call: Call) -> Outcome:
    """Evidence that a contract checks is gathered, and pays at once if the policy is then met and nobody disputes."""
    order, kind, key = message.order, message.kind, order_id(message.order, rules.domain)
    state = world.order(key)
    # CHECK
    if state.status is OrderStatus.DELIVERED:
        root = message.trace_root if isinstance(message, Prove) else ZERO32
        same = commit_result(key, order.provider, root, keccak256(message.output)) == state.commitment
        require(same, "WrongResult", order=key.hex())
    else:
        _require_funded(state, order, key, call)
        require(0 < len(message.output) <= MAX_OUTPUT_BYTES, "OutputSize", size=len(message.output))
    require(kind in rules.modules or kind is EvidenceKind.REPLICATED, "NoModule", kind=kind.name)
    require(kind in kinds_named(order.evidence), "NotInPolicy", order=key.hex(), kind=kind.name)
    if kind is EvidenceKind.REPLICATED:
        accepted = replicas_agree(world, key, call)
    else:
        accepted = rules.modules[kind].verify(key, order, message.output, message.proof)
    require(accepted, "EvidenceRejected", order=key.hex(), kind=kind.name)
    gathered = state.gathered | 1 << kind
    pays = satisfied(order.evidence, gathered) and state.open_disputes == 0
    require(pays or state.status is OrderStatus.DELIVERED, "NotInPolicy", order=key.hex(), kind=kind.name)
    # EFFECT
    if not pays:
        return world.with_order(key, replace(state, gathered=gathered)), ()
    events: tuple[Event, ...] = ()
    if state.status is OrderStatus.FUNDED:
        world, events = _deliver_proven(world, order, key, message.output, call)
    world = _pay(world, order, key, gathered, call)
    # EVENT
    return world, (*events, _paid(order, key, gathered, output_hash=keccak256(message.output)))


def accept_and_prove(rules: Rules, world: WorldState, message: AcceptAndProve, call: Call) -> Outcome:
    """NONE to PAID in one transaction: delivery against payment."""
    world, accepted = accept(rules, world, message, call)
    world, paid = prove(rules, world, message, call)
    return world, accepted + paid


def release(rules: Rules, world: WorldState, message: Release, call: Call) -> Outcome:
    """DELIVERED to PAID because the client says so."""
    order, key = message.order, order_id(message.order, rules.domain)
    state = world.order(key)
    # CHECK
    digest = release_digest(key, rules.domain)
    agreed = call.sender == order.client or _signed_by(order.client, digest, message.signature)
    require(agreed, "BadSignature", order=key.hex())
    require(state.status is OrderStatus.DELIVERED, "WrongStatus", order=key.hex())
    require(state.open_disputes == 0, "DisputesOpen", order=key.hex(), open=state.open_disputes)
    # EFFECT
    gathered = state.gathered | 1 << EvidenceKind.CLIENT_RELEASE
    world = _pay(world, order, key, gathered, call)
    # EVENT
    return world, (_paid(order, key, gathered),)


def finalize(rules: Rules, world: WorldState, message: Finalize, call: Call) -> Outcome:
    """DELIVERED to PAID because nobody challenged, whatever the policy."""
    order, key = message.order, order_id(message.order, rules.domain)
    state = world.order(key)
    # CHECK
    require(state.status is OrderStatus.DELIVERED, "WrongStatus", order=key.hex())
    require(call.now >= state.until, "WindowOpen", order=key.hex(), until=state.until)
    require(state.open_disputes == 0, "DisputesOpen", order=key.hex(), open=state.open_disputes)
    # EFFECT
    unseen = is_private(order.evidence) or EvidenceKind.VALIDITY in kinds_named(order.evidence)
    watched = 0 if unseen else 1 << EvidenceKind.FRAUD_PROVABLE
    gathered = state.gathered | watched
    world = _pay(world, order, key, gathered, call)
    # EVENT
    return world, (_paid(order, key, gathered),)


def expire(rules: Rules, world: WorldState, message: Expire, call: Call) -> Outcome:
    """FUNDED to EXPIRED: refund, and a part of the bond for the client's lost time."""
    order, key = message.order, order_id(message.order, rules.domain)
    state = world.order(key)
    # CHECK
    require(state.status is OrderStatus.FUNDED, "WrongStatus", order=key.hex())
    require(call.now > order.deliver_by, "NotExpired", order=key.hex(), deliver_by=order.deliver_by)
    # EFFECT
    penalty = Amount(order.bond * rules.parameters.no_show_share // 100)
    world = world.with_order(key, _ended(state, OrderStatus.EXPIRED, call))
    world = change(world, order.provider, free=order.bond - penalty, locked=-order.bond)
    world = change(world, order.client, free=order.price + penalty)
    # EVENT
    return world, (Expired(order_id=key, penalty=penalty),)


def cancel(rules: Rules, world: WorldState, message: Cancel, call: Call) -> Outcome:
    """FUNDED or DELIVERED to CANCELLED: both parties take back what they put in."""
    order, key = message.order, order_id(message.order, rules.domain)
    state = world.order(key)
    # CHECK
    digest = cancel_digest(key, rules.domain)
    for party, signature in ((order.client, message.client_signature), (order.provider, message.provider_signature)):
        agreed = call.sender == party or _signed_by(party, digest, signature)
        require(agreed, "BadSignature", order=key.hex(), party=party.hex())
    require(state.status in (OrderStatus.FUNDED, OrderStatus.DELIVERED), "WrongStatus", order=key.hex())
    require(state.open_disputes == 0, "DisputesOpen", order=key.hex(), open=state.open_disputes)
    # EFFECT
    world = world.with_order(key, _ended(state, OrderStatus.CANCELLED, call))
    world = unlock(world, order.provider, order.bond)
    world = change(world, order.client, free=order.price)
    # EVENT
    return world, (Cancelled(order_id=key),)


def slash(rules: Rules, world: WorldState, order: Order, challenger: Address, call: Call) -> tuple[WorldState, Slashed]:
    """DELIVERED to SLASHED, at the court's word: the bond is divided, and rounding burns.

    Soundness
    ---------
    ``burned >= bond / 4`` whoever the challenger and the client are, so a provider who is all three still loses
    a quarter of his bond (`concordat.protocol.bond`).
    """
    key = order_id(order, rules.domain)
    to_challenger = Amount(order.bond * rules.parameters.slash_challenger // 100)
    compensation = order.bond * rules.parameters.slash_client // 100
    burned = Amount(order.bond - to_challenger - compensation)
    to_client = Amount(order.price + compensation)
    # EFFECT
    world = world.with_order(key, _ended(world.order(key), OrderStatus.SLASHED, call))
    world = change(world, order.provider, locked=-order.bond)
    world = change(world, order.client, free=to_client)
    world = change(world, challenger, free=to_challenger)
    world = change(world, BURN_ADDRESS, free=burned)
    # EVENT
    return world, Slashed(
        order_id=key, challenger=challenger, to_client=to_client, to_challenger=to_challenger, burned=burned
    )


def terms_hold(order: Order) -> bool:
    """Whether an order's numbers fit their fields and do not contradict each other (``BadTerms`` if not)."""
    fields = (order.price >> 96, order.bond >> 96, order.accept_by >> 40, order.deliver_by >> 40, order.window >> 32)
    return (
        not any(fields)
        and order.accept_by <= order.deliver_by
        and order.price > 0
        and any(clauses_of(order.evidence))
        and order.window > 0
        and order.deliver_by + order.window < END_OF_TIME
    )


def _check_offer(rules: Rules, world: WorldState, order: Order, call: Call) -> OrderId:
    """What holds of every order that a provider accepts, and its id."""
    key = order_id(order, rules.domain)
    require(call.sender == order.provider, "NotProvider", order=key.hex())
    require(call.now <= order.accept_by, "OfferExpired", order=key.hex(), accept_by=order.accept_by)
    require(terms_hold(order), "BadTerms", order=key.hex())
    require(world.order(key).status is OrderStatus.NONE, "WrongStatus", order=key.hex())
    return key


def _require_funded(state: OrderState, order: Order, key: OrderId, call: Call) -> None:
    """An order that was accepted under its own id has no time in its slot."""
    require(state.status is OrderStatus.FUNDED, "WrongStatus", order=key.hex())
    require(call.now <= order.deliver_by, "DeliveryLate", order=key.hex(), deliver_by=order.deliver_by)
    require(call.now > state.until, "JustTaken", order=key.hex())


def _fund(rules: Rules, world: WorldState, order: Order, key: OrderId, funding: Funding) -> WorldState:
    """Price into escrow: from the client's tokens by EIP-3009, or from his free balance."""
    if funding.mode is FundingMode.CREDIT:
        require(_signed_by(order.client, key, funding.signature), "BadSignature", order=key.hex())
        return change(world, order.client, free=-order.price)
    digest = payment_digest(order, key, rules.token_domain, rules.vault)
    require(_signed_by(order.client, digest, funding.signature), "BadSignature", order=key.hex())
    return transfer_tokens(world, order.client, rules.vault, order.price)


def _signed_by(party: Address, digest: bytes, signature: bytes) -> bool:
    try:
        return recover(digest, signature) == party
    except VerificationError:
        return False


def _ended(state: OrderState, status: OrderStatus, call: Call) -> OrderState:
    """Terminal slot: commitment and gathered evidence stay, `until` says when."""
    return replace(state, status=status, until=call.now, open_disputes=0)


def _deliver_proven(world: WorldState, order: Order, key: OrderId, output: bytes, call: Call) -> Outcome:
    """What is proven needs no trace: its root is zero."""
    commitment = commit_result(key, order.provider, ZERO32, keccak256(output))
    world = world.with_order(key, replace(world.order(key), commitment=commitment))
    event = Delivered(order_id=key, provider=order.provider, trace_root=ZERO32, output=output, until=call.now)
    return world, (event,)


def _pay(world: WorldState, order: Order, key: OrderId, gathered: int, call: Call) -> WorldState:
    state = replace(world.order(key), gathered=gathered)
    world = world.with_order(key, _ended(state, OrderStatus.PAID, call))
    return change(world, order.provider, free=order.price + order.bond, locked=-order.bond)


def _paid(order: Order, key: OrderId, gathered: int, *, output_hash: bytes = ZERO32) -> Paid:
    return Paid(
        order_id=key, model=order.model, provider=order.provider, output_hash=Bytes32(output_hash), gathered=gathered
    )
