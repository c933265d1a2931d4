"""What people say in a conversation about demands: for parts of large outputs, and for private results to be opened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from concordat.primitives.units import OrderId
from concordat.protocol.artifact import ModelCommitment
from concordat.protocol.demand import part_words, parts_of
from concordat.protocol.evidence import is_private
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
from concordat.protocol.state import DemandState, WorldState
from concordat.testing.cases import Case, Proposal
from concordat.testing.stage import Actor, Venue

__all__ = ["DEMANDING", "Propose", "open_demands"]

Propose = Callable[[WorldState, ModelCommitment, Venue, Sequence[Actor], Case, Random], Proposal]
"""From the reference's world, the model, who signs where, and who is there: the next thing to say about a case."""


def open_demands(world: WorldState, key: OrderId) -> dict[int, DemandState]:
    """Demands about an order that wait for an answer, by part."""
    return {part: made for (order, part), made in world.demands.items() if order == key and not made.shown}


def _demand(
    world: WorldState, model: ModelCommitment, venue: Venue, actors: Sequence[Actor], case: Case, dice: Random
) -> Proposal:
    part = dice.randrange(parts_of(model) + 1)
    if is_private(case.order.evidence) and venue.id_of(case.order) not in world.opened and dice.random() < 0.9:
        part = OPENING_PART
    sender = case.client if part == OPENING_PART and dice.random() < 0.9 else dice.choice(actors)
    return sender, Demand(order=case.order, header=_header(case, part), model=model, part=part)


def _supply(
    world: WorldState, model: ModelCommitment, venue: Venue, actors: Sequence[Actor], case: Case, dice: Random
) -> Proposal:
    part = _part(world, model, venue, case, dice)
    first, count = part_words(model, part if part < max(parts_of(model), 1) else 0)
    path = tuple(case.work.tree.prove_range(first, count))
    words = Opening(words=tuple(case.work.words[first : first + count]), path=path)
    return case.provider, Supply(order=case.order, header=_header(case, part), model=model, part=part, words=words)


def _open_result(
    world: WorldState, model: ModelCommitment, venue: Venue, actors: Sequence[Actor], case: Case, dice: Random
) -> Proposal:
    demanded = OPENING_PART in open_demands(world, venue.id_of(case.order))
    sender = case.provider if demanded else case.client
    return sender, OpenResult(order=case.order, header=_header(case, OPENING_PART), opening=case.opening)


def _time_out(
    world: WorldState, model: ModelCommitment, venue: Venue, actors: Sequence[Actor], case: Case, dice: Random
) -> Proposal:
    return dice.choice(actors), TimeOutDemand(order=case.order, part=_part(world, model, venue, case, dice))


def _close(
    world: WorldState, model: ModelCommitment, venue: Venue, actors: Sequence[Actor], case: Case, dice: Random
) -> Proposal:
    return dice.choice(actors), CloseDemand(order=case.order, part=_part(world, model, venue, case, dice))


def _part(world: WorldState, model: ModelCommitment, venue: Venue, case: Case, dice: Random) -> int:
    """A part that is demanded; else one that could be."""
    demanded = list(open_demands(world, venue.id_of(case.order)))
    if demanded and dice.random() < 0.9:
        return dice.choice(demanded)
    if is_private(case.order.evidence) and dice.random() < 0.7:
        return OPENING_PART
    return dice.randrange(parts_of(model) + 1)


def _header(case: Case, part: int) -> ResultHeader:
    """Opens what a demand for a part is about."""
    return case.header if part == OPENING_PART else case.work.header


DEMANDING: dict[type, Propose] = {
    Demand: _demand,
    Supply: _supply,
    OpenResult: _open_result,
    TimeOutDemand: _time_out,
    CloseDemand: _close,
}
"""By kind of message: who could say what."""
