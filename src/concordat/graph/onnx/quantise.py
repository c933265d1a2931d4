"""From one scale to another: requantisation, and dense products with quantised weights.

A rescaling is ``(m * q + c) >> s`` with multipliers below 2**30 and a shift chosen so that no step leaves ±2**61.
Weights are symmetric, one scale per output. What a product reads is 8 or 16 bits wide, with one scale per element that
is folded into the weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from concordat.graph.builder import Ref
from concordat.graph.elements import ElementType
from concordat.graph.onnx.inputs import columns_region
from concordat.graph.onnx.layout import matrix, pattern
from concordat.graph.onnx.views import Floats, InputView, Places, RegionView, View
from concordat.primitives.errors import ModelError

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = [
    "HEADROOM", "Precision", "as_region", "decision_grid", "dense", "fixed_point", "least_share", "narrow", "rescale",
    "weight_steps",
]  # fmt: skip

HEADROOM = {ElementType.I8: 1.25, ElementType.I16: 2.0}
"""How far beyond the calibrated range an activation may go before it saturates."""
_MANY_ROWS = 100
"""Calibration rows from which the range of a single element is known well."""
_FEWEST_STEPS = 500
"""Steps that the greatest weight keeps when sums are made to fit 32 bits."""
_MULTIPLIER = float(1 << 30)
_PRODUCT = float(1 << 61)


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """How finely a model is written in integers."""

    weights: ElementType
    """Type of dense weights."""
    activations: ElementType
    """Type of what dense layers read (model inputs are at least 16 bits)."""
    interpolate: bool
    """Whether hidden sigmoid and tanh are interpolated between table entries."""


def rescale(
    lowering: Lowering,
    view: RegionView,
    scale: float | Floats,
    *,
    kind: ElementType = ElementType.I32,
    lo: int | None = None,
    hi: int | None = None,
) -> RegionView:
    """The same numbers in other units, rounded half up and clamped.

    Parameters
    ----------
    lowering : Lowering
    view : RegionView
    scale : float or array, shape (n,)
        What one unit of the result is worth; its zero is worth zero.
    kind : ElementType
        How the result is stored.
    lo, hi : int, optional
        Clamp; the type's ends if left out.
    """
    low, high = kind.minimum if lo is None else lo, kind.maximum if hi is None else hi
    key = (
        view.region,
        *(x.tobytes() for x in (view.index, view.scale, view.offset, np.asarray(scale))),
        kind,
        low,
        high,
    )
    if key not in lowering.rescaled:
        ratio, shifted = view.scale / scale, view.offset / scale
        region = _affine(lowering, view, ratio, shifted, kind, low, high)
        lowering.rescaled[key] = RegionView.of(region, scale)
    return lowering.rescaled[key]


def _affine(
    lowering: Lowering, view: RegionView, ratio: Floats, shifted: Floats, kind: ElementType, lo: int, hi: int
) -> Ref:
    builder = lowering.builder
    if (ratio == 1).all() and not shifted.any() and view.whole and view.region.type is kind:
        interval = view.region.interval
        if lo <= interval.low and interval.high <= hi:
            return view.region
    factors, summands, shift = fixed_point(view.region.interval.magnitude, ratio, shifted)
    same_factor, same_summand = bool((factors == factors[0]).all()), bool((summands == summands[0]).all())
    found = pattern(view.index, (factors, summands))

    def stored(numbers: Places) -> Ref:
        table = numbers.reshape(-1, found.cols)
        return builder.weights(table[:, :1] if found.by_row else table[:1])

    return builder.affine(
        matrix(builder, view, view.n // found.cols, found.cols),
        m0=int(factors[0]) if same_factor else 1,
        b=None if same_factor else stored(factors),
        c=None if same_summand else stored(summands),
        add=int(summands[0]) if same_summand else 0,
        shift=shift,
        lo=lo,
        hi=hi,
        out_type=kind,
    ).reshape(1, view.n)


def fixed_point(magnitude: int, ratio: Floats, shifted: Floats) -> tuple[Places, Places, int]:
    """Multipliers, summands and shift for ``ratio * q + shifted`` of integers of at most that magnitude.

    Raises
    ------
    ModelError
        ``RangeTooWide`` if no shift leaves every step within its bounds.
    """
    magnitude = max(magnitude, 1)
    largest = float(np.abs(ratio).max())
    reach = magnitude * largest + float(np.abs(shifted).max()) + 1
    room = min(_MULTIPLIER / max(largest, 2.0**-40), _PRODUCT / reach)
    shift = min(int(np.floor(np.log2(room))), 62) if room >= 1 else -1
    if shift < 0:
        raise ModelError(
            "A layer's numbers spread over more than 61 bits.",
            code="RangeTooWide",
            hint="Scale the inputs (StandardScaler) or widen the calibration data.",
        )
    factors = np.rint(ratio * 2.0**shift).astype(np.int64)
    return factors, np.rint(shifted * 2.0**shift).astype(np.int64), shift


def weight_steps(lowering: Lowering, name: str, weights: Floats, magnitude: int | None = None) -> tuple[Places, Floats]:
    """Weights as whole numbers, symmetric, with what a step of each output is worth.

    Parameters
    ----------
    lowering : Lowering
    name : str
        The constant that they come from; if the file quantises it, its own steps are kept.
    weights : array
        The outputs are the first axis.
    magnitude : int, optional
        Greatest magnitude of what they are multiplied with: steps are a little coarser where sums then fit 32 bits.
    """
    flat = weights.reshape(len(weights), -1)
    known = lowering.model.steps.get(name)
    if known is not None and known.size in (1, len(flat)):
        unit = np.broadcast_to(known.ravel(), (len(flat),)).astype(np.float64)
    else:
        largest = np.abs(flat).max(axis=1)
        unit = np.where(largest > 0, largest, 1.0) / lowering.precision.weights.maximum
        if magnitude is not None:
            room = (ElementType.I32.maximum - magnitude * flat.shape[1]) / max(magnitude, 1)
            coarser = np.abs(flat).sum(axis=1) / max(room, 1.0)
            unit = np.where(coarser * _FEWEST_STEPS <= largest, np.maximum(unit, coarser), unit)
    return np.rint(flat / unit[:, None]).astype(np.int64).reshape(weights.shape), unit


def as_region(lowering: Lowering, view: View) -> RegionView:
    """A view of a region; functions of input columns are computed."""
    return columns_region(lowering, view) if isinstance(view, InputView) else view


def narrow(lowering: Lowering, view: View, name: str, *, floor: float | None = None) -> RegionView:
    """A view fit for a dense product: integers of the precision's activation type.

    Parameters
    ----------
    lowering : Lowering
    view : View
    name : str
        The tensor, for its calibrated range.
    floor : float, optional
        Clamp from below (zero for a rectifier).
    """
    if isinstance(view, InputView):
        return columns_region(lowering, view)
    kind = lowering.precision.activations
    if floor is None and view.region.type <= ElementType.I16 and view.region.size <= 2 * view.n:
        return view
    low, high = lowering.bounds(name)
    reach = np.maximum(np.abs(low), np.abs(high)) * HEADROOM[kind]
    reach = np.maximum(reach, max(float(reach.max()) * least_share(lowering), 1e-12))
    return rescale(lowering, view, reach / kind.maximum, kind=kind, lo=-kind.maximum if floor is None else 0)


def least_share(lowering: Lowering) -> float:
    """Share of a tensor's reach that every element is given at least: few calibration rows say little about each."""
    rows = len(next(iter(lowering.plan.rows.values())))
    return 1 / 16 if rows >= _MANY_ROWS else 1 / 2


