"""Operators that pick, repeat and surround elements: Slice, Split, Pad, Resize, DepthToSpace, Expand, and Shape."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from concordat.graph.onnx.constants import MAX_CONSTANT, Array
from concordat.graph.onnx.operators.registry import Evaluate, Lower, Operator
from concordat.graph.onnx.operators.shapes import check_size
from concordat.graph.onnx.quantise import as_region
from concordat.graph.onnx.reader import OnnxNode
from concordat.graph.onnx.views import RegionView, Value

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = ["OPERATORS", "cut", "pieces"]

_ROUNDINGS: dict[str, Callable[[Array], Any]] = {
    "floor": np.floor,
    "ceil": np.ceil,
    "round_prefer_floor": lambda x: np.ceil(x - 0.5),
    "round_prefer_ceil": lambda x: np.floor(x + 0.5),
}
Move = Callable[[OnnxNode, Sequence[Array], Array], list[Array]]
"""What an operator does to the places of an array, given its inputs."""


def _evaluate(move: Move) -> Evaluate:
    """The operator on a batch; refused if it touches the batch's axis."""

    def evaluate(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
        found = move(node, inputs, inputs[0])
        if any(len(part) != len(inputs[0]) for part in found):
            raise node.refuse("it mixes the rows of a batch", code="UnsupportedOperator")
        return found

    return evaluate


def _lower(move: Move) -> Lower:
    """The operator on the places of one row."""

    def lower(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
        if not all(isinstance(value, np.ndarray) for value in values[1:]):
            raise node.refuse("what it picks is computed", code="UnsupportedOperator")
        view = lowering.numbers(node, values[0])
        places = np.arange(view.n).reshape(1, *lowering.row_shape(node.inputs[0]))
        return [view.take(part) for part in move(node, values, places)]  # type: ignore[arg-type]

    return lower


def _moving(move: Move) -> Operator:
    return Operator(evaluate=_evaluate(move), lower=_lower(move))


# -- parts -----------------------------------------------------------------------------------------------------------


def cut(node: OnnxNode, inputs: Sequence[Array], data: Array) -> list[Array]:
    """``Slice``."""
    given = [[int(x) for x in array.ravel()] if array.size else None for array in inputs[1:]]
    starts, ends, axes, steps = [*given, None, None][:4]
    if starts is None or ends is None:
        raise node.refuse("it has no ends")
    axes = list(range(len(starts))) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    if not len(starts) == len(ends) == len(axes) == len(steps):
        raise node.refuse("its ends, axes and steps are not equally many")
    chosen: list[slice] = [slice(None)] * data.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        last = None if step < 0 and end < -data.shape[axis] else end
        chosen[axis] = slice(start, last, step)
    return [data[tuple(chosen)]]


def pieces(node: OnnxNode, inputs: Sequence[Array], data: Array) -> list[Array]:
    """``Split``."""
    axis = int(node.attributes.get("axis", 0)) % data.ndim
    sizes = inputs[1].ravel().tolist() if len(inputs) > 1 and inputs[1].size else list(node.attributes.get("split", ()))
    if not sizes:
        count = len(node.outputs)
        each = -(-data.shape[axis] // count)
        sizes = [each] * (count - 1) + [data.shape[axis] - each * (count - 1)]
    if sum(sizes) != data.shape[axis] or min(sizes) < 1 or len(sizes) != len(node.outputs):
        raise node.refuse(f"parts of {sizes[:8]} do not make up {data.shape[axis]}")
    return np.split(data, np.cumsum(sizes[:-1]), axis=axis)


def _depth_to_space(node: OnnxNode, inputs: Sequence[Array], data: Array) -> list[Array]:
    size, first = int(node.attributes.get("blocksize", 0)), node.attributes.get("mode", "DCR") != "CRD"
    batch, channels, height, width = data.shape
    if size < 1 or channels % size**2:
        raise node.refuse(f"{channels} channels do not make blocks of {size} × {size}")
    if first:
        blocks = data.reshape(batch, size, size, -1, height, width).transpose(0, 3, 4, 1, 5, 2)
    else:
        blocks = data.reshape(batch, -1, size, size, height, width).transpose(0, 1, 4, 2, 5, 3)
    return [blocks.reshape(batch, -1, height * size, width * size)]


def _space_to_depth(node: OnnxNode, inputs: Sequence[Array], data: Array) -> list[Array]:
    size = int(node.attributes.get("blocksize", 0))
    batch, channels, height, width = data.shape
    if size < 1 or height % size or width % size:
        raise node.refuse(f"{height} × {width} is not made of blocks of {size} × {size}")
    blocks = data.reshape(batch, channels, height // size, size, width // size, size).transpose(0, 3, 5, 1, 2, 4)
    return [blocks.reshape(batch, -1, height // size, width // size)]


# -- more ------------------------------------------------------------------------------------------------------------


def _expand(node: OnnxNode, inputs: Sequence[Array], data: Array) -> list[Array]:
    shape = [int(x) for x in inputs[1].ravel()]
    target = np.broadcast_shapes(data.shape, (*[1] * (data.ndim - len(shape)), *shape))
    check_size(node, target)
    return [np.broadcast_to(data, target)]


def _tile(node: OnnxNode, inputs: Sequence[Array], data: Array) -> list[Array]:
    repeats = [int(x) for x in inputs[1].ravel()]
    if len(repeats) != data.ndim or min(repeats) < 1:
        raise node.refuse(f"{repeats[:8]} repetitions do not fit {data.ndim} dimensions")
    check_size(node, [size * repeat for size, repeat in zip(data.shape, repeats, strict=True)])
    if repeats[0] != 1:
        raise node.refuse("it mixes the rows of a batch", code="UnsupportedOperator")
    return [np.tile(data, repeats)]


def _resize(node: OnnxNode, inputs: Sequence[Array], data: Array) -> list[Array]:
    """``Resize`` to the nearest element."""
    if node.attributes.get("mode", "nearest") != "nearest":
        raise node.refuse("only the nearest element has an integer form", code="UnsupportedOperator")
    scales, sizes = ([*inputs, np.zeros(0), np.zeros(0), np.zeros(0)][place] for place in (2, 3))
    factors = [float(s) for s in scales.ravel()]
    target = [int(s) for s in sizes.ravel()] or [int(d * s) for d, s in zip(data.shape, factors, strict=True)]
    if "axes" in node.attributes or len(target) != data.ndim or (not factors and target[0] == 1):
        target = [len(data), *target[1:]] if len(target) == data.ndim else []
    if not target or min(target) < 1:
        raise node.refuse("its sizes do not fit", code="UnsupportedOperator")
    check_size(node, target)
    found = data
    for axis in range(1, data.ndim):
        factor = factors[axis] if factors else target[axis] / data.shape[axis]
        found = np.take(found, _nearest(node, data.shape[axis], target[axis], factor), axis=axis)
    return [found]


def _nearest(node: OnnxNode, size: int, target: int, factor: float) -> Array:
    """Which element along one axis each new one repeats."""
    at, mode = np.arange(target), node.attributes.get("coordinate_transformation_mode", "half_pixel")
    if mode in ("half_pixel", "half_pixel_symmetric") or (mode == "pytorch_half_pixel" and target > 1):
        exact = (at + 0.5) / factor - 0.5
    elif mode == "asymmetric":
        exact = at / factor
    elif mode == "align_corners":
        exact = at * ((size - 1) / max(target - 1, 1))
    elif mode == "pytorch_half_pixel":
        exact = np.zeros(target)
    else:
        raise node.refuse(f"no coordinates {mode!r}", code="UnsupportedOperator")
    rounding = node.attributes.get("nearest_mode", "round_prefer_floor")
    if rounding not in _ROUNDINGS:
        raise node.refuse(f"no rounding {rounding!r}")
    rounded: Array = _ROUNDINGS[rounding](exact)
    return np.clip(rounded, 0, size - 1).astype(np.int64)


# -- padding ---------------------------------------------------------------------------------------------------------


def _padding(node: OnnxNode, inputs: Sequence[Any], dimensions: int) -> tuple[list[tuple[int, int]], float]:
    """Elements before and after along each axis, and what they are."""
    pads = [int(x) for x in inputs[1].ravel()]
    value = float(inputs[2].item()) if len(inputs) > 2 and inputs[2].size else 0.0
    axes = [int(a) % dimensions for a in inputs[3].ravel()] if len(inputs) > 3 and inputs[3].size else None
    axes = list(range(dimensions)) if axes is None else axes
    if len(pads) != 2 * len(axes) or min(pads, default=0) < 0:
        raise node.refuse("it takes elements away, or does not fit", code="UnsupportedOperator")
    found = [(0, 0)] * dimensions
    for place, axis in enumerate(axes):
        found[axis] = (pads[place], pads[place + len(axes)])
    if found[0] != (0, 0):
        raise node.refuse("it adds rows to a batch", code="UnsupportedOperator")
    return found, value


def _padded(node: OnnxNode, pads: list[tuple[int, int]], value: float, data: Array) -> Array:
    check_size(node, [size + sum(pad) for size, pad in zip(data.shape, pads, strict=True)])
    mode = node.attributes.get("mode", "constant")
    if mode not in ("constant", "edge", "reflect", "wrap"):
        raise node.refuse(f"no padding {mode!r}", code="UnsupportedOperator")
    if mode == "constant":
        return np.pad(data, pads, constant_values=value)
    return np.pad(data, pads, mode=mode)


def _pad(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    return [_padded(node, *_padding(node, inputs, inputs[0].ndim), inputs[0]).astype(inputs[0].dtype)]


def _lower_pad(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    shape = lowering.row_shape(node.inputs[0])
    if not all(isinstance(value, np.ndarray) for value in values[1:]):
        raise node.refuse("its padding is computed", code="UnsupportedOperator")
    pads, value = _padding(node, values, len(shape) + 1)
    view = lowering.numbers(node, values[0])
    outside = -1 if node.attributes.get("mode", "constant") == "constant" else 0
    places = _padded(node, pads, outside, np.arange(math.prod(shape)).reshape(1, *shape)).ravel()
    if outside == 0 or (places >= 0).all():
        return [view.take(places)]
    moved = as_region(lowering, view).take(np.maximum(places, 0))
    scale, offset = np.where(places < 0, 0.0, moved.scale), np.where(places < 0, value, moved.offset)
    return [RegionView(region=moved.region, index=moved.index, scale=scale, offset=offset)]


# -- shape -----------------------------------------------------------------------------------------------------------


def _shape(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    start, end = node.attributes.get("start", 0), node.attributes.get("end")
    return [np.array(inputs[0].shape, dtype=np.int64)[start:end]]


def _lower_shape(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    one_row = np.broadcast_to(np.zeros(1), (1, *lowering.row_shape(node.inputs[0])))
    return [*_shape(node, [one_row])]


def _full(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    """``ConstantOfShape``, of a constant shape."""
    shape, value = [int(x) for x in inputs[0].ravel()], node.attributes.get("value", np.zeros(1, dtype=np.float32))
    if min(shape, default=1) < 0 or math.prod(shape) > MAX_CONSTANT:
        raise node.refuse("it is too large", code="ModelTooLarge")
    return [np.full(shape, np.asarray(value).ravel()[0])]


def _lower_full(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    raise node.refuse("its shape is computed", code="UnsupportedOperator")


OPERATORS = {
    "ConstantOfShape": Operator(evaluate=_full, lower=_lower_full),
    "DepthToSpace": _moving(_depth_to_space),
    "Expand": _moving(_expand),
    "Pad": Operator(evaluate=_pad, lower=_lower_pad),
    "Resize": _moving(_resize),
    "Shape": Operator(evaluate=_shape, lower=_lower_shape),
    "Slice": _moving(cut),
    "SpaceToDepth": _moving(_space_to_depth),
    "Split": _moving(pieces),
    "Tile": _moving(_tile),
}
