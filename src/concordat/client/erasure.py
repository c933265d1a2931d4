"""Erasing a person: the key first, then everything that only that key could have opened.

Steps, each of which can be taken again:

1. write down which orders are concerned, with the client's signature for each (the *intent*);
2. destroy the subject's key: from here on nothing that was kept about him can be read;
3. ask the log's keeper to destroy the salts and to log a tombstone, and each provider to forget the sealed input;
4. forget in the client's own journal what belonged to the subject;
5. delete the intent and scrub the journal, so that no page of it and no byte of its write-ahead log is left.

A client that is killed in between goes on when it is opened again. Providers that could not be reached are asked again
then; all that is kept for that is order, provider and signature, which say nothing about anybody.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from concordat.client.home import Home
from concordat.client.keyring import Keyring
from concordat.client.private import Erasure
from concordat.client.providers import ProviderLink
from concordat.client.public import PublicData
from concordat.primitives.encoding import from_hex, to_hex
from concordat.primitives.errors import ConcordatError, NotFoundError, OrderError
from concordat.primitives.units import Address, OrderId
from concordat.primitives.wire import from_wire
from concordat.protocol.ledger import Ledger
from concordat.protocol.order import Order, OrderStatus, order_id
from concordat.protocol.tombstone import erase_digest
from concordat.storage.journal import Journal
from concordat.storage.spool import Spool
from concordat.storage.subjects import SubjectKeys, load_owner_key

__all__ = ["Erased", "Erasures", "erasure_requests", "open_subjects"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What came of an erasure."""

    orders: tuple[OrderId, ...]
    """Orders whose private data are gone here; the log's keeper has been asked for their tombstones."""
    unreached: tuple[Address, ...]
    """Providers that did not confirm; they are asked again when the client is next opened."""


def open_subjects(home: Home) -> SubjectKeys:
    """Keys of the people that private orders are about."""
    owner = Path(home.data_key) if home.data_key else home.keys / "owner.key"
    return SubjectKeys(home.keys / "subjects", load_owner_key(owner))


def erasure_requests(home: Home) -> Spool:
    """Where clients ask the log's keeper for erasure."""
    return Spool(home.path / "erasures")


class Erasures:
    """Erases subjects of one client.

    Parameters
    ----------
    ledger, journal, subjects, public, keyring : Ledger, Journal, SubjectKeys, PublicData, Keyring
        The client's.
    requests : Spool
        Where the log's keeper looks for requests.
    providers : callable
        Who may hold sealed inputs.
    earlier : sequence of Ledger
        Earlier versions of the market, where orders of the same journal may have been placed.
    """

    def __init__(
        self,
        ledger: Ledger,
        journal: Journal,
        subjects: SubjectKeys,
        public: PublicData,
        keyring: Keyring,
        requests: Spool,
        *,
        providers: Callable[[], Sequence[ProviderLink]],
        earlier: Sequence[Ledger] = (),
    ) -> None:
        self._ledgers, self._journal, self.subjects = (ledger, *earlier), journal, subjects
        self._public, self._keyring, self._requests = public, keyring, requests
        self._providers = providers

    def erase(self, subject: str) -> Erased:
        """Erase everything private about a subject.

        Raises
        ------
        NotFoundError
            ``UnknownSubject`` if nothing is kept about him here.
        OrderError
            ``StillOpen`` if an order about him is not settled yet: its answer could no longer be read or contested.
        """
        handle = self.subjects.handle(subject)
        held = [(key, body) for key, _, body in self._journal.items("order") if body.get("handle") == handle]
        if not held and not self.subjects.has(handle):
            raise NotFoundError("Nothing is kept about that subject here.", code="UnknownSubject")
        orders = [self._signed(key, body) for key, body in held]
        name = secrets.token_hex(16)
        # 1
        self._journal.set_item("erasure", name, "begun", {"handle": handle, "orders": orders})
        return self._carry_out(name, handle, orders)

    def resume(self) -> None:
        """Go on with erasures that were cut off, and ask providers again that could not be reached."""
        for name, stage, body in self._journal.items("erasure"):
            if stage == "begun":
                self._carry_out(name, body["handle"], body["orders"])
            else:
                self._ask_providers(name, body["orders"])

    def _signed(self, key: str, body: dict[str, Any]) -> dict[str, str]:
        order, terms = OrderId(from_hex(key, length=32)), from_wire(Order, body["order"])
        ledger = next((one for one in self._ledgers if order_id(terms, one.domain) == order), self._ledgers[0])
        if ledger.state(order).status in (OrderStatus.FUNDED, OrderStatus.DELIVERED):
            raise OrderError(
                f"Order {key[:10]}… about that subject is still open.",
                code="StillOpen",
                hint="Wait until it is settled, release it, or cancel it with the provider; then erase.",
            )
        signature = self._keyring.signer(body["client"]).sign(erase_digest(order, ledger.domain))
        return {"order": key, "signature": to_hex(signature), "provider": to_hex(terms.provider)}

    def _carry_out(self, name: str, handle: str, orders: list[dict[str, str]]) -> Erased:
        # 2
        self.subjects.erase(handle)
        # 3
        for entry in orders:
            request = {"order": entry["order"], "signature": entry["signature"]}
            self._requests.ask(request, name=entry["order"].removeprefix("0x"))
            self._public.forget(from_hex(entry["order"]))
        # 4
        with self._journal.write("forget a subject"):
            for entry in orders:
                self._forget(entry["order"])
            self._journal.set_item("erasure", name, "asking", {"orders": orders})
        # 5
        self._journal.scrub()
        return Erased(
            orders=tuple(OrderId(from_hex(entry["order"], length=32)) for entry in orders),
            unreached=self._ask_providers(name, orders),
        )

    def _forget(self, key: str) -> None:
        item = self._journal.item("order", key)
        if item is not None:
            kept = {field: item[1][field] for field in ("block", "client", "order", "funding")}
            self._journal.set_item("order", key, "erased", kept)

    def _ask_providers(self, name: str, orders: list[dict[str, str]]) -> tuple[Address, ...]:
        links = {link.address: link for link in self._providers()}
        left = [entry for entry in orders if not self._asked(links, entry)]
        if left:
            self._journal.set_item("erasure", name, "asking", {"orders": left})
        else:
            self._journal.drop_item("erasure", name)
        self._journal.scrub()
        return tuple({Address(from_hex(entry["provider"], length=20)) for entry in left})

    @staticmethod
    def _asked(links: dict[Address, ProviderLink], entry: dict[str, str]) -> bool:
        """Whether a provider has nothing left of an order."""
        link = links.get(Address(from_hex(entry["provider"], length=20)))
        if link is None:
            return False
        order, signature = OrderId(from_hex(entry["order"], length=32)), from_hex(entry["signature"])
        try:
            link.erase(Erasure(order=order, signature=signature))
        except NotFoundError:
            return True  # it never had anything
        except ConcordatError:
            return False
        return True
