"""Patterns that mean an operator: ``1 / (1 + exp(-x))`` is a sigmoid, and constants are folded."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np

from concordat.graph.onnx.batches import batch_first
from concordat.graph.onnx.chains import fuse_curves
from concordat.graph.onnx.constants import Array
from concordat.graph.onnx.folding import fold_constants
from concordat.graph.onnx.gates import hard_gates, pads_in_kernels
from concordat.graph.onnx.operators import INTERNAL
from concordat.graph.onnx.patterns import finite, known_patterns
from concordat.graph.onnx.reader import OnnxModel, OnnxNode
from concordat.graph.onnx.steps import steps_kept

__all__ = ["rewrite"]

_INPUTS = {
    **dict.fromkeys(("Add", "Div", "Equal", "Expand", "Gather", "MatMul", "Mul", "Pow", "Reshape", "Slice", "Sub"), 2),
    **dict.fromkeys(("GRU", "LSTM", "RNN", "Where"), 3),
    **dict.fromkeys(("Max", "Min", "Sum", "Mean", "Transpose"), 1),
}
"""Inputs without which the passes below need not look at an operator."""
_ATTRIBUTES = {
    "Pad": (("pads", np.int64), ("value", np.float32)),
    "Slice": (("starts", np.int64), ("ends", np.int64), ("axes", np.int64)),
}
"""Attributes that later opsets made inputs, in their order."""
_PARTS = ("Add", "Exp", "Mul", "Neg")


def rewrite(model: OnnxModel) -> OnnxModel:
    """The model with Constant nodes as constants, spelt-out operators as such, and the batch in front."""
    model = _today(model)
    for node in model.nodes:
        if len(node.inputs) < _INPUTS.get(node.op, 0) or not all(node.inputs[: _INPUTS.get(node.op, 0)]):
            raise node.refuse(f"it needs {_INPUTS[node.op]} inputs")
        if node.op in INTERNAL:
            raise node.refuse("there is no integer form of this operator", code="UnsupportedOperator")
    constants = dict(model.constants)
    nodes = []
    for node in model.nodes:
        if node.op == "Constant" and not node.inputs and len(node.outputs) == 1:
            constants[node.outputs[0]] = _constant(node)
        else:
            nodes.append(node)
    folded = fold_constants(replace(model, nodes=tuple(nodes), constants=constants))
    makers, constants = {name: node for node in folded.nodes for name in node.outputs}, dict(folded.constants)
    rewritten = [_sigmoid(node, makers, constants) or node for node in folded.nodes]
    uses = Counter([name for node in rewritten for name in node.inputs] + list(model.outputs))
    kept = []
    for node in reversed(rewritten):
        if node.op in _PARTS and not any(uses[name] for name in node.outputs):
            uses.subtract(node.inputs)
        else:
            kept.append(node)
    plain = finite(replace(model, nodes=tuple(reversed(kept)), constants=constants))
    return batch_first(fuse_curves(known_patterns(pads_in_kernels(hard_gates(steps_kept(plain))))))


def _today(model: OnnxModel) -> OnnxModel:
    """The model with inputs in the place of what were attributes, and without names for results that nothing reads."""
    constants, nodes = dict(model.constants), []
    read = {name for node in model.nodes for name in node.inputs} | set(model.outputs)
    for node in model.nodes:
        if node.op in _ATTRIBUTES and len(node.inputs) == 1:
            names = []
            for key, kind in _ATTRIBUTES[node.op]:
                given = node.attributes.get(key)
                names.append("" if given is None else f"{node.outputs[0]}/{key}")
                if given is not None:
                    constants[names[-1]] = np.array(given, dtype=kind)
            node = replace(node, inputs=(*node.inputs, *names))
        if len(node.outputs) > 1:
            unread = tuple(name if name in read else "" for name in node.outputs[1:])
            node = replace(node, outputs=(node.outputs[0], *unread))
        nodes.append(node)
    return replace(model, nodes=tuple(nodes), constants=constants)


def _constant(node: OnnxNode) -> Array:
    for name, kind in (("value_float", np.float32), ("value_floats", np.float32), ("value_int", np.int64),
                       ("value_ints", np.int64)):  # fmt: skip
        if name in node.attributes:
            array = np.array(node.attributes[name], dtype=kind)
            if not np.isfinite(array).all():
                raise node.refuse("its value is not a finite number", code="NotFinite")
            return array
    if isinstance(node.attributes.get("value"), np.ndarray):
        value: Array = node.attributes["value"]
        return value
    raise node.refuse("its value is of no known kind", code="UnsupportedOperator")


def _sigmoid(node: OnnxNode, makers: dict[str, OnnxNode], constants: dict[str, Array]) -> OnnxNode | None:
    """Sigmoid, if a Reciprocal is one spelt out."""
    if node.op != "Reciprocal":
        return None
    add = makers.get(node.inputs[0])
    power = _other(add, "Add", 1.0, constants, makers)
    negative = makers.get(power.inputs[0]) if power is not None and power.op == "Exp" else None
    if negative is None:
        return None
    if negative.op == "Neg":
        source = negative.inputs[0]
    elif negative.op == "Mul":
        names = [name for name in negative.inputs if not _is(constants.get(name), -1.0)]
        if len(names) != 1:
            return None
        source = names[0]
    else:
        return None
    return replace(node, op="Sigmoid", inputs=(source,), attributes={})


def _other(
    node: OnnxNode | None, op: str, number: float, constants: dict[str, Array], makers: dict[str, OnnxNode]
) -> OnnxNode | None:
    """Maker of the operand beside a constant."""
    if node is None or node.op != op:
        return None
    names = [name for name in node.inputs if not _is(constants.get(name), number)]
    return makers.get(names[0]) if len(names) == 1 else None


def _is(constant: Array | None, number: float) -> bool:
    return constant is not None and constant.size == 1 and constant.dtype.kind == "f" and constant.item() == number
