"""What the input columns are: from the model's inputs, its encoders, calibration rows, and what the publisher says.

A numeric column whose calibration values are short decimals gets the step on which they all lie; another gets one
as fine as 32 bits allow. Its range is three times as wide as the calibration rows span, but does not go below
zero if they do not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from typing import Any

import numpy as np

from concordat.graph.columns import MAX_GRID, CategoricalColumn, Column, NumericColumn, column_from_json
from concordat.graph.elements import ElementType
from concordat.graph.onnx.feeds import Feed
from concordat.graph.onnx.reader import MAX_COLUMNS, OnnxInput, OnnxModel
from concordat.graph.onnx.usage import Usage, usage_of
from concordat.graph.schema import Rows, rows_by_name
from concordat.primitives.errors import ModelError, SchemaError

__all__ = ["InputPlan", "Overrides", "Shapes", "infer_inputs", "with_shapes"]

Overrides = Mapping[str, Mapping[str, Any] | Column]
"""By column name: a whole column, or some of ``step minimum maximum missing`` / ``categories unknown``."""

Shapes = Sequence[int] | Mapping[str, Sequence[int]]
"""Shape of one row of the only input, or of some inputs by name."""
_UNIFORM_WIDTH = 64
_UNIFORM_REACH = 16
_UNIFORM_ROOM = 2
"""How far beyond the calibration rows numbers may go that are no short decimals."""
_FINEST = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class InputPlan:
    """Inputs of a model, in the outside world's terms and in the float model's."""

    columns: tuple[Column, ...]
    """For the schema."""
    element_type: ElementType
    """How input elements are stored."""
    feeds: tuple[Feed, ...]
    """Which tensors they become."""
    rows: Mapping[str, Any]
    """Calibration rows by column name."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all input elements."""
        return tuple(name for column in self.columns for name in column.names)


def with_shapes(model: OnnxModel, calibration: Rows, shapes: Shapes | None) -> OnnxModel:
    """The model with a whole shape for each input that the caller, or the calibration rows, give one.

    Raises
    ------
    ModelError
        ``BadShape`` if a shape does not fit what the file says, ``ModelTooLarge`` if it has too many numbers.
    """
    only = model.inputs[0].name if len(model.inputs) == 1 else ""
    if shapes is None:
        open_ended = only and None in model.inputs[0].shape
        given = np.shape(calibration)[1:] if isinstance(calibration, np.ndarray) and open_ended else ()
        shapes = {only: given} if len(given) == len(model.inputs[0].shape) and given else {}
    elif not isinstance(shapes, Mapping):
        shapes = {only: shapes}
    known = {value.name for value in model.inputs}
    for name in shapes:
        if name not in known:
            raise ModelError(
                f"There is no input {name[:80]!r} to give a shape.",
                code="BadShape",
                hint=f"The inputs are {', '.join(sorted(known)[:12])}; give shapes by name if there are several.",
            )
    inputs = tuple(_shaped(value, shapes[value.name]) if value.name in shapes else value for value in model.inputs)
    return replace(model, inputs=inputs)


def _shaped(value: OnnxInput, shape: Sequence[int]) -> OnnxInput:
    wanted = tuple(int(size) for size in shape)
    fits = len(wanted) == len(value.shape) and all(a in (None, b) for a, b in zip(value.shape, wanted, strict=True))
    if not fits or min(wanted, default=1) < 1:
        raise ModelError(
            f"A row of input {value.name[:80]!r} has the shape {value.shape}, not {wanted}.",
            code="BadShape",
            hint="Give the sizes of all dimensions but the batch; None stands for any size.",
        )
    found = replace(value, shape=wanted)
    if (found.width or 0) > MAX_COLUMNS:
        raise ModelError(
            f"A row of input {value.name[:80]!r} has {found.width} numbers, more than {MAX_COLUMNS}.",
            code="ModelTooLarge",
            hint="Give a smaller shape.",
        )
    return found


