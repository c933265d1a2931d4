"""Rows less their mean, over their standard deviation: the middle of every layer normalisation.

With rows of D numbers in units u, ``c = D * x - sum(x)`` is exact; rounded to 25 bits it is summed up in squares, and
the root of the variance is inverted in its last two octaves (`concordat.graph.onnx.functions.power`). The result is
off by at most ``2**-24`` of the greatest deviation, over the row's own, for the rounding of c, and relatively by
``2e-6`` for the root.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from concordat.graph.builder import GraphBuilder, Ref
from concordat.graph.elements import ElementType
from concordat.graph.ir import MAX_ROW, Op
from concordat.graph.onnx.elementwise import row_wise
from concordat.graph.onnx.functions import power
from concordat.graph.onnx.quantise import decision_grid, rescale
from concordat.graph.onnx.views import Floats, RegionView

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = ["standardise"]

_CENTRED = 25
_SQUARES = 60
_ROOT = 1 << 36
_FACTORS = 1 << 29
_ABOVE = 4.0
_BELOW = 64.0
"""How far above and below the calibrated range a variance may go."""


def standardise(lowering: Lowering, view: RegionView, sample: Floats, epsilon: float) -> RegionView:
    """``(x - mean) / sqrt(variance + epsilon)`` of each row.

    Parameters
    ----------
    lowering : Lowering
    view : RegionView
        R rows of D elements.
    sample : array, shape (calibration rows, R, D)
        Their float values.
    epsilon : float
    """
    builder = lowering.builder
    rows, width = sample.shape[1:]
    deviations = sample - sample.mean(axis=2, keepdims=True)
    variances = np.square(deviations).mean(axis=2) + epsilon
    grid = decision_grid(lowering, view, max(float(np.abs(sample).max()), 1e-9))
    centred = _centred(lowering, row_wise(lowering, grid, rows), float(grid.scale[0]), float(np.abs(deviations).max()))
    total = RegionView.of(_squares(builder, centred.region.reshape(rows, width)), centred.scale[0] ** 2 / width)
    high = max(float(variances.max()), 1e-30) * _ABOVE
    low = min(max(float(variances.min()) / _BELOW, epsilon, high * 2.0**-30), high / 4)
    root = power(lowering, total.affine(1.0, epsilon), -0.5, low, high)
    reach = float((np.abs(deviations) / np.sqrt(variances)[..., None]).max())
    unit = 2.0 ** (np.ceil(np.log2(max(reach, 1e-9))) + 2 - 30)
    shift = int(np.ceil(np.log2(unit / float(centred.scale[0]) * np.sqrt(low) * _ROOT)))
    fine = rescale(lowering, root, unit / float(centred.scale[0]) / 2.0**shift, kind=ElementType.I64, hi=_ROOT)
    found = builder.affine(
        centred.region.reshape(rows, width), b=fine.region.reshape(rows, 1), shift=shift, out_type=ElementType.I32
    )
    return RegionView.of(found.reshape(1, rows * width), unit)


def _centred(lowering: Lowering, table: Ref, unit: float, reach: float) -> RegionView:
    """Each element less its row's mean, 25 bits (fewer in rows of more than 1,024)."""
    builder = lowering.builder
    limit = 1 << min(_CENTRED, (_SQUARES - (table.cols - 1).bit_length()) // 2)  # the squares' sum stays below 2**60
    wanted = 2.0 * max(reach, unit) / limit
    ratio = unit / (table.cols * wanted)
    shift = int(np.clip(np.floor(np.log2(_FACTORS / (table.cols * ratio))), 0, 62))
    factor = max(round(ratio * 2.0**shift), 1)
    centred = builder.affine(
        table,
        m0=table.cols * factor,
        c=builder.sum(table),
        m1=-factor,
        shift=shift,
        lo=-limit,
        hi=limit,
    )
    return RegionView.of(centred.reshape(1, table.size), unit * 2.0**shift / (table.cols * factor))


def _squares(builder: GraphBuilder, table: Ref) -> Ref:
    """Sum of squares of each row, shape (1, rows): the product of each row with itself."""
    length = next((n for n in range(min(table.cols, MAX_ROW), 0, -1) if table.cols % n == 0), 1)
    parts = table.cols // length
    row = table.operand(row=table.row, col=length)
    found = builder.emit(Op.MATMUL, (table.rows, parts), None, k=length, a=row, b=row)
    return (found if parts == 1 else builder.sum(found)).reshape(1, table.rows)
