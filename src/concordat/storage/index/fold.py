"""What each event does to the tables: the one place that says so.

Events of unknown names are passed over, so that contracts may say more than is indexed. Whatever cannot be true (an end
without a beginning, a second beginning, an order whose terms do not hash to its id) means that the endpoint left out,
repeated or made up something, and nothing of the batch is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from concordat.primitives.hashing import keccak256
from concordat.protocol.execution import MAX_OUTPUT_BYTES
from concordat.protocol.ledger import BURN_ADDRESS
from concordat.protocol.order import Domain, Order, OrderStatus
from concordat.storage.index.batch import Batch, Fields
from concordat.storage.index.contests import CONTESTS
from concordat.storage.index.happening import CreditKind, Happening, contradiction
from concordat.storage.index.money import MOVEMENTS, credit
from concordat.storage.index.panels import PANELS
from concordat.storage.index.registries import REGISTRIES
from concordat.storage.index.tables import ORDER

__all__ = ["Fold"]


class Fold:
    """Applies events to a batch, in order.

    Parameters
    ----------
    batch : Batch
        Rows to change.
    domain : Domain
        Of the market: orders' ids are computed in it.
    """

    def __init__(self, batch: Batch, domain: Domain) -> None:
        self._batch, self._separator = batch, b"\x19\x01" + domain.separator()
        self._handlers: dict[str, Callable[[Happening, int], None]] = {
            "Accepted": self._accepted,
            "Delivered": self._delivered,
            "Paid": self._paid,
            "Expired": self._expired,
            "Cancelled": self._cancelled,
            "Slashed": self._slashed,
            "ResultOpened": self._result_opened,
            "Supplied": self._extended,
            "DisputeLost": self._extended,
        }

    def apply(self, happenings: Iterable[Happening], *, after: int, since: int) -> tuple[int, int]:
        """Apply events that come after a place and not before a time; returns place and time of the last.

        An event at a place that was applied before is passed over.
        """
        for happening in happenings:
            place = happening.place
            if place <= after:
                continue
            if happening.time < since:
                raise contradiction(f"block {happening.block} is older than one before it")
            after, since = place, happening.time
            self._batch.begin(happening.block)
            if (handler := self._handlers.get(happening.topic)) is not None:
                handler(happening, place)
            for others in (CONTESTS, MOVEMENTS, PANELS, REGISTRIES):
                if (function := others.get(happening.topic)) is not None:
                    function(self._batch, happening, place)
        return after, since

    # -- orders ------------------------------------------------------------------------------------------------------

    def _accepted(self, event: Happening, place: int) -> None:
        order, key = event.values["order"], event.values["order_id"]
        if not isinstance(order, Order):
            order = Order(**order)
        if _digest(self._separator, order) != key:
            raise contradiction(f"the terms of order 0x{key.hex()} are not what its client signed")
        if self._batch.has(ORDER, key):
            raise contradiction(f"order 0x{key.hex()} was accepted twice")
        self._batch.add(ORDER, _row_of(order, key, event, place))

    def _delivered(self, event: Happening, place: int) -> None:
        row = self._open_order(event)
        row |= {
            "status": int(OrderStatus.DELIVERED),
            "delivered_place": place,
            "delivered_time": event.time,
            "delivered_tx": event.transaction,
            "until": event.values["until"],
            "trace_root": event.values["trace_root"],
            "output": _output(row, event),
        }

    def _paid(self, event: Happening, place: int) -> None:
        row = self._end(event, place, OrderStatus.PAID)
        if row["delivered_place"] is None:
            raise contradiction(f"order 0x{row['id'].hex()} was paid and never delivered")
        row["gathered"], row["output_hash"] = event.values["gathered"], event.values["output_hash"]
        credit(self._batch, event, place, row["id"], [(row["provider"], CreditKind.PAYMENT, int(row["price"]))])

    def _expired(self, event: Happening, place: int) -> None:
        row, penalty = self._end(event, place, OrderStatus.EXPIRED), event.values["penalty"]
        parts = [
            (row["provider"], CreditKind.NO_SHOW, -penalty),
            (row["client"], CreditKind.REFUND, int(row["price"])),
            (row["client"], CreditKind.NO_SHOW, penalty),
        ]
        credit(self._batch, event, place, row["id"], parts)

    def _cancelled(self, event: Happening, place: int) -> None:
        row = self._end(event, place, OrderStatus.CANCELLED)
        credit(self._batch, event, place, row["id"], [(row["client"], CreditKind.REFUND, int(row["price"]))])

    def _slashed(self, event: Happening, place: int) -> None:
        row, values = self._end(event, place, OrderStatus.SLASHED), event.values
        price = int(row["price"])
        parts = [
            (row["provider"], CreditKind.SLASH, -int(row["bond"])),
            (row["client"], CreditKind.REFUND, price),
            (row["client"], CreditKind.COMPENSATION, values["to_client"] - price),
            (values["challenger"], CreditKind.REWARD, values["to_challenger"]),
            (BURN_ADDRESS, CreditKind.BURN, values["burned"]),
        ]
        credit(self._batch, event, place, row["id"], parts)

    def _result_opened(self, event: Happening, place: int) -> None:
        row = self._open_order(event)
        row |= {
            "trace_root": event.values["trace_root"],
            "output": _output(row, event),
            "until": event.values["until"],
        }

    def _extended(self, event: Happening, place: int) -> None:
        self._open_order(event)["until"] = event.values["until"]

    def _open_order(self, event: Happening) -> Fields:
        key = event.values["order_id"]
        row = self._batch.edit(ORDER, key)
        if row is None:
            raise contradiction(f"{event.topic} for order 0x{key.hex()}, which was never accepted")
        if row["ended_place"] is not None:
            raise contradiction(f"{event.topic} for order 0x{key.hex()}, which had ended")
        return row

    def _end(self, event: Happening, place: int, status: OrderStatus) -> Fields:
        row = self._open_order(event)
        row |= {
            "status": int(status),
            "ended_place": place,
            "ended_time": event.time,
            "ended_tx": event.transaction,
        }
        return row


def _digest(prefix: bytes, order: Order) -> bytes:
    """The order's id (`concordat.protocol.order.order_id`) with the domain's part computed once."""
    return keccak256(prefix + order.struct_hash())


def _output(row: Fields, event: Happening) -> bytes:
    output: bytes = event.values["output"]
    if len(output) > MAX_OUTPUT_BYTES:
        raise contradiction(f"order 0x{row['id'].hex()} has an output of {len(output)} bytes")
    return output


def _row_of(order: Order, key: bytes, event: Happening, place: int) -> Fields:
    return {
        "id": key,
        "place": place,
        "client": order.client,
        "provider": order.provider,
        "model": order.model,
        "status": int(OrderStatus.FUNDED),
        "price": str(order.price),
        "bond": str(order.bond),
        "accept_by": order.accept_by,
        "deliver_by": order.deliver_by,
        "challenge_window": order.window,
        "input": order.input,
        "evidence": order.evidence,
        "effect": order.effect,
        "terms": order.terms,
        "salt": order.salt,
        "accepted_time": event.time,
        "accepted_tx": event.transaction,
        **dict.fromkeys(_LATER),
        "gathered": 0,
    }


_LATER = tuple(name for name in ORDER.columns[ORDER.columns.index("delivered_place") :])
"""Columns that an order does not have yet when it is accepted."""
