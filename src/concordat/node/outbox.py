"""Messages that leave a node at most once, whatever happens to the process.

The signed bytes are in the journal before they are on the wire. After a crash the same bytes go out again: a chain
takes them once. Only when they can never be mined are they signed anew: their number was spent by something else, or a
number before theirs is free because a re-organisation threw out more than one transaction.

A node sends only what the ledger's state or events still call for; so what was sent just before a crash is recognised
by what it did, and never repeated.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Protocol, runtime_checkable

from concordat.primitives.encoding import to_hex
from concordat.primitives.errors import ProtocolError, TransactionError
from concordat.primitives.units import Address
from concordat.protocol.ledger import Ledger, Receipt
from concordat.protocol.messages import Message
from concordat.storage.journal import Intent, Journal

__all__ = ["Outbox", "Signed", "TransactionLedger"]

_log = logging.getLogger("concordat.node")
_ORDER = re.compile("0x[0-9a-f]{64}")
ATTEMPTS = 4
"""How often a message is signed anew in one go; another process with the same key may be as quick each time."""


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

    def deliver(self, raw: bytes, hash: bytes, *, on_reprice: Callable[[Signed], None] | None = None) -> Receipt:
        """Broadcast (again, if need be) and wait; refusals raise as `Ledger.send` does."""
        ...

    def stranded(self, raw: bytes) -> bool:
        """Whether a number before theirs is free, so that these bytes cannot be mined as things stand."""
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
        """Whether the intent of that key has been carried out."""
        intent = self._journal.intent(key)
        return intent is not None and intent.status == "done"

    def send(self, key: str, message: Message, *, again: bool = False) -> Receipt | None:
        """Carry out a message once.

        Parameters
        ----------
        key : str
            What it is for.
        message : Message
            What to send; a message that was signed under this key before goes out as it was signed.
        again : bool
            The ledger shows that it has been undone although it was carried out.

        Returns
        -------
        Receipt or None
            ``None`` if it was carried out before.

        Raises
        ------
        ProtocolError
            If the ledger refuses it; the intent is then marked failed, and a later call begins anew.
        ChainError
            If it is not known whether it will be in; a later call goes on with the same bytes.
        """
        intent = self._journal.intent(key)
        if intent is not None and intent.status == "done" and not again:
            return None
        try:
            receipt = self._carry_out(key, message, intent)
        except ProtocolError as error:
            self._journal.set_intent(key, "failed", code=error.code, message=error.message)
            _tell(logging.INFO, "refused", key, message, code=error.code)
            raise
        except TransactionError as error:
            if error.code == "Reverted":
                self._journal.set_intent(key, "failed", code=error.code, message=error.message)
            raise
        self._journal.set_intent(key, "done", block=receipt.block, gas=receipt.gas_used, name=type(message).__name__)
        sent = {"tx": to_hex(receipt.transaction), "block": receipt.block, "gas": receipt.gas_used}
        _tell(logging.INFO, "sent", key, message, **sent)
        return receipt

    def settle(self, about: str) -> None:
        """The ledger shows that what was planned about an order has come about, or is past."""
        for intent in self._journal.intents("planned"):
            if about in intent.key:
                self._journal.set_intent(intent.key, "done", seen=True)

    def _carry_out(self, key: str, message: Message, intent: Intent | None) -> Receipt:
        ledger = self._ledger
        if not isinstance(ledger, TransactionLedger):
            self._journal.set_intent(key, "planned")
            return self._hooked(key, lambda: ledger.send(message, sender=self.sender))
        if intent is not None and intent.status != "failed" and intent.raw is not None and intent.hash is not None:
            raw, digest = intent.raw, intent.hash
            if ledger.stranded(raw):
                raw, digest = self._sign(ledger, key, message)
        else:
            raw, digest = self._sign(ledger, key, message)
        for _ in range(ATTEMPTS):
            try:
                return self._deliver(ledger, key, raw, digest)
            except TransactionError as error:
                if error.code != "NonceSpent":
                    raise
                spent = error
            raw, digest = self._sign(ledger, key, message)
        raise spent

    def _sign(self, ledger: TransactionLedger, key: str, message: Message) -> tuple[bytes, bytes]:
        signed = ledger.prepare(message, sender=self.sender)
        self._plan(key, signed)
        return signed.raw, signed.hash

    def _plan(self, key: str, signed: Signed) -> None:
        self._journal.set_intent(key, "planned", raw=signed.raw, hash=signed.hash)

    def _deliver(self, ledger: TransactionLedger, key: str, raw: bytes, digest: bytes) -> Receipt:
        return self._hooked(key, lambda: ledger.deliver(raw, digest, on_reprice=lambda signed: self._plan(key, signed)))

    def _hooked(self, key: str, act: Callable[[], Receipt]) -> Receipt:
        self._on_send(f"before send {key}")
        receipt = act()
        self._on_send(f"after send {key}")
        return receipt


def _tell(level: int, event: str, key: str, message: Message, **fields: object) -> None:
    """Log what became of a message; of its contents only its kind and the order it is about."""
    order = _ORDER.search(key)
    told = {"action": type(message).__name__, **({"order": order.group()} if order else {}), **fields}
    _log.log(
        level,
        "%s %s",
        event,
        " ".join(f"{name}={value}" for name, value in told.items()),
        extra={"event": event, "fields": told},
    )
