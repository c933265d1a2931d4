"""What a float tensor is while a model is lowered: a view of integers, with what each is worth.

The batch dimension is gone: a value is one row, flattened. Nothing is computed for scaling, shifting, reshaping,
slicing or concatenating a view: only its index, scale and offset change. ::

    InputView    element = a function of one input column (affine, or a table over the codes of a category)
    RegionView   element = scale * integer + offset, the integer lying in a region of the trace
    LabelView    a whole number that names a class
    Array        a constant
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concordat.graph.builder import Ref
from concordat.graph.onnx.constants import Array

__all__ = ["Floats", "InputView", "LabelView", "RegionView", "Value", "View"]

Floats = NDArray[np.float64]
"""Double-precision array."""
Places = NDArray[np.int64]
"""Indices."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InputView:
    """Elements that are each a function of one input column."""

    columns: Places
    """Which column each depends on, shape (n,)."""
    slope: Floats
    """Numeric columns: value of one step, shape (n,)."""
    offset: Floats
    """Numeric columns: value at grid point zero, shape (n,)."""
    missing: Floats
    """Value where the column is missing; NaN until something fills it, shape (n,)."""
    tables: tuple[Floats | None, ...]
    """Categories: value of each code, from the unknown one (-1) on; None for numeric columns."""

    @property
    def n(self) -> int:
        """Elements of one row."""
        return len(self.columns)

    def take(self, places: Places) -> InputView:
        """Some elements, in another order."""
        flat = np.asarray(places).ravel()
        return InputView(
            columns=self.columns[flat],
            slope=self.slope[flat],
            offset=self.offset[flat],
            missing=self.missing[flat],
            tables=tuple(self.tables[place] for place in flat.tolist()),
        )

    def affine(self, factor: Any, summand: Any) -> InputView:
        """``factor * self + summand``, each a number or one per element."""
        factor, summand = (np.broadcast_to(np.asarray(x, dtype=np.float64), (self.n,)) for x in (factor, summand))
        tables = [t if t is None else t * f + s for t, f, s in zip(self.tables, factor, summand, strict=True)]
        return replace(
            self,
            slope=self.slope * factor,
            offset=self.offset * factor + summand,
            missing=self.missing * factor + summand,
            tables=tuple(tables),
        )

    @classmethod
    def join(cls, parts: list[InputView]) -> InputView:
        """Views one after another."""
        return cls(
            columns=np.concatenate([part.columns for part in parts]),
            slope=np.concatenate([part.slope for part in parts]),
            offset=np.concatenate([part.offset for part in parts]),
            missing=np.concatenate([part.missing for part in parts]),
            tables=tuple(table for part in parts for table in part.tables),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RegionView:
    """Elements that are each an affine function of one integer of a region."""

    region: Ref
    """A row vector in the trace."""
    index: Places
    """Which of its elements, shape (n,)."""
    scale: Floats
    """What one unit is worth, shape (n,)."""
    offset: Floats
    """What zero is worth, shape (n,)."""

    @property
    def n(self) -> int:
        """Elements of one row."""
        return len(self.index)

    @classmethod
    def of(cls, region: Ref, scale: Any, offset: Any = 0.0) -> RegionView:
        """All of a region, with one scale and offset or one per element."""
        flat = region.reshape(1, region.size)
        spread = [np.broadcast_to(np.asarray(x, dtype=np.float64), (flat.size,)).copy() for x in (scale, offset)]
        return cls(region=flat, index=np.arange(flat.size), scale=spread[0], offset=spread[1])

    def take(self, places: Places) -> RegionView:
        """Some elements, in another order."""
        flat = np.asarray(places).ravel()
        return replace(self, index=self.index[flat], scale=self.scale[flat], offset=self.offset[flat])

    def affine(self, factor: Any, summand: Any) -> RegionView:
        """``factor * self + summand``, each a number or one per element."""
        return replace(
            self,
            scale=self.scale * np.asarray(factor, dtype=np.float64).ravel(),
            offset=self.offset * np.asarray(factor).ravel() + np.asarray(summand, dtype=np.float64).ravel(),
        )

    @property
    def whole(self) -> bool:
        """Whether it is the whole region in order."""
        return self.n == self.region.size and bool((self.index == np.arange(self.n)).all())

    def same_integers(self, other: RegionView) -> bool:
        """Whether both are made of the same integers."""
        return self.region == other.region and bool(np.array_equal(self.index, other.index))

    @classmethod
    def join(cls, parts: list[RegionView]) -> RegionView:
        """Views of one region, one after another."""
        return replace(
            parts[0],
            index=np.concatenate([part.index for part in parts]),
            scale=np.concatenate([part.scale for part in parts]),
            offset=np.concatenate([part.offset for part in parts]),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelView:
    """A class, as its place in a list."""

    region: Ref
    """One element: the place."""
    classes: tuple[str | int, ...]
    """What the places stand for."""


View = InputView | RegionView
"""A float tensor."""
Value = InputView | RegionView | LabelView | Array
"""Anything a tensor can be."""
