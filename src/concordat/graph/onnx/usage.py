"""What a model does with each input column: encodes it as a category, fills its gaps, or computes with it.

A walk through the operators that only move columns (reshape, slice, concatenate, cast, scale) up to those that use
them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from concordat.graph.onnx.constants import Array
from concordat.graph.onnx.evaluate import MAX_ROW_TOTAL
from concordat.graph.onnx.feeds import Feed
from concordat.graph.onnx.operators.encoders import encoder_categories, fills_missing
from concordat.graph.onnx.operators.registry import MAX_ROW_ELEMENTS
from concordat.graph.onnx.operators.trees import routes_missing
from concordat.graph.onnx.reader import OnnxModel, OnnxNode

__all__ = ["Usage", "usage_of"]

_SAME = ("Cast", "Flatten", "Identity", "Reshape", "Scaler", "Squeeze", "Unsqueeze")
_ENCODERS = ("OneHotEncoder", "LabelEncoder")
_TREES = ("TreeEnsemble", "TreeEnsembleClassifier", "TreeEnsembleRegressor")


@dataclass(slots=True, kw_only=True)
class Usage:
    """What becomes of one column."""

    categories: list[str | int] = field(default_factory=list)
    """All that its encoders know, in their order."""
    ignores_unknown: bool = True
    """Whether every encoder accepts other categories."""
    fills_missing: bool = False
    """Whether a gap is filled, or has a branch of its own."""
    numeric: bool = False
    """Whether anything computes with it."""
    entries: int | None = None
    """Length of the shortest table in which it is looked up."""


def usage_of(model: OnnxModel, feeds: Sequence[Feed]) -> list[Usage]:
    """Usage of every input element."""
    usages = [Usage() for feed in feeds for _ in range(feed.width)]
    columns: dict[str, Array] = {
        feed.name: np.arange(feed.first, feed.first + feed.width).reshape(feed.shape) for feed in feeds
    }
    looked_at = 0
    for node in model.nodes:
        sources = [columns[name] for name in node.inputs if name in columns]
        looked_at += sum(source.size for source in sources)
        if looked_at > MAX_ROW_TOTAL:
            raise node.refuse("the rows before it are too large", code="ModelTooLarge")
        if not sources:
            continue
        moved = _moved(node, sources, model.constants)
        if moved is not None:
            columns[node.outputs[0]] = moved
            if node.op == "Imputer" and fills_missing(node):
                for column in np.unique(moved).tolist():
                    usages[column].fills_missing = True
            continue
        for column in np.unique(np.concatenate([source.ravel() for source in sources])).tolist():
            _record(usages[column], node, _entries(node, model.constants))
    return usages


def _entries(node: OnnxNode, constants: Mapping[str, Array]) -> int | None:
    """Length of the constant table that a node looks something up in."""
    table = {"Gather": 0, "OneHotRows": 1}.get(node.op)
    return len(constants[node.inputs[table]]) if table is not None and node.inputs[table] in constants else None


def _record(usage: Usage, node: OnnxNode, entries: int | None) -> None:
    if entries is not None:
        usage.entries = min(entries, usage.entries or entries)
    if node.op in _ENCODERS:
        usage.categories += [c for c in encoder_categories(node) if c not in usage.categories]
        usage.ignores_unknown &= node.op == "OneHotEncoder" and bool(node.attributes.get("zeros", 1))
        return
    usage.numeric = True
    if node.op in _TREES and routes_missing(node):
        usage.fills_missing = True


def _moved(node: OnnxNode, sources: list[Array], constants: Mapping[str, Array]) -> Array | None:
    """Columns of the node's output, if it only moves them."""
    first = sources[0]
    if node.op in _SAME or node.op == "Imputer":
        return first
    if node.op in ("Concat", "FeatureVectorizer") and len(sources) == len(node.inputs):
        return np.concatenate([source.ravel() for source in sources])
    chosen = node.inputs[1] if len(node.inputs) > 1 else ""
    if node.op == "Gather" and chosen in constants and first.ndim == 1:
        places = constants[chosen].ravel()
        return _taken(first, places)
    if node.op == "ArrayFeatureExtractor" and chosen in constants:
        places = constants[chosen].ravel()
        return _taken(first.ravel(), places)
    return None


def _taken(columns: Array, places: Array) -> Array | None:
    """Some columns, if there are not too many and they exist."""
    if places.dtype.kind != "i" or places.size > MAX_ROW_ELEMENTS or (np.abs(places) >= len(columns)).any():
        return None
    return columns[places]
