"""Erasing on the log's side: a client asks, the salts go, and a tombstone says so.

A request names an order and carries its client's signature; whoever else asks is not heard. Each step can be taken
again, and the request goes last: a recorder that is killed in between goes on where it was.
"""

from __future__ import annotations

import logging
from typing import Any

from concordat.client.public import PublicData
from concordat.primitives.encoding import from_hex, to_hex
from concordat.primitives.errors import InputError, VerificationError
from concordat.primitives.signatures import recover
from concordat.primitives.units import OrderId
from concordat.primitives.wire import from_wire
from concordat.protocol.ledger import Ledger
from concordat.protocol.order import Order, OrderStatus
from concordat.protocol.tombstone import Tombstone, erase_digest
from concordat.storage.journal import Journal
from concordat.storage.log import TransparencyLog
from concordat.storage.spool import Spool

__all__ = ["Gravedigger"]

_log = logging.getLogger("concordat.node")


class Gravedigger:
    """Serves requests for erasure; the recorder steps it.

    Parameters
    ----------
    ledger, journal, public, log : Ledger, Journal, PublicData, TransparencyLog
        The recorder's.
    requests : Spool
        Where clients leave them.
    """

    def __init__(
        self, ledger: Ledger, journal: Journal, public: PublicData, log: TransparencyLog, requests: Spool
    ) -> None:
        self._ledger, self._journal, self._public = ledger, journal, public
        self._log, self._requests = log, requests

    def step(self) -> int:
        """Serve what waits; returns how many requests were."""
        ready: list[tuple[str, OrderId]] = []
        for name, request in self._requests.waiting():
            try:
                order, signature = _parsed(request)
            except InputError:
                self._throw_away(name)
                continue
            client = self._client(order)
            if client is None:
                continue  # not heard of yet
            if not _signed_by(client, erase_digest(order, self._ledger.domain), signature):
                self._throw_away(name)
            elif self._is_ready(order):
                ready.append((name, order))
        if ready:
            self._bury([order for _, order in ready])
            for name, _ in ready:
                self._requests.done(name)
        return len(ready)

    def _throw_away(self, name: str) -> None:
        _log.warning("erasure: a request that is no client's was thrown away")
        self._requests.done(name)

    def _client(self, order: OrderId) -> bytes | None:
        item = self._journal.item("decision", to_hex(order))
        if item is None:
            return None
        body = item[1]
        if "client" in body:
            return from_hex(body["client"])
        return from_wire(Order, body["order"]).client if "order" in body else None

    def _is_ready(self, order: OrderId) -> bool:
        """Recorded, or ended without a record; what is still to be recorded needs its salts once more."""
        item = self._journal.item("decision", to_hex(order))
        assert item is not None, "checked before"
        status = self._ledger.state(order).status
        ended = status.terminal and status is not OrderStatus.PAID
        return item[0] in ("recorded", "erased") or ended

    def _bury(self, orders: list[OrderId]) -> None:
        domain, now = self._ledger.domain, self._ledger.now()
        entries = [entry for entry in map(self._log.find, orders) if entry is not None]
        self._log.bury(
            [
                Tombstone(
                    chain_id=domain.chain_id,
                    market=domain.market,
                    order_id=entry.record.order_id,
                    index=entry.index,
                    time=now,
                )
                for entry in entries
            ]
        )
        for order in orders:
            self._public.forget(order)
            client = self._client(order)
            assert client is not None, "checked before"
            self._journal.set_item("decision", to_hex(order), "erased", {"client": to_hex(client)})
        self._journal.scrub()


def _parsed(request: dict[str, Any] | None) -> tuple[OrderId, bytes]:
    try:
        body = request or {}
        return OrderId(from_hex(body["order"], length=32)), from_hex(body["signature"])
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError("This is no request for erasure.", code="BadWire") from error


def _signed_by(client: bytes, digest: bytes, signature: bytes) -> bool:
    try:
        return recover(digest, signature) == client
    except VerificationError:
        return False
