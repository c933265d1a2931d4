"""How a node is: alive (its loop turns), ready (it can do its work), and what it counts; asked at its door.

``GET /health`` · ``GET /ready`` · ``GET /metrics``. Every role has them. They tell nothing about anybody's orders, but
money and load of the node: let your own network in, not the world.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from concordat.node.http import Page
from concordat.node.operations.metrics import CONTENT_TYPE, Metrics
from concordat.node.operations.sight import Lookout, Sight

__all__ = ["Needs", "Pulse", "Reason", "operations_routes", "readiness"]

STUCK_SECONDS = 900.0
"""A loop that has not turned for so long does not turn any more: longer than any wait for a transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a node needs to be ready."""

    chain_id: int
    """EIP-155 id of its chain."""
    blocks_behind: int = 16
    """Most blocks that a feed may have yet to read."""
    gas: int = 10**16
    """Least wei for gas: some hundred transactions at one gwei."""
    stake: int = 0
    """Least settlement tokens in the vault, free or locked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One condition of readiness."""

    name: str
    """Which: ``chain``, ``network``, ``synced``, ``journal``, ``gas`` or ``stake``."""
    ok: bool
    """Whether it holds."""
    detail: str
    """How it is, in one sentence."""


class Pulse:
    """When the loop turned last.

    Parameters
    ----------
    clock : callable
        Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last = clock()

    def beat(self) -> None:
        """The loop turns."""
        self._last = self._clock()

    @property
    def age(self) -> float:
        """Seconds since then."""
        return self._clock() - self._last


def readiness(sight: Sight, needs: Needs, next_blocks: dict[str, tuple[int, int]]) -> tuple[Reason, ...]:
    """Every condition, in a fixed order.

    Parameters
    ----------
    sight : Sight
        A look at chain and journal.
    needs : Needs
        What the node needs.
    next_blocks : dict
        Next block of each feed, and how many of the newest it leaves out.
    """
    journal = Reason(
        name="journal",
        ok=sight.store is not None,
        detail="It can be written." if sight.store is not None else sight.failures["journal"].code,
    )
    chain = sight.chain
    if chain is None:
        return (Reason(name="chain", ok=False, detail=sight.failures["chain"].code), journal)
    behind = [max(0, chain.head + 1 - left_out - after) for after, left_out in next_blocks.values()]
    stake = chain.balance.free + chain.balance.locked
    return (
        Reason(name="chain", ok=True, detail=f"It answers; block {chain.head}."),
        Reason(name="network", ok=chain.chain_id == needs.chain_id, detail=f"Chain {chain.chain_id}."),
        Reason(
            name="synced",
            ok=bool(behind) and max(behind) <= needs.blocks_behind,
            detail=f"{max(behind)} blocks to read." if behind else "Nothing was read yet.",
        ),
        journal,
        Reason(name="gas", ok=chain.coin >= needs.gas, detail=f"{chain.coin} wei; {needs.gas} needed."),
        Reason(name="stake", ok=stake >= needs.stake, detail=f"{stake} base units; {needs.stake} needed."),
    )


def operations_routes(
    role: str, name: str, metrics: Metrics, lookout: Lookout, pulse: Pulse, needs: Needs
) -> dict[str, Callable[[Any], Any]]:
    """Routes that every node's door has."""

    def health(_: Any) -> Page:
        alive = pulse.age < STUCK_SECONDS
        status = HTTPStatus.OK if alive else HTTPStatus.SERVICE_UNAVAILABLE
        return Page.json({"role": role, "name": name, "alive": alive, "last_step_seconds": round(pulse.age, 1)}, status)

    def ready(_: Any) -> Page:
        reasons = readiness(lookout.look(), needs, metrics.next_blocks)
        fine = all(reason.ok for reason in reasons)
        rows = [{"name": reason.name, "ok": reason.ok, "detail": reason.detail} for reason in reasons]
        body = {"role": role, "name": name, "ready": fine, "reasons": rows}
        return Page.json(body, HTTPStatus.OK if fine else HTTPStatus.SERVICE_UNAVAILABLE)

    def count(_: Any) -> Page:
        return Page(status=HTTPStatus.OK, content_type=CONTENT_TYPE, body=metrics.text())

    return {"GET /health": health, "GET /ready": ready, "GET /metrics": count}
