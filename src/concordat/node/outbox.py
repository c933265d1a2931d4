"""Messages that leave a node at most once, whatever happens to the process.

The signed bytes are in the journal before they are on the wire. After a crash the same bytes go out again: a chain
takes them once. Only when their nonce was spent by something else are they signed anew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from concordat.primitives.errors import ProtocolError, TransactionError
from concordat.primitives.units import Address
from concordat.protocol.ledger import Ledger, Receipt
from concordat.protocol.messages import Message
from concordat.storage.journal import Journal

__all__ = ["Outbox", "TransactionLedger"]


class Signed(Protocol):
    """A signed transaction."""

    @property
    def raw(self) -> bytes:
        """The bytes to broadcast."""
        ...

    @property
    def hash(self) -> bytes:
        """Their hash."""
        ...


@runtime_checkable
class TransactionLedger(Protocol):
    """A ledger whose messages are transactions that can be signed first and sent later."""

    def prepare(self, message: Message, *, sender: Address) -> Signed:
        """Check by simulation, price, number and sign."""
        ...

    def deliver(self, raw: bytes, hash: bytes) -> Receipt:
        """Broadcast (again, if need be) and wait; refusals raise as `Ledger.send` does."""
        ...


class Outbox:
    """Sends one account's messages.

    Parameters
    ----------
    ledger : Ledger
        Where to.
    journal : Journal
        What was sent is kept there.
    sender : Address
        Whose messages.
    on_send : callable, optional
        Called with a name before and after each send; fault tests kill the process there.
    """

    def __init__(
        self, ledger: Ledger, journal: Journal, sender: Address, *, on_send: Callable[[str], None] | None = None
    ) -> None:
        self._ledger = ledger
        self._journal = journal
        self._on_send = on_send or (lambda _: None)
        self.sender = sender

    def done(self, key: str) -> bool:
        """Whether the intent of that key has been carried out or has failed for good."""
        intent = self._journal.intent(key)
        return intent is not None and intent.status != "planned"

    def send(self, key: str, message: Message) -> Receipt | None:
        """Carry out a message once.

        Returns
        -------
        Receipt or None
            ``None`` if it was carried out before.

        Raises
        ------
        ProtocolError
            If the ledger refuses it; the intent is then marked failed and not tried again under this key.
        """
        intent = self._journal.intent(key)
        if intent is not None and intent.status != "planned":
            return None
        try:
            receipt = self._carry_out(key, message, (intent.raw, intent.hash) if intent else (None, None))
        except ProtocolError as error:
            self._journal.set_intent(key, "failed", code=error.code, message=error.message)
            raise
        self._journal.set_intent(key, "done", block=receipt.block, gas=receipt.gas_used, name=type(message).__name__)
        return receipt

    def _carry_out(self, key: str, message: Message, planned: tuple[bytes | None, bytes | None]) -> Receipt:
        if not isinstance(self._ledger, TransactionLedger):
            self._journal.set_intent(key, "planned")
            return self._ledger.send(message, sender=self.sender)
        raw, digest = planned
        if raw is None or digest is None:
            raw, digest = self._sign(key, message)
        try:
            return self._deliver(key, raw, digest)
        except TransactionError as error:
            if error.code != "NonceSpent":
                raise
            raw, digest = self._sign(key, message)
            return self._deliver(key, raw, digest)

    def _sign(self, key: str, message: Message) -> tuple[bytes, bytes]:
        assert isinstance(self._ledger, TransactionLedger)
        signed = self._ledger.prepare(message, sender=self.sender)
        self._journal.set_intent(key, "planned", raw=signed.raw, hash=signed.hash, name=type(message).__name__)
        return signed.raw, signed.hash

    def _deliver(self, key: str, raw: bytes, digest: bytes) -> Receipt:
        assert isinstance(self._ledger, TransactionLedger)
        self._on_send(f"before send {key}")
        receipt = self._ledger.deliver(raw, digest)
        self._on_send(f"after send {key}")
        return receipt
