"""What the file itself quantises: products with its own whole numbers, and rewriting that keeps its steps exact.

Between two quantised tensors a file may spell out a float operator: DequantizeLinear, Add, Relu, QuantizeLinear. A
rectifier or clamp in front of a quantisation is that quantisation's clamp, and a sum of two dequantised tensors is
QLinearAdd: so each result is rounded once, as onnxruntime does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from concordat.graph.elements import Integers
from concordat.graph.onnx.chains import without_unused
from concordat.graph.onnx.constants import Array
from concordat.graph.onnx.images import is_narrow
from concordat.graph.onnx.reader import OnnxModel, OnnxNode
from concordat.graph.onnx.views import RegionView
from concordat.primitives.errors import ModelError

if TYPE_CHECKING:
    from concordat.graph.onnx.lowering import Lowering

__all__ = ["dense_steps", "steps_kept"]

_PAIRS = {"Add": "QLinearAdd", "Mul": "QLinearMul"}


def dense_steps(lowering: Lowering, view: RegionView, weights: Integers) -> RegionView:
    """Sums of products of a row's integers and whole numbers, with scale one.

    Parameters
    ----------
    lowering : Lowering
    view : RegionView
        Narrow, n integers.
    weights : array of int, shape (n, m)
    """
    if weights.shape[0] != view.n:
        raise ModelError(f"A row of {view.n} meets weights of {weights.shape[0]} rows.", code="BadShape")
    if not is_narrow(view):
        raise ModelError(
            "A quantised product reads numbers that are no integers of one scale.",
            code="UnsupportedOperator",
            hint="Let the file quantise its input itself (QuantizeLinear).",
        )
    spread = np.zeros((view.region.size, weights.shape[1]), dtype=np.int64)
    np.add.at(spread, view.index, weights)
    return RegionView.of(lowering.builder.matmul(view.region, spread.T), 1.0)


def steps_kept(model: OnnxModel) -> OnnxModel:
    """The model in which every quantised tensor is rounded once."""
    search = _Search(model)
    nodes: list[OnnxNode] = []
    for node in model.nodes:
        nodes += search.rewritten(node) if node.op == "QuantizeLinear" else [node]
    return without_unused(replace(model, nodes=tuple(nodes)))


class _Search:
    """Who makes and who reads which tensor."""

    def __init__(self, model: OnnxModel) -> None:
        self._constants: Mapping[str, Array] = model.constants
        self._makers = {name: node for node in model.nodes for name in node.outputs}
        self._uses = Counter([name for node in model.nodes for name in node.inputs] + list(model.outputs))

    def rewritten(self, node: OnnxNode) -> list[OnnxNode]:
        """A quantisation with the clamps before it, and as the operator whose result it rounds."""
        clamped = self._with_clamps(node)
        source = self._alone(clamped.inputs[0])
        if source is None:
            return [clamped]
        if source.op in _PAIRS:
            return [self._pair(clamped, source) or clamped]
        if source.op == "Concat":
            return self._joined(clamped, source)
        return [clamped]

    def _alone(self, name: str) -> OnnxNode | None:
        """A tensor's maker, if nothing else reads it."""
        return self._makers.get(name) if self._uses[name] == 1 else None

    def _with_clamps(self, node: OnnxNode) -> OnnxNode:
        source = self._alone(node.inputs[0])
        if source is None or source.op not in ("Clip", "Relu"):
            return node
        bounds = {"floor": 0.0} if source.op == "Relu" else self._bounds(source)
        if bounds is None:
            return node
        return replace(node, inputs=(source.inputs[0], *node.inputs[1:]), attributes={**node.attributes, **bounds})

    def _bounds(self, clip: OnnxNode) -> dict[str, float] | None:
        found = {}
        for key, name in zip(("floor", "ceiling"), clip.inputs[1:], strict=False):
            constant = self._constants.get(name)
            if name and (constant is None or constant.size != 1):
                return None
            if name and constant is not None:
                found[key] = float(constant.item())
        return found if len(clip.inputs) > 1 else None

    def _grid(self, name: str) -> tuple[str, str, str] | None:
        """Integers, scale and zero point that a tensor is dequantised from."""
        node = self._makers.get(name)
        if node is None or node.op != "DequantizeLinear" or len(node.inputs) != 3 or node.inputs[0] in self._constants:
            return None
        scale = self._constants.get(node.inputs[1])
        return (node.inputs[0], node.inputs[1], node.inputs[2]) if scale is not None and scale.size == 1 else None

    def _pair(self, node: OnnxNode, source: OnnxNode) -> OnnxNode | None:
        """``QLinearAdd`` or ``QLinearMul`` of two quantised tensors."""
        grids = [self._grid(name) for name in source.inputs]
        if len(grids) != 2 or grids[0] is None or grids[1] is None or len(node.inputs) != 3:
            return None
        return replace(node, op=_PAIRS[source.op], inputs=(*grids[0], *grids[1], *node.inputs[1:]))

    def _joined(self, node: OnnxNode, source: OnnxNode) -> list[OnnxNode]:
        """Quantised parts joined, instead of joined parts quantised."""
        parts = [
            replace(node, inputs=(name, *node.inputs[1:]), outputs=(f"{node.outputs[0]}/part/{place}",))
            for place, name in enumerate(source.inputs)
        ]
        return [*parts, replace(source, inputs=tuple(part.outputs[0] for part in parts), outputs=node.outputs)]