def dense(lowering: Lowering, view: RegionView, weights: Floats, bias: Floats, name: str = "") -> RegionView:
    """``view @ weights + bias``, exact in the quantised weights.

    Parameters
    ----------
    lowering : Lowering
    view : RegionView
        Narrow integers, n of them.
    weights : array, shape (n, m)
    bias : array, shape (m,)
    name : str
        The constant that the weights come from; if the file quantises it, its own steps are kept.
    """
    if weights.shape[0] != view.n:
        raise ModelError(f"A row of {view.n} meets weights of {weights.shape[0]} rows.", code="BadShape")
    if name in lowering.model.steps and (view.scale == view.scale[0]).all():
        steps, unit = weight_steps(lowering, name, weights.T)
        whole = np.zeros((len(steps), view.region.size), dtype=np.int64)
        np.add.at(whole.T, view.index, steps.T)
        return RegionView.of(
            lowering.builder.matmul(view.region, whole), unit * view.scale[0], bias + view.offset @ weights
        )
    spread = np.zeros((view.region.size, weights.shape[1]))
    np.add.at(spread, view.index, weights * view.scale[:, None])
    largest = np.abs(spread).max(axis=0)
    unit = np.where(largest > 0, largest, 1.0) / lowering.precision.weights.maximum
    sums = lowering.builder.matmul(view.region, np.rint(spread / unit).astype(np.int64).T)
    return RegionView.of(sums, unit, bias + view.offset @ weights)


def decision_grid(lowering: Lowering, view: RegionView, reach: float) -> RegionView:
    """Fine 32-bit integers with one common scale, good to four times `reach`, to compare elements with one another."""
    return rescale(lowering, view, 2.0 ** (np.ceil(np.log2(max(reach, 1e-9))) + 2 - 30))
