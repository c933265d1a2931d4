"""What events say of replicas: a row for each member of the pool, each panel and each seat, and whom they pay."""

from __future__ import annotations

from collections.abc import Callable

from concordat.primitives.units import Address
from concordat.protocol.ledger import BURN_ADDRESS
from concordat.protocol.order import OrderStatus
from concordat.protocol.panel import Seat
from concordat.storage.index.batch import Batch, Fields
from concordat.storage.index.happening import CreditKind, Happening, MemberStatus, PanelStatus, contradiction
from concordat.storage.index.money import credit
from concordat.storage.index.tables import MEMBER, ORDER, PANEL, PARTS, SEAT

__all__ = ["PANELS"]

# -- the pool --------------------------------------------------------------------------------------------------------


def _joined(batch: Batch, event: Happening, place: int) -> None:
    replica, tickets = event.values["replica"], event.values["tickets"]
    row = batch.edit(MEMBER, replica)
    if row is None:
        row = {"id": replica, "status": int(MemberStatus.GONE)}
        batch.add(MEMBER, row)
    if row["status"] == MemberStatus.LEAVING:
        raise contradiction(f"0x{replica.hex()} joined the pool while leaving it")
    if row["status"] == MemberStatus.GONE:
        row |= {"place": place, "tickets": 0, "free_at": None, "joined_time": event.time}
        row |= {"joined_tx": event.transaction, "status": int(MemberStatus.IN)}
    row["tickets"] += tickets


def _left(batch: Batch, event: Happening, place: int) -> None:
    row = _member(batch, event, MemberStatus.IN)
    row |= {"status": int(MemberStatus.LEAVING), "free_at": event.values["free_at"]}


def _collected(batch: Batch, event: Happening, place: int) -> None:
    row = _member(batch, event, MemberStatus.LEAVING)
    row |= {"status": int(MemberStatus.GONE), "tickets": 0}


def _member(batch: Batch, event: Happening, *statuses: MemberStatus) -> Fields:
    row = batch.edit(MEMBER, event.values["replica"])
    if row is None or row["status"] not in statuses:
        raise contradiction(f"{event.topic} for 0x{event.values['replica'].hex()}, who is no such member of the pool")
    return row


# -- panels ----------------------------------------------------------------------------------------------------------


def _sealed(batch: Batch, event: Happening, place: int) -> None:
    key, values = event.values["order_id"], event.values
    if not batch.has(ORDER, key) or batch.has(PANEL, key):
        raise contradiction(f"the result of order 0x{key.hex()} was sealed twice, or before it was accepted")
    row = {
        "id": key,
        "place": place,
        "provider": values["provider"],
        "status": int(PanelStatus.SEALED),
        "fee": str(values["fee"]),
        "draw_block": values["draw_block"],
        "draw_by": values["draw_by"],
        "sealed_time": event.time,
        "sealed_tx": event.transaction,
        **dict.fromkeys(("commit_by", "reveal_by", "ended_place", "ended_time", "ended_tx")),
    }
    batch.add(PANEL, row)


def _moved(batch: Batch, event: Happening, place: int) -> None:
    _panel(batch, event)["draw_block"] = event.values["draw_block"]


def _drawn(batch: Batch, event: Happening, place: int) -> None:
    key, replicas = event.values["order_id"], event.values["replicas"]
    row = _panel(batch, event)
    if row["status"] != PanelStatus.SEALED or not 0 < len(replicas) < PARTS:
        raise contradiction(f"the panel of order 0x{key.hex()} was drawn twice, or of {len(replicas)} replicas")
    row |= {"status": int(PanelStatus.DRAWN), "commit_by": event.values["commit_by"]}
    for number, replica in enumerate(replicas):
        seat = {
            "place": place * PARTS + number,
            "order_id": key,
            "replica": replica,
            "status": int(Seat.DRAWN),
            "digest": None,
            "trace_root": None,
            "output_hash": None,
            "paid": "0",
            "fined": "0",
            "drawn_time": event.time,
            "drawn_tx": event.transaction,
        }
        batch.of_order(SEAT, key).append(seat["place"])
        batch.add(SEAT, seat)


def _opened(batch: Batch, event: Happening, place: int) -> None:
    _panel(batch, event).update(status=int(PanelStatus.REVEALING), reveal_by=event.values["reveal_by"])


def _closed(batch: Batch, event: Happening, place: int) -> None:
    row, account, rest = _panel(batch, event), event.values["account"], event.values["amount"]
    row |= {
        "status": int(PanelStatus.CLOSED),
        "ended_place": place,
        "ended_time": event.time,
        "ended_tx": event.transaction,
    }
    if account != row["provider"]:
        _pay(batch, event, place, row, account, rest, CreditKind.PANEL_REST)


