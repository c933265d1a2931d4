"""Fiat–Shamir: one SHA-256 state that absorbs all that both sides know, in order.

Everything is absorbed under a one-byte tag and with its length, so that no two histories share a state. The random
oracle is ``SHA-256(state ‖ …)``: one block on an EVM, where it is precompile 2, and in hardware elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from concordat.zk.field import K, P, encode

__all__ = ["Transcript"]

_DOMAIN = b"concordat zero-knowledge inference 1"
_ABSORB, _SQUEEZE, _GRIND = b"\x00", b"\x01", b"\x02"


class Transcript:
    """State of one proof; `state` is what a verifier step on chain starts from and ends in."""

    def __init__(self) -> None:
        self.state = sha256(_DOMAIN).digest()

    def absorb(self, tag: int, data: bytes) -> None:
        """Take in bytes under a tag: ``state = H(state ‖ 0 ‖ tag ‖ len u64 ‖ data)``."""
        self.state = sha256(self.state + _ABSORB + bytes([tag]) + len(data).to_bytes(8, "big") + data).digest()

    def absorb_elements(self, tag: int, values: Iterable[K]) -> None:
        """Take in elements of K."""
        self.absorb(tag, encode(values))

    def challenge(self) -> K:
        """A random element of K: the first three words of ``state = H(state ‖ 1)``, each reduced modulo P.

        No value of a coordinate is likelier than ``2**-63``, which the soundness accounting charges for.
        """
        self._squeeze()
        w = [int.from_bytes(self.state[i : i + 8], "big") % P for i in (0, 8, 16)]
        return (w[0], w[1], w[2])

    def challenges(self, count: int) -> list[K]:
        """Several challenges."""
        return [self.challenge() for _ in range(count)]

    def positions(self, count: int, log_size: int) -> list[int]:
        """Query positions below ``2**log_size``, drawn with replacement: the low bits of eight words a squeeze."""
        drawn: list[int] = []
        while len(drawn) < count:
            self._squeeze()
            drawn += [int.from_bytes(self.state[i : i + 4], "big") & ((1 << log_size) - 1) for i in range(0, 32, 4)]
        return drawn[:count]

    def grinds(self, nonce: int, bits: int) -> bool:
        """Whether a nonce does the proof of work; it is absorbed either way."""
        done = sha256(self.state + _GRIND + nonce.to_bytes(8, "big")).digest()
        self.state = done
        return int.from_bytes(done[:8], "big") >> (64 - bits) == 0 if bits else nonce == 0

    def _squeeze(self) -> None:
        self.state = sha256(self.state + _SQUEEZE).digest()
