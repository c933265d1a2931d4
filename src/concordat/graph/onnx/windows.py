"""Windows of convolutions and pools: how a kernel moves over an image, as ONNX says it.

A signal of one dimension is an image of one line. Everything here is about one row of a batch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from concordat.graph.onnx.constants import MAX_ROW_ELEMENTS, Array
from concordat.graph.onnx.reader import OnnxNode
from concordat.graph.onnx.views import Places

__all__ = ["Margin", "Windows", "as_image", "windows_of"]

_MOST = 1 << 15
"""Largest kernel, stride, dilation or padding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """Lines and columns around an image."""

    top: int = 0
    """Lines above."""
    left: int = 0
    """Columns before."""
    bottom: int = 0
    """Lines below."""
    right: int = 0
    """Columns after."""

    def union(self, other: Margin) -> Margin:
        """Smallest margin that holds both."""
        return Margin(
            top=max(self.top, other.top),
            left=max(self.left, other.left),
            bottom=max(self.bottom, other.bottom),
            right=max(self.right, other.right),
        )

    def holds(self, other: Margin) -> bool:
        """Whether another one lies inside it."""
        return self.union(other) == self

    def __bool__(self) -> bool:
        return any((self.top, self.left, self.bottom, self.right))


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """A kernel's positions over an image; each pair is (down, across)."""

    size: tuple[int, int]
    """The image."""
    kernel: tuple[int, int]
    """Taps of the kernel."""
    strides: tuple[int, int]
    """From one position to the next."""
    dilations: tuple[int, int]
    """From one tap to the next."""
    begin: tuple[int, int]
    """Padding before the image."""
    end: tuple[int, int]
    """Padding after the image, as far as any window reaches it."""
    padded: tuple[int, int]
    """Padding after the image that counts as such in an average."""
    count: tuple[int, int]
    """Positions."""

    @property
    def margin(self) -> Margin:
        """What the windows need around the image."""
        return Margin(top=self.begin[0], left=self.begin[1], bottom=self.end[0], right=self.end[1])

    def taps(self) -> tuple[Places, Places]:
        """Line and column of every tap: shapes (lines, 1, kernel lines, 1) and (1, columns, 1, kernel columns)."""
        down, across = (
            np.arange(self.count[axis])[:, None] * self.strides[axis]
            - self.begin[axis]
            + np.arange(self.kernel[axis])[None, :] * self.dilations[axis]
            for axis in (0, 1)
        )
        return down[:, None, :, None], across[None, :, None, :]

    def counted(self) -> Array:
        """Taps of each window that are not beyond what is padded, shape (lines, columns)."""
        sides = []
        for axis in (0, 1):
            starts = np.arange(self.count[axis])[:, None] * self.strides[axis]
            taps = starts + np.arange(self.kernel[axis])[None, :] * self.dilations[axis]
            sides.append((taps < self.begin[axis] + self.size[axis] + self.padded[axis]).sum(axis=1))
        return np.asarray(sides[0][:, None] * sides[1][None, :])

    def inside(self) -> Array:
        """Taps of each window that are inside the image, shape (lines, columns)."""
        down, across = self.taps()
        rows = ((down >= 0) & (down < self.size[0])).sum(axis=(2, 3))
        columns = ((across >= 0) & (across < self.size[1])).sum(axis=(2, 3))
        return np.asarray(rows * columns)

    def view(self, image: Array, fill: float = 0.0) -> Array:
        """All windows of images, shape (B, C, H, W) to (B, C, lines, columns, kernel lines, kernel columns)."""
        pads = ((0, 0), (0, 0), (self.begin[0], self.end[0]), (self.begin[1], self.end[1]))
        padded = np.pad(image, pads, constant_values=fill) if self.margin else np.ascontiguousarray(image)
        batch, channel, down, across = padded.strides
        steps = (down * self.strides[0], across * self.strides[1], down * self.dilations[0], across * self.dilations[1])
        # SAFETY: the padding reaches as far as the last window does.
        return as_strided(
            padded, (*image.shape[:2], *self.count, *self.kernel), (batch, channel, *steps), writeable=False
        )


