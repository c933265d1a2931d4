"""LSTM, GRU and RNN cells, unrolled over a fixed sequence.

The inputs' share of all gates is one product for the whole sequence, in units of 2**-22. Each step adds the state's
share, clamped to ±16, and bends it by interpolated tables (off by at most 3e-6); a gate's hyperbolic tangent is
``2 * sigmoid(2x) - 1``, so that one look-up serves all four gates of an LSTM. States are kept in 2**-15 (the hidden
one, which lies in ±1) and in 23 bits of twice the calibrated reach (the cell), so that each step rounds by at most
2**-16 and the forget gate damps what earlier steps rounded.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from concordat.graph.builder import GraphBuilder, Ref
from concordat.graph.elements import ElementType
from concordat.graph.onnx.curves import interpolate, logistic, logistic_slope, tanh_slope
from concordat.graph.onnx.products import dense_rows
from concordat.graph.onnx.quantise import rescale
from concordat.graph.onnx.views import Floats, RegionView

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = ["HIDDEN", "Weights", "cell_unit", "unrolled"]

HIDDEN = 2.0**-15
"""What one unit of a hidden state is worth."""
_ARGUMENT = 2.0**-22
_REACH = 16.0
_LIMIT = int(_REACH / _ARGUMENT)
_ENTRIES = 2_048
_CELL = 23
_SUMS = 1 << 60


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Weights:
    """One direction of one layer; gates in ONNX's order, H rows each."""

    kind: str
    """``LSTM`` (gates i, o, f, c), ``GRU`` (z, r, h) or ``RNN``."""
    inputs: Floats
    """Shape (gates * H, I)."""
    states: Floats
    """Shape (gates * H, H)."""
    input_bias: Floats
    """Shape (gates * H,)."""
    state_bias: Floats
    """Shape (gates * H,)."""
    reset_after: bool
    """GRU only: whether the reset gate acts on the product (``linear_before_reset``)."""

    @property
    def hidden(self) -> int:
        """H."""
        return int(self.states.shape[1])


def unrolled(
    lowering: Lowering, weights: Weights, rows: RegionView, order: Sequence[int], state: Sequence[Ref], reach: float
) -> tuple[list[Ref], list[Ref]]:
    """Hidden states of all steps, and the last states.

    Parameters
    ----------
    lowering : Lowering
    weights : Weights
    rows : RegionView
        Inputs, one row per step, fit for a product with constants.
    order : sequence of int
        Steps in the order in which they are taken.
    state : sequence of Ref
        Hidden state in units of `HIDDEN`; for an LSTM also the cell, in units of `cell_unit`.
    reach : float
        Greatest magnitude of the cell on the calibration rows.

    Returns
    -------
    tuple
        Hidden states in the order of the sequence; the last hidden state (and cell).
    """
    cell = _CELLS[weights.kind](lowering, weights, rows, reach)
    outputs: dict[int, Ref] = {}
    at = list(state)
    for step in order:
        at = cell.step(step, at)
        outputs[step] = at[0]
    return [outputs[step] for step in sorted(outputs)], at


