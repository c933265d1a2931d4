"""What a prover has said so far."""

from __future__ import annotations

from collections.abc import Sequence

from concordat.zk.field import K, encode
from concordat.zk.transcript import Transcript

__all__ = ["Messages"]


class Messages:
    """The growing proof and the transcript that absorbs it."""

    def __init__(self) -> None:
        self.transcript = Transcript()
        self.parts: list[bytes] = []

    def say(self, tag: int, values: Sequence[K]) -> None:
        """Send and absorb elements of K."""
        data = encode(values)
        self.parts.append(data)
        self.transcript.absorb(tag, data)

    def commit(self, tag: int, root: bytes) -> None:
        """Send and absorb a root."""
        self.parts.append(root)
        self.transcript.absorb(tag, root)

    def grind(self, bits: int) -> None:
        """Find and send the nonce of a proof of work."""
        state, nonce = self.transcript.state, 0
        while not self.transcript.grinds(nonce, bits):
            self.transcript.state = state
            nonce += 1
        self.parts.append(nonce.to_bytes(8, "big"))
