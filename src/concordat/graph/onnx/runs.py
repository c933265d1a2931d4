"""How a kernel is cut into runs of neighbours in an image that lies channels last (or in the plane of one channel).

A line of the kernel meets a run of neighbours, and several lines together one with zero weights for what lies between
them. The positions of a line are equally far apart, and if those of the next line follow at the same distance, the
positions between two lines are simply computed too.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from concordat.graph.elements import ElementType, Integers
from concordat.graph.ir import MAX_ROW
from concordat.graph.onnx.images import Frame
from concordat.graph.onnx.windows import Windows

__all__ = ["SUM_BYTES", "Runs", "reads_as_bytes", "sum_type"]

SUM_BYTES = 4
"""Bytes of a sum of products."""
_READS_PER_BYTE = 256


def reads_as_bytes(elements: int) -> float:
    """What reading elements weighs beside bytes of trace."""
    return elements / _READS_PER_BYTE


def sum_type(kernel: Integers, magnitude: int) -> ElementType:
    """Type that holds every sum of a kernel's products with numbers of at most that magnitude."""
    most = magnitude * int(np.abs(kernel.reshape(len(kernel), -1)).sum(axis=1).max())
    return ElementType.holding(-most, most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """Runs of one kernel over one image."""

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
        return self.positions * outputs * (SUM_BYTES * sums + reads_as_bytes(reads))
