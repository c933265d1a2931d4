"""What the index answers with: one value for each row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from concordat.primitives.units import Address, Amount, Bytes32, ModelId, OrderId, Seconds, Timestamp
from concordat.protocol.artifact import ArtifactKind
from concordat.protocol.order import Order, OrderStatus
from concordat.protocol.panel import Seat
from concordat.storage.index.happening import CreditKind, DisputeKind, DisputeStatus, MemberStatus, PanelStatus
from concordat.storage.index.tables import (
    AGENT,
    ARTIFACT,
    CREDIT,
    DISPUTE,
    LOG_BITS,
    MEMBER,
    ORDER,
    PANEL,
    PARTS,
    SEAT,
)
from concordat.storage.sql.schema import Row, Table

__all__ = [
    "AgentEntry",
    "ArtifactEntry",
    "CreditEntry",
    "DisputeEntry",
    "Indexed",
    "MemberEntry",
    "Moment",
    "OrderEntry",
    "PanelEntry",
    "SeatEntry",
    "entry_of",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When something happened."""

    block: int
    """Block number."""
    index: int
    """Position in the block."""
    time: Timestamp
    """The block's time."""
    transaction: Bytes32
    """Hash of the transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEntry:
    """An order and what became of it."""

    id: OrderId
    """Its id."""
    order: Order
    """Its terms."""
    status: OrderStatus
    """Where it stands."""
    accepted: Moment
    """When it was accepted."""
    delivered: Moment | None
    """When it was delivered."""
    ended: Moment | None
    """When it was paid, refunded, cancelled or slashed."""
    until: Timestamp | None
    """First second after its window, once delivered."""
    trace_root: Bytes32 | None
    """Root of the execution's memory, once delivered."""
    output: bytes | None
    """What was delivered."""
    gathered: int
    """Evidence mask, once paid: how it was settled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeEntry:
    """One challenge of one result."""

    order: OrderId
    """Which order."""
    challenger: Address
    """Who challenges."""
    kind: DisputeKind
    """How."""
    status: DisputeStatus
    """How it stands."""
    moves: int
    """Moves made so far."""
    part: int | None
    """Part that is demanded, if it is a demand."""
    deadline: Timestamp | None
    """Last second for the next move, or for the last one."""
    opened: Moment
    """When it began."""
    ended: Moment | None
    """When it ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactEntry:
    """One registered artifact."""

    id: Bytes32
    """Its id."""
    kind: ArtifactKind
    """What it is."""
    owner: Address
    """Who owns it."""
    manifest_digest: Bytes32
    """SHA-256 of its manifest."""
    parents: tuple[Bytes32, ...]
    """What it descends from."""
    royalty: int
    """Share of a sale for who registered it, hundredths of a per cent."""
    uri: str
    """Where it was said to be when it was registered; empty if that was too long to keep."""
    uri_length: int
    """Characters of what was said."""
    registered: Moment
    """When."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentEntry:
    """One registered agent (ERC-8004)."""

    id: int
    """Token id."""
    owner: Address
    """Who owns it."""
    uri: str
    """Its registration file; empty if that was too long to keep."""
    uri_length: int
    """Characters of what was said."""
    wallet: Address | None
    """Account that it is paid to."""
    registered: Moment
    """When."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditEntry:
    """One change of an account's balance in the vault, as the events state it.

    Bonds that are only locked and unlocked are no change, and what an order takes out of a free balance is not said in
    any event.
    """

    account: Address
    """Whose."""
    kind: CreditKind
    """Why."""
    amount: int
    """How much; negative if it was taken."""
    order: OrderId | None
    """For which order."""
    when: Moment
    """When."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberEntry:
    """A replica that is or was in the pool."""

    replica: Address
    """Who."""
    status: MemberStatus
    """How he stands."""
    tickets: int
    """His stake, in tickets."""
    free_at: Timestamp | None
    """First second at which his stake is free, once he leaves."""
    joined: Moment
    """When he joined, last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelEntry:
    """The replicas of one order, as a whole."""

    order: OrderId
    """Which order."""
    provider: Address
    """Who sealed a result."""
    status: PanelStatus
    """How it stands."""
    fee: Amount
    """What one replica earns."""
    draw_block: int
    """Block whose random number draws."""
    draw_by: Timestamp
    """Last second to draw."""
    commit_by: Timestamp | None
    """Last second to commit, once drawn."""
    reveal_by: Timestamp | None
    """Last second to reveal, once delivered."""
    sealed: Moment
    """When the result was sealed."""
    ended: Moment | None
    """When what was left of the fees was given back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatEntry:
    """One replica's part in one order."""

    order: OrderId
    """Which order."""
    replica: Address
    """Who was drawn."""
    status: Seat
    """What became of it."""
    digest: Bytes32 | None
    """What he committed to."""
    trace_root: Bytes32 | None
    """Root of his trace, once revealed."""
    output_hash: Bytes32 | None
    """Keccak-256 of his output, once revealed."""
    paid: Amount
    """What he earned."""
    fined: Amount
    """What he lost."""
    drawn: Moment
    """When."""


