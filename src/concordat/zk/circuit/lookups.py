"""Where cells that are looked up lie: side by side wherever that saves rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from concordat.zk.relation import Lookup, LookupKind

if TYPE_CHECKING:
    from concordat.zk.circuit.blocks import Block

__all__ = ["Looked", "arrange"]


@dataclass(eq=False, slots=True)
class Looked:
    """Cells that are looked up, row by row."""

    kind: LookupKind
    """What a row looks up."""
    table_a: int
    """Table of the first block's cells, or of both's."""
    table_b: int
    """Table of the second block's cells (PAIR only)."""
    a: Block
    """In column a; if it is alone, where there is room."""
    b: Block | None
    """In column b, in the same rows. In a SINGLE its cells are not looked up."""

    @property
    def alone(self) -> bool:
        """Whether the other column is free in its rows."""
        return self.b is None


def arrange(looked: Sequence[Looked]) -> tuple[list[Lookup], int]:
    """Give all blocks their places from row 0 on; the segments, and the first row after them."""
    lookups: list[Lookup] = []
    at = 0
    for one in sorted((o for o in looked if not o.alone), key=lambda o: (o.kind, o.table_a, o.table_b)):
        assert one.b is not None
        (one.a.column, one.a.start), (one.b.column, one.b.start) = (0, at), (1, at)
        segment = Lookup(kind=one.kind, start=at, count=one.a.count, table_a=one.table_a, table_b=one.table_b)
        _append(lookups, segment)
        at += one.a.count
    longer, shorter = _halves([one for one in looked if one.alone])
    ends = [_place(column, blocks, at) for column, blocks in enumerate((longer, shorter))]
    for first, last in _stretches(longer, shorter, at):
        tables = [next((o.table_a for o in side if _covers(o, first)), None) for side in (longer, shorter)]
        kind = LookupKind.SINGLE if tables[1] is None else LookupKind.PAIR
        assert tables[0] is not None  # the longer side has no gaps
        _append(lookups, Lookup(kind=kind, start=first, count=last - first, table_a=tables[0], table_b=tables[1] or 0))
    return lookups, max(ends)


def _append(lookups: list[Lookup], more: Lookup) -> None:
    """Join neighbours of the same kind."""
    if lookups:
        last = lookups[-1]
        if (last.kind, last.table_a, last.table_b) == (more.kind, more.table_a, more.table_b):
            lookups[-1] = replace(last, count=last.count + more.count)
            return
    lookups.append(more)


def _halves(alone: Iterable[Looked]) -> tuple[list[Looked], list[Looked]]:
    """Two sides of nearly the same length, each with equal tables together; the longer first."""
    sides: tuple[list[Looked], list[Looked]] = [], []
    lengths = [0, 0]
    for one in sorted(alone, key=lambda o: (-o.a.count, o.table_a)):
        side = 0 if lengths[0] <= lengths[1] else 1
        sides[side].append(one)
        lengths[side] += one.a.count
    first, second = (sorted(side, key=lambda o: o.table_a) for side in sides)
    return (first, second) if lengths[0] >= lengths[1] else (second, first)


def _place(column: int, blocks: Sequence[Looked], at: int) -> int:
    for one in blocks:
        one.a.column, one.a.start = column, at
        at += one.a.count
    return at


def _covers(one: Looked, row: int) -> bool:
    return one.a.start <= row < one.a.start + one.a.count


def _stretches(longer: Sequence[Looked], shorter: Sequence[Looked], first: int) -> list[tuple[int, int]]:
    """Runs of rows in which no block begins or ends."""
    cuts = sorted({first} | {one.a.start + one.a.count for one in (*longer, *shorter)})
    return list(pairwise(cuts))
