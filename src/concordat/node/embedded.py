"""A whole market in one process: ``concordat.open("memory://")`` and ``concordat.open("anvil://")``.

Provider, challenger, keeper and recorder take their steps whenever the user waits for something. On a chain of one's
own the clock moves on when there is nothing left to do, so that waiting for a window takes no time.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from concordat.client.effect_ledger import EffectLedger
from concordat.client.erasure import Erasures, erasure_requests, open_subjects
from concordat.client.home import Home
from concordat.client.keyring import Keyring
from concordat.client.network import Network
from concordat.client.offer import Offer
from concordat.client.orders import Orders
from concordat.client.private import Erasure, PrivateOffer, SealingKey
from concordat.client.providers import ProviderLink, Quote
from concordat.client.public import PublicData
from concordat.client.records import Records
from concordat.client.registry import ArtifactLedger, Registry
from concordat.client.search import open_search
from concordat.client.secret import secrets_of
from concordat.client.steward_book import StewardBook
from concordat.node.accuser import Accuser
from concordat.node.challenger import Challenger
from concordat.node.keeper import Keeper
from concordat.node.log_keys import signers_of_seeds
from concordat.node.operations.restored import check_newest
from concordat.node.outbox import Outbox
from concordat.node.provider import Provider, Terms
from concordat.node.proving import Shelf
from concordat.node.quotes import QuoteDesk
from concordat.node.recorder import Recorder
from concordat.node.replica import Replica
from concordat.node.seals import SealKeys, seal_file
from concordat.node.upgrade import StakeMover, journal_name, open_orders, provider_is_idle
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Address, Amount, ModelId, OrderId, Seconds, usd
from concordat.protocol.ledger import Ledger
from concordat.protocol.quote import QuoteRequest, SignedQuote
from concordat.protocol.verification import AnchoredRoot
from concordat.storage.content import ContentStore
from concordat.storage.journal import Journal
from concordat.storage.log import TransparencyLog

__all__ = ["Backend", "EmbeddedMarket", "EmbeddedProvider"]

"""Origin of the log of an embedded market."""
STAKE = usd("500")
"""What embedded providers and challengers put into the vault."""
IDLE_SECONDS = Seconds(60)
"""How far the clock of a chain of one's own moves when nobody has anything to do."""
TICKETS = 10
"""Tickets of an embedded replica."""


class Backend(Protocol):
    """A chain of one's own, in memory or embedded."""

    @property
    def ledger(self) -> Ledger:
        """Where orders live."""
        ...

    @property
    def artifacts(self) -> ArtifactLedger:
        """Where artifacts are registered."""
        ...

    @property
    def effects(self) -> EffectLedger:
        """Where stewards live."""
        ...

    def fund(self, account: Address, tokens: Amount) -> None:
        """Give an account settlement tokens, and what it needs for transactions."""
        ...

    def stake(self, account: Address, amount: Amount) -> None:
        """Move an account's tokens into the vault."""
        ...

    def advance(self, seconds: Seconds) -> None:
        """Let time pass."""
        ...

    def anchor(self, size: int, root: bytes) -> None:
        """Post the log's checkpoint."""
        ...

    def anchors(self) -> list[AnchoredRoot]:
        """Checkpoints posted so far."""
        ...

    @property
    def checkpoints(self) -> Address | None:
        """Contract in which checkpoints are posted."""
        ...

    def close(self) -> None:
        """End it."""
        ...


@dataclass(frozen=True, slots=True)
class EmbeddedProvider:
    """A provider of this process as a client reaches it."""

    provider: Provider
    """The node."""

    @property
    def address(self) -> Address:
        """Its account."""
        return self.provider.address

    def quote(self, model: ModelId) -> Quote:
        """What it asks for one decision."""
        return self.provider.quote(model)

    def offer(self, offer: Offer) -> OrderId:
        """Hand over a signed order."""
        return self.provider.offer(offer)

    def disclose(self, offer: Offer) -> None:
        """Let watchers find the input of an order that somebody else works on."""
        self.provider.keep_input(offer)

    def sign_quote(self, request: QuoteRequest) -> SignedQuote:
        """What it promises."""
        return self.provider.sign_quote(request)

    def quoted_offer(self, offer: Offer, quote: SignedQuote) -> OrderId:
        """Hand over a signed order under its quote."""
        return self.provider.quoted_offer(offer, quote)

    def sealing_key(self) -> SealingKey:
        """The key to seal private offers to."""
        return self.provider.sealing_key()

    def private_offer(self, offer: PrivateOffer) -> OrderId:
        """Hand over a sealed offer."""
        return self.provider.private_offer(offer)

    def erase(self, request: Erasure) -> None:
        """Have what was sealed for an order forgotten."""
        self.provider.erase(request.order, request.signature)


