"""Replicated evidence: k of n members of the pool come to the delivered result by themselves.

The provider seals his result before anybody is drawn, and delivers it when all who were drawn have committed to
theirs; so neither can a provider look at the draw before he chooses what to say, nor a replica at the result. A
majority decides nothing: one who disagrees holds the evidence back until the order ends by the ordinary rules. The
rules in words: docs/explain/orders-and-disputes.md §5. The contract twin is ``contracts/src/court/Replication.sol``.

Invariants
----------
``locked`` of a provider covers ``fee * (seats - paid)`` of each of his panels that is not closed. A replica that
commits to what the program says, reveals in time, and shows the fraud where it disagrees, never loses anything.
"""

from __future__ import annotations

from dataclasses import replace

from concordat.primitives.encoding import abi_words
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Address, Amount, Bytes32, OrderId, Timestamp
from concordat.protocol.events import Event
from concordat.protocol.evidence import EvidenceKind, kinds_named, mask_of, replicas_of, requires
from concordat.protocol.execution import commit_result
from concordat.protocol.ledger import BURN_ADDRESS, Parameters
from concordat.protocol.messages import find_digest
from concordat.protocol.openings import ResultHeader
from concordat.protocol.order import Order, OrderState, OrderStatus, order_id
from concordat.protocol.panel import PanelState, Seat, SeatState
from concordat.protocol.panel_events import (
    DrawMoved,
    PanelClosed,
    PanelDrawn,
    ReplicaSlashed,
    ResultSealed,
    RevealsOpened,
    SeatCommitted,
    SeatRevealed,
    SeatSettled,
)
from concordat.protocol.panel_messages import (
    ClosePanel,
    CommitSeat,
    ConvictElement,
    ConvictOutput,
    DrawPanel,
    RevealSeat,
    SealResult,
    SettleSeat,
)
from concordat.protocol.pool import candidates_before, draw, fine, forfeit_all
from concordat.protocol.refusals import refusal, require
from concordat.protocol.state import Call, Outcome, Rules, WorldState
from concordat.protocol.vault import change, lock

__all__ = [
    "close_panel",
    "commit_seat",
    "convict_element",
    "convict_output",
    "deliver_sealed",
    "draw_panel",
    "panel_fits",
    "replicas_agree",
    "reveal_seat",
    "seal",
    "seat_digest",
    "seat_fee",
    "seat_id",
    "settle_seat",
]

_JUDGED = mask_of({EvidenceKind.NATIVE, EvidenceKind.FRAUD_PROVABLE, EvidenceKind.VALIDITY})
"""Kinds that say for sure, or after a whole window, that a paid order was right."""
_RELEASED = mask_of({EvidenceKind.CLIENT_RELEASE})


def seat_digest(order: OrderId, replica: Address, header: ResultHeader, salt: bytes) -> Bytes32:
    """What a replica commits to. His address is inside, so that a copy is worth nothing."""
    return keccak256(abi_words(order, replica, header.output_hash, header.trace_root, salt))


def seat_id(order: OrderId, replica: Address) -> OrderId:
    """What stands in the order's place when a find about a replica's result is committed."""
    return OrderId(keccak256(abi_words(order, replica)))


