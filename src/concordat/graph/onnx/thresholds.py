"""Exact tree decisions on the input grid.

A tree compares a float that some preprocessing made of an input value. On the grid of the column that comparison is a
step function of the grid point, so it equals ``q <= Q`` (or its negation) for one whole number Q, found by bisection
with the model's own float arithmetic: every value on the grid then takes the branch that it takes in onnxruntime.
What a missing value does is asked of the model in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from concordat.graph.columns import MISSING
from concordat.graph.onnx.ensemble import Ensemble
from concordat.graph.onnx.reader import OnnxNode
from concordat.graph.onnx.views import InputView, Places

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = ["GridTests", "grid_tests"]

_BATCH = 4_096


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GridTests:
    """Tests of some inner nodes as comparisons of grid points."""

    bound: Places
    """Q: the node's bit is ``q <= Q``."""
    negated: NDArray[np.bool_]
    """Whether the bit is the opposite of the node's test."""
    missing: NDArray[np.bool_]
    """The node's test where the column is missing."""


def grid_tests(lowering: Lowering, node: OnnxNode, view: InputView, ensemble: Ensemble, nodes: Places) -> GridTests:
    """Tests of the given inner nodes, all of numeric columns.

    Raises
    ------
    ModelError
        If a test is no step function of its column.
    """
    probe = _Probe(lowering, node.inputs[0], view, ensemble, nodes)
    low, high = lowering.grid_bounds(view.columns[ensemble.feature[nodes]])
    at_low, at_high = probe.decide(low), probe.decide(high)
    rising = at_low & ~at_high
    negated = ~at_low & at_high
    changes = rising | negated
    below, above = low.copy(), high.copy()  # the bit holds at `below` and not at `above`
    while (open_ := changes & (above - below > 1)).any():
        middle = (below + above) // 2
        bit = probe.decide(middle, open_) ^ negated
        below, above = np.where(open_ & bit, middle, below), np.where(open_ & ~bit, middle, above)
    bound = np.where(changes, below, np.where(at_low, high, low - 1))
    generator = np.random.default_rng(0)
    for _ in range(3):
        point = generator.integers(low, high, endpoint=True)
        if ((point <= bound) ^ negated != probe.decide(point)).any():
            raise node.refuse("what it tests is no monotone function of an input column", code="UnsupportedOperator")
    missing = np.where(lowering.may_be_missing(view.columns[ensemble.feature[nodes]]), MISSING, low)
    return GridTests(bound=bound, negated=negated, missing=probe.decide(missing))


class _Probe:
    """Asks the float model which branch nodes take when their column is at some grid point."""

    def __init__(self, lowering: Lowering, tensor: str, view: InputView, ensemble: Ensemble, nodes: Places) -> None:
        self._lowering, self._tensor, self._ensemble, self._nodes = lowering, tensor, ensemble, nodes
        self._features = ensemble.feature[nodes]
        self._columns = view.columns[self._features]

    def decide(self, points: Places, among: NDArray[np.bool_] | None = None) -> NDArray[np.bool_]:
        """The test of each node at its point; False for those not asked."""
        answers = np.zeros(len(self._nodes), dtype=bool)
        asked = np.arange(len(self._nodes)) if among is None else np.flatnonzero(among)
        for begin in range(0, len(asked), _BATCH):
            part = asked[begin : begin + _BATCH]
            rows = np.tile(self._lowering.usual_row, (len(part), 1))
            rows[np.arange(len(part)), self._columns[part]] = points[part]
            values = self._lowering.evaluate_grid(rows, self._tensor)
            chosen = values.reshape(len(part), -1)[np.arange(len(part)), self._features[part]]
            answers[part] = self._ensemble.decide(chosen, self._nodes[part])
        return answers
