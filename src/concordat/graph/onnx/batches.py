"""Models in which the batch is not always the first axis, rewritten so that it is.

ONNX's recurrent operators take the sequence first and the batch second; exporters put a Transpose before and after
them. Everything else here works on one row, the batch being the first axis of every tensor. This pass follows where
the batch lies. Where it lies elsewhere a tensor is replaced by the same one with the batch moved to the front, and the
operator's axes are renumbered; a Transpose that only moves the batch becomes an Identity. An operator that has no rule
here is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from concordat.graph.onnx.constants import Array
from concordat.graph.onnx.reader import OnnxModel, OnnxNode
from concordat.primitives.errors import ModelError

__all__ = ["batch_first"]

_RECURRENT = ("GRU", "LSTM", "RNN")
_SAME = (
    "Abs", "Cast", "Clip", "Curve", "Dropout", "Elu", "Erf", "Exp", "Gelu", "HardSigmoid", "HardSwish", "Identity",
    "LeakyRelu", "Log", "Mish", "Neg", "Not", "Reciprocal", "Relu", "Selu", "Sigmoid", "Softplus", "Softsign", "Sqrt",
    "Tanh",
)  # fmt: skip
_PAIRS = ("Add", "Div", "Max", "Mean", "Min", "Mul", "Pow", "Sub", "Sum", "Where")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where the batch lies in a tensor."""

    axis: int
    """Which axis it is."""
    rank: int
    """How many there are."""

    def renumbered(self, axis: int) -> int:
        """An axis other than the batch's, once the batch is in front."""
        axis %= self.rank
        return 1 + (axis if axis < self.axis else axis - 1)


@dataclass(slots=True, kw_only=True)
class _Pass:
    """What is known so far."""

    constants: dict[str, Array]
    """Those of the model, and new ones."""
    places: dict[str, _Place] = field(default_factory=dict)
    """Of tensors whose rank is known and that hold a batch."""

    def constant(self, node: OnnxNode, value: Any) -> str:
        """Name of a new constant."""
        name = f"{node.outputs[0]}/batch-first/{len(self.constants)}"
        self.constants[name] = np.asarray(value, dtype=np.int64)
        return name


def batch_first(model: OnnxModel) -> OnnxModel:
    """The model with the batch as first axis of every tensor.

    Raises
    ------
    ModelError
        Naming an operator that reads a tensor with the batch elsewhere and has no rule for it.
    """
    if not any(node.op in _RECURRENT for node in model.nodes):
        return model
    state = _Pass(constants=dict(model.constants))
    for value in model.inputs:
        state.places[value.name] = _Place(axis=0, rank=len(value.shape) + 1)
    nodes = tuple(_rewritten(state, node) for node in model.nodes)
    for name in model.outputs:
        place = state.places.get(name)
        if place is not None and place.axis != 0:
            raise ModelError(
                f"Output {name[:80]!r} has the batch as axis {place.axis}.",
                code="Unsupported",
                hint="Put a Transpose after it that moves the batch to the front.",
            )
    return replace(model, nodes=nodes, constants=state.constants)


def _rewritten(state: _Pass, node: OnnxNode) -> OnnxNode:
    known = [state.places[name] for name in node.inputs if name in state.places]
    if node.op == "Transpose" and known:
        return _transpose(state, node, known[0])
    if node.op in _RECURRENT:
        return _recurrent(state, node)
    if all(place.axis == 0 for place in known) and not _in_front(state, node, known):
        _follow(state, node, known)
        return node
    if node.op not in _RULES:
        raise node.refuse("it reads a tensor whose batch is not the first axis", code="UnsupportedOperator")
    return _RULES[node.op](state, node, known[0])


def _in_front(state: _Pass, node: OnnxNode, known: list[_Place]) -> bool:
    """Whether a node puts an axis in front of the batch."""
    if node.op != "Unsqueeze" or not known:
        return False
    axes = _axes(state, node)
    return any(axis % (known[0].rank + len(axes)) == 0 for axis in axes)


