"""Curves by table: sigmoid, tanh, softmax, and normalisation.

A table has some thousand entries: it lies in the model's weights, and on a chain if the model does. Between them a
second table of slopes interpolates: entry *i* stands for ``i * h``, and ``f(i*h + r) ≈ f(i*h) + f'(i*h) * r`` for
``|r| <= h/2``, so that the error is at most ``h**2 / 8 * max |f''|``: about 10**-5 for a sigmoid over ±16.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from concordat.graph.builder import Ref
from concordat.graph.elements import ElementType
from concordat.graph.ir import Comparison
from concordat.graph.onnx.constants import Array
from concordat.graph.onnx.quantise import as_region, rescale
from concordat.graph.onnx.views import RegionView, View

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = [
    "UNIT",
    "Curve",
    "hidden_curve",
    "interpolate",
    "log_sigmoid",
    "ratio_to_length",
    "ratio_to_sum",
    "sigmoid",
    "softmax",
    "tanh",
]

UNIT = 2.0**-30
"""What one unit of a probability is worth before it is rounded for the output."""
_FRACTION = 16
_ENTRIES = 1_022
_ATTENTION_ENTRIES = 2_048
_PLAIN_ENTRIES = 4_094
_REACH = 16.0

Curve = Callable[[Array], Array]


def interpolate(
    lowering: Lowering,
    view: RegionView,
    curve: Curve,
    slope: Curve,
    low: float,
    high: float,
    unit: float = UNIT,
    *,
    entries: int = _ENTRIES,
) -> Ref:
    """``curve(view)`` in units of `unit`, for arguments clamped to ``low … high``, by at most so many entries."""
    builder = lowering.builder
    h = 2.0 ** np.ceil(np.log2((high - low) / entries))
    first, last = int(np.ceil(low / h)), int(np.floor(high / h))
    half = 1 << (_FRACTION - 1)
    clamps = (
        max(first << _FRACTION, round(low / h * 2**_FRACTION)),
        min(last << _FRACTION, round(high / h * 2**_FRACTION)),
    )
    x = rescale(lowering, view, h / (1 << _FRACTION), lo=clamps[0], hi=clamps[1]).region
    centres = np.arange(first, last + 1) * h
    slopes = slope(centres) * (h / (1 << _FRACTION) / unit)
    bits = int(min(30, np.floor(30 - np.log2(max(float(np.abs(slopes).max()), 2.0**-10)))))
    index = builder.affine(x, shift=_FRACTION)
    rest = builder.affine(index, m0=-(1 << _FRACTION), c=x, lo=-half, hi=half)
    values = builder.table(index, np.rint(curve(centres) / unit).astype(np.int64), lo=first)
    steep = builder.table(index, np.rint(slopes * 2.0**bits).astype(np.int64), lo=first)
    return builder.affine(steep, b=rest, c=values, m1=1 << bits, shift=bits)


def hidden_curve(lowering: Lowering, view: View, curve: Curve, slope: Curve, reach: float) -> RegionView:
    """A bounded activation between dense layers, in the precision's activation type."""
    kind = lowering.precision.activations
    unit = 1.0 / kind.maximum
    region = as_region(lowering, view)
    if lowering.precision.interpolate:
        fine = interpolate(lowering, region, curve, slope, -reach, reach)
        return rescale(lowering, RegionView.of(fine, UNIT), unit, kind=kind, lo=-kind.maximum)
    h = 2 * reach / _PLAIN_ENTRIES
    index = rescale(lowering, region, h, kind=ElementType.I16, lo=-_PLAIN_ENTRIES // 2, hi=_PLAIN_ENTRIES // 2)
    entries = np.rint(curve(np.arange(-_PLAIN_ENTRIES // 2, _PLAIN_ENTRIES // 2 + 1) * h) / unit).astype(np.int64)
    return RegionView.of(lowering.builder.table(index.region, entries, -_PLAIN_ENTRIES // 2, kind), unit)


def logistic(x: Array) -> Array:
    """The logistic function, accurate in both tails."""
    power = np.exp(-np.abs(x))
    return np.asarray(np.where(x >= 0, 1, power) / (1 + power))


def logistic_slope(x: Array) -> Array:
    """Its derivative."""
    return np.asarray(logistic(x) * logistic(-x))


def tanh_slope(x: Array) -> Array:
    """Derivative of the hyperbolic tangent."""
    return np.asarray(1.0 - np.tanh(x) ** 2)


def sigmoid(lowering: Lowering, view: View, *, hidden: bool = False) -> RegionView:
    """Logistic function of each element."""
    if hidden:
        return hidden_curve(lowering, view, logistic, logistic_slope, 8.0)
    logits = as_region(lowering, view)
    found = RegionView.of(interpolate(lowering, logits, logistic, logistic_slope, -_REACH, _REACH), UNIT)
    lowering.curves[found.region] = ("sigmoid", logits)
    return found


def tanh(lowering: Lowering, view: View, *, hidden: bool = False) -> RegionView:
    """Hyperbolic tangent of each element."""
    if hidden:
        return hidden_curve(lowering, view, np.tanh, tanh_slope, 4.5)
    region = as_region(lowering, view)
    return RegionView.of(interpolate(lowering, region, np.tanh, tanh_slope, -_REACH / 2, _REACH / 2), UNIT)


def softmax(lowering: Lowering, logits: RegionView, rows: int = 1, reach: float | None = None) -> RegionView:
    """``exp(x - max) / sum(exp(x - max))`` over each of some rows; differences beyond 16 count as 16.

    Parameters
    ----------
    lowering : Lowering
    logits : RegionView
        Rows of equal length, one after another.
    rows : int
        How many.
    reach : float, optional
        Greatest magnitude of a logit that matters; what the integers can reach, if left out.
    """
    builder = lowering.builder
    if reach is None:
        reach = float((np.abs(logits.scale) * logits.region.interval.magnitude + np.abs(logits.offset)).max())
    grid = rescale(lowering, logits, max(2.0**-20, 2.0 ** np.ceil(np.log2(max(reach, 1e-9)) - 30)))
    table = grid.region.reshape(rows, logits.n // rows)
    below = builder.affine(table, c=builder.max(table), m1=-1)
    entries = _ENTRIES if rows == 1 else _ATTENTION_ENTRIES
    powers = interpolate(lowering, RegionView.of(below, grid.scale[0]), np.exp, np.exp, -_REACH, 0.0, entries=entries)
    found = ratio_to_sum(lowering, RegionView.of(powers, UNIT), 1.0, float(table.cols), rows)
    if rows == 1:
        lowering.curves[found.region] = ("softmax", logits)
    return found


def log_sigmoid(lowering: Lowering, logits: RegionView) -> RegionView:
    """``log(sigmoid(x))`` of each element: by table over ±16, and a straight line below."""
    unit = 2.0**-20
    below = rescale(lowering, logits.affine(1.0, _REACH), unit, lo=-(1 << 26), hi=0).region
    curve = interpolate(
        lowering, logits, lambda x: np.asarray(-np.logaddexp(0, -x)), lambda x: logistic(-x), -_REACH, _REACH, unit
    )
    return RegionView.of(lowering.builder.affine(below, c=curve), unit)


def ratio_to_sum(lowering: Lowering, view: RegionView, low: float, high: float, rows: int = 1) -> RegionView:
    """Each element over the sum of its row; the sums lie in ``low … high``."""
    builder = lowering.builder
    table = view.region.reshape(rows, view.n // rows)
    total = RegionView.of(builder.sum(table), view.scale[0])
    inverse = _inverse(lowering, total, low, high, lambda x: np.asarray(low / x), lambda x: np.asarray(-low / x**2))
    shares = builder.affine(table, b=inverse.reshape(rows, 1), shift=30, out_type=ElementType.I32, lo=0)
    return RegionView.of(shares, view.scale[0] / low)


def ratio_to_length(lowering: Lowering, view: RegionView, low: float, high: float) -> RegionView:
    """Each element over the row's Euclidean length; the sum of squares lies in ``low … high``.

    The view's integers have one scale and at most 24 bits.
    """
    builder = lowering.builder
    total = RegionView.of(builder.sum(builder.affine(view.region, b=view.region)), view.scale[0] ** 2)
    inverse = _inverse(
        lowering,
        total,
        low,
        high,
        lambda x: np.asarray(np.sqrt(low / x)),
        lambda x: np.asarray(-np.sqrt(low / x) / (2 * x)),
    )
    shares = builder.affine(view.region, b=inverse, shift=24, out_type=ElementType.I32)
    return RegionView.of(shares, view.scale[0] / np.sqrt(low) / (1 << 6))


def _inverse(lowering: Lowering, total: RegionView, low: float, high: float, curve: Curve, slope: Curve) -> Ref:
    """A falling curve from 1 at `low`, in units of 2**-30, by tables that each span a factor of sixteen."""
    builder = lowering.builder
    found: Ref | None = None
    begin = low
    while found is None or begin < high:
        end = min(begin * 16, max(high, begin * 1.01))
        piece = interpolate(lowering, total, curve, slope, begin, end)
        border = round(begin / float(total.scale[0]))
        if found is None:
            found = piece
        else:
            upper = builder.select(total.region, Comparison.GREATER_EQUAL, border, piece)
            lower = builder.select(total.region, Comparison.LESS, border, found)
            found = builder.affine(upper, c=lower, out_type=ElementType.I32)
        begin = end
    return found
