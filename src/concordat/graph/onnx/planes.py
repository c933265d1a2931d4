"""Depthwise convolutions: the channels of an image turned into planes, each of which meets a kernel of its own.

An AFFINE copies the image with the zeros around it channel by channel; a MATMUL whose rows are channels then steps
through the planes. The sums lie channel by channel too; the AFFINE that brings them back to 16 bits turns them back.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from concordat.graph.builder import Ref
from concordat.graph.elements import Integers
from concordat.graph.ir import Op
from concordat.graph.onnx.images import Frame
from concordat.graph.onnx.products import chain
from concordat.graph.onnx.runs import Runs, sum_type
from concordat.graph.onnx.views import RegionView
from concordat.graph.onnx.windows import Windows

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = ["by_planes", "plane_of"]


def plane_of(frame: Frame) -> Frame:
    """The frame of one channel's plane."""
    shape = frame.shape._replace(channels=1)
    found = Frame(shape=shape, origin=0, pitch=frame.pitch // frame.shape.channels, margin=frame.margin)
    return replace(found, origin=found.lead)


def by_planes(lowering: Lowering, view: RegionView, frame: Frame, kernel: Integers, windows: Windows) -> RegionView:
    """Sums of products of each channel and its own kernels.

    Parameters
    ----------
    lowering : Lowering
    view : RegionView
        A narrow image, flat (C, H, W), with zeros as far around it as the windows reach.
    frame : Frame
        Where it lies.
    kernel : array of int, shape (outputs, 1, lines, columns)
        As many outputs for each channel.
    windows : Windows

    Returns
    -------
    RegionView
        Flat (outputs, lines, columns) with scale one and offset zero.
    """
    channels = frame.shape.channels
    plane = plane_of(frame)
    first = view.region.base + frame.origin - frame.lead
    turned = replace(view.region, rows=channels, cols=plane.around, base=first, row=1, col=channels)
    planes = lowering.builder.convert(turned, view.region.type)
    runs, each = Runs(frame=plane, windows=windows), len(kernel) // channels
    sums = [_summed(lowering, planes, runs, kernel[m::each]) for m in range(each)]
    found = RegionView.of(sums[0], 1.0) if each == 1 else chain(sums, 1.0)
    lines, columns = (np.arange(count) for count in windows.count)
    part, channel = np.arange(each)[None, :, None, None], np.arange(channels)[:, None, None, None]
    position = (lines[:, None] * runs.line + columns[None, :])[None, None]
    return found.take((part * channels + channel) * runs.positions + position)


def _summed(lowering: Lowering, planes: Ref, runs: Runs, kernel: Integers) -> Ref:
    """One output of each channel, channel by channel."""
    builder, weights = lowering.builder, runs.weights(kernel)
    kind = sum_type(kernel, planes.interval.magnitude)
    total: Ref | None = None
    for offset, length in runs.cuts():
        block = builder.weights(weights[:, offset : offset + length])
        part = builder.emit(
            Op.MATMUL,
            (planes.rows, runs.positions),
            None,
            k=length,
            a=replace(planes.operand(row=planes.row, col=runs.step), base=planes.base + runs.first + offset),
            b=block.operand(row=length),
        )
        total = part if total is None else builder.affine(total, c=part, out_type=kind)
    assert total is not None  # a kernel has at least one run
    return total.reshape(1, total.size)
