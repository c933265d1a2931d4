"""Tree ensembles of ai.onnx.ml: read from their long attribute lists, checked, and evaluated in floats.

A stranger's lists may name features, children and targets that do not exist, loop, or share subtrees; what is read here
is a forest in which every node is reached exactly once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concordat.graph.onnx.constants import Array
from concordat.graph.onnx.reader import OnnxNode

__all__ = ["COMPARISONS", "MAX_TREE_NODES", "Ensemble", "Ints", "forest_roots", "read_ensemble"]

MAX_TREES = 4_096
"""Most trees of an ensemble."""
MAX_TREE_NODES = 1 << 19
"""Most nodes of all trees together."""
MAX_DEPTH = 100
"""Longest path."""

COMPARISONS = {
    "BRANCH_LEQ": np.less_equal,
    "BRANCH_LT": np.less,
    "BRANCH_GTE": np.greater_equal,
    "BRANCH_GT": np.greater,
}
"""Tests of inner nodes; the true branch is taken where they hold."""
_MODES = tuple(COMPARISONS)

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ensemble:
    """Trees in flat arrays over N nodes; a leaf has mode -1."""

    roots: Ints
    """First node of each tree."""
    mode: Ints
    """Place in the list of comparisons, or -1."""
    feature: Ints
    """Column that an inner node tests."""
    threshold: Array = field(repr=False)
    """What it is compared with, in the file's precision."""
    true: Ints
    """Child where the test holds."""
    false: Ints
    """Child where it does not."""
    missing_true: NDArray[np.bool_]
    """Whether a missing value takes the true branch."""
    weights: NDArray[np.float64] = field(repr=False)
    """What a leaf adds to each target, shape (N, targets)."""

    @property
    def targets(self) -> int:
        """Scores of one row."""
        return int(self.weights.shape[1])

    def decide(self, values: Array, nodes: Ints) -> NDArray[np.bool_]:
        """Which branch some nodes take on some values, elementwise."""
        threshold = self.threshold[nodes].astype(values.dtype if values.dtype.kind == "f" else np.float32)
        data = values if values.dtype.kind == "f" else values.astype(np.float32)
        modes = self.mode[nodes]
        taken = np.zeros(np.broadcast_shapes(data.shape, modes.shape), dtype=bool)
        for code, name in enumerate(_MODES):
            taken = np.where(modes == code, COMPARISONS[name](data, threshold), taken)
        return np.asarray(np.where(np.isnan(data), taken | self.missing_true[nodes], taken))

    def scores(self, rows: Array) -> NDArray[np.float64]:
        """Sums over all trees of the leaves that rows reach, shape (B, targets)."""
        total = np.zeros((len(rows), self.targets))
        for begin in range(0, len(self.roots), 256):
            at = np.broadcast_to(self.roots[begin : begin + 256], (len(rows), len(self.roots[begin : begin + 256])))
            for _ in range(MAX_DEPTH + 1):
                inner = self.mode[at] >= 0
                if not inner.any():
                    break
                values = np.take_along_axis(rows, np.where(inner, self.feature[at], 0), axis=1)
                taken = self.decide(values, at)
                at = np.where(inner, np.where(taken, self.true[at], self.false[at]), at)
            total += self.weights[at].sum(axis=1)
        return total


def read_ensemble(node: OnnxNode, kind: str, targets: int) -> Ensemble:
    """The trees of a TreeEnsembleClassifier (`kind` ``class``) or Regressor (``target``).

    Raises
    ------
    ModelError
        If the lists do not describe a forest.
    """
    get = node.attributes.get
    tree_ids, node_ids = _ints(node, "nodes_treeids"), _ints(node, "nodes_nodeids", None)
    count = len(tree_ids)
    if not 0 < count <= MAX_TREE_NODES or len(node_ids) != count:
        raise node.refuse(f"it has {count} tree nodes, of at most {MAX_TREE_NODES}", code="ModelTooLarge")
    places = {key: place for place, key in enumerate(zip(tree_ids.tolist(), node_ids.tolist(), strict=True))}
    if len(places) != count:
        raise node.refuse("two of its tree nodes have one name")
    mode = _modes(node, get("nodes_modes", ()), count)
    inner = mode >= 0
    children = []
    for name in ("nodes_truenodeids", "nodes_falsenodeids"):
        wanted = zip(tree_ids.tolist(), _ints(node, name, count).tolist(), inner.tolist(), strict=True)
        found = [places.get((tree, child), -1) if parent else 0 for tree, child, parent in wanted]
        children.append(np.array(found, dtype=np.int64))
    missing = get("nodes_missing_value_tracks_true")
    ensemble = Ensemble(
        roots=forest_roots(node, inner, children[0], children[1], len(np.unique(tree_ids))),
        mode=mode,
        feature=_ints(node, "nodes_featureids", count),
        threshold=_thresholds(node, count),
        true=children[0],
        false=children[1],
        missing_true=np.array(missing, dtype=bool) if missing else np.zeros(count, dtype=bool),
        weights=_weights(node, kind, targets, places, inner),
    )
    if len(ensemble.missing_true) != count:
        raise node.refuse("its lists have different lengths")
    return ensemble


