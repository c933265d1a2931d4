"""What a client does about an answer that is withheld, or sealed and wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from concordat.primitives.errors import DisputeError, OrderError
from concordat.primitives.hashing import keccak256
from concordat.protocol.demand import parts_of
from concordat.protocol.events import Delivered, ResultOpened
from concordat.protocol.evidence import is_sealed
from concordat.protocol.messages import OPENING_PART, Demand, OpenResult, ResultHeader

if TYPE_CHECKING:
    from concordat.client.orders import Orders
    from concordat.client.placed import PlacedOrder

__all__ = ["contest", "demand"]


def demand(placed: PlacedOrder, orders: Orders) -> int:
    """Make the provider show what he delivered; see `concordat.client.placed.PlacedOrder.demand`."""
    order, sender = placed.order, orders.signer_of(placed.order, placed.client).address
    model, delivered = orders.registry.model(order.model).commitment, _delivered(placed, orders)
    parts = [OPENING_PART] if _unopened(placed, delivered) else list(range(parts_of(model)))
    if not parts:
        raise DisputeError("The whole output was delivered.", code="NothingToDemand")
    made = 0
    for part in parts:
        message = Demand(order=order, header=_header(delivered), model=model, part=part)
        try:
            orders.ledger.send(message, sender=sender)
            made += 1
        except DisputeError as error:
            if error.code != "DemandExists":
                raise
    return made


def contest(placed: PlacedOrder, orders: Orders) -> None:
    """Have a wrong answer judged; see `concordat.client.placed.PlacedOrder.contest`."""
    order, sender = placed.order, orders.signer_of(placed.order, placed.client).address
    delivered = _delivered(placed, orders)
    if _unopened(placed, delivered):
        model = orders.registry.model(order.model)
        opening = orders.records.opening(placed.offer, model, delivered, placed.reply)
        orders.ledger.send(OpenResult(order=order, header=_header(delivered), opening=opening), sender=sender)
    orders.public.put_opening(order.input, placed.offer.opening)


def _delivered(placed: PlacedOrder, orders: Orders) -> list[Delivered | ResultOpened]:
    events = [entry.event for entry in orders.ledger.events(start=placed.block)]
    found = [event for event in events if isinstance(event, Delivered | ResultOpened) and event.order_id == placed.id]
    if not found:
        raise OrderError("Nothing has been delivered for this order.", code="NotDelivered")
    return found


def _unopened(placed: PlacedOrder, delivered: list[Delivered | ResultOpened]) -> bool:
    opened = any(isinstance(event, ResultOpened) for event in delivered)
    return is_sealed(placed.order.evidence) and not opened


def _header(delivered: list[Delivered | ResultOpened]) -> ResultHeader:
    """Opens what is judged: the last of what was delivered and opened."""
    last = delivered[-1]
    return ResultHeader(trace_root=last.trace_root, output_hash=keccak256(last.output))
