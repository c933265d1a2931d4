"""An order that was placed: what its client waits for, asks for and gets."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from concordat.client.decision import Decision
from concordat.client.demands import contest, demand
from concordat.client.offer import Offer
from concordat.client.sealing import SealingPair
from concordat.primitives.encoding import to_hex
from concordat.primitives.errors import EndpointError, InputError, OrderError
from concordat.primitives.units import OrderId
from concordat.protocol.evidence import EvidenceKind
from concordat.protocol.order import Order, OrderStatus

if TYPE_CHECKING:
    from concordat.client.orders import Orders

__all__ = ["STAGES", "PlacedOrder"]

STAGES = ("accepted", "delivered", "settled", "recorded")
"""What one can wait for, in order."""
_ENDINGS = {
    OrderStatus.EXPIRED: "not delivered in time",
    OrderStatus.CANCELLED: "cancelled by both",
    OrderStatus.SLASHED: "answered falsely, and the provider slashed",
}
PROOF_SECONDS = 10.0
"""How much longer one waits at most for a proof that was paid for."""


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """One order, and what has become of it."""

    orders: Orders
    """Where it was placed."""
    offer: Offer
    """What was signed, with the input."""
    id: OrderId
    """Its id."""
    block: int
    """Head of the chain when it was placed: all its events are later."""
    client: str
    """Name of the account that placed it."""
    reply: SealingPair | None = field(default=None, repr=False)
    """Opens the answer to a private order."""

    @property
    def order(self) -> Order:
        """What was signed."""
        return self.offer.order

    @property
    def status(self) -> OrderStatus:
        """Where it stands now."""
        return self.orders.ledger.state(self.id).status

    def release(self) -> None:
        """Let the provider be paid before the window ends."""
        self.orders.release(self.order, self.client)

    def demand(self) -> int:
        """Make the provider show what he delivered: all parts of a large output, or the opening of a private one.

        Each demand locks a bond that the provider gets when he answers. A provider who does not answer is slashed, and
        the order ends with a refund. What is shown is public.

        Returns
        -------
        int
            How many demands were made; parts that were demanded or shown before are left out.

        Raises
        ------
        DisputeError
            ``NothingToDemand`` if the whole output was delivered, ``WindowClosed`` if it is too late.
        FundsError
            If the client's free balance does not cover the bonds.
        """
        return demand(self, self.orders)

    def contest(self) -> None:
        """Have a wrong answer to a private order judged: input and result become public, and challengers do the rest.

        Raises
        ------
        VerificationError
            If the answer does not open: then :meth:`demand` that the provider opens it.
        """
        contest(self, self.orders)

    def wait(self, until: str = "settled", *, timeout: float = 60.0) -> Decision:
        """Wait for a stage and return the decision.

        Parameters
        ----------
        until : str
            ``accepted``, ``delivered``, ``settled`` (paid, after the window if need be) or ``recorded``.
        timeout : float
            Seconds of the caller's clock.

        Raises
        ------
        OrderError
            If it ended without a decision (expired, cancelled, slashed: the client was refunded), or time ran out.
        """
        if until not in STAGES:
            raise InputError(f"One can wait until {', '.join(STAGES)}, not {until!r}.", code="UnknownStage")
        end = time.monotonic() + timeout
        while (decision := self._decided(until, end)) is None:
            if time.monotonic() > end:
                raise OrderError(
                    f"The order is {self.status.name.lower()} after {timeout:g} s, not yet {until}.",
                    code="StillWaiting",
                    hint="Wait again: nothing is lost. What is not delivered in time is refunded; what is delivered is "
                    "paid after its window, or at once when you release it.",
                )
            self.orders.pump()
        return self._with_proof(decision, until, end)

    def _with_proof(self, decision: Decision, until: str, end: float) -> Decision:
        """A provider shows the proof of a hidden model's answer when he has seen that it is paid."""
        end = min(end, time.monotonic() + PROOF_SECONDS)
        while _unshown(decision) and until in ("settled", "recorded") and time.monotonic() < end:
            self.orders.pump()
            decision = self.decision()
        return decision

    def _decided(self, until: str, end: float) -> Decision | None:
        """The decision at a stage; an endpoint that is away, or behind with its logs, only makes the wait longer."""
        try:
            return self.decision() if self._reached(until) else None
        except (EndpointError, OrderError) as error:
            behind = error.code == "NotDelivered" and until != "accepted"
            if time.monotonic() > end or not (behind or isinstance(error, EndpointError)):
                raise
            return None

    def _reached(self, until: str) -> bool:
        status = self.status
        if status in _ENDINGS:
            raise OrderError(
                f"The order was {_ENDINGS[status]}; the price is back in the client's vault balance.",
                code=f"Order{status.name.capitalize()}",
                order=to_hex(self.id),
            )
        if until == "recorded":
            return status is OrderStatus.PAID and self.orders.records.find(self.id) is not None
        least = {"accepted": OrderStatus.FUNDED, "delivered": OrderStatus.DELIVERED, "settled": OrderStatus.PAID}[until]
        return status >= least

    def decision(self) -> Decision:
        """The decision as it stands now."""
        model = self.orders.registry.model(self.order.model)
        return self.orders.records.decision(self.offer, self.id, model, since=self.block, reply=self.reply)


def _unshown(decision: Decision) -> bool:
    return EvidenceKind.VALIDITY in decision.evidence and decision.bundle.proof is None
