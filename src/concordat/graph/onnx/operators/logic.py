"""Comparisons, truth values, choices between tensors, and elementwise extremes.

A comparison with a constant compares integers with the constant's place between them. Two tensors are brought to
common 32-bit units first: there a difference below one unit (2**-28 of their reach) counts as none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from concordat.graph.builder import Ref
from concordat.graph.elements import ElementType
from concordat.graph.ir import Comparison
from concordat.graph.onnx.constants import Array
from concordat.graph.onnx.elementwise import plus
from concordat.graph.onnx.layout import matrix, side_by_side
from concordat.graph.onnx.operators.arithmetic import per_element, repeated, spread_view
from concordat.graph.onnx.operators.registry import Evaluate, Lower, Operator
from concordat.graph.onnx.quantise import as_region, decision_grid, rescale
from concordat.graph.onnx.reader import OnnxNode
from concordat.graph.onnx.views import Floats, InputView, LabelView, RegionView, Value

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = ["OPERATORS"]

_HUGE = 1e4
"""Constants from here on only say that something is masked."""
_MASKED = 16.0
"""What the other operand's reach counts as beside a mask, so that what is masked lies far below it."""
_SWAPPED = {
    Comparison.GREATER: Comparison.LESS,
    Comparison.LESS: Comparison.GREATER,
    Comparison.GREATER_EQUAL: Comparison.LESS_EQUAL,
    Comparison.LESS_EQUAL: Comparison.GREATER_EQUAL,
    Comparison.EQUAL: Comparison.EQUAL,
}


