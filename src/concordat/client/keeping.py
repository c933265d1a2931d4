"""How a client keeps the orders that it placed: in plain, or encrypted for the subject that they are about."""

from __future__ import annotations

import json
from typing import Any

from concordat.client.offer import InputOpening, Offer
from concordat.client.sealing import SealingPair
from concordat.primitives.encoding import canonical_json, from_hex, to_hex
from concordat.primitives.errors import ConfigurationError, NotFoundError
from concordat.primitives.units import Bytes32, OrderId
from concordat.primitives.wire import from_wire, to_wire
from concordat.protocol.messages import Funding
from concordat.protocol.order import Order
from concordat.storage.subjects import SubjectKeys

__all__ = ["keep_offer", "kept_offer"]


def keep_offer(
    offer: Offer, reply: SealingPair | None, name: OrderId, subjects: SubjectKeys | None, subject: str | None
) -> dict[str, Any]:
    """What the journal holds of an offer.

    Parameters
    ----------
    reply : SealingPair, optional
        Opens the answer to a private order.
    subjects, subject : SubjectKeys, str
        For whom to encrypt input and reply key; order and payment are public anyway.
    """
    pair = {"reply": to_hex(reply.private)} if reply is not None else {}
    if subject is None:
        return {"offer": to_wire(offer), **pair}
    if subjects is None:
        raise ConfigurationError(
            "There is nowhere to keep a subject's key.", code="NoSubjectKeys", hint="Connect with a home."
        )
    handle = subjects.handle(subject)
    held = subjects.seal(handle, name, canonical_json({"opening": to_wire(offer.opening), **pair}))
    return {
        "order": to_wire(offer.order),
        "funding": to_wire(offer.funding),
        "handle": handle,
        "held": to_hex(held),
    }


def kept_offer(body: dict[str, Any], name: OrderId, subjects: SubjectKeys | None) -> tuple[Offer, SealingPair | None]:
    """Inverse of :func:`keep_offer`.

    Raises
    ------
    NotFoundError
        ``Erased`` if the subject that it was about has been erased.
    """
    if "offer" in body:
        return from_wire(Offer, body["offer"]), _pair(body)
    if "held" not in body or subjects is None:
        raise NotFoundError("What was private about this order has been erased.", code="Erased")
    private = json.loads(subjects.open(body["handle"], name, from_hex(body["held"])))
    order, funding = from_wire(Order, body["order"]), from_wire(Funding, body["funding"])
    opening = from_wire(InputOpening, private["opening"])
    return Offer(order=order, funding=funding, opening=opening), _pair(private)


def _pair(body: dict[str, Any]) -> SealingPair | None:
    return SealingPair(Bytes32(from_hex(body["reply"], length=32))) if "reply" in body else None
