"""Preprocessing of columns: Scaler, Imputer, OneHotEncoder, LabelEncoder, Binarizer.

All but the last keep a view of the input columns what it is, so that a scaled, filled and encoded row costs nothing
until a dense layer or a tree reads it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from concordat.graph.onnx.constants import Array
from concordat.graph.onnx.operators.registry import Operator
from concordat.graph.onnx.operators.shapes import check_size
from concordat.graph.onnx.reader import OnnxNode
from concordat.graph.onnx.views import InputView, LabelView, Value

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = ["OPERATORS", "encoder_categories", "fills_missing"]


def _scaler(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    x = inputs[0]
    kind: Any = np.float64 if x.dtype == np.float64 else np.float32
    offset, scale = (np.array(v, dtype=np.float32).astype(kind) for v in _scaler_constants(node, x.shape[-1]))
    return [((x.astype(kind) - offset) * scale).astype(np.float32)]


def _scaler_constants(node: OnnxNode, columns: int) -> tuple[Any, Any]:
    found = []
    for name, default in (("offset", 0.0), ("scale", 1.0)):
        values = node.attributes.get(name, (default,))
        if len(values) not in (1, columns) or not np.isfinite(values).all():
            raise node.refuse(f"its {name} has {len(values)} values for {columns} columns, or one that is not finite")
        found.append(np.broadcast_to(np.array(values, dtype=np.float64), (columns,)))
    return found[0], found[1]


def _lower_scaler(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    view = lowering.numbers(node, values[0])
    offset, scale = _scaler_constants(node, view.n)
    return [view.affine(scale, -offset * scale)]


def fills_missing(node: OnnxNode) -> bool:
    """Whether an Imputer replaces what is not a number."""
    return math.isnan(float(node.attributes.get("replaced_value_float", 0.0)))


def _imputed(node: OnnxNode, columns: int) -> Array:
    floats = node.attributes.get("imputed_value_floats")
    values = floats if floats else node.attributes.get("imputed_value_int64s", ())
    if len(values) not in (1, columns) or not np.isfinite(values).all():
        raise node.refuse(f"it fills in {len(values)} values for {columns} columns")
    return np.broadcast_to(np.array(values), (columns,))


def _imputer(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    x = inputs[0]
    filled = _imputed(node, x.shape[-1]).astype(x.dtype)
    if x.dtype.kind == "i":
        return [np.where(x == int(node.attributes.get("replaced_value_int64", 0)), filled, x)]
    replaced = float(node.attributes.get("replaced_value_float", 0.0))
    return [np.where(np.isnan(x) if math.isnan(replaced) else x == x.dtype.type(replaced), filled, x)]


def _lower_imputer(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    view = values[0]
    if not isinstance(view, InputView) or not fills_missing(node):
        raise node.refuse("only gaps (NaN) in input columns are filled", code="UnsupportedOperator")
    filled = _imputed(node, view.n).astype(np.float64)
    return [replace(view, missing=np.where(np.isnan(view.missing), filled, view.missing))]


def encoder_categories(node: OnnxNode) -> tuple[str | int, ...]:
    """Categories of a OneHotEncoder, or keys of a LabelEncoder."""
    names = ("cats_strings", "cats_int64s", "keys_strings", "keys_int64s", "classes_strings")
    for name in names:
        if node.attributes.get(name):
            return tuple(node.attributes[name])
    keys = node.attributes.get("keys_tensor")
    if isinstance(keys, np.ndarray) and keys.dtype.kind in "Oi":
        return tuple(keys.ravel().tolist())
    raise node.refuse("it has no categories of words or whole numbers", code="UnsupportedOperator")


def _one_hot(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    x, categories = inputs[0], encoder_categories(node)
    check_size(node, (1, math.prod(x.shape[1:]) * len(categories)))
    known = np.empty(len(categories), dtype=object if isinstance(categories[0], str) else np.int64)
    known[:] = categories
    data = x if known.dtype == object or x.dtype == object else x.astype(np.int64)
    return [(data[..., None] == known).astype(np.float32)]


def _lower_one_hot(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    categories = encoder_categories(node)
    view = _coded(lowering, node, values[0])
    repeated = view.take(np.repeat(np.arange(view.n), len(categories)))
    tables = []
    for place, column in enumerate(repeated.columns.tolist()):
        table = np.zeros(len(lowering.categories(column)) + 1)
        wanted = categories[place % len(categories)]
        if wanted in lowering.categories(column):
            table[1 + lowering.categories(column).index(wanted)] = 1.0
        tables.append(table)
    return [replace(repeated, tables=tuple(tables))]


def _coded(lowering: Lowering, node: OnnxNode, value: Value) -> InputView:
    if not isinstance(value, InputView) or not all(lowering.categories(c) for c in value.columns.tolist()):
        raise node.refuse("it encodes something that is not a category of the input", code="UnsupportedOperator")
    return value


def _label_table(node: OnnxNode) -> tuple[tuple[str | int, ...], tuple[Any, ...], Any]:
    """Keys, values and the default of a LabelEncoder."""
    keys = encoder_categories(node)
    if "keys_tensor" in node.attributes:
        values: tuple[Any, ...] = tuple(np.asarray(node.attributes["values_tensor"]).ravel().tolist())
        default = node.attributes.get("default_tensor")
        return keys, values, default.ravel().tolist()[0] if isinstance(default, np.ndarray) else -1
    for kind, default in (("int64", -1), ("float", 0.0), ("string", "_Unused")):
        if node.attributes.get(f"values_{kind}s"):
            return keys, tuple(node.attributes[f"values_{kind}s"]), node.attributes.get(f"default_{kind}", default)
    raise node.refuse("it has no values", code="UnsupportedOperator")


def _label_encoder(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    keys, values, default = _label_table(node)
    if len(keys) != len(values):
        raise node.refuse("it has more keys than values, or fewer")
    mapping = dict(zip(keys, values, strict=True))
    found = [mapping.get(item, default) for item in inputs[0].ravel().tolist()]
    kind = object if isinstance(values[0], str) else np.float32 if isinstance(values[0], float) else np.int64
    result = np.empty(len(found), dtype=kind)
    result[:] = found
    return [result.reshape(inputs[0].shape)]


def _lower_label_encoder(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    keys, results, default = _label_table(node)
    mapping = dict(zip(keys, results, strict=True))
    value = values[0]
    if isinstance(value, LabelView):
        return [LabelView(region=value.region, classes=tuple(mapping.get(name, default) for name in value.classes))]
    if isinstance(results[0], str) or isinstance(default, str):
        raise node.refuse("it turns an input into words", code="UnsupportedOperator")
    view = _coded(lowering, node, value)
    tables = []
    for column in view.columns.tolist():
        codes = [mapping.get(category, default) for category in lowering.categories(column)]
        tables.append(np.array([default, *codes], dtype=np.float64))
    return [replace(view, tables=tuple(tables))]


def _binarizer(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    x = inputs[0]
    return [(x > x.dtype.type(node.attributes.get("threshold", 0.0))).astype(x.dtype)]


def _lower_binarizer(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    view = lowering.numbers(node, values[0])
    return [lowering.above(view, np.full(view.n, float(node.attributes.get("threshold", 0.0))))]


OPERATORS = {
    "Binarizer": Operator(evaluate=_binarizer, lower=_lower_binarizer),
    "Imputer": Operator(evaluate=_imputer, lower=_lower_imputer),
    "LabelEncoder": Operator(evaluate=_label_encoder, lower=_lower_label_encoder),
    "OneHotEncoder": Operator(evaluate=_one_hot, lower=_lower_one_hot),
    "Scaler": Operator(evaluate=_scaler, lower=_lower_scaler),
}
