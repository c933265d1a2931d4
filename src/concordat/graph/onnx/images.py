"""Images in memory: channels last, narrow, one scale, and where a convolution wants it zeros around them.

The integers of a tensor (C, H, W) lie line by line, in a line column by column, and the channels of a pixel side by
side, so that a kernel's line over all channels is a run of neighbours that a MATMUL reads where it is. Between two
lines lie as many zero columns as the padding of the convolutions that read the image; above and below it lie lines of
zeros, in regions of their own. A **frame** says where. The zeros between lines come for nothing: AFFINE multiplies them
by zero while it brings sums back to 8 or 16 bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from concordat.graph.builder import Ref
from concordat.graph.elements import ElementType, words_needed
from concordat.graph.intervals import Interval
from concordat.graph.ir import ABSENT, Op
from concordat.graph.onnx.demand import margin_of
from concordat.graph.onnx.layout import matrix, stepped
from concordat.graph.onnx.quantise import HEADROOM, as_region, fixed_point, rescale
from concordat.graph.onnx.views import Places, RegionView, View
from concordat.graph.onnx.windows import Margin, as_image

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = [
    "NO_MARGIN", "Frame", "Shape", "body", "channels_last", "frame_of", "is_narrow", "is_uniform", "narrow_image",
    "surrounded", "write_image", "zeros",
]  # fmt: skip


NO_MARGIN = Margin()
"""Nothing around an image."""


_MOST_BETWEEN = 2
"""How many times as many pixels as an image has may be read with what lies between its lines."""


class Shape(NamedTuple):
    """Of one image."""

    channels: int
    """Numbers to a pixel."""
    height: int
    """Lines."""
    width: int
    """Columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Where an image lies in its region, in elements."""

    shape: Shape
    """Of the image."""
    origin: int
    """Index of the first pixel's first channel."""
    pitch: int
    """From line to line."""
    margin: Margin
    """Zeros around it; left and right they are the same columns."""

    @property
    def length(self) -> int:
        """Elements from the first to the last pixel, what lies between the lines included."""
        return (self.shape.height - 1) * self.pitch + self.shape.width * self.shape.channels

    @property
    def around(self) -> int:
        """Elements with the zeros before and after."""
        after = self.margin.bottom * self.pitch + self.margin.right * self.shape.channels
        return self.lead + self.length + after

    @property
    def lead(self) -> int:
        """Zeros before the first pixel."""
        return self.margin.top * self.pitch + self.margin.left * self.shape.channels

    def indexes(self) -> Places:
        """Index of every element in the order (C, H, W), flat."""
        c, h, w = (np.arange(size) for size in self.shape)
        lines = h[None, :, None] * self.pitch + w[None, None, :] * self.shape.channels
        return (self.origin + lines + c[:, None, None]).ravel()


def channels_last(shape: Shape) -> Places:
    """Places of a flat (C, H, W) in the order in which an image is stored."""
    return np.arange(math.prod(shape)).reshape(shape).transpose(1, 2, 0).ravel()


def is_uniform(view: RegionView) -> bool:
    """Whether integers have at most 16 bits, one scale above zero, and one offset."""
    uniform = bool((view.scale == view.scale[0]).all() and (view.offset == view.offset[0]).all())
    return view.region.type <= ElementType.I16 and uniform and bool(view.scale[0] > 0)


def is_narrow(view: RegionView) -> bool:
    """Whether integers have at most 16 bits, one scale above zero, and zero is worth zero."""
    return is_uniform(view) and not view.offset[0]


def frame_of(lowering: Lowering, view: RegionView, shape: Shape) -> Frame | None:
    """The frame in which a view lies, if its pixels lie line by line with the channels side by side."""
    if view.region.col != 1:
        return None
    index = view.index.reshape(shape)
    origin, width = int(index[0, 0, 0]), shape.width * shape.channels
    pitch = int(index[0, 1, 0]) - origin if shape.height > 1 else width
    if pitch < width:
        return None
    found = Frame(shape=shape, origin=origin, pitch=pitch, margin=NO_MARGIN)
    if not np.array_equal(found.indexes(), view.index):
        return None
    known = lowering.frames.get(view.region)
    if known is not None and (known.shape, known.origin) == (shape, origin) and (pitch == known.pitch or shape[1] == 1):
        return known
    return found


