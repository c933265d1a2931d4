"""Where a deployment keeps its files, so that stop, crash and start again lose nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Home"]


@dataclass(frozen=True, slots=True)
class Home:
    """One folder with everything in it."""

    path: Path
    """The folder."""

    @property
    def deployment(self) -> Path:
        """Addresses and parameters of the contracts."""
        return self.path / "deployment.json"

    @property
    def chain(self) -> Path:
        """State of the embedded development chain."""
        return self.path / "chain"

    @property
    def public(self) -> Path:
        """Content store of public data."""
        return self.path / "public"

    @property
    def log(self) -> Path:
        """Transparency log: tiles, entries, checkpoint."""
        return self.path / "log"

    @property
    def log_key(self) -> Path:
        """The log's public key, as verifiers write it into their trust file."""
        return self.path / "log.pub"

    @property
    def log_owner(self) -> Path:
        """Address of the account that anchors the log."""
        return self.path / "log.owner"

    @property
    def running(self) -> Path:
        """Says where the market of this home runs, while it runs."""
        return self.path / "running.json"

    @property
    def keys(self) -> Path:
        """Encrypted keystores and the log's signing key."""
        return self.path / "keys"

    @property
    def orders(self) -> Path:
        """The client's own journal: orders placed, with the inputs that open them."""
        return self.path / "client" / "orders.db"

    def journal(self, node: str) -> Path:
        """Journal of one node."""
        return self.path / "nodes" / node / "journal.db"