def infer_inputs(model: OnnxModel, calibration: Rows, overrides: Overrides) -> InputPlan:
    """Columns, types and tensors of a model's inputs.

    Raises
    ------
    ModelError
        If a text input is encoded nowhere, or an input has no known width.
    SchemaError
        If the calibration rows do not fit the model, or an override names no column.
    """
    named = hasattr(calibration, "columns") or isinstance(calibration, Mapping) or _list_of_mappings(calibration)
    feeds = _feeds(model.inputs, calibration)
    width = sum(feed.width for feed in feeds)
    names = _names(feeds, calibration, named)
    rows = rows_by_name(calibration, names)
    absent = [name for name in names if name not in rows]
    if absent:
        raise SchemaError(
            f"The calibration rows have no column {absent[0]!r}.",
            code="MissingColumn",
            hint=f"The model takes {', '.join(names[:12])}{', …' if width > 12 else ''}.",
        )
    unknown = [name for name in overrides if name not in names and not (name == "x" and not named)]
    if unknown:
        raise SchemaError(f"The model has no column {unknown[0]!r}.", code="UnknownColumn")
    usage = usage_of(model, feeds)
    rows = {name: rows[name] for name in names}
    alike = not (named or overrides or len(feeds) > 1 or width < _UNIFORM_WIDTH)
    uniform = _uniform(feeds[0], rows, {use.entries for use in usage}) if alike else None
    if uniform is not None:
        kind = ElementType.holding(*(int(x / uniform.step) for x in (uniform.minimum, uniform.maximum)))
        return InputPlan(columns=(uniform,), element_type=kind, feeds=feeds, rows=rows)
    kinds = [feed.kind for feed in feeds for _ in range(feed.width)]
    columns = [
        _column(name, kind, rows[name], usage[place], overrides.get(name, {}))
        for place, (name, kind) in enumerate(zip(names, kinds, strict=True))
    ]
    return InputPlan(columns=tuple(columns), element_type=ElementType.I32, feeds=feeds, rows=rows)


def _list_of_mappings(rows: Any) -> bool:
    return isinstance(rows, Sequence) and bool(rows) and isinstance(rows[0], Mapping)


def _feeds(inputs: Sequence[OnnxInput], calibration: Rows) -> tuple[Feed, ...]:
    feeds, first = [], 0
    for value in inputs:
        width = value.width
        if width is None and len(inputs) == 1:
            width = _row_width(calibration)
        if width is None or not 0 < first + width <= MAX_COLUMNS:
            raise ModelError(
                f"Input {value.name[:80]!r} has no known width.",
                code="Unsupported",
                hint="Export the model with the number of columns of each input.",
            )
        shape = tuple(d for d in value.shape if d is not None) if None not in value.shape else (width,)
        feeds.append(Feed(name=value.name, kind=value.kind, shape=shape, first=first, width=width))
        first += width
    return tuple(feeds)


def _row_width(calibration: Rows) -> int:
    if hasattr(calibration, "columns"):
        return len(calibration.columns)
    if isinstance(calibration, Mapping):
        return len(calibration)
    array = np.asarray(calibration, dtype=object)
    return int(np.prod(array.shape[1:])) if array.ndim > 1 else 1


def _names(feeds: tuple[Feed, ...], calibration: Rows, named: bool) -> tuple[str, ...]:
    if len(feeds) > 1 or feeds[0].width == 1:
        own = []
        for feed in feeds:
            own += [feed.name] if feed.width == 1 else [f"{feed.name}{i}" for i in range(feed.width)]
        if len(feeds) > 1 or not named:
            return tuple(own)
    if not named:
        return tuple(f"x{i}" for i in range(feeds[0].width))
    if isinstance(calibration, Sequence):
        calibration = calibration[0]
    keys = tuple(str(name) for name in (calibration.columns if hasattr(calibration, "columns") else calibration))
    if len(keys) != feeds[0].width:
        raise SchemaError(
            f"The calibration rows have {len(keys)} columns; the model takes {feeds[0].width}.",
            code="WrongShape",
            hint="Pass only the columns that the model was trained on, in that order.",
        )
    return keys


# -- one column ------------------------------------------------------------------------------------------------------


def _column(name: str, kind: str, values: Any, usage: Usage, override: Mapping[str, Any] | Column) -> Column:
    if isinstance(override, NumericColumn | CategoricalColumn):
        return override
    if kind == "string" or (usage.categories and not usage.numeric and kind in ("int64", "int32")):
        if not usage.categories:
            raise ModelError(
                f"The text column {name!r} is encoded nowhere in the model.",
                code="Unsupported",
                hint="Put a OneHotEncoder or OrdinalEncoder into the pipeline before exporting it.",
            )
        fields = {"unknown": usage.ignores_unknown, **override}
        return column_from_json({"name": name, "kind": "categorical", "categories": usage.categories, **fields})
    numbers = _numbers(name, values)
    present = numbers[~np.isnan(numbers)]
    if not present.size or not np.isfinite(present).all():
        raise SchemaError(
            f"The calibration rows have no finite value in column {name!r}.",
            code="BadCalibration",
            hint="Give rows in which every column has values.",
        )
    gaps = kind.startswith("float") and (usage.fills_missing or present.size < numbers.size)
    if usage.entries is not None and (present == np.rint(present)).all():
        override = {"step": "1", "minimum": "0", "maximum": str(usage.entries - 1), **override}
    return _numeric(name, present, gaps, kind, override)


