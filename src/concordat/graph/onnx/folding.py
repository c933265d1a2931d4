"""Constants of constants: what a file computes from its weights alone, computed once.

Operators that move axes have a batch in front everywhere else; among constants there is none, and they do what their
definition says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from concordat.graph.onnx.constants import MAX_CONSTANT, Array
from concordat.graph.onnx.operators import OPERATORS
from concordat.graph.onnx.operators.structure import cut, pieces
from concordat.graph.onnx.reader import OnnxModel, OnnxNode
from concordat.primitives.errors import ModelError

__all__ = ["fold_constants", "of_constants"]


def fold_constants(model: OnnxModel) -> OnnxModel:
    """The model without operators that depend on constants only."""
    constants, nodes, steps = dict(model.constants), [], dict(model.steps)
    for node in model.nodes:
        found = _folded(node, constants)
        if found is None:
            nodes.append(node)
        else:
            constants.update({name: array for name, array in zip(node.outputs, found, strict=False) if name})
            if node.op == "DequantizeLinear":
                steps[node.outputs[0]] = constants[node.inputs[1]]
            elif node.op in _STILL and steps.get(node.inputs[0], np.zeros(0)).size == 1:
                steps[node.outputs[0]] = steps[node.inputs[0]]
    return replace(model, nodes=tuple(nodes), constants=constants, steps=steps)


def _folded(node: OnnxNode, constants: Mapping[str, Array]) -> Sequence[Array] | None:
    """A node's outputs if they are constant, or None; what does not fit is refused later, by name."""
    if not node.inputs or any(name and name not in constants for name in node.inputs):
        return None
    if node.op not in OPERATORS or len([name for name in node.outputs if name]) != 1:
        return None
    inputs = [constants[name] if name else np.zeros(0) for name in node.inputs]
    if sum(array.size for array in inputs) > MAX_CONSTANT:
        return None
    try:
        with np.errstate(all="ignore"):
            found = of_constants(node, inputs)
    except (ModelError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, MemoryError):
        return None
    arrays = [np.asarray(x) for x in found]
    return None if any(np.isnan(x).any() for x in arrays if x.dtype.kind == "f") else arrays


def of_constants(node: OnnxNode, inputs: Sequence[Array]) -> Sequence[Array]:
    """What an operator makes of arrays that have no batch."""
    return _MOVES[node.op](node, inputs) if node.op in _MOVES else OPERATORS[node.op].evaluate(node, inputs)


def _reshape(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    data, shape = inputs[0], [int(d) for d in inputs[1].ravel()]
    kept = [data.shape[i] if d == 0 and not node.attributes.get("allowzero", 0) else d for i, d in enumerate(shape)]
    return [data.reshape(kept)]


def _axes(node: OnnxNode, inputs: Sequence[Array]) -> tuple[int, ...] | None:
    given = node.attributes.get("axes")
    if given is None and len(inputs) > 1:
        given = inputs[1].ravel().tolist()
    return None if given is None else tuple(int(axis) for axis in given)


def _squeeze(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    return [np.squeeze(inputs[0], axis=_axes(node, inputs))]


def _unsqueeze(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    return [np.expand_dims(inputs[0], _axes(node, inputs) or ())]


_STILL = ("Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze")
"""Operators that leave every number as it is."""
_MOVES: dict[str, Callable[[OnnxNode, Sequence[Array]], list[Array]]] = {
    "Reshape": _reshape,
    "Slice": lambda node, inputs: cut(node, inputs, inputs[0]),
    "Split": lambda node, inputs: pieces(node, inputs, inputs[0]),
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
}