def _panel(batch: Batch, event: Happening) -> Fields:
    row = batch.edit(PANEL, event.values["order_id"])
    if row is None or row["status"] == PanelStatus.CLOSED:
        raise contradiction(f"{event.topic} for order 0x{event.values['order_id'].hex()}, which has no open panel")
    return row


# -- seats -----------------------------------------------------------------------------------------------------------


def _committed(batch: Batch, event: Happening, place: int) -> None:
    _seat(batch, event, Seat.DRAWN).update(status=int(Seat.COMMITTED), digest=event.values["digest"])


def _revealed(batch: Batch, event: Happening, place: int) -> None:
    """A seat that disagrees stays open only over a result that was delivered and stands."""
    values, panel = event.values, _panel(batch, event)
    order = batch.edit(ORDER, values["order_id"]) or {}
    settled = panel["reveal_by"] is None or order.get("status") == OrderStatus.SLASHED
    became = Seat.AGREED if values["agrees"] else Seat.SETTLED if settled else Seat.DISAGREED
    row = _seat(batch, event, Seat.COMMITTED)
    row |= {
        "status": int(became),
        "trace_root": values["trace_root"],
        "output_hash": values["output_hash"],
        "paid": str(values["paid"]),
    }
    _pay(batch, event, place, panel, values["replica"], values["paid"], CreditKind.SEAT_FEE)


def _settled(batch: Batch, event: Happening, place: int) -> None:
    values, panel = event.values, _panel(batch, event)
    row = _seat(batch, event, Seat.COMMITTED, Seat.DISAGREED)
    row |= {"status": int(Seat.SETTLED), "paid": str(values["paid"]), "fined": str(values["fined"])}
    _pay(batch, event, place, panel, values["replica"], values["paid"], CreditKind.SEAT_FEE)
    if values["fined"]:
        _member(batch, event, MemberStatus.IN, MemberStatus.LEAVING)["tickets"] -= 1
        parts = [
            (values["replica"], CreditKind.SEAT_FINE, -values["fined"]),
            (BURN_ADDRESS, CreditKind.BURN, values["fined"]),
        ]
        credit(batch, event, place, panel["id"], parts)


def _slashed(batch: Batch, event: Happening, place: int) -> None:
    """Also after the panel was closed."""
    values = event.values
    row = _seat(batch, event, Seat.AGREED, Seat.DISAGREED, Seat.SETTLED)
    order = batch.edit(ORDER, values["order_id"])
    if order is None:
        raise contradiction("a replica was slashed over an order that was never accepted")
    lost = values["to_client"] + values["to_challenger"] + values["burned"]
    row |= {"status": int(Seat.CONVICTED), "fined": str(int(row["fined"]) + lost)}
    _member(batch, event, MemberStatus.IN, MemberStatus.LEAVING)["tickets"] = 0
    parts = [
        (values["replica"], CreditKind.STAKE_SLASH, -lost),
        (order["client"], CreditKind.COMPENSATION, values["to_client"]),
        (values["challenger"], CreditKind.REWARD, values["to_challenger"]),
        (BURN_ADDRESS, CreditKind.BURN, values["burned"]),
    ]
    credit(batch, event, place, row["order_id"], parts)


def _seat(batch: Batch, event: Happening, *statuses: Seat) -> Fields:
    for place in batch.of_order(SEAT, event.values["order_id"]):
        row = batch.edit(SEAT, place)
        if row is not None and row["replica"] == event.values["replica"] and row["status"] in statuses:
            return row
    raise contradiction(f"{event.topic} for order 0x{event.values['order_id'].hex()}, where there is no such seat")


def _pay(
    batch: Batch, event: Happening, place: int, panel: Fields, account: Address, amount: int, kind: CreditKind
) -> None:
    """Out of what the provider advanced."""
    if amount:
        credit(batch, event, place, panel["id"], [(panel["provider"], kind, -amount), (account, kind, amount)])


PANELS: dict[str, Callable[[Batch, Happening, int], None]] = {
    "PoolJoined": _joined,
    "PoolLeft": _left,
    "StakeCollected": _collected,
    "ResultSealed": _sealed,
    "DrawMoved": _moved,
    "PanelDrawn": _drawn,
    "SeatCommitted": _committed,
    "RevealsOpened": _opened,
    "SeatRevealed": _revealed,
    "SeatSettled": _settled,
    "PanelClosed": _closed,
    "ReplicaSlashed": _slashed,
}
"""What to do on each event."""
