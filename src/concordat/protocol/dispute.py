"""The court: fraud proofs in one transaction, and the dissection of a trace that the provider withholds.

In a dissection every move shows or chooses hashes that fold to the hash shown before, so nobody can change his
story; it ends at one word, and a challenger who has his own trace can then prove the fraud. Each dispute has its
own clock, and payment waits for all of them. The contract twin is ``contracts/src/court/Court.sol``.
"""

from __future__ import annotations

from dataclasses import replace

from concordat.primitives.errors import VerificationError
from concordat.primitives.hashing import keccak256
from concordat.primitives.merkle import fold_children
from concordat.primitives.units import Address, Amount, Bytes32, OrderId, Timestamp
from concordat.protocol.artifact import Dimensions, ModelCommitment
from concordat.protocol.events import (
    ChildPicked,
    ChildrenRevealed,
    DisputeClosed,
    DisputeLost,
    DisputeOpened,
    Event,
    FindCommitted,
    FraudProven,
    LeafRevealed,
)
from concordat.protocol.evidence import is_private
from concordat.protocol.execution import commit_result
from concordat.protocol.ledger import BURN_ADDRESS, CHILDREN_LEVELS
from concordat.protocol.messages import (
    CloseDispute,
    CommitFind,
    OpenDispute,
    Pick,
    ProveElement,
    ProveOutput,
    ResultHeader,
    Reveal,
    RevealLeaf,
    TimeOut,
    find_digest,
)
from concordat.protocol.order import Order, OrderStatus, order_id
from concordat.protocol.refusals import refusal, require
from concordat.protocol.settlement import END_OF_TIME, slash
from concordat.protocol.state import Call, Dispute, Outcome, Rules, Turn, WorldState
from concordat.protocol.vault import change, lock, unlock

__all__ = [
    "check_openings",
    "close_dispute",
    "commit_find",
    "open_dispute",
    "pick",
    "prove_element",
    "prove_output",
    "reveal",
    "reveal_leaf",
    "slash_for",
    "time_out",
]

_MOST_DISPUTES = 2**13 - 1
"""What an order's slot can count."""


def commit_find(rules: Rules, world: WorldState, message: CommitFind, call: Call) -> Outcome:
    """Remember the block; the first commitment of a digest stays."""
    # EFFECT
    if message.digest not in world.finds:
        world = replace(world, finds=world.finds.put(message.digest, call.block))
    # EVENT
    return world, (FindCommitted(challenger=call.sender, digest=message.digest),)


def prove_element(rules: Rules, world: WorldState, message: ProveElement, call: Call) -> Outcome:
    """DELIVERED to SLASHED: one element of the trace is not what its node makes of its operands."""
    # CHECK
    _check_claim(rules, world, message, call)
    require(rules.judge is not None, "BadOpening")
    wrong = rules.judge is not None and rules.judge.element_is_wrong(
        message.model, message.order.input, message.header.trace_root, message.proof
    )
    require(wrong, "NoFraud", node=message.proof.node, element=message.proof.element)
    # EFFECT, EVENT
    return _convict(rules, world, message, call)


def prove_output(rules: Rules, world: WorldState, message: ProveOutput, call: Call) -> Outcome:
    """DELIVERED to SLASHED: the delivered output is not the output region of the trace."""
    # CHECK
    _check_claim(rules, world, message, call)
    require(keccak256(message.proof.output) == message.header.output_hash, "BadOpening")
    require(rules.judge is not None, "BadOpening")
    wrong = rules.judge is not None and rules.judge.output_is_wrong(
        message.model, message.header.trace_root, message.proof
    )
    require(wrong, "NoFraud", word=message.proof.word)
    # EFFECT, EVENT
    return _convict(rules, world, message, call)


