"""Quantised operators, taken as they are: the file's own scales and zero points are kept.

The integer of a quantised tensor is stored less its zero point, in 8 or 16 bits, so that what is padded is zero. Sums
of products are exact; bringing them to the next scale rounds halves up where onnxruntime rounds them to even, and
multiplies by a factor of 30 bits where onnxruntime has a float of 24. The two differ by at most one step of the
result, on the few elements that lie within 10**-5 steps of a half.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from concordat.graph.elements import ElementType
from concordat.graph.onnx.blend import Target, blended, blended_images
from concordat.graph.onnx.constants import Array
from concordat.graph.onnx.convolve import convolve
from concordat.graph.onnx.demand import is_image, margin_of
from concordat.graph.onnx.images import Shape, is_narrow, narrow_image, write_image
from concordat.graph.onnx.layout import side_by_side
from concordat.graph.onnx.operators.convolution import as_kernel, convolved, kernel_windows, per_channel
from concordat.graph.onnx.operators.pooling import averaged, channel_sums, window_sums
from concordat.graph.onnx.operators.registry import Operator
from concordat.graph.onnx.quantise import as_region, rescale
from concordat.graph.onnx.reader import OnnxNode
from concordat.graph.onnx.steps import dense_steps
from concordat.graph.onnx.views import Floats, RegionView, Value, View
from concordat.graph.onnx.windows import as_image

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = ["OPERATORS"]


class Grid(NamedTuple):
    """Scale and zero point of a tensor."""

    scale: Floats
    """What one step is worth; one number, or one per channel."""
    zero: Array
    """The integer that is worth zero; its type is the tensor's."""

    @property
    def ends(self) -> tuple[int, int]:
        """Least and greatest integer."""
        info = np.iinfo(self.zero.dtype)
        return int(info.min), int(info.max)


def _grid(node: OnnxNode, inputs: Sequence[Any], place: int) -> Grid:
    """Scale and zero point among a node's inputs, the scale first."""
    scale = inputs[place]
    zero = inputs[place + 1] if len(inputs) > place + 1 and np.size(inputs[place + 1]) else np.zeros(1, dtype=np.uint8)
    if not isinstance(scale, np.ndarray) or not isinstance(zero, np.ndarray):
        raise node.refuse("its scale depends on the row", code="UnsupportedOperator")
    if zero.dtype not in (np.int8, np.uint8, np.int32) or scale.dtype.kind != "f":
        raise node.refuse(f"no integers of type {zero.dtype}", code="UnsupportedOperator")
    steps = scale.astype(np.float64).ravel()
    if not (np.isfinite(steps) & (steps > 0)).all() or zero.size not in (1, steps.size):
        raise node.refuse("a scale of it is not a number above zero, or its zero points do not fit")
    return Grid(steps, zero.ravel())


def _along(node: OnnxNode, numbers: Array, dimensions: int) -> Array:
    """One number, or one per place of the node's axis, for broadcasting."""
    if numbers.size == 1:
        return numbers.reshape(())
    axis = int(node.attributes.get("axis", 1)) % max(dimensions, 1)
    return numbers.reshape(-1, *(1,) * (dimensions - 1 - axis))


# -- what they mean --------------------------------------------------------------------------------------------------


def _steps(real: Array, grid: Grid, shape: Any = ()) -> Array:
    """Quantised numbers: nearest steps, halves to even, saturated."""
    zero = grid.zero.astype(np.float64)
    low, high = grid.ends
    scale = grid.scale.reshape(shape) if shape else grid.scale
    return np.asarray(np.clip(np.rint(real / scale) + zero, low, high).astype(grid.zero.dtype))


