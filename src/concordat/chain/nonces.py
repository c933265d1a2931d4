"""Which number an account's next transaction gets."""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass, field
from threading import Lock

from concordat.primitives.units import Address, Bytes32

__all__ = ["NonceBook"]


@dataclass(slots=True, kw_only=True)
class _Page:
    """One account."""

    lock: Lock = field(default_factory=Lock)
    """Held for every change."""
    next: int = 0
    """First number that was never handed out."""
    holes: list[int] = field(default_factory=list)
    """Numbers below it that came back unused (a heap)."""
    out: set[int] = field(default_factory=set)
    """Numbers handed out whose transactions were not yet offered to the chain."""
    last: Bytes32 | None = None
    """Transaction offered with the highest number."""
    changes: int = 0
    """Grows with every change, so that one can tell whether a look at the chain is still fresh."""


class NonceBook:
    """Hands out nonces, one account at a time, without gaps or doubles within this process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._pages: dict[Address, _Page] = defaultdict(_Page)

    def _page(self, account: Address) -> _Page:
        with self._lock:
            return self._pages[account]

    def mark(self, account: Address) -> int:
        """To be taken before looking at the chain, and handed to :meth:`missing` and :meth:`take`."""
        return self._page(account).changes

    def missing(self, account: Address, pending: int) -> Bytes32 | None:
        """A transaction that the chain should know if its count is right; ``None`` if the count raises no doubt."""
        page = self._page(account)
        with page.lock:
            return page.last if pending < page.next and not page.out and not page.holes else None

    def take(self, account: Address, pending: int, *, mark: int, lost: bool = False) -> int:
        """The next number.

        Parameters
        ----------
        account : Address
            The sender.
        pending : int
            The chain's count of its transactions, pool included; numbers below it are gone.
        mark : int
            From before that look.
        lost : bool
            The chain does not know what it was offered last: believe its count even if it went back.
        """
        page = self._page(account)
        with page.lock:
            if lost and page.changes == mark:
                page.next, page.holes = pending, []
            while page.holes and page.holes[0] < pending:
                heapq.heappop(page.holes)
            if page.holes:
                nonce = heapq.heappop(page.holes)
            else:
                nonce = max(page.next, pending)
                page.next = nonce + 1
            page.out.add(nonce)
            page.changes += 1
            return nonce

    def offered(self, account: Address, nonce: int, transaction: Bytes32) -> None:
        """The chain was offered a transaction with this number."""
        page = self._page(account)
        with page.lock:
            page.out.discard(nonce)
            page.changes += 1
            if nonce + 1 >= page.next:
                page.next, page.last = nonce + 1, transaction

    def give_back(self, account: Address, nonce: int) -> None:
        """A number handed out will not be used after all; the next transaction gets it."""
        page = self._page(account)
        with page.lock:
            page.out.discard(nonce)
            page.changes += 1
            if nonce == page.next - 1:
                page.next = nonce
            else:
                heapq.heappush(page.holes, nonce)
