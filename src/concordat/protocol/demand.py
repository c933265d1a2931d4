"""Demands: making a provider show what he delivered, and opening what was delivered sealed.

An output that is too large for a submission is the region of the trace that the model's dimensions name, so the trace
root that was delivered commits to it; anybody may demand it, 128 words at a time. Of a private order a salted
commitment and a ciphertext were delivered; only the client may demand that it be opened. A demand locks a bond. The
provider who answers in time gets it, the one who does not is slashed. The contract twin is
``contracts/src/court/Demands.sol``.

Invariants
----------
Each part is shown at most once, and no part is demanded after ``deliver_by + window``: demands delay a payment by at
most two moves beyond that. Nobody but the client can make a private result known.
"""

from __future__ import annotations

from dataclasses import replace

from concordat.primitives.errors import VerificationError
from concordat.primitives.hashing import keccak256
from concordat.primitives.merkle import leaf_hash, range_root
from concordat.primitives.units import Amount, OrderId, Timestamp
from concordat.protocol.artifact import Dimensions, ModelCommitment
from concordat.protocol.dispute import check_openings, slash_for
from concordat.protocol.events import DemandClosed, Demanded, ResultOpened, Supplied
from concordat.protocol.evidence import is_sealed
from concordat.protocol.execution import MAX_OUTPUT_BYTES, PART_WORDS, commit_private, commit_result
from concordat.protocol.messages import (
    OPENING_PART,
    CloseDemand,
    Demand,
    Opening,
    OpenResult,
    ResultHeader,
    Supply,
    TimeOutDemand,
)
from concordat.protocol.order import Order, OrderStatus, order_id
from concordat.protocol.refusals import refusal, require
from concordat.protocol.settlement import END_OF_TIME
from concordat.protocol.state import Call, DemandState, Outcome, Rules, WorldState
from concordat.protocol.vault import change, lock, unlock

__all__ = [
    "close_demand",
    "demand",
    "open_result",
    "opens_output",
    "part_words",
    "parts_of",
    "supply",
    "time_out_demand",
]

_MOST_DISPUTES = 2**13 - 1
"""What an order's slot can count, demands included."""


