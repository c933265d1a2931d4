"""The log's tree on disk as C2SP tlog-tiles: 256 hashes to a tile, partial ones at the right edge, entries beside.

`TileReader` answers from any place that serves the files (a folder, a web server); `Edge` is the writer's right edge.

References
----------
c2sp.org/tlog-tiles.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from concordat.primitives.errors import CorruptionError
from concordat.primitives.units import Bytes32
from concordat.protocol.transparency import EMPTY_ROOT, entry_hash, fold_complete, join

__all__ = ["WIDTH", "Edge", "TileReader", "entries_path", "pack_entries", "tile_path", "unpack_entries"]

WIDTH = 256
"""Hashes in a full tile: a complete subtree of height 8."""


def tile_path(level: int, index: int, width: int) -> str:
    """``tile/<L>/<N>[.p/<W>]``."""
    return f"tile/{level}/{_name(index, width)}"


def entries_path(index: int, width: int) -> str:
    """``tile/entries/<N>[.p/<W>]``."""
    return f"tile/entries/{_name(index, width)}"


def _name(index: int, width: int) -> str:
    groups = [f"{index % 1000:03d}"]
    while index := index // 1000:
        groups.insert(0, f"x{index % 1000:03d}")
    return "/".join(groups) + ("" if width == WIDTH else f".p/{width}")


def pack_entries(entries: Sequence[bytes]) -> bytes:
    """Entry bundle: every entry behind its length as big-endian u16."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def unpack_entries(data: bytes) -> list[bytes] | None:
    """Inverse of :func:`pack_entries`; ``None`` if the bytes are not exactly a bundle."""
    entries, at = [], 0
    while at < len(data):
        stop = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if at + 2 > len(data) or stop > len(data):
            return None
        entries.append(data[at + 2 : stop])
        at = stop
    return entries


class TileReader:
    """Hashes and entries of the first `size` leaves, from tiles.

    Parameters
    ----------
    fetch : callable
        Bytes of a path such as ``tile/0/000.p/5``, or ``None``.
    size : int
        From a verified checkpoint.
    """

    def __init__(self, fetch: Callable[[str], bytes | None], size: int) -> None:
        self._fetch = fetch
        self._size = size
        self.hashes = lru_cache(maxsize=64)(self._hashes)
        self.bundle = lru_cache(maxsize=8)(self._bundle)

    def node(self, height: int, index: int) -> Bytes32:
        """Hash of a complete subtree (`concordat.protocol.transparency.Node`)."""
        level, rest = divmod(height, 8)
        first = index << rest
        tile = self.hashes(level, first // WIDTH)
        start = first % WIDTH
        return fold_complete(tile[start : start + (1 << rest)])

    def entry(self, index: int) -> bytes:
        """One log entry, checked against its leaf hash.

        Raises
        ------
        CorruptionError
            If the file is missing, cut off, or does not hash to the tile; names the file.
        """
        return self.bundle(index // WIDTH)[index % WIDTH]

    def _width(self, level: int, index: int) -> int:
        return min((self._size >> 8 * level) - index * WIDTH, WIDTH)

    def _hashes(self, level: int, index: int) -> list[bytes]:
        width = self._width(level, index)
        path = tile_path(level, index, width)
        data = self._either(path, tile_path(level, index, WIDTH))
        if len(data) < 32 * width or len(data) % 32:
            raise _damaged(path)
        return [data[i : i + 32] for i in range(0, 32 * width, 32)]

    def _bundle(self, index: int) -> list[bytes]:
        width = self._width(0, index)
        path = entries_path(index, width)
        entries = unpack_entries(self._either(path, entries_path(index, WIDTH)))
        if entries is None or [entry_hash(entry) for entry in entries[:width]] != self.hashes(0, index):
            raise _damaged(path)
        return entries[:width]

    def _either(self, partial: str, full: str) -> bytes:
        data = self._fetch(partial)
        if data is None and partial != full:
            data = self._fetch(full)
        if data is None:
            raise _damaged(partial)
        return data


class Edge:
    """The rightmost tile of every level, growing by leaves."""

    def __init__(self, tiles: Sequence[Sequence[bytes]] = ()) -> None:
        self._tiles = [list(tile) for tile in tiles]

    @classmethod
    def of(cls, reader: TileReader, size: int) -> Edge:
        """Right edge of an existing tree."""
        tiles: list[list[bytes]] = []
        for level in range((size.bit_length() + 7) // 8):
            count = size >> 8 * level
            tiles.append(reader.hashes(level, count // WIDTH) if count % WIDTH else [])
        return cls(tiles)

    def copy(self) -> Edge:
        """An edge that grows on its own."""
        return Edge(self._tiles)

    def push(self, leaf: bytes) -> list[tuple[int, bytes]]:
        """Add a leaf hash; returns ``(level, bytes)`` of every tile that became full."""
        full: list[tuple[int, bytes]] = []
        level, carried = 0, leaf
        while True:
            if level == len(self._tiles):
                self._tiles.append([])
            tile = self._tiles[level]
            tile.append(carried)
            if len(tile) < WIDTH:
                return full
            full.append((level, b"".join(tile)))
            carried = fold_complete(tile)
            tile.clear()
            level += 1

    def partial(self) -> list[tuple[int, bytes]]:
        """``(level, bytes)`` of every partial tile."""
        return [(level, b"".join(tile)) for level, tile in enumerate(self._tiles) if tile]

    def root(self) -> Bytes32:
        """RFC 6962 root of all leaves pushed so far."""
        root: Bytes32 | None = None
        for tile in self._tiles:
            start = len(tile)
            while start:
                count = start & -start
                start -= count
                left = fold_complete(tile[start : start + count])
                root = left if root is None else join(left, root)
        return EMPTY_ROOT if root is None else root


def _damaged(path: str) -> CorruptionError:
    return CorruptionError(
        f"The log's file {path} is missing or does not hash to what the checkpoint says.",
        code="LogCorrupt",
        hint="Restore that file from a backup or a mirror; do not append before.",
        file=path,
    )
