"""What trees compare, as integers: grid points of numeric columns, ranks of categories, or computed numbers.

A column that may be missing is there twice: as it is (the sentinel is smaller than any bound, so the bit is set) and
with the sentinel raised above every bound (the bit is not set); each node reads the one that does what the float model
does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from concordat.graph.builder import Ref
from concordat.graph.columns import MISSING
from concordat.graph.elements import ElementType
from concordat.graph.ir import Comparison
from concordat.graph.onnx.ensemble import Ensemble
from concordat.graph.onnx.inputs import one_hot_code, place
from concordat.graph.onnx.reader import OnnxNode
from concordat.graph.onnx.thresholds import grid_tests
from concordat.graph.onnx.views import InputView, Places, RegionView, View

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = ["FeatureTests", "test_features"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FeatureTests:
    """Tests of inner nodes, each ``features[place] <= bound`` or the opposite."""

    features: Ref
    """Row vector of what is tested."""
    place: Places
    """Which feature each node tests."""
    bound: Places
    """What it is compared with."""
    negated: NDArray[np.bool_]
    """Whether the comparison is the opposite of the node's own test."""


def test_features(lowering: Lowering, node: OnnxNode, view: View, ensemble: Ensemble, nodes: Places) -> FeatureTests:
    """Tests of the given inner nodes on the features that a view holds."""
    if isinstance(view, RegionView):
        return _computed(lowering, node, view, ensemble, nodes)
    coded = np.array([view.tables[f] is not None for f in ensemble.feature[nodes].tolist()], dtype=bool)
    parts = [
        (np.flatnonzero(chosen), lower(lowering, node, view, ensemble, nodes[chosen]))
        for chosen, lower in ((~coded, _grid), (coded, _ranks))
        if chosen.any()
    ]
    if not parts:  # trees of a single leaf
        empty = np.zeros(0, dtype=np.int64)
        return FeatureTests(features=lowering.input, place=empty, bound=empty, negated=empty.astype(bool))
    if len(parts) == 1:
        return parts[0][1]
    features = lowering.builder.concatenate([tests.features for _, tests in parts])
    place_, bound = np.zeros((2, len(nodes)), dtype=np.int64)
    negated = np.zeros(len(nodes), dtype=bool)
    begin = 0
    for chosen, tests in parts:
        place_[chosen], bound[chosen], negated[chosen] = tests.place + begin, tests.bound, tests.negated
        begin += tests.features.size
    return FeatureTests(features=features, place=place_, bound=bound, negated=negated)


def _grid(lowering: Lowering, node: OnnxNode, view: InputView, ensemble: Ensemble, nodes: Places) -> FeatureTests:
    tests = grid_tests(lowering, node, view, ensemble, nodes)
    columns = view.columns[ensemble.feature[nodes]]
    raised = lowering.may_be_missing(columns) & ~(tests.missing ^ tests.negated)
    features, places = lowering.input, columns
    if raised.any():
        twice = np.unique(columns[raised])
        builder = lowering.builder
        ones = np.ones(len(twice))
        grid = place(builder, RegionView(region=lowering.input, index=twice, scale=ones, offset=0 * ones))
        gaps = builder.select(grid, Comparison.EQUAL, MISSING, out_type=ElementType.I8)
        kind = ElementType.I32
        high = builder.affine(gaps, m0=kind.maximum - kind.minimum, c=grid, out_type=kind)
        features = builder.concatenate([lowering.input, high])
        places = np.where(raised, lowering.input.size + np.searchsorted(twice, columns), columns)
    return FeatureTests(features=features, place=places, bound=tests.bound, negated=tests.negated)


def _ranks(lowering: Lowering, node: OnnxNode, view: InputView, ensemble: Ensemble, nodes: Places) -> FeatureTests:
    """Categories: the rank of the code's value among all values of the feature."""
    features, inverse = np.unique(ensemble.feature[nodes], return_inverse=True)
    chosen = view.take(features)
    builder = lowering.builder
    values = [_values(lowering, node, view, int(feature)) for feature in features]
    ranks = [np.unique(v, return_inverse=True) for v in values]
    longest = max(len(v) for v in values)
    ones = np.ones(chosen.n)
    codes = place(builder, RegionView(region=lowering.input, index=chosen.columns, scale=ones, offset=0 * ones))
    marks = [one_hot_code(rank.astype(np.float64)) for _, rank in ranks]
    if all(code is not None and rank[code + 1] == 1 for code, (_, rank) in zip(marks, ranks, strict=True)):
        region = builder.select(codes, Comparison.EQUAL, builder.weights(np.array(marks)), out_type=ElementType.I8)
    else:
        entries = np.array([np.pad(rank, (0, longest - len(rank)), mode="edge") for _, rank in ranks])
        region = builder.table(codes, entries, lo=-1)
    holds = [ensemble.decide(ranks[place_][0], np.full(len(ranks[place_][0]), number))
             for place_, number in zip(inverse.tolist(), nodes.tolist(), strict=True)]  # fmt: skip
    negated = np.array([not answer[0] for answer in holds], dtype=bool)
    bound = np.array([int((answer ^ flip).sum()) - 1 for answer, flip in zip(holds, negated, strict=True)])
    return FeatureTests(features=region, place=inverse.astype(np.int64), bound=bound, negated=negated)


def _values(lowering: Lowering, node: OnnxNode, view: InputView, feature: int) -> NDArray[np.floating]:
    """What the float model makes of each code, the unknown one first."""
    column = int(view.columns[feature])
    count = len(lowering.categories(column)) + 1
    rows = np.tile(lowering.usual_row, (count, 1))
    rows[:, column] = np.arange(count) - 1
    tensor = lowering.evaluate_grid(rows, node.inputs[0]).reshape(count, -1)
    return np.asarray(tensor[:, feature])


def _computed(lowering: Lowering, node: OnnxNode, view: RegionView, ensemble: Ensemble, nodes: Places) -> FeatureTests:
    """Numbers that layers before the trees compute: the threshold in the units of the integer."""
    features = ensemble.feature[nodes]
    if (view.scale[features] <= 0).any() or (ensemble.mode[nodes] != 0).any():
        raise node.refuse("it tests computed numbers in a way that has no integer form", code="UnsupportedOperator")
    limit = np.floor((ensemble.threshold[nodes].astype(np.float64) - view.offset[features]) / view.scale[features])
    kind = view.region.type
    bound = np.clip(limit, kind.minimum, kind.maximum - 1).astype(np.int64)
    negated = np.zeros(len(nodes), dtype=bool)
    return FeatureTests(features=view.region, place=view.index[features], bound=bound, negated=negated)
