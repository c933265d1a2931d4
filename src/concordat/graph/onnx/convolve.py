"""Convolutions as matrix products.

Three forms; whichever leaves the shorter trace is taken.

* **Runs**: a line of the kernel meets a run of neighbours in an image that lies channels last, and so do several lines
  together with zero weights for what lies between them. Each run of at most 256 elements is one MATMUL whose rows step
  through the image where it is; the partial sums are added up. Positions in the zeros between two lines are computed
  too, and never read.
* **Planes**, where each channel has a kernel of its own: an AFFINE turns the image so that its channels lie one after
  another, and each meets its kernel in runs of neighbours.
* **Patches**: a GATHER copies what each position sees, and a MATMUL multiplies it.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from concordat.graph.builder import Ref
from concordat.graph.elements import Integers
from concordat.graph.ir import MAX_ROW, Op
from concordat.graph.onnx.images import Frame, Shape, frame_of, write_image
from concordat.graph.onnx.patches import gathered, tap_indexes
from concordat.graph.onnx.planes import by_planes, plane_of
from concordat.graph.onnx.products import chain
from concordat.graph.onnx.runs import SUM_BYTES, Runs, reads_as_bytes, sum_type
from concordat.graph.onnx.views import RegionView
from concordat.graph.onnx.windows import Windows

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = ["convolve"]


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
    planar = groups == shape.channels > 1
    if planned is None or (groups > 1 and not planar):
        return _by_patches(lowering, view, shape, kernel, groups, windows)
    width = view.region.type.bytes
    copied = 0 if there else view.n * width
    runs = Runs(frame=plane_of(planned) if planar else planned, windows=windows)
    turned = shape.channels * runs.frame.around * width if planar else 0
    if not runs.fits or copied + turned + runs.cost(len(kernel)) > _patch_cost(view, kernel, groups, windows):
        return _by_patches(lowering, view, shape, kernel, groups, windows)
    found = view if there else _copied(lowering, view, shape, windows)
    frame = frame_of(lowering, found, shape)
    assert frame is not None  # it was there, or has just been made
    if planar:
        return by_planes(lowering, found, frame, kernel, windows)
    return _by_runs(lowering, found, replace(runs, frame=frame), kernel)


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


def _by_runs(lowering: Lowering, view: RegionView, runs: Runs, kernel: Integers) -> RegionView:
    builder, outputs = lowering.builder, len(kernel)
    weights = runs.weights(kernel)
    kind = sum_type(kernel, view.region.interval.magnitude)
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
        total = part if total is None else builder.affine(total, c=part, out_type=kind)
    assert total is not None  # a kernel has at least one run
    lines, columns = (np.arange(count) for count in runs.windows.count)
    positions = lines[:, None] * runs.line + columns[None, :]
    index = positions[None] * outputs + np.arange(outputs)[:, None, None]
    return RegionView.of(total.reshape(1, total.size), 1.0).take(index)


# -- patches ---------------------------------------------------------------------------------------------------------


def _patch_cost(view: RegionView, kernel: Integers, groups: int, windows: Windows) -> float:
    """Bytes of trace of a patch for each position and of its products, and a share of the index list."""
    positions, taps = math.prod(windows.count), int(kernel[0].size)
    sums = SUM_BYTES * (2 * -(-taps // MAX_ROW) - 1)
    return positions * (groups * taps * (view.region.type.bytes + 1) + len(kernel) * (sums + reads_as_bytes(taps)))


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
    kind = None if len(rows) == 1 else sum_type(rows.reshape(-1, length), magnitude)
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
