"""What the readers of a tensor ask of it: whether it is stored as an image, and how many zeros lie around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from concordat.graph.onnx.reader import OnnxNode
from concordat.graph.onnx.windows import Margin, windows_of
from concordat.primitives.errors import ModelError

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = ["is_image", "margin_of", "readers"]

_KERNELS = {"Conv": 1, "ConvInteger": 1, "QLinearConv": 3}
"""Which input of a convolution is its kernel."""
_POOLS = ("AveragePool", "MaxPool", "QLinearAveragePool")
_WINDOWS = (*_KERNELS, *_POOLS, "ConvTranspose", "GlobalAveragePool", "GlobalMaxPool", "QLinearGlobalAveragePool")
_SAME_PLACES = (
    "Add", "BatchNormalization", "Clip", "Curve", "DequantizeLinear", "Dropout", "HardSigmoid", "HardSwish", "Identity",
    "LeakyRelu", "Mul", "PRelu", "QLinearAdd", "QLinearMul", "QuantizeLinear", "Relu", "Sigmoid", "Sub", "Tanh",
)  # fmt: skip
"""Operators whose result may lie as their operands do."""


def readers(lowering: Lowering, name: str) -> list[OnnxNode]:
    """Operators that read a tensor."""
    return [node for node in lowering.model.nodes if name in node.inputs]


def is_image(lowering: Lowering, name: str) -> bool:
    """Whether a tensor is an image or a signal: of three dimensions, or of two beside an operator with windows."""
    dimensions = len(lowering.row_shape(name))
    if dimensions != 2:
        return dimensions == 3
    beside = [node for node in lowering.model.nodes if name in node.inputs or name in node.outputs]
    return any(node.op in _WINDOWS for node in beside)


def margin_of(lowering: Lowering, name: str) -> Margin:
    """Zeros that windows reach around a tensor, its own readers' or those behind elementwise operators."""
    if lowering.margins is None:
        lowering.margins = _margins(lowering)
    return lowering.margins.get(name, Margin())


def _margins(lowering: Lowering) -> dict[str, Margin]:
    found: dict[str, Margin] = {}
    for node in reversed(lowering.model.nodes):
        if node.op in _KERNELS or node.op in _POOLS:
            wanted = _windows_margin(lowering, node)
        elif node.op in _SAME_PLACES:
            wanted = found.get(node.outputs[0], Margin())
        else:
            continue
        for name in node.inputs:
            if wanted and name in lowering.samples and name not in lowering.model.constants:
                found[name] = found.get(name, Margin()).union(wanted)
    return found


def _windows_margin(lowering: Lowering, node: OnnxNode) -> Margin:
    kernel = node.attributes.get("kernel_shape", ())
    if node.op in _KERNELS:
        kernel = lowering.samples[node.inputs[_KERNELS[node.op]]].shape[2:]
    try:
        return windows_of(node, lowering.row_shape(node.inputs[0]), kernel).margin
    except ModelError:
        return Margin()  # the operator says so itself
