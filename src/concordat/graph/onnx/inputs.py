"""Input columns as 16-bit integers that a dense layer can read.

Numbers: each column's declared range is spread over 16 bits by its own multiplier and centre; where the column may be
missing, the sentinel is found by comparison and its clamped image replaced by what the pipeline fills in.
Categories: a comparison with one code (one-hot), or a small table over the codes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from concordat.graph.builder import GraphBuilder, Ref
from concordat.graph.columns import MISSING
from concordat.graph.elements import ElementType
from concordat.graph.ir import Comparison
from concordat.graph.onnx.views import Floats, InputView, Places, RegionView
from concordat.primitives.errors import ModelError

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = ["columns_region", "one_hot_code", "place"]

_SHIFT = 16
_LARGEST_FACTOR = 1 << 30
_LEVELS = ElementType.I16.maximum
_ON = 1 << 14


def columns_region(lowering: Lowering, view: InputView) -> RegionView:
    """The elements of an input view in 16 bits (or the input region itself where that is as narrow)."""
    numeric = np.array([table is None for table in view.tables])
    narrow_input = lowering.input.type <= ElementType.I16
    if numeric.all() and narrow_input:
        return RegionView(region=lowering.input, index=view.columns, scale=view.slope, offset=view.offset)
    parts, order = [], []
    for chosen, lower in ((np.flatnonzero(numeric), _numbers), (np.flatnonzero(~numeric), _categories)):
        if len(chosen):
            parts.append(lower(lowering, view.take(chosen)))
            order.append(chosen)
    region = parts[0].region if len(parts) == 1 else lowering.builder.concatenate([part.region for part in parts])
    index = np.empty(view.n, dtype=np.int64)
    index[np.concatenate(order)] = np.arange(view.n)
    return RegionView(
        region=region,
        index=index,
        scale=np.concatenate([part.scale for part in parts])[index],
        offset=np.concatenate([part.offset for part in parts])[index],
    )


def place(builder: GraphBuilder, view: RegionView) -> Ref:
    """The view's integers as a row vector: a strided view where the index allows it, else a gathered copy."""
    steps = np.diff(view.index)
    step = int(steps[0]) if len(steps) else 0
    if step >= 0 and (steps == step).all():
        region = view.region
        return replace(region, cols=view.n, base=region.base + int(view.index[0]) * region.col, col=region.col * step)
    return builder.gather(view.region, view.index)


def _column_refs(lowering: Lowering, columns: Places) -> Ref:
    ones = np.ones(len(columns))
    return place(lowering.builder, RegionView(region=lowering.input, index=columns, scale=ones, offset=0 * ones))


def _numbers(lowering: Lowering, view: InputView) -> RegionView:
    low, high = lowering.grid_bounds(view.columns)
    centre, half = (low + high) // 2, np.maximum((high - low + 1) // 2, 1)
    factor = np.clip((_LEVELS << _SHIFT) // half, 1, _LARGEST_FACTOR)
    summand = -centre * factor
    builder = lowering.builder
    grid = _column_refs(lowering, view.columns)
    region = builder.affine(
        grid,
        b=builder.weights(factor),
        c=builder.weights(summand),
        shift=_SHIFT,
        lo=-_LEVELS,
        out_type=ElementType.I16,
    )
    found = RegionView.of(region, view.slope * (1 << _SHIFT) / factor, view.offset + view.slope * (-summand / factor))
    gaps = lowering.may_be_missing(view.columns)
    if gaps.any():
        stored = np.clip((MISSING * factor + summand + (1 << _SHIFT >> 1)) >> _SHIFT, -_LEVELS, _LEVELS)
        region = _fill(lowering, grid, region, np.where(gaps, _filled(view, found, gaps) - stored, 0))
    return RegionView(region=region, index=found.index, scale=found.scale, offset=found.offset)


def _filled(view: InputView, found: RegionView, gaps: NDArray[np.bool_]) -> Places:
    """What the pipeline puts in the place of a missing value, in the region's units."""
    if np.isnan(view.missing[gaps]).any():
        raise ModelError(
            "A missing value would reach an operator that cannot take it.",
            code="MissingValue",
            hint="Put an imputer into the pipeline, or declare the column as never missing.",
        )
    safe = np.where(found.scale == 0, 1.0, found.scale)
    steps = np.rint((np.where(gaps, view.missing, found.offset) - found.offset) / safe)
    return np.clip(steps, -_LEVELS, _LEVELS).astype(np.int64)


def _fill(lowering: Lowering, grid: Ref, region: Ref, difference: Places) -> Ref:
    builder = lowering.builder
    missing = builder.select(grid, Comparison.EQUAL, MISSING)
    return builder.affine(missing, b=builder.weights(difference), c=region, out_type=ElementType.I16)


def _categories(lowering: Lowering, view: InputView) -> RegionView:
    tables = [table for table in view.tables if table is not None]
    codes = _column_refs(lowering, view.columns)
    builder = lowering.builder
    chosen = [one_hot_code(table) for table in tables]
    if all(code is not None for code in chosen):
        on = np.array([table[code + 1] for table, code in zip(tables, chosen, strict=True)])  # type: ignore[operator]
        off = np.array([table[0] if code != -1 else table[-1] for table, code in zip(tables, chosen, strict=True)])
        wanted = builder.weights(np.array(chosen))
        region = builder.select(codes, Comparison.EQUAL, wanted, builder.weights([_ON]), ElementType.I16)
        return RegionView.of(region, (on - off) / _ON, off)
    longest = max(len(table) for table in tables)
    padded = np.array([np.pad(table, (0, longest - len(table)), mode="edge") for table in tables])
    largest = np.abs(padded).max(axis=1)
    scale = np.where(largest > 0, largest, 1.0) / _LEVELS
    entries = np.rint(padded / scale[:, None]).astype(np.int64)
    return RegionView.of(builder.table(codes, entries, lo=-1, out_type=ElementType.I16), scale)


def one_hot_code(table: Floats) -> int | None:
    """The one code whose value differs from all others' (-1 is the unknown one), or None if there is no such."""
    values, counts = np.unique(table, return_counts=True)
    if len(values) != 2 or counts.min() != 1:
        return None
    return int(np.flatnonzero(table == values[counts.argmin()])[0]) - 1 if len(table) > 2 else len(table) - 2
