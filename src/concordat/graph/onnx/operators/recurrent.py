"""LSTM, GRU and RNN over sequences of fixed length, in one or both directions.

Tensors have the batch first (``layout=1``): `concordat.graph.onnx.batches` rewrites files that have it second.
Refused: other activations than sigmoid and tanh, peepholes, clipping, coupled gates, and sequences of varying length.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from concordat.graph.builder import Ref
from concordat.graph.elements import ElementType
from concordat.graph.onnx.constants import Array
from concordat.graph.onnx.curves import logistic
from concordat.graph.onnx.operators.registry import Operator
from concordat.graph.onnx.products import narrow_rows
from concordat.graph.onnx.quantise import as_region, rescale
from concordat.graph.onnx.reader import OnnxNode
from concordat.graph.onnx.recurrence import HIDDEN, Weights, cell_unit, unrolled
from concordat.graph.onnx.views import Floats, RegionView, Value

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = ["OPERATORS"]

_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
_CURVES = {"LSTM": ("Sigmoid", "Tanh", "Tanh"), "GRU": ("Sigmoid", "Tanh"), "RNN": ("Tanh",)}
_DIRECTIONS = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}
_MAX_STEPS = 1_024


def _directions(node: OnnxNode) -> tuple[bool, ...]:
    """For each direction, whether it runs backwards; refuses what has no integer form."""
    name = node.attributes.get("direction", "forward")
    if name not in _DIRECTIONS:
        raise node.refuse(f"no direction {name!r}")
    found = _DIRECTIONS[name]
    given = tuple(node.attributes.get("activations", ())) or _CURVES[node.op] * len(found)
    if given != _CURVES[node.op] * len(found):
        raise node.refuse(f"only the activations {', '.join(_CURVES[node.op])}", code="UnsupportedOperator")
    for name in ("clip", "input_forget", "activation_alpha", "activation_beta"):
        if node.attributes.get(name):
            raise node.refuse(f"no integer form of its {name}", code="UnsupportedOperator")
    return found


def _weights(node: OnnxNode, inputs: Sequence[Any]) -> list[Weights]:
    """One set for each direction."""
    directions, gates = _directions(node), _GATES[node.op]
    for place, what in ((4, "sequence lengths"), (7, "peepholes")):
        if len(inputs) > place and not (isinstance(inputs[place], np.ndarray) and not inputs[place].size):
            raise node.refuse(f"no integer form with {what}", code="UnsupportedOperator")
    matrices = [inputs[place] for place in (1, 2)]
    if not all(isinstance(m, np.ndarray) and m.ndim == 3 for m in matrices):
        raise node.refuse("its weights are computed", code="UnsupportedOperator")
    size = matrices[1].shape[2]
    wanted = (len(directions), gates * size)
    bias = inputs[3] if len(inputs) > 3 and isinstance(inputs[3], np.ndarray) and inputs[3].size else None
    bias = np.zeros((len(directions), 2 * gates * size)) if bias is None else bias
    if any(m.shape[:2] != wanted for m in matrices) or bias.shape != (wanted[0], 2 * wanted[1]):
        raise node.refuse("its weights do not fit one another")
    return [
        Weights(
            kind=node.op,
            inputs=matrices[0][d].astype(np.float64),
            states=matrices[1][d].astype(np.float64),
            input_bias=bias[d, : gates * size].astype(np.float64),
            state_bias=bias[d, gates * size :].astype(np.float64),
            reset_after=bool(node.attributes.get("linear_before_reset", 0)),
        )
        for d in range(len(directions))
    ]


# -- in floats -------------------------------------------------------------------------------------------------------


def _lstm_step(w: Weights, x: Floats, h: Floats, c: Floats) -> tuple[Floats, Floats]:
    i, o, f, g = np.split(x + h @ w.states.T + w.state_bias, 4, axis=1)
    c = logistic(f) * c + logistic(i) * np.tanh(g)
    return logistic(o) * np.tanh(c), c


def _gru_step(w: Weights, x: Floats, h: Floats, c: Floats) -> tuple[Floats, Floats]:
    size = w.hidden
    early = x[:, : 2 * size] + h @ w.states[: 2 * size].T + w.state_bias[: 2 * size]
    z, r = np.split(logistic(early), 2, axis=1)
    late, bias = w.states[2 * size :].T, w.state_bias[2 * size :]
    own = r * (h @ late + bias) if w.reset_after else (r * h) @ late + bias
    return (1 - z) * np.tanh(x[:, 2 * size :] + own) + z * h, c


def _rnn_step(w: Weights, x: Floats, h: Floats, c: Floats) -> tuple[Floats, Floats]:
    return np.tanh(x + h @ w.states.T + w.state_bias), c


_STEPS: dict[str, Callable[[Weights, Floats, Floats, Floats], tuple[Floats, Floats]]] = {
    "LSTM": _lstm_step,
    "GRU": _gru_step,
    "RNN": _rnn_step,
}


def _run(w: Weights, x: Floats, h: Floats, c: Floats, backwards: bool) -> tuple[Floats, Floats, Floats, float]:
    """All hidden states, the last states, and the cell's reach, of one direction."""
    found, reach = np.zeros((len(x), x.shape[1], w.hidden)), float(np.abs(c).max(initial=0.0))
    shares = x @ w.inputs.T + w.input_bias
    for step in reversed(range(x.shape[1])) if backwards else range(x.shape[1]):
        h, c = _STEPS[w.kind](w, shares[:, step], h, c)
        found[:, step] = h
        reach = max(reach, float(np.abs(c).max(initial=0.0)))
    return found, h, c, reach


