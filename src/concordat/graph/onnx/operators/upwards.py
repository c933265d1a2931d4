"""ConvTranspose: pixels set apart by zeros, and then a convolution with the kernel turned round.

Where the windows do not overlap (a kernel as large as its stride) each pixel simply becomes a tile: one product with
all the kernel's taps, whose elements are put in order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from concordat.graph.onnx.constants import MAX_ROW_ELEMENTS, Array
from concordat.graph.onnx.convolve import convolve
from concordat.graph.onnx.images import Shape, narrow_image
from concordat.graph.onnx.operators.convolution import as_kernel, constant_of, convolved, kernel_windows, per_channel
from concordat.graph.onnx.operators.registry import Operator
from concordat.graph.onnx.patches import NOTHING, gathered
from concordat.graph.onnx.quantise import weight_steps
from concordat.graph.onnx.reader import OnnxNode
from concordat.graph.onnx.views import RegionView, Value
from concordat.graph.onnx.windows import as_image

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = ["OPERATORS"]


def _numbers(node: OnnxNode, name: str, count: int, default: int) -> list[int]:
    found = [int(x) for x in node.attributes.get(name) or [default] * count]
    if len(found) != count or min(found) < 0:
        raise node.refuse(f"its {name} are {found[:8]}")
    return found


def _as_conv(node: OnnxNode, shape: Sequence[int], kernel: Sequence[int]) -> tuple[OnnxNode, list[int]]:
    """The convolution that is left once the pixels are set apart, and how far apart they are set."""
    dimensions, groups = len(shape) - 1, int(node.attributes.get("group", 1))
    fits = len(kernel) == len(shape) + 1 and groups >= 1 and kernel[0] == shape[0] and not shape[0] % groups
    if dimensions not in (1, 2) or not fits:
        raise node.refuse(f"a kernel of shape {tuple(kernel)} does not fit {tuple(shape)}", code="UnsupportedOperator")
    if node.attributes.get("auto_pad", "NOTSET") not in ("", "NOTSET", "VALID") or "output_shape" in node.attributes:
        raise node.refuse("only explicit padding has an integer form", code="UnsupportedOperator")
    strides, dilations = (_numbers(node, name, dimensions, 1) for name in ("strides", "dilations"))
    pads, more = _numbers(node, "pads", 2 * dimensions, 0), _numbers(node, "output_padding", dimensions, 0)
    reach = [d * (k - 1) for d, k in zip(dilations, kernel[2:], strict=True)]
    begin = [r - p for r, p in zip(reach, pads[:dimensions], strict=True)]
    end = [r - p + m for r, p, m in zip(reach, pads[dimensions:], more, strict=True)]
    apart = [(size - 1) * stride + 1 for size, stride in zip(shape[1:], strides, strict=True)]
    if min(strides) < 1 or min(*begin, *end) < 0:
        raise node.refuse("it takes away more than its kernel reaches", code="UnsupportedOperator")
    if shape[0] * math.prod(apart) > MAX_ROW_ELEMENTS:
        raise node.refuse("a row of its pixels set apart is too large", code="ModelTooLarge")
    attributes: dict[str, Any] = {"group": groups, "dilations": dilations, "pads": [*begin, *end]}
    return replace(node, attributes=attributes), strides


def _turned(kernel: Array, groups: int) -> Array:
    """The kernel (inputs, outputs of a group, taps) as one of a convolution, its taps turned round."""
    inputs, outputs, *taps = kernel.shape
    grouped = kernel.reshape(groups, inputs // groups, outputs, *taps).swapaxes(1, 2)
    turned = grouped.reshape(groups * outputs, inputs // groups, *taps)
    return np.flip(turned, axis=tuple(range(2, turned.ndim)))


def _evaluate(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    image, kernel = inputs[0], inputs[1]
    conv, strides = _as_conv(node, image.shape[1:], kernel.shape)
    apart = [(size - 1) * stride + 1 for size, stride in zip(image.shape[2:], strides, strict=True)]
    spread = np.zeros((*image.shape[:2], *apart), dtype=image.dtype)
    every = tuple(slice(None, None, stride) for stride in (1, 1, *strides))
    spread[every] = image
    found = convolved(conv, spread, _turned(kernel, conv.attributes["group"]))
    if len(inputs) > 2 and inputs[2].size:
        found = found + inputs[2].reshape(-1, *(1,) * (image.ndim - 2))
    return [found.astype(image.dtype)]


def _lower(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    raw = constant_of(node, values[1], "kernel")
    conv, strides = _as_conv(node, lowering.row_shape(node.inputs[0]), raw.shape)
    kernel = as_kernel(_turned(raw, conv.attributes["group"]))
    bias = constant_of(node, values[2], "bias").ravel() if len(values) > 2 and node.inputs[2] else np.zeros(len(kernel))
    view = narrow_image(lowering, lowering.numbers(node, values[0]), node.inputs[0])
    shape = Shape(*as_image(lowering.row_shape(node.inputs[0])))
    steps, unit = weight_steps(lowering, node.inputs[1], kernel, view.region.interval.magnitude)
    taps = kernel.shape[2:]
    tiled = tuple(strides) == raw.shape[2:] and conv.attributes["group"] == 1
    plain = not any(node.attributes.get("pads") or ()) and not any(node.attributes.get("output_padding") or ())
    if tiled and plain and set(conv.attributes["dilations"]) <= {1}:
        sums = _tiles(lowering, node, view, shape, steps)
    else:
        spread, around = _set_apart(lowering, view, shape, strides)
        row = around[:1] + around[-(raw.ndim - 2) :]
        windows, groups = kernel_windows(conv, row, (*kernel.shape[:2], *taps[-(raw.ndim - 2) :]))
        sums = convolve(lowering, spread, around, steps, groups, windows)
    places = sums.n // len(kernel)
    return [sums.affine(per_channel(unit * view.scale[0], places), per_channel(bias, places))]


def _set_apart(lowering: Lowering, view: RegionView, shape: Shape, strides: Sequence[int]) -> tuple[RegionView, Shape]:
    """An image with zeros between its pixels, channels last."""
    down, across = (1, *strides)[-2:]
    around = Shape(shape.channels, (shape.height - 1) * down + 1, (shape.width - 1) * across + 1)
    index = np.full((around.height, around.width, shape.channels), NOTHING)
    index[::down, ::across] = view.index.reshape(shape).transpose(1, 2, 0)
    region = gathered(lowering, view.region, index.reshape(around.height, -1))
    places = np.arange(region.size).reshape(around.height, around.width, shape.channels).transpose(2, 0, 1)
    return RegionView.of(region.reshape(1, region.size), view.scale[0]).take(places), around


def _tiles(lowering: Lowering, node: OnnxNode, view: RegionView, shape: Shape, steps: Any) -> RegionView:
    """Each pixel as a tile; the kernel's taps are turned back."""
    outputs, inputs, lines, columns = steps.shape
    rows = np.flip(steps, axis=(2, 3)).transpose(2, 3, 0, 1).reshape(-1, inputs, 1, 1)
    one, _ = kernel_windows(replace(node, attributes={}), shape, rows.shape)
    sums = convolve(lowering, view, shape, rows, 1, one)
    places = np.arange(sums.n).reshape(lines, columns, outputs, shape.height, shape.width)
    return sums.take(places.transpose(2, 3, 0, 4, 1))


OPERATORS = {"ConvTranspose": Operator(evaluate=_evaluate, lower=_lower)}
