"""Sums and products of tensors element by element, each read where it lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from concordat.graph.builder import Ref
from concordat.graph.onnx.layout import matrix, side_by_side
from concordat.graph.onnx.quantise import as_region, decision_grid, rescale
from concordat.graph.onnx.reader import OnnxNode
from concordat.graph.onnx.views import Floats, InputView, RegionView, Value, View

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = ["plus", "product", "row_wise", "square", "wide", "wide_tensor"]

_FACTOR = 1 << 22
_EACH = 4_096
"""Most elements of a tensor whose elements have a scale each."""


def wide(lowering: Lowering, view: View, reach: float | Floats) -> RegionView:
    """A factor of a product: 23 bits, so that the product leaves room to be rescaled; zero worth zero.

    Its reach is four times the given one, for all elements or for each.
    """
    region = as_region(lowering, view)
    return region if _exact(region) else rescale(lowering, region, 4 * reach / _FACTOR, lo=-_FACTOR, hi=_FACTOR)


def wide_tensor(lowering: Lowering, view: View, name: str) -> RegionView:
    """A tensor as a factor of a product; the elements of a small one have a scale each.

    Columns of the input take it from their declared range, others from the calibrated one.
    """
    region = as_region(lowering, view)
    if region.n > _EACH:
        return wide(lowering, region, lowering.reach(name))
    if isinstance(view, InputView):
        own = (np.abs(region.scale) * region.region.interval.magnitude + np.abs(region.offset)) / 4
        return wide(lowering, region, np.maximum(own, float(own.max()) * 2.0**-20))
    low, high = lowering.bounds(name)
    own = np.maximum(np.abs(low), np.abs(high))
    return wide(lowering, region, np.maximum(own, max(float(own.max()) * 2.0**-6, 1e-9)))


def _exact(view: RegionView) -> bool:
    """Whether the integers themselves are small enough, with one scale and zero worth zero (a bit, a probability)."""
    few = view.region.interval.magnitude <= _FACTOR
    return few and not view.offset.any() and bool((view.scale == view.scale[0]).all())


def product(lowering: Lowering, a: RegionView, b: RegionView) -> RegionView:
    """``a * b`` of two `wide` tensors of equal size."""
    left, right = side_by_side(lowering.builder, [a, b])
    return RegionView.of(_flat(lowering.builder.affine(left, b=right)), a.scale * b.scale)


def square(lowering: Lowering, node: OnnxNode, value: Value, name: str) -> RegionView:
    """``x * x`` of each element."""
    factor = wide_tensor(lowering, lowering.numbers(node, value), name)
    return product(lowering, factor, factor)


def plus(lowering: Lowering, a: RegionView, b: RegionView, sign: int, reach: float) -> RegionView:
    """``a + sign * b`` of two tensors of equal size, in 32-bit units good to four times `reach`."""
    left = decision_grid(lowering, a, reach)
    right = rescale(lowering, b, float(left.scale[0]))
    x, y = side_by_side(lowering.builder, [left, right])
    return RegionView.of(_flat(lowering.builder.affine(x, c=y, m1=sign)), float(left.scale[0]))


def row_wise(lowering: Lowering, view: RegionView, rows: int) -> Ref:
    """The view's integers as rows without gaps."""
    found = matrix(lowering.builder, view, rows, view.n // rows)
    return found if found.col == 1 or found.cols == 1 else lowering.builder.convert(found, found.type)


def _flat(ref: Ref) -> Ref:
    return ref.reshape(1, ref.size)
