"""A small convolutional network in numpy, trained in seconds and written as ONNX: for tests and benchmarks.

LeNet's shape: two convolutions of 5 × 5 with rectifiers and pools of 2 × 2, and three dense layers. Nothing here is
fast or clever; it is there so that a test can train on data that it has, without a framework.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

__all__ = ["LeNet", "train"]

Floats = NDArray[np.float32]

_KERNEL = 5
_BATCH = 64
_MOMENTUM = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class LeNet:
    """Trained weights."""

    side: int
    """Pixels along a side of the square image."""
    padding: int
    """Zeros around the image in front of each convolution."""
    weights: tuple[Floats, ...]
    """Kernels (outputs, inputs, 5, 5), then matrices (outputs, inputs)."""
    biases: tuple[Floats, ...]
    """One for each."""

    def to_onnx(self) -> bytes:
        """The serialised model: ``x`` (batch, 1, side, side) to ``label`` and ``scores``."""
        nodes, at, pads = [], "x", [self.padding] * 4
        halves: dict[str, Any] = {"kernel_shape": [2, 2], "strides": [2, 2]}
        for layer in range(2):
            nodes += [
                helper.make_node("Conv", [at, f"w{layer}", f"b{layer}"], [f"sums{layer}"], pads=pads),
                helper.make_node("Relu", [f"sums{layer}"], [f"active{layer}"]),
                helper.make_node("MaxPool", [f"active{layer}"], [f"pooled{layer}"], **halves),
            ]
            at = f"pooled{layer}"
        nodes.append(helper.make_node("Flatten", [at], ["flat"]))
        at, last = "flat", len(self.weights) - 1
        for layer in range(2, len(self.weights)):
            sums = "scores" if layer == last else f"sums{layer}"
            nodes.append(helper.make_node("Gemm", [at, f"w{layer}", f"b{layer}"], [sums], transB=1))
            if layer < last:
                nodes.append(helper.make_node("Relu", [sums], [f"active{layer}"]))
            at = f"active{layer}"
        nodes.append(helper.make_node("ArgMax", ["scores"], ["label"], axis=1, keepdims=0))
        constants = {f"w{at}": array for at, array in enumerate(self.weights)}
        constants |= {f"b{at}": array for at, array in enumerate(self.biases)}
        graph = helper.make_graph(
            nodes,
            "lenet",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 1, self.side, self.side])],
            [
                helper.make_tensor_value_info("label", TensorProto.INT64, ["batch"]),
                helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", len(self.biases[-1])]),
            ],
            [numpy_helper.from_array(array, name) for name, array in constants.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        data: bytes = model.SerializeToString()
        return data


def train(
    images: Any,
    labels: Any,
    *,
    channels: tuple[int, int] = (6, 16),
    hidden: tuple[int, ...] = (120, 84),
    padding: int = 0,
    epochs: int = 2,
    rate: float = 0.02,
    seed: int = 0,
) -> LeNet:
    """Train a network by stochastic gradient descent with momentum.

    Parameters
    ----------
    images : array, shape (N, side, side)
        Grey levels from 0 to 1.
    labels : array of int, shape (N,)
        Classes from 0 on.
    channels : tuple of int
        Of the two convolutions.
    hidden : tuple of int
        Widths of the dense layers before the last.
    padding : int
        Zeros around each convolution's image.
    epochs : int
    rate : float
        Learning rate.
    seed : int

    Returns
    -------
    LeNet
    """
    random, side = np.random.default_rng(seed), images.shape[1]
    parameters = _drawn(random, side, padding, channels, (*hidden, int(labels.max()) + 1))
    moving = [np.zeros_like(array) for array in parameters]
    for _ in range(epochs):
        order = random.permutation(len(images))
        for first in range(0, len(order), _BATCH):
            chosen = order[first : first + _BATCH]
            batch = images[chosen, None].astype(np.float32)
            slopes = _slopes(parameters, batch, np.asarray(labels)[chosen], padding)
            for array, speed, slope in zip(parameters, moving, slopes, strict=True):
                speed *= _MOMENTUM
                speed -= rate * slope
                array += speed
    layers = len(parameters) // 2
    return LeNet(side=side, padding=padding, weights=tuple(parameters[:layers]), biases=tuple(parameters[layers:]))


def _drawn(random: Any, side: int, padding: int, channels: tuple[int, int], widths: tuple[int, ...]) -> list[Floats]:
    """Weights of all layers, then biases."""
    shapes: list[tuple[int, ...]] = []
    inputs = 1
    for outputs in channels:
        shapes.append((outputs, inputs, _KERNEL, _KERNEL))
        side, inputs = (side + 2 * padding - _KERNEL + 1) // 2, outputs
    flat = inputs * side * side
    for width in widths:
        shapes.append((width, flat))
        flat = width
    weights = [(random.normal(size=shape) * np.sqrt(2 / np.prod(shape[1:]))).astype(np.float32) for shape in shapes]
    return weights + [np.zeros(shape[0], dtype=np.float32) for shape in shapes]


def _patches(images: Floats, padding: int) -> Floats:
    """What each position sees, shape (batch, lines, columns, channels * 25)."""
    padded = np.pad(images, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    seen = sliding_window_view(padded, (_KERNEL, _KERNEL), axis=(2, 3))
    return np.ascontiguousarray(seen.transpose(0, 2, 3, 1, 4, 5)).reshape(*seen.shape[:1], *seen.shape[2:4], -1)


def _slopes(parameters: list[Floats], images: Floats, labels: Any, padding: int) -> list[Floats]:
    """Derivative of the mean cross entropy by each parameter, by back-propagation."""
    layers = len(parameters) // 2
    weights, biases = parameters[:layers], parameters[layers:]
    at, seen, kept = images, [], []
    for layer in range(2):
        patch = _patches(at, padding)
        sums = patch @ weights[layer].reshape(len(weights[layer]), -1).T + biases[layer]  # (batch, h, w, outputs)
        active = np.maximum(sums, 0).transpose(0, 3, 1, 2)
        lines, columns = (size // 2 * 2 for size in active.shape[2:])
        tiles = active[:, :, :lines, :columns].reshape(*active.shape[:2], lines // 2, 2, columns // 2, 2)
        pooled = tiles.max(axis=(3, 5))
        seen.append((patch, active.shape))
        kept.append((tiles == pooled[:, :, :, None, :, None]) & (tiles > 0))
        at = pooled
    rows = [at.reshape(len(at), -1)]
    for layer in range(2, layers):
        sums = rows[-1] @ weights[layer].T + biases[layer]
        rows.append(np.maximum(sums, 0) if layer < layers - 1 else sums)
    shares = np.exp(rows[-1] - rows[-1].max(axis=1, keepdims=True))
    back = shares / shares.sum(axis=1, keepdims=True)
    back[np.arange(len(back)), labels] -= 1
    back /= len(back)
    found: dict[int, tuple[Floats, Floats]] = {}
    for layer in range(layers - 1, 1, -1):
        found[layer] = (back.T @ rows[layer - 2], back.sum(axis=0))
        back = (back @ weights[layer]) * (rows[layer - 2] > 0 if layer > 2 else 1)
    back = back.reshape(at.shape)
    for layer in (1, 0):
        found[layer], back = _conv_slopes(weights[layer], back, seen[layer], kept[layer], padding)
    return [found[layer][0] for layer in range(layers)] + [found[layer][1] for layer in range(layers)]


def _conv_slopes(
    kernel: Floats, back: Floats, seen: tuple[Floats, tuple[int, ...]], kept: Any, padding: int
) -> tuple[tuple[Floats, Floats], Floats]:
    """Derivatives of a convolution with its rectifier and pool: by kernel and bias, and by its image."""
    patch, shape = seen
    spread = np.where(kept, back[:, :, :, None, :, None], 0).reshape(*shape[:2], *(2 * size for size in back.shape[2:]))
    sums = np.zeros(shape, dtype=np.float32)
    sums[:, :, : spread.shape[2], : spread.shape[3]] = spread
    rows = sums.transpose(0, 2, 3, 1).reshape(-1, shape[1])
    slope = (rows.T @ patch.reshape(len(rows), -1)).reshape(kernel.shape)
    turned = np.flip(kernel, axis=(2, 3)).swapaxes(0, 1)
    image = _patches(sums, _KERNEL - 1) @ turned.reshape(len(turned), -1).T
    inner = slice(padding, image.shape[1] - padding), slice(padding, image.shape[2] - padding)
    return (slope, rows.sum(axis=0)), np.ascontiguousarray(image[:, inner[0], inner[1]].transpose(0, 3, 1, 2))
