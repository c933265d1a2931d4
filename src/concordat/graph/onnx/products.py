"""Products of matrices in a tensor of several dimensions: rows times constants, and activations times activations.

What a product reads has one scale (for constants one per column, which goes into the weights), 8 or 16 bits, and zero
worth zero. A product of two activations is one MATMUL for each matrix of the batch (each head of an attention); their
regions lie one after another and are read as one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from concordat.graph.builder import Ref
from concordat.graph.elements import ElementType
from concordat.graph.intervals import Interval
from concordat.graph.ir import MAX_ROW
from concordat.graph.onnx.inputs import columns_region
from concordat.graph.onnx.layout import matrix
from concordat.graph.onnx.quantise import HEADROOM, least_share, rescale
from concordat.graph.onnx.views import Floats, InputView, Places, RegionView, View

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = ["chain", "dense_rows", "matrix_products", "narrow_rows", "narrow_whole"]


def narrow_rows(
    lowering: Lowering, view: View, name: str, cols: int, bounds: tuple[Floats, Floats] | None = None
) -> RegionView:
    """A tensor fit for a product with constants: alike rows, so that each column has one scale and offset.

    Parameters
    ----------
    lowering : Lowering
    view : View
    name : str
        The tensor, for its calibrated range.
    cols : int
        Length of its last dimension.
    bounds : tuple of array, optional
        Ends of each element's range, if not the tensor's own.
    """
    region = columns_region(lowering, view) if isinstance(view, InputView) else view
    kind = lowering.precision.activations
    if _small(region) and _alike(region.scale, cols) and _alike(region.offset, cols):
        return region
    low, high = (side.reshape(-1, cols) for side in bounds or lowering.bounds(name))
    reach = np.maximum(np.abs(low).max(axis=0), np.abs(high).max(axis=0)) * HEADROOM[kind]
    reach = np.maximum(reach, max(float(reach.max()) * least_share(lowering), 1e-12))
    return _narrowed(lowering, region, np.tile(reach / kind.maximum, view.n // cols))


def narrow_whole(lowering: Lowering, view: View, name: str) -> RegionView:
    """A tensor fit for a product with another activation: one scale for all of it, zero worth zero."""
    region = columns_region(lowering, view) if isinstance(view, InputView) else view
    kind = lowering.precision.activations
    if _small(region) and _alike(region.scale, 1) and not region.offset.any():
        return region
    reach = lowering.reach(name) * HEADROOM[kind]
    return _narrowed(lowering, region, np.full(region.n, reach / kind.maximum))


def _narrowed(lowering: Lowering, view: RegionView, units: Floats) -> RegionView:
    """Integers of the precision's activation type; a region read in another order is rescaled where it lies."""
    kind = lowering.precision.activations
    order = np.argsort(view.index, kind="stable")
    if view.n != view.region.size or view.whole or not (view.index[order] == np.arange(view.n)).all():
        return rescale(lowering, view, units, kind=kind, lo=-kind.maximum)
    return rescale(lowering, view.take(order), units[order], kind=kind, lo=-kind.maximum).take(view.index)


def _small(view: RegionView) -> bool:
    return view.region.type <= ElementType.I16


def _alike(numbers: Floats, cols: int) -> bool:
    """Whether all rows are the same."""
    table = numbers.reshape(-1, cols)
    return bool((table == table[0]).all())


def dense_rows(lowering: Lowering, view: RegionView, weights: Floats, bias: Floats) -> RegionView:
    """``rows @ weights + bias`` for rows of alike scales, exact in the quantised weights.

    Parameters
    ----------
    lowering : Lowering
    view : RegionView
        Of `narrow_rows`: R rows of K integers.
    weights : array, shape (K, N)
    bias : array, shape (N,)
    """
    length = len(weights)
    rows = view.n // length
    scaled = weights * view.scale[:length, None]
    largest = np.abs(scaled).max(axis=0)
    unit = np.where(largest > 0, largest, 1.0) / lowering.precision.weights.maximum
    sums = lowering.builder.matmul(
        matrix(lowering.builder, view, rows, length), np.rint(scaled / unit).astype(np.int64).T
    )
    summand = bias + view.offset[:length] @ weights
    return RegionView.of(sums, np.tile(unit, rows), np.tile(summand, rows))


def matrix_products(lowering: Lowering, a: RegionView, b: RegionView, left: Places, right: Places) -> RegionView:
    """Matrix products of two activations.

    Parameters
    ----------
    lowering : Lowering
    a, b : RegionView
        Of `narrow_whole`.
    left : array, shape (batch, M, K)
        Places in `a`.
    right : array, shape (batch, K, N)
        Places in `b`.

    Returns
    -------
    RegionView
        Elements (batch, M, N).
    """
    builder = lowering.builder
    rows = [_contiguous_rows(lowering, a, places) for places in left]
    columns = [_contiguous_rows(lowering, b, places.T) for places in right]
    most = max(x.interval.magnitude * y.interval.magnitude * x.cols for x, y in zip(rows, columns, strict=True))
    kind = ElementType.holding(-most, most)
    products = [builder.matmul(x, y, kind) for x, y in zip(rows, columns, strict=True)]
    scale = float(a.scale[0] * b.scale[0])
    if left.shape[2] > MAX_ROW:  # partial sums lie between the products
        return RegionView.of(builder.concatenate([x.reshape(1, x.size) for x in products]), scale)
    return chain(products, scale)


def _contiguous_rows(lowering: Lowering, view: RegionView, places: Places) -> Ref:
    """Rows of neighbours, as a product reads them."""
    builder = lowering.builder
    found = matrix(builder, view.take(places), *places.shape)
    return found if found.col == 1 or found.cols == 1 else builder.convert(found, found.type)


def chain(parts: list[Ref], scale: float | Floats, offset: float | Floats = 0.0) -> RegionView:
    """Regions of one type as one tensor, with one scale and offset or one per element.

    Nothing of another type may lie between them.
    """
    first = min(parts, key=lambda part: part.start)
    per_word = first.type.per_word
    index = np.concatenate([(part.start - first.start) * per_word + part.indexes().ravel() for part in parts])
    interval = parts[0].interval
    for part in parts[1:]:
        interval = interval.union(part.interval)
    size = int(index.max()) + 1
    region = replace(first, rows=1, cols=size, row=size, col=1, base=0, interval=interval.union(Interval(0, 0)))
    spread = [np.broadcast_to(np.asarray(x, dtype=np.float64), (len(index),)).copy() for x in (scale, offset)]
    return RegionView(region=region, index=index, scale=spread[0], offset=spread[1])
