"""The steward's node: does for the stewards in its book what anybody may do.

Observes epochs of sources that read the chain, shows observed inputs to watchers, and applies the first settled
decision of every epoch that counts. Nothing depends on it: anybody who does the same is as good, and whoever comes
second is refused.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any

from concordat.client.effects import Stewards
from concordat.client.steward import Steward
from concordat.node.feed import Feed
from concordat.node.turns import Turns
from concordat.primitives.encoding import ZERO32, from_hex, to_hex
from concordat.primitives.errors import NotFoundError, ProtocolError
from concordat.primitives.units import Address, Bytes32, OrderId
from concordat.primitives.wire import from_wire, to_wire
from concordat.protocol.effect import effect_of
from concordat.protocol.events import Accepted, Cancelled, Delivered, Expired, Paid, Slashed
from concordat.protocol.ledger import Ledger, Placed
from concordat.protocol.order import Order, OrderStatus
from concordat.protocol.steward import ApplyDecision, Delivery
from concordat.storage.journal import Journal

__all__ = ["StewardNode"]

LOOK_AGAIN = 5
"""Seconds after which epochs are looked at again."""


class StewardNode:
    """One node that works for stewards.

    Parameters
    ----------
    ledger, journal : Ledger, Journal
        Where orders live, where the node remembers.
    stewards : Stewards
        Whom it works for: those in the book.
    sender : Address
        Account that pays for transactions.
    """

    def __init__(self, ledger: Ledger, journal: Journal, stewards: Stewards, sender: Address) -> None:
        self.ledger = ledger
        self.journal = journal
        self.stewards = stewards
        self.sender = sender
        self._feed = Feed(ledger, journal, "steward")
        self._turns = Turns()
        self._looked = 0
        self._shown: set[tuple[Address, int]] = set()

    def step(self) -> int:
        """Look at new events; observe what can be, apply what is settled."""
        self._feed.take(self._note, undo=self._undo)
        now, done = self.ledger.now(), 0
        paid = self.journal.items("effect", "paid", due=now)
        if not paid and now < self._looked + LOOK_AGAIN:
            return 0
        self._looked = now
        stewards = self.stewards.all()
        for steward in stewards:
            done += self._turns.take(f"observe {to_hex(steward.address)}", partial(self._observe, steward))
        for key, _, body in paid:
            done += self._turns.take(f"apply {key}", partial(self._apply, key, body, stewards, now))
        return done

    # -- events ------------------------------------------------------------------------------------------------------

    def _note(self, placed: Placed) -> None:
        event, block = placed.event, placed.block
        if isinstance(event, Accepted) and event.order.effect != ZERO32:
            body = {"order": to_wire(event.order), "from": block}
            self.journal.set_item("effect", to_hex(event.order_id), "known", body, block=block)
        elif isinstance(event, Delivered | Paid | Expired | Cancelled | Slashed):
            known = self.journal.item("effect", to_hex(event.order_id))
            if known is not None:
                self._follow(event, known[1], block)

    def _follow(
        self, event: Delivered | Paid | Expired | Cancelled | Slashed, body: dict[str, Any], block: int
    ) -> None:
        key = to_hex(event.order_id)
        if isinstance(event, Delivered):
            delivery = Delivery(provider=event.provider, trace_root=event.trace_root, output=event.output)
            self.journal.set_item("effect", key, "known", {**body, "delivery": to_wire(delivery)}, block=block)
        else:
            self.journal.set_item("effect", key, "paid" if isinstance(event, Paid) else "over", due=0, block=block)

    def _undo(self, block: int) -> int:
        """Orders that blocks touched which are gone are read again from their beginning."""
        first = block
        for key, _, body in self.journal.touched("effect", block):
            self.journal.set_item("effect", key, "over")
            first = min(first, body["from"])
        self._shown.clear()
        return first

    # -- what is due -------------------------------------------------------------------------------------------------

    def _observe(self, steward: Steward) -> int:
        """Observe the epoch that runs if its source reads the chain; show its input to watchers."""
        epoch, effects, source = steward.epoch, self.stewards.tools.effects, steward.terms.source
        if epoch == 0 or (source, epoch) in self._shown:
            return 0
        seen = effects.observation(source, epoch)
        in_time = self.ledger.now() < steward.source.schedule.start(epoch) + steward.source.schedule.observe_within
        if seen is None and not steward.source.signers and in_time:
            effects.observe(source, epoch, sender=self.sender)
            seen = effects.observation(source, epoch)
        if seen is None:
            return 0
        with suppress(NotFoundError):  # the source may keep its inputs private
            self.stewards.tools.public.put_opening(seen.input, steward.input(epoch))
        self._shown.add((source, epoch))
        return 1

    def _apply(self, key: str, body: dict[str, Any], stewards: list[Steward], now: int) -> int:
        order = from_wire(Order, body["order"])
        found = self._named(order.effect, stewards, now)
        if self.ledger.state(OrderId(from_hex(key))).status is not OrderStatus.PAID:
            self.journal.set_item("effect", key, "paid", due=now + LOOK_AGAIN)
            return 0
        if found is not None:
            steward, epoch = found
            message = ApplyDecision(order=order, epoch=epoch, delivery=from_wire(Delivery, body["delivery"]))
            try:
                self.stewards.tools.effects.send(steward.address, message, sender=self.sender)
            except ProtocolError as error:
                self.journal.set_item("effect", key, "over", {**body, "refused": error.code})
                return 1
        self.journal.set_item("effect", key, "over")
        return int(found is not None)

    @staticmethod
    def _named(effect: Bytes32, stewards: list[Steward], now: int) -> tuple[Steward, int] | None:
        """Steward and epoch of an effect, among the epochs that can still be applied."""
        for steward in stewards:
            schedule = steward.source.schedule
            last = schedule.epoch_at(now)
            first = max(1, last - steward.terms.apply_within // schedule.length - 1)
            for epoch in range(first, last + 1):
                if effect_of(steward.address, epoch, steward.terms.source) == effect:
                    return steward, epoch
        return None