def _compare(function: Callable[[Array, Array], Any]) -> Evaluate:
    def evaluate(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
        return [np.asarray(function(inputs[0], inputs[1]))]

    return evaluate


def _lower_comparison(comparison: Comparison) -> Lower:
    def lower(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
        x, y = values
        if isinstance(x, np.ndarray):
            return [_with_constant(lowering, node, 1, y, x, _SWAPPED[comparison])]
        if isinstance(y, np.ndarray):
            return [_with_constant(lowering, node, 0, x, y, comparison)]
        difference = _difference(lowering, node, values)
        bits = lowering.builder.select(difference.region, comparison, 0)
        return [RegionView.of(bits, 1.0)]

    return lower


def _difference(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> RegionView:
    pair = [as_region(lowering, lowering.numbers(node, value)) for value in values]
    a, b = (repeated(lowering, node, place, view) for place, view in enumerate(pair))
    return plus(lowering, a, b, -1, max(lowering.reach(name) for name in node.inputs))


def _with_constant(
    lowering: Lowering, node: OnnxNode, place: int, value: Value, constant: Array, comparison: Comparison
) -> RegionView:
    view = lowering.numbers(node, value)
    if isinstance(view, InputView) and not all(table is None for table in view.tables):
        return _of_codes(lowering, node, place, view, constant, comparison)
    spread = spread_view(lowering, node, place, view)
    limits = per_element(lowering, node, constant)
    if not lowering.whole_numbers(node.inputs[place]) and comparison is Comparison.EQUAL:
        raise node.refuse("numbers that are not whole are hardly ever equal", code="UnsupportedOperator")
    if comparison is Comparison.EQUAL:
        least, more = lowering.above(spread, limits, inclusive=True), lowering.above(spread, limits)
        a, b = side_by_side(lowering.builder, [least, more])
        return RegionView.of(_flat(lowering.builder.affine(a, c=b, m1=-1)), 1.0)
    above = lowering.above(spread, limits, inclusive=comparison in (Comparison.GREATER_EQUAL, Comparison.LESS))
    return above if comparison in (Comparison.GREATER, Comparison.GREATER_EQUAL) else above.affine(-1.0, 1.0)


_TESTS: dict[Comparison, Callable[[Any, Any], Any]] = {
    Comparison.GREATER: np.greater,
    Comparison.GREATER_EQUAL: np.greater_equal,
    Comparison.LESS: np.less,
    Comparison.LESS_EQUAL: np.less_equal,
    Comparison.EQUAL: np.equal,
}


def _of_codes(
    lowering: Lowering, node: OnnxNode, place: int, view: InputView, constant: Array, comparison: Comparison
) -> RegionView:
    """A comparison of categories: known for each code."""
    limits: Floats = per_element(lowering, node, constant)
    spread = spread_view(lowering, node, place, view)
    assert isinstance(spread, InputView)  # a part of one
    tables = [
        None if table is None else _TESTS[comparison](table, limit).astype(np.float64)
        for table, limit in zip(spread.tables, limits.tolist(), strict=True)
    ]
    if any(table is None for table in tables):
        raise node.refuse("it compares numbers together with categories", code="UnsupportedOperator")
    ones = np.ones(spread.n)
    codes = InputView(columns=spread.columns, slope=ones, offset=0 * ones, missing=0 * ones, tables=tuple(tables))
    return as_region(lowering, codes)


def _flat(ref: Ref) -> Ref:
    return ref.reshape(1, ref.size)


# -- truth values ----------------------------------------------------------------------------------------------------


def _bits(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Ref]:
    """Two tensors of zeros and ones as matrices of one shape."""
    views = []
    for place, value in enumerate(values):
        if isinstance(value, np.ndarray):
            constant = per_element(lowering, node, value.astype(np.float64)).astype(np.int64)
            views.append(RegionView.of(lowering.builder.weights(constant), 1.0))
        else:
            grid = rescale(lowering, as_region(lowering, lowering.numbers(node, value)), 1.0, kind=ElementType.I8)
            views.append(repeated(lowering, node, place, grid))
    return side_by_side(lowering.builder, views)


def _lower_and(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    a, b = _bits(lowering, node, values)
    return [RegionView.of(_flat(lowering.builder.affine(a, b=b)), 1.0)]


def _lower_or(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    a, b = _bits(lowering, node, values)
    return [RegionView.of(_flat(lowering.builder.affine(a, c=b, hi=1)), 1.0)]


def _lower_xor(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    a, b = _bits(lowering, node, values)
    both = lowering.builder.affine(a, b=b)
    either = lowering.builder.affine(a, c=b)
    return [RegionView.of(_flat(lowering.builder.affine(either, c=both, m1=-2)), 1.0)]


def _lower_not(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    value = values[0]
    if isinstance(value, LabelView):
        raise node.refuse("it negates a class", code="UnsupportedOperator")
    return [lowering.numbers(node, value).affine(-1.0, 1.0)]


# -- choices ---------------------------------------------------------------------------------------------------------


def _where(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    return [np.where(inputs[0], inputs[1], inputs[2])]


def _lower_where(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    condition = values[0]
    unit = _common_unit(lowering, node, (1, 2), values)
    chosen = [_grid(lowering, node, place, values[place], unit) for place in (1, 2)]
    if isinstance(condition, np.ndarray):
        return [_fixed_choice(lowering, node, condition, chosen)]
    bits = rescale(lowering, as_region(lowering, lowering.numbers(node, condition)), 1.0, kind=ElementType.I8)
    test, a, b = side_by_side(lowering.builder, [repeated(lowering, node, 0, bits), *chosen])
    one = lowering.builder.select(test, Comparison.GREATER_EQUAL, 1, a)
    other = lowering.builder.select(test, Comparison.LESS, 1, b)
    return [RegionView.of(_flat(lowering.builder.affine(one, c=other)), unit)]


def _fixed_choice(lowering: Lowering, node: OnnxNode, condition: Array, chosen: Sequence[RegionView]) -> RegionView:
    """A choice that is the same for all inputs: a mask."""
    first = per_element(lowering, node, condition.astype(np.float64)) > 0
    builder = lowering.builder
    bits = builder.weights(first.astype(np.int64))
    test, a, b = side_by_side(builder, [RegionView.of(bits, 1.0), *chosen])
    one = builder.affine(a, b=test)
    rest = matrix(builder, RegionView.of(builder.weights((~first).astype(np.int64)), 1.0), test.rows, test.cols)
    return RegionView.of(_flat(builder.affine(b, b=rest, c=one)), float(chosen[0].scale[0]))


def _common_unit(lowering: Lowering, node: OnnxNode, places: Sequence[int], values: Sequence[Value]) -> float:
    """A unit in which several operands are 32-bit integers; a mask's huge numbers saturate."""
    reaches = [1e-9]
    for place in places:
        value = values[place]
        if not isinstance(value, np.ndarray):
            reaches.append(lowering.reach(node.inputs[place]))
            continue
        size = np.abs(value.astype(np.float64))
        reaches += [float(size[size < _HUGE].max(initial=0.0)), _MASKED if (size >= _HUGE).any() else 0.0]
    return float(2.0 ** (np.ceil(np.log2(max(reaches))) + 2 - 30))


def _grid(lowering: Lowering, node: OnnxNode, place: int, value: Value, unit: float) -> RegionView:
    if isinstance(value, np.ndarray):
        kind = ElementType.I32
        steps = np.clip(np.rint(per_element(lowering, node, value) / unit), kind.minimum, kind.maximum)
        return RegionView.of(lowering.builder.weights(steps.astype(np.int64)), unit)
    grid = rescale(lowering, as_region(lowering, lowering.numbers(node, value)), unit)
    return repeated(lowering, node, place, grid)


def _extreme(function: Callable[[Array, Array], Any]) -> Evaluate:
    def evaluate(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
        return [np.asarray(reduce(function, inputs))]

    return evaluate


def _lower_extreme(sign: int) -> Lower:
    def lower(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
        if len(values) == 1:
            return [values[0]]
        if len(values) != 2:
            raise node.refuse("only two tensors are compared", code="UnsupportedOperator")
        unit = _common_unit(lowering, node, (0, 1), values)
        grids = [_grid(lowering, node, place, value, unit).affine(1.0, 0.0) for place, value in enumerate(values)]
        a, b = side_by_side(lowering.builder, grids)
        gap = lowering.builder.affine(a, m0=sign, c=b, m1=-sign, lo=0)
        return [RegionView.of(_flat(lowering.builder.affine(gap, m0=sign, c=b)), unit)]

    return lower


def _sum(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    return [np.asarray(sum(inputs[1:], inputs[0]))]


def _lower_sum(mean: bool) -> Lower:
    def lower(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
        constants = [per_element(lowering, node, v) for v in values if isinstance(v, np.ndarray)]
        places = [place for place, v in enumerate(values) if not isinstance(v, np.ndarray)]
        reach = max(lowering.reach(name) for name in (*node.inputs, node.outputs[0]))
        views = [repeated(lowering, node, p, as_region(lowering, lowering.numbers(node, values[p]))) for p in places]
        total = reduce(lambda a, b: plus(lowering, a, b, 1, reach), views)
        share = 1.0 / len(values) if mean else 1.0
        return [total.affine(share, share * sum(constants, np.zeros(1)))]

    return lower


def _mean(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    return [_sum(node, inputs)[0] / inputs[0].dtype.type(len(inputs))]


def _sign(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    return [np.sign(inputs[0])]


def _lower_sign(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    view = as_region(lowering, lowering.numbers(node, values[0]))
    grid = decision_grid(lowering, view, lowering.reach(node.inputs[0])).region
    positive = lowering.builder.select(grid, Comparison.GREATER, 0)
    negative = lowering.builder.select(grid, Comparison.LESS, 0)
    return [RegionView.of(lowering.builder.affine(positive, c=negative, m1=-1), 1.0)]


OPERATORS = {
    "And": Operator(evaluate=_compare(np.logical_and), lower=_lower_and),
    "Equal": Operator(evaluate=_compare(np.equal), lower=_lower_comparison(Comparison.EQUAL)),
    "Greater": Operator(evaluate=_compare(np.greater), lower=_lower_comparison(Comparison.GREATER)),
    "GreaterOrEqual": Operator(evaluate=_compare(np.greater_equal), lower=_lower_comparison(Comparison.GREATER_EQUAL)),
    "Less": Operator(evaluate=_compare(np.less), lower=_lower_comparison(Comparison.LESS)),
    "LessOrEqual": Operator(evaluate=_compare(np.less_equal), lower=_lower_comparison(Comparison.LESS_EQUAL)),
    "Max": Operator(evaluate=_extreme(np.maximum), lower=_lower_extreme(1)),
    "Mean": Operator(evaluate=_mean, lower=_lower_sum(True)),
    "Min": Operator(evaluate=_extreme(np.minimum), lower=_lower_extreme(-1)),
    "Not": Operator(evaluate=lambda _, inputs: [np.logical_not(inputs[0])], lower=_lower_not),
    "Or": Operator(evaluate=_compare(np.logical_or), lower=_lower_or),
    "Sign": Operator(evaluate=_sign, lower=_lower_sign),
    "Sum": Operator(evaluate=_sum, lower=_lower_sum(False)),
    "Where": Operator(evaluate=_where, lower=_lower_where),
    "Xor": Operator(evaluate=_compare(np.logical_xor), lower=_lower_xor),
}
