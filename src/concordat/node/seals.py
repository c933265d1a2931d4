"""The keys to which a provider's clients seal their inputs.

Private keys lie in one file that only its owner can read, newest first. A rotated key still opens what was sealed to it
before; a client that lets a provider erase an order is told so only after the sealed input is gone.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from concordat.client.home import Home
from concordat.client.private import SealingKey, sealing_digest
from concordat.client.sealing import SealingPair
from concordat.primitives.encoding import from_hex, to_hex
from concordat.primitives.errors import ConcordatError, CorruptionError
from concordat.primitives.units import Address, Bytes32, Timestamp
from concordat.protocol.order import Domain
from concordat.storage.files import read_file, write_file

__all__ = ["SealKeys", "add_pair", "load_pairs", "seal_file"]

KEPT = 4
"""Keys that still open offers: the current one and those before it."""
VALID_SECONDS = 30 * 86_400
"""For how long an announcement counts; a provider makes a new one whenever it is asked."""
_LONGEST = 4_096


class SealKeys:
    """A provider's key pairs for sealed offers.

    Parameters
    ----------
    path : Path
        File with the private keys; made with the first one if missing.
    address : Address
        The provider.
    sign : callable
        Signs a digest as the provider.
    domain : Domain
        The market in which announcements count.
    """

    def __init__(self, path: Path, address: Address, sign: Callable[[bytes], bytes], domain: Domain) -> None:
        self._path, self._address, self._sign, self._domain = path, address, sign, domain
        self._pairs = load_pairs(path) or add_pair(path)

    @property
    def pairs(self) -> tuple[SealingPair, ...]:
        """Key pairs that open offers, newest first."""
        return self._pairs

    def announcement(self, now: Timestamp) -> SealingKey:
        """What clients are to seal to, signed by the provider."""
        key, until = self._pairs[0].public, Timestamp(now + VALID_SECONDS)
        signature = self._sign(sealing_digest(key, until, self._domain))
        return SealingKey(provider=self._address, key=key, until=until, signature=signature)

    def rotate(self) -> None:
        """Use a fresh key from now on."""
        self._pairs = add_pair(self._path)


def seal_file(home: Home, node: str) -> Path:
    """Where a provider of a home keeps its private keys for sealed offers."""
    return home.journal(node).with_name("seal.keys")


def load_pairs(path: Path) -> tuple[SealingPair, ...]:
    """Key pairs in a file, newest first; none if it is not there.

    Raises
    ------
    CorruptionError
        If it holds something else.
    """
    data = read_file(path, limit=_LONGEST)
    if data is None:
        return ()
    try:
        return tuple(SealingPair(Bytes32(from_hex(key, length=32))) for key in json.loads(data))
    except (ConcordatError, ValueError, TypeError) as error:
        raise CorruptionError(
            f"{path} holds no sealing keys.",
            code="BadSealingKeys",
            hint="Restore it from a backup; without it private orders that were taken cannot be read.",
        ) from error


def add_pair(path: Path) -> tuple[SealingPair, ...]:
    """Put a fresh pair in front of those in a file; the oldest beyond `KEPT` are forgotten."""
    pairs = (SealingPair.draw(), *load_pairs(path))[:KEPT]
    write_file(path, json.dumps([to_hex(pair.private) for pair in pairs]).encode())
    return pairs
