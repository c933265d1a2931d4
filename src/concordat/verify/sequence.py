"""Did the log tell everything, once, in order, and the same to everybody?

The chain fixes which orders of a model were paid, and in which order; the log must hold exactly these. So an omitted,
reordered, repeated, back-dated or invented record shows, whoever keeps the log.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from concordat.primitives.errors import VerificationError
from concordat.primitives.units import Address, Bytes32, ModelId, OrderId, Timestamp
from concordat.protocol.checkpoint import Checkpoint, NoteKey, SignedNote, verified_by
from concordat.protocol.order import Domain
from concordat.protocol.record import DecisionRecord
from concordat.protocol.transparency import verify_consistency
from concordat.protocol.verification import SettledOrder

__all__ = ["Finding", "FindingKind", "SplitView", "check_sequence", "compare_checkpoints"]


class FindingKind(StrEnum):
    """What is wrong with a log."""

    OMITTED = "omitted"
    """A settled order has no record."""
    REORDERED = "reordered"
    """Records stand in another order, or carry other numbers, than the settlements."""
    DUPLICATED = "duplicated"
    """An order is recorded twice."""
    BACK_DATED = "back-dated"
    """A record carries another time than its settlement."""
    FOREIGN = "foreign"
    """A record is about an order that was not settled here."""
    ALTERED = "altered"
    """A record says something else than the settlement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong."""

    kind: FindingKind
    """What."""
    order_id: OrderId
    """About which order."""
    expected: int | None = None
    """Place or time according to the chain, where there is one."""
    recorded: int | None = None
    """The same according to the log."""

    def __str__(self) -> str:
        detail = "" if self.expected is None else f" (chain {self.expected}, log {self.recorded})"
        return f"order 0x{self.order_id.hex()} is {self.kind.value}{detail}"


def check_sequence(
    records: Iterable[DecisionRecord],
    settled: Iterable[SettledOrder],
    *,
    domain: Domain,
    until: Timestamp | None = None,
) -> tuple[Finding, ...]:
    """Compare a log's records with the orders that a chain settled.

    Parameters
    ----------
    records : iterable of DecisionRecord
        In the order of the log; those of one model, of several, or all.
    settled : iterable of SettledOrder
        Paid orders of the same models and providers.
    domain : Domain
        Chain and market that `settled` were read from.
    until : Timestamp, optional
        Orders settled later need no record yet.

    Returns
    -------
    tuple of Finding
        Empty if the log tells everything, once, in order.
    """
    chain = sorted(settled, key=lambda order: (order.block, order.index))
    logged = list(records)
    return (*_findings_in(logged, chain, domain), *_omissions(logged, chain, domain, until))


def _findings_in(records: Sequence[DecisionRecord], chain: Sequence[SettledOrder], domain: Domain) -> Iterator[Finding]:
    places = _places(chain)
    orders = {order.order_id: order for order in chain}
    seen: set[OrderId] = set()
    last: dict[tuple[ModelId, Address], int] = {}
    for record in records:
        name, order = record.order_id, orders.get(record.order_id)
        if name in seen:
            yield Finding(kind=FindingKind.DUPLICATED, order_id=name)
            continue
        seen.add(name)
        if order is None or record.domain != domain:
            yield Finding(kind=FindingKind.FOREIGN, order_id=name)
            continue
        if (record.model, record.provider, record.gathered) != (order.model, order.provider, order.gathered):
            yield Finding(kind=FindingKind.ALTERED, order_id=name)
        line, place = (order.model, order.provider), places[name]
        if record.sequence != place or place <= last.get(line, -1):
            yield Finding(kind=FindingKind.REORDERED, order_id=name, expected=place, recorded=record.sequence)
        last[line] = max(place, last.get(line, -1))
        if record.time != order.time:
            yield Finding(kind=FindingKind.BACK_DATED, order_id=name, expected=order.time, recorded=record.time)


def _omissions(
    records: Sequence[DecisionRecord], chain: Sequence[SettledOrder], domain: Domain, until: Timestamp | None
) -> Iterator[Finding]:
    logged = {record.order_id for record in records if record.domain == domain}
    for order in chain:
        if order.order_id not in logged and (until is None or order.time <= until):
            yield Finding(kind=FindingKind.OMITTED, order_id=order.order_id)


def _places(chain: Sequence[SettledOrder]) -> dict[OrderId, int]:
    counts: dict[tuple[ModelId, Address], int] = {}
    places: dict[OrderId, int] = {}
    for order in chain:
        line = (order.model, order.provider)
        places[order.order_id] = counts.get(line, 0)
        counts[line] = places[order.order_id] + 1
    return places


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitView:
    """Two checkpoints of one log that cannot both be true: evidence against the log that anybody can check."""

    key: NoteKey
    """The log's key, which signed both."""
    first: SignedNote
    """One face."""
    second: SignedNote
    """The other."""
    proof: tuple[Bytes32, ...] = ()
    """The consistency proof that the log offered and that does not hold; empty for two roots of one size."""

    def verify(self) -> None:
        """Raise `VerificationError` unless the log signed both and they contradict each other.

        Two roots of one size are a contradiction in themselves. For different sizes the log failed to connect them
        with `proof`, which convinces those who know that it was asked.
        """
        if compare_checkpoints(self.first, self.second, self.key, self.proof) is None:
            raise VerificationError("The two checkpoints agree.", code="NoSplitView")


def compare_checkpoints(
    first: SignedNote, second: SignedNote, key: NoteKey, proof: Sequence[bytes] = ()
) -> SplitView | None:
    """Whether two checkpoints of a log contradict each other.

    Parameters
    ----------
    first, second : SignedNote
        In any order.
    key : NoteKey
        The log's key.
    proof : sequence of bytes
        RFC 6962 consistency proof from the smaller to the larger.

    Raises
    ------
    VerificationError
        If the log did not sign both.
    """
    for note in (first, second):
        if key not in verified_by(note, [key]) or Checkpoint.parse(note.text).origin != key.name:
            raise VerificationError(f"{key.name} did not sign this checkpoint.", code="ForeignCheckpoint")
    old, new = sorted((first, second), key=lambda note: Checkpoint.parse(note.text).size)
    small, large = Checkpoint.parse(old.text), Checkpoint.parse(new.text)
    try:
        verify_consistency(small.size, small.root, large.size, large.root, proof)
    except VerificationError:
        return SplitView(key=key, first=old, second=new, proof=tuple(Bytes32(bytes(p)) for p in proof))
    return None
