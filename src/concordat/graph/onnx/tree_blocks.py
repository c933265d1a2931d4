"""Tree ensembles as dense integer blocks.

T trees are padded to I inner nodes and L leaves each. The pattern, always the same, in this order (a fast executor may
recognise it and walk the trees instead)::

    GATHER   tested[t, i]  = feature that node i of tree t tests              (T × I)
    SELECT   bits[t, i]    = 1 if tested[t, i] <= bound[t, i] else 0          (T × I)      bounds in the weights
    MATMUL   votes[t, l]   = sum_i bits[t, i] * path[t, l, i]                 (T × L)      path in {-1, 0, 1}; i8
    (AFFINE  votes        += the next 256 columns' votes                      only if I > 256)
    SELECT   reached[t, l] = 1 if votes[t, l] == needed[t, l] else 0          (T × L)
    MATMUL   given[c, t]   = sum_l reached[t, l] * value[c, t, l]             (C × T)      i32 values of one common unit
    (AFFINE  given        += the next 256 leaves' values                      only if L > 256)
    SUM      score[c]      = sum_t given[c, t]                                (C)

``path[t, l, i]`` is 1 where the way to leaf *l* takes the branch on which bit *i* is set, -1 where it takes the other,
0 where it does not pass node *i*; ``needed[t, l]`` counts the ones. Exactly one leaf of each tree has that many votes.
Padding nodes test feature 0 and lie on no path; padding leaves need one vote and have an empty path.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from concordat.graph.builder import GraphBuilder, Ref
from concordat.graph.elements import ElementType
from concordat.graph.ir import MAX_ROW, Comparison, Op
from concordat.graph.onnx.ensemble import Ensemble
from concordat.graph.onnx.reader import OnnxNode
from concordat.graph.onnx.tree_features import test_features
from concordat.graph.onnx.views import Places, RegionView, View

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = ["lower_ensemble"]

MAX_PATH_BYTES = 48 << 20
"""Largest path matrix of one ensemble."""
_VALUE_BITS = 30


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Blocks:
    """Padded arrays of an ensemble: T trees, I inner nodes, L leaves."""

    inner: Places
    """Flat number of each inner node, -1 where padded, shape (T, I)."""
    leaves: Places
    """Flat number of each leaf, -1 where padded, shape (T, L)."""
    path: Any
    """1 where the leaf lies on the node's true branch, -1 on its false branch, else 0; int8, shape (T, L, I)."""


def lower_ensemble(lowering: Lowering, node: OnnxNode, ensemble: Ensemble, view: View) -> RegionView:
    """Sum of the leaves that a row reaches, for each target."""
    blocks = _blocks(node, ensemble)
    builder, (trees, width) = lowering.builder, blocks.inner.shape
    real = blocks.inner >= 0
    tests = test_features(lowering, node, view, ensemble, blocks.inner[real])
    feature, bound = np.zeros((2, trees, width), dtype=np.int64)
    feature[real], bound[real] = tests.place, tests.bound
    sign = np.ones((trees, width), dtype=np.int8)
    sign[real] = np.where(tests.negated, -1, 1)
    path = blocks.path * sign[:, None, :]
    tested = builder.gather(tests.features, feature)
    bits = builder.select(tested, Comparison.LESS_EQUAL, builder.weights(bound), out_type=ElementType.I8)
    votes = _products(builder, bits, path)
    needed = np.where(blocks.leaves >= 0, (path == 1).sum(axis=2), 1)
    reached = builder.select(votes, Comparison.EQUAL, builder.weights(needed), out_type=ElementType.I8)
    unit, values = _leaf_values(ensemble, blocks)
    given = _given(builder, reached, values)
    return RegionView.of(builder.sum(given), unit)


