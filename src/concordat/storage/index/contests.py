"""What events say of disputes, fraud proofs and demands: one row for each, from its beginning to its end."""

from __future__ import annotations

from collections.abc import Callable

from concordat.protocol.messages import OPENING_PART
from concordat.storage.index.batch import Batch, Fields
from concordat.storage.index.happening import DisputeKind, DisputeStatus, Happening, contradiction
from concordat.storage.index.tables import DISPUTE, ORDER

__all__ = ["CONTESTS"]


def _opened(batch: Batch, event: Happening, place: int) -> None:
    _begin(batch, event, place, DisputeKind.DISSECTION, event.values["challenger"])


def _demanded(batch: Batch, event: Happening, place: int) -> None:
    _begin(batch, event, place, DisputeKind.DEMAND, event.values["demander"])["part"] = event.values["part"]


def _proven(batch: Batch, event: Happening, place: int) -> None:
    row = _begin(batch, event, place, DisputeKind.PROOF, event.values["challenger"])
    _end(row, event, place, DisputeStatus.PROVEN)


def _moved(batch: Batch, event: Happening, place: int) -> None:
    row = _dispute(batch, event)
    row["moves"] += 1
    row["deadline"] = event.values["deadline"]


def _lost(batch: Batch, event: Happening, place: int) -> None:
    _end(_dispute(batch, event), event, place, DisputeStatus.LOST)


def _closed(batch: Batch, event: Happening, place: int) -> None:
    _end(_dispute(batch, event), event, place, DisputeStatus.CLOSED)


def _supplied(batch: Batch, event: Happening, place: int) -> None:
    _end(_demand(batch, event, event.values["part"]), event, place, DisputeStatus.ANSWERED)


def _result_opened(batch: Batch, event: Happening, place: int) -> None:
    """A client opens his result himself, or its provider does so because it was demanded."""
    for row in _open(batch, event, DisputeKind.DEMAND):
        if row["part"] == OPENING_PART:
            _end(row, event, place, DisputeStatus.ANSWERED)


def _demand_closed(batch: Batch, event: Happening, place: int) -> None:
    _end(_demand(batch, event, event.values["part"]), event, place, DisputeStatus.CLOSED)


def _begin(batch: Batch, event: Happening, place: int, kind: DisputeKind, challenger: bytes) -> Fields:
    order = event.values["order_id"]
    if not batch.has(ORDER, order):
        raise contradiction(f"{event.topic} for order 0x{order.hex()}, which was never accepted")
    row = {
        "place": place,
        "order_id": order,
        "challenger": challenger,
        "kind": int(kind),
        "status": int(DisputeStatus.OPEN),
        "moves": 0,
        "part": None,
        "deadline": event.values.get("deadline"),
        "opened_time": event.time,
        "opened_tx": event.transaction,
        **dict.fromkeys(("ended_place", "ended_time", "ended_tx")),
    }
    batch.of_order(DISPUTE, order).append(place)
    batch.add(DISPUTE, row)
    return row


def _end(row: Fields, event: Happening, place: int, status: DisputeStatus) -> None:
    row |= {
        "status": int(status),
        "ended_place": place,
        "ended_time": event.time,
        "ended_tx": event.transaction,
    }


def _dispute(batch: Batch, event: Happening) -> Fields:
    """The open dispute of an order and a challenger."""
    for row in _open(batch, event, DisputeKind.DISSECTION):
        if row["challenger"] == event.values["challenger"]:
            return row
    raise _unknown(event)


def _demand(batch: Batch, event: Happening, part: int) -> Fields:
    """The open demand for one part of an order's output."""
    for row in _open(batch, event, DisputeKind.DEMAND):
        if row["part"] == part:
            return row
    raise _unknown(event)


def _open(batch: Batch, event: Happening, kind: DisputeKind) -> list[Fields]:
    rows = [batch.edit(DISPUTE, place) for place in batch.of_order(DISPUTE, event.values["order_id"])]
    return [row for row in rows if row and row["kind"] == kind and row["status"] == DisputeStatus.OPEN]


def _unknown(event: Happening) -> Exception:
    return contradiction(
        f"{event.topic} for order 0x{event.values['order_id'].hex()}, where nothing of the kind was open"
    )


CONTESTS: dict[str, Callable[[Batch, Happening, int], None]] = {
    "DisputeOpened": _opened,
    "ChildrenRevealed": _moved,
    "ChildPicked": _moved,
    "LeafRevealed": _moved,
    "DisputeLost": _lost,
    "DisputeClosed": _closed,
    "FraudProven": _proven,
    "Demanded": _demanded,
    "Supplied": _supplied,
    "ResultOpened": _result_opened,
    "DemandClosed": _demand_closed,
}
"""What to do on each event."""
