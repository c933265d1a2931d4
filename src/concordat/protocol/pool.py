"""The pool of replicas: who can be drawn, with how many tickets, and the draw itself.

A draw looks at the pool as it was before the block in which the result was sealed, and at a number that nobody could
know then. The contract twin is ``contracts/src/court/replicas/Pool.sol``, which keeps the past of a tree of sums; here
the past is a frozen table that the panel holds on to.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from concordat.primitives.encoding import abi_words
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Address, Amount, Timestamp
from concordat.protocol.events import Event
from concordat.protocol.ledger import BURN_ADDRESS
from concordat.protocol.panel import Candidate, Member, Pool
from concordat.protocol.panel_events import PoolJoined, PoolLeft, StakeCollected
from concordat.protocol.panel_messages import CollectStake, JoinPool, LeavePool
from concordat.protocol.refusals import refusal, require
from concordat.protocol.state import Call, Outcome, Rules, WorldState
from concordat.protocol.tables import Table
from concordat.protocol.vault import change, lock, unlock

__all__ = ["candidates_before", "collect", "draw", "fine", "forfeit_all", "join", "leave"]

PLACES = 4096
"""Most members."""
MOST_TICKETS = 2**16 - 1
"""Most tickets of one member: all of them together fit the 28 bits of a sum on chain."""


def join(rules: Rules, world: WorldState, message: JoinPool, call: Call) -> Outcome:
    """The sender can be drawn from the next block on."""
    pool, one = world.pool, world.pool.members.get(call.sender)
    had = one.tickets if one else 0
    # CHECK
    require(one is None or one.free_at == 0, "Leaving")
    require(0 < message.tickets <= MOST_TICKETS - had, "BadTickets", tickets=message.tickets)
    require(one is not None or bool(pool.free_places) or pool.used_places < PLACES, "PoolFull")
    # EFFECT (checks that the stake is there)
    world = lock(world, call.sender, message.tickets * rules.parameters.ticket)
    if one is None:
        place, pool = _take_place(pool)
        one = Member(place=place + 1, tickets=0)
    one = replace(one, tickets=had + message.tickets)
    world = _set_member(replace(world, pool=pool), call.sender, one, call)
    # EVENT
    return world, (PoolJoined(replica=call.sender, tickets=message.tickets),)


def leave(rules: Rules, world: WorldState, message: LeavePool, call: Call) -> Outcome:
    """The sender is not drawn any more; his stake stays bound, because what he revealed can still be shown wrong."""
    one = world.pool.members.get(call.sender)
    # CHECK
    require(one is not None and one.free_at == 0, "NotMember")
    # EFFECT, EVENT
    return _retire(rules, world, call.sender, call)


def collect(rules: Rules, world: WorldState, message: CollectStake, call: Call) -> Outcome:
    """A former member's stake is free, and his place is given to others."""
    pool, one = world.pool, world.pool.members.get(message.replica)
    # CHECK
    if one is None or one.free_at == 0:
        raise refusal("NotMember")
    require(call.now >= one.free_at, "StillBound", free_at=one.free_at)
    # EFFECT
    amount = Amount(one.tickets * rules.parameters.ticket)
    pool = replace(
        pool, members=pool.members.put(message.replica, None), free_places=(*pool.free_places, one.place - 1)
    )
    world = unlock(replace(world, pool=pool), message.replica, amount)
    # EVENT
    return world, (StakeCollected(replica=message.replica, amount=amount),)


def candidates_before(pool: Pool, block: int) -> Table[int, Candidate]:
    """Who could be drawn at the end of the block before the latest one, which is `block`."""
    return pool.before if pool.changed == block else pool.candidates


def draw(
    candidates: Table[int, Candidate], seed: bytes, count: int, excluded: Collection[Address]
) -> tuple[Address, ...]:
    """Distinct candidates, each time with a probability proportional to the tickets of those that are left.

    Parameters
    ----------
    candidates : Table
        By place.
    seed : bytes
        Ticket number *i* is ``keccak256(abi.encode(seed, i))`` modulo the tickets that are left.
    count : int
        How many; fewer are drawn where there are no more.
    excluded : collection of Address
        Who cannot be drawn.

    Soundness
    ---------
    Many small identities have together the tickets of their stake and no more: splitting a stake does not raise the
    expected number of seats that it gets.
    """
    left = [candidates[place] for place in sorted(candidates) if candidates[place].replica not in excluded]
    drawn: list[Address] = []
    while left and len(drawn) < count:
        ticket = int.from_bytes(keccak256(abi_words(seed, len(drawn))), "big") % sum(one.tickets for one in left)
        for one in left:
            if ticket < one.tickets:
                drawn.append(one.replica)
                left.remove(one)
                break
            ticket -= one.tickets
    return tuple(drawn)


def fine(rules: Rules, world: WorldState, replica: Address, call: Call) -> tuple[WorldState, Amount, tuple[Event, ...]]:
    """One ticket of a member is burned, if he has one left."""
    one = world.pool.members.get(replica)
    if one is None or one.tickets == 0:
        return world, Amount(0), ()
    # EFFECT
    amount = rules.parameters.ticket
    events: tuple[Event, ...] = ()
    one = replace(one, tickets=one.tickets - 1)
    world = _set_member(world, replica, one, call)
    if one.free_at == 0 and one.tickets == 0:
        world, events = _retire(rules, world, replica, call)
    world = change(change(world, replica, locked=-amount), BURN_ADDRESS, free=amount)
    return world, amount, events


def forfeit_all(
    rules: Rules, world: WorldState, replica: Address, call: Call
) -> tuple[WorldState, int, tuple[Event, ...]]:
    """Take a member's whole stake out of his locked balance, for the caller to divide."""
    one = world.pool.members.get(replica)
    # CHECK
    if one is None or one.tickets == 0:
        raise refusal("NotMember")
    # EFFECT
    events: tuple[Event, ...] = ()
    world = _set_member(world, replica, replace(one, tickets=0), call)
    if one.free_at == 0:
        world, events = _retire(rules, world, replica, call)
    stake = one.tickets * rules.parameters.ticket
    return change(world, replica, locked=-stake), stake, events


def _retire(rules: Rules, world: WorldState, replica: Address, call: Call) -> Outcome:
    free_at = Timestamp(call.now + rules.parameters.unbonding)
    # EFFECT
    world = _set_member(world, replica, replace(world.pool.members[replica], free_at=free_at), call)
    # EVENT
    return world, (PoolLeft(replica=replica, free_at=free_at),)


def _take_place(pool: Pool) -> tuple[int, Pool]:
    if pool.free_places:
        return pool.free_places[-1], replace(pool, free_places=pool.free_places[:-1])
    return pool.used_places, replace(pool, used_places=pool.used_places + 1)


def _set_member(world: WorldState, replica: Address, one: Member, call: Call) -> WorldState:
    """Write a member down; one who has left is no candidate."""
    pool = world.pool
    before = pool.before if pool.changed == call.block else pool.candidates
    tickets = 0 if one.free_at else one.tickets
    candidates = pool.candidates.put(one.place - 1, Candidate(replica=replica, tickets=tickets) if tickets else None)
    members = pool.members.put(replica, one)
    return replace(world, pool=replace(pool, members=members, candidates=candidates, changed=call.block, before=before))
