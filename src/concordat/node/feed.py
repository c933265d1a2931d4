"""New events, each exactly once: what a node notes of them and how far it has read are one transaction.

On a chain whose history can change, the follower of `concordat.chain.events` does the reading. When blocks that were
read are gone, the node first forgets what it noted of them, then reads the other branch.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from concordat.chain.events import Cursor, EventFollower, Reorganised, SeenBlock
from concordat.primitives.encoding import from_hex, to_hex
from concordat.primitives.units import Bytes32
from concordat.protocol.ledger import Ledger, Placed
from concordat.storage.journal import Journal

__all__ = ["Feed", "FollowedLedger"]

_log = logging.getLogger("concordat.node")
QUIET_LOOKS = 10
"""Looks without news before the head itself is looked at: has the chain become shorter?"""
SHORT_LOOKS = 3
"""Such looks in a row that find it shorter before it counts as such: an endpoint may just be behind."""


@runtime_checkable
class FollowedLedger(Protocol):
    """A ledger whose history can change."""

    def follower(self, *, cursor: Cursor | None = None, confirmations: int = 0) -> EventFollower:
        """Reader of its logs."""
        ...

    def placed(self, logs: Sequence[dict[str, Any]]) -> list[Placed]:
        """Events in logs."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gone:
    """Blocks from this one on are not what they were."""

    block: int
    """The first of them."""


class Feed:
    """Follows one ledger's events with a cursor in the journal.

    Parameters
    ----------
    ledger : Ledger
        What to follow.
    journal : Journal
        Keeps the cursor.
    name : str
        Of the cursor: two nodes of one process may share a journal.
    confirmations : int
        Newest blocks that are not read yet.
    """

    def __init__(self, ledger: Ledger, journal: Journal, name: str, *, confirmations: int = 0) -> None:
        self._ledger = ledger
        self._journal = journal
        self._name = f"feed of {name}"
        self._confirmations = confirmations
        self._follower: EventFollower | None = None
        self._quiet = self._short = 0

    def take(self, note: Callable[[Placed], None], *, undo: Callable[[int], int] | None = None) -> None:
        """Hand over what is new.

        Parameters
        ----------
        note : callable
            Gets each event; it may only write to the journal.
        undo : callable, optional
            Gets the first block that is gone; forgets what came of it and later ones, and returns the block from which
            it needs events again.
        """
        try:
            steps, cursor = self._read()
            self._tell_place(cursor["next"])
            if not steps:
                return
            with self._journal.write(self._name):
                for step in steps:
                    if isinstance(step, _Gone):
                        self._go_back(step.block, note, undo)
                    else:
                        for placed in step:
                            note(placed)
                            _tell("market", "seen", {"kind": type(placed.event).__name__, "block": placed.block})
                self._journal.set_cursor(self._name, cursor)
        except BaseException:
            self._follower = None  # it stands where nobody followed it to
            raise

    def _tell_place(self, block: int) -> None:
        """How far the feed has read, for those who watch whether it keeps up."""
        place = {"feed": self._name.removeprefix("feed of "), "block": block, "blocks": self._confirmations}
        _tell("looked", "read up to", place)

    def _go_back(self, block: int, note: Callable[[Placed], None], undo: Callable[[int], int] | None) -> None:
        _log.warning(
            "blocks from %d on are gone; going back", block, extra={"event": "reorganised", "fields": {"block": block}}
        )
        again = undo(block) if undo is not None else block
        if again < block:
            for placed in self._ledger.events(start=again, end=block - 1):
                note(placed)

    def _read(self) -> tuple[list[_Gone | list[Placed]], dict[str, Any]]:
        if isinstance(self._ledger, FollowedLedger):
            return self._follow(self._ledger)
        saved = self._journal.cursor(self._name) or {"next": 0}
        last = self._ledger.head() - self._confirmations
        if last < saved["next"]:
            return [], saved
        return [self._ledger.events(start=saved["next"], end=last)], {"next": last + 1}

    def _follow(self, ledger: FollowedLedger) -> tuple[list[_Gone | list[Placed]], dict[str, Any]]:
        if self._follower is None:
            saved = self._journal.cursor(self._name)
            cursor = _load(saved) if saved else None
            self._follower = ledger.follower(cursor=cursor, confirmations=self._confirmations)
        steps: list[_Gone | list[Placed]] = []
        polled = self._follower.poll()
        for step in polled:
            steps.append(_Gone(block=step.block) if isinstance(step, Reorganised) else ledger.placed(step.logs))
        self._quiet = 0 if polled else self._quiet + 1
        if self._quiet and self._quiet % QUIET_LOOKS == 0:
            steps += self._shorten(self._follower)
        return steps, _save(self._follower.cursor)

    def _shorten(self, follower: EventFollower) -> list[_Gone]:
        """A chain that lost its newest blocks and has not mined others yet: a restarted one that was cut off."""
        head, cursor = self._ledger.head(), follower.cursor
        self._short = self._short + 1 if head + 1 < cursor.next else 0
        if self._short < SHORT_LOOKS:
            return []
        self._short = 0
        left = tuple(block for block in cursor.seen if block.number <= head)
        follower.cursor = Cursor(next=head + 1, seen=left)
        return [_Gone(block=head + 1)]


def _tell(event: str, words: str, fields: dict[str, Any]) -> None:
    """For counting only: too much to be read."""
    _log.debug("%s %s", words, fields, extra={"event": event, "fields": fields})


def _load(saved: dict[str, Any]) -> Cursor:
    seen = tuple(SeenBlock(number=number, hash=Bytes32(from_hex(name))) for number, name in saved["seen"])
    return Cursor(next=saved["next"], seen=seen)


def _save(cursor: Cursor) -> dict[str, Any]:
    return {"next": cursor.next, "seen": [[block.number, to_hex(block.hash)] for block in cursor.seen]}
