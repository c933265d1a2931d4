"""What a verifier starts from and ends with: trust root, facts from a chain, numbered checks, report.

The checks themselves are in `concordat.verify`; the list here gives each its number and name once and for all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from concordat.primitives.units import Address, Bytes32, ModelId, OrderId, Timestamp
from concordat.protocol.events import Accepted, Delivered, Paid
from concordat.protocol.ledger import Placed
from concordat.protocol.order import Domain, OrderState
from concordat.protocol.record import DecisionRecord, Placement

__all__ = [
    "CHECKS",
    "AnchoredRoot",
    "ChainFacts",
    "Check",
    "Outcome",
    "Report",
    "SettledOrder",
    "placements_of",
    "sequence_of",
    "settled_orders",
]

CHECKS = {
    1: "the bundle is well-formed",
    2: "the order is the claimed one, at the trusted market",
    3: "the client authorised the order",
    4: "the model commitment opens the order's model",
    5: "the input opens the order's input commitment",
    6: "the result opens the recorded result commitment",
    7: "the output opens the result, and has the model's shape",
    8: "the evidence satisfies the policy that the client signed",
    9: "the record says the same as the bundle",
    10: "the record is in the log",
    11: "a trusted log signed the checkpoint",
    12: "enough trusted witnesses signed the checkpoint",
    13: "running the model again, or its proof, shows the same result",
    14: "the chain settled the order as recorded",
    15: "the log's checkpoint is anchored on chain",
    16: "the record has its place in the model's unbroken sequence",
}
"""Number and name of every check."""


class Outcome(StrEnum):
    """How a check ended."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    NOT_CHECKED = "not checked"
    ERASED = "erased"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One numbered check."""

    number: int
    """Key in `CHECKS`."""
    outcome: Outcome
    """How it ended."""
    reason: str
    """Why, in one sentence."""

    @property
    def name(self) -> str:
        """What was to be shown."""
        return CHECKS[self.number]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a verification found; falsy unless everything that was required passed."""

    checks: tuple[Check, ...]
    """All sixteen, in order."""
    required: frozenset[int]
    """Numbers that must pass for :attr:`ok`."""
    subject: tuple[tuple[str, str], ...] = field(default=())
    """What the bundle is about, as label and value."""

    @property
    def ok(self) -> bool:
        """Nothing failed, and all that was required passed."""
        return not self.failed and all(c.outcome is Outcome.PASS for c in self.checks if c.number in self.required)

    @property
    def failed(self) -> tuple[Check, ...]:
        """Checks that contradict the bundle."""
        return tuple(check for check in self.checks if check.outcome is Outcome.FAIL)

    @property
    def erased(self) -> bool:
        """Whether the log says that what was private has been erased."""
        return any(check.outcome is Outcome.ERASED for check in self.checks)

    @property
    def trusted(self) -> bool:
        """Whether log (and witnesses, where asked for) are those of the trust root."""
        signers = {11, 12} & self.required
        return all(c.outcome is Outcome.PASS for c in self.checks if c.number in signers)

    @property
    def exit_code(self) -> int:
        """0 verified, 1 a check failed, 3 consistent, but not all that is required could be checked."""
        return 1 if self.failed else 0 if self.ok else 3

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        marks = {Outcome.PASS: "pass", Outcome.FAIL: "FAIL", Outcome.NOT_CHECKED: "----", Outcome.ERASED: "gone"}
        lines = [f"{c.number:>2}  {marks[c.outcome]}  {c.name}: {c.reason}" for c in self.checks]
        return "\n".join([*lines, self.verdict])

    @property
    def verdict(self) -> str:
        """One sentence."""
        if self.failed:
            return f"FAILED: check {', '.join(str(c.number) for c in self.failed)} contradicts the bundle."
        if self.ok:
            return "VERIFIED: everything that was required was checked and holds."
        gone = [str(c.number) for c in self.checks if c.outcome is Outcome.ERASED]
        if gone:
            return f"ERASED: nothing contradicts the bundle, but what check {', '.join(gone)} needs has been erased."
        left = [str(c.number) for c in self.checks if c.number in self.required and c.outcome is not Outcome.PASS]
        grade = "NOT COMPLETE" if self.trusted else "NOT TRUSTED"
        return f"CONSISTENT, {grade}: nothing contradicts the bundle, but check {', '.join(left)} is open."

    def explain(self) -> str:
        """The report in plain language."""
        lines = [f"{label}: {value}" for label, value in self.subject]
        for outcome, heading in (
            (Outcome.FAIL, "What is wrong"),
            (Outcome.PASS, "What was checked and holds"),
            (Outcome.NOT_CHECKED, "What was not checked"),
            (Outcome.ERASED, "What can no longer be checked"),
        ):
            found = [c for c in self.checks if c.outcome is outcome]
            if found:
                lines += [
                    "",
                    f"{heading}:",
                    *(f"  {c.number}. {_sentence(c.name)} {_sentence(c.reason)}" for c in found),
                ]
        return "\n".join([*lines, "", self.verdict])

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "ok": self.ok,
            "trusted": self.trusted,
            "exit_code": self.exit_code,
            "verdict": self.verdict,
            "subject": dict(self.subject),
            "checks": [
                {
                    "number": c.number,
                    "name": c.name,
                    "outcome": c.outcome.value,
                    "reason": c.reason,
                    "required": c.number in self.required,
                }
                for c in self.checks
            ],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledOrder:
    """One `Paid` event: what the log's completeness is measured against."""

    order_id: OrderId
    """Which order."""
    model: ModelId
    """Which model decided."""
    provider: Address
    """Who was paid."""
    gathered: int
    """Evidence mask."""
    time: Timestamp
    """Time of its block."""
    block: int
    """Block number."""
    index: int
    """Position in the block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchoredRoot:
    """One checkpoint that a contract recorded."""

    contract: Address
    """The Checkpoints contract."""
    log: Bytes32
    """The log's id there."""
    size: int
    """Entries."""
    root: Bytes32
    """RFC 6962 root."""
    time: Timestamp
    """Time of its block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainFacts:
    """What somebody read from a chain for the verifier, who takes it as read from an honest endpoint."""

    domain: Domain
    """Chain and market that were asked."""
    state: OrderState
    """The order's slot."""
    placements: tuple[Placement, ...]
    """Where the order's events stand, in order."""
    settled: tuple[SettledOrder, ...]
    """All paid orders of the model, in order of the chain."""
    anchors: tuple[AnchoredRoot, ...] = ()
    """The log's checkpoints on chain."""
    records: tuple[DecisionRecord, ...] | None = None
    """The log's records of the model, in its order, from an audited copy; ``None`` if unread."""


