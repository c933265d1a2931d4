"""Sums and products of tensors element by element, each read where it lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from concordat.graph.builder import Ref
from concordat.graph.onnx.layout import matrix, side_by_side
from concordat.graph.onnx.quantise import as_region, decision_grid, rescale
from concordat.graph.onnx.reader import OnnxNode
from concordat.graph.onnx.views import RegionView, Value, View

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = ["plus", "product", "row_wise", "square", "wide"]

_FACTOR = 1 << 22


def wide(lowering: Lowering, view: View, reach: float) -> RegionView:
    """A factor of a product: 23 bits, so that the product leaves room to be rescaled; zero worth zero."""
    region = as_region(lowering, view)
    if _exact(region):
        return region
    return rescale(lowering, region, 4 * reach / _FACTOR, lo=-_FACTOR, hi=_FACTOR)


def _exact(view: RegionView) -> bool:
    """Whether the integers themselves are small enough, with one scale and zero worth zero (a bit, a probability)."""
    few = view.region.interval.magnitude <= _FACTOR
    return few and not view.offset.any() and bool((view.scale == view.scale[0]).all())


def product(lowering: Lowering, a: RegionView, b: RegionView) -> RegionView:
    """``a * b`` of two `wide` tensors of equal size."""
    left, right = side_by_side(lowering.builder, [a, b])
    return RegionView.of(_flat(lowering.builder.affine(left, b=right)), a.scale * b.scale)


def square(lowering: Lowering, node: OnnxNode, value: Value, reach: float) -> RegionView:
    """``x * x`` of each element."""
    factor = wide(lowering, lowering.numbers(node, value), reach)
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