def _follow(state: _Pass, node: OnnxNode, known: list[_Place]) -> None:
    """Ranks behind operators that leave the batch in front, as far as they are plain to see."""
    if not known:
        return
    if node.op in (*_SAME, *_PAIRS, "MatMul", "Softmax", "LogSoftmax", "LayerNormalization"):
        state.places[node.outputs[0]] = _Place(axis=0, rank=max(place.rank for place in known))
    elif node.op == "Reshape" and node.inputs[1] in state.constants:
        state.places[node.outputs[0]] = _Place(axis=0, rank=state.constants[node.inputs[1]].size)
    elif node.op in ("Squeeze", "Unsqueeze"):
        axes = _axes(state, node)
        if axes:
            change = len(axes) if node.op == "Unsqueeze" else -len(axes)
            state.places[node.outputs[0]] = _Place(axis=0, rank=known[0].rank + change)


def _axes(state: _Pass, node: OnnxNode) -> list[int]:
    given = node.attributes.get("axes")
    if given is None and len(node.inputs) > 1 and node.inputs[1] in state.constants:
        given = state.constants[node.inputs[1]].ravel().tolist()
    return [int(axis) for axis in given or ()]


def _transpose(state: _Pass, node: OnnxNode, place: _Place) -> OnnxNode:
    order = tuple(node.attributes.get("perm", tuple(range(place.rank))[::-1]))
    if sorted(order) != list(range(place.rank)):
        raise node.refuse(f"{order} is no order of {place.rank} axes")
    state.places[node.outputs[0]] = _Place(axis=order.index(place.axis), rank=place.rank)
    moved = (0, *(place.renumbered(axis) for axis in order if axis != place.axis))
    if moved == tuple(range(place.rank)):
        return replace(node, op="Identity", attributes={})
    return replace(node, attributes={"perm": moved})


def _recurrent(state: _Pass, node: OnnxNode) -> OnnxNode:
    place = state.places.get(node.inputs[0])
    axis = 0 if node.attributes.get("layout", 0) else 1
    if place is None or (place.axis, place.rank) != (axis, 3):
        raise node.refuse(
            "its sequence runs along the batch, or its batch cannot be followed",
            code="UnsupportedOperator",
            hint="Export with a batch dimension of its own (batch_first=True in PyTorch).",
        )
    for name, rank, at in zip(node.outputs, (4, 3, 3), ((2, 1, 1), (0, 0, 0))[1 - axis], strict=False):
        if name:
            state.places[name] = _Place(axis=at, rank=rank)
    held = all(name not in state.places for name in node.inputs[5:7])
    layout = 0 if axis == 1 and held else 1
    return replace(node, attributes={**node.attributes, "layout": 1, "state_layout": layout})


# -- where the batch is not in front ---------------------------------------------------------------------------------


def _same(state: _Pass, node: OnnxNode, place: _Place) -> OnnxNode:
    state.places[node.outputs[0]] = place
    return node


def _pair(state: _Pass, node: OnnxNode, place: _Place) -> OnnxNode:
    for name in node.inputs:
        held = state.places.get(name)
        wide = name in state.constants and state.constants[name].ndim >= place.rank - place.axis
        if (held is not None and held != place) or wide:
            raise node.refuse("its operands have the batch on different axes", code="UnsupportedOperator")
    return _same(state, node, place)


def _product(state: _Pass, node: OnnxNode, place: _Place) -> OnnxNode:
    plain = node.inputs[1] in state.constants and state.constants[node.inputs[1]].ndim == 2
    if not plain or place.axis == place.rank - 1:
        raise node.refuse("it mixes the rows of a batch", code="UnsupportedOperator")
    return _same(state, node, place)


def _squeeze(state: _Pass, node: OnnxNode, place: _Place) -> OnnxNode:
    axes = [axis % place.rank for axis in _axes(state, node)]
    if not axes or place.axis in axes:
        raise node.refuse("it squeezes the batch, or axes that it does not name", code="UnsupportedOperator")
    before = len([axis for axis in axes if axis < place.axis])
    state.places[node.outputs[0]] = _Place(axis=place.axis - before, rank=place.rank - len(axes))
    return _with_axes(state, node, [place.renumbered(axis) for axis in axes])


