"""Calls to one packaged contract that is not part of the order protocol: registries, anchors, identities."""

from __future__ import annotations

from typing import Any

from concordat.chain.accounts import Signer
from concordat.chain.answers import Refusal
from concordat.chain.contracts import contract
from concordat.chain.deployment import read
from concordat.chain.ledger import EvmLedger
from concordat.chain.logs import fetch_logs
from concordat.chain.translate import error_for
from concordat.primitives.encoding import from_hex
from concordat.primitives.units import Address

__all__ = ["Caller"]


class Caller:
    """Sends and reads with one packaged contract."""

    def __init__(self, ledger: EvmLedger, name: str, address: Address) -> None:
        self.ledger, self.name, self.address = ledger, name, address

    def send(self, signer: Signer, function: str, *arguments: Any) -> None:
        """One transaction; a refusal raises the custom error's name."""
        try:
            self.ledger.sender.send(signer, self.address, contract(self.name).call(function, *arguments))
        except Refusal as refusal:
            raise error_for(refusal.data, refusal.text) from refusal

    def read(self, function: str, *arguments: Any) -> Any:
        """One view."""
        return read(self.ledger.endpoint, [(self.name, self.address, function, arguments)])[0]

    def logs(self, event: str) -> list[tuple[dict[str, Any], Any]]:
        """All of one event's logs: arguments and raw log, oldest first."""
        return [(values, log) for name, values, log in self._decoded() if name == event]

    def history(self, *events: str, start: int, end: int) -> list[tuple[str, dict[str, Any]]]:
        """Names and arguments of some events in blocks ``start … end``, oldest first."""
        return [(name, values) for name, values, _ in self._decoded(start, end) if name in events]

    def _decoded(self, start: int = 0, end: int | None = None) -> list[tuple[str, dict[str, Any], Any]]:
        known = contract(self.name)
        first, last = max(start, self.ledger.deployment.block), self.ledger.head() if end is None else end
        found = fetch_logs(self.ledger.endpoint, [self.address], first, last)
        decoded = [(known.log([from_hex(t) for t in log["topics"]], from_hex(log["data"])), log) for log in found]
        return [(*item, log) for item, log in decoded if item is not None]
