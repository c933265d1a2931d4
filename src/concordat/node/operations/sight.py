"""One look at everything that metrics and readiness are about: chain, account, journal.

A look asks the chain once, and is kept for a moment: however often a door is asked, the endpoint is not.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from concordat.chain.answers import member, quantity
from concordat.chain.ledger import EvmLedger
from concordat.primitives.encoding import to_hex
from concordat.primitives.errors import ChainError, ConcordatError, StorageError
from concordat.primitives.units import Address
from concordat.protocol.ledger import Balance
from concordat.storage.journal import Journal

__all__ = ["ChainSight", "Lookout", "Sight", "StoreSight", "chain_sight"]

KEPT_SECONDS = 2.0
"""How long a look counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainSight:
    """What the endpoint says."""

    chain_id: int
    """EIP-155 id."""
    head: int
    """Latest block."""
    head_time: int
    """Its time."""
    coin: int
    """Wei of the node's account, which pay for gas."""
    balance: Balance = field(default_factory=Balance)
    """The account in the vault."""
    tokens: int = 0
    """Settlement tokens outside the vault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSight:
    """What the journal says."""

    items: Mapping[tuple[str, str], int]
    """How many items there are, by kind and stage."""
    intents: Mapping[str, int]
    """How many intents, by status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """One look."""

    chain: ChainSight | None
    """What the endpoint says; ``None`` if it does not answer."""
    store: StoreSight | None
    """What the journal says; ``None`` if it cannot be read or written."""
    failures: Mapping[str, ConcordatError] = field(default_factory=dict)
    """Why not, under ``chain`` and ``journal``."""


class Lookout:
    """Looks, and remembers the latest look for a moment; safe to share between threads.

    Parameters
    ----------
    chain : callable
        Asks the chain.
    journal : Journal
        The node's memory.
    clock : callable
        Seconds that only grow.
    """

    def __init__(
        self, chain: Callable[[], ChainSight], journal: Journal, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._chain, self._journal, self._clock = chain, journal, clock
        self._lock = threading.Lock()
        self._latest: tuple[float, Sight] | None = None

    def look(self) -> Sight:
        """The latest look, or a new one."""
        with self._lock:
            now = self._clock()
            if self._latest is None or now - self._latest[0] > KEPT_SECONDS:
                self._latest = now, self._fresh()
            return self._latest[1]

    def _fresh(self) -> Sight:
        failures: dict[str, ConcordatError] = {}
        chain: ChainSight | None = None
        store: StoreSight | None = None
        try:
            chain = self._chain()
        except ChainError as error:
            failures["chain"] = error
        try:
            self._journal.set_cursor("lookout", {"looked": True})
            items, intents = self._journal.counts()
            store = StoreSight(items=items, intents=intents)
        except StorageError as error:
            failures["journal"] = error
        return Sight(chain=chain, store=store, failures=failures)


def chain_sight(ledger: EvmLedger, account: Address) -> ChainSight:
    """Ask the chain about itself and an account.

    Raises
    ------
    ChainError
        If the endpoint does not answer, or answers nonsense.
    """
    asked: list[tuple[str, list[Any]]] = [
        ("eth_chainId", []),
        ("eth_getBlockByNumber", ["latest", False]),
        ("eth_getBalance", [to_hex(account), "latest"]),
    ]
    chain_id, block, coin = ledger.endpoint.batch(asked)
    return ChainSight(
        chain_id=quantity(chain_id),
        head=quantity(member(block, "number")),
        head_time=quantity(member(block, "timestamp")),
        coin=quantity(coin),
        balance=ledger.balance(account),
        tokens=ledger.token_balance(account),
    )
