"""What a node knows of panels: from the ledger's events to its journal, and back when blocks are gone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from concordat.primitives.encoding import from_hex, to_hex
from concordat.primitives.units import Address
from concordat.protocol.ledger import Placed
from concordat.protocol.panel_events import (
    DrawMoved,
    PanelClosed,
    PanelDrawn,
    ReplicaSlashed,
    ResultSealed,
    RevealsOpened,
    SeatCommitted,
    SeatRevealed,
    SeatSettled,
)
from concordat.storage.journal import Journal

__all__ = ["PANEL_EVENTS", "PanelBook", "PanelView"]

PANEL_EVENTS = (
    ResultSealed
    | DrawMoved
    | PanelDrawn
    | SeatCommitted
    | RevealsOpened
    | SeatRevealed
    | SeatSettled
    | ReplicaSlashed
    | PanelClosed
)
"""Events about one order's panel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelView:
    """One order's panel as its events tell it."""

    draw_block: int
    """Block whose random number draws."""
    commit_by: int
    """Last second to draw, and after that to commit."""
    reveal_by: int
    """Last second to reveal; zero before delivery."""
    replicas: tuple[Address, ...]
    """Who was drawn; nobody yet, if empty."""
    committed: frozenset[Address]
    """Who has committed."""
    revealed: dict[Address, bool]
    """Who has revealed, and whether it agrees."""
    ended: frozenset[Address]
    """Whose seat needs nothing more."""

    @property
    def complete(self) -> bool:
        """Whether everybody who was drawn has committed."""
        return bool(self.replicas) and set(self.replicas) <= self.committed

    def commits_over(self, now: int) -> bool:
        """Whether the sealed result can be delivered."""
        return self.complete or now > self.commit_by


class PanelBook:
    """Panels in a journal, under the order's id.

    Parameters
    ----------
    journal : Journal
        The node's.
    concerns : callable
        Whether an order, by the hexadecimal form of its id, is followed.
    """

    def __init__(self, journal: Journal, concerns: Callable[[str], bool] = lambda _: True) -> None:
        self._journal = journal
        self._concerns = concerns

    def note(self, placed: Placed) -> None:
        """Take an event about a panel to the journal."""
        event = placed.event
        if not isinstance(event, PANEL_EVENTS) or not self._concerns(to_hex(event.order_id)):
            return
        key = to_hex(event.order_id)
        known = self._journal.item("panel", key)
        if isinstance(event, PanelClosed):
            self._journal.set_item("panel", key, "closed", block=placed.block)
        elif isinstance(event, ResultSealed) or known is not None:
            body = _changed(dict(known[1]) if known else {"from": placed.block}, event)
            self._journal.set_item("panel", key, "open", body, due=0, block=placed.block)

    def undo(self, block: int) -> int:
        """Forget what that block and later ones said; returns the block from which events are needed again."""
        first = block
        for key, _, body in self._journal.touched("panel", block):
            self._journal.set_item("panel", key, "forgotten", {"from": body["from"]})
            first = min(first, body["from"])
        return first

    def view(self, key: str) -> PanelView | None:
        """A panel; ``None`` if nothing was sealed, as far as is known."""
        item = self._journal.item("panel", key)
        return read_panel(item[1]) if item is not None and "draw_block" in item[1] else None


def read_panel(body: dict[str, Any]) -> PanelView:
    """The panel in an item's body."""

    def addresses(name: str) -> list[Address]:
        return [Address(from_hex(one)) for one in body.get(name, [])]

    return PanelView(
        draw_block=body["draw_block"],
        commit_by=body["commit_by"],
        reveal_by=body.get("reveal_by", 0),
        replicas=tuple(addresses("replicas")),
        committed=frozenset(addresses("committed")),
        revealed={Address(from_hex(one)): agrees for one, agrees in body.get("revealed", {}).items()},
        ended=frozenset(addresses("ended")),
    )


def _changed(body: dict[str, Any], event: Any) -> dict[str, Any]:
    match event:
        case ResultSealed(draw_block=block, draw_by=until):
            body |= {"draw_block": block, "commit_by": until}
        case DrawMoved(draw_block=block):
            body["draw_block"] = block
        case PanelDrawn(replicas=replicas, commit_by=until):
            body |= {"replicas": [to_hex(one) for one in replicas], "commit_by": until}
        case SeatCommitted(replica=replica):
            _add(body, "committed", replica)
        case RevealsOpened(reveal_by=until):
            body["reveal_by"] = until
        case SeatRevealed(replica=replica, agrees=agrees, paid=paid):
            body["revealed"] = {**body.get("revealed", {}), to_hex(replica): agrees}
            if agrees or paid:
                _add(body, "ended", replica)
        case SeatSettled(replica=replica):
            _add(body, "ended", replica)
        case ReplicaSlashed(replica=replica):
            body["revealed"] = {
                one: agrees for one, agrees in body.get("revealed", {}).items() if one != to_hex(replica)
            }
            _add(body, "ended", replica)
    return body


def _add(body: dict[str, Any], name: str, replica: Address) -> None:
    body[name] = sorted({*body.get(name, []), to_hex(replica)})