def _state(node: OnnxNode, inputs: Sequence[Array], place: int, shape: tuple[int, ...]) -> Floats:
    """Initial states, shape (batch, directions, H)."""
    if len(inputs) <= place or not inputs[place].size:
        return np.zeros(shape)
    given = inputs[place].astype(np.float64)
    if node.attributes.get("state_layout", 1) == 0:
        given = np.moveaxis(given, 1, 0)
    return np.broadcast_to(given, shape)


def _sequence(node: OnnxNode, inputs: Sequence[Array]) -> tuple[list[Array], float]:
    """Outputs batch first, and the cell's reach."""
    x, weights = inputs[0].astype(np.float64), _weights(node, inputs)
    if x.ndim != 3 or node.attributes.get("layout", 0) != 1:
        raise node.refuse("its sequence runs along the batch", code="UnsupportedOperator")
    if x.shape[1] > _MAX_STEPS:
        raise node.refuse(f"its sequence has more than {_MAX_STEPS} steps", code="ModelTooLarge")
    shape = (len(x), len(weights), weights[0].hidden)
    hidden, cell = (_state(node, inputs, place, shape) for place in (5, 6))
    runs = [
        _run(w, x, hidden[:, d], cell[:, d], backwards)
        for d, (w, backwards) in enumerate(zip(weights, _directions(node), strict=True))
    ]
    stacked = [np.stack([run[0] for run in runs], axis=2), *(np.stack([r[k] for r in runs], axis=1) for k in (1, 2))]
    return [array.astype(inputs[0].dtype) for array in stacked], max(run[3] for run in runs)


def _evaluate(node: OnnxNode, inputs: Sequence[Array]) -> list[Array]:
    found, _ = _sequence(node, inputs)
    return found if node.op == "LSTM" else found[:2]


# -- in integers -----------------------------------------------------------------------------------------------------


def _initial(
    lowering: Lowering, node: OnnxNode, values: Sequence[Value], place: int, direction: int, size: int, unit: float
) -> Ref:
    kind = ElementType.I16 if place == 5 else ElementType.I32
    value = values[place] if len(values) > place else np.zeros(0)
    if isinstance(value, np.ndarray):
        constant = value.reshape(-1, size)[direction] if value.size else np.zeros(size)
        steps = np.clip(np.rint(constant.astype(np.float64) / unit), kind.minimum, kind.maximum)
        return lowering.builder.convert(lowering.builder.weights(steps.astype(np.int64), kind), kind)
    view = as_region(lowering, lowering.numbers(node, value))
    part = view.take(np.arange(direction * size, (direction + 1) * size))
    return rescale(lowering, part, unit, kind=kind).region


def _lower(lowering: Lowering, node: OnnxNode, values: Sequence[Value]) -> list[Value]:
    weights, directions = _weights(node, values), _directions(node)
    steps, width = lowering.row_shape(node.inputs[0])
    size = weights[0].hidden
    rows = narrow_rows(lowering, lowering.numbers(node, values[0]), node.inputs[0], width)
    _, reach = _sequence(node, [lowering.samples[name] if name else np.zeros(0) for name in node.inputs])
    unit = cell_unit(reach)
    outputs, last = [], []
    for direction, (w, backwards) in enumerate(zip(weights, directions, strict=True)):
        places = (5, 6) if node.op == "LSTM" else (5,)
        state = [_initial(lowering, node, values, p, direction, size, HIDDEN if p == 5 else unit) for p in places]
        order = range(steps)[::-1] if backwards else range(steps)
        hidden, at = unrolled(lowering, w, rows, order, state, reach)
        outputs.append(hidden)
        last.append(at)
    results: list[Value] = [_whole_sequence(lowering, node, outputs, steps)]
    for place, scale in enumerate((HIDDEN, unit)[: len(last[0])]):
        results.append(RegionView.of(_joined(lowering, [at[place] for at in last]), scale))
    return results


def _whole_sequence(lowering: Lowering, node: OnnxNode, outputs: list[list[Ref]], steps: int) -> Value:
    """Hidden states of all steps and directions, if anything reads them."""
    name = node.outputs[0]
    read = name in lowering.model.outputs or any(name in other.inputs for other in lowering.model.nodes)
    if not name or not read:
        return np.zeros(0)
    return RegionView.of(_joined(lowering, [states[step] for step in range(steps) for states in outputs]), HIDDEN)


def _joined(lowering: Lowering, parts: list[Ref]) -> Ref:
    return parts[0] if len(parts) == 1 else lowering.builder.concatenate(parts)


OPERATORS = {name: Operator(evaluate=_evaluate, lower=_lower) for name in _GATES}
