"""Functions of one number over a wide range: exponentials, powers, logarithms, and any other curve.

Three ways, each with its bound (docs/explain/lowerings.md derives them):

* **Two tables**: ``exp(x) = exp(i*h) * exp(r)``; the relative error is at most ``h / 2**13 + 2**-29``.
* **One octave**: a positive number is doubled until it lies in the last octaves of its range, by comparisons and
  products; there a table is interpolated, and the number of doublings mends the result. The relative error does not
  depend on the size of the number: at most 2e-6 for ``1/x``, ``x**-0.5``, ``x**0.5``; absolute for the logarithm.
* **A curve** over the calibrated range: a table with interpolation, in the fewest entries that keep ``2**-14`` of
  the curve's reach, measured between all entries; or a plain table of 4,095 entries in front of a dense layer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from concordat.graph.builder import Ref
from concordat.graph.elements import ElementType
from concordat.graph.ir import Comparison
from concordat.graph.onnx.curves import Curve, interpolate
from concordat.graph.onnx.quantise import rescale
from concordat.graph.onnx.views import Floats, RegionView
from concordat.primitives.errors import ModelError

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = ["curve_of", "exponential", "log_shares", "log_total", "logarithm", "plain_table", "power"]

_TOP = 44
"""Bits of a number that is brought into its last octaves."""
_VALUE = 30
_PRODUCT = 46
_PLAIN = 2_047
_REST = 12
_SIZES = (254, 1_022, 4_094)
_CLOSE = 2.0**-14


def exponential(lowering: Lowering, view: RegionView, low: float, high: float) -> RegionView:
    """``exp`` of each element, clamped to ``low … high``, in units of ``exp(high) * 2**-30``."""
    builder = lowering.builder
    unit = np.exp(high) * 2.0**-_VALUE
    step = 2.0 ** np.ceil(np.log2(max(high - low, 2.0**-20) / _SIZES[2]))
    first, last = int(np.floor(low / step)), int(np.ceil(high / step))
    half = 1 << (_REST - 1)
    x = rescale(lowering, view, step / (1 << _REST), lo=round(low / step * 2**_REST), hi=round(high / step * 2**_REST))
    index = builder.affine(x.region, shift=_REST)
    rest = builder.affine(index, m0=-(1 << _REST), c=x.region, lo=-half, hi=half)
    whole = np.rint(np.exp(np.arange(first, last + 1) * step) / unit).astype(np.int64)
    part = np.rint(np.exp(np.arange(-half, half) * step / (1 << _REST)) * 2.0**_VALUE).astype(np.int64)
    coarse, fine = builder.table(index, whole, lo=first), builder.table(rest, part, lo=-half)
    return RegionView.of(builder.affine(coarse, b=fine, shift=_VALUE), unit)


def power(lowering: Lowering, view: RegionView, exponent: float, low: float, high: float) -> RegionView:
    """``x ** exponent`` for the exponents -1, -1/2 and 1/2 of each element, clamped to ``low … high`` above zero."""
    builder = lowering.builder
    least = 1 if exponent == -1.0 else 2
    unit = _unit(view, high)
    octaves = _octaves(low, unit * 2.0**_TOP, least)
    x = _positive(lowering, view, unit, octaves)
    factor: Ref | None = None
    for step in _steps(octaves, least):
        small = builder.select(x, Comparison.LESS, 1 << (_TOP - step))
        x = _doubled(lowering, x, small, step)
        bit = small if exponent < 0 else builder.affine(small, m0=-1, add=1)
        factor = _multiplied(lowering, factor, bit, round(2.0 ** (step * abs(exponent))))
    begin = 2.0 ** (_TOP - least)
    scale = 2.0 ** ((_TOP if exponent > 0 else _TOP - least) * exponent) * 2.0**-_VALUE
    inside = RegionView.of(x, 1.0)
    value = interpolate(
        lowering,
        inside,
        lambda t: np.asarray(t**exponent),
        lambda t: np.asarray(exponent * t ** (exponent - 1.0)),
        begin,
        2.0**_TOP,
        scale,
    )
    worth = scale * unit**exponent
    if factor is None:
        return RegionView.of(value, worth)
    most = sum(_steps(octaves, least)) if exponent > 0 else 0
    spare = max(_VALUE + factor.interval.high.bit_length() - _PRODUCT, 0)
    mended = builder.affine(value, b=factor, shift=spare)
    return RegionView.of(mended, worth / 2.0 ** (most * abs(exponent)) * 2.0**spare)


def logarithm(lowering: Lowering, view: RegionView, low: float, high: float) -> RegionView:
    """Natural logarithm of each element, clamped to ``low … high`` above zero, in units of 2**-24."""
    builder = lowering.builder
    unit = _unit(view, high)
    octaves = _octaves(low, unit * 2.0**_TOP, 1)
    x = _positive(lowering, view, unit, octaves)
    doublings: Ref | None = None
    for step in _steps(octaves, 1):
        small = builder.select(x, Comparison.LESS, 1 << (_TOP - step))
        x = _doubled(lowering, x, small, step)
        doublings = builder.affine(small, m0=step, c=doublings)
    grain = 2.0**-24
    inside = RegionView.of(x, 2.0**-_TOP)
    value = interpolate(lowering, inside, np.log, lambda t: np.asarray(1.0 / t), 0.5, 1.0, grain)
    if doublings is not None:
        value = builder.affine(doublings, m0=-round(np.log(2.0) / grain), c=value)
    return RegionView.of(value, grain, np.log(unit * 2.0**_TOP))


def _unit(view: RegionView, high: float) -> float:
    """A unit in which `high` has 44 bits: a power of two times the view's, so that a shift is all it takes."""
    scale = float(np.abs(view.scale[0]))
    wanted = max(high, 1e-300) / 2.0**_TOP
    return scale * 2.0 ** float(np.ceil(np.log2(wanted / scale))) if scale > 0 else wanted


