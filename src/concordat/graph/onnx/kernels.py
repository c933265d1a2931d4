"""Kernel values of a row and some constant vectors: linear, polynomial, radial, sigmoid.

Both sides are moved by the vectors' mean first where only the distance counts, so that large offsets of the columns
do not use up the integers. Values keep 30 bits and go as they are into the weighted sums of a support vector machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from concordat.graph.onnx.elementwise import plus, product, row_wise, wide
from concordat.graph.onnx.functions import curve_of, exponential
from concordat.graph.onnx.quantise import narrow, rescale
from concordat.graph.onnx.reader import OnnxNode
from concordat.graph.onnx.views import Floats, RegionView, View

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = ["KERNELS", "Kernel", "fine_dense"]

KERNELS = ("LINEAR", "POLY", "RBF", "SIGMOID")
"""Kinds of kernels."""
_FINE = (1 << 22) - 1
_SUMS = 2.0**57
_KEPT = 40
_FURTHEST = 24.0
"""Beyond it ``exp(-x)`` counts as this."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kernel:
    """One kernel and its vectors."""

    kind: str
    """One of `KERNELS`."""
    gamma: float
    """Factor of the product or of the squared distance."""
    add: float
    """Summand of the product."""
    degree: float
    """Exponent of a polynomial kernel."""
    vectors: Floats
    """Shape (vectors, columns)."""

    def values(self, rows: Floats) -> Floats:
        """Kernel of each row and each vector, shape (rows, vectors)."""
        x = rows.astype(np.float64)
        if self.kind == "RBF":
            return np.exp(-self.gamma * np.maximum(self._distances(x), 0.0))
        products = x @ self.vectors.T
        return products if self.kind == "LINEAR" else self._bent(self.gamma * products + self.add)

    def _distances(self, x: Floats) -> Floats:
        centre = self.vectors.mean(axis=0)
        a, b = x - centre, self.vectors - centre
        return np.asarray((a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T)

    def _bent(self, x: Floats) -> Floats:
        return np.asarray(np.tanh(x) if self.kind == "SIGMOID" else np.power(x, self.degree))

    def lower(self, lowering: Lowering, node: OnnxNode, view: View) -> RegionView:
        """The kernel values of one row."""
        rows = lowering.samples[node.inputs[0]].astype(np.float64)
        x = narrow(lowering, view, node.inputs[0])
        if self.kind == "RBF":
            return self._lower_radial(lowering, node, x, rows)
        zero = np.zeros(len(self.vectors))
        if self.kind == "LINEAR":
            return fine_dense(lowering, x, self.vectors.T, zero)
        arguments = self.gamma * (rows @ self.vectors.T) + self.add
        low, high = float(arguments.min()), float(arguments.max())
        more = 0.25 * max(high - low, 1e-3)
        lower_end = max(low - more, 0.0) if self.degree % 1 and self.kind == "POLY" else low - more
        products = fine_dense(lowering, x, self.gamma * self.vectors.T, zero + self.add)
        return curve_of(lowering, products, self._bent, lower_end, high + more)

    def _lower_radial(self, lowering: Lowering, node: OnnxNode, x: RegionView, rows: Floats) -> RegionView:
        """``exp(-gamma * |x - s|**2)`` from products, the vectors' lengths, and the row's."""
        centre = self.vectors.mean(axis=0)
        moved, near = self.vectors - centre, x.affine(1.0, -centre)
        weighted = fine_dense(lowering, near, 2 * self.gamma * moved.T, -self.gamma * (moved**2).sum(axis=1))
        squares = _own_square(lowering, near, rows - centre)
        total = lowering.builder.sum(row_wise(lowering, squares, 1))
        length = RegionView.of(total, squares.scale[0] * self.gamma).take(np.zeros(len(moved), dtype=np.int64))
        reach = self.gamma * float(((rows - centre) ** 2).sum(axis=1).max() + (moved**2).sum(axis=1).max())
        exponents = plus(lowering, weighted, length, -1, reach)
        low = -min(self.gamma * float(self._distances(rows).max()) * 1.5 + 1e-3, _FURTHEST)
        return exponential(lowering, exponents, low, 0.0)


def _own_square(lowering: Lowering, view: RegionView, sample: Floats) -> RegionView:
    """The square of each element, in one unit."""
    reach = np.maximum(np.abs(sample).max(axis=0), float(np.abs(sample).max()) * 2.0**-10 + 1e-9)
    factor = wide(lowering, view, reach)
    squares = product(lowering, factor, factor)
    return rescale(lowering, squares, 2.0 ** (np.ceil(np.log2(float(reach.max()) ** 2)) + 3 - 30))


def fine_dense(lowering: Lowering, view: RegionView, weights: Floats, bias: Floats) -> RegionView:
    """``view @ weights + bias`` with 23-bit weights, or as many bits as the sums leave room for.

    Parameters
    ----------
    lowering : Lowering
    view : RegionView
        n integers.
    weights : array, shape (n, m)
    bias : array, shape (m,)
    """
    spread = np.zeros((view.region.size, weights.shape[1]))
    np.add.at(spread, view.index, weights * view.scale[:, None])
    size = np.abs(spread)
    room = size.sum(axis=0) * max(view.region.interval.magnitude, 1) / _SUMS
    unit = np.maximum(np.maximum(size.max(axis=0) / _FINE, room), 1e-300)
    sums = lowering.builder.matmul(view.region, np.rint(spread / unit).astype(np.int64).T)
    spare = max(sums.interval.magnitude.bit_length() - _KEPT, 0)
    if spare:
        sums = lowering.builder.affine(sums, shift=spare)  # so that a rescaling has room for its factor
    return RegionView.of(sums, unit * 2.0**spare, bias + view.offset @ weights)
