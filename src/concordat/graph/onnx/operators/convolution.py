"""Convolutions of images and signals with constant kernels, and BatchNormalization, which only rescales channels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from concordat.graph.onnx.constants import MAX_ROW_ELEMENTS, Array
from concordat.graph.onnx.convolve import convolve
from concordat.graph.onnx.images import Shape, narrow_image
from concordat.graph.onnx.operators.registry import Operator
from concordat.graph.onnx.quantise import weight_steps
from concordat.graph.onnx.reader import OnnxNode
from concordat.graph.onnx.views import Floats, Value
from concordat.graph.onnx.windows import Windows, as_image, windows_of

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = ["OPERATORS", "as_kernel", "constant_of", "convolved", "kernel_windows", "per_channel"]


def kernel_windows(node: OnnxNode, shape: Sequence[int], kernel: Sequence[int]) -> tuple[Windows, int]:
    """Windows of a convolution over one row, and its groups; refuses what does not fit.

    Parameters
    ----------
    node : OnnxNode
    shape : sequence of int
        Of one row of the image.
    kernel : sequence of int
        Shape of the kernel: outputs, channels of a group, taps.
    """
    groups = int(node.attributes.get("group", 1))
    if len(kernel) != len(shape) + 1 or groups < 1 or kernel[1] * groups != shape[0] or kernel[0] % groups:
        raise node.refuse(f"a kernel of shape {tuple(kernel)} in {groups} groups does not fit {tuple(shape)}")
    given = node.attributes.get("kernel_shape")
    if given and tuple(given) != tuple(kernel[2:]):
        raise node.refuse(f"its kernel has {tuple(kernel[2:])} taps, not {tuple(given)}")
    windows = windows_of(node, shape, kernel[2:])
    if kernel[0] * math.prod(windows.count) > MAX_ROW_ELEMENTS:
        raise node.refuse("a row of its output is too large", code="ModelTooLarge")
    return windows, groups


def as_kernel(kernel: Array) -> Array:
    """A kernel with lines and columns, also of a signal."""
    return kernel.reshape(*kernel.shape[:2], 1, -1) if kernel.ndim == 3 else kernel


def convolved(node: OnnxNode, image: Array, kernel: Array) -> Array:
    """Convolution of a batch, in the arrays' own type."""
    windows, groups = kernel_windows(node, image.shape[1:], kernel.shape)
    taps = as_kernel(kernel)
    channels, height, width = as_image(image.shape[1:])
    images = image.reshape(len(image), groups, channels // groups, height, width)
    rows = taps.reshape(groups, len(taps) // groups, -1)
    found = np.empty((len(image), len(taps), *windows.count), dtype=np.result_type(image, kernel))
    for row, groups_of_row in zip(found, images, strict=True):
        seen = windows.view(groups_of_row)  # (groups, channels, lines, columns, kernel lines, kernel columns)
        patches = seen.transpose(0, 1, 4, 5, 2, 3).reshape(groups, rows.shape[2], -1)
        row[:] = (rows @ patches).reshape(row.shape)
    return found.reshape(len(image), len(taps), *windows.count[-(image.ndim - 2) :])


def _conv(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    image, kernel = inputs[0], inputs[1]
    if image.dtype.kind != "f" or image.ndim not in (3, 4):
        raise node.refuse("only images and signals of floats are convolved", code="UnsupportedOperator")
    found = convolved(node, image, kernel)
    if len(inputs) > 2 and inputs[2].size:
        found = found + inputs[2].reshape(-1, *(1,) * (image.ndim - 2))
    return [found]


def constant_of(node: OnnxNode, value: Value, what: str) -> Floats:
    """A constant input of an operator, which names it in its refusal."""
    if not isinstance(value, np.ndarray):
        raise node.refuse(f"its {what} is computed", code="UnsupportedOperator")
    return value.astype(np.float64)


def per_channel(numbers: Floats, places: int) -> Floats:
    """One number per channel as one per element."""
    return np.repeat(numbers, places)


def _lower_conv(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    kernel = as_kernel(constant_of(node, values[1], "kernel"))
    bias = constant_of(node, values[2], "bias").ravel() if len(values) > 2 and node.inputs[2] else np.zeros(len(kernel))
    shape = lowering.row_shape(node.inputs[0])
    windows, groups = kernel_windows(node, shape, lowering.samples[node.inputs[1]].shape)
    view = narrow_image(lowering, lowering.numbers(node, values[0]), node.inputs[0])
    steps, unit = weight_steps(lowering, node.inputs[1], kernel, view.region.interval.magnitude)
    sums = convolve(lowering, view, Shape(*as_image(shape)), steps, groups, windows)
    places = math.prod(windows.count)
    return [sums.affine(per_channel(unit * view.scale[0], places), per_channel(bias, places))]


# -- normalisation ---------------------------------------------------------------------------------------------------


def _batch_norm(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    image = inputs[0]
    factor, summand = (x.reshape(-1, *(1,) * (image.ndim - 2)) for x in _norm(node, inputs[1:]))
    if image.ndim < 2 or len(factor) not in (1, image.shape[1]):
        raise node.refuse("its constants do not fit the channels")
    return [(image * factor + summand).astype(image.dtype)]


def _norm(node: OnnxNode, constants: Sequence[Array]) -> tuple[Floats, Floats]:
    """What a channel is multiplied by, and what is added."""
    training = node.attributes.get("training_mode", 0) or not node.attributes.get("spatial", 1)
    if len(constants) != 4 or training:
        raise node.refuse("it is not exported for inference", code="UnsupportedOperator")
    scale, bias, mean, variance = (constant.astype(np.float64).ravel() for constant in constants)
    factor = scale / np.sqrt(variance + float(node.attributes.get("epsilon", 1e-5)))
    if not np.isfinite(factor).all():
        raise node.refuse("a variance of it is negative or zero", code="NotFinite")
    return factor, bias - mean * factor


def _lower_batch_norm(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    factor, summand = _norm(node, [constant_of(node, value, "scale") for value in values[1:]])
    view = lowering.numbers(node, values[0])
    places = view.n // lowering.row_shape(node.inputs[0])[0]
    return [view.affine(per_channel(factor, places), per_channel(summand, places))]


OPERATORS = {
    "BatchNormalization": Operator(evaluate=_batch_norm, lower=_lower_batch_norm),
    "Conv": Operator(evaluate=_conv, lower=_lower_conv),
}
