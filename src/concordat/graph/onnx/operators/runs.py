"""``Curve``: a run of operators that is one function of one number (`concordat.graph.onnx.chains`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from concordat.graph.onnx.chains import CURVE
from concordat.graph.onnx.constants import Array
from concordat.graph.onnx.operators import activations, arithmetic, functions, logic, rectifiers, shapes
from concordat.graph.onnx.operators.functions import lower_curve
from concordat.graph.onnx.operators.registry import Operator
from concordat.graph.onnx.reader import OnnxNode
from concordat.graph.onnx.views import Value

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = ["OPERATORS"]

_PARTS: dict[str, Operator] = {
    **activations.OPERATORS,
    **arithmetic.OPERATORS,
    **functions.OPERATORS,
    **logic.OPERATORS,
    **rectifiers.OPERATORS,
    **shapes.OPERATORS,
}


def _run(node: OnnxNode, x: Array) -> Array:
    """The run's result, in the precision of its argument."""
    values = {node.inputs[0]: x}
    for name, constant in node.attributes["constants"].items():
        values[name] = constant.astype(x.dtype) if constant.dtype.kind == "f" else constant
    for part in node.attributes["nodes"]:
        found = _PARTS[part.op].evaluate(part, [values[name] for name in part.inputs])
        values[part.outputs[0]] = found[0]
    return values[node.attributes["nodes"][-1].outputs[0]]


def _evaluate(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    return [_run(node, inputs[0])]


def _lower(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    def curve(x: Array) -> Array:
        return _run(node, np.asarray(x, dtype=np.float64)).reshape(x.shape)  # a constant may have more dimensions

    return [lower_curve(lowering, node, values[0], curve)]


OPERATORS = {CURVE: Operator(evaluate=_evaluate, lower=_lower)}
