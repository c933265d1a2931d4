"""Where a deployment keeps its files, so that stop, crash and start again lose nothing.

Journals and the index are SQLite files in the home, or tables of a database; the log is a folder, or a table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from concordat.storage.content import ContentStore, open_content
from concordat.storage.journal import Journal
from concordat.storage.log_files import LogFiles, open_log_files

__all__ = ["Home"]


@dataclass(frozen=True, slots=True)
class Home:
    """One folder with everything in it."""

    path: Path
    """The folder."""
    database: str = field(default="", repr=False)
    """URL of the database that keeps journals and index; files of this folder if empty."""
    log_store: str = field(default="", repr=False)
    """URL of the database that keeps the transparency log; a folder of this one if empty."""
    content: str = ""
    """URL of the content store that keeps public data; a folder of this one if empty."""
    data_key: str = ""
    """File with the owner's key, which wraps the keys of subjects; one of this folder if empty."""
    beacon: str = field(default="", repr=False)
    """URL of the consensus node from which blobs of claims are read; none if empty."""

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

    def open_content(self) -> ContentStore:
        """Public data: programs, manifests, disclosed inputs, traces."""
        return open_content(self.content or self.public)

    def journal(self, node: str) -> Path:
        """Journal of one node, where it is a file; what else the node writes lies beside it."""
        return self.path / "nodes" / node / "journal.db"

    def ready(self, node: str) -> Path:
        """Is there as soon as a node works."""
        return self.journal(node).with_name("ready")

    def open_journal(self, node: str, *, on_write: Callable[[str], None] | None = None) -> Journal:
        """Journal of one node, as its only process; errors as for `Journal`."""
        return Journal(self.database or self.journal(node), name=f"node-{node}", on_write=on_write)

    def open_orders(self) -> Journal:
        """The client's own journal, shared by its processes; errors as for `Journal`."""
        return Journal(self.database or self.orders, name="client", exclusive=False)

    def open_log(self, *, exclusive: bool = False, on_write: Callable[[str], None] = lambda _: None) -> LogFiles:
        """Files of the transparency log, to read or, `exclusive`, to write."""
        return open_log_files(self.log_store or self.log, exclusive=exclusive, on_write=on_write)
