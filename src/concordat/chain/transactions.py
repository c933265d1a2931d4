"""Transactions: built, signed, priced, numbered, sent, priced again, waited for.

A transaction's life has three steps, so that a node can write the signed bytes down before they leave it:
``prepare`` gives a `SignedTransaction`, ``broadcast`` offers it (any number of times: the same bytes are the same
transaction), ``wait`` gives its receipt. ``send`` does all three, and again with another number if another process that
uses the same key was quicker.

Nonces. Within a process they are handed out one by one under a lock. Between processes the chain is the judge: every
preparation looks at the pending count, and a number that somebody else used (``NonceSpent``) is replaced by the next.

Blobs travel as a `Sidecar`; the bytes that are kept and sent again have them in them.

Errors (`TransactionError`): ``NonceSpent`` (another transaction of the account has this nonce), ``Underpriced``,
``Unfunded``, ``Refused`` (by the endpoint's pool), ``FeeTooHigh``, ``Stuck`` (not mined in time).
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from threading import Event
from typing import Any

from concordat.chain.accounts import Relayed, Signer, payer
from concordat.chain.answers import Refusal, quantity
from concordat.chain.envelope import Call, Fees, SignedTransaction, call_of, sign_call
from concordat.chain.nonces import NonceBook
from concordat.chain.pool import HISTORY, already_there, dearer, fees_now, not_yet, refused_by_pool, within
from concordat.chain.rpc import Endpoint
from concordat.chain.sidecars import Sidecar
from concordat.chain.waiting import Patience, Waiter
from concordat.primitives.encoding import to_hex
from concordat.primitives.errors import EndpointError, TransactionError
from concordat.primitives.units import Address

__all__ = ["TransactionSender", "request_for"]

SEND_ATTEMPTS = 8
"""How often `send` takes another nonce before it gives up."""
OFFER_ATTEMPTS = 4
"""How often the same bytes are offered to an endpoint that does not answer."""
_MARKS = 1 << 14
"""Each sender adds a number of its own below this to gas limits (unused gas is not paid): two processes that use one
key and mean to do the same thing twice would otherwise sign the very same bytes, which a chain takes once.
"""
_TRY_AGAIN = ("NonceSpent", "Underpriced")


class TransactionSender:
    """Sends transactions of any number of accounts through one endpoint; safe to share between threads.

    Parameters
    ----------
    endpoint : Endpoint
        The chain.
    patience : Patience
        Default for every wait.
    gas_margin : int
        Per cent added to the estimate.
    fee_ceiling : int, optional
        Most wei per gas that is ever offered.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        patience: Patience | None = None,
        gas_margin: int = 25,
        fee_ceiling: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._endpoint = endpoint
        self._patience = patience or Patience()
        self._margin, self._ceiling, self._clock = gas_margin, fee_ceiling, clock
        self._nonces = NonceBook()
        self._mark = secrets.randbelow(_MARKS)
        self._pause = Event()

    # -- prepare -----------------------------------------------------------------------------------------------------

    def prepare(
        self,
        signer: Signer,
        to: Address | None,
        data: bytes = b"",
        *,
        value: int = 0,
        gas: int | None = None,
        sidecar: Sidecar | None = None,
    ) -> SignedTransaction:
        """Signed transaction with a nonce of its own, not sent yet.

        Parameters
        ----------
        signer : Signer
            Who sends it; what a `Relayed` account does is brought by its relayer.
        to : Address or None
            Whom it calls; ``None`` creates a contract.
        data : bytes
            Call data or creation code.
        value : int
            Wei sent along.
        gas : int, optional
            Gas limit; otherwise the estimate on the pending block, plus the margin.
        sidecar : Sidecar, optional
            Blobs that travel with it.

        Raises
        ------
        Refusal
            If the estimate says that the call reverts; ``data`` holds the reason.
        EndpointError
            ``NoBlobs`` if there is a sidecar and the chain takes none.
        """
        if isinstance(signer, Relayed):
            signer, to, data = signer.through(to, data, value)
            value = 0
        sender, mark = signer.address, self._nonces.mark(signer.address)
        count, fees, limit = self._look(request_for(sender, to, data, value=value, sidecar=sidecar), gas)
        doubtful = self._nonces.missing(sender, count)
        lost = doubtful is not None and not self._known(doubtful)
        nonce = self._nonces.take(sender, count, mark=mark, lost=lost)
        call = Call(
            chain_id=self._endpoint.chain_id,
            nonce=nonce,
            fees=fees,
            gas=limit,
            to=to,
            value=value,
            data=data,
            sidecar=sidecar,
        )
        try:
            return sign_call(call, signer)
        except BaseException:
            self._nonces.give_back(sender, nonce)
            raise

    def give_back(self, signed: SignedTransaction) -> None:
        """A prepared transaction was not sent and will not be: its nonce goes to the next one."""
        self._nonces.give_back(signed.sender, signed.nonce)

    def _known(self, transaction: bytes) -> bool:
        return self._endpoint.call("eth_getTransactionByHash", to_hex(transaction)) is not None

    def _look(self, call: dict[str, Any], gas: int | None) -> tuple[int, Fees, int]:
        """Pending count, fees and gas limit, in one round trip."""
        asked: list[tuple[str, list[Any]]] = [
            ("eth_getTransactionCount", [call["from"], "pending"]),
            HISTORY,
        ]
        if gas is None:
            asked.append(("eth_estimateGas", [call, "pending"]))
        answers = self._endpoint.batch(asked, partial=True)
        for answer in answers[:2]:
            if isinstance(answer, Refusal):
                raise answer
        estimate = answers[2] if gas is None else None
        if isinstance(estimate, Refusal):
            if estimate.reverted:
                raise estimate
            estimate = self._endpoint.call("eth_estimateGas", call)  # some nodes do not estimate on "pending"
        limit = gas if gas is not None else quantity(estimate) * (100 + self._margin) // 100 + self._mark
        fees = fees_now(answers[1], blobs="blobVersionedHashes" in call)
        return quantity(answers[0]), within(self._ceiling, fees), limit

    # -- broadcast ---------------------------------------------------------------------------------------------------

    def broadcast(self, raw: bytes) -> None:
        """Hand signed bytes to the endpoint; again is as good as once.

        Raises
        ------
        TransactionError
            ``NonceSpent``, ``Underpriced``, ``Unfunded`` or ``Refused``: these bytes will not be mined as things stand.
        EndpointError
            If the endpoint cannot be reached after several attempts: unknown whether it has them.
        """
        signed = SignedTransaction.of(raw)
        try:
            self._offer(signed)
        except TransactionError as error:
            if error.code != "NonceSpent":
                self._nonces.give_back(signed.sender, signed.nonce)
                raise
            self._nonces.offered(signed.sender, signed.nonce, signed.hash)
            raise
        except EndpointError:
            self._nonces.offered(signed.sender, signed.nonce, signed.hash)
            raise
        self._nonces.offered(signed.sender, signed.nonce, signed.hash)

    def _offer(self, signed: SignedTransaction) -> None:
        for attempt in range(OFFER_ATTEMPTS):
            try:
                self._endpoint.call("eth_sendRawTransaction", to_hex(signed.raw))
                return
            except Refusal as refusal:
                self._judge(refusal, signed)
                return
            except EndpointError as error:
                if attempt + 1 == OFFER_ATTEMPTS or error.code == "WrongChain":
                    raise
                self._pause.wait(0.05 * 2**attempt)

    def _judge(self, refusal: Refusal, signed: SignedTransaction) -> None:
        """Return if the endpoint has these very bytes, or takes them later; raise what its refusal means otherwise."""
        if already_there(refusal) or not_yet(refusal):
            return
        error = refused_by_pool(refusal)
        if error.code != "NonceSpent" or not self._known(signed.hash):
            raise error from refusal

    # -- wait --------------------------------------------------------------------------------------------------------

    def wait(
        self,
        signed: SignedTransaction,
        *,
        signer: Signer | None = None,
        patience: Patience | None = None,
        on_reprice: Callable[[SignedTransaction], None] | None = None,
    ) -> dict[str, Any]:
        """Receipt of a broadcast transaction, once it lies deep enough.

        If a re-organisation throws it out, it is broadcast again. If it is not mined for long and the signer is here,
        it is priced up and sent again under the same nonce; whichever of them is mined counts.

        Parameters
        ----------
        on_reprice : callable, optional
            Gets each replacement before it is sent, to write it down.

        Raises
        ------
        TransactionError
            ``NonceSpent`` or ``Stuck``.
        EndpointError
            If the endpoint is out of reach for too long.
        """

        def dearer(last: SignedTransaction) -> SignedTransaction:
            assert signer is not None
            replacement = self.reprice(last, payer(signer))
            if on_reprice is not None:
                on_reprice(replacement)
            return replacement

        return Waiter(
            self._endpoint,
            signed,
            patience or self._patience,
            offer=self._offer,
            dearer=dearer if signer is not None else None,
            clock=self._clock,
        ).run()

    def reprice(self, signed: SignedTransaction, signer: Signer) -> SignedTransaction:
        """The same call under the same nonce, dearer by what pools ask for and no cheaper than today's price."""
        method, params = HISTORY
        call = call_of(signed.raw)
        today = fees_now(self._endpoint.call(method, *params), blobs=call.sidecar is not None)
        return sign_call(replace(call, fees=within(self._ceiling, dearer(call.fees, today))), signer)

    # -- all at once -------------------------------------------------------------------------------------------------

    def deliver(
        self,
        signed: SignedTransaction,
        *,
        signer: Signer | None = None,
        on_reprice: Callable[[SignedTransaction], None] | None = None,
    ) -> dict[str, Any]:
        """Broadcast prepared bytes, whatever became of them before, and wait.

        Bytes that were mined long ago give their receipt; bytes that are too cheap by now are priced up at once if the
        signer is here. Parameters and errors are those of :meth:`wait`.
        """
        try:
            self.broadcast(signed.raw)
        except TransactionError as error:
            if error.code != "Underpriced" or signer is None:
                raise
            signed = self.reprice(signed, payer(signer))
            if on_reprice is not None:
                on_reprice(signed)
            self.broadcast(signed.raw)
        return self.wait(signed, signer=signer, on_reprice=on_reprice)

    def send(
        self,
        signer: Signer,
        to: Address | None,
        data: bytes = b"",
        *,
        value: int = 0,
        gas: int | None = None,
        sidecar: Sidecar | None = None,
        patience: Patience | None = None,
    ) -> dict[str, Any]:
        """Prepare, broadcast and wait; with another nonce when somebody else took this one."""
        if isinstance(signer, Relayed):  # once: sent again, it is the same batch
            signer, to, data = signer.through(to, data, value)
            value = 0
        for attempt in range(SEND_ATTEMPTS):
            signed = self.prepare(signer, to, data, value=value, gas=gas, sidecar=sidecar)
            try:
                self.broadcast(signed.raw)
                return self.wait(signed, signer=signer, patience=patience)
            except TransactionError as error:
                if error.code not in _TRY_AGAIN or attempt + 1 == SEND_ATTEMPTS:
                    raise
            self._pause.wait(min(0.01 * 2**attempt, 0.5))
        raise AssertionError("the last attempt returns or raises")


def request_for(
    sender: Address, to: Address | None, data: bytes, *, value: int = 0, sidecar: Sidecar | None = None
) -> dict[str, Any]:
    """A call as endpoints simulate it."""
    call: dict[str, Any] = {"from": to_hex(sender), "data": to_hex(data), "value": hex(value)}
    if to is not None:
        call["to"] = to_hex(to)
    if sidecar is not None:
        call["blobVersionedHashes"] = [to_hex(name) for name in sidecar.versioned_hashes]
    return call
