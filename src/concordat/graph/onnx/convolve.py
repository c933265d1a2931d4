"""Convolutions as matrix products.

Two forms; whichever leaves the shorter trace is taken.

* **Runs**: a line of the kernel meets a run of neighbours in an image that lies channels last, and so do several lines
  together with zero weights for what lies between them. Each run of at most 256 elements is one MATMUL whose rows step
  through the image where it is; the partial sums are added up. Positions in the zeros between two lines are computed
  too, and never read.
* **Patches**: a GATHER copies what each position sees, a MATMUL multiplies it. For several groups (one channel each, in
  a depthwise convolution) the groups lie side by side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from concordat.graph.builder import Ref
from concordat.graph.elements import ElementType, Integers
from concordat.graph.ir import MAX_ROW, Op
from concordat.graph.onnx.images import Frame, Shape, frame_of, write_image
from concordat.graph.onnx.patches import gathered, tap_indexes
from concordat.graph.onnx.products import chain
from concordat.graph.onnx.views import RegionView
from concordat.graph.onnx.windows import Windows

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = ["convolve"]

_SUM_BYTES = 4
_READS_PER_BYTE = 256
"""Elements read that weigh as much as a byte of trace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Runs:
    """How a kernel is cut into runs of neighbours."""

    frame: Frame
    """Where the image lies."""
    windows: Windows
    """How the kernel moves."""

    @property
    def step(self) -> int:
        """Elements from one position to the next."""
        return self.windows.strides[1] * self.frame.shape.channels

    @property
    def fits(self) -> bool:
        """Whether positions are equally far apart from line to line too."""
        return self.windows.count[0] == 1 or (self.windows.strides[0] * self.frame.pitch) % self.step == 0

    @property
    def line(self) -> int:
        """Positions from the first of a line to the first of the next."""
        return self.windows.strides[0] * self.frame.pitch // self.step

    @property
    def positions(self) -> int:
        """Positions, those between the lines included."""
        return (self.windows.count[0] - 1) * self.line + self.windows.count[1]

    @property
    def first(self) -> int:
        """Index of the first position's first element."""
        frame, windows = self.frame, self.windows
        return frame.origin - windows.begin[0] * frame.pitch - windows.begin[1] * frame.shape.channels

    def _span(self, lines: int) -> int:
        windows = self.windows
        across = (windows.kernel[1] - 1) * windows.dilations[1] + 1
        return (lines - 1) * windows.dilations[0] * self.frame.pitch + across * self.frame.shape.channels

    def cuts(self) -> list[tuple[int, int]]:
        """Offset from a position and length of each run."""
        windows = self.windows
        together = max((n for n in range(1, windows.kernel[0] + 1) if self._span(n) <= MAX_ROW), default=1)
        found = []
        for top in range(0, windows.kernel[0], together):
            offset = top * windows.dilations[0] * self.frame.pitch
            length = self._span(min(together, windows.kernel[0] - top))
            pieces = -(-length // MAX_ROW)
            edges = [length * piece // pieces for piece in range(pieces + 1)]
            found += [(offset + begin, end - begin) for begin, end in pairwise(edges)]
        return found

    def weights(self, kernel: Integers) -> Integers:
        """Weights of every element from a position's first to its last, shape (outputs, span of the kernel)."""
        windows, (outputs, channels) = self.windows, kernel.shape[:2]
        spread = np.zeros((outputs, self._span(windows.kernel[0])), dtype=np.int64)
        down = np.arange(windows.kernel[0]) * windows.dilations[0] * self.frame.pitch
        across = np.arange(windows.kernel[1]) * windows.dilations[1] * channels
        places = down[None, :, None] + across[None, None, :] + np.arange(channels)[:, None, None]
        spread[:, places.ravel()] = kernel.reshape(outputs, -1)
        return spread

    def cost(self, outputs: int) -> float:
        """Bytes of trace."""
        sums = 2 * len(self.cuts()) - 1
        reads = sum(length for _, length in self.cuts())
        return self.positions * outputs * (_SUM_BYTES * sums + reads / _READS_PER_BYTE)


def convolve(
    lowering: Lowering, view: RegionView, shape: Shape, kernel: Integers, groups: int, windows: Windows
) -> RegionView:
    """Sums of products of an image's integers and a kernel's.

    Parameters
    ----------
    lowering : Lowering
    view : RegionView
        Narrow integers, flat (C, H, W); what is padded is the integer zero.
    shape : Shape
        Of the image.
    kernel : array of int, shape (outputs, channels of a group, lines, columns)
    groups : int
        How many groups of channels there are.
    windows : Windows

    Returns
    -------
    RegionView
        Flat (outputs, lines, columns) with scale one and offset zero.
    """
    frame = frame_of(lowering, view, shape)
    there = frame is not None and frame.margin.holds(windows.margin)
    planned = frame if frame is not None and there else _planned(shape, windows)
    if groups == 1 and planned is not None:
        runs = _Runs(frame=planned, windows=windows)
        copied = 0 if there else view.n * view.region.type.bytes
        if runs.fits and copied + runs.cost(len(kernel)) <= _patch_cost(view, kernel, windows):
            found = view if there else _copied(lowering, view, shape, windows)
            frame = frame_of(lowering, found, shape)
            assert frame is not None  # it was there, or has just been made
            return _by_runs(lowering, found, replace(runs, frame=frame), kernel)
    return _by_patches(lowering, view, shape, kernel, groups, windows)


# -- runs ------------------------------------------------------------------------------------------------------------


def _planned(shape: Shape, windows: Windows) -> Frame | None:
    """The frame of a copy, or None if no copy has zeros enough."""
    margin = windows.margin
    across = max(margin.left, margin.right)
    pitch = (shape.width + across) * shape.channels
    return None if across > shape.width else Frame(shape=shape, origin=0, pitch=pitch, margin=margin)


def _copied(lowering: Lowering, view: RegionView, shape: Shape, windows: Windows) -> RegionView:
    kind = view.region.type
    plain = RegionView.of(view.region, 1.0).take(view.index)
    return write_image(lowering, plain, shape, 1.0, (kind.minimum, kind.maximum), kind, windows.margin)


def _by_runs(lowering: Lowering, view: RegionView, runs: _Runs, kernel: Integers) -> RegionView:
    builder, outputs = lowering.builder, len(kernel)
    weights = runs.weights(kernel)
    total: Ref | None = None
    for offset, length in runs.cuts():
        block = builder.weights(weights[:, offset : offset + length])
        first = view.region.base + runs.first + offset
        part = builder.emit(
            Op.MATMUL,
            (runs.positions, outputs),
            None,
            k=length,
            a=replace(view.region.operand(row=runs.step), base=first),
            b=block.operand(col=length),
        )
        total = part if total is None else builder.affine(total, c=part)
    assert total is not None  # a kernel has at least one run
    lines, columns = (np.arange(count) for count in runs.windows.count)
    positions = lines[:, None] * runs.line + columns[None, :]
    index = positions[None] * outputs + np.arange(outputs)[:, None, None]
    return RegionView.of(total.reshape(1, total.size), 1.0).take(index)


# -- patches ---------------------------------------------------------------------------------------------------------


def _patch_cost(view: RegionView, kernel: Integers, windows: Windows) -> float:
    """Bytes of trace of a patch for each position and of its products, and a share of the index list."""
    positions, taps = math.prod(windows.count), int(kernel[0].size)
    sums = _SUM_BYTES * (2 * -(-taps // MAX_ROW) - 1)
    return float(positions) * (taps * (view.region.type.bytes + 1) + len(kernel) * (sums + taps / _READS_PER_BYTE))


def _by_patches(
    lowering: Lowering, view: RegionView, shape: Shape, kernel: Integers, groups: int, windows: Windows
) -> RegionView:
    each, length = len(kernel) // groups, kernel[0].size
    lines, columns = windows.count
    taps = tap_indexes(lowering, view, shape, windows)
    grouped = np.moveaxis(taps.reshape(*taps.shape[:4], groups, -1), 4, 2)  # (lines, columns, groups, …, channels)
    patch = gathered(lowering, view.region, grouped.reshape(lines, -1))
    table = patch.reshape(lines * columns, groups * length)
    rows = kernel.transpose(0, 2, 3, 1).reshape(groups, each, length)
    if each < groups and length <= MAX_ROW:
        parts = [_all_groups(lowering, table, rows[:, m]) for m in range(each)]
        channels = np.arange(len(kernel)).reshape(groups, each).T
    else:
        parts = _one_by_one(lowering, table, rows, view.region.interval.magnitude)
        channels = np.arange(len(kernel)).reshape(groups, each)
    found = _side_by_side(lowering, parts, length)  # (parts, positions, channels of the part)
    order = np.broadcast_to(channels[:, None, :], (len(parts), lines * columns, channels.shape[1]))
    position = np.broadcast_to(np.arange(lines * columns)[None, :, None], order.shape)
    return found.take(np.argsort((order * (lines * columns) + position).ravel()))


def _all_groups(lowering: Lowering, table: Ref, rows: Integers) -> Ref:
    """One output of every group: each reads its own part of a patch."""
    length = rows.shape[1]
    block = lowering.builder.weights(rows)
    return lowering.builder.emit(
        Op.MATMUL,
        (table.rows, len(rows)),
        None,
        k=length,
        a=table.operand(row=table.row, col=length),
        b=block.operand(col=length),
    )


def _one_by_one(lowering: Lowering, table: Ref, rows: Integers, magnitude: int) -> list[Ref]:
    """All outputs of one group after the other."""
    length = rows.shape[2]
    most = magnitude * int(np.abs(rows).sum(axis=2).max())
    kind = None if len(rows) == 1 else ElementType.holding(-most, most)
    cuts = [slice(group * length, (group + 1) * length) for group in range(len(rows))]
    return [lowering.builder.matmul(table.part(cols=cut), row, kind) for cut, row in zip(cuts, rows, strict=True)]


def _side_by_side(lowering: Lowering, parts: list[Ref], length: int) -> RegionView:
    """Parts one after another."""
    flat = [part.reshape(1, part.size) for part in parts]
    if len(parts) == 1:
        return RegionView.of(flat[0], 1.0)
    if length > MAX_ROW or len({part.type for part in parts}) > 1:
        return RegionView.of(lowering.builder.concatenate(flat), 1.0)
    return chain(flat, 1.0)
