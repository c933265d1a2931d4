"""Wide functions, reductions, comparisons and products of activations: against onnxruntime, and their stated bounds."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from concordat.graph.builder import GraphBuilder
from concordat.graph.elements import ElementType
from concordat.graph.execute import run_outputs
from concordat.graph.fidelity import fidelity
from concordat.graph.onnx import Tolerance, import_onnx
from concordat.graph.onnx.curves import softmax
from concordat.graph.onnx.evaluate import evaluate
from concordat.graph.onnx.functions import curve_of, exponential, logarithm, power
from concordat.graph.onnx.reader import read_onnx
from concordat.graph.onnx.rewrite import rewrite
from concordat.graph.onnx.standardise import standardise
from concordat.graph.onnx.views import RegionView
from concordat.primitives.errors import ModelError

onnxruntime = pytest.importorskip("onnxruntime")

GENERATOR = np.random.default_rng(11)
ROWS = GENERATOR.uniform(-2.0, 2.0, size=(300, 12)).round(3)
W = GENERATOR.normal(size=(12, 6)).astype(np.float32)
P = np.abs(GENERATOR.normal(size=(12, 6))).astype(np.float32)
ONES = np.ones(1, dtype=np.int64)


def network(*nodes: Any, **constants: Any) -> bytes:
    """A network from ``x`` (12 numbers to a row) to ``y``."""
    arrays = {"w": W, "p": P, "one": ONES, "last": np.array([-1]), "m": np.array([0, 3, 4]), **constants}
    used = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 12])],
        [helper.make_empty_tensor_value_info("y")],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items() if name in used],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    data: bytes = model.SerializeToString()
    return data


def n(op: str, inputs: str, outputs: str, **attributes: Any) -> Any:
    return helper.make_node(op, inputs.split(), outputs.split(), **attributes)


def f(*values: float) -> Any:
    return np.array(values, dtype=np.float32)


def positive(*nodes: Any, **constants: Any) -> bytes:
    """A network over ``h``, six positive numbers."""
    return network(n("Abs", "x", "a"), n("MatMul", "a p", "h0"), n("Add", "h0 tenth", "h"), *nodes,
                   tenth=np.float32(0.1), **constants)  # fmt: skip


def signed(*nodes: Any, **constants: Any) -> bytes:
    """A network over ``h``, six numbers of both signs."""
    return network(n("MatMul", "x w", "h"), *nodes, **constants)


def folded(*nodes: Any, **constants: Any) -> bytes:
    """A network over ``h``, three rows of four numbers."""
    return network(n("Reshape", "x m", "h"), *nodes, **constants)


NETWORKS: dict[str, bytes] = {
    "exp": signed(n("Exp", "h", "y")),
    "log": positive(n("Log", "h", "y")),
    "sqrt": positive(n("Sqrt", "h", "y")),
    "reciprocal": positive(n("Reciprocal", "h", "y")),
    "reciprocal-negative": positive(n("Neg", "h", "g"), n("Reciprocal", "g", "y")),
    "inverse-root": positive(n("Sqrt", "h", "s"), n("Reciprocal", "s", "y")),
    "power-half": positive(n("Pow", "h e", "y"), e=np.float32(0.5)),
    "power-minus-half": positive(n("Pow", "h e", "y"), e=np.float32(-0.5)),
    "power-minus-one": positive(n("Pow", "h e", "y"), e=np.float32(-1)),
    "power-two": signed(n("Pow", "h e", "y"), e=np.float32(2)),
    "power-three": signed(n("Pow", "h e", "y"), e=np.float32(3)),
    "quotient": positive(n("MatMul", "x w", "g"), n("Div", "g h", "y")),
    "constant-quotient": positive(n("Div", "c h", "y"), c=f(1, 2, 3, 4, 5, 6)),
    "erf": signed(n("Erf", "h", "y")),
    "elu": signed(n("Elu", "h", "y", alpha=0.7)),
    "selu": signed(n("Selu", "h", "y")),
    "softplus": signed(n("Softplus", "h", "y")),
    "softsign": signed(n("Softsign", "h", "y")),
    "mish": signed(n("Mish", "h", "y")),
    "hard-sigmoid": signed(n("HardSigmoid", "h", "y")),
    "hard-swish": signed(n("HardSwish", "h", "y")),
    "silu": signed(n("Sigmoid", "h", "s"), n("Mul", "h s", "y")),
    "gelu-tanh": signed(
        n("Mul", "h h", "q"), n("Mul", "q h", "c"), n("Mul", "c k", "d"), n("Add", "h d", "e"), n("Mul", "e r", "g"),
        n("Tanh", "g", "t"), n("Add", "t i", "u"), n("Mul", "h u", "v"), n("Mul", "v j", "y"),
        k=np.float32(0.044715), r=np.float32(0.7978845608), i=np.float32(1), j=np.float32(0.5),
    ),
    "gelu-feeding-a-product": signed(
        n("Div", "h r", "g"), n("Erf", "g", "t"), n("Add", "t i", "u"), n("Mul", "h u", "v"), n("MatMul", "v o", "y"),
        r=np.float32(2**0.5), i=np.float32(1), o=GENERATOR.normal(size=(6, 2)).astype(np.float32),
    ),
    "log-softmax": signed(n("LogSoftmax", "h", "y", axis=-1)),
    "softmax-of-rows": folded(n("Softmax", "h", "y", axis=2)),
    "softmax-of-columns": folded(n("Softmax", "h", "y", axis=1)),
    "log-softmax-of-columns": folded(n("LogSoftmax", "h", "y", axis=1)),
    "softmax-spelt-out": signed(
        n("ReduceMax", "h one", "top"), n("Sub", "h top", "b"), n("Exp", "b", "e"), n("ReduceSum", "e one", "s"),
        n("Div", "e s", "y"),
    ),
    "sum-of-rows": folded(n("ReduceSum", "h last", "y", keepdims=0)),
    "mean-of-columns": folded(n("ReduceMean", "h one", "y", keepdims=0)),
    "mean-of-all": folded(n("ReduceMean", "h both", "y", keepdims=0), both=np.array([1, 2])),
    "max-of-rows": folded(n("ReduceMax", "h last", "y", keepdims=0)),
    "min-of-columns": folded(n("ReduceMin", "h one", "y", keepdims=0)),
    "square-sum": folded(n("ReduceSumSquare", "h last", "y", keepdims=0)),
    "length": folded(n("ReduceL2", "h last", "y", keepdims=0)),
    "log-sum-exp": folded(n("ReduceLogSumExp", "h last", "y", keepdims=0)),
    "layer-norm": folded(n("LayerNormalization", "h s b", "y", axis=-1), s=f(1, 2, 0.5, 1), b=f(0, 1, 0, -1)),
    "layer-norm-of-columns": folded(n("LayerNormalization", "h s", "y", axis=1),
                                    s=GENERATOR.normal(size=(3, 4)).astype(np.float32)),
    "standardised-by-moments": folded(
        n("ReduceMean", "h one", "m1"), n("Mul", "h h", "q"), n("ReduceMean", "q one", "m2"), n("Mul", "m1 m1", "mm"),
        n("Sub", "m2 mm", "v"), n("Add", "v e", "ve"), n("Sqrt", "ve", "s"), n("Reciprocal", "s", "r"),
        n("Mul", "r g", "rg"), n("Sub", "h m1", "c"), n("Mul", "c rg", "y"), e=np.float32(1e-5),
        g=GENERATOR.normal(size=(1, 1, 4)).astype(np.float32),
    ),
    "greater-of-two": signed(n("Sub", "x z", "g0"), n("MatMul", "g0 w", "g"), n("Greater", "h g", "b"),
                             n("Cast", "b", "y", to=1), z=GENERATOR.normal(size=12).astype(np.float32)),
    "less": network(n("Less", "x k", "b"), n("Cast", "b", "y", to=1), k=f(0.25)),
    "not-less": network(n("GreaterOrEqual", "x k", "b"), n("Cast", "b", "y", to=1), k=f(0.25)),
    "less-or-equal": network(n("LessOrEqual", "x k", "b"), n("Cast", "b", "y", to=1), k=f(0.25)),
    "both": network(n("Greater", "x k", "b"), n("Less", "x j", "c"), n("And", "b c", "d"), n("Cast", "d", "y", to=1),
                    k=f(-1), j=f(1)),
    "either": network(n("Greater", "x k", "b"), n("Less", "x j", "c"), n("Or", "b c", "d"), n("Cast", "d", "y", to=1),
                      k=f(1), j=f(-1)),
    "one-of-two": network(n("Greater", "x k", "b"), n("Less", "x j", "c"), n("Xor", "b c", "d"), n("Not", "d", "e"),
                          n("Cast", "e", "y", to=1), k=f(-1), j=f(1)),
    "where": signed(n("Greater", "h k", "b"), n("Neg", "h", "g"), n("Where", "b h g", "y"), k=f(0)),
    "where-masked": folded(n("Where", "b h low", "g"), n("Softmax", "g", "y", axis=-1),
                           b=np.tril(np.ones((1, 3, 4))) > 0, low=np.float32(-np.inf)),
    "maximum": signed(n("Max", "h k", "y"), k=f(0.5)),
    "minimum": signed(n("Neg", "h", "g"), n("Min", "h g", "y")),
    "sum-of-three": signed(n("Neg", "h", "g"), n("Sum", "h g h", "y")),
    "mean-of-two": signed(n("Abs", "h", "g"), n("Mean", "h g", "y")),
    "top-one": signed(n("TopK", "h one", "y i", axis=-1)),
    "least-one": signed(n("TopK", "h one", "y i", axis=1, largest=0)),
    "sign": network(n("Sub", "x k", "g"), n("Sign", "g", "y"), k=f(0.0005)),
    "product-of-activations": folded(n("Transpose", "h", "g", perm=[0, 2, 1]), n("MatMul", "h g", "y")),
    "rows-times-constant": folded(n("MatMul", "h k", "y"), k=GENERATOR.normal(size=(4, 5)).astype(np.float32)),
    "constant-times-columns": folded(n("MatMul", "k h", "y"), k=GENERATOR.normal(size=(2, 3)).astype(np.float32)),
    "constant-per-head": network(n("Reshape", "x s", "h"), n("MatMul", "h k", "y"), s=np.array([0, 3, 2, 2]),
                                 k=GENERATOR.normal(size=(1, 3, 2, 4)).astype(np.float32)),
    "broadcast-difference": folded(n("ReduceMean", "h last", "g"), n("Sub", "h g", "y")),
    "broadcast-product": folded(n("ReduceMax", "h one", "g"), n("Mul", "h g", "y")),
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_numpy_meaning_of_functions_matches_onnxruntime(name: str) -> None:
    feeds = {"x": ROWS.astype(np.float32)}
    (truth,) = onnxruntime.InferenceSession(NETWORKS[name]).run(["y"], feeds)
    found = evaluate(rewrite(read_onnx(NETWORKS[name])), feeds)["y"]
    np.testing.assert_allclose(found.reshape(truth.shape), truth, rtol=5e-5, atol=5e-6)


@pytest.mark.parametrize("name", NETWORKS)
def test_integer_form_of_functions_stays_near_onnxruntime(name: str) -> None:
    imported = import_onnx(NETWORKS[name], calibration=ROWS[:200], bits=16, tolerance=Tolerance(agreement=0.95))
    report = fidelity(imported, NETWORKS[name], ROWS[200:])
    assert report.error <= 2e-3, report.lines()


# -- the bounds of docs/explain/lowerings.md -------------------------------------------------------------------------


def computed(lower: Callable[..., RegionView], arguments: Any, unit: float) -> tuple[Any, Any]:
    """Results of a lowering at some arguments, and the arguments as it saw them."""
    builder = GraphBuilder()
    view = RegionView.of(builder.input(1, ElementType.I32), unit)
    found = lower(SimpleNamespace(builder=builder, rescaled={}, curves={}), view)
    steps = np.rint(arguments / unit).astype(np.int64)[:, None]
    results = run_outputs(builder.build(found.region), steps)[:, 0]
    return results * found.scale[0] + found.offset[0], steps[:, 0] * unit


@pytest.mark.parametrize("ends", [(1.0, 3.0), (0.5, 8.0), (1e-2, 1e2), (1e-3, 1e3)])
@pytest.mark.parametrize(("exponent", "bound"), [(-1.0, 1e-6), (-0.5, 2e-6), (0.5, 1e-6)])
def test_power_over_any_range_keeps_its_bound(ends: tuple[float, float], exponent: float, bound: float) -> None:
    x = np.exp(np.random.default_rng(1).uniform(*np.log(ends), size=5_000))
    found, seen = computed(lambda *a: power(*a, exponent, *ends), x, ends[1] / 2**30)
    truth = seen**exponent
    assert (np.abs(found - truth) <= bound * truth + 2.0**-40 * truth.max()).all()


@pytest.mark.parametrize("ends", [(0.9, 1.1), (1.0, 100.0), (1e-4, 1e4)])
def test_logarithm_over_any_range_keeps_its_bound(ends: tuple[float, float]) -> None:
    x = np.exp(np.random.default_rng(2).uniform(*np.log(ends), size=5_000))
    found, seen = computed(lambda *a: logarithm(*a, *ends), x, ends[1] / 2**30)
    assert np.abs(found - np.log(seen)).max() <= 2e-6


@pytest.mark.parametrize("ends", [(-16.0, 0.0), (-1.0, 1.0), (-5.0, 12.0), (-40.0, 3.0)])
def test_exponential_over_any_range_keeps_its_bound(ends: tuple[float, float]) -> None:
    x = np.random.default_rng(3).uniform(*ends, size=5_000)
    found, seen = computed(lambda *a: exponential(*a, *ends), x, 2.0**-25)
    step = 2.0 ** math.ceil(math.log2((ends[1] - ends[0]) / 4_094))
    truth = np.exp(seen)
    assert (np.abs(found - truth) <= truth * (step / 2**13 + 2.0**-29) + 2.0**-29 * truth.max()).all()


@pytest.mark.parametrize(("rows", "bound"), [(1, 3e-4), (3, 1e-4)])
def test_softmax_of_any_rows_keeps_its_bound(rows: int, bound: float) -> None:
    logits = np.random.default_rng(5).normal(scale=4, size=(400, 12))
    builder = GraphBuilder()
    view = RegionView.of(builder.input(12, ElementType.I32), 2.0**-24)
    found = softmax(SimpleNamespace(builder=builder, rescaled={}, curves={}), view, rows)  # type: ignore[arg-type]
    steps = np.rint(logits * 2**24).astype(np.int64)
    shares = run_outputs(builder.build(found.region), steps) * found.scale[0]
    powers = np.exp(steps.reshape(400, rows, -1) / 2**24)
    truth = (powers / powers.sum(axis=2, keepdims=True)).reshape(400, 12)
    assert (np.abs(shares - truth) <= bound * truth + 2e-7).all()


def test_standardisation_of_any_rows_keeps_its_bound() -> None:
    random = np.random.default_rng(6)
    x = random.normal(size=(400, 2, 1)) * 5 + random.normal(size=(400, 2, 9)) * np.exp(
        random.uniform(-3, 1, (400, 2, 1))
    )
    builder = GraphBuilder()
    view = RegionView.of(builder.input(18, ElementType.I32), 2.0**-24)
    lowering: Any = SimpleNamespace(builder=builder, rescaled={}, curves={})
    found = standardise(lowering, view, x, 1e-5)
    steps = np.rint(x.reshape(400, 18) * 2**24).astype(np.int64)
    results = (run_outputs(builder.build(found.region), steps) * found.scale[0]).reshape(x.shape)
    centred = x - x.mean(axis=2, keepdims=True)
    deviation = np.sqrt(np.square(centred).mean(axis=2, keepdims=True) + 1e-5)
    bound = 2.0**-24 * np.abs(centred).max() / deviation + 2e-6 * np.abs(centred / deviation) + 2.0**-26
    assert (np.abs(results - centred / deviation) <= bound).all()


@pytest.mark.parametrize("curve", [np.tanh, np.sin, lambda x: x / (1 + np.exp(-x)), np.square])
def test_any_curve_keeps_its_share_of_the_reach(curve: Callable[[Any], Any]) -> None:
    x = np.random.default_rng(4).uniform(-6, 6, size=5_000)
    found, seen = computed(lambda *a: curve_of(*a, curve, -6.0, 6.0), x, 2.0**-26)
    assert np.abs(found - curve(seen)).max() <= 2.0**-13 * np.abs(curve(seen)).max()


@pytest.mark.parametrize(
    ("data", "op"),
    [
        (signed(n("Log", "h", "y")), "Log"),
        (signed(n("Reciprocal", "h", "y")), "Reciprocal"),
        (signed(n("Pow", "h e", "y"), e=f(1, 2, 3, 1, 2, 3)), "Pow"),
        (signed(n("Equal", "h k", "b"), n("Cast", "b", "y", to=1), k=f(0.5)), "Equal"),
        (signed(n("ReduceSum", "h zero", "y"), zero=np.array([0])), "ReduceSum"),
        (signed(n("Softmax", "h", "y", axis=0)), "Softmax"),
        (signed(n("TopK", "h k", "y i", axis=-1), k=np.array([2])), "TopK"),
        (folded(n("MatMul", "h v", "y"), v=GENERATOR.normal(size=(3, 4, 2)).astype(np.float32)), "MatMul"),
    ],
)
def test_function_outside_its_domain_is_refused_by_name(data: bytes, op: str) -> None:
    with pytest.raises(ModelError) as caught:
        import_onnx(data, calibration=ROWS)
    assert op in caught.value.message or caught.value.code == "NotFinite"