def _blocks(node: OnnxNode, ensemble: Ensemble) -> Blocks:
    paths = [_paths(ensemble, int(root)) for root in ensemble.roots]
    inner = [sorted({step for path in tree.values() for step, _ in path}) for tree in paths]
    width, leaves = max(1, *map(len, inner)), max(map(len, paths))
    if len(paths) * width * leaves > MAX_PATH_BYTES:
        raise node.refuse(
            f"{len(paths)} trees of up to {leaves} leaves are too large for an integer graph",
            code="ModelTooLarge",
            hint="Train with a limit: max_leaf_nodes or max_depth, or fewer trees.",
        )
    numbers = np.full((len(paths), width), -1, dtype=np.int64)
    ends = np.full((len(paths), leaves), -1, dtype=np.int64)
    path = np.zeros((len(paths), leaves, width), dtype=np.int8)
    for t, tree in enumerate(paths):
        numbers[t, : len(inner[t])] = inner[t]
        column = {step: i for i, step in enumerate(inner[t])}
        for place, (leaf, steps) in enumerate(tree.items()):
            ends[t, place] = leaf
            for step, taken in steps:
                path[t, place, column[step]] = 1 if taken else -1
    return Blocks(inner=numbers, leaves=ends, path=path)


def _paths(ensemble: Ensemble, root: int) -> dict[int, tuple[tuple[int, bool], ...]]:
    """The way to each leaf of one tree: inner nodes, and whether their true branch is taken."""
    found: dict[int, tuple[tuple[int, bool], ...]] = {}
    stack: list[tuple[int, tuple[tuple[int, bool], ...]]] = [(root, ())]
    while stack:
        at, path = stack.pop()
        if ensemble.mode[at] < 0:
            found[at] = path
            continue
        stack.append((int(ensemble.false[at]), (*path, (at, False))))
        stack.append((int(ensemble.true[at]), (*path, (at, True))))
    return found


def _products(builder: GraphBuilder, rows: Ref, blocks: Any) -> Ref:
    """``out[t, l] = sum_i rows[t, i] * blocks[t, l, i]``: one block of weights for each row."""
    trees, outputs, width = blocks.shape
    total: Ref | None = None
    for begin in range(0, width, MAX_ROW):
        part = blocks[:, :, begin : begin + MAX_ROW]
        k = part.shape[2]
        weights = builder.weights(part.reshape(trees * outputs, k).astype(np.int64))
        found = builder.emit(
            Op.MATMUL,
            (trees, outputs),
            None,
            a=rows.part(cols=slice(begin, begin + k)).operand(row=rows.row),
            b=weights.operand(row=outputs * k, col=k),
            k=k,
        )
        total = found if total is None else builder.affine(total, c=found)
    assert total is not None  # a tree has at least one (padded) inner node
    return total


def _given(builder: GraphBuilder, reached: Ref, values: Any) -> Ref:
    """``out[c, t] = sum_l reached[t, l] * values[c, t, l]``."""
    targets, trees, leaves = values.shape
    total: Ref | None = None
    for begin in range(0, leaves, MAX_ROW):
        part = values[:, :, begin : begin + MAX_ROW]
        k = part.shape[2]
        weights = builder.weights(part.reshape(targets * trees, k), ElementType.I32)
        found = builder.emit(
            Op.MATMUL,
            (targets, trees),
            None,
            a=reached.part(cols=slice(begin, begin + k)).operand(row=0, col=reached.row),
            b=weights.operand(row=trees * k, col=k),
            k=k,
        )
        total = found if total is None else builder.affine(total, c=found)
    assert total is not None  # a tree has at least one leaf
    return total


def _leaf_values(ensemble: Ensemble, blocks: Blocks) -> tuple[float, Any]:
    """Unit and whole numbers of the leaves, shape (C, T, L); all sums fit 31 bits."""
    values = np.where((blocks.leaves >= 0)[..., None], ensemble.weights[blocks.leaves], 0.0)
    reach = float(np.abs(values).max(axis=1).sum(axis=0).max())
    unit = 2.0 ** (np.ceil(np.log2(max(reach, 1e-12))) - _VALUE_BITS)
    return unit, np.rint(values / unit).astype(np.int64).transpose(2, 0, 1)
