"""One lowering of one model: the program being written, and what is known about its tensors.

Operators ask it for calibrated ranges, input columns, and the few steps that several families share: joining views,
choosing the greatest score, and turning raw scores into probabilities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concordat.graph.builder import GraphBuilder, Ref
from concordat.graph.columns import CategoricalColumn, NumericColumn
from concordat.graph.elements import ElementType, Integers
from concordat.graph.ir import MAX_ROW, Comparison
from concordat.graph.onnx import curves
from concordat.graph.onnx.constants import Array
from concordat.graph.onnx.evaluate import evaluate, operator_of
from concordat.graph.onnx.feeds import grid_feeds
from concordat.graph.onnx.folding import of_constants
from concordat.graph.onnx.images import Frame
from concordat.graph.onnx.inference import InputPlan
from concordat.graph.onnx.layout import matrix
from concordat.graph.onnx.quantise import Precision, as_region, decision_grid, narrow
from concordat.graph.onnx.reader import OnnxModel, OnnxNode
from concordat.graph.onnx.views import Floats, InputView, LabelView, Places, RegionView, Value, View
from concordat.graph.onnx.windows import Margin
from concordat.primitives.errors import ModelError

__all__ = ["Lowering"]

_I32_ENDS = (float(ElementType.I32.minimum), float(ElementType.I32.maximum))
_PRODUCTS = ("MatMul", "Gemm", "LinearRegressor", "LinearClassifier")


@dataclass(kw_only=True, eq=False)
class Lowering:
    """State of one lowering."""

    model: OnnxModel
    """What is lowered."""
    plan: InputPlan
    """Its input columns."""
    samples: Mapping[str, Array] = field(repr=False)
    """Float values of every tensor on the calibration rows."""
    precision: Precision
    """How finely to write it."""
    builder: GraphBuilder = field(default_factory=GraphBuilder)
    """The program so far."""
    values: dict[str, Value] = field(default_factory=dict)
    """Tensors lowered so far."""
    rescaled: dict[Any, RegionView] = field(default_factory=dict)
    """Rescalings made, so that none is made twice."""
    curves: dict[Ref, tuple[str, RegionView]] = field(default_factory=dict)
    """Regions that hold a sigmoid or softmax, and its argument."""
    totals: dict[Ref, RegionView] = field(default_factory=dict)
    """Regions that hold the sum of a row, and the row."""
    frames: dict[Ref, Frame] = field(default_factory=dict)
    """Regions that hold an image, and where in them it lies."""
    zeros: dict[ElementType, Ref] = field(default_factory=dict)
    """Elements that are zero, by type."""
    margins: dict[str, Margin] | None = None
    """Zeros that are wanted around images, once they are known."""

    def __post_init__(self) -> None:
        width = sum(column.count for column in self.plan.columns)
        self.input = self.builder.input(width, self.plan.element_type)
        self._columns = [column for column in self.plan.columns for _ in range(column.count)]
        bounds = [self._bounds(column) for column in self._columns]
        self._low, self._high = (np.array(side, dtype=np.int64) for side in zip(*bounds, strict=True))
        self.usual_row: Places = (self._low + self._high) // 2
        self.values.update(self.model.constants)
        for feed in self.plan.feeds:
            self.values[feed.name] = self._input_view(feed.first, feed.width)

    @staticmethod
    def _bounds(column: NumericColumn | CategoricalColumn) -> tuple[int, int]:
        if isinstance(column, CategoricalColumn):
            return 0, len(column.categories) - 1
        return tuple(int(x / column.step) for x in (column.minimum, column.maximum))  # type: ignore[return-value]

    def _input_view(self, first: int, width: int) -> InputView:
        columns = self._columns[first : first + width]
        steps = [float(c.step) if isinstance(c, NumericColumn) else 1.0 for c in columns]
        tables = tuple(self._whole_codes(c) if isinstance(c, CategoricalColumn) else None for c in columns)
        return InputView(
            columns=np.arange(first, first + width),
            slope=np.array(steps),
            offset=np.zeros(width),
            missing=np.full(width, np.nan),
            tables=tables,
        )

    @staticmethod
    def _whole_codes(column: CategoricalColumn) -> Floats:
        """Value of each code: the category itself if it is a number."""
        if isinstance(column.categories[0], str):
            return np.arange(-1.0, len(column.categories))
        return np.array([min(column.categories) - 1, *column.categories], dtype=np.float64)  # type: ignore[operator]

    # -- the walk ----------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Lower every operator, in order."""
        for node in self.model.nodes:
            inputs: list[Value] = [self.values[name] if name else np.zeros(0) for name in node.inputs]
            results: Sequence[Value]
            if all(isinstance(value, np.ndarray) for value in inputs):
                results = of_constants(node, inputs)  # type: ignore[arg-type]
            else:
                results = self._lower(node, inputs)
            self.values.update(zip(node.outputs, results, strict=False))

    def _lower(self, node: OnnxNode, inputs: Sequence[Value]) -> Sequence[Value]:
        try:
            return operator_of(node).lower(self, node, inputs)
        except ModelError as error:
            if "node" in error.fields and isinstance(error.fields["node"], str):
                raise
            raise node.refuse(error.message.rstrip("."), hint=error.hint, code=error.code) from error
        except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
            raise node.refuse(f"it has no integer form here ({error})", code="UnsupportedOperator") from error

    # -- what is known -----------------------------------------------------------------------------------------------

    def row_shape(self, name: str) -> tuple[int, ...]:
        """Shape of one row of a tensor."""
        return self.samples[name].shape[1:]

    def bounds(self, name: str) -> tuple[Floats, Floats]:
        """Smallest and greatest calibration value of each element of a tensor."""
        sample = self.samples[name]
        flat = sample.reshape(len(sample), -1).astype(np.float64)
        flat = np.where(np.isfinite(flat), flat, 0.0)
        return flat.min(axis=0), flat.max(axis=0)

    def reach(self, name: str) -> float:
        """Greatest magnitude of any element of a tensor on the calibration rows."""
        low, high = self.bounds(name)
        return max(float(np.abs(low).max()), float(np.abs(high).max()), 1e-9)

    def feeds_product(self, name: str) -> bool:
        """Whether a tensor is read by dense layers only."""
        readers = [node for node in self.model.nodes if name in node.inputs]
        return bool(readers) and name not in self.model.outputs and all(node.op in _PRODUCTS for node in readers)

    def categories(self, column: int) -> tuple[str | int, ...]:
        """Categories of an input column; none if it is numeric."""
        found = self._columns[column]
        return found.categories if isinstance(found, CategoricalColumn) else ()

    def grid_bounds(self, columns: Places) -> tuple[Integers, Integers]:
        """First and last grid point of some columns."""
        return self._low[columns], self._high[columns]

    def may_be_missing(self, columns: Places) -> NDArray[np.bool_]:
        """Whether each of some columns may be missing."""
        flags = [isinstance(c, NumericColumn) and c.missing for c in self._columns]
        return np.array(flags, dtype=bool)[columns]

    def whole_numbers(self, name: str) -> bool:
        """Whether a tensor has held whole numbers only."""
        sample = self.samples[name]
        return sample.dtype.kind in "ib" or bool((sample == np.rint(sample)).all())

    def evaluate_grid(self, rows: Integers, name: str) -> Array:
        """A tensor's float value for rows of grid points, shape (B, …)."""
        return evaluate(self.model, grid_feeds(self.plan.feeds, self.plan.columns, rows), only=[name])[name]

    def numbers(self, node: OnnxNode, value: Value) -> View:
        """A value that must be a row of numbers."""
        if isinstance(value, InputView | RegionView):
            return value
        raise node.refuse("it computes with a class or a constant row", code="UnsupportedOperator")

    # -- steps that families share -----------------------------------------------------------------------------------

    def join(self, node: OnnxNode, values: Sequence[Value]) -> View:
        """Rows of numbers one after another."""
        views = [self.numbers(node, value) for value in values]
        inputs = [view for view in views if isinstance(view, InputView)]
        if len(inputs) == len(views):
            return InputView.join(inputs)
        regions = [as_region(self, view) for view in views]
        if all(view.region == regions[0].region for view in regions):
            return RegionView.join(regions)
        narrowed = [narrow(self, view, name) for view, name in zip(regions, node.inputs, strict=True)]
        whole = self.builder.concatenate([view.region for view in narrowed])
        starts = np.cumsum([0, *(view.region.size for view in narrowed[:-1])])
        return RegionView(
            region=whole,
            index=np.concatenate([view.index + start for view, start in zip(narrowed, starts, strict=True)]),
            scale=np.concatenate([view.scale for view in narrowed]),
            offset=np.concatenate([view.offset for view in narrowed]),
        )

    def above(self, view: View, thresholds: Floats, *, inclusive: bool = False) -> RegionView:
        """1 where an element is greater than its threshold (or equal to it), else 0; exact for input columns."""
        if isinstance(view, InputView) and self._plain_columns(view):
            ones = np.ones(view.n)
            grid = RegionView(region=self.input, index=view.columns, scale=ones, offset=0 * ones)
            limits = (thresholds - view.offset) / view.slope
            nearest = np.rint(limits)
            limits = np.where(np.abs(limits - nearest) <= 1e-6 * np.maximum(np.abs(limits), 1.0), nearest, limits)
        else:
            region = as_region(self, view)
            widest = float((np.abs(region.scale) * region.region.interval.magnitude).max())
            grid = decision_grid(self, region, max(float(np.abs(thresholds).max()), widest))
            limits = thresholds / grid.scale
        last = np.ceil(limits) - 1 if inclusive else np.floor(limits)
        bounds = self.builder.weights(np.clip(last, *_I32_ENDS).astype(np.int64), ElementType.I32)
        x = matrix(self.builder, grid, 1, grid.n)
        return RegionView.of(self.builder.select(x, Comparison.GREATER, bounds), 1.0)

    def _plain_columns(self, view: InputView) -> bool:
        """Whether all elements rise with a numeric column that is never missing."""
        numeric = all(table is None for table in view.tables)
        return numeric and bool((view.slope > 0).all()) and not self.may_be_missing(view.columns).any()

    def greatest(self, view: RegionView, reach: float, classes: tuple[str | int, ...]) -> LabelView:
        """The class of the greatest score, the first on a tie."""
        if view.n != len(classes):
            raise ModelError(f"{view.n} scores for {len(classes)} classes.", code="BadShape")
        kind, argument = self.curves.get(view.region, ("", view))
        if view.n == 2 and view.index[0] == view.index[1]:
            return LabelView(region=self._second(view), classes=classes)
        if kind and view.whole and (view.scale == view.scale[0]).all() and view.scale[0] > 0:
            reach = float((np.abs(argument.scale) * argument.region.interval.magnitude + np.abs(argument.offset)).max())
            return self.greatest(argument, reach / 4, classes)
        if view.n > MAX_ROW:
            raise ModelError(f"{view.n} classes; at most {MAX_ROW}.", code="RowTooLong")
        return LabelView(region=self.builder.argmax(decision_grid(self, view, reach).region), classes=classes)

    def _second(self, view: RegionView) -> Ref:
        """1 where the second of two functions of one integer is greater."""
        slope, gap = float(view.scale[1] - view.scale[0]), float(view.offset[0] - view.offset[1])
        if slope == 0:
            raise ModelError("Two scores that are always equally far apart choose nothing.", code="BadShape")
        border = gap / slope
        source, at = view.region, int(view.index[0])
        kind, argument = self.curves.get(view.region, ("", view))
        if kind == "sigmoid" and 0 < (share := border * curves.UNIT) < 1:
            logit = float(np.log(share / (1 - share)))
            source, at = argument.region, int(argument.index[at])
            border = (logit - float(argument.offset[0])) / float(argument.scale[0])
            slope *= float(argument.scale[0])
        element = source.part(cols=slice(at, at + 1))
        limit = np.clip(border, source.type.minimum, source.type.maximum)
        if slope > 0:
            return self.builder.select(element, Comparison.GREATER, int(np.floor(limit)))
        return self.builder.select(element, Comparison.LESS, int(np.ceil(limit)))

    def transformed(self, scores: RegionView, kind: str) -> RegionView:
        """Raw scores after ``NONE``, ``LOGISTIC`` or ``SOFTMAX``."""
        if kind == "NONE":
            return scores
        opposite = scores.n == 2 and scores.index[0] == scores.index[1] and scores.scale[0] == -scores.scale[1]
        if opposite and scores.offset[0] == -scores.offset[1]:
            margin = scores.take(np.array([1])).affine(2.0 if kind == "SOFTMAX" else 1.0, 0.0)
            share = curves.sigmoid(self, margin)
            return RegionView.join([share.affine(-1.0, 1.0), share])
        return curves.sigmoid(self, scores) if kind == "LOGISTIC" else curves.softmax(self, scores)
