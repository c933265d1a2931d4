"""Pools: the greatest or the mean of what a window sees, or of a whole channel."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from concordat.graph.builder import Ref
from concordat.graph.onnx.constants import MAX_ROW_ELEMENTS, Array
from concordat.graph.onnx.elementwise import row_wise
from concordat.graph.onnx.images import Shape, is_uniform, narrow_image
from concordat.graph.onnx.operators.registry import Evaluate, Lower, Operator
from concordat.graph.onnx.patches import gathered, nearest_taps, tap_indexes
from concordat.graph.onnx.quantise import as_region
from concordat.graph.onnx.reader import OnnxNode
from concordat.graph.onnx.views import Places, RegionView, Value
from concordat.graph.onnx.windows import Windows, as_image, windows_of

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = ["OPERATORS", "averaged", "channel_sums", "pooled_windows", "window_sums"]


def pooled_windows(node: OnnxNode, shape: Sequence[int]) -> Windows:
    """Windows of a pool over one row."""
    if len(shape) not in (2, 3):
        raise node.refuse("only images and signals are pooled", code="UnsupportedOperator")
    windows = windows_of(node, shape, node.attributes.get("kernel_shape") or ())
    if any(pad >= kernel for pad, kernel in zip(windows.begin, windows.kernel, strict=True)):
        raise node.refuse("its padding is as wide as its window")
    if shape[0] * math.prod(windows.count) * math.prod(windows.kernel) > 16 * MAX_ROW_ELEMENTS:
        raise node.refuse("what its windows see is too large", code="ModelTooLarge")
    if (windows.inside() == 0).any():
        raise node.refuse("a window of it lies outside the image", code="UnsupportedOperator")
    return windows


def _flat(image: Array) -> Array:
    return image.reshape(len(image), *as_image(image.shape[1:]))


def _reshaped(node: OnnxNode, pooled: Array, dimensions: int) -> list[Array]:
    return [pooled.reshape(*pooled.shape[:2], *pooled.shape[-dimensions:])]


def _max_pool(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    image = inputs[0]
    windows = pooled_windows(node, image.shape[1:])
    lowest = -np.inf if image.dtype.kind == "f" else np.iinfo(image.dtype).min
    return _reshaped(node, windows.view(_flat(image), lowest).max(axis=(4, 5)), image.ndim - 2)


def averaged(node: OnnxNode, image: Array) -> Array:
    """Means of what each window sees, in floats."""
    windows = pooled_windows(node, image.shape[1:])
    sums = windows.view(_flat(image)).sum(axis=(4, 5))
    return _reshaped(node, sums / _divisors(node, windows), image.ndim - 2)[0]


def _average_pool(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    return [averaged(node, inputs[0]).astype(inputs[0].dtype)]


def _divisors(node: OnnxNode, windows: Windows) -> Array:
    """By how much each window's sum is divided, shape (lines, columns)."""
    return windows.counted() if node.attributes.get("count_include_pad", 0) else windows.inside()


def _lower_max_pool(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    if len(node.outputs) > 1 and node.outputs[1]:
        raise node.refuse("places of the greatest elements have no integer form", code="UnsupportedOperator")
    view = as_region(lowering, lowering.numbers(node, values[0]))
    view = view if is_uniform(view) else narrow_image(lowering, view, node.inputs[0])
    shape = Shape(*as_image(lowering.row_shape(node.inputs[0])))
    windows = pooled_windows(node, lowering.row_shape(node.inputs[0]))
    positive = view.region.interval.low >= 0  # then the zeros around an image are never greater
    taps = tap_indexes(lowering, view, shape, windows) if positive else nearest_taps(view, shape, windows)
    return [_pooled(view, _seen(lowering, view, taps), lowering.builder.max, shape, windows)]


def _seen(lowering: Lowering, view: RegionView, taps: Places) -> Ref:
    """What each window sees of each channel, as rows."""
    lines, columns, down, across, channels = taps.shape
    index = np.moveaxis(taps, 4, 2).reshape(lines, columns * channels * down * across)
    return gathered(lowering, view.region, index).reshape(lines * columns * channels, down * across)


def _pooled(view: RegionView, rows: Ref, reduce: Callable[[Ref], Ref], shape: Shape, windows: Windows) -> RegionView:
    found = reduce(rows)
    stored = np.arange(found.size).reshape(*windows.count, shape.channels).transpose(2, 0, 1)
    return RegionView.of(found.reshape(1, found.size), view.scale[0], view.offset[0]).take(stored)


def window_sums(lowering: Lowering, node: OnnxNode, view: RegionView) -> tuple[RegionView, Array]:
    """Sums of what each window sees of a narrow image, and how many elements each counts for."""
    shape = Shape(*as_image(lowering.row_shape(node.inputs[0])))
    windows = pooled_windows(node, lowering.row_shape(node.inputs[0]))
    seen = _seen(lowering, view, tap_indexes(lowering, view, shape, windows))
    sums = _pooled(view, seen, lowering.builder.sum, shape, windows)
    return sums, np.broadcast_to(_divisors(node, windows).ravel(), (shape.channels, math.prod(windows.count))).ravel()


def _lower_average_pool(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    view = narrow_image(lowering, lowering.numbers(node, values[0]), node.inputs[0])
    sums, counts = window_sums(lowering, node, view)
    return [sums.affine(1.0 / counts, 0.0)]


# -- whole channels --------------------------------------------------------------------------------------------------


def _global(function: Callable[..., Any]) -> Evaluate:
    def evaluate(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
        image = inputs[0]
        if image.ndim < 3:
            raise node.refuse("it is no image")
        return [np.asarray(function(image, axis=tuple(range(2, image.ndim)), keepdims=True), dtype=image.dtype)]

    return evaluate


def channel_sums(lowering: Lowering, name: str, view: RegionView, *, greatest: bool = False) -> RegionView:
    """Sum (or greatest element) of each channel of a narrow image."""
    channels = lowering.row_shape(name)[0]
    rows = row_wise(lowering, view, channels)
    found = lowering.builder.max(rows) if greatest else lowering.builder.sum(rows)
    return RegionView.of(found.reshape(1, channels), view.scale[0])


def _lower_global(greatest: bool) -> Lower:
    def lower(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
        view = narrow_image(lowering, lowering.numbers(node, values[0]), node.inputs[0])
        found = channel_sums(lowering, node.inputs[0], view, greatest=greatest)
        return [found if greatest else found.affine(found.n / view.n, 0.0)]

    return lower


OPERATORS = {
    "AveragePool": Operator(evaluate=_average_pool, lower=_lower_average_pool),
    "GlobalAveragePool": Operator(evaluate=_global(np.mean), lower=_lower_global(greatest=False)),
    "GlobalMaxPool": Operator(evaluate=_global(np.max), lower=_lower_global(greatest=True)),
    "MaxPool": Operator(evaluate=_max_pool, lower=_lower_max_pool),
}
