"""Kernel values of a row and some constant vectors: linear, polynomial, radial, sigmoid.

Both sides are moved by the vectors' mean first where only the distance counts, so that large offsets of the columns
do not use up the integers. Values keep 30 bits and go as they are into the weighted sums of a support vector machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from concordat.graph.onnx.elementwise import plus, square
from concordat.graph.onnx.functions import curve_of, exponential
from concordat.graph.onnx.quantise import dense, narrow
from concordat.graph.onnx.reader import OnnxNode
from concordat.graph.onnx.views import Floats, RegionView, View

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = ["KERNELS", "Kernel"]

KERNELS = ("LINEAR", "POLY", "RBF", "SIGMOID")
"""Kinds of kernels."""
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
            return dense(lowering, x, self.vectors.T, zero)
        arguments = self.gamma * (rows @ self.vectors.T) + self.add
        low, high = float(arguments.min()), float(arguments.max())
        more = 0.25 * max(high - low, 1e-3)
        lower_end = max(low - more, 0.0) if self.degree % 1 and self.kind == "POLY" else low - more
        products = dense(lowering, x, self.gamma * self.vectors.T, zero + self.add)
        return curve_of(lowering, products, self._bent, lower_end, high + more)

    def _lower_radial(self, lowering: Lowering, node: OnnxNode, x: RegionView, rows: Floats) -> RegionView:
        """``exp(-gamma * |x - s|**2)`` from products, the vectors' lengths, and the row's."""
        centre = self.vectors.mean(axis=0)
        moved, near = self.vectors - centre, x.affine(1.0, -centre)
        weighted = dense(lowering, near, 2 * self.gamma * moved.T, -self.gamma * (moved**2).sum(axis=1))
        squares = square(lowering, node, near, reach=float(np.abs(rows - centre).max()))
        total = lowering.builder.sum(squares.region)
        length = RegionView.of(total, squares.scale[0] * self.gamma).take(np.zeros(len(moved), dtype=np.int64))
        reach = self.gamma * float(((rows - centre) ** 2).sum(axis=1).max() + (moved**2).sum(axis=1).max())
        exponents = plus(lowering, weighted, length, -1, reach)
        low = -min(self.gamma * float(self._distances(rows).max()) * 1.5 + 1e-3, _FURTHEST)
        return exponential(lowering, exponents, low, 0.0)