def open_dispute(rules: Rules, world: WorldState, message: OpenDispute, call: Call) -> Outcome:
    """A challenger locks a bond; the provider must show the trace from the root down."""
    order, key = message.order, order_id(message.order, rules.domain)
    state = world.order(key)
    # CHECK
    require(state.status is OrderStatus.DELIVERED, "WrongStatus", order=key.hex())
    require(call.now < state.until, "WindowClosed", order=key.hex(), until=state.until)
    check_openings(world, key, order, message.header, message.model)
    require((key, call.sender) not in world.disputes, "DisputeExists", order=key.hex())
    require(state.open_disputes < _MOST_DISPUTES, "TooManyDisputes", order=key.hex())
    # EFFECT (checks that the bond is there)
    bond = Amount(rules.parameters.respondent_cost + order.price * rules.parameters.dispute_price_share // 100)
    world = lock(world, call.sender, bond)
    height = Dimensions.unpack(message.model.dimensions).trace_depth
    dispute = Dispute(
        bond=bond,
        node=message.header.trace_root,
        height=height,
        turn=Turn.PROVIDER,
        deadline=_deadline(rules, call),
    )
    world = world.with_dispute(key, call.sender, dispute)
    world = world.with_order(key, replace(state, open_disputes=state.open_disputes + 1))
    # EVENT
    return world, (DisputeOpened(order_id=key, challenger=call.sender, deadline=dispute.deadline),)


def reveal(rules: Rules, world: WorldState, message: Reveal, call: Call) -> Outcome:
    """The provider shows the descendants of the node in question."""
    # CHECK
    key, dispute = _open_dispute(rules, world, message.order, message.challenger)
    require(call.sender == message.order.provider, "NotProvider", order=key.hex())
    require(dispute.turn is Turn.PROVIDER and dispute.height > 0, "WrongTurn", turn=dispute.turn.name)
    require(call.now <= dispute.deadline, "TooLate", deadline=dispute.deadline)
    require(_fold_to_node(dispute, message.children), "BadChildren", height=dispute.height)
    # EFFECT
    deadline = _deadline(rules, call)
    dispute = replace(dispute, turn=Turn.CHALLENGER_PICKS, deadline=deadline)
    world = world.with_dispute(key, message.challenger, dispute)
    # EVENT
    event = ChildrenRevealed(order_id=key, challenger=message.challenger, children=message.children, deadline=deadline)
    return world, (event,)


def pick(rules: Rules, world: WorldState, message: Pick, call: Call) -> Outcome:
    """The challenger descends to one of the children."""
    # CHECK
    key, dispute = _open_dispute(rules, world, message.order, call.sender)
    require(dispute.turn is Turn.CHALLENGER_PICKS, "WrongTurn", turn=dispute.turn.name)
    require(call.now <= dispute.deadline, "TooLate", deadline=dispute.deadline)
    require(_fold_to_node(dispute, message.children), "BadChildren", height=dispute.height)
    require(0 <= message.index < len(message.children), "BadIndex", index=message.index)
    # EFFECT
    height, deadline = dispute.height - _levels(dispute.height), _deadline(rules, call)
    dispute = replace(
        dispute,
        node=message.children[message.index],
        height=height,
        turn=Turn.PROVIDER,
        deadline=deadline,
    )
    world = world.with_dispute(key, call.sender, dispute)
    # EVENT
    return world, (ChildPicked(order_id=key, challenger=call.sender, index=message.index, deadline=deadline),)


def reveal_leaf(rules: Rules, world: WorldState, message: RevealLeaf, call: Call) -> Outcome:
    """The provider shows the word; the challenger must now prove fraud."""
    # CHECK
    key, dispute = _open_dispute(rules, world, message.order, message.challenger)
    require(call.sender == message.order.provider, "NotProvider", order=key.hex())
    require(dispute.turn is Turn.PROVIDER and dispute.height == 0, "WrongTurn", turn=dispute.turn.name)
    require(call.now <= dispute.deadline, "TooLate", deadline=dispute.deadline)
    require(len(message.word) == 32 and keccak256(message.word) == dispute.node, "BadChildren", height=0)
    # EFFECT
    deadline = _deadline(rules, call)
    world = world.with_dispute(
        key, message.challenger, replace(dispute, turn=Turn.CHALLENGER_PROVES, deadline=deadline)
    )
    # EVENT
    event = LeafRevealed(order_id=key, challenger=message.challenger, word=message.word, deadline=deadline)
    return world, (event,)


def time_out(rules: Rules, world: WorldState, message: TimeOut, call: Call) -> Outcome:
    """Whoever let his clock run out loses the dispute."""
    order, challenger = message.order, message.challenger
    # CHECK
    key, dispute = _open_dispute(rules, world, order, challenger)
    require(call.now > dispute.deadline, "NotTimedOut", deadline=dispute.deadline)
    # EFFECT, EVENT
    if dispute.turn is Turn.PROVIDER:
        world, slashed = slash(rules, world, order, challenger, call)
        world, closed = _close(world, key, challenger, dispute)
        return world, (slashed, closed)
    cost = Amount(min(rules.parameters.respondent_cost, dispute.bond))
    burned, state = Amount(dispute.bond - cost), world.order(key)
    until = Timestamp(max(state.until, min(call.now + order.window, END_OF_TIME - 1)))
    world = world.with_dispute(key, challenger, None)
    world = world.with_order(key, replace(state, open_disputes=state.open_disputes - 1, until=until))
    world = change(world, challenger, locked=-dispute.bond)
    world = change(world, order.provider, free=cost)
    world = change(world, BURN_ADDRESS, free=burned)
    return world, (DisputeLost(order_id=key, challenger=challenger, to_provider=cost, burned=burned, until=until),)


def close_dispute(rules: Rules, world: WorldState, message: CloseDispute, call: Call) -> Outcome:
    """The bond of a dispute goes back, because somebody else had the order slashed."""
    key = order_id(message.order, rules.domain)
    dispute = world.disputes.get((key, message.challenger))
    # CHECK
    require(world.order(key).status is OrderStatus.SLASHED, "WrongStatus", order=key.hex())
    if dispute is None:
        raise refusal("NoDispute", order=key.hex(), challenger=message.challenger.hex())
    # EFFECT, EVENT
    world, closed = _close(world, key, message.challenger, dispute)
    return world, (closed,)


def _check_claim(rules: Rules, world: WorldState, message: ProveElement | ProveOutput, call: Call) -> None:
    key = order_id(message.order, rules.domain)
    state = world.order(key)
    require(state.status is OrderStatus.DELIVERED, "WrongStatus", order=key.hex())
    digest = find_digest(key, message.proof.tile, call.sender, message.salt)
    require(world.finds.get(digest, call.block) < call.block, "FindNotCommitted", digest=digest.hex())
    check_openings(world, key, message.order, message.header, message.model)


def check_openings(world: WorldState, key: OrderId, order: Order, header: ResultHeader, model: ModelCommitment) -> None:
    """Refuse unless header and model open what is judged: the delivered result, or what a private one was opened to."""
    commitment = world.order(key).commitment
    if is_private(order.evidence):
        require(key in world.opened, "NotOpened", order=key.hex())
        commitment = world.opened[key]
    opened = commit_result(key, order.provider, header.trace_root, header.output_hash)
    require(opened == commitment, "WrongResult", order=key.hex())
    require(model.model_id() == order.model, "WrongModel", order=key.hex())


def slash_for(
    rules: Rules, world: WorldState, order: Order, challenger: Address, call: Call
) -> tuple[WorldState, tuple[Event, ...]]:
    """Slash in favour of a challenger, whose own dispute about the order is closed."""
    key = order_id(order, rules.domain)
    world, slashed = slash(rules, world, order, challenger, call)
    dispute = world.disputes.get((key, challenger))
    if dispute is None:
        return world, (slashed,)
    world, closed = _close(world, key, challenger, dispute)
    return world, (slashed, closed)


def _convict(rules: Rules, world: WorldState, message: ProveElement | ProveOutput, call: Call) -> Outcome:
    key = order_id(message.order, rules.domain)
    proven = FraudProven(order_id=key, challenger=call.sender, tile=message.proof.tile)
    world, events = slash_for(rules, world, message.order, call.sender, call)
    return world, (proven, *events)


def _close(world: WorldState, key: OrderId, challenger: Address, dispute: Dispute) -> tuple[WorldState, DisputeClosed]:
    world = unlock(world.with_dispute(key, challenger, None), challenger, dispute.bond)
    return world, DisputeClosed(order_id=key, challenger=challenger)


def _open_dispute(rules: Rules, world: WorldState, order: Order, challenger: Address) -> tuple[OrderId, Dispute]:
    key = order_id(order, rules.domain)
    require(world.order(key).status is OrderStatus.DELIVERED, "WrongStatus", order=key.hex())
    dispute = world.disputes.get((key, challenger))
    if dispute is None:
        raise refusal("NoDispute", order=key.hex(), challenger=challenger.hex())
    return key, dispute


def _levels(height: int) -> int:
    return min(CHILDREN_LEVELS, height)


def _deadline(rules: Rules, call: Call) -> Timestamp:
    return Timestamp(call.now + rules.parameters.move_time)


def _fold_to_node(dispute: Dispute, children: tuple[Bytes32, ...]) -> bool:
    if len(children) != 1 << _levels(dispute.height) or any(len(child) != 32 for child in children):
        return False
    try:
        return fold_children(children) == dispute.node
    except VerificationError:
        return False
