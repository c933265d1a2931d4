"""TreeEnsemble of ai.onnx.ml 5: one operator for trees, with inner nodes and leaves in separate lists.

A leaf may be reached from several places (a tree of one leaf is an inner node that leads to it either way), so each way
to a leaf becomes a leaf of its own.
"""

from __future__ import annotations

import numpy as np

from concordat.graph.onnx.constants import Array
from concordat.graph.onnx.ensemble import MAX_TREE_NODES, Ensemble, Ints, forest_roots
from concordat.graph.onnx.reader import OnnxNode

__all__ = ["read_ensemble_v5"]


def read_ensemble_v5(node: OnnxNode) -> Ensemble:
    """The trees of a TreeEnsemble.

    Raises
    ------
    ModelError
        If its lists do not describe a forest of comparisons.
    """
    mode = _tensor(node, "nodes_modes").astype(np.int64)
    inner, targets = len(mode), int(node.attributes.get("n_targets", 0))
    if not 0 < inner <= MAX_TREE_NODES // 3 or not 0 < targets <= 1024 or mode.min() < 0 or mode.max() > 3:
        raise node.refuse("it has too many nodes or targets, or a mode that is no comparison")
    leaf_weights = _tensor(node, "leaf_weights").astype(np.float64)
    leaf_targets = _ints(node, "leaf_targetids", len(leaf_weights))
    if not np.isfinite(leaf_weights).all() or leaf_targets.min(initial=0) < 0 or leaf_targets.max(initial=0) >= targets:
        raise node.refuse("a leaf's weight is not a finite number, or belongs to no target", code="NotFinite")
    weights = np.zeros((3 * inner, targets))
    children = []
    for side, name in enumerate(("true", "false")):
        ids, leafs = _ints(node, f"nodes_{name}nodeids", inner), _ints(node, f"nodes_{name}leafs", inner) != 0
        limit = np.where(leafs, len(leaf_weights), inner)
        if (ids < 0).any() or (ids >= limit).any():
            raise node.refuse("a tree node has a child that does not exist")
        copies = (1 + side) * inner + np.arange(inner)
        weights[copies[leafs], leaf_targets[ids[leafs]]] = leaf_weights[ids[leafs]]
        children.append(np.where(leafs, copies, ids))
    return _compact(node, mode, children[0], children[1], weights)


def _compact(node: OnnxNode, mode: Ints, true: Ints, false: Ints, weights: Array) -> Ensemble:
    """Without the leaves that nothing leads to."""
    inner = len(mode)
    used = np.unique(np.concatenate([np.arange(inner), true, false]))
    number = np.zeros(3 * inner, dtype=np.int64)
    number[used] = np.arange(len(used))
    pad = np.zeros(len(used) - inner, dtype=np.int64)
    true, false = np.concatenate([number[true], pad]), np.concatenate([number[false], pad])
    modes = np.concatenate([mode, pad - 1])
    threshold = _tensor(node, "nodes_splits")
    missing = node.attributes.get("nodes_missing_value_tracks_true") or (0,) * inner
    features = _ints(node, "nodes_featureids", inner)
    roots = _ints(node, "tree_roots", None)
    if len(threshold) != inner or np.isnan(threshold).any() or len(missing) != inner:
        raise node.refuse("its lists have different lengths, or a threshold is not a number")
    if not np.array_equal(np.sort(roots), forest_roots(node, modes >= 0, true, false, len(np.unique(roots)))):
        raise node.refuse("its roots are not those of its trees")
    return Ensemble(
        roots=roots,
        mode=modes,
        feature=np.concatenate([features, pad]),
        threshold=np.concatenate([threshold, pad.astype(threshold.dtype)]),
        true=true,
        false=false,
        missing_true=np.concatenate([np.array(missing, dtype=bool), pad.astype(bool)]),
        weights=weights[used],
    )


def _tensor(node: OnnxNode, name: str) -> Array:
    found = node.attributes.get(name)
    if not isinstance(found, np.ndarray) or found.dtype == object:
        raise node.refuse(f"its {name} are missing")
    return found.ravel()


def _ints(node: OnnxNode, name: str, count: int | None) -> Ints:
    values = np.array(node.attributes.get(name, ()), dtype=np.int64).ravel()
    if count is not None and len(values) != count:
        raise node.refuse(f"its list {name} has {len(values)} entries, not {count}")
    return values