def as_image(shape: Sequence[int]) -> tuple[int, int, int]:
    """Channels, lines and columns of a row's shape (C, L) or (C, H, W)."""
    return (shape[0], 1, shape[1]) if len(shape) == 2 else (shape[0], shape[1], shape[2])


def windows_of(node: OnnxNode, shape: Sequence[int], kernel: Sequence[int]) -> Windows:
    """Positions of a kernel over a row's tensor.

    Parameters
    ----------
    node : OnnxNode
        For ``strides``, ``pads``, ``auto_pad``, ``dilations`` and ``ceil_mode``.
    shape : sequence of int
        Of one row: channels, then one or two dimensions.
    kernel : sequence of int
        Taps along each of them.

    Raises
    ------
    ModelError
        If an attribute does not fit, or there is no window.
    """
    dimensions = len(shape) - 1
    if dimensions not in (1, 2) or len(kernel) != dimensions:
        raise node.refuse("only images and signals have windows", code="UnsupportedOperator")
    strides = _numbers(node, "strides", dimensions, 1)
    dilations = _numbers(node, "dilations", dimensions, 1)
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    if any(not 1 <= k <= _MOST for k in kernel):
        raise node.refuse("its kernel is empty or too large")
    pads = _padding(node, shape[1:], strides, spans)
    sides = []
    for axis in range(dimensions):
        sides.append(_along(node, shape[1 + axis], strides[axis], spans[axis], (pads[axis], pads[dimensions + axis])))
    ends, counts = zip(*sides, strict=True)
    lead = (1,) * (2 - dimensions)
    none = (0,) * (2 - dimensions)
    windows = Windows(
        size=(*lead, *shape[1:]),  # type: ignore[arg-type]
        kernel=(*lead, *kernel),  # type: ignore[arg-type]
        strides=(*lead, *strides),  # type: ignore[arg-type]
        dilations=(*lead, *dilations),  # type: ignore[arg-type]
        begin=(*none, *pads[:dimensions]),  # type: ignore[arg-type]
        end=(*none, *ends),
        padded=(*none, *pads[dimensions:]),  # type: ignore[arg-type]
        count=(*lead, *counts),
    )
    padded = [sum(side) for side in zip(windows.size, windows.begin, windows.end, strict=True)]
    if shape[0] * math.prod(padded) > MAX_ROW_ELEMENTS:
        raise node.refuse("a row with its padding is too large", code="ModelTooLarge")
    return windows


def _along(node: OnnxNode, size: int, stride: int, span: int, pads: tuple[int, int]) -> tuple[int, int]:
    """Padding after the image that is reached, and number of positions, along one dimension."""
    room = size + sum(pads) - span
    if room < 0 or size < 1:
        raise node.refuse(f"its kernel reaches over {span} places of {size + sum(pads)}")
    up = bool(node.attributes.get("ceil_mode", 0))
    count = -(-room // stride) + 1 if up else room // stride + 1
    if up and (count - 1) * stride >= size + pads[0]:
        count -= 1  # a window that would start in the padding after the image is left out
    return max((count - 1) * stride + span - size - pads[0], 0), count


def _padding(node: OnnxNode, sizes: Sequence[int], strides: Sequence[int], spans: Sequence[int]) -> list[int]:
    """Padding before along all dimensions, then after along all."""
    kind = node.attributes.get("auto_pad", "NOTSET") or "NOTSET"
    if kind == "NOTSET":
        return _numbers(node, "pads", 2 * len(sizes), 0)
    if kind == "VALID":
        return [0] * (2 * len(sizes))
    if kind not in ("SAME_UPPER", "SAME_LOWER"):
        raise node.refuse(f"no padding {kind!r}")
    totals = [
        max((-(-size // stride) - 1) * stride + span - size, 0)
        for size, stride, span in zip(sizes, strides, spans, strict=True)
    ]
    less, more = [total // 2 for total in totals], [total - total // 2 for total in totals]
    return less + more if kind == "SAME_UPPER" else more + less


def _numbers(node: OnnxNode, name: str, count: int, least: int) -> list[int]:
    given: Any = node.attributes.get(name)
    found = [least] * count if not given else [int(number) for number in given]
    if len(found) != count or any(not least <= number <= _MOST for number in found):
        raise node.refuse(f"its {name} are {found[:8]}")
    return found
