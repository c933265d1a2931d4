"""Frozen mappings that are cheap to change: what the rules' states are made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

__all__ = ["Table"]

K = TypeVar("K")
V = TypeVar("V")


class Table(Mapping[K, V], Generic[K, V]):
    """A frozen mapping that is cheap to change: every change is a new table that shares most of the old one.

    A large base is shared; recent changes lie in a small overlay, which is merged into a new base when it grows
    past the base's square root. A write costs O(sqrt(n)), and any number of snapshots cost nothing.
    """

    __slots__ = ("_base", "_recent")

    def __init__(self, base: Mapping[K, V] | None = None) -> None:
        self._base: dict[K, V] = dict(base or {})
        self._recent: dict[K, V | None] = {}

    def put(self, key: K, value: V | None) -> Table[K, V]:
        """The same table with one entry set, or removed if the value is ``None``."""
        table: Table[K, V] = Table()
        recent = {**self._recent, key: value}
        if len(recent) > 16 and len(recent) ** 2 > len(self._base):
            merged = {**self._base, **recent}
            table._base = {k: v for k, v in merged.items() if v is not None}
        else:
            table._base, table._recent = self._base, recent
        return table

    def __getitem__(self, key: K) -> V:
        value = self._recent[key] if key in self._recent else self._base[key]
        if value is None:
            raise KeyError(key)
        return value

    def __iter__(self) -> Iterator[K]:
        yield from (key for key in self._base if key not in self._recent)
        yield from (key for key, value in self._recent.items() if value is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)
