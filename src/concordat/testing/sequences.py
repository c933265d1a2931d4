"""Networks over sequences, written with onnx.helper: a transformer for tokens or numbers, and recurrent classifiers.

Random weights from a seed, in the form in which exporters write them: attention with heads split by Reshape and
Transpose, GELU spelt out with Erf, recurrent cells between two Transposes. For tests and benchmarks; nothing is
trained.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

__all__ = ["recurrent", "transformer"]


class _Writer:
    """Operators and constants of one network."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.nodes: list[Any] = []
        self.constants: dict[str, NDArray[Any]] = {}

    def constant(self, values: Any, kind: Any = np.float32) -> str:
        """Name of a constant tensor."""
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(values, dtype=kind)
        return name

    def shape(self, *dimensions: int) -> str:
        """Name of a constant shape or list of axes."""
        return self.constant(dimensions, np.int64)

    def op(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        """Name of the (last) output of a new operator."""
        names = [f"{kind.lower()}{len(self.nodes)}{'abc'[place]}" for place in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, name=names[0][:-1], **attributes))
        return names[-1]

    def linear(self, x: str, inputs: int, outputs: int) -> str:
        """``x @ w + b``."""
        weights = self.random.normal(size=(inputs, outputs)) / np.sqrt(inputs)
        product = self.op("MatMul", x, self.constant(weights))
        return self.op("Add", product, self.constant(self.random.normal(size=outputs) / 10))

    def model(self, kind: int, shape: list[Any], outputs: list[str]) -> bytes:
        """The serialised model with one input ``x``."""
        graph = helper.make_graph(
            self.nodes,
            "network",
            [helper.make_tensor_value_info("x", kind, ["batch", *shape])],
            [helper.make_empty_tensor_value_info(name) for name in outputs],
            [numpy_helper.from_array(array, name) for name, array in self.constants.items()],
        )
        found = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        data: bytes = found.SerializeToString()
        return data


def transformer(
    *,
    length: int = 8,
    width: int = 16,
    heads: int = 2,
    hidden: int = 32,
    layers: int = 1,
    classes: int = 4,
    tokens: int = 50,
    masked: bool = False,
    spelt_out: bool = False,
    seed: int = 0,
) -> bytes:
    """A classifier with pre-norm attention blocks: label and probabilities.

    Parameters
    ----------
    length, width, heads, hidden, layers, classes : int
        Positions, numbers to a position, heads, width of the inner layer, blocks, and classes.
    tokens : int
        Length of the embedding; 0 for a network that reads numbers.
    masked : bool
        Whether a position sees only those before it (infinity in a constant mask).
    spelt_out : bool
        Whether layer normalisation is spelt out, as before opset 17.
    seed : int
    """
    w = _Writer(seed)
    x = "x"
    if tokens:
        x = w.op("Gather", w.constant(w.random.normal(size=(tokens, width))), "x")
        x = w.op("Add", x, w.constant(w.random.normal(size=(1, length, width))))
    for _ in range(layers):
        x = w.op("Add", x, _attention(w, _normalised(w, x, width, spelt_out), length, width, heads, masked))
        inner = w.linear(_normalised(w, x, width, spelt_out), width, hidden)
        share = w.op("Erf", w.op("Div", inner, w.constant(np.sqrt(2.0))))
        bent = w.op("Mul", w.op("Mul", inner, w.op("Add", share, w.constant(1.0))), w.constant(0.5))
        x = w.op("Add", x, w.linear(bent, hidden, width))
    pooled = w.op("ReduceMean", _normalised(w, x, width, spelt_out), axes=[1], keepdims=0)
    shares = w.op("Softmax", w.linear(pooled, width, classes), axis=-1)
    label = w.op("ArgMax", shares, axis=1, keepdims=0)
    if tokens:
        return w.model(TensorProto.INT64, [length], [label, shares])
    return w.model(TensorProto.FLOAT, [length, width], [label, shares])


def _normalised(w: _Writer, x: str, width: int, spelt_out: bool) -> str:
    scale = w.constant(1 + w.random.normal(size=width) / 10)
    shift = w.constant(w.random.normal(size=width) / 10)
    if not spelt_out:
        return w.op("LayerNormalization", x, scale, shift, axis=-1, epsilon=1e-5)
    centred = w.op("Sub", x, w.op("ReduceMean", x, axes=[-1]))
    variance = w.op("ReduceMean", w.op("Pow", centred, w.constant(2.0)), axes=[-1])
    deviation = w.op("Sqrt", w.op("Add", variance, w.constant(1e-5)))
    return w.op("Add", w.op("Mul", w.op("Div", centred, deviation), scale), shift)


def _attention(w: _Writer, x: str, length: int, width: int, heads: int, masked: bool) -> str:
    split = w.shape(0, length, heads, width // heads)
    parts = []
    for order in ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]):
        parts.append(w.op("Transpose", w.op("Reshape", w.linear(x, width, width), split), perm=order))
    query, key, value = parts
    scores = w.op("Div", w.op("MatMul", query, key), w.constant(np.sqrt(width / heads)))
    if masked:
        scores = w.op("Add", scores, w.constant(np.where(np.triu(np.ones((1, 1, length, length)), 1) > 0, -np.inf, 0)))
    mixed = w.op("MatMul", w.op("Softmax", scores, axis=-1), value)
    merged = w.op("Reshape", w.op("Transpose", mixed, perm=[0, 2, 1, 3]), w.shape(0, length, width))
    return w.linear(merged, width, width)


def recurrent(
    kind: str,
    *,
    length: int = 12,
    width: int = 5,
    hidden: int = 8,
    classes: int = 3,
    direction: str = "forward",
    reset_after: bool = False,
    whole: bool = False,
    seed: int = 0,
) -> bytes:
    """An LSTM, GRU or RNN layer and a linear one behind it.

    Parameters
    ----------
    kind : str
        ``LSTM``, ``GRU`` or ``RNN``.
    length, width, hidden, classes : int
        Steps, numbers to a step, hidden states, outputs.
    direction : str
        ``forward``, ``reverse`` or ``bidirectional``.
    reset_after : bool
        ``linear_before_reset`` of a GRU.
    whole : bool
        Whether the output is made of all hidden states, not of the last.
    seed : int
    """
    w = _Writer(seed)
    directions, gates = 2 if direction == "bidirectional" else 1, {"LSTM": 4, "GRU": 3, "RNN": 1}[kind]

    def drawn(*shape: int) -> str:
        return w.constant(1.5 * w.random.normal(size=shape) / np.sqrt(hidden))

    x = w.op("Transpose", "x", perm=[1, 0, 2])
    matrices = [drawn(directions, gates * hidden, width), drawn(directions, gates * hidden, hidden)]
    more = {"linear_before_reset": int(reset_after)} if kind == "GRU" else {}
    last = w.op(
        kind, x, *matrices, drawn(directions, 2 * gates * hidden), outputs=2, hidden_size=hidden, direction=direction,
        **more,
    )  # fmt: skip
    states = last if not whole else last[:-1] + "a"
    moved = w.op("Transpose", states, perm=[2, 0, 1, 3] if whole else [1, 0, 2])
    flat = w.op("Reshape", moved, w.shape(0, -1))
    return w.model(
        TensorProto.FLOAT, [length, width], [w.linear(flat, directions * hidden * (length if whole else 1), classes)]
    )
