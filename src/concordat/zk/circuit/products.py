"""Matrix products of a graph as products that the sumcheck can fold: one side per row, the other per column."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from concordat.graph.ir import Node, Operand, Space
from concordat.primitives.errors import ModelError
from concordat.zk.circuit.blocks import Block, Builder, Fill, Product, Value, Weights

__all__ = ["matrix_product"]

_Array = npt.NDArray[np.int64]
_Blocks = Callable[[Operand, _Array], tuple[Block, _Array]]
_Numbers = Callable[[Operand, int, int], _Array]
_MAX_PIECES = 4096


def matrix_product(
    builder: Builder,
    node: Node,
    block_of: _Blocks,
    numbers: _Numbers,
    batch: int,
    fill: Fill,
    *,
    summed: bool,
) -> Value:
    """Cells that hold a MATMUL's output, or the sums of its rows.

    A MATMUL gives element (r, c) from a run of each operand. Where A depends on r alone and B on c alone (or the other
    way round) it is one product; an index on which both depend is split into products of its own.
    """
    rows, cols = -(-node.n // node.cols), node.cols
    if node.n % node.cols:
        raise ModelError("A matrix product with a ragged last row has no relation.", code="ProofSize")
    r, c, k = np.arange(rows), np.arange(cols), np.arange(node.k)

    def runs(operand: Operand) -> _Array:
        """Indices (rows, cols, K) of an operand."""
        at = operand.base + operand.row * r[:, None, None] + operand.col * c[None, :, None] + k[None, None, :]
        return np.broadcast_to(at, (rows, cols, node.k))

    a, b = runs(node.a), runs(node.b)
    left, right = node.a, node.b
    if left.space is Space.WEIGHTS:
        a, b, left, right = b, a, right, left
    if summed:
        a, b = a.reshape(rows, 1, -1), b.reshape(rows, 1, -1)
    out_cols = a.shape[1]
    cells = builder.cells(batch * rows * out_cols, fill)
    if batch > 1 and right.space is Space.TRACE and left.space is Space.TRACE:
        _split(builder, cells, (a, b), (left, right), block_of, numbers, batch, every=True)
    else:
        _split(builder, cells, (a, b), (left, right), block_of, numbers, batch, every=False)
    return cells


def _split(
    builder: Builder,
    cells: Value,
    indices: tuple[_Array, _Array],
    operands: tuple[Operand, Operand],
    block_of: _Blocks,
    numbers: _Numbers,
    batch: int,
    *,
    every: bool,
) -> None:
    a, b = indices
    rows, cols = a.shape[:2]
    size = rows * cols
    a_by_r, a_by_c = _varies(a, 0), _varies(a, 1)
    b_by_r, b_by_c = _varies(b, 0), _varies(b, 1)
    split_r, split_c = a_by_r and b_by_r, a_by_c and b_by_c
    pieces_r = [np.array([i]) for i in range(rows)] if split_r else [np.arange(rows)]
    pieces_c = [np.array([i]) for i in range(cols)] if split_c else [np.arange(cols)]
    if len(pieces_r) * len(pieces_c) * (batch if every else 1) > _MAX_PIECES:
        raise ModelError(f"A matrix product falls into more than {_MAX_PIECES} pieces.", code="ProofSize")
    swap = (a_by_c and not split_c) or (b_by_r and not split_r)
    for pr in pieces_r:
        for pc in pieces_c:
            first, second = a[np.ix_(pr, pc)], b[np.ix_(pr, pc)]
            targets = pr[:, None] * cols + pc[None, :]
            if swap:
                first, second, targets = first.transpose(1, 0, 2), second.transpose(1, 0, 2), targets.T
            for chosen in [[i] for i in range(batch)] if every else [list(range(batch))]:
                _one(builder, cells, first[:, 0], second[0], targets, operands, block_of, numbers, batch, chosen, size)


def _one(
    builder: Builder,
    cells: Value,
    left: _Array,
    right: _Array,
    targets: _Array,
    operands: tuple[Operand, Operand],
    block_of: _Blocks,
    numbers: _Numbers,
    batch: int,
    chosen: list[int],
    size: int,
) -> None:
    """One product for some inferences: `left` (rows, K) and `right` (cols, K) are indices of the operands."""
    rows, inner = left.shape
    cols = len(right)
    block, at = block_of(operands[0], left)
    at = at.reshape(batch, rows, inner)[chosen].reshape(-1, inner)
    side: Weights | tuple[Block, _Array]
    if operands[1].space is Space.WEIGHTS:
        low, high = int(right.min()), int(right.max())
        side = Weights(numbers(operands[1], low, high)[right - low])
    else:
        other, places = block_of(operands[1], right)
        side = (other, places.reshape(batch, cols, inner)[chosen].reshape(-1, inner))
    number = builder.multiply(Product(rows=len(chosen) * rows, cols=cols, inner=inner, left=(block, at), right=side))
    where = (np.array(chosen)[:, None] * size + targets.ravel()[None, :]).ravel()
    builder.zero([(-1, cells.at(where))], matmul=(1, number), cols=cols)


def _varies(indices: _Array, axis: int) -> bool:
    return indices.shape[axis] > 1 and bool((np.diff(indices, axis=axis) != 0).any())