def narrow_image(
    lowering: Lowering, value: View, name: str, *, floor: float | None = None, ceiling: float | None = None
) -> RegionView:
    """An image of the precision's activation type, one scale for all of it, channels last.

    Parameters
    ----------
    lowering : Lowering
    value : View
    name : str
        The tensor, for its calibrated range and for who reads it.
    floor, ceiling : float, optional
        Clamps.
    """
    region = as_region(lowering, value)
    if floor is None and ceiling is None and is_narrow(region):
        return region
    kind = lowering.precision.activations
    unit = lowering.reach(name) * HEADROOM[kind] / kind.maximum
    lo = -kind.maximum if floor is None else max(round(floor / unit), -kind.maximum)
    hi = kind.maximum if ceiling is None else min(round(ceiling / unit), kind.maximum)
    shape = Shape(*as_image(lowering.row_shape(name)))
    return write_image(lowering, region, shape, unit, (lo, hi), kind, margin_of(lowering, name))


def write_image(
    lowering: Lowering,
    view: RegionView,
    shape: Shape,
    unit: float,
    clamp: tuple[int, int],
    kind: ElementType,
    margin: Margin = NO_MARGIN,
) -> RegionView:
    """The same numbers in units of `unit`, rounded half up, clamped and stored channels last with zeros around them.

    Where the zeros cannot be had on the way, they are left out.
    """
    numbers = (view.index, view.scale, view.offset)
    key = (view.region, *(x.tobytes() for x in numbers), "image", unit, clamp, kind, margin)
    if key not in lowering.rescaled:
        lowering.rescaled[key] = _written(lowering, view, shape, unit, clamp, kind, margin)
    return lowering.rescaled[key]


def _written(
    lowering: Lowering,
    view: RegionView,
    shape: Shape,
    unit: float,
    clamp: tuple[int, int],
    kind: ElementType,
    margin: Margin,
) -> RegionView:
    order = channels_last(shape)
    stored = view.take(order)
    width = shape.width * shape.channels
    ratio, shifted = (x.reshape(shape.height, width) for x in (stored.scale / unit, stored.offset / unit))
    alike = (ratio == ratio[0]).all() and (shifted == shifted[0]).all()
    if not alike:
        flat = rescale(lowering, stored, unit, kind=kind, lo=clamp[0], hi=clamp[1])
        return RegionView(region=flat.region, index=np.argsort(order), scale=flat.scale, offset=flat.offset)
    if max(margin.left, margin.right) > shape.width or not clamp[0] <= 0 <= clamp[1]:
        margin = NO_MARGIN
    scaling = _Scaling(*fixed_point(view.region.interval.magnitude, ratio[0], shifted[0]), clamp, kind)
    lines = stepped(stored, shape.height, width)
    pixels = _pixels(view, shape) if lines is None or not margin else None
    per_channel = [(x.reshape(-1, shape.channels) == x[: shape.channels]).all() for x in scaling[:2]]
    if pixels is not None and all(per_channel):
        first = scaling._replace(factors=scaling.factors[: pixels.cols], summands=scaling.summands[: pixels.cols])
        pitch = width if shape.height == 1 else (pixels.rows - shape.width) // (shape.height - 1) * shape.channels
        if lines is None or pitch == width:
            frame = Frame(shape=shape, origin=0, pitch=pitch, margin=NO_MARGIN)
            found = surrounded(lowering, frame, kind, unit, lambda: _rows(lowering, pixels, pixels.cols, frame, first))
            return _written(lowering, found, shape, unit, clamp, kind, margin) if margin else found
    frame, copied = _frame(shape, margin), lines or matrix(lowering.builder, stored, shape.height, width)
    pitch = frame.pitch if shape.height > 1 else width
    return surrounded(lowering, frame, kind, unit, lambda: _rows(lowering, copied, pitch, frame, scaling))