def parts_of(model: ModelCommitment) -> int:
    """How many parts can be demanded of a model's output; none if a submission carries it."""
    leaves = Dimensions.unpack(model.dimensions).output_leaves
    return -(-leaves // PART_WORDS) if 32 * leaves > MAX_OUTPUT_BYTES else 0


def part_words(model: ModelCommitment, part: int) -> tuple[int, int]:
    """First trace leaf of a part, and how many words it has; at most zero of them past the end."""
    dimensions = Dimensions.unpack(model.dimensions)
    first = PART_WORDS * part
    return dimensions.output_start + first, min(dimensions.output_leaves - first, PART_WORDS)


def opens_output(model: ModelCommitment, trace_root: bytes, opening: Opening) -> bool:
    """Whether an opening shows exactly the output region of a trace: how a large output is told from another."""
    dimensions = Dimensions.unpack(model.dimensions)
    return _opens(trace_root, dimensions.output_start, dimensions.output_leaves, dimensions.trace_depth, opening)


def demand(rules: Rules, world: WorldState, message: Demand, call: Call) -> Outcome:
    """A bond is locked, and the provider has the time of one move to answer."""
    order, key, part = message.order, order_id(message.order, rules.domain), message.part
    state = world.order(key)
    # CHECK
    require(state.status is OrderStatus.DELIVERED, "WrongStatus", order=key.hex())
    if part == OPENING_PART:
        require(is_sealed(order.evidence), "NotPrivate", order=key.hex())
        require(key not in world.opened, "AlreadyOpened", order=key.hex())
        require(call.sender == order.client, "NotClient", order=key.hex())
        _check_delivered(world, key, order, message.header)
        require(message.model.model_id() == order.model, "WrongModel", order=key.hex())
    else:
        check_openings(world, key, order, message.header, message.model)
        require(parts_of(message.model) > 0, "NothingToDemand", order=key.hex())
        require(part < parts_of(message.model), "BadIndex", part=part)
    open_still = call.now < state.until and call.now < order.deliver_by + order.window
    require(open_still, "WindowClosed", order=key.hex(), until=state.until)
    require((key, part) not in world.demands, "DemandExists", order=key.hex(), part=part)
    require(state.open_disputes < _MOST_DISPUTES, "TooManyDisputes", order=key.hex())
    # EFFECT (checks that the bond is there)
    bond = Amount(rules.parameters.respondent_cost)
    world = lock(world, call.sender, bond)
    made = DemandState(demander=call.sender, deadline=Timestamp(call.now + rules.parameters.move_time), bond=bond)
    world = _with_demand(world, key, part, made)
    world = world.with_order(key, replace(state, open_disputes=state.open_disputes + 1))
    # EVENT
    return world, (Demanded(order_id=key, demander=call.sender, part=part, deadline=made.deadline),)


def supply(rules: Rules, world: WorldState, message: Supply, call: Call) -> Outcome:
    """The provider shows a part of a large output."""
    order, key, part = message.order, order_id(message.order, rules.domain), message.part
    # CHECK
    require(world.order(key).status is OrderStatus.DELIVERED, "WrongStatus", order=key.hex())
    made = _answerable(world, key, order, part, call)
    check_openings(world, key, order, message.header, message.model)
    first, count = part_words(message.model, part)
    depth = Dimensions.unpack(message.model.dimensions).trace_depth
    require(_opens(message.header.trace_root, first, count, depth, message.words), "BadOpening", part=part)
    # EFFECT
    world, until = _show(rules, world, key, order, part, made, call)
    # EVENT
    return world, (Supplied(order_id=key, part=part, words=message.words.words, until=until),)


def open_result(rules: Rules, world: WorldState, message: OpenResult, call: Call) -> Outcome:
    """A private result becomes public, and is judged from now on."""
    order, opening, key = message.order, message.opening, order_id(message.order, rules.domain)
    state = world.order(key)
    # CHECK
    require(state.status is OrderStatus.DELIVERED, "WrongStatus", order=key.hex())
    require(is_sealed(order.evidence), "NotPrivate", order=key.hex())
    require(key not in world.opened, "AlreadyOpened", order=key.hex())
    made = None
    if (key, OPENING_PART) in world.demands:
        made = _answerable(world, key, order, OPENING_PART, call)
    else:
        require(call.sender == order.client, "NotClient", order=key.hex())
    _check_delivered(world, key, order, message.header)
    output_hash = keccak256(opening.output)
    opens = commit_private(opening.salt, opening.trace_root, output_hash) == message.header.trace_root
    require(opens and len(opening.output) <= MAX_OUTPUT_BYTES, "BadOpening", order=key.hex())
    # EFFECT
    commitment = commit_result(key, order.provider, opening.trace_root, output_hash)
    world = replace(world, opened=world.opened.put(key, commitment))
    until = Timestamp(state.until)
    if made is not None:
        world, until = _show(rules, world, key, order, OPENING_PART, made, call)
    # EVENT
    event = ResultOpened(order_id=key, trace_root=opening.trace_root, output=opening.output, until=until)
    return world, (event,)


def time_out_demand(rules: Rules, world: WorldState, message: TimeOutDemand, call: Call) -> Outcome:
    """A provider who does not show what he delivered has delivered nothing: he is slashed."""
    key = order_id(message.order, rules.domain)
    # CHECK
    require(world.order(key).status is OrderStatus.DELIVERED, "WrongStatus", order=key.hex())
    made = _open_demand(world, key, message.part)
    require(call.now > made.deadline, "NotTimedOut", deadline=made.deadline)
    # EFFECT, EVENT
    world, events = slash_for(rules, world, message.order, made.demander, call)
    world, closed = _close(world, key, message.part, made)
    return world, (*events, closed)


def close_demand(rules: Rules, world: WorldState, message: CloseDemand, call: Call) -> Outcome:
    """The bond of a demand goes back, because the order was slashed through something else."""
    key = order_id(message.order, rules.domain)
    # CHECK
    require(world.order(key).status is OrderStatus.SLASHED, "WrongStatus", order=key.hex())
    made = _open_demand(world, key, message.part)
    # EFFECT, EVENT
    world, closed = _close(world, key, message.part, made)
    return world, (closed,)


def _check_delivered(world: WorldState, key: OrderId, order: Order, header: ResultHeader) -> None:
    opened = commit_result(key, order.provider, header.trace_root, header.output_hash)
    require(opened == world.order(key).commitment, "WrongResult", order=key.hex())


def _open_demand(world: WorldState, key: OrderId, part: int) -> DemandState:
    made = world.demands.get((key, part))
    if made is None or made.shown:
        raise refusal("NoDemand", order=key.hex(), part=part)
    return made


def _answerable(world: WorldState, key: OrderId, order: Order, part: int, call: Call) -> DemandState:
    require(call.sender == order.provider, "NotProvider", order=key.hex())
    made = _open_demand(world, key, part)
    require(call.now <= made.deadline, "TooLate", deadline=made.deadline)
    return made


def _opens(root: bytes, first: int, count: int, depth: int, opening: Opening) -> bool:
    if len(opening.words) != count or any(len(word) != 32 for word in opening.words):
        return False
    try:
        return range_root([leaf_hash(word) for word in opening.words], first, depth, opening.path) == root
    except VerificationError:
        return False


def _show(
    rules: Rules, world: WorldState, key: OrderId, order: Order, part: int, made: DemandState, call: Call
) -> tuple[WorldState, Timestamp]:
    """The bond goes to the provider; whoever demanded has the time of one move to look at what is shown."""
    state = world.order(key)
    until = Timestamp(max(state.until, min(call.now + rules.parameters.move_time, END_OF_TIME - 1)))
    world = _with_demand(world, key, part, replace(made, shown=True))
    world = world.with_order(key, replace(state, open_disputes=state.open_disputes - 1, until=until))
    world = change(world, made.demander, locked=-made.bond)
    return change(world, order.provider, free=made.bond), until


def _close(world: WorldState, key: OrderId, part: int, made: DemandState) -> tuple[WorldState, DemandClosed]:
    world = unlock(_with_demand(world, key, part, None), made.demander, made.bond)
    return world, DemandClosed(order_id=key, demander=made.demander, part=part)


def _with_demand(world: WorldState, key: OrderId, part: int, made: DemandState | None) -> WorldState:
    return replace(world, demands=world.demands.put((key, part), made))
