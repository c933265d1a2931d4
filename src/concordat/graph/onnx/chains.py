"""Runs of operators that compute one function of one number, as one operator.

Exporters spell out what has no operator of its own: GELU as nine operators around a Tanh or Erf, Mish, SiLU, softplus.
Where every operand is either a single constant or depends on the same tensor element by element, the run is a curve;
it is evaluated as it was written, and one table replaces it (`concordat.graph.onnx.functions.curve_of`).

A run becomes a curve if it bends twice (or meets itself) and holds a function that needs a table. Roots, logarithms and
quotients alone stay as they are: their own forms keep their relative error over wide ranges.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from concordat.graph.onnx.constants import Array
from concordat.graph.onnx.reader import OnnxModel, OnnxNode

__all__ = ["CURVE", "fuse_curves", "without_unused"]

CURVE = "Curve"
"""Operator that stands for a run; no file can hold its attributes."""
_TABLES = (
    "Elu", "Erf", "Exp", "Gelu", "HardSigmoid", "HardSwish", "Mish", "Selu", "Sigmoid", "Softplus", "Softsign", "Tanh",
)  # fmt: skip
_BENDS = (*_TABLES, "Abs", "LeakyRelu", "Log", "Reciprocal", "Relu", "Sqrt")
_STRAIGHT = ("Identity", "Neg")
_PAIRS = ("Add", "Div", "Max", "Min", "Mul", "Pow", "Sub")
_LONGEST = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """A tensor as a function of another, element by element."""

    root: str
    """The tensor that it is a function of."""
    nodes: tuple[OnnxNode, ...] = ()
    """What computes it, in order."""
    bends: int = 0
    """How often the function bends, a meeting of two branches counting twice."""
    table: bool = False
    """Whether it needs a table."""


def fuse_curves(model: OnnxModel) -> OnnxModel:
    """The model with curves in the place of runs."""
    runs: dict[str, _Run] = {}
    for node in model.nodes:
        run = _extended(node, runs, model.constants)
        if run is not None:
            runs[node.outputs[0]] = run
    ends = _ends(model, runs)
    nodes = tuple(
        _curve(node, runs[node.outputs[0]], model) if node.outputs[0] in ends else node for node in model.nodes
    )
    return without_unused(replace(model, nodes=nodes))


def without_unused(model: OnnxModel) -> OnnxModel:
    """The model without operators whose results nothing reads."""
    uses = Counter([name for node in model.nodes for name in node.inputs] + list(model.outputs))
    kept = []
    for node in reversed(model.nodes):
        if any(uses[name] for name in node.outputs if name):
            kept.append(node)
        else:
            uses.subtract(node.inputs)
    return replace(model, nodes=tuple(reversed(kept)))


def _extended(node: OnnxNode, runs: Mapping[str, _Run], constants: Mapping[str, Array]) -> _Run | None:
    """The run that ends in a node, or None if its output is no function of one tensor."""
    if node.op not in (*_BENDS, *_STRAIGHT, *_PAIRS) or len(node.outputs) != 1:
        return None
    if len(node.inputs) != (2 if node.op in _PAIRS else 1):
        return None
    moving = [name for name in node.inputs if name not in constants]
    if not moving or any(constants[name].size != 1 for name in node.inputs if name in constants):
        return None
    sources = [runs.get(name, _Run(root=name)) for name in moving]
    if len({source.root for source in sources}) > 1:
        return None
    own = 1 if node.op in _BENDS or _bent_pair(node, constants) else 0
    nodes = list(sources[0].nodes)
    nodes += [other for source in sources[1:] for other in source.nodes if other not in nodes]
    if len(nodes) >= _LONGEST:
        return None
    return _Run(
        root=sources[0].root,
        nodes=(*nodes, node),
        bends=max(source.bends for source in sources) + (2 if len(sources) > 1 else own),
        table=node.op in _TABLES or _odd_power(node, constants) or any(source.table for source in sources),
    )


def _bent_pair(node: OnnxNode, constants: Mapping[str, Array]) -> bool:
    """Whether a node with a constant operand bends: an extreme, a power, a constant over a tensor."""
    return node.op in ("Max", "Min", "Pow") or (node.op == "Div" and node.inputs[0] in constants)


def _odd_power(node: OnnxNode, constants: Mapping[str, Array]) -> bool:
    exponent = constants.get(node.inputs[1]) if node.op == "Pow" else None
    return exponent is not None and float(exponent.item()) not in (-1.0, -0.5, 0.5, 1.0, 2.0)


def _ends(model: OnnxModel, runs: Mapping[str, _Run]) -> set[str]:
    """Tensors worth a curve that something outside their run reads."""
    found = set()
    for name, run in runs.items():
        if run.bends < 2 or not run.table:
            continue
        readers = [node for node in model.nodes if name in node.inputs]
        goes_on = [runs.get(node.outputs[0]) for node in readers]
        if name in model.outputs or not readers or any(r is None or r.root != run.root for r in goes_on):
            found.add(name)
    return found


def _curve(node: OnnxNode, run: _Run, model: OnnxModel) -> OnnxNode:
    held = {name for part in run.nodes for name in part.inputs if name in model.constants}
    attributes = {"nodes": run.nodes, "constants": {name: model.constants[name] for name in sorted(held)}}
    return replace(node, op=CURVE, inputs=(run.root,), attributes=attributes)
