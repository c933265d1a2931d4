"""Providers of hidden models who claim proofs that they do not have, each in one way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from concordat.client.offer import Offer
from concordat.node.claimant import Claimant
from concordat.node.provider import Provider
from concordat.primitives.hashing import sha256
from concordat.protocol.claim_messages import MAX_DATA_BYTES, PostClaim
from concordat.protocol.messages import Message, Submit
from concordat.protocol.order import order_id
from concordat.zk.steps import rewrite

__all__ = ["FalseClaim", "GarbageClaim", "SecondClaim"]


class _Liar(Claimant):
    """Claims that a hidden model said one more than it did, as plausibly as can be."""

    def claim(self, offer: Offer) -> PostClaim:
        """The honest proof, with every step of the false statement's verification told anew."""
        assert self._shelf is not None, "hidden models have a shelf"
        hidden, domain, honest = self._shelf.model(offer.order.model).hidden, self._ledger.domain, super().claim(offer)
        said = honest.posted.output
        output = (int.from_bytes(said[:4], "big", signed=True) + 1).to_bytes(4, "big", signed=True) + said[4:]
        answer = self._shelf.prove(offer, domain).answer
        statement = hidden.statement(order_id(offer.order, domain), offer.order, domain, output, answer)
        posted = replace(honest.posted, output=output)
        return replace(honest, posted=posted, data=rewrite(statement, honest.data))


class _Babbler(Claimant):
    """Claims the right thing, and shows noise for it."""

    def claim(self, offer: Offer) -> PostClaim:
        """As much noise as a claim has room for."""
        noise = b"".join(sha256(b"noise%d" % i) for i in range(MAX_DATA_BYTES // 32))
        return replace(super().claim(offer), data=noise)


class FalseClaim(Provider):
    """Claims and delivers an output that the model did not give."""

    def __init__(self, *parts: Any, **more: Any) -> None:
        super().__init__(*parts, **more)
        self._claimant = _Liar(self.ledger, self.journal, self.outbox, self.shelf, claims=True)


class GarbageClaim(Provider):
    """Posts noise instead of a proof, and delivers what is true."""

    def __init__(self, *parts: Any, **more: Any) -> None:
        super().__init__(*parts, **more)
        self._claimant = _Babbler(self.ledger, self.journal, self.outbox, self.shelf, claims=True)


class SecondClaim(Provider):
    """Claims what is true, then something else about the same order, and delivers what is true."""

    def _try(self, intent: str, message: Message, key: str) -> bool:
        """The lie goes in front of the delivery: later no claim is taken."""
        item = self.journal.item("offer", key)
        if isinstance(message, Submit) and item is not None:
            liar = _Liar(self.ledger, self.journal, self.outbox, self.shelf, claims=True)
            self.outbox.send(f"second:{key}", liar.claim(self._offer(item[1])))
        return super()._try(intent, message, key)
