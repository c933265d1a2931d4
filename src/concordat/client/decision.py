"""What a model decided, as its client holds it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from concordat.graph.schema import Output
from concordat.primitives.encoding import to_hex
from concordat.primitives.units import OrderId
from concordat.protocol.bundle import Bundle
from concordat.protocol.evidence import EvidenceKind, kinds_in
from concordat.protocol.order import OrderState, OrderStatus
from concordat.storage.files import write_file

__all__ = ["Decision"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One decision with everything that proves it."""

    id: OrderId
    """Order that bought it."""
    state: OrderState
    """Where the order stood when this was read."""
    output: Output
    """What the model said, decoded with its schema."""
    bundle: Bundle
    """The portable proof."""
    effect: None = None
    """On-chain effect that follows it; none unless the order named one."""

    @property
    def evidence(self) -> frozenset[EvidenceKind]:
        """Kinds of evidence gathered so far; empty while the window is open and nothing was proven."""
        return kinds_in(self.state.gathered)

    @property
    def status(self) -> OrderStatus:
        """Where the order stood when this was read."""
        return self.state.status

    def save(self, path: Path | str) -> Path:
        """Write the bundle to a file, all of it or nothing.

        Raises
        ------
        StorageError
            If the disk refuses.
        """
        target = Path(path)
        write_file(target, self.bundle.encode())
        return target

    def __str__(self) -> str:
        kinds = ", ".join(sorted(kind.word for kind in self.evidence)) or "none yet"
        return f"{self.output} · order {to_hex(self.id)[:10]}…, {self.status.name.lower()}, evidence: {kinds}"