def _pixels(view: RegionView, shape: Shape) -> Ref | None:
    """Pixels by channels, with what lies between two lines, if equal steps reach them all."""
    index = view.index.reshape(shape)
    first = int(index[0, 0, 0])
    channel = int(index[1, 0, 0]) - first if shape.channels > 1 else 0
    line = int(index[0, 1, 0]) - first if shape.height > 1 else 0
    column = int(index[0, 0, 1]) - first if shape.width > 1 else line or 1
    if min(channel, line) < 0 or column < 1 or line % column:
        return None
    c, h, w = (np.arange(size) for size in shape)
    exact = first + c[:, None, None] * channel + h[None, :, None] * line + w[None, None, :] * column
    pixels = (shape.height - 1) * (line // column) + shape.width
    if not np.array_equal(exact, index) or pixels > _MOST_BETWEEN * shape.height * shape.width:
        return None
    region = view.region
    base, row, col = region.base + first * region.col, column * region.col, channel * region.col
    return replace(region, rows=pixels, cols=shape.channels, base=base, row=row, col=col)


class _Scaling(NamedTuple):
    """How the integers of a row become those of an image."""

    factors: Places
    """Of each element of a row."""
    summands: Places
    """The same."""
    shift: int
    """To the right."""
    clamp: tuple[int, int]
    """Least and greatest result."""
    kind: ElementType
    """How it is stored."""


def _frame(shape: Shape, margin: Margin) -> Frame:
    pitch = (shape.width + max(margin.left, margin.right)) * shape.channels
    return Frame(shape=shape, origin=margin.top * pitch + margin.left * shape.channels, pitch=pitch, margin=margin)


def _rows(lowering: Lowering, source: Ref, cols: int, frame: Frame, scaling: _Scaling) -> Ref:
    """Rows one after another with zeros between them: what an AFFINE reads there is multiplied by zero."""
    builder, factors, summands = lowering.builder, scaling.factors, scaling.summands
    gap = np.zeros(cols - len(factors), dtype=np.int64)
    uniform = not len(gap) and bool((factors == factors[0]).all())
    added = bool(summands.any())
    b = None if uniform else builder.weights(np.concatenate([factors, gap]))
    c = builder.weights(np.concatenate([summands, gap])) if added else None
    return builder.emit(
        Op.AFFINE,
        (source.rows, cols),
        scaling.kind,
        n=frame.length,
        a=replace(source, cols=cols).spread(source.rows, cols),
        b=b.spread(source.rows, cols) if b else ABSENT,
        c=c.spread(source.rows, cols) if c else ABSENT,
        m0=int(factors[0]) if uniform else 1,
        m1=1 if added else 0,
        shift=scaling.shift,
        lo=scaling.clamp[0],
        hi=scaling.clamp[1],
    )


def surrounded(lowering: Lowering, frame: Frame, kind: ElementType, unit: float, make: Callable[[], Ref]) -> RegionView:
    """An image with lines of zeros above and below it.

    Parameters
    ----------
    lowering : Lowering
    frame : Frame
        Where it is to lie; its origin says how many zeros come first.
    kind : ElementType
        Of the region.
    unit : float
        What one unit is worth.
    make : callable
        Appends the node with all of `frame.length` elements.
    """
    lead = zeros(lowering, frame.origin, kind) if frame.origin else None
    made = make()
    after = frame.around - frame.lead - frame.length
    there = words_needed(frame.length, kind) * kind.per_word - frame.length
    if after > there:
        zeros(lowering, after - there, kind)
    if lead is None and not after:
        region = made.reshape(1, frame.length)
    else:
        start = made.start if lead is None else lead.start
        frame = replace(frame, origin=(made.start - start) * kind.per_word)
        size = frame.origin + frame.length + after
        region = replace(
            made, start=start, rows=1, cols=size, row=size, interval=made.interval.union(Interval(0, 0)), base=0
        )
    lowering.frames[region] = frame
    found = frame.indexes()
    return RegionView(region=region, index=found, scale=np.full(len(found), unit), offset=np.zeros(len(found)))


def zeros(lowering: Lowering, count: int, kind: ElementType) -> Ref:
    """A region of zeros."""
    anything = lowering.input.part(cols=slice(0, 1))
    return lowering.builder.affine(replace(anything, cols=count, col=0), m0=0, lo=0, hi=0, out_type=kind)


def body(lowering: Lowering, view: RegionView, shape: Shape) -> tuple[Ref, Frame]:
    """All from the first to the last pixel of an image as one row, and the frame of an image that lies like it.

    What lies between the lines is zero if the frame has a margin. An image that lies otherwise is copied.
    """
    frame = frame_of(lowering, view, shape)
    if frame is None:
        stored = matrix(lowering.builder, view.take(channels_last(shape)), 1, view.n)
        plain = Frame(shape=shape, origin=0, pitch=shape.width * shape.channels, margin=NO_MARGIN)
        return lowering.builder.contiguous(stored), plain
    first = view.region.base + frame.origin
    row = replace(view.region, rows=1, cols=frame.length, row=frame.length, base=first)
    return row, replace(frame, origin=frame.lead)
