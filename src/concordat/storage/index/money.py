"""What events say of balances in the vault: one row for each change, and a sum for each account."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from concordat.primitives.units import Address
from concordat.protocol.ledger import BURN_ADDRESS
from concordat.storage.index.batch import Batch
from concordat.storage.index.happening import CreditKind, Happening, contradiction
from concordat.storage.index.tables import ACCOUNT, CREDIT, ORDER, PARTS

__all__ = ["MOVEMENTS", "credit"]


def credit(
    batch: Batch,
    event: Happening,
    place: int,
    order: bytes | None,
    parts: Sequence[tuple[Address, CreditKind, int]],
) -> None:
    """Write down whose balance changed, why, and by how much."""
    for part, (account, kind, amount) in enumerate(parts):
        row = {
            "place": place * PARTS + part,
            "account": account,
            "order_id": order,
            "kind": int(kind),
            "amount": str(amount),
            "time": event.time,
            "tx": event.transaction,
        }
        batch.add(CREDIT, row)
        total = batch.edit(ACCOUNT, account)
        if total is None:
            batch.add(ACCOUNT, {"id": account, "total": str(amount), "entries": 1})
        else:
            total["total"], total["entries"] = str(int(total["total"]) + amount), total["entries"] + 1


def _deposited(batch: Batch, event: Happening, place: int) -> None:
    credit(batch, event, place, None, [(event.values["account"], CreditKind.DEPOSIT, event.values["amount"])])


def _withdrawn(batch: Batch, event: Happening, place: int) -> None:
    credit(batch, event, place, None, [(event.values["account"], CreditKind.WITHDRAWAL, -event.values["amount"])])


def _dispute_lost(batch: Batch, event: Happening, place: int) -> None:
    values, order = event.values, batch.edit(ORDER, event.values["order_id"])
    if order is None:
        raise contradiction("a dispute was lost over an order that was never accepted")
    parts = [
        (values["challenger"], CreditKind.DISPUTE_COST, -(values["to_provider"] + values["burned"])),
        (order["provider"], CreditKind.DISPUTE_COST, values["to_provider"]),
        (BURN_ADDRESS, CreditKind.BURN, values["burned"]),
    ]
    credit(batch, event, place, order["id"], parts)


MOVEMENTS: dict[str, Callable[[Batch, Happening, int], None]] = {
    "Deposited": _deposited,
    "Withdrawn": _withdrawn,
    "DisputeLost": _dispute_lost,
}
"""What to do on each event that is about money and nothing else, or besides."""
