"""A node that can be watched: its metrics, its pulse, its readiness, and the door at which they are asked."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from concordat.chain.ledger import EvmLedger
from concordat.client.home import Home
from concordat.node.http import Door
from concordat.node.operations.health import Needs, Pulse, operations_routes
from concordat.node.operations.metrics import Metrics
from concordat.node.operations.sight import Lookout, chain_sight
from concordat.primitives.encoding import to_hex
from concordat.primitives.units import Address
from concordat.storage.files import write_file
from concordat.storage.journal import Journal

__all__ = ["WatchedNode", "status_file"]

_log = logging.getLogger("concordat.node")


def status_file(home: Home, name: str) -> Path:
    """Where a node writes down at which door it can be asked how it is."""
    return home.journal(name).with_name("status.json")


class WatchedNode:
    """Everything about one process that others may ask.

    Parameters
    ----------
    role, name : str
        Of the node.
    ledger, journal : EvmLedger, Journal
        Looked at.
    account : Address
        Whose coin and stake count.
    stake : int
        Least stake with which the node is ready.
    """

    def __init__(
        self, role: str, name: str, ledger: EvmLedger, journal: Journal, account: Address, *, stake: int = 0
    ) -> None:
        self._role, self._name, self._address = role, name, account
        self._version = ledger.deployment.version
        self._pulse = Pulse()
        lookout = Lookout(lambda: chain_sight(ledger, account), journal)
        self.metrics = Metrics(lookout).attach()
        needs = Needs(chain_id=ledger.deployment.chain_id, stake=stake)
        self.routes: dict[str, Callable[[Any], Any]] = operations_routes(
            role, name, self.metrics, lookout, self._pulse, needs
        )
        self._door: Door | None = None
        self._status: Path | None = None

    def turned(self, seconds: float) -> None:
        """The loop took one round."""
        self._pulse.beat()
        self.metrics.steps.observe(seconds)

    def started(self, home: Home, url: str | None, *, host: str, port: int) -> None:
        """The node works: open a door unless it has one at `url`, and write down where it is."""
        if url is None:
            self._door = Door(self.routes, host=host, port=port)
            url = self._door.url
        self._status = status_file(home, self._name)
        write_file(self._status, json.dumps({"role": self._role, "url": url}, sort_keys=True).encode())
        fields = {"address": to_hex(self._address), "version": self._version}
        _log.info(
            "%s %s is %s, door %s",
            self._role,
            self._name,
            fields["address"],
            url,
            extra={"event": "started", "fields": fields},
        )

    def close(self) -> None:
        """Close the door, count no more."""
        if self._door is not None:
            self._door.close()
        if self._status is not None:
            self._status.unlink(missing_ok=True)
        self.metrics.detach()
        _log.info("%s %s stopped", self._role, self._name, extra={"event": "stopped"})
