"""Rectifiers, clamps, and the products of a number with its own clamp (HardSwish).

On an image they are done in the narrow integers that the next convolution reads, elsewhere in 32 bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from concordat.graph.builder import Ref
from concordat.graph.elements import ElementType
from concordat.graph.onnx.constants import Array
from concordat.graph.onnx.demand import is_image
from concordat.graph.onnx.images import Frame, Shape, body, narrow_image, surrounded
from concordat.graph.onnx.layout import matrix
from concordat.graph.onnx.operators.registry import Operator
from concordat.graph.onnx.products import narrow_whole
from concordat.graph.onnx.quantise import HEADROOM, as_region, decision_grid, fixed_point, narrow, rescale
from concordat.graph.onnx.reader import OnnxNode
from concordat.graph.onnx.views import Places, RegionView, Value
from concordat.graph.onnx.windows import as_image

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = ["OPERATORS"]

_GATE = 1 << 14
"""Units of a gate between zero and one."""


def _relu(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    return [np.maximum(inputs[0], np.zeros((), dtype=inputs[0].dtype))]


def _lower_relu(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    view = as_region(lowering, lowering.numbers(node, values[0]))
    if is_image(lowering, node.outputs[0]):
        return [narrow_image(lowering, view, node.outputs[0], floor=0.0)]
    if lowering.feeds_product(node.outputs[0]):
        return [narrow(lowering, view, node.outputs[0], floor=0.0)]
    grid = decision_grid(lowering, view, lowering.reach(node.inputs[0]))
    return [RegionView.of(lowering.builder.affine(grid.region, lo=0, out_type=ElementType.I32), grid.scale)]


# -- leaks -----------------------------------------------------------------------------------------------------------


def _leaky(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    x = inputs[0]
    alpha = x.dtype.type(node.attributes.get("alpha", 0.01))
    return [np.where(x < 0, alpha * x, x)]


def _prelu(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    x, slopes = inputs
    if slopes.ndim >= x.ndim and slopes.shape[0] != 1:
        raise node.refuse("a slope of it reaches across the rows of a batch", code="UnsupportedOperator")
    return [np.where(x < 0, slopes * x, x).astype(x.dtype)]


def _lower_leaky(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    """``LeakyRelu`` and ``PRelu``: what is below zero is multiplied by a slope, on an image one for each channel."""
    view, builder = lowering.numbers(node, values[0]), lowering.builder
    alpha = _slopes(lowering, node, values)

    def bent(x: Ref) -> Ref:
        x = x.reshape(-(-x.size // alpha.size), alpha.size)
        positive = builder.affine(x, lo=0, out_type=x.type)
        negative = builder.affine(x, hi=0, out_type=x.type)
        slopes = None if alpha.size == 1 else builder.weights(alpha)
        factor = int(alpha[0]) if slopes is None else 1
        found = builder.affine(negative, m0=factor, b=slopes, c=positive, m1=1 << 20, shift=20, out_type=x.type)
        return found.reshape(1, x.size)

    if not is_image(lowering, node.outputs[0]):
        grid = decision_grid(lowering, as_region(lowering, view), lowering.reach(node.inputs[0]))
        return [RegionView.of(bent(grid.region), grid.scale)]
    image = narrow_image(lowering, view, node.inputs[0])
    row, frame = body(lowering, image, _shape(lowering, node))
    return [surrounded(lowering, frame, image.region.type, float(image.scale[0]), lambda: bent(row))]


def _slopes(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> Places:
    """Slopes in 2**-20: one, one for each channel of an image, or one for each element of a row."""
    if node.op == "LeakyRelu":
        return np.array([round(float(node.attributes.get("alpha", 0.01)) * 2**20)])
    slopes, shape = values[1], lowering.row_shape(node.outputs[0])
    if not isinstance(slopes, np.ndarray):
        raise node.refuse("its slopes are computed", code="UnsupportedOperator")
    table = np.broadcast_to(slopes, (1, *shape)).reshape(shape[0], -1)
    steps: Places = np.rint(table.astype(np.float64) * 2**20).astype(np.int64)
    if slopes.size == 1:
        return steps[0, :1]
    if not is_image(lowering, node.outputs[0]):
        return steps.ravel()
    if (table != table[:, :1]).any():
        raise node.refuse("its slopes differ within a channel", code="UnsupportedOperator")
    return steps[:, 0]


def _shape(lowering: Lowering, node: OnnxNode) -> Shape:
    return Shape(*as_image(lowering.row_shape(node.outputs[0])))


# -- clamps ----------------------------------------------------------------------------------------------------------


def _clip(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    x = inputs[0]
    low, high = _clip_bounds(node, inputs[1:])
    return [np.clip(x, -np.inf if low is None else low, np.inf if high is None else high).astype(x.dtype)]


def _clip_bounds(node: OnnxNode, given: Sequence[Value]) -> tuple[float | None, float | None]:
    """Bounds as inputs, or as attributes of older files."""
    if not all(isinstance(bound, np.ndarray) for bound in given):
        raise node.refuse("its bounds are computed", code="UnsupportedOperator")
    found = [float(bound.item()) if isinstance(bound, np.ndarray) and bound.size else None for bound in given]
    attributes = [node.attributes.get("min"), node.attributes.get("max")]
    bounds = [*found, None, None][:2] if given else attributes
    for bound in bounds:
        if bound is not None and np.isnan(bound):
            raise node.refuse("a bound of it is not a number", code="NotFinite")
    low, high = (None if bound is None or abs(bound) > 3e38 else float(bound) for bound in bounds)
    return low, high


def _lower_clip(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    view = as_region(lowering, lowering.numbers(node, values[0]))
    floor, ceiling = _clip_bounds(node, values[1:])
    if is_image(lowering, node.outputs[0]):
        return [narrow_image(lowering, view, node.outputs[0], floor=floor, ceiling=ceiling)]
    grid = decision_grid(lowering, view, lowering.reach(node.inputs[0]))
    unit, kind = float(grid.scale[0]), ElementType.I32
    low, high = (None if b is None else int(np.clip(np.rint(b / unit), kind.minimum, kind.maximum))
                 for b in (floor, ceiling))  # fmt: skip
    return [RegionView.of(lowering.builder.affine(grid.region, lo=low, hi=high, out_type=kind), unit)]


def _slope(node: OnnxNode) -> tuple[float, float]:
    """Factor and summand of a gate before it is clamped to zero and one."""
    if node.op == "HardSwish":
        return 1.0 / 6.0, 0.5
    return float(node.attributes.get("alpha", 0.2)), float(node.attributes.get("beta", 0.5))


def _hard_sigmoid(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    alpha, beta = _slope(node)
    return [np.clip(inputs[0] * np.float32(alpha) + np.float32(beta), 0, 1).astype(inputs[0].dtype)]


def _lower_hard_sigmoid(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    alpha, beta = _slope(node)
    view = as_region(lowering, lowering.numbers(node, values[0])).affine(alpha, beta)
    return [rescale(lowering, view, 1.0 / _GATE, kind=ElementType.I16, lo=0, hi=_GATE)]


# -- a number times its own gate -------------------------------------------------------------------------------------


def _hard_swish(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    x = inputs[0]
    return [(x * np.clip(x / 6 + x.dtype.type(0.5), 0, 1)).astype(x.dtype)]


def _lower_hard_swish(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    """The number, its gate in 2**-14, and their product, all narrow; zeros around an image stay zero."""
    builder, kind = lowering.builder, lowering.precision.activations
    image = is_image(lowering, node.outputs[0])
    narrowed = narrow_image if image else narrow_whole
    view = narrowed(lowering, lowering.numbers(node, values[0]), node.inputs[0])
    unit, reach = float(view.scale[0]), lowering.reach(node.outputs[0])
    worth = reach * HEADROOM[kind] / kind.maximum
    frame: Frame | None = None
    if image:
        row, frame = body(lowering, view, _shape(lowering, node))
    else:
        row = matrix(builder, view, 1, view.n)
    alpha, beta = _slope(node)
    factor, summand, shift = fixed_point(row.interval.magnitude, np.array(alpha * unit * _GATE), np.array(beta * _GATE))
    gate = builder.affine(row, m0=int(factor), add=int(summand), shift=shift, lo=0, hi=_GATE, out_type=ElementType.I16)
    ratio, _, bits = fixed_point(row.interval.magnitude * _GATE, np.array(unit / _GATE / worth), np.zeros(1))

    def product() -> Ref:
        return builder.affine(row, b=gate, m0=int(ratio), shift=bits, lo=-kind.maximum, out_type=kind)

    return [RegionView.of(product(), worth) if frame is None else surrounded(lowering, frame, kind, worth, product)]


OPERATORS = {
    "Clip": Operator(evaluate=_clip, lower=_lower_clip),
    "HardSigmoid": Operator(evaluate=_hard_sigmoid, lower=_lower_hard_sigmoid),
    "HardSwish": Operator(evaluate=_hard_swish, lower=_lower_hard_swish),
    "LeakyRelu": Operator(evaluate=_leaky, lower=_lower_leaky),
    "PRelu": Operator(evaluate=_prelu, lower=_lower_leaky),
    "Relu": Operator(evaluate=_relu, lower=_lower_relu),
}
