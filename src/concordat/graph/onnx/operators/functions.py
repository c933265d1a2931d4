"""Functions of one number: Exp, Log, roots, quotients, Erf and its kin, and curves that a model spells out.

What the integers keep of each is in docs/explain/lowerings.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from concordat.graph.onnx.constants import Array
from concordat.graph.onnx.elementwise import square
from concordat.graph.onnx.functions import curve_of, exponential, logarithm, plain_table, power
from concordat.graph.onnx.operators.registry import Lower, Operator
from concordat.graph.onnx.quantise import as_region
from concordat.graph.onnx.reader import OnnxNode
from concordat.graph.onnx.views import RegionView, Value

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = ["FUNCTIONS", "OPERATORS", "erf", "lower_reciprocal"]

_ERF_REACH = 6.0
_ERF_POINTS = np.linspace(-_ERF_REACH, _ERF_REACH, 1 << 16)
_ERF_VALUES = np.array([math.erf(x) for x in _ERF_POINTS.tolist()])
_BEYOND = 4.0
"""How far beyond the calibrated range a positive number may go before it saturates, as a factor."""
_FLOOR = 2.0**-30
"""Smallest share of the greatest calibrated number whose root is told from zero's."""

Function = Callable[[OnnxNode, Array], Any]


def erf(x: Array) -> Array:
    """The error function, by linear interpolation between 65,536 values: good to 4e-9."""
    return np.asarray(np.interp(x, _ERF_POINTS, _ERF_VALUES))


def _gelu(node: OnnxNode, x: Array) -> Any:
    if node.attributes.get("approximate", "none") == "tanh":
        return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    return 0.5 * x * (1 + erf(x / np.sqrt(2.0)))


def _elu(node: OnnxNode, x: Array) -> Any:
    return np.where(x < 0, float(node.attributes.get("alpha", 1.0)) * np.expm1(np.minimum(x, 0)), x)


def _selu(node: OnnxNode, x: Array) -> Any:
    alpha = float(node.attributes.get("alpha", 1.67326319217681884765625))
    gamma = float(node.attributes.get("gamma", 1.05070102214813232421875))
    return gamma * np.where(x < 0, alpha * np.expm1(np.minimum(x, 0)), x)


def _hard_sigmoid(node: OnnxNode, x: Array) -> Any:
    return np.clip(float(node.attributes.get("alpha", 0.2)) * x + float(node.attributes.get("beta", 0.5)), 0, 1)


FUNCTIONS: dict[str, Function] = {
    "Elu": _elu,
    "Erf": lambda _, x: erf(x),
    "Gelu": _gelu,
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": lambda _, x: x * np.clip(x / 6 + 0.5, 0, 1),
    "Mish": lambda _, x: x * np.tanh(np.logaddexp(0, x)),
    "Selu": _selu,
    "Softplus": lambda _, x: np.logaddexp(0, x),
    "Softsign": lambda _, x: x / (1 + np.abs(x)),
}
"""Curves without a bound on their argument."""


