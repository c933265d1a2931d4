"""Changed proofs: words, neighbours and ends of every region, and parts of another proof."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from concordat.testing.anatomy import Region
from concordat.zk.field import P

__all__ = ["by_region", "changed_proofs"]

_WORDS = (P - 1, P, 0, 1 << 63, (1 << 64) - 1)


def by_region(regions: Sequence[Region]) -> dict[str, list[Region]]:
    """Regions that hold something, by name."""
    named: dict[str, list[Region]] = {}
    for region in regions:
        if region.end > region.start:
            named.setdefault(region.name, []).append(region)
    return named


def changed_proofs(
    regions: Sequence[Region], proof: bytes, other: bytes, dice: Random, rounds: int
) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of changed proofs; each round changes every kind of region in every way.

    A bit is flipped, a word becomes P - 1, P, zero or huge, two equally long neighbours change places, bytes are taken
    from another proof at the same place, left out, or doubled.
    """
    for name, places in by_region(regions).items():
        for _ in range(rounds):
            for change in _changes(dice.choice(places), places, proof, other, dice):
                if change != proof:
                    yield name, change


def _changes(region: Region, places: list[Region], proof: bytes, other: bytes, dice: Random) -> Iterator[bytes]:
    at = dice.randrange(region.start, region.end)
    yield _patched(proof, at, bytes([proof[at] ^ 1 << dice.randrange(8)]))
    word = region.start + (at - region.start) // 8 * 8
    if word + 8 <= region.end:
        for number in _WORDS:
            yield _patched(proof, word, number.to_bytes(8, "big"))
    size = region.end - region.start
    twin = next((r for r in places if r != region and r.end - r.start == size), None)
    if twin is not None:
        swapped = _patched(proof, region.start, proof[twin.start : twin.end])
        yield _patched(swapped, twin.start, proof[region.start : region.end])
    yield _patched(proof, region.start, other[region.start : region.end])
    if region.start:
        yield proof[: region.start] + other[region.start :]
    yield proof[:at] + proof[at + 1 :]
    yield proof[: region.end] + proof[region.start :]
    yield proof[:at]


def _patched(data: bytes, at: int, piece: bytes) -> bytes:
    return data[:at] + piece + data[at + len(piece) :]
