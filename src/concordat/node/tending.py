"""The keeper's care for panels: late draws, seats that nobody settles, fees that nobody earned."""

from __future__ import annotations

from functools import partial
from typing import Any

from concordat.node.outbox import Outbox
from concordat.node.panels import PanelBook, PanelView, read_panel
from concordat.node.turns import Turns
from concordat.primitives.encoding import from_hex, to_hex
from concordat.primitives.errors import ProtocolError
from concordat.primitives.units import OrderId
from concordat.primitives.wire import from_wire
from concordat.protocol.ledger import Ledger, Placed
from concordat.protocol.messages import Message
from concordat.protocol.order import Order, OrderState, OrderStatus
from concordat.protocol.panel_messages import ClosePanel, DrawPanel, SettleSeat
from concordat.storage.journal import Journal

__all__ = ["PanelTender"]

LOOK_AGAIN = 60
"""Seconds after which a panel is looked at again that an event should have changed by then."""
_DONE_BY_OTHERS = frozenset({"AlreadyDrawn", "DrawTooEarly", "PoolEmpty", "NoSeat", "WrongStatus", "SeatsOpen"})


class PanelTender:
    """Does for panels what anybody may do.

    Parameters
    ----------
    ledger, journal, outbox : Ledger, Journal, Outbox
        The keeper's; its journal knows every order.
    """

    def __init__(self, ledger: Ledger, journal: Journal, outbox: Outbox) -> None:
        self._ledger, self._journal, self._outbox = ledger, journal, outbox
        self._book = PanelBook(journal)
        self._turns = Turns()

    def note(self, placed: Placed) -> None:
        """Take an event about a panel to the journal."""
        self._book.note(placed)

    def wake(self, order: str) -> None:
        """The order has come to its end: its seats can be settled."""
        item = self._journal.item("panel", order)
        if item is not None and item[0] == "open":
            self._journal.set_item("panel", order, "open", due=0)

    def undo(self, block: int) -> int:
        """Forget what that block and later ones said; returns the block from which events are needed again."""
        return self._book.undo(block)

    def step(self, now: int) -> int:
        """Do what is due; returns how much that was."""
        waiting = self._journal.items("panel", "open", due=now)
        return sum(self._turns.take(f"panel {key}", partial(self._tend, key, body, now)) for key, _, body in waiting)

    def _tend(self, key: str, body: dict[str, Any], now: int) -> int:
        item = self._journal.item("order", key)
        assert item is not None, "an order is accepted before its result is sealed"
        order, state = from_wire(Order, item[1]["order"]), self._ledger.state(OrderId(from_hex(key)))
        message, due = self._due(order, read_panel(body), state, now)
        if message is not None:
            self._send(key, message)
        self._journal.set_item("panel", key, "open", due=due)
        return int(message is not None)

    def _due(self, order: Order, panel: PanelView, state: OrderState, now: int) -> tuple[Message | None, int]:
        """What to send now, and when to look again."""
        if state.status is OrderStatus.FUNDED:
            return self._draw_due(order, panel, now)
        ended = state.status.terminal
        end = panel.reveal_by or (state.until + self._ledger.parameters.reveal_time if ended else now + LOOK_AGAIN)
        silent = panel.committed - panel.revealed.keys() - panel.ended
        wrong = {replica for replica, agrees in panel.revealed.items() if not agrees} - panel.ended
        if silent and now > end:
            return SettleSeat(order=order, replica=min(silent)), now + LOOK_AGAIN
        if wrong and ended:
            return SettleSeat(order=order, replica=min(wrong)), now + LOOK_AGAIN
        if ended and not silent:
            return ClosePanel(order=order), now + LOOK_AGAIN
        return None, max(end + 1, now + 1) if silent else now + LOOK_AGAIN

    def _draw_due(self, order: Order, panel: PanelView, now: int) -> tuple[Message | None, int]:
        """The provider draws; only where he lets half of the time pass is it done for him."""
        late = panel.commit_by - self._ledger.parameters.commit_time // 2
        if panel.replicas or now > panel.commit_by:
            return None, now + LOOK_AGAIN
        if now > late and self._ledger.head() >= panel.draw_block:
            return DrawPanel(order=order), now + LOOK_AGAIN
        return None, max(late + 1, now + 1)

    def _send(self, key: str, message: Message) -> None:
        about = f":{to_hex(message.replica)}" if isinstance(message, SettleSeat) else ""
        try:
            self._outbox.send(f"{type(message).__name__.lower()}:{key}{about}", message, again=True)
        except ProtocolError as error:
            if error.code not in _DONE_BY_OTHERS:
                raise