class EmbeddedMarket:
    """Nodes and client of one market in one process.

    Parameters
    ----------
    backend : Backend
        The chain.
    home : Home, optional
        Where journals, log and public data are kept; a temporary folder otherwise.
    content : ContentStore
        Public data.
    earlier : EmbeddedMarket, optional
        The version before this one, whose open orders end while new ones are placed here; it shares home and log, and
        is closed with this one.
    version : int
        Which version this is; every version has journals of its own.
    """

    def __init__(
        self,
        backend: Backend,
        content: ContentStore,
        keyring: Keyring,
        *,
        home: Home | None = None,
        earlier: EmbeddedMarket | None = None,
        version: int = 1,
    ) -> None:
        self.earlier, self.version = earlier, version
        alone = home is None and earlier is None
        self._folder = tempfile.TemporaryDirectory(prefix="concordat-") if alone else None
        own = home or Home(Path(self._folder.name if self._folder else ""))
        self.home: Home = earlier.home if earlier is not None else own
        self.backend = backend
        self.keyring = keyring
        self.content = content
        self.public = PublicData(content)
        self._movers: list[StakeMover] = []
        self.challengers: list[Challenger] = []
        self.replicas: list[Replica] = []
        self.accusers: list[Accuser] = []
        self._providers: list[EmbeddedProvider] = []
        self._journals: list[Journal] = []
        self.log: TransparencyLog = earlier.log if earlier is not None else self._open_log()
        self.keeper = Keeper(backend.ledger, *self._tools("keeper"))
        self.recorder = Recorder(
            backend.ledger,
            self._journal("recorder"),
            self.public,
            self.log,
            anchor=backend.anchor,
            requests=erasure_requests(self.home),
        )
        self.client_journal: Journal = earlier.client_journal if earlier is not None else self._journal("client")
        self.network = self._network()

    def _open_log(self) -> TransparencyLog:
        signers = signers_of_seeds(keccak256(b"concordat embedded log key"), keccak256(b"embedded log key, lattice"))
        log = TransparencyLog(self.home.open_log(exclusive=True), signers)
        check_newest(log, self.backend.anchors())
        return log

    def add_provider(
        self, name: str, terms: Terms, *, kind: Callable[..., Provider] = Provider, stake: Amount = STAKE
    ) -> Provider:
        """Start one more provider in this process."""
        journal, outbox = self._tools(name)
        self.backend.stake(outbox.sender, stake)
        signer, ledger = self.keyring.signer(name), self.backend.ledger
        seals = SealKeys(seal_file(self.home, name), signer.address, signer.sign, ledger.domain)
        native = self.backend.artifacts.has_native
        desk = QuoteDesk(ledger, journal, signer.address, signer.sign, terms)
        hurry = partial(self.backend.advance, Seconds(0))
        provider = kind(
            ledger,
            journal,
            self.public,
            outbox,
            terms,
            native=native,
            seals=seals,
            desk=desk,
            shelf=Shelf(secrets_of(self.home.path)),
            hurry=hurry,
        )
        self._providers.append(EmbeddedProvider(provider))
        if self.earlier is not None:
            old = self.earlier.provider(provider.address) or self.earlier.add_provider(name, terms, stake=Amount(0))
            provider.before = old
            self._move_stake(old.journal, provider.address, lambda: provider_is_idle(old.journal))
        return provider

    def provider(self, address: Address) -> Provider | None:
        """The provider of that account, if it runs here."""
        return next((link.provider for link in self._providers if link.address == address), None)

    def add_challenger(
        self, name: str, *, kind: Callable[..., Challenger] = Challenger, stake: Amount = STAKE
    ) -> Challenger:
        """Start one more challenger in this process."""
        journal, outbox = self._tools(name)
        self.backend.stake(outbox.sender, stake)
        challenger = kind(self.backend.ledger, journal, self.public, outbox)
        self.challengers.append(challenger)
        if self.earlier is not None:
            before, account = self.earlier, outbox.sender
            old = next((node for node in before.challengers if node.outbox.sender == account), None)
            old = old or before.add_challenger(name, stake=Amount(0))
            self._move_stake(old.journal, account, lambda: not open_orders(before.backend.ledger))
        return challenger

    def _move_stake(self, journal: Journal, account: Address, idle: Callable[[], bool]) -> None:
        assert self.earlier is not None, "stake moves from an earlier version"
        self._movers.append(StakeMover(self.earlier.backend.ledger, self.backend.ledger, journal, account, idle))

    def add_replica(self, name: str, *, kind: Callable[..., Replica] = Replica, tickets: int = TICKETS) -> Replica:
        """Start one more replica in this process, with what it needs where it disagrees."""
        journal, outbox = self._tools(name)
        self.backend.stake(outbox.sender, STAKE)
        replica = kind(self.backend.ledger, journal, self.public, outbox)
        replica.join(tickets)
        self.replicas.append(replica)
        self.challengers.append(Challenger(self.backend.ledger, journal, self.public, outbox))
        self.accusers.append(Accuser(self.backend.ledger, journal, self.public, outbox))
        return replica

    def step(self) -> int:
        """Let every node take one step; returns how many things were done."""
        done = sum(link.provider.step() for link in self._providers)
        done += sum(replica.step() for replica in self.replicas)
        done += sum(challenger.step() for challenger in self.challengers)
        done += sum(accuser.step() for accuser in self.accusers)
        done += sum(mover.step() for mover in self._movers)
        done += self.keeper.step() + self.recorder.step()
        return done + (self.earlier.step() if self.earlier is not None else 0)

    def settle(self, rounds: int = 200) -> None:
        """Let the nodes work until nobody has anything left to do."""
        for _ in range(rounds):
            if not self.step():
                return

    def pump(self) -> None:
        """Let the nodes work; if there is nothing to do, let time pass."""
        if not self.step():
            self.backend.advance(IDLE_SECONDS)

    def close(self) -> None:
        """End nodes and chain, those of earlier versions too."""
        self.log.close()
        for journal in self._journals:
            journal.close()
        if self.earlier is not None:
            self.earlier.close()
        self.backend.close()
        if self._folder is not None:
            self._folder.cleanup()

    def _journal(self, name: str) -> Journal:
        journal = self.home.open_journal(journal_name(name, self.version))
        self._journals.append(journal)
        return journal

    def _tools(self, name: str) -> tuple[Journal, Outbox]:
        journal = self._journal(name)
        return journal, Outbox(self.backend.ledger, journal, self.keyring.signer(name).address)

    def _links(self) -> list[ProviderLink]:
        return list(self._providers)

    def _network(self) -> Network:
        ledger = self.backend.ledger
        registry = Registry(self.backend.artifacts, self.public, self.keyring, secrets=secrets_of(self.home.path))
        before = self.earlier.network.orders.versions if self.earlier is not None else ()
        journal, subjects = self.client_journal, open_subjects(self.home)
        requests, links = erasure_requests(self.home), self._links
        olds = [orders.ledger for orders in before]
        erasures = Erasures(
            ledger, journal, subjects, self.public, self.keyring, requests, providers=links, earlier=olds
        )
        records = Records(
            ledger,
            self.public,
            lambda: self.log,
            anchors=self.backend.anchors,
            checkpoints=self.backend.checkpoints,
            erasures=erasures,
            earlier=[orders.records for orders in before],
        )
        orders = Orders(
            ledger,
            registry,
            self.public,
            self.keyring,
            journal,
            records,
            providers=self._links,
            pump=self.pump,
            index=open_search(ledger, self.home),
            subjects=subjects,
            earlier=before,
        )
        for orders_before in before:
            orders_before.pump = self.pump
        erasures.resume()
        return Network(
            ledger=ledger,
            registry=registry,
            orders=orders,
            records=records,
            keyring=self.keyring,
            public=self.public,
            providers=self._links,
            effects=self.backend.effects,
            book=StewardBook(self.home.path),
            on_close=self.close,
        )
