"""Views as matrices: rows and columns that a node can step through, and multipliers that repeat along them.

A tensor of several dimensions lies in its region in some order. What an operator wants to read (rows of a sequence,
one head of an attention, a row repeated for every position) is mostly a matrix with equal steps; then the node reads
it where it is. Otherwise one GATHER copies it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from concordat.graph.builder import GraphBuilder, Ref
from concordat.graph.onnx.views import Places, RegionView

__all__ = ["Pattern", "matrix", "pattern", "side_by_side", "stepped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """How numbers per element repeat over a row-major tensor of n elements."""

    cols: int
    """Columns of the matrix as which the tensor is read."""
    by_row: bool
    """Whether the numbers are constant along each row (they differ from row to row), or the same in all rows."""


def matrix(builder: GraphBuilder, view: RegionView, rows: int, cols: int) -> Ref:
    """The view's integers as rows × cols: steps through the region where the index allows, else a gathered copy."""
    return stepped(view, rows, cols) or builder.gather(view.region, view.index.reshape(rows, cols))


def stepped(view: RegionView, rows: int, cols: int) -> Ref | None:
    """The view's integers as rows × cols, if equal steps through the region reach them."""
    index = view.index.reshape(rows, cols)
    row = int(index[1, 0] - index[0, 0]) if rows > 1 else 0
    col = int(index[0, 1] - index[0, 0]) if cols > 1 else 0
    if row < 0 or col < 0 or not _stepped(index, row, col):
        return None
    step = view.region.col
    base = view.region.base + int(index[0, 0]) * step
    return replace(view.region, rows=rows, cols=cols, base=base, row=row * step, col=col * step)


def _stepped(index: Places, row: int, col: int) -> bool:
    rows, cols = index.shape
    steps = index[0, 0] + np.arange(rows)[:, None] * row + np.arange(cols)[None, :] * col
    return bool((index == steps).all())


def pattern(index: Places, numbers: Sequence[Places]) -> Pattern:
    """Columns in which several numbers per element repeat together, so that few of them need to be stored."""
    n = len(index)
    if all((x == x[0]).all() for x in numbers):
        return Pattern(cols=_run(index), by_row=False)
    for cols in _lengths(numbers, n):
        tables = [x.reshape(-1, cols) for x in numbers]
        if all((table == table[0]).all() for table in tables):
            return Pattern(cols=cols, by_row=False)
        if all((table == table[:, :1]).all() for table in tables):
            return Pattern(cols=cols, by_row=True)
    return Pattern(cols=n, by_row=False)


def _run(index: Places) -> int:
    """Length of the first stretch of equal steps, if the whole index is made of such stretches."""
    steps = np.diff(index)
    changes = np.flatnonzero(steps != steps[0]) if len(steps) else steps
    length = int(changes[0]) + 1 if len(changes) else len(index)
    return length if len(index) % length == 0 else len(index)


def _lengths(numbers: Sequence[Places], n: int) -> list[int]:
    """Lengths at which the numbers may repeat, or stay the same."""
    found: set[int] = set()
    for x in numbers:
        changes = np.flatnonzero(x != x[0])
        if not len(changes):
            continue
        again = np.flatnonzero(x == x[0])
        candidates = [int(changes[0]), *again[1:17].tolist()]
        found.update(c for c in candidates if 0 < c < n and n % c == 0)
    return sorted(found)


def side_by_side(builder: GraphBuilder, views: Sequence[RegionView]) -> list[Ref]:
    """Tensors of equal size as matrices of one shape, for a node that reads them element by element."""
    n = views[0].n
    cols = min((_run(view.index) for view in views), default=n)
    if any(n % cols or _run(view.index) % cols for view in views):
        cols = n
    return [matrix(builder, view, n // cols, cols) for view in views]