def _quantize(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    x, grid = inputs[0], _grid(node, inputs, 1)
    scale, zero = (_along(node, np.asarray(n), x.ndim) for n in (inputs[1].ravel(), grid.zero.astype(np.float32)))
    low, high = grid.ends
    clamped = np.clip(x, node.attributes.get("floor", -np.inf), node.attributes.get("ceiling", np.inf))
    return [np.clip(np.rint(clamped / scale) + zero, low, high).astype(grid.zero.dtype)]


def _dequantize(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    x, grid = inputs[0], _grid(node, inputs, 1)
    scale, zero = (_along(node, n, x.ndim) for n in (inputs[1].ravel(), grid.zero.astype(np.int64)))
    return [((x.astype(np.int64) - zero).astype(np.float32) * scale).astype(np.float32)]


def _centred(x: Array, grid: Grid, outputs: bool = False) -> Array:
    """Integers less their zero point, which a kernel has one of for each output."""
    zero = grid.zero.astype(np.float64)
    return np.asarray(x.astype(np.float64) - (zero.reshape(-1, *(1,) * (x.ndim - 1)) if outputs else zero))


def _qlinear_conv(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    given, kernels, result = (_grid(node, inputs, place) for place in (1, 4, 6))
    sums = convolved(node, _centred(inputs[0], given), _centred(inputs[3], kernels, outputs=True))
    channels = (-1, *(1,) * (sums.ndim - 2))
    if len(inputs) > 8 and inputs[8].size:
        sums = sums + inputs[8].astype(np.float64).reshape(channels)
    return [_steps(sums * (given.scale * kernels.scale).reshape(channels), result)]


def _qlinear_matmul(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    left, right, result = (_grid(node, inputs, place) for place in (1, 4, 6))
    sums = _centred(inputs[0], left) @ (inputs[3].astype(np.float64) - right.zero.astype(np.float64))
    return [_steps(sums * (left.scale * right.scale), result)]


def _qgemm(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    left, right = _grid(node, inputs, 1), _grid(node, inputs, 4)
    if len(inputs) < 8 or not inputs[7].size or node.attributes.get("transA", 0):
        raise node.refuse("its result has no scale, or its first input is transposed", code="UnsupportedOperator")
    weights = inputs[3].T if node.attributes.get("transB", 0) else inputs[3]
    sums = _centred(inputs[0], left) @ (weights.astype(np.float64) - right.zero.astype(np.float64))
    if inputs[6].size:
        sums = sums + inputs[6].astype(np.float64).ravel()
    scale = float(node.attributes.get("alpha", 1.0)) * left.scale * right.scale
    return [_steps(sums * scale, _grid(node, inputs, 7))]


def _qlinear_pair(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    """``QLinearAdd`` and ``QLinearMul``."""
    a, b, result = (_grid(node, inputs, place) for place in (1, 4, 6))
    x, y = _centred(inputs[0], a) * a.scale, _centred(inputs[3], b) * b.scale
    real = x + y if node.op == "QLinearAdd" else x * y
    clamped = np.clip(real, node.attributes.get("floor", -np.inf), node.attributes.get("ceiling", np.inf))
    return [_steps(clamped, result)]


def _qlinear_average(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    """``QLinearAveragePool`` and ``QLinearGlobalAveragePool``."""
    if node.attributes.get("channels_last", 0):
        raise node.refuse("its channels are last", code="UnsupportedOperator")
    given, result = _grid(node, inputs, 1), _grid(node, inputs, 3)
    real = _centred(inputs[0], given) * given.scale
    if node.op == "QLinearAveragePool":
        return [_steps(averaged(node, real), result)]
    return [_steps(real.mean(axis=tuple(range(2, real.ndim)), keepdims=True), result)]


def _integer_zero(inputs: Sequence[Any], place: int) -> Any:
    return inputs[place] if len(inputs) > place and np.size(inputs[place]) else np.zeros(1, dtype=np.int64)


def _conv_integer(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    zeros = [_integer_zero(inputs, place).astype(np.float64) for place in (2, 3)]
    kernel = inputs[1].astype(np.float64) - zeros[1].reshape(-1, *(1,) * (inputs[1].ndim - 1))
    return [convolved(node, inputs[0].astype(np.float64) - zeros[0], kernel).astype(np.int32)]


def _matmul_integer(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    zeros = [_integer_zero(inputs, place).astype(np.int64) for place in (2, 3)]
    return [((inputs[0].astype(np.int64) - zeros[0]) @ (inputs[1].astype(np.int64) - zeros[1])).astype(np.int32)]


def _dynamic(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    raise node.refuse(
        "its scale depends on the row, which has no integer form",
        code="UnsupportedOperator",
        hint="Quantise statically (onnxruntime.quantization.quantize_static), or give the float model.",
    )


# -- how they are written --------------------------------------------------------------------------------------------


def _real(view: View, grid: Grid, shape: Sequence[int] = (), node: OnnxNode | None = None) -> View:
    """What quantised integers are worth."""
    scale, zero = grid.scale, grid.zero.astype(np.float64)
    if scale.size > 1 and node is not None:
        spread = [np.broadcast_to(_along(node, x, len(shape) + 1), (1, *shape)).ravel() for x in (scale, zero)]
        return view.affine(spread[0], -spread[1] * spread[0])
    return view.affine(float(scale[0]), -float(zero[0]) * float(scale[0]))


def _stored(lowering: Lowering, node: OnnxNode, view: View, grid: Grid, shape: Sequence[int]) -> RegionView:
    """Numbers as quantised integers, stored less their zero point."""
    if grid.scale.size > 1:
        raise node.refuse("its result has a scale for each channel", code="UnsupportedOperator")
    clamp, kind = _ends(node, grid)
    scale, name, region = float(grid.scale[0]), node.outputs[0], as_region(lowering, view)
    if kind <= ElementType.I16 and is_image(lowering, name):
        found = write_image(lowering, region, Shape(*as_image(shape)), scale, clamp, kind, margin_of(lowering, name))
    else:
        found = rescale(lowering, region, scale, kind=kind, lo=clamp[0], hi=clamp[1])
    return _integers(found, int(grid.zero[0]))


def _ends(node: OnnxNode, grid: Grid) -> tuple[tuple[int, int], ElementType]:
    """Least and greatest integer less the zero point, and the type that holds them."""
    low, high = (end - int(grid.zero[0]) for end in grid.ends)
    for key, scale in (("floor", float(grid.scale[0])), ("ceiling", float(grid.scale[0]))):
        if key in node.attributes:
            bound = int(np.clip(np.rint(node.attributes[key] / scale), low, high))
            low, high = (bound, high) if key == "floor" else (low, bound)
    return (low, high), ElementType.holding(low, high)


def _integers(view: RegionView, zero: int) -> RegionView:
    """A view as the integers that the file has."""
    ones = np.ones(view.n)
    return RegionView(region=view.region, index=view.index, scale=ones, offset=zero * ones)


def _lower_quantize(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    view = lowering.numbers(node, values[0])
    return [_stored(lowering, node, view, _grid(node, values, 1), lowering.row_shape(node.inputs[0]))]


def _lower_dequantize(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    shape = lowering.row_shape(node.inputs[0])
    return [_real(lowering.numbers(node, values[0]), _grid(node, values, 1), shape, node)]


def _weights(node: OnnxNode, values: Sequence[Value], place: int, grid: Grid) -> Any:
    """Constant integers less their zero point, the outputs first (a kernel) or last (a matrix)."""
    constant = values[place]
    if not isinstance(constant, np.ndarray):
        raise node.refuse("its weights are computed", code="UnsupportedOperator")
    whole, zero = constant.astype(np.int64), grid.zero.astype(np.int64)
    if constant.ndim == 2:  # outputs last, but for QGemm
        return (whole.T if node.attributes.get("transB", 0) else whole) - zero
    return whole - zero.reshape(-1, *(1,) * (constant.ndim - 1))


def _image_sums(lowering: Lowering, node: OnnxNode, view: View, place: int, kernel: Any) -> RegionView:
    """Sums of a convolution of what an image's integers are worth and a kernel of whole numbers."""
    shape = lowering.row_shape(node.inputs[0])
    windows, groups = kernel_windows(node, shape, lowering.samples[node.inputs[place]].shape)
    image = narrow_image(lowering, view, node.inputs[0])
    return convolve(lowering, image, Shape(*as_image(shape)), as_kernel(kernel), groups, windows)


def _lower_qlinear_conv(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    given, kernels, result = (_grid(node, values, place) for place in (1, 4, 6))
    view = _real(lowering.numbers(node, values[0]), given)
    sums = _image_sums(lowering, node, view, 3, _weights(node, values, 3, kernels))
    places = sums.n // lowering.row_shape(node.outputs[0])[0]
    outputs = sums.n // places
    worth = np.broadcast_to(given.scale[0] * kernels.scale, (outputs,))
    bias = values[8].astype(np.float64).ravel() if len(values) > 8 and isinstance(values[8], np.ndarray) else 0.0
    bias = np.broadcast_to(bias if np.size(bias) else 0.0, (outputs,))
    real = sums.affine(per_channel(worth, places), per_channel(worth * bias, places))
    return [_stored(lowering, node, real, result, lowering.row_shape(node.outputs[0]))]


def _lower_products(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    """``QLinearMatMul`` and ``QGemm``."""
    left, right = _grid(node, values, 1), _grid(node, values, 4)
    gemm = node.op == "QGemm"
    weights = _weights(node, values, 3, right)
    if weights.ndim != 2 or len(lowering.row_shape(node.inputs[0])) != 1:
        raise node.refuse("only rows times a constant matrix have an integer form", code="UnsupportedOperator")
    sums = dense_steps(lowering, as_region(lowering, _real(lowering.numbers(node, values[0]), left)), weights)
    alpha = float(node.attributes.get("alpha", 1.0)) if gemm else 1.0
    worth = np.broadcast_to(alpha * left.scale[0] * right.scale, (sums.n,))
    bias = values[6].astype(np.float64).ravel() if gemm and isinstance(values[6], np.ndarray) else np.zeros(0)
    real = sums.affine(worth, worth * (bias if bias.size else 0.0))
    return [_stored(lowering, node, real, _grid(node, values, 7 if gemm else 6), lowering.row_shape(node.outputs[0]))]


def _lower_pair(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    """``QLinearAdd`` and ``QLinearMul`` of tensors of one shape: one AFFINE."""
    left, right, result = (_grid(node, values, place) for place in (1, 4, 6))
    shape, name = lowering.row_shape(node.outputs[0]), node.outputs[0]
    if any(lowering.row_shape(node.inputs[place]) != shape for place in (0, 3)):
        raise node.refuse("its operands are of different shapes", code="UnsupportedOperator")
    a, b = (
        as_region(lowering, _real(lowering.numbers(node, values[place]), grid))
        for place, grid in ((0, left), (3, right))
    )
    if not (is_narrow(a) and is_narrow(b)):
        raise node.refuse("its operands are no integers of one scale", code="UnsupportedOperator")
    clamp, kind = _ends(node, result)
    target = Target(float(result.scale[0]), clamp, kind)
    sign = 1 if node.op == "QLinearAdd" else None
    if is_image(lowering, name):
        found = blended_images(lowering, [a, b], Shape(*as_image(shape)), sign, target)
    else:
        x, y = side_by_side(lowering.builder, [a, b])
        found = RegionView.of(blended(lowering, (x, y), (a, b), sign, target).reshape(1, a.n), 1.0)
    return [_integers(found, int(result.zero[0]))]


def _lower_average(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    given, result = _grid(node, values, 1), _grid(node, values, 3)
    view = narrow_image(lowering, _real(lowering.numbers(node, values[0]), given), node.inputs[0])
    if node.op == "QLinearAveragePool":
        sums, counts = window_sums(lowering, node, view)
        real = sums.affine(1.0 / counts, 0.0)
    else:
        sums = channel_sums(lowering, node.inputs[0], view)
        real = sums.affine(sums.n / view.n, 0.0)
    return [_stored(lowering, node, real, result, lowering.row_shape(node.outputs[0]))]


def _lower_conv_integer(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    zeros = [_integer_zero(values, place) for place in (2, 3)]
    view = lowering.numbers(node, values[0]).affine(1.0, -float(zeros[0].ravel()[0]))
    kernel = _weights(node, values, 1, Grid(np.ones(1), zeros[1].ravel()))
    image = narrow_image(lowering, view, node.inputs[0])
    return [_image_sums(lowering, node, image, 1, kernel).affine(float(image.scale[0]), 0.0)]


def _lower_matmul_integer(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    zeros = [_integer_zero(values, place) for place in (2, 3)]
    view = as_region(lowering, lowering.numbers(node, values[0]).affine(1.0, -float(zeros[0].ravel()[0])))
    weights = _weights(node, values, 1, Grid(np.ones(1), zeros[1].ravel()))
    if weights.ndim != 2 or math.prod(lowering.row_shape(node.inputs[0])[:-1]) != 1:
        raise node.refuse("only rows times a constant matrix have an integer form", code="UnsupportedOperator")
    return [dense_steps(lowering, view, weights).affine(float(view.scale[0]), 0.0)]


def _lower_dynamic(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    return [*_dynamic(node, ())]


OPERATORS = {
    "ConvInteger": Operator(evaluate=_conv_integer, lower=_lower_conv_integer),
    "DequantizeLinear": Operator(evaluate=_dequantize, lower=_lower_dequantize),
    "DynamicQuantizeLinear": Operator(evaluate=_dynamic, lower=_lower_dynamic),
    "MatMulInteger": Operator(evaluate=_matmul_integer, lower=_lower_matmul_integer),
    "QGemm": Operator(evaluate=_qgemm, lower=_lower_products),
    "QLinearAdd": Operator(evaluate=_qlinear_pair, lower=_lower_pair),
    "QLinearAveragePool": Operator(evaluate=_qlinear_average, lower=_lower_average),
    "QLinearConv": Operator(evaluate=_qlinear_conv, lower=_lower_qlinear_conv),
    "QLinearGlobalAveragePool": Operator(evaluate=_qlinear_average, lower=_lower_average),
    "QLinearMatMul": Operator(evaluate=_qlinear_matmul, lower=_lower_products),
    "QLinearMul": Operator(evaluate=_qlinear_pair, lower=_lower_pair),
    "QuantizeLinear": Operator(evaluate=_quantize, lower=_lower_quantize),
}