def _evaluate(function: Function) -> Callable[[OnnxNode, Sequence[Array]], list[Array]]:
    def evaluate(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
        x = inputs[0]
        if x.dtype.kind != "f":
            raise node.refuse("its input is no float")
        return [np.asarray(function(node, x)).astype(x.dtype)]

    return evaluate


def ends(lowering: Lowering, name: str) -> tuple[float, float]:
    """Smallest and greatest element of a tensor on the calibration rows."""
    low, high = lowering.bounds(name)
    return float(low.min()), float(high.max())


def lower_curve(
    lowering: Lowering, node: OnnxNode, value: Value, curve: Callable[[Array], Array], *, widen: float = 0.25
) -> RegionView:
    """Any curve of a tensor, over a quarter more than its calibrated range on both sides."""
    view = as_region(lowering, lowering.numbers(node, value))
    low, high = ends(lowering, node.inputs[0])
    more = widen * max(high - low, 0.01 * max(abs(low), abs(high)), 1e-6)
    inside = [end + step if np.isfinite(curve(np.array([end + step]))).all() else end for end, step in
              ((low, -more), (high, more))]  # fmt: skip
    if lowering.feeds_product(node.outputs[0]) and not lowering.precision.interpolate:
        return plain_table(lowering, view, curve, inside[0], inside[1], lowering.precision.activations)
    return curve_of(lowering, view, curve, inside[0], inside[1])


def _lower(function: Function) -> Lower:
    def lower(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
        return [lower_curve(lowering, node, values[0], lambda x: np.asarray(function(node, x)))]

    return lower


def _lower_exp(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    view = as_region(lowering, lowering.numbers(node, values[0]))
    low, high = ends(lowering, node.inputs[0])
    more = 0.25 * max(high - low, 1e-3)
    top = high + min(more, 2.0)
    return [exponential(lowering, view, max(low - more, top - 40.0), top)]


def _lower_log(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    view = as_region(lowering, lowering.numbers(node, values[0]))
    low, high = ends(lowering, node.inputs[0])
    return [logarithm(lowering, view, low / _BEYOND, high * _BEYOND)]


def _lower_sqrt(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    return [_root(lowering, node, values[0], 0.5)]


def _root(lowering: Lowering, node: OnnxNode, value: Value, exponent: float) -> RegionView:
    view = as_region(lowering, lowering.numbers(node, value))
    low, high = ends(lowering, node.inputs[0])
    if exponent > 0:
        low = max(low / _BEYOND, high * _BEYOND * _FLOOR)
        return power(lowering, view, exponent, low, high * _BEYOND)
    return power(lowering, view, exponent, low / _BEYOND, high * _BEYOND)


def lower_reciprocal(lowering: Lowering, node: OnnxNode, value: Value, name: str) -> RegionView:
    """``1 / x`` of numbers that are all above zero, or all below."""
    view = as_region(lowering, lowering.numbers(node, value))
    low, high = ends(lowering, name)
    if high < 0:
        return power(lowering, view.affine(-1.0, 0.0), -1.0, -high / _BEYOND, -low * _BEYOND).affine(-1.0, 0.0)
    return power(lowering, view, -1.0, low / _BEYOND, high * _BEYOND)


def _lower_reciprocal(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    return [lower_reciprocal(lowering, node, values[0], node.inputs[0])]


def _pow(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    return [np.power(inputs[0], inputs[1].astype(inputs[0].dtype))]


def _lower_pow(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    exponents = values[1]
    if not isinstance(exponents, np.ndarray) or not exponents.size or (exponents != exponents.flat[0]).any():
        raise node.refuse("only one constant exponent has an integer form", code="UnsupportedOperator")
    exponent = float(exponents.flat[0])
    if exponent == 1.0:
        return [values[0]]
    if exponent == 2.0:
        return [square(lowering, node, values[0], node.inputs[0])]
    if exponent in (0.5, -0.5):
        return [_root(lowering, node, values[0], exponent)]
    if exponent == -1.0:
        return [lower_reciprocal(lowering, node, values[0], node.inputs[0])]
    return [lower_curve(lowering, node, values[0], lambda x: np.asarray(np.power(x, exponent)))]


OPERATORS = {
    **{name: Operator(evaluate=_evaluate(f), lower=_lower(f)) for name, f in FUNCTIONS.items()},
    "Exp": Operator(evaluate=_evaluate(lambda _, x: np.exp(x)), lower=_lower_exp),
    "Log": Operator(evaluate=_evaluate(lambda _, x: np.log(x)), lower=_lower_log),
    "Pow": Operator(evaluate=_pow, lower=_lower_pow),
    "Reciprocal": Operator(evaluate=_evaluate(lambda _, x: 1 / x), lower=_lower_reciprocal),
    "Sqrt": Operator(evaluate=_evaluate(lambda _, x: np.sqrt(x)), lower=_lower_sqrt),
}
