"""Hostile image networks: windows, paddings, scales and shapes beyond bounds end in a typed error, soon and small."""

from __future__ import annotations

import contextlib
import random
import resource
import time
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from concordat.graph.onnx import import_onnx
from concordat.primitives.errors import ConcordatError, ModelError

ROWS = np.random.default_rng(0).integers(0, 9, size=(12, 2, 6, 6)).astype(np.float32)
KERNEL = (np.arange(54).reshape(3, 2, 3, 3) / 50 - 0.5).astype(np.float32)
SECONDS, MEGABYTES = 20, 900
BIG = 1 << 15


def network(*nodes: Any, shape: Any = (2, 6, 6), **constants: Any) -> bytes:
    graph = helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, *shape])],
        [helper.make_empty_tensor_value_info("y")],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )
    data: bytes = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]).SerializeToString()
    return data


def n(op: str, inputs: str, **attributes: Any) -> Any:
    return helper.make_node(op, inputs.split(" "), ["y"], name="culprit", **attributes)


def i(*numbers: int) -> Any:
    return np.array(numbers, dtype=np.int64)


HOSTILE: dict[str, bytes] = {
    "padding": network(n("Conv", "x w", pads=[BIG] * 4), w=KERNEL),
    "padding-beyond-bounds": network(n("Conv", "x w", pads=[1 << 40] * 4), w=KERNEL),
    "stride": network(n("Conv", "x w", strides=[1 << 40, 1]), w=KERNEL),
    "dilation": network(n("Conv", "x w", dilations=[1 << 20, 1], pads=[BIG] * 4), w=KERNEL),
    "groups": network(n("Conv", "x w", group=1 << 40), w=KERNEL),
    "no-groups": network(n("Conv", "x w", group=0), w=KERNEL),
    "negative-groups": network(n("Conv", "x w", group=-2), w=KERNEL),
    "outputs": network(n("Conv", "x w"), w=np.zeros((1 << 17, 2, 1, 1), dtype=np.float32)),
    "too-few-attributes": network(n("Conv", "x w", strides=[1]), w=KERNEL),
    "pool-window": network(n("MaxPool", "x", kernel_shape=[BIG, BIG], pads=[BIG - 1] * 4)),
    "pool-without-window": network(n("MaxPool", "x")),
    "pool-in-padding": network(n("AveragePool", "x", kernel_shape=[3, 3], pads=[2] * 4, dilations=[9, 9])),
    "pool-of-everything": network(
        n("AveragePool", "x", kernel_shape=[199, 199], pads=[100] * 4), shape=(1, 200, 200)
    ),
    "apart": network(n("ConvTranspose", "x w", strides=[BIG, BIG]), w=KERNEL.swapaxes(0, 1)),
    "pad": network(n("Pad", "x p"), p=i(0, 0, 1 << 20, 0, 0, 0, 0, 1 << 20)),
    "pad-negative": network(n("Pad", "x p"), p=i(0, 0, -1, 0, 0, 0, 0, 0)),
    "pad-batch": network(n("Pad", "x p"), p=i(1, 0, 0, 0, 0, 0, 0, 0)),
    "resize": network(n("Resize", "x  s"), s=np.array([1, 1, 1e6, 1e6], dtype=np.float32)),
    "resize-nan": network(n("Resize", "x  s"), s=np.array([1, 1, 0.0, 1], dtype=np.float32)),
    "tile": network(n("Tile", "x t"), t=i(1, 1, 1 << 20, 1 << 20)),
    "tile-batch": network(n("Tile", "x t"), t=i(2, 1, 1, 1)),
    "expand": network(n("Expand", "x t"), t=i(1 << 20, 2, 6, 6)),
    "constant-of-shape": network(
        helper.make_node("ConstantOfShape", ["s"], ["z"]), n("Add", "x z"), s=i(1 << 20, 1 << 20)
    ),
    "split": network(helper.make_node("Split", ["x", "s"], ["y", "z"], axis=1, name="culprit"), s=i(-1, 3)),
    "slice": network(n("Slice", "x a b"), a=i(0, 0), b=i(1)),
    "depth": network(n("DepthToSpace", "x", blocksize=0)),
    "scale-of-zero": network(n("QuantizeLinear", "x s z"), s=np.float32(0), z=np.uint8(3)),
    "scale-below-zero": network(n("QuantizeLinear", "x s z"), s=np.float32(-1), z=np.uint8(3)),
    "scale-of-the-row": network(helper.make_node("GlobalMaxPool", ["x"], ["s"]), n("QuantizeLinear", "x s")),
    "zero-points": network(n("QuantizeLinear", "x s z"), s=np.ones(2, np.float32), z=np.zeros(3, np.uint8)),
    "variance": network(
        n("BatchNormalization", "x a b c d"), a=np.ones(2, np.float32), b=np.ones(2, np.float32),
        c=np.ones(2, np.float32), d=-np.ones(2, np.float32),
    ),
    "norm-of-others": network(
        n("BatchNormalization", "x a b c d"), **{name: np.ones(5, np.float32) for name in "abcd"}
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_image_network_is_refused_soon_and_in_little_memory(name: str) -> None:
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    with pytest.raises(ModelError) as caught:
        import_onnx(HOSTILE[name], calibration=ROWS if name != "pool-of-everything" else np.zeros((2, 1, 200, 200)))
    assert caught.value.hint
    assert time.monotonic() - started < SECONDS
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10 < MEGABYTES


def whole() -> bytes:
    """A network with most of what there is for images."""
    make = helper.make_node
    return network(
        make("QuantizeLinear", ["x", "s", "z"], ["q"]),
        make("DequantizeLinear", ["q", "s", "z"], ["r"]),
        make("Conv", ["r", "w"], ["c"], pads=[1] * 4, strides=[1, 1]),
        make("Relu", ["c"], ["d"]),
        make("MaxPool", ["d"], ["e"], kernel_shape=[2, 2], strides=[2, 2]),
        make("Slice", ["e", "a", "b"], ["f"]),
        make("ConvTranspose", ["f", "t"], ["g"], strides=[2, 2]),
        make("GlobalAveragePool", ["g"], ["h"]),
        make("Flatten", ["h"], ["y"]),
        s=np.float32(0.05), z=np.uint8(9), w=KERNEL, a=i(0, 1), b=i(99, 3),
        t=np.ones((2, 2, 2, 2), dtype=np.float32) / 3,
    )  # fmt: skip


def test_image_network_with_flipped_bytes_is_imported_or_refused() -> None:
    data, generator = whole(), random.Random(5)
    import_onnx(data, calibration=ROWS)
    for _ in range(150):
        damaged = bytearray(data)
        for _ in range(generator.choice((1, 1, 2, 4))):
            damaged[generator.randrange(len(damaged))] = generator.randrange(256)
        with contextlib.suppress(ConcordatError):
            import_onnx(bytes(damaged), calibration=ROWS)