def _octaves(low: float, high: float, least: int) -> int:
    """Doublings between the ends of a range, at most 30."""
    if not 0 < low < high < np.inf:
        raise ModelError(
            "A root, logarithm or quotient reaches zero or below on the calibration rows.",
            code="UnsupportedOperator",
            hint="Add a small constant to it before exporting, or give calibration rows like those it will see.",
        )
    return min(max(int(np.ceil(np.log2(high / low))), least), 30)


def _steps(octaves: int, least: int) -> list[int]:
    """Doublings to try one after another, so that any number that may be needed is made: each halves what is left."""
    left = -(-(octaves - least) // least)
    found: list[int] = []
    while left > 0:
        step = (left + 2) // 2
        found.append(step * least)
        left = max(step - 1, left - step)
    return found


def _positive(lowering: Lowering, view: RegionView, unit: float, octaves: int) -> Ref:
    low = 1 << (_TOP - octaves)
    return rescale(lowering, view, unit, kind=ElementType.I64, lo=low, hi=(1 << _TOP) - 1).region


def _doubled(lowering: Lowering, x: Ref, bit: Ref, step: int) -> Ref:
    """``x * 2**step`` where the bit is set; such an x is below ``2**(44 - step)``."""
    factor = (1 << step) - 1
    return lowering.builder.affine(x, b=bit, m0=factor, c=x, lo=1, hi=(1 << _TOP) - 1, out_type=ElementType.I64)


def _multiplied(lowering: Lowering, x: Ref | None, bit: Ref, factor: int) -> Ref:
    """``x * factor`` where the bit is set, else ``x``; ``x`` is one if there is none."""
    builder = lowering.builder
    if x is None:
        return builder.affine(bit, m0=factor - 1, add=1)
    return builder.affine(x, b=bit, m0=factor - 1, c=x)


def log_total(lowering: Lowering, view: RegionView, rows: int) -> tuple[RegionView, RegionView]:
    """Each row's elements less their greatest, and the logarithm of the sum of those differences' exponentials.

    Differences beyond 16 count as 16.
    """
    builder = lowering.builder
    reach = float((np.abs(view.scale) * view.region.interval.magnitude + np.abs(view.offset)).max())
    grid = rescale(lowering, view, max(2.0**-20, 2.0 ** np.ceil(np.log2(max(reach, 1e-9)) - 30)))
    table = grid.region.reshape(rows, view.n // rows)
    below = RegionView.of(builder.affine(table, c=builder.max(table), m1=-1), grid.scale[0])
    powers = exponential(lowering, below, -16.0, 0.0)
    total = RegionView.of(builder.sum(powers.region.reshape(rows, table.cols)), powers.scale[0])
    return below, logarithm(lowering, total, 1.0, 1.001 * table.cols)


def log_shares(lowering: Lowering, view: RegionView, rows: int) -> RegionView:
    """``x - max - log(sum(exp(x - max)))`` over each of some rows, in 2**-20 or, of large numbers, 2**-30 of them."""
    below, total = log_total(lowering, view, rows)
    unit = float(below.scale[0])
    logs = rescale(lowering, total, unit).region.reshape(rows, 1)
    table = below.region.reshape(rows, view.n // rows)
    return RegionView.of(lowering.builder.affine(table, c=logs, m1=-1), unit)


# -- any curve -------------------------------------------------------------------------------------------------------


def curve_of(lowering: Lowering, view: RegionView, curve: Curve, low: float, high: float) -> RegionView:
    """Any curve of each element, clamped to ``low … high``: interpolated in as few entries as are close enough."""
    reach = max(float(np.abs(curve(np.linspace(low, high, 4_096))).max()), 1e-12)
    unit = reach * 2.0**-_VALUE
    entries = next((n for n in _SIZES if _misses(curve, low, high, n) <= _CLOSE * reach), _SIZES[-1])
    half = _width(low, high, entries) / 2

    def slope(centres: Floats) -> Floats:
        left, right = np.maximum(centres - half, low), np.minimum(centres + half, high)
        return np.asarray((curve(right) - curve(left)) / np.maximum(right - left, half * 2.0**-20))

    return RegionView.of(interpolate(lowering, view, curve, slope, low, high, unit, entries=entries), unit)


def _width(low: float, high: float, entries: int) -> float:
    return float(2.0 ** np.ceil(np.log2((high - low) / entries)))


def _misses(curve: Curve, low: float, high: float, entries: int) -> float:
    """Greatest distance of a curve from its secants half way to the next entry, where it is furthest."""
    width = _width(low, high, entries)
    centres = np.arange(np.ceil(low / width), np.floor(high / width) + 1) * width
    middle = np.clip(np.stack([centres - width / 2, centres + width / 2]), low, high)
    ends = curve(middle)
    chord = (ends[1] - ends[0]) / np.maximum(middle[1] - middle[0], width * 2.0**-20)
    return float(np.abs(curve(centres) + chord * (middle - centres) - ends).max())


def plain_table(
    lowering: Lowering, view: RegionView, curve: Curve, low: float, high: float, kind: ElementType
) -> RegionView:
    """Any curve of each element as one table of 4,095 entries, in the type that a dense layer reads."""
    step, centre = (high - low) / (2 * _PLAIN), (high + low) / 2
    values = curve(centre + np.arange(-_PLAIN, _PLAIN + 1) * step)
    unit = max(float(np.abs(values).max()), 1e-12) / kind.maximum
    index = rescale(lowering, view.affine(1.0, -centre), step, kind=ElementType.I16, lo=-_PLAIN, hi=_PLAIN)
    entries = np.rint(values / unit).astype(np.int64)
    return RegionView.of(lowering.builder.table(index.region, entries, -_PLAIN, kind), unit)