def seat_fee(order: Order) -> Amount:
    """What one replica earns: provider and replicas all do the same work, and get equal parts of the price."""
    return Amount(order.price // (replicas_of(order.evidence)[1] + 1))


def panel_fits(order: Order, parameters: Parameters, *, now: int) -> bool:
    """Whether a result sealed now can be replicated: the numbers make sense; there is time to draw, commit and deliver,
    and to show fraud after the last reveal; and no more time than a stake stays bound that is there now.
    """
    (k, n), p = replicas_of(order.evidence), parameters
    in_time = now + 2 * p.commit_time < order.deliver_by and order.window >= 2 * p.reveal_time
    return 0 < k <= n and in_time and order.deliver_by + order.window <= now + p.unbonding


# -- before delivery -------------------------------------------------------------------------------------------------


def seal(rules: Rules, world: WorldState, message: SealResult, call: Call) -> Outcome:
    """The result is fixed, the fees are locked; a later block draws."""
    order, p = message.order, rules.parameters
    # CHECK
    require(call.sender == order.provider, "NotProvider")
    key = _funded(rules, world, order)
    require(EvidenceKind.REPLICATED in kinds_named(order.evidence), "NotInPolicy", order=key.hex())
    require(key not in world.panels, "AlreadySealed", order=key.hex())
    require(panel_fits(order, p, now=call.now), "BadTerms", order=key.hex())
    # EFFECT (checks that the fees are there)
    fee, (k, n) = seat_fee(order), replicas_of(order.evidence)
    world = lock(world, call.sender, n * fee)
    panel = PanelState(
        result=message.result[:25],
        needed=k,
        seats=n,
        fee=fee,
        candidates=candidates_before(world.pool, call.block),
        sealed_in=call.block,
        draw_block=call.block + p.draw_delay,
        commit_by=Timestamp(call.now + p.commit_time),
    )
    # EVENT
    event = ResultSealed(
        order_id=key, provider=call.sender, fee=fee, draw_block=panel.draw_block, draw_by=panel.commit_by
    )
    return _with_panel(world, key, panel), (event,)


def draw_panel(rules: Rules, world: WorldState, message: DrawPanel, call: Call) -> Outcome:
    """Replicas are drawn; or, if the random number is forgotten, another block will draw."""
    order = message.order
    # CHECK
    key = _funded(rules, world, order)
    panel = _panel(world, key)
    require(panel.drawn == 0, "AlreadyDrawn", order=key.hex())
    require(call.now <= panel.commit_by, "TooLate", until=panel.commit_by)
    require(call.block > panel.draw_block, "DrawTooEarly", block=panel.draw_block)
    random = call.randomness.get(panel.draw_block)
    if random is None:
        # EFFECT, EVENT
        panel = replace(panel, draw_block=call.block + rules.parameters.draw_delay)
        return _with_panel(world, key, panel), (DrawMoved(order_id=key, draw_block=panel.draw_block),)
    seed = keccak256(abi_words(random, key))
    replicas = draw(panel.candidates, seed, panel.seats, {order.client, order.provider})
    require(bool(replicas), "PoolEmpty", order=key.hex())
    # EFFECT
    commit_by = Timestamp(call.now + rules.parameters.commit_time)
    world = _with_panel(world, key, replace(panel, drawn=len(replicas), commit_by=commit_by))
    for replica in replicas:
        world = _with_seat(world, key, replica, SeatState(state=Seat.DRAWN))
    # EVENT
    return world, (PanelDrawn(order_id=key, replicas=replicas, commit_by=commit_by),)


def commit_seat(rules: Rules, world: WorldState, message: CommitSeat, call: Call) -> Outcome:
    """A drawn replica fixes its result."""
    key, member = message.order_id, world.pool.members.get(call.sender)
    # CHECK
    require(_seat(world, key, call.sender).state is Seat.DRAWN, "NoSeat", order=key.hex())
    panel = _panel(world, key)
    require(call.now <= panel.commit_by, "TooLate", until=panel.commit_by)
    require(world.order(key).status is OrderStatus.FUNDED, "WrongStatus", order=key.hex())
    require(member is not None and member.tickets > 0, "NotMember")
    # EFFECT
    world = _with_seat(world, key, call.sender, SeatState(state=Seat.COMMITTED, content=message.digest[:31]))
    world = _with_panel(world, key, replace(panel, committed=panel.committed + 1))
    # EVENT
    return world, (SeatCommitted(order_id=key, replica=call.sender, digest=message.digest),)


def deliver_sealed(rules: Rules, world: WorldState, order: Order, key: OrderId, call: Call) -> Outcome:
    """Part of a submission: a delivered result is the sealed one, and no commitment is outstanding."""
    if EvidenceKind.REPLICATED not in kinds_named(order.evidence):
        return world, ()
    panel = world.panels.get(key)
    # CHECK
    if panel is None:
        require(not requires(order.evidence, EvidenceKind.REPLICATED), "NotSealed", order=key.hex())
        return world, ()
    require(world.order(key).commitment == panel.result, "WrongResult", order=key.hex())
    complete = panel.drawn > 0 and panel.committed == panel.drawn
    require(complete or call.now > panel.commit_by, "CommitsOpen", until=panel.commit_by)
    # EFFECT
    reveal_by = Timestamp(call.now + rules.parameters.reveal_time)
    # EVENT
    return _with_panel(world, key, replace(panel, reveal_by=reveal_by)), (
        RevealsOpened(order_id=key, reveal_by=reveal_by),
    )


# -- after it --------------------------------------------------------------------------------------------------------


def replicas_agree(world: WorldState, key: OrderId, call: Call) -> bool:
    """Whether enough replicas came to the delivered result, none to another, and there was time to show it wrong."""
    panel = world.panels.get(key)
    if panel is None or not 0 < panel.reveal_by < call.now:
        return False
    return panel.agreed >= panel.needed and panel.disagreed == 0


def reveal_seat(rules: Rules, world: WorldState, message: RevealSeat, call: Call) -> Outcome:
    """A replica shows its result, and is paid at once if that is the delivered one, or if nothing was delivered."""
    order, header, key = message.order, message.header, order_id(message.order, rules.domain)
    state, seat = world.order(key), _seat(world, key, call.sender)
    # CHECK
    require(seat.state is Seat.COMMITTED, "NoSeat", order=key.hex())
    panel = _panel(world, key)
    end = _reveals_end(rules, panel, state)
    require(end is not None, "TooEarly", order=key.hex())
    require(end is not None and call.now <= end, "TooLate", until=end)
    digest = seat_digest(key, call.sender, header, message.salt)
    require(digest[:31] == seat.content, "BadReveal", order=key.hex())
    # EFFECT
    agrees = panel.result == commit_result(key, order.provider, header.trace_root, header.output_hash)
    slashed = state.status is OrderStatus.SLASHED
    ends = agrees or slashed or panel.reveal_by == 0
    result = commit_result(key, call.sender, header.trace_root, header.output_hash)
    became = Seat.AGREED if agrees else Seat.SETTLED if ends else Seat.DISAGREED
    world = _with_seat(world, key, call.sender, SeatState(state=became, content=result))
    panel = replace(
        panel,
        agreed=panel.agreed + agrees,
        disagreed=panel.disagreed + (not ends),
        settled=panel.settled + ends,
    )
    fee = panel.fee if ends and not (agrees and slashed) else Amount(0)
    world = _pay(_with_panel(world, key, panel), key, order.provider, call.sender, fee)
    # EVENT
    event = SeatRevealed(
        order_id=key,
        replica=call.sender,
        trace_root=header.trace_root,
        output_hash=header.output_hash,
        agrees=agrees,
        paid=fee,
    )
    return world, (event,)


def settle_seat(rules: Rules, world: WorldState, message: SettleSeat, call: Call) -> Outcome:
    """Silence costs a ticket; so does disagreement about an order that was paid after everybody could challenge it."""
    order, replica, key = message.order, message.replica, order_id(message.order, rules.domain)
    state, seat = world.order(key), _seat(world, key, replica)
    # CHECK
    require(seat.state in (Seat.COMMITTED, Seat.DISAGREED), "NoSeat", order=key.hex())
    panel, silent = _panel(world, key), seat.state is Seat.COMMITTED
    end = _reveals_end(rules, panel, state)
    over = (end is not None and call.now > end) if silent else state.status.terminal
    require(over, "TooEarly", order=key.hex())
    # EFFECT
    fined = panel.reveal_by != 0 if silent else _overruled(state)
    fee = Amount(0) if silent or fined else panel.fee
    world = _with_seat(world, key, replica, SeatState(state=Seat.SETTLED, content=b"" if silent else seat.content))
    world = _with_panel(world, key, replace(panel, settled=panel.settled + 1))
    loss = Amount(0)
    events: tuple[Event, ...] = ()
    if fined:
        world, loss, events = fine(rules, world, replica, call)
    world = _pay(world, key, order.provider, replica, fee)
    # EVENT
    return world, (*events, SeatSettled(order_id=key, replica=replica, paid=fee, fined=loss))


def close_panel(rules: Rules, world: WorldState, message: ClosePanel, call: Call) -> Outcome:
    """What no seat earned goes to the client; or to the provider, if the client got the price back."""
    order, key = message.order, order_id(message.order, rules.domain)
    state = world.order(key)
    # CHECK
    panel = _panel(world, key)
    require(state.status.terminal and not panel.closed, "WrongStatus", order=key.hex())
    require(panel.settled == panel.committed, "SeatsOpen", order=key.hex())
    # EFFECT
    rest = Amount(panel.fee * (panel.seats - panel.paid))
    account = order.client if state.status is OrderStatus.PAID else order.provider
    world = _with_panel(world, key, replace(panel, closed=True))
    world = change(change(world, order.provider, locked=-rest), account, free=rest)
    # EVENT
    return world, (PanelClosed(order_id=key, account=account, amount=rest),)


# -- fraud proofs ----------------------------------------------------------------------------------------------------


def convict_element(rules: Rules, world: WorldState, message: ConvictElement, call: Call) -> Outcome:
    """One element of the trace that a replica revealed is not what its node makes of its operands."""
    # CHECK
    _check_claim(rules, world, message, call)
    require(rules.judge is not None, "BadOpening")
    wrong = rules.judge is not None and rules.judge.element_is_wrong(
        message.model, message.order.input, message.header.trace_root, message.proof
    )
    require(wrong, "NoFraud", node=message.proof.node, element=message.proof.element)
    # EFFECT, EVENT
    return _convict(rules, world, message, call)


def convict_output(rules: Rules, world: WorldState, message: ConvictOutput, call: Call) -> Outcome:
    """The output that a replica revealed is not the output region of its trace."""
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


def _check_claim(rules: Rules, world: WorldState, message: ConvictElement | ConvictOutput, call: Call) -> None:
    key, header = order_id(message.order, rules.domain), message.header
    seat = _seat(world, key, message.replica)
    require(seat.state in (Seat.AGREED, Seat.DISAGREED, Seat.SETTLED), "NoSeat", order=key.hex())
    digest = find_digest(seat_id(key, message.replica), message.proof.tile, call.sender, message.salt)
    require(world.finds.get(digest, call.block) < call.block, "FindNotCommitted", digest=digest.hex())
    opened = commit_result(key, message.replica, header.trace_root, header.output_hash)
    require(opened == seat.content, "WrongResult", order=key.hex())
    require(message.model.model_id() == message.order.model, "WrongModel", order=key.hex())


def _convict(rules: Rules, world: WorldState, message: ConvictElement | ConvictOutput, call: Call) -> Outcome:
    """The replica's stake is divided as a provider's bond is."""
    order, replica, key = message.order, message.replica, order_id(message.order, rules.domain)
    panel, seat, p = _panel(world, key), _seat(world, key, replica), rules.parameters
    # EFFECT
    world, stake, events = forfeit_all(rules, world, replica, call)
    agreed, disagreed = seat.state is Seat.AGREED, seat.state is Seat.DISAGREED
    panel = replace(
        panel,
        agreed=panel.agreed - agreed,
        disagreed=panel.disagreed - disagreed,
        settled=panel.settled + disagreed,
    )
    world = _with_seat(_with_panel(world, key, panel), key, replica, SeatState(state=Seat.CONVICTED))
    to_challenger, to_client = stake * p.slash_challenger // 100, stake * p.slash_client // 100
    burned = Amount(stake - to_challenger - to_client)
    world = change(change(world, call.sender, free=to_challenger), order.client, free=to_client)
    world = change(world, BURN_ADDRESS, free=burned)
    # EVENT
    slashed = ReplicaSlashed(
        order_id=key,
        replica=replica,
        challenger=call.sender,
        to_client=Amount(to_client),
        to_challenger=Amount(to_challenger),
        burned=burned,
    )
    return world, (*events, slashed)


# -- steps -----------------------------------------------------------------------------------------------------------


def _funded(rules: Rules, world: WorldState, order: Order) -> OrderId:
    key = order_id(order, rules.domain)
    require(world.order(key).status is OrderStatus.FUNDED, "WrongStatus", order=key.hex())
    return key


def _overruled(state: OrderState) -> bool:
    """A paid order that was not simply let through says that whoever disagreed was wrong: he had all the window to show
    a fraud.
    """
    gathered = state.gathered
    return state.status is OrderStatus.PAID and bool(gathered & _JUDGED) and not gathered & _RELEASED


def _reveals_end(rules: Rules, panel: PanelState, state: OrderState) -> int | None:
    """Last second to reveal. Where nothing was delivered that time begins when the order ends."""
    if panel.reveal_by:
        return panel.reveal_by
    return state.until + rules.parameters.reveal_time if state.status.terminal else None


def _pay(world: WorldState, key: OrderId, provider: Address, replica: Address, fee: Amount) -> WorldState:
    """Pay a seat out of what the provider advanced."""
    if not fee:
        return world
    panel = _panel(world, key)
    world = change(change(world, provider, locked=-fee), replica, free=fee)
    return _with_panel(world, key, replace(panel, paid=panel.paid + 1))


def _panel(world: WorldState, key: OrderId) -> PanelState:
    panel = world.panels.get(key)
    if panel is None:
        raise refusal("NotSealed", order=key.hex())
    return panel


def _seat(world: WorldState, key: OrderId, replica: Address) -> SeatState:
    return world.seats.get((key, replica), SeatState())


def _with_panel(world: WorldState, key: OrderId, panel: PanelState) -> WorldState:
    return replace(world, panels=world.panels.put(key, panel))


def _with_seat(world: WorldState, key: OrderId, replica: Address, seat: SeatState) -> WorldState:
    return replace(world, seats=world.seats.put((key, replica), seat))