def placements_of(events: Iterable[Placed], order: OrderId) -> tuple[Placement, ...]:
    """Where the events stand that carried an order from offer to payment."""
    return tuple(
        Placement(
            event=type(placed.event).__name__,
            block=placed.block,
            index=placed.index,
            time=placed.time,
            transaction=placed.transaction,
            block_hash=placed.block_hash,
        )
        for placed in sorted(events, key=lambda p: (p.block, p.index))
        if isinstance(placed.event, Accepted | Delivered | Paid) and placed.event.order_id == order
    )


def settled_orders(events: Iterable[Placed], model: ModelId) -> tuple[SettledOrder, ...]:
    """Paid orders of a model, in order of the chain."""
    found = [
        SettledOrder(
            order_id=placed.event.order_id,
            model=placed.event.model,
            provider=placed.event.provider,
            gathered=placed.event.gathered,
            time=placed.time,
            block=placed.block,
            index=placed.index,
        )
        for placed in events
        if isinstance(placed.event, Paid) and placed.event.model == model
    ]
    return tuple(sorted(found, key=lambda order: (order.block, order.index)))


def sequence_of(settled: Iterable[SettledOrder], order: OrderId) -> int | None:
    """Place of an order among the settled ones of its model and provider; ``None`` if it is not among them."""
    ordered = sorted(settled, key=lambda o: (o.block, o.index))
    mine = next((o for o in ordered if o.order_id == order), None)
    if mine is None:
        return None
    return [o.order_id for o in ordered if (o.model, o.provider) == (mine.model, mine.provider)].index(order)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