class _Cell(ABC):
    """What the cells share: the gates' arguments and curves."""

    doubled: slice | None = None

    def __init__(self, lowering: Lowering, weights: Weights, rows: RegionView, reach: float) -> None:
        self.lowering, self.weights, self.size = lowering, weights, weights.hidden
        self.unit = cell_unit(reach)
        factor = self._factor()
        bias = (weights.input_bias + self._early_bias()) * factor
        sums = dense_rows(lowering, rows, (weights.inputs * factor[:, None]).T, bias)
        self.shares = rescale(lowering, sums, _ARGUMENT).region.reshape(sums.n // len(bias), len(bias))
        self.recurrent, self.unit_of_sums = self._quantised(weights.states * factor[:, None])

    @property
    def builder(self) -> GraphBuilder:
        """The program being written."""
        return self.lowering.builder

    @abstractmethod
    def step(self, step: int, state: list[Ref]) -> list[Ref]:
        """The next states."""

    def _factor(self) -> Floats:
        """Two for gates whose tangent is found by a sigmoid, one for the others."""
        found = np.ones(len(self.weights.inputs))
        if self.doubled is not None:
            found[self.doubled.start * self.size : self.doubled.stop * self.size] = 2.0
        return found

    def _early_bias(self) -> Floats:
        return self.weights.state_bias

    def _quantised(self, matrix: Floats) -> tuple[Floats, Floats]:
        """Whole weights of the state, and what one unit of each sum is worth."""
        largest = np.abs(matrix).max(axis=1)
        unit = np.where(largest > 0, largest, 1.0) / self.lowering.precision.weights.maximum
        return np.rint(matrix / unit[:, None]).astype(np.int64), unit * HIDDEN

    def share(self, step: int, gates: slice) -> Ref:
        """The inputs' share of some gates."""
        columns = slice(gates.start * self.size, gates.stop * self.size)
        return self.shares.part(rows=slice(step, step + 1), cols=columns)

    def argument(self, state: Ref, gates: slice, other: Ref | None, bias: Floats | None = None) -> Ref:
        """A state's share of some gates, added to another share or a bias."""
        columns = slice(gates.start * self.size, gates.stop * self.size)
        sums = self.builder.matmul(state, self.recurrent[columns])
        ratio = self.unit_of_sums[columns] / _ARGUMENT
        most = _SUMS / max(sums.interval.magnitude * float(ratio.max()), float(_LIMIT) * 64)
        shift = int(np.clip(np.floor(np.log2(most)), 0, 30))
        addend = other
        if bias is not None:
            addend = self.builder.weights(np.rint(bias / _ARGUMENT).astype(np.int64), ElementType.I32)
        return self.builder.affine(
            sums,
            b=self.builder.weights(np.rint(ratio * 2.0**shift).astype(np.int64)),
            c=addend,
            m1=1 << shift,
            shift=shift,
            lo=-_LIMIT,
            hi=_LIMIT,
            out_type=ElementType.I32,
        )

    def sigmoid(self, argument: Ref) -> Ref:
        """Logistic function in units of 2**-30."""
        view = RegionView.of(argument, _ARGUMENT)
        return interpolate(self.lowering, view, logistic, logistic_slope, -_REACH, _REACH, entries=_ENTRIES)

    def tanh(self, argument: Ref, unit: float = _ARGUMENT) -> Ref:
        """Hyperbolic tangent in units of 2**-30."""
        view = RegionView.of(argument, unit)
        return interpolate(self.lowering, view, np.tanh, tanh_slope, -_REACH / 2, _REACH / 2, entries=_ENTRIES)


class _Lstm(_Cell):
    doubled = slice(3, 4)

    def step(self, step: int, state: list[Ref]) -> list[Ref]:
        """``c = f*c + i*g``, ``h = o * tanh(c)``."""
        builder, size = self.builder, self.size
        hidden, cell = state
        gates = self.sigmoid(self.argument(hidden, slice(0, 4), self.share(step, slice(0, 4))))
        i, o, f, g = (gates.part(cols=slice(at * size, (at + 1) * size)) for at in range(4))
        fresh = builder.affine(i, m0=2, b=g, c=i, m1=-(1 << 30), shift=60 - _CELL)  # i * (2g - 1)
        worth = round(2.0 ** (30 - _CELL) / self.unit)
        cell = builder.affine(f, b=cell, c=fresh, m1=worth, shift=30, out_type=ElementType.I32)
        bent = self.tanh(cell, self.unit)
        return [builder.affine(o, b=bent, shift=45, out_type=ElementType.I16), cell]


class _Gru(_Cell):
    def _early_bias(self) -> Floats:
        late = np.repeat([1.0, 1.0, 0.0 if self.weights.reset_after else 1.0], self.size)
        return np.asarray(self.weights.state_bias * late)

    def step(self, step: int, state: list[Ref]) -> list[Ref]:
        """``h = (1 - z)*n + z*h``."""
        builder, size = self.builder, self.size
        hidden = state[0]
        gates = self.sigmoid(self.argument(hidden, slice(0, 2), self.share(step, slice(0, 2))))
        z, r = gates.part(cols=slice(0, size)), gates.part(cols=slice(size, 2 * size))
        own = self.share(step, slice(2, 3))
        if self.weights.reset_after:
            product = self.argument(hidden, slice(2, 3), None, self.weights.state_bias[2 * size :])
            limits = {"lo": -_LIMIT, "hi": _LIMIT}
            argument = builder.affine(r, b=product, c=own, m1=1 << 30, shift=30, out_type=ElementType.I32, **limits)
        else:
            kept = builder.affine(r, b=hidden, shift=30, out_type=ElementType.I16)
            argument = self.argument(kept, slice(2, 3), own)
        fresh = self.tanh(argument)
        change = builder.affine(hidden, m0=1 << 15, c=fresh, m1=-1)
        return [builder.affine(z, b=change, c=fresh, m1=1 << 30, shift=45, out_type=ElementType.I16)]


class _Rnn(_Cell):
    def step(self, step: int, state: list[Ref]) -> list[Ref]:
        """``h = tanh(x + h)``."""
        bent = self.tanh(self.argument(state[0], slice(0, 1), self.share(step, slice(0, 1))))
        return [self.builder.affine(bent, shift=15, out_type=ElementType.I16)]


_CELLS: dict[str, type[_Cell]] = {"LSTM": _Lstm, "GRU": _Gru, "RNN": _Rnn}


def cell_unit(reach: float) -> float:
    """A power of two in which twice a cell's reach takes 23 bits."""
    return float(2.0 ** (np.ceil(np.log2(max(2.0 * reach, 2.0**-8))) - _CELL))