def _ints(node: OnnxNode, name: str, count: int | None = None) -> Ints:
    values = np.array(node.attributes.get(name, ()), dtype=np.int64).ravel()
    if count is not None and len(values) != count:
        raise node.refuse(f"its list {name} has {len(values)} entries, not {count}")
    return values


def _modes(node: OnnxNode, names: Sequence[Any], count: int) -> Ints:
    known = {"LEAF": -1, **{name: code for code, name in enumerate(_MODES)}}
    unknown = [name for name in names if name not in known]
    if unknown or len(names) != count:
        raise node.refuse(
            f"a tree node has the mode {unknown[0]!r}" if unknown else "its lists have different lengths",
            hint=f"Modes with an integer form: {', '.join(known)}.",
        )
    return np.array([known[name] for name in names], dtype=np.int64)


def _thresholds(node: OnnxNode, count: int) -> Array:
    precise = node.attributes.get("nodes_values_as_tensor")
    values = precise.ravel() if isinstance(precise, np.ndarray) else np.array(
        node.attributes.get("nodes_values", ()), dtype=np.float32
    )  # fmt: skip
    if len(values) != count or np.isnan(values).any():
        raise node.refuse("a threshold is not a number, or missing", code="NotFinite")
    return values


def _weights(node: OnnxNode, kind: str, targets: int, places: dict[tuple[int, int], int], inner: Any) -> Any:
    ids, trees, nodes = (_ints(node, f"{kind}_{name}") for name in ("ids", "treeids", "nodeids"))
    precise = node.attributes.get(f"{kind}_weights_as_tensor")
    given = precise.ravel() if isinstance(precise, np.ndarray) else node.attributes.get(f"{kind}_weights", ())
    values = np.array(given, dtype=np.float64)
    if not len(ids) == len(trees) == len(nodes) == len(values) or not np.isfinite(values).all():
        raise node.refuse("a leaf's weight is not a finite number, or missing", code="NotFinite")
    at = np.array([places.get(key, -1) for key in zip(trees.tolist(), nodes.tolist(), strict=True)], dtype=np.int64)
    if not len(ids) or at.min() < 0 or ids.min() < 0 or ids.max() >= targets or inner[at].any():
        raise node.refuse("a weight belongs to no leaf, or to no target")
    if targets * len(inner) > 1 << 24:
        raise node.refuse("it has too many leaves and targets", code="ModelTooLarge")
    weights = np.zeros((len(inner), targets))
    np.add.at(weights, (at, ids), values)
    return weights


def forest_roots(node: OnnxNode, inner: Any, true: Ints, false: Ints, trees: int) -> Ints:
    """Roots of a forest of so many trees in which every node has one parent and every path ends in a leaf."""
    children = np.concatenate([true[inner], false[inner]])
    if len(children) and children.min() < 0:
        raise node.refuse("a tree node has a child that does not exist")
    parents = np.bincount(children, minlength=len(inner))
    roots = np.flatnonzero(parents == 0)
    if (parents > 1).any() or len(roots) != trees or len(roots) > MAX_TREES:
        raise node.refuse(f"its nodes are no forest of at most {MAX_TREES} trees")
    reached, level = len(roots), roots
    for _ in range(MAX_DEPTH):
        level = level[inner[level]]
        level = np.concatenate([true[level], false[level]])
        reached += len(level)
        if not len(level):
            break
    if len(level) or reached != len(inner):
        raise node.refuse(f"a tree has a cycle or is deeper than {MAX_DEPTH}")
    return roots