def _numbers(name: str, values: Any) -> Any:
    try:
        return np.array([np.nan if item is None else item for item in np.asarray(values).ravel()], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise SchemaError(f"Column {name!r} of the calibration rows is not numeric.", code="WrongType") from error


def _numeric(name: str, values: Any, gaps: bool, kind: str, override: Mapping[str, Any]) -> NumericColumn:
    places = decimals(values) if kind.startswith("float") else 0
    low, high = float(values.min()), float(values.max())
    reach = max(abs(low), abs(high))
    span = (high - low) or reach or 1.0
    step = Decimal(1).scaleb(-places) if places is not None else Decimal(0)
    if places is None or (reach + span) * 10.0**places > MAX_GRID:
        step = _finest((reach + span) / MAX_GRID)
    bounds = {"minimum": 0.0 if low >= 0 else low - span, "maximum": high + span}
    if set(np.unique(values).tolist()) <= {0.0, 1.0}:
        bounds = {"minimum": 0.0, "maximum": 1.0}
    fields: dict[str, Any] = {"step": step, "missing": gaps, "single": kind == "float32", **override}
    try:
        step = Decimal(str(fields["step"]))
        for key, value in bounds.items():
            fields.setdefault(key, _snap(value, step))
    except (InvalidOperation, ZeroDivisionError, ValueError) as error:
        raise SchemaError(f"The step of column {name!r} is not a decimal number.", code="BadColumn") from error
    return column_from_json({"name": name, "kind": "numeric", **fields})  # type: ignore[return-value]


def _finest(unit: float) -> Decimal:
    """Smallest of 1, 2, 5 times a power of ten that is not below a number."""
    exponent = int(np.floor(np.log10(unit)))
    candidates = [Decimal(digit).scaleb(exponent + more) for more in (0, 1) for digit in (1, 2, 5)]
    return next(step for step in candidates if float(step) >= unit * (1 + 1e-9))


def _snap(value: float, step: Decimal) -> Decimal:
    return (Decimal(value) / step).to_integral_value() * step


def decimals(values: Any) -> int | None:
    """Fewest decimal places on which all values lie, or None if there is no such small number."""
    single = np.abs(values.astype(np.float32).astype(np.float64) - values).max() == 0
    tolerance = 2.0**-23 if single else 1e-13
    for places in range(_FINEST + 1):
        scaled = values * 10.0**places
        nearest = np.rint(scaled)
        if single and np.abs(scaled).max() > 1 << 21 and (scaled != nearest).any():
            return None
        if (np.abs(scaled - nearest) <= tolerance * np.abs(scaled) + 1e-12).all():
            return places
    return None


def _uniform(feed: Feed, rows: Mapping[str, Any], entries: set[int | None]) -> NumericColumn | None:
    """One run of alike 8- or 16-bit columns, for pixels and the like; None if they are not alike."""
    if feed.kind == "string":
        return None
    values = np.stack([_numbers(name, column) for name, column in rows.items()])
    if not np.isfinite(values).all():
        return None
    low, reach = float(values.min()), float(np.abs(values).max())
    places = decimals(values.ravel())
    if places is not None and reach * 10**places <= ElementType.I16.maximum:
        step, room = Decimal(1).scaleb(-places), 1
    elif reach <= _UNIFORM_REACH or len(feed.shape) > 1:
        room = _UNIFORM_ROOM
        step = _finest(room * max(reach, 1e-9) / ElementType.I16.maximum)
    else:
        return None
    top = (Decimal(reach) * room / step).to_integral_value(ROUND_CEILING) * step
    return NumericColumn(
        name="x",
        step=step,
        minimum=Decimal(0) if low >= 0 else -top,
        maximum=top or step,
        single=feed.kind == "float32",
        count=feed.width,
    )
