"""One chain, one market, one home, and nodes on it that a test can start, copy, cut off and throw away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from concordat.chain.accounts import Account
from concordat.chain.anvil import AnvilNode
from concordat.chain.deploy import deploy
from concordat.chain.ledger import EvmLedger
from concordat.chain.rpc import Endpoint
from concordat.client.connect import evm_ledger
from concordat.client.evm import DevelopmentChain, EvmArtifacts
from concordat.client.home import Home
from concordat.client.keyring import development_account
from concordat.client.offer import Offer
from concordat.client.public import PublicData
from concordat.node.challenger import Challenger
from concordat.node.keeper import Keeper
from concordat.node.log_keys import LOG_ORIGIN
from concordat.node.outbox import Outbox
from concordat.node.process import Stepper
from concordat.node.provider import Provider, Terms
from concordat.node.recorder import Recorder
from concordat.primitives.errors import ChainError
from concordat.primitives.hashing import keccak256
from concordat.primitives.units import Amount, OrderId, usd
from concordat.protocol.checkpoint import NoteSigner
from concordat.protocol.ledger import Parameters
from concordat.protocol.order import OrderStatus, order_id
from concordat.storage.content import LocalContent
from concordat.storage.log import LogReader, TransparencyLog
from concordat.testing.offers import make_offer
from concordat.testing.small import small_model

__all__ = ["LOG_KEY", "STAKE", "TERMS", "Theatre", "work"]

TERMS = Terms(price=usd("0.05"), bond_limit=usd("1000"))
"""What providers work for here."""
STAKE = usd(10_000)
"""What everybody but the client has in the vault at the beginning."""
LOG_KEY = NoteSigner.from_seed(LOG_ORIGIN, keccak256(b"concordat embedded log key"))
"""Signs the log."""


class Theatre:
    """A market with the small model on a development chain.

    Parameters
    ----------
    node : AnvilNode
        Running.
    home : Home
        New.
    names : iterable of str
        Accounts that get tokens, and a stake unless it is the client.
    parameters : Parameters, optional
        Of the market.
    """

    def __init__(
        self,
        node: AnvilNode,
        home: Home,
        *,
        names: Iterable[str] = ("client", "provider", "challenger", "keeper"),
        parameters: Parameters | None = None,
    ) -> None:
        deploy(node.endpoint, node.development_accounts(1)[0], parameters=parameters).save(home.deployment)
        self.node, self.home = node, home
        self.ledger, keyring = evm_ledger(home, node.url)
        self.public = PublicData(LocalContent(home.public))
        self.model = small_model()
        self.public.put_model(self.model.commitment, self.model.graph, self.model.manifest.encode())
        chain = DevelopmentChain(node.endpoint, self.ledger.deployment, keyring)
        self._accounts: dict[str, Account] = {name: development_account(name) for name in names}
        for name, account in self._accounts.items():
            chain.welcome(account, Amount(10 * STAKE))
            self.ledger.add(account)
            if name != "client":
                chain.stake(account.address, STAKE)
        self._artifacts = EvmArtifacts(self.ledger, keyring)
        self._open: list[Callable[[], None]] = []
        self._salts = iter(range(10**6))

    # -- actors ------------------------------------------------------------------------------------------------------

    def through(self, url: str, *, timeout: float = 1.0) -> EvmLedger:
        """The ledger behind another endpoint, for :meth:`provider` and the others."""
        endpoint = Endpoint(url, timeout=timeout, pause=0.01)
        return EvmLedger(endpoint, self.ledger.deployment, self._accounts.values())

    def _tools(self, name: str, ledger: EvmLedger | None, on_point: Callable[[str], None] | None, copy: str) -> Any:
        ledger = ledger or self.through(self.node.url)
        journal = self.home.open_journal(f"{name}{copy}", on_write=on_point)
        self._open.append(journal.close)
        return ledger, journal, Outbox(ledger, journal, development_account(name).address, on_send=on_point)

    def provider(
        self,
        name: str = "provider",
        *,
        kind: Callable[..., Provider] = Provider,
        terms: Terms = TERMS,
        ledger: EvmLedger | None = None,
        on_point: Callable[[str], None] | None = None,
        copy: str = "",
    ) -> Provider:
        """A provider; another `copy` has a journal of its own."""
        ledger, journal, outbox = self._tools(name, ledger, on_point, copy)
        return kind(ledger, journal, self.public, outbox, terms, native=self._artifacts.has_native)

    def challenger(
        self,
        name: str = "challenger",
        *,
        kind: Callable[..., Challenger] = Challenger,
        ledger: EvmLedger | None = None,
        on_point: Callable[[str], None] | None = None,
        copy: str = "",
    ) -> Challenger:
        """A challenger."""
        ledger, journal, outbox = self._tools(name, ledger, on_point, copy)
        return kind(ledger, journal, self.public, outbox)

    def keeper(
        self,
        name: str = "keeper",
        *,
        ledger: EvmLedger | None = None,
        on_point: Callable[[str], None] | None = None,
        copy: str = "",
    ) -> Keeper:
        """A keeper."""
        return Keeper(*self._tools(name, ledger, on_point, copy))

    def recorder(self, *, depth: int = 0, ledger: EvmLedger | None = None) -> Recorder:
        """The recorder, without anchors."""
        ledger, journal, _ = self._tools("recorder", ledger, None, "")
        log = TransparencyLog(self.home.open_log(exclusive=True), LOG_KEY)
        self._open.append(log.close)
        return Recorder(ledger, journal, self.public, log, depth=depth)

    def close(self) -> None:
        """Let go of every journal and log."""
        for close in self._open:
            close()
        self._open = []

    # -- orders ------------------------------------------------------------------------------------------------------

    def offer(self, provider: str = "provider", **terms: Any) -> Offer:
        """One more signed offer, its input disclosed."""
        offer = make_offer(
            self.ledger,
            self._accounts["client"],
            self._accounts[provider].address,
            self.model,
            salt=next(self._salts),
            **terms,
        )
        self.public.put_opening(offer.order.input, offer.opening)
        return offer

    def id_of(self, offer: Offer) -> OrderId:
        """Id of the order in an offer."""
        return order_id(offer.order, self.ledger.domain)

    def status(self, order: OrderId) -> OrderStatus:
        """Where an order stands."""
        return self.ledger.state(order).status

    def events_of(self, order: OrderId) -> Counter[str]:
        """How often each event of an order is on the chain."""
        events = [placed.event for placed in self.ledger.events()]
        return Counter(type(event).__name__ for event in events if getattr(event, "order_id", None) == order)

    # -- what is left ------------------------------------------------------------------------------------------------

    def planned(self, name: str) -> list[str]:
        """Intents of a node whose fate is open; it must not be running."""
        journal = self.home.open_journal(name)
        try:
            return [intent.key for intent in journal.intents("planned")]
        finally:
            journal.close()

    def locked(self) -> dict[str, int]:
        """Bonds that are at risk, by account."""
        found = {name: self.ledger.balance(account.address).locked for name, account in self._accounts.items()}
        return {name: locked for name, locked in found.items() if locked}

    def free(self, name: str) -> int:
        """Free balance of an account."""
        return self.ledger.balance(self._accounts[name].address).free

    def recorded(self) -> list[OrderId]:
        """Orders in the log, which is audited first."""
        files = self.home.open_log()
        try:
            reader = LogReader(files.read, LOG_KEY.key)
            reader.audit()
            return [entry.record.order_id for entry in reader.records()]
        finally:
            files.close()


def work(*nodes: Stepper, rounds: int = 60, quiet: int = 3) -> None:
    """Let nodes take steps until none of them has anything left to do; a chain that is away is asked again."""
    silent = 0
    for _ in range(rounds):
        done = 0
        for node in nodes:
            try:
                done += node.step()
            except ChainError:
                done += 1
        silent = 0 if done else silent + 1
        if silent == quiet:
            return
    raise AssertionError(f"somebody still has something to do after {rounds} rounds")
