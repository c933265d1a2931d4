"""New events, each time the whole unsettled tail again.

A node re-reads the last blocks that a re-organisation could still change; everything it does in answer to an event is
idempotent, so reading one twice is harmless and missing one is impossible.
"""

from __future__ import annotations

from concordat.protocol.ledger import Ledger, Placed
from concordat.storage.journal import Journal

__all__ = ["Feed"]


class Feed:
    """Follows one ledger's events with a cursor in the journal.

    Parameters
    ----------
    ledger : Ledger
        What to follow.
    journal : Journal
        Keeps the cursor.
    depth : int
        Blocks below the head that are read again each time.
    """

    def __init__(self, ledger: Ledger, journal: Journal, *, depth: int = 8) -> None:
        self._ledger = ledger
        self._journal = journal
        self._depth = depth
        cursor = journal.cursor("feed")
        self._next: int = cursor["next"] if cursor else 0
        self._saved = self._next

    def read(self) -> list[Placed]:
        """Events since the cursor; the cursor moves only when :meth:`settle` is called after handling them."""
        self._head = self._ledger.head()
        if self._head < self._next:
            return []
        return self._ledger.events(start=self._next, end=self._head)

    def settle(self) -> None:
        """All events of the last :meth:`read` have been handled."""
        self._next = max(self._next, self._head - self._depth + 1)
        if self._next > self._saved:
            self._journal.set_cursor("feed", {"next": self._next})
            self._saved = self._next
