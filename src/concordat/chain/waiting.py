"""Waiting until a transaction is in, deep enough, whatever happens to it on the way.

Each look asks for receipt, nonce and head in one round trip. In between the same bytes are offered again, in case they
were dropped or thrown out by a re-organisation, and after a while at a higher price.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from typing import Any

from concordat.chain.answers import member, quantity
from concordat.chain.envelope import SignedTransaction
from concordat.chain.rpc import Endpoint
from concordat.primitives.encoding import to_hex
from concordat.primitives.errors import EndpointError, TransactionError

__all__ = ["Patience", "Waiter"]

SPENT_LOOKS = 5
"""Consecutive looks that must agree before a nonce counts as spent by another transaction: an endpoint made of several
machines may know of the block and not yet of the receipt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait, and for what; seconds."""

    confirmations: int = 0
    """Blocks that must lie on top of a transaction's block."""
    resend_after: float = 2.0
    """Pause between two offers of the same bytes."""
    reprice_after: float = 30.0
    """Without being mined, before the transaction is offered at a higher price."""
    outage: float = 20.0
    """Without any answer from the endpoint, before waiting ends with its error."""
    give_up_after: float = 300.0
    """Before waiting ends with ``Stuck``."""


class Waiter:
    """Waits for one transaction.

    Parameters
    ----------
    endpoint : Endpoint
        The chain.
    signed : SignedTransaction
        Offered already.
    patience : Patience
        How long, and how deep.
    offer : callable
        Offers bytes to the endpoint again.
    dearer : callable, optional
        Makes a dearer transaction of the last one; without it the price stays.
    clock : callable
        Seconds.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        signed: SignedTransaction,
        patience: Patience,
        *,
        offer: Callable[[SignedTransaction], None],
        dearer: Callable[[SignedTransaction], SignedTransaction] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._endpoint, self._patience, self._clock = endpoint, patience, clock
        self._offer, self._dearer = offer, dearer
        self._sent = [signed]
        self._began = self._offered = self._priced = self._heard = clock()
        self._spent = 0

    def run(self) -> dict[str, Any]:
        """Receipt of whichever version of the transaction was mined.

        Raises
        ------
        TransactionError
            ``NonceSpent`` or ``Stuck``.
        EndpointError
            If the endpoint is out of reach for too long.
        """
        event, pause = Event(), 0.002
        while True:
            receipt = self._look()
            if receipt is not None:
                return receipt
            self._judge()
            self._push()
            event.wait(pause)
            pause = min(pause * 1.5, 0.5)

    def _look(self) -> dict[str, Any] | None:
        try:
            receipt, spent = self._find()
        except EndpointError as error:
            if error.code == "WrongChain" or self._clock() - self._heard > self._patience.outage:
                raise
            return None
        self._heard = self._clock()
        self._spent = self._spent + 1 if spent else 0
        return receipt

    def _find(self) -> tuple[dict[str, Any] | None, bool]:
        """Receipt that is deep enough; and whether the nonce is spent although no version has a receipt."""
        asked: list[tuple[str, list[Any]]] = [("eth_getTransactionReceipt", [to_hex(one.hash)]) for one in self._sent]
        asked += [("eth_getTransactionCount", [to_hex(self._sent[0].sender), "latest"]), ("eth_blockNumber", [])]
        *receipts, count, head = self._endpoint.batch(asked)
        receipt = next((item for item in receipts if item and member(item, "blockNumber")), None)
        if receipt is None:
            return None, quantity(count) > self._sent[0].nonce
        depth = self._patience.confirmations
        if quantity(head) - quantity(receipt["blockNumber"]) < depth:
            return None, False
        if depth:
            block = self._endpoint.call("eth_getBlockByNumber", receipt["blockNumber"], False)
            if not block or member(block, "hash") != member(receipt, "blockHash"):
                return None, False
        return receipt, False

    def _judge(self) -> None:
        if self._spent >= SPENT_LOOKS:
            raise TransactionError(
                "Another transaction with the same nonce was mined instead.",
                code="NonceSpent",
                hint="Look at the chain's state, then prepare it again if it is still wanted.",
                transaction=to_hex(self._sent[0].hash),
            )
        if self._clock() - self._began > self._patience.give_up_after:
            raise TransactionError(
                f"The transaction was not mined within {self._patience.give_up_after:g} s.",
                code="Stuck",
                hint="Its bytes stay valid: broadcast them again later, or price it up.",
                transaction=to_hex(self._sent[-1].hash),
            )

    def _push(self) -> None:
        """Offer it again when it is time to; what the pool says to that, the next look will tell."""
        now = self._clock()
        if now - self._offered <= self._patience.resend_after:
            return
        self._offered = now
        try:
            if self._dearer is not None and now - self._priced > self._patience.reprice_after:
                self._priced = now
                self._sent.append(self._dearer(self._sent[-1]))
            self._offer(self._sent[-1])
        except (EndpointError, TransactionError):
            return
