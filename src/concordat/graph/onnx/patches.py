"""Copies of what each position of a window sees, by one GATHER; lines that can do so share an index list."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from concordat.graph.builder import Ref
from concordat.graph.elements import ElementType
from concordat.graph.ir import Op
from concordat.graph.onnx.images import Shape, frame_of, zeros
from concordat.graph.onnx.views import Places, RegionView
from concordat.graph.onnx.windows import Windows

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = ["NOTHING", "gathered", "nearest_taps", "tap_indexes"]

NOTHING = -1
"""In an index list: an element that is zero."""


def tap_indexes(lowering: Lowering, view: RegionView, shape: Shape, windows: Windows) -> Places:
    """Which element of a view's region each tap of each window reads, for `gathered`; taps outside read a zero.

    Returns
    -------
    array, shape (lines, columns, kernel lines, kernel columns, channels)
    """
    down, across = windows.taps()
    frame = frame_of(lowering, view, shape)
    if frame is not None and frame.margin.holds(windows.margin):
        first = frame.origin + down * frame.pitch + across * shape.channels
        return np.asarray(first[..., None] + np.arange(shape.channels))
    index = view.index.reshape(shape).transpose(1, 2, 0)
    found = index[np.clip(down, 0, shape.height - 1), np.clip(across, 0, shape.width - 1)]
    inside = (down >= 0) & (down < shape.height) & (across >= 0) & (across < shape.width)
    return np.where(inside[..., None], found, NOTHING)


def nearest_taps(view: RegionView, shape: Shape, windows: Windows) -> Places:
    """As `tap_indexes`, but a tap outside reads what the nearest tap of its window reads that is inside."""
    places = []
    for taps, size, axis in zip(windows.taps(), windows.size, (2, 3), strict=True):
        inside = (taps >= 0) & (taps < size)
        first = np.where(inside, taps, size).min(axis=axis, keepdims=True)
        last = np.where(inside, taps, -1).max(axis=axis, keepdims=True)
        places.append(np.clip(taps, first, last))
    index = view.index.reshape(shape).transpose(1, 2, 0)
    return np.asarray(index[places[0], places[1]])


def gathered(lowering: Lowering, region: Ref, index: Places) -> Ref:
    """Elements of a region, shape (rows, cols); equal lists that only start further on are stored once."""
    builder = lowering.builder
    places = np.where(index == NOTHING, NOTHING, region.base + index * region.col)
    start = region.start
    if (places == NOTHING).any():
        zero = _zero(lowering, region.type)
        start = min(region.start, zero.start)
        shift, at = ((ref.start - start) * region.type.per_word for ref in (region, zero))
        places = np.where(places == NOTHING, at, places + shift)
    rows, cols = places.shape
    steps = places[1:] - places[:-1]
    alike = rows > 1 and steps[0, 0] >= 0 and bool((steps == steps[0, 0]).all())
    table = builder.weights(places[:1] if alike else places)
    a = replace(region.operand(row=int(steps[0, 0]) if alike else 0), start=start, base=0)
    return builder.emit(Op.GATHER, (rows, cols), region.type, a=a, b=table.operand(row=0 if alike else cols, col=1))


def _zero(lowering: Lowering, kind: ElementType) -> Ref:
    """An element that is zero."""
    if kind not in lowering.zeros:
        lowering.zeros[kind] = zeros(lowering, 1, kind)
    return lowering.zeros[kind]
