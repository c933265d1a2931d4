"""Operators on images one by one: numpy against onnxruntime, the integers against both, the compiled twin too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from concordat.graph.elements import pack_elements
from concordat.graph.execute import run, run_outputs
from concordat.graph.fidelity import fidelity
from concordat.graph.ir import Op
from concordat.graph.onnx import ImportedModel, Tolerance, import_onnx
from concordat.graph.onnx.evaluate import evaluate
from concordat.graph.onnx.reader import read_onnx
from concordat.graph.onnx.rewrite import rewrite
from concordat.primitives.errors import ModelError
from concordat.primitives.native import rust

onnxruntime = pytest.importorskip("onnxruntime")

GENERATOR = np.random.default_rng(11)
ROWS = 24
LOOSE = Tolerance(agreement=0.0, error=0.02)


def f(*shape: int) -> Any:
    return (GENERATOR.normal(size=shape) / np.sqrt(max(np.prod(shape[1:]), 1))).astype(np.float32)


def n(op: str, inputs: str, outputs: str, **attributes: Any) -> Any:
    return helper.make_node(op, inputs.split(" "), outputs.split(), **attributes)


def network(shape: tuple[int, ...], *nodes: Any, opset: int = 18, **constants: Any) -> tuple[bytes, Any]:
    """A model and rows for it."""
    graph = helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, *shape])],
        [helper.make_empty_tensor_value_info("y")],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    rows = GENERATOR.normal(size=(ROWS, *(size or 5 for size in shape))).round(3).astype(np.float32)
    return model.SerializeToString(), rows


def conv(shape: tuple[int, ...], kernel: tuple[int, ...], **attributes: Any) -> tuple[bytes, Any]:
    """A convolution behind a rectifier, and one of a pixel behind it, as they come in networks."""
    mixing = (3, kernel[0], *(1,) * (len(kernel) - 2))
    return network(
        shape, n("Relu", "x", "a"), n("Conv", "a w b", "c", **attributes), n("Relu", "c", "d"), n("Conv", "d m", "y"),
        w=f(*kernel), b=f(kernel[0]), m=f(*mixing),
    )  # fmt: skip


def i(*numbers: int) -> Any:
    return np.array(numbers, dtype=np.int64)


NETWORKS: dict[str, tuple[bytes, Any]] = {
    "conv": conv((3, 9, 10), (4, 3, 3, 3)),
    "conv-padded": conv((3, 9, 10), (4, 3, 3, 3), pads=[1, 1, 1, 1]),
    "conv-padded-unevenly": conv((2, 7, 8), (4, 2, 3, 4), pads=[2, 0, 1, 3]),
    "conv-strided": conv((2, 9, 10), (4, 2, 3, 3), pads=[1, 1, 1, 1], strides=[2, 2]),
    "conv-strided-down": conv((2, 9, 10), (4, 2, 3, 3), pads=[1, 1, 1, 1], strides=[2, 1]),
    "conv-dilated": conv((2, 12, 11), (4, 2, 3, 3), pads=[2, 2, 2, 2], dilations=[2, 2]),
    "conv-same-upper": conv((2, 9, 10), (4, 2, 4, 3), auto_pad="SAME_UPPER", strides=[2, 2]),
    "conv-same-lower": conv((2, 9, 10), (4, 2, 4, 3), auto_pad="SAME_LOWER"),
    "conv-pixelwise": conv((6, 5, 5), (4, 6, 1, 1)),
    "conv-one-channel": conv((1, 12, 12), (4, 1, 5, 5), pads=[2, 2, 2, 2]),
    "conv-wide": conv((150, 4, 4), (5, 150, 3, 3), pads=[1, 1, 1, 1]),
    "conv-larger-than-image": conv((2, 2, 3), (3, 2, 5, 5), pads=[3, 3, 3, 3]),
    "conv-groups": conv((6, 8, 8), (4, 3, 3, 3), group=2, pads=[1, 1, 1, 1]),
    "conv-many-groups": conv((8, 5, 5), (8, 2, 3, 3), group=4, pads=[1, 1, 1, 1]),
    "depthwise": conv((5, 9, 10), (5, 1, 3, 3), group=5, pads=[1, 1, 1, 1]),
    "depthwise-strided": conv((5, 9, 10), (5, 1, 5, 5), group=5, pads=[2, 2, 2, 2], strides=[2, 2]),
    "depthwise-multiplied": conv((3, 9, 10), (6, 1, 3, 3), group=3, pads=[1, 1, 1, 1]),
    "depthwise-small": conv((4, 3, 2), (4, 1, 5, 5), group=4, pads=[4, 4, 4, 4]),
    "signal": conv((4, 30), (6, 4, 5), pads=[2, 2]),
    "signal-strided": conv((4, 31), (6, 4, 5), pads=[2, 1], strides=[3], dilations=[2]),
    "signal-depthwise": conv((4, 30), (4, 1, 5), pads=[2, 2], group=4),
    "transposed-tiles": network((3, 4, 5), n("ConvTranspose", "x w b", "y", strides=[2, 2]), w=f(3, 4, 2, 2), b=f(4)),
    "transposed": network(
        (3, 4, 5), n("ConvTranspose", "x w b", "y", strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 0]),
        w=f(3, 4, 3, 3), b=f(4),
    ),
    "transposed-groups": network(
        (4, 4, 5), n("ConvTranspose", "x w", "y", group=2, strides=[1, 2], dilations=[2, 1]), w=f(4, 3, 2, 3)
    ),
    "transposed-signal": network((3, 9), n("ConvTranspose", "x w", "y", strides=[3]), w=f(3, 2, 4)),
    "max-pool": network((3, 8, 9), n("MaxPool", "x", "y", kernel_shape=[2, 2], strides=[2, 2])),
    "max-pool-padded": network(
        (3, 8, 9), n("MaxPool", "x", "y", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    ),
    "max-pool-of-rectified": network(
        (3, 8, 9), n("Relu", "x", "r"), n("MaxPool", "r", "y", kernel_shape=[3, 3], strides=[2, 1], pads=[1, 1, 1, 1])
    ),
    "max-pool-ceil": network(
        (2, 8, 9), n("MaxPool", "x", "y", kernel_shape=[3, 2], strides=[2, 2], ceil_mode=1, dilations=[1, 2])
    ),
    "average-pool": network((3, 8, 9), n("AveragePool", "x", "y", kernel_shape=[3, 3], strides=[2, 2])),
    "average-pool-without-padding": network(
        (3, 8, 9), n("AveragePool", "x", "y", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    ),
    "average-pool-with-padding": network(
        (3, 8, 9),
        n("AveragePool", "x", "y", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], count_include_pad=1),
    ),
    "average-pool-ceil": network(
        (3, 8, 9), n("AveragePool", "x", "y", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    ),
    "average-pool-signal": network((3, 12), n("AveragePool", "x", "y", kernel_shape=[4], strides=[2], pads=[1, 1])),
    "global-average": network((5, 6, 7), n("GlobalAveragePool", "x", "y")),
    "global-max": network((5, 6, 7), n("GlobalMaxPool", "x", "y")),
    "reduce-mean": network(
        (5, 6, 7), n("Conv", "x w", "c"), n("ReduceMean", "c k", "y"), w=f(4, 5, 3, 3), k=i(2, 3)
    ),
    "batch-norm": network(
        (3, 6, 6), n("Conv", "x w", "c"), n("BatchNormalization", "c s t m v", "y"),
        w=f(4, 3, 3, 3), s=1 + f(4), t=f(4), m=f(4), v=np.abs(f(4)) + np.float32(0.5),
    ),
    "residual": network(
        (4, 6, 6), n("Relu", "x", "r"), n("Conv", "r w", "c", pads=[1] * 4), n("Add", "c r", "s"), n("Relu", "s", "t"),
        n("Conv", "t v", "d", pads=[1] * 4), n("Sub", "d t", "y"), w=f(4, 4, 3, 3), v=f(4, 4, 3, 3),
    ),
    "squeeze-and-excite": network(
        (4, 6, 6), n("Conv", "x w", "c", pads=[1] * 4), n("Relu", "c", "r"), n("GlobalAveragePool", "r", "p"),
        n("Conv", "p a", "q"), n("Relu", "q", "s"), n("Conv", "s b", "t"), n("HardSigmoid", "t", "g"),
        n("Mul", "r g", "m"), n("Conv", "m v", "y", pads=[1] * 4),
        w=f(4, 4, 3, 3), a=f(2, 4, 1, 1), b=f(4, 2, 1, 1), v=f(3, 4, 3, 3),
    ),
    "hard-swish": network(
        (3, 6, 6), n("Conv", "x w", "c"), n("HardSwish", "c", "h"), n("Conv", "h v", "y", pads=[1] * 4),
        w=f(4, 3, 3, 3), v=f(3, 4, 3, 3),
    ),
    "hard-swish-spelt-out": network(
        (3, 6, 6), n("Conv", "x w", "c"), n("Add", "c three", "a"), n("Clip", "a zero six", "k"), n("Mul", "c k", "m"),
        n("Div", "m six", "h"), n("Conv", "h v", "y"), w=f(4, 3, 3, 3), v=f(3, 4, 3, 3),
        three=np.float32(3), six=np.float32(6), zero=np.float32(0),
    ),
    "hard-sigmoid-row": network((8,), n("HardSigmoid", "x", "y", alpha=0.3, beta=0.4)),
    "hard-swish-row": network((8,), n("HardSwish", "x", "y")),
    "leaky": network((3, 6, 6), n("Conv", "x w", "c"), n("LeakyRelu", "c", "y", alpha=0.2), w=f(4, 3, 3, 3)),
    "prelu": network(
        (3, 6, 6), n("Conv", "x w", "c"), n("PRelu", "c s", "p"), n("Conv", "p v", "y", pads=[1] * 4),
        w=f(4, 3, 3, 3), s=np.abs(f(4, 1, 1)), v=f(3, 4, 3, 3),
    ),
    "prelu-row": network((6,), n("PRelu", "x s", "y"), s=np.abs(f(6))),
    "clip": network(
        (3, 6, 6), n("Conv", "x w", "c"), n("Clip", "c lo hi", "y"), w=f(4, 3, 3, 3),
        lo=np.float32(-0.3), hi=np.float32(0.6),
    ),
    "sigmoid-gate": network(
        (3, 6, 6), n("Conv", "x w", "c"), n("Sigmoid", "c", "s"), n("Mul", "c s", "y"), w=f(4, 3, 3, 3)
    ),
    "pad": network((2, 5, 6), n("Pad", "x p v", "q"), n("Conv", "q w", "y"), p=i(0, 0, 1, 2, 0, 0, 2, 1),
                   v=np.float32(0.5), w=f(3, 2, 3, 3)),
    "pad-of-zeros": network((2, 5, 6), n("Pad", "x p", "q"), n("Conv", "q w", "y"), p=i(0, 0, 1, 2, 0, 0, 2, 1),
                            w=f(3, 2, 3, 3)),
    "pad-reflected": network((2, 5, 6), n("Pad", "x p", "y", mode="reflect"), p=i(0, 0, 1, 2, 0, 0, 2, 1)),
    "resize": network(
        (2, 4, 5), n("Resize", "x  s", "r", coordinate_transformation_mode="asymmetric", nearest_mode="floor"),
        n("Conv", "r w", "y", pads=[1] * 4), s=np.array([1, 1, 2, 2], dtype=np.float32), w=f(3, 2, 3, 3),
    ),
    "resize-to-size": network((2, 4, 5), n("Resize", "x   s", "y"), s=i(ROWS, 2, 7, 9)),
    "slice": network((3, 6, 7), n("Slice", "x a b c d", "y"), a=i(1, 5), b=i(3, -100), c=i(1, 3), d=i(1, -2)),
    "split": network((6, 5), n("Split", "x s", "a b", axis=1), n("Add", "a b", "y"), s=i(3, 3)),
    "tile": network((2, 3, 4), n("Tile", "x t", "y"), t=i(1, 2, 1, 3)),
    "depth-to-space": network((8, 3, 4), n("DepthToSpace", "x", "y", blocksize=2, mode="CRD")),
    "space-to-depth": network((2, 6, 4), n("SpaceToDepth", "x", "y", blocksize=2)),
    "transposed-axes": network((3, 4, 5), n("Conv", "x w", "c"), n("Transpose", "c", "t", perm=[0, 2, 3, 1]),
                               n("Reshape", "t s", "y"), w=f(4, 3, 3, 3), s=i(0, -1)),
    "concat": network(
        (3, 6, 6), n("Conv", "x w", "c", pads=[1] * 4), n("Relu", "c", "r"), n("Concat", "x r", "k", axis=1),
        n("Conv", "k v", "y", pads=[1] * 4), w=f(4, 3, 3, 3), v=f(3, 7, 3, 3),
    ),
    "shape": network(
        (2, 4, 4), n("Shape", "x", "s"), n("Gather", "s zero", "b", axis=0), n("Concat", "b k", "t", axis=0),
        n("Reshape", "x t", "y"), zero=i(0), k=i(-1),
    ),
    "attributes-of-old": network((3, 8, 8), n("Conv", "x w b", "c"), n("Clip", "c", "r", min=-0.2, max=0.6),
                                 n("Slice", "r", "y", starts=[0, 1], ends=[6, 5], axes=[2, 3]),
                                 opset=9, w=f(4, 3, 3, 3), b=f(4)),
}  # fmt: skip


def imported(name: str, **options: Any) -> ImportedModel:
    data, rows = NETWORKS[name]
    return import_onnx(data, calibration=rows, bits=16, tolerance=LOOSE, **options)


@pytest.mark.parametrize("name", NETWORKS)
def test_numpy_meaning_of_image_operators_matches_onnxruntime(name: str) -> None:
    data, rows = NETWORKS[name]
    expected = onnxruntime.InferenceSession(data).run(["y"], {"x": rows})[0]
    found = evaluate(rewrite(read_onnx(data)), {"x": rows})["y"]
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_integer_form_of_image_operators_is_close_and_the_same_in_both_executors(name: str) -> None:
    data, rows = NETWORKS[name]
    model = imported(name)
    report = fidelity(model, data, rows)
    assert max(score.greatest for score in report.scores) <= 1.5e-3 * report.span, report.lines()
    grid = model.schema.encode(rows[:3].reshape(3, -1))
    assert np.array_equal(run_outputs(model.graph, grid), run_outputs(model.graph, grid, reference=True))
    if rust is not None:
        words = pack_elements(grid[0], model.graph.nodes[0].out_type)
        assert run(model.graph, words).trace == run(model.graph, words, reference=True).trace


def words(model: ImportedModel, op: Op) -> int:
    return sum(node.words for node in model.graph.nodes if node.op is op)


def test_convolution_of_an_image_with_zeros_around_it_copies_nothing() -> None:
    assert words(imported("residual"), Op.GATHER) == 0


def test_depthwise_convolution_needs_no_patches() -> None:
    model = imported("depthwise")
    patches = 9 * 5 * 90 // 16
    assert words(model, Op.GATHER) < patches // 4


def test_batch_normalisation_costs_nothing() -> None:
    model = imported("batch-norm")
    assert [node.op for node in model.graph.nodes].count(Op.AFFINE) <= 3  # the image, and the output


@pytest.mark.parametrize(
    ("shape", "nodes", "constants", "code"),
    [
        ((3, 6, 6), [n("Conv", "x w", "y")], {"w": f(4, 2, 3, 3)}, "BadOperator"),
        ((3, 6, 6), [n("Conv", "x w", "y", group=3)], {"w": f(4, 1, 3, 3)}, "BadOperator"),
        ((3, 6, 6), [n("Conv", "x w", "y", kernel_shape=[2, 2])], {"w": f(4, 3, 3, 3)}, "BadOperator"),
        ((3, 6, 6), [n("Conv", "x w", "y")], {"w": f(4, 3, 7, 3)}, "BadOperator"),
        ((3, 6, 6), [n("Conv", "x w", "y", strides=[0, 1])], {"w": f(4, 3, 3, 3)}, "BadOperator"),
        ((3, 6, 6), [n("Conv", "x w", "y", pads=[-1, 0, 0, 0])], {"w": f(4, 3, 3, 3)}, "BadOperator"),
        ((3, 4, 4, 4), [n("Conv", "x w", "y")], {"w": f(4, 3, 3, 3, 3)}, "UnsupportedOperator"),
        ((3, 6, 6), [n("Relu", "x", "w"), n("Conv", "x w", "y")], {}, "UnsupportedOperator"),
        ((3, 6, 6), [n("MaxPool", "x", "y", kernel_shape=[2, 2], pads=[2, 2, 2, 2])], {}, "BadOperator"),
        ((3, 6, 6), [n("MaxPool", "x", "y j", kernel_shape=[2, 2]), n("Identity", "j", "k")], {}, "BadOperator"),
        ((3, 6, 6), [n("Resize", "x  s", "y", mode="linear")], {"s": np.array([1, 1, 2, 2], np.float32)},
         "UnsupportedOperator"),
        ((3, 6, 6), [n("ConvTranspose", "x w", "y", auto_pad="SAME_UPPER")], {"w": f(3, 4, 3, 3)},
         "UnsupportedOperator"),
        ((3, 6, 6), [n("InstanceNormalization", "x s t", "y")], {"s": f(3), "t": f(3)}, "UnsupportedOperator"),
    ],
)  # fmt: skip
def test_what_has_no_integer_form_is_refused_by_name(shape: Any, nodes: Any, constants: Any, code: str) -> None:
    data, rows = network(shape, *nodes, **constants)
    with pytest.raises(ModelError) as caught:
        import_onnx(data, calibration=rows)
    assert caught.value.code == code
    assert caught.value.fields["op"] == nodes[-1 if nodes[-1].op_type != "Identity" else 0].op_type
    assert caught.value.hint


def test_open_shape_is_taken_from_the_caller_or_from_the_rows() -> None:
    nodes = [n("Conv", "x w", "c"), n("GlobalAveragePool", "c", "y")]
    data, _ = network((3, None, None), *nodes, w=f(4, 3, 3, 3))  # type: ignore[arg-type]
    rows = GENERATOR.normal(size=(ROWS, 3, 5, 6)).round(3).astype(np.float32)
    of_rows = import_onnx(data, calibration=rows, tolerance=LOOSE)
    given = import_onnx(data, calibration=rows.reshape(ROWS, -1), shape=(3, 5, 6), tolerance=LOOSE)
    named = import_onnx(data, calibration=rows, shape={"x": (3, 5, 6)}, tolerance=LOOSE)
    assert of_rows.graph == given.graph == named.graph


@pytest.mark.parametrize("shape", [(3, 5), (4, 5, 6), (3, 0, 6), {"z": (3, 5, 6)}, (3, 2_000, 2_000)])
def test_shape_that_does_not_fit_the_file_is_refused(shape: Any) -> None:
    data, _ = network((3, None, None), n("GlobalAveragePool", "x", "y"))  # type: ignore[arg-type]
    with pytest.raises(ModelError) as caught:
        import_onnx(data, calibration=np.zeros((4, 90)), shape=shape)
    assert caught.value.code in ("BadShape", "ModelTooLarge")
    assert caught.value.hint