Indexed = OrderEntry | DisputeEntry | ArtifactEntry | AgentEntry | CreditEntry | MemberEntry | PanelEntry | SeatEntry
"""Any of them."""


def entry_of(table: Table, row: Row) -> Indexed:
    """The value of a whole row."""
    return _READERS[table.name](dict(zip(table.columns, row, strict=True)))


def _order(row: Mapping[str, Any]) -> OrderEntry:
    order = Order(
        client=row["client"],
        provider=row["provider"],
        price=Amount(int(row["price"])),
        bond=Amount(int(row["bond"])),
        accept_by=row["accept_by"],
        deliver_by=row["deliver_by"],
        window=Seconds(row["challenge_window"]),
        model=ModelId(row["model"]),
        input=row["input"],
        evidence=row["evidence"],
        effect=row["effect"],
        terms=row["terms"],
        salt=row["salt"],
    )
    return OrderEntry(
        id=OrderId(row["id"]),
        order=order,
        status=OrderStatus(row["status"]),
        accepted=_moment(row["place"], row["accepted_time"], row["accepted_tx"]),
        delivered=_perhaps(row, "delivered"),
        ended=_perhaps(row, "ended"),
        until=row["until"],
        trace_root=row["trace_root"],
        output=row["output"],
        gathered=row["gathered"],
    )


def _dispute(row: Mapping[str, Any]) -> DisputeEntry:
    return DisputeEntry(
        order=OrderId(row["order_id"]),
        challenger=row["challenger"],
        kind=DisputeKind(row["kind"]),
        status=DisputeStatus(row["status"]),
        moves=row["moves"],
        part=row["part"],
        deadline=row["deadline"],
        opened=_moment(row["place"], row["opened_time"], row["opened_tx"]),
        ended=_perhaps(row, "ended"),
    )


def _artifact(row: Mapping[str, Any]) -> ArtifactEntry:
    parents = row["parents"]
    return ArtifactEntry(
        id=row["id"],
        kind=ArtifactKind(row["kind"]),
        owner=row["owner"],
        manifest_digest=row["manifest"],
        parents=tuple(Bytes32(parents[i : i + 32]) for i in range(0, len(parents), 32)),
        royalty=row["royalty"],
        uri=row["uri"],
        uri_length=row["uri_length"],
        registered=_moment(row["place"], row["registered_time"], row["registered_tx"]),
    )


def _agent(row: Mapping[str, Any]) -> AgentEntry:
    return AgentEntry(
        id=row["id"],
        owner=row["owner"],
        uri=row["uri"],
        uri_length=row["uri_length"],
        wallet=row["wallet"],
        registered=_moment(row["place"], row["registered_time"], row["registered_tx"]),
    )


def _credit(row: Mapping[str, Any]) -> CreditEntry:
    return CreditEntry(
        account=row["account"],
        kind=CreditKind(row["kind"]),
        amount=int(row["amount"]),
        order=row["order_id"],
        when=_moment(row["place"] // PARTS, row["time"], row["tx"]),
    )


def _member(row: Mapping[str, Any]) -> MemberEntry:
    return MemberEntry(
        replica=row["id"],
        status=MemberStatus(row["status"]),
        tickets=row["tickets"],
        free_at=row["free_at"],
        joined=_moment(row["place"], row["joined_time"], row["joined_tx"]),
    )


def _panel(row: Mapping[str, Any]) -> PanelEntry:
    return PanelEntry(
        order=OrderId(row["id"]),
        provider=row["provider"],
        status=PanelStatus(row["status"]),
        fee=Amount(int(row["fee"])),
        draw_block=row["draw_block"],
        draw_by=row["draw_by"],
        commit_by=row["commit_by"],
        reveal_by=row["reveal_by"],
        sealed=_moment(row["place"], row["sealed_time"], row["sealed_tx"]),
        ended=_perhaps(row, "ended"),
    )


def _seat(row: Mapping[str, Any]) -> SeatEntry:
    return SeatEntry(
        order=OrderId(row["order_id"]),
        replica=row["replica"],
        status=Seat(row["status"]),
        digest=row["digest"],
        trace_root=row["trace_root"],
        output_hash=row["output_hash"],
        paid=Amount(int(row["paid"])),
        fined=Amount(int(row["fined"])),
        drawn=_moment(row["place"] // PARTS, row["drawn_time"], row["drawn_tx"]),
    )


def _perhaps(row: Mapping[str, Any], name: str) -> Moment | None:
    place = row[f"{name}_place"]
    return None if place is None else _moment(place, row[f"{name}_time"], row[f"{name}_tx"])


def _moment(place: int, time: int, transaction: bytes) -> Moment:
    block, index = place >> LOG_BITS, place & (1 << LOG_BITS) - 1
    return Moment(block=block, index=index, time=Timestamp(time), transaction=Bytes32(transaction))


_READERS: dict[str, Callable[[Mapping[str, Any]], Indexed]] = {
    ORDER.name: _order,
    DISPUTE.name: _dispute,
    ARTIFACT.name: _artifact,
    AGENT.name: _agent,
    CREDIT.name: _credit,
    MEMBER.name: _member,
    PANEL.name: _panel,
    SEAT.name: _seat,
}