def _unsqueeze(state: _Pass, node: OnnxNode, place: _Place) -> OnnxNode:
    rank = place.rank + len(_axes(state, node))
    axes = [axis % rank for axis in _axes(state, node)]
    at = [axis for axis in range(rank) if axis not in axes][place.axis]
    after = _Place(axis=at, rank=rank)
    state.places[node.outputs[0]] = after
    return _with_axes(state, node, [after.renumbered(axis) for axis in axes])


def _with_axes(state: _Pass, node: OnnxNode, axes: list[int]) -> OnnxNode:
    attributes = {key: value for key, value in node.attributes.items() if key != "axes"}
    return replace(node, inputs=(node.inputs[0], state.constant(node, axes)), attributes=attributes)


def _gather(state: _Pass, node: OnnxNode, place: _Place) -> OnnxNode:
    axis = int(node.attributes.get("axis", 0)) % place.rank
    indices = state.constants.get(node.inputs[1])
    if axis == place.axis or indices is None or node.inputs[0] not in state.places:
        raise node.refuse("it picks rows of a batch", code="UnsupportedOperator")
    more = indices.ndim - 1
    at = place.axis + (more if axis < place.axis else 0)
    state.places[node.outputs[0]] = _Place(axis=at, rank=place.rank + more)
    return replace(node, attributes={**node.attributes, "axis": place.renumbered(axis)})


def _slice(state: _Pass, node: OnnxNode, place: _Place) -> OnnxNode:
    starts = state.constants.get(node.inputs[1])
    axes = state.constants.get(node.inputs[3]) if len(node.inputs) > 3 and node.inputs[3] else None
    if starts is None or (axes is None and len(node.inputs) > 3 and node.inputs[3]):
        raise node.refuse("its ends are computed", code="UnsupportedOperator")
    given = list(range(starts.size)) if axes is None else [int(axis) % place.rank for axis in axes.ravel().tolist()]
    if place.axis in given:
        raise node.refuse("it picks rows of a batch", code="UnsupportedOperator")
    state.places[node.outputs[0]] = place
    renumbered = state.constant(node, [place.renumbered(axis) for axis in given])
    return replace(node, inputs=(*node.inputs[:3], renumbered, *node.inputs[4:]))


def _one_axis(state: _Pass, node: OnnxNode, place: _Place) -> OnnxNode:
    axis = int(node.attributes.get("axis", -1)) % place.rank
    if axis == place.axis or any(state.places.get(name) not in (None, place) for name in node.inputs):
        raise node.refuse("it mixes the rows of a batch", code="UnsupportedOperator")
    state.places[node.outputs[0]] = place
    return replace(node, attributes={**node.attributes, "axis": place.renumbered(axis)})


def _reduced(state: _Pass, node: OnnxNode, place: _Place) -> OnnxNode:
    axes = [axis % place.rank for axis in _axes(state, node)]
    if not axes or place.axis in axes:
        raise node.refuse("it mixes the rows of a batch", code="UnsupportedOperator")
    keep = bool(node.attributes.get("keepdims", 1))
    before = 0 if keep else len([axis for axis in axes if axis < place.axis])
    rank = place.rank if keep else place.rank - len(axes)
    state.places[node.outputs[0]] = _Place(axis=place.axis - before, rank=rank)
    return _with_axes(state, node, [place.renumbered(axis) for axis in axes])


_RULES: Mapping[str, Callable[[_Pass, OnnxNode, _Place], OnnxNode]] = {
    **dict.fromkeys(_SAME, _same),
    **dict.fromkeys(_PAIRS, _pair),
    **dict.fromkeys(("Concat", "LayerNormalization", "LogSoftmax", "Softmax"), _one_axis),
    **dict.fromkeys(("ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum"), _reduced),
    "Gather": _gather,
    "MatMul": _product,
    "Slice": _slice,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
}
