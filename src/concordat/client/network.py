"""One connection to a market: registry, orders, records, accounts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType

from concordat.client.bidding import Bidding
from concordat.client.effect_ledger import EffectLedger
from concordat.client.effects import Stewards
from concordat.client.keyring import Keyring
from concordat.client.orders import Orders
from concordat.client.providers import ProviderLink
from concordat.client.public import PublicData
from concordat.client.records import Records
from concordat.client.registry import Registry
from concordat.client.search import Search
from concordat.client.steward import StewardTools
from concordat.client.steward_book import StewardBook
from concordat.primitives.units import Address, Amount
from concordat.protocol.ledger import Ledger
from concordat.protocol.messages import Deposit, Withdraw

__all__ = ["Network", "Wallet"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wallet:
    """What an account holds."""

    name: str
    """Its name here."""
    address: Address
    """Its address."""
    tokens: Amount
    """Settlement tokens outside the vault."""
    free: Amount
    """Free balance in the vault: credits and unlocked stake."""
    locked: Amount
    """Bonds at risk."""


class Network:
    """Everything a user does on one market; a context manager that ends what it started.

    Parameters
    ----------
    ledger, registry, orders, records, keyring, public
        The parts; `concordat.open` puts them together.
    effects : EffectLedger
        Where stewards live.
    book : StewardBook, optional
        Stewards that somebody here works for.
    on_close : callable
        Ends nodes and chain that were started for this connection.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        registry: Registry,
        orders: Orders,
        records: Records,
        keyring: Keyring,
        public: PublicData,
        providers: Callable[[], Sequence[ProviderLink]],
        effects: EffectLedger,
        book: StewardBook | None = None,
        on_close: Callable[[], None] = lambda: None,
    ) -> None:
        self.ledger = ledger
        self.registry = registry
        self.orders = orders
        self.records = records
        self.keyring = keyring
        self.public = public
        self.providers = providers
        tools = StewardTools(
            ledger=ledger, effects=effects, orders=orders, registry=registry, public=public, keyring=keyring
        )
        self.stewards = Stewards(tools, book or StewardBook())
        self.bidding = Bidding(orders)
        self._on_close = on_close

    @property
    def index(self) -> Search:
        """What happened on this market: orders, disputes, artifacts, agents and credits, page by page."""
        return self.orders.index

    def wallet(self, name: str) -> Wallet:
        """What a named account holds."""
        address = self.keyring.signer(name).address
        balance = self.ledger.balance(address)
        return Wallet(
            name=name,
            address=address,
            tokens=self.ledger.token_balance(address),
            free=balance.free,
            locked=balance.locked,
        )

    def deposit(self, name: str, amount: Amount) -> None:
        """Move tokens into the vault, as stake for bonds or to pay orders from."""
        self.ledger.send(Deposit(amount=amount), sender=self.keyring.signer(name).address)

    def withdraw(self, name: str, amount: Amount | None = None) -> Amount:
        """Take free balance out of the vault; all of it if no amount is given."""
        address = self.keyring.signer(name).address
        wanted = self.ledger.balance(address).free if amount is None else amount
        self.ledger.send(Withdraw(amount=wanted, to=address), sender=address)
        return wanted

    def close(self) -> None:
        """End what was started for this connection; a second call does nothing."""
        on_close, self._on_close = self._on_close, lambda: None
        self.index.close()
        on_close()

    def __enter__(self) -> Network:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
